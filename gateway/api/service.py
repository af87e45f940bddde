"""The REST side as an ASGI application: finds the row, lets it answer, writes the result.

Duty: one answer a request, whatever a row does. Prohibition: no CORS and no usual headers: `gateway.app` adds them.
Source: ASGI 3.0; RFC 9110; RFC 9457.
"""

import json
from collections.abc import Iterable, Sequence

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.api.context import Context
from gateway.api.exchange import Exchange
from gateway.api.problem import MEDIA_TYPE, Decided, Problem, of_error
from gateway.api.route import NoRoute, Result, Route, Table
from gateway.errors import GatewayError, InternalError, UpstreamError, place
from gateway.front import Heard

_NOT_FOUND = Problem(404, "about:blank", "There is nothing here.")
_SHAPELESS = (LookupError, TypeError, AttributeError, ValueError, OverflowError)
_ELSEWHERE = {"/": ("POST", "OPTIONS")}  # `gateway.app` answers these


class Api:
    """Serves the rows of a table."""

    __slots__ = ("_context", "table")

    def __init__(self, context: Context, routes: Sequence[Route]) -> None:
        """`routes` are all rows."""
        self._context = context
        self.table = Table(routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry; `scope["heard"]` is what `gateway.app` heard."""
        if scope["type"] != "http":
            return
        heard: Heard = scope["heard"]
        response = await self._respond(scope, heard)
        heard.reading.leave()  # who reads slowly takes nobody's place
        if scope["method"] == "HEAD":
            response.body = b""  # the headers say how long it would be
        if heard.unread:
            response.headers["connection"] = "close"
        await response(scope, receive, send)

    async def _respond(self, scope: Scope, heard: Heard) -> Response:
        exchange = None
        try:
            route, values = self.table.find(scope["method"], scope.get("raw_path") or scope["path"].encode())
            exchange = Exchange(self._context, route, heard, values=values, query=scope["query_string"], scope=scope)
            try:
                result = await route.answer(exchange)
            except Decided as decided:
                result = Result(json.loads(decided.reply.body), media="application/json")
            return _written(result, route, exchange.audit_complete)
        except NoRoute as missing:
            allow = (*missing.allow, *_ELSEWHERE.get(scope["path"], ())) if missing.allow else ()
            return _problem(
                Problem(405, "about:blank", "It is not served by this method.", allow=allow) if allow else _NOT_FOUND,
                heard,
            )
        except Problem as problem:
            return _problem(problem, heard)
        except GatewayError as error:
            return _problem(of_error(error), heard)
        except Exception as error:  # noqa: BLE001 - the outermost layer of what is behind a row
            return _problem(of_error(self._unforeseen(error, heard, exchange)), heard)

    def _unforeseen(self, error: Exception, heard: Heard, exchange: Exchange | None) -> GatewayError:
        """What a row did not see coming: an answer of Cognito's that is not of its shape, or a defect of ours."""
        told = f"{type(error).__name__} at {place(error)}"
        if isinstance(error, _SHAPELESS) and exchange is not None and exchange.answered:
            self._context.log(f"Cognito's answer to request {heard.id} is not of its shape: {told}")
            return UpstreamError("upstream-shape")
        self._context.log(f"defect in request {heard.id}: {told}")
        return InternalError("defect")


def _written(result: Result, route: Route, audit_complete: bool) -> Response:  # noqa: FBT001 - the audit's word
    body = b"" if result.body is None else _bytes(result.body)
    response = Response(body, result.status, media_type=(result.media or route.media) if body else None)
    _add(response, result.headers)
    if not audit_complete:
        response.headers["x-gateway-audit"] = "incomplete"
    return response


def _bytes(body: object) -> bytes:
    if isinstance(body, bytes):
        return body
    text = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    try:
        return text.encode()
    except UnicodeEncodeError:  # half a surrogate pair, which only an escape can write
        return json.dumps(body, allow_nan=False, separators=(",", ":")).encode()


def _problem(problem: Problem, heard: Heard) -> Response:
    response = Response(_bytes(problem.document(heard.id)), problem.status, media_type=MEDIA_TYPE)
    _add(response, problem.headers)
    return response


def _add(response: Response, headers: Iterable[tuple[str, str]]) -> None:
    for name, value in headers:
        response.headers.append(name, value)
