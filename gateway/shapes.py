r"""What Cognito's model says of a value, and whether a value is so.

Duty: judge a body that was read (`gateway.body`) by the structure that an operation takes.
Prohibition: no I/O, no value of the body in a message or a reason; a member's name is shown only where it looks like
one.
Source: AWS JSON 1.1, https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html; constraints,
https://smithy.io/2.0/spec/constraint-traits.html. Patterns match as a whole and `\w`, `\s`, `\d` are ASCII, as in
Cognito's own validation errors.
"""

import math
import re
from binascii import a2b_base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from gateway.errors import InvalidRequest

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_WHOLE_BITS = {"integer": 32, "long": 64}
_MANY_VALUES = 8  # a longer enumeration is not written into a message


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """What the model says of one value.

    `type` is string, integer, long, double, float, timestamp (epoch seconds), boolean, blob (base64), structure, list,
    map or document (any JSON). `low` and `high` bound characters, items, entries, bytes or the number itself.
    `element` is a list's or a map's value. `sensitive` is the model's own mark; an operation knows more names.
    """

    name: str
    type: str
    low: int | None = None
    high: int | None = None
    pattern: str | None = None  # for `re` with re.ASCII, to match as a whole
    enum: tuple[str, ...] = ()
    members: Mapping[str, "Shape"] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    element: "Shape | None" = None
    key: "Shape | None" = None
    sensitive: bool = False


def judge(shape: Shape, body: Mapping[str, Any]) -> InvalidRequest | None:
    """Judge a body by the structure that an operation takes.

    Raises `InvalidRequest` at once for a wrong form: a member that is unknown, missing or of a wrong type. Returns, not
    raises, the first value that is too long, out of range or of a wrong pattern: the policy is asked in between, so
    that a 403 wins over this 400.
    """
    misfit = _checker(shape)(body)
    if misfit is None:
        return None
    subject = f"Member '{misfit.at}'" if misfit.at else "The body"
    refusal = InvalidRequest(misfit.reason, message=f"{subject} {misfit.rule}.", member=misfit.at or None)
    if misfit.malformed:
        raise refusal
    return refusal


class _Misfit:
    """One thing that does not fit: where (built on the way up), which rule, whether the form is wrong."""

    __slots__ = ("at", "malformed", "reason", "rule")

    def __init__(self, reason: str, rule: str, *, malformed: bool = False, at: str = "") -> None:
        self.reason = reason
        self.rule = rule
        self.malformed = malformed
        self.at = at

    def under(self, part: str) -> "_Misfit":
        self.at = f"{part}.{self.at}" if self.at and self.at[0] != "[" else f"{part}{self.at}"
        return self


_Check = Callable[[object], _Misfit | None]


@cache
def _checker(shape: Shape) -> _Check:
    """Make, once, what checks a shape. Late: most operations are never called, and patterns compile slowly."""
    makers: dict[str, Callable[[Shape], _Check]] = {
        "string": _string,
        "blob": _blob,
        "integer": _whole_number,
        "long": _whole_number,
        "double": _number,
        "float": _number,
        "timestamp": _number,
        "boolean": _boolean,
        "structure": _structure,
        "list": _list,
        "map": _map,
        "document": _document,
    }
    return makers[shape.type](shape)


def _string(shape: Shape) -> _Check:
    low, high = _bounds(shape)
    fullmatch = re.compile(shape.pattern, re.ASCII).fullmatch if shape.pattern else None
    enum = frozenset(shape.enum)

    def check(value: object) -> _Misfit | None:
        if not isinstance(value, str):
            return _wrong_type("a string")
        # In code points, as Smithy counts. Before the pattern, so that no pattern sees a giant.
        if not low <= len(value) <= high:
            return _Misfit("member-length", _extent(shape, "characters"))
        if fullmatch is not None and fullmatch(value) is None:
            return _Misfit("member-pattern", "does not match the pattern that Cognito asks for")
        if enum and value not in enum:
            allowed = f"one of {', '.join(shape.enum)}" if len(enum) <= _MANY_VALUES else "a value that Cognito knows"
            return _Misfit("member-value", f"must be {allowed}")
        return None

    return check


