"""What the pool promises beyond the port: which connection a call gets, how many there are, and how they end."""

import asyncio
import gc
import re
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from gateway.runtimes.pool import Pool
from gateway.upstream import AnswerTimeout, Broken, ConnectTimeout, NotSent, Origin, Request
from tests.runtimes.certificates import Authority
from tests.runtimes.faulty import (
    FaultyServer,
    Peer,
    answering,
    closing,
    faulty_server,
    http,
    refusing,
    resetting,
    silent,
)

pytestmark = pytest.mark.anyio

OpenPool = Callable[..., Pool]


@pytest.fixture(params=["asyncio", "uvloop"], scope="module")
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """The container runs on uvloop, tests and Windows on asyncio's own loop."""
    return "asyncio", {"use_uvloop": request.param == "uvloop"}


@pytest.fixture
async def open_pool() -> AsyncIterator[OpenPool]:
    """Make pools and close them after the test."""
    opened: list[Pool] = []

    def make(**arguments: Any) -> Pool:
        opened.append(Pool(**arguments))
        return opened[-1]

    yield make
    for pool in opened:
        await pool.close()


def post(origin: Origin, body: bytes = b"{}") -> Request:
    """A call with a body of its own."""
    return Request(origin, (("X-Amz-Target", "AWSCognitoIdentityProviderService.ListUsers"),), body)


def body_of(raw: bytes) -> bytes:
    """The body of a raw request."""
    return raw.partition(b"\r\n\r\n")[2]


async def echo(peer: Peer) -> None:
    """Answer each request with its own body."""
    while True:
        await peer.send(http(body_of(await peer.request())))


def echo_after(seconds: float) -> Callable[[Peer], Any]:
    """Answer each request with its own body, a little later."""

    async def behave(peer: Peer) -> None:
        while True:
            raw = await peer.request()
            await asyncio.sleep(seconds)
            await peer.send(http(body_of(raw)))

    return behave


async def calls(pool: Pool, server: FaultyServer, count: int) -> None:
    """Make `count` calls at once; each must get its own answer."""

    async def call(number: int) -> None:
        body = b'{"n":%d}' % number
        assert (await pool(post(server.origin, body), timeout_seconds=10)).body == body

    await asyncio.gather(*(call(number) for number in range(count)))


# Which connection.


async def test_two_thousand_calls_in_a_row_share_one_connection(open_pool: OpenPool) -> None:
    """A connection is as good at its last call as at its first, and no answer is another call's."""
    pool = open_pool()
    async with faulty_server(echo) as server:
        for number in range(2000):
            body = b"%d" % number * (number % 7)
            assert (await pool(post(server.origin, body), timeout_seconds=5)).body == body
    assert server.connections == 1
    assert len(server.requests) == 2000
    assert (pool.opened, pool.reused) == (1, 1999)


async def test_the_connection_that_was_used_last_is_used_next(open_pool: OpenPool) -> None:
    """A quiet time uses few connections, so that the others can grow old and be closed."""
    pool = open_pool()
    async with faulty_server(echo_after(0.01)) as server:
        await calls(pool, server, 8)
        assert server.connections == 8
        for _ in range(20):
            await calls(pool, server, 1)
    assert len(set(server.requests_of[8:])) == 1
    assert (pool.opened, pool.reused) == (8, 20)


async def test_each_origin_has_its_own_connections(open_pool: OpenPool) -> None:
    """A request never goes to another host because a connection to it was free."""
    pool = open_pool()
    async with faulty_server(answering(http(b"one"))) as one, faulty_server(answering(http(b"two"))) as two:
        for _ in range(2):
            assert (await pool(post(one.origin), timeout_seconds=2)).body == b"one"
            assert (await pool(post(two.origin), timeout_seconds=2)).body == b"two"
    assert (one.connections, two.connections) == (1, 1)
    assert (pool.opened, pool.reused) == (2, 2)


