"""The forms that values take: numbers, switches, networks, a domain. Each function judges one text.

Duty: return the parsed value, or raise `Unfit`.
Prohibition: nothing is guessed or put right: a value that is not exactly of its form is refused.
"""

import ipaddress
import re

from gateway.settings.endpoints import address, guarded
from gateway.settings.problems import Unfit

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_WHOLE = re.compile(r"[1-9][0-9]{0,9}")
_SECONDS = re.compile(r"[0-9]{1,4}(?:\.[0-9]{1,3})?")
_ACCOUNT_ID = re.compile(r"[0-9]{12}")
_ROLE_ARN = re.compile(r"arn:(aws(?:-[a-z]+)*):iam::[0-9]{12}:role/(?:[!-~]{1,510}/)?[A-Za-z0-9_+=,.@-]{1,64}")


def whole_number(text: str, *, most: int) -> int:
    """Return a number from 1 to `most`, written in plain digits. Raises `Unfit`."""
    if _WHOLE.fullmatch(text) is None or int(text) > most:
        raise Unfit
    return int(text)


def seconds(text: str, *, most: float, least: float = 0.001, of: str | None = None) -> float:
    """Return seconds from `least` to `most`, to the millisecond. Raises `Unfit`; `of` names the setting of `least`."""
    if _SECONDS.fullmatch(text) is None or not float(text) <= most or float(text) == 0:
        raise Unfit
    if float(text) < least:
        message = f"at least {of}, which is {least:g}: it covers the whole call"
        raise Unfit(message)
    return float(text)


def switch(text: str) -> bool:
    """Return what `true` or `false` says. Raises `Unfit` for any other word: `0`, `no` and `False` mean too much."""
    if text not in {"true", "false"}:
        raise Unfit
    return text == "true"


def account_id(text: str) -> str:
    """Return an AWS account id: 12 digits. Raises `Unfit`."""
    if _ACCOUNT_ID.fullmatch(text) is None:
        raise Unfit
    return text


def role_arn(text: str, *, partition: str) -> str:
    """Return an IAM role's ARN, which is in `partition` (empty: not known). Raises `Unfit`."""
    match = _ROLE_ARN.fullmatch(text)
    if match is None or partition not in {"", match[1]}:
        raise Unfit
    return text


def token_use(text: str) -> frozenset[str]:
    """Return the accepted `token_use` claims: access, or access and id. Raises `Unfit`."""
    if text not in {"access", "access,id"}:
        raise Unfit
    return frozenset(text.split(","))


IPV4 = 4
LEAST_PREFIX = 8  # 10.0.0.0/8 is the widest network that anyone owns
LEAST_PREFIX_V6 = 7  # fc00::/7


def network(text: str) -> Network:
    """Return an IP network, or an address as a network of one. Raises `Unfit`, also for host bits and wide networks.

    Everyone as a trusted proxy would let each caller choose the address that it is counted by.
    """
    try:
        found = ipaddress.ip_network(text, strict=True)
    except ValueError:
        raise Unfit from None
    if found.prefixlen < (LEAST_PREFIX if found.version == IPV4 else LEAST_PREFIX_V6):
        raise Unfit
    return found


def domain(text: str, *, allow_http: bool) -> str:
    """Return the domain as the URL of an origin, from a URL or a bare host with a dot in it. Raises `Unfit`."""
    if "://" in text:
        origin, path = guarded(text.removesuffix("/"), allow_http=allow_http)
    else:
        origin, path = address(f"https://{text}")
        if "." not in text:  # the prefix of a Cognito domain is not the domain
            raise Unfit
    if path:
        raise Unfit
    return f"{origin.scheme}://{origin.authority}"


def is_toml(text: str) -> bool:
    """Tell a policy's TOML from a path: TOML that says anything holds a line break or `=`, or begins with a table."""
    return "\n" in text or "=" in text or text.startswith("[")
