"""Replicas that nobody calls: what they learn of a real Redis, pass on to it, and do before they end."""

import asyncio
import contextlib
import pathlib
import time
from collections.abc import AsyncIterator, Callable

import pytest

from gateway.caller import Caller
from gateway.runtimes import heartbeat
from gateway.runtimes.redis_store import RedisRemote
from gateway.store import Revocation, SharedStore
from tests.redis_server import running
from tests.runtimes.redis_replicas import NO_HANG_SECONDS, POOL_ID, signed_in_before_now


def signed_out(ann: Caller) -> list[Revocation]:
    """All that she has is refused."""
    return [Revocation("signed_out", ann.sub, time.time())]


@contextlib.asynccontextmanager
async def store(url: str, log: list[str]) -> AsyncIterator[SharedStore]:
    """A store by the real clocks, with nobody who calls."""
    remote = RedisRemote(url, POOL_ID)
    try:
        yield SharedStore(remote, now=time.time, monotonic=time.monotonic, log=log.append)
    finally:
        await remote.close()


@contextlib.asynccontextmanager
async def idle(url: str, log: list[str] | None = None) -> AsyncIterator[SharedStore]:
    """A replica that serves and has no callers."""
    told = list[str]() if log is None else log
    async with store(url, told) as found:
        beating = asyncio.create_task(heartbeat.beat(found, told.append))
        try:
            await eventually(lambda: found._epoch != "")
            yield found
        finally:
            beating.cancel()
            await asyncio.wait([beating])


async def eventually(holds: Callable[[], bool]) -> None:
    """Wait for it."""
    async with asyncio.timeout(NO_HANG_SECONDS):
        while not holds():  # noqa: ASYNC110 - a test asks, nobody tells
            await asyncio.sleep(0.02)


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """A heart that beats often: what is tested is that it beats."""
    monkeypatch.setattr(heartbeat, "BEAT_SECONDS", 0.05)


async def test_an_idle_replica_passes_on_what_it_revoked_while_redis_was_away(tmp_path: pathlib.Path) -> None:
    """R-13: disabled during an outage, by a replica that nobody calls afterwards: refused everywhere all the same."""
    ann, log = signed_in_before_now(), list[str]()
    with running(tmp_path, keeps_data=True) as server:
        async with idle(server.url, log) as here, idle(server.url) as there:
            server.kill()
            await here.revoke(signed_out(ann))
            assert not there.revocations.refuses(ann)
            server.start()
            await eventually(lambda: there.revocations.refuses(ann))
            await eventually(lambda: log[-1:] == ["the store is back"])


async def test_idle_replicas_tell_an_emptied_redis_what_they_know(tmp_path: pathlib.Path) -> None:
    """R-13: FLUSHALL, then a new replica: it learns who is signed out from replicas that nobody calls."""
    ann = signed_in_before_now()
    with running(tmp_path) as server:
        async with idle(server.url) as here:
            await here.revoke(signed_out(ann))
            server.ask("FLUSHALL")
            async with idle(server.url) as newcomer:
                await eventually(lambda: newcomer.revocations.refuses(ann))


async def test_a_defect_stops_no_heart() -> None:
    """Whatever goes wrong once is told by its kind, and the next beat comes."""
    beats, log = 0, list[str]()

    class Odd(SharedStore):
        async def refresh(self) -> None:
            nonlocal beats
            beats += 1
            raise ValueError("what nobody thought of")

    remote = RedisRemote("redis://127.0.0.1:1", POOL_ID)
    odd = Odd(remote, now=time.time, monotonic=time.monotonic, log=log.append)
    beating = asyncio.create_task(heartbeat.beat(odd, log.append))
    await eventually(lambda: beats > 2)
    beating.cancel()
    assert all(line.startswith("defect in the heartbeat: ValueError at ") for line in log)
    await asyncio.wait([beating])
    await remote.close()


async def test_what_is_owed_is_passed_on_before_the_end(tmp_path: pathlib.Path) -> None:
    """R-13: Redis is back and the replica stops before it has asked again: its revocation is not lost with it."""
    ann, log = signed_in_before_now(), list[str]()
    with running(tmp_path) as server:
        async with store(server.url, log) as here, store(server.url, []) as there:
            await here.refresh()
            server.kill()
            await here.revoke(signed_out(ann))
            server.start()
            await heartbeat.end(here, log.append)
            await there.refresh()
            assert there.revocations.refuses(ann)
            assert not any("not passed on" in line for line in log)


async def test_an_end_without_redis_says_what_is_lost(tmp_path: pathlib.Path) -> None:
    """The operator reads how many revocations the others never hear of; the end does not wait for ever."""
    log: list[str] = []
    with running(tmp_path) as server:
        async with store(server.url, log) as here:
            await heartbeat.end(here, log.append)
            await here.refresh()
            server.kill()
            await here.revoke(signed_out(signed_in_before_now()))
            async with asyncio.timeout(NO_HANG_SECONDS):
                await heartbeat.end(here, log.append)
            assert log[1:] == [
                "1 revocations were not passed on: other replicas accept those tokens until they end",
            ]
