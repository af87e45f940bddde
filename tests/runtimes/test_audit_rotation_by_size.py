"""The gateway rotates its audit file itself: one chain over all files, whatever happens in between."""

import json
import os
import pathlib
import re
import shutil

import pytest

from gateway.audit import Verification
from gateway.runtimes import audit_rotation
from gateway.runtimes.audit_file import FileSink
from gateway.runtimes.audit_opening import SinkError
from gateway.runtimes.audit_rotation import Rotation
from tests.audit.oracle import ENTRY, verified
from tests.runtimes.audit_runs import Clock, lines, no_file_larger_than, opened, record

SMALL = Rotation(2_100)
"""Four lines a file: each has somewhat over 500 bytes."""


class Crash(BaseException):
    """The process ends here."""


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    """Where the audit goes."""
    return tmp_path / "audit.jsonl"


def files(path: pathlib.Path) -> list[pathlib.Path]:
    """All files of the audit, oldest first."""
    return [*(pathlib.Path(name) for name in audit_rotation.rotated(str(path))), path]


def whole(path: pathlib.Path) -> int:
    """How many lines there are in all files together, which must be one chain from its start."""
    return len(verified([line for file in files(path) for line in lines(file)]))


def test_no_file_grows_beyond_its_size(path: pathlib.Path) -> None:
    """Each file stays below the limit, none is lost, and together they are one chain in the order of their names."""
    with opened(path, rotation=SMALL) as (_, trail):
        record(trail, 50)
    assert whole(path) == 50
    assert len(files(path)) > 10
    assert all(0 < file.stat().st_size <= 2_100 for file in files(path))
    assert {re.sub(r"\d", "0", file.name) for file in files(path)} == {"audit.jsonl", "audit.jsonl.00000000T000000000Z"}
    judge = Verification(from_start=True)
    for file in reversed(files(path)):
        judge.read(file.name, lines(file))
    assert judge.finish().verified


def test_a_restart_goes_on_in_the_chain_and_in_the_rotation(path: pathlib.Path) -> None:
    """Between two runs nothing is lost, and a file that is too large already is rotated at the first line."""
    with opened(path) as (_, trail):
        record(trail, 9)
    for _ in range(3):
        with opened(path, rotation=SMALL) as (_, trail):
            record(trail, 3)
    assert whole(path) == 18
    assert len(lines(files(path)[0])) == 9


@pytest.mark.parametrize("seconds", [1795252625.1235, 1795252625.0, 0.0])
def test_names_sort_as_they_were_made(path: pathlib.Path, seconds: float) -> None:
    """Even in one millisecond, or with a clock that goes back, a rotated file sorts behind those before it."""
    times = iter([1795252625.1235, seconds, seconds, seconds])
    with opened(path, rotation=SMALL, now=lambda: next(times)) as (_, trail):
        record(trail, 14)
    assert [file.name for file in files(path)][:2] == [
        "audit.jsonl.20261121T091705123Z",
        "audit.jsonl.20261121T091705124Z",
    ]
    assert whole(path) == 14


