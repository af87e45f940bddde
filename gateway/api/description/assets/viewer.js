// Shows the gateway's own OpenAPI document and sends requests to the gateway, and nowhere else.
// The token lives in its input field only: nothing is stored. All text becomes text nodes, never markup.
// One file on purpose, though long: each further one is a route, a row of the policy for content, and a request.

const base = new URL("./", location.href);
const METHODS = ["get", "post", "put", "patch", "delete"];
const $ = (id) => document.getElementById(id);
let api;

function el(name, props, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(props ?? {})) {
    if (key in node && key !== "list") node[key] = value;
    else node.setAttribute(key, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

/** Text with `code` in it. */
function prose(text) {
  return text.split("`").map((part, index) => (index % 2 ? el("code", null, part) : part));
}

/** A path that breaks behind its slashes. */
function breakable(path) {
  return path.split(/(?<=\/)/).flatMap((part) => [part, el("wbr")]);
}

function paragraphs(text) {
  return (text ?? "").split(/\n\s*\n/).filter(Boolean).map((part) => el("p", null, prose(part)));
}

/** What a reference stands for, and by what name. */
function resolve(part) {
  const name = part?.$ref?.split("/").pop();
  if (!name) return [part ?? {}, null];
  const found = part.$ref.slice(2).split("/").reduce((at, key) => at[key], api);
  return [{ ...found, ...Object.fromEntries(Object.entries(part).filter(([key]) => key !== "$ref")) }, name];
}

// --- schemas ---------------------------------------------------------------------------------------------------------

function typeOf(schema) {
  const [found, name] = resolve(schema);
  if (found.anyOf ?? found.oneOf) {
    const kinds = [...new Set((found.anyOf ?? found.oneOf).map(typeOf))];
    return kinds.length > 6 ? `one of ${kinds.length} forms` : kinds.join(" or ");
  }
  if (found.type === "array") return `list of ${typeOf(found.items)}`;
  const kind = Array.isArray(found.type) ? found.type.join(" or ") : found.type;
  if (name && kind === "object") return name;
  return [kind ?? (found.enum || "const" in found ? "" : "anything"), found.format && `(${found.format})`].filter(Boolean).join(" ");
}

function range(low, high, unit) {
  if (low === undefined && high === undefined) return null;
  if (high === undefined) return `at least ${low}${unit}`;
  return low === undefined ? `at most ${high}${unit}` : low === high ? `${low}${unit}` : `${low} to ${high}${unit}`;
}

function rules(schema) {
  const [found] = resolve(schema);
  const values = found.enum ?? ("const" in found ? [found.const] : null);
  return [
    range(found.minLength, found.maxLength, " characters"),
    range(found.minItems, found.maxItems, " items"),
    range(found.minProperties, found.maxProperties, " entries"),
    range(found.minimum, found.maximum, ""),
    found.pattern && found.pattern.length <= 80 ? `matches ${found.pattern}` : null,
    values && values.length <= 12 ? `one of ${values.map(String).join(", ")}` : values ? `one of ${values.length} words` : null,
    "default" in found ? `default ${JSON.stringify(found.default)}` : null,
  ].filter(Boolean);
}

/** One member in a list: its name, type, rules and what it holds. */
function member(name, schema, required, about, where) {
  const [found] = resolve(schema);
  const text = about ?? found.description;
  return el("li", null,
    el("span", { className: "name" }, name),
    el("span", null, typeOf(schema)),
    where ? el("span", { className: "rule" }, `in the ${where}`) : null,
    rules(schema).map((rule) => el("span", { className: "rule" }, rule)),
    required ? el("span", { className: "required" }, "required") : null,
    text ? el("p", { className: "quiet" }, prose(text)) : null,
    inside(schema),
  );
}

/** The object that a schema or its items are, if they are one. */
function objectIn(schema) {
  const [found, name] = resolve(schema);
  if (found.properties) return [found, name];
  if (found.items) return objectIn(found.items);
  if (found.additionalProperties && typeof found.additionalProperties === "object") return objectIn(found.additionalProperties);
  return [null, null];
}

/** What a member holds, drawn when it is opened. */
function inside(schema) {
  const [found, name] = objectIn(schema);
  if (!found) return null;
  const node = el("details", null, el("summary", null, name ? `members of ${name}` : "members"));
  node.addEventListener("toggle", () => node.querySelector("ul") ?? node.append(members(found)), { once: true });
  return node;
}

function members(found) {
  const required = new Set(found.required ?? []);
  return el("ul", { className: "members" },
    Object.entries(found.properties ?? {}).map(([name, part]) => member(name, part, required.has(name))));
}

/** A body or an answer: its members, or its type. */
function shape(schema) {
  const [found] = resolve(schema);
  if (found.properties) return members(found);
  const forms = found.anyOf ?? found.oneOf;
  if (forms && forms.length <= 6) {
    return el("ul", { className: "members" }, forms.map((form) => el("li", null, typeOf(form), inside(form))));
  }
  return el("p", { className: "quiet" }, typeOf(schema), inside(schema));
}

/** A value that could be sent: what must be there, or everything where nothing must. */
function sample(schema, depth = 0) {
  const [found] = resolve(schema);
  if ("example" in found) return found.example;
  if (found.examples?.length) return found.examples[0];
  if (found.enum) return found.enum[0];
  if ("const" in found) return found.const;
  if (found.anyOf ?? found.oneOf) return sample((found.anyOf ?? found.oneOf)[0], depth);
  const kind = Array.isArray(found.type) ? found.type[0] : found.type;
  if (kind === "array") return depth < 4 ? [sample(found.items, depth + 1)] : [];
  if (kind === "object") {
    return Object.fromEntries((found.required ?? []).map((name) => [name, sample(found.properties?.[name], depth + 1)]));
  }
  return { string: "", integer: found.minimum > 0 ? found.minimum : 0, number: 0, boolean: true }[kind] ?? null;
}

// --- one route -------------------------------------------------------------------------------------------------------

function route(method, path, operation) {
  const node = el("details", { className: "route", id: operation.operationId },
    el("summary", null,
      el("span", { className: `method ${method}` }, method.toUpperCase()),
      el("span", { className: "path" }, breakable(path)),
      el("span", { className: "quiet" }, operation.summary)));
  node.addEventListener("toggle", () => {
    if (node.open && !node.querySelector("div")) node.append(inner(method, path, operation));
  });
  return node;
}

function inner(method, path, operation) {
  const parameters = (operation.parameters ?? []).map((each) => resolve(each)[0]);
  const body = operation.requestBody?.content && Object.entries(operation.requestBody.content)[0];
  return el("div", null,
    paragraphs(operation.description),
    el("p", { className: "quiet" }, who(operation.security ?? [])),
    parameters.length ? [el("h3", null, "Parameters"), el("ul", { className: "members" },
      parameters.map((each) => member(each.name, each.schema, each.required, each.description, each.in)))] : null,
    body ? [el("h3", null, `Body, ${body[0]}`), bodyShape(operation, body[1])] : null,
    el("h3", null, "Answers"), answers(operation.responses),
    el("h3", null, "Try it"), attempt(method, path, operation, parameters, body));
}

function who(security) {
  const names = security.flatMap((each) => Object.keys(each));
  if (!names.length) return "Anybody may come.";
  const open = security.some((each) => !Object.keys(each).length);
  const how = { bearer: "Authorization: Bearer TOKEN", token: "Authorization: TOKEN", sigv4: "an AWS SDK with the token as its session token" };
  return `Comes with ${names.map((name) => how[name] ?? name).join(", or ")}${open ? ", or without" : ""}.`;
}

function bodyShape(operation, content) {
  if (!operation["x-bodies"]) return shape(content.schema);
  return el("p", { className: "quiet" }, "Each operation has its own. Choose one below to see it.");
}

function answers(responses) {
  const entries = Object.entries(responses);
  const good = entries.filter(([status]) => status < "400");
  const bad = entries.filter(([status]) => status >= "400");
  if (!bad.length) return listed(good);
  const codes = bad.map(([status]) => status).join(", ");
  return el("div", null, listed(good), el("details", { className: "refusals" }, el("summary", null, `Refusals and failures: ${codes}`), listed(bad)));
}

function listed(responses) {
  return el("ul", { className: "answers" }, responses.map(([status, part]) => {
    const [found] = resolve(part);
    const [media, content] = Object.entries(found.content ?? {})[0] ?? [null, null];
    const details = content ? el("details", null, el("summary", null, media)) : null;
    details?.addEventListener("toggle", () => details.append(shape(content.schema), content.example === undefined ? ""
      : el("pre", null, el("code", null, text(content.example)))), { once: true });
    return el("li", null, el("b", { className: status < "300" ? "good" : "bad" }, status),
      el("div", null, prose(found.description), details));
  }));
}

const text = (value) => (typeof value === "string" ? value : JSON.stringify(value, null, 2));

// --- trying it -------------------------------------------------------------------------------------------------------

function attempt(method, path, operation, parameters, body) {
  const fields = parameters.map((each) => [each, input(each)]);
  const area = body ? el("textarea", { spellcheck: false, value: text(body[1].example ?? sample(body[1].schema)) }) : null;
  const result = el("div", { className: "result", role: "status" });
  const send = el("button", { className: "main", type: "submit" }, "Send");
  const copy = el("button", { type: "button" }, "Copy as curl");
  const about = el("div");
  const form = el("form", null,
    fields.map(([each, field]) => el("label", null, el("span", null, each.name, each.required ? el("span", { className: "required" }, "required") : null), field)),
    about,
    area ? el("label", { className: "wide" }, el("span", null, "Body"), area) : null,
    el("div", { className: "buttons" }, send, copy), result);
  const request = () => ask(method, path, operation, fields, body ? [body[0], area.value] : null);
  if (operation["x-bodies"]) chosen(operation["x-bodies"], fields.find(([each]) => each.name === "X-Amz-Target")[1], area, about);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    send.disabled = true;
    result.replaceChildren("Waiting ...");
    try {
      result.replaceChildren(...(await perform(request())));
    } catch (error) {
      result.replaceChildren(el("p", { className: "bad" }, `Not sent: ${error.message}`));
    }
    send.disabled = false;
  });
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(curl(request()));
    copy.textContent = "Copied";
    setTimeout(() => { copy.textContent = "Copy as curl"; }, 1500);
  });
  return form;
}

