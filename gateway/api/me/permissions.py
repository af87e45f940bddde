"""`GET /me/permissions`: what the caller may do, as data, so that a page shows only what works.

Duty: the policy's word on one caller's token. Prohibition: nothing is asked of Cognito; it is no decision: each call is
judged anew, by the guards too.
"""

from typing import Any

from gateway import guards
from gateway.api.exchange import Exchange
from gateway.api.operator.policy_schema import LIMITS, NAMES, STEP_UP, limits, step_up
from gateway.api.route import Result, Route, Schema
from gateway.api.times import iso
from gateway.caller import Caller
from gateway.errors import StepUpNeeded
from gateway.operations import own
from gateway.policy import Policy, Role

PERMISSIONS: Schema = {
    "type": "object",
    "title": "Permissions",
    "required": ["caller", "roles", "operations", "publicOperations", "explain", "awsCredentials"],
    "properties": {
        "caller": {
            "type": "object",
            "required": ["sub", "username", "groups", "scopes", "clientId", "machine", "signedInAt", "expiresAt"],
            "properties": {
                "sub": {"type": "string"},
                "username": {"type": ["string", "null"]},
                "groups": NAMES | {"description": "As the token says; a change shows in the next token."},
                "scopes": NAMES,
                "clientId": {"type": "string"},
                "machine": {"type": "boolean"},
                "signedInAt": {"type": ["string", "null"], "format": "date-time"},
                "expiresAt": {"type": "string", "format": "date-time"},
            },
        },
        "roles": {
            "type": "array",
            "description": "The caller's roles, in the order in which they are tried.",
            "items": {
                "type": "object",
                "required": [
                    "name",
                    "operations",
                    "limits",
                    "rankGroups",
                    "precedence",
                    "peers",
                    "explain",
                    "ratePerMinute",
                ],
                "properties": {
                    "name": {"type": "string"},
                    "operations": NAMES,
                    "limits": LIMITS,
                    "rankGroups": NAMES
                    | {"description": "The strongest of these groups is the rank that the caller acts with."},
                    "precedence": {"type": ["integer", "null"], "description": "The rank of a machine."},
                    "peers": {"type": "boolean", "description": "May act on, and grant, its own rank."},
                    "explain": {"type": "boolean"},
                    "ratePerMinute": {"type": "integer"},
                },
            },
        },
        "operations": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "roles", "routes", "stepUp"],
                "properties": {
                    "name": {"type": "string"},
                    "roles": NAMES,
                    "routes": NAMES | {"description": "The ids of the REST routes that ask for it."},
                    "stepUp": {
                        "anyOf": [
                            {
                                **STEP_UP,
                                "title": "StepUpNow",
                                "required": [*STEP_UP["required"], "satisfied"],
                                "properties": STEP_UP["properties"]
                                | {"satisfied": {"type": "boolean", "description": "By this token, now."}},
                            },
                            {"type": "null"},
                        ]
                    },
                },
            },
        },
        "publicOperations": NAMES,
        "explain": {"type": "boolean", "description": "Whether dry runs tell why, and /admin/policy is served."},
        "awsCredentials": {"type": "boolean", "description": "Whether a role of the caller has AWS credentials."},
    },
}


async def _answer(exchange: Exchange) -> Result:
    caller = await exchange.caller()
    policy = exchange.context.policy
    roles = [role for role in policy.roles if role.has(caller)]
    routes: dict[str, list[str]] = {}
    for route in exchange.context.routes:
        for name in route.operations:
            routes.setdefault(name, []).append(route.id)
    granted: dict[str, list[str]] = {}
    for role in roles:
        for name in role.allow:
            granted.setdefault(name, []).append(role.name)
    now = exchange.context.now()
    return Result({
        "caller": {
            "sub": caller.sub,
            "username": caller.username,
            "groups": list(caller.groups),
            "scopes": sorted(caller.scopes),
            "clientId": caller.client_id,
            "machine": caller.is_machine,
            "signedInAt": iso(caller.auth_time or None),
            "expiresAt": iso(caller.expires_at),
        },
        "roles": [_role(role, caller) for role in roles],
        "operations": [
            {
                "name": name,
                "roles": granted[name],
                "routes": sorted(routes.get(name, [])),
                "stepUp": _step_up(policy, name, caller, now),
            }
            for name in sorted(granted)
        ],
        "publicOperations": sorted(policy.public.allow),
        "explain": policy.explains(caller),
        "awsCredentials": policy.credentials(caller) is not None,
    })  # fmt: skip


def _role(role: Role, caller: Caller) -> dict[str, Any]:
    return {
        "name": role.name,
        "operations": sorted(role.allow),
        "limits": limits(role.limits),
        "rankGroups": [name for name in caller.groups if name in role.groups],
        "precedence": role.precedence if caller.is_machine else None,
        "peers": role.peers,
        "explain": role.explain,
        "ratePerMinute": role.rate_per_minute,
    }


def _step_up(policy: Policy, name: str, caller: Caller, now: float) -> dict[str, Any] | None:
    wanted = policy.guards.step_up.get(name)
    if wanted is None:
        return None
    try:
        guards.step_up(wanted, caller, now)
    except StepUpNeeded:
        return step_up(wanted) | {"satisfied": False}
    return step_up(wanted) | {"satisfied": True}


def routes() -> tuple[Route, ...]:
    """The rows."""
    return (
        Route(
            id="getMyPermissions",
            method="GET",
            path="/me/permissions",
            summary="What the caller may do",
            description=(
                "For a page that shows only what works. Each call is judged anew: a guard (rank, self-lockout, last "
                "admin, takeover) may still refuse what stands here; a dry run asks about one call."
            ),
            tag="me",
            own=own("GetPermissions"),
            result=PERMISSIONS,
            answer=_answer,
        ),
    )
