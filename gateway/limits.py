"""What a role may name inside a body, and see in an answer.

Duty: judge the fields of a body by one role's limits; take out of an answer what the role may not see.
Prohibition: no I/O; nothing of the caller is known here.
Source: the policy language in docs/policy.md.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

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
        found.append(_names("ChallengeResponses", limits.attributes, attributes_answered))
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


def attributes_answered(responses: Mapping[str, Any]) -> list[Any]:
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


def without_hidden(answer: Any, readable: Collection[str]) -> Any:  # noqa: ANN401 - any JSON
    """The answer without the attributes that are not in `readable`."""
    if isinstance(answer, dict):
        return {
            name: [item for item in value if not isinstance(item, dict) or item.get("Name") in readable]
            if name in {"UserAttributes", "Attributes"} and isinstance(value, list)
            else without_hidden(value, readable)
            for name, value in answer.items()
            if name != "userAttributes"  # a challenge's, as JSON in a string
        }
    if isinstance(answer, list):
        return [without_hidden(item, readable) for item in answer]
    return answer


def without_secrets(answer: Any) -> Any:  # noqa: ANN401 - any JSON
    """The answer with every client's and provider's secret masked."""
    if isinstance(answer, dict):
        return {
            name: "***" if name in SECRETS and isinstance(value, str) else without_secrets(value)
            for name, value in answer.items()
        }
    return [without_secrets(item) for item in answer] if isinstance(answer, list) else answer