/** The AWS endpoint's body follows its operation. */
function chosen(bodies, select, area, about) {
  const show = () => {
    const schema = { $ref: bodies[select.value] };
    area.value = text(sample(schema));
    about.replaceChildren(shape(schema));
  };
  select.addEventListener("change", show);
  show();
}

function input(parameter) {
  const [schema] = resolve(parameter.schema);
  const name = { ariaLabel: parameter.name, name: parameter.name, required: Boolean(parameter.required) };
  const words = schema.enum ?? (schema.type === "boolean" ? ["true", "false"] : null);
  if (words) {
    const options = parameter.required ? words : ["", ...words];
    const field = el("select", name, options.map((word) => el("option", { value: word }, word)));
    field.value = parameter.required ? parameter.example ?? words[0] : "";
    return field;
  }
  const field = el("input", { ...name, autocomplete: "off", spellcheck: false, placeholder: parameter.example ?? "" });
  field.type = schema.type === "integer" ? "number" : "text";
  if (parameter.required && parameter.example !== undefined) field.value = parameter.example;
  return field;
}

/** The request that a form stands for, without its token. */
function ask(method, path, operation, fields, body) {
  const headers = {};
  const query = new URLSearchParams();
  let place = path.slice(1);
  for (const [{ name, in: where }, field] of fields) {
    if (where === "path") place = place.replace(`{${name}}`, segment(field.value));
    else if (field.value !== "" && where === "query") query.set(name, field.value);
    else if (field.value !== "" && where === "header") headers[name] = field.value;
  }
  const url = new URL(place, base);
  url.search = query.toString();
  const wanted = body && (body[1].trim() || operation.requestBody.required);
  if (wanted) headers["Content-Type"] = body[0];
  const scheme = Object.keys((operation.security ?? [])[0] ?? {})[0];
  return { method: method.toUpperCase(), url, headers, body: wanted ? body[1] : undefined, scheme };
}

