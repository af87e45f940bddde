"""The one clause by which Cognito filters users, built here, and the same question asked of a user at hand.

Duty: read `email^=ann`, or Cognito's own `email ^= "ann"`, and write it quoted, so that nothing of a value is read as
anything but a value. Prohibition: no I/O; whether the role may ask for the attribute is the policy's business.
Source: https://docs.aws.amazon.com/cognito/latest/developerguide/how-to-manage-user-accounts.html (searching users).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.api.admin.people import held_by
from gateway.errors import InvalidRequest

ATTRIBUTES = (
    "username", "email", "phone_number", "name", "given_name", "family_name", "preferred_username",
    "cognito:user_status", "status", "sub",
)  # fmt: skip
SEARCHED = (
    "email", "phone_number", "name", "given_name", "family_name", "middle_name", "nickname",
    "preferred_username",
)  # fmt: skip
STATUSES = (
    "CONFIRMED", "UNCONFIRMED", "FORCE_CHANGE_PASSWORD", "RESET_REQUIRED", "EXTERNAL_PROVIDER", "COMPROMISED",
    "ARCHIVED", "UNKNOWN",
)  # fmt: skip
SWITCHES: Mapping[str, str] = {"enabled": "Enabled", "disabled": "Disabled"}

_CLAUSE = re.compile(r'\s*(?:"([\w:]+)"|([\w:]+))\s*(\^?=)(.*)', re.DOTALL | re.ASCII)
_QUOTED = re.compile(r'\s*"((?:[^"\\]|\\.)*)"\s*', re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_CASED = frozenset({"username", "status"})
_CUSTOM = ("custom:", "dev:")


@dataclass(frozen=True, slots=True)
class Clause:
    """One attribute, and what it is, or begins with."""

    name: str
    prefix: bool
    value: str

    @property
    def text(self) -> str:
        """As Cognito reads it."""
        quoted = self.value.replace("\\", "\\\\").replace('"', '\\"')
        return f'{self.name} {"^=" if self.prefix else "="} "{quoted}"'

    def fits(self, found: Mapping[str, Any]) -> bool:
        """Whether Cognito's filter would find this user of Cognito's."""
        held = _told(found, self.name)
        if held is None:
            return False
        wanted = self.value
        if self.name not in _CASED:
            held, wanted = held.casefold(), wanted.casefold()
        return held.startswith(wanted) if self.prefix else held == wanted


def clause(text: str) -> Clause:
    """The clause that a caller's `filter` writes.

    Raises:
        InvalidRequest: it is none, or Cognito does not filter by that attribute.

    """
    match = _CLAUSE.fullmatch(text)
    if match is None:
        raise _refusal("must be one clause: attribute=value or attribute^=beginning")
    name, rest = match[1] or match[2], match[4]
    if name not in ATTRIBUTES:
        raise _refusal(f"must name one of {', '.join(ATTRIBUTES)}; `search` finds others")
    quoted = _QUOTED.fullmatch(rest)
    value = re.sub(r"\\(.)", r"\1", quoted[1], flags=re.DOTALL) if quoted else rest.strip()
    if not value or _CONTROL.search(value):
        raise _refusal("must have a value without control characters")
    if name == "phone_number":  # all of them begin with "+", which is a space in a query that nobody encoded
        value = f"+{value.lstrip('+ ')}"
    return Clause(name, match[3] == "^=", value)


def of_status(status: str) -> Clause:
    """The clause for one of `STATUSES` or `SWITCHES`."""
    switch = SWITCHES.get(status)
    return Clause("status", False, switch) if switch else Clause("cognito:user_status", False, status)


def finds(needle: str, found: Mapping[str, Any]) -> bool:
    """Whether `needle`, in any case, begins this user's `sub`, or is in what it is called or in a custom attribute."""
    wanted, held = needle.casefold(), held_by(found)
    if held.get("sub", "").startswith(wanted):  # within it, any three digits would find somebody
        return True
    told = [found["Username"], *(text for name, text in held.items() if name in SEARCHED or name.startswith(_CUSTOM))]
    return any(wanted in text.casefold() for text in told)


def _told(found: Mapping[str, Any], name: str) -> str | None:
    if name == "username":
        return str(found["Username"])
    if name == "cognito:user_status":
        return str(found["UserStatus"])
    if name == "status":
        return "Enabled" if found.get("Enabled") is True else "Disabled"
    return held_by(found).get(name)


def _refusal(rule: str) -> InvalidRequest:
    return InvalidRequest("filter", message=f"Member 'filter' {rule}.", member="filter")
