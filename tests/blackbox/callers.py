"""Many callers at once: connections of their own, on one loop."""

import asyncio
import contextlib
import pathlib
from collections.abc import Iterator

from tests.blackbox import wire
from tests.blackbox.canaries import HeededMint
from tests.blackbox.gateways import POLICY, Gateway, container
from tests.blackbox.stub import Stub
from tests.blackbox.wire import Response

TOTAL_TIMEOUT_SECONDS = 15.0  # the default of GATEWAY_TIMEOUT_SECONDS: no answer may take longer

Pool = tuple[Stub, HeededMint]


class Caller:
    """One kept connection to a gateway."""

    def __init__(self, gateway: Gateway, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Use `connect`."""
        self.gateway = gateway
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, gateway: Gateway) -> "Caller":
        """Open it."""
        return cls(gateway, *await asyncio.open_connection("127.0.0.1", gateway.port))

    async def ask(
        self, operation: str, body: bytes, token: str, *, headers: list[tuple[str, str]] | None = None
    ) -> Response:
        """Send one request and wait for its answer.

        Raises:
            TimeoutError: it takes longer than the whole timeout.

        """
        async with asyncio.timeout(TOTAL_TIMEOUT_SECONDS):
            self._writer.write(wire.request(operation, body, token, headers=headers or [], close=False))
            data = await self._reader.readuntil(b"\r\n\r\n")
            length = wire.parsed(data, cut=True)[0].headers["content-length"]
            data += await self._reader.readexactly(int(length))
        self.gateway.said += data
        return wire.parsed(data)[0]

    def close(self) -> None:
        """Close it."""
        self._writer.close()


@contextlib.contextmanager
def gateways(
    folder: pathlib.Path, pool: Pool, count: int, *, store: str = "memory", policy: str = POLICY
) -> Iterator[list[Gateway]]:
    """So many gateways, a process each, before the same pool and with the same store."""
    with contextlib.ExitStack() as running:
        folders = [folder / str(number) for number in range(count)]
        for each in folders:
            each.mkdir()
        yield [running.enter_context(container(each, *pool, policy=policy, GATEWAY_STORE=store)) for each in folders]
