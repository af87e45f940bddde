// Opens a page in Chromium and prints what it leaves in `globalThis.found`. usage: node page.mjs URL
import { open } from "./chromium.mjs";

await open(process.argv[2], async (page) => {
  await page.waitForFunction(() => "found" in globalThis, null, { timeout: 60_000 });
  return page.evaluate(() => globalThis.found);
});
