"""Cognito's epoch seconds as RFC 3339 text in UTC, with milliseconds where there are some."""

from datetime import UTC, datetime


def iso(seconds: object, *, precise: bool = False) -> str | None:
    """`1763715600.25` is `2025-11-21T09:00:00.250Z`; None for what is no time. `precise`: always milliseconds."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return None
    whole = not precise and float(seconds).is_integer()
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds" if whole else "milliseconds")
    return text.replace("+00:00", "Z")
