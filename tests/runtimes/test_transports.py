"""The contract of the `Transport` port, kept by both transports on both event loops."""

import asyncio
import gzip
import pathlib
from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol

import pytest

from gateway.runtimes.httpx_transport import HttpxTransport
from gateway.runtimes.pool import Pool
from gateway.runtimes.wire import MAX_HEAD_BYTES, MAX_HEADERS
from gateway.upstream import (
    Answer,
    AnswerTimeout,
    Broken,
    ConnectTimeout,
    NotSent,
    Origin,
    Request,
    Transport,
)
from tests.runtimes.certificates import Authority, self_signed
from tests.runtimes.faulty import (
    Behaviour,
    Peer,
    answering,
    black_hole,
    closing,
    dripping,
    faulty_server,
    flooding,
    http,
    refusing,
    resetting,
    silent,
)

pytestmark = pytest.mark.anyio

HEADERS = (("X-Amz-Target", "AWSCognitoIdentityProviderService.ListUsers"), ("Authorization", "AWS4-HMAC-SHA256 x"))
BODY = b'{"UserPoolId":"us-east-1_DevPool01"}'
SOON = 0.15


class Closable(Transport, Protocol):
    """A transport of a runtime."""

    async def close(self) -> None:
        """Close all connections."""
        ...


Open = Callable[..., Closable]


@pytest.fixture(params=["asyncio", "uvloop"], scope="module")
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """The container runs on uvloop, tests and Windows on asyncio's own loop."""
    return "asyncio", {"use_uvloop": request.param == "uvloop"}


@pytest.fixture(params=[Pool, HttpxTransport])
async def open_transport(request: pytest.FixtureRequest) -> AsyncIterator[Open]:
    """Make transports of one kind, and close them after the test."""
    opened: list[Closable] = []

    def make(**arguments: Any) -> Closable:
        opened.append(request.param(**arguments))
        return opened[-1]

    yield make
    for transport in opened:
        await transport.close()


@pytest.fixture
async def transport(open_transport: Open) -> Closable:
    """A transport as it comes."""
    return open_transport()


@pytest.fixture(scope="module")
def authority() -> Authority:
    """A private certificate authority."""
    return Authority()


def post(origin: Origin, body: bytes = BODY) -> Request:
    """A signed call, as the pipeline makes it."""
    return Request(origin, HEADERS, body)


async def answer_to(transport: Transport, behaviour: Behaviour, **limits: Any) -> Answer:
    """The answer of a server that behaves so."""
    async with faulty_server(behaviour) as server:
        return await transport(post(server.origin), timeout_seconds=limits.pop("timeout_seconds", 2), **limits)


async def refusal_of(transport: Transport, behaviour: Behaviour, **limits: Any) -> Broken:
    """What a call raises when the exchange breaks; its connection is closed, and nothing was sent again."""
    async with faulty_server(behaviour) as server:
        with pytest.raises(Broken) as caught:
            await transport(post(server.origin), timeout_seconds=2, **limits)
        await server.until(lambda server: server.open == 0)
        assert len(server.requests) == 1
    return caught.value


# What is sent.


async def test_a_post_is_exactly_what_was_asked_for(transport: Closable) -> None:
    """The upstream sees the request line, our headers and the body, and nothing that a library adds (R-09)."""
    async with faulty_server(answering(http())) as server:
        await transport(post(server.origin), timeout_seconds=2)
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST / HTTP/1.1"
    assert sorted(lines[1:]) == sorted(
        [
            f"Host: 127.0.0.1:{server.port}",
            "Accept-Encoding: identity",
            f"Content-Length: {len(BODY)}",
            *(f"{name}: {value}" for name, value in HEADERS),
        ]
    )
    assert body == BODY


