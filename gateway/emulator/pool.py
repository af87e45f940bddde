"""A pool: moto's, with keys of its own, users found by every name they have, and tokens like Cognito's.

Duty: find users, issue and read tokens, keep sessions and pending challenges. Prohibition: moto's published signing key
is removed from every pool. No clock: `now` is epoch seconds.
Source: the developer guide's chapters on the access token, the ID token and sign-in aliases.
"""

import json
import uuid
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from moto.cognitoidp.models import (
    CognitoIdpGroup,
    CognitoIdpUserPool,
    CognitoIdpUserPoolClient,
    CognitoIdpUserPoolDomain,
)

from gateway.emulator import errors
from gateway.emulator.challenges import Challenges
from gateway.emulator.errors import AwsError
from gateway.emulator.iam import ACCOUNT_ID
from gateway.emulator.keys import ACCESS, IDENTITY, Claims, PoolKeys
from gateway.emulator.sessions import Session, Sessions
from gateway.emulator.spec import REGION
from gateway.emulator.user import User

SELF_SERVICE = "aws.cognito.signin.user.admin"
# chosen when a pool is made, for good
FIXED = ("AliasAttributes", "UsernameAttributes", "UsernameConfiguration")
UNIT_SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86_400}
# default amount and unit of the three lifetimes, as Cognito's model documents them
LIFETIMES = {"AccessToken": (1, "hours"), "IdToken": (1, "hours"), "RefreshToken": (30, "days")}


def lifetime_seconds(client: CognitoIdpUserPoolClient, kind: str) -> int:
    """Give the lifetime that a client's settings give to `AccessToken`, `IdToken` or `RefreshToken`."""
    amount, unit = LIFETIMES[kind]
    amount = client.extended_config.get(f"{kind}Validity") or amount
    unit = (client.extended_config.get("TokenValidityUnits") or {}).get(kind) or unit
    return int(amount) * UNIT_SECONDS[unit]


