"""Decides an imagined call as the pipeline would, from facts instead of a token and Cognito's answers.

Duty: the pipeline's order, with the same policy, judgement and guards that decide real calls; complete a body with what
no rule asks about.
Prohibition: no rule of its own, no I/O, no clock, no token. What depends on other calls is not here: rates, quotas,
revocations, idempotency keys.
Source: `gateway.pipeline`, `gateway.protection`; docs/decisions/0006-guards.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from gateway import guards, needs, public, targets
from gateway.caller import Caller
from gateway.errors import (
    Denied,
    GatewayError,
    NoSuchGroup,
    NoSuchUser,
    TokenError,
    UnknownOperation,
)
from gateway.guards import Deed, Subject
from gateway.judgement import Pool, judge, keep_to_pool
from gateway.operations import IDENTITY_POOLS, Operation, check
from gateway.policy import Grant, Policy

PUBLIC = "public"
"""The role of calls that need none."""

_ACCESS = frozenset({"access"})
_TOKEN = "e30.e30.e30"  # noqa: S105 - stands for one
_UUID = "11111111-2222-4333-8444-555555555555"
_FILLING: Mapping[str, Any] = MappingProxyType({
    "AttributeName": "email", "AuthFlow": "USER_PASSWORD_AUTH", "ChallengeName": "SMS_MFA", "Code": "123456",
    "ConfirmationCode": "123456", "Credential": {}, "CredentialId": "1", "DeviceKey": f"us-east-1_{_UUID}",
    "EventId": "1", "FeedbackToken": _TOKEN, "FeedbackValue": "Valid", "IdentityId": f"us-east-1:{_UUID}",
    "MFAOptions": [], "Password": "Example-passw0rd", "ProposedPassword": "Example-passw0rd", "RefreshToken": _TOKEN,
    "SessionId": f"tkn{'0' * 25}", "Token": _TOKEN, "UserCode": "123456",
})  # fmt: skip
"""Good values of members that operations need and no rule reads: no group, no attribute of a user."""

_NAMING: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "AdminInitiateAuth": {"AuthParameters": {}, "AuthFlow": "ADMIN_USER_PASSWORD_AUTH"},
        "AdminRespondToAuthChallenge": {"ChallengeResponses": {}, "ChallengeName": "SMS_MFA"},
        "AdminLinkProviderForUser": {
            "DestinationUser": {"ProviderName": targets.OWN_PROVIDER},
            "SourceUser": {
                "ProviderName": "Example",
                "ProviderAttributeName": "Cognito_Subject",
                "ProviderAttributeValue": "1",
            },
        },
        "AdminDisableProviderForUser": {
            "User": {"ProviderName": targets.OWN_PROVIDER, "ProviderAttributeName": "Cognito_Subject"},
        },
    }
)
"""The operations that name a user below the top level, with what they need; the member that names it stands first."""


@dataclass(frozen=True, slots=True)
class Case:
    """One imagined call.

    `caller` is what the token says, None for a stranger without one; `enabled` and `left` are what Cognito says of it
    now: a disabled account, groups that it has left. `subject` is the user whom `body` means, None where the pool has
    no such user; of a new user that takes an alias it is the one who has the alias. `last` says that nobody but the
    subject is enabled in the strongest group. `precedences` are the pool's groups; each is taken to have an enabled
    member. `now` is epoch seconds.
    """

    operation: Operation
    caller: Caller | None
    body: Mapping[str, Any]
    subject: Subject | None
    precedences: Mapping[str, int | None]
    now: float
    last: bool = False
    enabled: bool = True
    left: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of it: `role`, `reason` and `field` as a dry run tells them, `status` as the real call would get.

    `type` and `message` are what a refused caller is told. `role` is also set where its fields passed and a guard
    refused.
    """

    allowed: bool
    role: str | None = None
    reason: str | None = None
    field: str | None = None
    status: int = 200
    type: str | None = None
    message: str | None = None


def rehearse(policy: Policy, pool: Pool, case: Case, *, role: str | None = None) -> Verdict:
    """Decide a case. With `role` only that one of the caller's roles is heard, everything else being as it is."""
    way = _Way(policy, pool, case)
    try:
        way.walk(role)
    except GatewayError as error:
        kind, _, detail = error.reason.partition(":")
        return Verdict(False, way.role, kind, detail or None, int(error.status), error.type, error.message)
    return Verdict(True, way.role)


