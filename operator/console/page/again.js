// Loads the page anew where a part of it did not arrive: a browser drops what it is connecting for when the machine's network changes (a
// container starts, a cable is pulled), and asks for no script a second time by itself. Loaded first, by index.html. It must never go on
// for ever: after three times within a minute it says so.
"use strict";
(() => {
  const STORED = "purser.again";
  const read = () => JSON.parse(sessionStorage.getItem(STORED) ?? "[]").filter((time) => time > Date.now() - 60_000);
  let coming = false;

  function again() {
    const times = read();
    if (coming) return;
    if (times.length >= 3) return tell();
    coming = true;
    sessionStorage.setItem(STORED, JSON.stringify([...times, Date.now()]));
    const reload = () => location.reload();
    // At once where it is still opening: nobody has begun to type.
    if (document.readyState === "complete") setTimeout(reload, 500);
    else addEventListener("load", reload);
  }

  function tell() {
    const opening = document.querySelector(".opening");
    if (opening) opening.textContent = "Parts of this page did not arrive. Load it again once the server can be reached.";
  }

  // Also what a view's import says, in app.js.
  addEventListener("missing", again);
  addEventListener("error", ({ target }) => target.matches?.("script, link[rel=stylesheet]") && again(), true);
})();
