"""A verdict on an imagined call, told to a person or a program.

Duty: say which role or rule decided, what each of the caller's roles says, and what is missing in the question.
Prohibition: no decision: what is said here was decided by `gateway.rehearsal`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from gateway import guards
from gateway.cli.people import Who, Whom, near
from gateway.guards import Rank
from gateway.judgement import Pool
from gateway.policy import Policy, Role
from gateway.rehearsal import PUBLIC, Case, Verdict, rehearse
from gateway.targets import changes_a_user

REASONS: Mapping[str, str] = MappingProxyType(
    {
        "operation": "no role of the caller allows the operation",
        "no-token": "a token is needed",
        "step-up": "the sign-in is too old or too weak for the operation",
        "strict-token-use": "the role is strict, and Cognito cannot be shown this token",
        "caller-disabled": "the caller's account is disabled, and the role is fresh",
        "pool": "the body names another user pool",
        "client": "the body names an app client that is not the gateway's",
        "field": "no role of the caller lets it use the member so",
        "target": "another provider names the user, so nobody knows how strong it is",
        "target-missing": "the pool has no such user",
        "group": "the pool has no such group",
        "rank": "the target, or the group, is not weaker than the caller",
        "self-lockout": "nobody disables, deletes or demotes itself",
        "last-admin": "nobody else is enabled in the strongest group",
        "takeover": "who sets it can take the account over",
        "identity-not-served": "an operation of identity pools that is not public",
    }
)
"""What a reason means. docs/policy.md says more."""

_LIMITS = MappingProxyType(
    {
        "UserAttributes": "attributes",
        "UserAttributeNames": "attributes",
        "ChallengeResponses": "attributes",
        "GroupName": "groups",
        "ClientMetadata": "client_metadata",
        "AttributesToGet": "readable",
        "Filter": "readable",
    }
)
_OPTIONS = MappingProxyType(
    {
        "GroupName": "--group NAME",
        "UserAttributes": "--attributes NAMES",
        "UserAttributeNames": "--attributes NAMES",
    }
)


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked, and of which policy."""

    case: Case
    caller: Who
    target: Whom
    policy: Policy
    policy_name: str
    pool: Pool


def as_data(asked: Question, verdict: Verdict) -> dict[str, Any]:
    """The verdict for programs."""
    return {
        "allowed": verdict.allowed,
        "role": verdict.role,
        "reason": verdict.reason,
        "field": verdict.field,
        "status": verdict.status,
        "type": verdict.type,
        "operation": asked.case.operation.name,
        "policy": asked.policy_name,
        "roles": [
            {"name": role.name, "allowed": each.allowed, "reason": each.reason, "field": each.field}
            for role, each in _voices(asked, verdict)
        ],
        "missing": _missing(asked),
    }


def as_lines(asked: Question, verdict: Verdict, *, coloured: bool = False) -> list[str]:
    """The verdict for people."""
    operation = asked.case.operation
    colour, plain = (("\033[32m" if verdict.allowed else "\033[31m"), "\033[0m") if coloured else ("", "")
    word = f"{colour}{'allowed' if verdict.allowed else 'refused'}{plain}"
    on = f", on {asked.target}" if changes_a_user(operation) else ""
    lines = [f"{word}: {operation.name} by {asked.caller}{on}"]
    if verdict.allowed:
        by = "[public]: nobody needs a role for it" if verdict.role == PUBLIC else f"role {verdict.role}"
        lines.append(f"  by      {by}")
    else:
        lines.append(f"  by      {_rule(verdict)}")
        lines.append(f"  answer  {verdict.status} {verdict.type}: {verdict.message}")
    voices = _voices(asked, verdict)
    width = max((len(role.name) for role, _ in voices), default=0)
    lines += [f"  role    {role.name:{width}}  {_says(asked, role, each)}" for role, each in voices]
    lines.append(f"  policy  {asked.policy_name}")
    return [*lines, *(f"  hint    {hint}" for hint in _hints(asked, verdict, voices))]


def _missing(asked: Question) -> list[str]:
    return sorted(asked.case.operation.required - asked.case.body.keys() - {"UserPoolId", "IdentityPoolId"})


