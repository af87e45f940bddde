"""A Cognito of raw sockets: keeps every byte that arrives, serves key sets, and misbehaves when told to."""

import asyncio
import contextlib
import json
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

Behaviour = Callable[["Received", asyncio.StreamWriter], Awaitable[None]]
JWKS_PATH = "/keys"
ANSWER = {"Username": "bob", "Enabled": True, "UserAttributes": [{"Name": "email", "Value": "bob@example.com"}]}


@dataclass
class Received:
    """One request as it came over the wire."""

    line: str
    headers: list[tuple[str, str]] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def operation(self) -> str:
        """The operation's name, without the service."""
        return dict(self.headers).get("x-amz-target", "").rpartition(".")[2]

    @property
    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)


def response(body: bytes, status: str = "200 OK", content_type: str = "application/x-amz-json-1.1", *more: str) -> bytes:
    """An HTTP answer with its length."""
    extra = "".join(f"{line}\r\n" for line in more)
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nx-amzn-RequestId: stub-1\r\n{extra}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def well(_request: Received, writer: asyncio.StreamWriter) -> None:
    """Answer as Cognito does."""
    writer.write(response(json.dumps(ANSWER).encode()))


class Stub:
    """The server, in a thread of its own; `behaviour` and `key_set` may change while it runs."""

    def __init__(self, jwks: Callable[[], Any]) -> None:
        """`jwks` gives the set to serve."""
        self.received: list[Received] = []
        self.connections = 0
        self.key_fetches = 0
        self.behaviour: Behaviour = well
        self.key_set: Behaviour = self._keys
        self._jwks = jwks
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self.port = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._ready.wait(5)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def calls(self, operation: str | None = None) -> list[Received]:
        """What reached Cognito, of one operation or all."""
        return [found for found in self.received if operation is None or found.operation == operation]

    def reset(self) -> None:
        """Forget what came and behave well again."""
        self.received.clear()
        self.behaviour = well
        self.key_set = self._keys
        self.connections = self.key_fetches = 0

    def stop(self) -> None:
        """End the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    async def _keys(self, _request: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(response(json.dumps(self._jwks()).encode(), "200 OK", "application/json"))

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 24))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        with contextlib.suppress(RuntimeError):
            self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0.01))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError, ValueError):
            while not writer.is_closing():
                request = await self._read(reader)
                if request.line.startswith("GET "):
                    self.key_fetches += 1
                    await self.key_set(request, writer)
                else:
                    self.received.append(request)
                    await self.behaviour(request, writer)
                await writer.drain()
        writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> Received:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *rest = head.split("\r\n")
        headers = [(name.lower(), value.strip()) for name, _, value in (text.partition(":") for text in rest if text)]
        length = int(dict(headers).get("content-length", "0"))
        return Received(line, headers, await reader.readexactly(length))
