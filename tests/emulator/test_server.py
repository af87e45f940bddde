"""Starting, stopping, and what can be asked of a running emulator."""

import errno
import socket
import socketserver
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from gateway import emulator as cognito
from gateway.emulator import Emulator, PortBusy
from gateway.emulator.calls import MAX_CALLS, Call, Calls
from tests.emulator.callers import PASSWORD, client, post


def port_of(emulator: Emulator) -> int:
    """The port in an emulator's address."""
    return int(emulator.url.rpartition(":")[2])


def test_a_busy_port_is_named() -> None:
    """PortBusy is an OSError that says which port."""
    with cognito.start(port=0, users=0) as first:
        port = port_of(first)
        with pytest.raises(PortBusy, match=str(port)) as caught:
            cognito.start(port=port)
        assert isinstance(caught.value, OSError)
        assert caught.value.port == port


def test_a_port_that_may_not_be_bound_is_another_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a busy port is PortBusy: a forbidden one keeps its own error."""

    def forbid(_: object) -> None:
        raise PermissionError(errno.EACCES, "forbidden")

    monkeypatch.setattr(socketserver.TCPServer, "server_bind", forbid)
    with pytest.raises(PermissionError):
        cognito.start(port=0)


def test_stopping_frees_the_port_and_ends_the_threads() -> None:
    """Also while a client keeps its connection open; stopping twice is harmless."""
    before = set(threading.enumerate())
    emulator = cognito.start(port=0, users=0)
    port = port_of(emulator)
    with socket.create_connection(("127.0.0.1", port)) as idle:
        idle.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert idle.recv(4096).startswith(b"HTTP/1.1 404 ")
        emulator.stop()
        emulator.stop()
        assert idle.recv(100) == b""
    assert set(threading.enumerate()) <= before
    with cognito.start(port=port, users=0) as again:
        assert port_of(again) == port


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.com"])
def test_it_listens_on_loopback_only(host: str) -> None:
    """An emulator with published passwords is nobody else's business."""
    with pytest.raises(ValueError, match=r"loopback|does not appear"):
        cognito.start(host=host, port=0)


def test_it_listens_on_the_other_loopbacks() -> None:
    """`localhost` and IPv6, where there is one."""
    with cognito.start(host="localhost", port=0, users=0) as emulator:
        assert emulator.url.startswith("http://127.0.0.1:")
    try:
        emulator = cognito.start(host="::1", port=0, users=0)
    except OSError:
        pytest.skip("no IPv6 here")
    with emulator:
        assert emulator.url.startswith("http://[::1]:")
        assert client_works(emulator)


def client_works(emulator: Emulator) -> bool:
    """One call."""
    with closing(client(emulator)) as idp:
        return bool(idp.list_groups(UserPoolId=emulator.pool_id)["Groups"])


def test_two_emulators_know_nothing_of_each_other() -> None:
    """Users, keys and calls of one are not the other's; each start begins anew."""
    with cognito.start(port=0, users=0) as one, cognito.start(port=0, users=0) as two:
        with closing(client(one)) as idp:
            idp.admin_delete_user(UserPoolId=one.pool_id, Username="user@example.com")
        with pytest.raises(cognito.AwsError):
            one.sign_in("user@example.com", PASSWORD)
        assert two.sign_in("user@example.com", PASSWORD)
        assert len(two.calls) == 0
        assert len(one.calls) == 1


def test_a_stopped_emulator_answers_nobody() -> None:
    """The connection is refused."""
    emulator = cognito.start(port=0, users=0)
    emulator.stop()
    with closing(client(emulator)) as idp, pytest.raises(EndpointConnectionError):
        idp.list_groups(UserPoolId=emulator.pool_id)


def test_calls_are_counted_with_their_bodies_and_headers(emulator: Emulator, idp: Any) -> None:
    """Tests see what reached Cognito, in order, refused calls included."""
    emulator.calls.clear()
    idp.list_groups(UserPoolId=emulator.pool_id, Limit=3)
    with pytest.raises(idp.exceptions.UserNotFoundException):
        idp.admin_get_user(UserPoolId=emulator.pool_id, Username="nobody")
    post(emulator, {"x-amz-target": "Nonsense.Thing", "x-mine": "1"}, b"not json")
    post(emulator, {"content-type": "application/x-www-form-urlencoded"}, b"a=b", "/oauth2/token")
    targets = [call.target for call in emulator.calls]
    assert targets == [
        "AWSCognitoIdentityProviderService.ListGroups",
        "AWSCognitoIdentityProviderService.AdminGetUser",
        "Nonsense.Thing",
        "POST /oauth2/token",
    ]
    first, last = emulator.calls[0], emulator.calls[-1]
    assert (first.operation, first.body) == ("ListGroups", {"UserPoolId": emulator.pool_id, "Limit": 3})
    assert first.headers["authorization"].startswith("AWS4-HMAC-SHA256 ")
    assert last.body == {"a": "b"}
    assert emulator.calls[2].headers["x-mine"] == "1"
    assert [call.operation for call in emulator.calls.of("AdminGetUser")] == ["AdminGetUser"]
    emulator.calls.clear()
    assert len(emulator.calls) == 0


def test_sign_in_is_not_a_call(emulator: Emulator) -> None:
    """The convenience leaves no trace among the counted calls."""
    emulator.calls.clear()
    assert set(emulator.sign_in("admin@example.com", PASSWORD)) == {"access_token", "id_token", "refresh_token"}
    assert emulator.machine_token()
    assert list(emulator.calls) == []


def test_calls_do_not_grow_without_end() -> None:
    """The newest ten thousand are kept."""
    calls = Calls()
    for number in range(MAX_CALLS + 5):
        calls.record(Call(str(number), {}, {}))
    assert len(calls) == MAX_CALLS
    assert calls[0].target == "5"


def test_many_callers_at_once_are_all_served(emulator: Emulator) -> None:
    """Parallel sign-ups and lists neither break nor lose one another."""

    def work(number: int) -> None:
        with closing(client(emulator)) as idp:
            for index in range(5):
                idp.sign_up(ClientId=emulator.client_id, Username=f"w{number}-{index}", Password=PASSWORD)
                idp.list_users(UserPoolId=emulator.pool_id)

    with ThreadPoolExecutor(4) as workers:
        list(workers.map(work, range(4)))
    assert sum(name.startswith("w") for name in emulator._parts.pool.users) == 20


@pytest.mark.parametrize(
    "policy",
    [
        {},
        {"Statement": "no"},
        {"Statement": [{"Effect": "Maybe", "Action": "*", "Resource": "*"}]},
        {"Statement": [{"Effect": "Allow", "Resource": "*"}]},
        {"Statement": [{"Effect": "Allow", "Action": [], "Resource": "*"}]},
        {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"Bool": {}}}]},
        {"Statement": [{"Effect": "Allow", "Action": "*", "NotAction": "*", "Resource": "*"}]},
    ],
)
def test_a_policy_that_cannot_be_judged_is_refused_at_start(policy: dict[str, Any]) -> None:
    """Rather no emulator than one that guesses."""
    with pytest.raises(ValueError, match="IAM"):
        cognito.start(port=0, iam_policy=policy, users=0)


def test_it_says_nothing_of_its_own() -> None:
    """Starting, serving and stopping print nothing: the terminal belongs to `gateway dev`."""
    program = (
        "import urllib.request as u; from gateway import emulator as e\n"
        "with e.start(port=0, users=3) as r:\n"
        "    u.urlopen(r.jwks_url).read()\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")
