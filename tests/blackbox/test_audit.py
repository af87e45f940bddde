"""The audit of a real gateway, from the call to `gateway audit verify`: crashes, rotation, full disks, a collector."""

import asyncio
import contextlib
import json
import pathlib
import re
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from gateway.cli import main
from tests.audit.oracle import verified
from tests.blackbox.conftest import Start
from tests.blackbox.gateways import Gateway
from tests.blackbox.stub import Received, Stub, eventually, response
from tests.blackbox.test_faults_audit import Disk, check_refused

pytestmark = [
    pytest.mark.slow,
    pytest.mark.only("container", "its audit is a file, or a chain for each of its workers"),
]
BOB = b'{"Username":"bob"}'
READ, MUTATION = "AdminGetUser", "AdminDisableUser"
TOKEN = "canary-collector-token"
PATH = "/in/canary-collector-path"


@contextlib.contextmanager
def load(gateway: Gateway, callers: int = 6) -> Iterator[list[int | None]]:
    """Callers who read and change without a pause; the statuses that they got."""
    token = gateway.token("admin")
    statuses: list[int | None] = []
    ending = threading.Event()

    def call(number: int) -> None:
        while not ending.is_set():
            try:
                statuses.append(gateway.call(MUTATION if number % 2 else READ, BOB, token).status)
            except OSError:
                statuses.append(None)

    threads = [threading.Thread(target=call, args=(number,)) for number in range(callers)]
    for thread in threads:
        thread.start()
    try:
        yield statuses
    finally:
        ending.set()
        for thread in threads:
            thread.join(10)


def killed_under_load(start: Start, *, lines: int, **settings: str) -> Gateway:
    """A gateway that was killed while it wrote, after so many lines more."""
    gateway = start(**settings)
    before = written(gateway)
    with load(gateway):
        eventually(lambda: written(gateway) >= before + lines, f"{lines} lines", patience_seconds=20)
        gateway.end(signal.SIGKILL)
    return gateway


def files(gateway: Gateway) -> list[pathlib.Path]:
    """All files of its audit."""
    return [path for path in gateway.folder.glob("audit*.jsonl*") if path.suffix not in {".partial", ".next"}]


def written(gateway: Gateway) -> int:
    """How many whole lines there are."""
    return sum(path.read_bytes().count(b"\n") for path in files(gateway))


def verify(gateway: Gateway, *options: str) -> int:
    """What `gateway audit verify` says of all its files: the exit status."""
    return main(["audit", "verify", *map(str, files(gateway)), *options])


def stopped_at(gateway: Gateway) -> str:
    """The head that it told the operator when it ended."""
    line = [line for line in gateway.errors.splitlines() if "stopped" in line][-1]
    found = re.search(r"\b([0-9a-f]{16})\b.*?\b(\d+)\b.*?\b([0-9a-f]{64})\b", line)
    assert found
    return ":".join(found.groups())


