"""What a pool asked of somebody who is signing in, until it is answered.

Duty: keep pending challenges under unguessable names, for as long as Cognito does. Prohibition: no clock; `now` is
epoch seconds.
"""

import base64
import secrets
from dataclasses import dataclass, field

from gateway.emulator import errors
from gateway.emulator.errors import AwsError
from gateway.emulator.srp import Challenge

LIFETIME_SECONDS = 180
MAX_PENDING = 10_000


@dataclass(frozen=True, slots=True)
class Pending:
    """One challenge. `username` None is somebody who does not exist and must not learn it."""

    name: str
    username: str | None
    client_id: str
    expires_at: float
    srp: Challenge | None = field(default=None, repr=False)


class Challenges:
    """All pending challenges of one pool."""

    def __init__(self) -> None:
        """Start empty."""
        self._pending: dict[str, Pending] = {}

    def ask(self, name: str, *, username: str | None, client_id: str, now: float, srp: Challenge | None = None) -> str:
        """Remember a challenge and give its session: standard Base64 of 96 bytes, which SRP clients decode."""
        session = base64.b64encode(secrets.token_bytes(96)).decode()
        self._pending[session] = Pending(name, username, client_id, now + LIFETIME_SECONDS, srp)
        while len(self._pending) > MAX_PENDING:
            del self._pending[next(iter(self._pending))]
        return session

    def pending(self, session: str, *, name: str | None, client_id: str, now: float) -> Pending:
        """Give the challenge of a session; `name` None takes any. Raises AwsError: unknown, another's, expired."""
        pending = self._pending.get(session)
        if pending is None or pending.client_id != client_id or name not in {None, pending.name}:
            raise AwsError(errors.BAD_SESSION)
        if now >= pending.expires_at:
            del self._pending[session]
            raise AwsError(errors.OLD_SESSION)
        return pending

    def done(self, session: str) -> None:
        """Forget a challenge that was answered."""
        self._pending.pop(session, None)

    def of(self, session: str) -> Pending | None:
        """Give the challenge of a session, whoever's it is, or None."""
        return self._pending.get(session)
