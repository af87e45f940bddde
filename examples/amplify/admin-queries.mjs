// Amplify 6 against the gateway: what changes in an app is the two endpoints; sign-in and AdminQueries stay as they are.
// usage: scripts/dev in one terminal; in another: cd examples && npm install && node amplify/admin-queries.mjs
// GATEWAY_URL, GATEWAY_USER and GATEWAY_PASSWORD say where and who; by default the admin of scripts/dev.
// In a browser it is the same code; the page's origin must be one of GATEWAY_ALLOWED_ORIGINS.
import { Amplify } from "aws-amplify";
import { get, post } from "aws-amplify/api";
import { fetchAuthSession, signIn, signOut } from "aws-amplify/auth";

const {
  GATEWAY_URL: gateway = "http://127.0.0.1:8787",
  GATEWAY_USER: username = "admin@example.com",
  GATEWAY_PASSWORD: password = "Passw0rd!dev",
  COGNITO_USER_POOL_ID: userPoolId = "us-east-1_DevPool01",
  COGNITO_CLIENT_ID: userPoolClientId = "devclient00000000000000001",
} = process.env;

Amplify.configure({
  Auth: { Cognito: { userPoolId, userPoolClientId, userPoolEndpoint: gateway } },
  API: { REST: { AdminQueries: { endpoint: `${gateway}/amplify` } } },
});

// As Amplify's own guide has it: the token alone, without "Bearer".
const authorized = async () => {
  const { tokens } = await fetchAuthSession();
  return { "Content-Type": "application/json", Authorization: `${tokens?.accessToken}` };
};

console.log(await signIn({ username, password })); // by SRP: the password is not sent

const list = get({
  apiName: "AdminQueries",
  path: "/listUsers",
  options: { queryParams: { limit: "3" }, headers: await authorized() },
});
const { Users } = await (await list.response).body.json();
console.log(Users.map((user) => user.Username));

const body = { username: "user@example.com", groupname: "premium" };
const added = await post({ apiName: "AdminQueries", path: "/addUserToGroup", options: { body, headers: await authorized() } })
  .response;
console.log((await added.body.json()).message);
await post({ apiName: "AdminQueries", path: "/removeUserFromGroup", options: { body, headers: await authorized() } }).response;

await signOut();
console.log("signed out");
