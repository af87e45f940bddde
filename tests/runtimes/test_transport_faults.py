"""The contract of the `Transport` port: what a call raises, and that it ends in time."""

import asyncio
import gzip

import pytest

from gateway.runtimes.wire import MAX_HEAD_BYTES, MAX_HEADERS
from gateway.upstream import (
    AnswerTimeout,
    Broken,
    ConnectTimeout,
    NotSent,
    Origin,
)
from tests.runtimes.exchanges import (
    SOON,
    Closable,
    Open,
    answer_to,
    both_loops,
    post,
    refusal_of,
)
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

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
anyio_backend = both_loops


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
