"""Whether a caller may do an allowed operation to this user or this group.

Duty: decide on facts: rank, self-lockout, the last admin, takeover, step-up. Each rule is a function that raises.
Prohibition: no I/O, no clock, no cache: `gateway.protection` finds the facts, a file of expectations may as well.
Source: docs/policy.md, docs/decisions/0006-guards.md; RFC 9470 for step-up; precedence as Cognito has it: 0 is the
strongest, a group without one is weaker than all that have one.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from gateway.caller import Caller
from gateway.errors import Denied, StepUpNeeded
from gateway.limits import attributes_answered
from gateway.operations import Operation
from gateway.policy import Grant, Guards, Policy, Role, StepUp
from gateway.targets import changes_a_user, changes_groups

TAKEOVER = frozenset({"email", "email_verified", "phone_number", "phone_number_verified", "preferred_username"})
"""Attributes that somebody signs in, or gets a password back, by."""

LOCK_OUT = frozenset({
    "AdminDisableUser", "AdminDeleteUser", "AdminRemoveUserFromGroup", "AdminDisableProviderForUser",
})  # fmt: skip
"""What nobody does to itself, and nobody to the last admin."""

_LEVEL = re.compile(r"urn:cognito:loa:([0-9]{1,3})")


class Rank(NamedTuple):
    """How strong someone is; the smaller, the stronger. `kind` 0: by `precedence`; 1: a group without; 2: no group."""

    kind: int
    precedence: int = 0


NOBODY = Rank(2)
"""The rank of who is in no group."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A user of the pool, as the guards see it. `groups` are all of its groups with their precedence."""

    username: str
    sub: str
    enabled: bool | None = True  # None: Cognito does not say
    federated: bool = False
    groups: Mapping[str, int | None] | None = None


@dataclass(frozen=True, slots=True)
class Deed:
    """What is asked, with the facts about it.

    `precedences` are the pool's groups; `subject` is None where no existing user is acted on. `last` says that the deed
    would leave nobody enabled in the strongest group.
    """

    operation: str
    body: Mapping[str, Any]
    caller: Caller
    subject: Subject | None
    precedences: Mapping[str, int | None]
    last: bool = False

    @property
    def group(self) -> str | None:
        """The group that is acted on."""
        found = self.body.get("GroupName")
        return found if isinstance(found, str) else None

    @property
    def on_self(self) -> bool:
        """Whether the caller acts on its own account."""
        return self.subject is not None and not self.caller.is_machine and self.subject.sub == self.caller.sub


def rank_of(precedence: int | None) -> Rank:
    """The rank that a group gives."""
    return Rank(1) if precedence is None else Rank(0, precedence)


def strongest(precedences: Iterable[int | None]) -> Rank:
    """The strongest rank of some groups; that of nobody where there is none."""
    return min(map(rank_of, precedences), default=NOBODY)


def rank_of_caller(caller: Caller, role: Role, precedences: Mapping[str, int | None]) -> Rank | None:
    """The rank that a caller acts with in a role; None where it acts on nobody."""
    if caller.is_machine:
        return None if role.precedence is None else Rank(0, role.precedence)
    ranks = [rank_of(precedences[name]) for name in caller.groups if name in role.groups and name in precedences]
    return min(ranks, default=None)


def judge(guards: Guards, role: Role, deed: Deed) -> None:
    """Judge one deed by one role.

    Raises:
        Denied: the reason names the guard, and the attribute where there is one.

    """
    if guards.self_lockout:
        _keep_oneself(deed)
    if guards.rank:
        _keep_rank(role, deed)
    if guards.takeover:
        _keep_account(role, deed)
    if guards.last_admin and deed.last:
        raise Denied("last-admin")


def first(guards: Guards, grants: Sequence[Grant], deeds: Sequence[Deed]) -> Grant:
    """The first of the roles that alone may do all of it.

    Raises:
        Denied: none may; the first one's reason.

    """
    refused: Denied | None = None
    for grant in grants:
        try:
            for deed in deeds:
                judge(guards, grant.role, deed)
        except Denied as error:
            refused = refused or error
        else:
            return grant
    raise refused or Denied("operation")


def step_up(wanted: StepUp | None, caller: Caller, now: float) -> None:
    """Judge how, and how long ago, the caller signed in; `now` is epoch seconds.

    Raises:
        StepUpNeeded: with what the operation wants.

    """
    if wanted is None:
        return
    age = wanted.max_age_seconds
    fresh = age is None or now - caller.auth_time <= age  # a token that does not say has 0.0
    if not fresh or not _reaches(caller.acr, wanted.acr) or not wanted.amr <= set(caller.amr):
        raise StepUpNeeded("step-up", acr=wanted.acr, max_age_seconds=age)


