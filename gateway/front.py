"""What both ways in share: the limits of the HTTP side, the calls under way, one request as it was heard.

Duty: read a body once, within its limit, and count a call from when its body is whole.
Prohibition: nothing is parsed and nothing decided here.
Source: ASGI 3.0.
"""

from dataclasses import dataclass, field
from http import HTTPStatus

from starlette.types import Receive, Scope

from gateway.errors import BodyTooLarge, GatewayError, Unavailable
from gateway.headers import Network, caller_ip, length, read

UNREAD_LIMIT_BYTES = 65536
"""A refused body longer than this is not read to its end: the connection closes instead."""


class Disconnected(GatewayError):
    """The caller hung up before its request was whole. Nobody reads the answer; the audit does."""

    status = HTTPStatus.BAD_REQUEST
    type = "InvalidParameterException"
    message = "The request was cut short."


@dataclass(frozen=True, slots=True)
class Front:
    """What of the settings the HTTP side needs."""

    max_body_bytes: int = 65536
    allowed_origins: frozenset[str] = frozenset()
    trusted_proxies: tuple[Network, ...] = ()
    max_in_flight: int = 1000


class InFlight:
    """The calls whose bodies are whole and whose answers are not: who sends slowly takes nobody's place (R-22)."""

    __slots__ = ("_limit", "count")

    def __init__(self, limit: int) -> None:
        """At most `limit` at a time."""
        self._limit = limit
        self.count = 0

    def enter(self) -> None:
        """Count one more.

        Raises:
            Unavailable: there are too many.

        """
        if self.count >= self._limit:
            raise Unavailable("overload", retry_after_seconds=1)
        self.count += 1


class Reading:
    """Reads one body, once, within the limit. `entered` says whether it counts among those in flight."""

    __slots__ = ("_found", "_in_flight", "_max_bytes", "_receive", "entered")

    def __init__(self, receive: Receive, found: dict[bytes, bytes], max_bytes: int, in_flight: InFlight) -> None:
        """`found` are the request's headers; `max_bytes` is the longest body that is read."""
        self._receive = receive
        self._found = found
        self._max_bytes = max_bytes
        self._in_flight = in_flight
        self.entered = False

    async def whole(self) -> bytes:
        """The body.

        Raises:
            BodyTooLarge: it is longer than the limit.
            Disconnected: the caller hung up.
            Unavailable: too many are in flight.

        """
        if length(self._found) > self._max_bytes:
            raise BodyTooLarge("content-length")
        message = await self._receive()
        body: bytes = message.get("body", b"")
        while message["type"] == "http.request" and message.get("more_body"):
            if len(body) > self._max_bytes:
                raise BodyTooLarge("body")
            message = await self._receive()
            body += message.get("body", b"")
        if message["type"] != "http.request":
            raise Disconnected("disconnected")
        if len(body) > self._max_bytes:
            raise BodyTooLarge("body")
        self.enter()
        return body

    def enter(self) -> None:
        """Count the call: also one that has no body.

        Raises:
            Unavailable: too many are in flight.

        """
        if not self.entered:
            self._in_flight.enter()
            self.entered = True

    def leave(self) -> None:
        """The call is over."""
        if self.entered:
            self._in_flight.count -= 1
            self.entered = False


@dataclass(slots=True)
class Heard:
    """One request's head, read strictly. `twice` is the refusal where a header came twice."""

    id: str
    found: dict[bytes, bytes] = field(repr=False)
    twice: GatewayError | None
    ip: str
    reading: Reading

    @property
    def dry_run(self) -> bool:
        """Whether it is only to be decided."""
        return self.found.get(b"x-gateway-dry-run", b"").lower() == b"true"

    @property
    def unread(self) -> bool:
        """Whether so much of it may be unread that the connection must close behind a refusal."""
        return length(self.found) > UNREAD_LIMIT_BYTES


def hear(scope: Scope, receive: Receive, front: Front, in_flight: InFlight, request_id: str) -> Heard:
    """Read the head of a request that the gateway calls `request_id`."""
    found, twice = read(scope["headers"])
    ip = caller_ip(scope.get("client"), found, front.trusted_proxies)
    return Heard(request_id, found, twice, ip, Reading(receive, found, front.max_body_bytes, in_flight))
