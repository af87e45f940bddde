"""What anyone may ask without a bearer: signing in and looking after one's own account.

Duty: find the user name that a public body is about, the tokens in it, the fields that nobody may set without a role,
and add what a confidential client's secret is needed for.
Prohibition: no I/O; the caller's own SECRET_HASH is never trusted where the gateway holds the secret.
Source: Cognito's InitiateAuth, RespondToAuthChallenge, SignUp, GetTokensFromRefreshToken; SECRET_HASH =
Base64(HMAC-SHA256(client secret, user name + client id)).
"""

import base64
import hmac
import ipaddress
from collections.abc import Mapping
from typing import Any

from gateway.errors import Denied, InvalidRequest

REFRESH_FLOWS = frozenset({"REFRESH_TOKEN_AUTH", "REFRESH_TOKEN"})
"""The flows that name nobody: the token in them does."""
_PARAMETERS = {
    "InitiateAuth": "AuthParameters",
    "RespondToAuthChallenge": "ChallengeResponses",
    "AdminInitiateAuth": "AuthParameters",
    "AdminRespondToAuthChallenge": "ChallengeResponses",
}
_CLIENT_SECRET = frozenset({"GetTokensFromRefreshToken", "RevokeToken"})
MAX_NAME_CHARACTERS = 128
_FOR_TRIGGERS = ("ClientMetadata", "ValidationData")


def secret_hash(secret: str, username: str, client_id: str) -> str:
    """Cognito's SECRET_HASH for one user name and client."""
    return base64.b64encode(hmac.digest(secret.encode(), (username + client_id).encode(), "sha256")).decode()


def user_name(operation: str, body: Mapping[str, Any]) -> str | None:
    """The user whom a body of the right shape names, where its operation reads it and nowhere else.

    Raises:
        InvalidRequest: there is a second spelling beside the one that Cognito reads, or the name is no name's length.

    """
    holder = _PARAMETERS.get(operation)
    if holder is None:
        name = body.get("Username")
        return name if isinstance(name, str) else None
    parameters = body.get(holder) or {}
    if any(key != "USERNAME" and key.upper() == "USERNAME" for key in parameters):
        raise InvalidRequest("username-twin", message=f"Member '{holder}' names the user under another spelling.")
    name = parameters.get("USERNAME")
    if name is not None and not 1 <= len(name) <= MAX_NAME_CHARACTERS:
        raise InvalidRequest("username-length", message=f"Member '{holder}.USERNAME' must have 1 to 128 characters.")
    return str(name) if name is not None else None


def neighbourhood(ip: str) -> str:
    """What one caller can choose addresses from: an IPv4 address, or an IPv6 address's /64 network (RFC 4291)."""
    if ":" not in ip:
        return ip
    try:
        return str(ipaddress.ip_network((ip.partition("%")[0], 64), strict=False))
    except ValueError:
        return ip


def judge(body: Mapping[str, Any]) -> None:
    """Refuse what reaches triggers as trusted data, or takes an alias from another user.

    Raises:
        Denied: naming the member to the auditor.

    """
    for member in _FOR_TRIGGERS:
        if body.get(member):
            raise Denied(f"field:{member}")
    if body.get("ForceAliasCreation"):
        raise Denied("field:ForceAliasCreation")
    if "CustomRoleArn" in body:
        raise Denied("field:CustomRoleArn")
    if "IpAddress" in (body.get("UserContextData") or {}):  # Cognito believes it of a client with a secret
        raise Denied("field:UserContextData")


def add_secret(operation: str, body: dict[str, Any], secrets: Mapping[str, str]) -> dict[str, Any]:
    """The body with what the client's secret is needed for; unchanged where the gateway does not hold it.

    For the refresh flow the user name comes from `AuthParameters.USERNAME`, which Cognito does not take and which is
    removed.

    Raises:
        InvalidRequest: the flow needs a user name for its SECRET_HASH and the body has none.

    """
    client_id = body.get("ClientId")
    secret = secrets.get(client_id) if isinstance(client_id, str) else None
    if secret is None or client_id is None:
        return body
    if operation in _CLIENT_SECRET:
        return {**body, "ClientSecret": secret}
    holder = _PARAMETERS.get(operation)
    if holder is None:
        if "Username" not in body:
            return body
        return {**body, "SecretHash": secret_hash(secret, body["Username"], client_id)}
    parameters = dict(body.get(holder) or {})
    name = parameters.get("USERNAME")
    if not isinstance(name, str) or not name:
        if "SECRET_HASH" in parameters:  # a caller that holds the secret itself
            return body
        raise InvalidRequest(
            "secret-hash-username",
            message=f"Member '{holder}.USERNAME' is needed for this client: its secret is kept here.",
        )
    if body.get("AuthFlow") in REFRESH_FLOWS:
        del parameters["USERNAME"]
    parameters["SECRET_HASH"] = secret_hash(secret, name, client_id)
    return {**body, holder: parameters}
