"""What is wrong with the settings, in words that an operator can act on.

Duty: one problem a setting, with what was read and what would be right; all of them in one error.
Prohibition: no value of a secret, whole or in part, and nothing that looks like one in another setting's value (R-01).
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

_LONGEST_SHOWN = 80
_SHORTEST_SECRET = 4  # masking shorter ones would eat letters of harmless words

_MASKS = (
    (re.compile(r"//.*@", re.DOTALL), "//***@"),  # a URL's user and password; greedy: passwords hold slashes and @
    (re.compile(r"(?<=://)([^?#]*)[?#].*", re.DOTALL), r"\1?***"),  # a URL's query: tokens of webhooks travel there
    (re.compile(r"=[^,]+"), "=***"),  # id=secret pairs that were put where ids belong
    (re.compile(r"(?:AKIA|ASIA)[A-Z0-9]{8,}"), "***"),  # access key ids
    (re.compile(r"[A-Za-z0-9/+]{40,}"), "***"),  # what secret access keys and session tokens look like
)


class Unfit(Exception):
    """A value that its setting does not take. `wanted` says what would be right; empty: what the table says.

    No ValueError: what foreign parsers raise must not be taken for it, nor it for theirs.
    """

    def __init__(self, wanted: str = "", *, read: str | None = None, name: str | None = None) -> None:
        """`read` and `name` replace what is reported as read, and whose problem it is."""
        super().__init__(wanted)
        self.wanted = wanted
        self.read = read
        self.name = name


@dataclass(frozen=True, slots=True)
class Problem:
    """One line for the operator: whose value, what was read (never a secret's value), what would be right."""

    name: str
    read: str
    wanted: str

    def __str__(self) -> str:
        """As one line: `read` and `wanted` hold no line breaks."""
        return f"{self.name}: read {self.read}; wanted {self.wanted}"


class SettingsError(ValueError):
    """The settings are refused. `problems` has every mistake found, in the table's order."""

    def __init__(self, problems: list[Problem]) -> None:
        """`problems` is not empty."""
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        """One problem a line."""
        return "\n".join(str(problem) for problem in self.problems)


def shown(text: str, secrets: Collection[str] = ()) -> str:
    """Return a value that is not a secret as one printable ASCII line, cut at 80 characters, look-alikes masked.

    `secrets` are values of secret settings: one that was also put somewhere else is masked there.
    """
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, "***")
    for pattern, mask in _MASKS:
        text = pattern.sub(mask, text)
    if len(text) > _LONGEST_SHOWN:
        return f"{text[:_LONGEST_SHOWN]!a}… ({len(text)} characters)"
    return ascii(text)
