"""A store shared with other replicas, and what holds while it is lost.

Duty: one exchange a call; a mirror of the revocations; and, when the other side is lost, never to hang and never to
guess: rates fall back to this replica's own memory, the last known revocations serve for `GRACE_SECONDS`, requests with
an idempotency key and locks are refused, and what could not be passed on is passed on later.
Prohibition: no network (that is the `Remote`'s), no clock, and nothing that waits is shared between requests: a
timestamp, not a lock, decides who asks a lost store again. A call that names no caller (a sign-in) needs no revocation
and goes on however long the store is lost.
Source: docs/decisions/0007-store.md.
"""

import asyncio
import contextlib
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, NamedTuple

from gateway.caller import Caller
from gateway.errors import Unavailable
from gateway.store.memory import MemoryStore
from gateway.store.port import Kept, Rate, Remote, StoreLost, Taken
from gateway.store.revocations import Revocation, Revocations

GRACE_SECONDS: Final = 30.0
PROBE_SECONDS: Final = 0.5
PAGE: Final = 500  # revocations that are passed on in one exchange
MAX_OWED: Final = 1_000
MAX_ATTEMPTS: Final = 5

_NO_RATE: Final = Rate(1, 1.0)


class Owed(NamedTuple):
    """How many revocations, and how many ends of kept requests, are still to be passed on."""

    revocations: int
    requests: int


@dataclass(slots=True)
class _Debt:
    """What a kept request waits for: to be finished, or to be let go of by its owner."""

    what: Kept | str
    attempts: int = 0


