"""The names and the steps of an audit file's rotation.

Duty: put a new file in the old one's place in one step, so that the path always names the file that is written; give
the old one a name that sorts behind all before it and is nobody's yet.
Prohibition: no line is judged here; no file is deleted whose name was not made here.
Source: docs/decisions/0004-audit.md; Linux man-pages link(2), rename(2).
"""

import contextlib
import os
import pathlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_STAMP = re.compile(r"\d{8}T\d{9}Z")
_FORMAT = "%Y%m%dT%H%M%S%f"
_STEP = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Rotation:
    """A file is rotated before it grows beyond `max_bytes`; the last `keep_files` of these stay, None: all."""

    max_bytes: int
    keep_files: int | None = None


def rotated(path: str) -> list[str]:
    """The files that `path` was rotated to, oldest first."""
    name = pathlib.PurePath(path)
    found = [
        entry.name
        for entry in os.scandir(name.parent)
        if entry.name.startswith(f"{name.name}.") and _STAMP.fullmatch(entry.name[len(name.name) + 1 :])
    ]
    return [str(name.with_name(one)) for one in sorted(found)]


def next_name(path: str, seconds: float) -> str:
    """A name for `path`'s lines so far; `seconds` since the epoch. A clock that went back does not change the order."""
    moment = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
    before = rotated(path)
    if before:
        last = datetime.strptime(before[-1].rpartition(".")[2][:-1], _FORMAT)  # noqa: DTZ007 - all of them are UTC
        moment = max(moment, last + _STEP)
    return f"{path}.{moment.strftime(_FORMAT)[:-3]}Z"


def replace(path: str, new: str, name: str) -> None:
    """Give the file at `path` the name `name`, and its place to the file `new`.

    Raises:
        OSError: nothing has changed.

    """
    os.link(path, name, follow_symlinks=False)  # unlike a rename it never overwrites
    try:
        pathlib.Path(new).replace(path)
    except OSError:
        pathlib.Path(name).unlink()
        raise


def undo_half(path: str, state: os.stat_result) -> None:
    """Take back what a crash left of a rotation: a second name of the file at `path`, whose state is `state`."""
    if state.st_nlink > 1:
        for name in reversed(rotated(path)):
            found = os.lstat(name)
            if (found.st_dev, found.st_ino) == (state.st_dev, state.st_ino):
                pathlib.Path(name).unlink()


def inherit(fd: int, state: os.stat_result) -> None:
    """Let those read the new file who may read the old one: a collector that follows it, for one."""
    os.fchmod(fd, state.st_mode & 0o666)
    if os.fstat(fd).st_gid != state.st_gid:
        with contextlib.suppress(OSError):  # a group that is not ours to give
            os.fchown(fd, -1, state.st_gid)


def prune(path: str, keep_files: int, log: Callable[[str], None]) -> None:
    """Delete the oldest files that `path` was rotated to; what cannot be deleted is said and stays."""
    for name in rotated(path)[:-keep_files]:
        try:
            pathlib.Path(name).unlink()
        except OSError as error:
            log(f"audit: {name} cannot be deleted: {error.strerror}")
        else:
            log(f"audit: deleted {name}: GATEWAY_AUDIT_KEEP_FILES is {keep_files}")
