"""How the container's server starts, and how it ends: as an operator sees it, from outside."""

import asyncio
import concurrent.futures
import contextlib
import http.client
import json
import logging
import os
import pathlib
import signal
import socket
import time
from collections.abc import Iterator

import pytest
import uvicorn

from gateway.runtimes import server_log
from gateway.runtimes.protocol import Protocol
from gateway.runtimes.server import CannotListen, Server, busy, listen, run
from gateway.runtimes.supervisor import Supervisor
from tests.runtimes import serving
from tests.runtimes.raw_http import until
from tests.runtimes.serving import BROKEN, fetch, started

APP = "tests.runtimes.serving:app"
FACTORY = "tests.runtimes.serving:make"


@pytest.fixture(autouse=True)
def _loggers() -> Iterator[None]:
    """What `run` does to the loggers of its process ends with the test."""
    found = [logging.getLogger(name) for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "asyncio")]
    before = [(logger.handlers, logger.level, logger.propagate) for logger in found]
    yield
    for logger, (handlers, level, propagate) in zip(found, before, strict=True):
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


@contextlib.contextmanager
def waiting(port: int, number: int, path: str) -> Iterator[list["concurrent.futures.Future[dict[str, object]]"]]:
    """`number` requests of `path`, each in a thread."""
    with concurrent.futures.ThreadPoolExecutor(number) as threads:
        yield [threads.submit(fetch, port, path) for _ in range(number)]


# -- the end


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_fifty_requests_finish_and_exits_0(number: int) -> None:
    """SIGTERM, and Ctrl-C, with 50 requests in flight: all are answered, new callers are refused (R-25)."""
    with started(app=APP) as running:
        port = running.port
        with waiting(port, 50, "/wait/50") as answers:
            running.wait_for("all wait")
            running.process.send_signal(number)
            while True:  # until it has heard
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                except ConnectionError:
                    break
                time.sleep(0.01)
            assert {answer.result()["worker"] for answer in answers} == {None}
        told = ["began worker None", f"ready http://127.0.0.1:{port}", "all wait", "ended worker None"]
        assert running.ends() == (0, told, [])


def test_a_request_that_does_not_finish_is_cut_after_the_grace() -> None:
    """The process ends in time, and the application still closes what it opened (R-25)."""
    with started(app=APP, graceful_seconds=0.3) as running:
        port = running.port
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/hang")
        running.wait_for("all wait")
        status, out, err = running.ends(signal.SIGTERM)
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["type"]) == (500, "InternalErrorException")
        connection.close()
        assert (status, out[-1], err) == (0, "ended worker None", ["gateway: cut 1 requests that had not finished"])


def test_a_second_signal_does_not_wait() -> None:
    """Whoever asks twice means it: the requests are cut, and the exit status says so."""
    with started(app=APP, graceful_seconds=30) as running:
        connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=10)
        connection.request("GET", "/hang")
        running.wait_for("all wait")
        status, out, err = running.ends(signal.SIGTERM, signal.SIGTERM)
        connection.close()
        assert (status, out[-1], err) == (1, "ended worker None", ["gateway: cut 1 requests that had not finished"])


def test_a_start_that_hangs_can_be_ended() -> None:
    """Two signals end a process that never came to serve."""
    with started(app="tests.runtimes.serving:never_starts") as running:
        running.wait_for("all wait")
        assert running.ends(signal.SIGTERM, signal.SIGTERM)[0] == 1


def test_an_application_that_does_not_end_is_left_behind() -> None:
    """A lifespan without an end does not keep the process."""
    with started(app="tests.runtimes.serving:slow_to_end", graceful_seconds=0.3) as running:
        assert running.port
        assert running.ends(signal.SIGTERM)[0] == 0


# -- the start