async def test_a_get_has_no_body_and_no_length(transport: Closable) -> None:
    """Keys are fetched with a plain GET of their path."""
    async with faulty_server(answering(http(b'{"keys":[]}'))) as server:
        request = Request(server.origin, (), b"", method="GET", path="/us-east-1_DevPool01/.well-known/jwks.json?a=%2F")
        assert (await transport(request, timeout_seconds=2)).body == b'{"keys":[]}'
    assert server.requests[0].startswith(b"GET /us-east-1_DevPool01/.well-known/jwks.json?a=%2F HTTP/1.1\r\n")
    assert b"content-length" not in server.requests[0].lower()


async def test_a_post_without_a_body_says_so(transport: Closable) -> None:
    """An empty POST has a Content-Length of 0, or its server would wait for more."""
    async with faulty_server(answering(http())) as server:
        await transport(post(server.origin, b""), timeout_seconds=2)
    assert b"\r\ncontent-length: 0\r\n" in server.requests[0].lower()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-A", "b\r\nX-Injected: 1"),
        ("X-A", "b\nc"),
        ("X-A", "b\rc"),
        ("X-A", "b\0c"),
        ("X-A", "sn\u2603wman"),
        ("X-A\r\nX-B", "b"),
        ("X A", "b"),
        ("", "b"),
        ("Host", "evil.example"),
        ("content-length", "0"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "X-Amz-Target"),
    ],
)
async def test_a_header_that_would_split_or_frame_is_never_sent(transport: Closable, name: str, value: str) -> None:
    """A value with a line end, or a header that is the transport's to write, is refused before anything is opened."""
    async with faulty_server(answering(http())) as server:
        request = Request(server.origin, (*HEADERS, (name, value)), BODY)
        with pytest.raises(ValueError, match="header") as caught:
            await transport(request, timeout_seconds=2)
        assert server.connections == 0
    assert "AWS4-HMAC" not in repr(caught.value)
    assert caught.value.__context__ is None or "AWS4-HMAC" not in repr(caught.value.__context__)


@pytest.mark.parametrize(("method", "path"), [("HEAD", "/"), ("GET", "/a b"), ("GET", "/a\r\nX: b"), ("GET", "a")])
async def test_a_request_line_that_is_not_one_is_never_sent(transport: Closable, method: str, path: str) -> None:
    """Only GET and POST, and only a path of visible characters, are written."""
    async with faulty_server(answering(http())) as server:
        with pytest.raises(ValueError, match="method, path or host"):
            await transport(Request(server.origin, (), b"", method=method, path=path), timeout_seconds=2)
        assert server.connections == 0


# What comes back.


async def test_an_answer_is_whole_and_its_names_are_lower_case(transport: Closable) -> None:
    """Status, body and headers come as they were; of a name that stands twice the last counts."""
    sent = http(b"no", "X-Amzn-RequestId: 1", "x-amzn-requestid: 2", "X-Space:  a \t", "X-Empty:", status="400 Bad")
    answer = await answer_to(transport, answering(sent))
    assert (answer.status, answer.body) == (400, b"no")
    assert answer.headers["x-amzn-requestid"] == "2"
    assert answer.headers["x-space"] == "a"
    assert answer.headers["x-empty"] == ""
    assert answer.headers["content-length"] == "2"


async def test_a_chunked_answer_is_put_together(transport: Closable) -> None:
    """A body that comes in chunks is one body; what its trailer says is not taken for a header."""
    chunked = (
        b"HTTP/1.1 200 OK\r\nX-Kind: head\r\nTransfer-Encoding: Chunked\r\n\r\n"
        b"3\r\nabc\r\n3;ext=1\r\ndef\r\n3\r\nghi\r\n0\r\nX-Kind: trailer\r\n\r\n"
    )

    async def behave(peer: Peer) -> None:
        await peer.request()
        for start in range(0, len(chunked), 7):
            await peer.send(chunked[start : start + 7])
            await asyncio.sleep(0)
        await peer.closed()

    answer = await answer_to(transport, behave)
    assert answer.body == b"abcdefghi"
    assert answer.headers["x-kind"] == "head"


async def test_a_page_of_html_is_an_answer(transport: Closable) -> None:
    """A captive proxy's page is for the pipeline to judge, not for the transport."""
    answer = await answer_to(transport, answering(http(b"<html>", "Content-Type: text/html", status="503 No")))
    assert (answer.status, answer.headers["content-type"], answer.body) == (503, "text/html", b"<html>")


