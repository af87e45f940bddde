"""Groups and scopes to operations and limits: deny by default.

Duty: hold the roles, say which of a caller's roles grant an operation, judge the fields of a body by one role's limits.
Prohibition: no I/O, no tokens, no upstream. Reading and refusing a policy file is `gateway.policy_file`.
Source: the policy language in docs/policy.md.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.caller import Caller
from gateway.operations import Operation
from gateway.shapes import Shape

ANY = frozenset({"any"})
"""A limit that allows every name. A list may name attributes beside it."""

POWERFUL_MEMBERS = frozenset({
    "TemporaryPassword", "MessageAction", "DesiredDeliveryMediums", "ForceAliasCreation", "ValidationData", "RoleArn",
    "ContextData",
})  # fmt: skip
"""Optional members that do more than the operation's name says: a role must name them."""

SECRETS = frozenset({"ClientSecret", "ClientSecretValue", "client_secret", "private_key"})
"""Members of answers that never leave the gateway, whoever asks."""

ALWAYS_READABLE = frozenset({"username", "sub", "status", "cognito:user_status"})

_FILTER = re.compile(r'\s*"?([A-Za-z0-9_:]{1,64})"?\s*(?:=|\^=)\s*"(?:[^"\\]|\\.)*"\s*', re.DOTALL)

Check = Callable[[Mapping[str, Any]], str | None]
"""Judges a body whose shape is right: None, or the member that the limits refuse."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a role may name inside a body. A set that holds "any" allows every name."""

    attributes: frozenset[str] = frozenset()
    readable: frozenset[str] = ANY
    groups: frozenset[str] = frozenset()
    client_metadata: frozenset[str] = frozenset()
    members: frozenset[str] = frozenset()
    federated_password: bool = False


@dataclass(frozen=True, slots=True)
class RoleCredentials:
    """The 12-hour AWS credentials of a role's members: from the policy, never from the caller."""

    role_arn: str
    max_seconds: int = 3600


@dataclass(frozen=True, slots=True)
class Role:
    """One role of the file, under its name."""

    name: str
    groups: frozenset[str]
    scopes: frozenset[str]
    allow: frozenset[str]
    explain: bool = False
    peers: bool = False
    fresh: bool = False
    precedence: int | None = None
    rate_per_minute: int = 600
    limits: Limits = field(default_factory=Limits)
    aws: RoleCredentials | None = None

    def has(self, caller: Caller) -> bool:
        """Whether the caller is in this role: people by group, machines by scope; names match exactly (R-07)."""
        if caller.is_machine:
            return not self.scopes.isdisjoint(caller.scopes)
        return not self.groups.isdisjoint(caller.groups)


@dataclass(frozen=True, slots=True)
class Public:
    """What passes without a bearer, and how often."""

    allow: frozenset[str] = frozenset()
    rate_per_minute_per_ip: int = 60
    rate_per_minute_per_user: int = 10


@dataclass(frozen=True, slots=True)
class Grant:
    """One role's permission for one operation, with the checks that its limits put on the body."""

    role: Role
    checks: tuple[Check, ...]
    holds_secrets: bool = False  # the operation's answers may hold secrets of clients and identity providers

    def refuses(self, body: Mapping[str, Any]) -> str | None:
        """The first member that this role's limits refuse, or None."""
        for check in self.checks:
            member = check(body)
            if member is not None:
                return member
        return None

    def sees(self, answer: Any) -> Any:  # noqa: ANN401 - any JSON
        """The answer without the attributes that this role may not see, and without any client's secret (R-01)."""
        readable = self.role.limits.readable
        shown = answer if "any" in readable else _without_hidden(answer, readable | ALWAYS_READABLE)
        return _without_secrets(shown) if self.holds_secrets else shown

    @property
    def sees_all(self) -> bool:
        """Whether answers may pass unread."""
        return "any" in self.role.limits.readable and not self.holds_secrets


class Policy:
    """The whole file, indexed by operation."""

    __slots__ = ("_grants", "public", "roles", "warnings")

    def __init__(
        self,
        roles: tuple[Role, ...],
        public: Public,
        operations: Mapping[str, Operation],
        warnings: tuple[str, ...] = (),
    ) -> None:
        """`roles` in the file's order; `operations` by name."""
        self.roles = roles
        self.public = public
        self.warnings = warnings
        grants: dict[str, list[Grant]] = {}
        for role in roles:
            for name in role.allow:
                secrets = "UserPoolClient" in name or "IdentityProvider" in name
                grant = Grant(role, checks(operations[name], role.limits), holds_secrets=secrets)
                grants.setdefault(name, []).append(grant)
        self._grants = {name: tuple(found) for name, found in grants.items()}

    def grants(self, caller: Caller, operation: str) -> list[Grant]:
        """The caller's roles that allow the operation, in the file's order; empty means refused."""
        return [grant for grant in self._grants.get(operation, ()) if grant.role.has(caller)]

    def explains(self, caller: Caller) -> bool:
        """Whether one of the caller's roles may ask why."""
        return any(role.explain and role.has(caller) for role in self.roles)

    def operations(self) -> frozenset[str]:
        """Every signed operation that some role allows: what the gateway's own keys must be able to do."""
        return frozenset(self._grants)


