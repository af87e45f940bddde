"""REST requests over the wire, and what `POST /` would have answered in the place of their answers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.runtimes import refusals
from gateway.runtimes.refusals import Refusal
from tests.blackbox import wire
from tests.blackbox.gateways import Gateway
from tests.blackbox.wire import Response

Body = Mapping[str, Any]

SECRETS = frozenset({
    "password", "temporaryPassword", "newPassword", "currentPassword", "code", "session", "refreshToken", "idToken",
    "answer",
})  # fmt: skip
"""The members of REST bodies whose values are for Cognito alone; see `tests.blackbox.canaries.MEMBERS`."""
JSON = "application/json"
PROBLEM = "application/problem+json"

ANSWER: Mapping[str, Any] = {
    "Username": "bob",
    "Enabled": True,
    "UserStatus": "CONFIRMED",
    "UserAttributes": [{"Name": "sub", "Value": "sub-of-bob"}],
    "User": {
        "Username": "carol",
        "Enabled": True,
        "UserStatus": "FORCE_CHANGE_PASSWORD",
        "Attributes": [{"Name": "sub", "Value": "sub-of-carol"}],
    },
    "Group": {"GroupName": "premium"},
    "SecretCode": "ORSXG5BAORSXG5BA",
    "Status": "SUCCESS",
    "IdentityId": "eu-west-1:22222222-2222-4333-8444-555555555555",
    "Credentials": {"AccessKeyId": "ASIA", "SecretKey": "x", "SessionToken": "y", "Expiration": 4102444800.0},
}
"""What a Cognito may say to any operation, so that each route finds in it what it shows."""

OF_THE_SERVER = frozenset(one.message for one in vars(refusals).values() if isinstance(one, Refusal))
"""What is said before anybody is known, and so stands in no audit."""
_CREATED = (201, 204)
_BEFORE_ANY_ROUTE = frozenset({None, 200, 400, 408, 414, 431})
"""What may be no problem document: a success, and what the server refuses before it has read where it is to go."""
_OF_COGNITO = {404: 400, 409: 400}
"""What HTTP has a status for, and Cognito has not."""


@dataclass(frozen=True)
class Rest:
    """One REST request; `bare`: its token comes without "Bearer", as Amplify's clients send it."""

    method: str
    path: str
    body: Body | None = None
    bare: bool = False


def raw(
    rest: Rest, token: str | None, *headers: tuple[str, str], data: bytes | None = None, close: bool = True
) -> bytes:
    """The request as bytes, `headers` first; `data` in the place of its body; `close`: nothing comes after it."""
    body = data if data is not None else b"" if rest.body is None else json.dumps(rest.body).encode()
    more = list(headers)
    if body and "content-type" not in {name.lower() for name, _ in more}:
        more.append(("Content-Type", JSON))
    if rest.bare and token is not None:
        more.append(("Authorization", token))
        token = None
    return wire.request(None, body, token, headers=more, method=rest.method, path=rest.path, close=close)


def send(
    gateway: Gateway, rest: Rest, token: str | None, *headers: tuple[str, str], data: bytes | None = None
) -> Response:
    """Send it, on a connection of its own; the secrets in its body and a bare token are canaries too."""
    _heed(gateway, rest, token)
    return gateway.send(raw(rest, token, *headers, data=data), timeout_seconds=20.0)[0]


def ask(gateway: Gateway, rest: Rest, token: str | None) -> Response:
    """The same on the connection that is kept for these."""
    _heed(gateway, rest, token)
    sent = raw(rest, token, close=False)
    gateway.canaries.heed(sent)
    found, said = gateway._line.ask(sent)
    gateway.said += said
    return found


def _heed(gateway: Gateway, rest: Rest, token: str | None) -> None:
    for name, value in (rest.body or {}).items():
        if name in SECRETS and isinstance(value, str):
            gateway.canaries.add(value)
    if rest.bare and token is not None:
        gateway.canaries.add(token)


def problem(found: Response) -> dict[str, Any]:
    """The document of a refusal, held to RFC 9457.

    Raises:
        AssertionError: it is none.

    """
    assert found.headers["content-type"] == PROBLEM
    document: dict[str, Any] = found.json
    assert document["status"] == found.status
    assert document["requestId"] == found.headers["x-request-id"]
    assert document.keys() <= {"type", "title", "status", "detail", "requestId", "member", "message"}
    assert document.get("message", document["detail"]) == document["detail"]  # Amplify's name for it
    return document


def as_aws(found: Response) -> Response:
    """The answer as `POST /` would have given it: a success is 200; a problem is its type and its message."""
    if found.status in _CREATED:
        return Response(200, found.headers, found.body)
    if found.status in _BEFORE_ANY_ROUTE and found.headers.get("content-type") != PROBLEM:
        return found
    told = problem(found)
    status = _OF_COGNITO.get(told["status"], told["status"])
    body = json.dumps({"__type": told["type"], "message": told["detail"]}).encode()
    return Response(status, found.headers, body)
