"""The file of AWS_CREDENTIALS while the gateway runs: what is taken, what is not, and what the operator reads."""

import asyncio
import contextlib
import json
import os
import pathlib
import socket

import pytest

from gateway.keypair import KeyPair
from gateway.rotation import GivenCredentials
from gateway.runtimes import bounded_file, credentials_file
from gateway.runtimes.credentials_file import CredentialsFile
from gateway.settings import Credentials

OLD = KeyPair("AKIACANARYFILE000001", "canary+secret+of+the+old+pair")
NEW = KeyPair("AKIACANARYFILE000002", "canary+secret+of+the+new+pair", "canary+token")
CHANGED = "AWS_CREDENTIALS_FILE has changed: its current pair signs from now on"
GO_ON = "; the keys in use go on signing"


def written(current: KeyPair, following: KeyPair | None = None) -> str:
    """The value, as an operator writes it."""
    given = {"current": current} | ({} if following is None else {"next": following})
    return json.dumps(
        {
            name: {
                "access_key_id": pair.access_key_id,
                "secret_access_key": pair.secret_access_key,
                **({"session_token": pair.session_token} if pair.session_token else {}),
            }
            for name, pair in given.items()
        }
    )


class Watched:
    """A file, what it gives its keys to, and what was told."""

    def __init__(self, folder: pathlib.Path) -> None:
        """It holds the old pair, which signs, and was looked at."""
        self.path = folder / "AWS_CREDENTIALS"
        self.path.write_text(written(OLD), encoding="utf-8")
        self.held = GivenCredentials(Credentials(OLD))
        self.told: list[str] = []
        self.file = CredentialsFile(str(self.path), give=self.held.give, log=self.told.append)
        self.look(3)

    def look(self, times: int) -> None:
        """Look so often."""
        for _ in range(times):
            self.file.look()

    def put(self, text: str) -> None:
        """Move another file over it."""
        other = self.path.with_name("other")
        other.write_text(text, encoding="utf-8")
        other.replace(self.path)

    async def signs(self) -> KeyPair:
        """The pair that signs now."""
        return await self.held.current(0.0)


@pytest.fixture
def watched(tmp_path: pathlib.Path) -> Watched:
    """The old pair in a file."""
    return Watched(tmp_path)


