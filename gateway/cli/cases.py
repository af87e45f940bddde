"""Imagined calls: an operation, a caller, a target and a body, as facts that `gateway.rehearsal` decides on.

Duty: put together what was written, and refuse what cannot be.
Prohibition: no decision, no I/O.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from gateway import body as bodies
from gateway import guards
from gateway.caller import Caller
from gateway.cli.people import Unclear, Who, Whom, near
from gateway.errors import InvalidRequest
from gateway.guards import Subject
from gateway.judgement import Pool
from gateway.operations import Operation, catalogue
from gateway.policy import Policy
from gateway.rehearsal import Case, completed

DEV_GROUPS: Mapping[str, int | None] = MappingProxyType(
    {"admin": 1, "moderator": 5, "premium": 8, "user": 10, "readonly": 15}
)
"""The groups of the development pool with their precedence."""
POOL_ID = "us-east-1_DevPool01"
CLIENT_ID = "devclient00000000000000001"

_NOW = 2_000_000_000.0  # any moment: only ages count
_IDENTITY_POOL_ID = "us-east-1:11111111-2222-4333-8444-555555555555"
_CALLER = ("caller", "11111111-0000-4000-8000-000000000001")
_TARGET = ("target", "11111111-0000-4000-8000-000000000002")


def operation_of(name: object) -> Operation:
    """The operation of this exact name.

    Raises:
        Unclear: Cognito has none.

    """
    known = catalogue().by_name
    if not isinstance(name, str) or name not in known:
        raise Unclear(f"{name!r} is not an operation of Cognito{near(name, known)}")
    return known[name]


def body_of(text: str) -> dict[str, Any]:
    """A body from JSON, read as strictly as a caller's.

    Raises:
        Unclear: it is not a JSON object.

    """
    try:
        return bodies.parse(text.encode("utf-8", "surrogatepass"))
    except InvalidRequest as error:
        raise Unclear(error.message) from None


def with_members(
    operation: Operation, body: Mapping[str, Any], *, group: str | None, attributes: tuple[str, ...]
) -> dict[str, Any]:
    """The body with a group and attributes in the members that the operation has for them.

    Raises:
        Unclear: it has none, or the body has them already.

    """
    found = dict(body)
    if group is not None:
        _put(operation, found, ("GroupName",), lambda _member: group)
    if attributes:
        pairs = [{"Name": name, "Value": "example"} for name in attributes]
        members = ("UserAttributes", "UserAttributeNames")
        _put(operation, found, members, lambda member: pairs if member == members[0] else list(attributes))
    return found


def pool_of(user_pool_id: str = POOL_ID, client_ids: Iterable[str] = (CLIENT_ID,)) -> Pool:
    """The pool that imagined calls are made to; an identity pool stands beside it."""
    provider = f"cognito-idp.{user_pool_id.partition('_')[0]}.amazonaws.com/{user_pool_id}"
    return Pool(user_pool_id, provider, frozenset(client_ids), identity_pool_id=_IDENTITY_POOL_ID)


def imagine(  # noqa: PLR0913 - a call's parts
    operation: Operation,
    caller: Who,
    target: Whom,
    body: Mapping[str, Any],
    *,
    groups: Mapping[str, int | None],
    pool: Pool,
    policy: Policy,
) -> Case:
    """The case of a call, its body completed.

    Raises:
        Unclear: a group that the pool does not have, or something that cannot be.

    """
    for name in (*caller.groups, *target.groups):
        if name not in groups:
            has = ", ".join(f"{each}={'none' if value is None else value}" for each, value in groups.items())
            raise Unclear(f"{name!r} is not among the pool's groups ({has}){near(name, groups)}")
    subject = _subject(caller, target, groups)
    if target.last:
        strongest = guards.strongest_groups(groups, policy.groups())
        if subject is None or not any(each & (subject.groups or {}).keys() for each in strongest):
            tops = " or ".join(sorted({name for each in strongest for name in each}))
            raise Unclear(f"the last one enabled must be in the strongest group ({tops})")
        if not subject.enabled:
            raise Unclear("the last one enabled cannot be disabled")
    username = "missing" if target.kind == "missing" else None
    return Case(
        operation=operation,
        caller=None if caller.stranger else _caller(caller),
        body=completed(
            operation, body, pool, username=username if subject is None else subject.username, token=not caller.stranger
        ),
        subject=subject,
        precedences=groups,
        now=_NOW,
        last=target.last,
        enabled=not caller.disabled,
        left=frozenset(caller.left),
    )


def _caller(caller: Who) -> Caller:
    machine = bool(caller.scopes)
    return Caller(
        sub=CLIENT_ID if machine else _CALLER[1],
        username=None if machine else _CALLER[0],
        groups=caller.groups,
        scopes=frozenset(caller.scopes),
        client_id=CLIENT_ID,
        token_use=caller.token_use,
        is_machine=machine,
        issued_at=_NOW,
        auth_time=_NOW - caller.age_seconds,
        expires_at=_NOW + 1,
        acr=caller.acr,
        amr=caller.amr,
    )


def _subject(caller: Who, target: Whom, groups: Mapping[str, int | None]) -> Subject | None:
    if target.kind == "self":
        if caller.stranger or caller.scopes:
            raise Unclear("only a person can be its own target")
        own = {name: groups[name] for name in caller.groups if name not in caller.left}
        return Subject(*_CALLER, not (caller.disabled or target.disabled), target.federated, own)
    if target.kind != "user":
        return None
    return Subject(*_TARGET, not target.disabled, target.federated, {name: groups[name] for name in target.groups})


def _put(operation: Operation, body: dict[str, Any], members: tuple[str, ...], value: Any) -> None:  # noqa: ANN401 - a member's value by its name
    member = next((name for name in members if name in operation.members), None)
    if member is None:
        raise Unclear(f"{operation.name} has no {' or '.join(members)}")
    if member in body:
        raise Unclear(f"the body has {member} already")
    body[member] = value(member)
