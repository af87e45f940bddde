"""A small file's text, read so that nothing behind its path can hold anybody up.

Duty: settings' files, a policy and keys; at the start also from a pipe, which a shell's `<(command)` is.
Prohibition: nothing is kept; no content in an error; a path that leads to a pipe without a writer, a terminal or an
endless device ends in an error within a bounded time.
Source: POSIX, `open` (O_NONBLOCK) and `poll`.
"""

import errno
import os
import select
import stat
import time
from typing import Final

MAX_BYTES: Final = 1024 * 1024
WAIT_SECONDS: Final = 5.0

_PIECE_BYTES: Final = 65_536


def text(path: str) -> str:
    """The text of a file, or of a pipe that says all of it within `WAIT_SECONDS`.

    Raises:
        OSError: it cannot be read, is longer than `MAX_BYTES`, or does not end.
        ValueError: it is not UTF-8 text, or the path is none.

    """
    descriptor = _opened(path)
    try:
        return _all(descriptor, WAIT_SECONDS)
    finally:
        os.close(descriptor)


def text_at_once(path: str) -> str:
    """The text of a regular file, links followed: nothing else is read, as it could wait. Raises as `text`."""
    descriptor = _opened(path)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "no regular file")
        return _all(descriptor, 0.0)
    finally:
        os.close(descriptor)


def _opened(path: str) -> int:
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY  # a pipe's `open` waits for a writer otherwise
    return os.open(path, flags)


def _all(descriptor: int, seconds: float) -> str:
    """All that it says. Of a pipe without a writer `read` would say at once that it has ended: `poll` waits for one."""
    end = time.monotonic() + seconds
    ready = select.poll()
    ready.register(descriptor, select.POLLIN)
    found = bytearray()
    while len(found) <= MAX_BYTES:
        if not ready.poll(max(0.0, end - time.monotonic()) * 1000):
            raise TimeoutError(errno.ETIMEDOUT, "it does not end")
        try:
            piece = os.read(descriptor, _PIECE_BYTES)
        except BlockingIOError:  # somebody else has read it
            continue
        if not piece:
            return found.decode()
        found += piece
    raise OSError(errno.EFBIG, "too long")
