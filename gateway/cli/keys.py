"""`gateway keys push`: the gateway's secrets, handed to the Worker that needs them.

Duty: read them from the settings or from standard input, refuse what the Worker would refuse, give them to wrangler.
Prohibition: no secret on a command line, in a file or in any output, in part or as a whole (R-01).
"""

import argparse
import json
import os
import pathlib
import sys
from collections.abc import Mapping
from typing import Any

from gateway.cli.audit_lines import printable
from gateway.runtimes import bounded_file, environments, wrangler
from gateway.settings import SettingsError, load
from gateway.settings.setting import Setting
from gateway.settings.table import SETTINGS

PAIR = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
PUSHED = ("AWS_CREDENTIALS", "COGNITO_CLIENT_SECRETS", "GATEWAY_AUDIT_TOKEN")
"""What a Worker is given as secrets. Single keys become AWS_CREDENTIALS: one value is never half changed."""
_MEMBERS = ("access_key_id", "secret_access_key", "session_token")
_LONGEST_INPUT = 1024 * 1024


class Unusable(Exception):
    """What was given cannot be pushed: each argument is a line that says why, without a value."""


def add(commands: Any) -> None:  # noqa: ANN401 - argparse's sub-parsers have no public type
    """Declare the command."""
    parser = commands.add_parser(
        "keys", help="give the gateway's secrets to a Worker", description="The secrets of a deployed gateway."
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    push = actions.add_parser(
        "push",
        help="set the Worker's secrets, through wrangler's standard input",
        description="Give the gateway's secrets to its Worker: AWS_CREDENTIALS (or the single AWS keys, which become "
        "it), COGNITO_CLIENT_SECRETS and GATEWAY_AUDIT_TOKEN, as many of them as are set, in one request. They are "
        "read from the settings (the environment, or --env-file alone; X_FILE works too) or, with --stdin, as JSON "
        "from standard input; they are judged as the gateway judges them, and reach wrangler through its standard "
        "input: no command line, no file and no output holds one. Your own AWS keys (profiles, SSO) are not used; "
        "single AWS keys in the environment, which may be yours, are refused. "
        "The Worker uses new secrets within seconds; nothing else of it changes. To rotate, give both pairs: "
        '{"current": {"access_key_id": ..., "secret_access_key": ...}, "next": {...}}. '
        "Exit status: 0 done, 1 refused or failed, 2 wrong arguments.",
        epilog="example: my-vault read gateway/keys | gateway keys push --stdin --env staging",
    )
    source = push.add_mutually_exclusive_group()
    source.add_argument(
        "--stdin",
        action="store_true",
        help='JSON from standard input: {"AWS_CREDENTIALS": {...}, "COGNITO_CLIENT_SECRETS": "..."}, or the value of '
        "AWS_CREDENTIALS alone",
    )
    source.add_argument("--env-file", type=pathlib.Path, metavar="FILE", help="take the settings from this file alone")
    push.add_argument(
        "--env",
        metavar="NAME",
        help="the stage: wrangler.toml's [env.NAME] (default: CLOUDFLARE_ENV, else none; '': none)",
    )
    push.add_argument(
        "--name",
        metavar="NAME",
        help="the Worker (default: the name in wrangler.toml); with a stage wrangler makes it NAME-STAGE",
    )
    push.add_argument("--dry-run", action="store_true", help="judge them, name those that would be set, set none")
    push.add_argument("--json", action="store_true", help="answer as JSON, for programs")
    push.set_defaults(run=_push)


def _push(arguments: argparse.Namespace) -> int:
    if arguments.stdin and sys.stdin.isatty():
        return _fail("standard input is a terminal, which would show what is typed: pipe the JSON in", status=2)
    try:
        values = from_json(sys.stdin.read(_LONGEST_INPUT)) if arguments.stdin else environments.only(arguments.env_file)
        if not arguments.stdin and arguments.env_file is None:
            _keep_apart(values)
        secrets = chosen(values)
        words = () if arguments.dry_run else wrangler.find(pathlib.Path.cwd())
    except environments.NoEnvironment as error:
        return _fail(str(error), status=2)
    except Unusable as error:
        return _fail(*error.args)
    except (wrangler.NoWrangler, UnicodeDecodeError) as error:
        return _fail("standard input is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else str(error))
    stage = wrangler.stage_of(arguments.env, os.environ)
    worker = _worker(arguments.name, stage)
    where = printable(wrangler.worker_told(worker, stage))
    command = (*words, "secret", "bulk", "--env", stage, *(("--name", arguments.name) if arguments.name else ()))
    if not arguments.dry_run and not _handed_over(command, secrets, where):
        return 1
    if arguments.json:
        told = {"pushed": not arguments.dry_run, "secrets": sorted(secrets), "worker": worker, "stage": stage or None}
        print(json.dumps(told, indent=2))
    else:
        done = "would set" if arguments.dry_run else "set"
        print("\n".join(f"{done} {name} of {where}" for name in sorted(secrets)))
    return 0


def _worker(name: str | None, stage: str) -> str | None:
    """The Worker whose secrets wrangler would set: it appends the stage to a name that is given."""
    if not name:
        return wrangler.worker_of(wrangler.configuration(pathlib.Path.cwd()), stage)
    return f"{name}-{stage}" if stage else name


def from_json(text: str) -> dict[str, str]:
    """The secrets in a JSON object, by the settings' names; `current` (and `next`) alone is AWS_CREDENTIALS.

    Raises:
        Unusable: it is something else.

    """
    try:
        found = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Unusable("standard input is not one JSON object, with each member once")
    if "current" in found or "next" in found:
        return {"AWS_CREDENTIALS": text.strip()}
    values: dict[str, str] = {}
    for name, value in found.items():
        if name not in (*PUSHED, *PAIR):
            raise Unusable(_foreign(name))
        values[name] = value if isinstance(value, str) else json.dumps(value)
    return values


def chosen(values: Mapping[str, str]) -> dict[str, str]:
    """What a Worker is to be given of the settings in `values`.

    Raises:
        Unusable: one of them is refused, too long, or there is none.

    """
    try:
        load(values.get, bounded_file.text, names=())
        problems = []
    except SettingsError as error:
        problems = error.problems
    given = {name for name in (*PUSHED, *PAIR) if name in values or f"{name}_FILE" in values}
    if "AWS_CREDENTIALS" in given:
        given -= set(PAIR)  # the gateway does not read them then
    judged = given | (set(PAIR) if given & set(PAIR) else set())
    refused = [str(problem) for problem in problems if problem.name.removesuffix("_FILE") in judged]
    if refused:
        raise Unusable(*refused)
    if not given:
        raise Unusable(f"nothing to push: none of {', '.join(PUSHED)} is set, nor {PAIR[0]}")
    secrets = {name: _value(values, name) for name in PUSHED if name in given}
    if given & set(PAIR):
        pair = {member: _value(values, name) for member, name in zip(_MEMBERS, PAIR, strict=True) if name in given}
        secrets["AWS_CREDENTIALS"] = json.dumps({"current": pair})
    most = wrangler.MOST_VALUE_BYTES
    long = [name for name, value in secrets.items() if len(value.encode()) > most]
    if long:
        raise Unusable(*(f"{name}: longer than {most} bytes, which a Worker's secret cannot be" for name in long))
    return secrets


def _keep_apart(environment: Mapping[str, str]) -> None:
    """See to it that the keys of whoever types the command do not become the gateway's.

    Raises:
        Unusable: they would.

    """
    if PAIR[0] in environment and not {"AWS_CREDENTIALS", "AWS_CREDENTIALS_FILE"} & environment.keys():
        raise Unusable(
            f"{PAIR[0]} in the environment may be your own key: name the gateway's with --env-file or --stdin, or set "
            "AWS_CREDENTIALS"
        )


def _handed_over(command: tuple[str, ...], secrets: Mapping[str, str], where: str) -> bool:
    """Let wrangler set them; what it says of a failure is passed on."""
    try:
        said = wrangler.run(
            command,
            given=json.dumps(secrets),
            secrets=_parts(secrets),
            waiting=lambda: print(f"gateway keys push: asking wrangler, for {where} ...", file=sys.stderr),
        )
    except wrangler.NoWrangler as error:
        _fail(str(error))
        return False
    if said.status != 0:
        lines = [line for line in f"{said.out}\n{said.err}".splitlines() if line.strip()]
        _fail(*lines, f"wrangler failed ({said.status}): nothing is known to be set")
    return said.status == 0


def _parts(secrets: Mapping[str, str]) -> set[str]:
    """Every value that must not be shown: each secret, and what is secret inside of it."""
    parts = set(secrets.values())
    for pair in json.loads(secrets.get("AWS_CREDENTIALS", "{}")).values():
        parts |= set((pair or {}).values())
    for client in secrets.get("COGNITO_CLIENT_SECRETS", "").split(","):
        parts.add(client.partition("=")[2])
    return parts - {"", None}


def _value(values: Mapping[str, str], name: str) -> str:
    text = values.get(name)
    if text is None:
        text = bounded_file.text(values[f"{name}_FILE"])
        text = text.removesuffix("\r\n" if text.endswith("\r\n") else "\n")
    return text


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError
    return members


def _foreign(name: str) -> str:
    """Why a name is not pushed. What is no setting's name is not repeated: it may be a secret in the wrong place."""
    known: Setting | None = next((setting for setting in SETTINGS if setting.name == name), None)
    if known is None:
        return f"standard input has a member that is no secret of the gateway: those are {', '.join(PUSHED)}"
    if name == "GATEWAY_STORE":
        return "GATEWAY_STORE: on a Worker it is a binding's name, which stands in wrangler.toml's [vars]"
    return f"{name}: no secret; it stands in wrangler.toml's [vars]"


def _fail(*lines: str, status: int = 1) -> int:
    for line in lines:
        print(f"gateway keys push: {printable(line)}", file=sys.stderr)
    return status
