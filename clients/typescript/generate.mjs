// Writes src/schema.ts (types) and src/routes.ts (what is called how) from the OpenAPI document on standard input.
// usage: gateway openapi | node generate.mjs [FOLDER]      FOLDER: where to, by default src; scripts/client runs it
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import openapiTypeScript, { astToString } from "openapi-typescript";

const OURS = /^\/(admin|auth|me)(\/|$)/; // the AWS endpoint and Amplify's routes have clients of their own
const NOTE = "// Written by scripts/client from the gateway's OpenAPI document: change the routes there, not this file.\n";

const select = (found, keep) => Object.fromEntries(Object.entries(found).filter(([name, value]) => keep(name, value)));
const change = (found, by) => Object.fromEntries(Object.entries(found).map(([name, value]) => [name, by(value)]));

/** A message's body without its example: types have no place for it where anybody would see it. */
const bare = ({ headers, content, ...message }) =>
  content === undefined ? message : { ...message, content: change(content, ({ schema }) => ({ schema })) };

/** An operation as a program sees it that throws what is no 2xx, and sets and reads headers by itself. */
function essential({ responses, requestBody, parameters = [], ...operation }) {
  const good = change(select(responses, (status) => status.startsWith("2")), bare);
  const own = parameters.filter(({ $ref }) => $ref === undefined);
  const body = requestBody === undefined ? {} : { requestBody: bare(requestBody) };
  return { ...operation, ...body, parameters: own, responses: good };
}

/** The document with our paths only, and of the components only what they lead to. */
function pruned(document) {
  const ours = select(document.paths, (path) => OURS.test(path));
  const paths = change(ours, (item) => change(item, essential));
  const components = {};
  const reach = (part) => {
    if (part === null || typeof part !== "object") return;
    if (typeof part.$ref === "string") {
      const [kind, name] = part.$ref.replace("#/components/", "").split("/");
      const found = document.components[kind][name];
      if (components[kind]?.[name] !== undefined) return;
      (components[kind] ??= {})[name] = found;
      reach(found);
    }
    Object.values(part).forEach(reach);
  };
  reach([paths, { $ref: "#/components/schemas/Problem" }, { $ref: "#/components/schemas/Decision" }]);
  const sorted = ([kind, found]) => [kind, Object.fromEntries(Object.entries(found).sort(([a], [b]) => (a < b ? -1 : 1)))];
  return { ...document, paths, components: Object.fromEntries(Object.entries(components).map(sorted).sort()) };
}

/** One line an operation: its method and path, whether it wants a token, whether it takes an Idempotency-Key. */
function table(document) {
  const lines = [];
  for (const [path, item] of Object.entries(select(document.paths, (path) => OURS.test(path)))) {
    for (const [method, operation] of Object.entries(item)) {
      const token = operation.security.length > 0;
      const key = (operation.parameters ?? []).some(({ $ref }) => $ref === "#/components/parameters/IdempotencyKey");
      const route = `{ method: "${method.toUpperCase()}", path: "${path}", token: ${token}, key: ${key} }`;
      lines.push(`  ${operation.operationId}: ${route},\n`);
    }
  }
  return `${NOTE}export const routes = {\n${lines.sort().join("")}} as const;\n`;
}

const document = JSON.parse(await text(process.stdin));
const folder = process.argv[2] ?? fileURLToPath(new URL("src", import.meta.url));
const types = astToString(await openapiTypeScript(pruned(document), { alphabetize: true, silent: true }));
writeFileSync(join(folder, "schema.ts"), NOTE + types);
writeFileSync(join(folder, "routes.ts"), table(document));
