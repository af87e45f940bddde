"""Passwords, and the server's side of the sign-in that never sends them (SRP-6a, as Cognito does it).

Duty: keep a password as a salt and a private value, prove knowledge of it either way. Prohibition: no password is kept.
Cognito's particulars: SHA-256; the 3072-bit group of RFC 5054 (its prime is that of RFC 3526 group 15) with generator
2, not 5; the identity is the pool's name (the part behind `_`) followed by the user's; hashed numbers are big-endian
with a zero byte in front when the top bit is set; the key is 16 bytes of HKDF with the info `Caldera Derived Key`; the
proof is an HMAC over pool name, user name, secret block and timestamp.
Source: RFC 5054 sections 2.5 and 2.6, RFC 3526 section 5, RFC 5869.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field

PRIME = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F"
    "83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B"
    "E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510"
    "15728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7"
    "ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200C"
    "BBE117577A615D6C770988C0BAD946E208E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF",
    16,
)
GENERATOR = 2
INFO = b"Caldera Derived Key"
SALT_BYTES = 16
PROOF_KEY_BYTES = 16


def _number(value: int) -> bytes:
    """Big-endian, at least one byte, with a zero byte in front when the top bit is set."""
    return value.to_bytes(value.bit_length() // 8 + 1, "big")


def _hash(*parts: bytes) -> int:
    return int.from_bytes(hashlib.sha256(b"".join(parts)).digest(), "big")


MULTIPLIER = _hash(_number(PRIME), _number(GENERATOR))


@dataclass(frozen=True, slots=True)
class Password:
    """A password as the pool keeps it. `private` is SRP's x: whoever has it can sign in here, so it is no repr's."""

    salt: int = field(repr=False)
    private: int = field(repr=False)

    @classmethod
    def of(cls, password: str, *, pool_name: str, username: str, salt: int | None = None) -> "Password":
        """Make one from the password itself, with a fresh salt unless given."""
        if salt is None:
            salt = secrets.randbits(SALT_BYTES * 8)
        inner = hashlib.sha256(f"{pool_name}{username}:{password}".encode()).digest()
        return cls(salt, _hash(_number(salt), inner))

    def fits(self, password: str, *, pool_name: str, username: str) -> bool:
        """Say whether `password` is the one, in constant time."""
        other = Password.of(password, pool_name=pool_name, username=username, salt=self.salt)
        return hmac.compare_digest(_number(other.private), _number(self.private))


@dataclass(frozen=True, slots=True)
class Challenge:
    """What the server remembers between PASSWORD_VERIFIER being asked and being answered."""

    public: int
    salt: int
    client_public: int
    verifier: int = field(repr=False)
    private: int = field(repr=False)

    def proof(self, *, pool_name: str, username: str, block: bytes, timestamp: str) -> bytes:
        """Give the HMAC-SHA-256 (32 bytes) that a client with the right password sends as its claim."""
        scramble = _hash(_number(self.client_public), _number(self.public))
        shared = pow(self.client_public * pow(self.verifier, scramble, PRIME), self.private, PRIME)
        extracted = hmac.digest(_number(scramble), _number(shared), "sha256")
        key = hmac.digest(extracted, INFO + b"\x01", "sha256")[:PROOF_KEY_BYTES]
        return hmac.digest(key, pool_name.encode() + username.encode() + block + timestamp.encode(), "sha256")

    def proven(self, claim: str, *, pool_name: str, username: str, block: bytes, timestamp: str) -> bool:
        """Say whether `claim` (Base64) is the proof, in constant time."""
        try:
            claimed = base64.b64decode(claim, validate=True)
        except (binascii.Error, ValueError):
            return False
        proof = self.proof(pool_name=pool_name, username=username, block=block, timestamp=timestamp)
        return hmac.compare_digest(proof, claimed)


def challenge(password: Password, client_public: str) -> Challenge | None:
    """Answer SRP_A (hexadecimal). None when it is no number, or one that would make the shared key known in advance."""
    try:
        value = int(client_public, 16)
    except ValueError:
        return None
    if value % PRIME == 0 or value < 0:
        return None
    verifier = pow(GENERATOR, password.private, PRIME)
    private = secrets.randbits(256)
    public = (MULTIPLIER * verifier + pow(GENERATOR, private, PRIME)) % PRIME
    return Challenge(public, password.salt, value, verifier, private)
