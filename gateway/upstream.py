"""The only door to Cognito, as a port: what is sent, what may come back, and what a transport may raise.

Duty: the records that cross the door and the reading of an answer (its type, whose fault it is, what is masked).
Prohibition: no sockets, no clock, no signing here. A transport does one exchange and never retries, follows no
redirect, decodes no content-encoding and reads no proxy or certificate setting from the environment.
Source: AWS JSON 1.1 protocol (errors: `__type`, `message`, `x-amzn-errortype`); RFC 9110.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from gateway.errors import UpstreamError, UpstreamTimeout

MAX_ANSWER_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request goes, fixed by the settings: nothing of a caller's request can change it."""

    scheme: str  # "https", or "http" (loopback, or allowed by a setting)
    host: str  # without port; an IPv6 address without brackets
    port: int

    @property
    def authority(self) -> str:
        """The Host header: the port is left out where it is the scheme's own."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == {"https": 443, "http": 80}[self.scheme] else f"{name}:{self.port}"


@dataclass(slots=True)  # made for every call: freezing would double the cost
class Request:
    """One HTTP request to an origin: `POST` unless said otherwise, headers in the order they are written.

    `headers` never holds Host or Content-Length: the transport writes both (Host from the origin).
    """

    origin: Origin
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)
    method: str = "POST"
    path: str = "/"


@dataclass(slots=True)  # made for every call: freezing would double the cost
class Answer:
    """A whole answer. `headers` has lower-case names; of several with one name the last is kept."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class NotSent(UpstreamError):
    """No byte of the request left: safe to send again. Refused, unresolvable, bad certificate."""


class ConnectTimeout(UpstreamTimeout):
    """The connection was not made within the connect timeout. No byte of the request left."""


class Broken(UpstreamError):
    """The exchange broke after bytes were sent: reset, cut short, too large, not HTTP. It may have been carried out.

    `reused` is true when the connection had served a request before and no byte of the answer had come: the
    server's idle timeout is the likely cause.
    """

    def __init__(self, reason: str, *, reused: bool = False) -> None:
        """`reason` is a slug for the audit."""
        super().__init__(reason)
        self.reused = reused


class AnswerTimeout(UpstreamTimeout):
    """The whole call took longer than its timeout; bytes had been sent."""


class Transport(Protocol):
    """One exchange with an origin.

    Raises `NotSent`, `ConnectTimeout`, `Broken` or `AnswerTimeout`; nothing else escapes. `timeout_seconds` covers the
    whole exchange, connecting included; the transport has its own, shorter connect timeout.
    """

    async def __call__(self, request: Request, *, timeout_seconds: float, max_answer_bytes: int = ...) -> Answer:
        """Send `request` and return the whole answer."""
        ...  # pragma: no cover - a port
