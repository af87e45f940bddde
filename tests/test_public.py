"""Signing in and one's own account, without a bearer."""

import base64
import hashlib
import hmac
from typing import Any

import pytest

from tests.minting import Mint
from tests.world import World

CLIENT = "devclient00000000000000001"
SECRET = "canaryclientsecret0001"
CONFIDENTIAL = {"COGNITO_CLIENT_SECRETS": f"{CLIENT}={SECRET}"}
IDENTITY = "AWSCognitoIdentityService."
IDENTITY_POOL = "us-east-1:11111111-2222-3333-4444-555555555555"
PROVIDER = "cognito-idp.us-east-1.amazonaws.com/us-east-1_DevPool01"


def hash_of(username: str) -> str:
    """SECRET_HASH by AWS's own formula."""
    digest = hmac.new(SECRET.encode(), (username + CLIENT).encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def auth(flow: str = "USER_PASSWORD_AUTH", **parameters: str) -> dict[str, Any]:
    """An InitiateAuth body."""
    return {"ClientId": CLIENT, "AuthFlow": flow, "AuthParameters": parameters}


async def test_sign_in_needs_no_token() -> None:
    """A person without a token can ask for one."""
    world = World()
    assert (await world.call("InitiateAuth", auth(USERNAME="alice", PASSWORD="pw"))).status == 200
    assert world.cognito.bodies == [auth(USERNAME="alice", PASSWORD="pw")]
    assert [entry["phase"] for entry in world.entries] == ["intent", "outcome"]
    assert world.entries[0]["target"]["username"] == "alice"
    assert not any(b"pw" in line for line in world.sink.lines)


async def test_what_the_policy_does_not_list_needs_a_token() -> None:
    """R-08: an open operation of Cognito is closed here until the policy lists it."""
    world = World('[roles.a]\ngroups = ["a"]\nallow = ["ListUsers"]')
    assert (await world.call("InitiateAuth", auth(USERNAME="alice"))).status == 401
    assert (await world.call("InitiateAuth", auth(USERNAME="alice"), world.token("a"))).status == 403
    assert not world.cognito.requests


async def test_a_foreign_client_is_refused() -> None:
    """The gateway signs nobody in to another application."""
    world = World()
    reply = await world.call("InitiateAuth", {**auth(USERNAME="alice"), "ClientId": "2zzzzzzzzzzzzzzzzzzzzEXAMPLE"})
    assert (reply.status, reply.type) == (403, "AccessDeniedException")
    assert not world.cognito.requests


@pytest.mark.parametrize("flow", ["USER_PASSWORD_AUTH", "USER_SRP_AUTH", "CUSTOM_AUTH", "USER_AUTH"])
async def test_the_gateway_adds_the_secret_hash(flow: str) -> None:
    """A browser can use a confidential client: the secret stays here, a hash that the caller invents is replaced."""
    world = World(**CONFIDENTIAL)
    await world.call("InitiateAuth", auth(flow, USERNAME="alice", SECRET_HASH="invented"))
    assert world.cognito.bodies[0]["AuthParameters"] == {"USERNAME": "alice", "SECRET_HASH": hash_of("alice")}


async def test_refresh_takes_the_user_name_and_does_not_send_it() -> None:
    """Cognito's refresh flow knows no USERNAME, its SECRET_HASH does."""
    world = World(**CONFIDENTIAL)
    await world.call("InitiateAuth", auth("REFRESH_TOKEN_AUTH", USERNAME="alice", REFRESH_TOKEN="r"))
    assert world.cognito.bodies[0]["AuthParameters"] == {"REFRESH_TOKEN": "r", "SECRET_HASH": hash_of("alice")}
    reply = await world.call("InitiateAuth", auth("REFRESH_TOKEN_AUTH", REFRESH_TOKEN="r"))
    assert (reply.status, reply.type) == (400, "InvalidParameterException")
    assert "AuthParameters.USERNAME" in reply.json["message"]


@pytest.mark.parametrize(
    ("operation", "body", "member", "value"),
    [
        ("SignUp", {"Username": "alice", "Password": "Passw0rd!"}, "SecretHash", hash_of("alice")),
        ("ForgotPassword", {"Username": "alice"}, "SecretHash", hash_of("alice")),
        ("ConfirmSignUp", {"Username": "alice", "ConfirmationCode": "123456"}, "SecretHash", hash_of("alice")),
        ("ResendConfirmationCode", {"Username": "alice"}, "SecretHash", hash_of("alice")),
        ("GetTokensFromRefreshToken", {"RefreshToken": "r"}, "ClientSecret", SECRET),
        ("RevokeToken", {"Token": "r"}, "ClientSecret", SECRET),
    ],
)
async def test_every_open_operation_gets_what_its_secret_is_for(
    operation: str, body: dict[str, Any], member: str, value: str
) -> None:
    """Each operation takes the secret in its own way."""
    world = World(**CONFIDENTIAL)
    assert (await world.call(operation, {"ClientId": CLIENT, **body})).status == 200
    assert world.cognito.bodies[0][member] == value
    assert not any(SECRET.encode() in line or value.encode() in line for line in world.sink.lines)


async def test_without_a_secret_nothing_is_added() -> None:
    """A public client's body goes up as it was judged."""
    world = World()
    await world.call("SignUp", {"ClientId": CLIENT, "Username": "alice", "Password": "Passw0rd!"})
    assert world.cognito.bodies[0] == {"ClientId": CLIENT, "Username": "alice", "Password": "Passw0rd!"}


@pytest.mark.parametrize(
    ("operation", "member"),
    [
        ("SignUp", {"ClientMetadata": {"isAdmin": "true"}}),
        ("SignUp", {"ValidationData": [{"Name": "x", "Value": "y"}]}),
        ("ConfirmSignUp", {"ForceAliasCreation": True, "ConfirmationCode": "123456"}),
    ],
)
async def test_open_operations_feed_no_triggers_and_take_no_alias(operation: str, member: dict[str, Any]) -> None:
    """R-10: what triggers trust, and another user's alias, are not for anyone to set."""
    world = World()
    body = {"ClientId": CLIENT, "Username": "alice", **({"Password": "x"} if operation == "SignUp" else {}), **member}
    reply = await world.call(operation, body)
    assert reply.status == 403
    assert not world.cognito.requests


async def test_a_token_in_the_body_is_verified_like_a_bearer() -> None:
    """The gateway is no relay for other pools: GetUser with a foreign, expired or ID token never reaches Cognito."""
    world = World()
    foreign = Mint(pool_id="us-east-1_Other0001", client_id=CLIENT)
    bad = [foreign.access(), world.mint.id(), world.token("user", exp=world.mint.now - 1), "x", "ü"]
    for token in bad:
        reply = await world.call("GetUser", {"AccessToken": token})
        assert (reply.status, reply.type) == (401, "NotAuthorizedException"), token
    assert not world.cognito.requests
    assert (await world.call("GetUser", {"AccessToken": world.token("user")})).status == 200
    assert world.entries[-1]["caller"]["username"] == "alice"


async def test_open_operations_are_limited_by_address() -> None:
    """R-22: one address has its minute's turns for all open operations together."""
    world = World()
    answers = [await world.call("ForgotPassword", {"ClientId": CLIENT, "Username": f"u{n}"}) for n in range(61)]
    assert [reply.status for reply in answers] == [200] * 60 + [429]
    assert answers[-1].type == "TooManyRequestsException"
    assert int(answers[-1].headers["retry-after"]) >= 1


async def test_open_operations_are_limited_by_user_name_in_any_case() -> None:
    """R-22: guessing one user's password is slow, whatever the spelling of the name."""
    world = World()
    names = ["alice", "ALICE", "Alice", "aLice", "alIce", "alicE"] * 2
    answers = [await world.call("InitiateAuth", auth(USERNAME=name, PASSWORD="x")) for name in names]
    assert [reply.status for reply in answers] == [200] * 10 + [429] * 2


async def test_identity_operations_need_an_identity_pool() -> None:
    """Without one configured they do not exist here."""
    world = World()
    reply = await world.call("GetId", {}, service=IDENTITY)
    assert (reply.status, reply.type) == (400, "UnknownOperationException")


async def test_identity_operations_take_this_pools_id_token_only() -> None:
    """Logins must name this pool and hold its ID token; no other provider's, no role of the caller's choice."""
    world = World(COGNITO_IDENTITY_POOL_ID=IDENTITY_POOL)
    own = {PROVIDER: world.mint.id()}
    assert (await world.call("GetId", {"Logins": own}, service=IDENTITY)).status == 200
    assert world.cognito.bodies[0]["IdentityPoolId"] == IDENTITY_POOL
    assert world.cognito.requests[0].origin.host == "cognito-identity.us-east-1.amazonaws.com"
    identity = "us-east-1:99999999-2222-3333-4444-555555555555"
    for logins in (
        {},
        {"accounts.google.com": "x"},
        {**own, "accounts.google.com": "x"},
        {PROVIDER: world.token("user")},
    ):
        body = {"IdentityId": identity, "Logins": logins}
        assert (await world.call("GetCredentialsForIdentity", body, service=IDENTITY)).status == 401
    body = {"IdentityId": identity}
    assert (await world.call("GetOpenIdToken", body, service=IDENTITY)).status == 401
    body = {"IdentityId": identity, "Logins": own, "CustomRoleArn": "arn:aws:iam::123456789012:role/Admin"}
    assert (await world.call("GetCredentialsForIdentity", body, service=IDENTITY)).status == 403
    assert (await world.call("GetId", {"Logins": own, "IdentityPoolId": identity}, service=IDENTITY)).status == 403
    assert (await world.call("UnlinkIdentity", {}, service=IDENTITY)).status == 400
    assert len(world.cognito.requests) == 1


async def test_a_whole_ipv6_network_is_one_address() -> None:
    """R-22: a caller who owns a /64 does not get a minute's turns for each of its addresses."""
    world = World(GATEWAY_TRUSTED_PROXIES="192.0.2.0/24")
    body = {"ClientId": CLIENT, "Username": "alice"}
    statuses = []
    for number in range(61):
        headers = {"x-forwarded-for": f"2001:db8::{number:x}"}
        reply = await world.call("ForgotPassword", {**body, "Username": f"u{number}"}, headers=headers)
        statuses.append(reply.status)
    assert statuses == [200] * 60 + [429]
    other = await world.call("ForgotPassword", body, headers={"x-forwarded-for": "2001:db8:0:1::1"})
    assert other.status == 200


async def test_a_roles_sign_in_operations_get_the_hash_too() -> None:
    """AdminInitiateAuth of a confidential client: the secret stays here as well."""
    policy = '[roles.a]\ngroups = ["a"]\nallow = ["AdminInitiateAuth"]'
    world = World(policy, **CONFIDENTIAL)
    body = auth("ADMIN_USER_PASSWORD_AUTH", USERNAME="alice", PASSWORD="x")
    assert (await world.call("AdminInitiateAuth", body, world.token("a"))).status == 200
    assert world.cognito.bodies[0]["AuthParameters"]["SECRET_HASH"] == hash_of("alice")


@pytest.mark.parametrize("twin", ["Username", "username", "UserName"])
@pytest.mark.parametrize("operation", ["InitiateAuth", "RespondToAuthChallenge"])
async def test_a_second_spelling_of_the_user_is_refused(operation: str, twin: str) -> None:
    """R-22: a decoy name beside the real one must not be what is limited and written down."""
    world = World()
    names = {"USERNAME": "admin@example.com", twin: "decoy"}
    body = {
        "InitiateAuth": {"ClientId": CLIENT, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": names},
        "RespondToAuthChallenge": {"ClientId": CLIENT, "ChallengeName": "SMS_MFA", "ChallengeResponses": names},
    }[operation]
    assert (await world.call(operation, body)).status == 400
    assert not world.cognito.requests


@pytest.mark.parametrize("name", ["", "x" * 129, "\u0390" * 32_000])
async def test_a_name_that_is_no_name_costs_no_memory(name: str) -> None:
    """R-22: what cannot be a user's name is refused before it becomes a key of the rates."""
    world = World()
    assert (await world.call("InitiateAuth", auth(USERNAME=name))).status in {400, 413}
    assert not world.cognito.requests


async def test_a_stranger_cannot_use_up_a_signed_in_users_turns() -> None:
    """R-22: who holds a token is counted apart from who merely says a name."""
    world = World()
    for _ in range(12):
        await world.call("ForgotPassword", {"ClientId": CLIENT, "Username": "alice"})
    assert (await world.call("GetUser", {"AccessToken": world.token("user")})).status == 200


async def test_the_address_that_cognito_trusts_is_not_the_strangers_to_choose() -> None:
    """Cognito believes UserContextData.IpAddress of a client with a secret: its risk engine must not be fooled."""
    world = World(**CONFIDENTIAL)
    body = auth(USERNAME="alice", PASSWORD="x")
    assert (await world.call("InitiateAuth", {**body, "UserContextData": {"IpAddress": "203.0.113.1"}})).status == 403
    assert (await world.call("InitiateAuth", {**body, "UserContextData": {"EncodedData": "x"}})).status == 200
