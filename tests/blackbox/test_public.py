"""What passes without a bearer: signing in and one's own account; the gateway is no relay for others, and no oracle."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.blackbox.attacks import check_headers
from tests.blackbox.gateways import CLIENT, Gateway
from tests.blackbox.wire import Response
from tests.minting import Mint

IDENTITY_POOL = "eu-west-1:11111111-2222-4333-8444-555555555555"
IDENTITY = "AWSCognitoIdentityService."
SECRET = "canary-client-secret-0000000000000003"
POLICY = """
[public]
allow = ["InitiateAuth", "RespondToAuthChallenge", "SignUp", "ConfirmSignUp", "GetUser", "ChangePassword", "DeleteUser",
         "GetTokensFromRefreshToken", "RevokeToken", "GetId", "GetCredentialsForIdentity"]
rate_per_minute_per_ip = 1000000
rate_per_minute_per_user = 5
"""
OPTIONS = {
    "policy": POLICY,
    "COGNITO_IDENTITY_POOL_ID": IDENTITY_POOL,
    "COGNITO_CLIENT_SECRETS": f"{CLIENT}={SECRET}",
}


def ask(gateway: Gateway, operation: str, body: dict[str, Any], token: str | None = None) -> Response:
    """One call; the client's secret is a canary too."""
    gateway.canaries.add(SECRET)
    return gateway.call(operation, json.dumps(body).encode(), token)


def hash_of(username: str) -> str:
    """SECRET_HASH by AWS's own formula."""
    return base64.b64encode(hmac.digest(SECRET.encode(), (username + CLIENT).encode(), hashlib.sha256)).decode()


