"""`/me`: one's own account, over the whole gateway and a scripted Cognito."""

from typing import Any

import pytest

from tests.world import World, answer, operation_of, refusal

SENT = {"Destination": "a***@e***", "DeliveryMedium": "EMAIL", "AttributeName": "email"}
SHOWN = {"destination": "a***@e***", "medium": "EMAIL", "attribute": "email"}
USER = {
    "Username": "ann",
    "UserAttributes": [
        {"Name": "sub", "Value": "s1"},
        {"Name": "email", "Value": "ann@example.com"},
        {"Name": "email_verified", "Value": "true"},
    ],
    "UserMFASettingList": ["SOFTWARE_TOKEN_MFA", "SMS_MFA"],
    "PreferredMfaSetting": "SOFTWARE_TOKEN_MFA",
}
REQUESTS: dict[str, tuple[str, str, Any]] = {
    "GetUser": ("GET", "/me", None),
    "UpdateUserAttributes": ("PATCH", "/me", {"attributes": {"name": "Ann"}}),
    "DeleteUserAttributes": ("PATCH", "/me", {"attributes": {"nickname": None}}),
    "DeleteUser": ("DELETE", "/me", None),
    "ChangePassword": ("PUT", "/me/password", {"currentPassword": "Passw0rd!", "newPassword": "N3wPassw0rd!"}),
    "GetUserAttributeVerificationCode": ("POST", "/me/verify", {"attribute": "email"}),
    "VerifyUserAttribute": ("PUT", "/me/verify", {"attribute": "email", "code": "123456"}),
    "AssociateSoftwareToken": ("POST", "/me/totp", {}),
    "VerifySoftwareToken": ("PUT", "/me/totp", {"code": "123456"}),
    "SetUserMFAPreference": ("PUT", "/me/mfa", {"preferred": "totp"}),
}


@pytest.fixture
def world() -> World:
    """A gateway whose Cognito knows Ann."""
    found = World()
    found.cognito.script = lambda _request: answer(USER)
    return found


async def test_a_user_sees_itself(world: World) -> None:
    """In the form that lists of users have, without what only an administrator learns."""
    token = world.token()
    reply = await world.rest("GET", "/me", None, token)
    assert reply.status == 200
    assert reply.json == {
        "username": "ann",
        "sub": "s1",
        "email": "ann@example.com",
        "attributes": {"email": "ann@example.com", "email_verified": True},
        "mfa": {"preferred": "totp", "sms": True, "totp": True, "email": False},
    }
    assert world.cognito.bodies == [{"AccessToken": token}]
    assert token not in b"".join(world.sink.lines).decode()


async def test_an_answer_that_is_no_user_is_a_bad_gateway(world: World) -> None:
    """Nothing that is half understood is passed on."""
    for body in ({}, {"Username": "ann"}, {"Username": "ann", "UserAttributes": [7]}):
        world.cognito.script = lambda _request, body=body: answer(body)  # type: ignore[misc]
        assert (await world.rest("GET", "/me", None, world.token())).status == 502


async def test_attributes_are_set_and_deleted(world: World) -> None:
    """Both are decided before the first is done; the answer says where codes for new values went."""
    world.cognito.script = lambda request: answer(
        {"CodeDeliveryDetailsList": [SENT]} if operation_of(request) == "UpdateUserAttributes" else {}
    )
    token = world.token()
    given = {"email": "new@example.com", "custom:age": 42, "nickname": None}
    reply = await world.rest("PATCH", "/me", {"attributes": given}, token)
    assert (reply.status, reply.json) == (200, {"deliveries": [SHOWN]})
    assert [operation_of(request) for request in world.cognito.requests] == [
        "UpdateUserAttributes", "DeleteUserAttributes",
    ]  # fmt: skip
    assert world.cognito.bodies == [
        {
            "UserAttributes": [
                {"Name": "email", "Value": "new@example.com"},
                {"Name": "custom:age", "Value": "42"},
            ],
            "AccessToken": token,
        },
        {"UserAttributeNames": ["nickname"], "AccessToken": token},
    ]
    assert b"new@example.com" not in b"".join(world.sink.lines)


