"""Tokens like Cognito's, made at run time with keys that exist for the run only; the sets that publish them; a clock.

`Mint(pool_id, region, client_id, now=…)` makes tokens as `str`: `.access(groups=["admin"])`, `.id()`, `.machine()`;
any claim can be given by name, `ABSENT` leaves one out, and `.sign(claims, header=…)` signs anything at all.
`.jwks()` is the set that it publishes, `.rotate()` changes its keys. `Published(mint)` is a fetch port that serves it.
"""

import base64
import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

from gateway.settings import JWKS_PATH
from gateway.settings.endpoints import user_pool
from gateway.upstream import Answer

NOW: Final = 1_800_000_000.0
ABSENT: Final = object()


@functools.cache
def rsa_key(name: str, bits: int = 2048) -> RSAPrivateKey:  # noqa: ARG001 - the cache's key
    """Make a key; within one run the same name gives the same key, because making one takes a tenth of a second."""
    return generate_private_key(65537, bits)


def encode(raw: bytes) -> str:
    """Write unpadded base64url."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def encode_json(value: object) -> str:
    """Write compact JSON as unpadded base64url; bytes and strings are taken as they are."""
    if isinstance(value, bytes):
        return encode(value)
    return encode((value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))).encode())


def public_jwk(key: RSAPrivateKey, kid: str, /, **over: object) -> dict[str, Any]:
    """Write a key's public half as Cognito does; `over` replaces members."""
    numbers = key.public_key().public_numbers()
    n, e = (encode(number.to_bytes((number.bit_length() + 7) // 8, "big")) for number in (numbers.n, numbers.e))
    return _over({"alg": "RS256", "e": e, "kid": kid, "kty": "RSA", "n": n, "use": "sig"}, over)


@dataclass
class Clock:
    """Time as a value: epoch seconds, or monotonic seconds, whichever a port asks for."""

    now: float = NOW

    def __call__(self) -> float:
        """Tell the time."""
        return self.now

    def tick(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


class Mint:
    """A user pool's token endpoint. Access and ID tokens are signed by different keys, as Cognito's are."""

    def __init__(
        self,
        pool_id: str = "us-east-1_DevPool01",
        region: str = "us-east-1",
        client_id: str = "devclient00000000000000001",
        *,
        now: float = NOW,
    ) -> None:
        """`now` is epoch seconds: tokens are issued a minute before and expire an hour after that."""
        self.pool_id = pool_id
        self.issuer = f"https://cognito-idp.{region}.amazonaws.com/{pool_id}"
        self.client_id = client_id
        self.now = now
        self._turn = 0
        self._kept: list[tuple[str, RSAPrivateKey]] = []

    def key(self, use: str = "access") -> tuple[str, RSAPrivateKey]:
        """Give the id and the private key that sign `use` ("access" or "id") now."""
        name = f"{self.pool_id}/{use}/{self._turn}"
        return encode(name.encode()), rsa_key(name)

    def jwks(self) -> dict[str, list[dict[str, Any]]]:
        """Give the set as published now."""
        keys = [*self._kept, self.key("id"), self.key("access")]
        return {"keys": [public_jwk(key, kid) for kid, key in keys]}

    def rotate(self, *, keep: bool = True) -> None:
        """Change both keys; `keep` goes on publishing the old ones."""
        self._kept = [*self._kept, self.key("id"), self.key("access")] if keep else []
        self._turn += 1

    def claims(self, use: str = "access", **over: object) -> dict[str, Any]:
        """Give the claims of a person's token; write `cognito:groups` as `**{"cognito:groups": …}`."""
        claims: dict[str, Any] = {
            "sub": "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",
            "iss": self.issuer,
            "origin_jti": "11111111-2222-4333-8444-555555555555",
            "event_id": "66666666-7777-4888-9999-000000000000",
            "token_use": use,
            "auth_time": int(self.now) - 60,
            "exp": int(self.now) + 3600,
            "iat": int(self.now) - 60,
            "jti": "77777777-8888-4999-aaaa-bbbbbbbbbbbb",
        }
        if use == "access":
            claims |= {"client_id": self.client_id, "scope": "aws.cognito.signin.user.admin", "username": "alice"}
        else:
            claims |= {"aud": self.client_id, "cognito:username": "alice", "email": "alice@example.com"}
        return _over(claims, over)

    def access(self, groups: Sequence[str] = (), **over: object) -> str:
        """Make a person's access token; without groups the claim is absent, as with Cognito."""
        return self.sign(_over(self.claims(), {"cognito:groups": list(groups) or ABSENT, **over}))

    def id(self, groups: Sequence[str] = (), **over: object) -> str:
        """Make a person's ID token."""
        return self.sign(_over(self.claims("id"), {"cognito:groups": list(groups) or ABSENT, **over}), use="id")

    def machine(self, scopes: Sequence[str] = (), **over: object) -> str:
        """Make an access token of the client-credentials grant."""
        bare = _over(self.claims(), {"username": ABSENT, "origin_jti": ABSENT, "event_id": ABSENT, "version": 2})
        named = {"sub": over.get("client_id", self.client_id), "scope": " ".join(scopes)}
        return self.sign(_over({**bare, **named}, over))

    def sign(self, claims: object, *, use: str = "access", header: object = None, **over: object) -> str:
        """Sign anything with RS256: `claims` and `header` may be JSON text or bytes; `over` replaces header members."""
        kid, key = self.key(use)
        head = _over({"kid": kid, "alg": "RS256"}, over) if header is None else header
        return sign(key, encode_json(head), encode_json(claims))


def sign(key: RSAPrivateKey, header: str, payload: str) -> str:
    """Sign two segments as they are."""
    signing_input = f"{header}.{payload}"
    return f"{signing_input}.{encode(key.sign(signing_input.encode(), PKCS1v15(), SHA256()))}"


@dataclass
class Published:
    """A fetch port: serves the mint's set, or the `reply` that a test puts in its place; remembers what was asked."""

    mint: Mint
    reply: Answer | Exception | None = None
    headers: dict[str, str] = field(default_factory=dict)
    at: dict[str, Mint] = field(default_factory=dict)  # other mints' sets, by URL
    asked: list[str] = field(default_factory=list)

    async def __call__(self, url: str) -> Answer:
        """Answer a GET of `url`."""
        self.asked.append(url)
        if isinstance(self.reply, Exception):
            raise self.reply
        return self.reply or Answer(200, self.headers, json.dumps(self.at.get(url, self.mint).jwks()).encode())


def _over(members: dict[str, Any], over: Mapping[str, object]) -> dict[str, Any]:
    return {name: value for name, value in {**members, **over}.items() if value is not ABSENT}


def issuers_of(pool_id: str) -> tuple[str, str]:
    """The two issuers that a user pool's tokens may name."""
    region = user_pool(pool_id).region
    first, second = region.issuers(pool_id)
    return first, second


def jwks_url(issuer: str) -> str:
    """The address of an issuer's key set."""
    return issuer + JWKS_PATH
