"""What goes wrong around a Worker only: the caller, the settings, the audit's collector; a Cognito that is not there.

A Cognito that misbehaves: `tests/blackbox/test_faults_upstream.py`, which runs on workerd too.
"""

import http.client
import http.server
import json
import pathlib
import socket
import struct
import threading
import time
from collections.abc import Iterator

import pytest

from tests.audit.oracle import verified
from tests.blackbox import wire
from tests.blackbox.gateways import CLIENT, POLICY, Gateway, cognito, free_port
from tests.blackbox.misbehaviour import Hold
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


def test_over_its_rate_a_caller_waits(gateway: Gateway) -> None:
    """R-22: 429 with Retry-After, counted by the Durable Object."""
    token = gateway.token("slow", sub="11111111-0000-4000-8000-000000000001")
    found = [gateway.call("ListUsers", b"{}", token) for _ in range(3)]
    assert [one.status for one in found] == [200, 200, 429]
    assert int(found[-1].headers["retry-after"]) >= 1


def test_a_caller_who_hangs_up_leaves_an_outcome(gateway: Gateway) -> None:
    """R-18: the change was sent; that nobody waits for the answer any more does not end what must be written down.

    Without `waitUntil` the platform ends the call with its caller, and there is no outcome.
    """
    hold = Hold()
    gateway.stub.behaviour = hold
    with socket.create_connection(("127.0.0.1", gateway.port)) as caller:
        caller.sendall(wire.request(CHANGE, BOB, gateway.token("admin")))
        eventually(lambda: bool(gateway.stub.calls(CHANGE)), "the call at Cognito")
        # It leaves with a reset: who only says that it has no more to send may still listen.
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
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


def test_a_binding_that_keeps_no_state_is_no_store(staged: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """R-14: GATEWAY_STORE names a binding of another kind: 503 from the start, named on the console, never a 500."""
    folder = tmp_path / "kind"
    folder.mkdir()
    settings = {
        "COGNITO_USER_POOL_ID": "us-east-1_EXAMPLE",
        "COGNITO_CLIENT_IDS": CLIENT,
        "AWS_ACCESS_KEY_ID": "AKIACANARYCANARY0009",
        "AWS_SECRET_ACCESS_KEY": "canary-secret-access-key-0000000000000009",
        "GATEWAY_STORE": "VERSION",
    }
    with workers.worker(staged, folder, settings, health=503) as running:
        eventually(lambda: '"GATEWAY_STORE: read' in running.errors, "the problem on the console")
