"""`gateway dev`: the emulator and the gateway on loopback, seeded, with lines to paste. Touches no AWS."""

import argparse
import os
import pathlib
import shutil
import sys
import time
from typing import TYPE_CHECKING, Any

from gateway import guards
from gateway.assembly import read_policy
from gateway.cli.serve import port
from gateway.iam import iam_policy
from gateway.operations import catalogue
from gateway.policy import Policy
from gateway.policy_file import PolicyError
from gateway.runtimes import container, server
from gateway.settings import SettingsError

if TYPE_CHECKING:
    from gateway.emulator.server import Emulator

HOST = "127.0.0.1"
POOL_ID = "us-east-1_DevPool01"
ACCOUNT_ID = "123456789012"
PASSWORD = "Passw0rd!dev"  # noqa: S105 - printed on purpose: the emulator's users exist on this machine only
USERS = ("admin@example.com", "moderator@example.com", "readonly@example.com", "user@example.com")


def add(commands: Any) -> None:  # noqa: ANN401 - argparse's sub-parsers have no public type
    """Declare the command."""
    parser = commands.add_parser(
        "dev",
        help="emulator and gateway on this machine, no AWS account",
        description="Start the embedded Cognito emulator and the gateway on loopback, seeded with users, and print "
        "lines to paste. Everything is in memory and gone with Ctrl-C, unless --state is given.",
        epilog="example: gateway dev --port 8080 --state .dev-state",
    )
    parser.add_argument("--port", type=port, default=8787, help="the gateway's port (default: %(default)s)")
    parser.add_argument("--emulator-port", type=port, default=9229, help="the emulator's port (default: %(default)s)")
    parser.add_argument(
        "--state", type=pathlib.Path, metavar="DIR", help="keep users and groups in DIR across restarts"
    )
    parser.add_argument("--policy", metavar="FILE", help="a policy file instead of the built-in one")
    parser.add_argument(
        "--allowed-origins",
        metavar="ORIGINS",
        default="http://localhost:3000,http://localhost:5173",
        help="web pages that may call it, comma-separated (default: %(default)s)",
    )
    parser.add_argument(
        "--audit", metavar="SINK", default="stdout", help="stdout, file:PATH or a URL (default: %(default)s)"
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    started = time.monotonic()
    try:
        policy = read_policy(container.policy_text(arguments.policy))
    except OSError as error:
        return _fail(f"{arguments.policy}: cannot be read: {error.strerror}")
    except PolicyError as error:
        return _fail(*(f"{arguments.policy}: {problem}" for problem in error.problems))
    if server.busy(HOST, arguments.port):
        return _fail(f"port {arguments.port} is taken by another program: choose another with --port")
    try:
        emulator = _emulator(arguments, policy)
    except ImportError as error:
        return _fail(f"the emulator is not installed ({error.name} is missing): run scripts/venv dev")
    except (OSError, ValueError) as error:
        return _fail(str(error))
    with emulator:
        return _serve(arguments, emulator, started)


def _emulator(arguments: argparse.Namespace, policy: Policy) -> "Emulator":
    print("gateway: starting the emulator ...", file=sys.stderr)
    from gateway.emulator import server as emulator_server  # noqa: PLC0415 - half a second that no other command pays
    from gateway.emulator.errors import PortBusy, StateError  # noqa: PLC0415

    try:
        return emulator_server.start(
            host=HOST,
            port=arguments.emulator_port,
            iam_policy=permissions(policy),
            state_dir=arguments.state,
            role_arns=policy.role_arns(),
        )
    except PortBusy as error:
        message = f"port {arguments.emulator_port} is taken by another program: choose another with --emulator-port"
        raise ValueError(message) from error
    except StateError as error:
        raise ValueError(f"--state {arguments.state}: {error}") from error


def _serve(arguments: argparse.Namespace, emulator: "Emulator", started: float) -> int:
    try:
        settings, policy = container.read_settings(_values(arguments, emulator))
        app = container.Container(settings, policy)
    except (SettingsError, PolicyError) as error:
        return _fail(*str(error).splitlines())
    except OSError as error:
        return _fail(f"the audit cannot be opened: {error}")
    return server.run(
        app,
        host=HOST,
        port=arguments.port,
        ready=lambda _url: _show(arguments, emulator, time.monotonic() - started),
    )


def _values(arguments: argparse.Namespace, emulator: "Emulator") -> dict[str, str]:
    values = {
        **settings_for(emulator),
        "GATEWAY_ALLOWED_ORIGINS": arguments.allowed_origins,
        "GATEWAY_AUDIT": arguments.audit,
    }
    if arguments.policy:
        values["GATEWAY_POLICY"] = arguments.policy
    return values


def settings_for(emulator: "Emulator") -> dict[str, str]:
    """The settings of a gateway in front of an emulator: nothing of the environment."""
    return {
        "COGNITO_USER_POOL_ID": emulator.pool_id,
        "COGNITO_CLIENT_IDS": f"{emulator.client_id},{emulator.machine_client_id}",
        "COGNITO_CLIENT_SECRETS": f"{emulator.machine_client_id}={emulator.machine_client_secret}",
        "COGNITO_IDENTITY_POOL_ID": emulator.identity_pool_id,
        "COGNITO_ENDPOINT_URL": emulator.url,
        "COGNITO_IDENTITY_ENDPOINT_URL": emulator.url,
        "STS_ENDPOINT_URL": emulator.url,
        "COGNITO_JWKS_URL": emulator.jwks_url,
        "AWS_ACCESS_KEY_ID": emulator.access_key_id,
        "AWS_SECRET_ACCESS_KEY": emulator.secret_access_key,
        "GATEWAY_TOKEN_USE": "access,id",
    }


def permissions(policy: Policy) -> dict[str, Any]:
    """The IAM policy that the emulator enforces: what `gateway iam-policy` prints for the development pool."""
    names = catalogue().by_name
    operations = (names[name] for name in policy.operations() | guards.reads(policy, names))
    return iam_policy(
        operations,
        partition="aws",
        account_id=ACCOUNT_ID,
        user_pool_id=POOL_ID,
        role_arns=policy.role_arns(),
    )


def _show(arguments: argparse.Namespace, emulator: "Emulator", seconds: float) -> None:
    url = f"http://{HOST}:{arguments.port}"
    token = emulator.sign_in(USERS[0], PASSWORD)["access_token"]
    aws = shutil.which("aws", path=os.pathsep.join((str(pathlib.Path(sys.executable).parent), os.defpath))) or "aws"
    emphasis, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() and "NO_COLOR" not in os.environ else ("", "")
    curl = (
        f"curl -sS {url}/ -H 'Authorization: Bearer {token}' -H 'Content-Type: application/x-amz-json-1.1' "
        """-H 'X-Amz-Target: AWSCognitoIdentityProviderService.ListUsers' -d '{"Limit": 3}'"""
    )
    cli = (
        f"AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER={url} AWS_ACCESS_KEY_ID=gateway AWS_SECRET_ACCESS_KEY=gateway "
        f"AWS_SESSION_TOKEN={token} AWS_DEFAULT_REGION=us-east-1 "
        f"{aws} cognito-idp list-users --user-pool-id {emulator.pool_id} --max-items 3"
    )
    width = max(len(user) for user in USERS)
    lines = [
        f"{emphasis}Gateway   {url}{plain}",
        f"          every route, to read and to try: {url}/docs",
        f"          emulator {emulator.url}, pool {emulator.pool_id}, up in {seconds:.1f} s",
        "",
        f"{emphasis}Users{plain}     password {PASSWORD}; 200 more to list",
        *(f"  {user:{width}}  group {user.partition('@')[0]}" for user in USERS),
        f"{emphasis}Clients{plain}   {emulator.client_id} (sign-in, no secret)",
        f"          {emulator.machine_client_id} (machine), secret {emulator.machine_client_secret},",
        f"          tokens: POST {emulator.token_url} with grant_type=client_credentials",
        f"{emphasis}Audit{plain}     {arguments.audit or 'file:.dev-audit.jsonl'}",
        "",
        f"{emphasis}An access token of {USERS[0]}, good for an hour:{plain}",
        "",
        token,
        "",
        f"{emphasis}Paste one of these into another terminal:{plain}",
        "",
        curl,
        "",
        cli,
        "",
        "Ctrl-C ends both.",
    ]
    print("\n".join(lines), flush=True)


def _fail(*lines: str) -> int:
    for line in lines:
        print(f"gateway dev: {line}", file=sys.stderr)
    return 1
