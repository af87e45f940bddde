"""A Cognito that is away, silent, wrong or hostile: what the caller gets, and how often it was asked.

The rule (R-20): a mutation is never sent again once bytes were sent, unless the answer proves that nothing was done; a
read may be, three times at most; and nobody waits longer than the settings say.
"""

import pathlib
import time

import pytest

from tests.blackbox import misbehaviour
from tests.blackbox.conftest import Start
from tests.blackbox.gateways import Gateway, free_port
from tests.blackbox.misbehaviour import answering, raw, refusing
from tests.blackbox.stub import Behaviour, Stub, response, well
from tests.runtimes.certificates import Authority, self_signed
from tests.runtimes.faulty import black_hole

pytestmark = pytest.mark.slow
OPTIONS = {"GATEWAY_TIMEOUT_SECONDS": "1", "GATEWAY_CONNECT_TIMEOUT_SECONDS": "1"}
BOB = b'{"Username":"bob"}'
READ, MUTATION = "AdminGetUser", "AdminDisableUser"
MEGABYTE = 1 << 20
MOST_MEMORY_BYTES = {"container": 24 * MEGABYTE, "edge": 64 * MEGABYTE}  # JavaScript tidies up when it has time


def last(gateway: Gateway) -> tuple[str, int | None, str | None]:
    """The audit's last line, in short."""
    entry = gateway.entries[-1]
    return entry["phase"], entry["status"], entry["error"]


def check_failure(gateway: Gateway, operation: str, status: int, reason: str | None = None) -> None:
    """Call, and see that the failure is told to the caller in general and to the auditor by its reason."""
    found = gateway.call(operation, BOB, gateway.token("admin"))
    assert (found.status, found.json["__type"]) == (status, "InternalErrorException")
    assert set(found.json) == {"__type", "message"}
    phase, told, error = last(gateway)
    if operation == READ:
        assert phase == "decision"
    elif phase == "decision":  # the guards' own reads failed already: nothing was sent
        assert told == status
        assert reason is None or reason in gateway.entries[-1]["decision"]["reason"]
    else:
        assert (phase, told) == ("outcome", status)
        assert error
        assert reason is None or reason in error


@pytest.mark.only("container", "`fetch` does not say that nothing was sent: tests/edge/test_faults.py")
def test_a_cognito_that_is_not_there(start: Start) -> None:
    """R-20: connection refused: 502; a mutation ends with its guards' own reads, and the audit says why."""
    gateway = start(COGNITO_ENDPOINT_URL=f"http://127.0.0.1:{free_port()}", **OPTIONS)
    check_failure(gateway, READ, 502)
    check_failure(gateway, MUTATION, 502, "unreachable")
    assert [entry["phase"] for entry in gateway.entries] == ["decision", "decision"]


@pytest.mark.only("container", "`fetch` does not say when it has connected")
def test_a_cognito_that_swallows_connections(start: Start) -> None:
    """R-20: a SYN that nobody answers: 504 within the connect timeout, once."""
    with black_hole() as origin:
        if origin is None:
            pytest.skip("this kernel has no queue that can be filled")
        gateway = start(COGNITO_ENDPOINT_URL=f"http://{origin.authority}", **OPTIONS)
        check_failure(gateway, READ, 504)
        check_failure(gateway, MUTATION, 504, "connect")


@pytest.mark.only("container", "whom to trust is the platform's")
@pytest.mark.parametrize("vouched", [False, True], ids=["self-signed", "vouched for by the environment"])
def test_a_cognito_with_a_certificate_of_its_own(start: Start, tmp_path: pathlib.Path, *, vouched: bool) -> None:
    """R-20: the request is never sent; no environment variable makes the certificate good, or writes keys down."""
    authority, keylog = Authority(), tmp_path / "keylog"
    (tmp_path / "authority.pem").write_text(authority.pem, encoding="utf-8")
    imposter = Stub(dict, tls=authority.serving("127.0.0.1") if vouched else self_signed("127.0.0.1"))
    try:
        variables = {"SSL_CERT_FILE": str(tmp_path / "authority.pem"), "SSLKEYLOGFILE": str(keylog)} if vouched else {}
        gateway = start(COGNITO_ENDPOINT_URL=imposter.url, **OPTIONS, **variables)
        check_failure(gateway, READ, 502)
        check_failure(gateway, MUTATION, 502, "tls")
        assert imposter.received == []
        assert not keylog.exists()
    finally:
        imposter.stop()


