"""What an authenticator app is set up with: a secret, its address, and the address as a picture.

Duty: the `otpauth:` address and its QR code as SVG. Prohibition: nothing is kept; no secret in a log.
Source: https://github.com/google/google-authenticator/wiki/Key-Uri-Format; RFC 6238; ISO/IEC 18004 (QR code).
"""

import io
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from gateway.api.route import Schema
from gateway.shapes import Shape

MAX_LABEL_CHARACTERS = 64
_EASY_CHARACTERS = 1000

_HOST = re.compile(r"[A-Za-z0-9.-]{1,64}")

LABELS: Mapping[str, Shape] = {
    name: Shape(name=name, type="string", low=1, high=MAX_LABEL_CHARACTERS, pattern=r"[^:\x00-\x1f\x7f]+")
    for name in ("issuer", "account")
}
"""What the app shows above its codes: whose they are, and of which account. A colon would part them elsewhere."""
SCHEMA: Schema = {
    "type": "object",
    "title": "TotpSetup",
    "required": ["secret", "uri", "qr"],
    "properties": {
        "secret": {"type": "string", "description": "Base32, for who types it."},
        "uri": {"type": "string", "description": "otpauth://totp/…"},
        "qr": {"type": "string", "description": "The uri as a QR code: an SVG image's text."},
    },
}
EXAMPLE = {
    "secret": "JBSWY3DPEHPK3PXP",
    "uri": "otpauth://totp/example.com:alice?secret=JBSWY3DPEHPK3PXP&issuer=example.com",
    "qr": "<svg …></svg>",
}


def issuer(scope: Mapping[str, Any]) -> str:
    """Whose codes they are where the caller does not say: the host that was asked."""
    host = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1")
    found = _HOST.match(host)
    return found[0] if found is not None else "Cognito"


def uri(secret: str, *, issuer: str, account: str) -> str:
    """The address that authenticator apps read; `secret` is Base32."""
    label = f"{quote(issuer, safe='')}:{quote(account, safe='')}"
    return f"otpauth://totp/{label}?secret={secret}&issuer={quote(issuer, safe='')}"


def qr(text: str) -> str:
    """An SVG image of a QR code: four modules of quiet zone, dark on white, whatever is behind it."""
    import segno  # noqa: PLC0415 - tables that only this needs: a Worker's start is not to pay for them

    error = "m" if len(text) <= _EASY_CHARACTERS else "l"  # the longest labels still fit into the largest code
    code = segno.make_qr(text, error=error, boost_error=False)
    image = io.BytesIO()
    code.save(image, kind="svg", scale=4, border=4, dark="#000", light="#fff", omitsize=True, xmldecl=False, nl=False)
    return image.getvalue().decode()


def setup(secret: str, *, issuer: str, account: str) -> dict[str, str]:
    """All three, as the routes show them."""
    address = uri(secret, issuer=issuer, account=account)
    return {"secret": secret, "uri": address, "qr": qr(address)}