def checks(operation: Operation, limits: Limits) -> tuple[Check, ...]:
    """The checks that `limits` put on a body of `operation`: none where it has no member that they rule."""
    members = operation.members
    found: list[Check] = []
    if "UserAttributes" in members:
        found.append(_names("UserAttributes", limits.attributes, lambda value: [item.get("Name") for item in value]))
    if "UserAttributeNames" in members:
        found.append(_names("UserAttributeNames", limits.attributes, list))
    if "GroupName" in members and operation.mutates:
        found.append(_names("GroupName", limits.groups, lambda value: [value]))
    if "ClientMetadata" in members:
        found.append(_names("ClientMetadata", limits.client_metadata, list))
    if "ChallengeResponses" in members:
        found.append(_names("ChallengeResponses", limits.attributes, _attributes_answered))
    if "RoleArn" not in limits.members and _names_arns(operation.shape):
        found.append(_no_arns)
    found += [_absent(name) for name in sorted(POWERFUL_MEMBERS & members.keys() - limits.members)]
    if "AttributesToGet" in members and "any" not in limits.readable:
        found.append(_names("AttributesToGet", limits.readable | ALWAYS_READABLE, list))
    if "Filter" in members and "any" not in limits.readable:
        found.append(_filter(limits.readable | ALWAYS_READABLE))
    return tuple(found)


def filter_attribute(text: str) -> str | None:
    """The attribute that a ListUsers filter asks about, or None when the text is not exactly one clause.

    Source: Cognito's ListUsers, `AttributeName Filter-Type "AttributeValue"` with `=` or `^=`.
    """
    match = _FILTER.fullmatch(text)
    return match[1] if match else None


def _attributes_answered(responses: Mapping[str, Any]) -> list[Any]:
    """The attributes that an answer to a challenge sets: `userAttributes.NAME`."""
    prefix = "userAttributes."
    return [key.removeprefix(prefix) for key in responses if key.startswith(prefix)]


def _names_arns(shape: Shape) -> bool:
    """Whether a body may name AWS resources below its top level: roles, functions, keys, senders."""
    inner = [*shape.members.values(), *([] if shape.element is None else [shape.element])]
    return any(name.endswith("Arn") for name in shape.members) or any(_names_arns(part) for part in inner)


def _no_arns(body: Any) -> str | None:  # noqa: ANN401 - any JSON
    if isinstance(body, Mapping):
        for name, value in body.items():
            if name.endswith("Arn"):
                return str(name)
            found = _no_arns(value)
            if found is not None:
                return found
    elif isinstance(body, list):
        return next((found for found in map(_no_arns, body) if found is not None), None)
    return None


def _names(member: str, allowed: Collection[str], of: Callable[[Any], list[Any]]) -> Check:
    def check(body: Mapping[str, Any]) -> str | None:
        value = body.get(member)
        if value is None or "any" in allowed or all(name in allowed for name in of(value)):
            return None
        return member

    return check


def _absent(member: str) -> Check:
    return lambda body: member if member in body else None


def _filter(readable: Collection[str]) -> Check:
    def check(body: Mapping[str, Any]) -> str | None:
        text = body.get("Filter")
        if not text:
            return None
        return None if filter_attribute(text) in readable else "Filter"

    return check


def _without_hidden(answer: Any, readable: Collection[str]) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(answer, dict):
        return {
            name: [item for item in value if not isinstance(item, dict) or item.get("Name") in readable]
            if name in {"UserAttributes", "Attributes"} and isinstance(value, list)
            else _without_hidden(value, readable)
            for name, value in answer.items()
            if name != "userAttributes"  # a challenge's, as JSON in a string
        }
    if isinstance(answer, list):
        return [_without_hidden(item, readable) for item in answer]
    return answer


def _without_secrets(answer: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(answer, dict):
        return {
            name: "***" if name in SECRETS and isinstance(value, str) else _without_secrets(value)
            for name, value in answer.items()
        }
    return [_without_secrets(item) for item in answer] if isinstance(answer, list) else answer
