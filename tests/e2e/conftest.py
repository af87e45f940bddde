"""One emulator and one gateway in front of it, for all of the SDKs; for the REST side, a gateway of each runtime.

What needs the fixture `runtime` is run on each of them, as in `tests/blackbox`.
"""

import contextlib
import functools
import os
import pathlib
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.config import Config

from gateway.assembly import read_policy
from gateway.cli.dev import permissions, settings_for
from gateway.emulator import server as emulator_server
from gateway.emulator.server import Emulator
from tests.blackbox.conftest import pytest_configure, pytest_generate_tests
from tests.blackbox.gateways import free_port
from tests.edge import workers
from tests.edge.workers import staged

__all__ = ["pytest_configure", "pytest_generate_tests", "staged"]  # hooks, and a fixture

Serve = Callable[[pathlib.Path, Mapping[str, str]], AbstractContextManager[str]]
"""Starts a gateway with these settings and gives its address; what it says is in the folder when it has ended."""

PASSWORD = "Passw0rd!dev"
START_SECONDS = 20


@dataclass
class World:
    """A running gateway and the emulator behind it."""

    url: str
    emulator: Emulator
    folder: pathlib.Path

    def token(self, who: str = "admin") -> str:
        """An access token of one of the seeded users."""
        return self.emulator.sign_in(f"{who}@example.com", PASSWORD)["access_token"]

    def client(self, token: str | None, **over: Any) -> Any:
        """boto3's client, unmodified, with the JWT as session token."""
        keys: dict[str, Any] = {} if token is None else {
            "aws_access_key_id": "gateway", "aws_secret_access_key": "gateway", "aws_session_token": token
        }  # fmt: skip
        config = Config(retries={"max_attempts": 0}, **({"signature_version": "unsigned"} if token is None else {}))
        options = {"region_name": "us-east-1", "endpoint_url": self.url, "config": config} | keys | over
        return boto3.session.Session().client("cognito-idp", **options)


@contextlib.contextmanager
def served(folder: pathlib.Path, settings: Mapping[str, str]) -> Iterator[str]:
    """`gateway serve` in a process of its own; its address."""
    port = free_port()
    environment = {"PATH": os.environ.get("PATH", os.defpath), "PORT": str(port), **settings}
    environment.setdefault("GATEWAY_AUDIT", f"file:{folder / 'audit.jsonl'}")
    with (folder / "gateway.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "serve"], cwd=folder, env=environment, stdout=log, stderr=log
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/healthz", process, folder / "gateway.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def at_the_edge(staged: pathlib.Path, folder: pathlib.Path, settings: Mapping[str, str]) -> Iterator[str]:
    """The Worker on workerd; its address."""
    with workers.worker(staged, folder, settings) as running:
        yield running.url


def wait_for(url: str, process: "subprocess.Popen[bytes]", log: pathlib.Path) -> None:
    """Until the address answers."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=1):  # noqa: S310 - loopback
            return
        time.sleep(0.05)
    raise AssertionError(f"nothing answered at {url}: {log.read_text()}")


@pytest.fixture(scope="module")
def runtime(request: pytest.FixtureRequest) -> Serve:
    """How a gateway of one runtime is started."""
    return served if request.param == "container" else functools.partial(at_the_edge, request.getfixturevalue("staged"))


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    """The embedded emulator, with the generated IAM policy enforced."""
    with emulator_server.start(port=0, iam_policy=permissions(read_policy(None))) as found:
        yield found


@contextlib.contextmanager
def world_of(serve: Serve, emulator: Emulator, folder: pathlib.Path) -> Iterator[World]:
    """A gateway in front of the emulator; at its end none of its secrets is in its log or its audit (R-01)."""
    with serve(folder, settings_for(emulator)) as url:
        yield World(url, emulator, folder)
    told = b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())
    for secret in (emulator.secret_access_key, emulator.access_key_id, emulator.machine_client_secret, PASSWORD, "eyJ"):
        if secret.encode() in told:
            raise AssertionError("a secret was let out")


@pytest.fixture(scope="session")
def world(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A container in front of the emulator."""
    with world_of(served, emulator, tmp_path_factory.mktemp("e2e")) as found:
        yield found


@pytest.fixture
def admin(world: World) -> Any:
    """boto3 as the admin."""
    return world.client(world.token("admin"))
