// A receiver of alarms, written without Purser: checks each signature with Node's own crypto, fails the first delivery, and prints what
// it was told, a line each: whether the signature holds, and the body.
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const secret = process.argv[2];
let failed = false;

const holds = (header, body) => {
  const wanted = Buffer.from("sha256=" + createHmac("sha256", secret).update(body).digest("hex"));
  const given = Buffer.from(header ?? "");
  return given.length === wanted.length && timingSafeEqual(given, wanted);
};

const server = createServer(async (request, response) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  const body = Buffer.concat(parts);
  if (!failed) {
    failed = true;
    console.log("failed one");
    return response.writeHead(503).end();
  }
  const good = request.method === "POST" && holds(request.headers["x-signature"], body);
  console.log(`told ${good} ${body}`);
  response.writeHead(204).end();
});
server.listen(0, "127.0.0.1", () => console.log(`at ${server.address().port}`));
