"""Where a list goes on: opaque to the caller, signed, of one caller and one list.

Duty: nobody goes on with another's cursor, or with one of another list or filter. Prohibition: no I/O.
Source: RFC 2104 (HMAC), RFC 4648 section 5.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.errors import InvalidRequest

_PURPOSE = b"cognito-edge-gateway cursor 1"
_MAC_BYTES = 16


@dataclass(frozen=True, slots=True)
class Place:
    """`token` is Cognito's, of the page to read next; None for the first. `skip` users of that page were given."""

    token: str | None = None
    skip: int = 0


def write(place: Place, *, secrets: tuple[str, ...], sub: str, of: Mapping[str, Any]) -> str:
    """The cursor; `of` is what the list is of: its route, its path's and its query's values but page and limit."""
    payload = json.dumps([place.token, place.skip], separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_mac(secrets[0], payload, sub, of) + payload).rstrip(b"=").decode()


def read(cursor: str | None, *, secrets: tuple[str, ...], sub: str, of: Mapping[str, Any]) -> Place:
    """The place; the beginning for None.

    Raises:
        InvalidRequest: it is not one that this caller got for this list.

    """
    if cursor is None:
        return Place()
    refusal = InvalidRequest(
        "cursor", message="Member 'cursor' is not one of this list: begin again without it.", member="cursor"
    )
    try:
        data = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise refusal from None
    mac, payload = data[:_MAC_BYTES], data[_MAC_BYTES:]
    if not any(hmac.compare_digest(mac, _mac(secret, payload, sub, of)) for secret in secrets):
        raise refusal
    token, skip = json.loads(payload)
    return Place(token, skip)


def _mac(secret: str, payload: bytes, sub: str, of: Mapping[str, Any]) -> bytes:
    own_key = hmac.digest(secret.encode(), _PURPOSE, "sha256")  # the secret itself signs for AWS, and nothing else
    about = json.dumps([sub, sorted(of.items())], separators=(",", ":")).encode()
    return hmac.digest(own_key, hashlib.sha256(about).digest() + payload, "sha256")[:_MAC_BYTES]
