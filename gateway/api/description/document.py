"""The OpenAPI document of everything that the gateway serves, made from the table of routes and the catalogue.

Duty: the document says what the rows say, and is the same at each run. Prohibition: nothing of a policy, a pool or a
caller is in it; nothing is made at import.
Source: OpenAPI 3.1.1, https://spec.openapis.org/oas/v3.1.1.html.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gateway import __version__
from gateway.api.description import answers
from gateway.api.description.aws_endpoint import Bodies, endpoint
from gateway.api.description.json_schema import Schema, members, schema
from gateway.api.members import TEXT
from gateway.api.route import Route
from gateway.operations import catalogue
from gateway.shapes import Shape

_JSON = "application/json"
_TEXT: Schema = {"type": "string"}
_ABOUT = """\
An edge gateway for Amazon Cognito. It verifies the caller's token, decides by a policy, signs, relays and audits.

Errors are RFC 9457 problems whose `type` is AWS's name of the error. Lists take `limit` and `cursor`, and give a \
`cursor` that is null at their end. Every answer carries `x-request-id`. \
`X-Gateway-Dry-Run: true` on any request only decides: the answer is then 200 with a `Decision` (see the schema), \
whatever the operation says here."""

_TAGS: Mapping[str, str] = {
    "users": "The pool's users",
    "groups": "The pool's groups, and who is in them",
    "auth": "Signing in and up",
    "me": "The caller itself",
    "gateway": "What the gateway knows of itself",
    "amplify": "The routes of Amplify's AdminQueries, for clients that have them already",
    "aws": "The AWS endpoint",
    "site": "Pages and documents",
}
_SECURITY: Mapping[str, list[dict[str, list[str]]]] = {
    "bearer": [{"bearer": []}],
    "bare": [{"token": []}, {"bearer": []}],
    "public": [],
}
_SCHEMES: Mapping[str, dict[str, str]] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "An access token of the user pool; an ID token too where the operator allows it.",
    },
    "token": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "The token alone, without `Bearer`, as Amplify sends it.",
    },
    "sigv4": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Amz-Security-Token",
        "description": "What an AWS SDK sends whose session token is the caller's JWT. Its access key and its secret "
        "may be anything: the signature in Authorization (AWS Signature Version 4) is not looked at.",
    },
}
_EXAMPLES: Mapping[str, Any] = {"username": "user@example.com", "group": "moderator", "limit": 20}
_HEALTH: Mapping[str, Any] = {
    "operationId": "getLiveness",
    "summary": "Alive; nothing else",
    "tags": ["site"],
    "security": [],
    "responses": {
        "200": {
            "description": "It is.",
            "headers": answers.headers(),
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "required": ["status"],
                        "properties": {"status": {"type": "string", "enum": ["ok"]}},
                    },
                    "example": {"status": "ok"},
                }
            },
        },
        **answers.references(()),
    },
}


def document(routes: Iterable[Route], *, server: str = "/") -> dict[str, Any]:
    """The document. `server` is the gateway's own address; by default where the document is served."""
    rows = tuple(routes)
    bodies = Bodies()
    paths: dict[str, dict[str, Any]] = {"/": {"post": endpoint(bodies)}, "/healthz": {"get": dict(_HEALTH)}}
    parts = _Parts({**answers.SCHEMAS, **bodies.found})
    for row in rows:
        paths.setdefault(row.path, {})[row.method.lower()] = parts.operation(row)
    used = {row.tag for row in rows} | {"aws", "site"}
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "Cognito edge gateway",
            "version": __version__,
            "summary": "Amazon Cognito behind a policy",
            "description": _ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "jsonSchemaDialect": "https://spec.openapis.org/oas/3.1/dialect/base",
        "servers": [{"url": server}],
        "tags": [{"name": tag, "description": text} for tag, text in _TAGS.items() if tag in used],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted(parts.schemas.items())),
            "responses": answers.responses(),
            "parameters": dict(answers.PARAMETERS),
            "headers": dict(answers.HEADERS),
            "securitySchemes": dict(_SCHEMES),
        },
    }


def write(found: Mapping[str, Any]) -> bytes:
    """The document's bytes: JSON without white space."""
    return json.dumps(found, separators=(",", ":")).encode()


