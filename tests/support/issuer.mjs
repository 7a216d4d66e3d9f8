// An OpenID Connect issuer: npm's oidc-provider, certified by the OpenID Foundation, behind a server of Node's own.
// argv: the folder that has node_modules. Each line of stdin is a configuration that is in force from then on; each
// is answered with a line: the port.
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { join } from "node:path";

// What it says of settings that are for tests only would stand between the answers.
console.info = console.warn = () => {};

const load = createRequire(join(process.argv[2], "package.json"));
const { Provider } = await import(pathToFileURL(load.resolve("oidc-provider")));

let answer = (request, response) => response.writeHead(503).end();
const server = createServer((request, response) => answer(request, response));
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const { port } = server.address();

for await (const line of createInterface({ input: process.stdin })) {
  const { keys, groups, audience, algorithm, seconds } = JSON.parse(line);
  const provider = new Provider(`http://127.0.0.1:${port}`, {
    jwks: { keys },
    clients: Object.keys(groups).map((name) => ({
      client_id: name,
      client_secret: `secret of ${name}`,
      grant_types: ["client_credentials"],
      redirect_uris: [],
      response_types: [],
      id_token_signed_response_alg: algorithm,
    })),
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => "urn:any",
        getResourceServerInfo: () => ({
          scope: "call",
          audience,
          accessTokenTTL: seconds,
          accessTokenFormat: "jwt",
          jwt: { sign: { alg: algorithm } },
        }),
      },
    },
    extraTokenClaims: (context, token) => ({ groups: groups[token.clientId], realm: { roles: groups[token.clientId] } }),
    clientBasedCORS: () => false,
  });
  answer = provider.callback();
  console.log(port);
}
