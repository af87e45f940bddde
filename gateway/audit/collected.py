"""One chain and a collector that must be waited for: no answer, no action.

Duty: send lines in the order in which they were decided, in batches, one batch at a time; a line counts as written when
the collector has answered 2xx. Lines whose fate is not known are sent again as they are, before any other: the
collector may see a line twice, and never two lines with one number.
Prohibition: no socket, no clock, no thread; no task waits on another's.
Source: docs/audit.md, docs/decisions/0004-audit.md.

Each task sleeps for itself (Workers forbid to wait on another request's future). The first to wake when nothing is
being sent sends for all; the others look, and sleep again. Who sends may be cancelled, or on Workers never wake again:
its turn ends after a while, and what it sent counts as unknown.
"""

import asyncio
import contextlib
import dataclasses
import hashlib
from collections import deque
from collections.abc import Awaitable, Callable
from itertools import islice
from typing import Protocol

from gateway.audit.collector import TIMEOUT_SECONDS, NotTaken
from gateway.audit.line import Entry, Head, render
from gateway.audit.trail import Turn, places
from gateway.errors import Unavailable

GATHER_SECONDS = 0.005
"""How long a line waits for company before it is sent, and how often who waits looks again at first."""
LATER_SECONDS = 0.02
"""How often who has waited for `IMPATIENT_LOOKS` looks again."""
IMPATIENT_LOOKS = 20
PATIENCE_SECONDS = 3.0
"""How long a line waits for its batch; then it waits as long as that batch takes."""
TURN_SECONDS = 2 * TIMEOUT_SECONDS + 1
"""How long a sender may take (it asks twice at most) before others stop counting on it."""
RETRY_SECONDS = 1.0
"""Without `required`: how long after a failure calls are not held up by trying again."""
MAX_BATCH_LINES = 500
MAX_BATCH_BYTES = 256 * 1024


class Post(Protocol):
    """Sends whole lines and returns when they were taken; see `gateway.audit.collector.Collector`."""

    async def __call__(self, lines: bytes) -> None:
        """Send `lines`. Raises `NotTaken`."""
        ...  # pragma: no cover - a port


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class _Rendered:
    """A line that has its number for good."""

    turn: Turn
    line: bytes
    head: Head  # after it


