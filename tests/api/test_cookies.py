"""The refresh cookie: who gets one, who may use it, what it looks like."""

from typing import Any

import pytest

from gateway.api.auth import cookies
from gateway.api.auth.cookies import Kept, Page
from gateway.errors import Denied, InvalidRequest, UnsupportedMedia

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
