"""What makes a connection unfit for another exchange, and what does not."""

import asyncio

import pytest

from gateway.upstream import (
    AnswerTimeout,
    Broken,
    ConnectTimeout,
    NotSent,
)
from tests.runtimes.exchanges import (
    OpenPool,
    both_loops,
    calls,
    echo,
    post,
)
from tests.runtimes.faulty import (
    Peer,
    answering,
    closing,
    faulty_server,
    http,
    resetting,
    silent,
)

pytestmark = pytest.mark.anyio
anyio_backend = both_loops


@pytest.mark.parametrize("unasked", [b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", b"\r\n", b"\0"])
async def test_bytes_that_nobody_asked_for_close_an_idle_connection(open_pool: OpenPool, unasked: bytes) -> None:
    """An answer in advance is not taken for the next caller's."""
    pool = open_pool()

    async def behave(peer: Peer) -> None:
        await peer.request()
        await peer.send(http(b"good"))
        if peer.number == 1:
            await asyncio.sleep(0.02)
            await peer.send(unasked)
        await peer.closed()

    async with faulty_server(behave) as server:
        assert (await pool(post(server.origin), timeout_seconds=2)).body == b"good"
        await server.until(lambda server: server.open == 0)
        assert (await pool(post(server.origin), timeout_seconds=2)).body == b"good"
    assert server.requests_of == [1, 2]


@pytest.mark.parametrize(
    "unasked",
    [b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", b"HTTP/1.1 200 OK\r\nX: ", b"H", b"garbage", b"\0"],
    ids=["an answer", "half an answer", "one byte", "garbage", "NUL"],
)
async def test_bytes_behind_an_answer_close_the_connection(open_pool: OpenPool, unasked: bytes) -> None:
    """Two answers in one piece: the first is the caller's, the second is nobody's, and neither headers nor body mix."""
    pool = open_pool()
    async with faulty_server(answering(http(b"good", "X-Kind: good") + unasked)) as server:
        for _ in range(2):
            answer = await pool(post(server.origin), timeout_seconds=2)
            assert (answer.status, answer.body, answer.headers["x-kind"]) == (200, b"good", "good")
            assert "x" not in answer.headers
        await server.until(lambda server: server.open == 0)
    assert server.requests_of == [1, 2]


async def test_a_server_that_speaks_first_is_not_spoken_to(open_pool: OpenPool) -> None:
    """Bytes before any request: the connection is not one of HTTP."""
    pool = open_pool()

    async def greet(peer: Peer) -> None:
        await peer.send(b"220 ready\r\n")
        await peer.closed()

    async with faulty_server(greet) as server:
        lane = pool._open_lane(server.origin)
        connection = await lane.acquire(lane.loop.time() + 5)
        lane.free(connection)
        await server.until(lambda server: server.open == 0)
        assert not connection.ready
        assert lane.take(lane.loop.time()) is None


async def test_an_answer_before_the_end_of_its_request_ends_the_connection(open_pool: OpenPool) -> None:
    """A server that answered without having read everything might read the rest as a request."""
    pool = open_pool()
    body = b"x" * 20_000_000

    async def hasty(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.send(http(b"early"))
        await asyncio.sleep(0.05)
        await peer.closed()

    async with faulty_server(hasty) as server:
        for _ in range(2):
            assert (await pool(post(server.origin, body), timeout_seconds=5)).body == b"early"
        await server.until(lambda server: server.open == 0)
    assert server.connections == 2


async def test_a_large_request_arrives_whole(open_pool: OpenPool) -> None:
    """What does not fit the socket's buffer follows, and the connection is kept."""
    pool = open_pool()
    body = b"y" * 3_000_000
    async with faulty_server(echo) as server:
        for _ in range(2):
            assert (await pool(post(server.origin, body), timeout_seconds=5)).body == body
    assert server.connections == 1


async def test_a_body_in_crumbs_is_refused(open_pool: OpenPool) -> None:
    """An answer that is mostly framing, a byte to a chunk, would cost far more than its size says (R-22)."""
    pool = open_pool()

    async def crumbs(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            await peer.send(b"1;padding=padding\r\nx\r\n" * 1000)

    async with faulty_server(crumbs) as server:
        with pytest.raises(Broken) as caught:
            await pool(post(server.origin), timeout_seconds=5)
        await server.until(lambda server: server.open == 0)
    assert caught.value.reason == "head_too_large"


async def test_no_request_is_written_twice(open_pool: OpenPool) -> None:
    """Whatever the upstream does, a request reaches it at most once (R-15, R-20)."""
    pool = open_pool(max_connections=4)
    faults = (closing(http(), http()), resetting(), closing(http(), b"HTTP/1.1 200 OK\r\n"), silent, closing(b""))

    async def behave(peer: Peer) -> None:
        await faults[peer.number % len(faults)](peer)

    async with faulty_server(behave) as server:
        ends = await asyncio.gather(
            *(pool(post(server.origin, b"%d" % number), timeout_seconds=0.5) for number in range(60)),
            return_exceptions=True,
        )
    failures = {type(end) for end in ends if isinstance(end, BaseException)}
    assert failures <= {Broken, NotSent, AnswerTimeout, ConnectTimeout}
    assert len(set(server.requests)) == len(server.requests)


async def test_an_answer_that_comes_as_its_caller_leaves_does_not_spoil_the_connection(open_pool: OpenPool) -> None:
    """Cancelled in the moment of the answer: the exchange is whole, so its connection may serve another call."""
    pool = open_pool()
    async with faulty_server(echo) as server:
        await calls(pool, server, 1)
        lane = pool._lanes[server.origin]
        connection = lane.take(lane.loop.time())
        assert connection is not None
        call = connection.exchange(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", lane.loop.time() + 5, 100)
        call.cancel()
        await server.until(lambda _: bool(lane._idle))
        connection.abandon(call)
        await calls(pool, server, 1)
    assert server.connections == 1
