"""RS256 with nothing but the standard library: for runtimes that have no `cryptography`.

Duty: say whether an RSA key made a signature, by building the one block that is right and comparing it whole.
Prohibition: the signature's padding is never parsed: what is not parsed cannot be parsed leniently.
Source: RFC 8017 sections 8.2.2 (RSASSA-PKCS1-v1_5 verification) and 9.2 (the block).
"""

import hmac
from collections.abc import Mapping
from hashlib import sha256
from typing import Final

from gateway.jose import Verify, read_uint

# DER of DigestInfo for SHA-256, up to where the digest's 32 bytes follow (RFC 8017 section 9.2, note 1).
_DIGEST_INFO: Final = bytes.fromhex("3031300d060960864801650304020105000420")
_DIGEST_BYTES: Final = 32


def make_key(jwk: Mapping[str, str]) -> Verify:
    """Make the RS256 port of a JWK that `gateway.jose.read_rsa` has judged (it needs `n` and `e`).

    Raises: ValueError where `n` or `e` is not a number.
    """
    modulus, exponent = read_uint(jwk["n"]), read_uint(jwk["e"])
    size = (modulus.bit_length() + 7) // 8
    filler = b"\xff" * (size - 3 - len(_DIGEST_INFO) - _DIGEST_BYTES)
    prefix = b"\x00\x01" + filler + b"\x00" + _DIGEST_INFO

    def verify(signing_input: bytes, signature: bytes) -> bool:
        number = int.from_bytes(signature, "big")
        if len(signature) != size or number >= modulus:  # longer, shorter or not reduced: another spelling of one
            return False
        block = pow(number, exponent, modulus).to_bytes(size, "big")
        return hmac.compare_digest(block, prefix + sha256(signing_input).digest())

    return verify
