"""`/auth/refresh` and `/auth/sign-out`, over the whole gateway and a scripted Cognito."""

from typing import Any

import pytest

from gateway.public import secret_hash
from tests.world import Reply, World, answer, operation_of, refusal

PAGE = {"origin": "https://gw.example.com", "host": "gw.example.com", "content-type": "application/json"}
SECRET = "client-secret-canary-0123456789"
TOKEN = "eyJ.refresh.canary"
ONLY_INITIATE = '[public]\nallow = ["InitiateAuth"]\n'
RESULT = {"AccessToken": "eyJ.a.b", "IdToken": "eyJ.c.d", "ExpiresIn": 3600, "TokenType": "Bearer"}
GONE = "__Host-gateway-refresh=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Strict"


def made(policy: str | None = None, *, secret: bool = False) -> World:
    """A gateway whose Cognito refreshes everything, without a new refresh token."""
    world = World(policy, COGNITO_CLIENT_SECRETS=f"{World().mint.client_id}={SECRET}") if secret else World(policy)
    world.cognito.script = lambda _request: answer({"AuthenticationResult": RESULT})
    return world


@pytest.fixture
def world() -> World:
    """One with the built-in policy."""
    return made()


def cookie(world: World, token: str = TOKEN, username: str = "YW5u") -> str:
    """The cookie as a browser sends it; its user is ann."""
    return f"__Host-gateway-refresh={world.mint.client_id}:{username}:{token}"


async def post(world: World, path: str, headers: dict[str, str], body: dict[str, Any] | None = None) -> Reply:
    """One request of a browser's page of this origin."""
    return await world.rest("POST", f"/auth/{path}", body, headers=PAGE | headers)


async def test_a_refresh_token_gives_new_tokens(world: World) -> None:
    """GetTokensFromRefreshToken: it serves clients that rotate their refresh tokens and those that do not."""
    reply = await world.rest("POST", "/auth/refresh", {"refreshToken": TOKEN})
    assert reply.status == 200
    assert reply.json == {
        "status": "signed-in",
        "tokens": {"accessToken": "eyJ.a.b", "idToken": "eyJ.c.d", "expiresIn": 3600, "tokenType": "Bearer"},
        "cookie": False,
    }
    assert operation_of(world.cognito.requests[0]) == "GetTokensFromRefreshToken"
    assert world.cognito.bodies == [{"RefreshToken": TOKEN, "ClientId": world.mint.client_id}]
    assert TOKEN not in b"".join(world.sink.lines).decode()


async def test_a_rotated_refresh_token_is_passed_on(world: World) -> None:
    """Whoever keeps it must keep the new one."""
    world.cognito.script = lambda _request: answer({"AuthenticationResult": {**RESULT, "RefreshToken": "eyJ.new"}})
    reply = await world.rest("POST", "/auth/refresh", {"refreshToken": TOKEN, "deviceKey": "us-east-1_a1"})
    assert reply.json["tokens"]["refreshToken"] == "eyJ.new"
    assert world.cognito.bodies[0]["DeviceKey"] == "us-east-1_a1"


async def test_the_cookie_refreshes_for_a_page_of_this_origin(world: World) -> None:
    """The page never sees the refresh token; the cookie lives on from here, with the new token where there is one."""
    reply = await post(world, "refresh", {"cookie": cookie(world)})
    assert (reply.status, reply.json["cookie"]) == (200, True)
    assert "refreshToken" not in reply.json["tokens"]
    assert reply.headers["set-cookie"].startswith(f"{cookie(world)}; Max-Age=2592000; Path=/; Secure; HttpOnly;")
    assert world.cognito.bodies == [{"RefreshToken": TOKEN, "ClientId": world.mint.client_id}]
    world.cognito.script = lambda _request: answer({"AuthenticationResult": {**RESULT, "RefreshToken": "eyJ.new"}})
    reply = await post(world, "refresh", {"cookie": cookie(world)}, {})
    assert "refreshToken" not in reply.json["tokens"]
    assert reply.headers["set-cookie"].startswith(cookie(world, "eyJ.new") + ";")
    assert TOKEN not in b"".join(world.sink.lines).decode() + "".join(world.logged)


