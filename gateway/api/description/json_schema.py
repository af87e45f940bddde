r"""A shape as JSON Schema, so that the document says of a value what the gateway judges it by.

Duty: types, lengths, ranges, words and patterns, the patterns as ECMA-262 reads them. What a validator that knows no
more than `re` would misread is written out: `\w`, `\d` and `\s` are ASCII to Cognito, `.` stops at a line's end only.
Prohibition: nothing of a policy or a pool; no I/O.
Source: JSON Schema 2020-12, Core and Validation (section 6.3.3 on patterns); ECMA-262 section 22.2.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from gateway.shapes import Shape

Schema = dict[str, Any]
Part = Callable[[Shape], Schema]
"""Makes the schema of what a structure, a list or a map holds: written out, or a reference to where it is."""

_PIECE = re.compile(r"\\U[0-9a-fA-F]{8}|\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|\\.|\(\?s[:)]|\(\?>|[+*]\+|.", re.DOTALL)
_ASCII = {"w": "A-Za-z0-9_", "d": "0-9", "s": r" \t\n\r\f\v"}
_SYNTAX = frozenset(r"^$\.*+?()[]{}|/")
_KEPT_ESCAPES = frozenset("tnrfvux")
_POSSESSIVE = {"(?>": "(?:", "++": "+", "*+": "*"}  # they keep `re` from going back, and change no verdict
_WHOLE_BITS = {"integer": 32, "long": 64}
_BOUNDS = {
    "string": ("minLength", "maxLength"),
    "list": ("minItems", "maxItems"),
    "map": ("minProperties", "maxProperties"),
    "integer": ("minimum", "maximum"),
    "long": ("minimum", "maximum"),
    "double": ("minimum", "maximum"),
    "float": ("minimum", "maximum"),
    "timestamp": ("minimum", "maximum"),
}
_TYPES = {
    "string": "string",
    "blob": "string",
    "integer": "integer",
    "long": "integer",
    "double": "number",
    "float": "number",
    "timestamp": "number",
    "boolean": "boolean",
    "structure": "object",
    "list": "array",
    "map": "object",
}


def schema(shape: Shape, part: Part | None = None) -> Schema:
    """What `shape` allows. `part` makes the schemas of what it holds, by default this function."""
    if shape.type == "document":
        return {}
    part = part or schema
    found: Schema = {"type": _TYPES[shape.type]} | _bounds(shape)
    if shape.pattern:
        found["pattern"] = pattern(shape.pattern)
    if shape.enum:
        found["enum"] = list(shape.enum)
    if shape.type == "blob":
        found["contentEncoding"] = "base64"
    elif shape.type == "timestamp":
        found["description"] = "Seconds since 1970."
    elif shape.type == "structure":
        found |= members({name: part(member) for name, member in shape.members.items()}, shape.required)
    elif shape.type == "list" and shape.element is not None:
        found["items"] = part(shape.element)
    elif shape.type == "map" and shape.element is not None and shape.key is not None:
        found |= {"propertyNames": part(shape.key), "additionalProperties": part(shape.element)}
    return found


def members(properties: Mapping[str, Schema], required: frozenset[str]) -> Schema:
    """The part of a closed object's schema that says what it holds."""
    found: Schema = {"required": sorted(required)} if required else {}
    return found | {"properties": dict(properties), "additionalProperties": False}


@cache
def pattern(text: str) -> str:
    """A pattern for `re` with re.ASCII, to match as a whole, as one of ECMA-262 with the flag `u`.

    Raises:
        ValueError: it says what this does not translate.

    """
    whole = text.replace(r"[\S]", r"\S").replace(r"\ud800-", r"\ue000-")  # no JSON text that is read has half a pair
    dot, inside, found = r"[^\n]", False, list[str]()
    for piece in _PIECE.findall(whole):
        if piece[:3] == "(?s":  # to the end: Cognito has it nowhere else
            dot = r"[\s\S]"
            found.append("(?:" if piece[3] == ":" else "")
        elif piece in _POSSESSIVE and not inside:
            found.append(_POSSESSIVE[piece])
        elif piece[0] == "\\":
            found.append(_escape(piece, inside=inside))
        elif piece == "." and not inside:
            found.append(dot)
        else:
            inside = piece == "[" if not inside else piece != "]"
            found.append(piece)
    return _anchored("".join(found))


def _escape(piece: str, *, inside: bool) -> str:
    letter = piece[1]
    if letter == "U":
        return chr(int(piece.removeprefix("\\U"), 16))
    if letter in _ASCII:
        return _ASCII[letter] if inside else f"[{_ASCII[letter]}]"
    if letter == "Z":
        return "$"
    if letter == "S" and not inside:
        return f"[^{_ASCII['s']}]"
    if letter in _KEPT_ESCAPES or letter in _SYNTAX:
        return piece
    if letter == "-":
        return piece if inside else "-"
    raise ValueError(f"{piece} in a pattern has no translation")


def _anchored(text: str) -> str:
    start, end = text.startswith("^"), text.endswith("$")
    if start and end:
        return text
    level = 0
    for piece in re.findall(r"\\.|\[(?:\\.|[^\]\\])*\]|.", text, re.DOTALL):
        level += (piece == "(") - (piece == ")")
        if piece == "|" and level == 0:
            return f"^(?:{text})$"
    return f"{'' if start else '^'}{text}{'' if end else '$'}"


def _bounds(shape: Shape) -> Schema:
    low, high = shape.low, shape.high
    bits = _WHOLE_BITS.get(shape.type)
    if bits is not None:
        bound = 1 << (bits - 1)
        low, high = -bound if low is None else low, bound - 1 if high is None else high
    names = _BOUNDS.get(shape.type)
    if names is None:
        return {}
    at_least = low is not None and (low != 0 or names[0] == "minimum")
    return ({names[0]: low} if at_least else {}) | ({names[1]: high} if high is not None else {})
