"""Those who call the emulator in tests: boto3, and raw requests signed by botocore."""

import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import boto3
import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from gateway.emulator import Emulator

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # made once: httpx would read all certificates for each request
PASSWORD = "Passw0rd!dev"
PREFIX = "AWSCognitoIdentityProviderService"
ONE_TRY = Config(retries={"total_max_attempts": 1})
POOL_ARN = "arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_DevPool01"
TWELVE = (
    "AdminSetUserPassword",
    "AdminResetUserPassword",
    "AdminDisableUser",
    "AdminEnableUser",
    "AdminUpdateUserAttributes",
    "AdminConfirmSignUp",
    "AdminGetUser",
    "ListUsers",
    "AdminListGroupsForUser",
    "AdminAddUserToGroup",
    "AdminRemoveUserFromGroup",
    "ListUsersInGroup",
)
TWELVE_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": [f"cognito-idp:{name}" for name in TWELVE], "Resource": POOL_ARN},
    ],
}

_SESSION = boto3.Session(aws_access_key_id="none", aws_secret_access_key="none", region_name="us-east-1")


class Clock:
    """A clock that tests push."""

    def __init__(self) -> None:
        """Start at the real time."""
        self.ahead_seconds = 0.0

    def __call__(self) -> float:
        """Give epoch seconds."""
        return time.time() + self.ahead_seconds

    @contextmanager
    def pushed(self, seconds: float) -> Iterator[None]:
        """Be `seconds` ahead for a while."""
        self.ahead_seconds = seconds
        try:
            yield
        finally:
            self.ahead_seconds = 0.0


def client(emulator: Emulator, service: str = "cognito-idp", **keys: str) -> Any:
    """Make a boto3 client with the gateway's keys, or with `keys` instead."""
    settings: dict[str, Any] = {
        "aws_access_key_id": emulator.access_key_id,
        "aws_secret_access_key": emulator.secret_access_key,
        "endpoint_url": emulator.url,
        "config": ONE_TRY,
    }
    return _SESSION.client(service, **(settings | keys))


def signed(
    emulator: Emulator,
    target: str,
    body: bytes,
    *,
    unsigned: Mapping[str, str] | None = None,
    extra: Mapping[str, str] | None = None,
    service: str = "cognito-idp",
    region: str = "us-east-1",
) -> httpx.Response:
    """Send a request signed by botocore: `extra` headers are signed, `unsigned` ones are added afterwards."""
    headers = {"content-type": "application/x-amz-json-1.1", "x-amz-target": target, **(extra or {})}
    request = AWSRequest(
        method="POST",
        url=emulator.url + "/",
        data=body,
        headers={name: value for name, value in headers.items() if value},
    )
    SigV4Auth(Credentials(emulator.access_key_id, emulator.secret_access_key), service, region).add_auth(request)
    return post(emulator, {**dict(request.headers), **(unsigned or {})}, body)


def post(emulator: Emulator, headers: Mapping[str, str], body: bytes, path: str = "/") -> httpx.Response:
    """Send a request as it is."""
    return httpx.post(emulator.url + path, content=body, headers=dict(headers), trust_env=False, verify=NO_TLS)


def refusal(error: ClientError) -> tuple[str, str]:
    """Give code and message of what boto3 raised."""
    return error.response["Error"]["Code"], error.response["Error"]["Message"]
