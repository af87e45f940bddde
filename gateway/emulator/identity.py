"""Identity pools: AWS credentials for people, in exchange for their ID tokens.

Duty: GetId, GetCredentialsForIdentity and GetOpenIdToken with the login really checked, and the roles of a pool; the
rest is moto's. Prohibition: no credentials without a login that this emulator signed.
Source: the API reference of Amazon Cognito federated identities.
"""

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from moto.cognitoidentity.models import CognitoIdentityBackend, CognitoIdentityPool
from moto.cognitoidentity.responses import CognitoIdentityResponse
from moto.core.utils import camelcase_to_underscores

from gateway.emulator import errors
from gateway.emulator.backend import Backend
from gateway.emulator.errors import AwsError
from gateway.emulator.iam import ACCOUNT_ID, Iam, Role
from gateway.emulator.keys import IDENTITY, Claims, SigningKey, make_key
from gateway.emulator.spec import REGION
from gateway.emulator.steps import Body

SERVICE = "cognito-identity"
CREDENTIALS_SECONDS = 3600
OPEN_ID_SECONDS = 600
MOTOS = frozenset(
    {"CreateIdentityPool", "DeleteIdentityPool", "DescribeIdentityPool", "ListIdentityPools", "UpdateIdentityPool"}
)


@dataclass(frozen=True, slots=True)
class Identity:
    """One person in one identity pool. `login` is the provider's name, None for somebody unauthenticated."""

    identity_id: str
    pool_id: str
    login: str | None
    sub: str | None


