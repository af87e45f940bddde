"""Cognito's own quotas: a burst waits its turn, briefly and fairly, instead of hurting the pool's sign-ins.

Duty: keep the calls of all who share the store below AWS's requests per second, category by category; serve waiting
callers in turn; refuse at once what could not be served in time.
Prohibition: no clock, no network. No task waits on another's: each sleeps for itself and looks whose turn it is.
Source: https://docs.aws.amazon.com/cognito/latest/developerguide/quotas.html, docs/decisions/0008-quotas.md.
"""

import math
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gateway.errors import RateExceeded
from gateway.operations import Operation
from gateway.store import Rate, Store

CATEGORIES: Mapping[str, int] = MappingProxyType({
    "UserRead": 120,
    "UserCreation": 50,
    "UserResourceRead": 50,
    "UserAccountRecovery": 30,
    "UserList": 30,
    "UserUpdate": 25,
    "UserPoolResourceRead": 20,
    "UserPoolResourceUpdate": 15,
})  # fmt: skip
"""Requests per second that AWS grants an account in a region unless it was asked for more."""
PER_OPERATION: Mapping[str, int] = MappingProxyType({"UserPoolResourceRead": 5, "UserPoolResourceUpdate": 5})
"""Requests per second of each operation on one pool, in the categories that have such a limit as well."""

_REFILL = 0.75  # of the quota, evenly; with the burst 0.9 in any second: the rest is for what the network bunches up
_BURST = 0.15
_LONGEST_SLEEP_SECONDS = 0.1  # whoever stood before one may have left
_LEAST_SLEEP_SECONDS = 0.001
_BREATH_SECONDS = 0.2  # after a throttle
_MOST_WAITING = 800  # in all lanes: fewer than the calls that the gateway takes in at once
_MOST_WAITING_OF_ONE = 400  # of one caller, which must not use up everybody's places
_SLOWEST = 16.0  # replicas that share a lane, as far as its pace is followed
_MEMORY = 8.0  # grants that the pace is judged by
_MOST_RETRY_AFTER_SECONDS = 60


@dataclass(slots=True, eq=False)
class _Waiter:
    """A call that waits, until `until` (monotonic seconds) at most. `asking`: the store has been asked for its turn."""

    caller: str
    until: float
    asking: bool = False


class _Lane:
    """One quota and the calls that wait for it.

    `line` holds callers in the order in which they are served, each with its calls; `called` the calls whose turn has
    come and who ask the store, in that order. `open_at` is the first moment at which the store can have another turn,
    as far as this replica knows: from what it has asked for, and from the store's last refusal. `interval_seconds` lies
    between two turns of the quota, `pace_seconds` between two that this replica gets: others take turns too.
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
        "rate",
        "waiting",
    )

    def __init__(self, name: str, per_second: int) -> None:
        """Nobody waits. `per_second` is AWS's quota, of which a share is used."""
        refill, turns = _REFILL * per_second, max(1.0, _BURST * per_second)
        self.key = f"quota\n{name}"
        self.rate = Rate(turns, turns / refill)
        self.interval_seconds = self.pace_seconds = 1 / refill
        self.near = math.ceil(_LONGEST_SLEEP_SECONDS / self.interval_seconds)  # a place whose exact number matters
        self.line: OrderedDict[str, deque[_Waiter]] = OrderedDict()
        self.called: dict[_Waiter, None] = {}
        self.waiting = 0
        self.open_at = self.paused_until = -math.inf
        self.granted_at: float | None = None

    def free(self, now: float) -> bool:
        """Whether a call may ask the store without a place in the line: nobody waits, and a turn may be had."""
        return not self.waiting and now >= self.open_at and now >= self.paused_until

    def ahead(self, waiter: _Waiter, most: int) -> int:
        """How many turns are still to be asked for before this waiter's, counted up to `most`."""
        count = 0
        for other in self.called:
            if other is waiter:
                return count
            count += not other.asking
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

    def wait_seconds(self, waiter: _Waiter, now: float) -> float:
        """How long this waiter will probably wait from now on."""
        opens = max(now, self.open_at, self.paused_until)
        return opens - now + self.ahead(waiter, _MOST_WAITING) * self.pace_seconds

    def join(self, waiter: _Waiter) -> None:
        """Take a place behind the caller's other calls."""
        self.line.setdefault(waiter.caller, deque()).append(waiter)
        self.waiting += 1

    def call_up(self, waiter: _Waiter) -> None:
        """Let a waiter out of the line to ask the store. Its caller comes last in the next round."""
        if waiter not in self.called:
            self._step_out(waiter)
            self.called[waiter] = None
            if waiter.caller in self.line:
                self.line.move_to_end(waiter.caller)

    def leave(self, waiter: _Waiter) -> None:
        """Wait no more."""
        if waiter in self.called:
            del self.called[waiter]
        else:
            self._step_out(waiter)
        self.waiting -= 1
        if not self.waiting:
            self.granted_at, self.pace_seconds = None, self.interval_seconds

    def _step_out(self, waiter: _Waiter) -> None:
        waiters = self.line[waiter.caller]
        waiters.remove(waiter)
        if not waiters:
            del self.line[waiter.caller]

    def asked(self, now: float) -> None:
        """Count a turn as taken while the store is being asked for it: the next may be asked for meanwhile."""
        self.open_at = max(self.open_at, now + self.interval_seconds - self.rate.seconds) + self.interval_seconds

    def refused(self, opens_at: float, now: float) -> None:
        """Note when the store has another turn; where that is over already, the first one after it that is not."""
        missed = max(0, math.ceil((now + _LEAST_SLEEP_SECONDS - opens_at) / self.interval_seconds))
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