async def test_requests_are_not_held_back_by_the_kernel(open_pool: OpenPool) -> None:
    """TCP_NODELAY is set: a small request does not wait for an earlier one's acknowledgement."""
    pool = open_pool()
    async with faulty_server(echo) as server:
        await calls(pool, server, 1)
        (connection,) = pool._lanes[server.origin]._idle
        sock = connection._transport.get_extra_info("socket")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


# How many, and for how long.


async def test_five_hundred_calls_at_once_make_no_more_connections_than_allowed(open_pool: OpenPool) -> None:
    """A burst queues for connections instead of opening one each; every call gets its own answer (R-22)."""
    pool = open_pool(max_connections=20)
    async with faulty_server(echo_after(0.002)) as server:
        await calls(pool, server, 500)
        assert server.most_open == 20
    assert server.connections == 20
    assert len(set(server.requests)) == len(server.requests) == 500


async def test_idle_connections_are_bounded(open_pool: OpenPool) -> None:
    """After a burst only so many connections are kept."""
    pool = open_pool(max_idle=3)
    async with faulty_server(echo_after(0.02)) as server:
        await calls(pool, server, 12)
        await server.until(lambda server: server.open == 3)
        await calls(pool, server, 3)
    assert server.connections == 12


async def test_idle_connections_are_closed_after_a_while(open_pool: OpenPool) -> None:
    """What nobody uses is closed by us before the upstream does it, and the next call opens anew."""
    pool = open_pool(idle_seconds=0.05)
    async with faulty_server(echo_after(0.005)) as server:
        await calls(pool, server, 4)
        await server.until(lambda server: server.open == 0)
        assert pool._lanes[server.origin]._timer is None or await _timer_ends(pool, server.origin)
        await calls(pool, server, 1)
    assert server.connections == 5


async def _timer_ends(pool: Pool, origin: Origin) -> bool:
    async with asyncio.timeout(5):
        while pool._lanes[origin]._timer is not None:  # noqa: ASYNC110 - a timer has no event
            await asyncio.sleep(0.02)
    return True


async def test_a_connection_that_is_too_old_is_not_used_though_the_timer_was_late(open_pool: OpenPool) -> None:
    """A process that was asleep does not send on connections that the upstream has long forgotten."""
    pool = open_pool()
    async with faulty_server(echo) as server:
        await calls(pool, server, 1)
        pool._lanes[server.origin]._idle[0].idle_since -= 3600
        await calls(pool, server, 1)
    assert server.requests_of == [1, 2]


async def test_a_connection_that_is_about_to_close_is_not_used(open_pool: OpenPool) -> None:
    """A reset that the event loop has noticed and not told of yet costs no request."""
    pool = open_pool()
    async with faulty_server(echo) as server:
        await calls(pool, server, 1)
        pool._lanes[server.origin]._idle[0]._transport.close()
        await calls(pool, server, 1)
    assert server.requests_of == [1, 2]


async def test_a_call_that_finds_no_free_connection_in_time_is_not_sent(open_pool: OpenPool) -> None:
    """Waiting for a connection counts as the call's time."""
    pool = open_pool(max_connections=1)
    async with faulty_server(silent) as server:
        first = asyncio.ensure_future(pool(post(server.origin, b"first"), timeout_seconds=5))
        await server.until(lambda server: len(server.requests) == 1)
        with pytest.raises(ConnectTimeout) as caught:
            await pool(post(server.origin, b"second"), timeout_seconds=0.1)
        assert caught.value.reason == "no_free_connection"
        first.cancel()
        await asyncio.wait([first])
    assert [body_of(raw) for raw in server.requests] == [b"first"]


async def test_waiting_calls_are_served_in_their_order(open_pool: OpenPool) -> None:
    """The call that has waited longest gets the connection that becomes free, and late-comers stand behind it."""
    pool = open_pool(max_connections=1)
    async with faulty_server(echo_after(0.005)) as server:
        await calls(pool, server, 6)
    assert [body_of(raw) for raw in server.requests] == [b'{"n":%d}' % number for number in range(6)]


