"""Is the audit what was written? Each changed, missing, moved and repeated line of any number of files and chains.

Duty: check every line against the one before it, the chains across files in whatever order these come, and the heads
that were noted elsewhere.
Prohibition: no I/O, no clock; a file of any size is read once and not kept.
Source: docs/audit.md, docs/decisions/0004-audit.md; FIPS 180-4 (SHA-256).
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from gateway.audit.findings import Chain, Finding, Report
from gateway.audit.line import Head, looks_begun, members, whole_line_in
from gateway.audit.stretch import Link, Stretch, numbers

MAX_FINDINGS = 10_000
"""Findings that are kept; further ones are counted."""
RECENT_LINES = 20_000
"""How many lines are remembered by number and hash, to tell a line's copy from another line with its number."""
MAX_OPEN = 100_000
"""Intents that may wait for their outcome; beyond them the oldest is reported as having none."""

NOTED = "noted head"
"""The source of findings about a head that was noted elsewhere."""

_Place = tuple[str, int, int]  # source, line, seq
_LAST = re.compile(rb',"previous":"[0-9a-f]{64}"')  # a line's last member; inside a name the quotes are escaped
_NAMED = re.compile(rb'{"time":"[^"]*","id":"(?:[^"\\]|\\.)*","chain":"([^"\\]*)","seq":([0-9]{1,18}),')


def verify(lines: Iterable[bytes], source: str = "audit", *, heads: Iterable[Head] = ()) -> Report:
    """Verify one file's lines, each with its newline; see `Verification`."""
    verification = Verification(heads=heads)
    verification.read(source, lines)
    return verification.finish()


