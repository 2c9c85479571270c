// openid-client: an app of OpenID Connect and a backend service, against the server of ISSUER.
// The person is the test's: a URL goes out in a line, the URL the app is called back at comes in as one.

import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { createInterface } from 'node:readline';
import * as oidc from 'openid-client';

const { ISSUER, FHIR_BASE } = process.env;
const app = JSON.parse(process.env.APP);
const publicApp = JSON.parse(process.env.PUBLIC_APP);
const services = JSON.parse(process.env.SERVICES);
const scope = 'openid fhirUser profile launch/patient offline_access patient/Patient.rs';
const execute = [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks];
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const fhir = (config, token, path) => oidc.fetchProtectedResource(config, token, new URL(`${FHIR_BASE}/${path}`), 'GET');
const refusedAs = (error) => (problem) => problem.error === error;

async function tokensOf(config, redirectUri) {
  const verifier = oidc.randomPKCECodeVerifier();
  const checks = { pkceCodeVerifier: verifier, expectedState: oidc.randomState(), expectedNonce: oidc.randomNonce() };
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri,
    scope,
    aud: FHIR_BASE,
    state: checks.expectedState,
    nonce: checks.expectedNonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    max_age: '3600',
  });
  console.log(url.href);
  const { value: calledBack } = await lines.next();
  const more = { idTokenExpected: true, maxAge: 3600 };
  return oidc.authorizationCodeGrant(config, new URL(calledBack), { ...checks, ...more });
}

async function withUser(config, redirectUri) {
  const tokens = await tokensOf(config, redirectUri);
  const claims = tokens.claims();
  assert.equal(claims.iss, ISSUER);
  assert.equal(claims.fhirUser, `${FHIR_BASE}/Practitioner/doctor`);
  assert.equal(tokens.patient, 'p1');
  const user = await oidc.fetchUserInfo(config, tokens.access_token, claims.sub);
  assert.equal(user.fhirUser, claims.fhirUser);
  const patient = await fhir(config, tokens.access_token, 'Patient/p1');
  assert.equal((await patient.json()).name[0].family, 'Dubois');
  const renewed = await oidc.refreshTokenGrant(config, tokens.refresh_token);
  assert.notEqual(renewed.access_token, tokens.access_token);
  assert.equal(renewed.claims().sub, claims.sub);
  return renewed;
}

async function confidentialApp() {
  const config = await oidc.discovery(new URL(ISSUER), app.client_id, {}, oidc.ClientSecretBasic(app.secret), { execute });
  assert.ok(config.serverMetadata().supportsPKCE());
  const tokens = await withUser(config, app.redirect_uri);
  const known = await oidc.tokenIntrospection(config, tokens.access_token);
  assert.deepEqual([known.active, known.client_id, known.patient], [true, app.client_id, 'p1']);
  await oidc.tokenRevocation(config, tokens.access_token);
  assert.deepEqual(await oidc.tokenIntrospection(config, tokens.access_token), { active: false });
  const again = await oidc.refreshTokenGrant(config, tokens.refresh_token);
  await oidc.tokenRevocation(config, tokens.refresh_token, { token_type_hint: 'refresh_token' });
  await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token), refusedAs('invalid_grant'));
  await new Promise((resolve) => { setTimeout(resolve, 1000); });
  await assert.rejects(fhir(config, again.access_token, 'Patient/p1'), (problem) => {
    assert.deepEqual([problem.status, problem.cause[0].scheme], [401, 'bearer']);
    return problem instanceof oidc.WWWAuthenticateChallengeError;
  });
}

async function appInBrowser() {
  const config = await oidc.discovery(new URL(ISSUER), publicApp.client_id, {}, oidc.None(), { execute, algorithm: 'oauth2' });
  const tokens = await withUser(config, publicApp.redirect_uri);
  const next = await oidc.refreshTokenGrant(config, tokens.refresh_token);
  assert.notEqual(next.refresh_token, tokens.refresh_token);
  await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token), refusedAs('invalid_grant'));
}

async function backendService(service) {
  const { alg, kid } = service.key;
  const algorithm = alg === 'ES384' ? { name: 'ECDSA', namedCurve: 'P-384' } : { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-384' };
  const key = await webcrypto.subtle.importKey('jwk', service.key, algorithm, false, ['sign']);
  const asSmartSays = (header, payload) => {
    header.typ = 'JWT';
    payload.aud = `${ISSUER}/auth/token`;
  };
  const proof = oidc.PrivateKeyJwt({ key, kid }, { [oidc.modifyAssertion]: asSmartSays });
  const config = await oidc.discovery(new URL(ISSUER), service.client_id, {}, proof, { execute });
  const tokens = await oidc.clientCredentialsGrant(config, { scope: 'system/Patient.rs' });
  assert.deepEqual([tokens.scope, tokens.token_type], ['system/Patient.rs', 'bearer']);
  const found = await (await fhir(config, tokens.access_token, 'Patient?family=Dubois')).json();
  assert.deepEqual(found.entry.map((entry) => entry.resource.id), ['p1']);
  await assert.rejects(oidc.clientCredentialsGrant(config, { scope: 'system/Observation.d' }), refusedAs('invalid_scope'));
  const bare = await oidc.discovery(new URL(ISSUER), service.client_id, {}, oidc.PrivateKeyJwt({ key, kid }), { execute });
  await assert.rejects(oidc.clientCredentialsGrant(bare, { scope: 'system/Patient.rs' }), refusedAs('invalid_client'));
}

await confidentialApp();
await appInBrowser();
for (const service of services) await backendService(service);
console.log('done');
process.exit(0);
