"""`wrangler dev` on real workerd, in a process group of its own, with its settings in a file that only it reads."""

import contextlib
import fcntl
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from tests.blackbox.gateways import free_port

ROOT = pathlib.Path(__file__).resolve().parents[2]
START_SECONDS = 90.0
END_SECONDS = 20.0
SETUP_SECONDS = 600.0
QUIET_SECONDS = 0.05
MISSING = "tests/edge: needs npm and a network for its first run (Debian: apt-get install nodejs npm)"


def can_install() -> bool:
    """Whether this machine has what fetches wrangler and workerd."""
    return shutil.which("npm") is not None


def project(folder: pathlib.Path) -> pathlib.Path:
    """A copy of what is deployed, for one run: whoever stages the Worker anew must not change it under a test."""
    if not can_install():
        pytest.skip(MISSING)
    (ROOT / "build").mkdir(exist_ok=True)
    with (ROOT / "build" / "edge-tools.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several pytest workers
        _run("scripts/edge", "setup")
        _run(sys.executable, "scripts/bundle")
        for name in ("build/edge", "python_modules"):
            shutil.copytree(ROOT / name, folder / name)
    shutil.copyfile(ROOT / "wrangler.toml", folder / "wrangler.toml")
    return folder


@pytest.fixture(scope="session")
def staged(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """What is deployed, copied; whoever cannot run it skips."""
    return project(tmp_path_factory.mktemp("staged"))


def _run(*command: str) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SETUP_SECONDS, check=False)
    if done.returncode == 0:
        return
    if command[0] == "scripts/edge":
        pytest.skip(f"{MISSING}: {done.stderr.strip()[-300:]}")
    raise AssertionError(done.stderr)


class Worker:
    """One running `wrangler dev`."""

    def __init__(self, port: int, folder: pathlib.Path, process: "subprocess.Popen[bytes]") -> None:
        """`folder` has its output."""
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.folder = folder
        self.process = process

    @property
    def said(self) -> str:
        """All of its standard output: wrangler's own lines and the audit's."""
        return (self.folder / "out.log").read_text("utf-8", "replace")

    @property
    def errors(self) -> str:
        """All of its standard error: what the operator is told."""
        return (self.folder / "err.log").read_text("utf-8", "replace")

    @property
    def entries(self) -> list[dict[str, Any]]:
        """The audit's lines."""
        return [json.loads(line) for line in audit_lines(self.said.splitlines())]

    def settle(self) -> None:
        """Wait until nothing more comes: what a Worker prints passes through two processes."""
        before, after = -1, (self.folder / "out.log").stat().st_size
        while before != after:
            time.sleep(QUIET_SECONDS)
            before, after = after, (self.folder / "out.log").stat().st_size

    def cron(self) -> dict[str, Any]:
        """Run the cron trigger and give the line that it writes."""
        with urllib.request.urlopen(f"{self.url}/cdn-cgi/handler/scheduled", timeout=30):  # noqa: S310 - loopback
            pass
        eventually(lambda: '"watch"' in self.said, "a line of the cron trigger")
        last = [line for line in self.said.splitlines() if '"watch"' in line][-1]
        return dict(json.loads(last))

    def end(self) -> int:
        """End the whole group: wrangler, its helpers and workerd."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        try:
            status = self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            status = -int(signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(END_SECONDS)
        return status


def audit_lines(lines: list[str]) -> list[str]:
    """Those of the audit among what a console shows."""
    return [line for line in lines if line.startswith('{"time":"')]


@contextlib.contextmanager
def worker(
    staged: pathlib.Path, folder: pathlib.Path, settings: Mapping[str, str], *, health: int = 200
) -> Iterator[Worker]:
    """Start it with these settings over wrangler.toml's; `health` is the status of its first answer.

    Raises:
        AssertionError: it did not start.

    """
    port = free_port()
    secrets = folder.with_name(f"{folder.name}.env")
    secrets.touch(0o600)
    secrets.write_text(_lines(settings), encoding="utf-8")
    policy = [] if "GATEWAY_POLICY" not in settings else ["--var", f"GATEWAY_POLICY:{settings['GATEWAY_POLICY']}"]
    command = [
        str(ROOT / "scripts" / "edge"), "dev", "--cwd", str(staged), "--env", "", "--port", str(port),
        "--inspector-port", str(free_port()), "--env-file", str(secrets), *policy,
    ]  # fmt: skip
    home = folder.with_name(f"{folder.name}.home")  # wrangler's own files, and what the Durable Objects keep
    environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(home), "EDGE_STATE": str(home / "state")}
    with (folder / "out.log").open("ab") as out, (folder / "err.log").open("ab") as err:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=err, start_new_session=True)
    started = Worker(port, folder, process)
    try:
        wait(started, health)
        yield started
    finally:
        started.end()
        secrets.unlink()


def wait(started: Worker, health: int) -> None:
    """Until it answers.

    Raises:
        AssertionError: it does not.

    """
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and started.process.poll() is None:
        try:
            with urllib.request.urlopen(f"{started.url}/healthz", timeout=START_SECONDS) as answer:  # noqa: S310 - loopback
                status = answer.status
        except urllib.error.HTTPError as error:
            with error:
                status = error.code
        except OSError:
            time.sleep(0.1)
            continue
        if status == health:
            return
        break
    raise AssertionError(f"the Worker did not start: {started.said[-2000:]}\n{started.errors[-4000:]}")


def eventually(seen: Callable[[], bool], what: str, *, seconds: float = 10.0) -> None:
    """Wait for what comes a moment later.

    Raises:
        AssertionError: it does not come.

    """
    deadline = time.monotonic() + seconds
    while not seen():
        if time.monotonic() > deadline:
            raise AssertionError(f"there was not {what}")
        time.sleep(0.02)


def _lines(settings: Mapping[str, str]) -> str:
    """Settings as a `.env` file has them; one that holds every quote is left out."""
    quotes = {name: next((quote for quote in "'`\"" if quote not in value), "") for name, value in settings.items()}
    return "".join(f"{name}={quote}{settings[name]}{quote}\n" for name, quote in quotes.items() if quote)
