"""`gateway policy check|explain|test`: look at a policy, ask it, hold it to expectations."""

import argparse
import json
import sys
from typing import Any

from gateway.assembly import read_policy
from gateway.cli import policy_explain, policy_test
from gateway.policy import Policy
from gateway.policy_file import PolicyError
from gateway.runtimes import container


def add(commands: Any) -> None:  # noqa: ANN401 - argparse's sub-parsers have no public type
    """Declare the command."""
    parser = commands.add_parser(
        "policy",
        help="check a policy, ask it, test it",
        description="Look at a policy: is it right, what would it decide, does it do what it should.",
        epilog="example: gateway policy explain --caller group:moderator --operation AdminDisableUser "
        "--target group:admin",
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    check = actions.add_parser(
        "check",
        help="read FILE as the gateway does and say every mistake in it",
        description="Read FILE as the gateway does: exit 0 and a summary, or exit 1 and every mistake in it.",
        epilog="example: gateway policy check policy.toml --matrix",
    )
    check.add_argument("file", metavar="FILE", help="a TOML file, or - for standard input")
    shown = check.add_mutually_exclusive_group()
    shown.add_argument("--matrix", action="store_true", help="also show which role allows which operation")
    shown.add_argument("--json", action="store_true", help="answer as JSON, for programs")
    check.set_defaults(run=_check)
    policy_explain.add(actions)
    policy_test.add(actions)


def _check(arguments: argparse.Namespace) -> int:
    name = arguments.file
    try:
        text = sys.stdin.read() if name == "-" else container.policy_file_text(name)
        policy = read_policy(text)
    except OSError as error:
        problems = [f"cannot be read: {error.strerror}"]
    except UnicodeDecodeError:  # of standard input
        problems = ["is not UTF-8 text"]
    except PolicyError as error:
        problems = error.problems
    else:
        print(json.dumps(_summary(policy), indent=2) if arguments.json else _text(name, policy))
        if arguments.matrix:
            print(_matrix(policy))
        return 0
    if arguments.json:
        print(json.dumps({"valid": False, "problems": problems}, indent=2))
    else:
        for problem in problems:
            print(f"{name}: {problem}", file=sys.stderr)
        print(f"{name}: refused, {len(problems)} problem{'s' * (len(problems) != 1)}", file=sys.stderr)
    return 1


def _summary(policy: Policy) -> dict[str, Any]:
    roles = [
        {
            "name": role.name,
            "groups": sorted(role.groups),
            "scopes": sorted(role.scopes),
            "allow": sorted(role.allow),
            "rate_per_minute": role.rate_per_minute,
        }
        for role in policy.roles
    ]
    return {"valid": True, "roles": roles, "public": sorted(policy.public.allow), "warnings": list(policy.warnings)}


def _text(name: str, policy: Policy) -> str:
    lines = [f"{name}: ok"]
    width = max((len(role.name) for role in policy.roles), default=0)
    for role in policy.roles:
        who = ", ".join([*(f"group {g}" for g in sorted(role.groups)), *(f"scope {s}" for s in sorted(role.scopes))])
        lines.append(f"  {role.name:{width}}  {len(role.allow):3} operations  for {who}")
    lines.append(f"  {'public':{width}}  {len(policy.public.allow):3} operations  for anyone")
    lines += [f"  warning: {warning}" for warning in policy.warnings]
    return "\n".join(lines)


def _matrix(policy: Policy) -> str:
    """Operations by roles. What a cell holds beside "yes" is read or shown anew on each of its calls."""
    rows = [["", *(role.name for role in policy.roles), ""]]
    for name in sorted(policy.operations()):
        row = [name]
        for role in policy.roles:
            more = [word for word, some in (("fresh", role.fresh), ("strict", role.strict)) if name in some]
            row.append("+".join(["yes", *more]) if name in role.allow else "-")
        rows.append([*row, "step-up" if name in policy.guards.step_up else ""])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(["", *lines])
