"""Which tokens are not accepted any more, as this replica knows it.

Duty: the mirror of the shared list: asked on every call, after the token's cache. Bounded by time (a token lives at
most 24 hours, so older revocations refuse nothing) and in number.
Prohibition: no I/O, no clock.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from gateway.caller import Caller

LIFETIME_SECONDS: Final = 24 * 3600.0 + 300.0
"""How long a revocation can refuse anything: as long as Cognito lets a token live, and some minutes of wrong clocks."""

MAX_NAMES: Final = 250_000
"""How many people, and how many groups, are told apart. See `Revocations`."""

_NEVER: Final = -math.inf
_MAX_NOTED: Final = 10_000


Kind = Literal["signed_out", "groups_changed", "group_deleted", "group_changed"]


@dataclass(frozen=True, slots=True)
class Revocation:
    """Tokens that are not accepted any more.

    `signed_out`: those of the sub `name` with `auth_time` at or before `moment`. `groups_changed`: those of the sub
    `name` with `iat` at or before it. `group_deleted`: anyone's who is in the group `name`, with `iat` at or before it.
    `group_changed` refuses nothing: what replicas remember of the pool's groups is old.
    `moment` is in epoch seconds.
    """

    kind: Kind
    name: str
    moment: float


class Revocations:
    """What is revoked. Of one kind and name the later moment counts.

    With more than `MAX_NAMES` of them the one that came longest ago is forgotten and, as nothing may be accepted for
    that, everybody who signed in at or before its moment is refused: they have to sign in again.
    """

    __slots__ = ("_change", "_everybody", "_groups", "_groups_change", "_noted", "_people")

    def __init__(self) -> None:
        """Nothing is revoked."""
        self._people: dict[str, tuple[float, float, int]] = {}  # sub -> signed out, groups changed, number of change
        self._groups: dict[str, float] = {}
        self._noted: dict[str, float] = {}  # groups that were made or changed, and when
        self._everybody = _NEVER  # who signed in until then is refused, whoever it is
        self._change = 0
        self._groups_change = 0

    def refuses(self, caller: Caller) -> bool:
        """Tell whether the caller's token is revoked."""
        found = self._people.get(caller.sub)
        if found is not None and (caller.auth_time <= found[0] or caller.issued_at <= found[1]):
            return True
        if self._groups:
            for group in caller.groups:
                if caller.issued_at <= self._groups.get(group, _NEVER):
                    return True
        return caller.auth_time <= self._everybody

    @property
    def news(self) -> int:
        """How many changes have come so far: what a cache of users notes before it asks."""
        return self._change

    def concern(self, sub: str, news: int) -> bool:
        """Tell whether something came about that sub, or about a group, after there were so many `news`."""
        found = self._people.get(sub)
        return self._groups_change > news or (found is not None and found[2] > news)

    def add(self, revocations: Iterable[Revocation]) -> None:
        """Refuse these too. What is known already changes nothing, no mark either."""
        for revocation in revocations:
            if revocation.kind == "group_deleted":
                self._add_group(revocation.name, revocation.moment)
            elif revocation.kind == "group_changed":
                self._note_group(revocation.name, revocation.moment)
            else:
                self._add_person(revocation)

    def everything(self) -> tuple[Revocation, ...]:
        """Return all that is known, to be published again in a store that began anew."""
        found: list[Revocation] = []
        for sub, (signed_out, changed, _) in self._people.items():
            if signed_out > _NEVER:
                found.append(Revocation("signed_out", sub, signed_out))
            if changed > _NEVER:
                found.append(Revocation("groups_changed", sub, changed))
        found.extend(Revocation("group_deleted", name, moment) for name, moment in self._groups.items())
        return tuple(found)

    def prune(self, now: float) -> None:
        """Drop what can refuse nothing any more. `now` is in epoch seconds.

        Looks at those that came first, and no further than to the first that still counts: cheap enough for every call.
        """
        horizon = now - LIFETIME_SECONDS
        while self._people:
            sub, (signed_out, changed, _) = next(iter(self._people.items()))
            if max(signed_out, changed) >= horizon:
                break
            del self._people[sub]
        while self._groups:
            name, moment = next(iter(self._groups.items()))
            if moment >= horizon:
                break
            del self._groups[name]

    def _note_group(self, name: str, moment: float) -> None:
        if self._noted.get(name) == moment:
            return
        if len(self._noted) >= _MAX_NOTED:
            self._noted.clear()
        self._noted[name] = moment
        self._change += 1
        self._groups_change = self._change

    def _add_person(self, revocation: Revocation) -> None:
        sub, moment = revocation.name, revocation.moment
        signed_out, changed, _ = found = self._people.get(sub, (_NEVER, _NEVER, 0))
        if moment == found[0 if revocation.kind == "signed_out" else 1]:
            return
        if revocation.kind == "signed_out":
            signed_out = max(signed_out, moment)
        else:
            changed = max(changed, moment)
        self._people.pop(sub, None)  # to the end: the order is that of coming
        self._change += 1  # also for an earlier moment: another replica changed the user, and clocks differ
        self._people[sub] = (signed_out, changed, self._change)
        if len(self._people) > MAX_NAMES:
            oldest = self._people.pop(next(iter(self._people)))
            self._everybody = max(self._everybody, oldest[0], oldest[1])

    def _add_group(self, name: str, moment: float) -> None:
        known = self._groups.get(name, _NEVER)
        if moment == known:
            return
        self._groups.pop(name, None)
        self._change += 1
        self._groups_change = self._change
        self._groups[name] = max(known, moment)
        if len(self._groups) > MAX_NAMES:
            self._everybody = max(self._everybody, self._groups.pop(next(iter(self._groups))))
