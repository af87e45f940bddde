"""What a line of the audit says, in which order, and how it is told from other lines.

Duty: render an `Entry` as one line of ASCII JSON, whatever a caller put into a name: no terminal, editor or collector
sees a second line in it. Read a line back far enough to go on after it.
Prohibition: no clock, no secret: an `Entry` has no member that could hold one.
Source: docs/audit.md; RFC 8259 (JSON), RFC 3339 (`time`), FIPS 180-4 (SHA-256).
"""

import hashlib
import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from json.encoder import encode_basestring_ascii  # C where there is C; the pure form says the same
from typing import Any, Literal, NewType

GENESIS = "0" * 64
"""`previous` of a chain's first line."""
MAX_NAME_CHARACTERS = 256
"""Cognito's own names end at 128; what is longer is a caller's nonsense, cut with a mark that says how long it was."""
MAX_GROUPS_BYTES = 4096
"""The groups of one caller, as rendered. With the names' limit it keeps a line below the 64 KiB that a pipe holds."""

Phase = Literal["decision", "intent", "outcome"]
CallerFragment = NewType("CallerFragment", str)
"""Members of `caller` as JSON text, made by `caller_fragment` only: it goes into the line as it is."""

_PHASES = frozenset({"decision", "intent", "outcome"})
_DIGEST = re.compile(r"[0-9a-f]{64}")
_HEAD = re.compile(r"(.+):([0-9]{1,18}):([0-9a-f]{64})")
_BEGINNING = b'{"time":"'


@dataclass(slots=True)  # made for every call: freezing would double the cost
class Target:
    """Whom or what a call acts on, as far as it is known: the names only."""

    username: str | None = None
    sub: str | None = None
    group: str | None = None


