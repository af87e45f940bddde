"""The caller's headers, read strictly.

Duty: find the few headers that matter, refuse one that came twice or under a second spelling, tell the token and the
caller's address.
Prohibition: no decision about a token; no header is passed on.
Source: RFC 9110 section 5; RFC 6750 section 2.1; the AWS session token is the X-Amz-Security-Token of SigV4.
"""

import ipaddress
from collections.abc import Iterable

from gateway.errors import GatewayError, InvalidRequest

Header = tuple[bytes, bytes]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_BEARER = b"bearer "
_SWITCH = frozenset({b"true", b"false"})  # anything else would be carried out by who meant to try
_READ = frozenset({
    b"authorization", b"x-amz-security-token", b"x-amz-target", b"content-type", b"content-length", b"content-encoding",
    b"origin", b"x-forwarded-for", b"x-gateway-dry-run", b"idempotency-key",
})  # fmt: skip


def read(headers: Iterable[Header]) -> tuple[dict[bytes, bytes], GatewayError | None]:
    """The headers that matter, by lower-case name, and the refusal when one of them came twice."""
    found: dict[bytes, bytes] = {}
    twice: GatewayError | None = None
    for name, value in headers:
        if name in _READ:
            if name not in found:
                found[name] = value
            elif name == b"x-forwarded-for":
                found[name] += b"," + value
            elif name == b"content-type":
                found[name] = b""  # two types are none
            else:
                twice = InvalidRequest("header-twice", message=f"Header {name.decode()} was sent twice.")
        elif b"_" in name and name.replace(b"_", b"-") in _READ:
            twice = InvalidRequest("header-twin", message="A header was sent under two spellings.")
    if twice is None and b"," in found.get(b"x-amz-target", b""):  # how some servers join two headers of one name
        twice = InvalidRequest("two-targets", message="Two targets were sent: use one X-Amz-Target.")
    if twice is None and b"x-amz-security-token" in found and found.get(b"authorization", b"")[:7].lower() == _BEARER:
        twice = InvalidRequest("two-tokens", message="Two tokens were sent: use Authorization or X-Amz-Security-Token.")
    if twice is None and found.get(b"x-gateway-dry-run", b"true").lower() not in _SWITCH:
        twice = InvalidRequest("dry-run", message="Header x-gateway-dry-run must be true or false.")
    return found, twice


def token(found: dict[bytes, bytes]) -> bytes | None:
    """The caller's token: a bearer, or the session token beside an AWS signature or no Authorization at all."""
    authorization = found.get(b"authorization")
    if authorization is None or authorization[:5] == b"AWS4-":
        return found.get(b"x-amz-security-token")
    return authorization[7:] if authorization[:7].lower() == _BEARER else None


def length(found: dict[bytes, bytes]) -> int:
    """The declared length of the body in bytes, 0 where none is declared."""
    text = found.get(b"content-length", b"")
    return int(text) if text.isdigit() and len(text) < 20 else 0  # noqa: PLR2004 - the server has refused what is no number


def caller_ip(client: tuple[str, int] | None, found: dict[bytes, bytes], trusted_proxies: tuple[Network, ...]) -> str:
    """The caller's address; X-Forwarded-For is believed of trusted proxies only, from the right."""
    peer = client[0] if client else ""
    if not trusted_proxies or b"x-forwarded-for" not in found:
        return peer
    ip = peer
    for hop in reversed(found[b"x-forwarded-for"].decode("latin-1").split(",")):
        if not _trusted(ip, trusted_proxies):
            break
        ip = _bare(hop)
    return ip if _address(ip) is not None else peer


def _bare(hop: str) -> str:
    """A hop's address without a port, and an IPv4 address as itself where it comes mapped into IPv6."""
    text = hop.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    address = _address(text)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped) if mapped is not None else text


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _trusted(ip: str, networks: tuple[Network, ...]) -> bool:
    address = _address(ip)
    return address is not None and any(address in network for network in networks)
