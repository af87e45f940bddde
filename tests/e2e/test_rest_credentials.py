"""AWS credentials for people, with the AWS CLI, unmodified: a profile whose `credential_process` asks the gateway."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.credentials import ProcessProvider

from gateway.assembly import read_policy
from gateway.cli.dev import permissions, settings_for
from gateway.emulator import server as emulator_server
from gateway.emulator.server import Emulator
from tests.e2e.conftest import PASSWORD, Serve
from tests.e2e.test_aws_cli import AWS

pytestmark = pytest.mark.slow

REPORTS = "arn:aws:iam::123456789012:role/Reports"
POLICY = f"""
[roles.admin]
groups = ["admin"]
allow = ["ListUsers"]
explain = true
[roles.moderator]
groups = ["moderator"]
allow = ["AdminGetUser"]
fresh = true
[roles.moderator.aws]
role_arn = "{REPORTS}"
max_seconds = 43200
[public]
allow = ["GetId", "GetCredentialsForIdentity"]
"""


@dataclass
class Place:
    """A gateway whose policy gives moderators a role and everybody else what the identity pool gives."""

    url: str
    emulator: Emulator
    folder: pathlib.Path

    def ask(self, who: str, **over: str) -> tuple[int, dict[str, Any]]:
        """Ask for somebody's credentials; `over` are members of the body."""
        tokens = self.emulator.sign_in(f"{who}@example.com", PASSWORD)
        headers = {"Authorization": f"Bearer {tokens['access_token']}", "Content-Type": "application/json"}
        body = json.dumps({"idToken": tokens["id_token"]} | over).encode()
        request = urllib.request.Request(f"{self.url}/me/aws-credentials", body, headers)  # noqa: S310 - loopback
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def profile(self, who: str) -> str:
        """What a person writes: the tokens in two files of its own, the process in a profile."""
        tokens = self.emulator.sign_in(f"{who}@example.com", PASSWORD)
        head, body = self.folder / f"{who}.headers", self.folder / f"{who}.json"
        head.write_text(f"Authorization: Bearer {tokens['access_token']}\nContent-Type: application/json\n")
        body.write_text(json.dumps({"idToken": tokens["id_token"]}))
        process = f"{shutil.which('curl')} -sS --fail -H @{head} -d @{body} {self.url}/me/aws-credentials"
        with (self.folder / "config").open("a") as file:
            file.write(f"[profile {who}]\nregion = us-east-1\ncredential_process = {process}\n")
        return process

    def aws(self, who: str, *arguments: str) -> tuple[int, Any, str]:
        """`aws … --profile WHO`."""
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.folder),
            "AWS_CONFIG_FILE": str(self.folder / "config"),
            "AWS_ENDPOINT_URL": self.emulator.url,
            "AWS_MAX_ATTEMPTS": "1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        command = [sys.executable, str(AWS), *arguments, "--profile", who, "--output", "json"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, json.loads(done.stdout) if done.stdout.strip() else None, done.stderr


@pytest.fixture(scope="module")
def place(runtime: Serve, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """An emulator whose IAM user has exactly what `gateway iam-policy` prints; nothing of a secret is left behind."""
    folder, people = tmp_path_factory.mktemp("credentials"), tmp_path_factory.mktemp("people")
    policy = read_policy(POLICY)
    with emulator_server.start(
        port=0, users=0, iam_policy=permissions(policy), role_arns=policy.role_arns()
    ) as emulator:
        settings = settings_for(emulator) | {"GATEWAY_POLICY": POLICY, "AWS_ROLE_ARN": emulator.role_arn}
        with runtime(folder, settings) as url:
            found = Place(url, emulator, people)
            yield found
        told = b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())
        for secret in (emulator.secret_access_key, emulator.access_key_id, PASSWORD, "eyJ", "ASIA"):
            if secret.encode() in told:
                raise AssertionError("a secret was let out (R-01)")


def test_a_member_has_a_role_for_twelve_hours_with_tags(place: Place) -> None:
    """The emulator's STS sees the IAM user's own keys, though a role signs for Cognito, and keeps the tags."""
    status, found = place.ask("moderator")
    assert status == 200
    ends = datetime.fromisoformat(found["Expiration"])
    assert timedelta(hours=11, minutes=59) < ends - datetime.now(UTC) < timedelta(hours=12, minutes=1)
    tags = place.emulator.session_tags(found["AccessKeyId"])
    assert (tags["username"], tags["source"]) == ("moderator@example.com", "cognito-edge-gateway")
    assert len(tags["sub"]) == 36
    assert place.ask("moderator", roleArn=REPORTS)[0] == 403
    assert place.ask("user", customRoleArn=REPORTS)[0] == 403


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
@pytest.mark.parametrize(("who", "role"), [("moderator", "Reports"), ("user", "DevPoolAuthenticated")])
def test_the_cli_takes_them_from_a_credential_process(place: Place, who: str, role: str) -> None:
    """A profile with one line, and `aws sts get-caller-identity` is the person's session of the role."""
    place.profile(who)
    status, found, error = place.aws(who, "sts", "get-caller-identity")
    assert status == 0, error
    assert f":assumed-role/{role}/" in found["Arn"]
    status, _, error = place.aws(who, "cognito-idp", "list-groups", "--user-pool-id", place.emulator.pool_id)
    assert status != 0
    assert "AccessDenied" in error  # the keys are that role's, not the gateway's


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_botocore_reads_the_form(place: Place) -> None:
    """What the SDKs share: version, keys, token, and an end at which they ask again."""
    profiles = {"profiles": {"it": {"credential_process": place.profile("moderator")}}}
    found = ProcessProvider("it", lambda: profiles).load()
    frozen = found.get_frozen_credentials()
    assert frozen.access_key.startswith("ASIA")
    assert frozen.token
    assert not found.refresh_needed()


@pytest.mark.only("container", "a Worker's audit cannot be read back")
def test_each_answer_has_a_line_of_the_audit(place: Place) -> None:
    """The page of the audit over HTTP shows who was given what, newest first, and no key."""
    place.ask("moderator")
    token = place.emulator.sign_in("admin@example.com", PASSWORD)["access_token"]
    address = f"{place.url}/admin/audit?limit=5&operation=gateway:IssueCredentials"
    request = urllib.request.Request(address, headers={"Authorization": f"Bearer {token}"})  # noqa: S310 - loopback
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
        text = answer.read()
    line = json.loads(text)["items"][0]
    assert (line["caller"]["username"], line["decision"]["role"]) == ("moderator@example.com", "moderator")
    assert b"ASIA" not in text
