"""A line as a person reads it: what was said, aligned, and nothing that a name could do to a terminal."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit import display

LINE: dict[str, Any] = {
    "time": "2026-11-21T09:17:05.123Z",
    "phase": "outcome",
    "caller": {"sub": "sub-1", "username": "admin@example.com", "client_id": "client-1", "ip": "203.0.113.7"},
    "operation": "AdminAddUserToGroup",
    "target": {"username": "alice", "sub": "sub-2", "group": "premium"},
    "decision": {"allowed": True, "role": "admin", "reason": None},
    "status": 400,
    "error": "UserNotFoundException",
    "duration_ms": 12.345,
}


def words(**changes: object) -> list[str]:
    """The columns of the line with some members changed."""
    return [word.strip() for word in display.shown(LINE | changes).split("  ") if word.strip()]


def test_a_line_says_who_did_what_to_whom() -> None:
    """Time, phase, who, operation, target, decision, status, milliseconds, error; lines stand under each other."""
    assert display.shown(LINE) == (
        "2026-11-21T09:17:05.123Z  outcome   admin@example.com         AdminAddUserToGroup        "
        "alice, group premium        allowed by admin          400     12.3 ms  UserNotFoundException"
    )
    assert display.shown(LINE | {"operation": "ListUsers"}).index("400") == display.shown(LINE).index("400")


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"caller": {"username": None, "sub": "sub-1"}}, "sub-1"),
        ({"caller": {"username": None, "sub": None, "client_id": "client-1"}}, "client-1"),
        ({"caller": {"username": None, "sub": None, "client_id": None, "ip": "203.0.113.7"}}, "(203.0.113.7)"),
        ({"target": {"username": None, "group": "premium"}}, "group premium"),
        ({"target": {"username": None, "sub": "sub-2"}}, "sub-2"),
        ({"decision": {"allowed": False, "role": None, "reason": "no-token"}}, "denied: no-token"),
        ({"decision": {"allowed": False}}, "denied"),
        ({"decision": {"allowed": True}}, "allowed"),
        ({"dry_run": True}, "allowed by admin (dry run)"),
        ({"operation": "x" * 300}, "x" * 300),
    ],
)
def test_what_is_known_is_shown(changes: dict[str, object], word: str) -> None:
    """The best name of a caller, a group without a user, why something was denied; a long name is not cut."""
    assert word in words(**changes)


def test_nothing_is_a_dash() -> None:
    """A stranger's refusal has empty columns, not words that look like names."""
    nothing = dict.fromkeys(("caller", "operation", "target", "status", "error", "duration_ms"))
    assert words(**nothing)[2:] == ["-", "-", "-", "allowed by admin", "-", "-"]


def test_colours_mark_what_was_denied_or_failed() -> None:
    """Only where they are asked for, and without moving a column."""
    assert "\033" not in display.shown(LINE)
    assert "\033[33m400 \033[0m" in display.shown(LINE, colours=True)
    denied = display.shown(LINE | {"decision": {"allowed": False}, "status": 200}, colours=True)
    assert denied.count("\033[31mdenied") == 1
    assert "\033[33m" not in denied


@given(
    value=st.one_of(st.text(), st.dictionaries(st.text(), st.text()), st.lists(st.integers()), st.floats(), st.none())
)
def test_whatever_a_file_holds_is_one_line_of_ascii(value: object) -> None:
    """A name, or a forged line, neither ends the line nor reaches the terminal's controls (R-18)."""
    for found in (dict.fromkeys(LINE, value), LINE | {"target": {"username": value, "group": value}}):
        text = display.shown(json.loads(json.dumps(found)))
        assert text.isascii()
        assert text.isprintable()
    text = display.foreign(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    assert text.isascii()
    assert text.isprintable()


def test_what_is_no_line_of_the_audit_is_marked() -> None:
    """It is shown, cut, as what it is."""
    assert display.foreign(b"INFO:\x1b[2J started\xff\n") == "? INFO:\\u001b[2J started\\ufffd"
    assert display.foreign(b"x" * 500) == "? " + "x" * 200 + "..."
