"""What the pool promises beyond the port: which connection a call gets, how many there are, how they end."""

import asyncio
import gc
import re
import socket

import pytest

from gateway.runtimes.pool import Pool
from gateway.upstream import (
    NotSent,
    Origin,
)
from tests.runtimes.certificates import Authority
from tests.runtimes.exchanges import (
    OpenPool,
    both_loops,
    calls,
    echo,
    echo_after,
    post,
)
from tests.runtimes.faulty import (
    answering,
    closing,
    faulty_server,
    http,
    refusing,
    silent,
)

pytestmark = pytest.mark.anyio
anyio_backend = both_loops


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
        lane = pool._lanes[server.origin]
        lane._idle[0]._transport.close()
        assert lane.take(lane.loop.time()) is None
        await calls(pool, server, 1)
    assert server.requests_of == [1, 2]


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
