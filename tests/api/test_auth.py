"""`/auth/sign-in` and `/auth/challenge`, over the whole gateway and a scripted Cognito."""

from typing import Any

import pytest

from gateway.public import secret_hash
from tests.world import Reply, World, answer, refusal

ANN = "ann@example.com"
SESSION = "session-canary-0000000001"
SECRET = "client-secret-canary-0123456789"
PAGE = {"origin": "https://gw.example.com", "host": "gw.example.com"}


@pytest.fixture
def world() -> World:
    """A gateway with the built-in policy; Cognito signs everybody in."""
    found = World()
    found.cognito.script = lambda _request: answer({"AuthenticationResult": tokens(found), "ChallengeParameters": {}})
    return found


def tokens(world: World, **more: Any) -> dict[str, Any]:
    """Cognito's AuthenticationResult."""
    access = world.mint.access(username="ann-id")
    return {
        "AccessToken": access,
        "IdToken": "eyJ.id.token",
        "RefreshToken": "eyJ.refresh.token",
        "ExpiresIn": 3600,
        "TokenType": "Bearer",
        **more,
    }


async def sign_in(world: World, body: dict[str, Any], **headers: str) -> Reply:
    """One sign-in."""
    return await world.rest("POST", "/auth/sign-in", body, headers=headers)


async def test_a_password_gives_tokens(world: World) -> None:
    """USER_PASSWORD_AUTH with the gateway's first client; every token in the body, and no cookie unasked."""
    reply = await sign_in(world, {"username": ANN, "password": "Passw0rd!"})
    assert reply.status == 200
    assert reply.json["status"] == "signed-in"
    assert reply.json["cookie"] is False
    assert reply.json["tokens"] | {"accessToken": ""} == {
        "accessToken": "", "idToken": "eyJ.id.token", "refreshToken": "eyJ.refresh.token", "expiresIn": 3600,
        "tokenType": "Bearer",
    }  # fmt: skip
    assert "set-cookie" not in reply.headers
    assert reply.headers["cache-control"] == "no-store"
    assert world.cognito.bodies == [
        {
            "AuthFlow": "USER_PASSWORD_AUTH",
            "ClientId": world.mint.client_id,
            "AuthParameters": {"USERNAME": ANN, "PASSWORD": "Passw0rd!"},
        }
    ]


async def test_nobody_who_signs_in_is_left_in_the_audit(world: World) -> None:
    """R-01, R-18: the lines name whom it was about, and hold no password, token or session."""
    await sign_in(world, {"username": ANN, "password": "Canary-Passw0rd!"})
    assert [entry["phase"] for entry in world.entries] == ["intent", "outcome"]
    assert world.entries[0]["target"]["username"] == ANN
    told = b"".join(world.sink.lines) + "".join(world.logged).encode()
    for secret in (b"Canary-Passw0rd!", b"eyJ", b"PASSWORD"):
        assert secret not in told


@pytest.mark.parametrize(
    ("body", "flow", "parameters"),
    [
        ({"flow": "srp", "srpA": "a1"}, "USER_SRP_AUTH", {"SRP_A": "a1"}),
        ({"flow": "choice"}, "USER_AUTH", {}),
        (
            {"flow": "choice", "preferredChallenge": "PASSWORD", "password": "Passw0rd!"},
            "USER_AUTH",
            {"PREFERRED_CHALLENGE": "PASSWORD", "PASSWORD": "Passw0rd!"},
        ),
        ({"flow": "custom"}, "CUSTOM_AUTH", {}),
        ({"flow": "custom", "srpA": "a1"}, "CUSTOM_AUTH", {"SRP_A": "a1", "CHALLENGE_NAME": "SRP_A"}),
        (
            {"password": "Passw0rd!", "deviceKey": "us-east-1_a1"},
            "USER_PASSWORD_AUTH",
            {"PASSWORD": "Passw0rd!", "DEVICE_KEY": "us-east-1_a1"},
        ),
    ],
)
async def test_every_flow_has_its_parameters(
    world: World, body: dict[str, Any], flow: str, parameters: dict[str, str]
) -> None:
    """Cognito's names stay behind the gateway."""
    assert (await sign_in(world, {"username": ANN, **body})).status == 200
    assert world.cognito.bodies[0]["AuthFlow"] == flow
    assert world.cognito.bodies[0]["AuthParameters"] == {"USERNAME": ANN, **parameters}


