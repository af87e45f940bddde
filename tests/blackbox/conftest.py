"""One gateway of each runtime for a suite, with nothing left over from the test before."""

import pathlib
import time
from collections.abc import Iterator

import pytest

from tests.blackbox.gateways import CLIENT, POOL, RUNTIMES, Gateway
from tests.blackbox.stub import Stub
from tests.minting import Mint


@pytest.fixture(scope="module", params=sorted(RUNTIMES))
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway of one runtime, with its stub; checked for secrets when it ends."""
    mint = Mint(POOL, "eu-west-1", CLIENT, now=time.time())
    stub = Stub(mint.jwks)
    folder: pathlib.Path = tmp_path_factory.mktemp(request.param)
    try:
        with RUNTIMES[request.param](folder, stub, mint) as gateway:
            yield gateway
    finally:
        stub.stop()


@pytest.fixture
def gateway(running: Gateway) -> Gateway:
    """The running gateway, its stub's memory empty."""
    running.stub.reset()
    return running
