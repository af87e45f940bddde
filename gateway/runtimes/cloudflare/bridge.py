"""Between a Worker's Request and Response and the core's ASGI.

Duty: the request as a scope whose path and headers are as they came, and the body on demand, so that nothing is held
of a caller who is refused before (R-22). One whole answer out.
Prohibition: no JavaScript, no decision; no lifespan: an isolate has no end that anyone is told of.
Source: ASGI 3.0; the Fetch standard (`Headers` joins the values of one name with a comma and a space).
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from starlette.types import ASGIApp, Message

from gateway.runtimes import refusals
from gateway.runtimes.refusals import Refusal

Pair = tuple[str, str]

MAX_URL_BYTES = 8192
MAX_HEAD_BYTES = 32768
MAX_HEADERS = 100
_FRAMING_BYTES = 4  # of a header line: a colon, a space, the line's end

_ASGI = {"version": "3.0", "spec_version": "2.4"}
_SINGLE = frozenset({"x-amz-security-token", "x-gateway-dry-run", "idempotency-key"})
"""Headers whose right values hold no comma with a space: where there is one, they came twice."""
_OF_A_SIGNATURE = ("Credential=", "SignedHeaders=", "Signature=")


class CutShort(Exception):
    """The caller hung up before its body was whole."""


@dataclass(slots=True)
class Answer:
    """One whole answer."""

    status: int = 500
    headers: list[Pair] = field(default_factory=list)
    body: bytes = field(default=b"", repr=False)


def scope(method: str, url: str, headers: Mapping[str, str]) -> dict[str, Any]:
    """Return the ASGI scope of a request. The client is who Cloudflare says has connected; names are lower-case."""
    scheme, _, rest = url.partition("://")
    authority_and_path, _, query = rest.partition("#")[0].partition("?")
    _, _, path = authority_and_path.partition("/")
    raw_path = f"/{path}".encode("ascii", "replace")
    pairs: list[tuple[bytes, bytes]] = []
    client = None
    for name, value in headers.items():
        if name == "cf-connecting-ip":
            client = (value, 0)
        pairs += [(name.encode("latin-1"), _bytes(one)) for one in _apart(name, value)]
    return {
        "type": "http",
        "asgi": _ASGI,
        "http_version": "1.1",
        "method": method,
        "scheme": scheme,
        "path": unquote(raw_path.decode()),
        "raw_path": raw_path,
        "query_string": query.encode("ascii", "replace"),
        "root_path": "",
        "headers": pairs,
        "client": client,
        "server": None,
    }


def too_large(asked: Mapping[str, Any]) -> Refusal | None:
    """Judge a scope by its size (R-16), with the limits of the other runtime; the platform's own are far wider."""
    if len(asked["raw_path"]) + len(asked["query_string"]) > MAX_URL_BYTES:
        return refusals.URL_TOO_LONG
    headers = asked["headers"]
    size = sum(len(name) + len(value) + _FRAMING_BYTES for name, value in headers)
    return refusals.HEAD_TOO_LARGE if len(headers) > MAX_HEADERS or size > MAX_HEAD_BYTES else None


def refused(refusal: Refusal) -> Answer:
    """What is answered without asking the application."""
    body = refusal.body()
    headers = [(name.decode(), value.decode()) for name, value in refusal.headers(len(body))]
    return Answer(int(refusal.status), headers, body)


async def exchange(app: ASGIApp, asked: dict[str, Any], pieces: AsyncIterator[bytes]) -> Answer:
    """Let `app` answer. `pieces` is the body, read only as far as `app` asks; it may raise `CutShort`."""
    refusal = too_large(asked)
    if refusal is not None:
        return refused(refusal.of(asked["method"].encode(), asked["raw_path"]))
    answer = Answer()
    body: list[bytes] = []
    ended = False

    async def receive() -> Message:
        nonlocal ended
        if ended:
            return {"type": "http.disconnect"}
        try:
            return {"type": "http.request", "body": await anext(pieces), "more_body": True}
        except StopAsyncIteration:
            ended = True
            return {"type": "http.request", "body": b"", "more_body": False}
        except CutShort:
            ended = True
            return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in message["headers"]]
        elif message["type"] == "http.response.body":
            body.append(message.get("body", b""))

    await app(asked, receive, send)
    answer.body = b"".join(body)
    return answer


def _apart(name: str, value: str) -> list[str]:
    """Undo the joining where one value cannot hold what joins: who sent two is refused for it, as elsewhere."""
    if ", " not in value:
        return [value]
    if name in _SINGLE:
        return value.split(", ")
    if name == "authorization":
        first, *more = value.split(", ")
        of_one = first.startswith("AWS4-") and all(part.startswith(_OF_A_SIGNATURE) for part in more)
        return [value] if of_one else [first, *more]
    return [value]


def _bytes(text: str) -> bytes:
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode()
