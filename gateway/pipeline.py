"""The way of a call, in one direction; only this file knows the rooms.

find the operation -> authenticate -> authorise -> read and judge the body -> audit the intent -> sign -> send
-> audit the outcome -> relay.

Duty: the order, and that every decision is written down before anything reaches Cognito.
Prohibition: no HTTP, no clock of its own, no runtime. A stranger gets none of our memory: the body is read only after
the policy has allowed the operation. What was judged is what is sent.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gateway import public
from gateway.audit import Entry, Phase, Target, Trail
from gateway.body import dump
from gateway.caller import Caller
from gateway.door import Door
from gateway.errors import (
    Denied,
    GatewayError,
    InternalError,
    RateExceeded,
    TokenError,
    UnknownOperation,
)
from gateway.judgement import Pool, fragment, judge, keep_to_pool, seen, target_of
from gateway.operations import Catalogue, Operation, check
from gateway.policy import Grant, Policy
from gateway.relay import Reply
from gateway.store import Store
from gateway.tokens import Verifier

ReadBody = Callable[[], Awaitable[dict[str, Any]]]
"""Reads and parses the body; called once, and only for a caller whom the policy lets use the operation."""

_ACCESS = frozenset({"access"})
_ID = frozenset({"id"})


@dataclass(slots=True)  # made for every call: freezing would double the cost
class Ask:
    """One request, whatever it came in by: the operation's target, the caller's token, how to read the body."""

    id: str
    target: bytes
    token: bytes | None = field(repr=False)
    ip: str
    read_body: ReadBody
    dry_run: bool = False


@dataclass(slots=True)
class _Call:
    """What is known of one call so far: what the audit line says, whatever happens next."""

    ask: Ask
    started: float
    operation: Operation | None = None
    caller: Caller | None = None
    role: str | None = None
    target: Target | None = None
    grant: Grant | None = None
    written: Phase | None = None  # the last line of it that was accepted


@dataclass(slots=True)  # made for every call: freezing would double the cost
class _Fate:
    """How a call ended: what an outcome, or a refusal, adds to the line."""

    status: int | None = None
    error: str | None = None
    duration_ms: float | None = None
    upstream_request_id: str | None = None


class Pipeline:
    """Carries a call from its target and token to Cognito's answer."""

    __slots__ = (
        "_catalogue",
        "_door",
        "_log",
        "_monotonic",
        "_now",
        "_policy",
        "_pool",
        "_store",
        "_trail",
        "_verifier",
    )

    def __init__(  # noqa: PLR0913 - the one place where the rooms meet
        self,
        *,
        pool: Pool,
        catalogue: Catalogue,
        policy: Policy,
        verifier: Verifier,
        door: Door,
        trail: Trail,
        store: Store,
        now: Callable[[], float],
        monotonic: Callable[[], float],
        log: Callable[[str], None],
    ) -> None:
        """`now` gives epoch seconds, `monotonic` seconds that never go back; `log` takes a line for the operator."""
        self._pool = pool
        self._catalogue = catalogue
        self._policy = policy
        self._verifier = verifier
        self._door = door
        self._trail = trail
        self._store = store
        self._now = now
        self._monotonic = monotonic
        self._log = log

    async def run(self, ask: Ask) -> Reply:
        """Carry one call out.

        Raises:
            GatewayError: every refusal and failure, after it has been written down.

        """
        call = _Call(ask, self._monotonic())
        try:
            body = await self._decide(call)
            return await self._carry_out(call, body)
        except GatewayError as error:
            if ask.dry_run and isinstance(error, Denied):
                return await self._explained(call, error)
            await self._failed(call, error)
            raise
        except asyncio.CancelledError:
            if call.written == "intent":  # the deed may be done: say so, or owe it
                await asyncio.shield(self._trail.outcome(self._entry(call, "outcome", fate=_Fate(error="cancelled"))))
            raise
        except Exception as error:
            self._log(f"defect in request {ask.id}: {type(error).__name__} at {_place(error)}")
            failure = InternalError(f"defect:{type(error).__name__}")
            await self._failed(call, failure)
            raise failure from error

    async def refuse(self, ask: Ask, error: GatewayError) -> None:
        """Write down a refusal that was made before the call could be understood (two tokens, two targets)."""
        await self._failed(_Call(ask, self._monotonic()), error)

    async def _decide(self, call: _Call) -> dict[str, Any]:
        ask = call.ask
        call.operation = operation = self._find(ask.target)
        if not operation.signed and operation.name in self._policy.public.allow:
            return await self._decide_public(call, operation)
        if ask.token is None:
            raise TokenError("no-token")
        now = self._now()
        caller = self._verifier.cached(ask.token, now)
        if caller is None or caller.token_use not in self._verifier.token_uses:
            caller = await self._verifier.verify(ask.token, now)
        call.caller = caller
        grants = self._policy.grants(caller, operation.name)
        if not grants:
            raise Denied("operation")
        rate = max(grant.role.rate_per_minute for grant in grants)
        await self._rate(f"caller\n{caller.sub}\n{operation.name}", rate)
        body = keep_to_pool(self._pool, operation, await ask.read_body())
        call.target = target_of(body)
        call.grant = grant = judge(operation, grants, body)
        call.role = grant.role.name
        return public.add_secret(operation.name, body, self._pool.client_secrets)

    async def _decide_public(self, call: _Call, operation: Operation) -> dict[str, Any]:
        rules = self._policy.public
        await self._rate(f"ip\n{public.neighbourhood(call.ask.ip)}", rules.rate_per_minute_per_ip)
        call.role = "public"
        body = keep_to_pool(self._pool, operation, await call.ask.read_body())
        problem = check(operation, body)
        name = public.user_name(operation.name, body)
        call.target = Target(username=name)
        public.judge(body)
        if "AccessToken" in body:
            call.caller = await self._verifier.verify(body["AccessToken"].encode(), self._now(), token_uses=_ACCESS)
        if operation.service == "cognito-identity":
            call.caller = await self._logins(body)
        if problem is not None:
            raise problem
        if call.caller is not None:  # proven by a token: a count of its own, which no stranger can use up
            await self._rate(f"sub\n{call.caller.sub}", rules.rate_per_minute_per_user)
        elif name:
            await self._rate(f"user\n{name.casefold()}", rules.rate_per_minute_per_user)
        return public.add_secret(operation.name, body, self._pool.client_secrets)

    async def _logins(self, body: Mapping[str, Any]) -> Caller:
        """The caller behind `Logins`: this pool's token and no other, or the gateway would be a relay for others."""
        logins = body.get("Logins")
        if not isinstance(logins, dict) or set(logins) != {self._pool.provider}:
            raise TokenError("logins")
        return await self._verifier.verify(logins[self._pool.provider].encode(), self._now(), token_uses=_ID)

    async def _carry_out(self, call: _Call, body: dict[str, Any]) -> Reply:
        operation = call.operation
        if operation is None:  # _decide has found it
            raise InternalError("no-operation")
        if call.ask.dry_run:
            return await self._explained(call, None)
        phase: Phase = "intent" if operation.mutates else "decision"
        entry = self._entry(call, phase)
        if not self._trail.try_record(entry):
            await self._trail.record(entry)
        call.written = phase
        actor = call.caller.sub if call.caller is not None else None
        reply = seen(call.grant, await self._door.carry(operation, dump(body), actor=actor))
        if operation.mutates and not await self._outcome(call, reply.status, reply.type, reply.upstream_request_id):
            reply = replace(reply, audit_complete=False)
        return reply

    def _find(self, target: bytes) -> Operation:
        operation = self._catalogue.by_target.get(target)
        if operation is None:
            raise UnknownOperation("no-target" if not target else "unknown-target")
        if operation.service == "cognito-identity" and (
            self._pool.identity_pool_id is None or operation.name not in self._policy.public.allow
        ):
            raise UnknownOperation("identity-not-served")
        return operation

    async def _rate(self, key: str, per_minute: int) -> None:
        wait = await self._store.take(key, per_minute, self._monotonic())
        if wait > 0:
            raise RateExceeded("rate", retry_after_seconds=int(wait) + 1)

    async def _explained(self, call: _Call, error: Denied | None) -> Reply:
        """The answer to a dry run: decided and written down like the real thing, not sent."""
        entry = self._entry(call, "decision", error=error)
        await self._trail.record(entry)
        told: dict[str, Any] = {"allowed": error is None}
        if call.caller is not None and self._policy.explains(call.caller):
            kind, _, detail = (error.reason if error else "").partition(":")
            told |= {"role": call.role, "reason": kind or None, "field": detail or None}
        return Reply(200, json.dumps(told).encode())

    async def _failed(self, call: _Call, error: GatewayError) -> None:
        """Write down how it ended, once: the outcome of an intent, or a refusal. A read has its one line already.

        When a refusal cannot be written, "unavailable" is all that the caller learns.
        """
        if call.written == "intent":
            error.audit_complete = await self._outcome(call, int(error.status), error.reason, None)
        elif call.written is None and error.reason != "audit":
            await self._trail.record(self._entry(call, "decision", error=error))

    async def _outcome(self, call: _Call, status: int, error: str | None, upstream_request_id: str | None) -> bool:
        call.written = "outcome"
        fate = _Fate(status, error, (self._monotonic() - call.started) * 1000, upstream_request_id)
        return await self._trail.outcome(self._entry(call, "outcome", fate=fate))

    def _entry(
        self, call: _Call, phase: Phase, *, error: GatewayError | None = None, fate: _Fate | None = None
    ) -> Entry:
        if fate is None:
            fate = _Fate() if error is None else _Fate(int(error.status), error.type)
        return Entry(
            id=call.ask.id,
            phase=phase,
            caller=fragment(call.caller),
            ip=call.ask.ip,
            operation=call.operation.name if call.operation is not None else None,
            target=call.target,
            allowed=error is None,
            role=call.role,
            reason=error.reason if error is not None else None,
            status=fate.status,
            error=fate.error,
            duration_ms=fate.duration_ms,
            upstream_request_id=fate.upstream_request_id,
            dry_run=call.ask.dry_run,
        )


def _place(error: BaseException) -> str:
    """Where it was raised, for the log: a file's name and a line, never a value (R-01)."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "?"
    return f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}"
