"""`gateway policy explain`: what would the gateway decide, by which role and rule, and why not otherwise."""

import argparse
import json
import os
import pathlib
import sys
from collections.abc import Mapping
from typing import Any

from gateway.cli import policy_source
from gateway.cli.cases import DEV_GROUPS, POOL_ID, body_of, imagine, operation_of, pool_of, with_members
from gateway.cli.explanation import Question, as_data, as_lines
from gateway.cli.options import once
from gateway.cli.people import Unclear, Who, precedences, who, whom
from gateway.judgement import Pool
from gateway.rehearsal import rehearse
from gateway.runtimes import container


def add(actions: Any) -> None:  # noqa: ANN401 - argparse's sub-parsers have no public type
    """Declare the action."""
    parser = actions.add_parser(
        "explain",
        help="say what the gateway would decide, and why",
        description="Decide an imagined call as the gateway would. Nothing is sent. Exit status: 0 allowed, 1 refused, "
        "2 not understood.",
        epilog="example: gateway policy explain --caller group:moderator --operation AdminAddUserToGroup "
        "--target group:user --group premium",
    )
    once(parser)
    parser.add_argument("--policy", metavar="FILE", help="a TOML file (default: GATEWAY_POLICY, or the built-in)")
    parser.add_argument(
        "--caller",
        metavar="WHO",
        required=True,
        help="group:NAME, scope:NAME, several with commas; person (in no group), stranger (no token); "
        "left:NAME, a group that the token still has; disabled",
    )
    parser.add_argument("--operation", metavar="NAME", required=True, help="such as AdminDisableUser")
    parser.add_argument(
        "--target",
        metavar="WHOM",
        help="group:NAME, several with commas, with disabled, federated or last (nobody else is enabled in the "
        "strongest group); person, self, none, missing (default: a user in no group)",
    )
    parser.add_argument("--group", metavar="NAME", help="the body's GroupName")
    parser.add_argument("--attributes", metavar="NAMES", help="the attributes that the body sets or deletes")
    parser.add_argument(
        "--body", metavar="JSON", help="the body, @FILE or - for standard input; what no rule reads is filled in"
    )
    parser.add_argument(
        "--groups",
        metavar="NAME=PRECEDENCE",
        help="the pool's groups, with commas; 0 is the strongest, none the weakest (default: the development pool's)",
    )
    parser.add_argument("--age", metavar="SECONDS", help="how long ago the caller signed in (default: 60)")
    parser.add_argument("--acr", metavar="NAME", help="how strongly the caller signed in: the token's acr")
    parser.add_argument("--amr", metavar="NAMES", help="by which ways the caller signed in: the token's amr")
    parser.add_argument("--json", action="store_true", help="answer as JSON, for programs")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    try:
        asked = _asked(arguments)
    except (Unclear, policy_source.NoPolicy) as error:
        for line in str(error).splitlines():
            print(f"gateway policy explain: {line}", file=sys.stderr)
        return 2
    verdict = rehearse(asked.policy, asked.pool, asked.case)
    if arguments.json:
        print(json.dumps(as_data(asked, verdict), indent=2))
    else:
        print("\n".join(as_lines(asked, verdict, coloured=_coloured())))
    return 0 if verdict.allowed else 1


def _asked(arguments: argparse.Namespace) -> Question:
    """The question of the command line.

    Raises:
        Unclear, NoPolicy: it cannot be asked.

    """
    operation = operation_of(arguments.operation)
    caller = _signed_in(who(arguments.caller), arguments)
    target = whom(arguments.target if arguments.target is not None else "person")
    name, policy = policy_source.find(arguments.policy)
    body = with_members(operation, _body(arguments.body), group=arguments.group, attributes=_list(arguments.attributes))
    groups: Mapping[str, int | None] = DEV_GROUPS
    if arguments.groups is not None:
        groups = precedences(arguments.groups)
    elif not operation.mutates:  # nobody's rank counts
        groups = {**dict.fromkeys(policy.groups()), **DEV_GROUPS}
    pool = _pool()
    try:
        case = imagine(operation, caller, target, body, groups=groups, pool=pool, policy=policy)
    except Unclear as error:
        more = "" if arguments.groups is not None else " (--groups tells the groups of your pool)"
        raise Unclear(f"{error}{more}") from None
    return Question(case, caller, target, policy, name, pool)


def _signed_in(caller: Who, arguments: argparse.Namespace) -> Who:
    """The caller with what was said of its sign-in."""
    said: dict[str, Any] = {}
    if arguments.age is not None:
        said["age_seconds"] = int(arguments.age) if arguments.age.isascii() and arguments.age.isdecimal() else None
    if arguments.acr is not None:
        said["acr"] = arguments.acr
    if arguments.amr is not None:
        said["amr"] = list(_list(arguments.amr))
    if not said:
        return caller
    return who(
        {
            "groups": list(caller.groups),
            "scopes": list(caller.scopes),
            "left": list(caller.left),
            "disabled": caller.disabled,
            **said,
        }
    )


def _body(source: str | None) -> dict[str, Any]:
    if source is None:
        return {}
    try:
        if source == "-":
            return body_of(sys.stdin.read())
        return body_of(pathlib.Path(source[1:]).read_text("utf-8") if source.startswith("@") else source)
    except OSError as error:
        raise Unclear(f"{source[1:]}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Unclear(f"{source}: is not UTF-8 text") from None


def _pool() -> Pool:
    """The pool of the settings, or that of development."""
    values = container.environment()
    clients = [name for name in values.get("COGNITO_CLIENT_IDS", "").split(",") if name]
    pool_id = values.get("COGNITO_USER_POOL_ID") or POOL_ID
    return pool_of(pool_id, clients) if clients else pool_of(pool_id)


def _list(text: str | None) -> tuple[str, ...]:
    return tuple(name for name in (text or "").split(",") if name)


def _coloured() -> bool:
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
