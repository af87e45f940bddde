"""The refresh cookie: who gets one, who may use it, what it looks like."""

from typing import Any

import pytest

from gateway.api.auth import cookies
from gateway.api.auth.cookies import Kept, Page
from gateway.errors import Denied, InvalidRequest, UnsupportedMedia
from tests.world import Reply, World, answer, refusal

HERE = {"host": "gw.example.com", "origin": "https://gw.example.com", "content-type": "application/json"}
TOKEN = "eyJ.refresh-token_A.B.C="


def scope(*more: tuple[str, str], **over: str | None) -> dict[str, Any]:
    """A request from a page of this origin, but for what is said otherwise; None leaves a header out."""
    headers = HERE | {name.replace("_", "-"): value for name, value in over.items()}
    listed = [(name, value) for name, value in headers.items() if value is not None]
    return {"headers": [(name.encode(), value.encode()) for name, value in (*listed, *more)]}


def pair(set_cookie: str) -> str:
    """What a browser sends back of a Set-Cookie."""
    return set_cookie.partition(";")[0]


@pytest.mark.parametrize(
    ("host", "origin", "secure"),
    [
        ("gw.example.com", "https://gw.example.com", True),
        ("GW.example.com:443", "https://gw.example.com", True),
        ("gw.example.com:8443", "https://gw.example.com:8443", True),
        ("localhost:8787", "http://localhost:8787", False),
        ("127.0.0.1:8787", "http://127.0.0.1:8787", False),
        ("[::1]:8787", "http://[::1]:8787", False),
        ("console.localhost", "http://console.localhost", False),
        ("localhost:8787", "https://localhost:8787", True),
    ],
)
def test_a_page_of_this_origin_proves_itself(host: str, origin: str, secure: bool) -> None:  # noqa: FBT001 - a case
    """HTTPS, or plain HTTP on this machine, with the very host and port that were asked."""
    for site in ("same-origin", "none", None):
        assert cookies.page(scope(host=host, origin=origin, sec_fetch_site=site)) == Page(secure)


@pytest.mark.parametrize(
    "over",
    [
        {"origin": None},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "https://evil.example.com"},
        {"origin": "https://gw.example.com.evil.example"},
        {"origin": "https://gw.example.com:8443"},
        {"origin": "http://gw.example.com"},
        {"origin": "ftp://gw.example.com"},
        {"origin": "https://user@gw.example.com"},
        {"origin": "http://127.0.0.1.evil.example", "host": "127.0.0.1.evil.example"},
        {"origin": "http://10.0.0.1", "host": "10.0.0.1"},
        {"host": None},
        {"host": "other.example.com"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "Same-Origin, cross-site"},
    ],
)
def test_any_other_page_does_not(over: dict[str, str | None]) -> None:
    """R-17: no other origin, no scheme that is not protected, no sibling subdomain, and nothing that says nothing."""
    with pytest.raises(Denied) as refused:
        cookies.page(scope(**over))
    assert refused.value.reason == "cookie-origin"


def test_headers_that_come_twice_prove_nothing() -> None:
    """Which of two origins, hosts or sites is the page's is anybody's guess."""
    for name, value in (("origin", HERE["origin"]), ("host", HERE["host"])):
        with pytest.raises(Denied):
            cookies.page(scope((name, value)))
    with pytest.raises(Denied):
        cookies.page(scope(("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")))


