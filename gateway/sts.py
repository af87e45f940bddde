"""AssumeRole on the wire: the form that asks and the XML that answers.

Duty: write the one, read the other with four strict patterns instead of an XML parser. The values' alphabets need no
escaping, so there is nothing to expand and no entity, DTD, comment or encoding to be fooled by.
Prohibition: no clock, no I/O; nothing of an answer but its error code ends up in an error.
Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
"""

import re
from datetime import datetime
from urllib.parse import urlencode

from gateway.errors import UpstreamError

CONTENT_TYPE = "application/x-www-form-urlencoded; charset=utf-8"
MAX_ANSWER_BYTES = 64 * 1024

_CODE = re.compile(r"<Code>\s*([A-Za-z0-9.]{1,64})\s*</Code>")


def assume_role(role_arn: str, session_name: str, *, duration_seconds: int) -> bytes:
    """Write the body that asks for the role's keys."""
    form = {
        "Action": "AssumeRole",
        "Version": "2011-06-15",
        "RoleArn": role_arn,
        "RoleSessionName": session_name,
        "DurationSeconds": duration_seconds,
    }
    return urlencode(form).encode()


def assumed_role(body: bytes) -> tuple[str, str, str, float]:
    """Read the keys: access key id, secret access key, session token, and when they end (epoch seconds).

    Raises:
        UpstreamError: it is not an AssumeRoleResponse with exactly one of each.

    """
    text = _text(body)
    if "<AssumeRoleResponse" not in text:
        raise UpstreamError("sts-malformed")
    try:
        expiration = datetime.fromisoformat(_only(text, "Expiration", r"[0-9TZ:.+-]{19,35}"))
    except ValueError:
        raise UpstreamError("sts-malformed") from None
    if expiration.tzinfo is None:
        raise UpstreamError("sts-malformed")
    return (
        _only(text, "AccessKeyId", r"[A-Za-z0-9_]{16,128}"),
        _only(text, "SecretAccessKey", r"[!-%'-;=?-~]{16,256}"),
        _only(text, "SessionToken", r"[!-%'-;=?-~]{16,8192}"),
        expiration.timestamp(),
    )


def error_code(body: bytes) -> str | None:
    """Read the code of an error (`AccessDenied`); None where there is not exactly one."""
    try:
        codes = _CODE.findall(_text(body))
    except UpstreamError:
        return None
    return str(codes[0]) if len(codes) == 1 else None


def _text(body: bytes) -> str:
    """Give STS's XML as text; what is too large, or declares or comments anything, is not STS's."""
    if len(body) > MAX_ANSWER_BYTES or b"<!" in body:
        raise UpstreamError("sts-malformed")
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise UpstreamError("sts-malformed") from None


def _only(text: str, name: str, pattern: str) -> str:
    found = re.findall(rf"<{name}>\s*({pattern})\s*</{name}>", text)
    if len(found) != 1 or text.count(f"<{name}>") != 1:
        raise UpstreamError("sts-malformed")
    return str(found[0])
