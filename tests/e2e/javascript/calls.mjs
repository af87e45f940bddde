// What a frontend does with the AWS SDK for JavaScript v3, unmodified. Prints one JSON object; the test reads it.
import * as sdk from "@aws-sdk/client-cognito-identity-provider";

const { GATEWAY_URL: endpoint, ADMIN: admin, MODERATOR: moderator, CLIENT_ID: ClientId, PASSWORD } = process.env;
const UserPoolId = "us-east-1_DevPool01";
const Username = "user@example.com";
const client = (sessionToken) =>
  new sdk.CognitoIdentityProviderClient({
    region: "us-east-1",
    endpoint,
    maxAttempts: 1,
    credentials: { accessKeyId: "gateway", secretAccessKey: "gateway", sessionToken },
  });
const raised = async (promise) => {
  try {
    await promise;
    return null;
  } catch (error) {
    return { name: error.name, status: error.$metadata?.httpStatusCode, typed: error instanceof sdk.CognitoIdentityProviderServiceException };
  }
};

const out = {};
const strong = client(admin);
out.users = 0;
for await (const page of sdk.paginateListUsers({ client: strong, pageSize: 60 }, { UserPoolId })) out.users += page.Users.length;
const send = (Command, more = {}) => strong.send(new Command({ UserPoolId, Username, ...more }));
await send(sdk.AdminDisableUserCommand);
out.disabled = (await send(sdk.AdminGetUserCommand)).Enabled;
await send(sdk.AdminEnableUserCommand);
out.enabled = (await send(sdk.AdminGetUserCommand)).Enabled;
await send(sdk.AdminUpdateUserAttributesCommand, { UserAttributes: [{ Name: "family_name", Value: "Šedivá" }] });
const attributes = (await send(sdk.AdminGetUserCommand)).UserAttributes;
out.familyName = attributes.find((item) => item.Name === "family_name").Value;
await send(sdk.AdminAddUserToGroupCommand, { GroupName: "premium" });
out.groups = (await send(sdk.AdminListGroupsForUserCommand)).Groups.map((group) => group.GroupName).sort();
await send(sdk.AdminRemoveUserFromGroupCommand, { GroupName: "premium" });
await send(sdk.AdminSetUserPasswordCommand, { Password: "An0ther!Password", Permanent: true });
await send(sdk.AdminSetUserPasswordCommand, { Password: PASSWORD, Permanent: true });
const members = await strong.send(new sdk.ListUsersInGroupCommand({ UserPoolId, GroupName: "user" }));
const other = members.Users.findLast((user) => user.Enabled && user.UserStatus === "CONFIRMED" && user.Username !== Username).Username;
await send(sdk.AdminResetUserPasswordCommand, { Username: other });
out.reset = (await send(sdk.AdminGetUserCommand, { Username: other })).UserStatus;
out.created = (await send(sdk.AdminGetUserCommand)).UserCreateDate instanceof Date;
out.unknown = await raised(send(sdk.AdminGetUserCommand, { Username: "nobody@example.com" }));
out.weaker = await raised(client(moderator).send(new sdk.AdminDisableUserCommand({ UserPoolId, Username: "admin@example.com" })));
out.bad = await raised(client("not.a.token").send(new sdk.ListUsersCommand({ UserPoolId })));
const stranger = new sdk.CognitoIdentityProviderClient({ region: "us-east-1", endpoint });
const signedIn = await stranger.send(
  new sdk.InitiateAuthCommand({ ClientId, AuthFlow: "USER_PASSWORD_AUTH", AuthParameters: { USERNAME: Username, PASSWORD } }),
);
out.signedIn = signedIn.AuthenticationResult.AccessToken.split(".").length;
console.log(JSON.stringify(out));