async def test_a_token_of_the_body_may_move_into_the_cookie(world: World) -> None:
    """And goes before a cookie that is there."""
    reply = await post(
        world, "refresh", {"cookie": cookie(world)}, {"refreshToken": "eyJ.body", "username": "ann", "cookie": True}
    )
    assert reply.headers["set-cookie"].startswith(cookie(world, "eyJ.body") + ";")
    assert world.cognito.bodies[0]["RefreshToken"] == "eyJ.body"


@pytest.mark.parametrize("path", ["refresh", "sign-out"])
@pytest.mark.parametrize(
    ("headers", "status", "reason"),
    [
        ({"origin": "https://evil.example"}, 403, "cookie-origin"),
        ({"origin": "null"}, 403, "cookie-origin"),
        ({"sec-fetch-site": "same-site"}, 403, "cookie-origin"),
        ({"content-type": "text/plain"}, 415, "content-type"),
        ({"cookie": "__Host-gateway-refresh=a::b; __Host-gateway-refresh=a::b"}, 400, "cookie-twice"),
        ({"cookie": "__Host-gateway-refresh=rubbish"}, 400, "cookie"),
    ],
)
async def test_a_cookie_is_used_for_nobody_else(
    world: World, path: str, headers: dict[str, str], status: int, reason: str
) -> None:
    """R-17: a forged request brings the cookie and gets nothing; it is written down, and Cognito hears nothing."""
    reply = await post(world, path, {"cookie": cookie(world)} | headers)
    assert reply.status == status
    assert world.reason == reason
    assert not world.cognito.requests


async def test_without_a_token_there_is_nothing_to_refresh(world: World) -> None:
    """What a page asks when it is opened: 401 says that somebody has to sign in."""
    bodies: tuple[dict[str, Any] | None, ...] = (None, {})
    for body in bodies:
        reply = await post(world, "refresh", {}, body)
        assert (reply.status, reply.json["type"]) == (401, "NotAuthorizedException")
        assert world.reason == "no-token"
    assert (await world.rest("POST", "/auth/refresh", {}, headers={"origin": "https://app.example.com"})).status == 401
    plain = f"gateway-refresh={cookie(world).partition('=')[2]}"  # what a page over plain HTTP may have left behind
    assert (await post(world, "refresh", {"cookie": plain})).status == 401
    assert not world.cognito.requests


@pytest.mark.parametrize(
    ("type_", "message", "status", "set_cookie"),
    [
        ("NotAuthorizedException", "Refresh Token has been revoked", 401, GONE),
        ("NotAuthorizedException", "Refresh Token has expired", 401, GONE),
        ("NotAuthorizedException", "Invalid Refresh Token.", 401, GONE),
        ("NotAuthorizedException", "Unable to verify secret hash for client 1example", 401, None),
        ("NotAuthorizedException", "SecretHash does not match for the client: 1example", 401, None),
        ("NotAuthorizedException", "User is disabled.", 401, None),
        ("RefreshTokenReuseException", "Refresh token has been revoked", 400, None),
        ("UnsupportedOperationException", "Refresh token rotation is enabled", 400, None),
        ("UserLambdaValidationException", "Refresh Token has expired", 400, None),
        ("TooManyRequestsException", "Rate exceeded", 429, None),
    ],
)
async def test_a_cookie_that_cognito_takes_no_more_is_forgotten(
    world: World, type_: str, message: str, status: int, set_cookie: str | None
) -> None:
    """A dead refresh token does not come back with every request; nothing else loses a live one.

    Neither a throttle, nor a wrong secret in the settings, nor the second of two tabs that refresh at once. A dead
    token of the body says nothing of the cookie.
    """
    world.cognito.script = lambda _request: refusal(type_, message)
    reply = await post(world, "refresh", {"cookie": cookie(world)})
    assert (reply.status, reply.headers.get("set-cookie")) == (status, set_cookie)
    reply = await post(world, "refresh", {"cookie": cookie(world)}, {"refreshToken": "eyJ.body"})
    assert (reply.status, reply.headers.get("set-cookie")) == (status, None)


