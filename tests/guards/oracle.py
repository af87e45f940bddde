"""What the policy's language promises, said a second time and in other words, to judge the guards by.

Duty: say of a call whether it is allowed, and of what it changed whether anything was changed that must not be.
Prohibition: nothing of `gateway.guards` or `gateway.protection` is used; a rank is a number here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tests.guards.pool import Person, Pool

NULL = 10**10
NO_GROUP = 10**11
REMOVALS = frozenset({"AdminDisableUser", "AdminDeleteUser", "AdminRemoveUserFromGroup"})
ON_GROUPS = frozenset({"CreateGroup", "UpdateGroup", "DeleteGroup"})
SIGNS_IN_BY = frozenset({"email", "email_verified", "phone_number", "phone_number_verified", "preferred_username"})


@dataclass(frozen=True)
class Played:
    """A role of a made-up policy. `assignable` None: any group."""

    name: str
    groups: frozenset[str]
    allow: frozenset[str]
    peers: bool
    fresh: bool
    assignable: frozenset[str] | None
    attributes: frozenset[str]
    federated_password: bool
    machines: bool = False
    precedence: int | None = None

    def toml(self) -> str:
        """The role as a policy file has it."""

        def names(values: frozenset[str]) -> str:
            return "[" + ", ".join(f'"{value}"' for value in sorted(values)) + "]"

        groups = '"any"' if self.assignable is None else names(self.assignable)
        lines = [
            f"[roles.{self.name}]",
            f"groups = {names(self.groups)}",
            f"allow = {names(self.allow)}",
            f"peers = {str(self.peers).lower()}",
            f"fresh = {str(self.fresh).lower()}",
            "rate_per_minute = 1000000",
            'scopes = ["gateway/machines"]' if self.machines else "",
            "" if self.precedence is None else f"precedence = {self.precedence}",
            f"[roles.{self.name}.limits]",
            f"attributes = {names(self.attributes)}",
            f"groups = {groups}",
            'members = ["MessageAction", "TemporaryPassword", "ForceAliasCreation"]',
            f"federated_password = {str(self.federated_password).lower()}",
        ]
        return "\n".join(lines)


@dataclass(frozen=True)
class Asking:
    """Who asks. `sub` None is a machine; `groups` are its token's."""

    sub: str | None
    groups: frozenset[str]


@dataclass(frozen=True)
class Attempt:
    """One call, the pool that it finds, and the policy."""

    roles: list[Played]
    pool: Pool
    asking: Asking
    operation: str
    body: Mapping[str, Any]

    @property
    def attributes(self) -> set[str]:
        """The attributes that the body names."""
        return {item["Name"] for item in self.body.get("UserAttributes", ())}

    @property
    def acts_on(self) -> Person | None:
        """The user whom it changes, if there is one."""
        if self.operation in ON_GROUPS or (self.operation == "AdminCreateUser" and not self.is_resend):
            return None
        return self.pool.find(self.body["Username"])

    @property
    def is_resend(self) -> bool:
        """Whether an invitation is sent again."""
        return self.body.get("MessageAction") == "RESEND"

    @property
    def loses_an_alias(self) -> list[Person]:
        """Others whose address a new user takes."""
        if not self.body.get("ForceAliasCreation"):
            return []
        emails = [item["Value"] for item in self.body.get("UserAttributes", ()) if item["Name"] == "email"]
        found = [holder for holder in map(self.pool.find, emails) if holder is not None]
        return [holder for holder in found if holder.sub != self.asking.sub]


def strength(precedence: int | None) -> int:
    """The smaller, the stronger."""
    return NULL if precedence is None else precedence


def strength_in(pool: Pool, groups: frozenset[str] | set[str]) -> int:
    """That of who is in these groups."""
    return min((strength(pool.groups[name]) for name in groups if name in pool.groups), default=NO_GROUP)


def limit_of(role: Played, pool: Pool, asking: Asking) -> int | None:
    """The strongest that a caller may touch in a role; None: it touches nobody."""
    own = role.precedence if asking.sub is None else strength_in(pool, asking.groups & role.groups)
    if own is None or own == NO_GROUP:
        return None
    return own if role.peers else own + 1


def as_of_now(attempt: Attempt) -> Asking:
    """The caller without the groups that it lost, where one of its roles for the operation reads them live."""
    asking, pool = attempt.asking, attempt.pool
    if asking.sub is None or not any(role.fresh for role in _granting(attempt, asking)):
        return asking
    own = pool.people.get(asking.sub)
    return Asking(asking.sub, asking.groups & own.groups if own is not None and own.enabled else frozenset())


def verdict(attempt: Attempt) -> str:
    """Whether a call is "allowed", "refused", or names somebody or something "missing"."""
    asking, pool, body = as_of_now(attempt), attempt.pool, attempt.body
    granting = [role for role in _granting(attempt, asking) if _within_limits(role, attempt)]
    if not granting:
        return "refused"
    creates = attempt.operation == "AdminCreateUser" and not attempt.is_resend
    if attempt.operation not in ON_GROUPS and not creates and attempt.acts_on is None:
        return "missing"
    if attempt.operation != "CreateGroup" and body.get("GroupName", "") not in {"", *pool.groups}:
        return "missing"
    if any(before and not after for before, after in _in_the_strongest(attempt)):
        return "refused"
    return "allowed" if any(_may(role, attempt, asking) for role in granting) else "refused"


def _granting(attempt: Attempt, asking: Asking) -> list[Played]:
    found = [role for role in attempt.roles if attempt.operation in role.allow]
    return [role for role in found if (role.machines if asking.sub is None else role.groups & asking.groups)]


