"""HTTP/1.1 on a loopback socket, in threads: bytes to a `Received`, a `Reply` to bytes.

Duty: one thread a connection, kept alive between requests; every answer is made here or by the `respond` it was given,
never by a library's HTML page. Prohibition: knows nothing of AWS beyond the shape of a JSON error; never binds
anything but loopback.
Source: RFC 9112.
"""

import contextlib
import errno
import ipaddress
import json
import logging
import socket
import socketserver
import sys
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any

from gateway.emulator.errors import PortBusy

MAX_BODY_BYTES = 1024 * 1024
IDLE_SECONDS = 75
JOIN_SECONDS = 5

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Received:
    """A request: `headers` has lower-case names, several with one name are joined by a comma; `path` has no query."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. Content-Length, Date, Server and, where missing, x-amzn-requestid are added when it is written."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


Respond = Callable[[Received], Reply]


def _refusal(status: int, code: str) -> Reply:
    body = json.dumps({"__type": code, "message": HTTPStatus(status).phrase}).encode()
    return Reply(status, {"content-type": "application/x-amz-json-1.1", "x-amzn-errortype": code}, body)


class _Connection(BaseHTTPRequestHandler):
    """One connection; the standard library reads the head, the rest is here."""

    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True
    server: "Listener"

    def _body(self) -> bytes | Reply:
        if "transfer-encoding" in self.headers:
            return _refusal(HTTPStatus.LENGTH_REQUIRED, "MissingContentLength")
        length = self.headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()):
            return _refusal(HTTPStatus.BAD_REQUEST, "InvalidContentLength")
        if int(length) > MAX_BODY_BYTES:
            return _refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "RequestEntityTooLargeException")
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise ConnectionResetError  # half a request is none
        return body

    def _exchange(self) -> None:
        body = self._body()
        if isinstance(body, Reply):
            self.close_connection = True  # what follows on the wire is not a request
            self._write(body)
            return
        names = {name.lower() for name in self.headers}
        headers = {name: ",".join(value.strip() for value in self.headers.get_all(name, [])) for name in names}
        path, _, query = self.path.partition("?")
        self._write(self.server.respond(Received(self.command, path, query, headers, body)))

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _exchange  # noqa: N815 - the library's names

    def _write(self, reply: Reply) -> None:
        head = {
            "date": self.date_time_string(int(self.server.clock())),
            "server": "Server",
            "x-amzn-requestid": str(uuid.uuid4()),
            **reply.headers,
        }
        if self.close_connection:
            head["connection"] = "close"
        head["content-length"] = str(len(reply.body))
        lines = [f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}"]
        # one line each, whatever a message contained
        lines += [f"{name}: {' '.join(value.split())}" for name, value in head.items()]
        data = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
        self.wfile.write(data if self.command == "HEAD" else data + reply.body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer the library's own refusals (bad request line, unknown method) as JSON instead of HTML."""
        del message, explain
        self.close_connection = True
        self._write(_refusal(code, "BadRequest"))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Say nothing: request lines would fill the terminal of `gateway dev`."""


class Listener(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """A bound socket; `serve` begins to answer, `stop` ends every thread and frees the port."""

    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, host: str, port: int, clock: Callable[[], float]) -> None:
        """Bind; `clock` gives the epoch seconds of the Date header.

        Raises PortBusy when the port is taken, ValueError when `host` is not a loopback address.
        """
        self.clock = clock
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
        if not address.is_loopback:
            msg = f"the emulator listens on loopback only, not on {host}"
            raise ValueError(msg)
        if isinstance(address, ipaddress.IPv6Address):
            self.address_family = socket.AF_INET6
        try:
            super().__init__((str(address), port), _Connection)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            raise PortBusy(port) from error
        name = f"[{address}]" if isinstance(address, ipaddress.IPv6Address) else str(address)
        self.url = f"http://{name}:{self.server_address[1]}"
        self.respond: Respond = lambda _: _refusal(HTTPStatus.SERVICE_UNAVAILABLE, "ServiceUnavailableException")
        self._lock = threading.Lock()
        self._open: dict[Any, threading.Thread] = {}
        self._thread: threading.Thread | None = None

    def serve(self, respond: Respond) -> None:
        """Answer with `respond` from a thread of its own, until `stop`."""
        self.respond = respond
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), name="emulator", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End every connection and thread and free the port. Stopping twice is harmless."""
        if self._thread is not None:
            self.shutdown()
            self._thread.join(JOIN_SECONDS)
            self._thread = None
        self.server_close()
        with self._lock:
            connections = dict(self._open)
        for connection in connections:
            with contextlib.suppress(OSError):  # a client may have hung up already
                connection.shutdown(socket.SHUT_RDWR)
        for thread in connections.values():
            thread.join(JOIN_SECONDS)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - the library's signature
        """Serve one connection in its own thread, and remember both for `stop`."""
        worker = threading.Thread(
            target=self.process_request_thread, args=(request, client_address), name="emulator-connection", daemon=True
        )
        with self._lock:
            self._open[request] = worker
        worker.start()

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - the library's signature
        """Close one connection."""
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that broke is the client's business; the traceback goes to the log only."""
        del request, client_address
        log.debug("connection broke", exc_info=sys.exc_info())
