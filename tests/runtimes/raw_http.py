"""A server of the protocol under test, an application that counts, and a client that writes what it is told."""

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.server import ServerState

from gateway.runtimes.framing import Limits
from gateway.runtimes.protocol import Protocol

PATIENT = Limits()
HASTY = Limits(request_seconds=0.2, draining_seconds=0.1, stalled_seconds=0.2, linger_seconds=0.1, sweep_seconds=0.05)


PROBLEM = "application/problem+json"


@dataclass
class Answer:
    """One answer as it came over the wire; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, str]:
        """The body as the refusal it is said to be."""
        found = json.loads(self.body)
        assert isinstance(found, dict)
        return found


@dataclass
class Counting:
    """Answers 200 to a bearer and 401 to anybody else, after the body where the path does not say otherwise."""

    calls: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    cut: int = 0
    headers: list[list[tuple[bytes, bytes]]] = field(default_factory=list)
    entered: asyncio.Event = field(default_factory=asyncio.Event)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry."""
        path: str = scope["path"]
        self.calls.append(f"{scope['method']} {path}")
        self.headers.append(scope["headers"])
        self.entered.set()
        if path == "/fails":
            raise RuntimeError("a defect")
        if not path.startswith("/early"):
            self.bodies.append(await self._read(receive))
        if path.startswith("/waits"):
            await self.gate.wait()
        status = 200 if any(name == b"authorization" for name, _ in scope["headers"]) else 401
        body = b"x" * int(path[5:]) if path.startswith("/big/") else path.encode()
        headers = [(b"content-length", b"%d" % len(body))]
        if path == "/early/close":
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        if path == "/half":
            await self.gate.wait()
        await send({"type": "http.response.body", "body": body})

    async def _read(self, receive: Receive) -> bytes:
        body: bytes = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.cut += 1
                return body
            body += message["body"]
            if not message["more_body"]:
                return body


@dataclass
class Served:
    """Where it listens and what the server knows."""

    port: int
    app: Counting
    state: ServerState
    connections: list[Protocol]


@contextlib.asynccontextmanager
async def served(limits: Limits = PATIENT, *, keep_alive_seconds: int = 75) -> AsyncIterator[Served]:
    """The protocol on a free port of this event loop, with `limits`, in front of a counting application."""
    app = Counting()
    as_asgi: ASGIApp = app
    kind = type("Limited", (Protocol,), {"limits": limits})
    config = Config(
        as_asgi,
        http=kind,
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        timeout_keep_alive=keep_alive_seconds,
    )
    config.load()
    state = ServerState()
    state.default_headers = [(b"date", b"Thu, 01 Jan 2026 00:00:00 GMT")]
    made: list[Protocol] = []

    def connect() -> Protocol:
        made.append(kind(config, state, {}))
        return made[-1]

    server = await asyncio.get_running_loop().create_server(connect, "127.0.0.1", 0)
    try:
        yield Served(server.sockets[0].getsockname()[1], app, state, made)
    finally:
        server.close()
        app.gate.set()
        for connection in made:
            if connection.parser is not None:
                connection.transport.abort()
        for task in tuple(state.tasks):
            task.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0.001)


class Client:
    """One connection of a caller."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Made by `connected`."""
        self.reader = reader
        self.writer = writer

    async def write(self, *pieces: bytes, pause: float = 0.0) -> None:
        """Each piece in a write of its own, `pause` seconds apart; a connection that is gone is no error."""
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                self.writer.write(piece)
                await self.writer.drain()
                await asyncio.sleep(pause)

    async def answer(self, *, head: bool = False) -> Answer | None:
        """The next answer, or None when the connection ends first."""
        try:
            lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
            headers = dict(_pairs(lines[1:]))
            status = int(lines[0].split(" ")[1])
            length = 0 if head or status == 100 else int(headers.get("content-length", "0"))
            return Answer(status, headers, await self.reader.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    async def answers(self, *, head: bool = False) -> list[Answer]:
        """Every answer until the server closes."""
        found = []
        while (answer := await self.answer(head=head)) is not None:
            found.append(answer)
        return found

    def reset(self) -> None:
        """Hang up in a way that the other side notices at once."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def closed(self) -> bool:
        """Whether the server closes without another byte."""
        try:
            return await self.reader.read() == b""
        except ConnectionError:
            return True


def _pairs(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        name, _, value = line.partition(": ")
        yield name.lower(), value


@contextlib.asynccontextmanager
async def connected(port: int) -> AsyncIterator[Client]:
    """A connection to `port`, closed at the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(10):
            yield Client(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def exchange(port: int, *pieces: bytes, eof: bool = True) -> list[Answer]:
    """Write `pieces`, half-close when `eof`, and take every answer until the server closes."""
    async with connected(port) as client:
        await client.write(*pieces)
        if eof:
            with contextlib.suppress(OSError):
                client.writer.write_eof()
        return await client.answers()


async def until(true: Callable[[], bool]) -> None:
    """Wait for what nobody tells."""
    while not true():  # noqa: ASYNC110 - as said
        await asyncio.sleep(0.001)


def request(path: str = "/", *lines: str, body: bytes = b"", method: str = "POST", token: bool = True) -> bytes:
    """A request with `lines` as further headers, and a Content-Length unless they say something of a length."""
    head = [f"{method} {path} HTTP/1.1", "Host: gateway.example", *lines]
    if token:
        head.append("Authorization: Bearer t")
    if body and not any(line.lower().startswith(("content-length", "transfer-encoding")) for line in lines):
        head.append(f"Content-Length: {len(body)}")
    return "\r\n".join((*head, "", "")).encode("latin-1") + body


def is_refusal(answer: Answer | Any) -> bool:
    """Whether it has all that a refusal of the server's own must have: AWS's shape, or that of RFC 9457."""
    return (
        isinstance(answer, Answer)
        and answer.headers["cache-control"] == "no-store"
        and answer.headers["x-content-type-options"] == "nosniff"
        and answer.headers["connection"] == "close"
        and len(answer.headers["x-request-id"]) == 24
        and (_is_problem(answer) if answer.headers["content-type"] == PROBLEM else _is_of_aws(answer))
        and "server" not in answer.headers
    )


def _is_of_aws(answer: Answer) -> bool:
    return (
        answer.headers["content-type"] == "application/x-amz-json-1.1"
        and answer.headers["x-amzn-requestid"] == answer.headers["x-request-id"]
        and answer.headers["x-amzn-errortype"] == answer.document["__type"]
        and set(answer.document) == {"__type", "message"}
    )


def _is_problem(answer: Answer) -> bool:
    told: dict[str, Any] = answer.document
    return (
        set(told) == {"type", "title", "status", "detail", "requestId"}
        and told["status"] == answer.status
        and told["requestId"] == answer.headers["x-request-id"]
        and not [name for name in answer.headers if name.startswith("x-amzn-")]
    )