def test_killed_under_load_it_verifies_and_goes_on(start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    """R-18: kill -9, twice, while it writes: all up to the last whole line verifies, and the next start goes on."""
    for _ in range(2):
        gateway = killed_under_load(start, lines=150)
        assert verify(gateway, "--from-start") == 0
        said = capsys.readouterr().out
        assert said.count("unbroken; head") == 1
    again = start()
    assert again.call(MUTATION, BOB, again.token("admin")).status == 200
    assert again.end() == 0
    assert verify(again, "--from-start", "--head", stopped_at(again)) == 0
    intents = sum(entry["phase"] == "intent" for entry in again.entries)
    outcomes = sum(entry["phase"] == "outcome" for entry in again.entries)
    assert capsys.readouterr().out.count("has no outcome") == intents - outcomes


@pytest.mark.parametrize("damage", ["changed", "missing", "moved", "repeated", "cut"])
def test_what_is_done_to_the_file_afterwards_is_found(
    start: Start, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """R-18: of a real gateway's audit each kind of change is found, a cut tail with the head from its log."""
    gateway = start()
    for _ in range(5):
        assert gateway.call(MUTATION, BOB, gateway.token("admin")).status == 200
    assert gateway.end() == 0
    path = gateway.folder / "audit.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    harmed = {
        "changed": [*lines[:3], lines[3].replace(b"bob", b"eve"), *lines[4:]],
        "missing": [*lines[:3], *lines[4:]],
        "moved": [*lines[:3], lines[4], lines[3], *lines[5:]],
        "repeated": [*lines[:3], lines[2], *lines[3:]],
        "cut": lines[:-1],
    }[damage]
    assert verify(gateway, "--head", stopped_at(gateway)) == 0
    path.write_bytes(b"".join(harmed))
    assert verify(gateway, "--head", stopped_at(gateway)) == 1
    assert f": {damage}: " in capsys.readouterr().out
    path.write_bytes(b"".join(lines))


def test_two_workers_are_two_chains_that_verify(start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    """R-18: two files, two chains, and both heads are told at the end."""
    gateway = start(WEB_CONCURRENCY="2")
    eventually(lambda: gateway.errors.count("usable, were 0") == 2, "the second worker")
    with load(gateway) as statuses:
        eventually(lambda: all(path.stat().st_size for path in files(gateway)) and written(gateway) > 200, "lines")
    assert set(statuses) == {200}
    assert gateway.end() == 0
    assert sorted(path.name for path in files(gateway)) == ["audit.1.jsonl", "audit.2.jsonl"]
    heads = re.findall(r"\b([0-9a-f]{16})\b.*?\b(\d+)\b.*?\b([0-9a-f]{64})\b", gateway.errors)
    options = [option for head in heads[-2:] for option in ("--head", ":".join(head))]
    assert verify(gateway, "--from-start", *options) == 0
    assert capsys.readouterr().out.count("unbroken; head") == 2


def test_rotation_under_load_is_one_chain_whatever_kills_it(start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    """R-18: files of a bounded size, killed twice in between, one chain from its start over all of them."""
    for _ in range(2):
        gateway = killed_under_load(start, lines=400, GATEWAY_AUDIT_ROTATE_BYTES="65536")
    again = start(GATEWAY_AUDIT_ROTATE_BYTES="65536")
    again.cut_short = True  # its last file begins in the middle of its chain
    with load(again) as statuses:
        eventually(lambda: statuses.count(200) > 100, "answers")
    assert set(statuses) == {200}
    assert again.end() == 0
    assert len(files(gateway)) >= 6
    assert all(path.stat().st_size <= 65_536 for path in files(gateway))
    assert verify(again, "--from-start", "--head", stopped_at(again)) == 0
    assert capsys.readouterr().out.count("unbroken; head") == 1


def test_only_so_many_rotated_files_stay(start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    """The rest verifies, and says from where on."""
    gateway = start(GATEWAY_AUDIT_ROTATE_BYTES="65536", GATEWAY_AUDIT_KEEP_FILES="1")
    with load(gateway):
        eventually(lambda: gateway.errors.count("GATEWAY_AUDIT_KEEP_FILES") >= 2, "files that go", patience_seconds=30)
    gateway.cut_short = True  # its last file begins in the middle of its chain
    assert gateway.end() == 0
    assert len(files(gateway)) == 2
    assert verify(gateway, "--head", stopped_at(gateway)) == 0
    assert "what was before is not here" in capsys.readouterr().out
    assert verify(gateway, "--from-start") == 1


@pytest.mark.parametrize("rotating", [False, True])
def test_a_full_disk_stops_changes_and_the_chain_holds(start: Start, *, rotating: bool) -> None:
    """R-18: 503 while there is no room, for a line or for a new file; then it goes on by itself, without a gap."""
    gateway = start(**({"GATEWAY_AUDIT_ROTATE_BYTES": "65536"} if rotating else {}))
    gateway.cut_short = rotating  # its last file will begin in the middle of its chain
    token = gateway.token("admin")
    audit = gateway.folder / "audit.jsonl"
    while audit.stat().st_size < 65_536 - 600:
        assert gateway.ask(READ, BOB, token).status == 200
    gateway.stub.reset()
    disk = Disk(gateway)
    disk.shrink() if rotating else disk.fill()
    check_refused(gateway)
    disk.empty()
    time.sleep(1.0)  # a rotation that failed is tried again after a second
    assert gateway.call(MUTATION, BOB, token).status == 200
    assert gateway.end() == 0
    assert len(files(gateway)) == 1 + rotating
    assert verify(gateway, "--from-start", "--head", stopped_at(gateway)) == 0


class Collector(Stub):
    """Takes lines at a URL, as long as `status` is a 2xx; keeps all that it was sent."""

    status = "204 No Content"

    def __init__(self) -> None:
        """Work."""
        super().__init__(dict)
        self.behaviour = self._take

    async def _take(self, _request: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(response(b"" if self.status.startswith("2") else b"no", self.status))

    @property
    def lines(self) -> list[bytes]:
        """Each line once, by its number; two with one number are refused."""
        by_seq: dict[int, bytes] = {}
        for found in list(self.received):
            for line in found.body.splitlines(keepends=True):
                assert by_seq.setdefault(json.loads(line)["seq"], line) == line
        return [by_seq[seq] for seq in sorted(by_seq)]


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector on loopback."""
    made = Collector()
    try:
        yield made
    finally:
        made.stop()


def collected(start: Start, collector: Collector) -> Gateway:
    """A gateway that audits to the collector."""
    return start(GATEWAY_AUDIT=f"{collector.url}{PATH}", GATEWAY_AUDIT_TOKEN=TOKEN)


def test_a_collector_gets_every_line_in_a_chain(start: Start, collector: Collector) -> None:
    """R-18: under load, in batches; what the callers were let through for is there before anything reached Cognito."""
    gateway = collected(start, collector)
    with load(gateway, 12) as statuses:
        eventually(lambda: len(statuses) > 300, "answers", patience_seconds=30)
    assert set(statuses) == {200}
    assert gateway.end() == 0
    entries = verified(collector.lines)
    assert len(entries) == len(statuses) + sum(entry["phase"] == "outcome" for entry in entries)
    assert len(collector.received) < len(entries)
    first = collector.received[0]
    assert first.line.startswith(f"POST {PATH} ")
    assert (first.header("authorization"), first.header("content-type")) == (f"Bearer {TOKEN}", "application/x-ndjson")
    assert stopped_at(gateway).split(":")[:2] == [entries[0]["chain"], str(len(entries))]
    assert not any(b"canary-collector" in told for told in gateway.told())


def test_a_collector_that_refuses_stops_everything(start: Start, collector: Collector) -> None:
    """R-18: no 2xx, no action, reads included; it goes on by itself, and what was refused is said to be refused."""
    gateway = collected(start, collector)
    assert gateway.call(READ, BOB, gateway.token("admin")).status == 200
    gateway.stub.reset()
    collector.status = "503 No"
    check_refused(gateway)
    assert "NOT WRITTEN" in gateway.errors
    collector.status = "200 OK"
    assert gateway.call(MUTATION, BOB, gateway.token("admin")).status == 200
    entries = verified(collector.lines)
    assert [entry["phase"] for entry in entries[-2:]] == ["intent", "outcome"]
    assert "written again" in gateway.errors
    assert not any(b"canary-collector" in told for told in gateway.told())


def test_an_outcome_is_owed_to_the_collector(start: Start, collector: Collector) -> None:
    """R-18: the deed is done, the caller hears that its line is owed, nobody gets in before it is there."""
    gateway = collected(start, collector)
    usual = gateway.stub.behaviour

    async def then_no_more(request: Received, writer: asyncio.StreamWriter) -> None:
        collector.status = "500 No"
        await usual(request, writer)

    gateway.stub.behaviour = then_no_more
    found = gateway.call(MUTATION, BOB, gateway.token("admin"))
    assert (found.status, found.headers["x-gateway-audit"]) == (200, "incomplete")
    gateway.stub.reset()
    check_refused(gateway)
    collector.status = "204 No Content"
    assert gateway.end() == 0
    assert verified(collector.lines)[-1]["phase"] == "outcome"
