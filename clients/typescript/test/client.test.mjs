// What the client does with answers that a gateway seldom gives: `fetch` is handed in. Run by `npm test`.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient, GatewayProblem } from "../dist/index.js";

const ANN = { path: { username: "ann" } };
const json = (body, status = 200, headers = {}) =>
  new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json", ...headers } });
const refusal = (status, type, headers = {}) =>
  json({ type, title: "", status, detail: "No.", requestId: "r1" }, status, {
    "content-type": "application/problem+json",
    ...headers,
  });

/** A client, and the requests that it sends; `answers` are given in turn. */
function scripted(answers, more = {}) {
  const requests = [];
  const fetch = async (url, init) => {
    requests.push({ url, ...init, headers: Object.fromEntries(init.headers) });
    return answers.shift();
  };
  const client = createClient({ baseUrl: "https://gateway.example.com/", token: () => "eyJ", fetch, ...more });
  return { client, requests };
}

test("a change that is throttled is sent again with the same key, and done once", async () => {
  const { client, requests } = scripted([
    refusal(429, "TooManyRequestsException", { "retry-after": "0" }),
    refusal(503, "ServiceUnavailableException", { "retry-after": "0" }),
    new Response(null, { status: 204 }),
  ]);
  assert.equal(await client.disableUser(ANN), undefined);
  const keys = requests.map(({ headers }) => headers["idempotency-key"]);
  assert.equal(keys.length, 3);
  assert.match(keys[0], /^[0-9a-f]{32}$/);
  assert.equal(new Set(keys).size, 1);
});

test("two changes have two keys; one's own is sent as it is", async () => {
  const { client, requests } = scripted([1, 2, 3].map(() => new Response(null, { status: 204 })));
  await client.disableUser(ANN);
  await client.disableUser(ANN);
  await client.disableUser({ ...ANN, idempotencyKey: "mine" });
  const keys = requests.map(({ headers }) => headers["idempotency-key"]);
  assert.notEqual(keys[0], keys[1]);
  assert.equal(keys[2], "mine");
});

test("what takes no key is not sent twice, and takes no token where none is wanted", async () => {
  const { client, requests } = scripted([refusal(429, "TooManyRequestsException", { "retry-after": "0" })]);
  await assert.rejects(client.signIn({ body: { username: "ann", password: "p" } }), { status: 429 });
  assert.equal(requests.length, 1);
  assert.equal(requests[0].headers.authorization, undefined);
  assert.equal(requests[0].headers["idempotency-key"], undefined);
});

test("it is patient only as long and as often as it was told", async () => {
  const busy = (after) => refusal(429, "TooManyRequestsException", after === null ? {} : { "retry-after": after });
  const often = scripted([busy("0"), busy("0")], { maxRetries: 1 });
  await assert.rejects(often.client.listGroups(), { status: 429 });
  assert.equal(often.requests.length, 2);
  for (const after of ["31", null, "soon", "1.5", "-5", "+1", "1e1", "Nov 5", "2026-01-01T00:00:00Z"]) {
    const long = scripted([busy(after)]);
    await assert.rejects(long.client.listGroups(), GatewayProblem);
    assert.equal(long.requests.length, 1);
  }
});

test("a date is waited for as seconds are; one that is over is no wait", async () => {
  const busy = (after) => refusal(429, "TooManyRequestsException", { "retry-after": after });
  const later = scripted([busy(new Date(Date.now() + 600_000).toUTCString())]);
  await assert.rejects(later.client.listGroups(), ({ retryAfterSeconds }) => Math.abs(retryAfterSeconds - 600) < 5);
  for (const past of ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]) {
    const { client, requests } = scripted([busy(past), json({ items: [], cursor: null })]);
    await client.listGroups();
    assert.equal(requests.length, 2);
  }
});

test("an abort ends the wait", async () => {
  const stop = new AbortController();
  const { client } = scripted([refusal(429, "TooManyRequestsException", { "retry-after": "30" })]);
  const asked = client.listGroups({ signal: stop.signal });
  setTimeout(() => stop.abort(new Error("enough")), 5);
  await assert.rejects(asked, /enough/);
});

test("a token that is not accepted is renewed once", async () => {
  const tokens = ["old", "new"];
  const options = { token: () => tokens[0], onUnauthorized: () => Boolean(tokens.shift()) };
  const bad = () => refusal(401, "NotAuthorizedException", { "www-authenticate": "Bearer" });
  const { client, requests } = scripted([bad(), json({ items: [], cursor: null })], options);
  await client.listGroups();
  assert.deepEqual(requests.map(({ headers }) => headers.authorization), ["Bearer old", "Bearer new"]);
  const again = scripted([bad(), bad()], { onUnauthorized: () => true });
  await assert.rejects(again.client.listGroups(), { status: 401 });
  assert.equal(again.requests.length, 2);
});

test("a new token does not help where a stronger sign-in is wanted", async () => {
  const challenge = 'Bearer error="insufficient_user_authentication", max_age="900"';
  let told = 0;
  const { client } = scripted([refusal(401, "NotAuthorizedException", { "www-authenticate": challenge })], {
    onUnauthorized: () => Boolean((told += 1)),
  });
  await assert.rejects(client.disableUser(ANN), { needsStepUp: true, challenge });
  assert.equal(told, 0);
});

test("names are encoded; those that a URL cannot hold are refused before anything is sent", async () => {
  const { client, requests } = scripted([json({}), json({})]);
  await client.getUser({ path: { username: "a/b%c+d@e.ü" }, query: { include: ["groups", "mfa"] } });
  assert.equal(requests[0].url, "https://gateway.example.com/admin/users/a%2Fb%25c%2Bd%40e.%C3%BC?include=groups%2Cmfa");
  for (const username of [".", "..", ""]) {
    await assert.rejects(client.getUser({ path: { username } }), /sub:UUID/);
  }
  await assert.rejects(client.getGroup({ path: { group: ".." } }), { message: "'..' cannot be 'group' in a URL" });
  assert.equal(requests.length, 1);
});

test("an iterator turns the pages until there is none, empty ones too", async () => {
  const pages = [["a", "b"], [], ["c"]];
  const { client, requests } = scripted(pages.map((items, at) => json({ items, cursor: at < 2 ? `c${at}` : null })));
  const found = [];
  for await (const user of client.users({ search: "x" })) found.push(user);
  assert.deepEqual(found, ["a", "b", "c"]);
  assert.deepEqual(requests.map(({ url }) => new URL(url).search), ["?search=x", "?search=x&cursor=c0", "?search=x&cursor=c1"]);
});

test("a proxy's page is a problem like any other, and so is a page where JSON belongs", async () => {
  const html = { headers: { "content-type": "text/html", "x-request-id": "r2" } };
  const { client } = scripted([new Response("<h1>Bad gateway</h1>", { status: 502, ...html }), new Response("<h1>Hi", html)]);
  await assert.rejects(client.listGroups(), { name: "GatewayProblem", status: 502, type: "about:blank", requestId: "r2" });
  await assert.rejects(client.listGroups(), { name: "GatewayProblem", status: 200, message: "The answer is not JSON." });
});

test("no redirect is followed: nobody else gets the token", async () => {
  const { client, requests } = scripted([json({ items: [], cursor: null })]);
  await client.listGroups();
  assert.equal(requests[0].redirect, "error");
});
