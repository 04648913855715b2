// The frame around every view: navigation for this role, who is signed in, the theme, and the drawer that it becomes on a phone.

import { fill, h, icon } from "./dom.js";

const PLACES = [
  ["overview", "Overview", 1],
  ["keys", "Keys", 1],
  ["plans", "Plans", 1],
  ["channels", "Channels", 1],
  ["log", "Log", 1],
  ["statements", "Statements", 1],
  ["users", "Users", 10],
  ["audit", "Audit", 10],
];

/** Draws the frame into `app` and returns its empty `main`. */
export function frame(app, user, status, leave) {
  const main = h("main", { id: "main", tabindex: -1 });
  const all = h("div.frame");
  const shut = () => all.classList.remove("menu-open");
  const side = h("aside.side", { id: "side" }, brand(), places(user), foot(user, status, leave));
  const shade = h("button.shade", { type: "button", "aria-label": "Close the navigation", onclick: shut });
  side.addEventListener("click", (event) => {
    if (event.target.closest("a")) shut();
  });
  all.addEventListener("keydown", (event) => {
    if (event.key === "Escape") shut();
  });
  const skip = (event) => {
    event.preventDefault();
    main.focus();
  };
  fill(app, h("a.skip", { href: "#main", onclick: skip }, "Skip to content"), all);
  all.append(bar(all), shade, side, main);
  return main;
}

/** Says which place is shown. */
export function mark(name) {
  for (const link of document.querySelectorAll(".nav a")) {
    if (link.dataset.place === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

const brand = () => h("a.brand", { href: "#/overview" }, h("img", { src: "page/icon.svg", alt: "" }), "Purser");

function bar(all) {
  const open = () => {
    all.classList.add("menu-open");
    all.querySelector(".nav a")?.focus();
  };
  const opener = h(
    "button.button.bare",
    { type: "button", "aria-label": "Open the navigation", "aria-controls": "side", onclick: open },
    icon("menu"),
  );
  return h("header.bar", opener, brand());
}

function places(user) {
  const nav = h("nav.nav", { "aria-label": "Main" });
  for (const [name, text, role] of PLACES) {
    if (user.role < role) continue;
    if (name === "users") nav.append(h("p.part", "Administration"));
    nav.append(h("a", { href: `#/${name}`, "data-place": name }, icon(name), text));
  }
  return nav;
}

function foot(user, status, leave) {
  const who = h(
    "a.who",
    { href: "#/account", title: `Account; Purser ${status.version ?? ""}` },
    h("b", user.display_name || user.username),
    h("span.muted.small", user.role_name),
  );
  const out = h(
    "button.button.bare",
    { type: "button", "aria-label": "Sign out", title: "Sign out", onclick: leave },
    icon("out"),
  );
  return h("div.foot", who, themeSwitch(), out);
}

const dark = () =>
  (document.documentElement.dataset.theme ??
    (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";

/** A button that turns light to dark and back, and is remembered by this browser. */
export function themeSwitch() {
  const label = () => (dark() ? "Use the light theme" : "Use the dark theme");
  const button = h(
    "button.button.bare",
    { type: "button", "aria-label": label(), title: label() },
    icon(dark() ? "sun" : "moon"),
  );
  button.addEventListener("click", () => {
    const theme = dark() ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    localStorage.setItem("purser.theme", theme);
    button.setAttribute("aria-label", label());
    button.title = label();
    fill(button, icon(dark() ? "sun" : "moon"));
    dispatchEvent(new Event("themechange"));
  });
  return button;
}
