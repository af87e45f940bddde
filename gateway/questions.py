"""The guards' own questions to Cognito, for one call: signed by us, paced like any other, named in its audit line.

Duty: ask one read operation and give its answer parsed; turn Cognito's refusals into ours.
Prohibition: only reads, only of the configured pool; nothing of an answer is passed on.
"""

from collections.abc import Mapping
from typing import Any

from gateway.body import dump
from gateway.call import Call
from gateway.door import Door
from gateway.errors import InternalError, NoSuchGroup, NoSuchUser, RateExceeded, TokenError, UpstreamError
from gateway.operations import Catalogue
from gateway.quotas import Quotas
from gateway.relay import THROTTLES, Reply, read_object

_NOT_ACCEPTED = frozenset({
    "NotAuthorizedException", "UserNotFoundException", "UserNotConfirmedException", "PasswordResetRequiredException",
})  # fmt: skip
"""How Cognito answers GetUser for a token that it does not accept any more."""


class Questions:
    """Asks for one call; made for the calls that have something to ask."""

    __slots__ = ("_call", "_catalogue", "_door", "_pool_id", "_quotas")

    def __init__(self, call: Call, *, catalogue: Catalogue, door: Door, quotas: Quotas, user_pool_id: str) -> None:
        """Ask on behalf of `call`, within its deadline."""
        self._call = call
        self._catalogue = catalogue
        self._door = door
        self._quotas = quotas
        self._pool_id = user_pool_id

    @property
    def deadline(self) -> float:
        """See `gateway.directory.Source`."""
        return self._call.deadline

    async def read(self, operation: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """See `gateway.directory.Source`."""
        found, call = self._catalogue.by_name[operation], self._call
        if found.mutates:
            raise InternalError("guard-mutates")
        actor = call.caller.sub if call.caller is not None else None
        await self._quotas.enter(found, actor or call.ask.ip, call.deadline)
        call.guard_calls = (*call.guard_calls, operation)
        whole = {"UserPoolId": self._pool_id, **body} if found.takes_pool else body
        reply = await self._door.carry(found, dump(dict(whole)), actor=actor, deadline=call.deadline, guards=True)
        if reply.type is not None:
            raise self._refused(operation, reply)
        return read_object(reply.body, "guard-answer")

    def _refused(self, operation: str, reply: Reply) -> Exception:
        if operation == "GetUser" and reply.type in _NOT_ACCEPTED:
            return TokenError("strict")
        if reply.type == "UserNotFoundException":
            return NoSuchUser("target-missing")
        if reply.type == "ResourceNotFoundException":
            return NoSuchGroup("group-missing")
        if reply.type in THROTTLES:
            self._quotas.throttled(self._catalogue.by_name[operation])
            return RateExceeded("guard-throttled", retry_after_seconds=reply.retry_after_seconds or 1)
        return UpstreamError(f"guard:{reply.type}")
