"""The console of a Worker: where the audit goes by default, and what an operator is told.

Duty: one line a call of the console, the audit's as they are, the operator's as JSON of another shape.
Prohibition: no line is judged or kept here. A line that the console took counts as written: nobody says more of it.
Source: docs/decisions/0004-audit.md; Cloudflare Workers, "Workers Logs".
"""

import json
from collections.abc import Callable


class ConsoleSink:
    """`gateway.audit.Sink` over the console, which never says no."""

    __slots__ = ("_print",)

    def __init__(self, printing: Callable[[str], object]) -> None:
        """`printing` takes a line without its newline."""
        self._print = printing

    def ready(self) -> bool:
        """There is always room."""
        return True

    def write(self, line: bytes) -> None:
        """Print one line."""
        self._print(line[:-1].decode("ascii"))


def told(line: str) -> str:
    """A line for the operator, as the console takes it."""
    return json.dumps({"gateway": line})
