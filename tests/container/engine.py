"""Docker or Podman, as `scripts/image` finds and sets it up, and a gateway that runs in it."""

import contextlib
import json
import os
import pathlib
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.blackbox import wire
from tests.blackbox.stub import eventually
from tests.container import stub

ROOT = pathlib.Path(__file__).resolve().parents[2]
LACKS = 3  # the exit status of scripts/image
HARDENED = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--memory", "256m",
            "--pids-limit", "128")  # fmt: skip
PATIENCE_SECONDS = 30.0
PROBE_SECONDS = 2.0


def image_script(
    root: pathlib.Path, *words: str, stdin: bytes = b"", **environment: str
) -> "subprocess.CompletedProcess[bytes]":
    """What `scripts/image WORDS` of a checkout says; a skip where it lacks something, and a failure instead in CI."""
    done = subprocess.run(
        (root / "scripts" / "image", *words),
        input=stdin,
        capture_output=True,
        env={**os.environ, **environment},
        check=False,
    )
    if done.returncode == LACKS and b"image: needs " in done.stderr:
        message = done.stderr.decode().strip().splitlines()[-1].removeprefix("image: ")
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return done


class Engine:
    """The engine of this machine."""

    def __init__(self) -> None:
        """Find it, or skip."""
        self.podman = b"podman" in image_script(ROOT, "engine", "--version").stdout

    def ask(self, *words: str, stdin: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
        """Say something to it, whatever comes of it."""
        return image_script(ROOT, "engine", *words, stdin=stdin)

    def tell(self, *words: str, stdin: bytes = b"") -> str:
        """Say something to it that must succeed, and give what it wrote.

        Raises:
            AssertionError: it failed.

        """
        done = self.ask(*words, stdin=stdin)
        if done.returncode != 0:
            raise AssertionError(f"{words[0]}: {done.stderr.decode()}")
        return done.stdout.decode().strip()

    @property
    def hardened(self) -> tuple[str, ...]:
        """The options of a hardened run; Podman would put writable folders over a read-only root."""
        return (*HARDENED, "--read-only-tmpfs=false") if self.podman else HARDENED

    def inspected(self, name: str) -> Any:
        """All that it knows of a container or an image."""
        return json.loads(self.tell("inspect", name))[0]


@dataclass(frozen=True)
class Pod:
    """A gateway in its container and a Cognito in another; they share their loopback, as a Kubernetes pod's do."""

    engine: Engine
    gateway: str
    """The id of the gateway's container."""

    port: int
    """Where the gateway is reached on this machine's loopback."""

    stub_port: int

    def call(self, operation: str, token: str | None = None, body: bytes = b"{}") -> wire.Response:
        """One request as an SDK sends it, or an answer without a status where nobody listens."""
        try:
            found, _ = wire.exchange(self.port, wire.request(operation, body, token), timeout_seconds=PATIENCE_SECONDS)
        except OSError:
            return wire.Response(None)
        return found[0]

    def get(self, path: str, token: str | None = None) -> tuple[int, bytes]:
        """A GET of the REST side: its status and body."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310 - loopback
            return answer.status, answer.read()

    def alive(self) -> bool:
        """Whether it says so, at once."""
        raw = wire.request(None, b"", method="GET", path="/healthz")
        try:
            found, _ = wire.exchange(self.port, raw, timeout_seconds=PROBE_SECONDS)
        except OSError:
            return False
        return found[0].status == 200

    def python(self, code: str) -> str:
        """What a program prints that runs beside the gateway, as the same user with the same rights."""
        return self.engine.tell("exec", self.gateway, "python", "-I", "-c", code)

    def said(self) -> tuple[bytes, bytes]:
        """Its standard output and its standard error."""
        done = self.engine.ask("logs", self.gateway)
        return done.stdout, done.stderr

    def hold(self) -> None:
        """Let Cognito be slow, until `release`."""
        self._stub("hold")

    def release(self) -> None:
        """Let Cognito answer."""
        self._stub("release")

    def received(self) -> list[dict[str, Any]]:
        """What reached Cognito."""
        found: list[dict[str, Any]] = json.loads(self._stub("received", method="GET"))
        return found

    def stop(self) -> None:
        """Send SIGTERM, and SIGKILL 20 seconds later, and wait for its end."""
        self.engine.tell("stop", "--time", "20", self.gateway)

    @property
    def state(self) -> Any:
        """What the engine says of it."""
        return self.engine.inspected(self.gateway)["State"]

    def _stub(self, path: str, *, method: str = "POST") -> bytes:
        request = urllib.request.Request(f"http://127.0.0.1:{self.stub_port}/{path}", method=method)
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310
            return bytes(answer.read())


@contextlib.contextmanager
def running(
    engine: Engine, image: str, env_file: pathlib.Path, keys: Mapping[str, Any], *options: str
) -> Iterator[Pod]:
    """A gateway as the image starts it, hardened, with its settings from a file; `keys` is the pool's key set.

    Raises:
        AssertionError: it does not start, or cannot be taken away.

    """
    code = pathlib.Path(stub.__file__).read_text("utf-8")
    beside = engine.tell(
        *("run", "--detach", "--stop-signal", "KILL", "--publish", "127.0.0.1::8080"),
        *("--publish", f"127.0.0.1::{stub.PORT}"),
        *("--env", f"KEYS={json.dumps(keys)}", image, "python", "-I", "-c", code),
    )
    names = [beside]
    try:
        names.insert(0, engine.tell(
            *("run", "--detach", "--network", f"container:{beside}", "--env-file", str(env_file)),
            *(*engine.hardened, *options, image),
        ))  # fmt: skip
        port, stub_port = (_published(engine, beside, number) for number in (8080, stub.PORT))
        pod = Pod(engine, names[0], port, stub_port)
        with contextlib.suppress(AssertionError):
            eventually(lambda: pod.alive() or not pod.state["Running"], "a start", patience_seconds=PATIENCE_SECONDS)
        if not pod.alive():
            raise AssertionError(f"it does not serve: {pod.said()[1].decode()}")
        yield pod
    finally:
        # One after the other: the first has the second's network.
        left = [name for name in names if engine.ask("rm", "--force", name).returncode != 0]
        if left:
            raise AssertionError(f"containers are left: {left}")


def _published(engine: Engine, name: str, port: int) -> int:
    return int(engine.tell("port", name, str(port)).splitlines()[0].rpartition(":")[2])
