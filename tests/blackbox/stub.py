"""A Cognito of raw sockets: keeps every byte that arrives, serves key sets, and misbehaves when told to."""

import asyncio
import json
import ssl
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from gateway.upstream import Origin, Request
from tests.world import everybody as people

Behaviour = Callable[["Received", asyncio.StreamWriter], Awaitable[None]]
ANSWER = {"Username": "bob", "Enabled": True, "UserAttributes": [{"Name": "email", "Value": "bob@example.com"}]}
PATIENCE_SECONDS = 10.0


@dataclass
class Received:
    """One request as it came over the wire."""

    line: str
    headers: list[tuple[str, str]] = field(repr=False)
    body: bytes = field(repr=False)
    connection: int = 0  # counted from 1
    turn: int = 0  # on its connection, counted from 1

    @property
    def operation(self) -> str:
        """The operation's name, without the service."""
        return self.header("x-amz-target").rpartition(".")[2]

    @property
    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)

    def header(self, name: str) -> str:
        """One header's value, empty where it did not come."""
        return dict(self.headers).get(name, "")


def response(
    body: bytes, status: str = "200 OK", content_type: str = "application/x-amz-json-1.1", *more: str
) -> bytes:
    """An HTTP answer with its length."""
    extra = "".join(f"{line}\r\n" for line in more)
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nx-amzn-RequestId: stub-1\r\n{extra}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def well(_request: Received, writer: asyncio.StreamWriter) -> None:
    """Answer as Cognito does."""
    writer.write(response(json.dumps(ANSWER).encode()))


async def everybody(request: Received, writer: asyncio.StreamWriter) -> None:
    """What the guards hear where a test has nothing to say of it: see `tests.world.everybody`."""
    as_sent = Request(Origin("http", "stub", 80), (("X-Amz-Target", request.header("x-amz-target")),), request.body)
    writer.write(response(people(as_sent).body))


class Stub:
    """The server, in a thread of its own; `behaviour` and `key_set` may change while it runs."""

    def __init__(self, jwks: Callable[[], Any], *, tls: ssl.SSLContext | None = None) -> None:
        """`jwks` gives the set to serve."""
        self.received: list[Received] = []
        self.asked: list[Received] = []  # for the key set
        self.connections = 0
        self.guarded: list[Received] = []  # the guards' own reads
        self.behaviour: Behaviour = well
        self.people: Behaviour | None = everybody  # None: the guards' reads are like any other
        self.key_set: Behaviour = self._keys
        self._jwks = jwks
        self._tls = tls
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self.port = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._ready.wait(PATIENCE_SECONDS)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def key_fetches(self) -> int:
        """How often the key set was asked for."""
        return len(self.asked)

    def calls(self, operation: str | None = None) -> list[Received]:
        """What reached Cognito, of one operation or all."""
        return [found for found in self.received if operation is None or found.operation == operation]

    def until(self, calls: int) -> None:
        """Wait until so many calls have come.

        Raises:
            AssertionError: they do not come.

        """
        eventually(lambda: len(self.received) >= calls, f"{calls} calls at Cognito, not {len(self.received)}")

    def reset(self) -> None:
        """Forget what came and behave well again."""
        self.received.clear()
        self.asked.clear()
        self.guarded.clear()
        self.behaviour = well
        self.people = everybody
        self.key_set = self._keys

    def stop(self) -> None:
        """End the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_SECONDS)

    async def _keys(self, _request: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(response(json.dumps(self._jwks()).encode(), "200 OK", "application/json"))

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        starting = asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 24, backlog=4096, ssl=self._tls)
        server = self._loop.run_until_complete(starting)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.run_until_complete(server.wait_closed())
        self._loop.run_until_complete(asyncio.sleep(0.01))  # what was accepted last
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number, turn = self.connections, 0
        try:
            while not writer.is_closing():
                request = await _read(reader)
                request.connection, turn = number, turn + 1
                request.turn = turn
                if request.line.startswith("GET "):
                    self.asked.append(request)
                    await self.key_set(request, writer)
                elif self.people is not None and " guards " in request.header("user-agent"):
                    self.guarded.append(request)
                    await self.people(request, writer)
                else:
                    self.received.append(request)
                    await self.behaviour(request, writer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, ValueError):
            pass  # the gateway left, as it may
        except asyncio.CancelledError:
            writer.transport.abort()  # the test is over
        else:
            return
        writer.close()


async def _read(reader: asyncio.StreamReader) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *rest = head.split("\r\n")
    headers = [(name.lower(), value.strip()) for name, _, value in (text.partition(":") for text in rest if text)]
    length = int(dict(headers).get("content-length", "0"))
    return Received(line, headers, await reader.readexactly(length))


def eventually(holds: Callable[[], bool], what: str, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until something holds.

    Raises:
        AssertionError: it does not come to hold.

    """
    deadline = time.monotonic() + patience_seconds
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"never came: {what}")
        time.sleep(0.01)