async def test_a_request_that_is_wrong_loses_no_cookie(world: World) -> None:
    """Nothing was sent to Cognito: nobody has said anything of the cookie's token."""
    for path in ("refresh", "sign-out"):
        wrong = await post(world, path, {"cookie": cookie(world)}, {"nonsense": True})
        assert (wrong.status, wrong.headers.get("set-cookie")) == (400, None)


async def test_the_policy_may_open_only_one_of_the_two_ways() -> None:
    """Without GetTokensFromRefreshToken it is InitiateAuth's flow, which takes no name where there is no secret."""
    world = made(ONLY_INITIATE)
    await world.rest("POST", "/auth/refresh", {"refreshToken": TOKEN, "username": "ann", "deviceKey": "us-east-1_a1"})
    assert operation_of(world.cognito.requests[0]) == "InitiateAuth"
    assert world.cognito.bodies == [
        {
            "AuthFlow": "REFRESH_TOKEN_AUTH",
            "ClientId": world.mint.client_id,
            "AuthParameters": {"REFRESH_TOKEN": TOKEN, "DEVICE_KEY": "us-east-1_a1"},
        }
    ]


async def test_a_client_with_a_secret_refreshes_either_way() -> None:
    """By its secret; or by a SECRET_HASH, whose user the body or the cookie names: the name itself is not sent."""
    world = made(secret=True)
    await world.rest("POST", "/auth/refresh", {"refreshToken": TOKEN})
    assert world.cognito.bodies[0]["ClientSecret"] == SECRET
    world = made(ONLY_INITIATE, secret=True)
    missing = await world.rest("POST", "/auth/refresh", {"refreshToken": TOKEN})
    assert (missing.status, missing.json["member"]) == (400, "username")
    await world.rest("POST", "/auth/refresh", {"refreshToken": TOKEN, "username": "ann"})
    await post(world, "refresh", {"cookie": cookie(world)})
    expected = {"REFRESH_TOKEN": TOKEN, "SECRET_HASH": secret_hash(SECRET, "ann", world.mint.client_id)}
    assert [body["AuthParameters"] for body in world.cognito.bodies] == [expected, expected]


@pytest.mark.parametrize(
    ("path", "body", "member"),
    [
        ("refresh", {"refreshToken": "a b"}, "refreshToken"),
        ("refresh", {"refreshToken": 7}, "refreshToken"),
        ("refresh", {"token": "x"}, "token"),
        ("sign-out", {"everywhere": "yes"}, "everywhere"),
        ("sign-out", {"cookie": True}, "cookie"),
    ],
)
async def test_a_wrong_member_is_named(world: World, path: str, body: dict[str, Any], member: str) -> None:
    """R-10: and written down."""
    reply = await world.rest("POST", f"/auth/{path}", body)
    assert (reply.status, reply.json["member"]) == (400, member)
    assert world.entries[-1]["decision"]["allowed"] is False


async def test_signing_out_revokes_the_refresh_token(world: World) -> None:
    """The body's or the cookie's; the browser forgets the cookie; again it is done already."""
    assert (await world.rest("POST", "/auth/sign-out", {"refreshToken": "eyJ.body"})).status == 204
    reply = await post(world, "sign-out", {"cookie": cookie(world)}, {})
    assert (reply.status, reply.body, reply.headers["set-cookie"]) == (204, b"", GONE)
    client = world.mint.client_id
    assert world.cognito.bodies == [
        {"Token": "eyJ.body", "ClientId": client},
        {"Token": TOKEN, "ClientId": client},
    ]
    again = await post(world, "sign-out", {}, {})
    assert (again.status, again.headers["set-cookie"]) == (204, GONE)
    assert len(world.cognito.requests) == 2
    assert (await world.rest("POST", "/auth/sign-out")).status == 204


