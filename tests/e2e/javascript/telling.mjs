// How a script tells the test what it found, in Node and in a page; where it learns what it must know.
const inNode = typeof process === "object" && Boolean(process.versions?.node);

/** Runs `main(settings)`; a failure is told too. */
export async function tell(main) {
  const settings = inNode ? JSON.parse(process.env.SETTINGS) : globalThis.settings;
  const found = await main(settings).catch((error) => ({ failed: String(error?.stack ?? error) }));
  if (inNode) console.log(JSON.stringify(found));
  else globalThis.found = found;
}

/** What a promise was rejected with, as `show` has it. */
export async function raised(promise, show) {
  try {
    await promise;
    return null;
  } catch (error) {
    return show(error);
  }
}
