// The only place that talks to the server: adds the session's token, opens the envelope, and throws the server's own sentence.
// The token lives in sessionStorage: it ends with the tab and no other site can make the browser send it.

const STORED = "purser.session";

/** What the server refused, in its own words. */
export class Refused extends Error {
  constructor(message, status, after) {
    super(message);
    this.status = status;
    this.after = after;
  }
}

/** The user of this tab, as login answered; null: nobody. */
export function session() {
  try {
    return JSON.parse(sessionStorage.getItem(STORED));
  } catch {
    return null;
  }
}

/** Keeps a session, or forgets it. */
export function keep(user) {
  if (user) sessionStorage.setItem(STORED, JSON.stringify(user));
  else sessionStorage.removeItem(STORED);
}

let ended = () => {};
/** Whom to tell when the server no longer knows the session. */
export const onEnd = (listener) => {
  ended = listener;
};

/** `query({a: 1, b: ""})` → `?a=1`: what is empty is left out. */
export function query(members) {
  const filled = Object.entries(members).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  const text = new URLSearchParams(filled).toString();
  return text ? `?${text}` : "";
}

/** Asks twice more where no answer comes, which a network that changes is enough for; only what changes nothing may be asked so. */
async function reach(path, init) {
  for (const pause of [200, 1000]) {
    try {
      return await fetch(path, init);
    } catch (error) {
      if (error.name === "AbortError") throw error;
      await new Promise((done) => setTimeout(done, pause));
    }
  }
  return fetch(path, init);
}

async function send(method, path, body, { signal, credentials = "omit" } = {}) {
  const headers = { accept: "application/json" };
  const token = session()?.token;
  if (token) headers.authorization = `Bearer ${token}`;
  if (body !== undefined) headers["content-type"] = "application/json";
  const init = { method, headers, signal, cache: "no-store", credentials };
  if (body !== undefined) init.body = JSON.stringify(body);
  try {
    return await (method === "GET" ? reach(path, init) : fetch(path, init));
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused("The server does not answer. It may be restarting; this page tries again by itself.", 0);
  }
}

/** Calls and returns the envelope's `data`. */
export async function call(method, path, body, how) {
  const answer = await send(method, path, body, how);
  const envelope = await answer.json().catch(() => null);
  if (answer.ok && envelope?.success) return envelope.data;
  throw refused(answer, envelope);
}

function refused(answer, envelope) {
  const said = envelope?.message || `The server answered ${answer.status} and gave no reason.`;
  if (answer.status === 401 && session()) {
    keep(null);
    ended(said);
  }
  return new Refused(said, answer.status, Number(answer.headers.get("retry-after")) || null);
}

/** The whole answer of a call that says by itself whether it worked. */
export async function told(path, members = {}) {
  const answer = await send("GET", path + query(members));
  const said = await answer.json().catch(() => null);
  if (!answer.ok || !said) throw refused(answer, said);
  return said;
}

export const get = (path, members = {}, signal) => call("GET", path + query(members), undefined, { signal });
export const post = (path, body = {}) => call("POST", path, body);
/** The same with the one cookie that there is: that of an attempt to sign in with the identity provider. */
export const postBack = (path, body = {}) => call("POST", path, body, { credentials: "same-origin" });
export const put = (path, body) => call("PUT", path, body);
export const remove = (path) => call("DELETE", path);

/** All items of a paged list, at most `most`. */
export async function all(path, members = {}, most = 1000) {
  const items = [];
  for (let page = 1; items.length < most; page += 1) {
    const part = await get(path, { ...members, p: page, page_size: 100 });
    items.push(...part.items);
    if (part.items.length < 100 || items.length >= part.total) break;
  }
  return items;
}

/** Fetches a file with the session's token and hands it to the browser's downloads. */
export async function download(path, name) {
  const answer = await send("GET", path);
  if (!answer.ok) throw refused(answer, await answer.json().catch(() => null));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await answer.blob());
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
