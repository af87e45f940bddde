"""Transports for the suites of this folder, closed after each test."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.runtimes.httpx_transport import HttpxTransport
from gateway.runtimes.pool import Pool
from tests.runtimes.certificates import Authority
from tests.runtimes.exchanges import Closable, Open, OpenPool


@pytest.fixture(scope="session")
def authority() -> Authority:
    """A private certificate authority."""
    return Authority()


@pytest.fixture(params=[Pool, HttpxTransport])
async def open_transport(request: pytest.FixtureRequest) -> AsyncIterator[Open]:
    """Make transports of one kind, and close them after the test."""
    opened: list[Closable] = []

    def make(**arguments: Any) -> Closable:
        opened.append(request.param(**arguments))
        return opened[-1]

    yield make
    for transport in opened:
        await transport.close()


@pytest.fixture
async def transport(open_transport: Open) -> Closable:
    """A transport as it comes."""
    return open_transport()


@pytest.fixture
async def open_pool() -> AsyncIterator[OpenPool]:
    """Make pools and close them after the test."""
    opened: list[Pool] = []

    def make(**arguments: Any) -> Pool:
        opened.append(Pool(**arguments))
        return opened[-1]

    yield make
    for pool in opened:
        await pool.close()