class CollectedTrail:
    """One chain and its collector; the methods are those of `Recorder`. For one event loop, not for threads."""

    __slots__ = (
        "_failures", "_head", "_log", "_lost", "_monotonic", "_most_lines", "_now", "_post", "_problem", "_queue",
        "_rendered", "_required", "_retry_at", "_sender", "_sleep", "_turn_ends",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - a chain, a collector and what the core may not reach for itself
        self,
        post: Post,
        *,
        chain: str,
        now: Callable[[], float],
        monotonic: Callable[[], float],
        required: bool,
        log: Callable[[str], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Begin a chain; `now` gives epoch seconds, `log` is told when the collector stops and when it works again.

        Without `required`, calls go through while the collector is away, and their lines are lost.
        """
        self._post = post
        self._head = Head(chain)
        self._now = now
        self._monotonic = monotonic
        self._required = required
        self._log = log
        self._sleep = sleep
        self._queue: deque[Turn] = deque()  # lines without a number
        self._rendered: deque[_Rendered] = deque()  # being sent, or of unknown fate
        self._most_lines = MAX_BATCH_LINES
        self._sender: object | None = None
        self._turn_ends = 0.0
        self._retry_at = 0.0
        self._problem: str | None = None
        self._failures = 0
        self._lost = 0

    @property
    def head(self) -> Head:
        """Where the chain stands, as far as the collector has confirmed it."""
        return self._head

    @property
    def problem(self) -> str | None:
        """Why the collector did not take the last batch; None while it takes them."""
        return self._problem

    @property
    def owed(self) -> int:
        """How many outcomes are still to be written."""
        return sum(turn.keep for turn in self._queue) + sum(one.turn.keep for one in self._rendered)

    def try_record(self, entry: Entry) -> bool:  # noqa: ARG002 - the methods are those of `Recorder`
        """Say that it takes waiting."""
        return False

    async def record(self, entry: Entry) -> None:
        """Write the line of a decision or an intent, waiting for the collector's answer.

        Raises:
            Unavailable: an audit is required and the collector did not answer 2xx.

        """
        if not await self._take_turn(entry, keep=False) and self._required:
            raise Unavailable("audit")

    async def outcome(self, entry: Entry) -> bool:
        """Write the line of an outcome; never raises for the collector's sake, the deed is done.

        False: it is owed. It is written before any later line, so nothing new is let through until then.
        """
        return await self._take_turn(entry, keep=True)

    def settle(self) -> bool:
        """Tell whether nothing is owed; to send it takes waiting: see `settled`."""
        return not self.owed

    async def settled(self) -> bool:
        """Send what is owed, as long as the collector takes it; True when nothing is owed."""
        while self.owed and not self._sending():
            await self._send()
            if self._problem is not None:
                break
        return not self.owed

    async def _take_turn(self, entry: Entry, *, keep: bool) -> bool:
        if self._full(entry, keep=keep):
            self._lost += keep or not self._required
            if keep:
                self._tell(f"too many outcomes are owed, that of request {entry.id} is lost; its intent stands")
            return False
        turn = Turn(entry, self._now(), keep)
        if self._hopeless():
            if keep:
                self._queue.append(turn)
            else:
                self._drop(turn)
            return False
        self._queue.append(turn)
        try:
            return await self._wait(turn)
        finally:
            if not keep:
                with contextlib.suppress(ValueError):  # it was sent, or refused with all others
                    self._queue.remove(turn)

    def _full(self, entry: Entry, *, keep: bool) -> bool:
        most = places(entry, keep=keep)
        return len(self._queue) >= most and sum(turn.keep is keep for turn in self._queue) >= most

    async def _wait(self, turn: Turn) -> bool:
        """Sleep until somebody has sent the line, or send it."""
        give_up_at = self._monotonic() + PATIENCE_SECONDS
        looks, failures = 0, self._failures
        while True:
            await self._sleep(GATHER_SECONDS if looks < IMPATIENT_LOOKS else LATER_SECONDS)
            looks += 1
            if not (turn.written or turn.refused or self._sending()):
                await self._send()
            if turn.written or turn.refused:
                return not turn.refused  # once refused is refused, even if the line arrives later
            if self._failures != failures:
                return False  # an outcome: owed
            if self._monotonic() >= give_up_at and not any(one.turn is turn for one in self._rendered):
                if not turn.keep:
                    self._drop(turn)
                return False

    def _hopeless(self) -> bool:
        """While the collector is away one call at a time tries it; the others are not held up."""
        if self._problem is None:
            return False
        return self._sending() or (not self._required and self._monotonic() < self._retry_at)

    def _sending(self) -> bool:
        return self._sender is not None and self._monotonic() < self._turn_ends

    async def _send(self) -> None:
        """Send one batch for all, and mark its lines."""
        me = self._sender = object()
        self._turn_ends = self._monotonic() + TURN_SECONDS
        fresh = not self._rendered  # else their fate is not known: exactly these lines first
        if fresh:
            self._render()
        batch = list(islice(self._rendered, self._most_lines))
        failure: NotTaken | None = None
        try:
            await self._post(b"".join(one.line for one in batch))
        except NotTaken as error:
            failure = error
        except BaseException:
            if self._sender is me:
                self._sender = None  # cancelled: who wakes next sends the same lines again
            raise
        if self._sender is not me:  # too late: somebody else has sent them again
            return
        self._sender = None
        if failure is None:
            self._accepted(len(batch))
        else:
            self._failed(failure, unsent=fresh and not failure.unsure)

    def _render(self) -> None:
        """Give the oldest lines their numbers."""
        head, room = self._head, MAX_BATCH_BYTES
        while self._queue and len(self._rendered) < self._most_lines:
            turn = self._queue[0]
            text = render(turn.entry, seconds=turn.seconds, chain=head.chain, seq=head.seq, previous=head.previous)
            line = text.encode("ascii")
            room -= len(line) + 1
            if room < 0 and self._rendered:
                return
            head = Head(head.chain, head.seq + 1, hashlib.sha256(line).hexdigest())
            self._rendered.append(_Rendered(turn, line + b"\n", head))
            self._queue.popleft()

    def _accepted(self, count: int) -> None:
        for _ in range(count):
            one = self._rendered.popleft()
            one.turn.written = True
            self._head = one.head
        self._most_lines = min(MAX_BATCH_LINES, 2 * self._most_lines)
        if self._problem is not None:
            self._problem = None
            self._tell(f"written again, {self._lost} lines were lost")
            self._lost = 0

    def _failed(self, failure: NotTaken, *, unsent: bool) -> None:
        """Refuse all who wait, and keep what is owed and what may have arrived."""
        waiting = list(self._queue)
        if unsent:
            waiting = [one.turn for one in self._rendered] + waiting
            self._rendered.clear()
        self._queue = deque(turn for turn in waiting if turn.keep)
        for turn in waiting:
            if not turn.keep:
                self._drop(turn)
        for one in self._rendered:
            if not (one.turn.keep or one.turn.refused):
                one.turn.refused = True
                self._take_back(one.turn.entry)
        self._most_lines = max(1, self._most_lines // 2)  # it may have been too much for the collector
        self._retry_at = self._monotonic() + RETRY_SECONDS
        if self._problem is None:
            then = "calls are refused" if self._required else "calls go through unaudited"
            self._tell(f"NOT WRITTEN, {then}: {failure}")
        self._problem = str(failure)
        self._failures += 1

    def _take_back(self, entry: Entry) -> None:
        """An intent that may have arrived and was refused gets its outcome: nobody shall think that it was done."""
        if entry.phase == "intent" and self._required:
            undone = dataclasses.replace(entry, phase="outcome", status=int(Unavailable.status), error=Unavailable.type)
            self._queue.append(Turn(undone, self._now(), keep=True))

    def _drop(self, turn: Turn) -> None:
        turn.refused = True
        self._lost += not self._required

    def _tell(self, what: str) -> None:
        with contextlib.suppress(OSError):  # a broken log must not change what the audit does
            self._log(f"audit: {what}; head {self._head}")
