"""One keep-alive connection to an origin, one exchange at a time.

Duty: write a request once, read its answer with llhttp's strict parser, and judge the connection's fitness for another.
Prohibition: no retry, no redirect, no decoding; an answer that has no definite end, is coded or is too large is none.
A connection on which anything is odd is closed, never mended: what is left in it could be taken for the next answer.
Source: RFC 9112 sections 6 to 9, RFC 9110 section 15.2 (interim answers).
"""

import asyncio
from collections.abc import Callable
from typing import Protocol, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from gateway.errors import UpstreamError
from gateway.runtimes.wire import FIRST_FINAL_STATUS, MAX_HEAD_BYTES, MAX_HEADERS, STATUS_WITHOUT_BODY
from gateway.upstream import Answer, AnswerTimeout, Broken

_MAX_NAMES = 256
_FIRST_STATUS = 100

Outcome = Answer | UpstreamError


class _Refused(Exception):
    """Stops the parser in the middle of what it was fed."""


# The names of answers' headers in lower case: a server's are always the same few.
_known: dict[bytes, str] = {}


class Owner(Protocol):
    """What a connection tells the pool."""

    def free(self, connection: "Connection") -> None:
        """The exchange is over and the connection is good for another."""
        ...  # pragma: no cover - a port

    def ended(self, connection: "Connection") -> None:
        """The connection is no longer of use. Told once."""
        ...  # pragma: no cover - a port

    def gone(self, connection: "Connection") -> None:
        """The connection's socket is closed. Told once."""
        ...  # pragma: no cover - a port


