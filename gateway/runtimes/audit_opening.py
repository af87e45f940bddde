"""Opening an audit file: nobody else writes it, it is a file, and its chain is known.

Duty: lock it, put aside what a crash left, read where its chain stands; or change nothing and say what would help.
Prohibition: no line is written here; no link is followed, for what it leads to is not ours.
Source: docs/decisions/0004-audit.md; Linux man-pages open(2), flock(2).
"""

import contextlib
import errno
import fcntl
import os
import pathlib
import stat
from collections.abc import Callable

from gateway.audit import Head, head_after, looks_begun
from gateway.runtimes import audit_rotation

TAIL_BYTES = 256 * 1024
"""What is read from a file's end: more than the longest line and the longest half line together."""
OPEN_TO_OTHERS = stat.S_IWGRP | stat.S_IRWXO
"""What nobody needs to have on the audit; a group that reads it is often meant to."""
_ATTEMPTS = 3


class SinkError(OSError):
    """The audit cannot be written there; the text says why and what would help."""


class HeldError(SinkError):
    """Another process writes this file."""


def open_or_make(path: str, *, log: Callable[[str], None]) -> tuple[int, Head | None]:
    """Open or make, lock and mend the file; return its descriptor and where its chain stands, None for a new one.

    `log` is told when the file is open to others.

    Raises:
        SinkError: no folder, no permission, a link, held by another process, or not an audit file; it is unchanged.

    """
    fd = open_locked(path)
    try:
        state = os.fstat(fd)
        if state.st_mode & OPEN_TO_OTHERS:
            log(f"audit: {path} is open to others (mode {state.st_mode & 0o777:o}); chmod 600 or 640 closes it")
        audit_rotation.undo_half(path, state)
        return fd, _mend(path, fd) or _head_before(path)
    except BaseException:
        os.close(fd)
        raise


def identity(state: os.stat_result) -> tuple[int, int]:
    """What tells one file from another, whatever its name is."""
    return state.st_dev, state.st_ino


def successor(path: str) -> str:
    """Where the file is made that is to take the place of `path`."""
    return f"{path}.next"


def open_locked(path: str) -> int:
    """Open or make a file (mode 0600) for appending, and lock it.

    Raises:
        SinkError: it cannot be had; it is unchanged.

    """
    for _ in range(_ATTEMPTS):
        fd = _open(path)
        problem = _lock(fd, path)
        if problem is not None:
            os.close(fd)
            raise problem
        with contextlib.suppress(FileNotFoundError):
            if identity(os.lstat(path)) == identity(os.fstat(fd)):
                return fd
        os.close(fd)  # it was rotated away between opening and locking
    raise HeldError(f"another process writes, or keeps moving, the audit file {path}")


def _open(path: str) -> int:
    # O_NONBLOCK: opening what turns out to be a pipe must not wait for its other end; a file does not care
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW
    try:
        return os.open(path, flags, 0o600)
    except FileNotFoundError as error:
        raise SinkError(f"the folder of the audit file {path} does not exist: make it first") from error
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise SinkError(f"the audit file {path} is a symbolic link: name the file itself") from error
        raise SinkError(f"the audit file {path} cannot be opened for writing: {error.strerror}") from error


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
    """Read where the chain stands, then move a crash's half line, and that of a half rotation, to PATH.partial."""
    size = os.fstat(fd).st_size
    whole, newline, half = _tail(fd)
    head = _head_of(whole) if newline else None
    if size and head is None and (newline or size > TAIL_BYTES or not looks_begun(half)):
        raise SinkError(f"{path} does not end with an audit line: give the audit another file")
    try:
        _put_aside(f"{path}.partial", half)
        _clear_successor(path)
    except OSError as error:
        raise SinkError(f"what a crash left at {path} cannot be moved to {path}.partial: {error}") from error
    if half:
        os.ftruncate(fd, size - len(half))
    return head


def _head_before(path: str) -> Head | None:
    """Where the chain of an empty file stands: after the last line of the file before it, if there is one."""
    names = audit_rotation.rotated(path)
    if not names:
        return None
    try:
        fd = os.open(names[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise SinkError(f"{names[-1]}, where the chain of {path} ends, cannot be read: {error.strerror}") from error
    try:
        head = _head_of(_tail(fd)[0])
    finally:
        os.close(fd)
    if head is None:
        raise SinkError(f"{names[-1]} does not end with an audit line: move it away, and a new chain begins")
    return head


def _tail(fd: int) -> tuple[bytes, bytes, bytes]:
    """The end of a file: whole lines, the last newline, half a line."""
    size = os.fstat(fd).st_size
    return os.pread(fd, TAIL_BYTES, max(0, size - TAIL_BYTES)).rpartition(b"\n")


def _head_of(whole: bytes) -> Head | None:
    try:
        return head_after(whole.rpartition(b"\n")[2])
    except ValueError:
        return None


def _clear_successor(path: str) -> None:
    """A file that did not come to take the place of `path` holds a line that was never accepted."""
    with contextlib.suppress(FileNotFoundError):
        left = os.open(successor(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            _put_aside(f"{path}.partial", os.pread(left, TAIL_BYTES, 0).removesuffix(b"\n"))
        finally:
            os.close(left)
        pathlib.Path(successor(path)).unlink()


def _put_aside(path: str, half: bytes) -> None:
    if not half:
        return
    flags = os.O_NOFOLLOW | os.O_NONBLOCK
    with open(path, "ab", opener=lambda name, more: os.open(name, flags | more, 0o600)) as partial:
        partial.write(half + b"\n")