/** A name as one part of a path; what a browser would take for a way up cannot be sent. */
function segment(value) {
  if (value === "." || value === "..") throw new Error("a browser does not send this in a path: use sub:UUID");
  return encodeURIComponent(value);
}

async function perform({ method, url, headers, body, scheme }) {
  const token = $("token").value.trim().replace(/^Bearer\s+/i, "");
  const sent = { ...headers };
  if (token && scheme) sent.Authorization = scheme === "token" ? token : `Bearer ${token}`;
  const started = performance.now();
  const answer = await fetch(url, { method, headers: sent, body, credentials: "same-origin", redirect: "error" });
  const media = (answer.headers.get("content-type") ?? "").split(";")[0];
  const whole = await answer.text();
  const took = Math.round(performance.now() - started);
  const told = ["x-request-id", "retry-after", "www-authenticate", "x-gateway-audit"]
    .filter((name) => answer.headers.has(name)).map((name) => `${name}: ${answer.headers.get(name)}`);
  return [
    el("p", null, el("b", { className: answer.ok ? "good" : "bad" }, `${answer.status} ${answer.statusText}`), `  ${took} ms`),
    told.length ? el("p", { className: "quiet" }, told.join("  ")) : "",
    whole ? shown(media, whole) : "",
  ];
}

