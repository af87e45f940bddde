"""What may be wrong with a Cognito's answers: behaviours for the stub."""

import asyncio
import gzip
import json
import socket
import struct
import threading
from collections.abc import Callable

from tests.blackbox.stub import Behaviour, Received, response, well

_PIECE_BYTES = 64 * 1024


def raw(data: bytes, *, then_close: bool = False) -> Behaviour:
    """Answer with these very bytes."""

    async def behave(_request: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        if then_close:
            await writer.drain()
            writer.close()

    return behave


def answering(body: object, status: str = "200 OK", *more: str) -> Behaviour:
    """Answer with JSON."""
    return raw(response(json.dumps(body).encode(), status, "application/x-amz-json-1.1", *more))


def refusing(type_: str, message: str = "no", status: str = "400 Bad Request", *more: str) -> Behaviour:
    """Answer with an error as Cognito writes it."""
    return answering({"__type": type_, "message": message}, status, *more)


async def silent(_request: Received, _writer: asyncio.StreamWriter) -> None:
    """Take the request and never answer."""
    await asyncio.sleep(3600)


async def dripping(_request: Received, writer: asyncio.StreamWriter) -> None:
    """Begin well and go on a byte at a time, for ever."""
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: 100000\r\n\r\n{"a":"')
    while not writer.is_closing():
        await asyncio.sleep(0.05)
        writer.write(b"x")
        await writer.drain()


async def resetting(_request: Received, writer: asyncio.StreamWriter) -> None:
    """Reset the connection in the middle of an answer."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: 100\r\n\r\n{")
    await writer.drain()
    found: socket.socket = writer.get_extra_info("socket")
    found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def flooding(size_bytes: int, *, chunked: bool) -> Behaviour:
    """Answer with a body of this size, as fast as it is taken."""

    async def behave(_request: Received, writer: asyncio.StreamWriter) -> None:
        framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {size_bytes}"
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\n{framing}\r\n\r\n".encode())
        piece = b" " * _PIECE_BYTES
        for _ in range(0, size_bytes, _PIECE_BYTES):
            writer.write(b"%x\r\n%b\r\n" % (_PIECE_BYTES, piece) if chunked else piece)
            await writer.drain()

    return behave


def bomb(size_bytes: int) -> Behaviour:
    """Answer with gzip that unpacks to this size."""
    packed = gzip.compress(b"{" + b" " * size_bytes + b"}", 9)
    return raw(response(packed, "200 OK", "application/x-amz-json-1.1", "Content-Encoding: gzip"))


async def closing_kept(request: Received, writer: asyncio.StreamWriter) -> None:
    """Serve the first request of a connection; close on the second, having read it."""
    if request.turn > 1:
        writer.close()
    else:
        await well(request, writer)


async def closing_idle(request: Received, writer: asyncio.StreamWriter) -> None:
    """Answer as if the connection would be kept, and close it."""
    await well(request, writer)
    await writer.drain()
    writer.close()


class Hold:
    """Let nobody have an answer before `release`; `also` is done when a request comes."""

    def __init__(self, also: Callable[[], object] = lambda: None) -> None:
        """Hold from now on."""
        self._released = threading.Event()
        self._also = also

    async def __call__(self, request: Received, writer: asyncio.StreamWriter) -> None:
        """One request."""
        self._also()
        while not self._released.is_set():  # noqa: ASYNC110 - it is released by another thread
            await asyncio.sleep(0.01)
        await well(request, writer)

    def release(self) -> None:
        """Answer all who wait, and all who come."""
        self._released.set()
