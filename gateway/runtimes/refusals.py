"""What the HTTP server answers by itself, before the application hears of a request.

Duty: one record a case and its bytes, in the shape of AWS JSON 1.1, so that an SDK raises its usual exception.
Prohibition: nothing of the request is repeated, and none of these reaches the audit: no caller is known yet.
Source: AWS JSON 1.1 (`__type`, `message`); RFC 9110 section 15; RFC 6585 section 5 (431); RFC 9112 sections 2 to 9.
"""

import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus

Header = tuple[bytes, bytes]

_FACTOR = 12  # bytes of randomness in a request id


@dataclass(frozen=True, slots=True)
class Refusal:
    """A status, the AWS type that goes with it, and the words for the caller."""

    status: HTTPStatus
    type: str
    message: str
    retry_after_seconds: int | None = None

    def headers(self, length: int) -> list[Header]:
        """What every refusal carries, for a body of `length` bytes."""
        number = secrets.token_hex(_FACTOR).encode()
        found = [
            (b"content-type", b"application/x-amz-json-1.1"),
            (b"content-length", b"%d" % length),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
            (b"x-amzn-errortype", self.type.encode()),
            (b"x-amzn-requestid", number),
            (b"x-request-id", number),
        ]
        if self.retry_after_seconds is not None:
            found.append((b"retry-after", b"%d" % self.retry_after_seconds))
        return found

    def body(self) -> bytes:
        """The JSON document."""
        return json.dumps({"__type": self.type, "message": self.message}).encode()

    def answer(self, default_headers: Iterable[Header]) -> bytes:
        """Write the whole answer, after which the connection closes; `default_headers` are the server's own (Date)."""
        body = self.body()
        lines = [b"HTTP/1.1 %d %s" % (self.status, self.status.phrase.encode())]
        lines += [b"%s: %s" % header for header in (*default_headers, *self.headers(len(body)))]
        return b"\r\n".join((*lines, b"connection: close", b"", body))


class Refused(Exception):
    """Raised inside the parser's callbacks, so that nothing after the refused byte is read as a request."""

    def __init__(self, refusal: Refusal) -> None:
        """`refusal` is what is answered."""
        super().__init__(refusal.message)
        self.refusal = refusal


_INVALID = "InvalidParameterException"
_LARGE = "RequestEntityTooLargeException"

MALFORMED = Refusal(HTTPStatus.BAD_REQUEST, _INVALID, "The request is not well-formed HTTP/1.1.")
AMBIGUOUS = Refusal(HTTPStatus.BAD_REQUEST, _INVALID, "The length of the request's body cannot be told for certain.")
HOST = Refusal(HTTPStatus.BAD_REQUEST, _INVALID, "The request needs exactly one Host header.")
METHOD = Refusal(HTTPStatus.BAD_REQUEST, _INVALID, "This is no proxy: CONNECT is not served.")
VERSION = Refusal(HTTPStatus.BAD_REQUEST, _INVALID, "Only HTTP/1.1 and HTTP/1.0 are served.")
TOO_LATE = Refusal(HTTPStatus.REQUEST_TIMEOUT, "RequestTimeoutException", "The request did not arrive in time.")
URL_TOO_LONG = Refusal(HTTPStatus.REQUEST_URI_TOO_LONG, _LARGE, "The request's path and query are too long.")
HEAD_TOO_LARGE = Refusal(
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, _LARGE, "The request's headers are too many or too long."
)
PIPELINE_FULL = Refusal(
    HTTPStatus.TOO_MANY_REQUESTS,
    "TooManyRequestsException",
    "Too many requests were sent without waiting for an answer.",
    retry_after_seconds=1,
)
FAILED = Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "InternalErrorException", "The gateway failed.")
BUSY = Refusal(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "ServiceUnavailableException",
    "The gateway cannot serve this now.",
    retry_after_seconds=1,
)
