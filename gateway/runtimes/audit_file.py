"""The audit in a file: one file, one writer, one chain that goes on after a restart.

Duty: append a whole line or leave the file as it was; go on with the chain that the file ends with; rotate it, and
notice that somebody else has. Lines go through the page cache and are not flushed to the disk one by one.
Prohibition: no line is judged, changed or kept here; no link is followed, for what it leads to is not ours.
Source: docs/decisions/0004-audit.md; Linux man-pages open(2), flock(2), write(2).
"""

import contextlib
import errno
import os
import pathlib
import time
from collections.abc import Callable

from gateway.audit import Head
from gateway.runtimes import audit_opening, audit_rotation
from gateway.runtimes.audit_opening import HeldError, SinkError, identity, open_locked
from gateway.runtimes.audit_rotation import Rotation

FOLLOW_SECONDS = 1.0
"""How often it is checked that the path still names the file that is written."""


def for_worker(path: str, number: int, workers: int) -> str:
    """The file of worker `number` (from 1): `audit.jsonl` becomes `audit.2.jsonl`; a lone one has the path itself."""
    if workers == 1:
        return path
    name = pathlib.PurePath(path)
    return str(name.with_name(f"{name.stem}.{number}{name.suffix}"))


class FileSink:
    """One file. `head` is where the chain stood that the file ended with, None where there was no line."""

    __slots__ = (
        "_check_at", "_cut_at", "_fd", "_identity", "_log", "_monotonic", "_now", "_path", "_rotate_at", "_rotation",
        "_said", "_size", "head",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - a file and what it is handed
        self,
        path: str,
        fd: int,
        head: Head | None,
        *,
        log: Callable[[str], None],
        rotation: Rotation | None,
        monotonic: Callable[[], float],
        now: Callable[[], float],
    ) -> None:
        """Use `open`."""
        state = os.fstat(fd)
        self._path = path
        self._fd = fd
        self._identity = identity(state)
        self._size = state.st_size
        self._log = log
        self._rotation = rotation
        self._monotonic = monotonic
        self._now = now
        self._check_at = monotonic() + FOLLOW_SECONDS
        self._rotate_at = 0.0
        self._cut_at: int | None = None
        self._said = ""
        self.head = head

    @classmethod
    def open(
        cls,
        path: str,
        *,
        log: Callable[[str], None],
        rotation: Rotation | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> "FileSink":
        """Open or make the file (mode 0600), lock it, put a crash's half line aside and read where its chain stands.

        `log` is told of what an operator should know: the file is open to others, was rotated, was moved away.

        Raises:
            SinkError: no folder, no permission, a link, held by another process, or not an audit file; it is unchanged.

        """
        fd, head = audit_opening.open_or_make(path, log=log)
        return cls(path, fd, head, log=log, rotation=rotation, monotonic=monotonic, now=now)

    @classmethod
    def claim(
        cls, path: str, workers: int, *, log: Callable[[str], None], rotation: Rotation | None = None
    ) -> "FileSink":
        """Open the first of the workers' files that no process holds: servers do not tell a worker its number.

        Raises:
            SinkError: see `open`; or all of them are held.

        """
        for number in range(1, workers):
            with contextlib.suppress(HeldError):
                return cls.open(for_worker(path, number, workers), log=log, rotation=rotation)
        return cls.open(for_worker(path, workers, workers), log=log, rotation=rotation)

    def ready(self) -> bool:
        """Say yes: whether a disk takes a line is known when it has."""
        return True

    def write(self, line: bytes) -> None:
        """Append one line; when the disk is full the file stays what it was.

        Raises:
            OSError: see `gateway.audit.Sink`.

        """
        now = self._monotonic()
        if now >= self._check_at:
            self._follow()
            self._check_at = now + FOLLOW_SECONDS
        if self._cut_at is not None:
            self._cut(self._cut_at)
        if self._rotation is not None and now >= self._rotate_at and self._is_due(len(line), self._rotation):
            try:
                name = self._rotate(line)
            except OSError as error:  # the lines can do without; a full disk refuses them itself
                self._rotate_at = now + FOLLOW_SECONDS
                self._say(f"{self._path} cannot be rotated, it grows on: {error}")
            else:
                self._rotated(name, self._rotation)
                return
        written = os.write(self._fd, line)
        if written != len(line):
            self._cut_at = os.fstat(self._fd).st_size - written
            self._cut(self._cut_at)
            raise _short(written, line, self._path)
        self._size += len(line)

    def close(self) -> None:
        """Close the file, which gives up its lock."""
        os.close(self._fd)

    def _cut(self, size: int) -> None:
        """Take the part of a line that was written away again; tried before each line until it works."""
        os.ftruncate(self._fd, size)
        self._cut_at = None

    def _is_due(self, more_bytes: int, rotation: Rotation) -> bool:
        if not self._size or self._size + more_bytes <= rotation.max_bytes:
            return False
        self._follow()
        self._size = os.fstat(self._fd).st_size  # somebody may have cut it
        return self._size > max(0, rotation.max_bytes - more_bytes)

    def _rotate(self, line: bytes) -> str:
        """Put a new file that begins with `line` in the old one's place; return the old one's name.

        The new file has its line before it has its name: whatever happens in between, the path names a file with the
        chain's last line, and no line is in two files.
        """
        new = audit_opening.successor(self._path)
        fd = open_locked(new)
        try:
            os.ftruncate(fd, 0)  # an attempt that failed
            audit_rotation.inherit(fd, os.fstat(self._fd))
            written = os.write(fd, line)
            if written != len(line):
                raise _short(written, line, new)
            name = audit_rotation.next_name(self._path, self._now())
            audit_rotation.replace(self._path, new, name)
        except OSError:
            with contextlib.suppress(OSError):
                pathlib.Path(new).unlink()
            os.close(fd)
            raise
        old, self._fd = self._fd, fd
        self._identity, self._size = identity(os.fstat(fd)), len(line)
        with contextlib.suppress(OSError):  # the line is written: nothing may look as if it were not
            os.close(old)
        return name

    def _rotated(self, name: str, rotation: Rotation) -> None:
        with contextlib.suppress(OSError):
            self._say(f"{self._path} was rotated to {name}; the chain goes on")
            if rotation.keep_files is not None:
                audit_rotation.prune(self._path, rotation.keep_files, self._log)

    def _say(self, what: str) -> None:
        if what != self._said:  # once a second would fill a full disk's log
            self._said = what
            self._log(f"audit: {what}")

    def _follow(self) -> None:
        """Go on in a new file when the path names another one now (logrotate), or none.

        Only an empty file may take the place of ours: what has content already is somebody's doing, and no audit.
        """
        with contextlib.suppress(FileNotFoundError):
            if identity(os.lstat(self._path)) == self._identity:
                return
        fd = open_locked(self._path)
        state = os.fstat(fd)
        if state.st_size:
            os.close(fd)
            raise SinkError(f"{self._path} was replaced by a file that is not empty: move it away, or restart")
        if self._cut_at is not None:
            with contextlib.suppress(OSError):  # the old file, and perhaps its disk, is not ours any more
                self._cut(self._cut_at)
        os.close(self._fd)
        self._fd, self._identity, self._cut_at, self._size = fd, identity(state), None, 0
        self._log(f"audit: {self._path} was moved away or removed; the chain goes on in a new file there")


def _short(written: int, line: bytes, path: str) -> OSError:
    return OSError(errno.ENOSPC, f"only {written} of {len(line)} bytes fitted into {path}")
