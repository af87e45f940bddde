"""AWS credentials that people were given, to be given again until 80 % of their life is over.

Duty: spare STS, and be the one place where they are. Prohibition: memory only, bounded; never in what replicas share,
never in a log (R-01).
"""

import math
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field

from gateway.keypair import KeyPair

MAX_ISSUED = 2_000
GIVEN_UNTIL = 0.8  # of their life


@dataclass(frozen=True, slots=True)
class _Kept:
    pair: KeyPair = field(repr=False)
    until: float  # epoch seconds


class Issued:
    """The credentials of one process or isolate. Who was given some longest ago is forgotten first."""

    __slots__ = ("_kept", "_most")

    def __init__(self, most: int = MAX_ISSUED) -> None:
        """At most `most` at a time."""
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._most = most

    def find(self, key: Hashable, now: float) -> KeyPair | None:
        """What was kept under `key` and may still be given; `now` is epoch seconds."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        if now >= kept.until:
            del self._kept[key]
            return None
        return kept.pair

    def keep(self, key: Hashable, pair: KeyPair, now: float) -> None:
        """Keep what was just given; `now` is epoch seconds."""
        ends = math.inf if pair.expires_at is None else pair.expires_at
        self._kept.pop(key, None)
        while len(self._kept) >= self._most:
            self._kept.popitem(last=False)
        self._kept[key] = _Kept(pair, now + GIVEN_UNTIL * (ends - now))
