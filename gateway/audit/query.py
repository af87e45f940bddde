"""Which lines of the audit somebody looks for.

Duty: take apart what a person types, and judge a line by it. Prohibition: no clock, no I/O.
Source: RFC 3339 section 5.6 (moments).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.audit.line import rfc3339

_AGO = re.compile(r"([0-9]{1,6})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class Name:
    """What a name is compared with: `pieces` stand between the stars, in this order, whatever the case.

    No pattern of `re`: strangers choose the names in the lines, and a pattern with stars that fails takes cubic time.
    """

    pieces: tuple[str, ...]

    def fits(self, value: str) -> bool:
        """Whether a name is of that form."""
        text = value.casefold()
        first, *rest = self.pieces
        if not rest:
            return text == first
        *middle, last = rest
        at, end = len(first), len(text) - len(last)
        if at > end or not text.startswith(first) or not text.endswith(last):
            return False
        for piece in middle:
            at = text.find(piece, at, end)
            if at < 0:
                return False
            at += len(piece)
        return True


Names = tuple[Name, ...]
"""Any of them; none: all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What a line must have. `since` and `until` are moments as `rfc3339` writes them, both included."""

    callers: Names = ()  # sub, username, client id or address
    operations: Names = ()
    targets: Names = ()  # username, sub or group
    reasons: Names = ()
    roles: Names = ()
    ids: Names = ()
    statuses: frozenset[int] = frozenset()
    denied: bool = False
    since: str | None = None
    until: str | None = None

    def matches(self, found: Mapping[str, Any]) -> bool:
        """Tell whether an audit line with these members is one of those."""
        time = str(found.get("time"))
        decision = _part(found, "decision")
        return (
            (self.since is None or time >= self.since)
            and (self.until is None or time <= self.until)
            and not (self.denied and decision.get("allowed") is True)
            and (not self.statuses or found.get("status") in self.statuses)
            and _any(self.callers, _part(found, "caller"), "sub", "username", "client_id", "ip")
            and _any(self.targets, _part(found, "target"), "username", "sub", "group")
            and _any(self.operations, found, "operation")
            and _any(self.reasons, decision, "reason")
            and _any(self.roles, decision, "role")
            and _any(self.ids, found, "id")
        )


def name(text: str) -> Name:
    """Return what a name is compared with: `*` stands for anything, case does not matter."""
    return Name(tuple(text.casefold().split("*")))


def moment(text: str, now: float) -> str:
    """Return the moment that `text` names, as the lines have it: RFC 3339, or how long before `now` (epoch seconds).

    Raises:
        ValueError: it names none; the text says what would be right.

    """
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return rfc3339(max(0.0, now - int(ago[1]) * _SECONDS[ago[2]]))
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise ValueError(f"{text!a} is no moment: 2026-11-21T09:00:00Z, with Z or an offset, or 15m, 2h, 7d ago")
    return rfc3339(found.timestamp())


def _part(found: Mapping[str, Any], member: str) -> Mapping[str, Any]:
    part = found.get(member)
    return part if isinstance(part, dict) else {}


def _any(wanted: Names, part: Mapping[str, Any], *members: str) -> bool:
    values = [value for member in members if isinstance(value := part.get(member), str)]
    return not wanted or any(name.fits(value) for name in wanted for value in values)
