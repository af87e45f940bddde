"""The rooms that a call passes through, and the two ways by which each call leaves a line.

Duty: one record of who is handed what, and the audit's rule for refusals and outcomes.
Prohibition: no order of things (that is `gateway.pipeline` and `gateway.changes`), no decision.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gateway.audit import Phase, Recorder
from gateway.call import Call, Fate, entry
from gateway.directory import Directory
from gateway.door import Door
from gateway.errors import GatewayError, RateExceeded
from gateway.idempotency import Idempotency
from gateway.judgement import Pool
from gateway.operations import Catalogue
from gateway.policy import Policy
from gateway.protection import Protection
from gateway.questions import Questions
from gateway.quotas import Quotas
from gateway.relay import THROTTLES, Reply
from gateway.store import Rate, Store
from gateway.tokens import Verifier

_MINUTE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Rooms:
    """Everything that one gateway consists of. `now` gives epoch seconds, `monotonic` seconds."""

    pool: Pool
    catalogue: Catalogue
    policy: Policy
    verifier: Verifier
    door: Door
    trail: Recorder
    store: Store
    quotas: Quotas
    directory: Directory
    protection: Protection
    idempotency: Idempotency
    now: Callable[[], float]
    monotonic: Callable[[], float]
    log: Callable[[str], None]  # takes a line for the operator
    timeout_seconds: float = 15.0

    def questions(self, call: Call) -> Questions:
        """The guards' way to Cognito, for one call."""
        return Questions(
            call, catalogue=self.catalogue, door=self.door, quotas=self.quotas, user_pool_id=self.pool.user_pool_id
        )

    async def rate(self, key: str, per_minute: int) -> None:
        """Take one turn of `key`.

        Raises:
            RateExceeded: it has none left.

        """
        over = await self.turn(key, per_minute)
        if over is not None:
            raise over

    async def turn(self, key: str, per_minute: int) -> RateExceeded | None:
        """Take one turn of `key`; the refusal where it has none left, for who has something else to say first."""
        wait = await self.store.take(key, Rate(per_minute, _MINUTE_SECONDS), self.monotonic())
        return RateExceeded("rate", retry_after_seconds=int(wait) + 1) if wait > 0 else None

    async def record(self, call: Call, phase: Phase, error: GatewayError | None = None) -> None:
        """Write the line of a decision or an intent.

        Raises:
            Unavailable: it could not be written.

        """
        line = entry(call, phase, error=error)
        if not self.trail.try_record(line):
            await self.trail.record(line)
        if error is None:
            call.written = phase

    async def outcome(
        self, call: Call, status: int | None, error: str | None, upstream_request_id: str | None = None
    ) -> bool:
        """Write the line of an outcome; False: it is owed."""
        call.written = "outcome"
        fate = Fate(status, error, (self.monotonic() - call.started) * 1000, upstream_request_id)
        return await self.trail.outcome(entry(call, "outcome", fate=fate))

    async def explained(self, call: Call, error: GatewayError | None) -> Reply:
        """The answer to a dry run: decided and written down like the real thing, not sent."""
        await self.record(call, "decision", error)
        told: dict[str, Any] = {"allowed": error is None}
        if call.caller is not None and self.policy.explains(call.caller):
            kind, _, detail = (error.reason if error else "").partition(":")
            told |= {"role": call.role, "reason": kind or None, "field": detail or None}
        return Reply(200, json.dumps(told).encode())

    def heed(self, call: Call, reply: Reply) -> None:
        """Slow down where Cognito throttles although the quota was kept: others use the account too."""
        if reply.type in THROTTLES and call.operation is not None:
            self.quotas.throttled(call.operation)
