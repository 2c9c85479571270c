// Another OpenID provider: oidc-provider from npm. Whoever was named last by POST /next logs in, without being asked.
// It listens on a free port of loopback and writes that on standard output; REDIRECT_URI and SIGNER_JWK are given.
import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import Provider from "oidc-provider";

const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const people = new Map();
let next = { sub: "nobody" };

const server = createServer();
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
const issuer = `http://127.0.0.1:${server.address().port}`;
const common = { redirect_uris: [process.env.REDIRECT_URI], grant_types: ["authorization_code"], response_types: ["code"] };

const provider = new Provider(issuer, {
  clients: [
    { client_id: "basic", client_secret: "a-secret-of-a-test", token_endpoint_auth_method: "client_secret_basic", ...common },
    {
      client_id: "signer",
      token_endpoint_auth_method: "private_key_jwt",
      token_endpoint_auth_signing_alg: "RS256",
      jwks: { keys: [JSON.parse(process.env.SIGNER_JWK)] },
      ...common,
    },
  ],
  jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), use: "sig", alg: "RS256", kid: "one" }] },
  cookies: { keys: ["a key of a test"] },
  claims: {
    openid: ["sub", "acr", "amr", "auth_time"],
    profile: ["name", "preferred_username"],
    staff: ["fhirUser", "rpps", "groups"],
  },
  scopes: ["openid", "profile", "staff"],
  acrValues: ["silver", "gold"],
  conformIdTokenClaims: process.env.CONFORM === "true",
  features: { devInteractions: { enabled: false } },
  pkce: { required: () => true },
  interactions: { url: (_, interaction) => `/login/${interaction.uid}` },
  findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, ...people.get(sub) }) }),
  async loadExistingGrant(context) {
    const { client, session } = context.oidc;
    const grant = new context.oidc.provider.Grant({ clientId: client.clientId, accountId: session.accountId });
    grant.addOIDCScope("openid profile staff");
    await grant.save();
    return grant;
  },
});

const handle = provider.callback();
server.on("request", async (request, response) => {
  if (request.method === "POST" && request.url === "/next") {
    let body = "";
    for await (const part of request) body += part;
    next = JSON.parse(body);
    people.set(next.sub, next.claims ?? {});
    response.end();
  } else if (request.url.startsWith("/login/")) {
    const { sub, acr, amr, deny } = next;
    const result = deny ? { error: "access_denied" } : { login: { accountId: sub, acr, amr, remember: false } };
    await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
  } else {
    handle(request, response);
  }
});
process.stdout.write(`${issuer}\n`);
