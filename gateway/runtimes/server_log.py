"""The server's lines on standard error: warnings and errors, one line each.

Duty: make one line of whatever uvicorn logs, a traceback included; say why an application did not start.
Prohibition: of a failed request's exception only type and place are told: its text may hold secrets (R-01).
"""

import asyncio
import logging
import sys
import traceback

_LIFESPAN = "Exception in 'lifespan' protocol"
_SAID_BETTER = frozenset({"Application startup failed. Exiting.", "Application shutdown failed. Exiting."})
_TRACEBACK = "Traceback (most recent call last)"


def reason(error: BaseException) -> str:
    """Why something did not start: the error's own words, with its type where these alone would puzzle."""
    text = str(error).strip()
    plain = isinstance(error, (OSError, ValueError)) and text
    return text if plain else f"{type(error).__name__}: {text}" if text else type(error).__name__


def _news(record: logging.LogRecord) -> bool:
    cut = record.exc_info is not None and isinstance(record.exc_info[1], asyncio.CancelledError)
    return not cut and record.getMessage() not in _SAID_BETTER


class _OneLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage().strip()
        error = record.exc_info[1] if record.exc_info else None
        if message == _LIFESPAN and error is not None:
            message = f"cannot start: {reason(error)}"
        elif error is not None:
            frames = traceback.extract_tb(error.__traceback__)
            place = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
            message = f"{message}: {type(error).__name__}{place}"
        elif message.startswith(_TRACEBACK):  # how Starlette reports a lifespan that failed
            message = f"cannot start: {message.splitlines()[-1]}"
        return f"gateway: {message}".replace("\n", " | ")


def log_to_standard_error() -> None:
    """Send the server's warnings and errors to standard error; asking twice changes nothing."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLine())
    handler.addFilter(_news)
    for name in ("uvicorn", "asyncio"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(logging.WARNING)
        logger.propagate = False
