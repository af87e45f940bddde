"""The audit cannot be written: the disk is full, the pipe's reader stalls or is gone. No audit, no action (R-18)."""

import contextlib
import json
import os
import resource
import subprocess
import threading
from collections.abc import Iterator

import pytest

from tests.audit.oracle import verified
from tests.blackbox.conftest import Start
from tests.blackbox.gateways import Gateway
from tests.blackbox.misbehaviour import Hold
from tests.blackbox.stub import eventually

pytestmark = [
    pytest.mark.slow,
    pytest.mark.only("container", "its disk fills, its pipe stalls; a console takes every line"),
]
BOB = b'{"Username":"bob"}'
READ, MUTATION = "AdminGetUser", "AdminDisableUser"


class Disk:
    """The disk of a running gateway, as large as the test says. Only one file on it may grow."""

    def __init__(self, gateway: Gateway) -> None:
        """No limit yet."""
        self._pid = gateway.process.pid
        self._audit = gateway.folder / "audit.jsonl"

    def fill(self, room_bytes: int = 0) -> None:
        """Leave so much room behind the audit's last line."""
        self._limit(self._audit.stat().st_size + room_bytes)

    def shrink(self) -> None:
        """Leave no room for a line anywhere, in a new file neither."""
        self._limit(100)

    def empty(self) -> None:
        """Make room again."""
        self._limit(resource.RLIM_INFINITY)

    def _limit(self, size_bytes: int) -> None:
        resource.prlimit(self._pid, resource.RLIMIT_FSIZE, (size_bytes, resource.RLIM_INFINITY))


def settled(gateway: Gateway) -> Gateway:
    """The gateway with some lines in its audit: more than will be in its log, which the same disk holds."""
    for _ in range(10):
        assert gateway.call(READ, BOB, gateway.token("admin")).status == 200
    gateway.stub.reset()
    return gateway


def check_refused(gateway: Gateway) -> None:
    """See that nothing is done, reads included, while the gateway itself is well."""
    for operation, token in ((READ, gateway.token("admin")), (MUTATION, gateway.token("admin")), (READ, None)):
        found = gateway.call(operation, BOB, token)
        assert (found.status, found.json["__type"]) == (503, "ServiceUnavailableException")
        assert int(found.headers["retry-after"]) >= 1
    assert gateway.call(None, b"", method="GET", path="/healthz").status == 200
    assert gateway.stub.calls() == []


@pytest.mark.parametrize("room_bytes", [0, 1, 300], ids=lambda room: f"room for {room} bytes")
def test_a_full_disk_stops_everything_until_there_is_room(start: Start, room_bytes: int) -> None:
    """R-18: 503 before anything reaches Cognito, no half line in the file; it goes on by itself when there is room."""
    gateway = settled(start())
    disk = Disk(gateway)
    disk.fill(room_bytes)
    check_refused(gateway)
    before = len(gateway.entries)  # whole lines only, in a chain
    disk.empty()
    assert gateway.call(MUTATION, BOB, gateway.token("admin")).status == 200
    assert [entry["phase"] for entry in gateway.entries[before:]] == ["intent", "outcome"]
    assert "NOT WRITTEN" in gateway.errors
    assert "written again" in gateway.errors


def test_an_outcome_that_does_not_fit(start: Start) -> None:
    """R-18: the deed is done: the caller hears the truth and that its line is owed; nobody else gets in before it."""
    gateway = settled(start())
    disk = Disk(gateway)
    hold = Hold(also=disk.fill)
    hold.release()
    gateway.stub.behaviour = hold
    found = gateway.call(MUTATION, BOB, gateway.token("admin"))
    assert (found.status, found.headers["x-gateway-audit"]) == (200, "incomplete")
    assert gateway.entries[-1]["phase"] == "intent"
    gateway.stub.reset()
    check_refused(gateway)
    disk.empty()
    assert gateway.call(READ, BOB, gateway.token("admin")).status == 200
    phases = [(entry["phase"], entry["operation"]) for entry in gateway.entries[-3:]]
    assert phases == [("intent", MUTATION), ("outcome", MUTATION), ("decision", READ)]