async def test_an_answer_without_a_body_is_an_answer(transport: Closable) -> None:
    """204 has no body and needs no length."""
    answer = await answer_to(transport, answering(b"HTTP/1.1 204 No Content\r\n\r\n"))
    assert (answer.status, answer.body) == (204, b"")


async def test_a_redirect_is_not_followed(transport: Closable) -> None:
    """An upstream cannot send a signed request elsewhere: a 302 is an answer like any other (R-20, FAULT-20)."""
    async with faulty_server(answering(http())) as other:
        location = f"Location: http://127.0.0.1:{other.port}/latest/meta-data"
        answer = await answer_to(transport, answering(http(b"", location, status="302 Found")))
    assert answer.status == 302
    assert other.connections == 0


async def test_interim_answers_are_passed_over(transport: Closable) -> None:
    """100 and 103 are not the answer (HTTP-250)."""
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\nX-Early: 1\r\n\r\n"
    answer = await answer_to(transport, answering(interim + http(b"final")))
    assert (answer.status, answer.body) == (200, b"final")
    assert "x-early" not in answer.headers


async def test_a_cookie_is_not_sent_back(transport: Closable) -> None:
    """Nothing of one caller's answer goes into another's request."""
    async with faulty_server(answering(http(b"{}", "Set-Cookie: a=b; Path=/"))) as server:
        for _ in range(2):
            await transport(post(server.origin), timeout_seconds=2)
    assert b"cookie" not in server.requests[1].lower()


# What breaks.


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="closed without a word"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Le", id="half a head"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhal", id="half a body"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", id="no last chunk"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\nhello", id="an end that a cut would look like"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n", id="only an interim answer"),
        pytest.param(b"<html>hello</html>\r\n\r\n", id="not HTTP"),
        pytest.param(b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", id="not this HTTP"),
        pytest.param(b"HTTP/1.1 101 Go\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n", id="another protocol"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc", id="two lengths"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n", id="a length below nothing"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\nab\r\n0\r\n\r\n",
            id="a length and chunks",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", id="coded chunks"
        ),
    ],
)
async def test_what_is_not_a_whole_answer_is_none(transport: Closable, raw: bytes) -> None:
    """A cut answer, or one whose end is not certain, is never relayed as if it were whole (HTTP-242)."""
    assert not (await refusal_of(transport, closing(raw))).reused


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhal"], ids=["at once", "halfway"])
async def test_a_reset_breaks_the_exchange(transport: Closable, first: bytes) -> None:
    """A connection that is reset after the request was sent: it may have been carried out."""
    assert not (await refusal_of(transport, resetting(first))).reused


@pytest.mark.parametrize("chunked", [True, False], ids=["chunked", "announced"])
async def test_fifty_megabytes_are_not_read(transport: Closable, *, chunked: bool) -> None:
    """A huge answer costs no more memory than the cap: reading stops there (FAULT-21, HTTP-240)."""
    async with faulty_server(flooding(50_000_000, chunked=chunked)) as server:
        with pytest.raises(Broken) as caught:
            await transport(post(server.origin), timeout_seconds=5, max_answer_bytes=65536)
        await server.until(lambda server: server.open == 0)
        assert server.sent_bytes < 16_000_000  # what two sockets' buffers may hold
    assert caught.value.reason == "too_large"


async def test_the_cap_is_exact(transport: Closable) -> None:
    """A body of just the allowed size passes; one byte more does not."""
    answer = await answer_to(transport, answering(http(b"x" * 1000)), max_answer_bytes=1000)
    assert len(answer.body) == 1000
    assert (await refusal_of(transport, answering(http(b"x" * 1001)), max_answer_bytes=1000)).reason == "too_large"
    chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + b"x" * 1001 + b"\r\n0\r\n\r\n"
    assert (await refusal_of(transport, answering(chunks), max_answer_bytes=1000)).reason == "too_large"


