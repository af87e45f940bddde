"""What is a request, and where it ends: uvicorn's parser callbacks, made strict.

Duty: on top of what llhttp refuses (bare CR and LF, obs-fold, NUL, Content-Length beside Transfer-Encoding) refuse
every body whose length two parties could read differently, every head that is too large, and what is not HTTP/1.
Prohibition: answers nothing, ends nothing: that is the protocol's. After the first wrong byte no byte is parsed.
Source: RFC 9112 sections 2.2, 3.2, 5, 6 and 7; RFC 9110 sections 5.5, 7.2, 7.8 and 10.1.1. R-15, R-16.
"""

import asyncio
import urllib.parse
from dataclasses import dataclass
from typing import Any, ClassVar

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from gateway.runtimes import refusals
from gateway.runtimes.refusals import Refused
from gateway.runtimes.sweep import Sweep

BETWEEN, HEAD, BODY = 0, 1, 2  # where the parser is: between two messages, or in a part of one
_WATCHED = frozenset({b"content-length", b"expect", b"host", b"transfer-encoding"})
_START_BYTES = 13  # the longest method and two spaces, which llhttp would read as one
_MAX_LENGTH_DIGITS = 15  # a petabyte: beyond, parties begin to differ in where their integers end


@dataclass(frozen=True, slots=True)
class Limits:
    """What one connection, and all of one worker's connections together, may take."""

    max_url_bytes: int = 8192
    max_head_bytes: int = 32768
    max_headers: int = 100
    max_pipelined: int = 32
    max_connections: int = 4096
    max_in_flight: int = 2048
    """A backstop behind the application's own shedding."""
    max_unread_bytes: int = 65536
    """How much of a body is still read, and thrown away, after it was answered."""
    request_seconds: float = 20.0
    """For a whole request to arrive, and for a fresh connection's first byte."""
    draining_seconds: float = 3.0
    """The same once the server shuts down."""
    stalled_seconds: float = 20.0
    """For a caller to take any byte of its answer."""
    linger_seconds: float = 1.0
    """For a caller to take an answer that came before its body was read."""
    sweep_seconds: float = 1.0


