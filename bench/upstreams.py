"""What stands behind the peers: a quick Cognito in C that counts, and a slow one that checks every signature.

Duty: the quick one costs the load side as little as can be; the strict one accepts nothing but a right signature.
Prohibition: neither knows which peer calls.
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import calendar
import contextlib
import hashlib
import hmac
import json
import pathlib
import re
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from bench import people, processes, wire
from bench.material import ACCESS_KEY_ID, SECRET_ACCESS_KEY

NOBODY = "nobody@example.com"
ARN = "arn:aws:iam::123456789012:user/gateway"

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, ?"
    r"SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})"
)
_MUST_BE_SIGNED = frozenset({"host", "x-amz-date", "x-amz-target"})
_SKEW_SECONDS = 300
_START_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Counts:
    """What the quick stub has seen since it started."""

    requests: int
    connections: int
    signed: int  # requests with a SigV4 Authorization header; it does not check them
    own: Mapping[str, int]  # requests by operation, without
    guards: Mapping[str, int]  # those that the gateway's guards made for themselves


class Stub:
    """The quick one, running."""

    def __init__(self, port: int) -> None:
        """`port` is where it listens."""
        self.port = port

    def counts(self) -> Counts:
        """Ask it; the question itself is not counted."""
        answer = wire.exchange(self.port, b"GET /__stats HTTP/1.1\r\n\r\n")
        return Counts(**json.loads(answer.body))


@contextlib.contextmanager
def stub(binary: pathlib.Path, core: int, folder: pathlib.Path) -> Iterator[Stub]:
    """Start the quick one on `core`, in `folder`, and wait until it answers.

    Raises:
        TimeoutError: it does not.

    """
    found = Stub(wire.free_port())
    with processes.running([str(binary), str(found.port)], core, folder):
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                found.counts()
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise TimeoutError("the stub did not start") from None
                time.sleep(0.01)
        yield found


class Strict:
    """The slow one: checks signatures, keeps what it thought of each request, and publishes the key set."""

    def __init__(self, jwks: str) -> None:
        """Start it in a thread of its own; `jwks` is what `GET /keys` gives."""
        self.verdicts: list[str] = []  # of all requests but the guards' own that are signed rightly
        self.asked: list[str] = []  # the operations, "guards " before those of the guards
        self.demoted: set[str] = set()  # users whom it knows in no group
        handler = type("Handler", (_Handler,), {"strict": self, "jwks": jwks.encode()})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    @property
    def keys_url(self) -> str:
        """Where the key set is."""
        return f"http://127.0.0.1:{self.port}/keys"

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    strict: Strict
    jwks: bytes

    def do_GET(self) -> None:
        self._answer(200, "application/json", self.jwks)

    def do_POST(self) -> None:
        body = self._body()
        strict, headers = self.strict, {name.lower(): value for name, value in self.headers.items()}
        verdict = judge(headers, self.path, body, time.time())
        operation = headers.get("x-amz-target", "").rpartition(".")[2]
        guards = " guards" in headers.get("user-agent", "")
        strict.asked.append(f"guards {operation}" if guards else operation)
        if not guards or verdict != "signed":
            strict.verdicts.append(verdict)
        if verdict != "signed":
            status, found = 403, {"__type": "InvalidSignatureException", "message": verdict}
        elif json.loads(body).get("Username") == NOBODY:
            status, found = 400, {"__type": "UserNotFoundException", "message": f"not for {ARN}"}
        else:
            status, found = 200, people.answer(operation, json.loads(body), demoted=strict.demoted)
        answer = json.dumps(found).encode()
        self._answer(status, "application/x-amz-json-1.1", answer)

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("content-length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing."""


def judge(headers: Mapping[str, str], path: str, body: bytes, now: float) -> str:
    """`signed` when the request carries a right signature of the run's keys, made just now; else what is wrong.

    `headers` has lower-case names, `now` is epoch seconds.
    """
    match = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    if match is None:
        return "not signed"
    access_key_id, day, region, service, names, signature = match.groups()
    date = headers.get("x-amz-date", "")
    if access_key_id != ACCESS_KEY_ID or not set(names.split(";")) >= _MUST_BE_SIGNED:
        return "wrong key or too little signed"
    if not date.startswith(day) or abs(_epoch(date) - now) > _SKEW_SECONDS:
        return "wrong date"
    lines = "".join(f"{name}:{' '.join(headers.get(name, '').split())}\n" for name in names.split(";"))
    canonical = f"POST\n{path}\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    key = f"AWS4{SECRET_ACCESS_KEY}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    scope = f"{day}/{region}/{service}/aws4_request"
    to_sign = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    return "signed" if hmac.digest(key, to_sign.encode(), "sha256").hex() == signature else "wrong signature"


def _epoch(date: str) -> float:
    try:
        return calendar.timegm(time.strptime(date, "%Y%m%dT%H%M%SZ"))
    except ValueError:
        return 0.0
