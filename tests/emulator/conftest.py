"""A running emulator for each file of tests, and boto3 clients that are closed afterwards."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest

from gateway import emulator as cognito
from gateway.emulator import Emulator
from tests.emulator.callers import Clock, client

Connect = Callable[..., Any]


@pytest.fixture(scope="module")
def clock() -> Clock:
    """The emulator's clock, which a test may push forward (and pushes back)."""
    return Clock()


@pytest.fixture(scope="module")
def emulator(clock: Clock) -> Iterator[Emulator]:
    """An emulator whose IAM user may do everything."""
    with cognito.start(port=0, clock=clock) as running:
        yield running


@pytest.fixture(scope="module")
def connect() -> Iterator[Connect]:
    """Make boto3 clients; they are closed at the end of the file."""
    with ExitStack() as stack:

        def make(emulator: Emulator, service: str = "cognito-idp", **keys: str) -> Any:
            return stack.enter_context(closing(client(emulator, service, **keys)))

        yield make


@pytest.fixture(scope="module")
def idp(emulator: Emulator, connect: Connect) -> Any:
    """A cognito-idp client with the gateway's keys."""
    return connect(emulator)
