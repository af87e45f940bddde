"""Is this body what the operation takes? Held against botocore's model, as Cognito does before anything else.

Duty: types, required members, lengths, ranges, enumerations, patterns. Prohibition: a sensitive value is never repeated
in the refusal. Unknown members pass, as on AWS.
Source: botocore's models of cognito-idp and cognito-identity.
"""

import functools
import re
from collections.abc import Callable, Iterator
from typing import Any

from moto.core.utils import get_service_model

from gateway.emulator import errors
from gateway.emulator.errors import AwsError

_NAMES: dict[type, str] = {str: "STRING_VALUE", bool: "BOOLEAN_VALUE", int: "NUMBER_VALUE", float: "NUMBER_VALUE"}
_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "string": ((str,), "String"),
    "blob": ((str,), "Blob"),
    "boolean": ((bool,), "Boolean"),
    "integer": ((int,), "Integer"),
    "long": ((int,), "Long"),
    "double": ((int, float), "Double"),
    "float": ((int, float), "Float"),
    "timestamp": ((int, float, str), "Timestamp"),
    "list": ((list,), "List"),
    "map": ((dict,), "Map"),
    "structure": ((dict,), "Structure"),
}


@functools.cache
def _operations(service: str) -> frozenset[str]:
    return frozenset(get_service_model(service).operation_names)


def exists(service: str, operation: str) -> bool:
    """Say whether AWS has the operation."""
    return operation in _operations(service)


def is_public(service: str, operation: str) -> bool:
    """Say whether AWS takes the operation unsigned."""
    return bool(get_service_model(service).operation_model(operation).auth_type == "none")


def target_prefix(service: str) -> str:
    """Give what stands before the dot in `X-Amz-Target`."""
    return str(get_service_model(service).metadata["targetPrefix"])


def check(service: str, operation: str, body: dict[str, Any]) -> None:
    """Raise AwsError with the first thing that is wrong with `body`."""
    _check(get_service_model(service).operation_model(operation).input_shape, body, "")


def _check(shape: Any, value: object, place: str) -> None:  # noqa: ANN401 - botocore ships no types
    accepted, wanted = _TYPES[shape.type_name]
    if not isinstance(value, accepted) or (isinstance(value, bool) and bool not in accepted):
        found = _NAMES.get(type(value), "COLLECTION_VALUE")
        raise AwsError(errors.WRONG_TYPE, found=found, wanted=wanted, place=place)
    for broken, rule in _rules(shape, value):
        if broken:
            secret = shape.metadata.get("sensitive") or not isinstance(value, str | int)
            shown = "Value" if secret else f"Value '{value}'"
            raise AwsError(errors.CONSTRAINT, value=f"{shown} at '{place}'", rule=rule)
    for member, item, name in _members(shape, value):
        _check(member, item, f"{place}.{name}" if place else name)


def _members(shape: Any, value: Any) -> Iterator[tuple[Any, object, str]]:  # noqa: ANN401 - as above
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            label = name[:1].lower() + name[1:]
            if value.get(name) is not None:
                yield member, value[name], label
            elif name in shape.required_members:
                raise AwsError(errors.CONSTRAINT, value=f"Value null at '{label}'", rule="Member must not be null")
    elif shape.type_name == "list":
        for index, item in enumerate(value, 1):
            yield shape.member, item, f"{index}.member"
    elif shape.type_name == "map":
        for name, item in value.items():
            yield shape.value, item, str(name)


def _rules(shape: Any, value: Any) -> Iterator[tuple[bool, str]]:  # noqa: ANN401 - as above
    rules = shape.metadata
    if isinstance(value, str | list | dict):
        size: float = len(value)
        what = "length"
    elif isinstance(value, int | float) and not isinstance(value, bool):
        size, what = value, "value"
    else:
        return
    yield "min" in rules and size < rules["min"], f"Member must have {what} greater than or equal to {rules.get('min')}"
    yield "max" in rules and size > rules["max"], f"Member must have {what} less than or equal to {rules.get('max')}"
    if isinstance(value, str):
        allowed = rules.get("enum")
        wrong = allowed is not None and value not in allowed
        yield wrong, f"Member must satisfy enum value set: [{', '.join(allowed or [])}]"
        fits = _pattern(rules.get("pattern"))
        yield not fits(value), f"Member must satisfy regular expression pattern: {rules.get('pattern')}"


@functools.cache
def _pattern(pattern: str | None) -> Callable[[str], object]:
    """Compile a pattern of the model; those with Unicode classes are beyond `re` and are not checked."""
    if pattern is None or r"\p{" in pattern:
        return lambda _: True
    return re.compile(pattern).fullmatch