class Quotas:
    """The lines before Cognito's quotas, of this replica; the turns themselves are the store's."""

    __slots__ = ("_by_operation", "_lanes", "_max_wait_seconds", "_monotonic", "_per_second", "_sleep", "_store")

    def __init__(
        self,
        store: Store,
        *,
        overrides: Mapping[str, int],
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        max_wait_seconds: float = 5.0,
    ) -> None:
        """`overrides` are requests per second by category, where AWS grants others than `CATEGORIES`.

        Raises:
            ValueError: an override names no category, or is below 1.

        """
        wrong = sorted(name for name, per_second in overrides.items() if name not in CATEGORIES or per_second < 1)
        if wrong:
            raise ValueError(f"no quotas: {wrong}")
        self._store = store
        self._per_second = {**CATEGORIES, **overrides}
        self._monotonic = monotonic
        self._sleep = sleep
        self._max_wait_seconds = max_wait_seconds
        self._lanes: dict[str, _Lane] = {}
        self._by_operation: dict[Operation, _Lane] = {}

    async def enter(self, operation: Operation, caller: str, deadline: float) -> float:
        """Wait for a turn of the operation's quota; give the seconds that were spent in the line.

        `caller` is whom the turns are shared out between, a `sub`; `deadline` is in monotonic seconds.

        Raises:
            RateExceeded: the wait would be longer than the longest allowed, or than what is left until `deadline`, or
                has become so. The call was not sent.
            Unavailable: the store is lost.

        """
        lane = self._lane(operation)
        if lane is None:
            return 0.0
        started = self._monotonic()
        if lane.free(started) and await self._ask(lane):
            return 0.0
        await self._wait(lane, _Waiter(caller, min(started + self._max_wait_seconds, deadline)))
        return self._monotonic() - started

    def throttled(self, operation: Operation) -> None:
        """Cognito refused a call of this operation for its quota all the same: others use the account too.

        The operation's lane takes a breath. The caller hears how long to wait; the others need not be refused for it.
        """
        lane = self._lane(operation)
        if lane is not None:
            lane.pause(self._monotonic() + _BREATH_SECONDS)

    def in_use(self) -> list[tuple[str, Rate, int]]:
        """Of each quota that was used: its name, the rate at which turns of it are taken, the calls that wait."""
        return [(lane.key.partition("\n")[2], lane.rate, lane.waiting) for lane in self._lanes.values()]

    async def _wait(self, lane: _Lane, waiter: _Waiter) -> None:
        """Stand in the line until the turn has come and the store has granted it."""
        lane.join(waiter)
        try:
            now = self._monotonic()
            wait = lane.wait_seconds(waiter, now)
            if now + wait > waiter.until or self._full(waiter.caller):
                raise _refusal(wait)
            while not await self._turn(lane, waiter):
                pass
            lane.served(self._monotonic())
        finally:
            lane.leave(waiter)

    async def _turn(self, lane: _Lane, waiter: _Waiter) -> bool:
        """Look once whose turn it is: sleep for a while, or ask the store, True when that grants it."""
        now = self._monotonic()
        due = max(now, lane.open_at, lane.paused_until) + lane.ahead(waiter, lane.near) * lane.interval_seconds
        if due > waiter.until:
            raise _refusal(lane.wait_seconds(waiter, now))
        if due > now:
            await self._sleep(min(max(due - now, _LEAST_SLEEP_SECONDS), _LONGEST_SLEEP_SECONDS))
            return False
        lane.call_up(waiter)
        waiter.asking = True
        try:
            return await self._ask(lane)
        finally:
            waiter.asking = False

    async def _ask(self, lane: _Lane) -> bool:
        """Ask the store for a turn."""
        asked_at = self._monotonic()
        lane.asked(asked_at)
        wait = await self._store.take(lane.key, lane.rate, asked_at)
        if wait <= 0:
            return True
        lane.refused(asked_at + wait, self._monotonic())  # asked so much later, it would have arrived in time
        return False

    def _full(self, caller: str) -> bool:
        """Whether more calls wait, for any quota, than there are places: in all, or for this caller."""
        lanes = self._lanes.values()
        of_one = sum(len(lane.line.get(caller, ())) for lane in lanes)
        return of_one > _MOST_WAITING_OF_ONE or sum(lane.waiting for lane in lanes) > _MOST_WAITING

    def _lane(self, operation: Operation) -> _Lane | None:
        category = operation.quota
        if category is None:
            return None
        lane = self._by_operation.get(operation)
        if lane is None:
            name, per_second = category, self._per_second[category]
            own = PER_OPERATION.get(category, per_second)
            if own < per_second and per_second >= CATEGORIES[category]:
                name = f"{category} {operation.name}"
            lane = self._lanes.setdefault(name, _Lane(name, min(own, per_second)))
            self._by_operation[operation] = lane
        return lane


def _refusal(wait_seconds: float) -> RateExceeded:
    seconds = min(max(math.ceil(wait_seconds), 1), _MOST_RETRY_AFTER_SECONDS)
    return RateExceeded("quota", retry_after_seconds=seconds)
