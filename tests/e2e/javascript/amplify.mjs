// What an app of Amplify 6 does, in Node and in a page: sign-in both ways, refresh, the eleven AdminQueries, sign-out.
import { Amplify } from "aws-amplify";
import { get, post } from "aws-amplify/api";
import { fetchAuthSession, fetchUserAttributes, getCurrentUser, signIn, signOut, signUp } from "aws-amplify/auth";
import { raised, tell } from "./telling.mjs";

const authorized = async () => {
  const { tokens } = await fetchAuthSession();
  return { "Content-Type": "application/json", Authorization: `${tokens.accessToken}` };
};
/** As Amplify's guide has it; what is refused comes as {status, message}. */
const ask = async (send, path, rest) => {
  try {
    const options = { ...rest, headers: await authorized() };
    return await (await send({ apiName: "AdminQueries", path, options }).response).body.json();
  } catch (error) {
    if (!error.response) throw error;
    return { status: error.response.statusCode, ...JSON.parse(error.response.body ?? "{}") };
  }
};
const read = (path, queryParams) => ask(get, path, { queryParams });
const change = (path, body) => ask(post, path, { body });
const expiry = async (options) => (await fetchAuthSession(options)).tokens.accessToken.payload;

tell(async ({ gateway, userPoolId, clientId, password }) => {
  Amplify.configure({
    Auth: { Cognito: { userPoolId, userPoolClientId: clientId, userPoolEndpoint: gateway } },
    API: { REST: { AdminQueries: { endpoint: `${gateway}/amplify` } } },
  });
  const out = {};
  const srp = await signIn({ username: "moderator@example.com", password });
  out.srp = srp.nextStep.signInStep;
  out.notAllowed = (await change("/disableUser", { username: "admin@example.com" })).status;
  out.mayRead = (await read("/listUsers", { limit: "2" })).Users.length;
  await signOut();

  out.wrong = await raised(signIn({ username: "user@example.com", password: "wrong" }), (error) => error.name);
  const plain = await signIn({ username: "admin@example.com", password, options: { authFlowType: "USER_PASSWORD_AUTH" } });
  out.password = plain.nextStep.signInStep;
  out.user = (await getCurrentUser()).signInDetails.loginId;
  out.email = (await fetchUserAttributes()).email;
  const before = await expiry();
  const after = await expiry({ forceRefresh: true });
  out.refreshed = after.jti !== before.jti && after.sub === before.sub;

  const username = "user@example.com";
  const groupname = "premium";
  out.added = await change("/addUserToGroup", { username, groupname });
  out.inGroup = (await read("/listUsersInGroup", { groupname, limit: "60" })).Users.some(({ Attributes }) =>
    Attributes.some(({ Name, Value }) => Name === "email" && Value === username),
  );
  out.groupsOf = (await read("/listGroupsForUser", { username })).Groups.map(({ GroupName }) => GroupName).sort();
  out.removed = await change("/removeUserFromGroup", { username, groupname });
  out.groups = (await read("/listGroups", { limit: "60" })).Groups.length;
  out.disabled = await change("/disableUser", { username });
  out.enabledAfter = (await read("/getUser", { username })).Enabled;
  out.enabled = await change("/enableUser", { username });
  const names = new Set();
  for (let token = ""; token !== undefined; ) {
    const page = await read("/listUsers", { limit: "60", token });
    page.Users.forEach((user) => names.add(user.Username));
    token = page.NextToken;
  }
  out.users = names.size;
  const unknown = await read("/getUser", { username: "nobody@example.com" });
  out.unknown = [unknown.status, unknown.message];

  const email = `${crypto.randomUUID()}@example.com`;
  const options = { userAttributes: { email } };
  out.signUp = (await signUp({ username: email, password, options })).nextStep.signUpStep;
  out.confirmed = (await change("/confirmUserSignUp", { username: email })).message.replace(email, "EMAIL");
  out.status = (await read("/getUser", { username: email })).UserStatus;
  out.signedOut = await change("/signUserOut", { username: "admin@example.com" });
  out.after = (await read("/listUsers", { limit: "1" })).status; // that token is refused from now on
  await signOut();
  out.gone = await raised(getCurrentUser(), (error) => error.name);
  return out;
});
