"""Files of settings: what is read, and what can hold nobody up."""

import os
import pathlib
import socket
import subprocess
import threading
from collections.abc import Callable

import pytest

from gateway.cli import main
from gateway.runtimes import bounded_file

Read = Callable[[str], str]
READERS = [bounded_file.text, bounded_file.text_at_once]


@pytest.fixture
def pipe(tmp_path: pathlib.Path) -> pathlib.Path:
    """A named pipe that nobody writes to."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What never ends is given up sooner."""
    monkeypatch.setattr(bounded_file, "WAIT_SECONDS", 0.2)


def test_a_file_is_read_through_links(tmp_path: pathlib.Path) -> None:
    """Kubernetes mounts a secret as a link to a link."""
    (tmp_path / "file").write_text("grüße\n", encoding="utf-8")
    (tmp_path / "link").symlink_to("file")
    for read in (bounded_file.text, bounded_file.text_at_once):
        assert read(str(tmp_path / "link")) == "grüße\n"


def test_a_shells_process_substitution_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """`AWS_SECRET_ACCESS_KEY_FILE=<(pass show aws)`: a pipe that a slow command fills."""
    monkeypatch.setattr(bounded_file, "WAIT_SECONDS", 20.0)
    with subprocess.Popen(("sh", "-c", "sleep 0.1; printf one; sleep 0.1; printf two"), stdout=subprocess.PIPE) as slow:
        assert slow.stdout is not None
        assert bounded_file.text(f"/dev/fd/{slow.stdout.fileno()}") == "onetwo"


def test_a_pipe_is_read_when_its_writer_comes_later(pipe: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`mkfifo`: a writer waits for us, or we for it; neither takes the other's absence for an end."""
    monkeypatch.setattr(bounded_file, "WAIT_SECONDS", 20.0)
    writer = threading.Timer(0.1, lambda: pipe.write_text("secret", encoding="utf-8"))
    writer.start()
    assert bounded_file.text(str(pipe)) == "secret"
    writer.join()


@pytest.mark.parametrize("read", READERS)
def test_a_pipe_that_never_ends_is_an_error(read: Read, pipe: pathlib.Path) -> None:
    """R-22: without a writer, or with one that says nothing more: no wait without an end."""
    with pytest.raises(OSError, match=r"end|regular"):
        read(str(pipe))
    descriptor = os.open(pipe, os.O_RDWR)
    os.write(descriptor, b"half")
    with pytest.raises(OSError, match=r"end|regular"):
        read(str(pipe))
    os.close(descriptor)


@pytest.mark.parametrize("read", READERS)
def test_what_is_no_file_is_an_error(read: Read, tmp_path: pathlib.Path) -> None:
    """R-22: a folder, a socket, an endless device, nothing at all."""
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "socket"))
        for path in (str(tmp_path), str(tmp_path / "socket"), "/dev/zero", str(tmp_path / "nothing")):
            with pytest.raises(OSError, match=r"^\[Errno"):
                read(path)


@pytest.mark.parametrize("read", READERS)
def test_a_long_file_and_one_of_other_bytes_are_errors(read: Read, tmp_path: pathlib.Path) -> None:
    """R-22: memory is bounded, also while the file grows."""
    path = tmp_path / "file"
    path.write_bytes(b"a" * bounded_file.MAX_BYTES)
    assert len(read(str(path))) == bounded_file.MAX_BYTES
    path.write_bytes(b"a" * (bounded_file.MAX_BYTES + 1))
    with pytest.raises(OSError, match="too long"):
        read(str(path))
    path.write_bytes(b"\xff")
    with pytest.raises(ValueError, match="utf-8"):
        read(str(path))


@pytest.mark.parametrize("command", [["check"], ["keys", "push", "--dry-run"]])
def test_no_command_waits_for_a_pipe_that_nobody_writes_to(
    command: list[str],
    pipe: pathlib.Path,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What an operator runs before a deployment says which file is the trouble, and ends."""
    (tmp_path / "env").write_text(
        f"COGNITO_USER_POOL_ID=us-east-1_EXAMPLE\nCOGNITO_CLIENT_IDS=a\nAWS_CREDENTIALS_FILE={pipe}\n"
    )
    monkeypatch.setattr(bounded_file, "WAIT_SECONDS", 0.05)
    assert main([*command, "--env-file", str(tmp_path / "env")]) != 0
    told = capsys.readouterr()
    assert "AWS_CREDENTIALS" in told.out + told.err
