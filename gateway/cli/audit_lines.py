"""`gateway audit tail|search`: lines of the audit, for people.

Prohibition: nothing of a name reaches a terminal but as JSON escapes it.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterable
from typing import Any

from gateway.audit import Query, display, members, query
from gateway.cli.options import once
from gateway.runtimes import container
from gateway.runtimes.audit_reading import (
    STANDARD_INPUT,
    UNFINISHED,
    Growing,
    Lines,
    ReadingError,
    files_of,
    is_packed,
    last_lines,
)

LOOK_SECONDS = 0.25
"""How often `tail -f` looks for new lines."""
_MOST_LINES = 1_000_000


def add(actions: Any) -> None:  # noqa: ANN401 - argparse's sub-parsers have no public type
    """Declare the two actions."""
    _add_tail(actions)
    _add_search(actions)


def add_files(parser: argparse.ArgumentParser) -> None:
    """Declare the files; see `files`."""
    parser.add_argument(
        "files",
        nargs="*",
        metavar="FILE",
        help="plain or gzip, or - for standard input (default: all files of GATEWAY_AUDIT, where it is file:PATH)",
    )


def files(given: list[str]) -> list[str]:
    """The files that were given, or all that GATEWAY_AUDIT has led to: workers' and rotated ones too.

    Of several files that were given, those with lines that were never accepted are left out: `audit.jsonl*` names them.

    Raises:
        ReadingError: there is none.
        argparse.ArgumentTypeError: GATEWAY_AUDIT names no file.

    """
    if given:
        return [path for path in given if not path.endswith(UNFINISHED)] or given
    kind, _, path = (container.environment().get("GATEWAY_AUDIT") or "stdout").partition(":")
    if kind != "file" or not path:
        raise argparse.ArgumentTypeError("give a FILE: GATEWAY_AUDIT is not file:PATH here")
    return files_of(path)


def fail(action: str, text: str, status: int) -> int:
    """Say on standard error why nothing was done."""
    print(f"gateway audit {action}: {printable(text)}", file=sys.stderr)
    return status


def printable(text: str) -> str:
    """A line for the terminal: what could move its cursor or change its colours is escaped."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def _add_tail(actions: Any) -> None:  # noqa: ANN401 - as above
    parser = actions.add_parser(
        "tail",
        help="show the last decisions, and new ones as they come",
        description="Show the last lines of all files together, one a decision: time, phase, who, operation, target, "
        "decision, status, milliseconds.",
        epilog="example: gateway audit tail -f -n 50 audit.jsonl",
    )
    once(parser)
    add_files(parser)
    parser.add_argument("-f", "--follow", action="store_true", help="go on with new lines, through rotations too")
    parser.add_argument("-n", "--lines", type=_count, default=10, metavar="N", help="how many (default: %(default)s)")
    parser.set_defaults(run=_tail)


def _add_search(actions: Any) -> None:  # noqa: ANN401 - as above
    parser = actions.add_parser(
        "search",
        help="find decisions by who, what, whom, why and when",
        description="Show the lines that have all that is asked for. In names * stands for anything and case does "
        "not matter; an option that is given several times takes any of its values.",
        epilog="example: gateway audit search --caller admin@example.com --operation 'Admin*' --since 2h",
    )
    once(parser)
    add_files(parser)
    for option, what in (
        ("caller", "who: username, sub, client id or address"),
        ("operation", "what: the operation's name"),
        ("target", "whom: username, sub or group"),
        ("reason", "why it was denied: the audit's word for it"),
        ("role", "the role that allowed it"),
        ("id", "the request: the answer's x-request-id"),
    ):
        parser.add_argument(f"--{option}", action="append", default=[], type=query.name, metavar="NAME", help=what)
    parser.add_argument("--status", action="append", default=[], type=_status, metavar="N", help="the HTTP status")
    parser.add_argument("--denied", action="store_true", help="only what was not allowed")
    for option, what in (("since", "not before"), ("until", "not after")):
        parser.add_argument(
            f"--{option}",
            type=_moment,
            metavar="WHEN",
            help=f"{what}: 2026-11-21T09:00:00Z, or 15m, 2h, 7d ago",
        )
    parser.add_argument("--json", action="store_true", help="the lines as they are, for programs")
    parser.set_defaults(run=_search)