def test_a_busy_port_is_named_with_the_option_that_changes_it() -> None:
    """The operator reads one line and knows what to do (contract, section 1)."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert busy("127.0.0.1", port)
        with started(app=APP, port=port) as running:
            line = f"gateway: port {port} is taken by another program: choose another with --port"
            assert running.ends() == (1, [], [line])
    assert not busy("127.0.0.1", port)


def test_listening_says_what_is_wrong_with_an_address() -> None:
    """A host that is no address, or not this machine's, and a port that is somebody else's option."""
    with pytest.raises(
        CannotListen, match=r"^no such host is not an address to listen on: choose another with --host$"
    ):
        listen("no such host", 0)
    with pytest.raises(CannotListen, match=r"^192\.0\.2\.1 is not an address of this machine: .* --operations-host$"):
        listen("192.0.2.1", 0, option="--operations-port")
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(CannotListen, match=r"--operations-port$"):
        listen("127.0.0.1", taken.getsockname()[1], option="--operations-port")


def test_every_address_of_a_name_is_listened_on() -> None:
    """`localhost` is what the machine says it is, on one port."""
    sockets = listen("localhost", 0)
    try:
        assert len({sock.getsockname()[1] for sock in sockets}) == 1
        assert {sock.getsockname()[0] for sock in sockets} <= {"127.0.0.1", "::1"}
    finally:
        for sock in sockets:
            sock.close()


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    ("app", "why"),
    [
        ("raises_in_lifespan", "cannot start: RuntimeError: the audit cannot be opened"),
        ("fails_in_lifespan", "cannot start: OSError: the audit cannot be opened"),
        ("nothing", 'Error loading ASGI app. Attribute "nothing" not found in module "tests.runtimes.serving".'),
    ],
)
def test_an_application_that_does_not_start_is_one_line_and_exit_1(app: str, why: str, workers: int) -> None:
    """No traceback, the reason once, whatever the number of workers."""
    with started(app=f"tests.runtimes.serving:{app}", workers=workers) as running:
        assert running.ends() == (1, [], [f"gateway: {why}"])


def test_a_factory_that_fails_is_one_line_and_exit_1(monkeypatch: pytest.MonkeyPatch) -> None:
    """So is an application that cannot even be made."""
    monkeypatch.setenv(BROKEN, __file__)
    with started(app=FACTORY, factory=True) as running:
        assert running.ends() == (1, [], ["gateway: cannot start: the settings are wrong"])


def test_several_workers_need_an_import_path() -> None:
    """An object cannot cross to another process, and that is said before anything starts."""
    with pytest.raises(ValueError, match="import path"):
        run(serving.app, host="127.0.0.1", port=0, workers=2)


# -- several workers


def numbers(port: int) -> dict[str, int]:
    """The process of each worker that answers, by its number."""
    return {str(found["worker"]): int(found["pid"]) for found in (fetch(port) for _ in range(40))}


def test_workers_have_numbers_which_their_replacements_keep(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A killed worker is replaced under its number, once it can start again; SIGTERM to the parent drains (R-25)."""
    broken = tmp_path / "broken"
    monkeypatch.setenv(BROKEN, str(broken))
    with started(app=FACTORY, factory=True, workers=2) as running:
        port = running.port
        before = numbers(port)
        assert set(before) == {"1", "2"}
        broken.touch()
        os.kill(before["1"], signal.SIGKILL)
        time.sleep(1.0)
        assert numbers(port) == {"2": before["2"]}
        broken.unlink()
        while set(after := numbers(port)) != {"1", "2"}:
            time.sleep(0.05)
        assert after["2"] == before["2"]
        assert after["1"] != before["1"]
        status, out, err = running.ends(signal.SIGTERM)
    assert (status, sorted(out[-2:])) == (0, ["ended worker 1", "ended worker 2"])
    assert err[0] == f"gateway: worker 1 (process {before['1']}) ended with status -9: starting another in 0.25 s"
    assert err[1] == "gateway: cannot start: the settings are wrong"
    assert all("starting another in" in line or "cannot start" in line for line in err)


def refused(port: int) -> bool:
    """Whether nobody listens there."""
    try:
        socket.create_connection(("127.0.0.1", port), 1.0).close()
    except ConnectionRefusedError:
        return True
    return False


def test_who_comes_while_workers_drain_is_refused_at_once() -> None:
    """R-25: nobody waits in the parent's queue for workers that take no more: the balancer goes elsewhere."""
    with started(app=APP, workers=2) as running:
        port = running.port
        with waiting(port, 1, "/hang"):
            running.wait_for("all wait")
            running.process.send_signal(signal.SIGTERM)
            deadline = time.monotonic() + 5.0
            while not refused(port):
                assert time.monotonic() < deadline, "somebody listens still"
                time.sleep(0.01)
            running.process.send_signal(signal.SIGTERM)
        status, _, _ = running.ends()
    assert status == 1  # the second signal cut the one that hung


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_parent_and_workers_at_once_still_drains(number: int) -> None:
    """A terminal's Ctrl-C and a service manager's stop reach every process; requests finish all the same (R-25)."""
    with started(app=APP, workers=2) as running:
        with waiting(running.port, 1, "/wait/1") as answers:
            running.wait_for("all wait")
            os.killpg(running.process.pid, number)
            assert answers[0].result()["worker"] in {"1", "2"}
        status, out, err = running.ends()
    assert (status, err, sorted(out[-2:])) == (0, [], ["ended worker 1", "ended worker 2"])


def test_ctrl_c_while_workers_start_is_no_traceback() -> None:
    """The second worker is still importing when the terminal tells the whole group."""
    with started(app=APP, workers=2) as running:
        running.wait_for("began worker 1")
        time.sleep(0.04)
        os.killpg(running.process.pid, signal.SIGINT)
        status, _, err = running.ends()
    assert (status, err) == (0, [])


def test_a_second_signal_forces_the_workers_too() -> None:
    """The parent passes the impatience on."""
    with started(app=APP, workers=2, graceful_seconds=30) as running:
        connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=10)
        connection.request("GET", "/hang")
        running.wait_for("all wait")
        status, _, err = running.ends(signal.SIGTERM, signal.SIGTERM)
        connection.close()
    assert (status, err) == (1, ["gateway: cut 1 requests that had not finished"])


def test_workers_end_when_their_parent_is_gone() -> None:
    """A parent that was killed leaves nobody behind on the port."""
    with started(app=APP, workers=2) as running:
        port = running.port
        running.process.kill()
        running.wait_for("ended worker")
        running.wait_for("ended worker")
        while busy("127.0.0.1", port):
            time.sleep(0.02)


