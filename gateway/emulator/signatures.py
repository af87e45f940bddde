"""Is this request signed by one of our keys? Signature Version 4, checked the way AWS checks it.

Duty: the whole check, with AWS's refusals: form, scope, key, token, date, signed headers, body, signature. The
canonical request and the signature are botocore's, so that the gateway's own signer is judged by someone else's.
Prohibition: no clock; `now` is epoch seconds.
Source: the SigV4 chapter of the IAM user guide.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from gateway.emulator import errors
from gateway.emulator.errors import AwsError
from gateway.emulator.iam import Iam, Key
from gateway.emulator.listener import Received

REGION = "us-east-1"
ALGORITHM = "AWS4-HMAC-SHA256"
MAX_SKEW = timedelta(minutes=5)
SCOPE_PARTS = 5

_DATE = re.compile(r"\d{8}T\d{6}Z", re.ASCII)


class _Signer(SigV4Auth):  # type: ignore[misc]  # botocore ships no types
    """botocore's arithmetic over exactly the headers that the client says it signed."""

    def headers_to_sign(self, request: Any) -> Any:  # noqa: ANN401 - botocore's signature
        """Give the headers as they were handed in, without botocore's own selection."""
        return request.headers


def verify(request: Received, iam: Iam, *, service: str, now: float) -> Key:
    """Give the key that signed `request` for `service` (`cognito-idp`); `now` is epoch seconds.

    Raises AwsError with AWS's code for whatever is wrong.
    """
    claimed = _authorization(request.headers.get("authorization"))
    scope = claimed["Credential"].split("/")
    if len(scope) != SCOPE_PARTS:
        raise AwsError(errors.INCOMPLETE_SIGNATURE, part="Credential")
    key_id, day, region, signed_service, ending = scope
    key = _key(iam, key_id, request.headers.get("x-amz-security-token"), now=now)
    for found, wanted in ((region, REGION), (signed_service, service), (ending, "aws4_request")):
        if found != wanted:
            raise AwsError(errors.WRONG_SCOPE, wanted=f"'{wanted}'")
    date = _date(request.headers.get("x-amz-date"), now=now)
    if date[:8] != day:
        raise AwsError(errors.WRONG_SCOPE, wanted="the day of 'X-Amz-Date'")
    signed = claimed["SignedHeaders"].split(";")
    _require_signed(request.headers, signed)
    if not _body_is_as_stated(request):
        raise AwsError(errors.WRONG_SIGNATURE)
    if not hmac.compare_digest(_signature(request, signed, key, date=date, service=service), claimed["Signature"]):
        raise AwsError(errors.WRONG_SIGNATURE)
    return key


def _authorization(header: str | None) -> dict[str, str]:
    """Split the header into Credential, SignedHeaders and Signature."""
    if header is None:
        raise AwsError(errors.NO_SIGNATURE)
    algorithm, _, rest = header.partition(" ")
    if algorithm != ALGORITHM:
        raise AwsError(errors.INCOMPLETE_SIGNATURE, part="Credential")
    parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    for name in ("Credential", "SignedHeaders", "Signature"):
        if not parts.get(name) or not parts[name].isascii():
            raise AwsError(errors.INCOMPLETE_SIGNATURE, part=name)
    return parts


def _key(iam: Iam, key_id: str, token: str | None, *, now: float) -> Key:
    """Find the key; a token must be there exactly when the key is temporary, and be its own."""
    key = iam.key(key_id)
    if key is None or (key.session_token is None) is not (token is None):
        raise AwsError(errors.UNKNOWN_KEY)
    if not hmac.compare_digest((key.session_token or "").encode(), (token or "").encode()):
        raise AwsError(errors.UNKNOWN_KEY)
    if key.expires_at is not None and now >= key.expires_at:
        raise AwsError(errors.EXPIRED_KEY)
    return key


def _date(header: str | None, *, now: float) -> str:
    """Give X-Amz-Date when it is within five minutes of now."""
    if header is None or not _DATE.fullmatch(header):
        raise AwsError(errors.NO_DATE)
    try:
        signed = datetime.strptime(header, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise AwsError(errors.NO_DATE) from None
    here = datetime.fromtimestamp(int(now), UTC)
    for refusal, wrong, limit in (
        (errors.OLD_SIGNATURE, signed < here - MAX_SKEW, here - MAX_SKEW),
        (errors.EARLY_SIGNATURE, signed > here + MAX_SKEW, here + MAX_SKEW),
    ):
        if wrong:
            raise AwsError(refusal, signed=header, limit=_stamp(limit), now=_stamp(here))
    return header


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y%m%dT%H%M%SZ")


def _require_signed(headers: Mapping[str, str], signed: list[str]) -> None:
    """Host and every `x-amz-*` header that is there must be signed, and every signed header must be there."""
    if "host" not in signed:
        raise AwsError(errors.NOT_SIGNED, name="Host")
    for name in headers:
        if name.startswith("x-amz-") and name not in signed:
            raise AwsError(errors.NOT_SIGNED, name=name)
    if signed != sorted(set(signed)) or any(name not in headers for name in signed):
        raise AwsError(errors.WRONG_SIGNATURE)


def _body_is_as_stated(request: Received) -> bool:
    """Hold a stated body hash against the body, so that it cannot stand in for it in the canonical request."""
    stated = request.headers.get("x-amz-content-sha256")
    return stated is None or hmac.compare_digest(stated.encode(), hashlib.sha256(request.body).hexdigest().encode())


def _signature(request: Received, signed: list[str], key: Key, *, date: str, service: str) -> str:
    signer = _Signer(Credentials(key.access_key_id, key.secret_access_key), service, REGION)
    query = f"?{request.query}" if request.query else ""
    again = AWSRequest(
        method=request.method,
        url=f"http://{request.headers['host']}{request.path}{query}",
        data=request.body,
        headers={name: request.headers[name] for name in signed},
    )
    again.context["timestamp"] = date
    return str(signer.signature(signer.string_to_sign(again, signer.canonical_request(again)), again))