def test_a_rotated_file_is_never_overwritten(path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even when somebody has put a file in the very place."""
    taken = path.with_name("audit.jsonl.taken")
    taken.write_bytes(b"precious")
    monkeypatch.setattr(audit_rotation, "next_name", lambda _path, _seconds: str(taken))
    log: list[str] = []
    with opened(path, rotation=SMALL, log=log.append) as (_, trail):
        record(trail, 9)
    assert taken.read_bytes() == b"precious"
    assert len(verified(lines(path))) == 9
    assert len(log) == 1
    assert "cannot be rotated, it grows on" in log[0]
    assert sorted(file.name for file in path.parent.iterdir()) == ["audit.jsonl", "audit.jsonl.taken"]


def test_only_so_many_files_are_kept(path: pathlib.Path) -> None:
    """The operator's explicit choice: the oldest are deleted, each is named in the log, others' files stay."""
    mine = [
        path.with_name(name) for name in ("audit.jsonl.1", "audit.jsonl.2026", "audit.jsonl.20261121T091705123Z.gz")
    ]
    for file in mine:
        file.touch()
    log: list[str] = []
    with opened(path, rotation=Rotation(2_100, 2), log=log.append) as (_, trail):
        record(trail, 30)
    assert len(files(path)) == 3
    assert all(file.exists() for file in mine)
    kept = [line for file in files(path) for line in lines(file)]
    verified(kept, seq=30 - len(kept), previous=json.loads(kept[0])["previous"])
    assert sum("deleted" in line for line in log) == sum("was rotated" in line for line in log) - 2


def test_a_file_that_cannot_be_deleted_stops_nothing(path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said, and the audit goes on."""
    log: list[str] = []
    with opened(path, rotation=Rotation(2_100, 1), log=log.append) as (_, trail):
        record(trail, 5)

        def refused(_: pathlib.Path) -> None:
            raise PermissionError(1, "Operation not permitted")

        with monkeypatch.context() as elsewhere:
            elsewhere.setattr(pathlib.Path, "unlink", refused)
            record(trail, 8)
    assert whole(path) == 13
    assert any("cannot be deleted: Operation not permitted" in line for line in log)


def test_those_who_may_read_the_old_file_may_read_the_new_one(path: pathlib.Path) -> None:
    """A collector that follows the file as another user is not shut out by a rotation."""
    with opened(path, rotation=SMALL) as (_, trail):
        record(trail, 3)
        path.chmod(0o640)
        record(trail, 3)
    assert {file.stat().st_mode & 0o777 for file in files(path)} == {0o640}
    assert len(files(path)) == 2


def test_a_group_that_reads_the_old_file_reads_the_new_one(path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As far as the group is ours to give; if it is not, the rotation goes on."""
    path.touch()
    given: list[int] = []

    def give(_fd: int, _owner: int, group: int) -> None:
        given.append(group)
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "fchown", give)
    fd = os.open(path, os.O_RDWR)
    state = list(os.fstat(fd))
    state[5] += 1
    audit_rotation.inherit(fd, os.stat_result(state))
    audit_rotation.inherit(fd, os.fstat(fd))
    os.close(fd)
    assert given == [state[5]]


def test_a_rotation_that_fails_at_its_last_step_leaves_nothing(
    path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line goes into the old file, which keeps its only name."""

    def refused(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    with opened(path, rotation=SMALL) as (_, trail), monkeypatch.context() as elsewhere:
        elsewhere.setattr(pathlib.Path, "replace", refused)
        record(trail, 9)
    assert list(path.parent.iterdir()) == [path]
    assert len(verified(lines(path))) == 9


def test_what_is_left_of_an_attempt_is_not_in_the_new_file(path: pathlib.Path) -> None:
    """A new file begins with its line and nothing else."""
    with opened(path, rotation=SMALL) as (_, trail):
        record(trail, 4)
        path.with_name("audit.jsonl.next").write_bytes(b"left\n")
        record(trail)
    assert whole(path) == 5


def test_a_second_name_that_is_not_a_rotations_stays(path: pathlib.Path) -> None:
    """An operator's own hard link is none of the gateway's business."""
    with opened(path, rotation=SMALL) as (_, trail):
        record(trail, 5)
    path.with_name("mine").hardlink_to(path)
    with opened(path, rotation=SMALL) as (_, trail):
        record(trail)
    assert path.with_name("mine").stat().st_ino == path.stat().st_ino
    assert whole(path) == 6


def test_a_full_disk_during_a_rotation_refuses_lines_and_recovers(path: pathlib.Path) -> None:
    """Neither the new file nor the old one has room: calls are refused; afterwards the chain goes on (R-18)."""
    clock, log = Clock(), list[str]()
    with opened(path, rotation=SMALL, monotonic=clock, log=log.append) as (_, trail):
        record(trail, 4)
        before = path.read_bytes()
        with no_file_larger_than(100):
            for _ in range(3):
                assert not trail.try_record(ENTRY)
                clock.seconds += 0.3
        assert path.read_bytes() == before
        assert files(path) == [path]
        record(trail)  # there is room, but it was tried a moment ago
        assert files(path) == [path]
        clock.seconds += 1.0
        record(trail)
    assert len(files(path)) == 2
    assert whole(path) == 6
    assert [line.partition(":")[2][:60] for line in log if "cannot" in line] == [log[0].partition(":")[2][:60]]


def crash_in(monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """Let the process end at a step of the next rotation."""

    def crash(*_: object, **__: object) -> None:
        raise Crash

    match step:
        case "before its name":
            monkeypatch.setattr(audit_rotation, "next_name", crash)
        case "before its place":
            monkeypatch.setattr(pathlib.Path, "replace", crash)
        case "after it":
            monkeypatch.setattr(FileSink, "_rotated", crash)


@pytest.mark.parametrize("step", ["before its name", "before its place", "after it"])
def test_a_crash_during_a_rotation_is_no_gap(path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """Wherever the process is killed, the next start finds the chain's last line and no line is there twice (R-18)."""
    with opened(path, rotation=SMALL) as (_, trail):
        record(trail, 4)
        with monkeypatch.context() as last_moment:
            crash_in(last_moment, step)
            with pytest.raises(Crash):
                trail.try_record(ENTRY)
    before = whole(path) if step == "after it" else 4
    with opened(path, rotation=SMALL) as (_, trail):
        record(trail, 6)
    assert whole(path) == before + 6
    assert not path.with_name("audit.jsonl.next").exists()
    partial = path.with_name("audit.jsonl.partial")
    assert partial.exists() == (step != "after it")  # the line that was never accepted


@pytest.mark.parametrize("trace", ["empty", "missing"])
def test_an_empty_file_goes_on_after_the_newest_rotated_one(path: pathlib.Path, trace: str) -> None:
    """What a power failure leaves of a new file is nothing: the chain goes on after the last line that there is."""
    with opened(path, rotation=SMALL) as (_, trail):
        record(trail, 9)
    held = len(lines(path))
    path.write_bytes(b"") if trace == "empty" else path.unlink()
    with opened(path, rotation=SMALL) as (sink, trail):
        assert sink.head is not None
        assert sink.head.seq == 9 - held
        record(trail, 2)
    assert whole(path) == 9 - held + 2


def test_no_new_chain_is_begun_after_a_rotated_file_that_is_not_understood(path: pathlib.Path) -> None:
    """A file by that name without a line of the audit at its end is somebody's doing: it is named, nothing starts."""
    rotated = path.with_name("audit.jsonl.20261121T091705123Z")
    rotated.write_bytes(b"rubbish\n")
    with pytest.raises(SinkError, match="does not end with an audit line: move it away"):
        FileSink.open(str(path), log=print)
    rotated.unlink()
    rotated.symlink_to("/etc/hostname")
    with pytest.raises(SinkError, match="cannot be read"):
        FileSink.open(str(path), log=print)


def test_a_file_that_was_moved_away_is_not_rotated(path: pathlib.Path) -> None:
    """Somebody else rotated it a moment before: the file that is ours now is a new one, and it is small."""
    clock = Clock()
    with opened(path, rotation=SMALL, monotonic=clock) as (_, trail):
        record(trail, 4)
        path.rename(path.with_name("audit.jsonl.1"))
        record(trail, 2)
    assert files(path) == [path]
    assert len(verified(lines(path.with_name("audit.jsonl.1")) + lines(path))) == 6


def test_a_file_that_was_cut_is_not_rotated(path: pathlib.Path) -> None:
    """With copytruncate what counts is the size that the file has, not what was written to it."""
    with opened(path, rotation=SMALL) as (_, trail):
        record(trail, 4)
        shutil.copy(path, path.with_name("copy"))
        os.truncate(path, 0)
        record(trail, 2)
    assert files(path) == [path]


def test_a_file_that_is_replaced_just_then_refuses_lines(path: pathlib.Path) -> None:
    """Somebody's file in our file's place is not rotated as if it were ours (R-18)."""
    with opened(path, rotation=SMALL) as (_, trail):
        record(trail, 4)
        path.rename(path.with_name("audit.jsonl.1"))
        path.write_bytes(b"forged\n")
        assert not trail.try_record(ENTRY)
        assert "was replaced" in str(trail.problem)
    assert files(path) == [path]


def test_workers_rotate_each_its_own(path: pathlib.Path) -> None:
    """The rotated files of one worker are never taken for another's."""
    sinks = [FileSink.claim(str(path), 2, log=print, rotation=SMALL) for _ in range(2)]
    for sink in sinks:
        for number in range(8):
            sink.write(b"%0600d\n" % number)
        sink.close()
    for number in (1, 2):
        assert len(audit_rotation.rotated(str(path.with_name(f"audit.{number}.jsonl")))) == 2
