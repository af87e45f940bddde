"""A server on loopback that does what it is told, however wrong that is.

    async with faulty_server(answering(http(b"{}"))) as server:
        answer = await transport(Request(server.origin, headers, body), timeout_seconds=1)
    assert server.connections == 1
    assert server.requests[0].startswith(b"POST / HTTP/1.1")

A behaviour is a coroutine function of one connection's `Peer`; those below cover the usual faults, a test writes its
own for the rest. When it returns, the connection is closed.
"""

import asyncio
import contextlib
import select
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from ssl import SSLContext

from gateway.upstream import Origin

_PATIENCE_SECONDS = 5.0
_PIECE_BYTES = 64 * 1024
_QUEUE_AT_MOST = 4
_TURNS = 5


@dataclass(slots=True)
class FaultyServer:
    """What came in and what went out. `origin` is where a transport finds it."""

    port: int
    scheme: str = "http"
    host: str = "127.0.0.1"
    connections: int = 0  # accepted so far (with TLS: whose handshake succeeded)
    open: int = 0
    most_open: int = 0
    sent_bytes: int = 0
    requests: list[bytes] = field(default_factory=list)  # raw, head and body, in the order of their arrival
    requests_of: list[int] = field(default_factory=list)  # the connection of each, counted from 1

    @property
    def origin(self) -> Origin:
        """The server's address."""
        return Origin(self.scheme, self.host, self.port)

    async def until(self, condition: Callable[["FaultyServer"], bool]) -> None:
        """Wait until `condition` holds.

        Raises:
            TimeoutError: it does not come to hold within 5 s.

        """
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while not condition(self):  # noqa: ASYNC110 - the server's counters have no event, and need none
                await asyncio.sleep(0.005)


@dataclass(slots=True)
class Peer:
    """One connection, as its server sees it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    server: FaultyServer
    number: int  # counted from 1

    async def request(self) -> bytes:
        """Read and note one whole request.

        Raises:
            EOFError: the client closed.

        """
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = next((line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b":0")
        body = await self.reader.readexactly(int(length.partition(b":")[2]))
        self.server.requests.append(head + body)
        self.server.requests_of.append(self.number)
        return head + body

    async def send(self, data: bytes) -> None:
        """Send `data`, waiting for the client to take it.

        Raises:
            ConnectionError: the client closed.

        """
        if self.writer.transport.is_closing():
            raise ConnectionResetError
        self.writer.write(data)
        self.server.sent_bytes += len(data)
        await self.writer.drain()

    async def closed(self) -> None:
        """Wait, reading whatever comes, until the client closes."""
        while await self.reader.read(_PIECE_BYTES):
            pass

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Behaviour = Callable[[Peer], Awaitable[None]]


def http(body: bytes = b"{}", *headers: str, status: str = "200 OK") -> bytes:
    """Make an answer with a Content-Length."""
    lines = (f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", "")
    return "\r\n".join(lines).encode("latin-1") + body


def answering(*answers: bytes) -> Behaviour:
    """Answer a connection's requests one by one, and all further ones with the last answer."""

    async def behave(peer: Peer) -> None:
        turn = 0
        while True:
            await peer.request()
            await peer.send(answers[min(turn, len(answers) - 1)])
            turn += 1

    return behave


def closing(*answers: bytes) -> Behaviour:
    """Answer as many requests of a connection as there are answers, then close it."""

    async def behave(peer: Peer) -> None:
        for answer in answers:
            await peer.request()
            await peer.send(answer)

    return behave


async def silent(peer: Peer) -> None:
    """Take the request and never answer."""
    await peer.request()
    await peer.closed()


def dripping(first: bytes, piece: bytes = b"x", *, every_seconds: float = 0.02) -> Behaviour:
    """Begin an answer and go on with it, a piece at a time, for ever."""

    async def behave(peer: Peer) -> None:
        await peer.request()
        await peer.send(first)
        while True:
            await asyncio.sleep(every_seconds)
            await peer.send(piece)

    return behave


def resetting(first: bytes = b"") -> Behaviour:
    """Take the request, send `first`, and reset the connection."""

    async def behave(peer: Peer) -> None:
        await peer.request()
        await peer.send(first)
        await asyncio.sleep(0.02)  # a reset drops what the client has not read yet
        peer.reset()

    return behave


def flooding(size_bytes: int, *, chunked: bool) -> Behaviour:
    """Answer with a body of `size_bytes`, as fast as the client takes it."""

    async def behave(peer: Peer) -> None:
        await peer.request()
        framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {size_bytes}"
        await peer.send(f"HTTP/1.1 200 OK\r\n{framing}\r\n\r\n".encode())
        piece = b"x" * _PIECE_BYTES
        for _ in range(0, size_bytes, _PIECE_BYTES):
            await peer.send(b"%x\r\n%b\r\n" % (_PIECE_BYTES, piece) if chunked else piece)
        await peer.send(b"0\r\n\r\n" if chunked else b"")

    return behave


@contextlib.asynccontextmanager
async def faulty_server(behaviour: Behaviour, *, tls: SSLContext | None = None) -> AsyncIterator[FaultyServer]:
    """Serve every connection by `behaviour`, on a port of 127.0.0.1; over TLS its host is `localhost`."""
    record = FaultyServer(0) if tls is None else FaultyServer(0, "https", "localhost")
    running: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        record.connections += 1
        record.open += 1
        record.most_open = max(record.most_open, record.open)
        try:
            await behaviour(Peer(reader, writer, record, record.connections))
        except (EOFError, ConnectionError):
            pass  # the client left, as it may
        except asyncio.CancelledError:
            writer.transport.abort()  # the test is over; a client that keeps its TLS connection would not say goodbye
            raise
        finally:
            record.open -= 1
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(serve(reader, writer))
        running.add(task)
        task.add_done_callback(running.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    record.port = server.sockets[0].getsockname()[1]
    try:
        yield record
    finally:
        server.close()
        for _ in range(_TURNS):  # what the kernel had accepted already becomes a connection only now
            await asyncio.sleep(0)
        tasks = tuple(running)
        for task in tasks:
            task.cancel()
        broken = [end for end in await asyncio.gather(*tasks, return_exceptions=True) if isinstance(end, Exception)]
        await server.wait_closed()
        if broken:
            raise ExceptionGroup("the server's script failed", broken)


@contextlib.contextmanager
def refusing() -> Iterator[Origin]:
    """Hold a port on which connections are refused."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield Origin("http", "127.0.0.1", held.getsockname()[1])


@contextlib.contextmanager
def black_hole() -> Iterator[Origin | None]:
    """Hold a port on which connecting neither succeeds nor fails, as its queue is full. None where there is no such."""
    with contextlib.ExitStack() as held, socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        for _ in range(_QUEUE_AT_MOST):
            caller = held.enter_context(socket.socket())
            caller.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                caller.connect(address)
            if not select.select((), (caller,), (), 0.1)[1]:
                yield Origin("http", *address)
                return
        yield None