def completed(
    operation: Operation, body: Mapping[str, Any], pool: Pool, *, username: str | None = None, token: bool = False
) -> dict[str, Any]:
    """The body with the members that the operation needs and no rule reads, and with the user's name where it has none.

    `token`: the caller has one, for the operations that take it in the body. What a rule reads (groups, attributes) is
    never made up.
    """
    naming = _NAMING.get(operation.name, {})
    found = {**naming, **body}
    holder = found.get(next(iter(naming), ""))
    if username is not None and targets.user_of(operation.name, found) is None:
        if isinstance(holder, dict):
            found = targets.with_user(operation.name, found, username)
        elif not naming and "Username" in operation.required:
            found.setdefault("Username", username)
    filling = dict(_FILLING)
    if pool.client_ids:
        filling["ClientId"] = min(pool.client_ids)
    if token:
        filling["AccessToken"] = _TOKEN
    for name in sorted((operation.required & filling.keys()) - found.keys()):
        found[name] = filling[name]
    if token and operation.service == IDENTITY_POOLS:
        found.setdefault("Logins", {pool.provider: _TOKEN})
    return found


class _Way:
    """The pipeline's way for one case. `role` is the one that has let it pass so far."""

    __slots__ = ("_case", "_policy", "_pool", "role")

    def __init__(self, policy: Policy, pool: Pool, case: Case) -> None:
        self._policy = policy
        self._pool = pool
        self._case = case
        self.role: str | None = None

    def walk(self, role: str | None) -> None:
        """Go to the end, or raise what the caller would be told."""
        operation, policy = self._case.operation, self._policy
        open_to_all = not operation.signed and operation.name in policy.public.allow
        if operation.service == IDENTITY_POOLS and (self._pool.identity_pool_id is None or not open_to_all):
            raise UnknownOperation("identity-not-served")
        if open_to_all:
            self._openly()
            return
        caller = self._case.caller
        if caller is None:
            raise TokenError("no-token")
        grants = policy.grants(caller, operation.name)
        if not grants:
            raise Denied("operation")
        guards.step_up(policy.guards.step_up.get(operation.name), caller, self._case.now)
        caller, grants = self._live(caller, grants)
        if role is not None:
            grants = [grant for grant in grants if grant.role.name == role]
            if not grants:
                raise Denied("operation")
        body = self._body()
        grants = judge(operation, grants, body)
        self.role = grants[0].role.name
        if operation.mutates:
            self.role = self._guarded(caller, grants, body).role.name

    def _body(self) -> dict[str, Any]:
        return keep_to_pool(self._pool, self._case.operation, dict(self._case.body))

    def _openly(self) -> None:
        """A public operation: whoever asks, a token in the body is the caller's."""
        operation, caller = self._case.operation, self._case.caller
        self.role = PUBLIC
        body = self._body()
        problem = check(operation, body)
        public.user_name(operation.name, body)
        public.judge(body)
        if "AccessToken" in body and (caller is None or caller.token_use not in _ACCESS):
            raise TokenError("no-token")
        if operation.service == IDENTITY_POOLS:
            logins = body.get("Logins")
            if not isinstance(logins, dict) or set(logins) != {self._pool.provider}:
                raise TokenError("logins")
            if caller is None or caller.is_machine:
                raise TokenError("no-token")
        if problem is not None:
            raise problem

    def _live(self, caller: Caller, grants: list[Grant]) -> tuple[Caller, list[Grant]]:
        """What is left of the grants where a role does not trust the token's word."""
        case, name = self._case, self._case.operation.name
        if any(name in grant.role.strict for grant in grants) and (
            caller.is_machine or caller.token_use not in _ACCESS
        ):
            raise TokenError("strict-token-use")
        if caller.is_machine or not any(name in grant.role.fresh for grant in grants):
            return caller, grants
        if not case.enabled:
            raise Denied("caller-disabled")
        caller = replace(caller, groups=tuple(group for group in caller.groups if group not in case.left))
        grants = self._policy.grants(caller, name)
        if not grants:
            raise Denied("operation")
        return caller, grants

    def _guarded(self, caller: Caller, grants: list[Grant], body: dict[str, Any]) -> Grant:
        """The first of the roles that may do all of it alone."""
        operation, case = self._case.operation, self._case
        if not targets.changes_a_user(operation) and not targets.changes_groups(operation):
            return grants[0]
        subject = self._subject(body)
        group = needs.group(operation, body)
        known = needs.precedences(self._policy.guards, operation, caller)
        if known and group is not None and group not in case.precedences:
            raise NoSuchGroup("group")
        deed = self._counted(Deed(operation.name, body, caller, subject, case.precedences))
        holders = [case.subject for _ in needs.aliases(operation, body) if case.subject is not None]
        deeds = [deed, *(replace(deed, subject=holder) for holder in holders)]
        return guards.first(self._policy.guards, grants, deeds)

    def _subject(self, body: Mapping[str, Any]) -> Subject | None:
        if needs.user(self._case.operation, body) is None:
            return None
        if self._case.subject is None:
            raise NoSuchUser("target-missing")
        return self._case.subject

    def _counted(self, deed: Deed) -> Deed:
        """The deed with `last` told."""
        sets = guards.strongest_groups(deed.precedences, self._policy.groups())
        if deed.operation == "DeleteGroup":
            return replace(deed, last=any(group == {deed.group} for group in sets))
        return replace(deed, last=self._case.last and any(guards.leaves(deed, group) for group in sets))
