"""HTTP/1.1 from a caller's side, in raw bytes: what is sent is what a test says, what came back is told as it was."""

import contextlib
import json
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

CONTENT_TYPE = "application/x-amz-json-1.1"
TARGET = "AWSCognitoIdentityProviderService."

_PIECE_BYTES = 65536
_FIRST_FINAL_STATUS = 200


@dataclass
class Response:
    """An HTTP answer, or a connection that was closed without one (`status` None)."""

    status: int | None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    names: list[str] = field(default_factory=list)  # of the headers, in lower case, as often as they came
    interim: list[int] = field(default_factory=list)  # 1xx before it

    @property
    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)


def request(
    operation: str | None,
    body: bytes = b"{}",
    token: str | None = None,
    *,
    headers: Iterable[tuple[str, str]] = (),
    method: str = "POST",
    path: str = "/",
    close: bool = True,
) -> bytes:
    """A request as an SDK sends it, `headers` first; the usual ones are left out where `headers` has them."""
    more = list(headers)
    names = {name.lower() for name, _ in more}
    found = [("Host", "gateway"), *more]
    if close and "connection" not in names:
        found.append(("Connection", "close"))
    if operation is not None:
        found.append(("X-Amz-Target", operation if "." in operation else TARGET + operation))
    if token is not None:
        found.append(("Authorization", f"Bearer {token}"))
    if "content-type" not in names:
        found.append(("Content-Type", CONTENT_TYPE))
    if "content-length" not in names and "transfer-encoding" not in names:
        found.append(("Content-Length", str(len(body))))
    head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in found)
    return head.encode("utf-8", "surrogatepass") + b"\r\n" + body


def exchange(
    port: int, raw: bytes, *, answers: int | None = None, timeout_seconds: float = 5.0, half_close: bool = False
) -> tuple[list[Response], bytes]:
    """Send `raw` on a connection of its own: all that came, read and as bytes.

    It ends when the gateway closes, when `answers` whole answers are there, or after `timeout_seconds` of silence.
    `half_close` tells the gateway that nothing more will come.
    """
    with socket.create_connection(("127.0.0.1", port), timeout_seconds) as connection:
        with contextlib.suppress(OSError):  # it may refuse, and close, before everything was sent
            connection.sendall(raw)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
        data = b""
        while answers is None or len(parsed(data)) < answers:
            try:
                more = connection.recv(_PIECE_BYTES)
            except OSError:
                break
            if not more:
                break
            data += more
    return parsed(data, cut=True) or [Response(None)], data


class Line:
    """A connection that is kept: one request after the other, as a browser or an SDK has it."""

    def __init__(self, port: int, *, timeout_seconds: float = 20.0) -> None:
        """Connect; `timeout_seconds` are for each answer."""
        self._address = ("127.0.0.1", port)
        self._timeout_seconds = timeout_seconds
        self._socket: socket.socket | None = None
        self.connections = 0

    def ask(self, raw: bytes) -> tuple[Response, bytes]:
        """Send one request and give its answer; a connection that the gateway had closed is made anew."""
        if self._socket is None:
            self._socket = socket.create_connection(self._address, self._timeout_seconds)
            self.connections += 1
        self._socket.sendall(raw)
        data = b""
        while not (found := parsed(data)):
            more = self._socket.recv(_PIECE_BYTES)
            if not more:
                found = [Response(None)]
                break
            data += more
        if found[0].status is None or found[0].headers.get("connection") == "close":
            self.close()
        return found[0], data

    def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def parsed(data: bytes, *, cut: bool = False) -> list[Response]:
    """The whole answers in `data`; with `cut`, also a last one whose body is shorter than it said (to a HEAD, say)."""
    found: list[Response] = []
    interim: list[int] = []
    while data:
        head, separator, rest = data.partition(b"\r\n\r\n")
        if not separator or not head.startswith(b"HTTP/"):
            break
        first, *lines = head.decode("latin-1").split("\r\n")
        pairs = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        status = int(first.split(" ", 2)[1])
        if status < _FIRST_FINAL_STATUS:
            interim.append(status)
            data = rest
            continue
        length = int(dict(pairs).get("content-length", "0"))
        if len(rest) < length and not cut:
            break
        found.append(Response(status, dict(pairs), rest[:length], [name for name, _ in pairs], interim))
        interim = []
        data = rest[length:]
    return found
