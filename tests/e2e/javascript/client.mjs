// What a frontend does with the typed client, in Node and in a page.
import { createClient, GatewayProblem } from "cognito-edge-gateway-client";
import { raised, tell } from "./telling.mjs";

const path = { username: "user@example.com" };
const problem = (error) =>
  error instanceof GatewayProblem && { status: error.status, type: error.type, member: error.member ?? null, id: Boolean(error.requestId) };

tell(async ({ gateway, password }) => {
  const stranger = createClient({ baseUrl: gateway });
  const signIn = async (username) => {
    const answer = await stranger.signIn({ body: { username, password } });
    return answer.tokens;
  };
  let token = "not.a.token";
  let told = 0;
  const admin = createClient({
    baseUrl: `${gateway}/`,
    token: async () => token,
    onUnauthorized: async (refused) => {
      told = refused.status;
      token = (await signIn("admin@example.com")).accessToken;
      return true;
    },
  });
  const out = {};
  out.page = (await admin.listUsers({ query: { limit: 5 } })).items.length;
  out.renewedAfter = told;
  const names = new Set();
  for await (const user of admin.users({ limit: 60 })) names.add(user.username);
  out.users = names.size;
  out.found = [];
  for await (const user of admin.users({ search: "MODERATOR@" })) out.found.push(user.email);
  out.groups = [];
  for await (const group of admin.each("listGroups", { query: { limit: 2 } })) out.groups.push(group.name);
  out.decision = (await admin.disableUser({ path, dryRun: true })).allowed;
  out.stillEnabled = (await admin.getUser({ path })).enabled;
  out.nothing = (await admin.updateUser({ path, body: { attributes: { family_name: "Šedivá" } } })) === undefined;
  const user = await admin.getUser({ path, query: { include: ["groups"] } });
  out.familyName = user.attributes.family_name;
  out.memberOf = user.groups;
  out.bySub = (await admin.getUser({ path: { username: `sub:${user.sub}` } })).username === user.username;
  const idempotencyKey = `key-${user.sub}-${Math.random()}`;
  const once = { path: { ...path, group: "premium" }, idempotencyKey };
  await admin.addUserToGroup(once);
  await admin.addUserToGroup(once);
  out.keyReused = await raised(admin.addUserToGroup({ ...once, path: { ...path, group: "readonly" } }), problem);
  await admin.removeUserFromGroup({ path: { ...path, group: "premium" } });
  out.unknown = await raised(admin.getUser({ path: { username: "nobody@example.com" } }), problem);
  out.wrong = await raised(admin.listUsers({ query: { limit: 61 } }), problem);
  const moderator = (await signIn("moderator@example.com")).accessToken;
  const weaker = createClient({ baseUrl: gateway, token: () => moderator });
  out.weaker = await raised(weaker.disableUser({ path: { username: "admin@example.com" } }), problem);
  out.password = await raised(stranger.signIn({ body: { ...path, password: "wrong" } }), problem);
  out.me = (await weaker.getMe()).username === (await weaker.getMe()).username;
  let renewals = 0;
  const { accessToken } = await signIn("readonly@example.com");
  const own = createClient({ baseUrl: gateway, token: () => accessToken, onUnauthorized: () => Boolean((renewals += 1)) });
  const mistaken = { body: { currentPassword: "wrong", newPassword: "An0ther-passw0rd!" } };
  out.ownPassword = await raised(own.changeMyPassword(mistaken), problem);
  out.notWritable = await raised(own.updateMe({ body: { attributes: { email_verified: true } } }), problem);
  out.renewals = renewals;
  await weaker.signOut({ body: { everywhere: true } });
  out.signedOut = await raised(weaker.getMe(), problem);
  out.aborted = await raised(admin.listUsers({ signal: AbortSignal.abort() }), (error) => error.name);
  return out;
});
