// A provider that gives whatever token a code asks for: the code is base64url of {"claims": {…}, "by": "key" | "other" | "none" | "next"}.
// So each lie differs from the truth by one thing. Argument: {"node": where npm's packages are}
import { createServer } from "node:http";
import { pathToFileURL } from "node:url";

const told = JSON.parse(process.argv[2]);
const { SignJWT, UnsecuredJWT, exportJWK, generateKeyPair } = await import(
  pathToFileURL(`${told.node}/node_modules/jose/dist/webapi/index.js`)
);

const make = async (kid) => ({ kid, ...(await generateKeyPair("RS256", { extractable: true })) });
let key = await make("one");
const other = { ...(await make("one")), kid: "one" };
const server = createServer();
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
const issuer = `http://127.0.0.1:${server.address().port}`;

const document = {
  issuer,
  authorization_endpoint: `${issuer}/authorize`,
  token_endpoint: `${issuer}/token`,
  jwks_uri: `${issuer}/keys`,
  response_types_supported: ["code"],
  subject_types_supported: ["public"],
  id_token_signing_alg_values_supported: ["RS256"],
};

async function token({ claims, by }) {
  const now = Math.floor(Date.now() / 1000);
  const plain = { iss: issuer, aud: "purser", sub: "7", iat: now, exp: now + 300, preferred_username: "liar" };
  const all = { ...plain, groups: ["ops"], ...claims };
  if (by === "none") return new UnsecuredJWT(all).encode();
  if (by === "next") key = await make(`next-${now}`);
  const signer = by === "other" ? other : key;
  return new SignJWT(all).setProtectedHeader({ alg: "RS256", kid: signer.kid }).sign(signer.privateKey);
}

const json = (response, body) => {
  response.writeHead(200, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
};

server.on("request", async (request, response) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  if (request.url === "/.well-known/openid-configuration") return json(response, document);
  if (request.url === "/keys") {
    const shown = { ...(await exportJWK(key.publicKey)), kid: key.kid, alg: "RS256", use: "sig" };
    return json(response, { keys: [shown] });
  }
  const code = new URLSearchParams(Buffer.concat(parts).toString()).get("code");
  const asked = JSON.parse(Buffer.from(code, "base64url"));
  json(response, { access_token: "a", token_type: "Bearer", id_token: await token(asked) });
});
console.log(`at ${issuer}`);
