"""Strict reading of what JOSE sends: a compact JWS, its JSON, a set of RSA public keys.

Duty: one spelling for one meaning. What two readers could take for two things is refused here, before a key is sought.
Prohibition: no keys are chosen, no signatures checked, no claims judged; no I/O, no clock.
Source: RFC 7515 (sections 2, 4, 5.2, 7.1), RFC 7517, RFC 7518 section 6.3, RFC 8259, RFC 8725.
"""

import binascii
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, NoReturn

# The RS256 port: (signing input, signature) -> whether the key made it. Never raises, whatever the bytes.
Verify = Callable[[bytes, bytes], bool]

MAX_MEMBERS: Final = 256
MAX_CONTAINERS: Final = 256
MAX_DEPTH: Final = 20
MAX_SET_BYTES: Final = 65_536
MAX_KEYS: Final = 20
MIN_KEY_BITS: Final = 2048
MAX_KEY_BITS: Final = 8192
MAX_EXPONENT_BITS: Final = 32

_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_STANDARD: Final = bytes.maketrans(b"-_", b"+/")
# By how many characters follow the last whole group of four: the padding, and the last characters without stray bits.
_TAILS: Final[Mapping[int, tuple[bytes, bytes]]] = {
    0: (b"", _ALPHABET),
    2: (b"==", _ALPHABET[::16]),
    3: (b"=", _ALPHABET[::4]),
}
_TYPES: Final = frozenset({"jwt", "at+jwt"})
# crit and b64 change how a JWS is read, zip and enc belong to JWE: none is Cognito's, each has been a bypass elsewhere.
_REFUSED_MEMBERS: Final = frozenset({"crit", "b64", "zip", "enc"})
_PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


class Malformed(ValueError):
    """What was read is not in the strict form. The only argument is a slug for the audit, never what was read."""


@dataclass(frozen=True, slots=True)
class Compact:
    """The parts of a compact JWS: header and payload as they were written, the signature decoded."""

    header: bytes = field(repr=False)
    payload: bytes = field(repr=False)
    signing_input: bytes = field(repr=False)
    signature: bytes = field(repr=False)


def split(token: bytes) -> Compact:
    """Take a compact JWS apart; the payload may be empty (a JWS has that), header and signature may not.

    Raises: Malformed.
    """
    # One pass: whatever is not of the alphabet must be exactly two dots. No padding, no white space, no third dot.
    if token.translate(None, _ALPHABET) != b"..":
        raise Malformed("malformed")
    header, payload, signature = token.split(b".")
    if not header or not signature:
        raise Malformed("malformed")
    return Compact(header, payload, token[: -len(signature) - 1], _decode(signature))


def decode(segment: bytes) -> bytes:
    """Decode unpadded base64url; bits that no byte needs must be zero, so that each value has one spelling.

    Raises: Malformed.
    """
    if segment.translate(None, _ALPHABET):
        raise Malformed("malformed")
    return _decode(segment)


def read_object(raw: bytes) -> dict[str, object]:
    """Read one JSON object: UTF-8, no member twice, only finite numbers, no lone surrogates, bounded depth and size.

    Raises: Malformed.
    """
    # Raised out here: the parser's exceptions hold what they read, and would be this one's context.
    value = _parse(raw)
    if not isinstance(value, dict):
        raise Malformed("malformed")
    return value


def read_header(raw: bytes) -> str:
    """Judge a JWS header and give its `kid`. What names or carries a key (jku, x5u, x5c, jwk) is never looked at.

    Raises: Malformed, with "malformed", "alg", "typ", "crit" or "kid".
    """
    header = read_object(raw)
    folded = {name.casefold() for name in header}
    if len(folded) != len(header):  # {"alg": …, "ALG": …}: two readers, two algorithms
        raise Malformed("malformed")
    if header.get("alg") != "RS256":
        raise Malformed("alg")
    if not folded.isdisjoint(_REFUSED_MEMBERS):
        raise Malformed("crit")
    typ = header.get("typ", "JWT")
    if not isinstance(typ, str) or typ.lower() not in _TYPES:
        raise Malformed("typ")
    kid = header.get("kid")
    if not isinstance(kid, str) or not kid:
        raise Malformed("kid")
    return kid


