"""Who gets AWS credentials, and of which role.

Duty: hold the ID token to the bearer, find the role that the policy gives its caller, live where the policy says so.
Prohibition: nothing is asked of STS or of an identity pool here, and nothing that the caller names decides.
Source: docs/decisions/0010-rest.md; docs/policy.md, `[roles.NAME.aws]`.
"""

from dataclasses import dataclass

from gateway import admission
from gateway.call import Call
from gateway.caller import Caller
from gateway.errors import Denied, NotServed, TokenError
from gateway.policy import Role
from gateway.rooms import Rooms

IDENTITY_POOL = ("GetId", "GetCredentialsForIdentity")
"""What an identity pool is asked for credentials with; both are public operations of the policy."""
_ID = frozenset({"id"})


@dataclass(frozen=True, slots=True)
class Issue:
    """What may be given out: to whom, and of which role. `role` None: whatever the identity pool gives."""

    caller: Caller
    role: Role | None


async def decide(rooms: Rooms, call: Call, caller: Caller, id_token: str) -> Issue:
    """Judge what an admitted caller may be given.

    Raises:
        TokenError: the ID token is not accepted, or Cognito does not accept the bearer any more.
        Denied: the ID token is another's; the account is disabled, or gone.
        NotServed: there is neither a role nor an identity pool for this caller.

    """
    identity = await rooms.verifier.verify(id_token.encode(), rooms.now(), token_uses=_ID)
    if identity.sub != caller.sub:
        raise Denied("id-token")
    if rooms.store.refuses(identity):
        raise TokenError("revoked")
    caller, role = await _role(rooms, call, caller)
    served = rooms.pool.identity_pool_id is not None and rooms.policy.public.allow.issuperset(IDENTITY_POOL)
    if role is None and not served:
        raise NotServed(
            "credentials-not-served",
            message="No role of the caller has AWS credentials, and no identity pool is set up to give some.",
        )
    call.role = role.name if role is not None else None
    return Issue(caller, role)


async def _role(rooms: Rooms, call: Call, caller: Caller) -> tuple[Caller, Role | None]:
    """The role by the token's word, or where one of those that it could be does not trust it, by Cognito's."""
    wanted = [role.aws for role in rooms.policy.roles if role.aws is not None and role.has(caller)]
    if any(aws.strict for aws in wanted):
        await admission.accepted(rooms, call, caller)
    if any(aws.fresh for aws in wanted):
        call.caller = caller = await rooms.protection.live(caller, rooms.questions(call))
    return caller, rooms.policy.credentials(caller)
