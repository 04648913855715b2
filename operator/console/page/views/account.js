// One's own account: name, password, what one may see.

import { fill, h } from "../dom.js";
import { keep, put, session } from "../api.js";
import { full } from "../format.js";
import { facts, heading } from "../parts.js";
import { field, form, say } from "../shown.js";

export const title = "Account";

/** Shows the view. */
export async function show(main, life) {
  const { user } = life;
  const about = facts([
    ["User name", user.username],
    ["Role", user.role_name],
    [
      "Sees",
      user.role >= 10
        ? "all namespaces"
        : (user.namespaces ?? []).join(", ") || "no namespace yet: an administrator names them",
    ],
    ["This session ends", user.expires_at ? full(user.expires_at) : null],
    ["Server", life.status.version ? `Purser ${life.status.version}` : null],
  ]);
  fill(
    main,
    heading("Account"),
    h(
      "div.two",
      h("section.card", h("header", h("h2", "You")), h("div.body.stack", about, named(user))),
      h("section.card", h("header", h("h2", "Password")), h("div.body", password())),
    ),
  );
}

function named(user) {
  const name = h("input", { name: "display_name", value: user.display_name ?? "", autocomplete: "name" });
  const send = async (members) => {
    await put("api/user/self", members);
    keep({ ...session(), display_name: members.display_name });
    say("Your name is changed.");
  };
  return form([field("Full name", name)], { action: "Change name", send });
}

function password() {
  const secret = (name, label, autocomplete, more) =>
    field(
      label,
      h("input", { name, type: "password", required: true, autocomplete, minlength: more ? 10 : null }),
      more,
    );
  const send = async (members) => {
    await put("api/user/self", members);
    say("Your password is changed.");
  };
  return form(
    [
      secret("original_password", "Old password", "current-password"),
      secret("password", "New password", "new-password", "At least 10 characters."),
    ],
    { action: "Change password", send },
  );
}
