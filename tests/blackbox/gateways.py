"""A gateway of each runtime, as a process, and everything that it was heard to say."""

import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import IO, Any

from tests.audit.oracle import verified
from tests.blackbox import wire
from tests.blackbox.canaries import Canaries, HeededMint
from tests.blackbox.stub import Stub
from tests.blackbox.wire import Line, Response

ACCESS_KEY_ID = "AKIACANARYCANARY0003"
SECRET_ACCESS_KEY = "canary-secret-access-key-0000000000000003"
SESSION_TOKEN = "canary-session-token-00000000000000000003"
POOL = "eu-west-1_TESTPOOLA"
REGION = "eu-west-1"
CLIENT = "1h57kf5cpq17m0eml12EXAMPLE"
ORIGIN = "https://app.example.com"
FIRST_FAILURE = 500
START_SECONDS = 20.0
END_SECONDS = 20.0

POLICY = """
[roles.admin]
groups = ["admin"]
allow = ["ListUsers", "AdminGetUser", "AdminDisableUser", "AdminEnableUser", "AdminAddUserToGroup",
         "AdminUpdateUserAttributes", "AdminSetUserPassword", "ListUsersInGroup", "AdminDeleteUser",
         "AdminUserGlobalSignOut"]
rate_per_minute = 1000000
explain = true
[roles.admin.limits]
attributes = "any"
groups = "any"
[roles.moderator]
groups = ["moderator"]
allow = ["ListUsers", "AdminGetUser", "AdminListGroupsForUser"]
rate_per_minute = 1000000
[roles.users]
groups = ["users"]
allow = []
[quotas]
UserRead = 1000000
UserList = 1000000
UserUpdate = 1000000
UserResourceRead = 1000000
UserPoolResourceRead = 1000000
"""


class Leaked(AssertionError):
    """The gateway let a secret out."""


class Gateway:
    """One running gateway and the stub behind it. `process` is the one that takes signals."""

    runtime = "container"

    def __init__(
        self, port: int, stub: Stub, mint: HeededMint, folder: pathlib.Path, process: "subprocess.Popen[bytes]"
    ) -> None:
        """`folder` holds its audit and its logs."""
        self.port = port
        self.stub = stub
        self.mint = mint
        self.folder = folder
        self.process = process
        self.said = bytearray()
        self.cut_short = False  # it was killed: its audit may end in half a line
        mint.canaries = self.canaries = mint.canaries or Canaries(ACCESS_KEY_ID, SECRET_ACCESS_KEY, SESSION_TOKEN)
        self._line = Line(port)

    def token(self, *groups: str, **claims: object) -> str:
        """An access token of a person in `groups`, good now."""
        return self.mint.access(groups=list(groups), **claims)

    def send(
        self, raw: bytes, *, answers: int | None = None, timeout_seconds: float = 5.0, half_close: bool = False
    ) -> list[Response]:
        """Send bytes on a connection of their own; see `wire.exchange`."""
        self.canaries.heed(raw)
        found, data = wire.exchange(
            self.port, raw, answers=answers, timeout_seconds=timeout_seconds, half_close=half_close
        )
        self.said += data
        return found

    def call(
        self,
        operation: str | None,
        body: bytes = b"{}",
        token: str | None = None,
        *,
        headers: Mapping[str, str] | list[tuple[str, str]] | tuple[()] = (),
        method: str = "POST",
        path: str = "/",
        timeout_seconds: float = 20.0,
    ) -> Response:
        """One request as an SDK sends it, on a connection of its own."""
        more = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
        raw = wire.request(operation, body, token, headers=more, method=method, path=path)
        return self.send(raw, timeout_seconds=timeout_seconds)[0]

    def ask(self, operation: str, body: bytes = b"{}", token: str | None = None) -> Response:
        """One request as an SDK sends it, on the connection that is kept for these."""
        raw = wire.request(operation, body, token, close=False)
        self.canaries.heed(raw)
        found, data = self._line.ask(raw)
        self.said += data
        return found

    @property
    def audits(self) -> list[pathlib.Path]:
        """The files that it writes down everything in: one for each worker."""
        return sorted(self.folder.glob("audit*.jsonl"))

    @property
    def audit(self) -> bytes:
        """What it wrote down."""
        return b"".join(path.read_bytes() for path in self.audits)

    @property
    def entries(self) -> list[dict[str, Any]]:
        """Its audit's whole lines, each file's chain checked."""
        return [entry for path in self.audits for entry in verified(path.read_bytes().splitlines(keepends=True))]

    @property
    def peak_memory_bytes(self) -> int:
        """The most memory that its process has held so far."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text("utf-8")
        return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))) * 1024

    @property
    def errors(self) -> str:
        """What it told the operator."""
        return (self.folder / "err.log").read_text("utf-8")

    def fails(self, response: Response) -> bool:
        """Whether an answer is a failure that no caller may cause, whatever it sends."""
        return response.status is not None and response.status >= FIRST_FAILURE

    def told(self) -> list[bytes]:
        """Everything that came out of it, ever: answers, audit, standard output and error."""
        return [bytes(self.said), *(path.read_bytes() for path in self.folder.iterdir() if path.name != "policy.toml")]

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it and give its exit status."""
        self._line.close()
        self.cut_short = self.cut_short or number == signal.SIGKILL
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


