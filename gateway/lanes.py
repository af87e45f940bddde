"""The line before one of Cognito's quotas: who waits, whose turn it is, and when the next one comes.

Duty: places, rounds and estimates, as far as this replica knows.
Prohibition: no clock, no network, no waiting: `gateway.quotas` does that.
Source: docs/decisions/0008-quotas.md.
"""

import math
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.store import Rate

LONGEST_SLEEP_SECONDS = 0.1  # whoever stood before one may have left
LEAST_SLEEP_SECONDS = 0.001
LEAD_SECONDS = 1.0  # before its turn a call begins with what it has to find out first

_REFILL = 0.75  # of the quota, evenly; with the burst 0.9 in any second: the rest is for what the network bunches up
_BURST = 0.15
_SLOWEST = 16.0  # replicas that share a lane, as far as its pace is followed
_MEMORY = 8.0  # grants that the pace is judged by


@dataclass(slots=True, eq=False)
class Waiter:
    """A call that waits, until `until` (monotonic seconds) at most.

    `prepare` is what it has to find out before its turn, as long as that was not begun. `busy`: it is finding that out,
    or the store has been asked for its turn.
    """

    caller: str
    until: float
    prepare: Callable[[], Awaitable[None]] | None = None
    busy: bool = False


class Lane:
    """One quota and the calls that wait for it.

    `line` holds callers in the order in which they are served, each with its calls; `called` the calls whose turn has
    come, or nearly, in that order; `preparing` has when those of them, and of who need not wait, began to find out.
    `open_at` is the first moment at which the store can have another turn, as far as this replica knows: from what it
    has asked for, and from the store's last refusal. `interval_seconds` lies between two turns of the quota,
    `pace_seconds` between two that this replica gets: others take turns too.
    """

    __slots__ = (
        "called",
        "granted_at",
        "interval_seconds",
        "key",
        "line",
        "near",
        "open_at",
        "pace_seconds",
        "paused_until",
        "preparing",
        "rate",
        "soon",
        "waiting",
    )

    def __init__(self, name: str, per_second: int) -> None:
        """Nobody waits. `per_second` is AWS's quota, of which a share is used."""
        refill, turns = _REFILL * per_second, max(1.0, _BURST * per_second)
        self.key = f"quota\n{name}"
        self.rate = Rate(turns, turns / refill)
        self.interval_seconds = self.pace_seconds = 1 / refill
        self.near = math.ceil(LONGEST_SLEEP_SECONDS / self.interval_seconds)  # a place whose exact number matters
        self.soon = math.ceil((LONGEST_SLEEP_SECONDS + LEAD_SECONDS) / self.interval_seconds)  # to who has to prepare
        self.line: OrderedDict[str, deque[Waiter]] = OrderedDict()
        self.called: dict[Waiter, None] = {}
        self.waiting = 0
        self.preparing: dict[object, float] = {}
        self.open_at = self.paused_until = -math.inf
        self.granted_at: float | None = None

    def free(self, now: float) -> bool:
        """Whether a call needs no place in the line: nobody waits, and there is a turn for it and those who prepare."""
        return (
            not self.waiting and self.at_it(now) < self.rate.turns and now >= self.open_at and now >= self.paused_until
        )

    def ahead(self, waiter: Waiter, most: int) -> int:
        """How many turns are still to be asked for before this waiter's, counted up to `most`."""
        count = 0
        for other in self.called:
            if other is waiter:
                return count
            count += not other.busy
        earlier = 0  # its caller's own calls before it: in each of their rounds the others have a turn too
        own = self.line[waiter.caller]
        while earlier < most and own[earlier] is not waiter:
            earlier += 1
        count, rounds = count + earlier, earlier + 1
        for caller, waiters in self.line.items():
            if count >= most or rounds == 0:
                break
            if caller == waiter.caller:
                rounds = earlier  # who comes after it has one turn less before this one
            else:
                count += min(len(waiters), rounds)
        return min(count, most)

    def wait_seconds(self, waiter: Waiter, now: float) -> float:
        """How long this waiter will probably wait from now on."""
        opens = max(now, self.open_at, self.paused_until)
        return opens - now + (self.ahead(waiter, self.waiting) + self.at_it(now)) * self.pace_seconds

    def at_it(self, now: float) -> int:
        """How many prepare, but for those who take long: nobody waits for them."""
        return sum(now - began < LEAD_SECONDS for began in self.preparing.values())

    def due(self, waiter: Waiter, now: float) -> float:
        """When its turn comes, if it is near. Who still has to find something out comes after those who are at it."""
        if waiter.prepare is None:
            places = self.ahead(waiter, self.near)
        else:
            places = self.ahead(waiter, self.soon) + self.at_it(now)
        return max(now, self.open_at, self.paused_until) + places * self.interval_seconds

    def join(self, waiter: Waiter) -> None:
        """Take a place behind the caller's other calls."""
        self.line.setdefault(waiter.caller, deque()).append(waiter)
        self.waiting += 1

    def call_up(self, waiter: Waiter) -> None:
        """Let a waiter out of the line, to ask the store or to prepare. Its caller comes last in the next round."""
        if waiter not in self.called:
            self._step_out(waiter)
            self.called[waiter] = None
            if waiter.caller in self.line:
                self.line.move_to_end(waiter.caller)

    def leave(self, waiter: Waiter) -> None:
        """Wait no more."""
        if waiter in self.called:
            del self.called[waiter]
        else:
            self._step_out(waiter)
        self.waiting -= 1
        if not self.waiting:
            self.granted_at, self.pace_seconds = None, self.interval_seconds

    def _step_out(self, waiter: Waiter) -> None:
        waiters = self.line[waiter.caller]
        waiters.remove(waiter)
        if not waiters:
            del self.line[waiter.caller]

    def asked(self, now: float) -> None:
        """Count a turn as taken while the store is being asked for it: the next may be asked for meanwhile."""
        self.open_at = max(self.open_at, now + self.interval_seconds - self.rate.seconds) + self.interval_seconds

    def refused(self, opens_at: float, now: float) -> None:
        """Note when the store has another turn; where that is over already, the first one after it that is not."""
        missed = max(0, math.ceil((now + LEAST_SLEEP_SECONDS - opens_at) / self.interval_seconds))
        self.open_at = opens_at + missed * self.interval_seconds

    def served(self, now: float) -> None:
        """Note that a waiter got its turn, to follow the pace at which they come."""
        if self.granted_at is not None:
            pace = self.pace_seconds + (now - self.granted_at - self.pace_seconds) / _MEMORY
            self.pace_seconds = min(max(pace, self.interval_seconds), _SLOWEST * self.interval_seconds)
        self.granted_at = now

    def pause(self, until: float) -> None:
        """Give no turns before `until`."""
        self.paused_until = max(self.paused_until, until)
        self.granted_at = None  # a pause says nothing of the pace