class Verification:
    """Reads files one after the other, in any order, then says what it found."""

    def __init__(self, *, heads: Iterable[Head] = (), from_start: bool = False, repeats: bool = False) -> None:
        """`heads` are what chains must pass through: noted from the log, from readiness or from a verification before.

        With `from_start` each chain must begin with its first line. With `repeats` a line's very copy is no finding but
        a note: a collector may get a batch twice.
        """
        self._noted: dict[str, list[Head]] = {}
        for head in heads:
            self._noted.setdefault(head.chain, []).append(head)
        self._from_start = from_start
        self._repeats = repeats
        self._findings: list[Finding] = []
        self._left_off = 0
        self._broken: Counter[str | None] = Counter()
        self._stretches: dict[str, list[Stretch]] = {}
        self._recent: dict[tuple[str, int], tuple[str, str, int]] = {}
        self._before_recent: dict[tuple[str, int], tuple[str, str, int]] = {}
        self._intents: dict[tuple[str, str], _Place] = {}
        self._outcomes: dict[tuple[str, str], _Place] = {}
        self._torn: list[tuple[str, int, tuple[str, int] | None]] = []  # source, line; chain and seq if it has them
        self._ends: dict[str, int] = {}  # source, its last whole line

    def read(self, source: str, lines: Iterable[bytes]) -> None:
        """Read one file. Each line ends in a newline, but for the last if a crash left half of it."""
        stretches: dict[str, Stretch] = {}
        last = 0
        for number, whole in enumerate(lines, 1):
            if not whole.endswith(b"\n"):
                self._half(source, number, whole)
                continue
            line = whole[:-1]
            try:
                found = members(line)
            except ValueError:
                line = self._whole_after_half(source, number, line)
                if not line:
                    continue
                found = members(line)
            last = number
            link = Link(found["seq"], found["previous"], hashlib.sha256(line).hexdigest())
            chain = found["chain"]
            stretch = stretches.get(chain)
            if stretch is None:
                stretch = stretches[chain] = Stretch(source, chain, link, number)
                self._compare(chain, stretch.first)
            self._take(stretch, link, number, found)
        self._ends[source] = last
        for chain, stretch in stretches.items():
            self._tell(*stretch.finish())
            self._stretches.setdefault(chain, []).append(stretch)

    def finish(self) -> Report:
        """Join the files' parts of each chain and say all that was found; without a line nothing is verified."""
        self._tell_torn()
        self._tell_empty()
        ends = {chain: self._joined(stretches) for chain, stretches in self._stretches.items()}
        for chain in self._noted:
            self._tell_missed(chain, ends.get(chain))
        self._tell_pairs()
        chains = tuple(
            Chain(
                first.first.seq,
                sum(stretch.lines for stretch in self._stretches[chain]),
                last.head,
                first.source,
                first.first_line,
                whole=not self._broken[chain],
            )
            for chain, (first, last) in ends.items()
        )
        return Report(tuple(self._findings), chains, self._left_off, verified=bool(chains) and not self._broken.total())

    def _take(self, stretch: Stretch, link: Link, number: int, found: dict[str, Any]) -> None:
        chain = stretch.head.chain
        judged = stretch.take(link, number)
        key = (chain, link.seq)
        if judged is None:
            self._tell(self._again(stretch, link, number))
            return
        self._tell(*judged)
        if len(self._recent) >= RECENT_LINES:
            self._before_recent, self._recent = self._recent, {}
        self._recent[key] = (link.digest, stretch.source, number)
        if chain in self._noted:
            self._compare(chain, stretch.head)
        phase = found["phase"]
        if phase != "decision":
            self._pair((chain, str(found.get("id"))), (stretch.source, number, link.seq), intent=phase == "intent")

    def _again(self, stretch: Stretch, link: Link, number: int) -> Finding:
        """A line whose number was passed before."""
        source, chain, seq = stretch.source, stretch.head.chain, link.seq
        known = self._recent.get((chain, seq)) or self._before_recent.get((chain, seq))
        if known is None:
            return Finding("moved", f"it stands after number {stretch.head.seq - 1}", source, number, chain, seq)
        digest, first_source, first_line = known
        where = f"line {first_line}" if first_source == source else f"{first_source}:{first_line}"
        if digest == link.digest:
            return Finding("repeated", f"a copy of {where}", source, number, chain, seq, broken=not self._repeats)
        return Finding("twice", f"{where} has the same number and says something else", source, number, chain, seq)

    def _compare(self, chain: str, stands: Head) -> None:
        for head in self._noted.get(chain, ()):
            if head.seq == stands.seq and head.previous != stands.previous:
                text = (
                    f"the head {head} was noted, and the line before it is another: it, or all before it, was changed"
                )
                self._tell(Finding("head", text, NOTED, None, chain))

    def _joined(self, stretches: list[Stretch]) -> tuple[Stretch, Stretch]:
        """Check one chain across files; return the stretches that it begins and ends with."""
        first, *others = sorted(stretches, key=lambda stretch: (stretch.first.seq, stretch.head.seq))
        last, chain = first, first.head.chain
        if self._from_start and first.first.seq:
            text = f"its first line here has number {first.first.seq}: {numbers(0, first.first.seq)} not here"
            self._tell(Finding("late", text, first.source, first.first_line, chain, first.first.seq))
        for stretch in others:
            start, end = stretch.first, last.head
            if start.seq == end.seq and start.previous != end.previous:
                text = f"{stretch.source}:{stretch.first_line} names another line: this one or that one was changed"
                self._tell(Finding("changed", text, last.source, last.last_line, chain, end.seq - 1))
            elif start.seq > end.seq:
                text = f"{numbers(end.seq, start.seq)} not here, between {last.source} and this file"
                self._tell(Finding("missing", text, stretch.source, stretch.first_line, chain, end.seq))
            elif stretch.head == end:  # the same end has the same lines before it
                text = f"the lines from here to number {end.seq - 1} stand in {last.source} too"
                self._tell(
                    Finding("repeated", text, stretch.source, stretch.first_line, chain, start.seq, broken=False)
                )
            elif start.seq < end.seq:
                text = f"the lines from here to number {min(end.seq, stretch.head.seq) - 1} stand in {last.source} too"
                self._tell(Finding("twice", text, stretch.source, stretch.first_line, chain, start.seq))
            if stretch.head.seq > end.seq:
                last = stretch
        return first, last

    def _tell_missed(self, chain: str, ends: tuple[Stretch, Stretch] | None) -> None:
        """Report the noted heads that no line came to."""
        for head in self._noted[chain]:
            if ends is None:
                self._tell(Finding("cut", f"no line of the chain whose head {head} was noted", NOTED, None, chain))
                continue
            first, last = ends
            if head.seq < first.first.seq:
                text = f"the head {head} cannot be compared: the chain begins here with number {first.first.seq}"
                self._tell(Finding("late", text, first.source, first.first_line, chain, first.first.seq))
            elif head.seq > last.head.seq:
                text = f"its head was {head}: {numbers(last.head.seq, head.seq)} not here, after this line"
                self._tell(Finding("cut", text, last.source, last.last_line, chain, last.head.seq))

    def _pair(self, key: tuple[str, str], place: _Place, *, intent: bool) -> None:
        """Keep an intent until its outcome, or, with files in another order, an outcome until its intent."""
        ours, theirs = (self._intents, self._outcomes) if intent else (self._outcomes, self._intents)
        if theirs.pop(key, None) is not None:
            return
        if len(ours) >= MAX_OPEN:
            oldest = next(iter(ours))
            self._tell_open(oldest, ours.pop(oldest), intent=intent)
        ours[key] = place

    def _tell_pairs(self) -> None:
        for key, place in self._intents.items():
            self._tell_open(key, place, intent=True)
        for key, place in self._outcomes.items():
            if min(stretch.first.seq for stretch in self._stretches[key[0]]) == 0:
                self._tell_open(key, place, intent=False)

    def _tell_open(self, key: tuple[str, str], place: _Place, *, intent: bool) -> None:
        chain, id_ = key
        source, line, seq = place
        text = f"the outcome of request {id_} has no intent"
        if intent:
            text = (
                f"the intent of request {id_} has no outcome: a crash, or under way; whether it was done is not known"
            )
        self._tell(Finding("open" if intent else "unasked", text, source, line, chain, seq, broken=False))

    def _half(self, source: str, number: int, piece: bytes) -> None:
        """The end of a file without a newline."""
        if _may_be_half(piece.rstrip(b"\0")):  # a power failure leaves zeros
            text = f"half a line ends the file ({len(piece)} bytes), as a crash leaves it; it was never accepted"
            self._tell(Finding("half", text, source, number, broken=False))
        else:
            self._tell(Finding("foreign", "not a line of the audit, and no newline after it", source, number))

    def _whole_after_half(self, source: str, number: int, line: bytes) -> bytes:
        """What follows half a line that never got its newline, or nothing."""
        if not line or not looks_begun(line):
            self._tell(Finding("foreign", "not a line of the audit", source, number))
            return b""
        whole = whole_line_in(line)
        half = line.removesuffix(whole)
        if not _may_be_half(half) or len(self._torn) >= MAX_FINDINGS:
            text = "it begins as a line of the audit does and cannot be read"
            self._tell(Finding("changed", text, source, number))
        elif whole:
            text = "half a line, as a crash leaves it: never accepted, unless a line is missing here"
            self._tell(Finding("half", text, source, number, broken=False))
        else:
            named = _NAMED.match(half)
            self._torn.append((source, number, (named[1].decode(), int(named[2])) if named else None))
        return whole

    def _tell_torn(self) -> None:
        """Half a line with a newline: a full pipe leaves it, and the line itself is written again after it."""
        for source, number, named in self._torn:
            if named is None:
                again = number < self._ends[source]
            else:
                again = any(one.first.seq <= named[1] < one.head.seq for one in self._stretches.get(named[0], ()))
            text = "half a line, as a full pipe leaves it: never accepted, unless a line is missing here"
            if not again:
                text = (
                    "half a line with a newline, and no line in its place: it was cut, or what followed it is not here"
                )
            self._tell(Finding("half" if again else "changed", text, source, number, broken=not again))

    def _tell_empty(self) -> None:
        """A file without a line may be a new one among others; who has nothing else has no audit."""
        for source, last in self._ends.items() if self._stretches else ():
            if not last:
                self._tell(Finding("foreign", "no line of an audit", source, broken=False))

    def _tell(self, *found: Finding) -> None:
        for finding in found:
            self._broken[finding.chain] += finding.broken
            if len(self._findings) < MAX_FINDINGS:
                self._findings.append(finding)
            else:
                self._left_off += 1


def _may_be_half(piece: bytes) -> bool:
    """Tell whether `piece` may be a line's beginning, or all of it but the newline: what follows its end is no crash's.

    A line is printable ASCII throughout.
    """
    if not looks_begun(piece) or not piece.isascii() or not piece.decode("ascii").isprintable():
        return False
    last = _LAST.search(piece)
    if last is None or last.end() == len(piece):
        return True
    try:
        members(piece)
    except ValueError:
        return False
    return True
