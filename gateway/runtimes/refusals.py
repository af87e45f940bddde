"""What the HTTP server answers by itself, before the application hears of a request.

Duty: one record a case and its bytes, in the shape of AWS JSON 1.1, so that an SDK raises its usual exception, or,
where the request is known to be for another path than the AWS endpoint's, as RFC 9457 has it.
Prohibition: nothing of the request is repeated, and none of these reaches the audit: no caller is known yet.
Source: AWS JSON 1.1 (`__type`, `message`); RFC 9457; RFC 9110 sections 9.3.2 and 15; RFC 6585 section 5 (431);
RFC 9112 sections 2 to 9.
"""

import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from http import HTTPStatus

from gateway.api.problem import MEDIA_TYPE, Problem

Header = tuple[bytes, bytes]

_FACTOR = 12  # bytes of randomness in a request id


@dataclass(frozen=True, slots=True)
class Refusal:
    """A status, the AWS type that goes with it, and the words for the caller."""

    status: HTTPStatus
    type: str
    message: str
    retry_after_seconds: int | None = None
    problem_id: str | None = None
    """The request's id, where it is told as RFC 9457; see `of`."""
    to_head: bool = False

    def of(self, method: bytes, path: bytes) -> "Refusal":
        """The same refusal of a request of which this much is known: its method, and its path without the query."""
        return replace(
            self,
            problem_id=None if path == b"/" else secrets.token_hex(_FACTOR),
            to_head=method == b"HEAD",
        )

    def headers(self, length: int) -> list[Header]:
        """What every refusal carries, for a body of `length` bytes."""
        number = (self.problem_id or secrets.token_hex(_FACTOR)).encode()
        media = b"application/x-amz-json-1.1" if self.problem_id is None else MEDIA_TYPE.encode()
        found = [
            (b"content-type", media),
            (b"content-length", b"%d" % length),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
            (b"x-request-id", number),
        ]
        if self.problem_id is None:
            found += [(b"x-amzn-errortype", self.type.encode()), (b"x-amzn-requestid", number)]
        if self.retry_after_seconds is not None:
            found.append((b"retry-after", b"%d" % self.retry_after_seconds))
        return found

    def body(self) -> bytes:
        """The JSON document."""
        if self.problem_id is not None:
            problem = Problem(int(self.status), self.type, self.message)
            return json.dumps(problem.document(self.problem_id)).encode()
        return json.dumps({"__type": self.type, "message": self.message}).encode()

    def answer(self, default_headers: Iterable[Header]) -> bytes:
        """Write the whole answer, after which the connection closes; `default_headers` are the server's own (Date)."""
        body = self.body()
        lines = [b"HTTP/1.1 %d %s" % (self.status, self.status.phrase.encode())]
        lines += [b"%s: %s" % header for header in (*default_headers, *self.headers(len(body)))]
        return b"\r\n".join((*lines, b"connection: close", b"", b"" if self.to_head else body))


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
