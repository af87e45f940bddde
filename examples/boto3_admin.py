"""An admin's day with boto3, unmodified: the gateway is the endpoint, the caller's JWT is the session token.

usage: scripts/dev in one terminal; in another .venv/bin/python examples/boto3_admin.py
       (elsewhere: pip install boto3)

GATEWAY_URL, GATEWAY_USER and GATEWAY_PASSWORD say where and who; by default the admin of scripts/dev.
"""

import os
from typing import Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config

URL = os.environ.get("GATEWAY_URL", "http://127.0.0.1:8787")
USER = os.environ.get("GATEWAY_USER", "admin@example.com")
PASSWORD = os.environ.get("GATEWAY_PASSWORD", "Passw0rd!dev")
POOL_ID = os.environ.get("COGNITO_USER_POOL_ID", "us-east-1_DevPool01")
CLIENT_ID = os.environ.get("COGNITO_CLIENT_ID", "devclient00000000000000001")


def access_token() -> str:
    """Sign in as anybody does: no AWS key is needed for that."""
    stranger = boto3.client(
        "cognito-idp", region_name="us-east-1", endpoint_url=URL, config=Config(signature_version=UNSIGNED)
    )
    answer = stranger.initiate_auth(
        ClientId=CLIENT_ID,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": USER, "PASSWORD": PASSWORD},
    )
    return str(answer["AuthenticationResult"]["AccessToken"])


def admin(token: str) -> Any:  # noqa: ANN401 - boto3's clients have no type of their own
    """boto3's client. The two keys may be anything: what counts is the token."""
    return boto3.client(
        "cognito-idp",
        region_name="us-east-1",
        endpoint_url=URL,
        aws_access_key_id="gateway",
        aws_secret_access_key="gateway",  # noqa: S106 - not a secret
        aws_session_token=token,
    )


def main() -> None:
    """List, look up, change, and meet the policy."""
    client = admin(access_token())
    pages = client.get_paginator("list_users").paginate(UserPoolId=POOL_ID, PaginationConfig={"PageSize": 60})
    print(sum(len(page["Users"]) for page in pages), "users")

    who = {"UserPoolId": POOL_ID, "Username": "user@example.com"}
    client.admin_disable_user(**who)
    print(who["Username"], "is enabled:", client.admin_get_user(**who)["Enabled"])
    client.admin_enable_user(**who)
    print(who["Username"], "is enabled:", client.admin_get_user(**who)["Enabled"])

    try:
        client.admin_disable_user(UserPoolId=POOL_ID, Username=USER)
    except client.exceptions.ClientError as error:
        print("Nobody disables itself:", error.response["Error"]["Code"])


if __name__ == "__main__":
    main()
