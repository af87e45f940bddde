"""HTTP in, HTTP out; decides nothing.

Duty: read one request's headers strictly, hand the call to the pipeline, render its reply or refusal as AWS JSON; CORS.
`POST /` is the hot path; everything else is `gateway.api`'s.
Prohibition: nothing of the caller's request but the target, the token, the body and the address goes any further.
Source: ASGI 3.0; AWS JSON 1.1; RFC 6750 section 3; the Fetch standard's CORS protocol.
"""

import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.body import parse
from gateway.errors import GatewayError, StepUpNeeded, TokenError, UnsupportedMedia
from gateway.front import UNREAD_LIMIT_BYTES, Front, InFlight, Reading, hear
from gateway.headers import Header, caller_ip, length, read, token
from gateway.pipeline import Ask, Pipeline
from gateway.relay import Reply

_CONTENT_TYPE = (b"content-type", b"application/x-amz-json-1.1")
_ALWAYS = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))
_MEDIA = frozenset(  # plain JSON too: for whom OpenAPI tells of this route, and no page sends it without a preflight
    media + charset
    for media in (b"application/x-amz-json-1.1", b"application/json")
    for charset in (b"", b";charset=utf-8")
)
_METHODS = b"GET, POST, PUT, PATCH, DELETE"
_REQUEST_HEADERS = (
    b"authorization, content-type, idempotency-key, x-gateway-dry-run, x-request-id, x-amz-target, x-amz-date, "
    b"x-amz-security-token, x-amz-content-sha256, x-amz-user-agent, amz-sdk-invocation-id, amz-sdk-request, "
    b"cache-control"  # Amplify sends it with every sign-in
)
_EXPOSED = b"x-request-id, retry-after, www-authenticate, x-amzn-requestid, x-amzn-errortype"
_PREFLIGHT_SECONDS = b"600"


class App:
    """The ASGI application of both runtimes."""

    __slots__ = ("_cors", "_front", "_in_flight", "_new_id", "_pipeline", "_rest", "_vary")

    def __init__(
        self, pipeline: Pipeline, front: Front, *, new_id: Callable[[], str], rest: ASGIApp, in_flight: InFlight
    ) -> None:
        """`new_id` makes the gateway's own request ids; `rest` serves what is not `POST /`.

        It finds in `scope["heard"]` what was heard of the request.
        """
        self._pipeline = pipeline
        self._front = front
        self._new_id = new_id
        self._rest = rest
        self._in_flight = in_flight
        self._cors = {
            origin.encode(): (
                (b"access-control-allow-origin", origin.encode()),
                (b"access-control-expose-headers", _EXPOSED),
            )
            for origin in front.allowed_origins
        }
        self._vary: tuple[Header, ...] = ((b"vary", b"Origin"),) if self._cors else ()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry."""
        if scope["type"] != "http":
            await self._rest(scope, receive, send)
            return
        if scope["method"] == "POST" and scope.get("raw_path", scope["path"].encode()) == b"/":
            await self._aws(scope, receive, send)
        elif scope["method"] == "OPTIONS":
            await self._options(scope, send)
        else:
            await self._other(scope, receive, send)

    async def _aws(self, scope: Scope, receive: Receive, send: Send) -> None:
        found, twice = read(scope["headers"])
        request_id = self._new_id()
        extra = (*self._vary, *self._cors.get(found.get(b"origin", b""), ()))
        reading = Reading(receive, found, self._front.max_body_bytes, self._in_flight)
        ask = Ask(
            id=request_id,
            target=found.get(b"x-amz-target", b""),
            token=token(found),
            ip=caller_ip(scope.get("client"), found, self._front.trusted_proxies),
            read_body=_Body(found, reading).read,
            dry_run=b"x-gateway-dry-run" in found and found[b"x-gateway-dry-run"].lower() == b"true",
            idempotency_key=found.get(b"idempotency-key"),
        )
        try:
            if twice is not None:
                await self._pipeline.refuse(ask, twice)
                raise twice
            reply = await self._pipeline.run(ask)
        except GatewayError as error:
            headers, body = _refusal(error, request_id, extra)
            if length(found) > UNREAD_LIMIT_BYTES:
                headers.append((b"connection", b"close"))
            await _send(send, int(error.status), headers, body)
            return
        finally:
            reading.leave()
        await _send(send, reply.status, _headers(reply, request_id, extra), reply.body)

    async def _options(self, scope: Scope, send: Send) -> None:
        """A preflight needs no token and calls nothing; what is not allowed gets no CORS header (R-17)."""
        found, _ = read(scope["headers"])
        headers: list[Header] = [*_ALWAYS, *self._vary, (b"x-request-id", self._new_id().encode())]
        cors = self._cors.get(found.get(b"origin", b""))
        if cors is not None:
            headers += [
                cors[0],
                (b"access-control-allow-methods", _METHODS),
                (b"access-control-allow-headers", _REQUEST_HEADERS),
                (b"access-control-max-age", _PREFLIGHT_SECONDS),
            ]
        status = 403 if cors is None and b"origin" in found else 204
        if scope["path"] == "/":
            headers.append((b"allow", b"GET, POST, OPTIONS"))
        await _send(send, status, headers, b"")

    async def _other(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The other routes' answers with the headers that every answer carries."""
        heard = hear(scope, receive, self._front, self._in_flight, self._new_id())
        more = (
            *_ALWAYS,
            (b"x-request-id", heard.id.encode()),
            *self._vary,
            *self._cors.get(heard.found.get(b"origin", b""), ()),
        )

        async def with_headers(message: Any) -> None:  # noqa: ANN401 - an ASGI message
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *more]
            await send(message)

        try:
            await self._rest({**scope, "heard": heard}, receive, with_headers)
        finally:
            heard.reading.leave()