function shown(media, whole) {
  if (media === "image/svg+xml") return el("img", { alt: "The answer", src: `data:${media},${encodeURIComponent(whole)}` });
  let found = null;
  try { found = JSON.parse(whole); } catch { /* text */ }
  const printed = el("pre", null, el("code", null, found === null ? whole : text(found)));
  const token = found?.accessToken ?? found?.tokens?.accessToken ?? found?.AuthenticationResult?.AccessToken;
  if (typeof token !== "string") return printed;
  const use = el("button", { type: "button" }, "Use this access token");
  use.addEventListener("click", () => { $("token").value = token; use.textContent = "In use"; });
  return el("div", null, printed, use);
}

function curl({ method, url, headers, body, scheme }) {
  const quote = (value) => `'${value.replaceAll("'", "'\\''")}'`;
  const lines = [`curl -X ${method} ${quote(url.href)}`];
  if (scheme) lines.push(`-H "Authorization: ${scheme === "token" ? "" : "Bearer "}$TOKEN"`);
  for (const [name, value] of Object.entries(headers)) lines.push(`-H ${quote(`${name}: ${value}`)}`);
  if (body) lines.push(`--data-raw ${quote(body)}`);
  return lines.join(" \\\n  ");
}

// --- the page --------------------------------------------------------------------------------------------------------

function draw() {
  const byTag = new Map(api.tags.map((tag) => [tag.name, { about: tag.description, routes: [] }]));
  for (const [path, item] of Object.entries(api.paths)) {
    for (const method of METHODS.filter((each) => item[each])) {
      const operation = item[method];
      byTag.get(operation.tags[0])?.routes.push({ method, path, operation });
    }
  }
  const all = [];
  for (const [tag, { about, routes }] of byTag) {
    const section = el("section", { ariaLabel: tag }, el("h2", null, tag), about ? el("p", null, about) : null);
    const list = el("ul");
    const title = el("h2", null, tag);
    for (const { method, path, operation } of routes) {
      const node = route(method, path, operation);
      const link = el("li", null, el("a", { href: `#${operation.operationId}` },
        el("span", { className: `method ${method}` }, method.toUpperCase()), el("span", { className: "path" }, breakable(path))));
      const words = [method, path, operation.summary, operation.operationId, ...Object.keys(operation["x-bodies"] ?? {})].join(" ").toLowerCase();
      all.push({ node, link, words, section, title });
      section.append(node);
      list.append(link);
    }
    $("content").append(section);
    $("contents").append(title, list);
  }
  return all;
}

function search(all) {
  const wanted = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const full = new Set();
  for (const each of all) {
    const fits = wanted.every((word) => each.words.includes(word));
    each.node.hidden = each.link.hidden = !fits;
    if (fits) full.add(each.section);
  }
  for (const each of all) each.section.hidden = each.title.hidden = !full.has(each.section);
  $("status").textContent = full.size ? "" : "Nothing has these words.";
}

function open() {
  const node = $(decodeURIComponent(location.hash.slice(1)));
  if (node?.classList.contains("route")) {
    node.open = true;
    node.scrollIntoView();
  }
}

async function main() {
  try {
    const answer = await fetch(new URL("openapi.json", base));
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    api = await answer.json();
  } catch (error) {
    $("status").textContent = `The OpenAPI document cannot be read: ${error.message}`;
    return;
  }
  $("status").textContent = "";
  $("content").prepend(el("h1", null, api.info.title), ...paragraphs(api.info.description));
  const all = draw();
  $("search").addEventListener("input", () => search(all));
  addEventListener("hashchange", open);
  open();
}

main();