class Connection(asyncio.Protocol):
    """One connection; `exchange` is called only while it is `ready` and no exchange is under way."""

    __slots__ = (
        "_body",
        "_body_bytes",
        "_complete",
        "_dead",
        "_deadline",
        "_fault",
        "_headers",
        "_keep",
        "_loop",
        "_max_answer_bytes",
        "_owner",
        "_parser",
        "_pieces",
        "_raw",
        "_received_bytes",
        "_served",
        "_status",
        "_transport",
        "_waiter",
        "idle_since",
        "on_header",
    )

    def __init__(self, owner: Owner, loop: asyncio.AbstractEventLoop) -> None:
        """`owner` is told when the connection is free, of no more use, and gone."""
        self._owner = owner
        self._loop = loop
        self._transport: asyncio.Transport
        self._waiter: asyncio.Future[Outcome] | None = None
        self._deadline = 0.0
        self._max_answer_bytes = 0
        self._served = 0
        self._dead = False
        self.idle_since = 0.0
        self._raw: dict[bytes, bytes] = {}
        # The parser hands each header straight to the dict: no Python frame a header, and the last of a name wins.
        self.on_header: Callable[[bytes, bytes], None] = self._raw.__setitem__
        self._forget()
        self._parser = HttpResponseParser(self)

    def _forget(self) -> None:
        """Let go of the last answer; an idle connection holds no body."""
        self._status = 0
        self._headers: dict[str, str] = {}
        self._body = b""
        self._pieces: list[bytes] | None = None
        self._body_bytes = 0
        self._received_bytes = 0
        self._keep = False
        self._complete = False
        self._fault: str | None = None

    # What the pool asks for.

    @property
    def ready(self) -> bool:
        """Whether a request may be written: neither side has closed, as far as the event loop knows."""
        return not (self._dead or self._transport.is_closing())

    def exchange(self, payload: bytes, deadline: float, max_answer_bytes: int) -> "asyncio.Future[Outcome]":
        """Write a whole request. The future gets the answer or the error, as its result, by `deadline` (loop time)."""
        self._waiter = waiter = self._loop.create_future()
        self._deadline = deadline
        self._max_answer_bytes = max_answer_bytes
        self._transport.write(payload)
        return waiter

    def expire(self, now: float) -> None:
        """Give the exchange up if its time is over. `now` is loop time in seconds."""
        if self._waiter is not None and now >= self._deadline:
            self.fail(AnswerTimeout("answer_timeout"))

    def abandon(self, waiter: "asyncio.Future[Outcome]") -> None:
        """Nobody waits for this exchange any more. If it is still under way its connection cannot be used again."""
        if self._waiter is waiter:
            self._waiter = None
            self.abort()

    def fail(self, error: UpstreamError) -> None:
        """End the exchange, if there is one, with `error`, and the connection with it."""
        waiter, self._waiter = self._waiter, None
        self.abort()
        if waiter is not None and not waiter.done():
            waiter.set_result(error)

    def abort(self) -> None:
        """Close at once. What was not written yet is dropped."""
        if not self._dead:
            self._dead = True
            self._owner.ended(self)
            self._transport.abort()

    def _broken(self, reason: str) -> Broken:
        return Broken(reason, reused=self._served > 0 and self._received_bytes == 0)

    # What the event loop tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport. Both event loops have set TCP_NODELAY by now."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Read a piece of the answer."""
        if self._waiter is None:
            self.abort()  # bytes that nobody asked for
            return
        self._received_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            self._keep = False  # and if the answer was complete, it was complete: what followed it was not asked for
            if not self._complete:
                self.fail(self._broken(self._fault or "not_http"))
                return
        if self._complete:
            self._finish()
        elif self._received_bytes > 2 * self._body_bytes + MAX_HEAD_BYTES:
            # A head, interim answers, chunk extensions or trailers without end: the parser keeps an unfinished line.
            self.fail(self._broken("head_too_large"))

    def eof_received(self) -> bool:
        """Take a half-closed connection for a closed one."""
        self.fail(self._broken("cut_short"))
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits, and the pool."""
        self.fail(self._broken("reset" if exc is not None else "cut_short"))
        del self._parser  # it holds this connection's methods: without it the last reference frees both
        self._owner.gone(self)

    # What the parser tells.

    def on_message_begin(self) -> None:
        """Stop at a second answer in the same piece of data."""
        if self._complete:
            raise _Refused

    def on_headers_complete(self) -> None:
        """Judge the head: what cannot be relayed as it is, or has no definite end, is refused before its body."""
        status, raw = self._parser.get_status_code(), self._raw
        if status < FIRST_FINAL_STATUS:
            if status < _FIRST_STATUS:
                self._refuse("not_http")
            raw.clear()
            return
        if len(raw) > MAX_HEADERS or (self._received_bytes > MAX_HEAD_BYTES and _size(raw) > MAX_HEAD_BYTES):
            self._refuse("head_too_large")
        self._status = status
        known = _known
        try:
            headers = {known[name]: value.rstrip().decode("latin-1") for name, value in raw.items()}
        except KeyError:
            headers = {_lower(name): value.rstrip().decode("latin-1") for name, value in raw.items()}
        self._headers = headers
        length = headers.get("content-length")
        if length is not None:
            if int(length) > self._max_answer_bytes and status not in STATUS_WITHOUT_BODY:
                self._refuse("too_large")
        elif headers.get("transfer-encoding", "").lower() != "chunked" and status not in STATUS_WITHOUT_BODY:
            self._refuse("unframed")
        if "content-encoding" in headers and headers["content-encoding"].lower() != "identity":
            self._refuse("encoded")

    def on_body(self, piece: bytes) -> None:
        """Keep a piece of the body; the usual answer has one."""
        self._body_bytes += len(piece)
        if self._body_bytes > self._max_answer_bytes:
            self._refuse("too_large")
        if not self._body:
            self._body = piece
        elif self._pieces is None:
            self._pieces = [self._body, piece]
        else:
            self._pieces.append(piece)

    def on_message_complete(self) -> None:
        """Note that the answer is whole, unless it was an interim one."""
        if not self._status:
            return
        self._keep = self._parser.should_keep_alive()
        if not self._keep and self._parser.get_http_version() not in ("1.0", "1.1"):
            self._refuse("not_http")
        self._complete = True

    def _refuse(self, reason: str) -> None:
        self._fault = reason
        raise _Refused

    def _finish(self) -> None:
        waiter, self._waiter = cast("asyncio.Future[Outcome]", self._waiter), None
        answer = Answer(self._status, self._headers, self._body if self._pieces is None else b"".join(self._pieces))
        # An answer that came before all of its request had left is no ground to trust the connection with another.
        keep = self._keep and not self._transport.get_write_buffer_size()
        self._raw.clear()
        self._forget()
        self._served += 1
        if keep:
            self._owner.free(self)
        else:
            self.abort()
        if not waiter.done():
            waiter.set_result(answer)


def _lower(name: bytes) -> str:
    lower = name.lower().decode("latin-1")
    if len(_known) < _MAX_NAMES:
        _known[name] = lower
    return lower


def _size(raw: dict[bytes, bytes]) -> int:
    return sum(len(name) + len(value) for name, value in raw.items())
