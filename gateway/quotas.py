"""Cognito's own quotas: a burst waits its turn, briefly and fairly, instead of hurting the pool's sign-ins.

Duty: keep the calls of all who share the store below AWS's requests per second, category by category; serve waiting
callers in turn; refuse at once what could not be served in time.
Prohibition: no clock, no network. No task waits on another's: each sleeps for itself and looks whose turn it is.
Source: https://docs.aws.amazon.com/cognito/latest/developerguide/quotas.html, docs/decisions/0008-quotas.md.
"""

import math
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

from gateway.errors import RateExceeded
from gateway.lanes import LEAD_SECONDS, LEAST_SLEEP_SECONDS, LONGEST_SLEEP_SECONDS, Lane, Waiter
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

_BREATH_SECONDS = 0.2  # after a throttle
_MOST_WAITING = 800  # in all lanes: fewer than the calls that the gateway takes in at once
_MOST_WAITING_OF_ONE = 400  # of one caller, which must not use up everybody's places
_WAITED = 2 / 3  # of a call's time that is left, at most: the rest is for sending it
_MOST_RETRY_AFTER_SECONDS = 60


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
        self._lanes: dict[str, Lane] = {}
        self._by_operation: dict[Operation, Lane] = {}

    async def enter(
        self, operation: Operation, caller: str, deadline: float, prepare: Callable[[], Awaitable[None]] | None = None
    ) -> float:
        """Wait for a turn of the operation's quota; give the seconds that were spent in the line.

        `caller` is whom the turns are shared out between, a `sub`; `deadline` is in monotonic seconds. `prepare` is
        awaited once, before the turn and shortly at that: what takes time after it would let calls go off together.

        Raises:
            RateExceeded: the wait would be longer than the longest allowed, or leave too little until `deadline`, or
                has become so. The call was not sent.
            Unavailable: the store is lost.
            Exception: what `prepare` raises; no turn was taken.

        """
        lane = self._lane(operation)
        if lane is None:
            if prepare is not None:
                await prepare()
            return 0.0
        started = now = self._monotonic()
        if lane.free(now):
            if prepare is not None:
                await _prepared(lane, prepare, now)
                prepare, now = None, self._monotonic()
            if lane.free(now) and await self._ask(lane):
                return 0.0
        until = now + min(self._max_wait_seconds, _WAITED * (deadline - now))
        await self._wait(lane, Waiter(caller, until, prepare))
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

    async def _wait(self, lane: Lane, waiter: Waiter) -> None:
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

    async def _turn(self, lane: Lane, waiter: Waiter) -> bool:
        """Look once whose turn it is: sleep for a while, prepare, or ask the store, True when that grants it."""
        now = self._monotonic()
        due = lane.due(waiter, now)
        if due > waiter.until:
            raise _refusal(lane.wait_seconds(waiter, now))
        begin = due if waiter.prepare is None else due - LEAD_SECONDS
        if begin > now:
            await self._sleep(min(max(begin - now, LEAST_SLEEP_SECONDS), LONGEST_SLEEP_SECONDS))
            return False
        lane.call_up(waiter)
        waiter.busy = True
        try:
            if waiter.prepare is None:
                return await self._ask(lane)
            prepare, waiter.prepare = waiter.prepare, None
            await _prepared(lane, prepare, self._monotonic())
            return False
        finally:
            waiter.busy = False

    async def _ask(self, lane: Lane) -> bool:
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

    def _lane(self, operation: Operation) -> Lane | None:
        category = operation.quota
        if category is None:
            return None
        lane = self._by_operation.get(operation)
        if lane is None:
            name, per_second = category, self._per_second[category]
            own = PER_OPERATION.get(category, per_second)
            if own < per_second and per_second >= CATEGORIES[category]:
                name = f"{category} {operation.name}"
            lane = self._lanes.setdefault(name, Lane(name, min(own, per_second)))
            self._by_operation[operation] = lane
        return lane


async def _prepared(lane: Lane, prepare: Callable[[], Awaitable[None]], now: float) -> None:
    mine = object()
    lane.preparing[mine] = now
    try:
        await prepare()
    finally:
        del lane.preparing[mine]


def _refusal(wait_seconds: float) -> RateExceeded:
    seconds = min(max(math.ceil(wait_seconds), 1), _MOST_RETRY_AFTER_SECONDS)
    return RateExceeded("quota", retry_after_seconds=seconds)
