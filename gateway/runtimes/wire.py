"""The bytes of a request, HTTP/1.1, and how large the head of an answer may be.

Duty: one request as one piece of bytes, head and body, so that it leaves in one write.
Prohibition: no I/O. Nothing that a value could smuggle in gets out: a header that would frame the message, or a value
with CR, LF or NUL, is a defect of the caller and raises before a connection is touched.
Source: RFC 9112 sections 2, 3 and 6; RFC 9110 section 5.5.
"""

import re

from gateway.upstream import Origin, Request

MAX_HEADERS = 100
MAX_HEAD_BYTES = 32 * 1024
FIRST_FINAL_STATUS = 200
STATUS_WITHOUT_BODY = (204, 304)

_METHODS = ("GET", "POST")
_PATH = re.compile(r"/[!-\"$-~]*")  # visible ASCII without '#'
_AUTHORITY = re.compile(r"[!-~]+")
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_OURS = frozenset(
    ("connection", "content-length", "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade")
)
_MAX_NAMES = 256

# Header names that were checked once, each with the colon that follows it.
_known: dict[str, str] = {}


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name) or name.lower() in _OURS:
        raise ValueError(f"not a header that a request may carry: {name!r}")
    line = f"{name}: "
    if len(_known) < _MAX_NAMES:
        _known[name] = line
    return line


def start(origin: Origin, method: str, path: str) -> str:
    """Write what the requests of one kind have in common: request line, Host, and no compression.

    Raises:
        ValueError: the method is not GET or POST, or path or host hold what would end the line.

    """
    if method not in _METHODS or not _PATH.fullmatch(path) or not _AUTHORITY.fullmatch(origin.authority):
        raise ValueError("not a method, path or host that a transport serves")
    return f"{method} {path} HTTP/1.1\r\nHost: {origin.authority}\r\nAccept-Encoding: identity\r\n"


def whole(opening: str, request: Request) -> bytes:
    """Write the request after `opening`, which is `start`'s for its origin, method and path.

    Raises:
        ValueError: a header's name is not a name or is the transport's to write; a value holds CR, LF, NUL or a
            character beyond Latin-1. The message never holds a value.

    """
    known, body = _known, request.body
    try:
        lines = [known[name] + value for name, value in request.headers]
    except KeyError:
        lines = [_checked(name) + value for name, value in request.headers]
    text = "".join(lines)
    if "\n" in text or "\r" in text or "\0" in text:
        raise ValueError("a header's value holds CR, LF or NUL")
    if body or request.method != "GET":
        lines.append(f"Content-Length: {len(body)}\r\n\r\n")
    else:
        lines.append("\r\n")
    try:
        return (opening + "\r\n".join(lines)).encode("latin-1") + body
    except UnicodeEncodeError:
        pass  # the error holds the whole text, signature included: it must not be anybody's context
    raise ValueError("a header's value is not Latin-1")