def test_an_outcome_is_owed_beyond_the_end(start: Start) -> None:
    """R-18: it is written at the end of the process, if there is room again by then."""
    gateway = settled(start())
    disk = Disk(gateway)
    hold = Hold(also=disk.fill)
    hold.release()
    gateway.stub.behaviour = hold
    assert gateway.call(MUTATION, BOB, gateway.token("admin")).headers["x-gateway-audit"] == "incomplete"
    disk.empty()
    assert gateway.end() == 0
    assert [entry["phase"] for entry in gateway.entries[-2:]] == ["intent", "outcome"]


class Reader:
    """Who reads the gateway's standard output: not before it is told to."""

    def __init__(self, gateway: Gateway) -> None:
        """Hold the pipe."""
        self._gateway = gateway
        self.data = b""
        self._thread = threading.Thread(target=self._read, daemon=True)

    @property
    def _pipe(self) -> int:
        stdout = self._gateway.process.stdout
        if stdout is None:
            raise AssertionError("no pipe")
        return stdout.fileno()

    def begin(self) -> None:
        """Read from now on, to the end."""
        self._thread.start()

    def whole(self) -> list[bytes]:
        """The whole lines so far."""
        return [line for line in self.data.splitlines(keepends=True) if line.endswith(b"\n")]

    def end(self) -> None:
        """Wait for the end, and keep what was read where everything else is that the gateway said."""
        self._thread.join(10)
        (self._gateway.folder / "stdout.jsonl").write_bytes(self.data)

    def _read(self) -> None:
        while piece := os.read(self._pipe, 65536):
            self.data += piece


@contextlib.contextmanager
def piped(start: Start) -> Iterator[tuple[Gateway, Reader]]:
    """A gateway whose audit goes into a pipe that is full, for nobody reads it."""
    gateway = start(stdout=subprocess.PIPE, GATEWAY_AUDIT="stdout")
    reader = Reader(gateway)
    token = gateway.token("admin")
    for _ in range(1000):
        if gateway.ask(READ, BOB, token).status != 200:
            break
    gateway.stub.reset()
    try:
        yield gateway, reader
    finally:
        if gateway.process.stdout is not None:
            gateway.process.stdout.close()


def test_a_pipe_that_nobody_reads(start: Start) -> None:
    """R-18: refused after about a second, without holding up the process; what waited is written when someone reads."""
    with piped(start) as (gateway, reader):
        found = gateway.call(MUTATION, BOB, gateway.token("admin"))
        assert found.status == 503
        assert gateway.call(None, b"", method="GET", path="/healthz").status == 200
        assert gateway.stub.calls() == []
        reader.begin()
        eventually(lambda: gateway.call(READ, BOB, gateway.token("admin")).status == 200, "a line that is taken")
        assert gateway.call(MUTATION, BOB, gateway.token("admin")).status == 200
        assert gateway.end() == 0
        reader.end()
        entries = verified(reader.data.splitlines(keepends=True))
    assert [entry["phase"] for entry in entries[-2:]] == ["intent", "outcome"]
    assert len({entry["chain"] for entry in entries}) == 1


def test_a_pipe_whose_reader_is_gone(start: Start) -> None:
    """R-18: a collector that died is no audit: 503, and the process neither dies of it nor fills its log with it."""
    gateway = start(stdout=subprocess.PIPE, GATEWAY_AUDIT="stdout")
    assert gateway.call(READ, BOB, gateway.token("admin")).status == 200
    gateway.stub.reset()
    if gateway.process.stdout is not None:
        gateway.process.stdout.close()
    check_refused(gateway)
    assert gateway.errors.count("NOT WRITTEN") == 1


def test_without_the_rule_calls_go_on(start: Start) -> None:
    """R-18: an operator may choose otherwise; it is warned at the start, and told how many lines were lost."""
    gateway = settled(start(GATEWAY_AUDIT_REQUIRED="false"))
    disk = Disk(gateway)
    disk.fill()
    for operation in (READ, MUTATION):
        assert gateway.call(operation, BOB, gateway.token("admin")).status == 200
    disk.empty()
    assert gateway.call(READ, BOB, gateway.token("admin")).status == 200
    assert "GATEWAY_AUDIT_REQUIRED" in gateway.errors
    assert "lines were lost" in gateway.errors
    assert json.loads(gateway.audit.splitlines()[-1])["operation"] == READ
