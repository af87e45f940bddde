"""One row of the table of settings.

Duty: what is said of a setting. Prohibition: no setting is named here.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting. `default` is text as an operator would write it; where it is None, `unset` says what holds then.

    `meaning` says what it does, `wanted` what a right value is, each in one line; `example` is a right value where
    there is no default. `secret`: never shown, and readable from a file too. `multiline`: line breaks and outer spaces
    belong to the value's own syntax.
    """

    name: str
    group: str
    meaning: str
    wanted: str
    default: str | None = None
    unset: str = "none"
    required: bool = False
    secret: bool = False
    multiline: bool = False
    example: str | None = None
