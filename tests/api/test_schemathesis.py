"""schemathesis over the whole OpenAPI document, against `gateway serve` in front of the emulator.

In minutes rather than seconds, with more of everything and the coverage phase on the AWS endpoint too:
`SCHEMATHESIS_EXAMPLES=100 pytest tests/api/test_schemathesis.py`.
"""

import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from gateway.api.description.document import served as document_of
from gateway.api.routes import routes
from gateway.assembly import read_policy
from gateway.cli.dev import permissions, settings_for
from gateway.emulator import server as emulator_server
from gateway.operations import catalogue
from gateway.policy_file import IDENTITY_OPERATIONS
from tests.e2e.conftest import World, served

pytestmark = pytest.mark.slow
HERE = pathlib.Path(__file__).parent
EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "0"))
SEED = "1"
LIMIT_SECONDS = 240 + 60 * EXAMPLES
ENDS_SESSIONS = (
    "deleteMe",
    "signOut",
    "changeMyPassword",
    "signOutUser",
    "resetUserPassword",
    "setUserPassword",
    "amplifySignUserOut",
    "addUserToGroup",
    "removeUserFromGroup",
    "amplifyAddUserToGroup",
    "amplifyRemoveUserFromGroup",
    "createGroup",
    "updateGroup",
    "deleteGroup",
)
"""Whoever tries these may sign itself out: names that were answered before, its own too, are tried again."""
TESTED = re.compile(r"Tested: (\d+)")


def everything() -> str:
    """A policy that lets an admin do all that a policy can allow, and anybody all that needs no key."""
    operations = catalogue().by_target.values()
    signed = sorted(
        each.name for each in operations if each.service == "cognito-idp" and each.signed and each.takes_pool
    )
    public = {each.name for each in operations if each.service == "cognito-idp" and not each.signed}
    return f"""
[roles.admin]
groups = ["admin"]
allow = {json.dumps(signed)}
explain = true
peers = true
rate_per_minute = 100000
[roles.admin.limits]
attributes = ["any", "email", "email_verified", "phone_number", "phone_number_verified", "preferred_username"]
groups = "any"
client_metadata = "any"
members = "any"
federated_password = true
[public]
allow = {json.dumps(sorted(public | IDENTITY_OPERATIONS))}
rate_per_minute_per_ip = 100000
rate_per_minute_per_user = 100000
"""


@contextlib.contextmanager
def gateway(folder: pathlib.Path, policy: str | None) -> Iterator[World]:
    """A gateway with users of its own: a run leaves none of them as it was."""
    own = {} if policy is None else {"GATEWAY_POLICY": policy}
    folder.mkdir()
    with (
        emulator_server.start(port=0, iam_policy=permissions(read_policy(policy))) as emulator,
        served(folder, settings_for(emulator) | own) as url,
    ):
        yield World(url, emulator, folder)


def run(world: World, who: str, *words: str, examples: int, knows_aws: bool = True) -> int:
    """Run it as one of the seeded users, and tell it what AWS's JSON is; how many operations it tried."""
    command = [
        sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml"), "run",
        f"{world.url}/openapi.json", "--header", f"Authorization: Bearer {world.token(who)}", "--seed", SEED,
        "--max-examples", str(EXAMPLES or examples), *words,
    ]  # fmt: skip
    hooks = {"SCHEMATHESIS_HOOKS": str(HERE / "schemathesis_hooks.py")} if knows_aws else {}
    environment = {**os.environ, **hooks, "NO_COLOR": "1"}
    done = subprocess.run(
        command, cwd=world.folder, env=environment, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False
    )
    told = "\n".join(line[:1000] for line in (done.stdout + done.stderr).splitlines())
    assert done.returncode == 0, told
    tried = TESTED.search(told)
    assert tried, told
    return int(tried[1])


def test_every_rest_route_does_as_the_document_says(tmp_path: pathlib.Path) -> None:
    """No crash, no undocumented status, type or member; what the schema forbids is refused; no token, no answer."""
    ways = {
        "others": ("--exclude-tag", "me", "--exclude-tag", "auth", "--exclude-path", "/", *_each("--exclude")),
        "own": ("--include-tag", "me", "--include-tag", "auth", *_each("--exclude")),
        "last": _each("--include"),
    }
    tried = 0
    for name, words in ways.items():
        with gateway(tmp_path / name, everything()) as world:
            tried += run(world, "admin", "--phases", "examples,coverage,fuzzing", *words, examples=2)
            lines = [json.loads(line) for line in (world.folder / "audit.jsonl").read_text().splitlines()]
        refused = sum(line["decision"]["reason"] == "revoked" for line in lines)
        assert name == "last" or refused < len(lines) / 2, "most of it was tried by somebody who had been signed out"
    apart = {"/", "/openapi.json"}  # the next test's, and where schemathesis itself reads
    assert tried == len({(method, path) for method, path in document_of(routes()) if path not in apart})


def test_the_aws_endpoint_does_as_the_document_says(tmp_path: pathlib.Path) -> None:
    """One path and 130 bodies."""
    phases = "examples,coverage,fuzzing" if EXAMPLES else "examples,fuzzing"
    with gateway(tmp_path / "aws", everything()) as world:
        assert run(world, "admin", "--phases", phases, "--include-path", "/", examples=3) == 2


def test_a_tool_that_knows_no_aws_json_can_call_it_too(tmp_path: pathlib.Path) -> None:
    """Out of the box: it finds a type that it can write, and no error in what comes back."""
    with gateway(tmp_path / "plain", everything()) as world:
        phases = ("--phases", "examples,fuzzing")
        assert run(world, "admin", *phases, "--include-path", "/", examples=3, knows_aws=False) == 2


@pytest.mark.parametrize("who", ["readonly", "admin"] if EXAMPLES else ["readonly"])
def test_whoever_may_little_is_refused_as_the_document_says(tmp_path: pathlib.Path, who: str) -> None:
    """The same with the built-in policy: refusals and rates are documented too."""
    with gateway(tmp_path / who, None) as world:
        assert run(world, who, "--phases", "examples,fuzzing", "--exclude-path", "/", examples=1)


def _each(option: str) -> tuple[str, ...]:
    return tuple(word for name in ENDS_SESSIONS for word in (f"{option}-operation-id", name))