async def test_a_file_that_nobody_touches_is_not_read_again(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two looks read it, so that nothing between the start and the first is missed; then it is only stat."""
    reads: list[str] = []

    def read(path: str) -> str:
        reads.append(path)
        return written(OLD)

    monkeypatch.setattr(bounded_file, "text_at_once", read)
    watched.look(5)
    assert (reads, watched.told) == ([], [])
    watched.path.touch()
    watched.look(5)
    assert reads == [str(watched.path)] * 2
    assert await watched.signs() == OLD


async def test_a_changed_file_is_taken_at_the_next_look(watched: Watched) -> None:
    """One line tells it, without a key; once, however often it is looked at."""
    watched.put(written(OLD, NEW))
    watched.look(1)
    assert watched.held.rejected(OLD, 0.0) is True
    watched.look(4)
    assert await watched.signs() == NEW, "what the refusal has changed is not taken back by the second look"
    watched.put(written(NEW) + "\n")
    watched.look(4)
    assert await watched.signs() == NEW
    assert watched.told == [f"{CHANGED}, its next one in reserve", CHANGED]


async def test_a_change_before_the_first_look_is_not_missed(watched: Watched) -> None:
    """The value that the settings were read from may be old by the time the server serves."""
    watched.path.write_text(written(NEW), encoding="utf-8")
    file = CredentialsFile(str(watched.path), give=watched.held.give, log=watched.told.append)
    file.look()
    assert await watched.signs() == NEW


async def test_a_link_that_is_swapped_is_a_change(watched: Watched) -> None:
    """Kubernetes: the path stays a link through a link; what is behind it is another file, even with the same times."""
    folder = watched.path.parent
    for name, text in (("one", written(OLD)), ("two", written(NEW).ljust(len(written(OLD))))):
        (folder / name).mkdir()
        (folder / name / "AWS_CREDENTIALS").write_text(text, encoding="utf-8")
        os.utime(folder / name / "AWS_CREDENTIALS", (1, 1))
    (folder / "..data").symlink_to("one")
    watched.path.unlink()
    watched.path.symlink_to("..data/AWS_CREDENTIALS")
    watched.look(3)
    assert watched.told == []
    (folder / "..tmp").symlink_to("two")
    (folder / "..tmp").replace(folder / "..data")
    watched.look(1)
    assert await watched.signs() == NEW


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "AWS_CREDENTIALS_FILE: read an empty file"),
        ("canary not JSON", "AWS_CREDENTIALS: read (secret, 15 characters); wanted one JSON object"),
        (written(NEW)[:-9], "wanted one JSON object"),
        ('{"current": {"access_key_id": "AKIACANARYFILE000002"}}', "wanted in current: "),
        ('{"next": {}}', "wanted in AWS_CREDENTIALS: current"),
        (written(KeyPair("ASIACANARYFILE000003", "canary+secret")), "current.session_token as well"),
        (written(NEW).replace("new+pair", "new pair"), "wanted in current.secret_access_key"),
        ("change-me", "wanted"),
    ],
)
async def test_a_wrong_file_is_told_once_and_changes_nothing(watched: Watched, text: str, says: str) -> None:
    """R-01, R-14: the rules are those of the start; one line, nothing of the content, and the old pair signs on."""
    watched.put(text)
    watched.look(5)
    assert await watched.signs() == OLD
    [line] = watched.told
    assert says in line
    assert line.endswith(GO_ON)
    assert "canary" not in line.lower()
    watched.put(written(OLD))
    watched.look(3)
    assert watched.told[1:] == ["AWS_CREDENTIALS_FILE is right again: its keys are the ones in use"]


@pytest.mark.parametrize("how", ["a pipe", "a socket", "a device", "an endless file"])
async def test_what_could_hold_the_gateway_up_is_not_read(watched: Watched, how: str) -> None:
    """R-14, R-22: no call waits for whoever stands behind the path; why it is not read is told once."""
    watched.path.unlink()
    with contextlib.ExitStack() as open_ones:
        if how == "a pipe":
            os.mkfifo(watched.path)
        elif how == "a socket":
            open_ones.enter_context(socket.socket(socket.AF_UNIX)).bind(str(watched.path))
        elif how == "a device":
            watched.path.symlink_to("/dev/zero")
        else:
            watched.path.write_bytes(b" " * (bounded_file.MAX_BYTES + 1))
        watched.look(4)
    assert await watched.signs() == OLD
    [line] = watched.told
    assert ("longer than" if how == "an endless file" else "no regular file") in line
    assert line.endswith(GO_ON)
    watched.put(written(NEW))
    watched.look(3)
    assert await watched.signs() == NEW
    assert watched.told[1:] == [CHANGED]


@pytest.mark.parametrize("how", ["gone", "a folder", "not UTF-8"])
async def test_a_file_that_cannot_be_read_is_told_once_and_changes_nothing(watched: Watched, how: str) -> None:
    """R-14: a mount that failed takes no keys away; when it is back, its value counts."""
    watched.path.unlink()
    if how == "a folder":
        watched.path.mkdir()
    elif how == "not UTF-8":
        watched.path.write_bytes(b"\xff\xfecanary")
    watched.look(4)
    assert await watched.signs() == OLD
    [line] = watched.told
    assert line.startswith("AWS_CREDENTIALS_FILE: read '")
    assert line.endswith(GO_ON)
    if how == "a folder":
        watched.path.rmdir()
    watched.put(written(NEW))
    watched.look(3)
    assert await watched.signs() == NEW
    assert watched.told[1:] == [CHANGED]


async def test_a_file_in_the_middle_of_being_written_is_not_told(watched: Watched) -> None:
    """Whoever writes into the file in place is given until the next look."""
    text = written(OLD, NEW)
    watched.path.write_text(text[:40], encoding="utf-8")
    watched.look(1)
    watched.path.write_text(text, encoding="utf-8")
    watched.look(3)
    assert watched.told == [f"{CHANGED}, its next one in reserve"]


async def test_it_is_looked_at_again_and_again(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as the gateway runs, in the background."""
    monkeypatch.setattr(credentials_file, "LOOK_SECONDS", 0.0)
    watching = asyncio.create_task(watched.file.watch())
    watched.put(written(NEW))
    for _ in range(100):
        await asyncio.sleep(0)
    assert await watched.signs() == NEW
    watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching
