"""The Worker as one of the runtimes of `tests/blackbox`: the same interface, so that the same suites judge it.

Its callers speak to the workerd that runs the Worker, not to the proxy that `wrangler dev` has before it: that is no
part of Cloudflare's edge, and turns what it cannot frame into a 500 of its own.
"""

import contextlib
import pathlib
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from typing import Any

from tests.audit.oracle import verified
from tests.blackbox import wire
from tests.blackbox.canaries import HeededMint
from tests.blackbox.gateways import (
    POLICY,
    Gateway,
    check,
    usual_settings,
)
from tests.blackbox.stub import Stub
from tests.blackbox.wire import Response
from tests.edge import workers
from tests.edge.workers import Worker, audit_lines

MOMENT_SECONDS = 1.0

_REQUEST_ID = b"x-request-id: "
_LISTENING = "0A"


class EdgeGateway(Gateway):
    """One running Worker and the stub behind it."""

    runtime = "edge"
    worker: Worker
    _ended: int | None = None

    @property
    def audit(self) -> bytes:
        """What it wrote down: on the console, among wrangler's own lines, a moment later.

        It is waited for until the line of the last answer is there; where there is none, or where one request was
        decided several times (`ID`, `ID.2`, ...), until nothing more comes.
        """
        _, found, rest = bytes(self.said).rpartition(_REQUEST_ID)
        last = rest.partition(bytes([13]))[0].decode() if found else ""
        deadline = time.monotonic() + MOMENT_SECONDS
        while last and not self._answered(last) and time.monotonic() < deadline:
            time.sleep(0.002)
        if not self._answered(last) or f'"id":"{last}.' in self.worker.said:
            self.worker.settle()
        return "".join(f"{line}\n" for line in audit_lines(self.worker.said.splitlines())).encode()

    @property
    def entries(self) -> list[dict[str, Any]]:
        """Its audit's lines, the chain checked."""
        return verified(self.audit.splitlines(keepends=True))

    def _answered(self, last: str) -> bool:
        """Whether the console has a line of this request with its answer's status, and no other of it after that."""
        said = self.worker.said
        at = max(said.rfind(f'"id":"{last}"'), said.rfind(f'"id":"{last}.'))
        end = said.find("\n", at)
        return bool(last) and at >= 0 and end >= 0 and '"status":null' not in said[at:end]

    def told(self) -> list[bytes]:
        """Everything that came out of it; not wrangler's own line for each request, which repeats its path."""
        lines = (line for line in self.worker.said.splitlines() if not line.startswith("[wrangler:info]"))
        return [bytes(self.said), "\n".join(lines).encode(), self.errors.encode()]

    def fails(self, response: Response) -> bool:
        """As of any gateway; workerd's own 500 for a request that it hands to no Worker has no id."""
        return super().fails(response) and "x-request-id" in response.headers

    @property
    def peak_memory_bytes(self) -> int:
        """The most memory that workerd has held so far: it is the largest of the group."""
        return max(_peak(pid) for pid in _group(self.process.pid))

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End the whole group. wrangler has no status of its own for that: 0 where it was still there."""
        self._line.close()
        self.cut_short = self.cut_short or number == signal.SIGKILL
        if self.process.poll() is None:
            self.worker.end()
            self._ended = 0
        return int(self.process.returncode) if self._ended is None else self._ended


@contextlib.contextmanager
def edge(
    staged: pathlib.Path, folder: pathlib.Path, stub: Stub, mint: HeededMint, *, policy: str = POLICY, **settings: str
) -> Iterator[EdgeGateway]:
    """A Worker in front of the stub; at its end no secret may be found in anything that it said.

    `settings` go over the usual ones; an empty one is left out.

    Raises:
        Leaked: a secret was let out.
        AssertionError: it did not start, or something escaped it.

    """
    values = usual_settings(stub, mint) | {"GATEWAY_POLICY": policy} | settings
    with workers.worker(staged, folder, {name: value for name, value in values.items() if value}) as running:
        gateway = EdgeGateway(own_port(running), stub, mint, folder, running.process)
        gateway.worker = running
        try:
            yield gateway
        finally:
            status = gateway.end()
    check(gateway, status)


def _group(leader: int) -> list[int]:
    listed = subprocess.run(["ps", "-o", "pid=", "-g", str(leader)], capture_output=True, check=False)
    return [int(number) for number in listed.stdout.split()]


def own_port(worker: Worker) -> int:
    """The port on which the Worker's own workerd answers: that which it took first of those that it took itself.

    Raises:
        AssertionError: there is none.

    """
    for pid in _group(worker.process.pid):
        with contextlib.suppress(OSError):
            words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if b"--socket-addr=entry=127.0.0.1:0" not in words:
                continue
            for port in _listening(pid):
                raw = wire.request(None, b"", method="GET", path="/healthz")
                if wire.exchange(port, raw)[0][0].status == 200:
                    return port
    raise AssertionError("no workerd of the Worker's own")


def _listening(pid: int) -> Sequence[int]:
    """The ports on which a process listens, in the order in which it took them."""
    rows = [row.split() for row in pathlib.Path(f"/proc/{pid}/net/tcp").read_text("ascii").splitlines()[1:]]
    ports = {f"socket:[{row[9]}]": int(row[1].partition(":")[2], 16) for row in rows if row[3] == _LISTENING}
    files = sorted(pathlib.Path(f"/proc/{pid}/fd").iterdir(), key=lambda path: int(path.name))
    return [ports[name] for name in (str(path.readlink()) for path in files) if name in ports]


def _peak(pid: int) -> int:
    with contextlib.suppress(OSError, StopIteration):
        status = pathlib.Path(f"/proc/{pid}/status").read_text("utf-8")
        return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))) * 1024
    return 0
