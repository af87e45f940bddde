import type { components, operations } from "./schema.js";

/** A call's name: the operationId of the gateway's OpenAPI document. */
export type OperationId = keyof operations;

/** What a dry run says. All but `allowed` only to callers whose role may ask why. */
export type Decision = components["schemas"]["Decision"];

/** What can be said of any one call. */
export interface Options {
  signal?: AbortSignal | undefined;
  /** Only decide, and do nothing: the call then gives a `Decision`. */
  dryRun?: boolean | undefined;
  /** For a change. By default one is made for each call; give your own to repeat a call that had no answer. */
  idempotencyKey?: string | undefined;
}

type Parameters<Id extends OperationId> = operations[Id]["parameters"];
type Named<P, Name extends keyof P> = [Exclude<P[Name], undefined>] extends [never] ? unknown : Pick<P, Name>;
type Json<Message> = Message extends { content: { "application/json": infer Body } } ? Body : undefined;
type Body<O> = O extends { requestBody: infer Message }
  ? { body: Json<Message> }
  : O extends { requestBody?: infer Message }
    ? [Message] extends [never | undefined]
      ? unknown
      : { body?: Json<Exclude<Message, undefined>> }
    : unknown;

/** What a call takes: `path`, `query` and `body`, those that it has. */
export type Input<Id extends OperationId> = Named<Parameters<Id>, "path"> &
  Named<Parameters<Id>, "query"> &
  Body<operations[Id]>;

type Told<Responses> = Responses extends { 201: infer Message }
  ? Json<Message>
  : Responses extends { 202: infer Message }
    ? Json<Message>
    : Responses extends { 204: unknown }
      ? undefined
      : Responses extends { 200: infer Message }
        ? Json<Message>
        : never;

/** What a call gives. */
export type Output<Id extends OperationId> = Told<operations[Id]["responses"]>;

/** The arguments of a call: none needed where nothing of its input is. */
export type Arguments<Id extends OperationId, More = Options> =
  Record<never, never> extends Input<Id> ? [input?: Input<Id> & More] : [input: Input<Id> & More];

/** A call. With `dryRun: true` it gives the decision instead. */
export interface Call<Id extends OperationId> {
  (input: Input<Id> & Options & { dryRun: true }): Promise<Decision>;
  (...input: Arguments<Id, Options & { dryRun?: false | undefined }>): Promise<Output<Id>>;
}

/** The calls that give pages. */
export type ListId = {
  [Id in OperationId]: Output<Id> extends { items: readonly unknown[]; cursor: string | null } ? Id : never;
}[OperationId];

/** What a page of a list holds. */
export type Item<Id extends ListId> = Output<Id> extends { items: readonly (infer One)[] } ? One : never;
