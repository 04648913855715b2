// Who are you: signing in, and the first start, when the one-time token that the server printed makes the first administrator.

import { fill, h } from "../dom.js";
import { post, postBack } from "../api.js";
import { field, form } from "../shown.js";
import { themeSwitch } from "../shell.js";

/** Draws the form; `done(user)` once the server has answered with a session. */
export function signIn(app, status, sentence, done) {
  const first = Boolean(status.setup);
  const card = h(
    "div.door.fade",
    h("div.row", h("img", { src: "page/icon.svg", alt: "", width: 32, height: 32 }), h("span.grow"), themeSwitch()),
  );
  card.append(h("h1", first ? "Set up Purser" : "Sign in to Purser"));
  card.append(h("p.muted", sentence || lead(first)), first ? setup(done) : login(done));
  if (status.oidc_enabled) card.append(elsewhere(status.oidc_name));
  fill(app, h("main.doorway", card, h("p.small.muted", status.version ? `Purser ${status.version}` : "")));
  card.querySelector("input").focus();
}

const lead = (first) =>
  first
    ? "Nobody can sign in yet. The server printed a one-time token when it started; whoever has it becomes the first administrator."
    : "Keys, plans, channels and what they cost.";

/** The button that leads to the identity provider. */
function elsewhere(provider) {
  const go = async () => location.assign((await postBack("api/user/oidc")).url);
  return form([h("p.muted.small", "or")], { action: `Sign in with ${provider}`, send: go });
}

/** What the identity provider sent this page back with, which the address forgets at once; null: nothing. */
export function returned() {
  const said = Object.fromEntries(new URLSearchParams(location.search));
  if (!said.state) return null;
  history.replaceState(null, "", location.pathname + location.hash);
  return said;
}

/** The session for it. */
export async function comeBack(said) {
  if (said.error) throw new Error(`The identity provider says: ${said.error_description || said.error}`);
  return postBack("api/user/oidc/login", { code: said.code, state: said.state, iss: said.iss });
}

const name = () =>
  field(
    "User name",
    h("input", {
      name: "username",
      autocomplete: "username",
      autocapitalize: "none",
      spellcheck: "false",
      required: true,
    }),
  );

function login(done) {
  const password = h("input", { name: "password", type: "password", autocomplete: "current-password", required: true });
  const send = async (members) => done(await post("api/user/login", members));
  return form([name(), field("Password", password)], { action: "Sign in", send });
}

function setup(done) {
  const token = h("input", { name: "token", autocomplete: "off", spellcheck: "false", required: true });
  const password = h("input", {
    name: "password",
    type: "password",
    autocomplete: "new-password",
    minlength: 10,
    required: true,
  });
  const send = async (members) => done(await post("api/user/setup", members));
  return form(
    [
      field(
        "One-time token",
        token,
        "In the server's output: “purser up” prints it to the terminal, the operator to its log.",
      ),
      name(),
      field("Password", password, "At least 10 characters."),
    ],
    { action: "Create the administrator", send },
  );
}
