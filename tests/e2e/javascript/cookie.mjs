// The refresh cookie in a real browser: a page of the gateway's own origin, then one of another site.
import { open } from "./chromium.mjs";

const [gateway, other, username, password] = process.argv.slice(2);

const post = ([path, body, more]) =>
  fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body), ...more })
    .then(async (answer) => [answer.status, answer.status === 200 ? await answer.json() : null])
    .catch((error) => [error.name, null]);

await open(`${gateway}/healthz`, async (page) => {
  const told = {};
  const ask = (path, body, more = {}) => page.evaluate(post, [path, body, more]);
  const [status, answer] = await ask("/auth/sign-in", { username, password, cookie: true });
  told.signedIn = [status, answer?.cookie, Object.keys(answer?.tokens ?? {}).sort()];
  told.seen = await page.evaluate(() => document.cookie);
  told.kept = (await page.context().cookies()).map(({ name, httpOnly, sameSite, path }) => ({ name, httpOnly, sameSite, path }));
  told.refreshed = (await ask("/auth/refresh", {}))[0];
  await page.reload();
  told.reloaded = (await ask("/auth/refresh", {}))[0];

  await page.goto(`${other}/healthz`);
  told.elsewhere = [
    (await ask(`${gateway}/auth/refresh`, {}, { credentials: "include" }))[0],
    (await ask(`${gateway}/auth/sign-out`, {}, { credentials: "include", mode: "no-cors", headers: { "content-type": "text/plain" } }))[0],
  ];

  await page.goto(`${gateway}/healthz`);
  told.unharmed = (await ask("/auth/refresh", {}))[0];
  told.signedOut = (await ask("/auth/sign-out", {}))[0];
  told.left = (await page.context().cookies()).length;
  told.after = (await ask("/auth/refresh", {}))[0];
  return told;
});
