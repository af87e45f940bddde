"""The contract of the `Transport` port: what is sent, what comes back, and which connections are kept."""

import asyncio

import pytest

from gateway.runtimes import connection, wire
from gateway.upstream import (
    Broken,
    Request,
)
from tests.runtimes.exchanges import (
    BODY,
    HEADERS,
    Closable,
    answer_to,
    both_loops,
    post,
)
from tests.runtimes.faulty import (
    Peer,
    answering,
    closing,
    faulty_server,
    http,
)

pytestmark = pytest.mark.anyio
anyio_backend = both_loops


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


async def test_names_that_are_never_the_same_do_not_fill_the_memory(
    transport: Closable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names of headers are remembered, because they are few; when they are not, they work all the same (R-22)."""
    monkeypatch.setattr(connection, "_MAX_NAMES", len(connection._known))
    monkeypatch.setattr(wire, "_MAX_NAMES", len(wire._known))
    async with faulty_server(answering(http(b"", "X-Never-Seen: a"))) as server:
        answer = await transport(Request(server.origin, (("X-Never-Sent", "b"),), b""), timeout_seconds=2)
    assert answer.headers["x-never-seen"] == "a"
    assert b"\r\nx-never-sent: b\r\n" in server.requests[0].lower()
    assert b"X-Never-Seen" not in connection._known
    assert "X-Never-Sent" not in wire._known


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
