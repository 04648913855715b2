// Starts the page: who is here, which view the address names, and when a view begins and ends. Views know nothing of each other.

import { fill, h } from "./dom.js";
import { get, keep, onEnd, session } from "./api.js";
import { setUnit } from "./format.js";
import { frame, mark } from "./shell.js";
import { comeBack, returned, signIn } from "./views/signin.js";

const VIEWS = ["overview", "keys", "plans", "channels", "log", "statements", "users", "audit", "account"];
const app = document.getElementById("app");
let shown = null;
let status = {};

/** `#/log?model_name=x` → the view's name and its parameters. */
function address() {
  const [path, search = ""] = location.hash.replace(/^#\/?/, "").split("?");
  return { name: VIEWS.includes(path) ? path : "overview", params: Object.fromEntries(new URLSearchParams(search)) };
}

/** Goes to a view; what is empty is left out of the address. */
function go(name, params = {}) {
  const filled = Object.entries(params).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  const search = new URLSearchParams(filled).toString();
  location.hash = `#/${name}${search ? `?${search}` : ""}`;
}

/** The same view with other parameters: no new entry in the history, nothing is drawn anew. */
function note(params) {
  const filled = Object.entries(params).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  const search = new URLSearchParams(filled).toString();
  history.replaceState(null, "", `#/${address().name}${search ? `?${search}` : ""}`);
}

/** What a view is given: who looks, what the server is, and a life that ends when another view comes. */
function life(params) {
  const end = new AbortController();
  const every = (ms, act) => {
    let busy = false;
    const once = async () => {
      if (busy || document.hidden) return;
      busy = true;
      await act();
      busy = false;
    };
    const timer = setInterval(once, ms);
    end.signal.addEventListener("abort", () => clearInterval(timer));
  };
  const on = (target, event, act) => target.addEventListener(event, act, { signal: end.signal });
  return { params, status, user: session(), go, note, every, on, signal: end.signal, end: () => end.abort() };
}

async function show() {
  shown?.end();
  const { name, params } = address();
  if (!session()) return enter();
  const main = app.querySelector("main") ?? frame(app, session(), status, leave);
  shown = life(params);
  const mine = shown;
  mark(name);
  try {
    const view = await load(name);
    if (mine !== shown) return;
    document.title = `${view.title} · ${status.system_name ?? "Purser"}`;
    fill(main);
    await view.show(main, mine);
    main.querySelector("h1")?.focus({ preventScroll: true });
  } catch (error) {
    if (mine === shown && error.name !== "AbortError") broken(main, error);
  }
}

/** A view's module; where it does not arrive, again.js loads the whole page anew. */
async function load(name) {
  try {
    return await import(`./views/${name}.js`);
  } catch (error) {
    dispatchEvent(new Event("missing"));
    throw error;
  }
}

function broken(main, error) {
  const again = h("button.button", { type: "button", onclick: show }, "Try again");
  fill(
    main,
    h(
      "div.card",
      h(
        "div.empty",
        { role: "alert" },
        h("h2", "This view could not be shown"),
        h("p", error.message),
        h("div.row", again),
      ),
    ),
  );
}

function enter(sentence = "") {
  shown?.end();
  shown = life({});
  document.title = `Sign in · ${status.system_name ?? "Purser"}`;
  signIn(app, status, sentence, (user) => {
    keep(user);
    status.setup = false;
    fill(app);
    show();
  });
}

async function leave() {
  await get("api/user/logout").catch(() => null);
  keep(null);
  fill(app);
  enter();
}

async function start() {
  try {
    status = await get("api/status");
    setUnit(status.quota_per_unit);
  } catch (error) {
    fill(
      app,
      h(
        "main",
        h("div.card", h("div.empty", { role: "alert" }, h("h2", "Purser does not answer"), h("p", error.message))),
      ),
    );
    setTimeout(start, 2000);
    return;
  }
  onEnd((sentence) => {
    fill(app);
    enter(sentence);
  });
  addEventListener("hashchange", show);
  const said = returned();
  if (!said) return show();
  try {
    keep(await comeBack(said));
    show();
  } catch (error) {
    enter(error.message);
  }
}

start();
