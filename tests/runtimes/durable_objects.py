"""Durable Objects over SQLite in this process, and isolates that share one."""

import asyncio
import itertools
import sqlite3
import time
from collections.abc import Callable
from typing import Any

from gateway.runtimes.durable_object import ObjectState
from gateway.runtimes.durable_remote import DurableRemote
from gateway.store import Rate, SharedStore, shared
from tests.minting import Clock
from tests.store.fake_remote import MINUTE


class Disk:
    """A Durable Object's storage."""

    def __init__(self, once: "Disk | None" = None) -> None:
        """Empty, or as another is now."""
        # One thread at a time uses it, but the garbage collector closes it in whichever thread runs it.
        self.sqlite = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        if once is not None:
            once.sqlite.backup(self.sqlite)
        self.asked: list[str] = []
        self.woken_at: list[float] = []
        self.broken: str | None = None  # statements that begin so fail

    def __del__(self) -> None:
        """Close it."""
        self.sqlite.close()

    def exec(self, statement: str, *values: str | float) -> list[Any]:
        """See `Storage.exec`."""
        self.asked.append(statement)
        if self.broken is not None and statement.startswith(self.broken):
            raise sqlite3.OperationalError("database or disk is full")
        return self.sqlite.execute(statement, values).fetchall()

    def wake(self, at: float) -> None:
        """See `Storage.wake`."""
        self.woken_at.append(at)

    def rows(self, table: str) -> int:
        """How many rows a table has."""
        return int(self.sqlite.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0])  # noqa: S608 - the test's


_EPOCHS = itertools.count(1)


class Home:
    """Where one object lives: it can be put to sleep, lose its disk, and go back in time. Its clock is a value."""

    def __init__(self, now: Callable[[], float] | None = None) -> None:
        """An object that nobody has called yet."""
        self.clock = Clock(time.time())
        self._now = now if now is not None else self.clock
        self.disk = Disk()
        self.calls = 0
        self.failing: list[Exception] = []  # each call raises the next of them
        self.answer: Any = None  # instead of the object's
        self.hanging = False
        self.restart()

    def restart(self, disk: Disk | None = None) -> None:
        """Start the object anew, on its own disk or on another."""
        self.disk = self.disk if disk is None else disk
        self.state = ObjectState(self.disk, now=self._now, new_epoch=lambda: f"epoch-{next(_EPOCHS)}")

    async def call(self, text: str) -> str:
        """Ask the object, as a stub does: there is a way to it and back."""
        self.calls += 1
        await asyncio.sleep(3600 if self.hanging else 0)
        if self.failing:
            raise self.failing.pop(0)
        answer: str = self.state.call(text) if self.answer is None else self.answer
        await asyncio.sleep(0)
        return answer

    def remote(self, **options: Any) -> DurableRemote:
        """A remote over the object."""
        return DurableRemote(self.call, **options)


class Isolate:
    """One isolate's store over an object, with a clock and a log of its own."""

    def __init__(self, home: Home) -> None:
        """Isolates share a home."""
        self.remote = home.remote()
        self.clock = Clock(time.time())
        self.log: list[str] = []
        self.store = SharedStore(self.remote, now=self.clock, monotonic=self.clock, log=self.log.append)

    async def take(self, key: str = "a", rate: Rate = MINUTE) -> float:
        """Take a turn."""
        return await self.store.take(key, rate, self.clock())

    async def probe(self) -> float:
        """Take a turn when a lost store may be asked again."""
        self.clock.tick(shared.PROBE_SECONDS)
        return await self.take()
