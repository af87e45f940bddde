"""The command `gateway`: one file a command."""

import argparse
import sys
from collections.abc import Sequence

from gateway.cli import audit, check, dev, iam_policy, keys, openapi, policy, serve

COMMANDS = (dev, serve, check, keys, policy, iam_policy, openapi, audit)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Exit status: 0 done, 1 refused or failed, 2 wrong arguments."""
    parser = argparse.ArgumentParser(
        prog="gateway",
        description="An edge gateway for Amazon Cognito: callers bring a token, the gateway decides and signs.",
        epilog="example: gateway dev        (everything on this machine, no AWS account)",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add(commands)
    found = parser.parse_args(sys.argv[1:] if arguments is None else arguments)
    try:
        return int(found.run(found))
    except BrokenPipeError:  # the reader went away: `gateway iam-policy | head`
        sys.stderr.close()
        return 1
    except KeyboardInterrupt:
        return 130
