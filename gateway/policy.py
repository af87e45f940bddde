"""Groups and scopes to operations and limits: deny by default.

Duty: hold the roles, the guards' switches and what is public; say which of a caller's roles grant an operation.
Prohibition: no I/O, no tokens, no upstream. Reading and refusing a policy file is `gateway.policy_file`; the fields
of a body are `gateway.limits`'.
Source: the policy language in docs/policy.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.caller import Caller
from gateway.limits import ALWAYS_READABLE, Check, Limits, checks, without_hidden, without_secrets
from gateway.operations import Operation

_OWN_RATE_PER_MINUTE = 60  # of who is in no role: its own permissions are all that it may ask for


@dataclass(frozen=True, slots=True)
class RoleCredentials:
    """The 12-hour AWS credentials of a role's members: from the policy, never from the caller."""

    role_arn: str
    max_seconds: int = 3600
    fresh: bool = False  # the member's groups are read live before
    strict: bool = False  # Cognito is shown the member's token before


@dataclass(frozen=True, slots=True)
class Role:
    """One role of the file, under its name."""

    name: str
    groups: frozenset[str]
    scopes: frozenset[str]
    allow: frozenset[str]
    explain: bool = False
    peers: bool = False
    fresh: frozenset[str] = frozenset()  # operations for which the caller's groups are read live
    strict: frozenset[str] = frozenset()  # operations for which Cognito is shown the caller's token
    precedence: int | None = None
    rate_per_minute: int = 600
    limits: Limits = field(default_factory=Limits)
    aws: RoleCredentials | None = None

    def has(self, caller: Caller) -> bool:
        """Whether the caller is in this role: people by group, machines by scope; names match exactly (R-07)."""
        if caller.is_machine:
            return not self.scopes.isdisjoint(caller.scopes)
        return not self.groups.isdisjoint(caller.groups)


@dataclass(frozen=True, slots=True)
class StepUp:
    """How a caller must have signed in for an operation: how long ago at most, how strongly, by which ways."""

    max_age_seconds: int | None = None
    acr: str | None = None
    amr: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Guards:
    """Which guards are on. `step_up` by operation."""

    rank: bool = True
    self_lockout: bool = True
    last_admin: bool = True
    takeover: bool = True
    step_up: Mapping[str, StepUp] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Public:
    """What passes without a bearer, and how often."""

    allow: frozenset[str] = frozenset()
    rate_per_minute_per_ip: int = 60
    rate_per_minute_per_user: int = 10


@dataclass(frozen=True, slots=True)
class Grant:
    """One role's permission for one operation, with the checks that its limits put on the body."""

    role: Role
    checks: tuple[Check, ...]
    holds_secrets: bool = False  # the operation's answers may hold secrets of clients and identity providers

    def refuses(self, body: Mapping[str, Any]) -> str | None:
        """The first member that this role's limits refuse, or None."""
        for check in self.checks:
            member = check(body)
            if member is not None:
                return member
        return None

    def sees(self, answer: Any) -> Any:  # noqa: ANN401 - any JSON
        """The answer without the attributes that this role may not see, and without any client's secret (R-01)."""
        readable = self.role.limits.readable
        shown = answer if "any" in readable else without_hidden(answer, readable | ALWAYS_READABLE)
        return without_secrets(shown) if self.holds_secrets else shown

    @property
    def sees_all(self) -> bool:
        """Whether answers may pass unread."""
        return "any" in self.role.limits.readable and not self.holds_secrets


class Policy:
    """The whole file, indexed by operation."""

    __slots__ = ("_grants", "guards", "public", "quotas", "roles", "warnings")

    def __init__(  # noqa: PLR0913 - the tables of one file
        self,
        roles: tuple[Role, ...],
        public: Public,
        operations: Mapping[str, Operation],
        *,
        guards: Guards | None = None,
        quotas: Mapping[str, int] | None = None,
        warnings: tuple[str, ...] = (),
    ) -> None:
        """`roles` in the file's order; `operations` by name; `quotas` are raised ones, in requests per second."""
        self.guards = guards if guards is not None else Guards()
        self.quotas = quotas or {}
        self.roles = roles
        self.public = public
        self.warnings = warnings
        grants: dict[str, list[Grant]] = {}
        for role in roles:
            for name in role.allow:
                secrets = "UserPoolClient" in name or "IdentityProvider" in name
                grant = Grant(role, checks(operations[name], role.limits), holds_secrets=secrets)
                grants.setdefault(name, []).append(grant)
        self._grants = {name: tuple(found) for name, found in grants.items()}

    def grants(self, caller: Caller, operation: str) -> list[Grant]:
        """The caller's roles that allow the operation, in the file's order; empty means refused."""
        return [grant for grant in self._grants.get(operation, ()) if grant.role.has(caller)]

    def explains(self, caller: Caller) -> bool:
        """Whether one of the caller's roles may ask why."""
        return any(role.explain and role.has(caller) for role in self.roles)

    def rate(self, caller: Caller) -> int:
        """How often a minute the caller may ask for one of the gateway's own answers: as its widest role says."""
        return max((role.rate_per_minute for role in self.roles if role.has(caller)), default=_OWN_RATE_PER_MINUTE)

    def credentials(self, caller: Caller) -> Role | None:
        """The first of the caller's roles whose members get AWS credentials."""
        return next((role for role in self.roles if role.aws is not None and role.has(caller)), None)

    def role_arns(self) -> frozenset[str]:
        """Every IAM role that some role's members get credentials of."""
        return frozenset(role.aws.role_arn for role in self.roles if role.aws is not None)

    def operations(self) -> frozenset[str]:
        """Every signed operation that some role allows: what the gateway's own keys must be able to do."""
        return frozenset(self._grants)

    def groups(self) -> frozenset[str]:
        """Every group that some role names."""
        return frozenset(name for role in self.roles for name in role.groups)