async def test_signing_out_everywhere_needs_the_bearer(world: World) -> None:
    """GlobalSignOut: the gateway takes none of the user's tokens after it, the one that asked included."""
    nobody = await world.rest("POST", "/auth/sign-out", {"everywhere": True})
    assert (nobody.status, world.reason) == (401, "no-token")
    token = world.token()
    reply = await world.rest("POST", "/auth/sign-out", {"everywhere": True}, token, headers=PAGE)
    assert (reply.status, reply.headers["set-cookie"]) == (204, GONE)
    assert operation_of(world.cognito.requests[-1]) == "GlobalSignOut"
    assert world.cognito.bodies == [{"AccessToken": token}]
    assert (await world.rest("GET", "/me", None, token)).status == 401
    assert world.reason == "revoked"


async def test_a_bearer_that_is_not_accepted_loses_no_cookie(world: World) -> None:
    """Whether the gateway or Cognito refuses it: nobody spoke of the cookie's token, by which the page may refresh."""
    now = int(world.mint.now)
    headers = PAGE | {"cookie": cookie(world)}
    for bearer in (None, world.mint.access(exp=now - 1, iat=now - 100), world.mint.id()):
        reply = await world.rest("POST", "/auth/sign-out", {"everywhere": True}, bearer, headers=headers)
        assert (reply.status, reply.headers.get("set-cookie")) == (401, None)
    assert not world.cognito.requests
    world.cognito.script = lambda _request: refusal("NotAuthorizedException", "Access Token has been revoked")
    reply = await world.rest("POST", "/auth/sign-out", {"everywhere": True}, world.token(), headers=headers)
    assert (reply.status, reply.headers.get("set-cookie"), len(world.cognito.requests)) == (401, None, 1)


@pytest.mark.parametrize(
    ("text", "status"), [("Invalid Refresh Token", 401), ("Unable to verify secret hash for client 1example", 400)]
)
async def test_a_sign_out_hears_401_of_its_token_only(world: World, text: str, status: int) -> None:
    """What is wrong in the settings is no reason to sign in again."""
    world.cognito.script = lambda _request: refusal("NotAuthorizedException", text)
    reply = await world.rest("POST", "/auth/sign-out", {"refreshToken": TOKEN})
    assert (reply.status, reply.json["detail"]) == (status, text)


async def test_a_page_of_another_origin_signs_its_own_user_out(world: World) -> None:
    """By the bearer or a token of the body it may: no cookie is read or forgotten for it."""
    elsewhere = {"origin": "https://app.example.com", "host": "gw.example.com"}
    reply = await world.rest("POST", "/auth/sign-out", {"refreshToken": TOKEN}, headers=elsewhere)
    assert reply.status == 204
    assert "set-cookie" not in reply.headers


async def test_a_bearer_alone_does_not_say_what_is_to_end(world: World) -> None:
    """A page that thinks it has signed out and has not is worse than an error."""
    reply = await world.rest("POST", "/auth/sign-out", {}, world.token())
    assert (reply.status, reply.json["member"]) == (400, "refreshToken")
    assert not world.cognito.requests


async def test_what_the_policy_does_not_open_is_refused() -> None:
    """R-08: neither refreshing nor signing out without its operation in [public]; the body is not read."""
    world = made('[public]\nallow = ["SignUp"]\n')
    for path in ("refresh", "sign-out"):
        reply = await world.rest("POST", f"/auth/{path}", raw=b"rubbish")
        assert (reply.status, world.reason) == (401, "no-token")
    assert not world.cognito.requests


async def test_a_dry_run_ends_and_renews_nothing(world: World) -> None:
    """The cookie stays what it is."""
    for path in ("refresh", "sign-out"):
        reply = await post(world, path, {"cookie": cookie(world), "x-gateway-dry-run": "true"}, {})
        assert (reply.status, reply.json["allowed"]) == (200, True)
        assert "set-cookie" not in reply.headers
        reply = await post(world, path, {"x-gateway-dry-run": "true"}, {})  # and without one
        assert reply.status == (401 if path == "refresh" else 200)
        assert "set-cookie" not in reply.headers
    assert not world.cognito.requests
