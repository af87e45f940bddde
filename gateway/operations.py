"""What Cognito can do: every operation of its two services, as data.

Duty: read `operations.json`, which `scripts/catalogue` makes from botocore's model, into records.
Prohibition: no operation is written here by hand; no I/O but that one file, read once and not at import.
Source: botocore's service-2.json of cognito-idp and cognito-identity; the file names the version.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from gateway.errors import InvalidRequest
from gateway.shapes import Shape, judge

USER_POOLS = "cognito-idp"
IDENTITY_POOLS = "cognito-identity"

_FILE = Path(__file__).with_name("operations.json")


@dataclass(frozen=True, slots=True)
class Paging:
    """How a list goes on: the member that asks for the next page, the one that offers it, the limit of a page."""

    input_token: str
    output_token: str
    limit: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """One operation, as the model has it. There is one instance of each: compared and hashed by identity.

    `service` is `cognito-idp` or `cognito-identity`; `target` the whole X-Amz-Target. `signed` is false for those that
    AWS leaves open. `sensitive` names the members, at any depth, and the well-known keys of maps, whose values must not
    be written anywhere. `iam_action` is as an IAM policy names it; nobody needs it where nothing is signed. `quota` is
    AWS's category of requests per second, where one is known.
    """

    name: str
    service: str
    target: str
    signed: bool
    mutates: bool
    shape: Shape
    sensitive: frozenset[str]
    iam_action: str
    quota: str | None
    paging: Paging | None

    @property
    def members(self) -> Mapping[str, Shape]:
        """The members of the body, by name."""
        return self.shape.members

    @property
    def required(self) -> frozenset[str]:
        """The names of the members that the body must have."""
        return self.shape.required

    @property
    def takes_pool(self) -> bool:
        """Whether the body names a user pool."""
        return "UserPoolId" in self.shape.members

    @property
    def takes_identity_pool(self) -> bool:
        """Whether the body names an identity pool."""
        return "IdentityPoolId" in self.shape.members


@dataclass(frozen=True, slots=True, eq=False)
class Catalogue:
    """All operations. `botocore` is the version of the model.

    `by_target` has them all, by the bytes of X-Amz-Target. In `by_name` the user pools' come first: the three tagging
    operations, whose names both services use, are found there as the user pools'.
    """

    botocore: str
    by_target: dict[bytes, Operation]
    by_name: dict[str, Operation]


@cache
def catalogue() -> Catalogue:
    """Read the catalogue on the first call, some milliseconds; afterwards the same instance."""
    data = json.loads(_FILE.read_bytes())
    by_target: dict[bytes, Operation] = {}
    by_name: dict[str, Operation] = {}
    for service in (USER_POOLS, IDENTITY_POOLS):
        for operation in _operations(service, data[service]):
            by_target[operation.target.encode()] = operation
            by_name.setdefault(operation.name, operation)
    return Catalogue(botocore=data["botocore"], by_target=by_target, by_name=by_name)


def own(name: str) -> Operation:
    """One of the gateway's own operations, as the audit names it: `gateway:NAME`. Cognito never hears of it."""
    return Operation(
        name=f"gateway:{name}",
        service="gateway",
        target=f"gateway.{name}",
        signed=False,
        mutates=False,
        shape=Shape(name=name, type="structure"),
        sensitive=frozenset(),
        iam_action="",
        quota=None,
        paging=None,
    )


def check(operation: Operation, body: Mapping[str, Any]) -> InvalidRequest | None:
    """Judge a body, its pool already filled in, by what `operation` takes.

    Raises `InvalidRequest` for a wrong form, returns it for a wrong value, returns None for neither: see
    `gateway.shapes.judge`.
    """
    return judge(operation.shape, body)


def _operations(service: str, data: dict[str, Any]) -> list[Operation]:
    shapes = _Shapes(data["shapes"])
    return [
        Operation(
            name=name,
            service=service,
            target=f"{data['target_prefix']}.{name}",
            signed=entry["signed"],
            mutates=entry["mutates"],
            shape=shapes.structure(name, entry),
            sensitive=frozenset(entry["sensitive"]),
            iam_action=entry["iam_action"],
            quota=entry["quota"],
            paging=Paging(**entry["paging"]) if entry["paging"] else None,
        )
        for name, entry in data["operations"].items()
    ]


class _Shapes:
    """The shapes of one service, made when first named. The generator refuses a model in which they form a ring."""

    def __init__(self, entries: Mapping[str, dict[str, Any]]) -> None:
        self._entries = entries
        self._made: dict[str, Shape] = {}

    def structure(self, name: str, entry: Mapping[str, Any], *, sensitive: bool = False) -> Shape:
        members = entry["required"] | entry["optional"]
        return Shape(
            name=name,
            type="structure",
            members={member: self._named(shape) for member, shape in members.items()},
            required=frozenset(entry["required"]),
            sensitive=sensitive,
        )

    def _named(self, name: str) -> Shape:
        shape = self._made.get(name)
        if shape is None:
            shape = self._made[name] = self._make(name, self._entries[name])
        return shape

    def _make(self, name: str, entry: Mapping[str, Any]) -> Shape:
        if entry["type"] == "structure":
            return self.structure(name, entry, sensitive=entry.get("sensitive", False))
        return Shape(
            name=name,
            type=entry["type"],
            low=entry.get("min"),
            high=entry.get("max"),
            pattern=entry.get("pattern"),
            enum=tuple(entry.get("enum", ())),
            element=self._named(entry["element"]) if "element" in entry else None,
            key=self._named(entry["key"]) if "key" in entry else None,
            sensitive=entry.get("sensitive", False),
        )
