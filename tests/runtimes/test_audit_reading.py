"""Reading audit files: large, packed, growing, rotated away."""

import gzip
import io
import os
import pathlib
import sys
import types

import pytest

from gateway.runtimes import audit_reading
from gateway.runtimes.audit_reading import Growing, Lines, ReadingError, files_of, last_lines

TEXT = b"".join(b"line %d\n" % number for number in range(1000))
LAST = [b"line 998\n", b"line 999\n"]


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    """A file of a thousand lines."""
    path = tmp_path / "audit.jsonl"
    path.write_bytes(TEXT)
    return path


def read(path: pathlib.Path) -> list[bytes]:
    """All lines of a file."""
    with Lines(str(path)) as lines:
        return list(lines)


def test_a_file_is_read_plain_or_packed(path: pathlib.Path) -> None:
    """What logrotate compressed needs no unpacking, whatever its name is."""
    packed = path.with_name("packed")
    packed.write_bytes(gzip.compress(TEXT + b"half"))
    assert read(path) == TEXT.splitlines(keepends=True)
    assert read(packed) == [*TEXT.splitlines(keepends=True), b"half"]
    assert last_lines(str(packed), 2) == LAST == last_lines(str(path), 2)
    with Lines(str(packed)) as lines:
        list(lines)
        assert lines.done_bytes == lines.size_bytes == packed.stat().st_size


def test_a_packed_file_that_was_cut_is_named(path: pathlib.Path) -> None:
    """A broken copy is an error with the file's name, not a shorter audit."""
    for data in (gzip.compress(TEXT)[:-20], gzip.compress(TEXT)[:-9] + b"x" * 9, b"\x1f\x8b" + b"x" * 50):
        path.write_bytes(data)
        with pytest.raises(ReadingError, match=r"audit\.jsonl: cannot be read"):
            read(path)


def test_a_line_without_end_is_cut(path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of zeros, or somebody's film, is read without being held."""
    monkeypatch.setattr(audit_reading, "MAX_LINE_BYTES", 10)
    path.write_bytes(b"x" * 35 + b"\nshort\n123456789\n" + b"y" * 10)
    assert read(path) == [b"x" * 9 + b"\n", b"short\n", b"123456789\n", b"y" * 10]


def test_standard_input_is_a_file_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The output of `docker logs` can be read from a pipe."""
    reader, writer = os.pipe()
    os.write(writer, TEXT)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe, monkeypatch.context() as piped:
        piped.setattr(sys, "stdin", types.SimpleNamespace(buffer=pipe))
        assert last_lines("-", 2) == LAST
    with monkeypatch.context() as closed:
        closed.setattr(sys, "stdin", types.SimpleNamespace(buffer=io.BytesIO()))
        with pytest.raises(ReadingError, match="standard input: cannot be read"):
            Lines("-")


@pytest.mark.parametrize("count", [0, 1, 2, 999, 1000, 5000])
def test_the_last_lines_are_found_from_the_end(path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """However large the file and small the blocks; half a line at the end is not one."""
    monkeypatch.setattr(audit_reading, "_BLOCK_BYTES", 7)
    path.write_bytes(TEXT + b"half")
    assert last_lines(str(path), count) == (TEXT.splitlines(keepends=True)[-count:] if count else [])


def test_an_empty_file_has_no_lines(path: pathlib.Path) -> None:
    """Nor has one with half a line."""
    for data in (b"", b"half"):
        path.write_bytes(data)
        assert last_lines(str(path), 5) == []


def follow(path: pathlib.Path) -> Growing:
    """The file, all of it read."""
    growing = Growing(str(path))
    growing.last(0)
    return growing


def add(path: pathlib.Path, text: bytes) -> None:
    """Let the file grow."""
    with path.open("ab") as file:
        file.write(text)


def test_new_lines_come_once_and_whole(path: pathlib.Path) -> None:
    """A line that is written in two pieces is shown when its end is there."""
    add(path, b"a ha")
    growing = follow(path)
    assert growing.more() == []
    add(path, b"lf\nb\nc")
    assert growing.more() == [b"a half\n", b"b\n"]
    assert growing.more() == []
    growing.close()


@pytest.mark.parametrize("create", [False, True])
def test_a_file_is_followed_through_its_rotation(path: pathlib.Path, *, create: bool) -> None:
    """Nothing is lost when the file is moved away, even what is written to it until the new one has a line."""
    growing = follow(path)
    old = path.rename(path.with_name("audit.jsonl.1"))
    if create:
        path.touch()
    add(old, b"a\n")
    assert growing.more() == [b"a\n"]
    assert growing.more() == []
    add(old, b"b\n")
    add(path, b"c\n")
    assert growing.more() == [b"b\n"]
    assert growing.more() == []
    assert growing.more() == [b"c\n"]
    growing.close()


def test_a_file_that_is_cut_is_read_from_its_start(path: pathlib.Path) -> None:
    """As copytruncate does it."""
    growing = follow(path)
    path.write_bytes(b"a\n")
    assert growing.more() == [b"a\n"]
    growing.close()


def test_a_growing_line_without_end_is_passed_over(path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits forever behind rubbish."""
    monkeypatch.setattr(audit_reading, "_MORE_BYTES", 10)
    growing = follow(path)
    add(path, b"x" * 25 + b"\na\n")
    assert [growing.more() for _ in range(4)] == [[], [], [b"xxxxx\n", b"a\n"], []]
    growing.close()


def test_a_file_that_cannot_be_read_is_named(path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name and the reason, no traceback."""
    for kind in (Lines, Growing):
        with pytest.raises(ReadingError, match="nowhere: cannot be read: No such file"):
            kind("nowhere")
    growing = follow(path)

    def sick(*_: object) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "pread", sick)
    with pytest.raises(ReadingError, match="Input/output error"):
        growing.more()
    growing.close()


def test_the_files_of_a_setting_are_found(tmp_path: pathlib.Path) -> None:
    """Workers' files, rotated and packed ones, in the order in which they were written last; nothing else."""
    names = [
        "audit.1.jsonl.20261121T091705123Z",
        "audit.jsonl.2.gz",
        "audit.jsonl-20261120",
        "audit.2.jsonl",
        "audit.jsonl",
    ]
    others = ["audit.jsonl.partial", "audit.1.jsonl.next", "audit.log", "other.jsonl", "audit.x.jsonl"]
    for number, name in enumerate([*names, *others]):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (number, number))
    (tmp_path / "audit.jsonl.d").mkdir()
    assert files_of(str(tmp_path / "audit.jsonl")) == [str(tmp_path / name) for name in names]
    for missing in (tmp_path / "none.jsonl", tmp_path / "no" / "folder.jsonl"):
        with pytest.raises(ReadingError, match="No such file"):
            files_of(str(missing))
