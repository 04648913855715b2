// What a person is asked and told over the page: dialogs, drawers, menus, toasts, and the shape of a form. Every one can be left with Escape and
// gives the focus back.

import { fill, h, icon } from "./dom.js";

/** Says it where everyone sees it and a screen reader reads it out. */
export function say(sentence) {
  const toast = h("div.toast.fade", sentence);
  document.getElementById("said").append(toast);
  setTimeout(() => toast.remove(), Math.max(4000, sentence.length * 70));
}

/** Opens a dialog; `build(close)` returns its content. Resolves with what `close` was given. */
export function dialog(title, build, { drawer = false } = {}) {
  return new Promise((resolve) => {
    const frame = h(drawer ? "dialog.drawer" : "dialog", { "aria-label": title });
    const close = (value) => {
      frame.returned = value;
      frame.close();
    };
    const leave = h(
      "button.button.bare",
      { type: "button", "aria-label": "Close", onclick: () => close() },
      icon("close"),
    );
    frame.append(h("header", h("h2", title), leave), h("div.inside", build(close)));
    frame.addEventListener("close", () => {
      frame.remove();
      resolve(frame.returned);
    });
    frame.addEventListener("mousedown", (event) => {
      if (event.target === frame && drawer) close();
    });
    document.body.append(frame);
    frame.showModal();
    frame.querySelector("[autofocus]")?.focus();
  });
}

/** A form whose `send(members)` may throw the server's sentence, which then stands above the buttons. */
export function form(fields, { action, danger = false, send, close }) {
  const complaint = h("p.complaint", { role: "alert" });
  const go = h(danger ? "button.button.danger" : "button.button.main", { type: "submit" }, action);
  const cancel = close && h("button.button", { type: "button", onclick: () => close() }, "Cancel");
  const submit = async (event) => {
    event.preventDefault();
    go.disabled = true;
    fill(complaint);
    try {
      await send(Object.fromEntries(new FormData(event.target)));
    } catch (error) {
      fill(complaint, error.message);
    } finally {
      go.disabled = false;
    }
  };
  return h("form.form", { onsubmit: submit }, fields, complaint, h("div.ends", cancel, go));
}

let fields = 0;

/** A labelled field; `control` is an input, a select or a textarea. The hint describes it and is no part of its name. */
export function field(label, control, hint) {
  fields += 1;
  control.id = `field-${fields}`;
  if (hint) control.setAttribute("aria-describedby", `hint-${fields}`);
  const small = hint && h("small", { id: `hint-${fields}` }, hint);
  return h("div.field", h("label", { for: control.id }, label), control, small);
}

/** A select of `[value, text]` pairs. */
export function select(name, options, chosen, more = {}) {
  const made = options.map(([value, text]) => h("option", { value, selected: String(value) === String(chosen) }, text));
  return h("select", { name, ...more }, made);
}

/** Asks before something that cannot be taken back; true when it was done. */
export function confirm(title, sentence, action, send) {
  const build = (close) =>
    form([h("p", sentence)], {
      action,
      danger: true,
      close,
      send: async () => {
        await send();
        close(true);
      },
    });
  return dialog(title, build);
}

/** Shows a value that is never shown again, with a button that copies it. */
export function reveal(title, sentence, value, more) {
  return dialog(title, (close) => [
    h("p", sentence),
    h("div.secret", h("code", { "data-secret": true }, value), copier(value, true)),
    more,
    h("div.ends", h("button.button.main", { type: "button", onclick: () => close() }, "I have stored it")),
  ]);
}

/** A button that copies `value` and says so. */
export function copier(value, first = false) {
  const label = "Copy";
  const copied = async (event) => {
    const button = event.currentTarget;
    const done = await copy(value);
    fill(button, done ? "Copied" : "Select and copy it");
    setTimeout(() => fill(button, icon("copy"), label), 1600);
  };
  return h("button.button", { type: "button", onclick: copied, autofocus: first }, icon("copy"), label);
}

async function copy(value) {
  try {
    await navigator.clipboard.writeText(value);
    return true;
  } catch {
    return false;
  }
}

/** A button with a menu of `[label, act, bad]`; what is false is left out. */
export function menu(label, entries) {
  const list = h("div.menu", { popover: "auto", role: "menu" });
  const choose = (act) => () => {
    list.hidePopover();
    act();
  };
  for (const [text, act, bad] of entries.filter(Boolean)) {
    list.append(h(bad ? "button.bad" : "button", { type: "button", role: "menuitem", onclick: choose(act) }, text));
  }
  const opener = h(
    "button.button.bare.little",
    { type: "button", "aria-label": label, "aria-haspopup": "menu", "aria-expanded": "false" },
    icon("more"),
  );
  opener.popoverTargetElement = list;
  opener.addEventListener("keydown", (event) => into(event, list));
  list.addEventListener("toggle", (event) => place(event, opener, list));
  list.addEventListener("keydown", (event) => walk(event, list));
  return h("span", { onclick: (event) => event.stopPropagation() }, opener, list);
}

function place(event, opener, list) {
  const opened = event.newState === "open";
  opener.setAttribute("aria-expanded", String(opened));
  if (!opened) return;
  const at = opener.getBoundingClientRect();
  const fits = at.bottom + list.offsetHeight + 8 < innerHeight;
  list.style.top = `${fits ? at.bottom + 4 : at.top - list.offsetHeight - 4}px`;
  list.style.left = `${Math.max(8, at.right - list.offsetWidth)}px`;
  list.querySelector("button")?.focus();
}

/** The arrow that leads into an open menu opens a closed one. */
function into(event, list) {
  if (event.key !== "ArrowDown") return;
  event.preventDefault();
  if (list.matches(":popover-open")) list.querySelector("button")?.focus();
  else list.showPopover();
}

function walk(event, list) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const entries = [...list.children];
  const next = (entries.indexOf(document.activeElement) + step + entries.length) % entries.length;
  entries[next].focus();
}
