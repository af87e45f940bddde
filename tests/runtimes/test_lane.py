"""The queue for the connections of one origin: its order, and that nothing takes a place for good."""

import asyncio

import pytest

from gateway.upstream import (
    AnswerTimeout,
    Broken,
    ConnectTimeout,
    NotSent,
    Origin,
)
from tests.runtimes.certificates import Authority
from tests.runtimes.exchanges import (
    OpenPool,
    body_of,
    both_loops,
    calls,
    echo,
    echo_after,
    post,
)
from tests.runtimes.faulty import (
    Peer,
    faulty_server,
    refusing,
    resetting,
    silent,
)

pytestmark = pytest.mark.anyio
anyio_backend = both_loops


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
        last = await lane.acquire(lane.loop.time() + 5)
        fifth = asyncio.ensure_future(lane.acquire(lane.loop.time() + 5))
        await asyncio.sleep(0)
        lane.free(last)
        last._transport.close()  # and now a connection that is about to close
        fifth.cancel()
        await asyncio.wait([fifth])
        assert (lane._slots, lane._idle) == (1, [])
        await calls(pool, server, 1)
    assert server.connections == 3


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
