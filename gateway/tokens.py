"""A token becomes a Caller, or is refused with one answer and a reason that only the audit sees.

Duty: the rules that Cognito's tokens satisfy and nothing else does: one algorithm, the issuer's own key, exact claims.
Prohibition: no clock (`now` is handed in), no fetching (the key port does that), no memory of what failed, no claim,
token or key in an error. The header never says how a token is to be checked.
Source: RFC 7519, RFC 8725, Amazon Cognito "Verifying JSON web tokens"; docs/decisions/0002-tokens.md.
"""

import re
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Protocol, TypeVar

from gateway.caller import Caller
from gateway.errors import TokenError
from gateway.jose import Malformed, Verify, decode, read_header, read_object, split

MAX_LEEWAY_SECONDS: Final = 60
MAX_SKEW_SECONDS: Final = 60  # how far a token's own times may lie ahead of our clock
LATEST_SECONDS: Final = 100_000_000_000  # the year 5138: what is later is no date, and may be milliseconds
_MAX_SHARED: Final = 4_096
_MAX_HEADERS: Final = 64
_SUB: Final = re.compile(r"[\x21-\x7e]{1,128}")
_USES: Final[Mapping[str, str]] = {"access": "username", "id": "cognito:username"}

_T = TypeVar("_T", bound=Hashable)


class Keys(Protocol):
    """The key port: `gateway.keys.KeyRing`, or a test's."""

    @property
    def generation(self) -> int:
        """A number that changes whenever a key does."""
        ...  # pragma: no cover - a port

    def known(self, issuer: str, kid: str) -> Verify | None:
        """Give a key that is at hand."""
        ...  # pragma: no cover - a port

    async def find(self, issuer: str, kid: str) -> Verify:
        """Give a key, fetching if need be. Raises: TokenError, Unavailable."""
        ...  # pragma: no cover - a port


@dataclass(slots=True)
class _Signer:
    """The key of some cached callers' tokens, and the key ring's generation in which it was last seen to be valid."""

    issuer: str
    kid: str
    verify: Verify
    generation: int


