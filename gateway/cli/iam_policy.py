"""`gateway iam-policy`: the least-privilege IAM policy that the gateway's user needs for its policy file."""

import argparse
import json
import re
import sys
from typing import Any

from gateway import guards
from gateway.assembly import read_policy
from gateway.iam import iam_policy
from gateway.operations import catalogue
from gateway.policy_file import PolicyError
from gateway.runtimes import container
from gateway.settings import partition_of

_ACCOUNT = re.compile(r"\d{12}")


def add(commands: Any) -> None:  # noqa: ANN401 - argparse's sub-parsers have no public type
    """Declare the command."""
    parser = commands.add_parser(
        "iam-policy",
        help="print the least-privilege IAM policy for the gateway's user",
        description="Print the IAM policy that holds exactly what the gateway's policy enables, on one user pool.",
        epilog="example: gateway iam-policy --pool us-east-1_AbCdEfGhI --account 123456789012",
    )
    parser.add_argument("--pool", metavar="ID", help="the user pool (default: COGNITO_USER_POOL_ID)")
    parser.add_argument("--account", metavar="ID", help="the AWS account, 12 digits (default: AWS_ACCOUNT_ID)")
    parser.add_argument(
        "--policy", metavar="FILE", help="the gateway's policy (default: GATEWAY_POLICY, or the built-in)"
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    values = container.environment()
    pool = arguments.pool or values.get("COGNITO_USER_POOL_ID", "")
    account = arguments.account or values.get("AWS_ACCOUNT_ID", "")
    try:
        partition = partition_of(pool)
    except ValueError:
        return _fail(
            f"{pool!r} is not a user pool's id: give --pool us-east-1_XXXXXXXXX or set COGNITO_USER_POOL_ID", 2
        )
    if not _ACCOUNT.fullmatch(account):
        return _fail("the account is needed to pin the ARN: give --account 123456789012 or set AWS_ACCOUNT_ID", 2)
    source = arguments.policy or values.get("GATEWAY_POLICY")
    try:
        policy = read_policy(container.policy_text(source))
    except OSError as error:
        return _fail(f"{source}: cannot be read: {error.strerror}", 1)
    except PolicyError as error:
        return _fail("\n".join(error.problems), 1)
    names = catalogue().by_name
    document = iam_policy(
        (names[name] for name in policy.operations() | guards.reads(policy, names)),
        partition=partition,
        account_id=account,
        user_pool_id=pool,
        role_arns=policy.role_arns(),
    )
    print(json.dumps(document, indent=4))
    return 0


def _fail(text: str, status: int) -> int:
    for line in text.splitlines():
        print(f"gateway iam-policy: {line}", file=sys.stderr)
    return status
