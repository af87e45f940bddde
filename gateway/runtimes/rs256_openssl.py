"""RS256 on OpenSSL, through PyJWT's JWK classes and `cryptography`: for the container.

Duty: the same port as `gateway.rs256`, five times as fast; both pass the same vectors.
Prohibition: nothing is read from a token's header, and no other algorithm is made.
Source: RFC 7518 section 3.3.
"""

from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from jwt.algorithms import RSAAlgorithm
from jwt.exceptions import InvalidKeyError

from gateway.jose import Verify


def make_key(jwk: Mapping[str, str]) -> Verify:
    """Make the RS256 port of a JWK that `gateway.jose.read_rsa` has judged.

    Raises: ValueError where OpenSSL makes no public key of it.
    """
    try:
        key = RSAAlgorithm.from_jwk(dict(jwk))
    except InvalidKeyError:
        raise ValueError("not an RSA key") from None
    if not isinstance(key, RSAPublicKey):
        raise ValueError("not a public RSA key")  # noqa: TRY004 - a value from Cognito, not a caller's mistake
    check, padding, digest = key.verify, PKCS1v15(), SHA256()

    def verify(signing_input: bytes, signature: bytes) -> bool:
        try:
            check(signature, signing_input, padding, digest)
        except InvalidSignature:
            return False
        return True

    return verify