class Verifier:
    """Verifies one pool's tokens, and remembers those that it accepted. Not for several threads."""

    def __init__(  # noqa: PLR0913 - all by name, none of them may be left out by accident
        self,
        *,
        issuers: tuple[str, ...],
        client_ids: frozenset[str],
        token_uses: frozenset[str],
        keys: Keys,
        max_token_bytes: int = 8192,
        leeway_seconds: int = 0,
        cache_size: int = 10_000,
    ) -> None:
        """`token_uses`: of "access" and "id", what a bearer may be. `leeway_seconds` is for `exp`, at most 60.

        Raises: ValueError where a check would have nothing to compare with.
        """
        for names in (issuers, client_ids, token_uses):
            # A bare string would pass as a collection of its letters, and `in` would match any part of it.
            if isinstance(names, str) or not names or not all(isinstance(name, str) and name for name in names):
                raise ValueError("issuers, client ids and token uses need at least one name each")
        if len(set(issuers)) != len(issuers):
            raise ValueError("an issuer is there twice")
        if not token_uses <= _USES.keys():
            raise ValueError("a token use is neither access nor id")
        if not 0 <= leeway_seconds <= MAX_LEEWAY_SECONDS:
            raise ValueError("the leeway is not between 0 and 60 seconds")
        if max_token_bytes < 1 or cache_size < 1:
            raise ValueError("the sizes must be positive")
        self._issuers = frozenset(issuers)
        self._client_ids = {name: name for name in client_ids}
        self.token_uses = token_uses  # what a bearer may be
        self._keys = keys
        self._max_token_bytes = max_token_bytes
        self._leeway_seconds = leeway_seconds
        self._cache_size = cache_size
        self._entries: OrderedDict[bytes, tuple[Caller, _Signer]] = OrderedDict()
        self._signers: dict[tuple[str, str], _Signer] = {}
        self._kids: dict[bytes, str] = {}  # headers of tokens that were accepted: a pool has two or four of them
        self._shared: dict[Hashable, Hashable] = {}

    def cached(self, token: bytes, now: float) -> Caller | None:
        """Give the caller of a bearer token that was accepted before and still would be. `now`: epoch seconds."""
        if len(token) > self._max_token_bytes:
            return None
        caller = self._recall(sha256(token).digest(), now)
        return caller if caller is not None and caller.token_use in self.token_uses else None

    async def verify(self, token: bytes, now: float, *, token_uses: frozenset[str] | None = None) -> Caller:
        """Give the caller of a token. `now`: epoch seconds; `token_uses` replaces the bearers' for tokens in bodies.

        Raises: TokenError where the token is not accepted; Unavailable where the keys cannot be had.
        """
        if not isinstance(token, bytes):  # a JSON body's member may be anything
            raise TokenError("malformed")
        if len(token) > self._max_token_bytes:
            raise TokenError("oversize")
        uses = self.token_uses if token_uses is None else token_uses
        digest = sha256(token).digest()
        caller = self._recall(digest, now)
        if caller is None:
            caller = await self._judge(token, digest, now, uses)
        elif caller.token_use not in uses:
            raise TokenError("token-use")
        return caller

    def _recall(self, digest: bytes, now: float) -> Caller | None:
        """Look a token up by the SHA-256 of all of it; an entry dies with `exp` and with its key."""
        entry = self._entries.get(digest)
        if entry is None:
            return None
        caller, signer = entry
        generation = self._keys.generation
        if signer.generation != generation and self._keys.known(signer.issuer, signer.kid) is signer.verify:
            signer.generation = generation
        if signer.generation != generation or now >= caller.expires_at + self._leeway_seconds:
            del self._entries[digest]
            return None
        self._entries.move_to_end(digest)
        return caller

    async def _judge(self, token: bytes, digest: bytes, now: float, uses: frozenset[str]) -> Caller:
        """Check a token that is not in memory: form, issuer, key, signature, claims; and remember it if all hold."""
        try:
            parts = split(token)
            kid = self._kids.get(parts.header) or read_header(decode(parts.header))
            claims = read_object(decode(parts.payload))
        except Malformed as error:
            raise TokenError(str(error)) from None
        issuer = claims.get("iss")
        if not isinstance(issuer, str) or issuer not in self._issuers:
            raise TokenError("issuer")
        verify = self._keys.known(issuer, kid) or await self._keys.find(issuer, kid)
        if not verify(parts.signing_input, parts.signature):
            raise TokenError("signature")
        caller = self._caller(claims, now, uses)
        if len(self._kids) < _MAX_HEADERS:
            self._kids[parts.header] = kid
        while len(self._entries) >= self._cache_size:
            self._entries.popitem(last=False)
        self._entries[digest] = (caller, self._signer(issuer, kid, verify))
        return caller

    def _signer(self, issuer: str, kid: str, verify: Verify) -> _Signer:
        """Give the one record of a key that all callers share whom it vouched for."""
        signer = self._signers.get((issuer, kid))
        if signer is None or signer.verify is not verify:
            signer = self._signers[issuer, kid] = _Signer(issuer, kid, verify, self._keys.generation)
        return signer

    def _caller(self, claims: Mapping[str, object], now: float, uses: frozenset[str]) -> Caller:
        """Judge the claims of a token whose signature is good. The issuer was judged with the key."""
        use = claims.get("token_use")
        if not isinstance(use, str) or use not in uses or use not in _USES:
            raise TokenError("token-use")
        client_id = self._client(claims, use)
        sub = claims.get("sub")
        if not isinstance(sub, str) or _SUB.fullmatch(sub) is None:
            raise TokenError("sub")
        issued_at, auth_time, expires_at = _times(claims, now, self._leeway_seconds)
        groups = _names(claims, "cognito:groups", "groups")
        scope = _text(claims, "scope") or ""
        is_machine = use == "access" and "username" not in claims and sub == client_id
        username = None if is_machine else _username(claims, use)
        acr, amr = claims.get("acr"), claims.get("amr")
        return Caller(
            sub=sub,
            username=sub if username == sub else username,
            groups=self._share(() if is_machine else groups),
            scopes=self._share(frozenset(scope.split(" ")) - {""} if use == "access" else frozenset()),
            client_id=client_id,
            token_use="id" if use == "id" else "access",  # the literals: no copy a token
            is_machine=is_machine,
            issued_at=issued_at,
            auth_time=issued_at if auth_time == issued_at else auth_time,
            expires_at=expires_at,
            # How someone signed in only ever adds rights (step-up): in a wrong form it counts as not said.
            acr=self._share(acr) if isinstance(acr, str) else None,
            amr=self._share(tuple(amr)) if isinstance(amr, list) and all(isinstance(way, str) for way in amr) else (),
            jti=_text(claims, "jti"),
            origin_jti=_text(claims, "origin_jti"),
        )

    def _client(self, claims: Mapping[str, object], use: str) -> str:
        """Give the app client that a token was issued to: its `client_id`, or an ID token's `aud`."""
        audience = claims.get("aud", [])
        audiences = [audience] if isinstance(audience, str) else audience
        if not isinstance(audiences, list) or not all(isinstance(name, str) for name in audiences):
            raise TokenError("client")
        for name in audiences if use == "id" else [claims.get("client_id")]:
            if isinstance(name, str) and name in self._client_ids:
                return self._client_ids[name]
        raise TokenError("client")

    def _share(self, value: _T) -> _T:
        """Give an equal object that other callers hold already: there are few groups and scopes, and many callers."""
        if len(self._shared) >= _MAX_SHARED:
            self._shared.clear()
        return self._shared.setdefault(value, value)  # type: ignore[return-value]  # a key's equal has its type


