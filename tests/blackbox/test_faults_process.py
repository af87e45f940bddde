"""Callers who hang up, more calls than there is room for, signals, crashes, several workers."""

import contextlib
import os
import pathlib
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.blackbox import wire
from tests.blackbox.conftest import Start
from tests.blackbox.gateways import Gateway
from tests.blackbox.misbehaviour import Hold
from tests.blackbox.stub import eventually
from tests.blackbox.wire import Response

pytestmark = [pytest.mark.slow, pytest.mark.only("container", "signals, connections and workers are a process's")]
BOB = b'{"Username":"bob"}'
READ, MUTATION = "AdminGetUser", "AdminDisableUser"
IN_FLIGHT_LIMIT = 1000  # the application's own
MEGABYTE = 1 << 20


def phases(gateway: Gateway, operation: str = MUTATION) -> dict[str, int]:
    """How many lines of each phase there are for an operation."""
    found: dict[str, int] = {}
    for entry in gateway.entries:
        if entry["operation"] == operation:
            found[entry["phase"]] = found.get(entry["phase"], 0) + 1
    return found


@contextlib.contextmanager
def in_flight(gateway: Gateway, count: int) -> Iterator[tuple[Hold, list[Future[Response]]]]:
    """Mutations that wait for Cognito, until they are released."""
    hold = Hold()
    gateway.stub.behaviour = hold
    token = gateway.token("admin")
    with ThreadPoolExecutor(count) as callers:
        try:
            calls = [callers.submit(gateway.call, MUTATION, BOB, token) for _ in range(count)]
            gateway.stub.until(count)
            yield hold, calls
        finally:
            hold.release()


def test_a_caller_who_hangs_up_has_asked_once(start: Start) -> None:
    """R-20: a connection that closes in the middle of a call changes nothing of it: done once, its outcome written."""
    gateway = start()
    hold = Hold()
    gateway.stub.behaviour = hold
    raw = wire.request(MUTATION, BOB, gateway.token("admin"))
    for number in range(1, 4):
        with socket.create_connection(("127.0.0.1", gateway.port), 5) as caller:
            caller.sendall(raw)
            gateway.stub.until(number)
    time.sleep(0.1)  # that they left is known by now
    hold.release()
    eventually(lambda: phases(gateway) == {"intent": 3, "outcome": 3}, "an outcome for each intent")
    assert len(gateway.stub.calls()) == 3
    assert gateway.call(MUTATION, BOB, gateway.token("admin")).status == 200
    assert len(gateway.stub.calls()) == 4


def test_a_caller_who_hangs_up_before_the_end_of_its_request_has_asked_for_nothing(start: Start) -> None:
    """R-15: at every byte of a request: nothing goes up, nothing is thrown, the next caller is served."""
    gateway = start()
    raw = wire.request(MUTATION, BOB, gateway.token("admin"))
    for cut in (1, 10, 40, raw.index(b"\r\n\r\n") + 2, raw.index(b"\r\n\r\n") + 4, len(raw) - 1):
        with socket.create_connection(("127.0.0.1", gateway.port), 5) as caller:
            caller.sendall(raw[:cut])
    assert gateway.call(READ, BOB, gateway.token("admin")).status == 200
    assert gateway.stub.calls(MUTATION) == []


def test_more_calls_than_there_is_room_for(start: Start) -> None:
    """R-22: what is too much gets 503 and Retry-After at once; what was taken is finished; memory has a bound."""
    gateway = start()
    hold = Hold()
    raw = wire.request(READ, BOB, gateway.token("admin"))
    gateway.send(raw)
    gateway.stub.reset()
    gateway.stub.behaviour = hold
    before = gateway.peak_memory_bytes
    with contextlib.ExitStack() as open_:
        callers = []
        for _ in range(IN_FLIGHT_LIMIT):
            caller = open_.enter_context(socket.create_connection(("127.0.0.1", gateway.port), 20))
            caller.sendall(raw)
            callers.append(caller)
        eventually(lambda: len(gateway.entries) == IN_FLIGHT_LIMIT + 1, "a line for each call that was taken")
        for _ in range(200):
            found = gateway.send(raw)[0]
            assert (found.status, found.headers["retry-after"]) == (503, "1")
        assert gateway.call(None, b"", method="GET", path="/healthz").status == 200
        hold.release()
        statuses = [answered(caller) for caller in callers]
    assert statuses == [200] * IN_FLIGHT_LIMIT
    assert len(gateway.stub.calls()) == IN_FLIGHT_LIMIT
    assert gateway.peak_memory_bytes - before < 64 * MEGABYTE
    assert gateway.send(raw)[0].status == 200


def answered(caller: socket.socket) -> int | None:
    """The status of the one answer on a connection."""
    data = b""
    while piece := caller.recv(65536):
        data += piece
    return wire.parsed(data)[0].status


def test_a_signal_lets_what_has_begun_come_to_its_end(start: Start) -> None:
    """R-25: SIGTERM with fifty calls under way: nobody new gets in, all fifty get their answer and line, status 0."""
    gateway = start()
    with in_flight(gateway, 50) as (hold, calls):
        gateway.process.send_signal(signal.SIGTERM)
        eventually(lambda: refused(gateway), "a refused connection")
        time.sleep(0.5)  # longer than it takes to be impatient
        assert not any(call.done() for call in calls)
        hold.release()
        assert [call.result(10).status for call in calls] == [200] * 50
    assert gateway.process.wait(10) == 0
    assert phases(gateway) == {"intent": 50, "outcome": 50}
    assert len(gateway.stub.calls()) == 50