def _blob(shape: Shape) -> _Check:
    low, high = _bounds(shape)

    def check(value: object) -> _Misfit | None:
        if not isinstance(value, str):
            return _wrong_type("a base64 string")
        try:
            size_bytes = len(a2b_base64(value, strict_mode=True))
        except ValueError:
            return _Misfit("member-encoding", "must be base64")
        return None if low <= size_bytes <= high else _Misfit("member-length", _extent(shape, "bytes"))

    return check


def _whole_number(shape: Shape) -> _Check:
    bound = 1 << (_WHOLE_BITS[shape.type] - 1)
    low = -bound if shape.low is None else shape.low
    high = bound - 1 if shape.high is None else shape.high

    def check(value: object) -> _Misfit | None:
        if type(value) is not int:  # not isinstance: True is an int to Python, and not to Cognito
            return _wrong_type("a whole number")
        return None if low <= value <= high else _Misfit("member-range", f"must be from {low} to {high}")

    return check


def _number(shape: Shape) -> _Check:
    low, high = _bounds(shape, unbounded_below=True)

    def check(value: object) -> _Misfit | None:
        if type(value) is not int and type(value) is not float:
            return _wrong_type("a number")
        return None if low <= value <= high else _Misfit("member-range", "is out of range")

    return check


def _boolean(_shape: Shape) -> _Check:
    return lambda value: None if isinstance(value, bool) else _wrong_type("true or false")


def _document(_shape: Shape) -> _Check:
    return lambda _value: None  # any JSON, which `parse` has already made sure of


def _structure(shape: Shape) -> _Check:
    members = {name: _checker(member) for name, member in shape.members.items()}
    required = shape.required

    def check(value: object) -> _Misfit | None:
        if not isinstance(value, dict):
            return _wrong_type("an object")
        first = None
        for name, item in value.items():
            inner = members.get(name)
            if inner is None:
                return _unknown(name)
            misfit = inner(item)
            if misfit is not None:
                misfit.under(name)
                if misfit.malformed:
                    return misfit
                first = first or misfit
        if not required <= value.keys():
            missing = min(required - value.keys())
            return _Misfit("member-missing", "is missing", malformed=True, at=missing)
        return first

    return check


def _list(shape: Shape) -> _Check:
    low, high = _bounds(shape)
    inner = _checker(_part(shape.element))

    def check(value: object) -> _Misfit | None:
        if not isinstance(value, list):
            return _wrong_type("a list")
        first = None if low <= len(value) <= high else _Misfit("member-length", _extent(shape, "items"))
        for index, item in enumerate(value):
            misfit = inner(item)
            if misfit is not None:
                misfit.under(f"[{index}]")
                if misfit.malformed:
                    return misfit
                first = first or misfit
        return first

    return check


def _map(shape: Shape) -> _Check:
    low, high = _bounds(shape)
    inner_key, inner = _checker(_part(shape.key)), _checker(_part(shape.element))

    def check(value: object) -> _Misfit | None:
        if not isinstance(value, dict):
            return _wrong_type("an object")
        first = None if low <= len(value) <= high else _Misfit("member-length", _extent(shape, "entries"))
        for key, item in value.items():
            # A map's keys are the caller's own words, as its values are: neither is shown.
            for misfit, part in ((inner_key(key), "(key)"), (inner(item), "*")):
                if misfit is not None:
                    misfit.under(part)
                    if misfit.malformed:
                        return misfit
                    first = first or misfit
        return first

    return check


def _part(shape: Shape | None) -> Shape:
    if shape is None:
        raise ValueError("a list or a map without the shape of its values")
    return shape


def _bounds(shape: Shape, *, unbounded_below: bool = False) -> tuple[float, float]:
    low = -math.inf if unbounded_below else 0
    return (low if shape.low is None else shape.low), (math.inf if shape.high is None else shape.high)


def _extent(shape: Shape, unit: str) -> str:
    if shape.high is None:
        return "must not be empty" if shape.low == 1 else f"must have at least {shape.low} {unit}"
    if not shape.low:
        return f"must have at most {shape.high} {unit}"
    return f"must have {shape.low} to {shape.high} {unit}"


def _wrong_type(wanted: str) -> _Misfit:
    return _Misfit("member-type", f"must be {wanted}", malformed=True)


def _unknown(name: object) -> _Misfit:
    if isinstance(name, str) and _NAME.fullmatch(name):
        return _Misfit("member-unknown", "is not known", malformed=True, at=name)
    return _Misfit("member-unknown", "holds a member that is not known", malformed=True)
