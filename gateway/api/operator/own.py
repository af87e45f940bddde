"""`/admin/policy`, `/admin/audit`, `/admin/health`: what the gateway knows of itself, for roles that may ask why.

Duty: the policy, a page of the audit, the gateway's state, as data.
Prohibition: nothing is asked of Cognito; no secret.
"""

from typing import Any

from gateway.api.cursors import Place
from gateway.api.exchange import Exchange
from gateway.api.inputs import Inputs
from gateway.api.members import FLAG, PAGE, structure
from gateway.api.operator.policy_schema import NAMES, POLICY, policy
from gateway.api.problem import of_error
from gateway.api.route import Result, Route, Schema
from gateway.audit import Query
from gateway.audit.query import moment, name
from gateway.errors import InvalidRequest, NotServed
from gateway.operations import own
from gateway.shapes import Shape

_DEFAULT_LINES = 60
_PATTERN = Shape(name="Pattern", type="string", low=1, high=256, pattern=r"[^*]*(?:\*[^*]*){0,3}")
_MOMENT = Shape(name="Moment", type="string", low=2, high=64)

HEALTH: Schema = {
    "type": "object",
    "title": "Health",
    "required": [
        "version",
        "clockOffsetSeconds",
        "callsUnderWay",
        "keys",
        "credentials",
        "store",
        "audit",
        "quotas",
    ],
    "properties": {
        "version": {"type": "string"},
        "clockOffsetSeconds": {"type": "number", "description": "How far AWS's clock is ahead of this one's."},
        "callsUnderWay": {"type": "integer"},
        "keys": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["issuer", "fetchedSecondsAgo"],
                "properties": {
                    "issuer": {"type": "string"},
                    "fetchedSecondsAgo": {"type": ["number", "null"], "description": "null: none are held."},
                },
            },
        },
        "credentials": {
            "type": "object",
            "required": ["kind", "lastFailure"],
            "properties": {"kind": {"enum": ["keys", "role"]}, "lastFailure": {"type": ["string", "null"]}},
        },
        "store": {
            "type": "object",
            "required": ["shared", "lost"],
            "properties": {"shared": {"type": "boolean"}, "lost": {"type": "boolean"}},
        },
        "audit": {
            "type": "object",
            "required": ["head", "writing", "owed"],
            "properties": {
                "head": {"type": "string", "description": "chain:seq:previous, of this process or isolate."},
                "writing": {"type": "boolean"},
                "owed": {"type": "integer", "description": "Outcomes that are still to be written."},
            },
        },
        "quotas": {
            "type": "array",
            "description": "Of each that was used: what of it is taken, and how many calls wait for their turn.",
            "items": {
                "type": "object",
                "required": ["name", "perSecond", "waiting"],
                "properties": {
                    "name": {"type": "string"},
                    "perSecond": {"type": "number"},
                    "waiting": {"type": "integer"},
                },
            },
        },
    },
}
_TEXT: Schema = {"type": ["string", "null"]}
LINE: Schema = {
    "type": "object",
    "title": "AuditLine",
    "required": ["time", "id", "chain", "seq", "phase", "caller", "operation", "target", "decision", "status"],
    "properties": {
        "time": {"type": "string", "format": "date-time"},
        "id": {"type": "string"},
        "chain": {"type": "string"},
        "seq": {"type": "integer"},
        "phase": {"enum": ["decision", "intent", "outcome"]},
        "caller": {
            "type": "object",
            "properties": {"sub": _TEXT, "username": _TEXT, "groups": NAMES, "client_id": _TEXT, "ip": _TEXT},
        },
        "operation": _TEXT,
        "target": {"type": "object", "properties": {"username": _TEXT, "sub": _TEXT, "group": _TEXT}},
        "decision": {
            "type": "object",
            "properties": {"allowed": {"type": "boolean"}, "role": _TEXT, "reason": _TEXT},
        },
        "status": {"type": ["integer", "null"]},
        "error": _TEXT,
        "duration_ms": {"type": ["number", "null"]},
        "upstream_request_id": _TEXT,
        "guard_calls": NAMES,
        "dry_run": {"type": "boolean"},
        "previous": {"type": "string"},
    },
}


