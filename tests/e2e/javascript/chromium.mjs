// One page in headless Chromium: `CHROMIUM` says where it is. It talks to loopback only.
import { chromium } from "playwright-core";

/** Opens a page, lets `act` use it and prints what that gives. An error in the page is one of the run. */
export async function open(url, act) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: ["--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
  const said = [];
  try {
    const page = await browser.newPage();
    page.on("console", (message) => said.push(`${message.type()}: ${message.text()}`));
    let fail;
    const failed = new Promise((_, reject) => (fail = reject));
    page.on("pageerror", (error) => fail(error));
    await page.goto(url);
    console.log(JSON.stringify(await Promise.race([act(page), failed])));
  } catch (error) {
    console.error([String(error.stack ?? error), ...said].join("\n"));
    process.exitCode = 1;
  } finally {
    await browser.close();
  }
}
