"""The attacks of `vectors/attacks`, read; where they are absent their tests are skipped with one line."""

import gzip
import json
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.blackbox.gateways import ACCESS_KEY_ID, POOL, Gateway
from tests.blackbox.stub import Received
from tests.conftest import VECTORS

MAX_BODY_BYTES = 65536
NO_VECTORS = "no ../shared/vectors beside the project"
ABSENT = pytest.param(None, id="absent", marks=pytest.mark.skip(reason=NO_VECTORS))
"""Stands for the cases of a file that is not there."""

JSON_BODY = f'{{"UserPoolId":"{POOL}"}}'.encode()
UPSTREAM_HEADERS = {
    "host", "accept-encoding", "content-type", "x-amz-date", "x-amz-target", "x-amz-security-token", "authorization",
    "user-agent", "content-length",
}  # fmt: skip
"""All that ever goes up, each once."""
ADDED_HEADERS: dict[str, set[str]] = {"container": set(), "edge": {"cf-worker"}}
"""What the platform adds behind the gateway: whose Worker sends, unsigned, and nothing of the caller's."""


@dataclass(frozen=True)
class Attack:
    """One case of `http-attacks.json`."""

    id: str
    kind: str
    members: dict[str, Any]

    @property
    def statuses(self) -> set[int]:
        """What it expects: the numbers it names; a 500 is named only as what must not be."""
        told = self.members["expect_status"]
        if isinstance(told, str):
            told = [int(number) for number in "".join(c if c.isdigit() else " " for c in told).split()]
        return {number for number in told if isinstance(number, int) and number != 500}

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Its own headers; the operation is among them, if it names one."""
        return [(name, value) for name, value in self.members["headers"]]

    @property
    def body(self) -> bytes:
        """Its body, made if it is a recipe."""
        text = self.members["body"]
        recipe, _, argument = text.removeprefix("@recipe:").removeprefix("@").partition(":")
        return _RECIPES[recipe](argument) if text.startswith("@") else text.encode()

    def token(self, gateway: Gateway) -> str | None:
        """The token of its caller."""
        role = self.members["token"]
        return gateway.token(role, username="mod" if role == "moderator" else role) if role else None


def read(name: str) -> list[dict[str, Any]]:
    """A file of attacks; empty where it is absent."""
    path = VECTORS / "attacks" / f"{name}.json"
    return list(json.loads(path.read_text("utf-8"))) if path.is_file() else []


ATTACKS = [Attack(case["id"], case["cls"], case) for case in read("http-attacks")]


def of(*kinds: str, but: Iterable[str] = ()) -> pytest.MarkDecorator:
    """Run a test once for each attack of some kinds."""
    left_out = set(but)
    return _each([attack for attack in ATTACKS if attack.kind in kinds and attack.id not in left_out])


def the(id_: str) -> pytest.MarkDecorator:
    """Run a test for one attack."""
    return _each([attack for attack in ATTACKS if attack.id == id_])


def _each(found: list[Attack]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("attack", [pytest.param(attack, id=attack.id) for attack in found] or [ABSENT])


def check_headers(gateway: Gateway, call: Received, expected: set[str]) -> None:
    """Hold a call to the headers that a gateway sends: each once, and none but these and the platform's own."""
    names = [name for name, _ in call.headers]
    added = ADDED_HEADERS[gateway.runtime]
    assert sorted(names) == sorted(expected | added)
    assert not [name for name in added if name in call.header("authorization")]
    assert call.header("cf-worker") in {"", "cognito-edge-gateway.example.com"}


def check_upstream(gateway: Gateway, call: Received, operation: str = "ListUsers", body: bytes = JSON_BODY) -> None:
    """Hold a call to what a gateway sends, whatever it was sent: R-09, R-10."""
    assert call.line == "POST / HTTP/1.1"
    check_headers(gateway, call, UPSTREAM_HEADERS)
    assert call.header("host") == gateway.stub.url.removeprefix("http://")
    assert call.header("x-amz-target") == f"AWSCognitoIdentityProviderService.{operation}"
    assert call.header("content-type") == "application/x-amz-json-1.1"
    assert call.header("authorization").startswith(f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY_ID}/")
    assert call.header("user-agent").startswith("cognito-edge-gateway/")
    assert call.body == body


def _sized(argument: str) -> bytes:
    size = MAX_BODY_BYTES + int(argument.removeprefix("limit"))
    return JSON_BODY + b" " * (size - len(JSON_BODY))


_RECIPES: dict[str, Callable[[str], bytes]] = {
    "nest": lambda depth: b'{"UserPoolId":' + b"[" * int(depth) + b"]" * int(depth) + b"}",
    "utf16": lambda _: JSON_BODY.decode().encode("utf-16"),
    "size": _sized,
    "cl": lambda _: JSON_BODY,
    "halfclose": lambda _: JSON_BODY,
    "gzip-bomb-1g": lambda _: gzip.compress(bytes(1 << 20), 9) * 1024,  # members that unpack to one text
    "deflate": lambda _: zlib.compress(JSON_BODY),
    "double": lambda _: gzip.compress(gzip.compress(JSON_BODY)),
}