async def _policy(exchange: Exchange) -> Result:
    await exchange.caller(explains=True)
    return Result(policy(exchange.context.policy))


async def _health(exchange: Exchange) -> Result:
    await exchange.caller(explains=True)
    return Result(exchange.context.health())


async def _audit(exchange: Exchange) -> Result:
    read_audit, now = exchange.context.read_audit, exchange.context.now()

    def judge(inputs: Inputs) -> dict[str, Any]:
        _query(inputs, now)
        exchange.place(inputs)
        if read_audit is None:
            raise NotServed(
                "audit-not-readable",
                message="The audit cannot be read back here: it goes to standard output or to a collector.",
            )
        return {}

    await exchange.caller(explains=True, judge=judge)
    if read_audit is None:  # judge has refused
        raise of_error(NotServed("audit-not-readable"))
    inputs = await exchange.inputs()
    page = await read_audit(
        _query(inputs, now), inputs.query.get("limit", _DEFAULT_LINES), exchange.place(inputs).token
    )
    cursor = await exchange.cursor(Place(page.place)) if page.place is not None else None
    return Result({"items": page.lines, "cursor": cursor})


def _query(inputs: Inputs, now: float) -> Query:
    asked = inputs.query

    def names(member: str) -> tuple[Any, ...]:
        return (name(asked[member]),) if member in asked else ()

    return Query(
        callers=names("caller"),
        operations=names("operation"),
        targets=names("target"),
        reasons=names("reason"),
        roles=names("role"),
        ids=names("id"),
        denied=asked.get("denied", False),
        since=_moment(asked, "since", now),
        until=_moment(asked, "until", now),
    )


def _moment(asked: Any, member: str, now: float) -> str | None:  # noqa: ANN401 - any JSON
    if member not in asked:
        return None
    try:
        return moment(asked[member], now)
    except (ValueError, OverflowError):
        raise InvalidRequest(
            "moment",
            message=f"Member '{member}' must be a time like 2026-11-21T09:00:00Z, or how long ago, like 15m, 2h or 7d.",
            member=member,
        ) from None


def routes() -> tuple[Route, ...]:
    """The rows."""
    wanted = dict.fromkeys(("caller", "target", "operation", "reason", "role", "id"), _PATTERN)
    return (
        Route(
            id="getPolicy",
            method="GET",
            path="/admin/policy",
            summary="The policy in use, as data",
            description="For roles with `explain = true`.",
            tag="gateway",
            own=own("GetPolicy"),
            result=POLICY,
            answer=_policy,
        ),
        Route(
            id="listAuditLines",
            method="GET",
            path="/admin/audit",
            summary="The audit's lines, newest first",
            description=(
                "For roles with `explain = true`, where the audit is a file; else 404. `*` in a name stands for "
                "anything, at most three times; case does not matter. `since` and `until` are times, or how long ago: "
                "`15m`, `2h`, `7d`. A page reads only so much: with a `cursor` there may be fewer lines than `limit`, "
                "or none, and older ones all the same. Compressed files are left out."
            ),
            tag="gateway",
            own=own("ListAuditLines"),
            query=structure("query", None, {**PAGE, **wanted, "denied": FLAG, "since": _MOMENT, "until": _MOMENT}),
            result={
                "type": "object",
                "required": ["items", "cursor"],
                "properties": {"items": {"type": "array", "items": LINE}, "cursor": {"type": ["string", "null"]}},
            },
            answer=_audit,
        ),
        Route(
            id="getHealth",
            method="GET",
            path="/admin/health",
            summary="How this replica of the gateway is",
            description="For roles with `explain = true`. Without keys, tokens or paths; nobody is asked for it.",
            tag="gateway",
            own=own("GetHealth"),
            result=HEALTH,
            answer=_health,
        ),
    )
