"""Request smuggling: hundreds of spellings of Transfer-Encoding, each beside a length, and a request hidden behind it.

Two servers that disagree on where a body ends see different requests. The gateway refuses every spelling but the proper
one, so that whatever stands before it cannot disagree with it.
"""

from collections.abc import Callable

import pytest

from tests.blackbox import attacks
from tests.blackbox.gateways import Gateway
from tests.blackbox.wire import CONTENT_TYPE, TARGET, Response

Shape = Callable[[bytes, bytes, str], bytes]

pytestmark = pytest.mark.only("container", "Cloudflare's edge reads the bytes, and workerd is not it")

MUTATIONS = attacks.read("te-mutations")
PROPER = {
    "te-valueprefix1": "Transfer-Encoding:  chunked",
    "te-yelling": "TRANSFER-ENCODING: CHUNKED",
    "te-midspace-09": "Transfer-Encoding:\tchunked",
}
"""RFC 9112, 5 and 7: names and codings have no case, and white space may stand before a value: these are chunked."""

NOT_FRAMING = {"te-contentEnc": "Content-Encoding: chunked"}
"""RFC 9110, 8.4: says nothing of where a body ends; nobody reads it so. Its Content-Length is all there is."""

VICTIM = b'{"Username":"victim"}'
CHUNKED = b"2\r\n{}\r\n0\r\n\r\n"


def request(operation: str, *more: bytes, token: str | None = None) -> bytes:
    """A request's head, with an empty line only if `more` has one."""
    lines = [b"POST / HTTP/1.1", b"Host: gateway", f"X-Amz-Target: {TARGET}{operation}".encode()]
    lines.append(f"Content-Type: {CONTENT_TYPE}".encode())
    if token is not None:
        lines.append(f"Authorization: Bearer {token}".encode())
    return b"\r\n".join((*lines, *more))


def hidden(token: str | None) -> bytes:
    """The request that nobody is to see."""
    return request("AdminDeleteUser", b"Content-Length: %d" % len(VICTIM), b"", VICTIM, token=token)


def outer(line: bytes, length: int | None, body: bytes, token: str) -> bytes:
    """The request around it."""
    framing = (line,) if length is None else (b"Content-Length: %d" % length, line)
    return request("ListUsers", *framing, b"", body, token=token)


def lines(mutation: dict[str, str]) -> set[bytes]:
    """The mutation in each encoding that it can be written in."""
    text = mutation["header_line"]
    return {text.encode("latin-1", "replace"), text.encode("utf-8")}


def in_one_chunk(hid: bytes) -> bytes:
    """The hidden request as a chunk."""
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(hid), hid)


def behind_the_chunks(line: bytes, hid: bytes, token: str) -> bytes:
    """The length counts everything, the chunks end before the hidden request."""
    return outer(line, len(CHUNKED) + len(hid), CHUNKED + hid, token)


def behind_the_length(line: bytes, hid: bytes, token: str) -> bytes:
    """The chunks hold the hidden request, the length ends before it."""
    body = in_one_chunk(hid)
    return outer(line, body.index(b"\r\n") + 2, body, token)


def behind_nothing(line: bytes, hid: bytes, token: str) -> bytes:
    """Only the chunks say where the body ends."""
    return outer(line, None, in_one_chunk(hid), token)


@pytest.mark.parametrize(
    "shape", [behind_the_chunks, behind_the_length, behind_nothing], ids=lambda shape: shape.__name__
)
def test_no_spelling_hides_a_request(gateway: Gateway, shape: Shape) -> None:
    """R-15: each spelling is answered once, with 400, and the connection closes; nothing reaches Cognito."""
    if not MUTATIONS:
        pytest.skip(attacks.NO_VECTORS)
    assert len(MUTATIONS) > 300
    token = gateway.token("admin")
    odd: dict[bytes, list[Response]] = {}
    for mutation in MUTATIONS:
        if mutation["id"] in NOT_FRAMING:
            continue
        for line in lines(mutation):
            found = gateway.send(shape(line, hidden(token), token), half_close=True)
            if [response.status for response in found] != [400]:
                odd[line] = found
    assert odd == {}
    assert gateway.stub.calls() == []


def test_the_second_request_never_uses_the_firsts_token(gateway: Gateway) -> None:
    """R-15: a spelling that is proper, or none, ends the body where it says; what follows needs a token of its own."""
    if not MUTATIONS:
        pytest.skip(attacks.NO_VECTORS)
    token = gateway.token("admin")
    served = set()
    for mutation in MUTATIONS:
        for line in lines(mutation):
            gateway.stub.reset()
            found = gateway.send(outer(line, None, CHUNKED + hidden(None), token), half_close=True)
            statuses = [response.status for response in found]
            assert [call.operation for call in gateway.stub.calls()] == ["ListUsers"] * statuses.count(200)
            assert statuses in ([400], [200, 401], [415, 400])
            if 200 in statuses:
                served.add(mutation["id"])
    assert served == set(PROPER)


def test_a_header_that_frames_nothing_changes_nothing(gateway: Gateway) -> None:
    """R-15: beside `Content-Encoding: chunked` the length decides: one refusal, then a request that is judged alone."""
    for line in NOT_FRAMING.values():
        gateway.stub.reset()
        raw = behind_the_length(line.encode(), hidden(None), gateway.token("admin"))
        found = gateway.send(raw, half_close=True)
        assert [response.status for response in found[:2]] == [415, 401]  # the rest of the chunk is no request
        assert 200 not in {response.status for response in found}
        assert gateway.stub.calls() == []


def test_two_lengths_and_every_kind_of_half_line_are_refused(gateway: Gateway) -> None:
    """R-15: what llhttp or its callers once accepted: twin and listed lengths, signs, bare CR and LF, folded lines."""
    token = gateway.token("admin")
    odd = [
        b"Content-Length: 2\r\nContent-Length: 2", b"Content-Length: 2, 2", b"Content-Length: +2",
        b"Content-Length: -2", b"Content-Length: 0x2", b"Content-Length: 2 2", b"Content-Length: ",
        b"Content-Length : 2",
        b"Content-Length: 2\r", b"Content-Length: 2\n", b"X: a\nContent-Length: 2",
        b"X: a\r\n Content-Length: 2\r\nContent-Length: 2", b"X: a\rContent-Length: 5\r\nContent-Length: 2",
        b"X: a\x00\r\nContent-Length: 2", b"X\x00: a\r\nContent-Length: 2",
        b": a\r\nContent-Length: 2", b"X a\r\nContent-Length: 2", b"Content-Length: \xb2", b"Content-Length: 2\x0b",
    ]  # fmt: skip
    for framing in odd:
        raw = request("ListUsers", framing, b"", b"{}", token=token) + hidden(token)
        found = gateway.send(raw, half_close=True)
        assert [response.status for response in found] == [400], framing
    assert gateway.stub.calls() == []
