"""What Cognito asks of somebody who is signing in, and the answers to it, as data.

Duty: ChallengeParameters to typed members, a REST body to ChallengeResponses, by one table.
Prohibition: no I/O; nothing is checked that Cognito checks; no value in a message.
Source: RespondToAuthChallenge and InitiateAuth in Cognito's API reference.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.api.admin import attributes
from gateway.api.auth import totp
from gateway.api.members import ANYTHING, TEXT, choice, cognitos
from gateway.api.route import Schema
from gateway.errors import InvalidRequest, UpstreamError
from gateway.shapes import Shape

SETUP = "MFA_SETUP"
MAX_ANSWER_CHARACTERS = 8192


@dataclass(frozen=True, slots=True)
class Part:
    """One member of an answer: its REST name, Cognito's key, whether the challenge needs it."""

    name: str
    key: str
    needed: bool = True


_CODE = "code"
_DEVICE = Part("deviceKey", "DEVICE_KEY", needed=False)
_PROOF = (
    Part("secretBlock", "PASSWORD_CLAIM_SECRET_BLOCK"),
    Part("signature", "PASSWORD_CLAIM_SIGNATURE"),
    Part("timestamp", "TIMESTAMP"),
)
ANSWERS: Mapping[str, tuple[Part, ...]] = {
    "NEW_PASSWORD_REQUIRED": (Part("newPassword", "NEW_PASSWORD"),),
    "SOFTWARE_TOKEN_MFA": (Part(_CODE, "SOFTWARE_TOKEN_MFA_CODE"), _DEVICE),
    "SMS_MFA": (Part(_CODE, "SMS_MFA_CODE"), _DEVICE),
    "EMAIL_OTP": (Part(_CODE, "EMAIL_OTP_CODE"), _DEVICE),
    "SMS_OTP": (Part(_CODE, "SMS_OTP_CODE"), _DEVICE),
    "SELECT_MFA_TYPE": (Part("answer", "ANSWER"),),
    "SELECT_CHALLENGE": (
        Part("answer", "ANSWER"),
        Part("password", "PASSWORD", needed=False),
        Part("srpA", "SRP_A", needed=False),
    ),
    SETUP: (),
    "PASSWORD": (Part("password", "PASSWORD"), _DEVICE),
    "PASSWORD_SRP": (Part("srpA", "SRP_A"), _DEVICE),
    "PASSWORD_VERIFIER": (*_PROOF, _DEVICE),
    "DEVICE_SRP_AUTH": (Part("srpA", "SRP_A"), Part("deviceKey", "DEVICE_KEY")),
    "DEVICE_PASSWORD_VERIFIER": (*_PROOF, Part("deviceKey", "DEVICE_KEY")),
    "CUSTOM_CHALLENGE": (Part("answer", "ANSWER"), _DEVICE),
    "WEB_AUTHN": (Part("credential", "CREDENTIAL"),),
}
"""Every challenge that Cognito's unsigned operations know, and what answers it."""

_TEXT_OF_AN_ANSWER = Shape(name="answer", type="string", high=MAX_ANSWER_CHARACTERS)
_ATTRIBUTES = frozenset({"NEW_PASSWORD_REQUIRED"})
_SETS_UP = frozenset({SETUP})
PARTS: Mapping[str, Shape] = {
    **{part.name: _TEXT_OF_AN_ANSWER for parts in ANSWERS.values() for part in parts},
    "newPassword": cognitos("SignUp", "Password"),
    "password": cognitos("SignUp", "Password"),
    "code": cognitos("ConfirmSignUp", "ConfirmationCode"),
    "credential": Shape(name="credential", type="map", key=TEXT, element=ANYTHING),
    "attributes": ANYTHING,
    "deviceName": Shape(name="deviceName", type="string", low=1, high=256),
    "responses": Shape(name="responses", type="map", key=TEXT, element=_TEXT_OF_AN_ANSWER, high=32),
    **totp.LABELS,
}
"""The members that an answer may have, all challenges together."""
CHALLENGE: Shape = choice("challenge", *ANSWERS)
SET: Schema = {
    **attributes.GIVEN,
    "additionalProperties": {**attributes.GIVEN["additionalProperties"], "type": ["string", "number", "boolean"]},
}
"""Attributes that are given a value, none of them taken away."""

_NAMES: Mapping[str, str] = {
    "USERNAME": "username",
    "USER_ID_FOR_SRP": "userId",
    "SALT": "salt",
    "SRP_B": "srpB",
    "SECRET_BLOCK": "secretBlock",
    "DEVICE_KEY": "deviceKey",
    "FRIENDLY_DEVICE_NAME": "deviceName",
    "CODE_DELIVERY_DELIVERY_MEDIUM": "codeDeliveryMedium",
    "CODE_DELIVERY_DESTINATION": "codeDeliveryDestination",
    "MFAS_CAN_CHOOSE": "mfasCanChoose",
    "MFAS_CAN_SETUP": "mfasCanSetup",
    "CREDENTIAL_REQUEST_OPTIONS": "credentialRequestOptions",
}
_LISTS = frozenset({"requiredAttributes", "MFAS_CAN_CHOOSE", "MFAS_CAN_SETUP"})
_OBJECTS = frozenset({"userAttributes", "CREDENTIAL_REQUEST_OPTIONS"})
_PREFIX = "userAttributes."
_STRINGS: Schema = {"type": "array", "items": {"type": "string"}}