class SharedStore:
    """`Store` over a `Remote`. One for a process or an isolate; not for several threads."""

    def __init__(
        self,
        remote: Remote,
        *,
        now: Callable[[], float],
        monotonic: Callable[[], float],
        log: Callable[[str], None],
    ) -> None:
        """Nothing is known yet. `now` gives epoch seconds, `monotonic` seconds; `log` takes a line for the operator."""
        self._remote = remote
        self._now = now
        self._monotonic = monotonic
        self._log = log
        self._local = MemoryStore()  # the rates while the remote is lost
        self._revocations = Revocations()
        self._epoch = ""
        self._position = ""
        self._asked = 0  # exchanges are numbered: their answers may overtake each other
        self._heard = 0  # the latest of them whose answer came
        self._known_at = -math.inf  # when all revocations were known, last
        self._lost = False
        self._ask_again_at = -math.inf
        self._unpublished: dict[Revocation, None] = {}  # bounded by what 30 seconds of calls revoke, and by the mirror
        self._held: dict[str, str] = {}  # locks to give back: name -> owner
        self._owed: dict[str, _Debt] = {}  # by the key of what is kept

    @property
    def revocations(self) -> Revocations:
        """See `Store.revocations`."""
        return self._revocations

    @property
    def lost(self) -> bool:
        """Whether the last exchange failed."""
        return self._lost

    @property
    def owed(self) -> Owed:
        """What is still to be passed on: every `refresh` that reaches the other side does it."""
        return Owed(len(self._unpublished), len(self._owed))

    def refuses(self, caller: Caller) -> bool:
        """See `Store.refuses`: what was known last serves for `GRACE_SECONDS`."""
        if self._monotonic() - self._known_at > GRACE_SECONDS:
            raise Unavailable("store")
        return self._revocations.refuses(caller)

    async def take(self, key: str, rate: Rate, now: float) -> float:
        """See `Store.take`."""
        wait = await self._up_to_date(key, rate)
        return await self._local.take(key, rate, now) if wait is None else wait

    async def refresh(self) -> None:
        """See `Store.refresh`."""
        await self._up_to_date(None, _NO_RATE)

    async def revoke(self, revocations: Sequence[Revocation]) -> None:
        """See `Store.revoke`."""
        self._revocations.add(revocations)
        if self._may_ask():
            with contextlib.suppress(StoreLost):  # they are kept for later
                await self._converse(None, _NO_RATE, tuple(revocations))
        else:
            self._publish_later(revocations)

    async def begin(self, key: str, mine: Kept, now: float) -> Kept | None:
        """See `Store.begin`."""
        del now  # what is shared has its own clock
        number = self._ask_or_refuse()
        owed = self._owed.get(key)
        if owed is not None and isinstance(owed.what, Kept) and owed.what.owner != mine.owner:
            return owed.what  # how it ended is known here, and not yet there
        try:
            return await self._remote.begin(key, mine)
        except StoreLost as lost:
            self._lose(lost, number)
            self._owe(key, _Debt(mine.owner))  # it may have been kept there all the same
            raise Unavailable("store") from None
        except asyncio.CancelledError:
            self._owe(key, _Debt(mine.owner))
            raise

    async def finish(self, key: str, done: Kept) -> None:
        """See `Store.finish`."""
        await self._settle(key, _Debt(done))

    async def forget(self, key: str, owner: str) -> None:
        """See `Store.forget`."""
        await self._settle(key, _Debt(owner))

    async def hold(self, name: str, owner: str, seconds: float, now: float) -> bool:
        """See `Store.hold`."""
        del now
        number = self._ask_or_refuse()
        try:
            return await self._remote.hold(name, owner, seconds)
        except StoreLost as lost:
            self._lose(lost, number)
            self._held[name] = owner  # it may be held all the same
            raise Unavailable("store") from None
        except asyncio.CancelledError:
            self._held[name] = owner
            raise

    async def release(self, name: str, owner: str) -> None:
        """See `Store.release`: one that cannot be given back now is given back later, or ends by itself."""
        self._held[name] = owner
        if not self._lost:
            await self._let_go(name)

    async def _let_go(self, name: str) -> None:
        owner, number = self._held.pop(name), self._next()
        try:
            await self._remote.release(name, owner)
        except StoreLost as lost:
            self._lose(lost, number)
            self._held.setdefault(name, owner)
        except asyncio.CancelledError:
            self._held.setdefault(name, owner)
            raise

    async def _up_to_date(self, key: str | None, rate: Rate) -> float | None:
        """Learn what is revoked and take a turn: the wait; None when lost."""
        if self._may_ask():
            with contextlib.suppress(StoreLost):
                return await self._converse(key, rate, ())
        return None

    async def _converse(self, key: str | None, rate: Rate, revocations: tuple[Revocation, ...]) -> float:
        """One exchange, and further ones while either side has more to say than fits into one."""
        wait = None
        while True:
            began = self._monotonic()
            taken = await self._exchange(key, rate, revocations)
            wait = taken.wait_seconds if wait is None else wait
            key, revocations = None, ()
            if not taken.more and not self._unpublished:
                break
        self._known_at = max(self._known_at, began)
        if self._lost:
            self._lost = False
            self._log("the store is back")
        await self._pay()
        return wait

    async def _exchange(self, key: str | None, rate: Rate, revocations: tuple[Revocation, ...]) -> Taken:
        number = self._next()
        later = tuple(islice(self._unpublished, PAGE))
        for revocation in later:  # whoever else asks meanwhile takes the next ones
            del self._unpublished[revocation]
        told = (*revocations, *later)
        try:
            taken = await self._remote.exchange(key, rate, epoch=self._epoch, position=self._position, revocations=told)
        except StoreLost as lost:
            self._publish_later(told)
            self._lose(lost, number)
            raise
        except asyncio.CancelledError:
            self._publish_later(told)
            raise
        self._learn(taken, number)
        return taken

    def _learn(self, taken: Taken, number: int) -> None:
        if number > self._heard:
            self._heard = number
            if taken.epoch != self._epoch and self._epoch:
                known = self._revocations.everything()
                self._publish_later(known)
                self._log(f"the store has lost what it held: {len(known)} revocations are passed on to it again")
            self._epoch, self._position = taken.epoch, taken.position
        elif taken.epoch != self._epoch:  # overtaken, and of a life that is over
            self._publish_later(taken.revocations)
        self._revocations.add(taken.revocations)
        self._revocations.prune(self._now())

    def _publish_later(self, revocations: Iterable[Revocation]) -> None:
        self._unpublished.update(dict.fromkeys(revocations))

    def _next(self) -> int:
        self._asked += 1
        return self._asked

    def _may_ask(self) -> bool:
        """Whether this call may ask: all may, but of a lost store only one in `PROBE_SECONDS`."""
        if not self._lost:
            return True
        moment = self._monotonic()
        if moment < self._ask_again_at:
            return False
        self._ask_again_at = moment + PROBE_SECONDS
        return True

    def _ask_or_refuse(self) -> int:
        if self._lost:
            raise Unavailable("store")
        return self._next()

    def _lose(self, lost: StoreLost, number: int) -> None:
        if number < self._heard:
            return  # a later one was answered: this failure is news of the past
        self._ask_again_at = self._monotonic() + PROBE_SECONDS
        if not self._lost:
            self._lost = True
            self._log(f"the store is lost ({lost}): rates are counted here, revocations serve {GRACE_SECONDS:.0f} s")

    async def _settle(self, key: str, debt: _Debt) -> None:
        """Finish, or let go of, a kept request: now, or when the store is back."""
        if self._lost:
            self._owe(key, debt)
            return
        number = self._next()
        try:
            if isinstance(debt.what, Kept):
                await self._remote.finish(key, debt.what)
            else:
                await self._remote.forget(key, debt.what)
            if self._owed.get(key) is debt:
                del self._owed[key]
        except StoreLost as lost:
            self._lose(lost, number)
            self._owe(key, debt)
        except asyncio.CancelledError:
            self._owe(key, debt)
            raise

    def _owe(self, key: str, debt: _Debt) -> None:
        """Keep for later. What there is no room for counts as an unknown outcome, and is not sent again."""
        debt.attempts += 1
        known = self._owed.get(key)
        if known is not None and known is not debt and isinstance(known.what, Kept):
            return  # another request's answer, which is worth more than letting go
        if debt.attempts > MAX_ATTEMPTS:
            self._owed.pop(key, None)
        if debt.attempts <= MAX_ATTEMPTS and (len(self._owed) < MAX_OWED or key in self._owed):
            self._owed[key] = debt

    async def _pay(self) -> None:
        while self._owed and not self._lost:
            await self._settle(*next(iter(self._owed.items())))
        while self._held and not self._lost:
            await self._let_go(next(iter(self._held)))
