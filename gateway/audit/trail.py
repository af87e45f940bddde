"""One chain and its sink: no line, no action.

Duty: write lines in the order in which they were decided; let a line wait for a sink that stalls, keep an outcome that
cannot be written, and let nothing new through before it is.
Prohibition: no file, no clock, no thread; no task waits on another's.
Source: docs/audit.md, docs/decisions/0004-audit.md.
"""

import asyncio
import contextlib
import hashlib
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from gateway.audit.line import Entry, Head, render
from gateway.errors import Unavailable

MAX_WAITING = 1_000
"""Lines that may wait for the sink at once; a call beyond them is refused without waiting."""
MAX_OWED = 5_000
"""Outcomes kept while the sink is away. Nothing new is let through then, so only calls in flight can add to them."""
PAUSES_SECONDS = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, *(0.05,) * 19)
"""How a line waits for the sink: about a second in all."""


class Recorder(Protocol):
    """A chain that decisions are written to, whatever is behind it: `Trail`, or `CollectedTrail`."""

    @property
    def head(self) -> Head:
        """Where the chain stands: what readiness and the log repeat, so that a cut tail shows."""
        ...  # pragma: no cover - a port

    @property
    def problem(self) -> str | None:
        """Why the last line that was offered was not taken; None while lines are taken."""
        ...  # pragma: no cover - a port

    @property
    def owed(self) -> int:
        """How many outcomes are still to be written."""
        ...  # pragma: no cover - a port

    def try_record(self, entry: Entry) -> bool:
        """Write the line if that takes no waiting. False: nothing was written, `record` may still do it."""
        ...  # pragma: no cover - a port

    async def record(self, entry: Entry) -> None:
        """Write the line of a decision or an intent.

        Raises:
            Unavailable: an audit is required and the line could not be written.

        """
        ...  # pragma: no cover - a port

    async def outcome(self, entry: Entry) -> bool:
        """Write the line of an outcome; False: it is owed, and nothing new is let through before it is written."""
        ...  # pragma: no cover - a port

    async def settled(self) -> bool:
        """Write what is owed, if that can be done now; True when nothing is. For probes and the end of the process."""
        ...  # pragma: no cover - a port


class Sink(Protocol):
    """Where lines go, as long as it can say at once whether it has one.

    What must be awaited (a collector that answers 2xx) is not forced into this shape: see `CollectedTrail`.
    """

    def ready(self) -> bool:
        """Tell whether a line may be written now; never waits, never raises. True is no promise."""
        ...  # pragma: no cover - a port

    def write(self, line: bytes) -> None:
        r"""Take one whole line (ending in `\n`) without waiting, or leave nothing of it behind.

        Raises:
            BlockingIOError: not now; the same line is welcome in a moment.
            OSError: the line could not be taken.

        """
        ...  # pragma: no cover - a port


def places(entry: Entry, *, keep: bool) -> int:
    """How many may wait for the sink before this line: refusals, which a stranger makes at will, have half of them."""
    if keep:
        return MAX_OWED
    return MAX_WAITING if entry.allowed else MAX_WAITING // 2


@dataclass(slots=True, eq=False)
class Turn:
    """A line's place in the queue."""

    entry: Entry
    seconds: float  # when it was decided, which is not when it can be written
    keep: bool  # an outcome: it stays until it is written, whoever has given up waiting
    written: bool = False
    refused: bool = False


