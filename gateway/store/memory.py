"""What replicas share, for one process that shares it with nobody.

Duty: rates, revocations, kept requests and locks in plain dictionaries, each of them bounded (R-22).
Prohibition: no clock, no I/O, no wait.
Source: the generic cell rate algorithm (ITU-T I.371), kept as one number a key.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from gateway.caller import Caller
from gateway.errors import Unavailable
from gateway.store.port import RETENTION_SECONDS, Kept, Rate
from gateway.store.revocations import Revocation, Revocations

MAX_KEYS: Final = 100_000
MAX_KEPT: Final = 100_000
MAX_KEPT_BYTES: Final = 64 * 1024 * 1024
MAX_LOCKS: Final = 1_000
_ROUNDING_SECONDS: Final = 1e-6  # must not cost a caller its last turn


class MemoryStore:
    """The store of one process.

    Of rates at most `MAX_KEYS` are told apart: the one that was used longest ago goes first. A key may spend all its
    turns at once and then gets them back evenly.

    Kept requests, at most `MAX_KEPT` with `MAX_KEPT_BYTES` of answers, are never forgotten before their time, which
    would let a change be sent twice: when there is no room, `begin` raises `Unavailable`.
    """

    __slots__ = ("_full_at", "_kept", "_kept_bytes", "_locks", "_revocations")

    def __init__(self) -> None:
        """Nothing is spent, revoked, kept or locked."""
        self._full_at: OrderedDict[str, float] = OrderedDict()  # a dict finds its oldest key slowly: it keeps the gaps
        self._revocations = Revocations()
        self._kept: dict[str, Kept] = {}
        self._kept_bytes = 0
        self._locks: dict[str, tuple[str, float]] = {}  # name -> owner, until

    @property
    def revocations(self) -> Revocations:
        """See `Store.revocations`."""
        return self._revocations

    def refuses(self, caller: Caller) -> bool:
        """See `Store.refuses`."""
        return self._revocations.refuses(caller)

    async def take(self, key: str, rate: Rate, now: float) -> float:
        """See `Store.take`."""
        turns, seconds = rate
        full_at = max(self._full_at.get(key, now), now)
        cost = seconds / turns
        wait = full_at + cost - now - seconds
        if wait > _ROUNDING_SECONDS and full_at > now:  # of a rate below one turn there is one all the same
            self._full_at.move_to_end(key)
            return min(wait, full_at - now)
        self._full_at[key] = full_at + cost
        self._full_at.move_to_end(key)
        self._forget_rates(now)
        return 0.0

    async def refresh(self) -> None:
        """See `Store.refresh`: nobody else revokes anything here."""

    async def revoke(self, revocations: Sequence[Revocation]) -> None:
        """See `Store.revoke`."""
        self._revocations.add(revocations)
        if revocations:  # the newest is of this process's clock, so that it tells the time
            self._revocations.prune(max(revocation.moment for revocation in revocations))

    async def begin(self, key: str, mine: Kept, now: float) -> Kept | None:
        """See `Store.begin`."""
        self._forget_kept(now)
        found = self._kept.get(key)
        if found is not None and _kept_until(found) > now and (found.owner != mine.owner or found.reply is not None):
            return found
        if found is None and (len(self._kept) >= MAX_KEPT or self._kept_bytes >= MAX_KEPT_BYTES):
            raise Unavailable("store")
        self._drop(key)
        self._keep(key, mine)
        return None

    async def finish(self, key: str, done: Kept) -> None:
        """See `Store.finish`."""
        found = self._kept.get(key)
        if found is None or found.owner == done.owner:
            self._drop(key)
            self._keep(key, done)

    async def forget(self, key: str, owner: str) -> None:
        """See `Store.forget`."""
        found = self._kept.get(key)
        if found is not None and found.owner == owner and found.reply is None:
            self._drop(key)

    async def hold(self, name: str, owner: str, seconds: float, now: float) -> bool:
        """See `Store.hold`."""
        holder, until = self._locks.get(name, (owner, now))
        if holder != owner and until > now:
            return False
        if len(self._locks) >= MAX_LOCKS:
            self._locks = {other: held for other, held in self._locks.items() if held[1] > now}
            if len(self._locks) >= MAX_LOCKS:
                raise Unavailable("store")
        self._locks[name] = (owner, now + seconds)
        return True

    async def release(self, name: str, owner: str) -> None:
        """See `Store.release`."""
        if self._locks.get(name, ("", 0.0))[0] == owner:
            del self._locks[name]

    def _forget_rates(self, now: float) -> None:
        """Drop the two keys that were used longest ago if they have all their turns again, or if there are too many."""
        for _ in range(2):
            oldest = next(iter(self._full_at))
            if self._full_at[oldest] > now and len(self._full_at) <= MAX_KEYS:
                return
            del self._full_at[oldest]

    def _forget_kept(self, now: float) -> None:
        while self._kept:
            oldest = next(iter(self._kept))
            if _kept_until(self._kept[oldest]) > now:
                return
            self._drop(oldest)

    def _keep(self, key: str, kept: Kept) -> None:
        self._kept[key] = kept
        self._kept_bytes += len(kept.reply or b"")

    def _drop(self, key: str) -> None:
        found = self._kept.pop(key, None)
        if found is not None:
            self._kept_bytes -= len(found.reply or b"")


def _kept_until(kept: Kept) -> float:
    return kept.lease_ends + RETENTION_SECONDS