def _voices(asked: Question, verdict: Verdict) -> list[tuple[Role, Verdict]]:
    """What each role of the caller says, heard alone."""
    caller = asked.case.caller
    if caller is None or verdict.role == PUBLIC:
        return []
    found = [role for role in asked.policy.roles if role.has(caller)]
    return [(role, rehearse(asked.policy, asked.pool, asked.case, role=role.name)) for role in found]


def _rule(verdict: Verdict) -> str:
    reason = verdict.reason or ""
    subject = f"{reason} {verdict.field}" if verdict.field else reason
    return f"{subject}: {REASONS.get(reason, verdict.message)}"


def _says(asked: Question, role: Role, verdict: Verdict) -> str:
    name = asked.case.operation.name
    if verdict.allowed:
        return "grants it"
    if name not in role.allow:
        return f"does not allow {name}"
    return f"allows it, but {_but(asked, role, verdict)}"


def _but(asked: Question, role: Role, verdict: Verdict) -> str:
    """Why a role that allows an operation does not grant it here."""
    if verdict.reason == "field" and verdict.field is not None:
        limit = _LIMITS.get(verdict.field, "members")
        value = ", ".join(sorted(getattr(role.limits, limit))) or "nothing"
        return f"{verdict.field} goes beyond its limits.{limit}: {value}"
    if verdict.reason == "rank":
        return _ranks(asked, role)
    if verdict.reason == "takeover" and verdict.field == "federated_password":
        return "its limits have no federated_password = true"
    if verdict.reason == "takeover":
        return f"its limits.attributes does not name {verdict.field} itself"
    return f"for {_rule(verdict)}"


def _ranks(asked: Question, role: Role) -> str:
    """How strong both sides are."""
    case = asked.case
    own = guards.rank_of_caller(case.caller, role, case.precedences) if case.caller is not None else None
    if own is None:
        machine = case.caller is not None and case.caller.is_machine
        return "it has no rank: give it a precedence" if machine else "its groups have no rank in the pool"
    told = [f"it acts at {_at(own)}{', its peers included' if role.peers else ''}"]
    if case.subject is not None and changes_a_user(case.operation):
        told.append(f"the user is at {_at(guards.strongest((case.subject.groups or {}).values()))}")
    group = case.body.get("GroupName")
    if isinstance(group, str) and group in case.precedences:
        told.append(f"the group {group} is at {_at(guards.rank_of(case.precedences[group]))}")
    if "Precedence" in case.body:
        told.append(f"the new precedence is {case.body['Precedence']}")
    return ", ".join(told)


def _at(rank: Rank) -> str:
    return (str(rank.precedence), "no precedence", "no group")[rank.kind]


def _hints(asked: Question, verdict: Verdict, voices: list[tuple[Role, Verdict]]) -> list[str]:
    operation, found = asked.case.operation, list[str]()
    if verdict.reason == "member-missing":
        return [f"the body has no {name}: give {_OPTIONS.get(name, '--body')}" for name in _missing(asked)]
    if verdict.reason == "group":
        name = asked.case.body.get("GroupName")
        return [f"the pool has no group {name!r}{near(name, asked.case.precedences)}"]
    if verdict.reason == "no-token" and not operation.signed:
        return ["[public] does not list it"]
    if verdict.reason == "operation":
        named = {role.name for role, _ in voices}
        allowing = [role for role in asked.policy.roles if operation.name in role.allow]
        if not allowing:
            return ["no role of this policy allows it"]
        return [f"allowed to {_members(role)}" for role in allowing if role.name not in named]
    if changes_a_user(operation) and asked.target == Whom():
        found.append("--target group:NAME asks for a stronger user")
    if not changes_a_user(operation) and asked.target != Whom():
        told = "it changes no user" if operation.mutates else "reads are not ranked"
        found.append(f"the target does not count: {told}")
    return found


def _members(role: Role) -> str:
    of = [*(f"group {name}" for name in sorted(role.groups)), *(f"scope {name}" for name in sorted(role.scopes))]
    return f"role {role.name}: {', '.join(of)}"