def read_uint(text: object) -> int:
    """Read a Base64urlUInt, the form of a JWK's numbers.

    Raises: Malformed.
    """
    if not isinstance(text, str) or not text or not text.isascii():
        raise Malformed("number")
    return int.from_bytes(decode(text.encode()), "big")


def read_rsa(jwk: Mapping[str, object]) -> dict[str, str]:
    """Judge a JWK as a key that may check RS256 signatures, and keep only `kty`, `n` and `e` of it.

    Raises: Malformed, with the member that rules the key out.
    """
    if jwk.get("kty") != "RSA":
        raise Malformed("kty")
    for member, only in (("alg", "RS256"), ("use", "sig")):
        if jwk.get(member, only) != only:
            raise Malformed(member)
    operations = jwk.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        raise Malformed("key_ops")
    if not _PRIVATE_MEMBERS.isdisjoint(jwk):  # whoever can read the set can sign with it
        raise Malformed("private")
    exponent, modulus = read_uint(jwk.get("e")), read_uint(jwk.get("n"))
    # e = 1 makes every block its own signature; an even number is no RSA key.
    if exponent < 3 or exponent % 2 == 0 or exponent.bit_length() > MAX_EXPONENT_BITS:  # noqa: PLR2004 - RFC 8017 3.1
        raise Malformed("e")
    if not MIN_KEY_BITS <= modulus.bit_length() <= MAX_KEY_BITS or modulus % 2 == 0:
        raise Malformed("n")
    return {"kty": "RSA", "n": str(jwk["n"]), "e": str(jwk["e"])}


def read_set(body: bytes) -> dict[str, dict[str, str]]:
    """Read a JWKS: key id -> the members `kty`, `n` and `e` of each key that may check RS256.

    Keys of other kinds, for other uses or without an id are left out; there may be no key left.
    Raises: Malformed, with a slug, where the set as a whole cannot be believed.
    """
    if len(body) > MAX_SET_BYTES:
        raise Malformed("set-too-large")
    listed = read_object(body).get("keys")
    if not isinstance(listed, list) or len(listed) > MAX_KEYS:
        raise Malformed("not-a-key-set")
    usable: dict[str, dict[str, str]] = {}
    seen: set[str] = set()
    for jwk in listed:
        if not isinstance(jwk, dict):
            raise Malformed("not-a-key-set")
        kid = jwk.get("kid")
        if not isinstance(kid, str) or not kid:
            continue
        if kid in seen:  # which of the two is meant would be decided by their order
            raise Malformed("two-keys-with-one-kid")
        seen.add(kid)
        try:
            usable[kid] = read_rsa(jwk)
        except Malformed:
            continue
    return usable


def _decode(segment: bytes) -> bytes:
    """Decode what is known to be of the alphabet."""
    tail = _TAILS.get(len(segment) % 4)
    if tail is None or (segment and segment[-1] not in tail[1]):
        raise Malformed("malformed")
    return binascii.a2b_base64(segment.translate(_STANDARD) + tail[0])


def _parse(raw: bytes) -> object:
    """Parse JSON; None where it is none, or not in the strict form."""
    containers = raw.count(b"[") + raw.count(b"{")
    if containers > MAX_CONTAINERS:  # before the parser sees it: nesting costs it recursion
        return None
    try:
        value: object = _DECODER.decode(raw.decode())
        if b"\\u" in raw:  # only an escape can write half of a surrogate pair, which cannot be encoded again
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):  # not UTF-8, not JSON, over 4,300 digits, refused by a hook
        return None
    return None if containers > MAX_DEPTH and _is_deep(value) else value


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Refuse a member that is there twice: the first and the last of them are two different documents."""
    members = dict(pairs)
    if len(members) != len(pairs) or len(pairs) > MAX_MEMBERS:
        raise Malformed("malformed")
    return members


def _finite(digits: str) -> float:
    """Refuse 1e999, which Python reads as infinity."""
    number = float(digits)
    if not math.isfinite(number):
        raise Malformed("malformed")
    return number


def _no_constant(_name: str) -> NoReturn:
    """Refuse NaN and Infinity, which are Python's and not JSON's."""
    raise Malformed("malformed")


def _is_deep(value: object) -> bool:
    """Whether containers nest deeper than `MAX_DEPTH`: level by level, so that depth costs no recursion."""
    level: list[object] = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer if isinstance(outer, list) else ())
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_members, parse_float=_finite, parse_constant=_no_constant)
