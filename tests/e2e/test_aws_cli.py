"""The aws CLI, unmodified: the environment is all that changes."""

import json
import os
import pathlib
import subprocess
import sys
from typing import Any

from tests.e2e.conftest import PASSWORD, World

POOL = "us-east-1_DevPool01"
AWS = pathlib.Path(sys.executable).with_name("aws")


def aws(world: World, token: str | None, *arguments: str) -> tuple[int, Any, str]:
    """`aws cognito-idp …`: exit status, answer, error text."""
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(world.folder),
        "AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER": world.url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    if token is not None:
        environment |= {"AWS_ACCESS_KEY_ID": "gateway", "AWS_SECRET_ACCESS_KEY": "gateway", "AWS_SESSION_TOKEN": token}
    command = [sys.executable, str(AWS), "cognito-idp", *arguments, "--output", "json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, json.loads(done.stdout) if done.stdout.strip() else None, done.stderr


def test_list_get_disable_enable_groups(world: World) -> None:
    """What an operator does by hand, with the JWT as session token; the CLI pages by itself."""
    token = world.token("admin")
    status, answer, error = aws(world, token, "list-users", "--user-pool-id", POOL)
    assert status == 0, error
    assert len(answer["Users"]) >= 204
    who = ("--user-pool-id", POOL, "--username", "user@example.com")
    for command in ("admin-disable-user", "admin-enable-user", "admin-get-user", "admin-list-groups-for-user"):
        status, answer, error = aws(world, token, command, *who)
        assert status == 0, error
    assert [group["GroupName"] for group in answer["Groups"]] == ["user"]


def test_passwords_attributes_and_groups(world: World) -> None:
    """Set and reset a password, change an attribute, grant and revoke a group: each as the CLI spells it."""
    token = world.token("admin")
    status, answer, error = aws(world, token, "list-users", "--user-pool-id", POOL, "--filter", 'status = "Enabled"')
    assert status == 0, error
    confirmed = [user["Username"] for user in answer["Users"] if user["UserStatus"] == "CONFIRMED"]
    who = ("--user-pool-id", POOL, "--username", confirmed[-1])
    for command in (
        ("admin-set-user-password", *who, "--password", "An0ther!Password", "--permanent"),
        ("admin-update-user-attributes", *who, "--user-attributes", "Name=nickname,Value=Ünï"),
        ("admin-add-user-to-group", *who, "--group-name", "premium"),
        ("admin-remove-user-from-group", *who, "--group-name", "premium"),
        ("list-users-in-group", "--user-pool-id", POOL, "--group-name", "premium"),
        ("admin-reset-user-password", *who),
    ):
        status, answer, error = aws(world, token, *command)
        assert status == 0, error
    status, answer, error = aws(world, token, "admin-get-user", *who)
    assert answer["UserStatus"] == "RESET_REQUIRED", error
    assert {"Name": "nickname", "Value": "Ünï"} in answer["UserAttributes"]


def test_refusals_have_their_type(world: World) -> None:
    """The CLI prints Cognito's and the gateway's types alike."""
    get = ("admin-get-user", "--user-pool-id", POOL, "--username", "nobody@example.com")
    assert "UserNotFoundException" in aws(world, world.token("admin"), *get)[2]
    disable = ("admin-disable-user", "--user-pool-id", POOL, "--username", "admin@example.com")
    assert "AccessDeniedException" in aws(world, world.token("moderator"), *disable)[2]
    assert "NotAuthorizedException" in aws(world, "not-a-token", *get)[2]


def test_sign_in_without_credentials(world: World) -> None:
    """`aws cognito-idp initiate-auth` with no keys at all."""
    parameters = f"USERNAME=user@example.com,PASSWORD={PASSWORD}"
    flow = ("--auth-flow", "USER_PASSWORD_AUTH", "--client-id", world.emulator.client_id)
    status, answer, error = aws(world, None, "initiate-auth", *flow, "--auth-parameters", parameters)
    assert status == 0, error
    assert answer["AuthenticationResult"]["AccessToken"].count(".") == 2