@dataclass(slots=True, kw_only=True)  # made for every call: freezing would double the cost
class Entry:
    """What one line says, the chain apart. Names, numbers and slugs; nothing of a body, a header or a token."""

    id: str  # the gateway's request id: intent and outcome of one call share it
    phase: Phase
    caller: CallerFragment
    ip: str | None
    operation: str | None
    target: Target | None
    allowed: bool
    role: str | None
    reason: str | None  # a slug, never told to the caller
    status: int | None = None  # HTTP
    error: str | None = None  # the error's type, never its text
    duration_ms: float | None = None
    upstream_request_id: str | None = None
    guard_calls: tuple[str, ...] = ()  # the guards' own reads, by operation
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain stands: its next line is number `seq` and names `previous`; so far it has `seq` lines."""

    chain: str
    seq: int = 0
    previous: str = GENESIS

    def __str__(self) -> str:
        """As the log and `gateway audit verify` write it and `head_in` reads it: `chain:seq:previous`."""
        return f"{self.chain}:{self.seq}:{self.previous}"


def head_in(text: str) -> Head:
    """Return the head that `text` names, in the form of `Head.__str__`.

    Raises:
        ValueError: `text` is not of that form.

    """
    found = _HEAD.fullmatch(text)
    if found is None:
        raise ValueError("not a head: CHAIN:SEQ:SHA256")
    return Head(found[1], int(found[2]), found[3])


def caller_fragment(
    sub: str | None, username: str | None, groups: Iterable[str], client_id: str | None
) -> CallerFragment:
    """Render a caller once, to be used for all its lines; for a stranger give `None, None, (), None`."""
    shown: list[str] = []
    left = 0
    room = MAX_GROUPS_BYTES
    for group in groups:
        text = _text(group)
        room -= len(text) + 1
        if room < 0:
            left += 1
        else:
            shown.append(text)
    if left:
        shown.append(_text(f"...[{left} more]"))
    return CallerFragment(
        f'"sub":{_text(sub)},"username":{_text(username)},"groups":[{",".join(shown)}],"client_id":{_text(client_id)}'
    )


def render(entry: Entry, *, seconds: float, chain: str, seq: int, previous: str) -> str:
    """One line without its newline, in ASCII; `seconds` since the epoch become RFC 3339 in UTC with milliseconds.

    The members stand in the contract's order; `guard_calls` and `dry_run` are there only when they say something. The
    text is put together by hand because every call pays for it: `json.dumps` of the same members takes twice as long.
    """
    status, duration_ms = entry.status, entry.duration_ms
    known = duration_ms is not None and math.isfinite(duration_ms)  # JSON has no NaN
    return (
        f'{{"time":"{rfc3339(seconds)}","id":{_text(entry.id)},"chain":{_text(chain)},"seq":{seq}'
        f',"phase":{_text(entry.phase)},"caller":{{{entry.caller},"ip":{_text(entry.ip)}}}'
        f',"operation":{_text(entry.operation)},"target":{_target(entry.target)}'
        f',"decision":{{"allowed":{"true" if entry.allowed else "false"},"role":{_text(entry.role)}'
        f',"reason":{_text(entry.reason)}}}'
        f',"status":{"null" if status is None else f"{status:d}"},"error":{_text(entry.error)}'
        f',"duration_ms":{f"{duration_ms:.3f}" if known else "null"}'
        f',"upstream_request_id":{_text(entry.upstream_request_id)}{_rest(entry)},"previous":"{previous}"}}'
    )


def members(line: bytes) -> dict[str, Any]:
    """Return the members of an audit line (without its newline); `chain`, `seq`, `phase`, `previous` are sound.

    Raises:
        ValueError: `line` is not an audit line. One that is has printable ASCII only.

    """
    try:
        text = line.decode("ascii")
        found: Any = json.loads(text) if text.isprintable() else None
    except (ValueError, RecursionError) as error:
        raise ValueError("not an audit line") from error
    match found:
        case {"chain": str(), "seq": int(seq), "phase": str(phase), "previous": str(previous)} if (
            not isinstance(seq, bool) and seq >= 0 and phase in _PHASES and _DIGEST.fullmatch(previous)
        ):
            sound: dict[str, Any] = found
            return sound
    raise ValueError("not an audit line")


def head_after(line: bytes) -> Head:
    """Where a chain stands after `line` (without its newline).

    Raises:
        ValueError: `line` is not an audit line.

    """
    found = members(line)
    return Head(found["chain"], found["seq"] + 1, hashlib.sha256(line).hexdigest())


def looks_begun(half: bytes) -> bool:
    """Tell whether `half` may be what is left of a line after a crash."""
    return half.startswith(_BEGINNING[: len(half)])


def whole_line_in(glued: bytes) -> bytes:
    """Return the audit line at the end of half a line that never got its newline, or nothing.

    No name can pretend to be one: a quotation mark inside a name is escaped.
    """
    at = glued.rfind(_BEGINNING)
    try:
        members(glued[at:])
    except ValueError:
        return b""
    return glued[at:]


@lru_cache(maxsize=4)
def _whole_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def rfc3339(seconds: float) -> str:
    """A moment as the lines have it: UTC with milliseconds, cut and not rounded. `seconds` are since the epoch."""
    whole, milliseconds = divmod(int(seconds * 1000), 1000)
    return f"{_whole_second(whole)}.{milliseconds:03d}Z"


def _text(value: str | None) -> str:
    """A JSON string or null."""
    if value is None:
        return "null"
    if len(value) > MAX_NAME_CHARACTERS:
        value = f"{value[:MAX_NAME_CHARACTERS]}...[cut from {len(value)} characters]"
    return encode_basestring_ascii(value)


def _target(target: Target | None) -> str:
    if target is None:
        return '{"username":null}'
    sub = "" if target.sub is None else f',"sub":{_text(target.sub)}'
    group = "" if target.group is None else f',"group":{_text(target.group)}'
    return f'{{"username":{_text(target.username)}{sub}{group}}}'


def _rest(entry: Entry) -> str:
    """The members that are there only when they say something."""
    guard_calls = f',"guard_calls":[{",".join(map(_text, entry.guard_calls))}]' if entry.guard_calls else ""
    return f'{guard_calls},"dry_run":true' if entry.dry_run else guard_calls
