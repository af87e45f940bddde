"""Which second factors a user has on, and which one is asked for first: what a body says of it, as Cognito's settings.

Duty: one reading of `{preferred, sms, totp, email}`. Prohibition: no I/O; whether a factor is set up, Cognito knows.
Source: SetUserMFAPreference in Cognito's API reference.
"""

from collections.abc import Mapping
from typing import Any

from gateway.api.admin.people import FACTORS
from gateway.api.members import ANYTHING, FLAG
from gateway.api.route import Schema
from gateway.errors import InvalidRequest
from gateway.shapes import Shape

SETTINGS: Mapping[str, str] = {
    "sms": "SMSMfaSettings",
    "totp": "SoftwareTokenMfaSettings",
    "email": "EmailMfaSettings",
}
MEMBERS: Mapping[str, Shape] = {"preferred": ANYTHING, **dict.fromkeys(FACTORS, FLAG)}
SCHEMAS: Mapping[str, Schema] = {"preferred": {"enum": [*FACTORS, None]}}
ABOUT = """The factors that are named are switched on or off, the others stay as they are. `preferred` is the one that
Cognito asks for first: it is switched on by that; null, beside the factors that it concerns, is none of them."""


def settings(body: Mapping[str, Any]) -> dict[str, Any]:
    """Cognito's settings of the factors that a judged body names, and of the preferred one.

    Raises:
        InvalidRequest: `preferred` is no factor, or one that the body switches off; nothing is named.

    """
    preferred = body.get("preferred")
    if preferred is not None and (not isinstance(preferred, str) or preferred not in FACTORS):
        raise _refusal("member-value", f"must be one of {', '.join(FACTORS)}, or null")
    if preferred is not None and body.get(preferred) is False:
        raise _refusal("member-value", "names a factor that is switched off")
    named = [name for name in FACTORS if name in body or name == preferred]
    if not named:
        raise _refusal("member-missing", "is missing, or the factors that are to change")
    told = "preferred" in body
    return {
        SETTINGS[name]: {"Enabled": body.get(name, True), **({"PreferredMfa": name == preferred} if told else {})}
        for name in named
    }


def _refusal(reason: str, rule: str) -> InvalidRequest:
    return InvalidRequest(reason, message=f"Member 'preferred' {rule}.", member="preferred")
