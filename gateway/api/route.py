"""A REST route as a row, and the table that finds the row of a request.

Duty: what a route takes, gives and asks Cognito for, as data from which the OpenAPI document is made too.
Prohibition: no I/O, no HTTP library; a path is matched as it came, segment by segment, before it is decoded.
Source: RFC 3986 section 2.1 (percent-encoding); RFC 9110 section 15.5.6 (405 names what is allowed).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote_to_bytes

from gateway.errors import InvalidRequest
from gateway.operations import Operation
from gateway.shapes import Shape

if TYPE_CHECKING:
    from gateway.api.exchange import Exchange

Schema = dict[str, Any]
"""A JSON Schema (2020-12) as OpenAPI 3.1 takes it."""
DOTS = frozenset({".", ".."})
"""What a path cannot carry as a name, however it is written."""
_OTHERWISE = {"username": ": name the user as sub:UUID"}
Security = Literal["bearer", "bare", "public"]
"""Who may come: with a bearer; with the token itself in Authorization (Amplify); anybody."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a route answers: `body` is JSON, or bytes, or nothing for None; `headers` besides the usual ones.

    `media` where it is not the route's own.
    """

    body: Any = field(default=None, repr=False)
    status: int = 200
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    media: str | None = None


Answer = Callable[["Exchange"], Awaitable[Result]]


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """One row.

    `id` is OpenAPI's operationId and the TypeScript client's method. `operations` are Cognito's that it may ask for;
    `own` is the gateway's, where it answers by itself. `path_shape`, `query` and `body` are structures of what it
    takes, under its own names; `schemas` says of members of theirs what a shape cannot. `result` is the schema of its
    answer, None where it has none. `examples` are of bodies, by "request" and "response". `other_media` are what it
    answers in besides `media`, for whoever asks for that. `signs_in`: all that it takes is a proof of who asks.
    """

    id: str
    method: str
    path: str
    summary: str
    answer: Answer
    tag: str
    operations: tuple[str, ...] = ()
    own: Operation | None = None
    security: Security = "bearer"
    signs_in: bool = False
    path_shape: Shape | None = None
    query: Shape | None = None
    body: Shape | None = None
    schemas: Mapping[str, Schema] = field(default_factory=dict)
    result: Schema | None = None
    status: int = 200
    description: str = ""
    examples: Mapping[str, Any] = field(default_factory=dict)
    media: str = "application/json"
    other_media: tuple[str, ...] = ()

    @property
    def segments(self) -> tuple[str, ...]:
        """The path's parts; `{name}` stands for any one."""
        return tuple(self.path.strip("/").split("/"))


@dataclass(slots=True)
class _Node:
    """One place in the tree of paths."""

    children: dict[str, "_Node"] = field(default_factory=dict)
    any: "_Node | None" = None
    routes: dict[str, Route] = field(default_factory=dict)


class NoRoute(Exception):
    """Nothing is served there, or not by that method: then `allow` names those that are."""

    def __init__(self, allow: tuple[str, ...] = ()) -> None:
        """`allow` is empty where there is nothing at all."""
        super().__init__(allow)
        self.allow = allow


class Table:
    """All routes, found by method and raw path."""

    __slots__ = ("_root", "routes")

    def __init__(self, routes: Sequence[Route]) -> None:
        """Build the tree.

        Raises:
            ValueError: two rows are for the same method and path.

        """
        self.routes = tuple(routes)
        self._root = _Node()
        for route in routes:
            node = self._root
            for segment in route.segments:
                if segment.startswith("{"):
                    node.any = node.any or _Node()
                    node = node.any
                else:
                    node = node.children.setdefault(segment, _Node())
            if route.method in node.routes:
                raise ValueError(f"{route.method} {route.path} stands twice in the table")
            node.routes[route.method] = route

    def find(self, method: str, raw_path: bytes) -> tuple[Route, tuple[str, ...]]:
        """The row, and the path's parts that its names stand for, still encoded. Fixed names go before any.

        A HEAD is the GET of what anybody may read.

        Raises:
            NoRoute: there is none.

        """
        segments = raw_path.decode("latin-1")[1:].split("/")
        found = _walk(self._root, segments, ())
        if found is None:
            raise NoRoute
        node, values = found
        route = node.routes.get(method)
        if route is None and method == "HEAD" and (page := node.routes.get("GET")) and page.security == "public":
            route = page
        if route is None:
            raise NoRoute(tuple(sorted(node.routes)))
        return route, values


def _walk(node: _Node, segments: list[str], values: tuple[str, ...]) -> tuple[_Node, tuple[str, ...]] | None:
    if not segments:
        return (node, values) if node.routes else None
    first, rest = segments[0], segments[1:]
    child = node.children.get(first)
    if child is not None:
        found = _walk(child, rest, values)
        if found is not None:
            return found
    if node.any is not None and first:
        return _walk(node.any, rest, (*values, first))
    return None


def decoded(name: str, segment: str) -> str:
    """A path's part as the caller meant it.

    Raises:
        InvalidRequest: it is no UTF-8, or one that URLs cannot carry: who writes `..` encoded means another path to
            some and a name to others.

    """
    try:
        text = unquote_to_bytes(segment.encode("latin-1")).decode()
    except UnicodeDecodeError:
        raise InvalidRequest("path-not-utf8", message=f"Member '{name}' is not UTF-8.", member=name) from None
    if text in DOTS:
        raise InvalidRequest(
            "path-dots", message=f"Member '{name}' cannot be dots in a path{_OTHERWISE.get(name, '')}.", member=name
        )
    return text
