"""What a body is held to, and what of a call is written down.

Duty: keep a body to the configured pool and clients, judge it by one role at a time, name its target for the audit,
take out of an answer what the role may not see.
Prohibition: no I/O; nothing is decided here about the operation itself.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from gateway import targets
from gateway.audit import CallerFragment, Target, caller_fragment
from gateway.body import dump
from gateway.caller import Caller
from gateway.errors import Denied, InvalidRequest, UpstreamError
from gateway.limits import filter_attribute
from gateway.operations import Operation, check
from gateway.policy import Grant
from gateway.relay import Reply

_rendered = lru_cache(maxsize=4096)(caller_fragment)  # a caller's part of the line, once for all its calls


@dataclass(frozen=True, slots=True)
class Pool:
    """The one user pool, the identity pool beside it and the clients: what bodies are held to."""

    user_pool_id: str
    provider: str  # the key of the pool's tokens in `Logins`: cognito-idp.REGION.amazonaws.com/POOL
    client_ids: frozenset[str]
    client_secrets: Mapping[str, str] = field(repr=False, default_factory=dict)
    identity_pool_id: str | None = None


def keep_to_pool(pool: Pool, operation: Operation, body: dict[str, Any]) -> dict[str, Any]:
    """The body with the configured pool filled in (R-11).

    Raises:
        Denied: it names another pool, or a client that is not among the configured ones.
        InvalidRequest: it names null.

    """
    if operation.takes_pool:
        _force(body, "UserPoolId", pool.user_pool_id)
    if operation.takes_identity_pool and pool.identity_pool_id is not None:
        _force(body, "IdentityPoolId", pool.identity_pool_id)
    client_id = body.get("ClientId")
    if isinstance(client_id, str) and "ClientId" in operation.members and client_id not in pool.client_ids:
        raise Denied("client")
    return body


def judge(operation: Operation, grants: list[Grant], body: Mapping[str, Any]) -> list[Grant]:
    """Those of the caller's roles that alone allow every field of the body (R-10), at least one, in their order.

    A limit wins over a bad value: what a caller may not name is 403 even where Cognito would not take it either.

    Raises:
        Denied: every role refuses a field; the reason names the member.
        InvalidRequest: the body is not what the operation takes.

    """
    problem = check(operation, body)
    text = body.get("Filter")
    if text and "Filter" in operation.members and filter_attribute(text) is None:
        problem = InvalidRequest("filter", message="Member 'Filter' must be one clause: attribute = or ^= \"value\".")
    refused = None
    allowing = []
    for grant in grants:
        member = grant.refuses(body)
        if member is None:
            allowing.append(grant)
        refused = refused or member
    if not allowing:
        raise Denied(f"field:{refused}")
    if problem is not None:
        raise problem
    return allowing


def seen(grant: Grant | None, reply: Reply) -> Reply:
    """The reply without the attributes that the granting role may not see.

    Raises:
        UpstreamError: it cannot be read, so nothing of it can be passed on.

    """
    if grant is None or grant.sees_all or reply.type is not None or not reply.body:
        return reply
    try:
        body = dump(grant.sees(json.loads(reply.body)))
    except (ValueError, RecursionError):
        raise UpstreamError("upstream-not-json") from None
    return replace(reply, body=body)


def _force(body: dict[str, Any], member: str, own: str) -> None:
    if member not in body:
        body[member] = own
        return
    found = body[member]
    if found is None:
        raise InvalidRequest("null-pool", message=f"Member '{member}' must be a string.")
    if found != own:
        raise Denied("pool")


def target_of(operation: str, body: Mapping[str, Any]) -> Target | None:
    """Whom or what a body acts on, for the audit, wherever its operation names it."""
    username, group = targets.user_of(operation, body), targets.group_of(body)
    return None if username is None and group is None else Target(username=username, group=group)


def fragment(caller: Caller | None) -> CallerFragment:
    """The caller's part of an audit line; a stranger's for None."""
    if caller is None:
        return _rendered(None, None, (), None)
    return _rendered(caller.sub, caller.username, caller.groups, caller.client_id)