async def test_a_waiting_call_that_is_cancelled_leaves_the_queue(open_pool: OpenPool) -> None:
    """A caller who leaves while waiting neither holds a place nor takes a connection along."""
    pool = open_pool(max_connections=1)
    async with faulty_server(echo_after(0.05)) as server:
        waiting = [
            asyncio.ensure_future(pool(post(server.origin, b"%d" % number), timeout_seconds=5)) for number in range(4)
        ]
        await server.until(lambda server: len(server.requests) == 1)
        waiting[1].cancel()
        ends = await asyncio.gather(*waiting, return_exceptions=True)
        assert isinstance(ends[1], asyncio.CancelledError)
        assert [body_of(raw) for raw in server.requests] == [b"0", b"2", b"3"]
    assert server.connections == 1


async def test_a_call_that_is_cancelled_as_it_is_handed_a_connection_passes_it_on(open_pool: OpenPool) -> None:
    """Between being handed a connection and using it, a caller may leave: the next one gets it."""
    pool = open_pool(max_connections=1)
    async with faulty_server(echo) as server:
        lane = pool._open_lane(server.origin)
        first = await lane.acquire(lane.loop.time() + 5)
        second = asyncio.ensure_future(lane.acquire(lane.loop.time() + 5))
        third = asyncio.ensure_future(lane.acquire(lane.loop.time() + 5))
        await asyncio.sleep(0)
        lane.free(first)
        second.cancel()
        assert await third is first
        fourth = asyncio.ensure_future(lane.acquire(lane.loop.time() + 5))
        await asyncio.sleep(0)
        first.abort()  # now what is handed over is a slot
        fourth.cancel()
        await asyncio.wait([second, fourth])
        await calls(pool, server, 1)
    assert server.connections == 2


async def test_a_connection_that_dies_as_it_is_handed_over_is_replaced(open_pool: OpenPool) -> None:
    """A waiting call does not write to a connection that was closed in between."""
    pool = open_pool(max_connections=1)
    async with faulty_server(echo) as server:
        lane = pool._open_lane(server.origin)
        first = await lane.acquire(lane.loop.time() + 5)
        second = asyncio.ensure_future(lane.acquire(lane.loop.time() + 5))
        third = asyncio.ensure_future(lane.acquire(lane.loop.time() + 5))
        await asyncio.sleep(0)
        lane.free(first)
        first.abort()
        third.cancel()
        replaced = await second
        assert replaced is not first
        lane.free(first)  # of no more use
        lane.free(replaced)
        await asyncio.wait([third])
        await calls(pool, server, 1)
    assert server.connections == 2


async def test_failing_to_connect_takes_no_place_for_good(open_pool: OpenPool) -> None:
    """An outage of the upstream does not use the pool up: each waiting call learns of it, later calls go through."""
    pool = open_pool(max_connections=2)
    with refusing() as origin:
        ends = await asyncio.gather(*(pool(post(origin), timeout_seconds=5) for _ in range(10)), return_exceptions=True)
        assert [type(end) for end in ends] == [NotSent] * 10
        assert pool._lanes[origin]._slots == 2


async def test_broken_exchanges_take_no_place_for_good(open_pool: OpenPool) -> None:
    """Resets, timeouts and cancelled calls all give their connection's place back."""
    pool = open_pool(max_connections=2)
    async with faulty_server(resetting()) as server:
        ends = await asyncio.gather(
            *(pool(post(server.origin), timeout_seconds=5) for _ in range(6)), return_exceptions=True
        )
        assert [type(end) for end in ends] == [Broken] * 6
        assert len(server.requests) == 6
        assert pool._lanes[server.origin]._slots == 2
    async with faulty_server(silent) as server:
        ends = await asyncio.gather(
            *(pool(post(server.origin), timeout_seconds=0.05) for _ in range(2)), return_exceptions=True
        )
        assert [type(end) for end in ends] == [AnswerTimeout] * 2
        running = [asyncio.ensure_future(pool(post(server.origin), timeout_seconds=5)) for _ in range(3)]
        await server.until(lambda server: len(server.requests) == 4)
        for call in running:
            call.cancel()
        await asyncio.wait(running)
        await server.until(lambda server: server.open == 0)
        assert pool._lanes[server.origin]._slots == 2


