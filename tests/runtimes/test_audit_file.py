"""The audit's file: whole lines or none, one chain across restarts, crashes and full disks."""

import errno
import fcntl
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from gateway.runtimes.audit_file import FileSink, for_worker
from gateway.runtimes.audit_opening import SinkError
from tests.audit.oracle import ENTRY, verified
from tests.runtimes.audit_runs import Clock, lines, no_file_larger_than, opened, record, sick, trail_on


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    """Where the audit goes."""
    return tmp_path / "audit.jsonl"


def test_a_new_file_is_the_gateways_alone(path: pathlib.Path) -> None:
    """Nobody else on the machine reads the audit of a fresh gateway."""
    with opened(path) as (sink, trail):
        assert sink.head is None
        assert sink.ready()
        record(trail)
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(verified(lines(path))) == 1


def test_a_restart_continues_the_chain(path: pathlib.Path) -> None:
    """Three runs of the gateway, however long they take, leave one chain without a gap."""
    clock = Clock()
    for _ in range(3):
        with opened(path, monotonic=clock) as (_, trail):
            for _ in range(4):
                record(trail)
                clock.seconds += 0.7
    assert len(verified(lines(path))) == 12


def test_the_end_of_a_long_file_is_found_from_the_end(path: pathlib.Path) -> None:
    """A file of any size opens at once: only its end is read, and has to make sense."""
    with opened(path) as (_, trail):
        record(trail, 3)
    whole = path.read_bytes()
    with path.open("wb") as sparse:
        sparse.truncate(8 * 1024**3)
        sparse.seek(0, os.SEEK_END)
        sparse.write(b"\n" + whole)
    with opened(path) as (sink, _):
        assert sink.head is not None
        assert sink.head.seq == 3


def test_a_half_line_is_moved_aside(path: pathlib.Path) -> None:
    """What a crash left of a line is kept in PATH.partial, and the chain goes on after the last whole line."""
    for half in (b'{"time":"2026', b"\x00\x00\x00"):
        with opened(path) as (_, trail):
            record(trail, 2)
        with path.open("ab") as crashed:
            crashed.write(half)
    with opened(path) as (_, trail):
        record(trail)
    partial = path.with_name("audit.jsonl.partial")
    assert partial.read_bytes() == b'{"time":"2026\n\x00\x00\x00\n'
    assert partial.stat().st_mode & 0o777 == 0o600
    assert len(verified(lines(path))) == 5


def test_half_of_the_very_first_line_is_moved_aside(path: pathlib.Path) -> None:
    """A crash during the first line leaves a chain that starts at 0."""
    path.write_bytes(b'{"time":"2026-11-21T0')
    with opened(path) as (sink, trail):
        assert sink.head is None
        record(trail)
    assert len(verified(lines(path))) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"Nov 21 sshd: started\n",
        b"a pdf, perhaps",
        b'{"seq":1}\n',
        b'{"time":"2026"}\n\n',
        b"{" * 300_000,
        b'{"time":"' * 40_000 + b"x",
        b"x" * 300_000 + b"\n",
    ],
    ids=["log", "half", "json", "empty line", "no line", "endless half", "endless line"],
)
def test_somebody_elses_file_is_left_alone(path: pathlib.Path, content: bytes) -> None:
    """A wrong path in the settings ruins no other file: the gateway does not start, and nothing was changed (R-14)."""
    path.write_bytes(content)
    with pytest.raises(SinkError, match="does not end with an audit line"):
        FileSink.open(str(path), log=print)
    assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path]


def test_a_half_line_that_cannot_be_moved_stays(path: pathlib.Path) -> None:
    """Nothing of a crash's trace is lost when there is no room to put it aside."""
    with opened(path) as (_, trail):
        record(trail)
    before = path.read_bytes() + b"half"
    path.write_bytes(before)
    path.with_name("audit.jsonl.partial").mkdir()
    with pytest.raises(SinkError, match="cannot be moved"):
        FileSink.open(str(path), log=print)
    assert path.read_bytes() == before


def test_two_gateways_cannot_share_a_file(path: pathlib.Path) -> None:
    """A second process on the same file is told so at start, instead of tearing the chain; afterwards it may."""
    with opened(path), pytest.raises(SinkError, match="another process"):
        FileSink.open(str(path), log=print)
    with opened(path) as (_, trail):
        record(trail)


def test_several_workers_take_a_file_each(path: pathlib.Path) -> None:
    """Each worker has a chain of its own; one that starts anew goes on with its predecessor's; too many are refused."""
    first = FileSink.claim(str(path), 2, log=print)
    second = FileSink.claim(str(path), 2, log=print)
    with pytest.raises(SinkError, match=r"audit\.2\.jsonl"):
        FileSink.claim(str(path), 2, log=print)
    record(trail_on(first), 3)
    record(trail_on(second))
    first.close()
    again = FileSink.claim(str(path), 2, log=print)
    assert again.head is not None
    assert again.head.seq == 3
    again.close()
    second.close()
    assert sorted(file.name for file in path.parent.iterdir()) == ["audit.1.jsonl", "audit.2.jsonl"]


@pytest.mark.parametrize(
    ("path", "number", "workers", "expected"),
    [
        ("/var/log/audit.jsonl", 1, 1, "/var/log/audit.jsonl"),
        ("/var/log/audit.jsonl", 1, 2, "/var/log/audit.1.jsonl"),
        ("/var/log.d/audit", 3, 4, "/var/log.d/audit.3"),
        ("audit.2026.jsonl", 12, 12, "audit.2026.12.jsonl"),
    ],
)
def test_a_workers_number_stands_before_the_suffix(path: str, number: int, workers: int, expected: str) -> None:
    """The files of several workers stand side by side under the name that was set."""
    assert for_worker(path, number, workers) == expected


