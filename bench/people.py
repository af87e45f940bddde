"""The pool behind the gateway, as both upstreams tell of it.

Duty: who is who by a number at the end of the name: callers below `FIRST_TARGET` are admins, all others are users.
Prohibition: no state; `stub.c` says the same.
"""

import re
from collections.abc import Collection, Mapping
from typing import Any

FIRST_TARGET = 1_000_000
PRECEDENCES: Mapping[str, int] = {"admin": 1, "moderator": 5, "premium": 8, "user": 10}

_NUMBER = re.compile(r"[0-9]+\Z")
_ALICES_SUB = "5f2b9c1e-8f0b-4b55-9a0e-3f3e0e6a9d11"


def sub_of(name: str) -> str:
    """The `sub` of a user; one for all whose names end in no number."""
    number = _NUMBER.search(name)
    return f"00000000-0000-4000-8000-{int(number[0]):012d}" if number else _ALICES_SUB


def groups_of(name: str) -> list[str]:
    """The groups of a user."""
    number = _NUMBER.search(name)
    return ["admin"] if number and int(number[0]) < FIRST_TARGET else ["user"]


def answer(operation: str, body: Mapping[str, Any], *, demoted: Collection[str] = ()) -> dict[str, Any]:
    """What Cognito answers; `demoted` are in no group."""
    name = body.get("Username", "")
    if operation == "AdminGetUser":
        return {
            "Username": name,
            "Enabled": True,
            "UserStatus": "CONFIRMED",
            "UserAttributes": [{"Name": "sub", "Value": sub_of(name)}],
        }
    if operation == "AdminListGroupsForUser":
        return {"Groups": [] if name in demoted else _groups(groups_of(name))}
    if operation == "ListGroups":
        return {"Groups": _groups(PRECEDENCES)}
    if operation in {"ListUsers", "ListUsersInGroup"}:
        return {"Users": [{"Username": f"user{number}", "Enabled": True} for number in range(2)]}
    return {}


def _groups(names: Collection[str]) -> list[dict[str, Any]]:
    return [{"GroupName": name, "Precedence": PRECEDENCES[name]} for name in names]
