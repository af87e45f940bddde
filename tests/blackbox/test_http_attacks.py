"""What an attacker may send: targets, headers, methods, paths, types, encodings, bodies and raw bytes.

Each case says which statuses are right and what may reach Cognito; where the contract decides otherwise, `DECIDED` has
the sentence.
"""

import gzip

import pytest

from tests.blackbox import attacks, wire
from tests.blackbox.attacks import ATTACKS, Attack, check_upstream
from tests.blackbox.gateways import Gateway
from tests.blackbox.rest import problem
from tests.blackbox.wire import CONTENT_TYPE

SLOW = "HTTP-207-cl-lie-long"
DECIDED: dict[str, tuple[set[int], str]] = {
    "HTTP-015-space-end": ({200}, "RFC 9110, 5.5: white space around a value is no part of it"),
    "HTTP-189-case-key": ({400}, "body is not what the operation takes: 400 (names the member, not its value)"),
    "HTTP-195-deep-100k": ({413}, "body too large: 413"),
    "HTTP-188-dup-escaped": ({400}, "R-10: duplicate keys are refused"),
    SLOW: ({408}, "R-16: time to send a request"),
    "HTTP-209-half-close": ({400, 408}, "R-15: a request reaches the application whole or not at all"),
}
"""Cases whose own words name no status, or another one, and the sentence that decides."""

ON_EDGE: dict[str, tuple[set[int | None], str]] = {
    "HTTP-068-upgrade-ws": ({405}, "the platform makes a GET of every upgrade to a WebSocket"),
    "HTTP-090-connect": ({500}, "the platform answers a CONNECT itself: no Worker is asked"),
    SLOW: ({None}, "the time for a request is the platform's to keep, and workerd keeps none"),
    "two bearers in one": ({400}, "the platform joins two headers of one name so: they count as the two they may be"),
}
"""Where a Worker's verdict is another one, because of what its platform makes of a request before it."""

PATIENCE_SECONDS = {"container": 40.0, "edge": 5.0}
CUT = {"HTTP-206-cl-lie-short", "HTTP-209-half-close", SLOW}
ELSEWHERE = {"CORS", "RESP", "LEAK", "CONFIG"}  # test_cors.py, test_http_answers.py


def expected(attack: Attack, gateway: Gateway) -> set[int | None]:
    """The statuses that are right."""
    if gateway.runtime == "edge" and attack.id in ON_EDGE:
        return ON_EDGE[attack.id][0]
    return {*(DECIDED[attack.id][0] if attack.id in DECIDED else attack.statuses)}


def sent(attack: Attack, gateway: Gateway) -> bytes:
    """The attack's request."""
    return wire.request(
        None,
        attack.body,
        attack.token(gateway),
        headers=attack.headers,
        method=attack.members["method"],
        path=attack.members["path"],
    )


def test_every_attack_has_a_test() -> None:
    """Nothing of the file is left out, and no decision is kept for a case that is gone."""
    if not ATTACKS:
        pytest.skip(attacks.NO_VECTORS)
    assert {attack.kind for attack in ATTACKS} == {
        "TARGET",
        "INJECT",
        "METHOD",
        "PATH",
        "CTYPE",
        "CENC",
        "BODY",
        "RAW",
    } | (ELSEWHERE)
    assert set(DECIDED) | CUT | set(ON_EDGE) <= {attack.id for attack in ATTACKS} | set(CARRIERS)
    assert all(attack.statuses for attack in ATTACKS if attack.kind not in ELSEWHERE and attack.id not in DECIDED)


@attacks.of("TARGET", "INJECT", "METHOD", "PATH", "CTYPE")
def test_nothing_but_the_judged_call_goes_up(gateway: Gateway, attack: Attack) -> None:
    """R-08, R-09, R-16: twins, injected headers, odd methods and paths are refused, or change nothing that is sent."""
    kept = any(name == "Connection" for name, _ in attack.headers)
    found = gateway.send(sent(attack, gateway), half_close=kept)
    assert len(found) == 1
    assert found[0].status in expected(attack, gateway)
    assert not gateway.fails(found[0])
    calls = gateway.stub.calls()
    if attack.members["expect_upstream"] == "none" and 200 not in expected(attack, gateway):
        assert calls == []
    assert len(calls) == (found[0].status == 200)
    for call in calls:
        check_upstream(gateway, call)
    assert b"attacker" not in found[0].body
    assert attack.members["method"] != "TRACE" or not found[0].body