async def test_only_what_is_asked_for_is_done(world: World) -> None:
    """One operation where the body means one."""
    world.cognito.script = lambda _request: answer({})
    for name in ("UpdateUserAttributes", "DeleteUserAttributes"):
        method, path, body = REQUESTS[name]
        assert (await world.rest(method, path, body, world.token())).json == {"deliveries": []}
        assert operation_of(world.cognito.requests[-1]) == name
    assert len(world.cognito.requests) == 2


async def test_nothing_is_set_where_deleting_is_not_open() -> None:
    """R-08: half of a change is not done where the other half may not be."""
    world = World('[public]\nallow = ["UpdateUserAttributes"]\n')
    body = {"attributes": {"name": "Ann", "nickname": None}}
    reply = await world.rest("PATCH", "/me", body, world.token())
    assert (reply.status, reply.json["type"]) == (403, "AccessDeniedException")
    assert not world.cognito.requests


async def test_a_password_is_changed(world: World) -> None:
    """The current one may be missing for who has none yet; a wrong one is 400; neither is written down (R-01)."""
    token = world.token()
    method, path, body = REQUESTS["ChangePassword"]
    assert (await world.rest(method, path, body, token)).status == 204
    assert (await world.rest(method, path, {"newPassword": "N3wPassw0rd!"}, token)).status == 204
    assert world.cognito.bodies == [
        {"ProposedPassword": "N3wPassw0rd!", "PreviousPassword": "Passw0rd!", "AccessToken": token},
        {"ProposedPassword": "N3wPassw0rd!", "AccessToken": token},
    ]
    world.cognito.script = lambda _request: refusal("NotAuthorizedException", "Incorrect username or password.")
    reply = await world.rest(method, path, body, token)
    assert (reply.status, reply.json["detail"]) == (400, "Incorrect username or password.")
    assert b"N3wPassw0rd!" not in b"".join(world.sink.lines)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("Invalid Access Token", 401),
        ("Access Token has expired", 401),
        ("Access Token has been revoked", 401),
        ("Could not verify signature for Access Token", 401),
        ("Access Token does not have required scopes", 400),
        ("A client attempted to write unauthorized attribute", 400),
        ("Incorrect username or password.", 400),
        ("User is disabled.", 400),
        ("", 400),
    ],
)
async def test_401_is_said_of_the_bearer_only(world: World, text: str, status: int) -> None:
    """A client that hears 401 gets another token and asks again: it must not for what another cannot mend."""
    world.cognito.script = lambda _request: refusal("NotAuthorizedException", text)
    reply = await world.rest("PATCH", "/me", {"attributes": {"email_verified": True}}, world.token())
    assert (reply.status, reply.json["type"]) == (status, "NotAuthorizedException")
    assert ("www-authenticate" in reply.headers) == (status == 401)


async def test_an_attribute_is_verified(world: World) -> None:
    """A code is sent, and proves the address."""
    world.cognito.script = lambda _request: answer({"CodeDeliveryDetails": SENT})
    token = world.token()
    reply = await world.rest("POST", "/me/verify", {"attribute": "email"}, token)
    assert (reply.status, reply.json) == (200, {"delivery": SHOWN})
    assert (await world.rest("PUT", "/me/verify", {"attribute": "email", "code": "123456"}, token)).status == 204
    assert world.cognito.bodies == [
        {"AttributeName": "email", "AccessToken": token},
        {"AttributeName": "email", "Code": "123456", "AccessToken": token},
    ]


async def test_an_account_is_deleted(world: World) -> None:
    """204, and the gateway takes none of its tokens any more."""
    token = world.token()
    reply = await world.rest("DELETE", "/me", None, token)
    assert (reply.status, reply.body) == (204, b"")
    assert (await world.rest("GET", "/me", None, token)).status == 401
    assert world.reason == "revoked"


