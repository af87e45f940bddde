"""Lines before Cognito's quotas in a time that passes only where the tests say so."""

import asyncio
import bisect
import heapq
import itertools
import math
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable
from dataclasses import dataclass, field
from typing import Any

from gateway.errors import RateExceeded, Unavailable
from gateway.operations import Operation, catalogue
from gateway.quotas import CATEGORIES, Quotas
from gateway.store import MemoryStore, Rate

OPERATIONS = catalogue().by_name
DISABLE = OPERATIONS["AdminDisableUser"]
ENABLE = OPERATIONS["AdminEnableUser"]
GET = OPERATIONS["AdminGetUser"]
UPDATES = CATEGORIES["UserUpdate"]
TURNS_PER_SECOND = 0.75 * UPDATES
FOREVER = math.inf


class Nap:
    """What a sleeping task gives to the clock."""

    def __init__(self, seconds: float) -> None:
        """`seconds` long."""
        self.seconds = seconds

    def __await__(self) -> Generator["Nap", None, None]:
        """Hand itself to the clock."""
        yield self


@dataclass(eq=False)
class Task:
    """One call under way, and how it ended."""

    work: Coroutine[Any, Any, float]
    name: str
    started: float
    ended: float | None = None
    waited: float | None = None
    error: BaseException | None = None
    looks: int = 0

    @property
    def took(self) -> float:
        """The seconds from start to end."""
        assert self.ended is not None, "it is left behind"
        return self.ended - self.started


class Clock:
    """An event loop in which time jumps to whoever wakes next; the same order on every run."""

    def __init__(self) -> None:
        """Nobody sleeps."""
        self.now = 1000.0
        self.tasks: list[Task] = []
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._count = itertools.count()

    def monotonic(self) -> float:
        """Seconds."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Wake up after so long."""
        assert seconds > 0, "a busy loop"
        await Nap(seconds)

    def at(self, seconds: float, act: Callable[[], object]) -> None:
        """Do something so long from now."""
        heapq.heappush(self._due, (self.now + seconds, next(self._count), act))

    def start(self, work: Coroutine[Any, Any, float], name: str = "") -> Task:
        """Begin a task at once, as far as it goes without sleeping."""
        task = Task(work, name, self.now)
        self.tasks.append(task)
        self._step(task, None)
        return task

    def cancel(self, task: Task) -> None:
        """The caller of this task hung up."""
        self._step(task, asyncio.CancelledError())

    def run(self) -> None:
        """Let time pass until nobody sleeps any more."""
        while self._due:
            self.now, _, act = heapq.heappop(self._due)
            act()

    def _step(self, task: Task, error: BaseException | None) -> None:
        if task.ended is not None:
            return
        task.looks += 1
        try:
            nap = task.work.send(None) if error is None else task.work.throw(error)
        except StopIteration as stop:
            task.ended, task.waited = self.now, stop.value
        except (RateExceeded, Unavailable, asyncio.CancelledError) as raised:
            task.ended, task.error = self.now, raised
        else:
            self.at(nap.seconds, lambda: self._step(task, None))


class Watched(MemoryStore):
    """A store that remembers who took when, and may be as slow as a network."""

    def __init__(self, clock: Clock, *, delays: Iterable[float] = ()) -> None:
        """Each ask takes one of `delays` to arrive and the next of them to come back, in seconds."""
        super().__init__()
        self.clock = clock
        self.delays = itertools.cycle(delays) if delays else None
        self.granted: dict[str, list[float]] = {}
        self.asked = 0

    async def take(self, key: str, rate: Rate, now: float) -> float:
        """See `Store.take`."""
        self.asked += 1
        if self.delays is not None:
            await self.clock.sleep(next(self.delays))
        wait = await super().take(key, rate, max(now, self.clock.now))
        if wait == 0.0:
            self.granted.setdefault(key, []).append(self.clock.now)
        if self.delays is not None:
            await self.clock.sleep(next(self.delays))
        return wait


@dataclass
class Scene:
    """One store and its replicas."""

    clock: Clock = field(default_factory=Clock)
    store: Watched = field(init=False)

    def __post_init__(self) -> None:
        """A store at hand."""
        self.store = Watched(self.clock)

    def replica(self, **overrides: int) -> Quotas:
        """A gateway of its own on the store."""
        return Quotas(self.store, overrides=overrides, monotonic=self.clock.monotonic, sleep=self.clock.sleep)

    def call(
        self,
        quotas: Quotas,
        caller: str,
        operation: Operation = DISABLE,
        *,
        patience: float = FOREVER,
        prepare: Callable[[], Awaitable[None]] | None = None,
    ) -> Task:
        """Somebody calls now, and has so many seconds."""
        return self.clock.start(quotas.enter(operation, caller, self.clock.now + patience, prepare), caller)

    @property
    def served(self) -> list[Task]:
        """The calls that had their turn, in the order of it."""
        found = [task for task in self.clock.tasks if task.waited is not None]
        return sorted(found, key=lambda task: task.ended or 0)

    @property
    def refused(self) -> list[Task]:
        """The calls that were told to come back."""
        return [task for task in self.clock.tasks if isinstance(task.error, RateExceeded)]


def told(task: Task) -> int:
    """When a refused call was told to come back, in seconds."""
    assert isinstance(task.error, RateExceeded)
    assert task.error.reason == "quota"
    return task.error.retry_after_seconds or 0


def most_in_a_second(moments: list[float]) -> int:
    """The most of these within any second, both ends counted."""
    return max((bisect.bisect_right(moments, start + 1.0) - index for index, start in enumerate(moments)), default=0)


def nobody_is_left(quotas: Quotas) -> bool:
    """Whether no place in any line is taken."""
    return all(
        not lane.line and not lane.called and not lane.preparing and lane.waiting == 0
        for lane in quotas._lanes.values()
    )