@pytest.mark.parametrize("media", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
def test_only_json_has_the_cookie(media: str | None) -> None:
    """R-17: what a form of another page can send, and an empty body without a type, does not use the cookie."""
    with pytest.raises(UnsupportedMedia):
        cookies.page(scope(content_type=media))


def test_what_is_written_is_read_again() -> None:
    """The token, the client and the user's name, whatever letters it has; over HTTPS bound to this very host."""
    kept = Kept(TOKEN, "client0001", "Zoë/;, =:@example.com")
    for page in (Page(secure=True), Page(secure=False)):
        text = cookies.written(kept, page)
        assert text is not None
        assert cookies.read(scope(cookie=f"a=b; {pair(text)}; theme=dark"), page) == kept
        assert cookies.sent(scope(cookie=pair(text)))
    secure, plain = cookies.written(kept, Page(secure=True)), cookies.written(kept, Page(secure=False))
    assert secure is not None
    assert plain is not None
    assert secure.startswith("__Host-gateway-refresh=")
    assert secure.endswith("; Max-Age=2592000; Path=/; Secure; HttpOnly; SameSite=Strict")
    assert plain.startswith("gateway-refresh=")
    assert plain.endswith("; Max-Age=2592000; Path=/; HttpOnly; SameSite=Strict")
    assert cookies.forgotten(Page(secure=True)) == (
        "__Host-gateway-refresh=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Strict"
    )


def test_a_page_over_https_does_not_read_what_plain_http_can_write() -> None:
    """A cookie without the prefix may be anybody's on the network: it is none over HTTPS."""
    text = cookies.written(Kept(TOKEN, "client0001"), Page(secure=False))
    assert text is not None
    assert cookies.read(scope(cookie=pair(text)), Page(secure=True)) is None


def test_a_cookie_that_is_too_long_is_not_written() -> None:
    """4096 bytes are what every browser takes; what is longer would vanish without a word."""
    page = Page(secure=True)
    longest = next(size for size in range(4096, 0, -1) if cookies.written(Kept("x" * size, "client0001"), page))
    text = cookies.written(Kept("x" * longest, "client0001"), page)
    assert text is not None
    assert len(text) == 4096


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("__Host-gateway-refresh=a::b; __Host-gateway-refresh=a::b", "cookie-twice"),
        ("__Host-gateway-refresh=rubbish", "cookie"),
        ("__Host-gateway-refresh=", "cookie"),
        ("__Host-gateway-refresh=client:!:token", "cookie"),
        ("__Host-gateway-refresh=client:_w:token", "cookie"),
        ("__Host-gateway-refresh=client:a:token", "cookie"),
        ("__Host-gateway-refresh=client::token, __Host-gateway-refresh=client::other", "cookie"),
    ],
)
def test_a_cookie_that_is_not_clear_is_refused(value: str, reason: str) -> None:
    """R-15: two of them, or one that this gateway did not write: 400, and its value in no message (R-01)."""
    with pytest.raises(InvalidRequest) as refused:
        cookies.read(scope(cookie=value), Page(secure=True))
    assert refused.value.reason == reason
    assert "client" not in refused.value.message


def test_two_cookie_headers_are_read_as_one() -> None:
    """HTTP/2 may send each cookie in a header of its own (RFC 9113 section 8.2.3): twice is still twice."""
    text = "__Host-gateway-refresh=client::token"
    assert cookies.read(scope(("cookie", "a=b"), ("cookie", text)), Page(secure=True)) == Kept("token", "client")
    with pytest.raises(InvalidRequest):
        cookies.read(scope(("cookie", text), ("cookie", text)), Page(secure=True))
    assert cookies.read(scope(), Page(secure=True)) is None


def test_its_token_stands_in_no_repr() -> None:
    """R-01: a record that a defect's traceback may show."""
    assert TOKEN not in repr(Kept(TOKEN, "client0001"))


LONG = "e" * 4096
GONE = cookies.forgotten(Page(secure=True))


def kept_by(world: World, token: str, username: str) -> str:
    """The cookie as a browser sends it."""
    text = cookies.written(Kept(token, world.mint.client_id, username), Page(secure=True))
    if text is None:
        pytest.fail("it fits")
    return pair(text)


async def asked(path: str, body: dict[str, Any], **given: str) -> Reply:
    """What a browser with Bob's cookie gets of a Cognito that gives these tokens to Ann."""
    world = World()
    result = {"AccessToken": world.mint.access(username="ann"), "ExpiresIn": 3600, "TokenType": "Bearer", **given}
    world.cognito.script = lambda _request: answer({"AuthenticationResult": result})
    return await world.rest("POST", f"/auth/{path}", body, headers=HERE | {"cookie": kept_by(world, "eyJ.bob", "bob")})


@pytest.mark.parametrize(
    ("path", "body", "given"),
    [
        ("sign-in", {"username": "ann", "password": "Passw0rd!"}, {"RefreshToken": LONG}),
        ("sign-in", {"username": "ann", "password": "Passw0rd!"}, {}),
        ("challenge", {"username": "ann", "challenge": "SMS_MFA", "code": "123456"}, {"RefreshToken": LONG}),
        ("refresh", {}, {"RefreshToken": LONG}),
        ("refresh", {"refreshToken": "eyJ.ann"}, {"RefreshToken": LONG}),
        ("refresh", {"refreshToken": LONG}, {}),
    ],
)
async def test_whoever_gets_no_cookie_does_not_keep_another_s(
    path: str, body: dict[str, Any], given: dict[str, str]
) -> None:
    """Ann signs in where Bob's cookie is, and hers does not fit: the next refresh must not make her Bob."""
    reply = await asked(path, body | {"cookie": True}, **given)
    assert (reply.status, reply.json["cookie"], reply.headers["set-cookie"]) == (200, False, GONE)
    assert reply.json["tokens"].get("refreshToken") == given.get("RefreshToken")


