"""AssumeRole on the wire: the form that asks and the XML that answers.

Duty: write the one, read the other with four strict patterns instead of an XML parser. The values' alphabets need no
escaping, so there is nothing to expand and no entity, DTD, comment or encoding to be fooled by.
Prohibition: no clock, no I/O; nothing of an answer but its error code ends up in an error.
Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlencode

from gateway.errors import UpstreamError

CONTENT_TYPE = "application/x-www-form-urlencoded; charset=utf-8"
MAX_ANSWER_BYTES = 64 * 1024

MAX_TAG_CHARACTERS = 256

_TAG_MARKS = frozenset(" _.:/+-@")
_CUT_TAG_CHARACTERS = MAX_TAG_CHARACTERS - 2 - 64
_SESSION_NAME = re.compile(r"[A-Za-z0-9_+=,.@-]{2,64}")
_CUT_NAME_CHARACTERS = 39
_CODE = re.compile(r"<Code>\s*([A-Za-z0-9.]{1,64})\s*</Code>")


def assume_role(
    role_arn: str, session_name: str, *, duration_seconds: int, tags: Mapping[str, str] | None = None
) -> bytes:
    """Write the body that asks for the role's keys. `tags` are the session's: values as `tag_value` writes them."""
    form = {
        "Action": "AssumeRole",
        "Version": "2011-06-15",
        "RoleArn": role_arn,
        "RoleSessionName": session_name,
        "DurationSeconds": duration_seconds,
    }
    for number, (name, value) in enumerate((tags or {}).items(), 1):
        form |= {f"Tags.member.{number}.Key": name, f"Tags.member.{number}.Value": value}
    return urlencode(form).encode()


def tag_value(text: str) -> str:
    """Write any name as a tag's value, no two names alike: who registers as `a_b` must not be taken for `a!b`.

    Letters of any script, digits, spaces and `_.:/+-@` stay; another character, `=` too, becomes `=` and two
    hexadecimal digits for each byte of its UTF-8. What would be too long ends in `==` and its SHA-256.
    """
    written = "".join(
        character
        if character.isalnum() or character in _TAG_MARKS
        else "".join(f"={byte:02X}" for byte in character.encode())
        for character in text
    )
    if len(written) <= MAX_TAG_CHARACTERS:
        return written
    return f"{written[:_CUT_TAG_CHARACTERS]}=={hashlib.sha256(text.encode()).hexdigest()}"


def session_name(sub: str) -> str:
    """Write who a session is for as its name: a `sub` of Cognito's is one as it is, another gets a digest."""
    if _SESSION_NAME.fullmatch(sub):
        return sub
    kept = re.sub(r"[^A-Za-z0-9_+=,.@-]", "-", sub)[:_CUT_NAME_CHARACTERS]
    return f"{kept}={hashlib.sha256(sub.encode()).hexdigest()[:24]}"


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
