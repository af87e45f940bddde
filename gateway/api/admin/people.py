"""A user of Cognito's as the REST side shows it, and how a path names one.

Duty: one form of a user, whichever operation told of it; `sub:UUID` in a path is a user by its `sub`.
Prohibition: no I/O; what a role may not see is not in Cognito's answer any more when it comes here.
Source: Cognito's UserType and AdminGetUser; RFC 9562 section 4.
"""

import re
from collections.abc import Mapping
from typing import Any

from gateway.api.admin import attributes
from gateway.api.exchange import Exchange
from gateway.api.inputs import Inputs
from gateway.api.members import cognitos, structure
from gateway.api.problem import of_error
from gateway.api.route import Schema
from gateway.api.times import iso
from gateway.errors import InvalidRequest, NoSuchUser, UpstreamError

MFA: Schema = {
    "type": "object",
    "title": "Mfa",
    "required": ["preferred", "sms", "totp", "email"],
    "properties": {
        "preferred": {"enum": ["sms", "totp", "email", None]},
        "sms": {"type": "boolean"},
        "totp": {"type": "boolean"},
        "email": {"type": "boolean"},
    },
}
USER: Schema = {
    "type": "object",
    "title": "User",
    "required": ["username", "sub", "email", "status", "enabled", "attributes", "createdAt", "updatedAt"],
    "properties": {
        "username": {"type": "string"},
        "sub": {"type": "string", "description": "Never changes, and is never given to another user."},
        "email": {"type": ["string", "null"], "description": "As in `attributes`."},
        "status": {"type": "string", "description": "CONFIRMED, UNCONFIRMED, FORCE_CHANGE_PASSWORD …"},
        "enabled": {"type": "boolean"},
        "attributes": attributes.SHOWN,
        "groups": {"type": "array", "items": {"type": "string"}, "description": "With `include=groups`."},
        "mfa": {**MFA, "description": "With `include=mfa`."},
        "createdAt": {"type": ["string", "null"], "format": "date-time"},
        "updatedAt": {"type": ["string", "null"], "format": "date-time"},
    },
}
EXAMPLE: Mapping[str, Any] = {
    "username": "ann",
    "sub": "8b1f1f4e-3c1e-4c0e-9d58-6d1f5f0f6a11",
    "email": "ann@example.com",
    "status": "CONFIRMED",
    "enabled": True,
    "attributes": {"email": "ann@example.com", "email_verified": True, "name": "Ann Example", "custom:age": 42},
    "createdAt": "2026-11-01T09:00:00Z",
    "updatedAt": "2026-11-01T09:00:00Z",
}
BY_SUB = "sub:"
BY_NAME = "`username` is percent-encoded; it may be an alias, or `sub:` and the user's `sub`."
NAMES: Mapping[str, str] = {
    "Username": "username",
    "GroupName": "group",
    "Filter": "filter",
    "PaginationToken": "cursor",
    "NextToken": "cursor",
}
"""Where REST calls a member of Cognito's by another name than its own."""
FACTORS: Mapping[str, str] = {"sms": "SMS_MFA", "totp": "SOFTWARE_TOKEN_MFA", "email": "EMAIL_OTP"}

_SUB = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def user(found: Mapping[str, Any], types: Mapping[str, str]) -> dict[str, Any]:
    """A user of a list's or of AdminGetUser's; `types` are the pool's of custom attributes.

    Raises:
        UpstreamError: it is none.

    """
    try:
        held = held_by(found)
        return {
            "username": found["Username"],
            "sub": held["sub"],
            "email": held.get("email"),
            "status": found["UserStatus"],
            "enabled": found.get("Enabled") is True,
            "attributes": attributes.shown(held, types),
            "createdAt": iso(found.get("UserCreateDate")),
            "updatedAt": iso(found.get("UserLastModifiedDate")),
        }
    except (KeyError, TypeError, AttributeError):
        raise UpstreamError("upstream-not-json") from None


def held_by(found: Mapping[str, Any]) -> dict[str, str]:
    """The attributes of a user, as Cognito's texts by name."""
    return attributes.texts(found.get("UserAttributes", found.get("Attributes")) or ())


def mfa(found: Mapping[str, Any]) -> dict[str, Any]:
    """The second factors that AdminGetUser tells of."""
    on, preferred = found.get("UserMFASettingList") or (), found.get("PreferredMfaSetting")
    return {
        "preferred": next((name for name, factor in FACTORS.items() if factor == preferred), None),
        **{name: factor in on for name, factor in FACTORS.items()},
    }


PATH = structure("path", {"username": cognitos("AdminGetUser", "Username")})


def name_in(inputs: Inputs) -> str:
    """What Cognito is asked for: the name in the path, or the `sub` behind `sub:`.

    Raises:
        InvalidRequest: what is behind `sub:` is no UUID.

    """
    name = inputs.path["username"]
    if not name.startswith(BY_SUB):
        return name
    sub = _sub_of(name)
    if sub is None:
        raise InvalidRequest("member-pattern", message="Member 'username' must be sub: and a UUID.", member="username")
    return sub


def sub_in(exchange: Exchange) -> str | None:
    """The `sub` that the path names its user by; None for a name, and for what `name_in` will refuse."""
    try:
        return _sub_of(exchange.path["username"])
    except InvalidRequest:  # no UTF-8: refused, and written down, where the inputs are judged
        return None


def expect(sub: str | None, found: Mapping[str, Any]) -> None:
    """Refuse a user who is not the one that was named by its `sub`: somebody's name may be another's `sub`.

    Raises:
        Problem: it is another.

    """
    if sub is not None and held_by(found).get("sub") != sub:
        raise of_error(NoSuchUser("sub"))


def _sub_of(name: str) -> str | None:
    sub = name.removeprefix(BY_SUB).lower()
    return sub if name.startswith(BY_SUB) and _SUB.fullmatch(sub) else None