class Framing(HttpToolsProtocol):
    """The parser's side of one connection. `limits` is the class's: a subclass is all that is needed to change them."""

    limits: ClassVar[Limits] = Limits()

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        """As uvicorn calls it."""
        super().__init__(config, server_state, app_state, _loop)
        self.sweep = Sweep.of(server_state, self.loop, self.limits.sweep_seconds)
        self.phase = BETWEEN
        self.since = 0.0  # the sweep's time at the event that the next deadline counts from
        self.max_headers = self.limits.max_headers
        self.reading = self.begun = 0  # bytes of the present read, messages that began in it
        self.so_far = self.received = self.unread = 0  # bytes of the message: on the wire, of its body, for nobody
        self.hosts = 0
        self.length: int | None = None  # of its body, as declared
        self.chunked = False
        self.upgrade = b""

    def feed(self, data: bytes) -> None:
        """Parse what has arrived; callbacks below see it.

        Raises:
            Refused: something in it is not acceptable; nothing may be fed after that.

        """
        whole = self.phase == BETWEEN
        if whole and b"  " in data[:_START_BYTES]:
            raise Refused(refusals.MALFORMED)
        self.reading = len(data)
        self.begun = 0
        after_head = 0
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            after_head = upgrade.args[0]
        except httptools.HttpParserError as error:
            if isinstance(error.__context__, Refused):  # raised in a callback
                raise error.__context__ from None
            raise Refused(refusals.MALFORMED) from None
        if after_head:
            self._without_upgrade(data[after_head:])
        elif self.phase != BETWEEN and (self.begun == 0 or (whole and self.begun == 1)):
            self._weigh()

    def on_message_begin(self) -> None:
        """Start counting."""
        super().on_message_begin()
        self.phase = HEAD
        self.since = self.sweep.now
        self.begun += 1
        self.so_far = self.hosts = self.received = self.unread = 0
        self.length = None
        self.chunked = False

    def on_url(self, url: bytes) -> None:
        """A piece of the request target."""
        self.url += url
        if len(self.url) > self.limits.max_url_bytes:
            raise Refused(refusals.URL_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header, or a trailer: that one goes nowhere, since nobody asked for it and the decision is made."""
        name, given = name.lower(), value
        value = given.rstrip(b" \t")  # llhttp drops white space before a value only
        headers = self.headers
        headers.append((name, value))
        if name in _WATCHED or len(headers) > self.max_headers:
            self._watch(name, given if name == b"transfer-encoding" and b"\t" in given else value)

    def _watch(self, name: bytes, value: bytes) -> None:
        if len(self.headers) > self.max_headers:
            raise Refused(refusals.HEAD_TOO_LARGE)
        if name == b"host":
            self.hosts += 1
            return
        if name == b"expect":
            self.expect_100_continue = value.lower() == b"100-continue"
        elif self.chunked or self.length is not None:
            raise Refused(refusals.AMBIGUOUS)  # pragma: no cover - llhttp refuses these, so far
        elif name == b"transfer-encoding":
            if value.lower() != b"chunked":
                raise Refused(refusals.AMBIGUOUS)
            self.chunked = True
        else:
            if not value.isdigit() or len(value) > _MAX_LENGTH_DIGITS:
                raise Refused(refusals.AMBIGUOUS)
            self.length = int(value)

    def on_headers_complete(self) -> None:
        """The head is here: the last checks, then the application may run."""
        parser = self.parser
        version = parser.get_http_version()
        if version != "1.1":
            self._old(version)
        elif self.hosts != 1:
            raise Refused(refusals.HOST)
        most = self.limits.max_head_bytes  # a head that came in one small read needs no counting
        if (self.begun == 0 or self.reading > most) and self._head_bytes() > most:
            raise Refused(refusals.HEAD_TOO_LARGE)
        if parser.should_upgrade():
            self._see_upgrade(parser.get_method(), version)
            return
        scope = self.scope
        scope["http_version"] = version
        scope["method"] = parser.get_method().decode("ascii")
        if self.url == b"/":
            scope["path"], scope["raw_path"], scope["query_string"] = "/", b"/", b""
        else:
            url = httptools.parse_url(self.url)
            scope["path"] = urllib.parse.unquote(url.path.decode("ascii"))
            scope["raw_path"] = url.path
            scope["query_string"] = url.query or b""
        self.accept(keep_alive=version == "1.1" and parser.should_keep_alive())
        self.phase = BODY
        self.headers = []  # the application holds the other one; here go the trailers

    def _old(self, version: str) -> None:
        """Check what is not HTTP/1.1: 1.0 may do without a Host, and knows neither chunks nor 100 Continue."""
        if version != "1.0":
            raise Refused(refusals.VERSION)
        if self.hosts > 1:
            raise Refused(refusals.HOST)
        if self.chunked:
            raise Refused(refusals.AMBIGUOUS)
        self.expect_100_continue = False

    def on_body(self, body: bytes) -> None:
        """A piece of the body, for the application or, once it has answered, for nobody."""
        self.received += len(body)
        cycle = self.cycle
        if cycle.response_complete:
            self.unread += len(body)
            if self.unread > self.limits.max_unread_bytes:
                self.linger()
                raise Refused(refusals.MALFORMED)  # stops the parser; nothing is said
            return
        cycle.body += body
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.message_event.set()

    def on_message_complete(self) -> None:
        """The request is whole, unless llhttp stopped at its head only because it asked to upgrade."""
        if self.upgrade:
            return
        self.phase = BETWEEN
        cycle = self.cycle
        cycle.more_body = False
        cycle.message_event.set()
        if cycle.response_complete:
            self.since = self.sweep.now

    def accept(self, *, keep_alive: bool) -> None:
        """Give the request that `scope` describes to the application, now or in its turn."""
        raise NotImplementedError  # pragma: no cover - the protocol's

    def linger(self) -> None:
        """Close without a reset that could overtake an answer."""
        raise NotImplementedError  # pragma: no cover - the protocol's

    def asked(self) -> tuple[bytes, bytes] | None:
        """Method and path of the request that is being read, as far as it is here; None where no path is."""
        if self.phase == BETWEEN:
            return None
        path = self.url.partition(b"?")[0]
        if not path.startswith(b"/"):  # the absolute form, or no path at all
            _, slash, path = path.partition(b"://")[2].partition(b"/")
            path = slash + path
        return (self.parser.get_method(), path) if path else None

    def _head_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _weigh(self) -> None:
        """Count what the parser keeps to itself: a header without an end, chunks that are all framing."""
        self.so_far += self.reading
        if self.phase == HEAD:
            if self.so_far > self.limits.max_head_bytes:
                raise Refused(refusals.HEAD_TOO_LARGE)
        elif self.chunked and self.so_far - 2 * self.received > 2 * self.limits.max_head_bytes:
            raise Refused(refusals.MALFORMED)

    def _see_upgrade(self, method: bytes, version: str) -> None:
        """Keep the head without its Upgrade: llhttp would take no body after it, and the body for the next request."""
        if method == b"CONNECT":
            raise Refused(refusals.METHOD)
        lines = [b"%s %s HTTP/%s" % (method, self.url, version.encode())]
        lines += [b"%s: %s" % header for header in self.headers if header[0] != b"upgrade"]
        self.upgrade = b"\r\n".join((*lines, b"", b""))

    def _without_upgrade(self, rest: bytes) -> None:
        """Read the request again as if it had not asked to upgrade, which a server is free to do."""
        head, self.upgrade = self.upgrade, b""
        self.phase = BETWEEN
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self.feed(head + rest)
