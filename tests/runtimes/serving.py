"""What the servers of the tests serve, and how a test starts one as an operator would: as a process.

`python -m tests.runtimes.serving ARGUMENTS` takes the keyword arguments of `run` as JSON and prints what happens.
"""

import asyncio
import contextlib
import http.client
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.runtimes.framing import Limits
from gateway.runtimes.server import WORKER, run
from gateway.runtimes.supervisor import Worker

BROKEN = "TESTS_BROKEN_FILE"
"""Names a file; while it exists the factory fails."""


_MOST_SECONDS = 30  # a test that waits for what never comes fails then


def _say(what: str) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


class App:
    """Tells its worker and process; `/wait/N` waits until N such requests run, then says so and takes a moment more."""

    def __init__(self) -> None:
        """Nobody waits."""
        self._waiting = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        path = scope["path"]
        if path.startswith("/wait/"):
            self._waiting += 1
            if self._waiting == int(path[6:]):
                _say("all wait")
            await asyncio.sleep(0.4)
        elif path == "/hang":
            _say("all wait")
            await asyncio.sleep(60)
        elif path == "/fail":
            raise RuntimeError("a secret text")
        body = json.dumps({"worker": os.environ.get(WORKER), "pid": os.getpid()}).encode()
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        _say(f"began worker {os.environ.get(WORKER)}")
        await send({"type": "lifespan.startup.complete"})
        await receive()
        _say(f"ended worker {os.environ.get(WORKER)}")
        await send({"type": "lifespan.shutdown.complete"})


app = App()


def make() -> ASGIApp:
    """A factory that fails while a file exists."""
    if pathlib.Path(os.environ.get(BROKEN, "/nonexistent")).exists():
        raise ValueError("the settings are wrong")
    return App()


async def raises_in_lifespan(_scope: Scope, _receive: Receive, _send: Send) -> None:
    """An application whose start fails with an exception."""
    raise RuntimeError("the audit cannot be opened")


async def fails_in_lifespan(_scope: Scope, receive: Receive, send: Send) -> None:
    """An application that says by itself why it does not start, as Starlette does."""
    await receive()
    message = 'Traceback (most recent call last):\n  File "x"\nOSError: the audit cannot be opened\n'
    await send({"type": "lifespan.startup.failed", "message": message})


async def never_starts(_scope: Scope, receive: Receive, _send: Send) -> None:
    """An application that waits for ever in its start."""
    await receive()
    _say("all wait")
    await asyncio.sleep(60)


async def slow_to_end(_scope: Scope, receive: Receive, send: Send) -> None:
    """An application that does not end its lifespan."""
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await asyncio.sleep(60)


def stubborn(worker: Worker) -> None:
    """A worker that hears no signal."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    worker.ready()
    time.sleep(60)


class Running:
    """A server that was started as a process."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        """Made by `started`."""
        self.process = process
        self.said: list[str] = []

    def wait_for(self, start: str) -> str:
        """The rest of the first further line of standard output that begins with `start`."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line.strip())
            if line.startswith(start):
                return line[len(start) :].strip()
        raise AssertionError(f"no line {start!r}: {self.said}, {self.process.wait()}")

    @property
    def port(self) -> int:
        """Where it listens; waits until it does."""
        return int(self.wait_for("ready ").rpartition(":")[2])

    def ends(self, *signals: int) -> tuple[int, list[str], list[str]]:
        """Send `signals`; the exit status and the lines of standard output and standard error."""
        for number in signals:
            self.process.send_signal(number)
            time.sleep(0.2 if len(signals) > 1 else 0)
        out, err = self.process.communicate(timeout=20)
        return self.process.returncode, [*self.said, *out.splitlines()], err.splitlines()


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


@contextlib.contextmanager
def started(**arguments: Any) -> Iterator[Running]:
    """`run` in a process and a process group of its own, on a free port unless one is named."""
    command = [sys.executable, "-m", "tests.runtimes.serving", json.dumps({"host": "127.0.0.1", "port": 0} | arguments)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        overdue = threading.Timer(_MOST_SECONDS, _kill_group, (process.pid,))
        overdue.start()
        try:
            yield Running(process)
        finally:
            overdue.cancel()
            _kill_group(process.pid)


def fetch(port: int, path: str = "/") -> dict[str, Any]:
    """The JSON document at `path`."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        found = json.loads(connection.getresponse().read())
        assert isinstance(found, dict)
        return found
    finally:
        connection.close()


def main() -> int:
    """Run as the argument says."""
    arguments = json.loads(sys.argv[1])
    limits = Limits(sweep_seconds=0.1, linger_seconds=0.1)
    return run(**arguments, limits=limits, ready=lambda url: _say(f"ready {url}"))


if __name__ == "__main__":
    sys.exit(main())