@contextlib.contextmanager
def container(
    folder: pathlib.Path,
    stub: Stub,
    mint: HeededMint,
    *,
    policy: str = POLICY,
    stdout: IO[bytes] | int | None = None,
    program: Sequence[str] = ("-m", "gateway"),
    **settings: str,
) -> Iterator[Gateway]:
    """`gateway serve` in a process of its own; at its end no secret may be found in anything that it said.

    `settings` go over the usual ones; an empty one is left out. A test may end the process itself. `stdout` takes the
    place of the file that standard output goes to, `program` that of what Python is to run.

    Raises:
        Leaked: a secret was let out.
        AssertionError: it did not start, did not end well, or something escaped it.

    """
    port = free_port()
    (folder / "policy.toml").write_text(policy, encoding="utf-8")
    environment = _environment(folder, stub, mint, port) | settings
    with (folder / "out.log").open("ab") as out, (folder / "err.log").open("ab") as err:
        process = subprocess.Popen(
            [sys.executable, *program, "serve"],
            cwd=folder,
            env={name: value for name, value in environment.items() if value},
            stdout=out if stdout is None else stdout,
            stderr=err,
        )
    gateway = Gateway(port, stub, mint, folder, process)
    ended_by_test = status = None
    try:
        _wait(gateway)
        yield gateway
        ended_by_test = process.poll()
    finally:
        status = gateway.end()
    check(gateway, status if ended_by_test is None else 0)


def check(gateway: Gateway, status: int) -> None:
    """What must hold of every gateway that has ended.

    Raises:
        Leaked: a secret was let out.
        AssertionError: it did not end well, or something escaped it.

    """
    found = gateway.canaries.found(gateway.told())
    if found:
        raise Leaked(f"secrets were let out: {found}")
    if status != 0:
        raise AssertionError(f"exit status {status}: {gateway.errors}")
    for sign in ("Traceback", "defect in request", "defect: ", "never retrieved", "never awaited"):
        if sign in gateway.errors:
            raise AssertionError(gateway.errors)
    if not gateway.cut_short:
        gateway.entries  # noqa: B018 - reading them checks their chains


Runtime = Callable[..., AbstractContextManager[Gateway]]
"""It is called with a folder, a stub, a mint, and by name a policy and settings; see `container`."""


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def usual_settings(stub: Stub, mint: HeededMint) -> dict[str, str]:
    """What a gateway of either runtime needs in front of the stub."""
    return {
        "COGNITO_USER_POOL_ID": mint.pool_id,
        "COGNITO_CLIENT_IDS": mint.client_id,
        "COGNITO_ENDPOINT_URL": stub.url,
        "COGNITO_IDENTITY_ENDPOINT_URL": stub.url,
        "COGNITO_JWKS_URL": f"{stub.url}/keys",
        "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        "AWS_SESSION_TOKEN": SESSION_TOKEN,
        "GATEWAY_ALLOWED_ORIGINS": ORIGIN,
    }


@contextlib.contextmanager
def cognito() -> Iterator[tuple[Stub, HeededMint]]:
    """A Cognito and its mint."""
    mint = HeededMint(POOL, REGION, CLIENT, now=time.time())
    stub = Stub(mint.jwks)
    try:
        yield stub, mint
    finally:
        stub.stop()


def _environment(folder: pathlib.Path, stub: Stub, mint: HeededMint, port: int) -> dict[str, str]:
    return usual_settings(stub, mint) | {
        "PATH": os.environ.get("PATH", os.defpath),
        "GATEWAY_POLICY": str(folder / "policy.toml"),
        "GATEWAY_AUDIT": f"file:{folder / 'audit.jsonl'}",
        "PORT": str(port),
    }


def _wait(gateway: Gateway) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and gateway.process.poll() is None:
        with contextlib.suppress(OSError):
            raw = wire.request(None, b"", method="GET", path="/healthz")
            if wire.exchange(gateway.port, raw, timeout_seconds=1.0)[0][0].status == 200:
                return
        time.sleep(0.02)
    gateway.process.kill()
    gateway.process.wait()
    raise AssertionError(f"the gateway did not start: {(gateway.folder / 'err.log').read_text()}")
