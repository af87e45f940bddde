"""The keys that sign a pool's tokens: made at start, one for access and one for ID tokens, as Cognito has them.

Duty: sign, serve the public halves as a JWKS, read a token back. Prohibition: a private key is never written anywhere,
and a published one (moto's `kid` `dummy`) is never used.
Source: RFC 7517, RFC 7518 section 6.3.1.
"""

import base64
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

KEY_BITS = 2048

# the values of `token_use`
ACCESS = "access"
IDENTITY = "id"

Claims = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One RSA key; `kid` looks like Cognito's: 32 bytes in standard Base64."""

    kid: str
    private: rsa.RSAPrivateKey = field(repr=False)

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Give the compact JWS of `claims`, RS256."""
        return jwt.encode(dict(claims), self.private, algorithm="RS256", headers={"kid": self.kid})

    def public(self) -> dict[str, str]:
        """Give the public half as Cognito's JWKS lists it."""
        numbers = json.loads(RSAAlgorithm.to_jwk(self.private.public_key()))
        return {
            "alg": "RS256",
            "e": numbers["e"],
            "kid": self.kid,
            "kty": "RSA",
            "n": numbers["n"],
            "use": "sig",
        }


def make_key() -> SigningKey:
    """Make a key: tens of milliseconds."""
    kid = base64.b64encode(secrets.token_bytes(32)).decode()
    return SigningKey(kid, rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS))


class PoolKeys:
    """The two keys of one pool."""

    def __init__(self) -> None:
        """Make both: tens of milliseconds each."""
        self._keys = {ACCESS: make_key(), IDENTITY: make_key()}

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Sign with the key that the claim `token_use` names."""
        return self._keys[claims["token_use"]].sign(claims)

    def read(self, token: str) -> Claims | None:
        """Give the claims of a token that one of these keys signed, expired or not; None for any other token."""
        for key in self._keys.values():
            try:
                claims: Claims = jwt.decode(
                    token,
                    key.private.public_key(),
                    algorithms=["RS256"],
                    # who asks decides about time and audience; the signature is what is judged here
                    options={"verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_aud": False},
                )
            except jwt.InvalidTokenError:
                continue
            return claims
        return None

    def jwks(self) -> bytes:
        """Give the key set as it is served."""
        return json.dumps({"keys": [key.public() for key in self._keys.values()]}).encode()
