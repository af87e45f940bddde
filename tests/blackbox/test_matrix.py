"""Every operation of both services by every kind of caller: what is not listed never reaches Cognito (R-08)."""

import json
import pathlib
import re
import tomllib
import uuid
from collections.abc import Callable
from typing import Any

import pytest

import gateway as package
from gateway.operations import Operation, catalogue
from tests.blackbox.gateways import CLIENT, Gateway
from tests.minting import Mint
from tests.world import World

IDENTITY_POOL = "eu-west-1:11111111-2222-4333-8444-555555555555"
BUILT_IN = (pathlib.Path(package.__file__).parent / "policy.toml").read_text("utf-8")
POLICY = re.sub(r"(?m)^(rate_per_minute_per_\w+) = \d+$", r"\1 = 1000000", BUILT_IN)  # the matrix asks more often
OPTIONS = {"policy": POLICY, "COGNITO_IDENTITY_POOL_ID": IDENTITY_POOL}
RULES = tomllib.loads(POLICY)
OPERATIONS = sorted(catalogue().by_target.values(), key=lambda operation: operation.target)

Callers = dict[str, tuple[Callable[[Mint], str | None], tuple[str, ...]]]
CALLERS: Callers = {
    "no token": (lambda _: None, ()),
    "a token of nobody": (lambda mint: mint.access(["admin"])[:-9] + "AAAAAAAAA", ()),
    "an old token": (lambda mint: mint.access(["admin"], exp=int(mint.now) - 90, iat=int(mint.now) - 900), ()),
    "another pool's": (lambda mint: mint.access(["admin"], iss=f"{mint.issuer}2"), ()),
    "an ID token": (lambda mint: mint.id(["admin"]), ()),
    "admin": (lambda mint: mint.access(["admin"]), ("admin",)),
    "moderator": (lambda mint: mint.access(["moderator"]), ("moderator",)),
    "readonly": (lambda mint: mint.access(["readonly"]), ("readonly",)),
    "premium": (lambda mint: mint.access(["premium"]), ("premium",)),
    "user": (lambda mint: mint.access(["user"]), ("user",)),
    "moderator and user": (lambda mint: mint.access(["user", "moderator"]), ("moderator", "user")),
    "nobody": (lambda mint: mint.access(), ()),
    "an unknown group": (
        lambda mint: mint.access(["Admin", "admins", "admin ", "\uff41dmin", "*", "any"]),
        (),
    ),
    "a person with a scope": (lambda mint: mint.access(["user"], scope="gateway/users.read"), ("user",)),
    "machine": (lambda mint: mint.machine(["gateway/users.read"]), ("readonly",)),
    "machine without a scope": (lambda mint: mint.machine(["gateway/users.write", "admin"]), ()),
    "machine with groups": (lambda mint: mint.machine([], **{"cognito:groups": ["admin"]}), ()),
}
"""Who calls, and the roles that the policy gives it."""

VALUES: dict[str, Any] = {
    "Username": "bob", "GroupName": "premium", "ClientId": CLIENT, "Password": "Canary-passw0rd!", "Permanent": True,
    "UserAttributes": [{"Name": "name", "Value": "Bob"}], "UserAttributeNames": ["name"], "AttributeName": "email",
    "ConfirmationCode": "canary-code-123", "Code": "canary-code-123", "UserCode": "918273", "AuthFlow": "USER_AUTH",
    "ChallengeName": "SMS_MFA", "Session": "canary-session-0123456789", "Token": "canary-refresh-token",
    "RefreshToken": "canary-refresh-token", "PreviousPassword": "Canary-passw0rd!",
    "ProposedPassword": "Canary-passw0rd?", "IdentityId": IDENTITY_POOL, "AuthParameters": {"USERNAME": "bob"},
}  # fmt: skip
"""A good value of each member that an operation needs: only what the policy lists has to be a good call."""


def listed(roles: tuple[str, ...]) -> set[str]:
    """What the policy's text lets a caller of these roles do."""
    return set(RULES["public"]["allow"]).union(*(RULES["roles"][role]["allow"] for role in roles))


def body(operation: Operation, mint: Mint) -> bytes:
    """As good a body as the table makes it; the pool is left to the gateway."""
    found = {name: VALUES.get(name, "canary-value-of-a-member") for name in operation.required}
    found.pop("UserPoolId", None)
    found.pop("IdentityPoolId", None)
    if "AccessToken" in found:
        found["AccessToken"] = mint.access(["user"], sub=str(uuid.uuid4()))  # some of them end it
    if operation.service == "cognito-identity" and "Logins" in operation.members:
        found["Logins"] = {mint.issuer.removeprefix("https://"): mint.id(["user"])}
    return json.dumps(found).encode()


def should_pass(operation: Operation, roles: tuple[str, ...]) -> bool:
    """Whether the call is to reach Cognito; three names are both services', and public is theirs only who are open."""
    if operation.service == "cognito-identity":
        return operation.name in RULES["public"]["allow"]
    return operation.name in listed(roles)


def test_the_matrix_is_whole() -> None:
    """Both services are in it, and every role of the policy."""
    assert sum(operation.service == "cognito-idp" for operation in OPERATIONS) > 100
    assert sum(operation.service == "cognito-identity" for operation in OPERATIONS) > 20
    assert {role for _, roles in CALLERS.values() for role in roles} == set(RULES["roles"])
    assert {name for roles in [tuple(RULES["roles"])] for name in listed(roles)} <= {found.name for found in OPERATIONS}


@pytest.mark.parametrize("caller", CALLERS)
async def test_only_what_is_listed_passes_in_memory(caller: str) -> None:
    """R-08: each operation is decided as the policy's text says, for callers of every kind."""
    world = World(
        POLICY,
        COGNITO_USER_POOL_ID="eu-west-1_TESTPOOLA",
        COGNITO_CLIENT_IDS=CLIENT,
        COGNITO_IDENTITY_POOL_ID=IDENTITY_POOL,
    )
    world.mint = Mint("eu-west-1_TESTPOOLA", "eu-west-1", CLIENT)
    make, roles = CALLERS[caller]
    token = make(world.mint)
    wrong = []
    for operation in OPERATIONS:
        world.cognito.requests.clear()
        service, _, name = operation.target.partition(".")
        reply = await world.call(name, raw=body(operation, world.mint), token=token, service=f"{service}.")
        calls = [dict(request.headers)["X-Amz-Target"] for request in world.cognito.requests]
        passes = should_pass(operation, roles)
        if calls != [operation.target] * passes or (reply.status == 200) != passes or world.sink.lines == []:
            wrong.append((operation.target, reply.status, reply.body, calls))
    assert wrong == []


@pytest.mark.parametrize("caller", CALLERS)
def test_only_what_is_listed_passes_over_the_wire(gateway: Gateway, caller: str) -> None:
    """R-08: the same through sockets, on one connection that all callers share."""
    make, roles = CALLERS[caller]
    token = make(gateway.mint)
    wrong = []
    for operation in OPERATIONS:
        before = len(gateway.stub.received)
        found = gateway.ask(operation.target, body(operation, gateway.mint), token)
        calls = [call.header("x-amz-target") for call in gateway.stub.received[before:]]
        passes = should_pass(operation, roles)
        if calls != [operation.target] * passes or (found.status == 200) != passes:
            wrong.append((operation.target, found.status, found.body, calls))
    assert wrong == []
    signed = [call for call in gateway.stub.received if call.header("authorization")]
    assert {call.operation for call in signed} == listed(roles) - set(RULES["public"]["allow"])