async def test_an_answer_that_is_announced_as_too_large_is_not_waited_for(transport: Closable) -> None:
    """The length in its head is enough to refuse it."""

    async def announce(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n")
        await peer.closed()

    assert (await refusal_of(transport, announce)).reason == "too_large"


async def test_an_answer_without_a_status_is_not_waited_for(transport: Closable) -> None:
    """A status below 100 is neither an answer nor an interim one."""
    assert (await refusal_of(transport, answering(http(status="000 ?")))).reason == "not_http"


async def test_a_compressed_answer_is_refused(transport: Closable) -> None:
    """Nothing is unpacked, so nothing can explode (HTTP-241)."""
    bomb = gzip.compress(b"0" * 1_000_000)
    assert (await refusal_of(transport, answering(http(bomb, "Content-Encoding: gzip")))).reason == "encoded"


@pytest.mark.parametrize(
    "head",
    [
        pytest.param("".join(f"X-{n}: 1\r\n" for n in range(MAX_HEADERS + 1)), id="many"),
        pytest.param("X-Long: " + "a" * (MAX_HEAD_BYTES + 1) + "\r\n", id="long"),
        pytest.param("X-Endless: " + "a" * 1_000_000, id="endless"),
    ],
)
async def test_a_huge_head_is_refused(transport: Closable, head: str) -> None:
    """Headers are counted and measured: they are memory too (R-22)."""

    async def behave(peer: Peer) -> None:
        await peer.request()
        await peer.send(f"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{head}".encode())
        if head.endswith("\n"):
            await peer.send(b"\r\n")
        await peer.closed()

    await refusal_of(transport, behave)


# Time.


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(silent, id="silence"),
        pytest.param(dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n"), id="a dripping body"),
        pytest.param(dripping(b"HTTP/1.1 200 OK\r\nX-Slow: "), id="a dripping head"),
        pytest.param(dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), id="nothing but interim answers"),
    ],
)
async def test_an_answer_that_does_not_come_ends_the_call(transport: Closable, behaviour: Behaviour) -> None:
    """A silent or a slow upstream cannot hold a caller longer than the timeout of the whole call (R-20)."""
    async with faulty_server(behaviour) as server:
        with pytest.raises(AnswerTimeout):
            await transport(post(server.origin), timeout_seconds=SOON)
        await server.until(lambda server: server.open == 0)
        assert len(server.requests) == 1


@pytest.mark.parametrize(("connect", "total"), [(SOON, 5.0), (5.0, SOON)], ids=["connect timeout", "the call's"])
async def test_a_black_hole_ends_the_call_before_anything_is_sent(
    open_transport: Open, connect: float, total: float
) -> None:
    """An upstream whose packets vanish: the caller is told in time, and that nothing was sent (FAULT-02, R-20)."""
    with black_hole() as origin:
        if origin is None:
            pytest.skip("this system's listening sockets have no queue that fills")
        with pytest.raises(ConnectTimeout):
            await open_transport(connect_timeout_seconds=connect)(post(origin), timeout_seconds=total)


async def test_a_handshake_that_does_not_end_is_a_connection_that_was_not_made(open_transport: Open) -> None:
    """The connect timeout covers the TLS handshake."""

    async def mute(peer: Peer) -> None:
        await peer.closed()

    async with faulty_server(mute) as server:
        with pytest.raises(ConnectTimeout):
            await open_transport(connect_timeout_seconds=SOON)(
                post(Origin("https", "localhost", server.port)), timeout_seconds=5
            )
        await server.until(lambda server: server.open == 0)


async def test_a_call_without_time_is_not_sent(transport: Closable) -> None:
    """A call whose time is already over does not reach the upstream, though a connection is at hand."""
    async with faulty_server(answering(http())) as server:
        await transport(post(server.origin), timeout_seconds=2)
        with pytest.raises(ConnectTimeout):
            await transport(post(server.origin), timeout_seconds=0)
        await transport(post(server.origin), timeout_seconds=2)
        assert len(server.requests) == 2


