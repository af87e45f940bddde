// What a program may write and what it may not: compiled under `strict` by the tests, never run.
import { createClient, GatewayProblem, type Decision, type Group, type User } from "../src/index.js";

const client = createClient({ baseUrl: "https://gateway.example.com", token: async () => "eyJ", maxRetries: 3 });

export async function right(signal: AbortSignal): Promise<string> {
  const page = await client.listUsers();
  const next: string | null = page.cursor;
  const first: User | undefined = page.items[0];
  const enabled: boolean | undefined = first?.enabled;
  const found = await client.listUsers({ query: { search: "ann", limit: 20, include: ["groups"] }, signal });
  const complete: boolean | undefined = found.complete;
  const user: User = await client.getUser({ path: { username: "ann" } });
  const nothing: undefined = await client.updateUser({ path: { username: "ann" }, body: { attributes: { nickname: null } } });
  const decision: Decision = await client.disableUser({ path: { username: "ann" }, dryRun: true });
  const group: Group = await client.createGroup({ body: { name: "staff" }, idempotencyKey: "1" });
  const answer = await client.signIn({ body: { username: "ann", password: "…" } });
  const token: string = answer.status === "signed-in" ? answer.tokens.accessToken : answer.challenge;
  for await (const each of client.users({ search: "ann" }, { signal })) token.concat(each.username);
  for await (const each of client.each("listGroupsForUser", { path: { username: "ann" } })) token.concat(each.name);
  try {
    await client.deleteGroup({ path: { group: group.name } });
  } catch (error) {
    if (error instanceof GatewayProblem && error.type === "ResourceNotFoundException") return error.requestId ?? "";
    throw error;
  }
  return String([next, enabled, complete, user.sub, nothing, decision.reason]);
}

export async function wrong(anyUser: User): Promise<void> {
  // @ts-expect-error a list's limit is a number
  await client.listUsers({ query: { limit: "20" } });
  // @ts-expect-error there is no such filter
  await client.listUsers({ query: { name: "ann" } });
  // @ts-expect-error a user has to be named
  await client.getUser();
  // @ts-expect-error in the path, by `username`
  await client.getUser({ path: { user: "ann" } });
  // @ts-expect-error a new user has a name
  await client.createUser({ body: { email: "ann@example.com" } });
  // @ts-expect-error an attribute is a text, a number or a boolean
  await client.updateUser({ path: { username: "ann" }, body: { attributes: { nickname: ["Ann"] } } });
  // @ts-expect-error there is no such call
  await client.renameUser({ path: { username: "ann" } });
  // @ts-expect-error a dry run gives no user
  const user: User = await client.getUser({ path: { username: "ann" }, dryRun: true });
  // @ts-expect-error it may be null
  const email: string = anyUser.email;
  // @ts-expect-error one user is no list
  client.each("getUser", { path: { username: "ann" } });
  // @ts-expect-error tokens come with a sign-in, not with a challenge
  (await client.signIn({ body: { username: "ann", password: "…" } })).tokens;
  void [user, email];
}
