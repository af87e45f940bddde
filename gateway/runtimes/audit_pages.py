"""Pages of the audit, read back from its files: newest first, over all workers' files and those that were rotated.

Duty: the lines that somebody looks for, and where older ones go on; a bounded part of the disk a page, with a turn for
everybody else in between. Prohibition: nothing is written, no line is judged; compressed files are left out.
Source: docs/decisions/0004-audit.md (a line's time never goes back within a file).
"""

import asyncio
import errno
import json
import os
import pathlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gateway.audit import AuditPage, Query, members
from gateway.errors import Unavailable
from gateway.runtimes.audit_opening import identity
from gateway.runtimes.audit_reading import MAX_LINE_BYTES, ReadingError, files_of

MAX_PAGE_BYTES = 4 * 1024 * 1024
_BLOCK_BYTES = 64 * 1024
_TURN_LINES = 50
_PACKED = b"\x1f\x8b"
_COARSE_MS = 20  # a file's own time is that of the last tick of the kernel's clock


@dataclass(slots=True)
class _File:
    """A file from its end. `end` is where what was not yet given ends, the `head` with it: behind a newline, or 0."""

    path: str
    name: str  # whatever it is called by now: device and inode
    changed_ms: int
    end: int
    read_bytes: int = 0
    head: dict[str, Any] = field(default_factory=dict)
    at_ms: int | None = None  # the head's time; None: there is no older line
    _start: int | None = None  # of the head
    _lines: list[bytes] = field(default_factory=list)

    def advance(self) -> None:
        """Make the next older line the `head`. What is no line of the audit is left out."""
        self.end = self.end if self._start is None else self._start
        self.at_ms = None
        while self.at_ms is None and self.end > 0:
            if not self._lines:
                self._fill()
            line = self._lines.pop()
            self._start = self.end - len(line) - 1
            try:
                self.head = members(line)
                self.at_ms = _milliseconds(self.head["time"])
            except (ValueError, KeyError, TypeError):
                self.end = self._start

    def _fill(self) -> None:
        """Read back as far as at least one whole line."""
        found, start = b"", self.end
        with pathlib.Path(self.path).open("rb", buffering=0) as file:
            if _name(os.fstat(file.fileno())) != self.name:
                raise OSError(errno.ESTALE, "it was rotated meanwhile")
            while start > 0 and b"\n" not in found[:-1] and len(found) <= MAX_LINE_BYTES:
                length = min(_BLOCK_BYTES, start)
                start -= length
                found = os.pread(file.fileno(), length, start) + found
                self.read_bytes += length
        whole = found if start == 0 else found.partition(b"\n")[2] or found
        self._lines = whole[:-1].split(b"\n")


class AuditPages:
    """Reads pages of the files that one path has led to; `gateway.audit.ReadAudit`."""

    def __init__(
        self,
        path: str,
        *,
        max_page_bytes: int = MAX_PAGE_BYTES,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`path` is the setting's."""
        self._path = path
        self._max_page_bytes = max_page_bytes
        self._sleep = sleep

    async def __call__(self, query: Query, limit: int, place: str | None) -> AuditPage:
        """At most `limit` lines that match, from the newest or from `place`.

        Raises:
            Unavailable: a file cannot be read.

        """
        try:
            return await self._page(query, limit, place)
        except (ReadingError, OSError):
            raise Unavailable("audit", retry_after_seconds=1) from None

    async def _page(self, query: Query, limit: int, place: str | None) -> AuditPage:
        until_ms, known = json.loads(place) if place is not None else (None, {})
        closed = self._files(until_ms, known)
        opened: list[_File] = []
        found: list[dict[str, Any]] = []
        looked = 0
        while (newest := _newest(opened, closed)) is not None:
            line = newest.head
            if query.since is not None and line["time"] < query.since:
                return AuditPage(found)
            if query.matches(line):
                found.append(line)
            at_ms = newest.at_ms
            newest.advance()
            looked += 1
            if len(found) >= limit or sum(file.read_bytes for file in opened) >= self._max_page_bytes:
                return AuditPage(found, _place(at_ms, opened, closed))
            if looked % _TURN_LINES == 0:
                await self._sleep(0)
        return AuditPage(found)

    def _files(self, until_ms: int | None, known: dict[str, int]) -> list[_File]:
        """The files with lines that were not given yet, the last changed last.

        One that is not `known` and has changed since `until_ms` was given to its end, or is a new one.
        """
        found = []
        for path in files_of(self._path):
            with pathlib.Path(path).open("rb", buffering=0) as file:
                state = os.fstat(file.fileno())
                if os.pread(file.fileno(), len(_PACKED), 0) == _PACKED:
                    continue
                name = _name(state)
                changed_ms = state.st_mtime_ns // 1_000_000 + _COARSE_MS
                if name in known:
                    found.append(_File(path, name, changed_ms, min(known[name], state.st_size)))
                elif until_ms is None or changed_ms < until_ms:
                    end = _whole_lines_end(file.fileno(), state.st_size)
                    found.append(_File(path, name, changed_ms, end))
        return found


def _newest(opened: list[_File], closed: list[_File]) -> _File | None:
    """The file whose head is the newest of all lines; files are opened as long as they may have a newer one."""
    while True:
        heads = [file for file in opened if file.at_ms is not None]
        newest = max(heads, key=lambda file: file.at_ms or 0, default=None)
        if not closed or (newest is not None and closed[-1].changed_ms < (newest.at_ms or 0)):
            return newest
        file = closed.pop()
        file.advance()
        opened.append(file)


def _place(at_ms: int | None, opened: list[_File], closed: list[_File]) -> str | None:
    """Where it goes on: the moment that was reached, and how far each file is read that is not read to its end.

    Those that are still closed changed last before that moment, and are found again by that.
    """
    left = {file.name: file.end for file in opened if file.at_ms is not None}
    return json.dumps([at_ms, left], separators=(",", ":")) if left or closed else None


def _name(state: os.stat_result) -> str:
    return ":".join(map(str, identity(state)))


def _milliseconds(time: str) -> int:
    return int(datetime.fromisoformat(time).timestamp() * 1000)


def _whole_lines_end(fd: int, size: int) -> int:
    """Where the last whole line ends: a crash, or a write under way, leaves half of one."""
    start = max(0, size - 2 * _BLOCK_BYTES)
    end = os.pread(fd, size - start, start).rfind(b"\n")
    return start + end + 1 if end >= 0 else 0
