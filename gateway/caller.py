"""Who calls: what remains of a token once it has been accepted.

Duty: the one record of a caller that policy, guards and audit read.
Prohibition: no token, no signature and no claim that nobody decides by: ten thousand of these stay in memory.
Source: Amazon Cognito developer guide, "Understanding the access token" and "Understanding the identity token".
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """A person or a machine. Times are epoch seconds; 0.0 where the token does not say, so that age checks fail closed.

    `username` is None for machines (client-credentials tokens), whose `groups` are always empty and whose `sub` is the
    client's id. `scopes` are an access token's; `acr` and `amr` say how the caller signed in.
    """

    sub: str
    username: str | None
    groups: tuple[str, ...]
    scopes: frozenset[str]
    client_id: str
    token_use: str  # "access" or "id"
    is_machine: bool
    issued_at: float
    auth_time: float
    expires_at: float
    acr: str | None = None
    amr: tuple[str, ...] = ()
    jti: str | None = None
    origin_jti: str | None = None
