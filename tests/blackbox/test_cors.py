"""Which pages may call from a browser: exact origins, judged the same in the preflight, the answer and the error."""

import pytest

from tests.blackbox import attacks, wire
from tests.blackbox.attacks import JSON_BODY, Attack, check_upstream
from tests.blackbox.gateways import ORIGIN, Gateway
from tests.blackbox.wire import Response

METHODS = "GET, POST, PUT, PATCH, DELETE"
LINE_BREAK = "a line break ends a header (RFC 9112, 5): what arrives is the allowed origin, and one more"
DECIDED = {
    "HTTP-171-method-del": "CORS for the allowed origins: methods GET, POST, PUT, PATCH, DELETE",
    "HTTP-164-preflight-crlf": LINE_BREAK,
}
"""Cases whose note the contract, or the wire, overrules: here the right answer has the CORS headers."""

SDK = "amz-sdk-invocation-id,amz-sdk-request,authorization,content-type,x-amz-date,x-amz-target,x-amz-user-agent"
PREFLIGHTS = {
    "Chrome, a hand-written client": [
        ("Origin", ORIGIN), ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "authorization,content-type,x-amz-target"),
        ("Sec-Fetch-Mode", "cors"), ("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Dest", "empty"),
        ("Referer", f"{ORIGIN}/"), ("Accept", "*/*"), ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ],
    "Chrome, AWS SDK for JavaScript v3": [
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", f"{SDK},x-amz-content-sha256,x-amz-security-token"),
        ("Origin", ORIGIN), ("Sec-Fetch-Mode", "cors"), ("Access-Control-Request-Private-Network", "true"),
    ],
    "Firefox, AWS SDK for JavaScript v3": [
        ("Accept", "*/*"), ("Accept-Language", "en-US,en;q=0.5"), ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", f"{SDK},x-amz-security-token"),
        ("Referer", f"{ORIGIN}/"), ("Origin", ORIGIN), ("DNT", "1"), ("Priority", "u=4"),
    ],
    "Safari, with spaces after the commas": [
        ("Access-Control-Request-Headers", "Authorization, Content-Type, Idempotency-Key, X-Gateway-Dry-Run"),
        ("Access-Control-Request-Method", "POST"), ("Origin", ORIGIN), ("Accept", "*/*"),
    ],
    "a REST client that deletes": [
        ("Origin", ORIGIN), ("Access-Control-Request-Method", "DELETE"),
        ("Access-Control-Request-Headers", "authorization,x-request-id"),
    ],
}  # fmt: skip


def granted(response: Response) -> dict[str, str]:
    """The CORS headers of an answer."""
    return {name: value for name, value in response.headers.items() if name.startswith("access-control-")}


def check_preflight(response: Response, asked: str) -> None:
    """Hold a granted preflight to what a browser needs, and to nothing more."""
    assert response.status == 204
    assert response.body == b""
    assert response.headers["vary"] == "Origin"
    found = granted(response)
    assert found["access-control-allow-origin"] == ORIGIN
    assert found["access-control-allow-methods"] == METHODS
    allowed = {name.strip() for name in found["access-control-allow-headers"].split(",")}
    assert {name.strip().lower() for name in asked.split(",") if name} <= allowed
    assert "access-control-allow-credentials" not in found
    assert "*" not in "".join(found.values())


@attacks.of("CORS")
def test_only_the_allowed_origin_may_call(gateway: Gateway, attack: Attack) -> None:
    """R-17: no origin but the exact one gets a CORS header, however it is spelt; a preflight calls nothing."""
    method = attack.members["method"]
    raw = wire.request(
        None, attack.body, attack.token(gateway), headers=attack.headers, method=method, path=attack.members["path"]
    )
    found = gateway.send(raw)
    assert len(found) == 1
    assert found[0].status in attack.statuses
    origins = [value for name, value in attack.headers if name == "Origin"]
    allowed = origins == [ORIGIN] or attack.id in DECIDED
    calls = gateway.stub.calls()
    if method == "OPTIONS":
        assert calls == []
    for call in calls:
        check_upstream(gateway, call)
    if not allowed:
        assert granted(found[0]) == {}
    elif method == "OPTIONS":
        check_preflight(found[0], dict(attack.headers).get("Access-Control-Request-Headers", ""))
    else:
        assert granted(found[0])["access-control-allow-origin"] == ORIGIN
        assert "access-control-allow-credentials" not in found[0].headers
    assert found[0].status == 400 or found[0].headers["vary"] == "Origin"
    assert "x" not in found[0].headers  # what was smuggled in behind an origin
    assert len(calls) == (method == "POST" and attack.members["token"] is not None)


@pytest.mark.parametrize("browser", PREFLIGHTS)
def test_browsers_may_send_what_sdks_need(gateway: Gateway, browser: str) -> None:
    """R-17: the preflights as browsers write them are granted, header by header."""
    headers = PREFLIGHTS[browser]
    gateway.call("ListUsers", JSON_BODY, gateway.token("admin"))  # the keys have been fetched by now
    gateway.stub.reset()
    found = gateway.call(None, b"", headers=headers, method="OPTIONS")
    check_preflight(found, dict(headers)["Access-Control-Request-Headers"])
    assert gateway.stub.calls() == []
    assert gateway.stub.key_fetches == 0


def test_a_page_can_read_the_answer_and_every_error(gateway: Gateway) -> None:
    """R-17: 200, 400, 401, 403, 415 and 502 all carry the origin, so that a page can tell its user what is wrong."""
    admin = gateway.token("admin")
    page = [("Origin", ORIGIN)]
    found = [
        gateway.call("ListUsers", JSON_BODY, admin, headers=page),
        gateway.call("ListUsers", b"x", admin, headers=page),
        gateway.call("ListUsers", JSON_BODY, None, headers=page),
        gateway.call("AdminCreateUser", JSON_BODY, admin, headers=page),
        gateway.call("ListUsers", JSON_BODY, admin, headers=[*page, ("Content-Type", "text/plain")]),
        gateway.call("ListUsers", JSON_BODY + b" " * 70_000, admin, headers=page),
    ]
    assert [response.status for response in found] == [200, 400, 401, 403, 415, 413]
    for response in found:
        assert response.headers["access-control-allow-origin"] == ORIGIN
        assert "x-amzn-errortype" in response.headers["access-control-expose-headers"]


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_what_a_browser_sends_without_asking_is_never_acted_on(gateway: Gateway, content_type: str) -> None:
    """R-17: the types of a simple request get 415, with a good token too: no page acts behind its user's back."""
    headers = [("Origin", "https://attacker.example"), ("Content-Type", content_type)]
    found = gateway.call("ListUsers", JSON_BODY, gateway.token("admin"), headers=headers)
    assert found.status == 415
    assert gateway.stub.calls() == []