def test_a_worker_that_hears_no_signal_is_killed(caplog: pytest.LogCaptureFixture) -> None:
    """The end has a limit, and is not called a success."""
    supervisor = Supervisor(
        serving.stubborn,
        (),
        workers=1,
        patience_seconds=0.2,
        ready=lambda: os.kill(os.getpid(), signal.SIGTERM),
        stopping=lambda: None,
    )
    assert supervisor.run() == 1
    assert [record.getMessage() for record in caplog.records] == [
        "killed workers that had not ended 0 s after the signal"
    ]


def test_the_parent_of_workers_leaves_the_process_as_it_was() -> None:
    """Signal handlers come back, and two workers end with 0."""
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    urls: list[str] = []

    def ready(url: str) -> None:
        urls.append(url)
        os.kill(os.getpid(), signal.SIGTERM)

    assert run(APP, host="127.0.0.1", port=0, workers=2, ready=ready) == 0
    assert len(urls) == 1
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
    assert signal.set_wakeup_fd(-1) == -1


# -- in this process


def test_a_server_can_run_in_a_program_of_its_own(capfd: pytest.CaptureFixture[str]) -> None:
    """`gateway dev` serves in its own process: the address is told, a signal ends it, the program goes on."""

    def ready(url: str) -> None:
        assert url.startswith("http://[::1]:" if ":" in host else "http://127.0.0.1:")
        os.kill(os.getpid(), signal.SIGINT)

    for host in ("127.0.0.1", *(["::1"] if socket.has_ipv6 and not busy("::1", 0) else [])):
        assert run(serving.App(), host=host, port=0, ready=ready) == 0
    assert run(serving.raises_in_lifespan, host="127.0.0.1", port=0) == 1
    assert capfd.readouterr().err == "gateway: cannot start: RuntimeError: the audit cannot be opened\n"


@pytest.mark.anyio
async def test_the_grace_of_a_server_in_a_program_is_kept() -> None:
    """Draining without signals: what has begun is finished, what hangs is cut."""
    assert (await drained(5.0)).startswith(b"HTTP/1.1 200 OK")
    assert (await drained(0.05)).startswith(b"HTTP/1.1 500 ")


@pytest.mark.anyio
async def test_a_request_that_the_kernel_has_at_the_signal_is_served() -> None:
    """Bytes that arrived before the end began are a request that is in flight (R-25)."""
    sockets = listen("127.0.0.1", 0)
    config = uvicorn.Config(serving.App(), http=Protocol, ws="none", log_config=None, interface="asgi3")
    config.load()
    server = Server(config, graceful_seconds=5.0, ready=lambda: None)
    server.lifespan = config.lifespan_class(config)
    with socket.create_connection(sockets[0].getsockname()) as caller:
        await server.startup(sockets)
        await until(lambda: bool(server.server_state.connections))
        caller.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await server.shutdown(sockets)
        assert caller.recv(4096).startswith(b"HTTP/1.1 200 OK")


async def drained(graceful_seconds: float) -> bytes:
    """What a request gets that runs while its server ends."""
    sockets = listen("127.0.0.1", 0)
    config = uvicorn.Config(
        serving.App(), http=Protocol, ws="none", log_config=None, access_log=False, interface="asgi3"
    )
    serves = asyncio.Event()
    server = Server(config, graceful_seconds=graceful_seconds, ready=serves.set)
    task = asyncio.create_task(server.serve(sockets))
    await serves.wait()
    reader, writer = await asyncio.open_connection("127.0.0.1", sockets[0].getsockname()[1])
    writer.write(b"GET /wait/9 HTTP/1.1\r\nHost: a\r\n\r\n")
    await until(lambda: bool(server.server_state.tasks))
    server.handle_exit(signal.SIGTERM, None)
    found = await reader.read()
    writer.close()
    await task
    assert not server.force_exit
    return found


# -- the log


def test_a_failed_request_is_told_by_type_and_place_only(capfd: pytest.CaptureFixture[str]) -> None:
    """The text of an exception may hold what nobody may see (R-01)."""
    server_log.log_to_standard_error()
    log = logging.getLogger("uvicorn.error")
    with pytest.raises(RuntimeError) as raised:
        raise RuntimeError("a secret text")
    for error in (raised.value, RuntimeError("never raised"), asyncio.CancelledError()):
        log.error("Exception in ASGI application\n", exc_info=error)
    log.info("Started server process [%d]", 1)
    log.error("Application startup failed. Exiting.")
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(f"gateway: Exception in ASGI application: RuntimeError at {__file__}:")
    assert lines[1] == "gateway: Exception in ASGI application: RuntimeError"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("one\ntwo"), "one\ntwo"),
        (KeyError("pool"), "KeyError: 'pool'"),
        (ValueError(), "ValueError"),
    ],
)
def test_a_reason_is_in_words(error: Exception, words: str) -> None:
    """The type is told where the words alone would puzzle."""
    assert server_log.reason(error) == words