SCHEMA: Schema = {
    "type": "object",
    "title": "Challenge",
    "required": ["status", "challenge", "session", "username", "parameters"],
    "properties": {
        "status": {"const": "challenge"},
        "challenge": {"type": "string", "examples": list(ANSWERS)},
        "session": {"type": ["string", "null"], "description": "To be sent back with the answer; for minutes."},
        "username": {"type": "string", "description": "To be sent back: the user's name where an alias was typed."},
        "parameters": {
            "type": "object",
            "description": "What the challenge tells; a custom challenge's own members keep their names.",
            "properties": {
                "userAttributes": {"type": "object", "additionalProperties": {"type": "string"}},
                "requiredAttributes": _STRINGS,
                "codeDeliveryMedium": {"type": "string"},
                "codeDeliveryDestination": {"type": "string"},
                "mfasCanChoose": _STRINGS,
                "mfasCanSetup": _STRINGS,
                "availableChallenges": _STRINGS,
                "credentialRequestOptions": {"type": "object"},
                **totp.SCHEMA["properties"],
            },
        },
    },
}
EXAMPLE = {
    "status": "challenge",
    "challenge": "SOFTWARE_TOKEN_MFA",
    "session": "AYABeExample…",
    "username": "ann",
    "parameters": {"userId": "ann"},
}


def shown(found: Mapping[str, Any], username: str) -> dict[str, Any]:
    """A challenge of Cognito's; `username` is the name that was typed.

    Raises:
        UpstreamError: its lists or objects are none.

    """
    given = found.get("ChallengeParameters") or {}
    try:
        parameters = {_NAMES.get(key, key): _typed(key, text) for key, text in given.items()}
    except (ValueError, TypeError, RecursionError):
        raise UpstreamError("upstream-not-json") from None
    if found.get("AvailableChallenges"):
        parameters["availableChallenges"] = found["AvailableChallenges"]
    return {
        "status": "challenge",
        "challenge": found.get("ChallengeName") or "",
        "session": found.get("Session"),
        "username": given.get("USER_ID_FOR_SRP") or given.get("USERNAME") or username,
        "parameters": parameters,
    }


def responses(body: Mapping[str, Any]) -> dict[str, str]:
    """Cognito's ChallengeResponses of a judged body; `responses` holds what has no name of its own here.

    Raises:
        InvalidRequest: a member is missing, belongs to another challenge, or stands twice.

    """
    name = body["challenge"]
    raw: Mapping[str, str] = body.get("responses") or {}
    made: dict[str, str] = {}
    for part in ANSWERS[name]:
        if part.name in body:
            value = body[part.name]
            made[part.key] = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
        elif part.needed and part.key not in raw:
            raise missing(part.name)
    if name in _ATTRIBUTES and "attributes" in body:
        made |= {f"{_PREFIX}{key}": value for key, value in given_attributes(body).items()}
    known = {part.name for part in ANSWERS[name]} | (_SETTABLE if name in _ATTRIBUTES else _NOTHING)
    foreign = (PARTS.keys() - {"responses"} - known - (_OF_SETUP if name in _SETS_UP else _NOTHING)) & body.keys()
    if foreign:
        raise not_of(min(foreign), "challenge")
    made["USERNAME"] = body["username"]
    if raw.keys() & made.keys():
        raise InvalidRequest(
            "member-value", message="Member 'responses' holds what has a member of its own.", member="responses"
        )
    return {**raw, **made}


_NOTHING = frozenset[str]()
_SETTABLE = frozenset({"attributes"})
_OF_SETUP = frozenset({"code", "deviceName", *totp.LABELS})


def given_attributes(body: Mapping[str, Any]) -> dict[str, str]:
    """The attributes that a body sets, as Cognito's texts.

    Raises:
        InvalidRequest: one is null, or none that Cognito takes.

    """
    listed, deleted = attributes.changes(body["attributes"])
    if deleted:
        raise InvalidRequest(
            "member-type", message="Member 'attributes' must hold values, not null.", member="attributes"
        )
    return attributes.texts(listed)


def missing(name: str) -> InvalidRequest:
    """The refusal of a body without a member that its flow or challenge needs."""
    return InvalidRequest("member-missing", message=f"Member '{name}' is missing.", member=name)


def not_of(name: str, chooser: str) -> InvalidRequest:
    """The refusal of a member that belongs to another flow or challenge."""
    return InvalidRequest("member-unknown", message=f"Member '{name}' is not of this {chooser}.", member=name)


def _typed(key: str, text: str) -> Any:  # noqa: ANN401 - any JSON
    if key not in _LISTS and key not in _OBJECTS:
        return text
    value = json.loads(text)
    if not isinstance(value, list if key in _LISTS else dict):
        raise TypeError(key)
    return [str(item).removeprefix(_PREFIX) for item in value] if key in _LISTS else value
