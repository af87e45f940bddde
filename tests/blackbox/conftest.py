"""One gateway of each runtime for a suite, with nothing left over from the test before.

What needs one `running`, or a `runtime` to start, is run on each of `RUNTIMES`. What is about one of them says so, and
why: `pytest.mark.only("container", "its audit is a file")`.
"""

import contextlib
import functools
import pathlib
from collections.abc import Callable, Iterator

import pytest

from tests.blackbox.canaries import HeededMint
from tests.blackbox.gateways import Gateway, Runtime, cognito, container
from tests.blackbox.stub import Stub
from tests.edge.gateway import edge
from tests.edge.workers import MISSING, can_install, staged

__all__ = ["staged"]  # a fixture

Start = Callable[..., Gateway]

ABSENT = [] if can_install() else [pytest.mark.skip(reason=MISSING)]
RUNTIMES = {"container": [], "edge": [pytest.mark.slow, *ABSENT]}
"""Each, and the marks of its tests: a Worker takes seconds to start, and what it runs on may be missing."""


def pytest_configure(config: pytest.Config) -> None:
    """Say what the mark is."""
    config.addinivalue_line("markers", "only(runtime, why): not for the other runtime")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test on each runtime, unless it is about one only."""
    if "runtime" not in metafunc.fixturenames:
        return
    only = metafunc.definition.get_closest_marker("only")
    names = [name for name, _why in [only.args]] if only else list(RUNTIMES)
    found = [pytest.param(name, marks=RUNTIMES[name]) for name in names]
    metafunc.parametrize("runtime", found, indirect=True, scope="module")


@pytest.fixture(scope="module")
def runtime(request: pytest.FixtureRequest) -> Runtime:
    """How a gateway of one runtime is started."""
    return container if request.param == "container" else functools.partial(edge, request.getfixturevalue("staged"))


@pytest.fixture(scope="module")
def running(
    runtime: Runtime, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """A gateway of one runtime, with its stub; checked for secrets when it ends.

    A suite that needs it otherwise has a dict `OPTIONS`: its policy, and settings.
    """
    options = getattr(request.module, "OPTIONS", {})
    with cognito() as (stub, mint), runtime(tmp_path_factory.mktemp("gateway"), stub, mint, **options) as gateway:
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
