// Sets the theme that was chosen last before anything is painted. Loaded first, by index.html; the switch itself is shell.js.
"use strict";
(() => {
  const chosen = localStorage.getItem("purser.theme");
  if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
})();