@pytest.mark.parametrize(
    ("method", "path", "body", "member"),
    [
        ("PATCH", "/me", {}, "attributes"),
        ("PATCH", "/me", {"attributes": {}}, "attributes"),
        ("PATCH", "/me", {"attributes": "text"}, "attributes"),
        ("PATCH", "/me", {"attributes": {"name": ["a"]}}, "attributes.name"),
        ("PATCH", "/me", {"attributes": {"x" * 33: None}}, "attributes"),
        ("PATCH", "/me", {"attributes": {"name": "x" * 2049}}, "attributes.name"),
        ("PATCH", "/me", {"attributes": {"name": "a"}, "username": "bob"}, "username"),
        ("DELETE", "/me", {"username": "bob"}, "username"),
        ("PUT", "/me/password", {"currentPassword": "Passw0rd!"}, "newPassword"),
        ("PUT", "/me/password", {"newPassword": "x" * 257}, "newPassword"),
        ("POST", "/me/verify", {}, "attribute"),
        ("PUT", "/me/verify", {"attribute": "email"}, "code"),
        ("PUT", "/me/verify", {"code": "123456"}, "attribute"),
        ("PUT", "/me/verify", {"attribute": "email", "code": "a b"}, "code"),
        ("POST", "/me/totp", {"issuer": "a:b"}, "issuer"),
        ("POST", "/me/totp", {"account": ""}, "account"),
        ("PUT", "/me/totp", {}, "code"),
        ("PUT", "/me/totp", {"code": "12345"}, "code"),
        ("PUT", "/me/totp", {"code": "12345a"}, "code"),
        ("PUT", "/me/mfa", {}, "preferred"),
        ("PUT", "/me/mfa", {"preferred": "pigeon"}, "preferred"),
        ("PUT", "/me/mfa", {"preferred": None}, "preferred"),
        ("PUT", "/me/mfa", {"preferred": "sms", "sms": False}, "preferred"),
        ("PUT", "/me/mfa", {"totp": "yes"}, "totp"),
        ("GET", "/me?include=groups", None, "include"),
    ],
)
async def test_a_wrong_member_is_named_and_nothing_is_sent(
    world: World, method: str, path: str, body: Any, member: str | None
) -> None:
    """R-10: also a user name, which nothing here takes; the refusal is written down."""
    reply = await world.rest(method, path, body, world.token())
    assert (reply.status, reply.json["type"], reply.json.get("member")) == (400, "InvalidParameterException", member)
    assert not world.cognito.requests
    assert world.entries[-1]["decision"]["allowed"] is False


@pytest.mark.parametrize(("operation", "request_"), REQUESTS.items())
async def test_only_a_person_s_access_token_counts(operation: str, request_: tuple[str, str, Any]) -> None:
    """R-02, R-04: none, rubbish, an ID token: one 401 for all, also where ID tokens are callers (R-23)."""
    world = World(GATEWAY_TOKEN_USE="access,id")
    method, path, body = request_
    bodies = set()
    for token, reason in ((None, "no-token"), ("rubbish", "malformed"), (world.mint.id(), "token-use")):
        reply = await world.rest(method, path, body, token)
        assert (reply.status, reply.headers["www-authenticate"]) == (401, "Bearer")
        assert world.reason == reason
        bodies.add(reply.json["detail"])
    assert len(bodies) == 1
    assert not world.cognito.requests
    assert world.entries[-1]["operation"] == operation


@pytest.mark.parametrize(("operation", "request_"), REQUESTS.items())
async def test_what_the_policy_does_not_open_is_refused(operation: str, request_: tuple[str, str, Any]) -> None:
    """R-08: each operation by its own name in [public]; a good token does not help."""
    others = sorted(REQUESTS.keys() - {operation})
    world = World(f"[public]\nallow = {others}\n".replace("'", '"'))
    method, path, body = request_
    reply = await world.rest(method, path, body, world.token("admin"))
    assert (reply.status, reply.json["type"], world.reason) == (403, "AccessDeniedException", "operation")
    assert not world.cognito.requests


@pytest.mark.parametrize(("operation", "request_"), REQUESTS.items())
async def test_a_dry_run_decides_and_does_nothing(world: World, operation: str, request_: tuple[str, str, Any]) -> None:
    """The same header as everywhere."""
    method, path, body = request_
    reply = await world.rest(method, path, body, world.token(), headers={"x-gateway-dry-run": "true"})
    assert (reply.status, reply.json["allowed"]) == (200, True)
    assert world.entries[-1]["operation"] == operation
    assert not world.cognito.requests


@pytest.mark.parametrize("request_", REQUESTS.values())
async def test_two_tokens_are_refused(world: World, request_: tuple[str, str, Any]) -> None:
    """Which of them counts is anybody's guess; one line in the audit."""
    method, path, body = request_
    reply = await world.rest(method, path, body, world.token(), headers={"x-amz-security-token": "eyJ"})
    assert reply.status == 400
    assert [entry["decision"]["reason"] for entry in world.entries] == ["two-tokens"]
