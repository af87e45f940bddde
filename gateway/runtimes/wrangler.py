"""Cloudflare's command line, wrangler, as a process of its own.

Duty: find it, hand it words and a standard input, give back what it said.
Prohibition: no secret among the words, in its environment or in a file: it gets them through its standard input alone,
writes no log, and what it says is given back with them masked (R-01). Standard library only: scripts use it as well.
Source: https://developers.cloudflare.com/workers/wrangler/commands/
"""

import os
import pathlib
import shutil
import subprocess
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.settings import SETTINGS

TIMEOUT_SECONDS = 120.0
INSTALL = "npm install --global wrangler@4 (Node 22.12 or later); in a checkout: scripts/edge"

_OURS = frozenset(name for setting in SETTINGS if setting.secret for name in (setting.name, f"{setting.name}_FILE"))
_SETTLED = {"WRANGLER_LOG_SANITIZE": "true", "WRANGLER_WRITE_LOGS": "false", "FORCE_COLOR": "0", "NO_COLOR": "1"}
_LEAST_CHARACTERS = 4  # masking shorter ones would eat letters of harmless words


class NoWrangler(Exception):
    """It is not installed, or cannot be started; the text says what would help."""


@dataclass(frozen=True, slots=True)
class Said:
    """How it ended, and what it said, without what was handed to it."""

    status: int
    out: str = field(repr=False)
    err: str = field(repr=False)


def find(folder: pathlib.Path) -> tuple[str, ...]:
    """The words that start it: that of `folder`'s own packages, of a checkout's tools, of the PATH, or what npx has.

    Raises:
        NoWrangler: there is none.

    """
    own = folder / "node_modules" / ".bin" / "wrangler"
    if os.access(own, os.X_OK):
        return (str(own),)
    tools = folder / "scripts" / "edge"
    if os.access(tools, os.X_OK) and (folder / "build" / "edge-tools" / "node_modules" / "wrangler").is_dir():
        return str(tools), "wrangler"
    found = shutil.which("wrangler")
    if found is not None:
        return (found,)
    npx = shutil.which("npx")
    if npx is not None:
        words = (npx, "--no-install", "wrangler")  # never fetched unasked: what signs in for you is installed by you
        if _started([*words, "--version"], None, environment(os.environ), timeout_seconds=20).returncode == 0:
            return words
    raise NoWrangler(f"wrangler is not installed: {INSTALL}")


def environment(values: Mapping[str, str]) -> dict[str, str]:
    """What it is given of the environment: everything but the gateway's secrets, and no log of what it sends."""
    return {name: value for name, value in values.items() if name not in _OURS} | _SETTLED


def run(
    words: Sequence[str],
    *,
    given: str | None = None,
    secrets: Collection[str] = (),
    waiting: Callable[[], None] | None = None,
) -> Said:
    """Start it with `given` as its standard input, and wait. `waiting` is called first; `secrets` are masked.

    Raises:
        NoWrangler: it cannot be started, or does not end in time.

    """
    if waiting is not None:
        waiting()
    done = _started(words, given, environment(os.environ), timeout_seconds=TIMEOUT_SECONDS)
    return Said(done.returncode, masked(done.stdout, secrets), masked(done.stderr, secrets))


def masked(text: str, secrets: Collection[str]) -> str:
    """`text` with every one of `secrets` as `***`, also as JSON writes it."""
    forms = {form for secret in secrets for form in (secret, secret.replace("\\", "\\\\").replace('"', '\\"'))}
    for form in sorted(forms, key=len, reverse=True):
        if len(form) >= _LEAST_CHARACTERS:
            text = text.replace(form, "***")
    return text


def _started(
    words: Sequence[str], given: str | None, values: Mapping[str, str], *, timeout_seconds: float
) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(  # noqa: S603 - no shell, and no word of a stranger's
            words,
            input=given or "",
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=values,
            timeout=timeout_seconds,
            check=False,
        )
    except OSError as error:
        raise NoWrangler(f"wrangler cannot be started ({error.strerror}): {INSTALL}") from None
    except subprocess.TimeoutExpired:
        raise NoWrangler(f"wrangler did not end within {timeout_seconds:.0f} seconds") from None
