// The AWS SDK for JavaScript v3, unmodified: the gateway is the endpoint, the caller's JWT is the session token.
// usage: scripts/dev in one terminal; in another: cd examples && npm install && node js-sdk.mjs
// GATEWAY_URL, GATEWAY_USER and GATEWAY_PASSWORD say where and who; by default the admin of scripts/dev.
import {
  AdminGetUserCommand,
  CognitoIdentityProviderClient,
  InitiateAuthCommand,
  paginateListUsers,
  UserNotFoundException,
} from "@aws-sdk/client-cognito-identity-provider";

const {
  GATEWAY_URL: endpoint = "http://127.0.0.1:8787",
  GATEWAY_USER: USERNAME = "admin@example.com",
  GATEWAY_PASSWORD: PASSWORD = "Passw0rd!dev",
  COGNITO_USER_POOL_ID: UserPoolId = "us-east-1_DevPool01",
  COGNITO_CLIENT_ID: ClientId = "devclient00000000000000001",
} = process.env;
const region = "us-east-1";

// Signing in takes no AWS key.
const stranger = new CognitoIdentityProviderClient({ region, endpoint });
const signedIn = await stranger.send(
  new InitiateAuthCommand({ ClientId, AuthFlow: "USER_PASSWORD_AUTH", AuthParameters: { USERNAME, PASSWORD } }),
);

// Nor does anything else: the two keys may be anything, what counts is the token.
const client = new CognitoIdentityProviderClient({
  region,
  endpoint,
  credentials: async () => ({
    accessKeyId: "gateway",
    secretAccessKey: "gateway",
    sessionToken: signedIn.AuthenticationResult.AccessToken,
  }),
});

let users = 0;
for await (const page of paginateListUsers({ client, pageSize: 60 }, { UserPoolId })) users += page.Users.length;
console.log(`${users} users`);

const found = await client.send(new AdminGetUserCommand({ UserPoolId, Username: "user@example.com" }));
console.log(`user@example.com is ${found.UserStatus}`);

try {
  await client.send(new AdminGetUserCommand({ UserPoolId, Username: "nobody@example.com" }));
} catch (error) {
  if (!(error instanceof UserNotFoundException)) throw error;
  console.log("nobody@example.com is not there");
}
