"""What of Cognito's answer reaches the caller.

Duty: tell Cognito's answers about the caller's request from those about the gateway's own identity, mask what names
that identity, keep the type and the status.
Prohibition: no I/O; a successful answer is not parsed here: it passes as the bytes that came (R-19).
Source: the AWS JSON 1.1 protocol: the error's type is the part of `__type` after '#', of `x-amzn-errortype` before ':'.
"""

import json
import re
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

from gateway.errors import UpstreamError
from gateway.keypair import KeyPair
from gateway.upstream import Answer

CONTENT_TYPES = ("application/x-amz-json-1.1", "application/x-amz-json-1.0", "application/json")

IDENTITY_ERRORS = frozenset({
    "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "UnrecognizedClientException",
    "InvalidClientTokenId", "InvalidSignatureException", "SignatureDoesNotMatch", "IncompleteSignature",
    "IncompleteSignatureException", "MissingAuthenticationToken", "MissingAuthenticationTokenException", "ExpiredToken",
    "ExpiredTokenException", "RequestExpired", "InvalidAccessKeyId", "OptInRequired", "AuthFailure",
    "RequestTimeTooSkewed",
})  # fmt: skip
"""Cognito refused *us*: never the caller's business, always 502."""

NOT_EXECUTED = frozenset({
    "UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException", "SignatureDoesNotMatch",
    "ExpiredToken", "ExpiredTokenException", "RequestExpired", "RequestTimeTooSkewed",
})  # fmt: skip
"""Of those, the ones that prove that nothing was done and that other keys or another clock may mend (R-20)."""

CLOCK_ERRORS = frozenset(
    {"InvalidSignatureException", "SignatureDoesNotMatch", "RequestExpired", "RequestTimeTooSkewed"}
)

THROTTLES = frozenset({
    "TooManyRequestsException", "ThrottlingException", "Throttling", "ThrottledException", "RequestThrottledException",
    "RequestThrottled", "RequestLimitExceeded", "SlowDown",
})  # fmt: skip

MAX_RETRY_AFTER_SECONDS = 60

_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
_TYPE = re.compile(r"[A-Za-z0-9_.]{1,128}")
_ARN = re.compile(r"arn:aws[a-z-]*:[^\s\"';)]*")
_KEY_ID = re.compile(r"\b(?:AKIA|ASIA|AROA|AIDA|AGPA|ANPA|APKA)[A-Z0-9]{8,}\b")
_ACCOUNT = re.compile(r"\b\d{12}\b")
_SIGNATURE = re.compile(r"canonical string|canonical request|string-to-sign|string to sign", re.IGNORECASE)
_DATE_SKEW_LIMIT_SECONDS = 24 * 3600


@dataclass(slots=True)  # made for every call: freezing would double the cost
class Reply:
    """What the caller gets: neutral, rendered by the app."""

    status: int
    body: bytes = field(repr=False)
    type: str | None = None  # the error's type
    upstream_request_id: str | None = None
    retry_after_seconds: int | None = None
    audit_complete: bool = True
    at: float | None = None  # epoch seconds by Cognito's clock; of changes only


def error_type(answer: Answer) -> str | None:
    """The type of an error answer, or None for a success.

    Raises:
        UpstreamError: the answer is not Cognito's: not JSON, a redirect, no type.

    """
    expect_json(answer)
    if answer.status == 200:  # noqa: PLR2004 - HTTP
        return None
    found = read_object(answer.body).get("__type", answer.headers.get("x-amzn-errortype", ""))
    name = found.rpartition("#")[2].partition(":")[0].rpartition(".")[2] if isinstance(found, str) else ""
    if answer.status < 400 or not _TYPE.fullmatch(name):  # noqa: PLR2004 - HTTP
        raise UpstreamError("upstream-status")
    return name


def expect_json(answer: Answer) -> None:
    """Refuse what would crash an SDK: HTML, an empty error, a body that is no JSON object by its ends.

    Raises:
        UpstreamError: it is not AWS JSON.

    """
    body = answer.body
    if not body and answer.status == 200:  # noqa: PLR2004 - `success` knows whether that may be
        return
    media = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media not in CONTENT_TYPES or body[:1] != b"{" or body.rstrip()[-1:] != b"}":
        raise UpstreamError("upstream-not-json")


def success(answer: Answer, *, mutates: bool) -> Reply:
    """The bytes that came, untouched. Only a change may be answered with none: every read has something to tell.

    Raises:
        UpstreamError: nothing came where something must.

    """
    if not answer.body and not mutates:
        raise UpstreamError("upstream-not-json")
    return Reply(200, answer.body, upstream_request_id=request_id(answer))


def failure(answer: Answer, name: str, keys: KeyPair | None) -> Reply:
    """Cognito's refusal of the caller's request: its status and type, its message masked.

    Raises:
        UpstreamError: it is about the gateway's own identity.

    """
    if name in IDENTITY_ERRORS or f"{name}Exception" in IDENTITY_ERRORS:
        raise UpstreamError(f"identity:{name}")
    error = read_object(answer.body)
    message = error.get("message", error.get("Message"))
    body = json.dumps({"__type": name, "message": mask(message if isinstance(message, str) else "", keys)})
    throttled = name in THROTTLES or answer.status == 429  # noqa: PLR2004 - HTTP
    return Reply(
        answer.status,
        body.encode(),
        type=name,
        upstream_request_id=request_id(answer),
        retry_after_seconds=_retry_after(answer) if throttled else None,
    )


def mask(text: str, keys: KeyPair | None) -> str:
    """`text` without ARNs, key ids, account ids and the gateway's own keys; nothing of one about a signature."""
    if _SIGNATURE.search(text):
        return "***"
    if keys is not None:
        for own in (keys.access_key_id, keys.secret_access_key, keys.session_token):
            if own:
                text = text.replace(own, "***")
    return _ACCOUNT.sub("***", _KEY_ID.sub("***", _ARN.sub("***", text)))


def request_id(answer: Answer) -> str | None:
    """Cognito's own id of the request, when it is one."""
    found = answer.headers.get("x-amzn-requestid")
    return found if found and _REQUEST_ID.fullmatch(found) else None


def clock_offset_seconds(answer: Answer, now: float) -> float | None:
    """How far Cognito's clock is ahead of `now` (epoch seconds) by its Date header; None where that cannot be told."""
    try:
        offset = parsedate_to_datetime(answer.headers.get("date", "")).timestamp() - now
    except (ValueError, TypeError, OverflowError):
        return None
    return offset if abs(offset) <= _DATE_SKEW_LIMIT_SECONDS else None


def _retry_after(answer: Answer) -> int:
    text = answer.headers.get("retry-after", "")
    return min(max(int(text), 1), MAX_RETRY_AFTER_SECONDS) if text.isascii() and text.isdigit() and len(text) < 6 else 1  # noqa: PLR2004


def read_object(body: bytes, reason: str = "upstream-not-json") -> dict[str, Any]:
    """A body of Cognito's, parsed.

    Raises:
        UpstreamError: it is no JSON object; with this `reason`.

    """
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise UpstreamError(reason) from None
    if not isinstance(found, dict):
        raise UpstreamError(reason)
    return found
