"""The way of a change, from the judged body to its outcome; reads go the short way in `gateway.pipeline`.

begin an idempotent request -> wait for Cognito's quota, and guard shortly before the turn -> audit the intent ->
send -> revoke tokens -> audit the outcome -> keep the answer.

Duty: a change is sent at most once, decided after the waiting, and leaves nothing open whatever ends it: a caller who
hangs up, a broken exchange, an answer that cannot be read.
Prohibition: no retry (that is the door's business, by R-20), no rule.
Source: docs/decisions/0006-guards.md; draft-ietf-httpapi-idempotency-key-header.
"""

import asyncio
import json
from collections.abc import Awaitable
from dataclasses import replace
from typing import Any, TypeVar

from gateway import public
from gateway.body import dump
from gateway.call import Call
from gateway.errors import GatewayError, NoSuchGroup, NoSuchUser, TokenError, Unavailable, UpstreamTimeout
from gateway.idempotency import Claim, check_key
from gateway.judgement import seen
from gateway.operations import Operation
from gateway.policy import Grant
from gateway.protection import Asked, Cleared
from gateway.relay import Reply
from gateway.rooms import Rooms
from gateway.tokens import MAX_SKEW_SECONDS
from gateway.upstream import ConnectTimeout, NotSent

_SIGNS_IN = frozenset({"AdminInitiateAuth", "AdminRespondToAuthChallenge"})
"""Their answers are tokens, which are kept nowhere; nor are those of public operations (R-01)."""
_LEASE_SPARE_SECONDS = 5.0
_SERVER_ERROR = 500

T = TypeVar("T")