@pytest.mark.parametrize(
    ("path", "body", "member"),
    [
        ("sign-in", {"password": "Passw0rd!"}, "username"),
        ("sign-in", {"username": "", "password": "Passw0rd!"}, "username"),
        ("sign-in", {"username": "x" * 129, "password": "Passw0rd!"}, "username"),
        ("sign-in", {"username": ANN}, "password"),
        ("sign-in", {"username": ANN, "flow": "srp"}, "srpA"),
        ("sign-in", {"username": ANN, "flow": "srp", "srpA": "1", "password": "Passw0rd!"}, "password"),
        ("sign-in", {"username": ANN, "password": "Passw0rd!", "preferredChallenge": "PASSWORD"}, "preferredChallenge"),
        ("sign-in", {"username": ANN, "flow": "magic"}, "flow"),
        ("sign-in", {"username": ANN, "password": "Passw0rd!", "cookie": "yes"}, "cookie"),
        ("sign-in", {"username": ANN, "password": "Passw0rd!", "clientMetadata": {}}, "clientMetadata"),
        ("challenge", {"username": ANN}, "challenge"),
        ("challenge", {"username": ANN, "challenge": "ADMIN_NO_SRP_AUTH"}, "challenge"),
        ("challenge", {"challenge": "SMS_MFA", "code": "123456"}, "username"),
        ("challenge", {"username": ANN, "challenge": "SMS_MFA"}, "code"),
        ("challenge", {"username": ANN, "challenge": "SMS_MFA", "code": "123456", "answer": "1"}, "answer"),
        ("challenge", {"username": ANN, "challenge": "SMS_MFA", "code": "123456", "session": "short"}, "session"),
        ("challenge", {"username": ANN, "challenge": "NEW_PASSWORD_REQUIRED"}, "newPassword"),
        (
            "challenge",
            {"username": ANN, "challenge": "NEW_PASSWORD_REQUIRED", "newPassword": "P", "attributes": {"name": None}},
            "attributes",
        ),
        (
            "challenge",
            {"username": ANN, "challenge": "SMS_MFA", "code": "1", "responses": {"USERNAME": "bob"}},
            "responses",
        ),
        (
            "challenge",
            {"username": ANN, "challenge": "SMS_MFA", "code": "1", "responses": {"SMS_MFA_CODE": "2"}},
            "responses",
        ),
        ("challenge", {"username": ANN, "challenge": "MFA_SETUP"}, "session"),
        ("challenge", {"username": ANN, "challenge": "MFA_SETUP", "session": SESSION, "code": "12"}, "code"),
    ],
)
async def test_a_wrong_member_is_named_and_nothing_is_sent(
    world: World, path: str, body: dict[str, Any], member: str
) -> None:
    """R-10: also what belongs to another flow or challenge; the refusal is written down."""
    reply = await world.rest("POST", f"/auth/{path}", body)
    assert (reply.status, reply.json["type"], reply.json.get("member")) == (400, "InvalidParameterException", member)
    assert not world.cognito.requests
    assert world.entries[-1]["decision"]["allowed"] is False


async def test_a_second_spelling_of_the_user_is_refused(world: World) -> None:
    """The rate by user name counts whom Cognito reads (R-22): `responses` cannot name another."""
    body = {"username": ANN, "challenge": "SMS_MFA", "code": "123456", "responses": {"username": "bob"}}
    assert (await world.rest("POST", "/auth/challenge", body)).status == 400
    assert world.reason == "username-twin"


async def test_cognito_s_refusals_are_told_as_they_are(world: World) -> None:
    """A wrong password is 401 with Cognito's own words: no more is told of who exists than Cognito tells."""
    for type_, status in (
        ("NotAuthorizedException", 401),
        ("UserNotFoundException", 404),
        ("UserNotConfirmedException", 400),
        ("PasswordResetRequiredException", 400),
        ("TooManyRequestsException", 429),
    ):
        world.cognito.script = lambda _request, type_=type_: refusal(type_, "words")  # type: ignore[misc]
        reply = await sign_in(world, {"username": f"{type_}@example.com", "password": "Passw0rd!"})
        assert (reply.status, reply.json["type"], reply.json["detail"]) == (status, type_, "words")
        assert ("www-authenticate" in reply.headers) == (status == 401)


async def test_what_the_policy_does_not_open_is_refused_unread() -> None:
    """R-08: without InitiateAuth in [public] nobody signs in here; the body is not read."""
    world = World('[public]\nallow = ["GetUser"]\n')
    for path in ("sign-in", "challenge"):
        reply = await world.rest("POST", f"/auth/{path}", raw=b"rubbish")
        assert (reply.status, reply.json["type"]) == (401, "NotAuthorizedException")
        assert world.reason == "no-token"
    assert not world.cognito.requests


async def test_a_foreign_client_is_refused(world: World) -> None:
    """Another app client than the configured ones is nobody's business here."""
    reply = await sign_in(world, {"username": ANN, "password": "Passw0rd!", "clientId": "another"})
    assert (reply.status, reply.json["type"]) == (403, "AccessDeniedException")
    assert world.reason == "client"


