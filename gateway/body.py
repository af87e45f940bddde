"""A caller's body, read as strict JSON, and written again.

Duty: what `parse` lets through reads the same for everybody behind the gateway (R-10): no duplicate members, no number
that overflows, no half surrogate pair. `dump` writes what was judged, whatever the spelling that the caller chose.
Prohibition: no I/O, no value of the body in a message or a reason; a member's name is shown only where it looks like
one.
Source: RFC 8259 and RFC 7493 (I-JSON).
"""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from gateway.errors import InvalidRequest

MAX_DEPTH = 32
MAX_INTEGER_DIGITS = 20  # a 64-bit number and its sign; Python itself gives up at 4,300 digits with a ValueError
_SMALL_BYTES = 16_384

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_PATH = re.compile(rf"\.{_NAME.pattern}(?:\[\d+\]|\.{_NAME.pattern})*", re.ASCII)
# A string (closed or not) or a bracket. Every branch moves on and none goes back: linear on any input.
_DEPTH_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.?)*+"?|[\[{]|[\]}]', re.DOTALL)


def parse(body: bytes) -> dict[str, Any]:
    """Read a body as one strict JSON object of plain dicts, lists, strings, numbers, booleans and None.

    Raises `InvalidRequest` for everything else: not UTF-8, a BOM, trailing text, NaN, a number that overflows, a member
    twice, half a surrogate pair, nesting deeper than `MAX_DEPTH`. Nothing else escapes.
    """
    # Counting first spares the usual body the walk, and the parser the recursion that could end a WebAssembly stack.
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH and _too_deep(body):
        raise InvalidRequest("body-too-deep", message=f"The body is nested deeper than {MAX_DEPTH} levels.")
    refusal, twice = None, None
    try:
        value = _DECODER.decode(body.decode())
    except _TwiceError as error:
        twice = error.name
    except UnicodeDecodeError:
        refusal = InvalidRequest("body-not-utf8", message="The body is not UTF-8.")
    except ValueError:
        refusal = InvalidRequest("body-not-json", message="The body is not JSON.")
    if twice is not None:  # outside of the except clause: what was caught holds the body, and would be the context
        refusal = _refusal_of_twice(twice, body)
    if refusal is not None:
        raise refusal
    if not isinstance(value, dict):
        raise InvalidRequest("body-not-object", message="The body must be a JSON object.")
    if b"\\u" in body:  # UTF-8 itself cannot carry a surrogate, so only an escape can
        _refuse_half_pairs(value)
    return value


def dump(body: Mapping[str, Any]) -> bytes:
    """Write what was judged as compact JSON in ASCII, whatever the spelling that the caller chose.

    Raises `ValueError` or `TypeError` for what `parse` never returns (NaN, bytes …): that is a defect of the gateway.
    """
    return _ENCODER.encode(body).encode("ascii")


class _TwiceError(Exception):
    """A member stands twice."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


class _Pairs(list[tuple[str, Any]]):
    """An object in which it may."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):  # which of the two Cognito would read is anybody's guess
        seen: set[str] = set()
        raise _TwiceError(next(name for name, _ in pairs if name in seen or seen.add(name)))  # type: ignore[func-returns-value]
    return value


def _refusal_of_twice(name: str, body: bytes) -> InvalidRequest:
    """Read a refused body again, only to say where in it a member stands twice; a large one is not worth the time."""
    found = None
    if len(body) <= _SMALL_BYTES:
        try:
            found = _path_of_twice(json.loads(body, object_pairs_hook=_Pairs, parse_int=str, parse_float=str))
        except ValueError:  # what comes behind it is no JSON either
            found = None
    path = found[1:] if found is not None and _PATH.fullmatch(found) else None
    shown = path or (name if _NAME.fullmatch(name) else None)
    which = f"Member '{shown}'" if shown is not None else "A member"
    return InvalidRequest("body-duplicate-member", message=f"{which} stands twice in the body.", member=path)


def _path_of_twice(value: list[Any]) -> str | None:
    if isinstance(value, _Pairs):
        seen: set[str] = set()
        for name, inner in value:
            if name in seen:
                return f".{name}"
            seen.add(name)
            if isinstance(inner, list) and (below := _path_of_twice(inner)) is not None:
                return f".{name}{below}"
        return None
    for index, item in enumerate(value):
        if isinstance(item, list) and (below := _path_of_twice(item)) is not None:
            return f"[{index}]{below}"
    return None


def _integer(text: str) -> int:
    if len(text) > MAX_INTEGER_DIGITS:
        raise InvalidRequest("body-number", message="A number in the body is too large.")
    return int(text)


def _real(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise InvalidRequest("body-number", message="A number in the body is too large.")
    return value


def _constant(_text: str) -> None:  # NaN, Infinity, -Infinity: Python reads them, JSON has none
    raise InvalidRequest("body-not-json", message="The body is not JSON.")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=_integer, parse_float=_real, parse_constant=_constant)
_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True, allow_nan=False)
_LITERAL_ENCODER = json.JSONEncoder(ensure_ascii=False)


def _too_deep(body: bytes) -> bool:
    """Say whether brackets outside of strings nest too deep. What is not JSON may seem too deep, never too flat."""
    level = 0
    for match in _DEPTH_TOKEN.finditer(body):
        token = match[0]
        if token in b"[{":
            level += 1
            if level > MAX_DEPTH:
                return True
        elif token in b"]}":
            level -= 1
    return False


def _refuse_half_pairs(body: dict[str, Any]) -> None:
    whose = None
    for name, value in body.items():
        try:
            _LITERAL_ENCODER.encode((name, value)).encode()
        except UnicodeEncodeError:  # holds the text: raised outside, as in `parse`
            whose = f"Member '{name}'" if _NAME.fullmatch(name) else "A member"
            break
    if whose is not None:
        member = name if _NAME.fullmatch(name) else None
        raise InvalidRequest("body-surrogate", message=f"{whose} holds half of a surrogate pair.", member=member)
