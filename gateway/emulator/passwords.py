"""Which passwords a pool takes, and whether a client proved its secret.

Duty: the pool's password policy and SECRET_HASH. Prohibition: no password or hash in a message.
Source: PasswordPolicyType in Cognito's model; the developer guide's "Computing secret hash values".
"""

import base64
import hmac
import secrets
import string

from moto.cognitoidp.models import CognitoIdpUserPoolClient

from gateway.emulator import errors
from gateway.emulator.errors import AwsError
from gateway.emulator.pool import Pool

SYMBOLS = frozenset("^$*.[]{}()?\"!@#%&/\\,><':;|_~`=+- ")
MAX_LENGTH = 256


def check(pool: Pool, password: str) -> None:
    """Raise AwsError with the first rule of the pool's policy that `password` breaks."""
    policy = (pool.extended_config.get("Policies") or {}).get("PasswordPolicy") or {}
    rules = (
        (len(password) >= policy.get("MinimumLength", 8), "Password not long enough"),
        (len(password) <= MAX_LENGTH, "Password too long"),
        (_has(password, str.isupper, policy, "Uppercase"), "Password must have uppercase characters"),
        (_has(password, str.islower, policy, "Lowercase"), "Password must have lowercase characters"),
        (_has(password, str.isdigit, policy, "Numbers"), "Password must have numeric characters"),
        (_has(password, SYMBOLS.__contains__, policy, "Symbols"), "Password must have symbol characters"),
    )
    for kept, rule in rules:
        if not kept:
            raise AwsError(errors.WEAK_PASSWORD, rule=rule)


def _has(password: str, kind: object, policy: dict[str, object], name: str) -> bool:
    return not policy.get(f"Require{name}", False) or any(kind(character) for character in password)  # type: ignore[operator]


def temporary() -> str:
    """Make a temporary password that fits any policy."""
    alphabet = string.ascii_letters + string.digits
    return "Aa1-" + "".join(secrets.choice(alphabet) for _ in range(12))


def check_secret_hash(client: CognitoIdpUserPoolClient, username: str, received: str | None) -> None:
    """Check SECRET_HASH = Base64(HMAC-SHA256(client secret, username + client id)).

    Raises AwsError when it is missing or wrong for a client with a secret, or there for one without.
    """
    if not client.generate_secret:
        if received is not None:
            raise AwsError(errors.WRONG_SECRET_HASH, client=client.id)
        return
    if received is None:
        raise AwsError(errors.NO_SECRET_HASH, client=client.id)
    digest = hmac.digest(client.secret.encode(), (username + client.id).encode(), "sha256")
    if not hmac.compare_digest(base64.b64encode(digest), received.encode()):
        raise AwsError(errors.WRONG_SECRET_HASH, client=client.id)


def check_secret(client: CognitoIdpUserPoolClient, received: str | None) -> None:
    """Check the secret itself, for the operations that take `ClientSecret`. Raises AwsError when it is not right."""
    if client.generate_secret and not hmac.compare_digest((received or "").encode(), client.secret.encode()):
        raise AwsError(errors.WRONG_SECRET_HASH, client=client.id)
