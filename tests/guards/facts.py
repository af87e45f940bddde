"""Callers, roles and deeds as the guards are given them: written down, not read from anywhere."""

from collections.abc import Mapping
from typing import Any

from gateway.caller import Caller
from gateway.errors import Denied
from gateway.guards import Deed, Subject, judge
from gateway.limits import Limits
from gateway.policy import Guards, Role
from tests.minting import NOW

ANY = frozenset({"any"})
PRECEDENCES: Mapping[str, int | None] = {"root": 0, "admin": 1, "owner": 1, "moderator": 5, "user": 10, "guest": None}


def person(*groups: str, sub: str = "sub-of-caller", **more: Any) -> Caller:
    """A person who signed in a minute ago."""
    facts: dict[str, Any] = {
        "username": "caller", "scopes": frozenset[str](), "client_id": "client", "token_use": "access",
        "is_machine": False, "issued_at": NOW - 60, "auth_time": NOW - 60, "expires_at": NOW + 3600,
    }  # fmt: skip
    return Caller(sub=sub, groups=groups, **(facts | more))


def machine() -> Caller:
    """A machine, whose `sub` is its client's id."""
    return person(username=None, is_machine=True, sub="client", scopes=frozenset({"gateway/users.write"}))


def role(*groups: str, limits: Limits | None = None, **more: Any) -> Role:
    """A role of these groups that limits nothing which the guards do not."""
    found = limits or Limits(attributes=ANY | {"identities"}, groups=ANY)
    scopes = frozenset({"gateway/users.write"})
    return Role("tested", frozenset(groups), scopes, frozenset(), limits=found, **more)


def subject(*groups: str, sub: str = "sub-of-target", **more: Any) -> Subject:
    """A user in groups of `PRECEDENCES`."""
    return Subject("target", sub, groups={name: PRECEDENCES[name] for name in groups}, **more)


def reason(deed: Deed, by: Role | None = None, *, guards: Guards | None = None) -> str | None:
    """Why a deed is refused, None where it is allowed."""
    try:
        judge(guards or Guards(), by or role(*deed.caller.groups), deed)
    except Denied as error:
        return error.reason
    return None


def deed(operation: str, caller: Caller, target: Subject | None = None, *, last: bool = False, **body: Any) -> Deed:
    """What is asked, in a pool of `PRECEDENCES`."""
    return Deed(operation, body, caller, target, PRECEDENCES, last=last)