@attacks.of("CENC")
def test_nothing_is_unpacked(gateway: Gateway, attack: Attack) -> None:
    """R-16: a compressed body is refused by its header: a bomb of a gigabyte costs nothing."""
    found = gateway.send(sent(attack, gateway))
    assert [response.status for response in found] == [415]
    assert gateway.stub.calls() == []


def test_a_small_bomb_is_not_unpacked_either(gateway: Gateway) -> None:
    """R-16: fifty megabytes that fit into the limit of a body."""
    bomb = gzip.compress(b"{" + b" " * 50_000_000 + b"}", 9)
    assert len(bomb) < attacks.MAX_BODY_BYTES
    for declared in ("gzip", "x-gzip", "GZIP", "identity, gzip", "br", "zstd", "aws-chunked", "identity"):
        found = gateway.call("ListUsers", bomb, gateway.token("admin"), headers={"Content-Encoding": declared})
        assert found.status == 415
    assert gateway.call("ListUsers", bomb, gateway.token("admin")).status == 400
    assert gateway.stub.calls() == []


@attacks.of("BODY", but=CUT)
def test_what_could_be_read_in_two_ways_never_goes_up(gateway: Gateway, attack: Attack) -> None:
    """R-10, R-11: not JSON, a member twice, another pool in disguise, too deep, too large: refused, never sent."""
    found = gateway.send(sent(attack, gateway))
    assert len(found) == 1
    assert found[0].status in expected(attack, gateway)
    assert not gateway.fails(found[0])
    assert gateway.stub.calls() == []
    assert b"OTHER" not in found[0].body


@attacks.of("BODY", but={attack.id for attack in ATTACKS} - CUT | {SLOW})
def test_a_body_that_is_shorter_or_longer_than_declared_is_not_acted_on(gateway: Gateway, attack: Attack) -> None:
    """R-15: a body cut by its length is no JSON; a caller that hangs up in the middle of one has asked for nothing."""
    cut = attack.members["body"] == "@halfclose"
    length = str(len(attack.body) + (40 if cut else -5))
    raw = wire.request(None, attack.body, attack.token(gateway), headers=[*attack.headers, ("Content-Length", length)])
    found = gateway.send(raw, half_close=cut)
    assert found[0].status in expected(attack, gateway) | ({None} if cut else set())
    assert gateway.stub.calls() == []


@pytest.mark.slow
@attacks.the(SLOW)
def test_a_body_that_never_comes_is_not_waited_for_for_ever(gateway: Gateway, attack: Attack) -> None:
    """R-16: who declares more than it sends has asked for nothing, and hears so when the time for a request is over."""
    length = str(len(attack.body) + 5)
    raw = wire.request(None, attack.body, attack.token(gateway), headers=[*attack.headers, ("Content-Length", length)])
    found = gateway.send(raw, timeout_seconds=PATIENCE_SECONDS[gateway.runtime])
    assert {response.status for response in found} == expected(attack, gateway)
    assert gateway.stub.calls() == []


def armed(raw: str) -> str:
    """The attack as its author meant it: nothing but the framing is wrong with it."""
    if "Host: gw\r\n" not in raw:
        return raw
    headers = "" if "@TOKEN@" in raw else "Authorization: Bearer @TOKEN@\r\n"
    return raw.replace("Host: gw\r\n", f"Host: gw\r\nContent-Type: {CONTENT_TYPE}\r\n{headers}", 1)


@pytest.mark.parametrize("weapon", [str, armed], ids=["as it stands", "armed"])
@attacks.of("RAW")
def test_bytes_that_two_servers_could_read_differently_are_refused(
    gateway: Gateway, attack: Attack, weapon: type[str]
) -> None:
    """R-15: two lengths, length and chunks, folded lines, bare CR, NUL: refused; never two calls for one token."""
    raw = weapon(attack.members["raw"]).replace("@TOKEN@", gateway.token("admin"))
    found = gateway.send(raw.encode(), half_close=True)
    assert found[-1].status is None or found[-1].status in expected(attack, gateway)
    calls = gateway.stub.calls()
    if "pipeline" in attack.id:
        assert [response.status for response in found] == [200 if weapon is armed else 415, 401]
    else:
        assert len(found) == 1
    assert len(calls) == sum(response.status == 200 for response in found)
    assert gateway.stub.calls("AdminDeleteUser") == []


