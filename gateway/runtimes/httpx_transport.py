"""The `Transport` port over httpx: for what is rare (keys, STS, the command line), and for tests with respx.

Duty: the same exchange as `gateway.runtimes.pool`, the same errors, the same caps; a hundred times the cost.
Prohibition: none of httpx's conveniences: no redirects, cookies, decoding, default headers, netrc, proxies, nor
certificates of the environment's choice.
"""

import asyncio
import ssl
from collections.abc import Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from gateway.errors import UpstreamError
from gateway.runtimes import wire
from gateway.runtimes.tls import verifying
from gateway.runtimes.wire import FIRST_FINAL_STATUS, MAX_HEAD_BYTES, MAX_HEADERS, STATUS_WITHOUT_BODY
from gateway.upstream import MAX_ANSWER_BYTES, Answer, AnswerTimeout, Broken, ConnectTimeout, NotSent, Request

_VERSIONS = ("HTTP/1.0", "HTTP/1.1")
_LIMITS = httpx.Limits(max_connections=64, max_keepalive_connections=16, keepalive_expiry=15.0)


class _Course:
    """How far an exchange has come, as httpcore traces it. Behind a mock nothing is traced."""

    __slots__ = ("answered", "connecting", "handshaking", "sent")

    def __init__(self) -> None:
        self.connecting = False  # on a new connection, that is
        self.handshaking = False
        self.sent = False
        self.answered = False

    async def note(self, event: str, _: Mapping[str, object]) -> None:
        match event:
            case "connection.connect_tcp.started":
                self.connecting = True
            case "connection.start_tls.started":
                self.handshaking = True
            case "http11.send_request_headers.started":
                self.sent = True
            case "http11.receive_response_headers.complete":
                self.answered = True

    @property
    def nothing_sent(self) -> bool:
        return self.connecting and not self.sent

    def timeout(self) -> UpstreamError:
        return ConnectTimeout("connect_timeout") if self.nothing_sent else AnswerTimeout("answer_timeout")

    def not_sent(self) -> UpstreamError:
        return NotSent("tls" if self.handshaking else "unreachable")

    def broken(self, reason: str) -> UpstreamError:
        """`reused` may be true although part of a head had come: httpcore tells of whole heads only."""
        return Broken(reason, reused=self.sent and not self.connecting and not self.answered)


