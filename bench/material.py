"""What a run is made with: a key, the key set that publishes it, good tokens and bad ones.

Duty: tokens shaped like Cognito's access tokens, each of another person, signed with a key that exists for one run.
Prohibition: nothing is written to disk here, and nothing outlives the run.
"""

import base64
import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

from bench.people import sub_of
from bench.wire import CLIENT, POOL, REGION

ISSUER = f"https://cognito-idp.{REGION}.amazonaws.com/{POOL}"
ACCESS_KEY_ID = "AKIAIOSFODNN7EXAMPLE"
SECRET_ACCESS_KEY = "bench-secret-access-key-0000000000000001"

_KID = "bench-key-1"
_LIFE_SECONDS = 6 * 3600


@dataclass(frozen=True, slots=True)
class Material:
    """One run's keys and tokens."""

    jwks: str
    tokens: tuple[str, ...] = field(repr=False)  # all good, each with another `sub`
    rated: str = field(repr=False)  # good, but its role allows one call a minute
    refused: Mapping[str, str] = field(repr=False)  # why -> a token that nobody may accept


def make(count: int) -> Material:
    """A new key and `count` good tokens; about a millisecond a token."""
    key = generate_private_key(65537, 2048)
    now = int(time.time())
    good = tuple(_token(key, now, username=name, sub=sub_of(name)) for name in map(caller, range(count)))
    head, payload, signature = good[0].split(".")
    other = "A" if signature[10] != "A" else "B"
    return Material(
        jwks=json.dumps({"keys": [_jwk(key)]}),
        tokens=good,
        rated=_token(key, now, **{"cognito:groups": ["rated"]}),
        refused={
            "bad signature": f"{head}.{payload}.{signature[:10]}{other}{signature[11:]}",
            "expired": _token(key, now, exp=now - 100, iat=now - 200),
            "wrong issuer": _token(key, now, iss=f"{ISSUER}x"),
            "id token": _token(key, now, token_use="id"),
            "wrong client": _token(key, now, client_id="someoneelse0000000000000001"),
            "no group": _token(key, now, **{"cognito:groups": ["readonly"]}),
        },
    )


def caller(number: int) -> str:
    """The name of the caller with the token of that number."""
    return f"user{number}"


def _token(key: RSAPrivateKey, now: int, **over: object) -> str:
    claims: dict[str, object] = {
        "sub": str(uuid.uuid4()),
        "cognito:groups": ["admin"],
        "iss": ISSUER,
        "version": 2,
        "client_id": CLIENT,
        "origin_jti": str(uuid.uuid4()),
        "event_id": str(uuid.uuid4()),
        "token_use": "access",
        "scope": "aws.cognito.signin.user.admin openid",
        "auth_time": now,
        "exp": now + _LIFE_SECONDS,
        "iat": now,
        "jti": str(uuid.uuid4()),
        "username": "alice",
    }
    signing_input = f"{_json({'kid': _KID, 'alg': 'RS256'})}.{_json(claims | over)}"
    return f"{signing_input}.{_base64(key.sign(signing_input.encode(), PKCS1v15(), SHA256()))}"


def _jwk(key: RSAPrivateKey) -> dict[str, str]:
    numbers = key.public_key().public_numbers()
    n, e = (_base64(number.to_bytes((number.bit_length() + 7) // 8, "big")) for number in (numbers.n, numbers.e))
    return {"alg": "RS256", "e": e, "kid": _KID, "kty": "RSA", "n": n, "use": "sig"}


def _json(value: object) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
