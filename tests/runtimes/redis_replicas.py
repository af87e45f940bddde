"""Replicas over a Redis, and a thing that answers like a Redis that is not well."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator
from typing import Final, Self

from gateway.caller import Caller
from gateway.runtimes.redis_store import RedisRemote
from gateway.store import Rate, SharedStore, shared
from tests.minting import Clock
from tests.store.fake_remote import caller

POOL_ID: Final = "us-east-1_EXAMPLE"
PREFIX: Final = f"{{gateway:{POOL_ID}}}:"
PLENTY: Final = Rate(1_000_000, 60.0)
NO_HANG_SECONDS: Final = 20.0  # far beyond every timeout, far below for ever


class RedisReplica:
    """One gateway's store over a Redis. Its own clock is a value: half a second of a loss passes by `probe`."""

    def __init__(self, url: str) -> None:
        """Nothing is connected yet."""
        self.remote = RedisRemote(url, POOL_ID)
        self.clock = Clock(time.time())
        self.log: list[str] = []
        self.store = SharedStore(self.remote, now=self.clock, monotonic=self.clock, log=self.log.append)

    async def __aenter__(self) -> Self:
        """Itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close its connections."""
        await self.remote.close()

    async def take(self, key: str = "a", rate: Rate = PLENTY) -> float:
        """Take a turn; hanging is a failure."""
        async with asyncio.timeout(NO_HANG_SECONDS):
            return await self.store.take(key, rate, self.clock())

    async def probe(self) -> float:
        """Take a turn when a lost store may be asked again."""
        self.clock.tick(shared.PROBE_SECONDS)
        return await self.take()

    async def fails(self) -> str:
        """Take a turn of a replica that has not heard of the store yet, and return what the log says."""
        await self.take()
        if not self.store.lost:
            raise AssertionError("the store is not lost")
        return self.log[-1]


def signed_in_before_now() -> Caller:
    """Somebody whose token is older than whatever is revoked in a test."""
    moment = time.time() - 60.0
    return caller(auth_time=moment, issued_at=moment)


@contextlib.asynccontextmanager
async def answering(data: bytes, *, close: bool = False, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """The URL of a thing that answers every script with `data`, and hangs up after it if told to."""
    open_ones: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_ones.add(writer)
        while asked := await reader.read(1 << 16):
            writer.write(b"+OK\r\n" * asked.count(b"SETINFO"))  # how the redis package says hello
            writer.write(data if b"EVAL" in asked else b"")
            await writer.drain()
            if close and b"EVAL" in asked:
                break
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield f"{'redis' if tls is None else 'rediss'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for writer in open_ones:
            writer.close()
        await asyncio.sleep(0)
