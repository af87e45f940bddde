"""What goes wrong around a Worker: Cognito, the caller, the settings, the audit's collector."""

import http.client
import http.server
import json
import pathlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.audit.oracle import verified
from tests.blackbox import misbehaviour, wire
from tests.blackbox.gateways import CLIENT, POLICY, Gateway, cognito, free_port
from tests.blackbox.misbehaviour import Hold, answering, raw, refusing
from tests.blackbox.stub import Behaviour, response
from tests.edge import workers
from tests.edge.gateway import edge
from tests.edge.workers import eventually

BOB = b'{"Username":"bob"}'
READ, CHANGE = "AdminGetUser", "AdminDisableUser"
HURRIED = {"GATEWAY_TIMEOUT_SECONDS": "2", "GATEWAY_CONNECT_TIMEOUT_SECONDS": "1"}
SLOW_ROLE = """
[roles.slow]
groups = ["slow"]
allow = ["ListUsers"]
rate_per_minute = 2
"""


@pytest.fixture(scope="module")
def running(staged: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One Worker in front of a Cognito that misbehaves when told to."""
    folder = tmp_path_factory.mktemp("faults")
    with cognito() as (stub, mint), edge(staged, folder, stub, mint, policy=POLICY + SLOW_ROLE, **HURRIED) as found:
        yield found


@pytest.fixture
def gateway(running: Gateway) -> Gateway:
    """It, and Cognito behaves again."""
    running.stub.reset()
    return running


FAULTS = [
    pytest.param(misbehaviour.silent, 504, "answer_timeout", id="never answers"),
    pytest.param(misbehaviour.dripping, 504, "answer_timeout", id="answers a byte at a time"),
    pytest.param(misbehaviour.resetting, 502, "reset", id="resets the connection"),
    pytest.param(raw(b"", then_close=True), 502, "reset", id="hangs up"),
    pytest.param(misbehaviour.flooding(5 << 20, chunked=False), 502, "too_large", id="says that it is too large"),
    pytest.param(misbehaviour.flooding(5 << 20, chunked=True), 502, "too_large", id="is too large"),
    pytest.param(misbehaviour.bomb(64 << 20), 502, "too_large", id="unpacks to too much"),
    pytest.param(raw(response(b"<html>", "200 OK", "text/html")), 502, None, id="is not JSON"),
    pytest.param(answering({}, "302 Found", "Location: http://127.0.0.1:1/"), 502, None, id="redirects"),
    pytest.param(
        refusing("AccessDeniedException", "arn:aws:iam::1:user/us"), 502, None, id="refuses the gateway itself"
    ),
]


@pytest.mark.parametrize(("behaviour", "status", "error"), FAULTS)
def test_a_change_that_fails_upstream_is_sent_once(
    gateway: Gateway, behaviour: Behaviour, status: int, error: str | None
) -> None:
    """R-20: whatever Cognito does, a change goes out once; the caller is told 502 or 504, the audit what it was."""
    gateway.stub.behaviour = behaviour
    found = gateway.call(CHANGE, BOB, gateway.token("admin"))
    assert (found.status, found.json["__type"]) == (status, "InternalErrorException")
    assert len(gateway.stub.calls(CHANGE)) == 1
    eventually(lambda: gateway.entries[-1]["phase"] == "outcome", "an outcome")
    assert gateway.entries[-1]["status"] == status
    assert error is None or error in gateway.entries[-1]["error"]


def test_a_read_is_tried_again(gateway: Gateway) -> None:
    """R-20: a read that broke is asked for three times at most."""
    gateway.stub.behaviour = misbehaviour.resetting
    assert gateway.call(READ, BOB, gateway.token("admin")).status == 502
    assert len(gateway.stub.calls(READ)) == 3


def test_what_goes_up_is_the_gateways_own(gateway: Gateway) -> None:
    """R-09: nothing of the caller's headers; beside ours only what the platform adds."""
    assert gateway.call(READ, BOB, gateway.token("admin"), headers={"Cookie": "a=b", "X-Evil": "1"}).status == 200
    [call] = gateway.stub.calls(READ)
    ours = {"host", "accept-encoding", "content-type", "x-amz-date", "x-amz-target", "x-amz-security-token"}
    ours |= {"authorization", "user-agent", "content-length"}
    assert {name for name, _ in call.headers} - {"cf-worker"} == ours
    assert call.line == "POST / HTTP/1.1"


def test_a_throttle_of_cognito_is_the_callers_to_wait_for(gateway: Gateway) -> None:
    """Cognito's own 400 of that kind, with Retry-After."""
    gateway.stub.behaviour = refusing("TooManyRequestsException")
    found = gateway.call("ListUsers", b"{}", gateway.token("admin"))
    assert (found.status, found.json["__type"]) == (400, "TooManyRequestsException")
    assert int(found.headers["retry-after"]) >= 1


def test_over_its_rate_a_caller_waits(gateway: Gateway) -> None:
    """R-22: 429 with Retry-After, counted by the Durable Object."""
    token = gateway.token("slow", sub="11111111-0000-4000-8000-000000000001")
    found = [gateway.call("ListUsers", b"{}", token) for _ in range(3)]
    assert [one.status for one in found] == [200, 200, 429]
    assert int(found[-1].headers["retry-after"]) >= 1


def test_a_caller_who_hangs_up_leaves_an_outcome(gateway: Gateway) -> None:
    """R-18: the change was sent; that nobody waits for the answer any more does not end what must be written down."""
    hold = Hold()
    gateway.stub.behaviour = hold
    with socket.create_connection(("127.0.0.1", gateway.port)) as caller:
        caller.sendall(wire.request(CHANGE, BOB, gateway.token("admin")))
        eventually(lambda: bool(gateway.stub.calls(CHANGE)), "the call at Cognito")
    time.sleep(0.3)
    hold.release()
    eventually(lambda: gateway.entries[-1]["phase"] == "outcome", "the outcome of who hung up")
    assert gateway.entries[-1]["status"] == 200


def test_a_cognito_that_is_not_there(staged: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """Refused connections are 502. Its audit goes to a collector, and every line is there before Cognito is asked."""
    received: list[bytes] = []

    class Collector(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    collector = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=collector.serve_forever, daemon=True).start()
    away = f"http://127.0.0.1:{free_port()}"
    audit = f"http://127.0.0.1:{collector.server_port}/lines"
    folder = tmp_path / "away"
    folder.mkdir()
    try:
        with (
            cognito() as (stub, mint),
            edge(staged, folder, stub, mint, COGNITO_ENDPOINT_URL=away, GATEWAY_AUDIT=audit, **HURRIED) as found,
        ):
            assert found.call(READ, BOB, found.token("admin")).status == 502
            assert found.call(CHANGE, BOB, found.token("admin")).status == 502
            assert found.audit == b""
    finally:
        collector.shutdown()
        collector.server_close()
    lines = verified(b"".join(received).splitlines(keepends=True))
    assert [line["operation"] for line in lines] == [READ, CHANGE]


def test_wrong_settings_refuse_everything_and_are_told_once(staged: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """R-14: a Worker cannot refuse to start; it answers 503, and the console names each problem, once, and no value."""
    folder = tmp_path / "wrong"
    folder.mkdir()
    settings = {
        "COGNITO_USER_POOL_ID": "nonsense",
        "COGNITO_CLIENT_IDS": CLIENT,
        "AWS_ACCESS_KEY_ID": "AKIACANARYCANARY0009",
        "AWS_SECRET_ACCESS_KEY_FILE": "/run/secrets/key",
        "GATEWAY_AUDIT": "file:/var/log/audit.jsonl",
        "GATEWAY_POLICY": "policy.toml",
        "GATEWAY_STORE": "redis://127.0.0.1",
        "GATEWAY_TIMEOUT": "1",
    }
    with workers.worker(staged, folder, settings, health=503) as running:
        connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)
        connection.request("POST", "/", b"{}", {"content-type": "application/x-amz-json-1.1"})
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["__type"]) == (503, "ServiceUnavailableException")
        connection.close()
        assert running.cron()["settings"] is False
        told = running.errors
    for name in settings.keys() - {"COGNITO_CLIENT_IDS", "AWS_ACCESS_KEY_ID"}:
        assert told.count(f'"{name}: read') == 1, told
    assert "wrangler secret put AWS_SECRET_ACCESS_KEY" in told
    assert "AKIACANARYCANARY0009" not in told
