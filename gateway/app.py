"""HTTP in, HTTP out; decides nothing.

Duty: read one request's headers strictly, hand the call to the pipeline, render its reply or refusal as AWS JSON; CORS.
`POST /` is a plain ASGI callable: it is the hot path. Everything else is a Starlette application around it.
Prohibition: nothing of the caller's request but the target, the token, the body and the address goes any further.
Source: ASGI 3.0; AWS JSON 1.1; RFC 6750 section 3; the Fetch standard's CORS protocol; RFC 9457.
"""

import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.body import parse
from gateway.errors import BodyTooLarge, GatewayError, StepUpNeeded, TokenError, Unavailable, UnsupportedMedia
from gateway.headers import Header, Network, caller_ip, length, read, token
from gateway.pipeline import Ask, Pipeline
from gateway.relay import Reply

_CONTENT_TYPE = (b"content-type", b"application/x-amz-json-1.1")
_ALWAYS = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))
_MEDIA = frozenset({b"application/x-amz-json-1.1", b"application/x-amz-json-1.1;charset=utf-8"})
_METHODS = b"GET, POST, PUT, PATCH, DELETE"
_REQUEST_HEADERS = (
    b"authorization, content-type, idempotency-key, x-gateway-dry-run, x-request-id, x-amz-target, x-amz-date, "
    b"x-amz-security-token, x-amz-content-sha256, x-amz-user-agent, amz-sdk-invocation-id, amz-sdk-request"
)
_EXPOSED = b"x-request-id, retry-after, www-authenticate, x-amzn-requestid, x-amzn-errortype"
_PREFLIGHT_SECONDS = b"600"
_UNREAD_LIMIT_BYTES = 65536
_NO_METHOD = 405
_PROBLEM = "application/problem+json"


class Disconnected(GatewayError):
    """The caller hung up before its request was whole. Nobody reads the answer; the audit does."""

    message = "The request was cut short."


@dataclass(frozen=True, slots=True)
class Front:
    """What of the settings the HTTP side needs."""

    max_body_bytes: int = 65536
    allowed_origins: frozenset[str] = frozenset()
    trusted_proxies: tuple[Network, ...] = ()
    max_in_flight: int = 1000


class App:
    """The ASGI application of both runtimes."""

    __slots__ = ("_cors", "_front", "_in_flight", "_new_id", "_pipeline", "_rest", "_vary")

    def __init__(
        self, pipeline: Pipeline, front: Front, *, new_id: Callable[[], str], rest: ASGIApp | None = None
    ) -> None:
        """`new_id` makes the gateway's own request ids; `rest` serves what is not `POST /`."""
        self._pipeline = pipeline
        self._front = front
        self._new_id = new_id
        self._rest = rest if rest is not None else everything_else()
        self._in_flight = 0
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
        reading = _Reading(receive, found, self._front.max_body_bytes, self._enter)
        ask = Ask(
            id=request_id,
            target=found.get(b"x-amz-target", b""),
            token=token(found),
            ip=caller_ip(scope.get("client"), found, self._front.trusted_proxies),
            read_body=reading.body,
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
            if length(found) > _UNREAD_LIMIT_BYTES:
                headers.append((b"connection", b"close"))
            await _send(send, int(error.status), headers, body)
            return
        finally:
            self._in_flight -= reading.entered
        await _send(send, reply.status, _headers(reply, request_id, extra), reply.body)

    def _enter(self) -> None:
        """Count a call from when its body is whole: who sends slowly takes nobody's place (R-22)."""
        if self._in_flight >= self._front.max_in_flight:
            raise Unavailable("overload", retry_after_seconds=1)
        self._in_flight += 1

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
        headers.append((b"allow", b"POST, OPTIONS"))
        await _send(send, status, headers, b"")

    async def _other(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Starlette's answers with the headers that every answer carries."""
        found, _ = read(scope["headers"])
        more = (
            *_ALWAYS,
            (b"x-request-id", self._new_id().encode()),
            *self._vary,
            *self._cors.get(found.get(b"origin", b""), ()),
        )

        async def with_headers(message: Any) -> None:  # noqa: ANN401 - an ASGI message
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *more]
            await send(message)

        await self._rest(scope, receive, with_headers)


class _Reading:
    """Reads one body, once, within the limit."""

    __slots__ = ("_enter", "_found", "_max_bytes", "_receive", "entered")

    def __init__(self, receive: Receive, found: dict[bytes, bytes], max_bytes: int, enter: Callable[[], None]) -> None:
        self._receive = receive
        self._found = found
        self._max_bytes = max_bytes
        self._enter = enter
        self.entered = False

    async def body(self) -> dict[str, Any]:
        found = self._found
        if b"content-encoding" in found or found.get(b"content-type", b"").lower().replace(b" ", b"") not in _MEDIA:
            raise UnsupportedMedia("content-type")
        if length(found) > self._max_bytes:
            raise BodyTooLarge("content-length")
        message = await self._receive()
        body: bytes = message.get("body", b"")
        while message["type"] == "http.request" and message.get("more_body"):
            if len(body) > self._max_bytes:
                raise BodyTooLarge("body")
            message = await self._receive()
            body += message.get("body", b"")
        if message["type"] != "http.request":
            raise Disconnected("disconnected")
        if len(body) > self._max_bytes:
            raise BodyTooLarge("body")
        self._enter()
        self.entered = True
        return parse(body)


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


def everything_else() -> Starlette:
    """What is not the AWS endpoint: today the liveness route and honest refusals."""

    async def healthz(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def refused(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        title = {404: "Not found", _NO_METHOD: "Method not allowed"}.get(status, "The gateway failed")
        detail = {404: "There is nothing here.", _NO_METHOD: "The AWS endpoint is POST /."}.get(status)
        problem = {"type": "about:blank", "title": title, "status": status} | ({"detail": detail} if detail else {})
        headers = {"allow": "POST, OPTIONS" if request.url.path == "/" else "GET"} if status == _NO_METHOD else None
        return JSONResponse(problem, status, headers=headers, media_type=_PROBLEM)

    async def root(_request: Request) -> Response:
        raise HTTPException(_NO_METHOD)

    routes = [
        Route("/healthz", healthz, methods=["GET"]),
        Route("/", root, methods=["GET", "PUT", "PATCH", "DELETE", "POST"]),
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: refused, 500: refused})
    app.router.redirect_slashes = False  # the raw path decides
    return app
