/** A typed client for the REST side of the Cognito edge gateway. */
export type { Call, Decision, Input, Item, ListId, OperationId, Options, Output } from "./calls.js";
export { createClient, type Client, type ClientOptions } from "./client.js";
export { GatewayProblem } from "./problem.js";
export type { components, operations } from "./schema.js";

import type { components } from "./schema.js";

export type User = components["schemas"]["User"];
export type Group = components["schemas"]["Group"];