def _text(claims: Mapping[str, object], name: str) -> str | None:
    """Give a claim that is absent or a string."""
    value = claims.get(name, "")
    if not isinstance(value, str):
        raise TokenError("claims")
    return value or None


def _names(claims: Mapping[str, object], name: str, reason: str) -> tuple[str, ...]:
    """Give a claim that is absent or an array of strings: a string instead would match by its parts (R-07)."""
    value = claims.get(name, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise TokenError(reason)
    return tuple(value)


def _username(claims: Mapping[str, object], use: str) -> str:
    """Give a person's name: without one an audit line would have no actor."""
    username = claims.get(_USES[use])
    if not isinstance(username, str) or not username:
        raise TokenError("username")
    return username


def _moment(claims: Mapping[str, object], name: str) -> float | None:
    """Give a NumericDate, or None where it is absent. True is 1 in Python, and 1e308 overflows what reads it later."""
    if name not in claims:
        return None
    value = claims[name]
    if (type(value) is not int and type(value) is not float) or not 0 <= value < LATEST_SECONDS:
        raise TokenError("time")
    return float(value)


def _times(claims: Mapping[str, object], now: float, leeway_seconds: int) -> tuple[float, float, float]:
    """Judge all times of a token and give (issued at, signed in at, expires at), 0.0 for the first two where absent."""
    expires_at, not_before = _moment(claims, "exp"), _moment(claims, "nbf")
    issued_at, auth_time = _moment(claims, "iat"), _moment(claims, "auth_time")
    if expires_at is None or (issued_at is not None and expires_at <= issued_at):
        raise TokenError("time")
    if now >= expires_at + leeway_seconds:
        raise TokenError("expired")
    # A sign-in in the future would stay fresh for ever.
    if max(not_before or 0.0, issued_at or 0.0, auth_time or 0.0) > now + MAX_SKEW_SECONDS:
        raise TokenError("not-yet-valid")
    return issued_at or 0.0, auth_time or 0.0, expires_at
