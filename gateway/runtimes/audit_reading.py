"""Reading audit files for people: whole, from the end, or as they grow; packed or plain.

Duty: lines, one after the other, however large a file is and however long a line; follow a file through its rotation;
find the files that belong to a setting.
Prohibition: nothing is written, no line is judged.
"""

import contextlib
import gzip
import io
import os
import pathlib
import re
import sys
import zlib
from collections import deque
from collections.abc import Iterator
from typing import Self, cast

from gateway.runtimes.audit_opening import identity

MAX_LINE_BYTES = 1024 * 1024
"""No line of the audit is as long; the rest of one that is longer is left out."""
STANDARD_INPUT = "-"
_PACKED = b"\x1f\x8b"
_BLOCK_BYTES = 64 * 1024
_MORE_BYTES = 4 * 1024 * 1024
UNFINISHED = (".next", ".partial")
"""How the names of files end that hold what was never accepted."""


class ReadingError(Exception):
    """A file cannot be read; the text names it and says why."""

    def __init__(self, path: str, error: Exception) -> None:
        """`error` is what reading it raised."""
        name = "standard input" if path == STANDARD_INPUT else path
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        super().__init__(f"{name}: cannot be read: {why}")


class Lines:
    """One file's lines, for `with`. `done_bytes` of `size_bytes` were read from the disk; the size of a pipe is 0."""

    def __init__(self, path: str) -> None:
        """`path` is a file, plain or gzip, or `-` for standard input.

        Raises:
            ReadingError: it cannot be opened.

        """
        self._path = path
        try:
            if path == STANDARD_INPUT:
                self._raw = cast("io.BufferedReader", sys.stdin.buffer)
            else:
                self._raw = pathlib.Path(path).open("rb")  # noqa: SIM115 - closed by __exit__
            state = os.fstat(self._raw.fileno())
            packed = self._raw.peek(len(_PACKED)).startswith(_PACKED)
        except OSError as error:
            raise ReadingError(path, error) from error
        self.identity = identity(state)
        self.is_packed = packed
        self.size_bytes = state.st_size
        self._file: io.BufferedIOBase = gzip.GzipFile(fileobj=self._raw) if packed else self._raw

    def __enter__(self) -> Self:
        """The lines themselves."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        if self._path != STANDARD_INPUT:
            self._raw.close()

    @property
    def done_bytes(self) -> int:
        """How far it has been read."""
        return self._raw.tell() if self.size_bytes else 0

    def __iter__(self) -> Iterator[bytes]:
        """Each line with its newline; the last without one, if it has none.

        Raises:
            ReadingError: it cannot be read on.

        """
        try:
            while line := self._file.readline(MAX_LINE_BYTES):
                yield line if line.endswith(b"\n") or len(line) < MAX_LINE_BYTES else self._without_rest(line)
        except (OSError, EOFError, zlib.error) as error:
            raise ReadingError(self._path, error) from error

    def _without_rest(self, line: bytes) -> bytes:
        rest = b""
        while (piece := self._file.readline(MAX_LINE_BYTES)) and not (rest := piece).endswith(b"\n"):
            pass
        return line[:-1] + b"\n" if rest.endswith(b"\n") else line


class Growing:
    """A plain file that is followed by its name."""

    def __init__(self, path: str) -> None:
        """Open it; `last` comes first.

        Raises:
            ReadingError: it cannot be opened.

        """
        self.path = path
        try:
            self._file = pathlib.Path(path).open("rb", buffering=0)  # noqa: SIM115 - closed by `close`
        except OSError as error:
            raise ReadingError(path, error) from error
        self._position = 0

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def last(self, count: int) -> list[bytes]:
        """The last whole lines, found from the end; `more` goes on behind them.

        Raises:
            ReadingError: it cannot be read.

        """
        blocks: deque[bytes] = deque()
        newlines, size = 0, self._size()
        start = size
        while start and newlines <= count:
            length = min(_BLOCK_BYTES, start)
            start -= length
            blocks.appendleft(self._read(start, length))
            newlines += blocks[0].count(b"\n")
        whole, newline, half = b"".join(blocks).rpartition(b"\n")
        self._position = size - len(half)
        return [line + b"\n" for line in whole.split(b"\n")][-count:] if newline and count else []

    def more(self) -> list[bytes]:
        """The whole lines that have come since; when the name has gone to another file, that one is next.

        Raises:
            ReadingError: it cannot be read.

        """
        found = self._come()
        if found:
            return found
        with contextlib.suppress(OSError):  # between two names there may be no file for a moment
            state = pathlib.Path(self.path).stat()
            # An empty one may be logrotate's: the gateway writes to the old one for up to a second more.
            if state.st_size and identity(state) != identity(os.fstat(self._file.fileno())):
                found = self._come()
                file = pathlib.Path(self.path).open("rb", buffering=0)  # noqa: SIM115 - closed by `close`
                self._file.close()
                self._file, self._position = file, 0
        return found

    def _come(self) -> list[bytes]:
        size = self._size()
        if size < self._position:
            self._position = 0  # it was cut
        whole, newline, half = self._read(self._position, min(size - self._position, _MORE_BYTES)).rpartition(b"\n")
        self._position += len(whole) + len(newline)
        if not newline and len(half) == _MORE_BYTES:
            self._position += _MORE_BYTES  # no line is as long
        return [line + b"\n" for line in whole.split(b"\n")] if newline else []

    def _size(self) -> int:
        return os.fstat(self._file.fileno()).st_size

    def _read(self, start: int, length: int) -> bytes:
        try:
            return os.pread(self._file.fileno(), length, start)
        except OSError as error:
            raise ReadingError(self.path, error) from error


def is_packed(path: str) -> bool:
    """Tell whether a file is gzip.

    Raises:
        ReadingError: it cannot be read.

    """
    with Lines(path) as lines:
        return lines.is_packed


def last_lines(path: str, count: int) -> list[bytes]:
    """The last whole lines of a file, of any kind.

    Raises:
        ReadingError: it cannot be read.

    """
    with Lines(path) as lines:
        if not lines.is_packed and path != STANDARD_INPUT:
            growing = Growing(path)
            try:
                return growing.last(count)
            finally:
                growing.close()
        return [line for line in deque(lines, count + 1) if line.endswith(b"\n")][-count:] if count else []


def files_of(path: str) -> list[str]:
    """The files that a setting's path has led to, those of workers and rotated ones too; the last written comes last.

    Raises:
        ReadingError: there is none.

    """
    name = pathlib.Path(path)
    shape = re.compile(rf"{re.escape(name.stem)}(?:\.[0-9]+)?{re.escape(name.suffix)}(?:[.-].+)?")
    try:
        found = [one for one in name.parent.iterdir() if shape.fullmatch(one.name) and one.suffix not in UNFINISHED]
        found = sorted((one for one in found if one.is_file()), key=lambda one: (one.stat().st_mtime_ns, one.name))
        if not found:
            name.open("rb").close()  # says why
    except OSError as error:
        raise ReadingError(path, error) from error
    return [str(one) for one in found]