@pytest.mark.only("container", "a Worker has no environment")
def test_proxies_of_the_environment_are_not_used(start: Start) -> None:
    """R-20: whoever can set HTTPS_PROXY for the process sees neither signed requests nor key fetches."""
    trap = Stub(dict)
    try:
        names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
        gateway = start(**dict.fromkeys(names, trap.url))
        assert gateway.call(READ, BOB, gateway.token("admin")).status == 200
        assert trap.connections == 0
    finally:
        trap.stop()


@pytest.mark.parametrize("fault", [misbehaviour.silent, misbehaviour.dripping], ids=["silent", "dripping"])
def test_a_cognito_that_does_not_come_to_the_point(gateway: Gateway, fault: Behaviour) -> None:
    """R-20: 504 when the time for a call is over, however many bytes have trickled in; never asked again."""
    for operation in (READ, MUTATION):
        gateway.stub.reset()
        gateway.stub.behaviour = fault
        check_failure(gateway, operation, 504, "timeout")
        assert len(gateway.stub.calls()) == 1


NOT_COGNITO: dict[str, Behaviour] = {
    "a page, with 200": raw(response(b"<html>maintenance</html>", "200 OK", "text/html")),
    "a page, with 503": raw(response(b"<html>maintenance</html>", "503 Service Unavailable", "text/html")),
    "a page that says it is JSON": raw(response(b"<html></html>")),
    "JSON that says it is a page": raw(response(b'{"Username":"bob"}', "200 OK", "text/html")),
    "JSON that says it is packed": answering({"Username": "bob"}, "200 OK", "Content-Encoding: gzip"),
    "an empty error": raw(response(b"", "500 Internal Server Error")),
    "a list": answering(["bob"]),
    "half of an object": raw(response(b'{"Username":"bob"')),
    "an error without a type": answering({"message": "no"}, "400 Bad Request"),
    "a success that is none": answering({}, "204 No Content"),
    "a redirect to the metadata": answering({}, "302 Found", "Location: http://169.254.169.254/latest/meta-data/"),
    "not HTTP": raw(b"SSH-2.0-OpenSSH_9.9\r\n", then_close=True),
    "HTTP/2": raw(b"HTTP/2 200 OK\r\nContent-Length: 2\r\n\r\n{}", then_close=True),
    "a bomb": misbehaviour.bomb(50 * MEGABYTE),
}


@pytest.mark.parametrize("fault", NOT_COGNITO)
def test_an_answer_that_is_not_cognitos(gateway: Gateway, fault: str) -> None:
    """R-19, R-20: 502, never a 200 that an SDK would stumble over; nothing of it is shown; a mutation is sent once."""
    for operation in (READ, MUTATION):
        gateway.stub.reset()
        gateway.stub.behaviour = NOT_COGNITO[fault]
        check_failure(gateway, operation, 502)
        assert 1 <= len(gateway.stub.calls()) <= (3 if operation == READ else 1)


def test_a_redirect_is_not_followed(gateway: Gateway) -> None:
    """R-20: wherever it leads, nobody goes there."""
    trap = Stub(dict)
    try:
        for status in ("301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"):
            gateway.stub.behaviour = answering({}, status, f"Location: {trap.url}/")
            check_failure(gateway, READ, 502)
        assert trap.connections == 0
    finally:
        trap.stop()