def _within_limits(role: Played, attempt: Attempt) -> bool:
    body = attempt.body
    if "GroupName" in body and role.assignable is not None and body["GroupName"] not in role.assignable:
        return False
    return "any" in role.attributes or attempt.attributes <= role.attributes


def _may(role: Played, attempt: Attempt, asking: Asking) -> bool:
    limit = limit_of(role, attempt.pool, asking)
    if limit is None:
        return False
    target = attempt.acts_on
    if target is not None and target.sub == asking.sub:
        if attempt.operation in REMOVALS:
            return False
        others = attempt.loses_an_alias
    else:
        others = [*attempt.loses_an_alias, *([] if target is None else [target])]
    federated = attempt.operation == "AdminSetUserPassword" and target is not None and target.federated
    return (
        all(strength_in(attempt.pool, other.groups) >= limit for other in others)
        and ("GroupName" not in attempt.body or _may_with_group(attempt, asking, limit))
        and (role.federated_password or not federated)
        and (not others or attempt.attributes & SIGNS_IN_BY <= role.attributes)
    )


def _may_with_group(attempt: Attempt, asking: Asking, limit: int) -> bool:
    name, groups = attempt.body["GroupName"], attempt.pool.groups
    new = strength(attempt.body.get("Precedence"))
    moves = attempt.operation == "UpdateGroup" and "Precedence" in attempt.body
    if name in groups and strength(groups[name]) < limit:
        return False
    if (moves or attempt.operation == "CreateGroup") and new < limit:
        return False
    if asking.sub is None or name not in asking.groups:
        return True
    return attempt.operation != "DeleteGroup" and not (moves and new > strength(groups[name]))


def _strongest(pool: Pool, roles: list[Played]) -> list[set[str]]:
    """The groups that must not run empty: the pool's strongest, and the strongest of those that roles name."""
    named = {name for role in roles for name in role.groups}
    found = []
    for names in (set(pool.groups), set(pool.groups) & named):
        top = min((strength(pool.groups[name]) for name in names), default=NO_GROUP)
        found.append({name for name in names if strength(pool.groups[name]) == top})
    return found


def _enabled_in(pool: Pool, groups: set[str]) -> set[str]:
    return {sub for sub, person in pool.people.items() if person.enabled and person.groups & groups}


def _in_the_strongest(attempt: Attempt) -> Iterator[tuple[set[str], set[str]]]:
    """For each of the groups that must not run empty: who is in them now, and who will be."""
    target, group = attempt.acts_on, attempt.body.get("GroupName")
    for top in _strongest(attempt.pool, attempt.roles):
        after = before = _enabled_in(attempt.pool, top)
        if attempt.operation == "DeleteGroup":
            after = _enabled_in(attempt.pool, top - {group})
        elif target is not None and attempt.operation in REMOVALS:
            leaves = attempt.operation != "AdminRemoveUserFromGroup" or not target.groups & top - {group}
            after = before - {target.sub} if leaves else before
        yield before, after


def wrongs(attempt: Attempt, after: Pool, role: Played) -> list[str]:
    """What an allowed call changed that no call of this caller, in this role, may change: told by the pool alone."""
    before, asking = attempt.pool, as_of_now(attempt)
    limit = limit_of(role, before, asking)
    if limit is None:
        return ["a caller without a rank changed something"]
    found = [f"group {name}" for name in before.groups | after.groups if _moved(before, after, name) < limit]
    for sub in before.people | after.people:
        if sub == asking.sub:
            found += _wrongs_to_itself(attempt, after, asking)
        else:
            found += _wrongs_to(sub, attempt, after, limit)
    for top in _strongest(before, attempt.roles):
        if _enabled_in(before, top) and not _enabled_in(after, top):
            found.append(f"nobody is left in {sorted(top)}")
    return found


def _moved(before: Pool, after: Pool, name: str) -> int:
    """The strongest that a group was or is where it was made, moved or deleted; weaker than anything where not."""
    found = {strength(pool.groups[name]) for pool in (before, after) if name in pool.groups}
    same = len(found) == 1 and name in before.groups and name in after.groups
    return NO_GROUP if same else min(found)


def _wrongs_to(sub: str, attempt: Attempt, after: Pool, limit: int) -> list[str]:
    old, new = attempt.pool.people.get(sub), after.people.get(sub)
    if old is None:
        return []
    gained = set() if new is None else new.groups - old.groups
    found = [f"{sub} got {name}" for name in gained if strength(after.groups[name]) < limit]
    lost = attempt.body["GroupName"] if attempt.operation == "DeleteGroup" else None
    same = new is not None and replace(new, groups=set()) == replace(old, groups=set())
    untouched = same and new is not None and new.groups - {lost} == old.groups - {lost}
    if not untouched and strength_in(attempt.pool, old.groups) < limit:
        found.append(f"{sub} is too strong to be touched")
    return found


def _wrongs_to_itself(attempt: Attempt, after: Pool, asking: Asking) -> list[str]:
    before, sub = attempt.pool, asking.sub or ""
    old, new = before.people.get(sub), after.people.get(sub)
    if old is None:
        return []
    if new is None or (old.enabled and not new.enabled):
        return ["it removed itself"]
    was, became = strength_in(before, old.groups), strength_in(after, new.groups)
    known = strength_in(before, asking.groups)
    found = ["it rose"] if became < min(was, known) else []
    return [*found, "it demoted itself"] if became > was and old.groups <= asking.groups else found
