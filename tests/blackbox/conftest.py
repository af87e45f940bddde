"""One gateway of each runtime for a suite, with nothing left over from the test before."""

import contextlib
import pathlib
from collections.abc import Callable, Iterator

import pytest

from tests.blackbox.canaries import HeededMint
from tests.blackbox.gateways import RUNTIMES, Gateway, cognito, container
from tests.blackbox.stub import Stub

Start = Callable[..., Gateway]


@pytest.fixture(scope="module", params=sorted(RUNTIMES))
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway of one runtime, with its stub; checked for secrets when it ends.

    A suite that needs it otherwise has a dict `OPTIONS`: its policy, and settings.
    """
    folder: pathlib.Path = tmp_path_factory.mktemp(request.param)
    options = getattr(request.module, "OPTIONS", {})
    with cognito() as (stub, mint), RUNTIMES[request.param](folder, stub, mint, **options) as gateway:
        yield gateway


@pytest.fixture
def gateway(running: Gateway) -> Gateway:
    """The running gateway, its stub's memory empty."""
    running.stub.reset()
    return running


@pytest.fixture
def pool() -> Iterator[tuple[Stub, HeededMint]]:
    """A Cognito and its mint for one test."""
    with cognito() as found:
        yield found


@pytest.fixture
def start(pool: tuple[Stub, HeededMint], tmp_path: pathlib.Path) -> Iterator[Start]:
    """Start containers with settings of the test's own; a second one goes on in the folder of the first."""
    with contextlib.ExitStack() as running:

        def started(**options: object) -> Gateway:
            return running.enter_context(container(tmp_path, *pool, **options))  # type: ignore[arg-type] # settings

        yield started
