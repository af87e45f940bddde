"""The way of a call, in one direction; only this file and `gateway.changes` know the rooms.

find the operation -> authenticate -> authorise -> read and judge the body -> a change: see `gateway.changes`; a read:
wait for Cognito's quota -> audit -> sign -> send -> relay.

Duty: the order, and that every decision is written down before anything that the caller asked for reaches Cognito.
Prohibition: no HTTP, no clock of its own, no runtime. A stranger gets none of our memory: the body is read only after
the policy has allowed the operation. What was judged is what is sent.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from gateway import admission, guards, issuance, public
from gateway.audit import Target
from gateway.body import dump
from gateway.call import Ask, Call, ReadBody
from gateway.caller import Caller
from gateway.changes import Changes
from gateway.errors import (
    Denied,
    GatewayError,
    InternalError,
    StepUpNeeded,
    TokenError,
    UnknownOperation,
    place,
)
from gateway.issuance import Issue
from gateway.judgement import judge, keep_to_pool, seen, target_of
from gateway.operations import Operation, check
from gateway.policy import Grant
from gateway.relay import Reply
from gateway.rooms import Rooms

__all__ = ["Ask", "Pipeline", "ReadBody"]

_ACCESS = frozenset({"access"})
_ID = frozenset({"id"})
_SLOW_BODY_SECONDS = 1.0  # a caller chooses how long its body takes: after that it has to be admitted again

T = TypeVar("T")


class Pipeline:
    """Carries a call from its target and token to Cognito's answer."""

    __slots__ = ("_changes", "_rooms")

    def __init__(self, rooms: Rooms) -> None:
        """`rooms` are what a call passes through."""
        self._rooms = rooms
        self._changes = Changes(rooms)

    async def run(self, ask: Ask) -> Reply:
        """Carry one call out.

        Raises:
            GatewayError: every refusal and failure, after it has been written down.

        """
        call = self._call(ask)
        try:
            operation, grants, body = await self._decide(call)
            call.deadline = self._rooms.monotonic() + self._rooms.timeout_seconds  # the caller's own sending is over
            if operation.mutates:
                return await self._changes.carry_out(call, operation, grants, body)
            return await self._read(call, operation, body)
        except Exception as error:  # noqa: BLE001 - written down, and raised again as what a caller may see
            return await self._failed(call, error)

    async def admit(self, ask: Ask, operation: Operation, *, explains: bool = False) -> Caller | Reply:
        """The caller of what the gateway itself answers, written down; the reply where it is a dry run.

        `operation` is one of the gateway's own (`gateway.operations.own`). With `explains` the caller needs a role that
        may ask why.

        Raises:
            GatewayError: every refusal, after it has been written down.

        """

        async def decide(call: Call) -> Caller:
            caller = await admission.admitted(self._rooms, call, operation, explains=explains)
            await ask.read_body()  # its inputs: these are GETs, and have no body that could be slow
            return caller

        return await self._own(ask, operation, decide)

    async def issue(self, ask: Ask, operation: Operation) -> Issue | Reply:
        """Which AWS credentials the caller may have, written down; the reply where it is a dry run.

        The body's `idToken` is the caller's ID token.

        Raises:
            GatewayError: every refusal, after it has been written down.

        """

        async def decide(call: Call) -> Issue:
            caller = await admission.admitted(self._rooms, call, operation)
            body, slow = await self._read_body(call)
            if slow:
                caller = await admission.admitted(self._rooms, call, operation, counts=False)
            return await issuance.decide(self._rooms, call, caller, body["idToken"])

        return await self._own(ask, operation, decide)

    async def refuse(self, ask: Ask, error: GatewayError, operation: Operation | None = None) -> None:
        """Write down a refusal that was made before the call could be understood (two tokens, two targets)."""
        call = self._call(ask)
        call.operation = operation
        await self._refused(call, error)

    async def knock(self, ask: Ask) -> None:
        """Take the address's turn of a public operation, before its body is read to see which one is meant.

        Raises:
            RateExceeded: it has none left; the caller writes that down.

        """
        await self._rooms.rate(_address(ask), self._rooms.policy.public.rate_per_minute_per_ip)
        ask.knocked = True

    async def _own(self, ask: Ask, operation: Operation, decide: Callable[[Call], Awaitable[T]]) -> T | Reply:
        call = self._call(ask)
        call.operation = operation
        try:
            found = await decide(call)
            if ask.dry_run:
                return await self._rooms.explained(call, None)
            await self._rooms.record(call, "decision")
        except Exception as error:  # noqa: BLE001 - written down, and raised again as what a caller may see
            return await self._failed(call, error)
        return found

    def _call(self, ask: Ask) -> Call:
        started = self._rooms.monotonic()
        return Call(ask, started, started + self._rooms.timeout_seconds)

    async def _decide(self, call: Call) -> tuple[Operation, list[Grant], dict[str, Any]]:
        """The operation, the roles that allow this body of it, and the body; no role where it is public."""
        rooms, ask = self._rooms, call.ask
        call.operation = operation = self._find(ask.target)
        if not operation.signed and operation.name in rooms.policy.public.allow:
            return operation, [], await self._decide_public(call, operation)
        grants = await self._allowed(call, operation)
        read, slow = await self._read_body(call)
        if slow:
            grants = await self._allowed(call, operation, counts=False)
        body = keep_to_pool(rooms.pool, operation, read)
        call.target = target_of(operation.name, body)
        grants = judge(operation, grants, body)
        call.grant, call.role = grants[0], grants[0].role.name
        return operation, grants, body

    async def _read_body(self, call: Call) -> tuple[dict[str, Any], bool]:
        """The body, and whether it took so long that what was decided before it is old."""
        started = self._rooms.monotonic()
        body = await call.ask.read_body()
        now = self._rooms.monotonic()
        call.deadline = now + self._rooms.timeout_seconds  # for what is asked again
        return body, now - started > _SLOW_BODY_SECONDS

    async def _allowed(self, call: Call, operation: Operation, *, counts: bool = True) -> list[Grant]:
        """The roles that let the caller, as it is now, ask for the operation; `counts`: it takes a turn of its rate."""
        rooms = self._rooms
        caller = await admission.proven(rooms, call)
        grants = await self._granted(operation, caller, counts=counts)
        wanted = rooms.policy.guards.step_up.get(operation.name)
        if wanted is not None:
            guards.step_up(wanted, caller, rooms.now())
        for grant in grants:
            if operation.name in grant.role.fresh or operation.name in grant.role.strict:
                return await self._live(call, operation, grants)
        return grants

    async def _granted(self, operation: Operation, caller: Caller, *, counts: bool) -> list[Grant]:
        """The caller's roles that allow the operation: one look at what replicas share, for its rate and its tokens."""
        rooms = self._rooms
        grants = rooms.policy.grants(caller, operation.name)
        over = None
        if grants and counts:
            per_minute = 0
            for grant in grants:
                per_minute = max(per_minute, grant.role.rate_per_minute)
            over = await rooms.turn(f"caller\n{caller.sub}\n{operation.name}", per_minute)
        else:
            await rooms.store.refresh()
        if rooms.store.refuses(caller):
            raise TokenError("revoked")
        if not grants:
            raise Denied("operation")
        if over is not None:
            raise over
        return grants

    async def _live(self, call: Call, operation: Operation, grants: list[Grant]) -> list[Grant]:
        """What is left of the grants where a role does not trust the token's word."""
        rooms, caller = self._rooms, call.caller
        if caller is None:  # _decide has found it
            raise InternalError("no-caller")
        if any(operation.name in grant.role.strict for grant in grants):
            await admission.accepted(rooms, call, caller)
        if any(operation.name in grant.role.fresh for grant in grants):
            call.caller = live = await rooms.protection.live(caller, rooms.questions(call))
            if live is not caller:
                grants = rooms.policy.grants(live, operation.name)
            if not grants:
                raise Denied("operation")
        return grants

    async def _decide_public(self, call: Call, operation: Operation) -> dict[str, Any]:
        rooms, rules = self._rooms, self._rooms.policy.public
        if not call.ask.knocked:
            await rooms.rate(_address(call.ask), rules.rate_per_minute_per_ip)
        call.role = "public"
        body = keep_to_pool(rooms.pool, operation, await call.ask.read_body())
        problem = check(operation, body)
        name = public.user_name(operation.name, body)
        call.target = Target(username=name)
        public.judge(body)
        if "AccessToken" in body:
            token = body["AccessToken"].encode()
            call.caller = call.ask.caller = await rooms.verifier.verify(token, rooms.now(), token_uses=_ACCESS)
        if operation.service == "cognito-identity":
            call.caller = await self._logins(body)
        if problem is not None:
            raise problem
        if call.caller is not None:  # proven by a token: a count of its own, which no stranger can use up
            await rooms.rate(f"sub\n{call.caller.sub}", rules.rate_per_minute_per_user)
            if rooms.store.refuses(call.caller):
                raise TokenError("revoked")
        elif name:
            await rooms.rate(f"user\n{name.casefold()}", rules.rate_per_minute_per_user)
        if not operation.mutates:
            return public.add_secret(operation.name, body, rooms.pool.client_secrets)
        return body

    async def _logins(self, body: Mapping[str, Any]) -> Caller:
        """The caller behind `Logins`: this pool's token and no other, or the gateway would be a relay for others."""
        rooms, logins = self._rooms, body.get("Logins")
        if not isinstance(logins, dict) or set(logins) != {rooms.pool.provider}:
            raise TokenError("logins")
        return await rooms.verifier.verify(logins[rooms.pool.provider].encode(), rooms.now(), token_uses=_ID)

    async def _read(self, call: Call, operation: Operation, body: dict[str, Any]) -> Reply:
        rooms = self._rooms
        if call.ask.dry_run:
            return await rooms.explained(call, None)
        actor = call.caller.sub if call.caller is not None else None
        if operation.quota is not None:
            waited = await rooms.quotas.enter(operation, actor or call.ask.ip, call.deadline)
            if waited > 0 and call.caller is not None and rooms.store.refuses(call.caller):
                raise TokenError("revoked")  # while it waited for its turn
        await rooms.record(call, "decision")
        reply = await rooms.door.carry(operation, dump(body), actor=actor, deadline=call.deadline)
        if reply.type is not None:
            rooms.heed(call, reply)
        return seen(call.grant, reply)

    def _find(self, target: bytes) -> Operation:
        rooms = self._rooms
        operation = rooms.catalogue.by_target.get(target)
        if operation is None:
            raise UnknownOperation("no-target" if not target else "unknown-target")
        if operation.service == "cognito-identity" and (
            rooms.pool.identity_pool_id is None or operation.name not in rooms.policy.public.allow
        ):
            raise UnknownOperation("identity-not-served")
        return operation

    async def _failed(self, call: Call, error: Exception) -> Reply:
        """Write down how it failed, and say so to the caller; a dry run's refusal is an answer."""
        if isinstance(error, GatewayError):
            if call.ask.dry_run and isinstance(error, Denied | StepUpNeeded):
                return await self._rooms.explained(call, error)
            await self._refused(call, error)
            raise error
        self._rooms.log(f"defect in request {call.ask.id}: {type(error).__name__} at {place(error)}")
        failure = InternalError(f"defect:{type(error).__name__}")
        await self._refused(call, failure)
        raise failure from error

    async def _refused(self, call: Call, error: GatewayError) -> None:
        """Write down how it ended, unless a line of it stands already: that of a read, or the outcome of a change.

        When a refusal cannot be written, "unavailable" is all that the caller learns.
        """
        if call.written == "intent":  # a defect between the intent and its outcome
            error.audit_complete = await self._rooms.outcome(call, int(error.status), error.reason)
        elif call.written is None and error.reason != "audit":
            await self._rooms.record(call, "decision", error)


def _address(ask: Ask) -> str:
    """What strangers are counted by."""
    return f"ip\n{public.neighbourhood(ask.ip)}"