TOO_MUCH = {
    "a hundred and one headers": ([(f"x-{number}", "a") for number in range(101)], "/", 431),
    "a header of 40 KiB": ([("x-a", "a" * 40_960)], "/", 431),
    "a name of 40 KiB": ([("x" * 40_960, "a")], "/", 431),
    "forty headers of 1 KiB": ([(f"x-{number}", "a" * 1024) for number in range(40)], "/", 431),
    "a path of 9 KiB": ([], "/" + "a" * 9216, 414),
    "a query of 9 KiB": ([], "/?" + "a" * 9216, 414),
}


@pytest.mark.parametrize("what", TOO_MUCH)
def test_a_head_that_is_too_large_is_refused(gateway: Gateway, what: str) -> None:
    """R-16: headers are counted and weighed before anything is made of them; the refusal has its path's shape."""
    headers, path, status = TOO_MUCH[what]
    raw = wire.request("ListUsers", attacks.JSON_BODY, gateway.token("admin"), headers=headers, path=path)
    found = gateway.send(raw)
    assert [response.status for response in found] == [status]
    if path.startswith("/a"):
        assert problem(found[0])["type"] == "RequestEntityTooLargeException"
    else:
        assert found[0].json["__type"] == found[0].headers["x-amzn-errortype"]
    assert gateway.stub.calls() == []


def test_an_eight_kilobyte_token_still_fits(gateway: Gateway) -> None:
    """R-16: the limits leave room for the largest tokens that Cognito makes."""
    token = gateway.token("admin", **{"custom:filler": "a" * 5300})
    assert 7_000 < len(token) <= 8192
    assert gateway.call("ListUsers", attacks.JSON_BODY, token).status == 200


AWS4 = (
    "AWS4-HMAC-SHA256 Credential=gateway/20261121/eu-west-1/cognito-idp/aws4_request, SignedHeaders=host, Signature=00"
)
CARRIERS = {
    "a bearer": ([("Authorization", "Bearer {t}")], 200),
    "the session token of an SDK": ([("Authorization", AWS4), ("X-Amz-Security-Token", "{t}")], 200),
    "the session token alone": ([("x-amz-security-token", "{t}")], 200),
    "a signature without one": ([("Authorization", AWS4)], 401),
    "a session token beside another scheme": ([("Authorization", "Basic eDp5"), ("X-Amz-Security-Token", "{t}")], 401),
    "a bearer and a session token": ([("Authorization", "Bearer {t}"), ("X-Amz-Security-Token", "{t}")], 400),
    "two bearers": ([("Authorization", "Bearer {t}"), ("Authorization", "Bearer {t}")], 400),
    "two bearers in one": ([("Authorization", "Bearer {t}, Bearer {t}")], 401),
    "two session tokens": ([("X-Amz-Security-Token", "{t}"), ("X-Amz-Security-Token", "{t}")], 400),
    "a twin with underscores": ([("Authorization", "Bearer {t}"), ("X_Amz_Security_Token", "{t}")], 400),
    "a cookie": ([("Cookie", "token={t}")], 401),
    "the query": ([("Referer", "/?X-Amz-Security-Token={t}")], 401),
}


@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_token_is_taken_from_one_place(gateway: Gateway, carrier: str) -> None:
    """R-08: a bearer, or what an SDK sends as its session token; two in one request are refused."""
    headers, status = CARRIERS[carrier]
    token = gateway.token("admin")
    sent = [(name, value.replace("{t}", token)) for name, value in headers]
    path = f"/?X-Amz-Security-Token={token}" if carrier == "the query" else "/"
    found = gateway.call("ListUsers", attacks.JSON_BODY, headers=sent, path=path)
    right = ON_EDGE[carrier][0] if gateway.runtime == "edge" and carrier in ON_EDGE else {status}
    assert found.status in right
    assert len(gateway.stub.calls()) == (status == 200)
