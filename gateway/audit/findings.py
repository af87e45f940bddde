"""What a verification has to say: one finding a line of output, one line a chain.

Duty: the records and their wording for people. Prohibition: nothing is judged here; no I/O, no terminal's control codes
are added, and none are taken away: who prints does that.
"""

from dataclasses import dataclass
from typing import Literal

from gateway.audit.line import Head

Kind = Literal[
    "changed",  # a line is not the one that the next line names, or its number is not the one that is due
    "missing",  # lines are not there
    "moved",  # a line is there, but not in its place
    "repeated",  # the very same line again
    "twice",  # another line with a number that a line has already
    "foreign",  # not a line of the audit
    "cut",  # the chain ends before a head that was noted
    "head",  # the chain does not pass through a head that was noted
    "late",  # the chain does not begin with its first line, which was asked for
    "half",  # note: what a crash left of a line that was never accepted
    "open",  # note: an intent without outcome
    "unasked",  # note: an outcome without intent
]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know about the audit. `broken`: the lines are not those that were written; else it is a note.

    `line` is the line's number in `source`, from 1, as far as one line can be named.
    """

    kind: Kind
    text: str
    source: str
    line: int | None = None
    chain: str | None = None
    seq: int | None = None
    broken: bool = True

    def __str__(self) -> str:
        """As one line for people."""
        where = self.source if self.line is None else f"{self.source}:{self.line}"
        chain = "" if self.chain is None else f" chain {self.chain}"
        seq = "" if self.seq is None else f" seq {self.seq}"
        which = f"{chain}{seq}:" if chain or seq else ""
        return f"{where}:{which} {self.kind if self.broken else 'note'}: {self.text}"


@dataclass(frozen=True, slots=True)
class Chain:
    """One chain over all files: `lines` of it from number `first_seq` on, and where it stands after the last."""

    first_seq: int
    lines: int
    head: Head
    source: str
    line: int  # where its first line is
    whole: bool  # no finding but notes

    def __str__(self) -> str:
        """As one line for people, with the head to note down."""
        numbers = f"seq {self.first_seq} to {self.head.seq - 1}"
        held = "unbroken" if self.whole else "BROKEN"
        start = "" if not self.first_seq else f" from {self.source}:{self.line} on, what was before is not here"
        count = f"{self.lines} line{'s' * (self.lines != 1)}"
        return f"chain {self.head.chain}: {count}, {numbers}, {held}{start}; head {self.head}"


@dataclass(frozen=True, slots=True)
class Report:
    """All findings, as far as they were kept, and all chains. `left_off` counts the findings beyond those."""

    findings: tuple[Finding, ...]
    chains: tuple[Chain, ...]
    left_off: int
    verified: bool
