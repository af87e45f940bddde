"""The lines of one chain that stand in one file, judged one after the other.

Duty: tell the line that is changed, missing, moved or there again from those around it, so that one change makes a
finding or two and not one for each line after it.
Prohibition: no I/O; memory does not grow with the file.
Source: docs/audit.md.
"""

from dataclasses import dataclass

from gateway.audit.findings import Finding, Kind
from gateway.audit.line import GENESIS, Head

MAX_GAPS = 100
"""Gaps that are kept open, for lines that may come later; the oldest beyond them is reported as it is."""
MAX_STRAYS = 1_000
"""Lines out of place that are remembered, so that their places are not called missing."""


@dataclass(frozen=True, slots=True)
class Link:
    """A line as the chain sees it: its number, whom it names, and its own SHA-256."""

    seq: int
    previous: str
    digest: str


@dataclass(slots=True)
class _Gap:
    """The numbers from `start` to before `stop` were not seen before line `line`."""

    start: int
    stop: int
    line: int


@dataclass(frozen=True, slots=True)
class _Jump:
    """A line that came too early, as long as none has followed it: it may be the one that is out of place.

    `before` is where the chain stood before it, None for a file's first line.
    """

    link: Link
    line: int
    before: Head | None
    before_line: int


class Stretch:
    """One chain in one file. `first` is where it stands before its first line, `head` after its last."""

    __slots__ = ("_gaps", "_jump", "_strays", "first", "first_line", "head", "last_line", "lines", "source")

    def __init__(self, source: str, chain: str, first: Link, line: int) -> None:
        """Begin with the line that is `first` in the file; `take` it next."""
        self.source = source
        self.first = self.head = Head(chain, first.seq, first.previous)
        self.first_line = self.last_line = line
        self.lines = 0
        self._gaps: list[_Gap] = []
        self._strays: dict[int, str] = {}
        self._jump: _Jump | None = _Jump(first, line, None, line)

    def take(self, link: Link, line: int) -> list[Finding] | None:
        """Judge the next line of the chain; None: its number was passed before, it is there again or far too late."""
        head = self.head
        if link.seq == head.seq:
            found = []
            if not self.lines and not link.seq and link.previous != GENESIS:
                found = [self._found("changed", "a chain's first line names no other, and this one does", line, 0)]
            elif link.previous != head.previous:
                text = f"line {line} names another line than this one: this line or its successor was changed"
                found = [self._found("changed", text, self.last_line, head.seq - 1)]
            if self.lines:
                self._jump = None
            self._advance(link.seq, link.digest, line)
            return found
        if link.previous == head.previous:
            text = f"it has number {link.seq} and follows number {head.seq - 1}: its number was changed"
            self._advance(head.seq, link.digest, line)
            return [self._found("changed", text, line, head.seq)]
        if link.seq > head.seq:
            return self._ahead(link, line)
        return self._behind(link, line)

    def finish(self) -> list[Finding]:
        """Report the gaps that nothing has filled."""
        found = [self._missing(gap) for gap in self._gaps]
        self._gaps = []
        return found

    def _ahead(self, link: Link, line: int) -> list[Finding]:
        """Leave a gap behind, without the numbers that were seen too early."""
        head = self.head
        found: list[Finding] = []
        start = head.seq
        for seq in sorted(seq for seq in self._strays if head.seq <= seq < link.seq):
            if seq > start:
                self._gaps.append(_Gap(start, seq, line))
            start = seq + 1
        if start < link.seq:
            self._gaps.append(_Gap(start, link.seq, line))
        elif self._strays[link.seq - 1] != link.previous:
            text = f"line {line} names another line than the one with this number: one of the two was changed"
            found.append(self._found("changed", text, self.last_line, link.seq - 1))
        while len(self._gaps) > MAX_GAPS:
            found.append(self._missing(self._gaps.pop(0)))
        self._strays = {seq: digest for seq, digest in self._strays.items() if seq > link.seq}
        self._jump = _Jump(link, line, head, self.last_line)
        self._advance(link.seq, link.digest, line)
        return found

    def _behind(self, link: Link, line: int) -> list[Finding] | None:
        jump = self._jump
        if jump is not None and (jump.before.seq if jump.before else 0) <= link.seq < jump.link.seq:
            # Nothing has followed the line that came too early, and this one belongs before it: that one was moved.
            if jump.before is None:
                self.first, self.first_line = Head(self.head.chain, link.seq, link.previous), line
            self.head, self.last_line, self._jump = jump.before or self.first, jump.before_line, None
            self._gaps = [gap for gap in self._gaps if gap.stop <= self.head.seq]
            self._stray(jump.link)
            moved = self._found("moved", f"it stands before number {link.seq}", jump.line, jump.link.seq)
            return [moved, *(self.take(link, line) or [])]
        for index, gap in enumerate(self._gaps):
            if gap.start <= link.seq < gap.stop:
                parts = (_Gap(gap.start, link.seq, gap.line), _Gap(link.seq + 1, gap.stop, gap.line))
                self._gaps[index : index + 1] = [part for part in parts if part.start < part.stop]
                self._stray(link)
                self.lines += 1
                return [self._found("moved", f"it stands after number {self.head.seq - 1}", line, link.seq)]
        return None

    def _stray(self, link: Link) -> None:
        if len(self._strays) < MAX_STRAYS:
            self._strays[link.seq] = link.digest

    def _advance(self, seq: int, digest: str, line: int) -> None:
        self.head = Head(self.head.chain, seq + 1, digest)
        self.last_line = line
        self.lines += 1

    def _missing(self, gap: _Gap) -> Finding:
        return self._found("missing", f"{numbers(gap.start, gap.stop)} not here, before this line", gap.line, gap.start)

    def _found(self, kind: Kind, text: str, line: int, seq: int) -> Finding:
        return Finding(kind, text, self.source, line, self.head.chain, seq)


def numbers(start: int, stop: int) -> str:
    """The numbers from `start` to before `stop` in words, as the subject of what is said of them."""
    return f"number {start} is" if stop - start == 1 else f"numbers {start} to {stop - 1} are"