async def test_a_caller_who_leaves_takes_the_connection_along(transport: Closable) -> None:
    """A cancelled call closes its connection and leaves nothing behind for the next (FAULT-34)."""
    async with faulty_server(silent) as server:
        call = asyncio.ensure_future(transport(post(server.origin), timeout_seconds=5))
        await server.until(lambda server: len(server.requests) == 1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await server.until(lambda server: server.open == 0)
        assert len(server.requests) == 1
    assert (await answer_to(transport, answering(http(b"next")))).body == b"next"


# Not sent at all.


async def test_a_refused_connection_is_safe_to_try_again(transport: Closable) -> None:
    """Nobody listens: no byte of the request left."""
    with refusing() as origin, pytest.raises(NotSent):
        await transport(post(origin), timeout_seconds=2)


async def test_a_name_that_cannot_be_resolved_is_not_sent(transport: Closable) -> None:
    """A label of 64 characters is no host name, and no resolver is asked."""
    with pytest.raises(NotSent):
        await transport(post(Origin("http", f"{'a' * 64}.example", 80)), timeout_seconds=2)


async def test_a_closed_transport_sends_nothing(transport: Closable) -> None:
    """After shutdown a late call fails cleanly."""
    async with faulty_server(answering(http())) as server:
        await transport(post(server.origin), timeout_seconds=2)
        await transport.close()
        await server.until(lambda server: server.open == 0)
        with pytest.raises(NotSent):
            await transport(post(server.origin), timeout_seconds=2)
        assert server.connections == 1


# Connections that are kept.


async def test_a_connection_serves_again(transport: Closable) -> None:
    """Calls one after another share a connection, and nothing of the one's answer is in the other's."""
    async with faulty_server(answering(http(b"1", "X-First: 1"), http(b"2", status="400 Bad"))) as server:
        first, second = [await transport(post(server.origin), timeout_seconds=2) for _ in range(2)]
    assert (first.status, first.body, "x-first" in first.headers) == (200, b"1", True)
    assert (second.status, second.body, "x-first" in second.headers) == (400, b"2", False)
    assert server.connections == 1


async def test_a_connection_that_was_closed_while_idle_is_replaced(transport: Closable) -> None:
    """The upstream's idle timeout is no error: where nothing was sent yet, a new connection is taken (FAULT-08)."""
    async with faulty_server(closing(http())) as server:
        for _ in range(3):
            assert (await transport(post(server.origin), timeout_seconds=2)).status == 200
            await server.until(lambda server: server.open == 0)
            await asyncio.sleep(0.02)
    assert server.connections == 3
    assert len(server.requests) == 3


async def test_a_connection_that_closes_as_the_request_arrives_is_told_apart(transport: Closable) -> None:
    """The request may have been carried out: it is not sent again, but that the cause was idleness is said (R-20)."""

    async def behave(peer: Peer) -> None:
        await peer.request()
        await peer.send(http())
        await peer.request()

    async with faulty_server(behave) as server:
        await transport(post(server.origin), timeout_seconds=2)
        with pytest.raises(Broken) as caught:
            await transport(post(server.origin), timeout_seconds=2)
        assert caught.value.reused
        assert len(server.requests) == 2


async def test_a_kept_connection_that_breaks_within_its_answer_is_not_told_apart(transport: Closable) -> None:
    """Once a part of the answer came, idleness was not the cause."""

    async def behave(peer: Peer) -> None:
        await peer.request()
        await peer.send(http())
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhal")

    async with faulty_server(behave) as server:
        await transport(post(server.origin), timeout_seconds=2)
        with pytest.raises(Broken) as caught:
            await transport(post(server.origin), timeout_seconds=2)
        assert not caught.value.reused


@pytest.mark.parametrize(
    "answer",
    [http(b"{}", "Connection: close"), http().replace(b"HTTP/1.1", b"HTTP/1.0", 1)],
    ids=["Connection: close", "HTTP/1.0"],
)
async def test_an_answer_that_ends_its_connection_does(transport: Closable, answer: bytes) -> None:
    """A server that says it will close is not sent another request."""
    async with faulty_server(answering(answer)) as server:
        for _ in range(2):
            await transport(post(server.origin), timeout_seconds=2)
        await server.until(lambda server: server.open == 0)
    assert server.requests_of == [1, 2]


# Trust.


async def test_a_private_authority_is_trusted_when_handed_in(open_transport: Open, authority: Authority) -> None:
    """TLS works, with the server's name verified, and its connection is kept."""
    async with faulty_server(answering(http(b"private")), tls=authority.serving("localhost")) as server:
        transport = open_transport(tls=authority.trusting())
        for _ in range(2):
            assert (await transport(post(server.origin), timeout_seconds=2)).body == b"private"
        await transport.close()
    assert server.connections == 1


async def test_a_self_signed_server_gets_no_request(transport: Closable) -> None:
    """A server that nobody vouches for learns nothing: no token, no signature, no body (FAULT-04)."""
    async with faulty_server(answering(http()), tls=self_signed("localhost")) as server:
        with pytest.raises(NotSent) as caught:
            await transport(post(server.origin), timeout_seconds=2)
        assert server.requests == []
    assert caught.value.reason == "tls"


@pytest.mark.parametrize("name", ["cognito-idp.us-east-1.example", "*.localhost", "127.0.0.2"])
async def test_a_server_of_another_name_gets_no_request(open_transport: Open, authority: Authority, name: str) -> None:
    """A good certificate for another host is a bad certificate (FAULT-04)."""
    async with faulty_server(answering(http()), tls=authority.serving(name)) as server:
        with pytest.raises(NotSent) as caught:
            await open_transport(tls=authority.trusting())(post(server.origin), timeout_seconds=2)
        assert server.requests == []
    assert caught.value.reason == "tls"


async def test_a_plain_server_on_a_tls_port_gets_no_request(transport: Closable) -> None:
    """There is no falling back to plain HTTP."""

    async def plain(peer: Peer) -> None:
        await peer.send(http())
        await peer.closed()

    async with faulty_server(plain) as server:
        with pytest.raises(NotSent):
            await transport(post(Origin("https", "localhost", server.port)), timeout_seconds=2)
        assert server.requests == []


async def test_the_environment_changes_nothing(
    open_transport: Open, authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    """Proxies, trusted roots and key logs that the environment names are not used (R-20: `trust_env` off)."""
    key_log, roots = tmp_path / "keys.log", tmp_path / "roots.pem"
    roots.write_text(authority.pem)
    async with faulty_server(answering(http(b"proxied"))) as proxy, faulty_server(answering(http(b"direct"))) as plain:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
            monkeypatch.setenv(name.upper(), f"http://127.0.0.1:{proxy.port}")
        for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
            monkeypatch.setenv(name, str(roots))
        monkeypatch.setenv("SSLKEYLOGFILE", str(key_log))
        context = authority.trusting()  # made as most would make it: with a key log
        assert context.keylog_filename == str(key_log)
        opened = key_log.stat().st_size

        assert (await open_transport()(post(plain.origin), timeout_seconds=2)).body == b"direct"
        async with faulty_server(answering(http(b"private")), tls=authority.serving("localhost")) as server:
            with pytest.raises(NotSent):
                await open_transport()(post(server.origin), timeout_seconds=2)
            assert (await open_transport(tls=context)(post(server.origin), timeout_seconds=2)).body == b"private"
        assert proxy.connections == 0
        assert key_log.stat().st_size == opened


@pytest.mark.parametrize("lenient", ["certificate", "host name"])
async def test_a_context_that_does_not_verify_is_refused(
    open_transport: Open, authority: Authority, lenient: str
) -> None:
    """There is no way to switch verification off (R-20)."""
    context = authority.trusting()
    context.check_hostname = False
    if lenient == "certificate":
        context.verify_mode = 0  # type: ignore[assignment]  # ssl.CERT_NONE, which the linter does not let one write
    with pytest.raises(ValueError, match="must verify"):
        open_transport(tls=context)
