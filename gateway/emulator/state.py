"""Users that survive a restart: one JSON file, written after changes and at the end.

What survives: groups (name, description, role, precedence), users (username, sub, status, attributes, enabled, second
factors with the authenticator's secret, dates), memberships, and passwords as SRP's salt and private value. What does
not: tokens and sessions, signing keys, pending codes and challenges, clients and their secrets, IAM keys, identities,
pools other than the dev pool.

Duty: write so that a crash leaves the old file or the new one, never half of one; readable by its owner only.
Prohibition: a file that cannot be read is named and kept, never overwritten.
"""

import json
import os
import tempfile
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from moto.cognitoidp.models import CognitoIdpGroup

from gateway.emulator.backend import Backend
from gateway.emulator.errors import StateError
from gateway.emulator.pool import Pool
from gateway.emulator.srp import Password
from gateway.emulator.user import User, epoch

VERSION = 1
FILE_NAME = "emulator.json"
SAVE_EVERY_SECONDS = 1.0


def load(path: Path, pool: Pool) -> bool:
    """Fill an empty pool from `path`; False when there is no such file.

    Raises StateError, naming the file, when it is not one of ours or another pool's.
    """
    try:
        content = json.loads(path.read_bytes())
        if content["version"] != VERSION or content["pool_id"] != pool.id:
            raise StateError(_complaint(path, "it is of another version or another pool"))
        groups = [_read_group(pool, item) for item in content["groups"]]
        users = [(_read_user(pool, item), item["groups"]) for item in content["users"]]
        known = {group.group_name: group for group in groups}
        joined = [(user, known[name]) for user, names in users for name in names]
    except FileNotFoundError:
        return False
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StateError(_complaint(path, f"it is damaged ({type(error).__name__})")) from error
    pool.groups.update(known)
    for user, _ in users:
        pool.add(user)
    for user, group in joined:
        pool.join(user, group)
    return True


def _complaint(path: Path, what: str) -> str:
    return f"the state in {path} cannot be used: {what}; move it away to start anew"


def save(path: Path, pool: Pool) -> None:
    """Write the pool to `path` in one step, mode 0600. Raises OSError."""
    content = {
        "version": VERSION,
        "pool_id": pool.id,
        "groups": [_group(group) for group in pool.groups.values()],
        "users": [_user(user) for user in pool.users.values()],
    }
    # mkstemp makes files that only their owner can read
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _group(group: CognitoIdpGroup) -> dict[str, Any]:
    return {
        "name": group.group_name,
        "description": group.description,
        "role_arn": group.role_arn,
        "precedence": group.precedence,
        "created": epoch(group.creation_date),
        "modified": epoch(group.last_modified_date),
    }


def _read_group(pool: Pool, item: dict[str, Any]) -> CognitoIdpGroup:
    group = CognitoIdpGroup(pool.id, item["name"], item["description"], item["role_arn"], item["precedence"])
    group.creation_date, group.last_modified_date = _date(item["created"]), _date(item["modified"])
    return group


def _user(user: User) -> dict[str, Any]:
    return {
        "username": user.username,
        "sub": user.id,
        "status": str(user.status),
        "enabled": user.enabled,
        "attributes": dict(user.attribute_lookup),
        "groups": user.group_names,
        "password": _password(user.secret),
        "mfa": {
            "sms": user.sms_mfa_enabled,
            "email": user.email_mfa_enabled,
            "app": user.software_token_mfa_enabled,
            "verified": user.token_verified,
            "secret": user.totp_secret,
            "preferred": user.preferred_mfa_setting,
        },
        "created": epoch(user.create_date),
        "modified": epoch(user.last_modified_date),
    }


def _password(secret: Password | None) -> dict[str, str] | None:
    return None if secret is None else {"salt": f"{secret.salt:x}", "private": f"{secret.private:x}"}


def _read_user(pool: Pool, item: dict[str, Any]) -> User:
    user = User(
        pool_id=pool.id,
        username=item["username"],
        status=item["status"],
        attributes=item["attributes"],
        sub=item["sub"],
    )
    user.enabled = item["enabled"]
    kept, mfa = item["password"], item["mfa"]
    user.secret = None if kept is None else Password(int(kept["salt"], 16), int(kept["private"], 16))
    user.sms_mfa_enabled, user.software_token_mfa_enabled = mfa["sms"], mfa["app"]
    user.email_mfa_enabled = mfa.get("email", False)  # older files do not have it
    user.token_verified, user.totp_secret = mfa["verified"], mfa["secret"]
    user.preferred_mfa_setting = mfa["preferred"]
    user.create_date, user.last_modified_date = _date(item["created"]), _date(item["modified"])
    return user


def _date(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)


class Keeper:
    """Saves a pool from a thread of its own, at most once a second, and once more at the end."""

    def __init__(self, path: Path, backend: Backend, pool: Pool) -> None:
        """Begin to wait for changes."""
        self._path, self._backend, self._pool = path, backend, pool
        self._changed = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="emulator-state", daemon=True)
        self._thread.start()

    def changed(self) -> None:
        """Say that there is something to save."""
        self._changed.set()

    def close(self) -> None:
        """Save for the last time and end the thread. Raises OSError."""
        self._closing.set()
        self._changed.set()
        self._thread.join()
        self._save()

    def _run(self) -> None:
        while True:
            self._changed.wait()
            if self._closing.is_set():
                return
            self._changed.clear()
            self._save()
            self._closing.wait(SAVE_EVERY_SECONDS)

    def _save(self) -> None:
        with self._backend.lock:
            save(self._path, self._pool)
