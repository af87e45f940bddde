"""Signing up and finding back in, over the whole gateway and a scripted Cognito."""

from typing import Any

import pytest

from gateway.public import secret_hash
from tests.world import World, answer, operation_of, refusal

ANN = "ann@example.com"
SENT = {"Destination": "a***@e***", "DeliveryMedium": "EMAIL", "AttributeName": "email"}
SHOWN = {"destination": "a***@e***", "medium": "EMAIL", "attribute": "email"}
SECRET = "client-secret-canary-0123456789"
SESSION = "session-canary-0000000001"
BODIES: dict[str, dict[str, Any]] = {
    "sign-up": {"username": ANN, "password": "Passw0rd!"},
    "confirm-sign-up": {"username": ANN, "code": "123456"},
    "resend-code": {"username": ANN},
    "forgot-password": {"username": ANN},
    "confirm-forgot-password": {"username": ANN, "code": "123456", "newPassword": "N3wPassw0rd!"},
}
OPERATIONS = {
    "sign-up": "SignUp",
    "confirm-sign-up": "ConfirmSignUp",
    "resend-code": "ResendConfirmationCode",
    "forgot-password": "ForgotPassword",
    "confirm-forgot-password": "ConfirmForgotPassword",
}


@pytest.fixture
def world() -> World:
    """A gateway whose Cognito sends a code for everything."""
    found = World()
    found.cognito.script = lambda _request: answer({"CodeDeliveryDetails": SENT})
    return found


async def test_a_person_signs_up(world: World) -> None:
    """201 with where the code went; attributes are an object, and texts at Cognito."""
    world.cognito.script = lambda _request: answer(
        {"UserSub": "s1", "UserConfirmed": False, "CodeDeliveryDetails": SENT, "Session": SESSION}
    )
    body = BODIES["sign-up"] | {"attributes": {"email": ANN, "custom:age": 42, "custom:news": False}}
    reply = await world.rest("POST", "/auth/sign-up", body)
    assert reply.status == 201
    assert reply.json == {"sub": "s1", "confirmed": False, "delivery": SHOWN, "session": SESSION}
    assert world.cognito.bodies == [
        {
            "ClientId": world.mint.client_id,
            "Username": ANN,
            "Password": "Passw0rd!",
            "UserAttributes": [
                {"Name": "email", "Value": ANN},
                {"Name": "custom:age", "Value": "42"},
                {"Name": "custom:news", "Value": "false"},
            ],
        }
    ]


async def test_a_pool_may_confirm_at_once_and_need_no_password(world: World) -> None:
    """Then there is no code, and nothing is made up."""
    world.cognito.script = lambda _request: answer({"UserSub": "s1", "UserConfirmed": True})
    reply = await world.rest("POST", "/auth/sign-up", {"username": ANN})
    assert reply.json == {"sub": "s1", "confirmed": True, "delivery": None, "session": None}
    assert "Password" not in world.cognito.bodies[0]


async def test_a_sign_up_is_confirmed(world: World) -> None:
    """With the code; a session, where the pool gives one, signs in without the password."""
    world.cognito.script = lambda _request: answer({"Session": SESSION})
    reply = await world.rest("POST", "/auth/confirm-sign-up", BODIES["confirm-sign-up"] | {"session": SESSION})
    assert (reply.status, reply.json) == (200, {"session": SESSION})
    assert world.cognito.bodies[0] == {
        "ClientId": world.mint.client_id, "Username": ANN, "ConfirmationCode": "123456", "Session": SESSION,
    }  # fmt: skip
    world.cognito.script = lambda _request: answer({})
    assert (await world.rest("POST", "/auth/confirm-sign-up", BODIES["confirm-sign-up"])).json == {"session": None}


@pytest.mark.parametrize("path", ["resend-code", "forgot-password"])
async def test_a_code_is_sent(world: World, path: str) -> None:
    """The answer says where to, as masked as Cognito masks it."""
    reply = await world.rest("POST", f"/auth/{path}", {"username": ANN})
    assert (reply.status, reply.json) == (200, {"delivery": SHOWN})
    world.cognito.script = lambda _request: answer({})
    reply = await world.rest("POST", f"/auth/{path}", {"username": "bob"})
    assert reply.json == {"delivery": {"destination": None, "medium": None, "attribute": None}}


async def test_a_forgotten_password_is_replaced(world: World) -> None:
    """204; neither the code nor the password stands in the audit (R-01)."""
    reply = await world.rest("POST", "/auth/confirm-forgot-password", BODIES["confirm-forgot-password"])
    assert (reply.status, reply.body) == (204, b"")
    assert world.cognito.bodies[0] == {
        "ClientId": world.mint.client_id, "Username": ANN, "ConfirmationCode": "123456", "Password": "N3wPassw0rd!",
    }  # fmt: skip
    told = b"".join(world.sink.lines)
    assert b"N3wPassw0rd!" not in told
    assert b"123456" not in told