class Trail:
    """One chain and its sink: writes lines in the order in which they were decided.

    Nothing here waits as long as the sink takes lines. When it does not, lines wait in one queue and each task sleeps
    for itself; whoever wakes first writes for all, so that no task waits on another's (Workers forbid it) and none
    overtakes. For one event loop, not for threads.
    """

    __slots__ = (
        "_chain", "_log", "_lost", "_now", "_previous", "_problem", "_queue", "_required", "_seq", "_sink", "_sleep",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - a head, a sink and what the core may not reach for itself
        self,
        sink: Sink,
        *,
        chain: str,
        seq: int,
        previous: str,
        now: Callable[[], float],
        required: bool,
        log: Callable[[str], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Go on from a `Head`; `now` gives epoch seconds, `log` is told when the sink stops and when it works again.

        Without `required`, calls go through while the sink is away, and their lines are lost.
        """
        self._sink = sink
        self._chain = chain
        self._seq = seq
        self._previous = previous
        self._now = now
        self._required = required
        self._log = log
        self._sleep = sleep
        self._queue: deque[Turn] = deque()
        self._problem: str | None = None
        self._lost = 0

    @property
    def head(self) -> Head:
        """Where the chain stands: what readiness and the log repeat, so that a cut tail shows."""
        return Head(self._chain, self._seq, self._previous)

    @property
    def problem(self) -> str | None:
        """Why the sink did not take the last line that was offered; None while it takes them."""
        return self._problem

    @property
    def owed(self) -> int:
        """How many outcomes are still to be written."""
        return sum(turn.keep for turn in self._queue)

    def try_record(self, entry: Entry) -> bool:
        """Write the line if that takes no waiting. False: nothing was written, `record` may still do it."""
        if self._queue or not self._sink.ready():
            return False
        try:
            self._append(entry, self._now())
        except BlockingIOError:
            return False
        except OSError as error:
            self._stopped(str(error))
            return False
        return True

    async def record(self, entry: Entry) -> None:
        """Write the line of a decision or an intent, waiting about a second for a sink that is not ready.

        A task that is cancelled meanwhile takes its line back, unless it has just been written.

        Raises:
            Unavailable: an audit is required and the line could not be written.

        """
        if self.try_record(entry) or await self._take_turn(entry, keep=False):
            return
        if self._required:
            raise Unavailable("audit")
        self._lost += 1

    async def outcome(self, entry: Entry) -> bool:
        """Write the line of an outcome; never raises for the sink's sake, the deed is done.

        False: it is owed. It is written before any later line, so nothing new is let through until then.
        """
        return self.try_record(entry) or await self._take_turn(entry, keep=True)

    def settle(self) -> bool:
        """Write what is owed if the sink lets it; True when nothing is. For probes and for the end of the process."""
        self._drain()
        return not self.owed

    async def settled(self) -> bool:
        """See `Recorder`: `settle`, for who may wait."""
        return self.settle()

    async def _take_turn(self, entry: Entry, *, keep: bool) -> bool:
        self._drain()  # first: a full queue must not keep out the call that would empty it
        if len(self._queue) >= places(entry, keep=keep):
            if keep:
                self._lost += 1
                self._tell(f"too many outcomes are owed, that of request {entry.id} is lost; its intent stands")
            return False
        turn = Turn(entry, self._now(), keep)
        self._queue.append(turn)
        patient = self._required or self._problem is None
        try:
            for pause_seconds in PAUSES_SECONDS if patient else ():
                self._drain()
                if turn.written or turn.refused:
                    return turn.written
                await self._sleep(pause_seconds)
            self._drain()
            if not turn.written:
                self._stopped("the sink did not take a line in time")
            return turn.written
        finally:
            if not keep:
                with contextlib.suppress(ValueError):  # it was written, or refused with all others
                    self._queue.remove(turn)

    def _drain(self) -> None:
        """Write what waits, oldest first, until the sink stops. A sink that fails fails for all who wait."""
        queue = self._queue
        while queue and self._sink.ready():
            turn = queue[0]
            try:
                self._append(turn.entry, turn.seconds)
            except BlockingIOError:
                return
            except OSError as error:
                self._stopped(str(error))
                for waiting in queue:
                    waiting.refused = True
                self._queue = deque(waiting for waiting in queue if waiting.keep)
                return
            turn.written = True
            queue.popleft()

    def _append(self, entry: Entry, seconds: float) -> None:
        text = render(entry, seconds=seconds, chain=self._chain, seq=self._seq, previous=self._previous)
        line = text.encode("ascii")
        self._sink.write(line + b"\n")
        self._seq += 1
        self._previous = hashlib.sha256(line).hexdigest()
        if self._problem is not None:
            self._tell(f"written again, {self._lost} lines were lost")
            self._problem = None
            self._lost = 0

    def _stopped(self, why: str) -> None:
        if self._problem is None:
            then = "calls are refused" if self._required else "calls go through unaudited"
            self._tell(f"NOT WRITTEN, {then}: {why}")
        self._problem = why

    def _tell(self, what: str) -> None:
        with contextlib.suppress(OSError):  # a broken log must not change what the audit does
            self._log(f"audit: {what}; head {self.head}")
