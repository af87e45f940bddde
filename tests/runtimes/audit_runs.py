"""Runs of a gateway on an audit file, on a disk and a clock that are the test's."""

import contextlib
import errno
import pathlib
import resource
import time
from collections.abc import Iterator
from typing import Any

from gateway.audit import GENESIS, Trail
from gateway.runtimes.audit_file import FileSink
from tests.audit.oracle import ENTRY


def trail_on(sink: FileSink) -> Trail:
    """A trail that goes on where the file stands."""
    seq, previous = (0, GENESIS) if sink.head is None else (sink.head.seq, sink.head.previous)
    chain = "chain-1" if sink.head is None else sink.head.chain
    return Trail(sink, chain=chain, seq=seq, previous=previous, now=time.time, required=True, log=lambda _: None)


@contextlib.contextmanager
def opened(path: pathlib.Path, **options: Any) -> Iterator[tuple[FileSink, Trail]]:
    """One run of a gateway on `path`."""
    sink = FileSink.open(str(path), log=options.pop("log", lambda _: None), **options)
    try:
        yield sink, trail_on(sink)
    finally:
        sink.close()


def lines(path: pathlib.Path) -> list[bytes]:
    """The file's lines."""
    return path.read_bytes().splitlines(keepends=True)


def record(trail: Trail, count: int = 1) -> None:
    """Write some lines, all of which must be taken."""
    assert all(trail.try_record(ENTRY) for _ in range(count))


@contextlib.contextmanager
def no_file_larger_than(size_bytes: int) -> Iterator[None]:
    """A disk that is full when a file reaches `size_bytes`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class Clock:
    """Seconds that pass when the test says so."""

    seconds = 0.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.seconds


def sick(_fd: int, _size: int) -> None:
    """Stand in for a call on a disk that answers no more."""
    raise OSError(errno.EIO, "Input/output error")
