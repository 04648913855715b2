// The people who may sign in; for administrators.

import { fill, h, icon } from "../dom.js";
import { all, post } from "../api.js";
import { ago, day } from "../format.js";
import { empty, heading, load, table, userState } from "../parts.js";
import { dialog, field, form, menu, say, select } from "../shown.js";

export const title = "Users";

const ROLES = [
  [1, "Viewer: sees, changes nothing"],
  [5, "Team: its namespaces' keys"],
  [10, "Administrator: everything"],
];

/** Shows the view. */
export async function show(main, life) {
  const host = h("section.card");
  const refresh = () => load(host, async () => draw(host, await all("api/user/"), life, refresh));
  const add = h("button.button.main", { type: "button", onclick: () => create(refresh) }, icon("plus"), "Add user");
  fill(main, heading("Users", null, add), host);
  await refresh();
}

function draw(host, users, life, refresh) {
  if (!users.length) return fill(host, empty("No users", "Add the first one."));
  const deed = (user, action, said) => async () => {
    try {
      await post("api/user/manage", { id: user.id, action });
      say(said);
    } catch (error) {
      say(error.message);
    }
    refresh();
  };
  const deeds = (user) =>
    user.id === life.user.id
      ? h("span.muted.small", "you")
      : menu(`Actions for ${user.username}`, [
          user.status === 1
            ? ["Disable", deed(user, "disable", `${user.username} can no longer sign in, and is signed out.`)]
            : ["Enable", deed(user, "enable", `${user.username} can sign in again.`)],
          user.role < 10
            ? ["Make administrator", deed(user, "promote", `${user.username} is an administrator now.`)]
            : ["Make team member", deed(user, "demote", `${user.username} is a team member now.`)],
          ["Delete", deed(user, "delete", `${user.username} is deleted.`), true],
        ]);
  return fill(
    host,
    table(
      "Users",
      [
        [
          "User",
          (user) => [
            h("b", user.username),
            user.display_name && user.display_name !== user.username ? h("span.sub", user.display_name) : null,
          ],
        ],
        ["State", userState],
        ["Role", (user) => user.role_name],
        [
          "Namespaces",
          (user) =>
            user.role >= 10
              ? h("span.muted", "all")
              : h(
                  "span.row",
                  (user.namespaces ?? []).map((name) => h("span.tag", name)),
                ),
          "wide-only",
        ],
        ["Last signed in", (user) => ago(user.last_login_at), "nowrap wide-only"],
        ["Since", (user) => day(user.created_at), "nowrap wide-only"],
        ["", deeds, "num"],
      ],
      users,
    ),
  );
}

async function create(refresh) {
  const text = (name, more = {}) => h("input", { name, autocapitalize: "none", spellcheck: "false", ...more });
  const content = [
    field("User name", text("username", { required: true, autofocus: true, autocomplete: "off" })),
    field("Full name", h("input", { name: "display_name", autocomplete: "off" })),
    field(
      "Password",
      text("password", { type: "password", required: true, minlength: 10, autocomplete: "new-password" }),
      "At least 10 characters; the user can change it.",
    ),
    field("Role", select("role", ROLES, 5)),
    field(
      "Namespaces",
      text("namespaces", { placeholder: "shop, search" }),
      "What a viewer or team sees, apart by commas; * is all.",
    ),
  ];
  const asked = (members) => ({
    ...members,
    role: Number(members.role),
    namespaces: members.namespaces
      .split(",")
      .map((word) => word.trim())
      .filter(Boolean),
  });
  const made = await dialog("Add a user", (close) =>
    form(content, {
      action: "Add user",
      close,
      send: async (members) => {
        await post("api/user/", asked(members));
        close(members.username);
      },
    }),
  );
  if (!made) return;
  say(`${made} can sign in now.`);
  refresh();
}
