// GET /docs in a real browser: what it lists, what it finds, and requests sent from it.
import { open } from "./chromium.mjs";

const [gateway, token] = process.argv.slice(2);

await open(`${gateway}/docs`, async (page) => {
  const complaints = [];
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  await page.reload();
  await page.waitForSelector("details.route");
  const told = {};
  const document = await page.evaluate(async () => (await fetch("/openapi.json")).json());
  told.missing = [];
  for (const item of Object.values(document.paths)) {
    for (const { operationId } of Object.values(item).filter((each) => each.operationId)) {
      if (!(await page.locator(`[id="${operationId}"]`).count())) told.missing.push(operationId);
    }
  }

  const shown = () => page.locator("details.route:visible").count();
  await page.fill("#search", "disable");
  told.found = [await page.locator("#disableUser").isVisible(), (await shown()) < 10];
  await page.fill("#search", "nothing has these words");
  told.nothing = [await shown(), await page.textContent("#status")];
  await page.fill("#search", "");

  const attempt = async (name, fill = async () => {}) => {
    const route = page.locator(`[id="${name}"]`);
    if (!(await route.evaluate((node) => node.open))) await route.locator("summary").first().click();
    await fill(route);
    await route.getByRole("button", { name: "Send" }).click();
    const status = route.locator(".result b");
    await status.waitFor();
    return [(await status.textContent()).split(" ")[0], await route.locator(".result").textContent()];
  };
  told.stranger = (await attempt("getMe"))[0];
  await page.fill("#token", token);
  const users = await attempt("listUsers", (route) => route.locator("[name=limit]").fill("2"));
  told.users = [users[0], (users[1].match(/"username"/g) ?? []).length];
  await page.evaluate(() => (location.hash = "#callCognito"));
  const groups = await attempt("callCognito", async (route) => {
    await route.locator("[name=X-Amz-Target]").selectOption("AWSCognitoIdentityProviderService.ListGroups");
    await route.locator("textarea").fill('{"Limit": 1}');
  });
  told.groups = [groups[0], groups[1].includes('"GroupName"')];
  told.kept = await page.evaluate(() => [localStorage.length, sessionStorage.length, document.cookie]);
  // A browser says each answer of 4xx in its console: what is left is of the page itself.
  told.complaints = complaints.filter((text) => !text.includes("status of 401"));
  return told;
});