class HttpxTransport:
    """The `Transport` off the hot path."""

    __slots__ = ("_client", "_connect_timeout_seconds", "_own")

    def __init__(
        self,
        client: httpx.AsyncClient | None = None,
        *,
        connect_timeout_seconds: float = 3.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Use a ready-made `client`, whose proxies, certificates, hooks and closing are its owner's; or make one.

        Raises:
            ValueError: `tls` does not verify certificates and host names.

        """
        self._own = client is None
        self._client = client if client is not None else _client(verifying(tls))
        self._connect_timeout_seconds = connect_timeout_seconds

    async def __call__(
        self, request: Request, *, timeout_seconds: float, max_answer_bytes: int = MAX_ANSWER_BYTES
    ) -> Answer:
        """Send `request` once and return the whole answer; `max_answer_bytes` is of its body.

        Raises:
            NotSent: refused, unresolvable, not trusted, or the transport is closed.
            ConnectTimeout: no connection within the connect timeout.
            Broken: the exchange broke after the request was written.
            AnswerTimeout: no whole answer within `timeout_seconds`.
            ValueError: the request cannot be written: a defect of the caller.

        """
        wire.whole(wire.start(request.origin, request.method, request.path), request)  # only for what it refuses
        if timeout_seconds <= 0:
            raise ConnectTimeout("no_time_left")
        if self._client.is_closed:
            raise NotSent("closed")
        course = _Course()
        try:
            async with asyncio.timeout(timeout_seconds):
                return await self._exchange(request, max_answer_bytes, course)
        except (httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise ConnectTimeout("connect_timeout") from error
        except (TimeoutError, httpx.TimeoutException) as error:
            raise course.timeout() from error
        except (httpx.ConnectError, httpx.UnsupportedProtocol, httpx.InvalidURL, UnicodeError) as error:
            raise course.not_sent() from error
        except httpx.ProtocolError as error:
            raise course.broken("not_http") from error
        except (httpx.HTTPError, OSError) as error:  # OSError: a TLS record that cannot be read comes through as it is
            raise (course.not_sent() if course.nothing_sent else course.broken("reset")) from error

    async def _exchange(self, request: Request, max_answer_bytes: int, course: _Course) -> Answer:
        # A Request made here, and not by the client, carries none of the client's headers, cookies or parameters.
        sent = httpx.Request(
            request.method,
            _url(request),
            headers=_headers(request),
            content=request.body or None,
            extensions={"timeout": self._timeouts(), "trace": course.note},
        )
        answer = await self._client.send(sent, stream=True, auth=None, follow_redirects=False)
        try:
            headers = _judged_head(answer, max_answer_bytes, course)
            if answer.is_stream_consumed:  # by a mock: there was nothing to stream
                body = answer.content
                if len(body) > max_answer_bytes:
                    raise course.broken("too_large")
            else:
                body = await _read(answer, max_answer_bytes, course)
        finally:
            await answer.aclose()
        return Answer(answer.status_code, headers, body)

    def _timeouts(self) -> dict[str, float | None]:
        connect = self._connect_timeout_seconds
        return {"connect": connect, "pool": connect, "read": None, "write": None}  # the whole call has its own

    async def close(self) -> None:
        """Close the client, unless it was handed in."""
        if self._own:
            await self._client.aclose()


def _client(context: ssl.SSLContext) -> httpx.AsyncClient:
    deaf = CookieJar(policy=DefaultCookiePolicy(allowed_domains=()))
    return httpx.AsyncClient(verify=context, trust_env=False, follow_redirects=False, limits=_LIMITS, cookies=deaf)


def _url(request: Request) -> httpx.URL:
    origin = request.origin
    return httpx.URL(scheme=origin.scheme, host=origin.host, port=origin.port, raw_path=request.path.encode("ascii"))


def _headers(request: Request) -> list[tuple[bytes, bytes]]:
    ours = [("Host", request.origin.authority), ("Accept-Encoding", "identity")]
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in (*ours, *request.headers)]


def _judged_head(answer: httpx.Response, max_answer_bytes: int, course: _Course) -> dict[str, str]:
    """Return the headers of an answer that may be read; the same refusals as the pool's."""
    raw = answer.headers.raw
    if len(raw) > MAX_HEADERS or sum(len(name) + len(value) for name, value in raw) > MAX_HEAD_BYTES:
        raise course.broken("head_too_large")
    if answer.status_code < FIRST_FINAL_STATUS:
        raise course.broken("not_http")
    headers = {name.lower().decode("latin-1"): value.decode("latin-1") for name, value in raw}
    length, coding = headers.get("content-length"), headers.get("transfer-encoding")
    real = "network_stream" in answer.extensions  # and not a mock's, which says little of how it came
    if real and answer.http_version not in _VERSIONS:
        raise course.broken("not_http")
    if real and answer.status_code not in STATUS_WITHOUT_BODY:
        if length is not None and coding is not None:
            raise course.broken("not_http")
        if length is None and (coding or "").lower() != "chunked":
            raise course.broken("unframed")
        if length is not None and int(length) > max_answer_bytes:
            raise course.broken("too_large")
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise course.broken("encoded")
    return headers


async def _read(answer: httpx.Response, max_answer_bytes: int, course: _Course) -> bytes:
    pieces: list[bytes] = []
    room = max_answer_bytes
    async for piece in answer.aiter_raw():
        room -= len(piece)
        if room < 0:
            raise course.broken("too_large")
        pieces.append(piece)
    return b"".join(pieces)