@pytest.mark.parametrize("chunked", [False, True], ids=["declared", "chunked"])
def test_an_answer_without_end_costs_no_memory(gateway: Gateway, *, chunked: bool) -> None:
    """R-19: fifty megabytes, declared or in chunks, several in a row: 502, and the process stays as small as it was."""
    token = gateway.token("admin")
    gateway.call(READ, BOB, token)
    before = gateway.peak_memory_bytes
    gateway.stub.behaviour = misbehaviour.flooding(50 * MEGABYTE, chunked=chunked)
    for _ in range(3):
        check_failure(gateway, MUTATION, 502, "too_large")
    assert gateway.peak_memory_bytes - before < MOST_MEMORY_BYTES[gateway.runtime]


def test_a_connection_that_breaks_in_the_middle(gateway: Gateway) -> None:
    """R-20: reset while answering: a read is tried three times, a mutation never again: it may have been done."""
    gateway.stub.behaviour = misbehaviour.resetting
    check_failure(gateway, READ, 502)
    assert len(gateway.stub.calls()) == 3
    gateway.stub.reset()
    gateway.stub.behaviour = misbehaviour.resetting
    check_failure(gateway, MUTATION, 502)
    assert len(gateway.stub.calls()) == 1


def test_a_kept_connection_that_closes_as_the_next_request_comes(gateway: Gateway) -> None:
    """R-20: the read is sent once more and succeeds; the mutation was sent, and is not; the one after it succeeds."""
    token = gateway.token("admin")
    gateway.call(READ, BOB, token)  # a connection that is kept
    gateway.stub.reset()
    gateway.stub.behaviour = misbehaviour.closing_kept
    assert gateway.call(READ, BOB, token).status == 200
    assert [call.turn > 1 for call in gateway.stub.calls()] == [True, False]
    assert gateway.call(MUTATION, BOB, token).status == 502
    assert len(gateway.stub.calls(MUTATION)) == 1
    gateway.stub.behaviour = well  # the guards' reads have made a connection that is kept again
    assert gateway.call(MUTATION, BOB, token).status == 200
    assert len(gateway.stub.calls(MUTATION)) == 2


def test_a_connection_that_was_closed_while_idle(gateway: Gateway) -> None:
    """R-20: nobody notices: not a byte was sent on it, so mutations too go out on a new one."""
    gateway.stub.behaviour = misbehaviour.closing_idle
    token = gateway.token("admin")
    for _ in range(10):
        assert gateway.call(MUTATION, BOB, token).status == 200
        time.sleep(0.01)  # the close arrives
    assert len(gateway.stub.calls()) == 10


THROTTLES = {
    "by 400": ("400 Bad Request", (), 400, "1"),
    "by 400, with a wait": ("400 Bad Request", ("Retry-After: 7",), 400, "7"),
    "by 429, with a wait": ("429 Too Many Requests", ("Retry-After: 3",), 429, "3"),
    "with a wait of a day": ("400 Bad Request", ("Retry-After: 86400",), 400, "60"),
    "with a date": ("400 Bad Request", ("Retry-After: Fri, 31 Dec 2027 23:59:59 GMT",), 400, "1"),
    "with nonsense": ("400 Bad Request", ("Retry-After: -1",), 400, "1"),
}


@pytest.mark.parametrize("how", THROTTLES)
def test_a_throttle_goes_to_the_caller(gateway: Gateway, how: str) -> None:
    """R-20: SDKs wait and try again themselves, so the gateway does not; the wait that they are told has an end."""
    status, headers, told, wait = THROTTLES[how]
    gateway.stub.behaviour = refusing("TooManyRequestsException", "Rate exceeded", status, *headers)
    for operation in (READ, MUTATION):
        found = gateway.call(operation, BOB, gateway.token("admin"))
        assert (found.status, found.json["__type"]) == (told, "TooManyRequestsException")
        assert found.headers["retry-after"] == wait
    assert len(gateway.stub.calls()) == 2