def test_a_missing_folder_is_named(path: pathlib.Path) -> None:
    """An operator reads what to do, not an errno."""
    with pytest.raises(SinkError, match=r"the folder of .*/logs/audit.jsonl does not exist"):
        FileSink.open(str(path.parent / "logs" / "audit.jsonl"), log=print)


def test_what_is_no_file_is_refused(path: pathlib.Path) -> None:
    """A folder or a named pipe in the file's place is an error at start, not a hang."""
    with pytest.raises(SinkError, match="cannot be opened"):
        FileSink.open(str(path.parent), log=print)
    os.mkfifo(path)
    with pytest.raises(SinkError, match="not a regular file"):
        FileSink.open(str(path), log=print)


@pytest.mark.parametrize("name", ["audit.jsonl", "audit.jsonl.partial", "audit.jsonl.next"])
def test_no_link_is_followed(path: pathlib.Path, name: str) -> None:
    """Who may put a link into the folder makes the gateway write nowhere else: it does not start (R-18)."""
    elsewhere = path.with_name("elsewhere")
    if name != path.name:
        with opened(path) as (_, trail):
            record(trail)
        path.write_bytes(path.read_bytes() + b"half")
        elsewhere.touch()
    path.with_name(name).symlink_to(elsewhere)
    with pytest.raises(SinkError, match="symbolic link"):
        FileSink.open(str(path), log=print)
    assert not elsewhere.exists() or elsewhere.read_bytes() == b""


def test_a_link_that_takes_the_files_place_stops_calls(path: pathlib.Path) -> None:
    """While the gateway runs as well: nothing is written through it (R-18)."""
    clock = Clock()
    with opened(path, monotonic=clock) as (_, trail):
        record(trail)
        moved = path.rename(path.with_name("moved"))
        path.symlink_to(moved)
        clock.seconds += 1.0
        assert not trail.try_record(ENTRY)
        assert "symbolic link" in str(trail.problem)
        path.unlink()
        record(trail)
    assert len(lines(moved)) == 1


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o640, False), (0o644, True), (0o660, True)])
def test_a_file_that_is_open_to_others_is_named(path: pathlib.Path, mode: int, *, warned: bool) -> None:
    """The operator is told at start; a group that may read is left in peace, and no mode is changed."""
    path.touch()
    path.chmod(mode)
    log: list[str] = []
    with opened(path, log=log.append):
        pass
    assert [f"is open to others (mode {mode:o})" in line for line in log] == [True] * warned
    assert path.stat().st_mode & 0o777 == mode


def test_a_file_that_cannot_be_locked_is_refused(path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the file system has no locks, two writers could not be told apart."""

    def no_locks(_fd: int, _operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with pytest.raises(SinkError, match="cannot be locked: No locks available"):
        FileSink.open(str(path), log=print)


@pytest.mark.parametrize("times", [1, 5])
def test_a_file_that_is_rotated_away_at_that_moment_is_not_ours(
    path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    """What is locked is what the path names; else two processes would go on with one chain (R-18)."""
    left = [times]
    lock = fcntl.flock

    def late(fd: int, operation: int) -> None:
        lock(fd, operation)
        if left[0]:
            left[0] -= 1
            path.rename(path.with_name(f"audit.jsonl.{left[0]}"))

    monkeypatch.setattr(fcntl, "flock", late)
    if times == 1:
        with opened(path) as (_, trail):
            record(trail)
        assert len(lines(path)) == 1
    else:
        with pytest.raises(SinkError, match="another process writes, or keeps moving"):
            FileSink.open(str(path), log=print)


def test_a_full_disk_leaves_nothing_of_a_line(path: pathlib.Path) -> None:
    """A full disk refuses calls; when there is room again the chain goes on without a gap (FAULT-39)."""
    with opened(path) as (_, trail):
        record(trail, 3)
        before = path.read_bytes()
        for room in (100, 0):
            with no_file_larger_than(len(before) + room):
                assert not trail.try_record(ENTRY)
                assert path.read_bytes() == before
                assert trail.problem is not None
        record(trail, 2)
    assert len(verified(lines(path))) == 5


def test_a_part_of_a_line_is_taken_away_before_the_next(path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk so sick that it cannot even cut a file gets no further line until it can."""
    with opened(path) as (_, trail):
        record(trail)
        cut = os.ftruncate
        with monkeypatch.context() as ill, no_file_larger_than(path.stat().st_size + 10):
            ill.setattr(os, "ftruncate", sick)
            assert not trail.try_record(ENTRY)
            assert not trail.try_record(ENTRY)
        assert os.ftruncate is cut
        assert not path.read_bytes().endswith(b"\n")
        record(trail, 2)
    assert len(verified(lines(path))) == 3


WRITER = """
import sys
from gateway.runtimes.audit_file import FileSink
from tests.audit.oracle import ENTRY
from tests.runtimes.audit_runs import trail_on
trail = trail_on(FileSink.open(sys.argv[1], log=print))
while True:
    trail.try_record(ENTRY)
"""


def test_kill_9_leaves_a_chain_that_verifies(path: pathlib.Path) -> None:
    """Killed in the middle of writing, twice, the gateway leaves every whole line and goes on after them (FAULT-43)."""
    root = pathlib.Path(__file__).parents[2]
    for kilobytes in (100, 200):
        with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], cwd=root) as writer:
            try:
                while not path.exists() or path.stat().st_size < kilobytes * 1024:
                    assert writer.poll() is None
                    time.sleep(0.01)
            finally:
                writer.send_signal(signal.SIGKILL)
    with opened(path) as (sink, trail):
        record(trail)
        assert sink.head is not None
    assert len(verified(lines(path))) == sink.head.seq + 1 > 200