def reads(policy: Policy, operations: Mapping[str, Operation]) -> frozenset[str]:
    """The operations that the guards of a policy ask Cognito by themselves: the gateway's own keys must be able to."""
    found: set[str] = set()
    allowed = [operations[name] for name in policy.operations()]
    switched = policy.guards
    if any(map(changes_a_user, allowed)):
        found.add("AdminGetUser")
        found |= {"AdminListGroupsForUser"} if switched.rank or switched.last_admin else set()
    if (switched.rank or switched.last_admin) and any(changes_a_user(each) or changes_groups(each) for each in allowed):
        found.add("ListGroups")
    if switched.self_lockout and "UpdateGroup" in policy.operations():
        found.add("ListGroups")
    if switched.last_admin and policy.operations() & {*LOCK_OUT, "DeleteGroup"}:
        found.add("ListUsersInGroup")
    if any(role.fresh or (role.aws is not None and role.aws.fresh) for role in policy.roles):
        found |= {"AdminGetUser", "AdminListGroupsForUser"}
    return frozenset(found)


def attributes_named(body: Mapping[str, Any]) -> list[str]:
    """The attributes that a body sets or deletes."""
    names = [item["Name"] for item in body.get("UserAttributes") or ()]
    names += body.get("UserAttributeNames") or ()
    return [*names, *attributes_answered(body.get("ChallengeResponses") or {})]


def strongest_groups(precedences: Mapping[str, int | None], named: Iterable[str]) -> tuple[frozenset[str], ...]:
    """The sets of groups that must not run out of members: the pool's strongest, and the strongest that roles name."""
    found = []
    for names in (precedences.keys(), precedences.keys() & set(named)):
        top = strongest(precedences[name] for name in names)
        group = frozenset(name for name in names if rank_of(precedences[name]) == top)
        if group and group not in found:
            found.append(group)
    return tuple(found)


def leaves(deed: Deed, group: frozenset[str]) -> bool:
    """Whether the deed takes an enabled member out of `group`, one of `strongest_groups`."""
    subject = deed.subject
    if subject is None or subject.enabled is False or deed.operation not in LOCK_OUT:
        return False
    member_of = group & (subject.groups or {}).keys()
    return bool(member_of) and (deed.operation != "AdminRemoveUserFromGroup" or member_of == {deed.group})


def _keep_oneself(deed: Deed) -> None:
    if deed.on_self and deed.operation in LOCK_OUT:
        raise Denied("self-lockout")
    own = deed.group is not None and deed.group in deed.caller.groups
    if own and deed.operation == "DeleteGroup":
        raise Denied("self-lockout")
    if own and deed.operation == "UpdateGroup" and "Precedence" in deed.body:
        old = rank_of(deed.precedences.get(deed.group or ""))
        if rank_of(deed.body["Precedence"]) > old:
            raise Denied("self-lockout")


def _keep_rank(role: Role, deed: Deed) -> None:
    own = rank_of_caller(deed.caller, role, deed.precedences)
    if own is None:
        raise Denied("rank")
    if deed.subject is not None and not deed.on_self:
        _weaker(own, strongest((deed.subject.groups or {}).values()), role)
    if deed.group is not None:
        if deed.group in deed.precedences:
            _weaker(own, rank_of(deed.precedences[deed.group]), role)
        if deed.operation == "CreateGroup" or (deed.operation == "UpdateGroup" and "Precedence" in deed.body):
            _weaker(own, rank_of(deed.body.get("Precedence")), role)


def _weaker(own: Rank, other: Rank, role: Role) -> None:
    if not (other > own or (role.peers and other == own)):
        raise Denied("rank")


def _keep_account(role: Role, deed: Deed) -> None:
    subject = deed.subject
    if subject is None:
        return
    if not deed.on_self:
        for name in attributes_named(deed.body):
            if name.casefold() in TAKEOVER and name not in role.limits.attributes:
                raise Denied(f"takeover:{name}")
        if deed.operation == "AdminLinkProviderForUser" and "identities" not in role.limits.attributes:
            raise Denied("takeover:identities")  # who is linked signs in as the user
    if subject.federated and deed.operation == "AdminSetUserPassword" and not role.limits.federated_password:
        raise Denied("takeover:federated_password")


def _reaches(acr: str | None, wanted: str | None) -> bool:
    """Whether a sign-in's class is the one wanted, or a higher one where both are Cognito's levels of assurance."""
    if wanted is None or acr == wanted:
        return True
    has, wants = _LEVEL.fullmatch(acr or ""), _LEVEL.fullmatch(wanted)
    return has is not None and wants is not None and int(has[1]) >= int(wants[1])
