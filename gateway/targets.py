"""Where a body names the user and the group that it acts on.

Duty: find the name, and put the canonical one in its place.
Prohibition: no I/O; whether there is such a user is not known here.
Source: Cognito's request shapes; a user's name, `sub` and aliases are all accepted wherever it takes a user name.
"""

from collections.abc import Mapping
from typing import Any

from gateway.operations import USER_POOLS, Operation

_NESTED: Mapping[str, tuple[str, str]] = {
    "AdminInitiateAuth": ("AuthParameters", "USERNAME"),
    "AdminRespondToAuthChallenge": ("ChallengeResponses", "USERNAME"),
    "AdminLinkProviderForUser": ("DestinationUser", "ProviderAttributeValue"),
    "AdminDisableProviderForUser": ("User", "ProviderAttributeValue"),
    "InitiateAuth": ("AuthParameters", "USERNAME"),
    "RespondToAuthChallenge": ("ChallengeResponses", "USERNAME"),
}
OWN_PROVIDER = "Cognito"
"""The provider of the pool's own users, where an operation names users by provider."""


def changes_a_user(operation: Operation) -> bool:
    """Whether the operation is a change, signed by us, to one user whom its body names."""
    return (
        operation.mutates
        and operation.signed
        and operation.service == USER_POOLS
        and ("Username" in operation.members or operation.name in _NESTED)
    )


def changes_groups(operation: Operation) -> bool:
    """Whether the operation is a change to, or in, one group."""
    return operation.mutates and operation.service == USER_POOLS and "GroupName" in operation.members


def user_of(operation: str, body: Mapping[str, Any]) -> str | None:
    """The name of the user whom a body is about, where its operation reads it; None where it names none."""
    if operation not in _NESTED:
        return _text(body, "Username")
    holder, member = _NESTED[operation]
    place = body.get(holder)
    return _text(place, member) if isinstance(place, Mapping) else None


def group_of(body: Mapping[str, Any]) -> str | None:
    """The group that a body names."""
    return _text(body, "GroupName")


def is_outside(operation: str, body: Mapping[str, Any]) -> bool:
    """Whether the user is named by another provider than the pool itself, so that no name of ours finds it."""
    if operation not in {"AdminLinkProviderForUser", "AdminDisableProviderForUser"}:
        return False
    place = body.get(_NESTED[operation][0])
    return not isinstance(place, Mapping) or place.get("ProviderName") != OWN_PROVIDER


def with_user(operation: str, body: Mapping[str, Any], username: str) -> dict[str, Any]:
    """The body with `username` in the place of the name that it came with."""
    if operation not in _NESTED:
        return {**body, "Username": username}
    holder, member = _NESTED[operation]
    return {**body, holder: {**body[holder], member: username}}


def _text(place: Mapping[str, Any], member: str) -> str | None:
    found = place.get(member)
    return found if isinstance(found, str) else None
