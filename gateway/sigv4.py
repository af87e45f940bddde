"""Signature Version 4: what proves to AWS that the gateway may ask.

Duty: SigV4's steps as functions, and `Signer`, the same steps with everything that does not change within a second done
once. `Signer` asks the functions for what it keeps, so that there is one description of the format.
Prohibition: no clock (`now` is handed in), no I/O, no retries, no header of the caller's. SigV4's rules for normalising
and encoding paths are not here: the gateway only ever signs `POST /`.
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import sha256
from hmac import digest
from typing import TYPE_CHECKING
from urllib.parse import quote

from gateway.keypair import KeyPair

if TYPE_CHECKING:  # the name of a running hash is typeshed's; at run time there is none to import
    from hashlib import _Hash

ALGORITHM = "AWS4-HMAC-SHA256"
JSON_CONTENT_TYPE = "application/x-amz-json-1.1"

Headers = tuple[tuple[str, str], ...]

_BLOCK_BYTES = 64  # SHA-256's, which HMAC pads its key to (RFC 2104)
_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))
_MAX_SCOPES = 4  # two key pairs on both sides of midnight
_MAX_PREFIXES = 512  # more than Cognito has operations; a moment lasts one second


def amz_date(now: float) -> str:
    """Write `now` (epoch seconds) as X-Amz-Date does: `20261121T093000Z`, in UTC; its first 8 letters are the day."""
    return f"{datetime.fromtimestamp(int(now), UTC):%Y%m%dT%H%M%SZ}"  # int: a fraction would be rounded, up too


def canonical_value(value: str) -> str:
    """Trim a header's value and make its folds and runs of white space one space."""
    return " ".join(value.split())


def signed_headers(headers: Iterable[tuple[str, str]]) -> str:
    """List the names that are signed: lower case, each once, sorted, `;` between."""
    return ";".join(sorted({name.lower() for name, _ in headers}))


def canonical_query(query: Iterable[tuple[str, str]]) -> str:
    """Encode the query's decoded names and values, and sort them by encoded name, then value."""
    return "&".join(f"{name}={value}" for name, value in sorted((_encode(name), _encode(text)) for name, text in query))


def canonical_request(
    method: str, path: str, query: Iterable[tuple[str, str]], headers: Iterable[tuple[str, str]], payload_hash: str
) -> str:
    """Write the request down as both sides do before they hash it.

    `path` is taken as it is; `query` is decoded pairs; `headers` are the ones to sign, several of one name in the order
    they are sent; `payload_hash` is the lower-case hex SHA-256 of the body.
    """
    values: dict[str, list[str]] = {}
    for name, value in headers:
        values.setdefault(name.lower(), []).append(canonical_value(value))
    lines = "".join(f"{name}:{','.join(values[name])}\n" for name in sorted(values))
    return f"{method}\n{path}\n{canonical_query(query)}\n{lines}\n{';'.join(sorted(values))}\n{payload_hash}"


def credential_scope(day: str, region: str, service: str) -> str:
    """Name what a signature is good for: one day (`20261121`), one region, one service."""
    return f"{day}/{region}/{service}/aws4_request"


def string_to_sign(date: str, scope: str, request_hash: str) -> str:
    """Write what the key signs; `request_hash` is the lower-case hex SHA-256 of the canonical request in UTF-8."""
    return f"{ALGORITHM}\n{date}\n{scope}\n{request_hash}"


def signing_key(secret: str, day: str, region: str, service: str) -> bytes:
    """Derive the 32-byte key of one day, region and service."""
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = digest(key, part.encode(), "sha256")
    return key


def signature(key: bytes, to_sign: str) -> str:
    """Sign, lower-case hex."""
    return digest(key, to_sign.encode(), "sha256").hex()


def authorization(access_key_id: str, scope: str, names: str, signed: str) -> str:
    """Write the Authorization header's value; `names` from `signed_headers`, `signed` from `signature`."""
    return f"{ALGORITHM} Credential={access_key_id}/{scope}, SignedHeaders={names}, Signature={signed}"


