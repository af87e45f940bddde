"""A page of the audit's lines, read back for somebody who may ask.

Duty: the port between who asks and who can read where the lines went. Prohibition: no behaviour.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from gateway.audit.query import Query


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Lines, newest first, as their members. `place` is where older ones go on, None where there are none.

    With a `place` there may be fewer lines than were wanted, or none: one page reads only so much.
    """

    lines: list[dict[str, Any]] = field(default_factory=list)
    place: str | None = None


ReadAudit = Callable[[Query, int, str | None], Awaitable[AuditPage]]
"""Gives at most so many lines that match, from the newest or from a `place` that it gave."""