async def test_a_caller_who_leaves_while_connecting_leaves_nothing(open_pool: OpenPool, authority: Authority) -> None:
    """A connection that was being made for a cancelled call is closed and its place given back."""
    pool = open_pool(tls=authority.trusting())

    async def mute(peer: Peer) -> None:
        await peer.closed()

    async with faulty_server(mute) as server:
        origin = Origin("https", "localhost", server.port)
        call = asyncio.ensure_future(pool(post(origin), timeout_seconds=5))
        await server.until(lambda server: server.open == 1)
        call.cancel()
        await asyncio.wait([call])
        await server.until(lambda server: server.open == 0)
        lane = pool._lanes[origin]
        assert (lane._slots, len(lane._connections), pool.opened) == (512, 0, 0)


@pytest.fixture(scope="module")
def authority() -> Authority:
    """A private certificate authority."""
    return Authority()


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


# What taints a connection.


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


# The end.


async def test_closing_ends_calls_under_way_and_all_connections(open_pool: OpenPool) -> None:
    """After `close` no socket is left open, and whoever still waited has been told."""
    pool = open_pool(max_connections=3)
    async with faulty_server(silent) as server:
        running = [asyncio.ensure_future(pool(post(server.origin), timeout_seconds=5)) for _ in range(5)]
        await server.until(lambda server: len(server.requests) == 3)
        await pool.close()
        assert not pool._lanes[server.origin]._connections
        ends = await asyncio.gather(*running, return_exceptions=True)
        await server.until(lambda server: server.open == 0)
        await pool.close()  # again does no harm
        assert sorted(type(end).__name__ for end in ends) == ["Broken"] * 3 + ["NotSent"] * 2
        assert server.connections == 3
        with pytest.raises(NotSent):
            await pool(post(Origin("http", "127.0.0.1", 1)), timeout_seconds=1)


async def test_a_connection_made_while_closing_is_closed(open_pool: OpenPool, authority: Authority) -> None:
    """A handshake that ends after `close` gives no connection."""
    pool = open_pool(tls=authority.trusting())
    async with faulty_server(answering(http()), tls=authority.serving("localhost")) as server:
        call = asyncio.ensure_future(pool(post(server.origin), timeout_seconds=5))
        await asyncio.sleep(0)
        await pool.close()
        with pytest.raises(NotSent):
            await call
        await server.until(lambda server: server.open == 0)
        assert server.requests == []
        assert pool._lanes[server.origin]._slots == 512


async def test_dead_connections_are_forgotten(open_pool: OpenPool) -> None:
    """A connection leaves no garbage that only the collector finds."""
    pool = open_pool()
    gc.collect()
    gc.disable()
    try:
        async with faulty_server(closing(http())) as server:
            for _ in range(3):
                await pool(post(server.origin), timeout_seconds=2)
                await server.until(lambda server: server.open == 0)
                await asyncio.sleep(0.02)
        left = [thing for thing in gc.get_objects() if re.fullmatch("Connection", type(thing).__name__)]
    finally:
        gc.enable()
    assert not [thing for thing in left if type(thing).__module__ == "gateway.runtimes.connection"]


def test_a_pool_belongs_to_one_event_loop() -> None:
    """Using a pool from a second event loop is a defect and says so."""
    pool = Pool()
    with refusing() as origin:

        async def call() -> None:
            with pytest.raises(NotSent):
                await pool(post(origin), timeout_seconds=2)

        asyncio.run(call())
        with pytest.raises(RuntimeError, match="event loop"):
            asyncio.run(call())
