"""The emulator behind the gateway refuses what AWS would refuse: the gateway's keys and IAM policy are really used."""

import json
import urllib.request
from typing import Any

import pytest

from gateway.assembly import read_policy
from gateway.cli.dev import permissions, settings_for
from gateway.emulator.server import Emulator
from tests.e2e.conftest import PASSWORD, served

WIDE = """
[roles.admin]
groups = ["admin"]
allow = ["ListUsers", "AdminDeleteUser", "AdminGetUser"]
"""


def call(url: str, token: str, operation: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """One raw call."""
    request = urllib.request.Request(  # noqa: S310 - loopback
        url,
        json.dumps(body).encode(),
        {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": f"AWSCognitoIdentityProviderService.{operation}",
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
            return answer.status, json.loads(answer.read() or b"{}")
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def test_a_wrong_secret_is_a_bad_gateway(emulator: Emulator, tmp_path: Any) -> None:
    """The signature is checked behind us: with a wrong secret nothing works, and the caller learns only 502."""
    token = emulator.sign_in("admin@example.com", PASSWORD)["access_token"]
    settings = settings_for(emulator) | {"AWS_SECRET_ACCESS_KEY": "x" * 40}
    with served(tmp_path, settings) as url:
        status, body = call(url, token, "ListUsers", {})
    assert (status, body["__type"]) == (502, "InternalErrorException")
    assert "ignature" not in body["message"]


def test_a_thirteenth_operation_is_refused_by_iam(emulator: Emulator, tmp_path: Any) -> None:
    """The IAM policy holds what the policy file enabled when it was made: more in the file is refused by IAM."""
    token = emulator.sign_in("admin@example.com", PASSWORD)["access_token"]
    assert "cognito-idp:AdminDeleteUser" not in permissions(read_policy(None))["Statement"][0]["Action"]
    with served(tmp_path, settings_for(emulator) | {"GATEWAY_POLICY": WIDE}) as url:
        assert call(url, token, "ListUsers", {"Limit": 1})[0] == 200
        status, body = call(url, token, "AdminDeleteUser", {"Username": "user@example.com"})
        assert (status, body["__type"]) == (502, "InternalErrorException")
        assert call(url, token, "AdminGetUser", {"Username": "user@example.com"})[0] == 200


def test_another_pool_is_refused_by_iam_too(emulator: Emulator) -> None:
    """Should the gateway ever ask for another pool, IAM refuses it: the ARN is pinned."""
    import boto3  # noqa: PLC0415 - this test alone speaks to the emulator directly
    from botocore.exceptions import ClientError  # noqa: PLC0415

    client = boto3.client(
        "cognito-idp",
        region_name="us-east-1",
        endpoint_url=emulator.url,
        aws_access_key_id=emulator.access_key_id,
        aws_secret_access_key=emulator.secret_access_key,
    )
    assert client.list_users(UserPoolId=emulator.pool_id, Limit=1)["Users"]
    for operation, arguments in (
        ("list_users", {"UserPoolId": "us-east-1_Another01"}),
        ("list_user_pools", {"MaxResults": 1}),
    ):
        with pytest.raises(ClientError) as refused:
            getattr(client, operation)(**arguments)
        assert refused.value.response["Error"]["Code"] == "AccessDeniedException"


def test_a_roles_temporary_keys_sign(emulator: Emulator, tmp_path: Any) -> None:
    """AWS_ROLE_ARN: the gateway assumes the role at STS and signs with its temporary keys."""
    token = emulator.sign_in("admin@example.com", PASSWORD)["access_token"]
    with served(tmp_path, settings_for(emulator) | {"AWS_ROLE_ARN": emulator.role_arn}) as url:
        status, body = call(url, token, "ListUsers", {"Limit": 1})
    assert status == 200, body
    assert body["Users"]
