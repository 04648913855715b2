// What stands on an invoice beside its statement: asked before it is fetched. Opened by the statements. The seller stays in this browser.

import { h } from "../dom.js";
import { download, query } from "../api.js";
import { dialog, field, form } from "../shown.js";

const SELLER = "purser.seller";

const address = (name, value, more = {}) => h("textarea", { name, rows: 4, value, autocomplete: "off", ...more });

/** Asks for it and fetches the invoice of the statement that `asked` names, as the file `name`. */
export function invoice(asked, name) {
  const number = h("input", { name: "number", required: true, autofocus: true, autocomplete: "off", spellcheck: "false" });
  const seller = address("seller", localStorage.getItem(SELLER) ?? "", { required: true });
  const content = [
    field("Number", number, "As you count your invoices."),
    field("From", seller, "Who sends it: name and address, line by line. This browser remembers it."),
    field("To", address("buyer", "", { required: true }), "Who is to pay, line by line."),
    field("Note", address("note", "", { rows: 3 }), "Terms of payment or a tax number, say."),
  ];
  const send = (close) => async (members) => {
    localStorage.setItem(SELLER, members.seller);
    await download(`api/statement${query({ ...asked, ...members, format: "html" })}`, name);
    close(true);
  };
  return dialog("Invoice", (close) => form(content, { action: "Download", close, send: send(close) }));
}
