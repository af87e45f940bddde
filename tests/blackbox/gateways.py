"""A gateway of each runtime, as a process; and a caller that speaks to it in raw bytes."""

import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tests.blackbox.stub import Stub
from tests.minting import Mint

ACCESS_KEY_ID = "AKIACANARYCANARY0003"
SECRET_ACCESS_KEY = "canary-secret-access-key-0000000000000003"
SESSION_TOKEN = "canary-session-token-00000000000000000003"
POOL = "eu-west-1_TESTPOOLA"
CLIENT = "1h57kf5cpq17m0eml12EXAMPLE"
ORIGIN = "https://app.example.com"
START_SECONDS = 20.0

POLICY = """
[roles.admin]
groups = ["admin"]
allow = ["ListUsers", "AdminGetUser", "AdminDisableUser", "AdminEnableUser", "AdminAddUserToGroup",
         "AdminUpdateUserAttributes", "AdminSetUserPassword", "ListUsersInGroup", "AdminDeleteUser"]
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
"""


@dataclass
class Response:
    """An HTTP answer, or a closed connection (`status` None)."""

    status: int | None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class Gateway:
    """One running gateway, the stub behind it, and everything that it said."""

    def __init__(self, port: int, stub: Stub, mint: Mint, folder: pathlib.Path) -> None:
        """`folder` holds its audit and its logs."""
        self.port = port
        self.stub = stub
        self.mint = mint
        self.folder = folder
        self.said = bytearray()
        self.tokens: set[str] = set()

    def token(self, *groups: str, **claims: object) -> str:
        """An access token of a person in `groups`, good now."""
        token = self.mint.access(groups=list(groups), **claims)
        self.tokens.add(token)
        return token

    def send(self, raw: bytes, *, timeout_seconds: float = 5.0, half_close: bool = False) -> list[Response]:
        """Send bytes on one connection; all answers until it closes or falls silent."""
        with socket.create_connection(("127.0.0.1", self.port), timeout_seconds) as connection:
            with contextlib.suppress(OSError):
                connection.sendall(raw)
                if half_close:
                    connection.shutdown(socket.SHUT_WR)
            data, complete = b"", False
            while not complete:
                try:
                    more = connection.recv(65536)
                except OSError:
                    break
                data += more
                complete = not more or (len(_responses(data)) == raw.count(b"HTTP/1.1\r\n") > 0 and _whole(data))
        self.said += data
        return _responses(data) or [Response(None)]

    def call(  # noqa: PLR0913 - a request has that many parts
        self,
        operation: str | None,
        body: bytes = b"{}",
        token: str | None = None,
        *,
        headers: Mapping[str, str] | list[tuple[str, str]] = (),  # type: ignore[assignment]
        method: str = "POST",
        path: str = "/",
        timeout_seconds: float = 20.0,
    ) -> Response:
        """One request as an SDK sends it."""
        more = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
        names = {name.lower() for name, _ in more}
        found = [("Host", "gateway"), ("Connection", "close"), *more]
        if operation is not None:
            found.append(("X-Amz-Target", f"AWSCognitoIdentityProviderService.{operation}"))
        if token is not None:
            found.append(("Authorization", f"Bearer {token}"))
        if "content-type" not in names:
            found.append(("Content-Type", "application/x-amz-json-1.1"))
        if "content-length" not in names:
            found.append(("Content-Length", str(len(body))))
        head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in found)
        raw = head.encode("utf-8", "surrogatepass") + b"\r\n" + body
        return self.send(raw, timeout_seconds=timeout_seconds)[0]

    @property
    def audit(self) -> bytes:
        """What it wrote down."""
        path = self.folder / "audit.jsonl"
        return path.read_bytes() if path.exists() else b""

    def canaries(self) -> list[str]:
        """Secrets that it let out, anywhere (R-01)."""
        told = bytes(self.said) + self.audit + b"".join(path.read_bytes() for path in self.folder.glob("*.log"))
        secrets = {ACCESS_KEY_ID, SECRET_ACCESS_KEY, SESSION_TOKEN, "CanaryPassw0rd!", *self.tokens}
        return sorted(secret for secret in secrets if secret.encode() in told)


@contextlib.contextmanager
def container(folder: pathlib.Path, stub: Stub, mint: Mint, **settings: str) -> Iterator[Gateway]:
    """`gateway serve` in a process of its own; at its end no secret may be found in anything that it said."""
    port = free_port()
    policy = folder / "policy.toml"
    policy.write_text(POLICY, encoding="utf-8")
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "COGNITO_USER_POOL_ID": mint.pool_id,
        "COGNITO_CLIENT_IDS": mint.client_id,
        "COGNITO_ENDPOINT_URL": stub.url,
        "COGNITO_JWKS_URL": f"{stub.url}/keys",
        "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        "AWS_SESSION_TOKEN": SESSION_TOKEN,
        "GATEWAY_POLICY": str(policy),
        "GATEWAY_ALLOWED_ORIGINS": ORIGIN,
        "GATEWAY_AUDIT": f"file:{folder / 'audit.jsonl'}",
        "PORT": str(port),
    } | settings
    with (folder / "out.log").open("ab") as out, (folder / "err.log").open("ab") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "serve"], cwd=folder, env=environment, stdout=out, stderr=err
        )
        gateway = Gateway(port, stub, mint, folder)
        try:
            _wait(process, port, folder)
            yield gateway
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                status = process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise
    if status != 0:
        raise AssertionError(f"exit status {status}: {(folder / 'err.log').read_text()}")
    found = gateway.canaries()
    if found:
        raise AssertionError(f"secrets were let out: {found}")
    if b"Traceback" in (folder / "err.log").read_bytes():
        raise AssertionError((folder / "err.log").read_text())


RUNTIMES = {"container": container}


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _wait(process: "subprocess.Popen[bytes]", port: int, folder: pathlib.Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as probe:
            probe.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            if probe.recv(64).startswith(b"HTTP/1.1 200"):
                return
        time.sleep(0.02)
    process.kill()
    process.wait()
    raise AssertionError(f"the gateway did not start: {(folder / 'err.log').read_text()}")


def _responses(data: bytes) -> list[Response]:
    found = []
    while data:
        head, separator, rest = data.partition(b"\r\n\r\n")
        if not separator or not head.startswith(b"HTTP/"):
            break
        lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        status = int(lines[0].split(" ", 2)[1])
        length = int(headers.get("content-length", "0"))
        if status >= 200:  # noqa: PLR2004 - an interim answer is none
            found.append(Response(status, headers, rest[:length]))
        data = rest[length:] if status >= 200 else rest  # noqa: PLR2004
    return found


def _whole(data: bytes) -> bool:
    last = _responses(data)[-1]
    return len(last.body) == int(last.headers.get("content-length", "0"))
