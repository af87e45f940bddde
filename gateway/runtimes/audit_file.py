"""The audit in a file: one file, one writer, one chain that goes on after a restart.

Duty: append a whole line or leave the file as it was; go on with the chain that the file ends with; notice that the
file was moved away. Lines go through the page cache and are not flushed to the disk one by one.
Prohibition: no line is judged, changed or kept here.
Source: docs/decisions/0004-audit.md; Linux man-pages open(2), flock(2), write(2).
"""

import contextlib
import errno
import fcntl
import os
import pathlib
import stat
import time
from collections.abc import Callable

from gateway.audit import Head, head_after, looks_begun

TAIL_BYTES = 256 * 1024
"""What is read from a file's end: more than the longest line and the longest half line together."""
FOLLOW_SECONDS = 1.0
"""How often it is checked that the path still names the file that is written."""


class SinkError(OSError):
    """The audit cannot be written there; the text says why and what would help."""


class HeldError(SinkError):
    """Another process writes this file."""


def for_worker(path: str, number: int, workers: int) -> str:
    """The file of worker `number` (from 1): `audit.jsonl` becomes `audit.2.jsonl`; a lone one has the path itself."""
    if workers == 1:
        return path
    name = pathlib.PurePath(path)
    return str(name.with_name(f"{name.stem}.{number}{name.suffix}"))


class FileSink:
    """One file. `head` is where the chain stood that the file ended with, None where it held no line."""

    __slots__ = ("_check_at", "_cut_at", "_fd", "_identity", "_log", "_monotonic", "_path", "head")

    def __init__(
        self, path: str, fd: int, head: Head | None, *, log: Callable[[str], None], monotonic: Callable[[], float]
    ) -> None:
        """Use `open`."""
        self._path = path
        self._fd = fd
        self._identity = _identity(os.fstat(fd))
        self._log = log
        self._monotonic = monotonic
        self._check_at = monotonic() + FOLLOW_SECONDS
        self._cut_at: int | None = None
        self.head = head

    @classmethod
    def open(
        cls, path: str, *, log: Callable[[str], None], monotonic: Callable[[], float] = time.monotonic
    ) -> "FileSink":
        """Open or make the file (mode 0600), lock it, put a crash's half line aside and read where its chain stands.

        `log` is told when the file was moved away and the chain goes on in a new one.

        Raises:
            SinkError: no folder, no permission, held by another process, or not an audit file; the file is unchanged.

        """
        fd = _open_locked(path)
        try:
            return cls(path, fd, _mend(path, fd), log=log, monotonic=monotonic)
        except BaseException:
            os.close(fd)
            raise

    @classmethod
    def claim(cls, path: str, workers: int, *, log: Callable[[str], None]) -> "FileSink":
        """Open the first of the workers' files that no process holds: servers do not tell a worker its number.

        Raises:
            SinkError: see `open`; or all of them are held.

        """
        for number in range(1, workers):
            with contextlib.suppress(HeldError):
                return cls.open(for_worker(path, number, workers), log=log)
        return cls.open(for_worker(path, workers, workers), log=log)

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
        written = os.write(self._fd, line)
        if written != len(line):
            self._cut_at = os.fstat(self._fd).st_size - written
            self._cut(self._cut_at)
            raise OSError(errno.ENOSPC, f"only {written} of {len(line)} bytes fitted into {self._path}")

    def close(self) -> None:
        """Close the file, which gives up its lock."""
        os.close(self._fd)

    def _cut(self, size: int) -> None:
        """Take the part of a line that was written away again; tried before each line until it works."""
        os.ftruncate(self._fd, size)
        self._cut_at = None

    def _follow(self) -> None:
        """Go on in a new file when the path names another one now (logrotate), or none.

        Only an empty file may take the place of ours: what has content already is somebody's doing, and no audit.
        """
        with contextlib.suppress(FileNotFoundError):
            if _identity(pathlib.Path(self._path).stat()) == self._identity:
                return
        fd = _open_locked(self._path)
        state = os.fstat(fd)
        if state.st_size:
            os.close(fd)
            raise SinkError(f"{self._path} was replaced by a file that is not empty: move it away, or restart")
        if self._cut_at is not None:
            with contextlib.suppress(OSError):  # the old file, and perhaps its disk, is not ours any more
                self._cut(self._cut_at)
        os.close(self._fd)
        self._fd, self._identity, self._cut_at = fd, _identity(state), None
        self._log(f"audit: {self._path} was moved away or removed; the chain goes on in a new file there")


def _identity(state: os.stat_result) -> tuple[int, int]:
    return state.st_dev, state.st_ino


def _open_locked(path: str) -> int:
    # O_NONBLOCK: opening what turns out to be a pipe must not wait for its other end; a file does not care
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_NOCTTY
    try:
        fd = os.open(path, flags, 0o600)
    except FileNotFoundError as error:
        raise SinkError(f"the folder of the audit file {path} does not exist: make it first") from error
    except OSError as error:
        raise SinkError(f"the audit file {path} cannot be opened for writing: {error.strerror}") from error
    problem = _lock(fd, path)
    if problem is not None:
        os.close(fd)
        raise problem
    return fd


def _lock(fd: int, path: str) -> SinkError | None:
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        return SinkError(f"{path} is not a regular file: the audit takes one, or stdout")
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return HeldError(f"another process writes the audit file {path}: each needs a file of its own")
    except OSError as error:
        return SinkError(f"the audit file {path} cannot be locked: {error.strerror}")
    return None


def _mend(path: str, fd: int) -> Head | None:
    """Read where the chain stands, then move a crash's half line to PATH.partial."""
    size = os.fstat(fd).st_size
    if not size:
        return None
    whole, newline, half = os.pread(fd, TAIL_BYTES, max(0, size - TAIL_BYTES)).rpartition(b"\n")
    head = _head_of(whole) if newline else None
    if head is None and (newline or size > TAIL_BYTES or not looks_begun(half)):
        raise SinkError(f"{path} does not end with an audit line: give the audit another file")
    if half:
        try:
            _put_aside(f"{path}.partial", half)
        except OSError as error:
            raise SinkError(f"the half line that ends {path} cannot be moved to {path}.partial: {error}") from error
        os.ftruncate(fd, size - len(half))
    return head


def _head_of(whole: bytes) -> Head | None:
    try:
        return head_after(whole.rpartition(b"\n")[2])
    except ValueError:
        return None


def _put_aside(path: str, half: bytes) -> None:
    with open(path, "ab", opener=lambda name, flags: os.open(name, flags, 0o600)) as partial:
        partial.write(half + b"\n")
