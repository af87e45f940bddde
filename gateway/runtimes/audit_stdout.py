"""The audit on standard output, whatever that is: a pipe, a socket, a file, a terminal.

Duty: hand over a whole line without waiting for a reader who stalls, and say so when it cannot be done.
Prohibition: no line is judged, changed or kept here; no flag is set on what other processes share.
Source: docs/decisions/0004-audit.md; POSIX `write` and `PIPE_BUF`; Linux man-pages pipe(7), send(2), proc(5).
"""

import errno
import fcntl
import os
import select
import socket
import stat
import struct
import termios
from collections.abc import Callable

from gateway.runtimes.audit_opening import SinkError


class StdoutSink:
    """Standard output of this process, or another descriptor."""

    __slots__ = ("_close", "_fd", "_pipe_bytes", "_takes", "_torn", "_write")

    def __init__(
        self,
        fd: int,
        write: Callable[[bytes], int],
        *,
        takes: Callable[[], bool] | None = None,
        pipe_bytes: int | None = None,
        close: Callable[[], None] | None = None,
    ) -> None:
        """Use `open`.

        `takes` tells whether a write would not wait, None where no write does. `pipe_bytes` is what a pipe holds, None
        for what is no pipe. `close` gives back what `open` took.
        """
        self._fd = fd
        self._write = write
        self._takes = takes
        self._pipe_bytes = pipe_bytes
        self._close = close
        self._torn = False

    @classmethod
    def open(cls, fd: int = 1) -> "StdoutSink":
        """Find out what `fd` is and how it is written without blocking.

        Raises:
            SinkError: it is closed.

        """
        try:
            mode = os.fstat(fd).st_mode
        except OSError as error:
            raise SinkError("standard output is closed: open it, or set GATEWAY_AUDIT=file:PATH") from error
        if stat.S_ISSOCK(mode):  # systemd's journal, for one
            peer = socket.socket(fileno=os.dup(fd))
            return cls(fd, lambda data: peer.send(data, socket.MSG_DONTWAIT), takes=_poll(fd), close=peer.close)
        if stat.S_ISFIFO(mode):
            own = _own_description(fd)
            close = None if own == fd else lambda: os.close(own)
            return cls(
                own, lambda data: os.write(own, data), takes=_poll(own), pipe_bytes=_capacity_bytes(own), close=close
            )
        return cls(fd, lambda data: os.write(fd, data))

    def ready(self) -> bool:
        """Tell whether there is room. A reader who is gone counts as room: writing says at once that it failed."""
        return self._takes is None or self._takes()

    def write(self, line: bytes) -> None:
        """Write one line.

        What cannot be taken back (a part of a line in a pipe) is ended by a newline of its own before the next line.

        Raises:
            OSError: see `gateway.audit.Sink`.

        """
        data = b"\n" + line if self._torn else line
        if self._pipe_bytes is not None and len(data) > select.PIPE_BUF and not self._has_room(len(data)):
            raise BlockingIOError(errno.EAGAIN, "the pipe has no room for a line of this length")
        written = self._write(data)
        if written != len(data):
            if written and not self._take_back(written):
                self._torn = True
            raise OSError(errno.ENOSPC, f"standard output took only {written} of {len(data)} bytes")
        self._torn = False

    def close(self) -> None:
        """Give back what `open` took; the descriptor itself is not ours to close."""
        if self._close is not None:
            self._close()

    def _has_room(self, size: int) -> bool:
        """Tell whether a line that a pipe may split would be taken as a whole.

        A pipe counts pages. Short lines share one as long as they fit, so two neighbouring pages hold more than one
        page's worth, and the unread bytes take at most twice their number; the ends of both may waste a page each.
        """
        unread: int = struct.unpack("i", fcntl.ioctl(self._fd, termios.FIONREAD, bytes(4)))[0]
        return not unread or 2 * unread + size + 3 * select.PIPE_BUF <= (self._pipe_bytes or 0)

    def _take_back(self, written: int) -> bool:
        """Cut the last bytes off again, which goes where this is a file and they are its end."""
        try:
            size = os.fstat(self._fd).st_size
            if os.lseek(self._fd, 0, os.SEEK_CUR) != size:
                return False
            os.ftruncate(self._fd, size - written)
            os.lseek(self._fd, size - written, os.SEEK_SET)
        except OSError:
            return False
        return True


def _poll(fd: int) -> Callable[[], bool]:
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    return lambda: bool(poll.poll(0))


def _own_description(fd: int) -> int:
    """Open the pipe once more for ourselves: O_NONBLOCK on `fd` would reach everybody who shares it.

    Where that is not to be had (not Linux, a pipe of another user) `fd` is used as it is; the poll before each line
    then keeps it from blocking, unless another process fills the same pipe in between.
    """
    try:
        return os.open(f"/proc/self/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError:
        return fd


def _capacity_bytes(fd: int) -> int:
    """What the empty pipe holds; 0 where the system does not tell, so that long lines wait for an empty one."""
    command = getattr(fcntl, "F_GETPIPE_SZ", None)
    return 0 if command is None else int(fcntl.fcntl(fd, command))
