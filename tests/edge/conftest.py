"""One staged Worker for a run, and one running in front of the emulator."""

import pathlib
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from gateway.assembly import read_policy
from gateway.cli.dev import permissions, settings_for
from gateway.emulator import server as emulator_server
from gateway.emulator.server import Emulator
from tests.e2e.conftest import PASSWORD
from tests.e2e.conftest import World as Clients
from tests.edge import workers
from tests.edge.workers import Worker, staged

__all__ = ["staged"]  # a fixture

ORIGIN = "https://app.example.com"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A Worker takes seconds to start."""
    here = pathlib.Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.slow)


@dataclass
class Edge(Clients):
    """A running Worker and the emulator behind it; `token` and `client` are those of the other runtime's tests."""

    worker: Worker


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    """The embedded emulator, with the generated IAM policy enforced."""
    with emulator_server.start(port=0, iam_policy=permissions(read_policy(None))) as found:
        yield found


@pytest.fixture(scope="module")
def edge(staged: pathlib.Path, emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """The Worker in front of the emulator; at its end no secret is in anything that it said (R-01)."""
    folder = tmp_path_factory.mktemp("edge")
    settings = settings_for(emulator) | {"GATEWAY_ALLOWED_ORIGINS": ORIGIN}
    with workers.worker(staged, folder, settings) as running:
        yield Edge(running.url, emulator, folder, running)
    told = running.said + running.errors
    for secret in (emulator.secret_access_key, emulator.access_key_id, emulator.machine_client_secret, PASSWORD, "eyJ"):
        if secret in told:
            raise AssertionError("a secret was let out")
    if "Traceback" in told or "defect in request" in told:
        raise AssertionError(running.errors)
