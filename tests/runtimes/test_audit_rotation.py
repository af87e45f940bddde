"""The audit's file is moved, removed or swapped while it is written: the chain goes on, or nothing does."""

import os
import pathlib
from collections.abc import Callable

import pytest

from gateway.runtimes.audit_file import FileSink
from gateway.runtimes.audit_opening import SinkError
from tests.audit.oracle import ENTRY, verified
from tests.runtimes.audit_runs import Clock, lines, no_file_larger_than, opened, record, sick


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    """Where the audit goes."""
    return tmp_path / "audit.jsonl"


def rename(path: pathlib.Path) -> None:
    """Rotate as logrotate does by default."""
    path.rename(path.with_name("audit.jsonl.1"))


def rename_and_create(path: pathlib.Path) -> None:
    """Rotate as logrotate does with `create`."""
    rename(path)
    path.touch()


@pytest.mark.parametrize("rotate", [rename, rename_and_create])
def test_the_chain_goes_on_in_the_file_after_a_rotation(
    path: pathlib.Path, rotate: Callable[[pathlib.Path], None]
) -> None:
    """Moving the file away loses no line: within a second the next ones go to a new file and name those before."""
    clock, log = Clock(), list[str]()
    with opened(path, monotonic=clock, log=log.append) as (_, trail):
        record(trail, 3)
        rotate(path)
        record(trail)
        clock.seconds += 1.0
        record(trail, 2)
        with pytest.raises(SinkError, match="another process"):
            FileSink.open(str(path), log=print)
    old = path.with_name("audit.jsonl.1")
    assert len(verified(lines(old) + lines(path))) == 6
    assert len(lines(path)) == 2
    assert len(log) == 1
    assert "moved away" in log[0]


def test_a_removed_file_is_made_anew_and_the_gap_shows(path: pathlib.Path) -> None:
    """Who deletes the audit stops neither the gateway nor the chain: the new file starts in its middle."""
    clock = Clock()
    with opened(path, monotonic=clock) as (_, trail):
        record(trail, 3)
        head = trail.head
        path.unlink()
        clock.seconds += 1.0
        record(trail)
    assert len(verified(lines(path), seq=3, previous=head.previous)) == 1


def test_a_file_with_content_in_our_files_place_stops_calls(path: pathlib.Path) -> None:
    """Who swaps the file for another gets no action at all until that one is gone (R-18)."""
    clock = Clock()
    with opened(path, monotonic=clock) as (_, trail):
        record(trail, 2)
        rename(path)
        path.write_bytes(b"forged\n")
        clock.seconds += 1.0
        for _ in range(2):
            assert not trail.try_record(ENTRY)
        assert "was replaced" in str(trail.problem)
        path.unlink()
        record(trail)
    assert len(lines(path)) == 1


def test_half_a_line_does_not_follow_to_the_new_file(path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sick disk's file may be moved away: the new one starts with a whole line."""
    clock = Clock()
    with opened(path, monotonic=clock) as (_, trail):
        record(trail)
        with monkeypatch.context() as ill, no_file_larger_than(path.stat().st_size + 10):
            ill.setattr(os, "ftruncate", sick)
            assert not trail.try_record(ENTRY)
        rename(path)
        clock.seconds += 1.0
        record(trail, 2)
    assert len(verified(lines(path.with_name("audit.jsonl.1")) + lines(path))) == 3