class Signer:
    """Signs `POST /` to one service on one host.

    Per key pair and second it keeps HMAC states that have eaten the key and the string to sign's first lines, and per
    target a SHA-256 state that has eaten the canonical request's: a signature costs a handful of block operations. The
    id, the secret and the token of a signature are read from the one `KeyPair` that it was asked with.
    """

    __slots__ = ("_host", "_moment", "_region", "_scopes", "_service")

    def __init__(self, region: str, service: str, host: str) -> None:
        """`host` is the Host header that the transport will write: `Origin.authority`."""
        self._region = region
        self._service = service
        self._host = host
        self._scopes: dict[tuple[str, str], _Scope] = {}
        self._moment: _Moment | None = None

    def sign(
        self, keys: KeyPair, *, target: str | None, body: bytes, now: float, content_type: str = JSON_CONTENT_TYPE
    ) -> Headers:
        """Give the headers to add, each of them signed, and Host with them.

        Content-Type, X-Amz-Date, X-Amz-Target where `target` is not None, X-Amz-Security-Token where the keys have one,
        Authorization. `now` is epoch seconds by AWS's clock: who knows of an offset adds it.

        Raises:
            ValueError: a value cannot be sent as it would be signed (line breaks, runs of spaces, not ASCII).

        """
        second = int(now)
        moment = self._moment  # read once: whoever replaces it meanwhile cannot mix two pairs
        if moment is None or moment.keys is not keys or moment.second != second:
            moment = self._moment = self._begin(keys, second)
        prefix = moment.prefixes.get((target, content_type)) or moment.prefix(target, content_type)
        request = prefix.request.copy()
        request.update(sha256(body).hexdigest().encode())
        inner = moment.to_sign.copy()
        inner.update(request.hexdigest().encode())
        outer = moment.outer.copy()
        outer.update(inner.digest())
        return (*prefix.headers, ("Authorization", prefix.authorization + outer.hexdigest()))

    def _begin(self, keys: KeyPair, second: int) -> "_Moment":
        """Begin a second; the day's key is derived once for each secret, and the oldest forgotten first."""
        date = amz_date(second)
        name = (keys.secret_access_key, date[:8])
        scope = self._scopes.get(name)
        if scope is None:
            while len(self._scopes) >= _MAX_SCOPES:
                del self._scopes[next(iter(self._scopes))]
            scope = self._scopes[name] = _Scope(*name, self._region, self._service)
        return _Moment(keys, second, date=date, host=self._host, scope=scope)


class _Scope:
    """One secret on one day: the HMAC's two states after its key."""

    __slots__ = ("inner", "name", "outer")

    def __init__(self, secret: str, day: str, region: str, service: str) -> None:
        key = signing_key(secret, day, region, service).ljust(_BLOCK_BYTES, b"\0")
        self.name = credential_scope(day, region, service)
        self.inner = sha256(key.translate(_INNER))
        self.outer = sha256(key.translate(_OUTER))


class _Moment:
    """One key pair in one second."""

    __slots__ = ("_date", "_host", "_scope", "keys", "outer", "prefixes", "second", "to_sign")

    def __init__(self, keys: KeyPair, second: int, *, date: str, host: str, scope: _Scope) -> None:
        self.keys = keys
        self.second = second
        self.outer = scope.outer
        self._host = host
        self._scope = scope.name
        self._date = date
        self.to_sign = scope.inner.copy()
        self.to_sign.update(string_to_sign(self._date, scope.name, "").encode())
        self.prefixes: dict[tuple[str | None, str], _Prefix] = {}

    def prefix(self, target: str | None, content_type: str) -> "_Prefix":
        """Make, and keep, what is common to this second's requests of one target."""
        headers = [("Content-Type", content_type), ("X-Amz-Date", self._date)]
        if target is not None:
            headers.append(("X-Amz-Target", target))
        if self.keys.session_token is not None:
            headers.append(("X-Amz-Security-Token", self.keys.session_token))
        signed = (*headers, ("Host", self._host))
        proof = authorization(self.keys.access_key_id, self._scope, signed_headers(signed), "")
        for name, value in (*signed, ("Authorization", proof)):
            # AWS checks the trimmed value, sent is this one; and a line break in it would be one header more.
            if value != canonical_value(value) or not (value.isascii() and value.isprintable()):
                problem = f"{name} cannot be signed as it would be sent"  # the name only: the value may be a secret
                raise ValueError(problem)
        prefix = _Prefix()
        prefix.headers = tuple(headers)
        prefix.request = sha256(canonical_request("POST", "/", (), signed, "").encode())
        prefix.authorization = proof
        if len(self.prefixes) >= _MAX_PREFIXES:
            self.prefixes.clear()
        self.prefixes[target, content_type] = prefix
        return prefix


class _Prefix:
    """One target in one moment: the headers, the request up to the body's hash, Authorization up to the signature."""

    __slots__ = ("authorization", "headers", "request")

    authorization: str
    headers: Headers
    request: "_Hash"


def _encode(text: str) -> str:
    return quote(text, safe="-_.~")