def sign_in(who: str, **more: str) -> dict[str, Any]:
    """An InitiateAuth body with a password."""
    parameters = {"USERNAME": who, "PASSWORD": "Canary-passw0rd!", **more}
    return {"ClientId": CLIENT, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": parameters}


def test_signing_in_through_a_confidential_client(gateway: Gateway) -> None:
    """The hash is made here, whatever the caller sent; secret, hash and password go up and nowhere else (R-01)."""
    gateway.canaries.add(hash_of("alice"))
    assert ask(gateway, "InitiateAuth", sign_in("alice", SECRET_HASH="canary-of-a-wrong-hash")).status == 200
    call = gateway.stub.calls()[0]
    assert call.json["AuthParameters"]["SECRET_HASH"] == hash_of("alice")
    assert call.header("authorization") == ""  # Cognito does not want it signed
    assert call.header("x-amz-security-token") == ""
    unsigned = {"host", "accept-encoding", "content-type", "x-amz-target", "user-agent", "content-length"}
    check_headers(gateway, call, unsigned)


BAD: dict[str, Callable[[Mint], str]] = {
    "another pool's": lambda mint: mint.access(iss=f"{mint.issuer}2"),
    "another client's": lambda mint: mint.access(client_id="another"),
    "an old one": lambda mint: mint.access(exp=int(mint.now) - 90, iat=int(mint.now) - 900),
    "an ID token": lambda mint: mint.id(),
    "a changed one": lambda mint: mint.access()[:-9] + "AAAAAAAAA",
    "of an unknown key": lambda mint: mint.sign(mint.claims(), kid="unknown"),
    "none at all": lambda _: "not-a-token",
}


@pytest.mark.parametrize("which", BAD)
@pytest.mark.parametrize("operation", ["GetUser", "DeleteUser"])
def test_a_bad_access_token_in_a_body_is_not_passed_on(gateway: Gateway, operation: str, which: str) -> None:
    """R-04: tokens in bodies are verified like bearers, and refused alike; a good bearer beside it changes nothing."""
    body = {"AccessToken": BAD[which](gateway.mint)}
    for bearer in (None, gateway.token("admin")):
        found = ask(gateway, operation, body, bearer)
        assert (found.status, found.json["message"]) == (401, "The token was not accepted.")
    assert gateway.stub.calls() == []


def test_a_good_access_token_in_a_body_is_passed_on(gateway: Gateway) -> None:
    """A person reads its own account; the audit says who it was."""
    token = gateway.token("users", sub="own-account", username="alice")
    assert ask(gateway, "GetUser", {"AccessToken": token}).status == 200
    assert gateway.stub.calls()[0].json == {"AccessToken": token}
    assert gateway.entries[-1]["caller"]["sub"] == "own-account"


@pytest.mark.parametrize("operation", ["GetId", "GetCredentialsForIdentity"])
def test_only_this_pools_tokens_become_aws_credentials(gateway: Gateway, operation: str) -> None:
    """R-04, R-11: guests, other providers, other pools and a role of the caller's choice are refused."""
    provider = gateway.mint.issuer.removeprefix("https://")
    base = {"IdentityId": IDENTITY_POOL} if operation == "GetCredentialsForIdentity" else {}
    good = {provider: gateway.mint.id(["users"])}
    attempts: list[tuple[dict[str, Any], int]] = [
        ({}, 401),
        ({"Logins": {}}, 401),
        ({"Logins": {provider: gateway.mint.access()}}, 401),
        ({"Logins": {provider: gateway.mint.id(aud="another")}}, 401),
        ({"Logins": {"accounts.google.com": "canary-of-another-provider"}}, 401),
        ({"Logins": {**good, "accounts.google.com": "canary-of-another-provider"}}, 401),
        ({"Logins": {f"{provider}2": gateway.mint.id()}}, 401),
    ]
    if operation == "GetId":
        attempts.append(({"Logins": good, "IdentityPoolId": IDENTITY_POOL.replace("1", "2")}, 403))
    else:
        attempts.append(({"Logins": good, "CustomRoleArn": "arn:aws:iam::123456789012:role/Admin"}, 403))
    for body, status in attempts:
        assert ask(gateway, IDENTITY + operation, base | body).status == status, body.keys()
    assert gateway.stub.calls() == []
    assert ask(gateway, IDENTITY + operation, base | {"Logins": good}).status == 200


REFUSED: dict[str, tuple[str, dict[str, Any], int]] = {
    "a foreign client": ("InitiateAuth", sign_in("alice") | {"ClientId": "2zzzzzzzzzzzzzzzzzzzzEXAMPLE"}, 403),
    "data for triggers": ("InitiateAuth", sign_in("alice") | {"ClientMetadata": {"isAdmin": "true"}}, 403),
    "an alias taken from its owner": (
        "ConfirmSignUp",
        {"ClientId": CLIENT, "Username": "x", "ConfirmationCode": "canary-123456", "ForceAliasCreation": True},
        403,
    ),
    "an address of the caller's choice": (
        "InitiateAuth",
        sign_in("alice") | {"UserContextData": {"IpAddress": "1.1.1.1"}},
        403,
    ),
    "a second spelling of the name": ("InitiateAuth", sign_in("alice", username="bob"), 400),
    "an operation that is not listed": ("ForgotPassword", {"ClientId": CLIENT, "Username": "alice"}, 401),
    "an admin's operation": ("AdminInitiateAuth", sign_in("alice"), 401),
}


@pytest.mark.parametrize("what", REFUSED)
def test_strangers_get_no_more_than_is_listed(gateway: Gateway, what: str) -> None:
    """R-08, R-10: other clients, triggers, aliases, addresses, decoy names, unlisted operations: nothing goes up."""
    operation, body, status = REFUSED[what]
    assert ask(gateway, operation, body).status == status
    assert gateway.stub.calls() == []


def test_one_name_is_tried_a_few_times_a_minute(gateway: Gateway) -> None:
    """R-22: passwords cannot be guessed in a row, in whatever case the name is written; others are not held up."""
    names = ["mallory", "Mallory", "MALLORY", "mallory", "mallory", "mallory", "Mallory"]
    found = [ask(gateway, "InitiateAuth", sign_in(name)) for name in names]
    assert [response.status for response in found] == [200] * 5 + [429] * 2
    assert 1 <= int(found[-1].headers["retry-after"]) <= 60
    assert ask(gateway, "InitiateAuth", sign_in("somebody-else")).status == 200
    assert len(gateway.stub.calls()) == 6
