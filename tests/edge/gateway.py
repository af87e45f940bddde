"""The Worker as one of `tests.blackbox.gateways.RUNTIMES`: the same interface, so that the same suites judge it."""

import contextlib
import pathlib
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

from tests.audit.oracle import verified
from tests.blackbox.canaries import HeededMint
from tests.blackbox.gateways import (
    POLICY,
    Gateway,
    check,
    usual_settings,
)
from tests.blackbox.stub import Stub
from tests.edge import workers
from tests.edge.workers import Worker, audit_lines

ADDED_HEADERS = frozenset({"cf-worker"})
"""What the platform itself adds to what goes up: unsigned, and not of the caller's."""


class EdgeGateway(Gateway):
    """One running Worker and the stub behind it."""

    worker: Worker

    @property
    def audit(self) -> bytes:
        """What it wrote down: on the console, among wrangler's own lines, a moment later."""
        self.worker.settle()
        return "".join(f"{line}\n" for line in audit_lines(self.worker.said.splitlines())).encode()

    @property
    def entries(self) -> list[dict[str, Any]]:
        """Its audit's lines, the chain checked."""
        return verified(self.audit.splitlines(keepends=True))

    def told(self) -> list[bytes]:
        """Everything that came out of it; not wrangler's own line for each request, which repeats its path."""
        lines = (line for line in self.worker.said.splitlines() if not line.startswith("[wrangler:info]"))
        return [bytes(self.said), "\n".join(lines).encode(), self.errors.encode()]

    @property
    def peak_memory_bytes(self) -> int:
        """The most memory that workerd has held so far: it is the largest of the group."""
        listed = subprocess.run(["ps", "-o", "pid=", "-g", str(self.process.pid)], capture_output=True, check=False)
        return max(_peak(int(number)) for number in listed.stdout.split())

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End the whole group. wrangler has no status of its own for that: 0 where it was still there."""
        self._line.close()
        self.cut_short = self.cut_short or number == signal.SIGKILL
        alive = self.process.poll() is None
        self.worker.end()
        return 0 if alive else int(self.process.returncode)


@contextlib.contextmanager
def edge(
    staged: pathlib.Path, folder: pathlib.Path, stub: Stub, mint: HeededMint, *, policy: str = POLICY, **settings: str
) -> Iterator[Gateway]:
    """A Worker in front of the stub; at its end no secret may be found in anything that it said.

    `settings` go over the usual ones; an empty one is left out.

    Raises:
        Leaked: a secret was let out.
        AssertionError: it did not start, or something escaped it.

    """
    values = usual_settings(stub, mint) | {"GATEWAY_POLICY": policy} | settings
    with workers.worker(staged, folder, {name: value for name, value in values.items() if value}) as running:
        gateway = EdgeGateway(running.port, stub, mint, folder, running.process)
        gateway.worker = running
        try:
            yield gateway
        finally:
            status = gateway.end()
    check(gateway, status)


def _peak(pid: int) -> int:
    with contextlib.suppress(OSError, StopIteration):
        status = pathlib.Path(f"/proc/{pid}/status").read_text("utf-8")
        return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))) * 1024
    return 0