class _Body:
    """How the pipeline gets the body of an AWS call."""

    __slots__ = ("_found", "_reading")

    def __init__(self, found: dict[bytes, bytes], reading: Reading) -> None:
        self._found = found
        self._reading = reading

    async def read(self) -> dict[str, Any]:
        found = self._found
        if b"content-encoding" in found or found.get(b"content-type", b"").lower().replace(b" ", b"") not in _MEDIA:
            raise UnsupportedMedia("content-type")
        return parse(await self._reading.whole())


def _refusal(error: GatewayError, request_id: str, extra: Iterable[Header]) -> tuple[list[Header], bytes]:
    body = json.dumps({"__type": error.type, "message": error.message}).encode()
    headers = _headers(
        Reply(
            int(error.status),
            body,
            type=error.type,
            retry_after_seconds=error.retry_after_seconds,
            audit_complete=error.audit_complete,
        ),
        request_id,
        extra,
    )
    if isinstance(error, StepUpNeeded):
        headers.append((b"www-authenticate", error.challenge.encode()))
    elif isinstance(error, TokenError):
        headers.append((b"www-authenticate", b"Bearer"))
    return headers, body


def _headers(reply: Reply, request_id: str, extra: Iterable[Header]) -> list[Header]:
    own = request_id.encode()
    upstream_id = reply.upstream_request_id
    headers: list[Header] = [
        _CONTENT_TYPE,
        (b"content-length", b"%d" % len(reply.body)),
        (b"x-amzn-requestid", upstream_id.encode() if upstream_id else own),
        (b"x-request-id", own),
        *_ALWAYS,
        *extra,
    ]
    if reply.type is not None:
        headers.append((b"x-amzn-errortype", reply.type.encode()))
    if reply.retry_after_seconds is not None:
        headers.append((b"retry-after", b"%d" % reply.retry_after_seconds))
    if not reply.audit_complete:
        headers.append((b"x-gateway-audit", b"incomplete"))
    return headers


async def _send(send: Callable[[Any], Awaitable[None]], status: int, headers: list[Header], body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
