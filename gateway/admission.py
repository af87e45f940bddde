"""Whose token it is, and whether its word still holds: for who asks for one of the gateway's own answers.

Duty: verify, count, look at the revocations, and ask Cognito where a role of the caller does not trust the token.
Prohibition: nothing of a body; what an operation of Cognito's needs beyond that is `gateway.pipeline`'s.
Source: docs/policy.md, `fresh` and `strict`.
"""

from gateway.call import Call
from gateway.caller import Caller
from gateway.errors import Denied, TokenError
from gateway.operations import Operation
from gateway.rooms import Rooms

_ACCESS = frozenset({"access"})


async def proven(rooms: Rooms, call: Call) -> Caller:
    """Whose token it is, known or verified now.

    Raises:
        TokenError: there is none, or it is not accepted.
        Unavailable: the keys are not to be had.

    """
    token, verifier = call.ask.token, rooms.verifier
    if token is None:
        raise TokenError("no-token")
    now = rooms.now()
    caller = verifier.cached(token, now)
    if caller is None or caller.token_use not in verifier.token_uses:
        caller = await verifier.verify(token, now)
    call.caller = call.ask.caller = caller
    return caller


async def admitted(
    rooms: Rooms, call: Call, operation: Operation, *, explains: bool = False, counts: bool = True
) -> Caller:
    """The caller of one of the gateway's own answers; with `explains` it needs a role that may ask why.

    `counts`: it takes a turn of its rate. A role that is `fresh` or `strict` for everything it allows is so for these
    answers too.

    Raises:
        TokenError: the token is not accepted, or not any more.
        Denied: no role may ask why; the account is disabled, or gone.
        RateExceeded: it asks too often.

    """
    caller = await proven(rooms, call)
    over = None
    if counts:
        over = await rooms.turn(f"caller\n{caller.sub}\n{operation.name}", rooms.policy.rate(caller))
    else:
        await rooms.store.refresh()
    if rooms.store.refuses(caller):
        raise TokenError("revoked")
    if explains and not rooms.policy.explains(caller):
        raise Denied("operation")
    if over is not None:
        raise over
    roles = [role for role in rooms.policy.roles if role.has(caller) and (role.explain or not explains)]
    if any(role.strict and role.strict >= role.allow for role in roles):
        await accepted(rooms, call, caller)
    if any(role.fresh and role.fresh >= role.allow for role in roles):
        call.caller = call.ask.caller = caller = await rooms.protection.live(caller, rooms.questions(call))
        if explains and not rooms.policy.explains(caller):
            raise Denied("operation")
    return caller


async def accepted(rooms: Rooms, call: Call, caller: Caller) -> None:
    """Show Cognito the caller's token.

    Raises:
        TokenError: it is none that can be shown, or Cognito does not accept it.

    """
    token = call.ask.token
    if token is None or caller.is_machine or caller.token_use not in _ACCESS:
        raise TokenError("strict-token-use")
    await rooms.directory.accepts(token, rooms.questions(call))
