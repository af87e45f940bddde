"""One request in raw bytes, as a caller of the bench sends it, and its answer.

Duty: be so plain that a peer's own reading of HTTP is what is tried. Prohibition: no retry, no keep-alive.
"""

import socket
from dataclasses import dataclass

POOL = "us-east-1_BenchPool1"
CLIENT = "benchclient000000000000001"
REGION = "us-east-1"
TARGET = "AWSCognitoIdentityProviderService.AdminGetUser"
OTHER_TARGET = "AWSCognitoIdentityProviderService.AdminDeleteUser"
BODY = f'{{"UserPoolId":"{POOL}","Username":"alice@example.com"}}'

_TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Response:
    """An answer's status and body."""

    status: int
    body: bytes


def request(token: str, *, target: str = TARGET, body: str = BODY, more: str = "") -> bytes:
    r"""One signed-in request, closing its connection; `more` are further header lines, each ending in `\r\n`."""
    return (
        f"POST / HTTP/1.1\r\nHost: gateway.local\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/x-amz-json-1.1\r\nX-Amz-Target: {target}\r\nAccept: */*\r\nUser-Agent: bench\r\n"
        f"{more}Connection: close\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def exchange(port: int, data: bytes) -> Response:
    """Send `data` to loopback and read until the other side closes.

    Raises:
        OSError: nobody listens, or the answer took longer than five seconds.
        ValueError: what came back is not an HTTP answer.

    """
    received = b""
    with socket.create_connection(("127.0.0.1", port), _TIMEOUT_SECONDS) as connection:
        connection.sendall(data)
        while piece := connection.recv(65536):
            received += piece
    head, separator, body = received.partition(b"\r\n\r\n")
    if not separator or not head.startswith(b"HTTP/1."):
        raise ValueError(f"not an HTTP answer: {received[:40]!r}")
    return Response(int(head.split(b" ", 2)[1]), body)


def free_port() -> int:
    """A port of loopback that was free a moment ago."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def listens(port: int) -> bool:
    """Whether somebody takes connections on a port of loopback."""
    try:
        socket.create_connection(("127.0.0.1", port), _TIMEOUT_SECONDS).close()
    except OSError:
        return False
    return True
