"""Where the state is that replicas share: this process's memory, or a Redis at a URL.

Duty: take GATEWAY_STORE apart as strictly as every other URL, so that what is checked is what is used.
Prohibition: no message says more of the URL than which part of it is wrong: it may hold a password (R-01). No query
switches a check of certificates off.
Source: RFC 3986 section 3.2; the schemes `redis` and `rediss` as registered with IANA; redis-py's `parse_url`.
"""

import re
from typing import Literal
from urllib.parse import unquote_to_bytes

from gateway.settings.endpoints import hostname, is_loopback
from gateway.settings.problems import Unfit
from gateway.settings.sealed import Sealed

_USER_INFO = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:-]|%[0-9A-Fa-f]{2})*")
_HOST_AND_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,6}))?")
_DATABASE = re.compile(r"[0-9]{0,5}")
_PATH = re.compile(r"(?:/[A-Za-z0-9._~@+,=-]+)+")
_LONGEST_SOCKET_PATH = 100  # the system's own limit is a little above
_LARGEST_PORT = 65_535


class StoreAddress(Sealed):
    """`kind` is `memory`, or `redis` with its `url`, which nothing prints."""

    __slots__ = ("_in_the_clear", "_kind", "_url")

    def __init__(self, kind: Literal["memory", "redis"], url: str | None = None, *, in_the_clear: bool = False) -> None:
        """`in_the_clear`: what is said to it crosses a network unencrypted."""
        self._kind: Literal["memory", "redis"] = kind
        self._url = url
        self._in_the_clear = in_the_clear

    def __repr__(self) -> str:
        """Which kind it is, and no more."""
        return self._kind if self._url is None else f"{self._kind} ***"

    @property
    def kind(self) -> Literal["memory", "redis"]:
        """Which store it is."""
        return self._kind

    @property
    def url(self) -> str | None:
        """The URL of a Redis: `redis://`, `rediss://` or `unix://`, with a password if it has one."""
        return self._url

    @property
    def in_the_clear(self) -> bool:
        """Whether what is said to it crosses a network unencrypted."""
        return self._in_the_clear


def store_address(text: str) -> StoreAddress:
    """Return the store that is `memory` or a Redis's URL. Raises `Unfit`, naming the part that is wrong."""
    if text == "memory":
        return StoreAddress("memory")
    scheme, separator, rest = text.partition("://")
    if not separator or scheme not in {"redis", "rediss", "unix"}:
        raise Unfit
    rest, asked, query = rest.partition("?")
    if scheme == "unix":
        _check_socket(rest)
        _check_query(asked, query, "db=", _DATABASE, "no query in the URL but db=NUMBER")
        return StoreAddress("redis", text)
    authority, _, database = rest.partition("/")
    host = _host(authority)
    if _DATABASE.fullmatch(database) is None:
        raise Unfit("nothing behind host and port but / and a database's number")
    if scheme == "rediss":
        wanted = "no query in the URL but ssl_ca_certs=/PATH: certificates are always verified"
        _check_query(asked, query, "ssl_ca_certs=", _PATH, wanted)
    elif asked:
        raise Unfit("no query in a redis:// URL")
    return StoreAddress("redis", text, in_the_clear=scheme == "redis" and not is_loopback(host))


def _host(authority: str) -> str:
    user_info, at, host_and_port = authority.rpartition("@")
    _check_user_info(user_info, at)
    match = _HOST_AND_PORT.fullmatch(host_and_port)
    if match is None:
        raise Unfit("a host in the URL, and a port as a number (a password percent-encoded, its slashes too)")
    if match[2] is not None and not 0 < int(match[2]) <= _LARGEST_PORT:
        raise Unfit(f"a port from 1 to {_LARGEST_PORT} in the URL")
    try:
        return hostname(match[1].strip("[]"))
    except Unfit:
        raise Unfit("a host name or an address in the URL") from None


def _check_user_info(user_info: str, at: str) -> None:
    if not at:
        return
    _, colon, password = user_info.partition(":")
    if not (colon and password):
        raise Unfit("user:password@ or :password@ before the host, or neither")
    try:
        fit = _USER_INFO.fullmatch(user_info) is not None and ":" not in password
        unquote_to_bytes(user_info).decode()
    except UnicodeDecodeError:
        fit = False
    if not fit:
        raise Unfit("a user and password that are percent-encoded where they hold more than letters and digits")


def _check_socket(rest: str) -> None:
    user_info, at, path = rest.rpartition("@") if not rest.startswith("/") else ("", "", rest)
    _check_user_info(user_info, at)
    if _PATH.fullmatch(path) is None or len(path) > _LONGEST_SOCKET_PATH:
        raise Unfit(f"the absolute path of a socket behind unix://, at most {_LONGEST_SOCKET_PATH} characters")


def _check_query(asked: str, query: str, name: str, shape: re.Pattern[str], wanted: str) -> None:
    value = query.removeprefix(name)
    if asked and (value == query or not value or shape.fullmatch(value) is None):
        raise Unfit(wanted)
