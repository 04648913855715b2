const answer = await (await fetch("/api/status")).json();
document.getElementById("said").textContent = `Version ${answer.data.version}`;
