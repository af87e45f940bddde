"""What a fresh emulator holds: the dev pool with its clients and groups, its people, an identity pool, an IAM user.

Duty: put it there through the models, not over HTTP: fast. Prohibition: nothing here is random but secrets.
Source: the contract's section on the dev pool.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from moto.cognitoidp.models import CognitoIdpGroup, CognitoIdpUserPoolClient, CognitoResourceServer

from gateway.emulator.backend import CLIENT_DEFAULTS, Backend, new_secret
from gateway.emulator.iam import ACCOUNT_ID, ALLOW_ALL, ROLE_NAME, Iam, Policy, Role
from gateway.emulator.identity import Identities
from gateway.emulator.people import SEED_DATE, person, sub_of
from gateway.emulator.pool import Pool
from gateway.emulator.spec import PoolSpec
from gateway.emulator.user import CONFIRMED, EXTERNAL_PROVIDER, UNCONFIRMED, User

GROUPS = {"admin": 1, "moderator": 5, "premium": 8, "user": 10, "readonly": 15}
NAMED = {f"{name}@example.com": name for name in ("admin", "moderator", "readonly", "user")}
USER_NAME = "gateway"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT_ID}:role/{ROLE_NAME}"
PEOPLE_ROLE_ARN = f"arn:aws:iam::{ACCOUNT_ID}:role/DevPoolAuthenticated"
POOL_SETTINGS: Mapping[str, Any] = {
    "AliasAttributes": ["email"],
    "AutoVerifiedAttributes": ["email"],
    "MfaConfiguration": "OPTIONAL",
    "UsernameConfiguration": {"CaseSensitive": False},
}
PUBLIC_FLOWS = [
    "ALLOW_ADMIN_USER_PASSWORD_AUTH",
    "ALLOW_REFRESH_TOKEN_AUTH",
    "ALLOW_USER_PASSWORD_AUTH",
    "ALLOW_USER_SRP_AUTH",
]


@dataclass(frozen=True, slots=True)
class GatewayKeys:
    """The keys of the gateway's IAM user."""

    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)


def iam_user(iam: Iam, policy: Mapping[str, Any] | None, role_arns: Iterable[str] = ()) -> GatewayKeys:
    """Make the gateway's IAM user, and the role that it may assume with the same rights.

    `policy` None allows everything; `role_arns` are roles that trust the user, and may do nothing. Raises ValueError
    for a policy that the emulator cannot judge.
    """
    own = Policy.read(ALLOW_ALL if policy is None else policy)
    assume = Policy.read({"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": ROLE_ARN}})
    key = iam.add_user(USER_NAME, own, assume)
    trusted = frozenset({key.principal.arn})
    iam.roles |= {arn: Role(arn, Policy(()), trusted | {ROLE_ARN}) for arn in role_arns}
    iam.roles[ROLE_ARN] = Role(ROLE_ARN, own, trusted)
    return GatewayKeys(key.access_key_id, key.secret_access_key)


def pool(backend: Backend, spec: PoolSpec) -> Pool:
    """Make the dev pool with its clients, resource server and no user."""
    made = Pool(
        "dev",
        dict(POOL_SETTINGS),
        domains=backend.user_pool_domains,
        pool_id=spec.pool_id,
        issuer=spec.issuer,
    )
    made.token_mfa_config = {"Enabled": True}
    backend.user_pools[made.id] = made
    lifetimes = {
        "AccessTokenValidity": spec.access_token_seconds,
        "IdTokenValidity": spec.id_token_seconds,
        "RefreshTokenValidity": spec.refresh_token_seconds,
        "TokenValidityUnits": dict.fromkeys(("AccessToken", "IdToken", "RefreshToken"), "seconds"),
    }
    shared = {**CLIENT_DEFAULTS, **lifetimes, "PreventUserExistenceErrors": "ENABLED"}
    people = {**shared, "ClientName": "people", "ExplicitAuthFlows": PUBLIC_FLOWS}
    machines = {
        **shared,
        "ClientName": "machines",
        "ExplicitAuthFlows": ["ALLOW_REFRESH_TOKEN_AUTH"],
        "AllowedOAuthFlows": ["client_credentials"],
        "AllowedOAuthFlowsUserPoolClient": True,
        "AllowedOAuthScopes": list(spec.machine_scopes),
    }
    for client_id, secret, config in ((spec.client_id, False, people), (spec.machine_client_id, True, machines)):
        client = CognitoIdpUserPoolClient(made.id, secret, config)
        client.id, client.secret = client_id, new_secret()
        made.clients[client_id] = client
    scopes = [{"ScopeName": f"users.{verb}", "ScopeDescription": f"{verb} users"} for verb in ("read", "write")]
    made.resource_servers["gateway"] = CognitoResourceServer(made.id, "gateway", "gateway", scopes)
    return made


def people(made: Pool, spec: PoolSpec, count: int) -> None:
    """Fill the dev pool with its groups, the four named users and `count` generated ones."""
    for name, precedence in GROUPS.items():
        # moto's types want a description and a role; Cognito does not
        group = CognitoIdpGroup(made.id, name, "", None, precedence)  # type: ignore[arg-type]
        group.creation_date = group.last_modified_date = SEED_DATE.replace(tzinfo=None)
        made.groups[name] = group
    for name, group_name in NAMED.items():
        label = group_name.capitalize()
        attributes = {"email": name, "email_verified": "true", "name": f"{label} Example", "given_name": label}
        user = User(pool_id=made.id, username=name, status=CONFIRMED, attributes=attributes, sub=sub_of(made.id, name))
        _add(made, user, spec.password, group_name)
    for number in range(count):
        one = person(number, made.id)
        user = User(pool_id=made.id, username=one.username, status=one.status, attributes=one.attributes, sub=one.sub)
        user.enabled = one.enabled
        user.create_date = user.last_modified_date = one.created.replace(tzinfo=None)
        _add(made, user, spec.password, *one.groups, created=False)


def _add(made: Pool, user: User, password: str, *groups: str, created: bool = True) -> None:
    if user.status != EXTERNAL_PROVIDER:
        user.set_password(password)
    if created:
        user.create_date = user.last_modified_date = SEED_DATE.replace(tzinfo=None)
    made.add(user)
    if user.status == UNCONFIRMED:
        return  # nobody put somebody who never confirmed into a group
    for name in groups:
        made.join(user, made.groups[name])


def identity_pool(identities: Identities, iam: Iam, spec: PoolSpec) -> None:
    """Make the identity pool that trusts the dev pool's public client."""
    role = Role(PEOPLE_ROLE_ARN, Policy(()), frozenset())
    iam.roles[role.arn] = role
    identities.seed(spec.identity_pool_id, user_pool_id=spec.pool_id, client_id=spec.client_id, role=role)
