"""The file of AWS_CREDENTIALS, looked at again while the gateway runs.

Duty: read it by the rules of the start when it has changed, give its value on as a whole, and tell the operator; of a
file that is wrong or gone, once.
Prohibition: nothing of its content is told (R-01); no call waits for it; keys in use are never taken away for nothing.
Source: https://kubernetes.io/docs/concepts/configuration/secret/ (a mounted secret changes by the swap of a link).
"""

import asyncio
import os
import stat
from collections.abc import Callable

from gateway.runtimes import bounded_file
from gateway.settings import Credentials, SettingsError, credentials_in_file

NAME = "AWS_CREDENTIALS_FILE"
LOOK_SECONDS = 2.0

_SETTLED = 2  # looks that saw the same file

_Mark = tuple[int, int, int, int, int]


class CredentialsFile:
    """The file at one path."""

    def __init__(self, path: str, *, give: Callable[[Credentials], bool], log: Callable[[str], None]) -> None:
        """`give` takes a value and says whether it is another one; `log` takes one line for the operator."""
        self._path = path
        self._give = give
        self._log = log
        self._mark: _Mark | None = None  # of the last look; None: there was no file
        self._looks = 0  # that saw the same
        self._wrong = False  # and the operator knows

    async def watch(self) -> None:
        """Look every `LOOK_SECONDS`, without end."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_SECONDS)

    def look(self) -> None:
        """Take the file's value if the file has changed.

        It is read at two looks: whoever writes into it in place may be halfway through at the first. So it is only at
        the second that a wrong one is told.
        """
        mark = _mark(self._path)
        self._looks = self._looks + 1 if mark == self._mark else 1
        self._mark = mark
        if self._looks > _SETTLED:
            return
        try:
            given = credentials_in_file(self._path, bounded_file.text_at_once)
        except SettingsError as error:
            if self._looks == _SETTLED:
                self._wrong = True
                self._log(f"{error.problems[0]}{_oddity(self._path)}; the keys in use go on signing")
            return
        if self._give(given):
            spare = "" if given.next is None else ", its next one in reserve"
            self._log(f"{NAME} has changed: its current pair signs from now on{spare}")
        elif self._wrong:
            self._log(f"{NAME} is right again: its keys are the ones in use")
        self._wrong = False


def _mark(path: str) -> _Mark | None:
    """What tells the file behind `path` from what was there before, links followed; None where there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - nothing else of a path is needed
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _oddity(path: str) -> str:
    """What else there is to say of a path that leads to no file of ours."""
    try:
        found = os.stat(path)  # noqa: PTH116 - nothing else of a path is needed
    except OSError:
        return ""
    if not stat.S_ISREG(found.st_mode):
        return " (it is no regular file, and nothing else is read while the gateway runs)"
    return f" (it is longer than {bounded_file.MAX_BYTES} bytes)" if found.st_size > bounded_file.MAX_BYTES else ""