@pytest.mark.parametrize(("path", "body"), BODIES.items())
async def test_every_needed_member_is_asked_for(world: World, path: str, body: dict[str, Any]) -> None:
    """R-10: what is missing is named; what is not known is too; nothing is sent."""
    for name in sorted(body.keys() - ({"password"} if path == "sign-up" else set())):
        rest = {other: value for other, value in body.items() if other != name}
        reply = await world.rest("POST", f"/auth/{path}", rest)
        assert (reply.status, reply.json["member"]) == (400, name)
    for extra in ("forceAliasCreation", "validationData", "clientMetadata"):
        reply = await world.rest("POST", f"/auth/{path}", body | {extra: True})
        assert (reply.status, reply.json["member"]) == (400, extra)
    assert not world.cognito.requests


@pytest.mark.parametrize("given", [["a"], {"email": None}, {"email": ["a"]}, {"": "x"}, {"x" * 33: "y"}, "text", None])
async def test_attributes_are_an_object_of_values(world: World, given: Any) -> None:
    """Text, numbers, true and false; a new user has nothing that null could delete."""
    reply = await world.rest("POST", "/auth/sign-up", BODIES["sign-up"] | {"attributes": given})
    assert reply.status == 400
    assert reply.json["member"].startswith("attributes")
    assert not world.cognito.requests


@pytest.mark.parametrize(("path", "body"), BODIES.items())
async def test_a_client_with_a_secret_gets_its_hash_here(path: str, body: dict[str, Any]) -> None:
    """So that a browser may use a confidential client."""
    world = World(COGNITO_CLIENT_SECRETS=f"{World().mint.client_id}={SECRET}")
    world.cognito.script = lambda _request: answer({"UserSub": "s1"})
    await world.rest("POST", f"/auth/{path}", body)
    assert world.cognito.bodies[0]["SecretHash"] == secret_hash(SECRET, ANN, world.mint.client_id)
    assert operation_of(world.cognito.requests[0]) == OPERATIONS[path]


@pytest.mark.parametrize(("path", "body"), BODIES.items())
async def test_what_the_policy_does_not_open_is_refused(path: str, body: dict[str, Any]) -> None:
    """R-08: each operation by its own name in [public]."""
    others = sorted(set(OPERATIONS.values()) - {OPERATIONS[path]})
    world = World(f"[public]\nallow = {others}\n".replace("'", '"'))
    reply = await world.rest("POST", f"/auth/{path}", body)
    assert (reply.status, reply.json["type"], world.reason) == (401, "NotAuthorizedException", "no-token")
    assert not world.cognito.requests


async def test_cognito_s_refusals_keep_their_words(world: World) -> None:
    """No text of the gateway's tells more, or less, of who exists than Cognito's."""
    for path, type_, status in (
        ("sign-up", "UsernameExistsException", 409),
        ("sign-up", "InvalidPasswordException", 400),
        ("confirm-sign-up", "CodeMismatchException", 400),
        ("confirm-sign-up", "ExpiredCodeException", 400),
        ("resend-code", "UserNotFoundException", 404),
        ("forgot-password", "LimitExceededException", 429),
        ("forgot-password", "NotAuthorizedException", 400),
        ("confirm-sign-up", "NotAuthorizedException", 400),
        ("confirm-forgot-password", "CodeMismatchException", 400),
    ):
        world.cognito.script = lambda _request, type_=type_: refusal(type_, "words")  # type: ignore[misc]
        reply = await world.rest("POST", f"/auth/{path}", BODIES[path] | {"username": f"{type_}{path}"})
        assert (reply.status, reply.json["type"], reply.json["detail"]) == (status, type_, "words")


@pytest.mark.parametrize(("path", "body"), BODIES.items())
async def test_a_dry_run_sends_nothing(world: World, path: str, body: dict[str, Any]) -> None:
    """No account, no code."""
    reply = await world.rest("POST", f"/auth/{path}", body, headers={"x-gateway-dry-run": "true"})
    assert (reply.status, reply.json["allowed"]) == (200, True)
    assert not world.cognito.requests


async def test_one_name_is_asked_for_only_so_often(world: World) -> None:
    """R-22: ten a minute by name, whoever asks, before Cognito sends another mail."""
    statuses = [(await world.rest("POST", "/auth/forgot-password", {"username": ANN})).status for _ in range(11)]
    assert statuses == [200] * 10 + [429]
