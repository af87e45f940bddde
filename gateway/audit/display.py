"""A line of the audit as a person reads it: one aligned line of printable ASCII.

Duty: time, phase, who, operation, target, decision, status, milliseconds, error; what is longer than its column is not
cut. Prohibition: nothing of a name reaches the terminal but as JSON escapes it; no I/O.
"""

import json
from collections.abc import Mapping
from typing import Any

_WIDTHS = (24, 8, 24, 25, 26, 24, 4, 9)
_DECISION, _STATUS, _MILLISECONDS = 5, 6, 7
_RED, _YELLOW, _PLAIN = "\033[31m", "\033[33m", "\033[0m"
_FIRST_ERROR = 400
MAX_FOREIGN_CHARACTERS = 200


def shown(found: Mapping[str, Any], *, colours: bool = False) -> str:
    """Return one line for the members of an audit line; `colours` only for a terminal."""
    decision = found.get("decision")
    allowed = isinstance(decision, dict) and decision.get("allowed") is True
    status = found.get("status")
    cells = [
        _text(found.get("time")),
        _text(found.get("phase")),
        _caller(found.get("caller")),
        _text(found.get("operation")),
        _target(found.get("target")),
        _decision(decision if isinstance(decision, dict) else {}, dry_run=found.get("dry_run") is True),
        _text(status),
        _milliseconds(found.get("duration_ms")),
    ]
    padded = [
        cell.rjust(width) if index == _MILLISECONDS else cell.ljust(width)
        for index, (cell, width) in enumerate(zip(cells, _WIDTHS, strict=True))
    ]
    if colours and not allowed:
        padded[_DECISION] = f"{_RED}{padded[_DECISION]}{_PLAIN}"
    if colours and isinstance(status, int) and status >= _FIRST_ERROR:
        padded[_STATUS] = f"{_YELLOW}{padded[_STATUS]}{_PLAIN}"
    error = found.get("error")
    return "  ".join([*padded, *([] if error is None else [_text(error)])]).rstrip()


def foreign(line: bytes) -> str:
    """Return one line for what is no line of the audit."""
    text = line.decode("utf-8", "replace").rstrip("\r\n")
    cut = text if len(text) <= MAX_FOREIGN_CHARACTERS else f"{text[:MAX_FOREIGN_CHARACTERS]}..."
    return f"? {json.dumps(cut)[1:-1]}"


def _text(value: object) -> str:
    """A value as JSON has it, in ASCII, without the quotation marks of a string."""
    if value is None or value == "":
        return "-"
    text = json.dumps(value)
    return text[1:-1] if isinstance(value, str) else text


def _caller(caller: object) -> str:
    if not isinstance(caller, dict):
        return "-"
    for name in ("username", "sub", "client_id"):
        if caller.get(name):
            return _text(caller[name])
    return f"({_text(caller.get('ip'))})"


def _target(target: object) -> str:
    if not isinstance(target, dict):
        return "-"
    user, group = target.get("username") or target.get("sub"), target.get("group")
    if group is None:
        return _text(user)
    return f"group {_text(group)}" if user is None else f"{_text(user)}, group {_text(group)}"


def _decision(decision: Mapping[str, Any], *, dry_run: bool) -> str:
    if decision.get("allowed") is True:
        text = "allowed" if decision.get("role") is None else f"allowed by {_text(decision['role'])}"
    else:
        text = "denied" if decision.get("reason") is None else f"denied: {_text(decision['reason'])}"
    return f"{text} (dry run)" if dry_run else text


def _milliseconds(value: object) -> str:
    return f"{value:.1f} ms" if isinstance(value, int | float) and not isinstance(value, bool) else "-"
