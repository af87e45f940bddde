"""Requests that nobody thought of: a good one with a few bytes inserted, removed or changed; the same in every run."""

import random

import pytest

from tests.blackbox import wire
from tests.blackbox.gateways import Gateway

PIECES = [
    b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b",", b";", b"\x00", b"\xff", b"\x7f", b"_", b"-", b"{", b"}", b"[", b'"',
    b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Host: x\r\n", b"Connection: keep-alive\r\n",
    b"X-Amz-Target: AWSCognitoIdentityProviderService.AdminDeleteUser\r\n", b"Expect: 100-continue\r\n",
    b"Upgrade: h2c\r\nConnection: upgrade\r\n", b"0\r\n\r\n", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"Content-Encoding: gzip\r\n",
]  # fmt: skip
TARGETS = [
    b"*", b"?", b"/#", b"http://", b"//", b"http:///", b"https://x", b"/;a", b"/\xff", b"/%", b"/%zz", b"/?", b"/??",
    b"/?\xff", b"http://[::1", b"http://a:b@c/", b"http://x:99999/", b"http://x:-1/", b"mailto:a", b"a", b"*/", b"/ /",
    b"http://x?", b"http://x#", b"http://x/?a#b", b"/./", b"http://x",
]  # fmt: skip


def mutant(raw: bytes, token: bytes, luck: random.Random) -> bytes:
    """A request with up to three changes, none of them in the token: that would only ever be a 401."""
    found = bytearray(raw)
    ends = (raw.index(token), raw.index(token) + len(token))
    for _ in range(luck.randint(1, 3)):
        at = min(luck.choice([luck.randrange(ends[0]), luck.randrange(ends[1], len(raw))]), len(found) - 1)
        how = luck.random()
        if how < 0.5:
            found[at:at] = luck.choice(PIECES)
        elif how < 0.75:
            del found[at : at + luck.randint(1, 20)]
        else:
            found[at] = luck.randrange(256)
    return bytes(found)


def check(gateway: Gateway, raw: bytes) -> None:
    """Send it: never a 5xx, never a mutation, never more than one call, never one that was not answered with 200."""
    gateway.stub.reset()
    found = gateway.send(raw, half_close=True)
    statuses = [response.status for response in found]
    calls = gateway.stub.calls()
    assert not any(gateway.fails(response) for response in found), raw
    assert len(calls) <= min(1, statuses.count(200)), raw
    assert all(call.operation == "AdminGetUser" for call in calls), raw


@pytest.mark.parametrize("seed", range(3))
def test_a_request_that_is_slightly_wrong(gateway: Gateway, seed: int) -> None:
    """R-15, R-16: hundreds of slips and tricks: refused, or the one call that was allowed; nothing is thrown."""
    luck = random.Random(seed)  # noqa: S311 - no secret
    token = gateway.token("admin")
    raw = wire.request("AdminGetUser", b'{"Username":"bob"}', token)
    for _ in range(300):
        check(gateway, mutant(raw, token.encode(), luck))
    assert gateway.call("AdminGetUser", b'{"Username":"bob"}', token).status == 200


@pytest.mark.parametrize("method", ["POST", "OPTIONS", "GET", "HEAD", "CONNECT", "PUT"])
def test_a_target_of_any_shape(gateway: Gateway, method: str) -> None:
    """R-09, R-16: absolute, empty, broken and foreign targets; what is served goes to Cognito's own address."""
    raw = wire.request("AdminGetUser", b'{"Username":"bob"}', gateway.token("admin"))
    for target in TARGETS:
        check(gateway, raw.replace(b"POST / ", method.encode() + b" " + target + b" ", 1))
        assert all(call.line == "POST / HTTP/1.1" for call in gateway.stub.calls())
