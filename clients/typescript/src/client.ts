import type { Arguments, Call, Input, Item, ListId, OperationId, Options } from "./calls.js";
import { GatewayProblem } from "./problem.js";
import { routes } from "./routes.js";
import type { components } from "./schema.js";

export interface ClientOptions {
  /** Where the gateway is: `https://gateway.example.com`; `""` in a page that it serves itself. */
  baseUrl: string;
  /** Gives the caller's access token; asked before each call that needs one. */
  token?: (() => string | Promise<string>) | undefined;
  /** Told of a token that was not accepted; true once there is another: the call is then made again, once. */
  onUnauthorized?: ((problem: GatewayProblem) => boolean | Promise<boolean>) | undefined;
  /** How often a call is repeated that was answered with 429 or 503 and Retry-After. By default 2. */
  maxRetries?: number | undefined;
  /** A longer Retry-After is not waited for. By default 30. */
  maxRetryAfterSeconds?: number | undefined;
  /** Another `fetch` than the global one. */
  fetch?: typeof fetch | undefined;
}

type Query<Id extends OperationId> = Input<Id> extends { query?: infer Q } ? Exclude<Q, undefined> : never;
type Listing = Pick<Options, "signal">;

/** The gateway's routes as functions, and its lists as iterators that turn the pages. */
export type Client = { [Id in OperationId]: Call<Id> } & {
  /** Every item of a list: `for await (const group of client.each("listGroups"))`. */
  each<Id extends ListId>(id: Id, ...input: Arguments<Id, Listing>): AsyncGenerator<Item<Id>, void, undefined>;
  /** Every user that a query finds: `for await (const user of client.users({ search: "ann" }))`. */
  users(query?: Query<"listUsers">, options?: Listing): AsyncGenerator<components["schemas"]["User"], void, undefined>;
};

interface Given extends Options {
  path?: Record<string, string> | undefined;
  query?: Record<string, unknown> | undefined;
  body?: unknown;
}
type Send = (id: OperationId, given?: Given) => Promise<unknown>;

/** A client of one gateway. It keeps nothing but what it was given. */
export function createClient(options: ClientOptions): Client {
  const send: Send = (id, given = {}) => sent(options, id, given);
  const calls = Object.keys(routes).map((id) => [id, (given?: Given) => send(id as OperationId, given)] as const);
  return {
    ...Object.fromEntries(calls),
    each: (id: ListId, given?: Given) => each(send, id, given),
    users: (query?: Query<"listUsers">, listing?: Listing) => each(send, "listUsers", { query, ...listing }),
  } as Client;
}

async function* each(send: Send, id: ListId, given: Given = {}): AsyncGenerator<unknown, void, undefined> {
  let cursor: string | null | undefined = undefined;
  do {
    const query: Record<string, unknown> = cursor === undefined ? { ...given.query } : { ...given.query, cursor };
    const page = (await send(id, { ...given, query })) as { items: unknown[]; cursor: string | null };
    yield* page.items;
    cursor = page.cursor;
  } while (cursor !== null);
}

async function sent(options: ClientOptions, id: OperationId, given: Given): Promise<unknown> {
  const { token, onUnauthorized, maxRetries = 2, maxRetryAfterSeconds = 30, fetch = globalThis.fetch } = options;
  const route = routes[id];
  const url = options.baseUrl.replace(/\/+$/, "") + target(route.path, given);
  const headers = new Headers();
  if (given.body !== undefined) headers.set("content-type", "application/json");
  if (given.dryRun) headers.set("x-gateway-dry-run", "true");
  if (route.key) headers.set("idempotency-key", given.idempotencyKey ?? randomKey());
  // Whoever repeats a change without a key may do it twice.
  let repeats = route.method === "GET" || route.key || given.dryRun ? maxRetries : 0;
  // The one public route that may have to know whose sessions it ends.
  const everywhere = id === "signOut" && (given.body as Input<"signOut">["body"])?.everywhere === true;
  const signs = route.token || everywhere;
  let renews = signs ? 1 : 0;
  for (;;) {
    if (signs && token !== undefined) headers.set("authorization", `Bearer ${await token()}`);
    const response = await fetch(url, {
      method: route.method,
      headers,
      redirect: "error", // nobody else gets the token
      ...(given.body === undefined ? {} : { body: JSON.stringify(given.body) }),
      ...(given.signal ? { signal: given.signal } : {}),
    });
    if (response.ok) return content(response);
    const problem = await GatewayProblem.read(response);
    const wait = problem.retryAfterSeconds;
    if (problem.status === 401 && renews > 0 && !problem.needsStepUp && (await onUnauthorized?.(problem))) {
      renews -= 1;
    } else if ([429, 503].includes(problem.status) && repeats > 0 && wait !== undefined && wait <= maxRetryAfterSeconds) {
      repeats -= 1;
      await pause(wait * 1000, given.signal);
    } else {
      throw problem;
    }
  }
}

/** The path with its names filled in, and the query. */
function target(template: string, { path = {}, query = {} }: Given): string {
  const filled = template.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = path[name] ?? "";
    if (["", ".", ".."].includes(value)) {
      const otherwise = name === "username" ? ": name the user by sub:UUID" : "";
      throw new TypeError(`'${value}' cannot be '${name}' in a URL${otherwise}`);
    }
    return encodeURIComponent(value);
  });
  const asked = Object.entries(query).filter(([, value]) => value !== undefined);
  const search = new URLSearchParams(asked.map(([name, value]): [string, string] => [name, String(value)])).toString();
  return search === "" ? filled : `${filled}?${search}`;
}

/** What a success says: JSON, or nothing. */
async function content(response: Response): Promise<unknown> {
  const text = await response.text();
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new GatewayProblem({ status: response.status, detail: "The answer is not JSON." }, response.headers);
  }
}

/** 128 random bits. `crypto.randomUUID` would be missing in a page that came over plain HTTP. */
function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    if (signal?.aborted) stop();
    else signal?.addEventListener("abort", stop, { once: true });
  });
}
