"""The AWS endpoint in the document: `POST /`, and a schema for the body of each operation that Cognito has.

Duty: one path item for all operations, since HTTP sees one; which body goes with which X-Amz-Target stands in
`x-bodies`. Prohibition: nothing of a policy: it is the same document for everybody.
Source: AWS JSON 1.1; OpenAPI 3.1.1 section 4.8.10.
"""

from typing import Any

from gateway.api.description.answers import AWS, AWS_MEDIA_TYPE, headers, references
from gateway.api.description.json_schema import Schema, members, schema
from gateway.operations import USER_POOLS, Operation, catalogue
from gateway.policy_file import IDENTITY_OPERATIONS
from gateway.shapes import Shape

_FILLED_IN = frozenset({"UserPoolId", "IdentityPoolId"})  # by the gateway, where a body leaves them out
_LONG = 100  # characters of a pattern that is worth a name
_DESCRIPTION = """\
Any AWS SDK or CLI works unmodified with the caller's JWT as its session token. The body is that operation's; \
`UserPoolId` may be left out. The answer is Cognito's own. Which operations a \
caller may use, and on whom, the policy decides; unsigned operations that it lists as public need no token."""


def served() -> tuple[Operation, ...]:
    """The operations that a policy can open: see `gateway.policy_file`."""
    return tuple(
        operation
        for operation in catalogue().by_target.values()
        if (operation.name in IDENTITY_OPERATIONS if operation.service != USER_POOLS else _opens(operation))
    )


def _opens(operation: Operation) -> bool:
    return operation.takes_pool or not operation.signed


class Bodies:
    """The components of what AWS's operations take."""

    __slots__ = ("_made", "found")

    def __init__(self) -> None:
        """Empty."""
        self.found: dict[str, Schema] = {}
        self._made: dict[Shape, Schema] = {}

    def add(self, operation: Operation) -> Schema:
        """A reference to the schema of an operation's body."""
        shape = operation.shape
        body = {"type": "object"} | members(
            {name: self._part(member) for name, member in shape.members.items()}, shape.required - _FILLED_IN
        )
        return self._named(f"{operation.name}Request", body)

    def _part(self, shape: Shape) -> Schema:
        """Structures and long patterns by their names, everything else where it stands."""
        found = self._made.get(shape)
        if found is None:
            found = schema(shape, self._part)
            if shape.type == "structure" or len(shape.pattern or "") > _LONG:
                found = self._named(shape.name, found)
            self._made[shape] = found
        return found

    def _named(self, name: str, body: Schema) -> Schema:
        if self.found.setdefault(name, body) != body:
            raise ValueError(f"two schemas are named {name}")
        return {"$ref": f"#/components/schemas/{name}"}


def endpoint(bodies: Bodies) -> dict[str, Any]:
    """The operation object of `POST /`; fills `bodies`."""
    by_target = {operation.target: bodies.add(operation) for operation in served()}
    told = {"schema": {"type": "object", "title": "CognitoAnswer"}, "example": {}}
    return {
        "operationId": "callCognito",
        "summary": "Any operation of Cognito's, as the AWS SDKs send it",
        "description": _DESCRIPTION,
        "tags": ["aws"],
        "security": [{"bearer": []}, {"sigv4": []}, {}],
        "parameters": [
            {
                "name": "X-Amz-Target",
                "in": "header",
                "required": True,
                "description": "The operation. Those of identity pools are served where one is set.",
                "schema": {"type": "string", "enum": sorted(by_target)},
                "example": "AWSCognitoIdentityProviderService.ListUsers",
            },
            {"$ref": "#/components/parameters/IdempotencyKey"},
        ],
        "requestBody": {
            "required": True,
            "content": {
                AWS_MEDIA_TYPE: {"schema": {"anyOf": list(by_target.values())}},
                # What tools that know no AWS JSON send. They would try each operation's body a second time.
                "application/json": {
                    "schema": {"type": "object", "title": "CognitoBody", "description": "The same."},
                    "example": {"Limit": 10},
                },
            },
        },
        "x-bodies": {target: found["$ref"] for target, found in sorted(by_target.items())},
        "responses": {
            "200": {
                "description": "What Cognito answered.",
                "headers": headers("x-gateway-audit"),
                "content": {AWS_MEDIA_TYPE: told},
            },
            **references(AWS, aws=True),
        },
    }
