"""`gateway serve`: the gateway in front of a real pool, for a container or a machine."""

import argparse
import os
import sys
from typing import Any

from gateway.policy_file import PolicyError
from gateway.runtimes import container, server
from gateway.settings import Settings, SettingsError


def add(commands: Any) -> None:  # noqa: ANN401 - argparse's sub-parsers have no public type
    """Declare the command."""
    parser = commands.add_parser(
        "serve",
        help="serve the gateway",
        description="Serve the gateway. Settings come from the environment and from .env in the working folder; "
        "docs/settings.md lists them. SIGTERM drains and exits 0.",
        epilog="example: gateway serve --host 0.0.0.0 --port 8080 --workers 2",
    )
    parser.add_argument("--host", help="address to listen on (default: GATEWAY_HOST, or 127.0.0.1)")
    parser.add_argument("--port", type=port, help="port to listen on (default: PORT, or 8080)")
    parser.add_argument("--workers", type=count, help="processes (default: WEB_CONCURRENCY, or 1)")
    parser.set_defaults(run=_run)


def port(text: str) -> int:
    """A port number from a command line.

    Raises:
        argparse.ArgumentTypeError: it is none.

    """
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= 65535:  # noqa: PLR2004 - TCP
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: 1 to 65535")
    return int(text)


def count(text: str) -> int:
    """A number of processes from a command line.

    Raises:
        argparse.ArgumentTypeError: it is none.

    """
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= 64:  # noqa: PLR2004 - as the setting
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of processes: 1 to 64")
    return int(text)


def checked() -> Settings | None:
    """The settings when they and the policy are right; else every problem on standard error and None."""
    try:
        settings, policy = container.read_settings(container.environment())
    except SettingsError as error:
        print("gateway: refuses to start, the settings have problems:", file=sys.stderr)
        for line in str(error).splitlines():
            print(f"  {line}", file=sys.stderr)
        print("gateway: docs/settings.md and .env.example list all settings", file=sys.stderr)
        return None
    except PolicyError as error:
        print("gateway: refuses to start, the policy has problems:", file=sys.stderr)
        for line in error.problems:
            print(f"  {line}", file=sys.stderr)
        return None
    for warning in (*settings.warnings, *policy.warnings):
        container.log(f"warning: {warning}")
    return settings


def _run(arguments: argparse.Namespace) -> int:
    settings = checked()
    if settings is None:
        return 1
    workers = arguments.workers or settings.workers
    host, number = arguments.host or settings.host, arguments.port or settings.port
    if workers > 1 and settings.store.kind == "memory":
        container.log(
            "warning: GATEWAY_STORE=memory is each process's own: rates and quotas multiply, and tokens that one "
            "process revokes pass in the others; name a Redis"
        )
    os.environ[container.WORKERS] = str(workers)
    return server.run(
        "gateway.runtimes.container:application",
        host=host,
        port=number,
        workers=workers,
        factory=True,
        ready=lambda url: container.log(f"serving {settings.user_pool_id} on {url}, processes: {workers}"),
    )
