// Uses an example's list of users as a person does. usage: node list.mjs URL
import { open } from "./chromium.mjs";

const rows = "tbody tr";

await open(process.argv[2], async (page) => {
  const out = {};
  const filled = (count) => page.waitForFunction(({ rows, count }) => document.querySelectorAll(rows).length === count, { rows, count });
  const find = async (text, count) => {
    await page.getByLabel("Search").fill(text);
    await page.getByRole("button", { name: "Find" }).click();
    await filled(count);
  };
  await page.getByLabel("User name").fill("admin@example.com");
  await page.getByLabel("Password").fill("Passw0rd!dev");
  await page.getByRole("button", { name: "Sign in" }).click();
  await filled(20);
  out.firstPage = await page.locator(rows).count();
  await page.getByRole("button", { name: "More" }).click();
  await filled(40);
  out.secondPage = await page.locator(rows).count();

  await find("readonly@example", 1);
  out.found = await page.locator(rows).count();
  const button = page.locator(`${rows} button`);
  await button.click();
  await page.getByRole("cell", { name: "disabled" }).waitFor();
  out.disabled = await button.textContent();
  await button.click();
  await page.getByRole("cell", { name: "CONFIRMED" }).waitFor();
  out.enabled = await button.textContent();

  await find("admin@example", 1);
  await button.click(); // nobody disables itself
  const alert = page.getByRole("alert").filter({ hasText: "request" });
  await alert.waitFor();
  out.refused = (await alert.textContent()).replace(/ [^ ]+\)$/, "");
  return out;
});
