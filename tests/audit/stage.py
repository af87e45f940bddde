"""A trail on a stage: its sink, its sleep, its clock and its log are the test's."""

import asyncio
import dataclasses
from collections.abc import Callable

from gateway.audit import GENESIS, Trail
from tests.audit.oracle import verified


class FakeSink:
    """Takes `room` lines (None: all), then is not ready; fails with `error` while there is one."""

    def __init__(self) -> None:
        """Work."""
        self.lines: list[bytes] = []
        self.room: int | None = None
        self.error: OSError | None = None

    def ready(self) -> bool:
        """See `Sink`."""
        return self.room is None or self.room > 0

    def write(self, line: bytes) -> None:
        """See `Sink`."""
        if self.error is not None:
            raise self.error
        if self.room is not None:
            self.room -= 1
        self.lines.append(line)

    def ids(self) -> list[str]:
        """The requests whose lines were taken, after checking the chain."""
        return [members["id"] for members in verified(self.lines)]


class FakeSleep:
    """Sleeps no time but lets other tasks run; `then` happens at the sleep of that number."""

    def __init__(self) -> None:
        """Nothing has slept."""
        self.slept: list[float] = []
        self.then: dict[int, Callable[[], None]] = {}

    async def __call__(self, seconds: float) -> None:
        """Note how long it would have been."""
        self.slept.append(seconds)
        self.then.get(len(self.slept), lambda: None)()
        await asyncio.sleep(0)


@dataclasses.dataclass
class Stage:
    """A trail, its sink, its sleep, its clock and its log."""

    required: bool = True
    chain: str = "chain-1"
    sink: FakeSink = dataclasses.field(default_factory=FakeSink)
    sleep: FakeSleep = dataclasses.field(default_factory=FakeSleep)
    log: list[str] = dataclasses.field(default_factory=list)
    now: float = 1795252625.0

    def __post_init__(self) -> None:
        """Start a chain."""
        self.trail = Trail(
            self.sink,
            chain=self.chain,
            seq=0,
            previous=GENESIS,
            now=lambda: self.now,
            required=self.required,
            log=self.log.append,
            sleep=self.sleep,
        )
