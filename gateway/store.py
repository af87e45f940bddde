"""What replicas share: today the counters behind the rates.

Duty: one small interface, `Store`, and the form of it that a single process needs.
Prohibition: no clock (`now` is handed in), no policy. Methods are awaitable because the shared forms wait on a network.
Source: the generic cell rate algorithm (ITU-T I.371), kept as one number a key.
"""

from typing import Protocol

MAX_KEYS = 100_000
_ROUNDING_SECONDS = 1e-6  # must not cost a caller its last turn


class Store(Protocol):
    """Counters shared by whoever shares the store."""

    async def take(self, key: str, per_minute: int, now: float) -> float:
        """Take one turn of `key`, which has `per_minute` of them; 0.0 when granted, else the seconds until the next."""
        ...  # pragma: no cover - a port


class MemoryStore:
    """The counters of one process, at most `MAX_KEYS` of them: the one that was used longest ago goes first.

    A key may spend its whole minute at once and then gets its turns back evenly.
    """

    __slots__ = ("_full_at",)

    def __init__(self) -> None:
        """No key has spent anything."""
        self._full_at: dict[str, float] = {}

    async def take(self, key: str, per_minute: int, now: float) -> float:
        """See `Store.take`."""
        full_at = max(self._full_at.pop(key, now), now)
        cost = 60.0 / per_minute
        wait = full_at + cost - now - 60.0
        if wait > _ROUNDING_SECONDS:
            self._full_at[key] = full_at
            return wait
        self._full_at[key] = full_at + cost
        self._forget(now)
        return 0.0

    def _forget(self, now: float) -> None:
        """Drop the two keys that were used longest ago if they have all their turns again, or if there are too many."""
        for _ in range(2):
            oldest = next(iter(self._full_at))
            if self._full_at[oldest] > now and len(self._full_at) <= MAX_KEYS:
                return
            del self._full_at[oldest]
