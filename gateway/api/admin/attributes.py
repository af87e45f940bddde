"""A user's attributes: Cognito's list of texts, and the REST side's object with booleans and numbers.

Duty: the one to the other, both ways. Prohibition: no I/O; whether a role may name or see an attribute is the
pipeline's business; no value in a message.
Source: https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-attributes.html; OpenID Connect
Core 1.0 section 5.1.
"""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from gateway.api.members import cognitos
from gateway.api.route import Schema
from gateway.errors import InvalidRequest

BOOLEANS = frozenset({"email_verified", "phone_number_verified"})
NUMBERS = frozenset({"updated_at"})
MAX_NAME_CHARACTERS = 32
MAX_VALUE_CHARACTERS = 2048

SHOWN: Schema = {
    "type": "object",
    "description": "Numbers and booleans where OpenID Connect, or the pool's schema as far as the gateway may read it, "
    "says so; else text.",
    "additionalProperties": {"type": ["string", "number", "boolean"]},
}
GIVEN: Schema = {
    "type": "object",
    "description": "Numbers and booleans are written as text.",
    "propertyNames": {"minLength": 1, "maxLength": MAX_NAME_CHARACTERS},
    "additionalProperties": {"type": ["string", "number", "boolean", "null"], "maxLength": MAX_VALUE_CHARACTERS},
}

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,9})?")  # what a browser reads without loss
_TRUTH = {"true": True, "false": False}
_TELLABLE = re.compile(r"[A-Za-z][A-Za-z0-9_:-]{0,63}")


def texts(listed: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Cognito's list as its texts by name."""
    return {str(item["Name"]): str(item.get("Value") or "") for item in listed}


def shown(held: Mapping[str, str], types: Mapping[str, str]) -> dict[str, Any]:
    """The object that a caller sees; `sub` is not in it. `types` are Cognito's names of types, of custom attributes."""
    return {name: _typed(text, _type_of(name, types)) for name, text in held.items() if name != "sub"}


def changes(given: object) -> tuple[list[dict[str, str]], list[str]]:
    """What an object sets, as Cognito's list, and the names of those that it deletes by null.

    Raises:
        InvalidRequest: it is no object, a name is none of Cognito's, a value is a list or an object.

    """
    if not isinstance(given, dict):
        raise InvalidRequest("member-type", message="Member 'attributes' must be an object.", member="attributes")
    listed, deleted = [], []
    for name, value in given.items():
        _judge_name(name)
        if value is None:
            deleted.append(name)
        else:
            listed.append({"Name": name, "Value": _text(name, value)})
    return listed, deleted


def _type_of(name: str, types: Mapping[str, str]) -> str:
    if name in BOOLEANS:
        return "Boolean"
    return "Number" if name in NUMBERS else types.get(name, "String")


def _typed(text: str, type_: str) -> str | int | float | bool:
    """The value that a text writes; the text itself where it writes none of that type."""
    if type_ == "Boolean":
        return _TRUTH.get(text.lower(), text)
    if type_ == "Number" and _NUMBER.fullmatch(text):
        return float(text) if "." in text else int(text)
    return text


def _text(name: str, value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else format(Decimal(repr(value)), "f")
    told = _told(name)
    message = f"Member '{told}' must be text, a number, true or false; null deletes it."
    raise InvalidRequest("member-type", message=message, member=told)


def _judge_name(name: str) -> None:
    shape = cognitos("AdminUpdateUserAttributes", "UserAttributes", "*", "Name")
    if not 1 <= len(name) <= MAX_NAME_CHARACTERS:
        reason, rule = "member-length", f"with a name of 1 to {MAX_NAME_CHARACTERS} characters"
    elif not re.fullmatch(shape.pattern or "", name, re.ASCII):
        reason, rule = "member-pattern", "whose name Cognito takes"
    else:
        return
    raise InvalidRequest(reason, message=f"Member 'attributes' must hold attributes {rule}.", member="attributes")


def _told(name: str) -> str:
    return f"attributes.{name}" if _TELLABLE.fullmatch(name) else "attributes"
