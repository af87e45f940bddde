"""A client's side of Cognito's SRP sign-in, written from the specifications and not from the emulator.

The prime is computed from RFC 3526's formula, 2^3072 - 2^3008 - 1 + 2^64 * ([2^2942 pi] + 1690314), and numbers are
padded as hexadecimal text, the way the browser libraries do it.
"""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field


def _pi(bits: int) -> int:
    """Give [2^bits * pi] by Machin's formula."""
    one = 1 << (bits + 64)

    def arctan_of_inverse(x: int) -> int:
        power = total = one // x
        divisor, sign = 3, -1
        while power:
            power //= x * x
            total += sign * (power // divisor)
            divisor, sign = divisor + 2, -sign
        return total

    return 4 * (4 * arctan_of_inverse(5) - arctan_of_inverse(239)) >> 64


PRIME = 2**3072 - 2**3008 - 1 + 2**64 * (_pi(2942) + 1690314)


def _padded(number: int) -> bytes:
    text = f"{number:x}"
    if len(text) % 2:
        text = "0" + text
    elif text[0] in "89abcdef":
        text = "00" + text
    return bytes.fromhex(text)


def _digest(data: bytes) -> int:
    return int(hashlib.sha256(data).hexdigest(), 16)


@dataclass
class SrpClient:
    """One sign-in."""

    pool_id: str
    private: int = field(default_factory=lambda: secrets.randbits(1024), repr=False)

    @property
    def public(self) -> str:
        """SRP_A."""
        return f"{pow(2, self.private, PRIME):x}"

    def answer(self, shown: dict[str, str], password: str, *, timestamp: str) -> dict[str, str]:
        """Give the ChallengeResponses to PASSWORD_VERIFIER."""
        name, user = self.pool_id.split("_")[1], shown["USER_ID_FOR_SRP"]
        theirs, ours = int(shown["SRP_B"], 16), int(self.public, 16)
        u = _digest(_padded(ours) + _padded(theirs))
        x = _digest(_padded(int(shown["SALT"], 16)) + hashlib.sha256(f"{name}{user}:{password}".encode()).digest())
        k = _digest(_padded(PRIME) + _padded(2))
        shared = pow(theirs - k * pow(2, x, PRIME), self.private + u * x, PRIME)
        prk = hmac.new(_padded(u), _padded(shared), hashlib.sha256).digest()
        key = hmac.new(prk, b"Caldera Derived Key\x01", hashlib.sha256).digest()[:16]
        message = name.encode() + user.encode() + base64.b64decode(shown["SECRET_BLOCK"]) + timestamp.encode()
        return {
            "USERNAME": user,
            "PASSWORD_CLAIM_SECRET_BLOCK": shown["SECRET_BLOCK"],
            "PASSWORD_CLAIM_SIGNATURE": base64.b64encode(hmac.new(key, message, hashlib.sha256).digest()).decode(),
            "TIMESTAMP": timestamp,
        }
