"""Where audit lines go: standard output, a file that may be rotated, or a collector at a URL.

Duty: take GATEWAY_AUDIT apart as strictly as every other URL, and hold what a collector is shown.
Prohibition: no message says more of a URL than its scheme and host: paths and queries of collectors hold tokens (R-01).
Source: RFC 3986 section 3; RFC 6750 section 2.1 (the token).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from gateway.settings.endpoints import guarded
from gateway.settings.forms import whole_number
from gateway.settings.problems import Unfit
from gateway.settings.sealed import Sealed
from gateway.settings.table import LEAST_ROTATE_BYTES, MOST_ROTATE_BYTES
from gateway.upstream import Origin

TOKEN = re.compile(r"[!-~]{1,4096}")
_QUERY = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})+")
_SHOWN = re.compile(r"(https?://(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?)(?:[/?#].*)?")


class CollectorAddress(Sealed):
    """A collector's `origin`; its `resource` (path and query) and `token` are printed by nothing."""

    __slots__ = ("_origin", "_resource", "_token")

    def __init__(self, origin: Origin, resource: str, token: str | None = None) -> None:
        """`resource` begins with a slash; `token` is sent as a bearer."""
        self._origin = origin
        self._resource = resource
        self._token = token

    def __repr__(self) -> str:
        """Scheme, host, and no more."""
        return f"{self._origin.scheme}://{self._origin.authority}/***"

    @property
    def origin(self) -> Origin:
        """Where it is."""
        return self._origin

    @property
    def resource(self) -> str:
        """The path, and the query if there is one."""
        return self._resource

    @property
    def token(self) -> str | None:
        """What it wants to be shown."""
        return self._token


@dataclass(frozen=True, slots=True)
class AuditSink:
    """Where audit lines go: `stdout`, the `file` at `path`, or by `http` to `collector`.

    A file that would grow beyond `rotate_bytes` is rotated, and `keep_files` of these are kept; None: never, and all.
    """

    kind: Literal["stdout", "file", "http"]
    path: str | None = None
    collector: CollectorAddress | None = None
    rotate_bytes: int | None = None
    keep_files: int | None = None


def audit_sink(
    text: str, *, token: str | None, rotate_bytes: int | None, keep_files: int | None, allow_http: bool
) -> AuditSink:
    """Return the sink that `stdout`, `file:PATH` or a URL names. Raises `Unfit`."""
    kind, _, path = text.partition(":")
    if text == "stdout":
        return AuditSink("stdout")
    if kind == "file" and path:
        return AuditSink("file", path, rotate_bytes=rotate_bytes, keep_files=keep_files)
    if kind in {"http", "https"} or "://" in text:
        origin, resource = _url(text, allow_http=allow_http)
        return AuditSink("http", collector=CollectorAddress(origin, resource, token))
    raise Unfit


def _url(text: str, *, allow_http: bool) -> tuple[Origin, str]:
    """Return origin and resource, which is sent as it was given. Raises `Unfit` that shows neither path nor query."""
    url, asked, query = text.partition("?")
    bare = url.removesuffix("/")
    match = _SHOWN.fullmatch(text)
    read = f"'{match[1]}/***'" if match else f"(a URL, {len(text)} characters)"
    try:
        origin, path = guarded(bare, allow_http=allow_http)
    except Unfit as unfit:
        wanted = unfit.wanted or "a URL: https://host[:port][/path][?query], without user, password or #"
        raise Unfit(wanted, read=read) from None
    if asked and _QUERY.fullmatch(query) is None:
        raise Unfit("a query in the URL that is percent-encoded, without #", read=read)
    return origin, f"{path}{'/' if bare != url or not path else ''}{asked}{query}"


def rotate_bytes(text: str) -> int:
    """Return a file's size at which it is rotated. Raises `Unfit`."""
    size = whole_number(text, most=MOST_ROTATE_BYTES)
    if size < LEAST_ROTATE_BYTES:
        raise Unfit
    return size


def idle(audit: AuditSink, *, token: bool, rotate: bool, keep: bool) -> Iterator[str]:
    """Yield a sentence for each setting that was given and does nothing with this sink."""
    if token and audit.kind != "http":
        yield "GATEWAY_AUDIT_TOKEN does nothing: GATEWAY_AUDIT is no URL."
    if rotate and audit.kind != "file":
        yield "GATEWAY_AUDIT_ROTATE_BYTES does nothing: GATEWAY_AUDIT is no file."
    if keep and not (rotate and audit.kind == "file"):
        yield "GATEWAY_AUDIT_KEEP_FILES does nothing: it counts the files that GATEWAY_AUDIT_ROTATE_BYTES makes."
