"""What the emulated pool is called and how it behaves: fixed ids, so that settings and documents can name them.

Duty: the values of the dev pool. Prohibition: no secret is fixed here; keys and the machine client's secret are made at
every start. The people's password is a published one, for a pool that only this machine can reach.
"""

from dataclasses import dataclass, field

REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class PoolSpec:
    """The dev pool. Lifetimes are in seconds; `issuer` None is Cognito's own form for the pool."""

    pool_id: str = "us-east-1_DevPool01"
    client_id: str = "devclient00000000000000001"
    machine_client_id: str = "devmachine0000000000000001"
    identity_pool_id: str = "us-east-1:00000000-0000-4000-8000-0000000000d1"
    issuer: str | None = None
    password: str = field(default="Passw0rd!dev", repr=False)
    access_token_seconds: int = 3600
    id_token_seconds: int = 3600
    refresh_token_seconds: int = 30 * 24 * 3600
    machine_scopes: tuple[str, ...] = ("gateway/users.read",)
