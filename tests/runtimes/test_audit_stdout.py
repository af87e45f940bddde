"""The audit on standard output: no reader, however slow or dead, blocks the gateway or gets half a line unnoticed."""

import contextlib
import dataclasses
import fcntl
import os
import pathlib
import pty
import resource
import socket
import time
from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.audit import GENESIS, Trail, caller_fragment
from gateway.errors import Unavailable
from gateway.runtimes.audit_opening import SinkError
from gateway.runtimes.audit_stdout import StdoutSink
from tests.audit.oracle import ENTRY, verified

BIG = dataclasses.replace(ENTRY, caller=caller_fragment("sub-1", "\u00e4" * 256, ["\u00e4" * 200] * 3, "client-1"))
"""Longer than what a pipe takes as a whole."""


def trail_on(sink: StdoutSink) -> Trail:
    """A trail on `sink` that does not sleep."""

    async def sleep(_: float) -> None:
        return None

    return Trail(
        sink, chain="chain-1", seq=0, previous=GENESIS, now=time.time, required=True, log=lambda _: None, sleep=sleep
    )


@dataclasses.dataclass
class Pipe:
    """A pipe whose writing end is our standard output."""

    reader: int
    writer: int
    sink: StdoutSink

    def read(self, most: int = 1 << 20) -> bytes:
        """What the collector finds at once."""
        with contextlib.suppress(BlockingIOError):
            return os.read(self.reader, most)
        return b""


@contextlib.contextmanager
def piped() -> Iterator[Pipe]:
    """A pipe with a collector at its end."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    sink = StdoutSink.open(writer)
    try:
        yield Pipe(reader, writer, sink)
    finally:
        sink.close()
        os.close(writer)
        with contextlib.suppress(OSError):
            os.close(reader)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    """See `piped`."""
    with piped() as made:
        yield made


def fill(trail: Trail) -> int:
    """Write until the sink is not ready; how many lines went."""
    count = 0
    while trail.try_record(ENTRY):
        count += 1
    return count


def crowd(sink: StdoutSink) -> None:
    """Write without looking for room, as another process might have filled it meanwhile."""
    for _ in range(10_000):
        sink.write(b"a line\n")


def test_lines_reach_the_collector(pipe: Pipe) -> None:
    """A collector reads whole lines in a chain, one per decision."""
    trail = trail_on(pipe.sink)
    for _ in range(3):
        assert trail.try_record(ENTRY)
    assert len(verified(pipe.read().splitlines(keepends=True))) == 3


async def test_a_collector_that_stalls_refuses_calls_and_blocks_nothing(pipe: Pipe) -> None:
    """When the collector stops reading, calls get 503; when it reads again, the chain goes on (R-18, FAULT-39)."""
    trail = trail_on(pipe.sink)
    count = fill(trail)
    assert count > 50
    assert not pipe.sink.ready()
    with pytest.raises(Unavailable):
        await trail.record(ENTRY)
    assert not await trail.outcome(dataclasses.replace(ENTRY, id="owed", phase="outcome"))
    received = pipe.read()
    await trail.record(ENTRY)
    received += pipe.read()
    found = verified(received.splitlines(keepends=True))
    assert len(found) == count + 2
    assert found[count]["id"] == "owed"


async def test_a_collector_that_is_gone_refuses_calls(pipe: Pipe) -> None:
    """A dead collector is a 503 and a log line, not a crash (FAULT-39)."""
    trail = trail_on(pipe.sink)
    os.close(pipe.reader)
    assert pipe.sink.ready()
    with pytest.raises(Unavailable):
        await trail.record(ENTRY)
    assert "Broken pipe" in str(trail.problem)


def test_the_shared_descriptor_keeps_its_mode(pipe: Pipe) -> None:
    """Other processes on the same pipe, and standard error on it, do not suddenly find it non-blocking."""
    fill(trail_on(pipe.sink))
    assert os.get_blocking(pipe.writer)


def test_another_process_on_the_pipe_does_not_make_us_block(pipe: Pipe) -> None:
    """Workers share one pipe: one that fills it between our look and our line does not stop our event loop."""
    other = StdoutSink.open(pipe.writer)
    assert pipe.sink.ready()
    while other.ready():
        other.write(b"x" * 4096)
    with pytest.raises(BlockingIOError):
        pipe.sink.write(b"a line\n")
    other.close()


def test_without_a_description_of_its_own_it_looks_before_it_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the pipe cannot be opened again (not Linux, another user's) a stalled collector still blocks nobody."""

    def refused(*_: object) -> int:
        raise PermissionError

    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(os, "open", refused)
        elsewhere.delattr(fcntl, "F_GETPIPE_SZ")
        with piped() as pipe:
            trail = trail_on(pipe.sink)
            assert trail.try_record(BIG)
            assert not trail.try_record(BIG)  # as nobody tells how much room there is
            count = fill(trail)
            assert len(verified(pipe.read().splitlines(keepends=True))) == 1 + count


def test_a_line_longer_than_a_page_waits_for_its_room(pipe: Pipe) -> None:
    """A caller with long names gets a whole line or none: what a pipe may split is written when it will not."""
    trail = trail_on(pipe.sink)
    count = fill(trail)
    received = pipe.read(20_000)
    assert trail.try_record(ENTRY)
    assert not trail.try_record(BIG)
    assert trail.problem is None
    received += pipe.read()
    assert trail.try_record(BIG)
    received += pipe.read()
    assert len(verified(received.splitlines(keepends=True))) == count + 2


