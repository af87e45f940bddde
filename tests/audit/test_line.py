"""The audit's line: its members, their order, and that no name can break out of it."""

import dataclasses
import hashlib
import json
import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audit import GENESIS, Entry, Head, Target, caller_fragment, head_after, looks_begun, render
from tests.audit.oracle import ENTRY

SECONDS = 1795252625.123
HOSTILE = [
    "\r\nforged",
    "\x1b[2J\x1b[31m",
    "\u2028\u2029\x85",
    "\ud800 lone",
    "\udc00\ud83d",
    "a\x00b",
    '"}],"seq":99,\\',
    "\x7f\x9b",
    "\u202eleft",
    "\ufeff",
    "",
]
# lone surrogates too; two that make a pair are one character to JSON, and to us
any_text = st.text(st.characters()).map(
    lambda text: text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
)


def line(entry: Entry, *, seconds: float = SECONDS) -> str:
    """Render `entry` as the first line of a chain."""
    return render(entry, seconds=seconds, chain="chain-1", seq=0, previous=GENESIS)


def one_line_of_ascii(text: str) -> bool:
    """Tell whether no terminal and no collector can see anything else than one line in `text`."""
    return re.fullmatch(r"[ -~]+", text) is not None


def test_a_line_has_the_contracts_members_in_the_contracts_order() -> None:
    """An auditor finds the members that the contract names, in that order, and nothing else (R-18)."""
    outcome = dataclasses.replace(
        ENTRY,
        phase="outcome",
        operation="AdminAddUserToGroup",
        target=Target("alice", "sub-2", "premium"),
        status=400,
        error="UserNotFoundException",
        duration_ms=12.3456,
        upstream_request_id="upstream-1",
    )
    expected = {
        "time": "2026-11-21T09:17:05.123Z",
        "id": "request-1",
        "chain": "chain-1",
        "seq": 7,
        "phase": "outcome",
        "caller": {
            "sub": "sub-1",
            "username": "moderator@example.com",
            "groups": ["moderator", "user"],
            "client_id": "client-1",
            "ip": "203.0.113.7",
        },
        "operation": "AdminAddUserToGroup",
        "target": {"username": "alice", "sub": "sub-2", "group": "premium"},
        "decision": {"allowed": True, "role": "moderator", "reason": None},
        "status": 400,
        "error": "UserNotFoundException",
        "duration_ms": 12.346,
        "upstream_request_id": "upstream-1",
        "previous": "ab" * 32,
    }
    rendered = render(outcome, seconds=SECONDS, chain="chain-1", seq=7, previous="ab" * 32)
    assert rendered == json.dumps(expected, separators=(",", ":"))


def test_what_is_not_known_is_null() -> None:
    """A stranger's refusal has the same members, empty: status, duration and upstream id of a read are null."""
    stranger = Entry(
        id="request-1",
        phase="decision",
        caller=caller_fragment(None, None, (), None),
        ip=None,
        operation=None,
        target=None,
        allowed=False,
        role=None,
        reason="no-token",
    )
    found = json.loads(line(stranger))
    assert found["caller"] == {"sub": None, "username": None, "groups": [], "client_id": None, "ip": None}
    assert found["target"] == {"username": None}
    assert found["decision"] == {"allowed": False, "role": None, "reason": "no-token"}
    nulls = ("operation", "status", "error", "duration_ms", "upstream_request_id")
    assert [found[name] for name in nulls] == [None] * 5


def test_guards_reads_and_dry_runs_are_said_only_where_there_were_some() -> None:
    """A line names the guards' own reads, and says that nothing was sent, only where that is so."""
    assert not {"guard_calls", "dry_run"} & json.loads(line(ENTRY)).keys()
    found = json.loads(line(dataclasses.replace(ENTRY, guard_calls=("AdminGetUser", "ListGroups"), dry_run=True)))
    assert found["guard_calls"] == ["AdminGetUser", "ListGroups"]
    assert found["dry_run"] is True


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (Target("alice"), {"username": "alice"}),
        (Target("alice", sub="sub-2"), {"username": "alice", "sub": "sub-2"}),
        (Target(group="premium"), {"username": None, "group": "premium"}),
    ],
)
def test_a_target_has_the_names_that_are_known(target: Target, expected: dict[str, str | None]) -> None:
    """A group's line has no made-up user, a user's line no made-up group."""
    assert json.loads(line(dataclasses.replace(ENTRY, target=target)))["target"] == expected


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_stays_inside_its_member(name: str) -> None:
    """A user who is called a line break, an escape sequence or a piece of JSON forges no line (R-18)."""
    rendered = line(dataclasses.replace(ENTRY, target=Target(name, name, name), ip=name, reason=name))
    assert one_line_of_ascii(rendered)
    assert json.loads(rendered)["target"] == {"username": name, "sub": name, "group": name}


