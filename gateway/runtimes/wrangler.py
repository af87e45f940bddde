"""Cloudflare's command line, wrangler, as a process of its own.

Duty: find it, know which Worker it would act on, hand it words and a standard input, give back what it said.
Prohibition: no secret among the words, in its environment or in a file: it gets them through its standard input alone,
writes no log, and what it says is given back with them masked (R-01). Standard library only: scripts use it as well.
Source: https://developers.cloudflare.com/workers/wrangler/commands/
"""

import os
import pathlib
import re
import shutil
import subprocess
import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.settings import SETTINGS

TIMEOUT_SECONDS = 120.0
MOST_VALUE_BYTES = 5 * 1024
"""What one variable or one secret of a Worker holds."""
INSTALL = "npm install --global wrangler@4 (Node 22.12 or later); in a checkout: scripts/edge"

_OURS = frozenset(name for setting in SETTINGS if setting.secret for name in (setting.name, f"{setting.name}_FILE"))
_SETTLED = {"WRANGLER_LOG_SANITIZE": "true", "WRANGLER_WRITE_LOGS": "false", "FORCE_COLOR": "0", "NO_COLOR": "1"}
_CONFIGURATIONS = ("wrangler.json", "wrangler.jsonc", "wrangler.toml")  # in wrangler's own order
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")  # wrangler colours its errors whatever NO_COLOR says
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


def stage_of(given: str | None, values: Mapping[str, str]) -> str:
    """The stage that is meant: the one that was given, else CLOUDFLARE_ENV's as with wrangler; empty: the top level.

    Hand it to wrangler as `--env` in either case: left out, wrangler warns, and looks for itself.
    """
    return values.get("CLOUDFLARE_ENV", "") if given is None else given


def configuration(folder: pathlib.Path) -> Mapping[str, Any]:
    """The wrangler.toml of `folder`, or of one above it; empty where wrangler finds another, none, or a broken one."""
    places = [place / name for name in _CONFIGURATIONS for place in (folder, *folder.parents)]
    found = next((path for path in places if path.is_file()), None)
    if found is None or found.suffix != ".toml":
        return {}
    try:
        return tomllib.loads(found.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # wrangler says what is wrong with it
        return {}


def worker_of(tables: Mapping[str, Any], stage: str) -> str | None:
    """The name of the Worker that a wrangler.toml's tables give a stage; None where they give none."""
    top = tables.get("name")
    if not stage:
        return top if isinstance(top, str) else None
    stages = tables.get("env")
    table = stages.get(stage) if isinstance(stages, dict) else None
    own = table.get("name") if isinstance(table, dict) else None
    return own if isinstance(own, str) else f"{top}-{stage}" if isinstance(top, str) else None


def worker_told(worker: str | None, stage: str) -> str:
    """Which Worker is meant, for a person."""
    return f"the Worker {worker or 'that wrangler names'} ({f'stage {stage}' if stage else 'no stage'})"


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
    out, err = (masked(_COLOURS.sub("", text), secrets) for text in (done.stdout, done.stderr))
    return Said(done.returncode, out, err)


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