class Pool(CognitoIdpUserPool):
    """One user pool."""

    users: dict[str, User]  # type: ignore[assignment]  # moto's own class is the base of ours

    def __init__(
        self,
        name: str,
        config: dict[str, Any],
        *,
        domains: Mapping[str, CognitoIdpUserPoolDomain],
        pool_id: str | None = None,
        issuer: str | None = None,
    ) -> None:
        """Make an empty pool; the id is made up unless given. `domains` are those of all pools, by name."""
        self._domains = domains
        super().__init__(ACCOUNT_ID, REGION, name, config)
        self.id = pool_id or f"{REGION}_{uuid.uuid4().hex[:9]}"
        self.arn = f"arn:aws:cognito-idp:{REGION}:{ACCOUNT_ID}:userpool/{self.id}"
        self.issuer = issuer or f"https://cognito-idp.{REGION}.amazonaws.com/{self.id}"
        self.sessions = Sessions()
        self.challenges = Challenges()
        del self.json_web_key

    def update_extended_config(self, extended_config: dict[str, Any]) -> None:
        """Replace the settings: what is not named is reset, except what no update can change."""
        before = getattr(self, "extended_config", {})
        fixed = {name: before[name] for name in FIXED if name in before}
        super().update_extended_config({**extended_config, **fixed})
        self.mfa_config = extended_config.get("MfaConfiguration") or "OFF"

    @cached_property
    def keys(self) -> PoolKeys:
        """The signing keys, made when first needed."""
        return PoolKeys()

    @property
    def domain(self) -> CognitoIdpUserPoolDomain | None:
        """The domain that was made for this pool; only the token endpoint is served, and not under it."""
        return next((domain for domain in self._domains.values() if domain.user_pool_id == self.id), None)

    @property
    def case_sensitive(self) -> bool:
        """Whether `Ann` and `ann` are two users; a pool that says nothing keeps them apart."""
        return bool((self.extended_config.get("UsernameConfiguration") or {}).get("CaseSensitive", True))

    def client(self, client_id: str) -> CognitoIdpUserPoolClient:
        """Give a client of this pool. Raises AwsError when there is none."""
        client = self.clients.get(client_id)
        if client is None:
            raise AwsError(errors.NO_CLIENT, client=client_id)
        return client

    def find(self, name: str) -> User | None:
        """Find a user by username, `sub`, or an alias: a verified attribute that the pool uses for sign-in."""
        user = self.users.get(name)
        return user or self._find_by_case(name) or self._find_by_sub(name) or self.find_by_alias(name)

    def user(self, name: str) -> User:
        """Find a user as `find` does. Raises AwsError when there is none."""
        user = self.find(name)
        if user is None:
            raise AwsError(errors.NO_USER)
        return user

    def find_by_alias(self, value: str, *, attributes: tuple[str, ...] | None = None) -> User | None:
        """Find the user whose verified sign-in attribute has this value."""
        names = attributes or tuple(self.alias_attributes)
        fold = str if self.case_sensitive else str.casefold
        for user in self.users.values():
            for name in names:
                held = user.attribute_lookup.get(name)
                verified = name == "preferred_username" or user.attribute_lookup.get(f"{name}_verified") == "true"
                if held and verified and fold(held) == fold(value):
                    return user
        return None

    @property
    def alias_attributes(self) -> list[str]:
        """Attributes that name a user beside the username."""
        config = self.extended_config
        return [*(config.get("AliasAttributes") or []), *(config.get("UsernameAttributes") or [])]

    def _find_by_case(self, name: str) -> User | None:
        if self.case_sensitive:
            return None
        wanted = name.casefold()
        return next((user for key, user in self.users.items() if key.casefold() == wanted), None)

    def _find_by_sub(self, name: str) -> User | None:
        return next((user for user in self.users.values() if user.id == name), None)

    def add(self, user: User) -> None:
        """Take a user in under its username."""
        self.users[user.username] = user

    def remove(self, user: User) -> None:
        """Delete a user with its memberships and sessions."""
        for group in user.groups:
            group.users.discard(user)
        del self.users[user.username]
        self.sessions.revoke_user(user.username)

    def join(self, user: User, group: CognitoIdpGroup) -> None:
        """Make a user a member. moto links both ways."""
        group.users.add(user)
        user.groups.add(group)

    def open_session(self, user: User, client: CognitoIdpUserPoolClient, *, now: float) -> Session:
        """Begin a session after a sign-in that succeeded."""
        return self.sessions.open(
            username=user.username,
            client_id=client.id,
            now=now,
            lifetime_seconds=lifetime_seconds(client, "RefreshToken"),
        )

    def session(self, refresh_token: str, client: CognitoIdpUserPoolClient, *, now: float) -> tuple[Session, User]:
        """Give the session of a refresh token and its user.

        Raises AwsError: as `Sessions.of_refresh_token`, or the user gone or disabled.
        """
        session = self.sessions.of_refresh_token(refresh_token, client_id=client.id, now=now)
        user = self.user(session.username)
        if not user.enabled:
            raise AwsError(errors.USER_DISABLED)
        return session, user

    def tokens(self, session: Session, *, now: float) -> dict[str, Any]:
        """Issue an access and an ID token for a session, as AuthenticationResult has them (no refresh token)."""
        client, user = self.client(session.client_id), self.user(session.username)
        shared = {
            "sub": user.id,
            **({"cognito:groups": user.group_names} if user.groups else {}),
            "iss": self.issuer,
            "origin_jti": session.origin_jti,
            "event_id": session.event_id,
            "auth_time": session.auth_time,
            "iat": int(now),
        }
        access = {
            **shared,
            "client_id": client.id,
            "token_use": ACCESS,
            "scope": SELF_SERVICE,
            "version": 2,
            "exp": int(now) + lifetime_seconds(client, "AccessToken"),
            "jti": str(uuid.uuid4()),
            "username": user.username,
        }
        identity = {
            **_attribute_claims(user, client),
            **_role_claims(user),
            **shared,
            "cognito:username": user.username,
            "aud": client.id,
            "token_use": IDENTITY,
            "exp": int(now) + lifetime_seconds(client, "IdToken"),
            "jti": str(uuid.uuid4()),
        }
        return {
            "AccessToken": self.keys.sign(access),
            "IdToken": self.keys.sign(identity),
            "ExpiresIn": lifetime_seconds(client, "AccessToken"),
            "TokenType": "Bearer",
        }

    def machine_token(self, client: CognitoIdpUserPoolClient, scope: str, *, now: float) -> str:
        """Issue an access token for a client acting for itself: no user, no groups, only scopes."""
        return self.keys.sign(
            {
                "sub": client.id,
                "token_use": ACCESS,
                "scope": scope,
                "auth_time": int(now),
                "iss": self.issuer,
                "iat": int(now),
                "exp": int(now) + lifetime_seconds(client, "AccessToken"),
                "version": 2,
                "jti": str(uuid.uuid4()),
                "client_id": client.id,
            }
        )

    def bearer(self, claims: Claims, *, now: float) -> User:
        """Give the user that an access token of this pool speaks for.

        Raises AwsError: not an access token, without the scope, expired, revoked, the user gone or disabled.
        """
        if claims["token_use"] != ACCESS or "username" not in claims:
            raise AwsError(errors.BAD_ACCESS_TOKEN)
        if now >= claims["exp"]:
            raise AwsError(errors.OLD_ACCESS_TOKEN)
        if SELF_SERVICE not in claims["scope"].split():
            raise AwsError(errors.WEAK_ACCESS_TOKEN)
        user = self.users.get(claims["username"])
        if user is None:
            raise AwsError(errors.NO_USER)
        if not user.enabled:
            raise AwsError(errors.USER_DISABLED)
        if not self.sessions.alive(claims["origin_jti"]):
            raise AwsError(errors.DEAD_ACCESS_TOKEN)
        return user


def _attribute_claims(user: User, client: CognitoIdpUserPoolClient) -> Claims:
    """Give the attributes that the client may read, booleans and lists as such."""
    readable = client.extended_config.get("ReadAttributes")
    claims: Claims = {}
    for name, value in user.attribute_lookup.items():
        if readable and name not in readable and name != "sub":
            continue
        if name.endswith("_verified"):
            claims[name] = value == "true"
        elif name == "identities":
            claims[name] = json.loads(value)
        else:
            claims[name] = value
    return claims


def _role_claims(user: User) -> Mapping[str, Any]:
    """Give the IAM roles of the groups, the strongest group's as the preferred one."""
    roles = [group.role_arn for group in user.ranked_groups if group.role_arn]
    return {"cognito:roles": roles, "cognito:preferred_role": roles[0]} if roles else {}