@settings(deadline=None)
@given(name=any_text, groups=st.lists(any_text, max_size=4))
def test_any_name_comes_back_as_it_was(name: str, groups: list[str]) -> None:
    """Whatever a name consists of, the line is one line of ASCII JSON, and the auditor reads the very name (R-18)."""
    caller = caller_fragment(name, name, groups, name)
    rendered = line(
        dataclasses.replace(
            ENTRY, id=name, caller=caller, ip=name, operation=name, role=name, error=name, upstream_request_id=name
        )
    )
    assert one_line_of_ascii(rendered)
    found = json.loads(rendered)
    assert found["caller"] == {"sub": name, "username": name, "groups": groups, "client_id": name, "ip": name}
    assert [found[member] for member in ("id", "operation", "error", "upstream_request_id")] == [name] * 4


def test_a_name_of_ten_thousand_characters_is_cut_and_says_so() -> None:
    """Nobody fills the disk with a name; what is left shows that, and how long the name was."""
    assert json.loads(line(dataclasses.replace(ENTRY, target=Target("x" * 256))))["target"]["username"] == "x" * 256
    cut = json.loads(line(dataclasses.replace(ENTRY, target=Target("x" * 10_000))))["target"]["username"]
    assert cut == "x" * 256 + "...[cut from 10000 characters]"


def test_a_crowd_of_groups_is_cut_and_says_so() -> None:
    """A token full of groups does not make a line endless; how many are not shown is said."""
    groups = [f"group-{number:04d}" for number in range(1_000)]
    shown = json.loads("{" + caller_fragment("sub", None, groups, None) + "}")["groups"]
    assert shown[:-1] == groups[: len(shown) - 1]
    assert shown[-1] == f"...[{1_000 - len(shown) + 1} more]"
    assert 250 < len(shown) < 320


def test_the_longest_line_fits_into_a_pipe() -> None:
    """Whatever names are made up, a line never outgrows what a collector's pipe holds."""
    worst = "\U0001f600" * 300
    entry = Entry(
        id=worst,
        phase="outcome",
        caller=caller_fragment(worst, worst, [worst] * 50, worst),
        ip=worst,
        operation=worst,
        target=Target(worst, worst, worst),
        allowed=False,
        role=worst,
        reason=worst,
        error=worst,
        upstream_request_id=worst,
        guard_calls=("AdminListGroupsForUser",) * 20,
        dry_run=True,
    )
    assert len(line(entry)) < 60_000


@pytest.mark.parametrize("duration", [math.nan, math.inf, -math.inf])
def test_a_duration_that_json_cannot_say_is_null(duration: float) -> None:
    """A broken clock does not make a line that no parser takes."""
    assert json.loads(line(dataclasses.replace(ENTRY, duration_ms=duration)))["duration_ms"] is None


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.0, "1970-01-01T00:00:00.000Z"),
        (1795252625.9996, "2026-11-21T09:17:05.999Z"),  # cut, not rounded: never a moment that has not come yet
        (1795252626.0, "2026-11-21T09:17:06.000Z"),
        (1798761599.5, "2026-12-31T23:59:59.500Z"),
    ],
)
def test_time_is_utc_with_milliseconds(seconds: float, expected: str) -> None:
    """The time of a line reads the same everywhere."""
    assert json.loads(line(ENTRY, seconds=seconds))["time"] == expected


def test_an_entry_has_no_place_for_a_secret() -> None:
    """A new member is a decision: none of them can carry a token, a password, a body or a header (R-01)."""
    names = {field.name for kind in (Entry, Target) for field in dataclasses.fields(kind)}
    assert names == {
        "id", "phase", "caller", "ip", "operation", "target", "allowed", "role", "reason", "status", "error",
        "duration_ms", "upstream_request_id", "guard_calls", "dry_run", "username", "sub", "group",
    }  # fmt: skip
    assert not [name for name in names if re.search("token|pass|secret|key|code|session|body|header|attribute", name)]


def test_a_line_says_where_its_chain_stands() -> None:
    """A restarted gateway knows from the last line alone how the chain goes on."""
    last = render(ENTRY, seconds=SECONDS, chain="chain-1", seq=41, previous="ab" * 32).encode()
    assert head_after(last) == Head("chain-1", 42, hashlib.sha256(last).hexdigest())


GOOD = {"chain": "chain-1", "seq": 0, "phase": "intent", "previous": GENESIS}


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"Nov 21 sshd: started",
        b"[1]",
        b"\xff\xfe",
        b"[" * 100_000,
        json.dumps(GOOD | {"seq": True}).encode(),
        json.dumps(GOOD | {"seq": -1}).encode(),
        json.dumps(GOOD | {"seq": 1.0}).encode(),
        json.dumps(GOOD | {"phase": "later"}).encode(),
        json.dumps(GOOD | {"previous": "0" * 63}).encode(),
        json.dumps(GOOD | {"previous": "0" * 65}).encode(),
        json.dumps(GOOD | {"chain": None}).encode(),
    ],
)
def test_other_lines_are_not_taken_for_the_audits(text: bytes) -> None:
    """A chain never goes on after a line that is not one of its own."""
    assert head_after(json.dumps(GOOD).encode()).seq == 1
    with pytest.raises(ValueError, match="not an audit line"):
        head_after(text)


def test_the_beginning_of_a_first_line_is_known() -> None:
    """What a crash left of the very first line is told from somebody else's file."""
    whole = line(ENTRY).encode()
    assert all(looks_begun(whole[:length]) for length in range(1, 40))
    assert not looks_begun(b"Nov 21")
    assert not looks_begun(b"{}")