def refused(gateway: Gateway) -> bool:
    """Whether new connections are refused."""
    try:
        socket.create_connection(("127.0.0.1", gateway.port), 1).close()
    except OSError:
        return True
    return False


def test_what_does_not_come_to_its_end_is_cut_and_says_so(start: Start) -> None:
    """R-18, R-25: a Cognito that never answers does not keep the process: its calls are cut, with an outcome each."""
    gateway = start(GATEWAY_TIMEOUT_SECONDS="60")
    with in_flight(gateway, 5):
        assert gateway.end() == 0
    assert phases(gateway) == {"intent": 5, "outcome": 5}
    assert {entry["error"] for entry in gateway.entries if entry["phase"] == "outcome"} == {"cancelled"}


def test_a_crash_leaves_the_intents(start: Start) -> None:
    """R-18: killed in the middle of twenty mutations: an intent for each, in a chain that holds and is gone on with."""
    first = start()
    with in_flight(first, 20) as (_, calls):
        assert first.end(signal.SIGKILL) == -signal.SIGKILL
        assert {call.result(10).status for call in calls} == {None}
    assert phases(first) == {"intent": 20}
    audit = first.folder / "audit.jsonl"
    whole = audit.read_bytes()
    audit.write_bytes(whole + whole.splitlines()[-1][:200])  # a crash may leave half a line
    again = start()
    again.stub.reset()
    assert again.call(MUTATION, BOB, again.token("admin")).status == 200
    assert audit.read_bytes().startswith(whole)
    assert phases(again) == {"intent": 21, "outcome": 1}
    assert (again.folder / "audit.jsonl.partial").read_bytes().strip() == whole.splitlines()[-1][:200]
    assert len({entry["chain"] for entry in again.entries}) == 1


def two_workers(start: Start) -> Gateway:
    """A gateway of two processes, both of which serve."""
    gateway = start(WEB_CONCURRENCY="2")
    eventually(lambda: gateway.errors.count("usable, were 0") == 2, "the second worker")
    return gateway


def test_two_workers_write_two_chains(start: Start) -> None:
    """R-18: each worker has a file and a chain of its own; nothing is lost between them."""
    gateway = two_workers(start)
    token = gateway.token("admin")
    with ThreadPoolExecutor(16) as callers:
        statuses = list(callers.map(lambda _: gateway.call(READ, BOB, token).status, range(200)))
    assert statuses == [200] * 200
    assert [path.name for path in gateway.audits] == ["audit.1.jsonl", "audit.2.jsonl"]
    assert len(gateway.entries) == 200
    assert len({entry["chain"] for entry in gateway.entries}) == 2
    assert len({entry["id"] for entry in gateway.entries}) == 200


def test_a_worker_that_dies_is_replaced_in_its_chain(start: Start) -> None:
    """R-18, R-22: the other serves meanwhile, and the new one goes on in the dead one's file."""
    gateway = two_workers(start)
    token = gateway.token("admin")

    def ask(_: int) -> int | None:
        with contextlib.suppress(OSError):  # the dead one's own connections
            return gateway.call(READ, BOB, token).status
        return None

    with ThreadPoolExecutor(8) as callers:
        assert set(callers.map(ask, range(100))) == {200}
        chains = {entry["chain"] for entry in gateway.entries}
        os.kill(workers(gateway)[0], signal.SIGKILL)
        eventually(lambda: len(workers(gateway)) == 2, "another worker", patience_seconds=15)
        eventually(lambda: set(callers.map(ask, range(40))) == {200}, "service")
        eventually(lambda: gateway.errors.count("usable, were 0") == 3, "the new worker's keys")
        assert set(callers.map(ask, range(100))) == {200}
    assert {entry["chain"] for entry in gateway.entries} == chains


def workers(gateway: Gateway) -> list[int]:
    """The process ids of the workers; multiprocessing has a child of its own beside them."""
    children = (
        pathlib.Path(f"/proc/{gateway.process.pid}/task/{gateway.process.pid}/children").read_text("utf-8").split()
    )
    found = []
    for child in children:
        with contextlib.suppress(OSError):
            if b"spawn_main" in pathlib.Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(int(child))
    return found


def test_a_policy_that_breaks_while_it_runs_changes_nothing(start: Start) -> None:
    """R-14: settings are read once: a file that is changed, broken or gone neither opens nor closes anything."""
    gateway = start()
    token = gateway.token("moderator")
    for text in ("not TOML at all [", '[roles.x]\ngroups = ["moderator"]\nallow = ["AdminDisableUser"]', None):
        path = gateway.folder / "policy.toml"
        path.write_text(text, encoding="utf-8") if text is not None else path.unlink()
        assert gateway.call(READ, BOB, token).status == 200
        assert gateway.call(MUTATION, BOB, token).status == 403
    assert gateway.stub.calls(MUTATION) == []
