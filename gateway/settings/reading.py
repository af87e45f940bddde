"""Reads what the operator set, one setting after the other, and keeps every problem until the end.

Duty: find each value (in the environment or in a secret's file), refuse what no setting may hold, let the setting's own
parser judge the rest, and report all problems together.
Prohibition: no environment and no file system here: `lookup` and `read_file` are handed in.
"""

import difflib
import re
from collections.abc import Callable, Iterable
from typing import TypeVar

from gateway.settings.problems import Problem, SettingsError, Unfit, shown
from gateway.settings.setting import Setting
from gateway.settings.table import PLACEHOLDER, SETTINGS

T = TypeVar("T")

FILE_SUFFIX = "_FILE"
_OUR_PREFIXES = ("GATEWAY_", "COGNITO_")
_SET_BY_THE_SERVER = frozenset({"GATEWAY_WORKER"})
_BY_NAME = {setting.name: setting for setting in SETTINGS}
_ORDER = {setting.name: position for position, setting in enumerate(SETTINGS)}
_KNOWN = frozenset(_BY_NAME) | {setting.name + FILE_SUFFIX for setting in SETTINGS if setting.secret}
# What Kubernetes puts into every container for a Service whose name begins with `gateway` or `cognito`.
_SERVICE_LINK = re.compile(r"[A-Z0-9_]+_(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT(?:_[0-9]+_[A-Z_]+)?)")
_BARE_PORT = re.compile(r"[A-Z0-9_]+(?<!_SERVICE)_PORT")
_CLEAN = "without spaces around it, line breaks or control characters"


def _position(problem: Problem) -> int:
    return _ORDER.get(problem.name.removesuffix(FILE_SUFFIX), len(_ORDER))


NEVER_EMPTY = frozenset({"AWS_REGION", "GATEWAY_POLICY"})
"""Beside secrets and required settings: an empty one is a template that failed, and its default would open more."""


class Reading:
    """What was found so far: a value for each setting that was taken, and the problems."""

    def __init__(self, lookup: Callable[[str], str | None], read_file: Callable[[str], str]) -> None:
        """`lookup` returns a variable's value or None; `read_file` a file's text, or raises OSError or ValueError."""
        self._lookup = lookup
        self._read_file = read_file
        self._problems: list[Problem] = []
        self._refused: set[str] = set()
        # First, so that a secret which was also put into another setting is known before that one is reported.
        self._sealed = {setting.name: self._find_secret(setting) for setting in SETTINGS if setting.secret}
        self._secrets = frozenset(found for found in self._sealed.values() if isinstance(found, str))

    def take(self, name: str, parse: Callable[[str], T], otherwise: T) -> T:
        """Return what `parse` makes of the value, or of the table's default.

        `otherwise` is returned when there is neither, and (to read on and find further problems) after a problem.
        `parse` raises `Unfit`.
        """
        setting = _BY_NAME[name]
        text: str | None = None
        try:
            text = self._given(setting)
            if text is None:
                text = setting.default
            return otherwise if text is None else parse(text)
        except Unfit as unfit:
            self._refused.add(name)
            read = unfit.read or (self._shown(setting, text) if text is not None else "nothing")
            self.refuse(unfit.name or name, read, unfit.wanted or setting.wanted)
            return otherwise

    def refused(self, name: str) -> bool:
        """Tell whether that setting had a problem."""
        return name in self._refused

    def refuse(self, name: str, read: str, wanted: str) -> None:
        """Keep a problem. `read` is shown as it is: never a secret's value."""
        self._problems.append(Problem(name, read, wanted))

    def text_of_file(self, path: str) -> str:
        """Return a file's text. Raises `Unfit` that names the path."""
        try:
            return self._read_file(path)
        except (OSError, ValueError):  # ValueError: not UTF-8, or a NUL in the path
            message = "a file that can be read as UTF-8 text"
            raise Unfit(message, read=shown(path, self._secrets)) from None

    def check_names(self, names: Iterable[str]) -> None:
        """Report each of `names` that begins like ours and is none: a typo would leave a default in force unseen."""
        for name in sorted(set(names) - _KNOWN - _SET_BY_THE_SERVER):
            if name.startswith(_OUR_PREFIXES) and not self._is_service_link(name):
                near = difflib.get_close_matches(name, sorted(_KNOWN), n=1)
                wanted = f"{near[0]}, or nothing" if near else "nothing: there is no such setting"
                self.refuse(shown(name, self._secrets)[1:-1], "an unknown name (its value is not shown)", wanted)

    def finish(self) -> None:
        """Raise `SettingsError` with all problems, in the table's order, if there is any."""
        if self._problems:
            raise SettingsError(sorted(self._problems, key=_position))

    def _is_service_link(self, name: str) -> bool:
        if _SERVICE_LINK.fullmatch(name) is None:
            return False
        # FOO_PORT is one only with a URL in it: GATEWAY_PORT=8080 is somebody's guess at PORT.
        return _BARE_PORT.fullmatch(name) is None or "://" in (self._lookup(name) or "")

    def _given(self, setting: Setting) -> str | None:
        text = self._sealed[setting.name] if setting.secret else self._lookup(setting.name)
        if isinstance(text, Unfit):
            raise text
        if text == "" and (setting.secret or setting.required or setting.name in NEVER_EMPTY):
            raise Unfit(read="an empty value")  # a mount or a template that failed
        if not text:
            if setting.required:
                raise Unfit
            return None
        if text == PLACEHOLDER:
            message = f"a value of your own ({PLACEHOLDER} is the placeholder of .env.example): {setting.wanted}"
            raise Unfit(message, read=self._shown(setting, text))
        if not setting.multiline and not (text.isprintable() and text == text.strip()):
            message = f"{setting.wanted}; {_CLEAN}"
            raise Unfit(message, read=self._shown(setting, text))
        return text

    def _find_secret(self, setting: Setting) -> str | Unfit | None:
        text, name = self._lookup(setting.name), setting.name + FILE_SUFFIX
        path = self._lookup(name)
        if path is None:
            return text
        if text is not None:
            return Unfit(f"{setting.name} or {name}, not both", read="both")
        # A path is shown only where it looks like one: the secret itself is easily put here by mistake.
        read = shown(path) if path.startswith(("/", "./", "../")) else f"(no absolute path, {len(path)} characters)"
        try:
            content = self._read_file(path)
        except (OSError, ValueError):
            return Unfit("the path of a file that can be read as UTF-8 text", name=name, read=read)
        content = content.removesuffix("\r\n" if content.endswith("\r\n") else "\n")
        return content or Unfit("a file that holds the secret", name=name, read=f"an empty file, {read}")

    def _shown(self, setting: Setting, text: str) -> str:
        return f"(secret, {len(text)} characters)" if setting.secret else shown(text, self._secrets)
