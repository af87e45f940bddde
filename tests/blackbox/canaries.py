"""The canary grep (R-01): every secret that a suite used, and the search for them in everything that was said.

Secrets need not be announced: whatever goes to the gateway is read for tokens and for the members that hold secrets.
"""

import json
import re
import urllib.parse
from collections.abc import Iterable

from tests.minting import Mint

LEAST_CHARACTERS = 8
"""A shorter value stands everywhere by chance. Tests that send secrets send longer ones."""

MEMBERS = frozenset({
    "Password", "TemporaryPassword", "PreviousPassword", "ProposedPassword", "PASSWORD", "NEW_PASSWORD", "SecretHash",
    "SECRET_HASH", "ClientSecret", "Session", "ConfirmationCode", "Code", "UserCode", "SMS_MFA_CODE", "EMAIL_OTP_CODE",
    "SOFTWARE_TOKEN_MFA_CODE", "ANSWER", "AccessToken", "IdToken", "RefreshToken", "REFRESH_TOKEN", "Token",
})  # fmt: skip
"""The members of Cognito's bodies whose values are for Cognito alone."""

_MEMBER = re.compile(rb'"(\w+)"\s*:\s*"((?:[^"\\]|\\.)*)"')
_HEADER = re.compile(rb"(?im)^(?:authorization:[ \t]*bearer[ \t]+|x-amz-security-token:[ \t]*)([^\s,]+)")
_JWT = re.compile(rb"eyJ[\w-]{10,}\.[\w-]{4,}\.[\w-]{4,}")


class Canaries:
    """The secrets of one suite."""

    def __init__(self, *secrets: str) -> None:
        """`secrets` are known from the start: the gateway's own keys."""
        self.secrets = set[str]()
        for secret in secrets:
            self.add(secret)

    def add(self, secret: str) -> None:
        """Have one more looked for; of a token its claims and its signature, since one of them is wrong enough."""
        parts = [part for part in secret.split(".")[1:] if len(part) >= LEAST_CHARACTERS]
        if len(parts) == 2:
            self.secrets.update(parts)
        elif len(secret) >= LEAST_CHARACTERS:
            self.secrets.add(secret)

    def heed(self, sent: bytes) -> None:
        """Add every secret in what a caller sends: its tokens and the secret members of its body."""
        for found in (*_HEADER.findall(sent), *_JWT.findall(sent)):
            self.add(found.decode("latin-1"))
        for name, value in _MEMBER.findall(sent):
            if name.decode() in MEMBERS:
                self.add(_read(value))

    def found(self, told: Iterable[bytes]) -> list[str]:
        """The secrets that stand in what was told, plain or as JSON or a URL would write them."""
        everything = b"\n".join(told)
        return sorted(secret for secret in self.secrets if any(form in everything for form in _forms(secret)))


class HeededMint(Mint):
    """A mint whose every token is a canary, whether or not it is ever sent."""

    canaries: Canaries | None = None

    def __init__(self, pool_id: str, region: str, client_id: str, *, now: float) -> None:
        """Like a mint; its keys are made now, because a stub's thread and the test's would each make their own."""
        super().__init__(pool_id, region, client_id, now=now)
        self.jwks()

    def rotate(self, *, keep: bool = True) -> None:
        """Change the keys, here and now."""
        super().rotate(keep=keep)
        self.jwks()

    def sign(self, claims: object, *, use: str = "access", header: object = None, **over: object) -> str:
        """Sign, and remember what was signed."""
        token = super().sign(claims, use=use, header=header, **over)
        if self.canaries is not None:
            self.canaries.add(token)
        return token


def _read(value: bytes) -> str:
    try:
        return str(json.loads(b'"' + value + b'"'))
    except ValueError:
        return value.decode("latin-1")


def _forms(secret: str) -> set[bytes]:
    plain = secret.encode("utf-8", "surrogatepass")
    return {plain, json.dumps(secret)[1:-1].encode(), urllib.parse.quote(plain, safe="").encode()}
