"""`gateway audit verify|tail|search`: is the audit what was written, what happens now, who did what."""

import argparse
import json
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any

from gateway.audit import Head, Report, Verification, head_in
from gateway.cli import audit_lines
from gateway.cli.audit_lines import add_files, fail, files, printable
from gateway.runtimes.audit_reading import STANDARD_INPUT, Lines, ReadingError

_QUIET_SECONDS = 1.0  # what is done by then shows no progress
_STEP_LINES = 20_000


def add(commands: Any) -> None:  # noqa: ANN401 - argparse's sub-parsers have no public type
    """Declare the command."""
    parser = commands.add_parser("audit", help="verify, follow or search the audit", description="Look at the audit.")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    _add_verify(actions)
    audit_lines.add(actions)


def _add_verify(actions: Any) -> None:  # noqa: ANN401
    parser = actions.add_parser(
        "verify",
        help="find changed, missing, moved and repeated lines",
        description="Check every line against the one before it. Rotated files may come in any order. Exit 0: the "
        "lines are those that were written, up to the head that each chain ends with; 1: they are not, or there is "
        "none; 2: a file cannot be read. Lines that were cut off the end show only against a head that was noted "
        "elsewhere: give it with --head.",
        epilog="example: gateway audit verify audit.jsonl* --head 5f3a9c0b1d2e4f60:120:9f86d081884c7d65...",
    )
    add_files(parser)
    parser.add_argument(
        "--head",
        action="append",
        default=[],
        type=_head,
        metavar="CHAIN:SEQ:SHA256",
        help="a head that the log, readiness or an earlier verification showed: the chain must pass through it "
        "(more than once: each)",
    )
    parser.add_argument("--from-start", action="store_true", help="each chain must begin with its first line, seq 0")
    parser.add_argument(
        "--repeats", action="store_true", help="the very copy of a line is no finding: a collector may get one twice"
    )
    parser.add_argument("--json", action="store_true", help="answer as JSON, for programs")
    parser.set_defaults(run=_verify)


def _verify(arguments: argparse.Namespace) -> int:
    verification = Verification(heads=arguments.head, from_start=arguments.from_start, repeats=arguments.repeats)
    try:
        paths = files(arguments.files)
        _read_all(verification, paths)
    except argparse.ArgumentTypeError as error:
        return fail("verify", str(error), 2)
    except ReadingError as error:
        return fail("verify", str(error), 2)
    report = verification.finish()
    if arguments.json:
        print(json.dumps(_document(report), indent=2))
    else:
        for line in _sentences(report):
            print(printable(line))
    return 0 if report.verified else 1


def _read_all(verification: Verification, paths: Iterable[str]) -> None:
    """Read each file once, whatever names it has."""
    seen: set[tuple[int, int]] = set()
    for path in paths:
        with Lines(path) as lines:
            if lines.identity not in seen:
                verification.read("standard input" if path == STANDARD_INPUT else path, _watched(path, lines))
            seen.add(lines.identity)


def _watched(path: str, lines: Lines) -> Iterator[bytes]:
    """The lines, and on a terminal how far they are once that takes a while."""
    if not sys.stderr.isatty():
        yield from lines
        return
    started = time.monotonic()
    told = False
    for number, line in enumerate(lines, 1):
        if number % _STEP_LINES == 0 and time.monotonic() - started > _QUIET_SECONDS:
            part = f"{100 * lines.done_bytes // lines.size_bytes} %" if lines.size_bytes else ""
            sys.stderr.write(f"\r\033[K{printable(path)}: {number} lines {part}")
            sys.stderr.flush()
            told = True
        yield line
    if told:
        sys.stderr.write("\r\033[K")


def _sentences(report: Report) -> Iterator[str]:
    yield from map(str, report.findings)
    if report.left_off:
        yield f"and {report.left_off} more findings"
    yield from map(str, report.chains)
    if not report.chains:
        yield "no line of an audit"


def _document(report: Report) -> dict[str, Any]:
    return {
        "verified": report.verified,
        "findings": [
            {
                "kind": found.kind,
                "broken": found.broken,
                "file": found.source,
                "line": found.line,
                "chain": found.chain,
                "seq": found.seq,
                "text": found.text,
            }
            for found in report.findings
        ],
        "findings_left_off": report.left_off,
        "chains": [
            {
                "chain": chain.head.chain,
                "first_seq": chain.first_seq,
                "lines": chain.lines,
                "unbroken": chain.whole,
                "head": str(chain.head),
            }
            for chain in report.chains
        ],
    }


def _head(text: str) -> Head:
    try:
        return head_in(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!a} is no head: CHAIN:SEQ:SHA256, as the log shows it") from None