class _Parts:
    """Makes the operations of rows; what has a name goes among the components."""

    def __init__(self, schemas: dict[str, Schema]) -> None:
        self.schemas = schemas
        self._named = {json.dumps(found): name for name, found in schemas.items() if found.get("type") == "string"}

    def operation(self, row: Route) -> dict[str, Any]:
        """The operation object of a row."""
        asks = bool(row.operations) or row.own is not None
        found: dict[str, Any] = {
            "operationId": row.id,
            "summary": row.summary,
            "tags": [row.tag],
            "security": _SECURITY[row.security],
        }
        if row.description:
            found["description"] = row.description
        parameters = [*self._path(row), *self._query(row), *(_headers(row) if asks else ())]
        if parameters:
            found["parameters"] = parameters
        if row.body is not None:
            found["requestBody"] = self._body(row, row.body)
        found["responses"] = self._responses(row, asks=asks)
        return found

    def _path(self, row: Route) -> list[dict[str, Any]]:
        names = [segment[1:-1] for segment in row.segments if segment.startswith("{")]
        shapes: Mapping[str, Shape] = row.path_shape.members if row.path_shape is not None else {}
        return [
            {"name": name, "in": "path", "required": True} | self._value(row, name, shapes.get(name, TEXT))
            for name in names
        ]

    def _query(self, row: Route) -> list[dict[str, Any]]:
        if row.query is None:
            return []
        return [
            {"name": name, "in": "query"}
            | ({"required": True} if name in row.query.required else {})
            | ({"style": "form", "explode": False} if shape.type == "list" else {})
            | self._value(row, name, shape)
            for name, shape in row.query.members.items()
        ]

    def _value(self, row: Route, name: str, shape: Shape) -> dict[str, Any]:
        found: dict[str, Any] = {"schema": self._member(row, name, shape)}
        about = found["schema"].get("description")
        if about is not None:
            found["description"] = about
        if name in _EXAMPLES and "example" not in found["schema"]:
            found["example"] = _EXAMPLES[name]
        return found

    def _member(self, row: Route, name: str, shape: Shape) -> Schema:
        own = row.schemas.get(name)
        return self._hoisted(own) if own is not None else self._part(shape)

    def _part(self, shape: Shape) -> Schema:
        found = schema(shape, self._part)
        name = self._named.get(json.dumps(found)) if shape.type == "string" else None
        return found if name is None else {"$ref": f"#/components/schemas/{name}"}

    def _body(self, row: Route, shape: Shape) -> dict[str, Any]:
        properties = {name: self._member(row, name, member) for name, member in shape.members.items()}
        body = self._name(
            f"{row.id[0].upper()}{row.id[1:]}Body", {"type": "object"} | members(properties, shape.required)
        )
        content: dict[str, Any] = {"schema": body}
        if "request" in row.examples:
            content["example"] = row.examples["request"]
        return {"required": bool(shape.required), "content": {_JSON: content}}

    def _responses(self, row: Route, *, asks: bool) -> dict[str, Any]:
        changes = row.method != "GET"
        statuses = (*answers.ALWAYS, *(answers.OF_BODIES if changes else ())) if asks else ()
        own: dict[str, Any] = {
            "description": "Done." if row.result is None else row.summary,
            "headers": answers.headers(*(("x-gateway-audit",) if changes else ())),
        }
        result = self._hoisted(row.result) if row.result is not None else None
        if result is not None:
            own["content"] = {row.media: {"schema": result}, **{media: {"schema": _TEXT} for media in row.other_media}}
            if "response" in row.examples:
                own["content"][row.media]["example"] = row.examples["response"]
        return dict(sorted({str(row.status): own, **answers.references(statuses, aws=row.path == "/")}.items()))

    def _hoisted(self, found: Any) -> Any:  # noqa: ANN401 - a schema, or a part of one
        """A schema whose parts with titles are components."""
        if isinstance(found, list):
            return [self._hoisted(item) for item in found]
        if not isinstance(found, dict):
            return found
        inner = {name: self._hoisted(value) for name, value in found.items() if name not in {"example", "examples"}}
        inner |= {name: found[name] for name in ("example", "examples") if name in found}
        title = inner.get("title")
        return self._name(title, inner) if isinstance(title, str) and title.isidentifier() else inner

    def _name(self, name: str, found: Schema) -> Schema:
        """Put a schema among the components; what describes it stays where it is used.

        Raises:
            ValueError: another one has the name.

        """
        bare = {key: value for key, value in found.items() if key != "description"}
        if self.schemas.setdefault(name, bare) != bare:
            raise ValueError(f"two schemas are named {name}")
        about = {"description": found["description"]} if "description" in found else {}
        return {"$ref": f"#/components/schemas/{name}", **about}


def _headers(row: Route) -> list[Schema]:
    by_name = catalogue().by_name
    names = []
    if row.security != "public" and any(by_name[name].mutates and by_name[name].signed for name in row.operations):
        names.append("IdempotencyKey")
    return [{"$ref": f"#/components/parameters/{name}"} for name in names]


def served(routes: Sequence[Route]) -> set[tuple[str, str]]:
    """Method and path of everything that is served: the rows, and what answers besides them."""
    return {(row.method, row.path) for row in routes} | {("POST", "/"), ("GET", "/healthz")}
