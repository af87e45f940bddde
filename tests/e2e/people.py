"""A gateway's REST side with the emulator behind it, and the people who sign up and in there."""

import base64
import contextlib
import hmac
import json
import pathlib
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3

from gateway.cli.dev import settings_for
from gateway.emulator import server as emulator_server
from gateway.emulator.server import Emulator
from tests.e2e.conftest import PASSWORD, Serve

POLICY = """
[public]
allow = ["InitiateAuth", "RespondToAuthChallenge", "GetTokensFromRefreshToken", "RevokeToken", "GlobalSignOut",
         "SignUp", "ConfirmSignUp", "ResendConfirmationCode", "ForgotPassword", "ConfirmForgotPassword",
         "ChangePassword", "GetUser", "UpdateUserAttributes", "DeleteUserAttributes",
         "GetUserAttributeVerificationCode", "VerifyUserAttribute", "AssociateSoftwareToken", "VerifySoftwareToken",
         "SetUserMFAPreference", "DeleteUser"]
rate_per_minute_per_ip = 100000
rate_per_minute_per_user = 100000
"""
STEP_SECONDS = 30


@dataclass(frozen=True)
class Reply:
    """Status, headers and JSON."""

    status: int
    headers: dict[str, str]
    json: Any


@dataclass
class Gateway:
    """A gateway's REST side, the emulator behind it, a confidential client that rotates its refresh tokens."""

    url: str
    emulator: Emulator
    rotating_client_id: str
    folder: pathlib.Path
    secrets: list[str] = field(default_factory=list)

    def __call__(self, method: str, path: str, body: Any = None, token: str | None = None, **headers: str) -> Reply:
        """One request; what is secret in the answer is remembered."""
        found = {} if token is None else {"Authorization": f"Bearer {token}"}
        found |= {} if body is None else {"Content-Type": "application/json"}
        found |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, found, method=method)  # noqa: S310 - loopback
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - loopback
                status, told, text = answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as error:
            status, told, text = error.code, dict(error.headers), error.read()
        reply = Reply(status, {name.lower(): value for name, value in told.items()}, json.loads(text or b"null"))
        if isinstance(reply.json, dict):
            self.secrets += [str(reply.json[name]) for name in ("session", "secret") if reply.json.get(name)]
            self.secrets += [value for value in (reply.json.get("tokens") or {}).values() if str(value)[:2] == "ey"]
        return reply

    def post(self, path: str, body: Any, **more: Any) -> Reply:
        """One POST."""
        return self("POST", path, body, **more)

    def code(self, name: str) -> str:
        """The newest code that was sent to a user."""
        found = self.emulator.code_of(name)
        self.secrets.append(f'"{found}"')
        return found


@contextlib.contextmanager
def started(serve: Serve, folder: pathlib.Path) -> Iterator[Gateway]:
    """One of each. At its end no token, code, secret or password is in its log or its audit (R-01)."""
    with emulator_server.start(port=0, users=0) as emulator:
        confidential = admin(emulator).create_user_pool_client(
            UserPoolId=emulator.pool_id,
            ClientName="confidential",
            GenerateSecret=True,
            ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH"],
            RefreshTokenRotation={"Feature": "ENABLED", "RetryGracePeriodSeconds": 0},
        )["UserPoolClient"]
        client_id, secret = confidential["ClientId"], confidential["ClientSecret"]
        settings = settings_for(emulator) | {"GATEWAY_POLICY": POLICY}
        settings["COGNITO_CLIENT_IDS"] += f",{client_id}"
        settings["COGNITO_CLIENT_SECRETS"] += f",{client_id}={secret}"
        with serve(folder, settings) as url:
            found = Gateway(url, emulator, client_id, folder, [PASSWORD, secret, "eyJ"])
            yield found
        told = b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file()).decode()
        assert '"operation":"SignUp"' in told
        assert not [one for one in found.secrets if one in told]


def admin(emulator: Emulator) -> Any:
    """The pool's operator, past the gateway."""
    return boto3.client(
        "cognito-idp",
        region_name="us-east-1",
        endpoint_url=emulator.url,
        aws_access_key_id=emulator.access_key_id,
        aws_secret_access_key=emulator.secret_access_key,
    )


def app_code(secret: str) -> str:
    """What an authenticator app shows now (RFC 6238 with SHA-1, six digits)."""
    moment = int(time.time() // STEP_SECONDS).to_bytes(8, "big")
    digest = hmac.digest(base64.b32decode(secret), moment, "sha1")
    at = digest[-1] & 15
    return f"{(int.from_bytes(digest[at : at + 4], 'big') & 0x7FFFFFFF) % 1_000_000:06}"


def person(gateway: Gateway, name: str, **client: str) -> dict[str, str]:
    """Somebody who has signed up, confirmed the address and signed in: the tokens."""
    who = {"username": name, **client}
    email = f"{name}@example.org"
    signed_up = gateway.post("/auth/sign-up", who | {"password": PASSWORD, "attributes": {"email": email}})
    assert (signed_up.status, signed_up.json["confirmed"]) == (201, False)
    assert signed_up.json["delivery"] == {"destination": f"{name[0]}***@e***", "medium": "EMAIL", "attribute": "email"}
    assert gateway.post("/auth/sign-in", who | {"password": PASSWORD}).json["type"] == "UserNotConfirmedException"
    first = gateway.code(name)
    assert gateway.post("/auth/resend-code", who).json["delivery"]["attribute"] == "email"
    if gateway.code(name) != first:
        wrong = gateway.post("/auth/confirm-sign-up", who | {"code": first})
        assert (wrong.status, wrong.json["type"]) == (400, "CodeMismatchException")
    confirmed = gateway.post("/auth/confirm-sign-up", who | {"code": gateway.code(name)})
    assert (confirmed.status, confirmed.json) == (200, {"session": None})
    found: dict[str, str] = gateway.post("/auth/sign-in", who | {"password": PASSWORD}).json["tokens"]
    return found