@settings(max_examples=150, deadline=None)
@given(
    steps=st.lists(st.tuples(st.integers(1, 4096), st.integers(0, 6000)), max_size=40),
    size=st.integers(4097, 50_000),
)
@example(steps=[(2049, 0)] * 14 + [(2049, 2048)], size=6144)  # half-empty pages, the first nearly read
def test_what_has_room_is_taken_as_a_whole(steps: list[tuple[int, int]], size: int) -> None:
    """However full of short lines the pipe is, a long line is either not begun or written to its end."""
    with piped() as pipe:
        for length, eaten in steps:
            with contextlib.suppress(BlockingIOError):
                pipe.sink.write(b"x" * length)
            if eaten:
                pipe.read(eaten)
        with contextlib.suppress(BlockingIOError):
            pipe.sink.write(b"y" * size)
        assert pipe.read().count(b"y") in {0, size}


def test_half_a_line_in_a_tiny_pipe_is_ended_before_the_next(pipe: Pipe) -> None:
    """Where a pipe is too small for a line, the call is refused and its half spoils no other line."""
    fcntl.fcntl(pipe.writer, fcntl.F_SETPIPE_SZ, 4096)
    sink = StdoutSink.open(pipe.writer)
    trail = trail_on(sink)
    assert trail.try_record(ENTRY)
    received = pipe.read()
    for _ in range(2):
        assert not trail.try_record(BIG)
        assert "took only" in str(trail.problem)
        received += pipe.read()
    for _ in range(2):
        assert trail.try_record(ENTRY)
        received += pipe.read()
    sink.close()
    found = received.splitlines(keepends=True)
    assert len(verified([found[0], *found[3:]])) == 3
    assert [len(half) for half in found[1:3]] == [4097, 4096]


async def test_a_socket_that_stalls_or_closes_refuses_calls() -> None:
    """Under systemd standard output is a socket: the same promises hold there."""
    ours, collector = socket.socketpair()
    sink = StdoutSink.open(ours.fileno())
    trail = trail_on(sink)
    count = fill(trail)
    assert count > 10
    assert ours.gettimeout() is None
    received = b""
    while len(received.splitlines()) < count:
        received += collector.recv(1 << 20)
    assert len(verified(received.splitlines(keepends=True))) == count
    assert trail.try_record(BIG)
    with pytest.raises(BlockingIOError):
        crowd(sink)
    collector.close()
    with pytest.raises(Unavailable):
        await trail.record(ENTRY)
    sink.close()
    ours.close()


async def test_a_full_device_refuses_calls() -> None:
    """A redirection to a full disk is a 503, not a crash (FAULT-39)."""
    full = os.open("/dev/full", os.O_WRONLY)
    sink = StdoutSink.open(full)
    with pytest.raises(Unavailable):
        await trail_on(sink).record(ENTRY)
    sink.close()
    os.close(full)


@pytest.mark.parametrize("mode", ["wb", "ab"])
def test_a_file_gets_whole_lines_or_none(tmp_path: pathlib.Path, mode: str) -> None:
    """With `gateway serve > file` a full disk leaves no half line, and the chain goes on when there is room again."""
    path = tmp_path / "out"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with path.open(mode, buffering=0) as file:
        trail = trail_on(StdoutSink.open(file.fileno()))
        assert trail.try_record(ENTRY)
        before = path.read_bytes()
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 20, hard))
        try:
            assert not trail.try_record(ENTRY)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert path.read_bytes() == before
        assert trail.try_record(ENTRY)
    assert len(verified(path.read_bytes().splitlines(keepends=True))) == 2


def test_what_others_wrote_after_us_is_not_cut(tmp_path: pathlib.Path) -> None:
    """Where standard error goes to the same file, taking our half line back must not take theirs."""
    path = tmp_path / "out"
    path.write_bytes(b"." * 5_000)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with path.open("r+b", buffering=0) as file:
        sink = StdoutSink.open(file.fileno())
        file.seek(990)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, hard))
        try:
            with pytest.raises(OSError, match="took only 10 of 21 bytes"):
                sink.write(b"twenty bytes, a line\n")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        sink.write(b"next\n")
    assert path.read_bytes() == b"." * 990 + b"twenty byt\nnext\n" + b"." * (5_000 - 1_006)


def test_a_terminal_shows_lines() -> None:
    """A developer sees the audit scroll by."""
    ours, terminal = pty.openpty()
    sink = StdoutSink.open(terminal)
    assert trail_on(sink).try_record(ENTRY)
    shown = os.read(ours, 4096)
    assert len(verified([shown.replace(b"\r\n", b"\n")])) == 1
    sink.close()
    os.close(terminal)
    os.close(ours)


def test_a_closed_standard_output_is_an_error_at_start() -> None:
    """Without anywhere to write the gateway does not start, and says what would help (R-14)."""
    closed, other = os.pipe()
    os.close(closed)
    os.close(other)
    with pytest.raises(SinkError, match="GATEWAY_AUDIT=file:PATH"):
        StdoutSink.open(closed)
