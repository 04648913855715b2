// An OpenID Connect provider, panva's own, whose people sign in without a form, and a browser beside it: `/person?as=NAME&url=URL` follows
// redirects with a jar of cookies until one leads away, and says where. `/groups?of=NAME&are=a,b` changes what the provider says of NAME.
// Argument: {"node": where npm's packages are, "redirect": the client's address, "port": 0 or one that is free}
import { createServer } from "node:http";
import { pathToFileURL } from "node:url";

const told = JSON.parse(process.argv[2]);
const { default: Provider } = await import(pathToFileURL(`${told.node}/node_modules/oidc-provider/lib/index.js`));

const groups = { ada: ["ops"], lee: ["shop-team", "else"], eve: [], you: ["ops"] };
const account = (id) => ({
  accountId: id,
  claims: () => ({ sub: id, name: `${id} of the house`, preferred_username: id, groups: groups[id] }),
});

const server = createServer();
await new Promise((ready) => server.listen(told.port ?? 0, "127.0.0.1", ready));
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: "purser",
      client_secret: "a secret of the client: + and %",
      redirect_uris: [told.redirect],
      grant_types: ["authorization_code"],
      response_types: ["code"],
    },
  ],
  claims: { openid: ["sub"], profile: ["name", "preferred_username"], groups: ["groups"] },
  scopes: ["openid", "profile", "groups"],
  pkce: { required: () => true },
  cookies: { keys: ["a key of the provider"] },
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_, { uid }) => `/interaction/${uid}` },
  findAccount: (_, id) => account(id),
  loadExistingGrant: async ({ oidc }) => {
    const of = { clientId: oidc.client.clientId, accountId: oidc.session.accountId };
    const grant = new oidc.provider.Grant(of);
    grant.addOIDCScope("openid profile groups");
    await grant.save();
    return grant;
  },
});

async function browse(person, url) {
  const jar = new Map();
  for (let hops = 0; hops < 10; hops += 1) {
    if (!url.startsWith(issuer)) return url;
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
    const answer = await fetch(url, { redirect: "manual", headers: { cookie, "x-person": person } });
    for (const set of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(set);
      jar.set(name, value);
    }
    const to = answer.headers.get("location");
    if (!to) throw new Error(`${answer.status} at ${url}: ${await answer.text()}`);
    url = new URL(to, url).href;
  }
  throw new Error("it leads nowhere");
}

const callback = provider.callback();
server.on("request", async (request, response) => {
  const asked = new URL(request.url, issuer);
  const query = asked.searchParams;
  try {
    if (asked.pathname === "/person") response.end(await browse(query.get("as"), query.get("url")));
    else if (asked.pathname === "/groups") {
      groups[query.get("of")] = query.get("are").split(",").filter(Boolean);
      response.end("so it is");
    } else if (asked.pathname.startsWith("/interaction/")) {
      await provider.interactionDetails(request, response);
      const login = { accountId: request.headers["x-person"] ?? "lee" };
      await provider.interactionFinished(request, response, { login }, { mergeWithLastSubmission: false });
    } else callback(request, response);
  } catch (error) {
    console.error(error);
    response.writeHead(500).end(String(error));
  }
});
console.log(`at ${issuer}`);