async def test_the_first_client_of_the_setting_is_the_default() -> None:
    """Where several are configured, the order of COGNITO_CLIENT_IDS says which one pages mean that name none."""
    for ids in ("zzz,aaa,mmm", "aaa,zzz"):
        world = World(COGNITO_CLIENT_IDS=ids)
        world.cognito.script = lambda _request: refusal("NotAuthorizedException")
        await sign_in(world, {"username": ANN, "password": "Passw0rd!"})
        await sign_in(world, {"username": ANN, "password": "Passw0rd!", "clientId": "aaa"})
        assert [body["ClientId"] for body in world.cognito.bodies] == [ids.partition(",")[0], "aaa"]


async def test_a_client_with_a_secret_gets_its_hash_here() -> None:
    """A browser uses a confidential client: the SECRET_HASH is made of the name that it sent."""
    world = World(COGNITO_CLIENT_SECRETS=f"{World().mint.client_id}={SECRET}")
    world.cognito.script = lambda _request: refusal("NotAuthorizedException")
    await sign_in(world, {"username": ANN, "password": "Passw0rd!"})
    await world.rest("POST", "/auth/challenge", {"challenge": "SMS_MFA", "username": ANN, "code": "123456"})
    expected = secret_hash(SECRET, ANN, world.mint.client_id)
    first, second = world.cognito.bodies
    assert first["AuthParameters"]["SECRET_HASH"] == expected
    assert second["ChallengeResponses"]["SECRET_HASH"] == expected


async def test_a_dry_run_decides_and_signs_nobody_in(world: World) -> None:
    """The same header as everywhere."""
    reply = await sign_in(world, {"username": ANN, "password": "Passw0rd!"}, **{"x-gateway-dry-run": "true"})
    assert (reply.status, reply.json["allowed"]) == (200, True)
    setup = {"challenge": "MFA_SETUP", "username": ANN, "session": SESSION, "code": "123456"}
    reply = await world.rest("POST", "/auth/challenge", setup, headers={"x-gateway-dry-run": "true"})
    assert (reply.status, reply.json["allowed"]) == (200, True)
    assert not world.cognito.requests


async def test_a_page_of_this_origin_may_have_the_refresh_token_in_a_cookie(world: World) -> None:
    """Then it is HttpOnly, bound to this host, and not in the body too; its user is the token's, not the alias."""
    reply = await sign_in(world, {"username": ANN, "password": "Passw0rd!", "cookie": True}, **PAGE)
    assert reply.json["cookie"] is True
    assert "refreshToken" not in reply.json["tokens"]
    assert reply.headers["set-cookie"] == (
        f"__Host-gateway-refresh={world.mint.client_id}:YW5uLWlk:eyJ.refresh.token; Max-Age=2592000; Path=/; Secure; "
        "HttpOnly; SameSite=Strict"
    )
    told = b"".join(world.sink.lines).decode() + "".join(world.logged)
    assert "eyJ" not in told


async def test_an_access_token_that_cannot_be_read_costs_nothing(world: World) -> None:
    """The cookie then remembers the name that was typed."""
    for strange in ("rubbish", "a.b.c", "e30.W10.c2ln"):
        found = tokens(world, AccessToken=strange)
        world.cognito.script = lambda _request, found=found: answer({"AuthenticationResult": found})  # type: ignore[misc]
        reply = await sign_in(world, {"username": "ann", "password": "Passw0rd!", "cookie": True}, **PAGE)
        assert ":YW5u:" in reply.headers["set-cookie"]


async def test_a_refresh_token_that_no_cookie_holds_stays_in_the_body(world: World) -> None:
    """And the answer says so."""
    long = "e" * 4096
    world.cognito.script = lambda _request: answer({"AuthenticationResult": tokens(world, RefreshToken=long)})
    reply = await sign_in(world, {"username": ANN, "password": "Passw0rd!", "cookie": True}, **PAGE)
    assert (reply.json["cookie"], reply.json["tokens"]["refreshToken"]) == (False, long)
    assert reply.headers["set-cookie"].startswith("__Host-gateway-refresh=; Max-Age=0;")  # nobody else's stays either


async def test_a_page_of_another_origin_gets_no_cookie() -> None:
    """R-17: also one that CORS allows to call; it is refused before Cognito hears of it."""
    world = World(GATEWAY_ALLOWED_ORIGINS="https://app.example.com")
    for origin in ("https://app.example.com", "https://evil.example", "http://gw.example.com"):
        headers = PAGE | {"origin": origin}
        for path, body in (
            ("sign-in", {"username": ANN, "password": "Passw0rd!", "cookie": True}),
            ("challenge", {"username": ANN, "challenge": "SMS_MFA", "code": "123456", "cookie": True}),
            ("refresh", {"refreshToken": "eyJ", "cookie": True}),
        ):
            reply = await world.rest("POST", f"/auth/{path}", body, headers=headers)
            assert (reply.status, reply.json["type"]) == (403, "AccessDeniedException")
            assert world.reason == "cookie-origin"
            assert "access-control-allow-credentials" not in reply.headers
    assert not world.cognito.requests
