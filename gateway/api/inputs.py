"""What a REST request brings: path, query and body, judged by the same shapes as Cognito's bodies.

Duty: text to typed values, a member twice or unknown refused by its name.
Prohibition: no I/O but the body's reading; no value in a message.
Source: RFC 3986 section 3.4; RFC 8259; RFC 9110 section 8.3.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from gateway.api.route import Route, decoded
from gateway.body import parse
from gateway.errors import InvalidRequest, UnsupportedMedia
from gateway.front import Heard
from gateway.headers import length
from gateway.shapes import Shape, judge

MAX_QUERY_MEMBERS = 32

_WHOLE = re.compile(r"-?[0-9]{1,18}")
_BOOLEANS = {"true": True, "false": False}
_MEDIA = frozenset({b"application/json", b"application/json;charset=utf-8"})
_WITHOUT_BODY = frozenset({"GET", "HEAD"})
_NOTHING = Shape(name="nothing", type="structure")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class Inputs:
    """Judged values, by their REST names."""

    path: Mapping[str, str]
    query: Mapping[str, Any] = field(repr=False)
    body: dict[str, Any] = field(repr=False)


async def judged(route: Route, values: tuple[str, ...], query: bytes, heard: Heard) -> Inputs:
    """Everything that the request brings, judged.

    Raises:
        InvalidRequest: something is not what the route takes.
        UnsupportedMedia: the body is not declared as JSON.
        BodyTooLarge, Disconnected, Unavailable: see `Reading.whole`.

    """
    path = path_values(route, values)
    asked = _query(route.query or _NOTHING, query)
    body: dict[str, Any] = {}
    if route.method in _WITHOUT_BODY:
        heard.reading.enter()
    else:
        if length(heard.found):  # a wrong type, or what is packed, is refused unread
            _expect_json(heard)
        raw = await heard.reading.whole()
        if raw:
            _expect_json(heard)
            body = parse(raw)
    for shape, given in ((route.path_shape, path), (route.query or _NOTHING, asked), (route.body or _NOTHING, body)):
        problem = judge(shape, given) if shape is not None else None
        if problem is not None:
            raise problem
    return Inputs(path, asked, body)


def path_values(route: Route, values: tuple[str, ...]) -> dict[str, str]:
    """What the names in the route's path stand for, decoded.

    Raises:
        InvalidRequest: one is no UTF-8.

    """
    names = [segment[1:-1] for segment in route.segments if segment.startswith("{")]
    return {name: decoded(name, value) for name, value in zip(names, values, strict=True)}


def _expect_json(heard: Heard) -> None:
    media = heard.found.get(b"content-type", b"").lower().replace(b" ", b"")
    if b"content-encoding" in heard.found or media not in _MEDIA:
        raise UnsupportedMedia("content-type", message="The content type must be application/json.")


def _query(shape: Shape, query: bytes) -> dict[str, Any]:
    try:
        pairs = parse_qsl(
            query.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_QUERY_MEMBERS,
        )
    except ValueError:  # UnicodeDecodeError is one
        raise InvalidRequest("query", message="The query is not well-formed.") from None
    found: dict[str, Any] = {}
    for name, text in pairs:
        which = f"Member '{name}'" if _NAME.fullmatch(name) else "A member"
        if name in found:
            raise InvalidRequest("query-twice", message=f"{which} stands twice in the query.", member=name)
        member = shape.members.get(name)
        if member is None:
            raise InvalidRequest(
                "member-unknown",
                message=f"{which} is not known here.",
                member=name if _NAME.fullmatch(name) else None,
            )
        found[name] = _typed(member, text)
    return found


def _typed(shape: Shape, text: str) -> Any:  # noqa: ANN401 - any JSON
    """A query's text as the value that it writes; where it writes none, `judge` refuses the text."""
    if shape.type in {"integer", "long"} and _WHOLE.fullmatch(text):
        return int(text)
    if shape.type == "boolean":
        return _BOOLEANS.get(text, text)
    if shape.type == "list":
        return text.split(",")
    return text
