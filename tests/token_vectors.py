"""The tokens of `vectors/tokens`, and a gateway in memory that is told that their pool is its own."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from gateway.upstream import Answer
from tests.blackbox.canaries import Canaries
from tests.conftest import VECTORS
from tests.world import ACCESS_KEY_ID, JSON, SECRET_ACCESS_KEY, TARGET, Reply, World, answer

FOLDER = VECTORS / "tokens"
POLICY = """
[roles.admin]
groups = ["admin"]
allow = ["ListUsers", "AdminGetUser", "AdminDisableUser"]
rate_per_minute = 1000000
[roles.moderator]
groups = ["moderator"]
allow = ["ListUsers", "AdminGetUser"]
[roles.users]
groups = ["users"]
allow = []
"""
READ, MUTATION = "AdminGetUser", "AdminDisableUser"
BODY = b'{"Username":"bob"}'


@dataclass(frozen=True)
class Vector:
    """One token of the file, and what is expected of it."""

    id: str
    kind: str
    expect: str
    note: str
    token: str | None = field(repr=False)
    raw: Any = field(repr=False)

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """How it is sent: as the file says, or as a bearer."""
        if self.raw is None:
            return [(b"authorization", f"Bearer {self.token}".encode("utf-8", "surrogatepass"))]
        pairs = self.raw.items() if isinstance(self.raw, Mapping) else self.raw
        return [(name.lower().encode(), value.encode("utf-8", "surrogatepass")) for name, value in pairs]


def read_vectors() -> list[Vector]:
    """All tokens; none where the vectors are absent."""
    path = FOLDER / "tokens.jsonl"
    if not path.is_file():
        return []
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return [Vector(row["id"], row["cls"], row["expect"], row["note"], row["token"], row["headers"]) for row in rows]


ALL = read_vectors()
NEEDED = pytest.mark.skipif(not ALL, reason="no ../shared/vectors beside the project")


class VectorPool(World):
    """A gateway for the pool of the tokens, at their time; its key sets are files."""

    def __init__(self, jwks: str = "jwks-poolA.json", **settings: str) -> None:
        """`jwks` is the set that is published first."""
        self.config = json.loads((FOLDER / "config.json").read_text("utf-8"))
        self.published: object = self.read(jwks)
        self.fetched: list[str] = []
        super().__init__(
            POLICY,
            **{"COGNITO_USER_POOL_ID": self.config["pool"], "COGNITO_CLIENT_IDS": self.config["client_id"]} | settings,
        )
        self.clock.now = float(self.config["now"])
        self.canaries = Canaries(ACCESS_KEY_ID, SECRET_ACCESS_KEY)
        self.said: list[bytes] = []

    @staticmethod
    def read(name: str) -> dict[str, Any]:
        """One of the key sets."""
        found: dict[str, Any] = json.loads((FOLDER / name).read_text("utf-8"))
        return found

    async def _keys(self, url: str) -> Answer:
        self.fetched.append(url)
        if isinstance(self.published, Exception):
            raise self.published
        if isinstance(self.published, Answer):
            return self.published
        return answer(self.published, content_type="application/json")

    async def send(self, vector: Vector, operation: str = READ) -> Reply:
        """One call with a vector's token; what it says is kept."""
        for _, value in vector.headers:
            self.canaries.heed(b"authorization: bearer " + value.split(b" ")[-1])
        headers = [*vector.headers, (b"content-type", JSON.encode()), (b"x-amz-target", (TARGET + operation).encode())]
        reply = await self.http("POST", "/", headers, BODY)
        self.said += [reply.body, json.dumps(reply.headers).encode()]
        return reply

    def leaks(self) -> list[str]:
        """Secrets in what was answered, logged or audited (R-01)."""
        return self.canaries.found([*self.said, *self.sink.lines, *(line.encode() for line in self.logged)])


def the(id_: str) -> Vector:
    """One token."""
    return next(vector for vector in ALL if vector.id == id_)
