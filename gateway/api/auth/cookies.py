"""The refresh cookie: where a page of the gateway's own origin keeps a refresh token that it never sees.

Duty: write, read and forget it, for requests that prove that they come from a page of this very origin.
Prohibition: no other origin gets or uses one, whatever CORS allows; its value stands in no log, audit line or message.
Source: draft-ietf-httpbis-rfc6265bis (SameSite, `__Host-`, 4096 bytes); RFC 6454 section 7; the Fetch Metadata request
headers (Sec-Fetch-Site).

`__Host-` wants `Path=/`, and binds the cookie to this host: no sibling subdomain can plant another session. Over plain
HTTP on loopback, where Safari refuses `Secure`, it has neither.
"""

import base64
import binascii
import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.errors import Denied, InvalidRequest, UnsupportedMedia

SECURE_NAME = "__Host-gateway-refresh"
PLAIN_NAME = "gateway-refresh"
MAX_AGE_SECONDS = 30 * 24 * 3600
"""Cognito's usual life of a refresh token; every use of the cookie writes it anew."""
MAX_COOKIE_BYTES = 4096

_DEFAULT_PORTS: Mapping[str, str] = {"http": ":80", "https": ":443"}
_SAME = frozenset({b"same-origin", b"none"})
_VALUE = re.compile(r"([A-Za-z0-9_+]{1,128}):([A-Za-z0-9_-]{0,700}):([A-Za-z0-9_=.-]+)")


@dataclass(frozen=True, slots=True)
class Kept:
    """What the cookie holds. `username` is what a confidential client's SECRET_HASH is made of; empty if not known."""

    refresh_token: str = field(repr=False)
    client_id: str
    username: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the gateway's own origin, as a request proves it. `secure`: it came over HTTPS."""

    secure: bool

    @property
    def name(self) -> str:
        """The cookie's name there."""
        return SECURE_NAME if self.secure else PLAIN_NAME


def page(scope: Mapping[str, Any]) -> Page:
    """The page of this origin that sent the request.

    Browsers send Origin with every POST and let no page set it: it must be this host's, by HTTPS or on loopback.

    Raises:
        Denied: it does not prove that; a page of another origin, or no browser.
        UnsupportedMedia: it is not declared as JSON, which another origin's page could not do unasked.

    """
    origins, hosts = _all(scope, b"origin"), _all(scope, b"host")
    if len(origins) != 1 or len(hosts) != 1 or not _SAME.issuperset(_all(scope, b"sec-fetch-site")):
        raise Denied("cookie-origin")
    scheme, _, authority = origins[0].decode("latin-1").partition("://")
    host = hosts[0].decode("latin-1").lower().removesuffix(_DEFAULT_PORTS.get(scheme, ""))
    secure = scheme == "https"
    if authority != host or not (secure or (scheme == "http" and _loopback(host))):
        raise Denied("cookie-origin")
    media = {value.partition(b";")[0].strip().lower() for value in _all(scope, b"content-type")}
    if media != {b"application/json"}:
        raise UnsupportedMedia("content-type", message="The content type must be application/json.")
    return Page(secure)


def written(kept: Kept, at: Page) -> str | None:
    """The value of Set-Cookie, or None where it would be longer than every browser takes."""
    name = base64.urlsafe_b64encode(kept.username.encode()).rstrip(b"=").decode()
    value = f"{kept.client_id}:{name}:{kept.refresh_token}"
    text = f"{at.name}={value}; Max-Age={MAX_AGE_SECONDS}{_attributes(at)}"
    return text if len(text) <= MAX_COOKIE_BYTES and _VALUE.fullmatch(value) else None


def forgotten(at: Page) -> str:
    """The value of Set-Cookie that makes the browser forget it."""
    return f"{at.name}=; Max-Age=0{_attributes(at)}"


def sent(scope: Mapping[str, Any]) -> bool:
    """Whether the request brings a refresh cookie, of whatever page."""
    return any(name in {SECURE_NAME, PLAIN_NAME} for name, _ in _pairs(_all(scope, b"cookie")))


def read(scope: Mapping[str, Any], at: Page) -> Kept | None:
    """What the cookie holds; None where there is none.

    Raises:
        InvalidRequest: it came twice, or is not one that the gateway wrote.

    """
    values = [value for name, value in _pairs(_all(scope, b"cookie")) if name == at.name]
    if not values:
        return None
    if len(values) > 1:
        raise InvalidRequest("cookie-twice", message="The refresh cookie was sent twice.")
    refusal = InvalidRequest("cookie", message="The refresh cookie is not one of this gateway's: sign in again.")
    found = _VALUE.fullmatch(values[0])
    if found is None:
        raise refusal
    try:
        username = base64.urlsafe_b64decode(found[2] + "=" * (-len(found[2]) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise refusal from None
    return Kept(found[3], found[1], username)


def _attributes(at: Page) -> str:
    return f"; Path=/{'; Secure' if at.secure else ''}; HttpOnly; SameSite=Strict"


def _all(scope: Mapping[str, Any], name: bytes) -> list[bytes]:
    """Every value of a header: `gateway.headers` keeps none of those that only a browser's page needs."""
    return [value for header, value in scope["headers"] if header == name]


def _pairs(headers: Iterable[bytes]) -> Iterable[tuple[str, str]]:
    for header in headers:
        for part in header.decode("latin-1").split(";"):
            name, _, value = part.strip().partition("=")
            yield name, value


def _loopback(authority: str) -> bool:
    """Whether the host is this machine for every browser (W3C Secure Contexts, section 3.1)."""
    host = authority.rpartition(":")[0] if re.search(r":[0-9]+$", authority) else authority
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
