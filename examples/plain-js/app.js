// The list behind index.html: how to run it stands there. The token stays in this module's memory only.
const gateway = document.querySelector('meta[name="gateway"]').content;
const alerted = document.querySelector('[role="alert"]');
const rows = document.querySelector("tbody");
const more = document.querySelector("#more");
let token = "";
let cursor = null;

/** One request; what it refuses becomes an Error with the gateway's own words. */
async function ask(method, path, body) {
  const headers = { ...(token && { Authorization: `Bearer ${token}` }) };
  if (body) headers["Content-Type"] = "application/json";
  if (method !== "GET" && token) headers["Idempotency-Key"] = crypto.randomUUID();
  const response = await fetch(gateway + path, { method, headers, body: body && JSON.stringify(body) });
  const text = await response.text();
  const told = text ? JSON.parse(text) : null;
  if (!response.ok) throw new Error(`${told.detail} (${told.type}, request ${told.requestId})`);
  return told;
}

/** Runs what a click or a form asks for, and shows why it failed. */
const on = (selector, event, act) =>
  document.querySelector(selector).addEventListener(event, async (happened) => {
    happened.preventDefault();
    alerted.textContent = "";
    try {
      await act(happened);
    } catch (error) {
      alerted.textContent = error.message;
    }
  });

/** Shows a page of users below those that are there. */
async function page(query) {
  const found = await ask("GET", `/admin/users?${new URLSearchParams({ limit: 20, ...query })}`);
  rows.append(...found.items.map(row));
  cursor = found.cursor;
  more.hidden = cursor === null;
}

/** A user's row. Its texts are set as text: an attribute may hold anything. */
function row(user) {
  const line = document.createElement("tr");
  for (const text of [user.username, user.email ?? "", user.enabled ? user.status : "disabled"]) {
    line.insertCell().textContent = text;
  }
  const button = document.createElement("button");
  button.textContent = user.enabled ? "Disable" : "Enable";
  button.dataset.username = user.username;
  line.insertCell().append(button);
  return line;
}

const search = () => {
  const { value } = document.querySelector('[name="search"]');
  return value ? { search: value } : {};
};

on("#sign-in", "submit", async ({ target }) => {
  const answer = await ask("POST", "/auth/sign-in", Object.fromEntries(new FormData(target)));
  if (answer.status !== "signed-in") throw new Error(`${answer.challenge} is asked for: not in this example`);
  token = answer.tokens.accessToken;
  target.hidden = true;
  document.querySelector("section").hidden = false;
  await page({});
});
on("#find", "submit", async () => {
  rows.replaceChildren();
  await page(search());
});
on("#more", "click", () => page({ ...search(), cursor }));
on("tbody", "click", async ({ target }) => {
  const { username } = target.dataset;
  if (!username) return;
  const path = `/admin/users/${encodeURIComponent(username)}`;
  await ask("POST", `${path}/${target.textContent === "Disable" ? "disable" : "enable"}`);
  target.closest("tr").replaceWith(row(await ask("GET", path)));
});
