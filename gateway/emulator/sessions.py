"""What a sign-in leaves behind: a session with its refresh token, alive until it ends or is revoked.

Duty: open, find, rotate and revoke sessions. An access token belongs to a session by its `origin_jti`, so that revoking
the session kills it for Cognito's own operations (offline checks go on until `exp`, as with the real thing).
Prohibition: no clock; `now` is epoch seconds and handed in.
"""

import secrets
import uuid
from dataclasses import dataclass, field

from gateway.emulator import errors
from gateway.emulator.errors import AwsError

MAX_SESSIONS = 50_000


@dataclass(slots=True)
class Session:
    """One sign-in of one user with one client. `auth_time` and `expires_at` are epoch seconds."""

    username: str
    client_id: str
    auth_time: int
    expires_at: float
    origin_jti: str = field(default_factory=lambda: str(uuid.uuid4()))
    event_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    refresh_token: str = field(default_factory=lambda: secrets.token_urlsafe(96), repr=False)
    revoked: bool = False


class Sessions:
    """All sessions of one pool."""

    def __init__(self) -> None:
        """Start empty."""
        self._by_token: dict[str, Session] = {}
        self._by_origin: dict[str, Session] = {}
        self._used: dict[str, tuple[Session, float]] = {}

    def open(self, *, username: str, client_id: str, now: float, lifetime_seconds: float) -> Session:
        """Begin a session; the oldest goes when there are more than `MAX_SESSIONS`."""
        session = Session(username, client_id, int(now), now + lifetime_seconds)
        self._by_token[session.refresh_token] = session
        self._by_origin[session.origin_jti] = session
        while len(self._by_origin) > MAX_SESSIONS:
            oldest = self._by_origin.pop(next(iter(self._by_origin)))
            self._by_token.pop(oldest.refresh_token, None)
        return session

    def of_refresh_token(self, token: str, *, client_id: str, now: float) -> Session:
        """Give the live session of a refresh token.

        Raises AwsError: unknown or another client's, used before (rotation), revoked, expired.
        """
        session = self._by_token.get(token)
        if session is None and token in self._used:
            session, grace_ends = self._used[token]
            if now > grace_ends:
                session.revoked = True  # a token that comes back after its rotation may be a thief's
                raise AwsError(errors.REUSED_REFRESH_TOKEN)
        if session is None or session.client_id != client_id:
            raise AwsError(errors.BAD_REFRESH_TOKEN)
        if session.revoked:
            raise AwsError(errors.DEAD_REFRESH_TOKEN)
        if now >= session.expires_at:
            raise AwsError(errors.OLD_REFRESH_TOKEN)
        return session

    def rotate(self, session: Session, *, now: float, grace_seconds: float) -> None:
        """Give the session a new refresh token; the old one works for `grace_seconds` more."""
        self._by_token.pop(session.refresh_token, None)
        self._used[session.refresh_token] = (session, now + grace_seconds)
        session.refresh_token = secrets.token_urlsafe(96)
        self._by_token[session.refresh_token] = session

    def revoke_token(self, token: str, *, client_id: str) -> None:
        """Revoke the session of a refresh token; an unknown token is no error (RFC 7009). Raises AwsError: foreign."""
        session = self._by_token.get(token)
        if session is None:
            return
        if session.client_id != client_id:
            raise AwsError(errors.FOREIGN_TOKEN)
        session.revoked = True

    def revoke_user(self, username: str) -> None:
        """Revoke every session of a user."""
        for session in self._by_origin.values():
            if session.username == username:
                session.revoked = True

    def alive(self, origin_jti: object) -> bool:
        """Say whether the session that an access token names is there and not revoked."""
        session = self._by_origin.get(origin_jti) if isinstance(origin_jti, str) else None
        return session is not None and not session.revoked
