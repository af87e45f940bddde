"""What survives a restart, and what happens to a file that does not."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway import emulator as cognito
from gateway.emulator import Emulator, PoolSpec, state
from tests.emulator.callers import PASSWORD, Clock, client

FILE = "emulator.json"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that is not there yet."""
    return tmp_path / "a" / "state"


def calls(emulator: Emulator) -> Iterator[Any]:
    """A client for one emulator."""
    made = client(emulator)
    yield made
    made.close()


def appears(path: Path) -> bool:
    """Say whether a file is there, after a moment."""
    time.sleep(0.01)
    return path.exists()


def test_users_groups_and_passwords_survive(folder: Path, clock: Clock) -> None:
    """Changes of yesterday are there today: users, memberships, passwords, groups, second factors."""
    with cognito.start(port=0, state_dir=folder, users=5) as first:
        pool = {"UserPoolId": first.pool_id}
        for idp in calls(first):
            idp.admin_create_user(**pool, Username="kept", UserAttributes=[{"Name": "name", "Value": "Kept"}])
            idp.admin_set_user_password(**pool, Username="kept", Password="K3pt!password", Permanent=True)
            idp.create_group(**pool, GroupName="crew", Precedence=3, Description="who stays")
            idp.admin_add_user_to_group(**pool, Username="kept", GroupName="crew")
            idp.admin_delete_user(**pool, Username="ada.abara")
            idp.admin_disable_user(**pool, Username="bjorn.chen")
            mailed = {"EmailMfaSettings": {"Enabled": True}}
            idp.admin_set_user_mfa_preference(**pool, Username="moderator@example.com", **mailed)
            before = idp.admin_get_user(**pool, Username="kept")
        tokens = first.sign_in("kept", "K3pt!password")
    with cognito.start(port=0, state_dir=folder, users=5, clock=clock) as second:
        for idp in calls(second):
            after = idp.admin_get_user(**pool, Username="kept")
            for answer in (before, after):
                answer.pop("ResponseMetadata")
            assert before == after
            groups = idp.admin_list_groups_for_user(**pool, Username="kept")["Groups"]
            assert [(group["GroupName"], group["Precedence"]) for group in groups] == [("crew", 3)]
            assert idp.admin_get_user(**pool, Username="bjorn.chen")["Enabled"] is False
            with pytest.raises(idp.exceptions.UserNotFoundException):
                idp.admin_get_user(**pool, Username="ada.abara")
            with pytest.raises(idp.exceptions.NotAuthorizedException):
                idp.get_user(AccessToken=tokens["access_token"])
        assert second.sign_in("kept", "K3pt!password")["access_token"]
        assert second.sign_in("admin@example.com", PASSWORD)["access_token"]
        with pytest.raises(LookupError, match="EMAIL_OTP"):
            second.sign_in("moderator@example.com", PASSWORD)
        with pytest.raises(cognito.AwsError):
            second.sign_in("kept", PASSWORD)


def test_the_file_is_its_owners_and_holds_no_password(folder: Path) -> None:
    """Mode 0600 in a folder of mode 0700, no password in clear, no half-written file beside it (R-01)."""
    with cognito.start(port=0, state_dir=folder, users=3):
        pass
    written = folder / FILE
    assert written.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert PASSWORD not in written.read_text()
    assert list(folder.iterdir()) == [written]


def test_a_change_is_saved_while_it_runs(folder: Path) -> None:
    """A crash after a change does not lose it: the file is written soon, not only at the end."""
    with cognito.start(port=0, state_dir=folder, users=0) as emulator:
        for idp in calls(emulator):
            idp.admin_create_user(UserPoolId=emulator.pool_id, Username="soon")
        assert any(appears(folder / FILE) for _ in range(500))
        kept = json.loads((folder / FILE).read_bytes())
        assert "soon" in [user["username"] for user in kept["users"]]


def test_nothing_is_written_for_reads(folder: Path) -> None:
    """A look does not touch the disk."""
    with cognito.start(port=0, state_dir=folder, users=0) as emulator:
        for idp in calls(emulator):
            idp.admin_get_user(UserPoolId=emulator.pool_id, Username="admin@example.com")
        assert emulator._parts.keeper is not None
        assert not emulator._parts.keeper._changed.is_set()
        assert not (folder / FILE).exists()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"version": 1}',
        '{"version": 99, "pool_id": "us-east-1_DevPool01", "groups": [], "users": []}',
        '{"version": 1, "pool_id": "us-east-1_Other", "groups": [], "users": []}',
        '{"version": 1, "pool_id": "us-east-1_DevPool01", "groups": [], "users": [{"username": "x"}]}',
    ],
)
def test_a_damaged_file_is_named_and_kept(content: str, folder: Path) -> None:
    """The emulator does not start, says which file, and leaves it as it is; the port is free again."""
    folder.mkdir(parents=True)
    (folder / FILE).write_text(content)
    with pytest.raises(cognito.StateError, match=r"emulator\.json cannot be used"):
        cognito.start(port=0, state_dir=folder)
    assert (folder / FILE).read_text() == content


def test_a_save_that_fails_leaves_the_old_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of a file is never seen: the new one takes the old one's place in one step."""
    with cognito.start(port=0, state_dir=folder, users=0) as emulator:
        pool = emulator._parts.pool
    old = (folder / FILE).read_bytes()

    def fail(*_: object, **__: object) -> None:
        message = "disk full"
        raise OSError(message)

    monkeypatch.setattr("json.dump", fail)
    with pytest.raises(OSError, match="disk full"):
        state.save(folder / FILE, pool)
    assert (folder / FILE).read_bytes() == old
    assert [path.name for path in folder.iterdir()] == [FILE]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "taken").write_text("")
    with pytest.raises(cognito.StateError, match="taken"):
        cognito.start(port=0, state_dir=tmp_path / "taken")


def test_another_pool_has_another_state(folder: Path) -> None:
    """A state is not read into a pool with another id."""
    with cognito.start(port=0, state_dir=folder, users=0):
        pass
    with pytest.raises(cognito.StateError):
        cognito.start(port=0, state_dir=folder, pool=PoolSpec(pool_id="us-east-1_Another01"))
