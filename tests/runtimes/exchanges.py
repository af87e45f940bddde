"""What the suites of the transports share: calls, and how they end."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

import pytest

from gateway.runtimes.pool import Pool
from gateway.upstream import Answer, Broken, Origin, Request, Transport
from tests.runtimes.faulty import Behaviour, FaultyServer, Peer, faulty_server, http

HEADERS = (("X-Amz-Target", "AWSCognitoIdentityProviderService.ListUsers"), ("Authorization", "AWS4-HMAC-SHA256 x"))
BODY = b'{"UserPoolId":"us-east-1_DevPool01"}'
SOON = 0.15


@pytest.fixture(params=["asyncio", "uvloop"], scope="module")
def both_loops(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """The container runs on uvloop, tests and Windows on asyncio's own loop. For `anyio_backend`."""
    return "asyncio", {"use_uvloop": request.param == "uvloop"}


class Closable(Transport, Protocol):
    """A transport of a runtime."""

    async def close(self) -> None:
        """Close all connections."""
        ...


Open = Callable[..., Closable]
OpenPool = Callable[..., Pool]


def post(origin: Origin, body: bytes = BODY) -> Request:
    """A signed call, as the pipeline makes it."""
    return Request(origin, HEADERS, body)


def body_of(raw: bytes) -> bytes:
    """The body of a raw request."""
    return raw.partition(b"\r\n\r\n")[2]


async def answer_to(transport: Transport, behaviour: Behaviour, **limits: Any) -> Answer:
    """The answer of a server that behaves so."""
    async with faulty_server(behaviour) as server:
        return await transport(post(server.origin), timeout_seconds=2, **limits)


async def refusal_of(transport: Transport, behaviour: Behaviour, **limits: Any) -> Broken:
    """What a call raises when the exchange breaks; its connection is closed, and nothing was sent again."""
    async with faulty_server(behaviour) as server:
        with pytest.raises(Broken) as caught:
            await transport(post(server.origin), timeout_seconds=2, **limits)
        await server.until(lambda server: server.open == 0)
        assert len(server.requests) == 1
    return caught.value


async def echo(peer: Peer) -> None:
    """Answer each request with its own body."""
    while True:
        await peer.send(http(body_of(await peer.request())))


def echo_after(seconds: float) -> Behaviour:
    """Answer each request with its own body, a little later."""

    async def behave(peer: Peer) -> None:
        while True:
            raw = await peer.request()
            await asyncio.sleep(seconds)
            await peer.send(http(body_of(raw)))

    return behave


async def calls(pool: Pool, server: FaultyServer, count: int) -> None:
    """Make `count` calls at once; each must get its own answer."""

    async def call(number: int) -> None:
        body = b'{"n":%d}' % number
        assert (await pool(post(server.origin, body), timeout_seconds=10)).body == body

    await asyncio.gather(*(call(number) for number in range(count)))