def _tail(arguments: argparse.Namespace) -> int:
    colours = _colours()
    growing: list[Growing] = []
    try:
        paths = files(arguments.files)
        last: list[bytes] = []
        for path in paths:
            if not arguments.follow or path == STANDARD_INPUT or is_packed(path):
                last += [] if arguments.follow and path == STANDARD_INPUT else last_lines(path, arguments.lines)
            else:
                growing.append(Growing(path))
                last += growing[-1].last(arguments.lines)
        _print(_in_time(last)[-arguments.lines :] if arguments.lines else [], colours=colours)
        if arguments.follow:
            _follow(growing, standard_input=STANDARD_INPUT in paths, colours=colours)
    except argparse.ArgumentTypeError as error:
        return fail("tail", str(error), 2)
    except ReadingError as error:
        return fail("tail", str(error), 2)
    finally:
        for file in growing:
            file.close()
    return 0


def _follow(growing: list[Growing], *, standard_input: bool, colours: bool) -> None:
    if standard_input:
        with Lines(STANDARD_INPUT) as lines:
            for line in lines:
                _print([line], colours=colours)
    while growing:
        _print(_in_time(line for file in growing for line in file.more()), colours=colours)
        time.sleep(LOOK_SECONDS)


def _print(lines: Iterable[bytes], *, colours: bool) -> None:
    for line in lines:
        try:
            text = display.shown(members(line.rstrip(b"\n")), colours=colours)
        except ValueError:
            text = display.foreign(line)
        print(text, flush=True)


def _in_time(lines: Iterable[bytes]) -> list[bytes]:
    """Sort by `time`, which is the first member of a line and compares as text; a foreign line stays where it is."""
    timed: list[tuple[bytes, bytes]] = []
    last = b""
    for line in lines:
        if line.startswith(b'{"time":"'):
            last = line[:40]
        timed.append((last, line))
    return [line for _, line in sorted(timed, key=lambda pair: pair[0])]


def _search(arguments: argparse.Namespace) -> int:
    wanted = Query(
        callers=tuple(arguments.caller),
        operations=tuple(arguments.operation),
        targets=tuple(arguments.target),
        reasons=tuple(arguments.reason),
        roles=tuple(arguments.role),
        ids=tuple(arguments.id),
        statuses=frozenset(arguments.status),
        denied=arguments.denied,
        since=arguments.since,
        until=arguments.until,
    )
    if arguments.since and arguments.until and arguments.since > arguments.until:
        return fail("search", "--since is later than --until: nothing can be found", 2)
    colours, skipped = _colours(), 0
    try:
        for path in files(arguments.files):
            with Lines(path) as lines:
                for line in lines:
                    whole = line.rstrip(b"\n")
                    try:
                        found = members(whole)
                    except ValueError:
                        skipped += 1
                        continue
                    if wanted.matches(found):
                        print(whole.decode("ascii") if arguments.json else display.shown(found, colours=colours))
    except argparse.ArgumentTypeError as error:
        return fail("search", str(error), 2)
    except ReadingError as error:
        return fail("search", str(error), 2)
    if skipped:
        print(f"gateway audit search: left out what is no line of the audit: {skipped}", file=sys.stderr)
    return 0


def _colours() -> bool:
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) > _MOST_LINES:
        raise argparse.ArgumentTypeError(f"{text!a} is not a number of lines: 0 to {_MOST_LINES}")
    return int(text)


def _status(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) == len("200")):
        raise argparse.ArgumentTypeError(f"{text!a} is not an HTTP status: three digits")
    return int(text)


def _moment(text: str) -> str:
    try:
        return query.moment(text, time.time())
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