class Changes:
    """Carries changes out."""

    __slots__ = ("_ahead_seconds", "_rooms")

    def __init__(self, rooms: Rooms) -> None:
        """`rooms` are the pipeline's."""
        self._rooms = rooms
        self._ahead_seconds = 0.0  # how far Cognito's clock is ahead of this one

    async def carry_out(self, call: Call, operation: Operation, grants: list[Grant], body: dict[str, Any]) -> Reply:
        """Carry a change out, or give the answer that it got before. Without `grants` it is a public operation.

        Raises:
            GatewayError: it was refused, or failed.

        """
        if call.ask.dry_run:
            self._key(call, operation)
            cleared = await self._cleared(call, operation, grants, body)
            await self._release(call, cleared)
            return await self._rooms.explained(call, None)
        begun = await self._begin(call, operation, body)
        if isinstance(begun, Reply):
            return await self._replay(call, operation, grants, body, begun)
        cleared = None

        async def clear() -> None:
            nonlocal cleared
            cleared = await self._cleared(call, operation, grants, body, locks=False)

        try:
            await self._rooms.quotas.enter(operation, self._who(call), call.deadline, clear)
            cleared = await self._cleared(call, operation, grants, body)  # by what came with the turn, too
            return await self._send(call, operation, begun, cleared.body if cleared else body)
        except BaseException:
            if begun is not None and call.written is None:
                await _finished(begun.abandon())
            raise
        finally:
            if cleared is not None and cleared.locked:
                await _finished(self._release(call, cleared))

    def _key(self, call: Call, operation: Operation) -> str | None:
        """The idempotency key, where the operation heeds one."""
        key = call.ask.idempotency_key
        if key is None or call.caller is None or not operation.signed or operation.name in _SIGNS_IN:
            return None
        return check_key(key)

    async def _begin(self, call: Call, operation: Operation, body: dict[str, Any]) -> Claim | Reply | None:
        key, caller = self._key(call, operation), call.caller
        if key is None or caller is None:
            return None
        return await self._rooms.idempotency.begin(
            sub=caller.sub,
            operation=operation.name,
            key=key,
            body=json.dumps(body, sort_keys=True).encode(),
            request_id=call.ask.id,
            lease_seconds=call.deadline - self._rooms.monotonic() + _LEASE_SPARE_SECONDS,
        )

    async def _replay(
        self, call: Call, operation: Operation, grants: list[Grant], body: dict[str, Any], reply: Reply
    ) -> Reply:
        """The answer that the same request got before, to a caller who may still do it. Nothing is sent."""
        try:
            cleared = await self._cleared(call, operation, grants, body)
        except (NoSuchUser, NoSuchGroup):  # the deed itself may have removed its target
            pass
        else:
            await self._release(call, cleared)
        if call.caller is not None and self._rooms.store.refuses(call.caller):
            raise TokenError("revoked")  # while it waited for the answer
        call.replayed = True
        await self._rooms.record(call, "decision")
        return seen(call.grant, reply)

    async def _cleared(
        self, call: Call, operation: Operation, grants: list[Grant], body: dict[str, Any], *, locks: bool = True
    ) -> Cleared | None:
        """What the guards say; names the canonical user in the call, and the role that may act on it."""
        if not grants or call.caller is None:
            return None
        rooms = self._rooms
        source = rooms.questions(call)
        asked = Asked(call.ask.id, operation, call.caller, grants, body, source, call.ask.sub, told=call.acts_on)
        cleared = await rooms.protection.clear(asked, locks=locks)
        call.grant, call.role = cleared.grant, cleared.grant.role.name
        return cleared

    async def _release(self, call: Call, cleared: Cleared | None) -> None:
        if cleared is not None:
            await self._rooms.protection.release(cleared, call.ask.id)

    async def _send(self, call: Call, operation: Operation, claim: Claim | None, body: dict[str, Any]) -> Reply:
        rooms = self._rooms
        if call.caller is not None and rooms.store.refuses(call.caller):
            raise TokenError("revoked")  # while it waited for its turn
        body = public.add_secret(operation.name, body, rooms.pool.client_secrets)
        await rooms.record(call, "intent")
        try:
            actor = call.caller.sub if call.caller is not None else None
            reply = await rooms.door.carry(operation, dump(body), actor=actor, deadline=call.deadline)
        except GatewayError as error:
            await _finished(self._failed(call, operation, claim, body, error))
            raise
        except BaseException as error:  # the caller hung up, or a defect: the deed may be done
            cut = "cancelled" if isinstance(error, asyncio.CancelledError) else f"defect:{type(error).__name__}"
            await _finished(self._failed(call, operation, claim, body, UpstreamTimeout(cut)))
            raise
        return await _finished(self._conclude(call, operation, claim, body, reply))

    async def _failed(
        self, call: Call, operation: Operation, claim: Claim | None, body: dict[str, Any], error: GatewayError
    ) -> None:
        """Nothing came back, or nothing that can be passed on."""
        undone = isinstance(error, NotSent | ConnectTimeout | Unavailable) or error.reason.startswith("identity:")
        if not undone:
            await self._consequences(call, operation, body)
        status = None if error.reason == "cancelled" else int(error.status)
        error.audit_complete = await self._rooms.outcome(call, status, error.reason)
        if claim is not None:
            await (claim.abandon() if undone else claim.unknown(error))

    async def _conclude(
        self, call: Call, operation: Operation, claim: Claim | None, body: dict[str, Any], reply: Reply
    ) -> Reply:
        """Cognito answered."""
        rooms = self._rooms
        rooms.heed(call, reply)
        if reply.type is None or reply.status >= _SERVER_ERROR:
            await self._consequences(call, operation, body, reply.at)
        try:
            shown = seen(call.grant, reply)
        except GatewayError as error:
            error.audit_complete = await rooms.outcome(call, int(error.status), error.reason, reply.upstream_request_id)
            if claim is not None:
                await claim.unknown(error)
            raise
        if not await rooms.outcome(call, reply.status, reply.type, reply.upstream_request_id):
            shown = replace(shown, audit_complete=False)
        if claim is not None:
            await claim.finish(shown)  # which lets go of a throttle: nothing was done
        return shown

    async def _consequences(
        self, call: Call, operation: Operation, body: dict[str, Any], at: float | None = None
    ) -> None:
        """Revoke what the change invalidates, up to Cognito's time where ours is behind: tokens carry Cognito's."""
        now = self._rooms.now()
        if at is not None:
            self._ahead_seconds = min(max(at - now, 0.0), MAX_SKEW_SECONDS)
        await self._rooms.protection.done(operation, body, call.caller, call.subject, now + self._ahead_seconds)

    def _who(self, call: Call) -> str:
        return call.caller.sub if call.caller is not None else call.ask.ip


async def _finished(work: Awaitable[T]) -> T:
    """See `work` through, also when the caller hangs up meanwhile: what was done must be written down."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if not task.done():
            await asyncio.wait([task])
        raise