async def test_a_cookie_that_holds_what_is_refreshed_stays() -> None:
    """No new token came: it is as good as before. And nobody who asked for no cookie loses one."""
    reply = await asked("refresh", {})
    assert reply.json["cookie"] is True
    assert pair(reply.headers["set-cookie"]).endswith(":eyJ.bob")
    reply = await asked("refresh", {"refreshToken": "eyJ.ann"}, RefreshToken="eyJ.new")
    assert (reply.json["cookie"], reply.json["tokens"]["refreshToken"]) == (False, "eyJ.new")
    assert "set-cookie" not in reply.headers


async def test_a_cookie_that_cannot_be_written_anew_stays_as_it_is() -> None:
    """The name that the new access token says may be longer than the one that the cookie has."""
    world, page = World(), Page(secure=True)
    client = world.mint.client_id
    longest = next(size for size in range(4096, 0, -1) if cookies.written(Kept("x" * size, client), page))
    result = {"AccessToken": world.mint.access(username="ann"), "ExpiresIn": 3600}
    world.cognito.script = lambda _request: answer({"AuthenticationResult": result})
    headers = HERE | {"cookie": kept_by(world, "x" * longest, "")}
    reply = await world.rest("POST", "/auth/refresh", {}, headers=headers)
    assert (reply.status, reply.json["cookie"], reply.headers.get("set-cookie")) == (200, True, None)


@pytest.mark.parametrize(
    ("type_", "message", "status", "set_cookie"),
    [
        ("UnsupportedOperationException", "This operation is not supported for this client.", 400, GONE),
        ("UnsupportedTokenTypeException", "Unsupported token type", 400, GONE),
        ("UnauthorizedException", "The token was not issued to this client.", 400, GONE),
        ("UnauthorizedException", "Invalid client or secret", 400, None),
        ("TooManyRequestsException", "Rate exceeded", 429, None),
    ],
)
async def test_a_browser_can_sign_out_where_cognito_revokes_nothing(
    type_: str, message: str, status: int, set_cookie: str | None
) -> None:
    """The refusal is told, for the token lives on; the browser has it no more, unless asking again may help."""
    world = World()
    world.cognito.script = lambda _request: refusal(type_, message)
    headers = HERE | {"cookie": kept_by(world, TOKEN, "ann")}
    reply = await world.rest("POST", "/auth/sign-out", {}, headers=headers)
    assert (reply.status, reply.json["type"], reply.headers.get("set-cookie")) == (status, type_, set_cookie)
    reply = await world.rest("POST", "/auth/sign-out", {"refreshToken": "eyJ.body"}, headers=headers)
    assert (reply.status, reply.headers.get("set-cookie")) == (status, None)


@pytest.mark.parametrize(
    ("body", "token", "username", "set_cookie"),
    [
        ({"refreshToken": TOKEN}, TOKEN, "", GONE),
        ({"refreshToken": TOKEN}, "eyJ.bob", "bob", None),
        ({"everywhere": True}, "eyJ.ann", "ann", GONE),
        ({"everywhere": True}, "eyJ.bob", "bob", None),
        ({"everywhere": True}, "eyJ.who", "", None),
        ({"everywhere": True, "refreshToken": TOKEN}, "eyJ.ann", "ann", GONE),
        ({"refreshToken": TOKEN}, None, "", GONE),
    ],
)
async def test_a_sign_out_leaves_the_cookie_of_another_session(
    body: dict[str, Any], token: str | None, username: str, set_cookie: str | None
) -> None:
    """What is forgotten and not revoked would live on where nobody can end it. What no gateway wrote may go."""
    world = World()
    cookie = "__Host-gateway-refresh=rubbish" if token is None else kept_by(world, token, username)
    bearer = world.token(username="ann")
    reply = await world.rest("POST", "/auth/sign-out", body, bearer, headers=HERE | {"cookie": cookie})
    assert (reply.status, reply.headers.get("set-cookie")) == (204, set_cookie)
    assert len(world.cognito.requests) == 1
