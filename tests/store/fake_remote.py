"""The other side of a shared store, in this process: loses its data, goes back in time, fails, hangs, loses answers."""

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from gateway.caller import Caller
from gateway.store import Kept, Rate, Revocation, SharedStore, StoreLost, Taken
from tests.minting import Clock

MINUTE: Final = Rate(60, 60.0)


@dataclass
class Shelf:
    """What is shared. `page` is how many revocations one exchange brings."""

    page: int = 1_000
    life: int = 1
    revocations: list[Revocation] = field(default_factory=list)
    kept: dict[str, Kept] = field(default_factory=dict)
    locks: dict[str, str] = field(default_factory=dict)

    def burn(self) -> None:
        """Lose everything, as a Redis without persistence does."""
        self.life += 1
        self.revocations.clear()
        self.kept.clear()
        self.locks.clear()


@dataclass
class FakeRemote:
    """`Remote` over a shelf. While `failing` every exchange fails; `answers_get_lost` does the deed and fails then."""

    shelf: Shelf
    failing: str | None = None
    fails_after: int | None = None  # so many exchanges more
    answers_get_lost: bool = False
    poisoned: str | None = None  # a key whose record can never be finished
    hanging: asyncio.Event | None = None
    late: asyncio.Event | None = None  # when what was done already is answered
    asked: list[str] = field(default_factory=list)
    told: list[tuple[Revocation, ...]] = field(default_factory=list)
    closed: bool = False

    async def _begin(self, what: str) -> None:
        self.asked.append(what)
        hanging = self.hanging
        if hanging is not None:
            await hanging.wait()
        if self.fails_after is not None:
            self.fails_after -= 1
            self.failing = "ConnectionError" if self.fails_after < 0 else None
        if self.failing is not None:
            raise StoreLost(self.failing)

    async def _end(self) -> None:
        if self.late is not None:
            await self.late.wait()
        if self.answers_get_lost:
            raise StoreLost("timeout")

    async def exchange(
        self, key: str | None, rate: Rate, *, epoch: str, position: str, revocations: Sequence[Revocation]
    ) -> Taken:
        """See `Remote.exchange`: of a rate of 13 turns the wait is 13 seconds, else none."""
        await self._begin("exchange" if key is None else f"take {key}")
        shelf = self.shelf
        self.told.append(tuple(revocations))
        start = int(position or "0") if epoch == str(shelf.life) else 0
        if start > len(shelf.revocations):
            shelf.life += 1
            start = 0
        shelf.revocations.extend(new for new in revocations if new not in shelf.revocations)
        found = shelf.revocations[start : start + shelf.page]
        end = start + len(found)
        wait = 13.0 if rate.turns == 13 else 0.0
        taken = Taken(wait, str(shelf.life), str(end), tuple(found), more=end < len(shelf.revocations))
        await self._end()
        return taken

    async def begin(self, key: str, mine: Kept) -> Kept | None:
        """See `Remote.begin`."""
        await self._begin(f"begin {key}")
        found = self.shelf.kept.setdefault(key, mine)
        await self._end()
        return None if found.owner == mine.owner and found.reply is None else found

    async def finish(self, key: str, done: Kept) -> None:
        """See `Remote.finish`."""
        await self._begin(f"finish {key}")
        if key == self.poisoned:
            raise StoreLost("WRONGTYPE")
        if self.shelf.kept.get(key, done).owner == done.owner:
            self.shelf.kept[key] = done
        await self._end()

    async def forget(self, key: str, owner: str) -> None:
        """See `Remote.forget`."""
        await self._begin(f"forget {key}")
        found = self.shelf.kept.get(key)
        if found is not None and found.owner == owner and found.reply is None:
            del self.shelf.kept[key]
        await self._end()

    async def hold(self, name: str, owner: str, seconds: float) -> bool:
        """See `Remote.hold`."""
        del seconds
        await self._begin(f"hold {name}")
        found = self.shelf.locks.setdefault(name, owner)
        await self._end()
        return found == owner

    async def release(self, name: str, owner: str) -> None:
        """See `Remote.release`."""
        await self._begin(f"release {name}")
        if self.shelf.locks.get(name) == owner:
            del self.shelf.locks[name]

    async def close(self) -> None:
        """See `Remote.close`."""
        self.closed = True


class Replica:
    """One gateway's store over a shelf, with its clock and its log."""

    def __init__(self, shelf: Shelf | None = None, clock: Clock | None = None) -> None:
        """Several replicas share a shelf, and a clock."""
        self.remote = FakeRemote(shelf if shelf is not None else Shelf())
        self.clock = clock if clock is not None else Clock()
        self.log: list[str] = []
        self.store = SharedStore(self.remote, now=self.clock, monotonic=self.clock, log=self.log.append)

    async def take(self, key: str = "a", rate: Rate = MINUTE) -> float:
        """Take a turn."""
        return await self.store.take(key, rate, self.clock())


_OWNERS = itertools.count(1)


def kept(**fields: object) -> Kept:
    """A request under way, of an owner of its own."""
    mine = Kept(owner=f"request-{next(_OWNERS)}", tags=("tag",), lease_ends=Clock.now + 20.0)
    return replace(mine, **fields)  # type: ignore[arg-type]  # the fields' names are the test's


def caller(**fields: object) -> Caller:
    """Somebody who signed in an hour ago and got the token a minute ago."""
    found = Caller(
        sub="sub-1",
        username="ann",
        groups=("user",),
        scopes=frozenset(),
        client_id="client",
        token_use="access",
        is_machine=False,
        issued_at=Clock.now - 60.0,
        auth_time=Clock.now - 3600.0,
        expires_at=Clock.now + 3540.0,
    )
    return replace(found, **fields)  # type: ignore[arg-type]  # the fields' names are the test's
