"""`gateway check`: would this gateway work, and does the deployed one: what an operator runs before and after.

Duty: ask for every finding at once, each within its time, and show them in one order.
Prohibition: nothing is changed: no line is written to the audit, no user is touched, nothing secret is shown (R-01).
"""

import argparse
import asyncio
import contextlib
import json
import os
import pathlib
import sys
import time
from collections import Counter
from collections.abc import Coroutine, Mapping
from typing import Any

from gateway.cli import check_cognito, check_deployed, check_here, check_key_sets
from gateway.cli.audit_lines import printable
from gateway.cli.findings import Finding, failed, skipped
from gateway.runtimes import environments
from gateway.runtimes.httpx_transport import HttpxTransport
from gateway.settings import Settings
from gateway.settings.endpoints import endpoint
from gateway.settings.problems import Unfit
from gateway.upstream import Origin

STEP_SECONDS = 45.0
"""The longest that a part may take. They run side by side: it is also how long the whole takes at most."""
_QUIET_SECONDS = 1.0  # what is done by then shows no progress
_COLOURS = {"ok": "\033[32m", "warning": "\033[33m", "FAILED": "\033[31m", "skipped": "\033[2m"}

Part = tuple[str, Coroutine[Any, Any, list[Finding]]]


def add(commands: Any) -> None:  # noqa: ANN401 - argparse's sub-parsers have no public type
    """Declare the command."""
    parser = commands.add_parser(
        "check",
        help="would this gateway work: settings, policy, keys, clock, store, audit; and does the deployed one",
        description="Look at everything that a gateway with these settings needs: settings and policy, the pool's "
        "key sets, Cognito's endpoint, the clock, a signed call with each pair of keys, the store, the audit's sink; "
        "with --url also at the deployed gateway. Nothing is changed: the signed calls are reads that name a user "
        "who cannot exist. "
        "The keys that are checked are the gateway's own, read from its settings as `gateway serve` reads them, but "
        "from one place: the environment, or --env-file alone. A .env file is not found by itself, and your own AWS "
        "keys (profiles, SSO) are not used, so that no keys are taken for others. Exit status: 0 it would work, 1 "
        f"something FAILED, 2 wrong arguments; after at most {STEP_SECONDS:.0f} seconds.",
        epilog="example: gateway check --env-file .env --url https://gateway.example.com",
    )
    parser.add_argument("--url", type=_origin, metavar="URL", help="also look at the gateway that is deployed there")
    parser.add_argument(
        "--env-file",
        type=pathlib.Path,
        metavar="FILE",
        help="take the settings from this file, and nothing from the environment",
    )
    parser.add_argument(
        "--worker",
        action="store_true",
        help="the settings are a Worker's: GATEWAY_STORE names its Durable Object binding, which cannot be looked at "
        "from here",
    )
    parser.add_argument(
        "--permissions",
        action="store_true",
        help="ask IAM for the policy's changes too, not for its reads alone: each is tried on a user who cannot exist, "
        "so nothing changes, but CloudTrail shows it. What makes or deletes something is never tried",
    )
    parser.add_argument("--json", action="store_true", help="answer as JSON, for programs")
    parser.set_defaults(run=_run)


def _origin(text: str) -> Origin:
    try:
        return endpoint(text, allow_http=False)
    except Unfit:
        raise argparse.ArgumentTypeError(
            "not the address of a gateway: https://host[:port], without a path (http:// to loopback only)"
        ) from None


def _run(arguments: argparse.Namespace) -> int:
    try:
        values = environments.only(arguments.env_file)
    except environments.NoEnvironment as error:
        print(f"gateway check: {printable(str(error))}", file=sys.stderr)
        return 2
    with contextlib.suppress(OSError):
        if arguments.env_file is None and pathlib.Path(".env").is_file():
            print("gateway check: the .env file here is not read; --env-file .env reads it alone", file=sys.stderr)
    found = asyncio.run(_found(arguments, values))
    count = Counter(finding.status for finding in found)
    if arguments.json:
        told = [{"status": f.status, "step": f.step, "text": f.text, "remedy": f.remedy or None} for f in found]
        print(json.dumps({"passed": not count["FAILED"], "findings": told}, indent=2))
    else:
        print(f"{count['FAILED']} failed, {count['warning']} warnings, {count['ok']} ok")
    return 1 if count["FAILED"] else 0


async def _found(arguments: argparse.Namespace, values: Mapping[str, str]) -> list[Finding]:
    """Every finding, shown as soon as those before it are."""
    binding = values.get("GATEWAY_STORE")
    if arguments.worker:
        values = {name: value for name, value in values.items() if name != "GATEWAY_STORE"}
    settings, policy, found = check_here.read(values)
    if not arguments.json:
        _show(found)
    transport = HttpxTransport(connect_timeout_seconds=3.0 if settings is None else settings.connect_timeout_seconds)
    parts: list[Part] = []
    if settings is None:
        found.append(skipped("Cognito, the store and the audit", "not looked at: the settings have problems"))
        if not arguments.json:
            _show(found[-1:])
    else:
        needed = check_cognito.needed(policy)
        parts += [
            ("the key sets", check_key_sets.look(settings, transport)),
            ("Cognito", check_cognito.look(settings, needed, transport, now=time.time, changes=arguments.permissions)),
            ("the store", check_here.store_of_worker(binding) if arguments.worker else check_here.store(settings)),
            ("the audit", check_here.audit(settings, transport)),
        ]
    if arguments.url is not None:
        origins = _origins(settings)
        parts.append((arguments.url.authority, check_deployed.look(arguments.url, origins)))
    try:
        tasks = [(name, asyncio.create_task(_bounded(name, part))) for name, part in parts]
        for name, task in tasks:
            more = await _awaited(name, task)
            found += more
            if not arguments.json:
                _show(more)
    finally:
        await transport.close()
    return found


def _origins(settings: Settings | None) -> frozenset[str]:
    return frozenset() if settings is None else settings.allowed_origins


async def _bounded(name: str, part: Coroutine[Any, Any, list[Finding]]) -> list[Finding]:
    try:
        async with asyncio.timeout(STEP_SECONDS):
            return await part
    except TimeoutError:
        return [failed(name, f"not done after {STEP_SECONDS:.0f} seconds", "try again; then look at the network")]


async def _awaited(name: str, task: "asyncio.Task[list[Finding]]") -> list[Finding]:
    """Wait for a part, and on a terminal say so once that takes a while."""
    done, _ = await asyncio.wait((task,), timeout=_QUIET_SECONDS)
    if not done and sys.stderr.isatty():
        sys.stderr.write(f"\r\033[Klooking at {printable(name)} ...")
        sys.stderr.flush()
        await asyncio.wait((task,))
        sys.stderr.write("\r\033[K")
        sys.stderr.flush()
    return await task


def _show(found: list[Finding]) -> None:
    coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    for finding in found:
        colour, plain = (_COLOURS[finding.status], "\033[0m") if coloured else ("", "")
        print(f"{colour}{finding.status:7}{plain}  {printable(f'{finding.step}: {finding.text}')}")
        if finding.remedy:
            print(f"{'':9}{printable(finding.remedy)}")
    sys.stdout.flush()
