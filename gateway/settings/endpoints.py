"""Regions, partitions and URLs: where Cognito, STS and the pool's keys are.

Duty: derive hosts from a region whose shape is proven, and take apart the URLs that an operator gives instead.
Prohibition: no I/O; no host is ever built from text that did not match as a whole (SSRF through a region or pool id).
Source: AWS's endpoint rules of cognito-idp, cognito-identity and sts, and their partitions (`dnsSuffix`); RFC 3986
section 3.2; RFC 6454 section 6.2.
"""

import ipaddress
import re
from dataclasses import dataclass
from typing import Literal

from gateway.settings.problems import Unfit
from gateway.upstream import Origin

Service = Literal["cognito-idp", "cognito-identity", "sts"]

_REGION = re.compile(r"([a-z]{2,4}(?:-[a-z]{2,12}){1,2})-[0-9]{1,2}")
_POOL_ID = re.compile(r"([a-z0-9-]+)_[A-Za-z0-9]+")
_IDENTITY_POOL_ID = re.compile(r"([a-z0-9-]+):[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_LONGEST_POOL_ID = 55

_URL = re.compile(
    r"(?P<scheme>[A-Za-z]+)://(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[1-9][0-9]{0,4}))?(?P<path>/.*)?"
)
_PATH = re.compile(r"(?:/[A-Za-z0-9._~%!$&'()*+,;=:@-]+)+")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_LONGEST_HOST = 253
_LARGEST_PORT = 65535
_LOOPBACK_4 = ipaddress.IPv4Network("127.0.0.0/8")
_LOOPBACK_6 = ipaddress.IPv6Address("::1")
_OWN_PORTS = {"https": 443, "http": 80}

# The parts of a region's name before its last word -> partition, DNS suffix. Two-letter areas are the `aws` partition.
_PARTITIONS = (
    ("cn-", "aws-cn", "amazonaws.com.cn"),
    ("us-gov-", "aws-us-gov", "amazonaws.com"),
    ("us-iso-", "aws-iso", "c2s.ic.gov"),
    ("us-isob-", "aws-iso-b", "sc2s.sgov.gov"),
    ("eu-isoe-", "aws-iso-e", "cloud.adc-e.uk"),
    ("us-isof-", "aws-iso-f", "csp.hci.ic.gov"),
    ("eusc-de-", "aws-eusc", "amazonaws.eu"),
)
_COMMERCIAL = re.compile(r"[a-z]{2}-[a-z]+-[0-9]{1,2}")


@dataclass(frozen=True, slots=True)
class Region:
    """An AWS region, the partition it is in (`aws`, `aws-cn` …) and that partition's DNS suffix."""

    name: str
    partition: str
    suffix: str

    def endpoint(self, service: Service) -> Origin:
        """Return the service's own endpoint in this region."""
        return Origin("https", f"{service}.{self.name}.{self.suffix}", _OWN_PORTS["https"])

    def issuers(self, pool_id: str) -> tuple[str, str]:
        """Return both forms of `iss` that tokens of the pool may carry."""
        authority = f"cognito-idp.{self.name}.{self.suffix}"
        return f"https://{authority}/{pool_id}", f"https://issuer-{authority}/{pool_id}"


@dataclass(frozen=True, slots=True)
class Pool:
    """A user pool's or identity pool's id, and the region that its prefix names."""

    id: str
    region: Region

    @property
    def provider(self) -> str:
        """Return the name of the user pool in an identity pool's `Logins`."""
        return f"cognito-idp.{self.region.name}.{self.region.suffix}/{self.id}"


def region(text: str) -> Region:
    """Return the region of that name. Raises `Unfit` for a name that has no region's shape or no partition."""
    if _REGION.fullmatch(text) is None:
        raise Unfit
    for prefix, partition, suffix in _PARTITIONS:
        if text.startswith(prefix):
            return Region(text, partition, suffix)
    if _COMMERCIAL.fullmatch(text) is None:
        raise Unfit
    return Region(text, "aws", "amazonaws.com")


def user_pool(text: str) -> Pool:
    """Return the user pool of that id (`region_name`, at most 55 characters). Raises `Unfit`."""
    return _pool(text, _POOL_ID)


def identity_pool(text: str) -> Pool:
    """Return the identity pool of that id (`region:uuid`, lower case). Raises `Unfit`."""
    return _pool(text, _IDENTITY_POOL_ID)


def _pool(text: str, shape: re.Pattern[str]) -> Pool:
    match = shape.fullmatch(text)
    if match is None or len(text) > _LONGEST_POOL_ID:
        raise Unfit
    return Pool(text, region(match[1]))


def is_loopback(host: str) -> bool:
    """Tell whether a host (lower case, no brackets) is this machine: 127.0.0.0/8, ::1 or `localhost`, nothing else."""
    if host == "localhost":
        return True
    try:
        number = ipaddress.ip_address(host)
    except ValueError:
        return False
    return number == _LOOPBACK_6 or number in _LOOPBACK_4


def hostname(text: str) -> str:
    """Return a host name or address in lower case, an IPv6 address without brackets. Raises `Unfit`.

    A name whose last label is a number must be a dotted IPv4 address: resolvers read 127.1 or 2130706433 as one.
    """
    host = text.lower()
    if ":" in host or re.fullmatch(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)", host):
        try:
            return str(ipaddress.IPv6Address(host) if ":" in host else ipaddress.IPv4Address(host))
        except ValueError:
            raise Unfit from None
    if _HOST.fullmatch(host) is None or len(host) > _LONGEST_HOST:
        raise Unfit
    return host


def address(url: str) -> tuple[Origin, str]:
    """Return a URL's origin and path ("" when it has none). Raises `Unfit` for a password, a query or a fragment.

    Not `urllib`: it drops line breaks and tabs inside a URL, and what is checked must be what is used.
    """
    match = _URL.fullmatch(url)
    if match is None or match["scheme"] not in _OWN_PORTS:
        raise Unfit
    path = match["path"] or ""
    if path and (_PATH.fullmatch(path) is None or {".", ".."} & set(path.split("/"))):
        raise Unfit
    port = int(match["port"]) if match["port"] else _OWN_PORTS[match["scheme"]]
    if port > _LARGEST_PORT:
        raise Unfit
    host = match["host"]
    if host.startswith("["):
        host = host[1:-1]
        if ":" not in host:
            raise Unfit
    return Origin(match["scheme"], hostname(host), port), path


def guarded(url: str, *, allow_http: bool) -> tuple[Origin, str]:
    """Like `address`, and refuses http:// to other machines unless `allow_http`: tokens and signatures travel there."""
    origin, path = address(url)
    if origin.scheme == "http" and not (allow_http or is_loopback(origin.host)):
        message = "https://, or http:// to loopback (elsewhere only with GATEWAY_ALLOW_HTTP=true)"
        raise Unfit(message)
    return origin, path


def endpoint(url: str, *, allow_http: bool) -> Origin:
    """Return the origin of an endpoint's URL, which has no path: requests go to `/`. Raises `Unfit`."""
    origin, path = guarded(url.removesuffix("/"), allow_http=allow_http)
    if path:
        raise Unfit
    return origin


def issuer(url: str, *, pool_id: str | None, allow_http: bool) -> str:
    """Return an issuer's URL unchanged. Raises `Unfit` when it does not end in the pool's id.

    Another pool's issuer here would let that pool's tokens in.
    """
    _, path = guarded(url, allow_http=allow_http)
    if pool_id is not None and path.rpartition("/")[2] != pool_id:
        message = f"the URL in the pool's tokens, ending in /{pool_id}"
        raise Unfit(message)
    return url


def keys_url(url: str, *, allow_http: bool) -> str:
    """Return a JWKS URL unchanged. Raises `Unfit` when it has no path, or is not a URL that may be fetched."""
    _, path = guarded(url, allow_http=allow_http)
    if not path:
        raise Unfit
    return url


def web_origin(text: str) -> str:
    """Return a browser's origin, exactly as the browser writes it. Raises `Unfit`.

    Lower case, no path, no port that the scheme implies; http:// for loopback only. `*` and `null` are no origins.
    """
    origin, path = guarded(text, allow_http=False)
    if path or text != f"{origin.scheme}://{origin.authority}":
        raise Unfit
    return text