class Identities(CognitoIdentityBackend):
    """All identity pools of the emulated account."""

    def __init__(self, backend: Backend, iam: Iam) -> None:
        """Start without pools. `backend` says which logins are good, `iam` makes the keys."""
        super().__init__(REGION, ACCOUNT_ID)
        self.user_pools = backend
        self.iam = iam
        self.roles: dict[str, Body] = {}
        self._known: dict[str, Identity] = {}

    @cached_property
    def _key(self) -> SigningKey:
        return make_key()

    def seed(self, pool_id: str, *, user_pool_id: str, client_id: str, role: Role) -> None:
        """Make an identity pool that trusts one client of one user pool and gives its people `role`."""
        provider = {
            "ProviderName": f"cognito-idp.{REGION}.amazonaws.com/{user_pool_id}",
            "ClientId": client_id,
            "ServerSideTokenCheck": False,
        }
        pool = CognitoIdentityPool(
            REGION, "dev", allow_unauthenticated_identities=False, cognito_identity_providers=[provider]
        )
        pool.identity_pool_id = pool_id
        self.identity_pools[pool_id] = pool
        self.roles[pool_id] = {"Roles": {"authenticated": role.arn}, "RoleMappings": {}}

    def pool(self, pool_id: str) -> CognitoIdentityPool:
        """Give an identity pool. Raises AwsError when there is none."""
        pool = self.identity_pools.get(pool_id)
        if pool is None:
            raise AwsError(errors.NO_IDENTITY_POOL, pool=pool_id)
        return pool

    def get_identity(self, body: Body) -> Body:
        """GetId: the same person gets the same id."""
        pool = self.pool(body["IdentityPoolId"])
        login, claims = self._login(pool, body.get("Logins") or {})
        name = f"{pool.identity_pool_id}/{login}/{claims['sub']}" if claims else str(uuid.uuid4())
        identity_id = f"{REGION}:{uuid.uuid5(uuid.NAMESPACE_URL, name)}"
        sub = claims["sub"] if claims else None
        self._known[identity_id] = Identity(identity_id, pool.identity_pool_id, login, sub)
        return {"IdentityId": identity_id}

    def credentials(self, body: Body) -> Body:
        """GetCredentialsForIdentity."""
        identity, claims = self._prove(body)
        role = self.iam.roles.get(self._role_arn(identity, claims, body.get("CustomRoleArn")) or "")
        if role is None:
            raise AwsError(errors.NO_ROLE)
        expires_at = int(self.user_pools.now) + CREDENTIALS_SECONDS
        key = self.iam.add_session(role, "CognitoIdentityCredentials", expires_at=expires_at)
        shown = {
            "AccessKeyId": key.access_key_id,
            "SecretKey": key.secret_access_key,
            "SessionToken": key.session_token,
            "Expiration": expires_at,
        }
        return {"IdentityId": identity.identity_id, "Credentials": shown}

    def open_id_token(self, body: Body) -> Body:
        """GetOpenIdToken."""
        identity, claims = self._prove(body)
        now = int(self.user_pools.now)
        token = self._key.sign(
            {
                "sub": identity.identity_id,
                "aud": identity.pool_id,
                "amr": ["authenticated", identity.login] if claims else ["unauthenticated"],
                "iss": "https://cognito-identity.amazonaws.com",
                "iat": now,
                "exp": now + OPEN_ID_SECONDS,
            }
        )
        return {"IdentityId": identity.identity_id, "Token": token}

    def set_roles(self, body: Body) -> Body:
        """SetIdentityPoolRoles."""
        pool = self.pool(body["IdentityPoolId"])
        self.roles[pool.identity_pool_id] = {"Roles": body["Roles"], "RoleMappings": body.get("RoleMappings") or {}}
        return {}

    def get_roles(self, body: Body) -> Body:
        """GetIdentityPoolRoles."""
        pool = self.pool(body["IdentityPoolId"])
        return {"IdentityPoolId": pool.identity_pool_id, **self.roles.get(pool.identity_pool_id, {})}

    def _prove(self, body: Body) -> tuple[Identity, Claims | None]:
        """Give an identity whose login the caller holds."""
        identity = self._known.get(body["IdentityId"])
        if identity is None:
            raise AwsError(errors.NO_IDENTITY, identity=body["IdentityId"])
        login, claims = self._login(self.pool(identity.pool_id), body.get("Logins") or {})
        if (login, claims["sub"] if claims else None) != (identity.login, identity.sub):
            raise AwsError(errors.FOREIGN_IDENTITY)
        return identity, claims

    def _login(self, pool: CognitoIdentityPool, logins: Mapping[str, str]) -> tuple[str | None, Claims | None]:
        """Check the login and give its provider and claims; neither for somebody unauthenticated."""
        if not logins:
            if not pool.allow_unauthenticated_identities:
                raise AwsError(errors.NO_LOGIN)
            return None, None
        providers = {(p["ProviderName"], p["ClientId"]) for p in pool.cognito_identity_providers or []}
        name, token = next(iter(logins.items()))
        if name not in {provider for provider, _ in providers}:
            raise AwsError(errors.WRONG_LOGIN)
        user_pool = self.user_pools.user_pools.get(name.rpartition("/")[2])
        claims = user_pool.keys.read(token) if user_pool else None
        if claims is None or claims["token_use"] != IDENTITY:
            raise AwsError(errors.BAD_LOGIN)
        if (name, claims["aud"]) not in providers:
            raise AwsError(errors.WRONG_LOGIN)
        if self.user_pools.now >= claims["exp"]:
            raise AwsError(errors.OLD_LOGIN)
        return name, claims

    def _role_arn(self, identity: Identity, claims: Claims | None, custom: str | None) -> str | None:
        settings = self.roles.get(identity.pool_id, {})
        default: str | None = settings.get("Roles", {}).get("authenticated" if claims else "unauthenticated")
        if claims is None:
            return default
        mapping = settings.get("RoleMappings", {}).get(f"{identity.login}:{claims['aud']}", {})
        if mapping.get("Type") != "Token":
            return None if custom else default
        if custom:
            return custom if custom in claims.get("cognito:roles", []) else None
        preferred: str | None = claims.get("cognito:preferred_role")
        return preferred or (None if mapping.get("AmbiguousRoleResolution") == "Deny" else default)


class _Moto(CognitoIdentityResponse):
    """moto's operations, fed with a body instead of a web request."""

    def __init__(self, identities: Identities, body: Body) -> None:
        super().__init__()
        self._identities = identities
        self._body = body

    @property
    def backend(self) -> Identities:
        return self._identities

    def _get_param(self, param_name: str, if_none: Any = None) -> Any:  # noqa: ANN401 - moto's signature
        value = self._body.get(param_name)
        return if_none if value is None else value


def carry_out(identities: Identities, operation: str, body: Body) -> bytes:
    """Give the JSON answer of an operation. Raises AwsError for every refusal."""
    ours: dict[str, Callable[[Body], Body]] = {
        "GetId": identities.get_identity,
        "GetCredentialsForIdentity": identities.credentials,
        "GetOpenIdToken": identities.open_id_token,
        "SetIdentityPoolRoles": identities.set_roles,
        "GetIdentityPoolRoles": identities.get_roles,
    }
    if operation in ours:
        return json.dumps(ours[operation](body)).encode()
    if operation not in MOTOS:
        raise AwsError(errors.NOT_EMULATED, operation=operation)
    if "IdentityPoolId" in body:
        identities.pool(body["IdentityPoolId"])
    answer: str = getattr(_Moto(identities, body), camelcase_to_underscores(operation))()
    return answer.encode() or b"{}"
