"""One call on its way through the pipeline: what came in, what is known of it so far, what the audit says of it.

Duty: the records that the pipeline fills in and the audit line that they make, whatever happens next.
Prohibition: no decision; no I/O.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from gateway.audit import Entry, Phase, Target
from gateway.caller import Caller
from gateway.errors import GatewayError
from gateway.guards import Subject
from gateway.judgement import fragment
from gateway.operations import Operation
from gateway.policy import Grant

ReadBody = Callable[[], Awaitable[dict[str, Any]]]
"""Reads and parses the body; called once, and only for a caller whom the policy lets use the operation."""


@dataclass(slots=True)  # made for every call: freezing would double the cost
class Ask:
    """One request, whatever it came in by: the operation's target, the caller's token, how to read the body."""

    id: str
    target: bytes
    token: bytes | None = field(repr=False)
    ip: str
    read_body: ReadBody
    dry_run: bool = False
    idempotency_key: bytes | None = None
    caller: Caller | None = None  # once the pipeline knows it, before it reads the body
    knocked: bool = False  # its address's turn was taken before
    sub: str | None = None  # whom a change must turn out to act on, where the caller named a user by its `sub`


@dataclass(slots=True)
class Call:
    """What is known of one call so far. `started` and `deadline` are monotonic seconds."""

    ask: Ask
    started: float
    deadline: float
    operation: Operation | None = None
    caller: Caller | None = None
    grant: Grant | None = None
    role: str | None = None  # the name of the role that grants it
    target: Target | None = None
    subject: Subject | None = None  # the user whom a guarded change acts on
    guard_calls: tuple[str, ...] = ()
    replayed: bool = False  # answered with what was kept under its idempotency key
    written: Phase | None = None  # the last line of it that was accepted

    def acts_on(self, subject: Subject) -> None:
        """Note whom a change acts on, by its canonical name."""
        self.subject = subject
        group = self.target.group if self.target is not None else None
        self.target = Target(username=subject.username, sub=subject.sub, group=group)


@dataclass(slots=True)  # made for every call: freezing would double the cost
class Fate:
    """How a call ended: what an outcome, or a refusal, adds to the line."""

    status: int | None = None
    error: str | None = None
    duration_ms: float | None = None
    upstream_request_id: str | None = None


def entry(call: Call, phase: Phase, *, error: GatewayError | None = None, fate: Fate | None = None) -> Entry:
    """The audit's line of `call` in `phase`."""
    if fate is None:
        fate = Fate() if error is None else Fate(int(error.status), error.type)
    return Entry(
        id=call.ask.id,
        phase=phase,
        caller=fragment(call.caller),
        ip=call.ask.ip,
        operation=call.operation.name if call.operation is not None else None,
        target=call.target,
        allowed=error is None,
        role=call.role,
        reason=error.reason if error is not None else ("replayed" if call.replayed else None),
        status=fate.status,
        error=fate.error,
        duration_ms=fate.duration_ms,
        upstream_request_id=fate.upstream_request_id,
        guard_calls=call.guard_calls,
        dry_run=call.ask.dry_run,
    )
