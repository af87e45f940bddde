"""The guards at work: finds the facts that a deed needs, has it judged, and draws the consequences once it is done.

Duty: resolve the target to its canonical user, ask the directory for exactly what the switched-on guards need, let each
of the caller's roles be judged, hold the lock under which the last admin is counted, revoke the tokens that a deed
invalidates.
Prohibition: no rule is written here (`gateway.guards` has them); reads of the caller ask nothing.
Source: docs/decisions/0006-guards.md.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gateway import guards, needs, targets
from gateway.caller import Caller
from gateway.directory import CALLER_SECONDS, Directory
from gateway.errors import Denied, NoSuchGroup, NoSuchUser, Unavailable
from gateway.facts import Source
from gateway.guards import Deed, Subject
from gateway.operations import Operation
from gateway.policy import Grant, Policy
from gateway.store import Revocation, Store

_SIGNS_OUT = frozenset({"AdminUserGlobalSignOut", "AdminDisableUser", "AdminDeleteUser"})
_SIGNS_ONESELF_OUT = frozenset({"GlobalSignOut", "DeleteUser"})
_CHANGES_GROUPS = frozenset({"AdminAddUserToGroup", "AdminRemoveUserFromGroup"})
_LOCK = "last-admin"
_LOCK_WAIT_SECONDS = 2.0
_LOCK_PAUSE_SECONDS = 0.05
_LOCK_SPARE_SECONDS = 5.0


@dataclass(slots=True)
class Cleared:
    """A deed that may be done: by this role's grant, with this body, to this user."""

    grant: Grant
    body: dict[str, Any]
    subject: Subject | None = None
    locked: bool = False
    counts: bool = False  # it may be done only if, under the lock, somebody else is left: see `Protection.clear`


@dataclass(slots=True)  # made for every change: freezing would double the cost
class Asked:
    """One judged call, as the guards need it; its `body` comes to name the canonical user."""

    id: str
    operation: Operation
    caller: Caller
    grants: Sequence[Grant]
    body: dict[str, Any]
    source: Source
    sub: str | None  # who the target must be, where the caller named it so
    told: Callable[[Subject], None]  # whom it acts on, as soon as that is known


class Protection:
    """The guards of one policy."""

    __slots__ = ("_directory", "_guards", "_monotonic", "_named", "_sleep", "_store", "_strongest")

    def __init__(
        self,
        policy: Policy,
        *,
        store: Store,
        directory: Directory,
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        """`monotonic` gives seconds; `sleep` waits for some."""
        self._guards = policy.guards
        self._named = policy.groups()
        self._strongest: tuple[Mapping[str, int | None] | None, tuple[frozenset[str], ...]] = (None, ())
        self._store = store
        self._directory = directory
        self._monotonic = monotonic
        self._sleep = sleep

    async def live(self, caller: Caller, source: Source) -> Caller:
        """The caller with those of its groups that Cognito still knows it in, at most a minute old.

        Raises:
            Denied: the account is disabled, or gone.

        """
        if caller.username is None:
            return caller
        try:
            subject = await self._directory.user(caller.username, source, seconds=CALLER_SECONDS)
            groups = await self._directory.groups_of(subject, source, seconds=CALLER_SECONDS)
        except NoSuchUser:
            raise Denied("caller-gone") from None
        if subject.sub != caller.sub:
            raise Denied("caller-gone")
        if subject.enabled is not True:
            raise Denied("caller-disabled")
        if all(name in groups for name in caller.groups):
            return caller
        return replace(caller, groups=tuple(name for name in caller.groups if name in groups))

    async def clear(self, asked: Asked, *, locks: bool = True) -> Cleared:
        """Judge a call by the guards, role by role; a lock that is needed is held until `release`.

        Without `locks` none is taken: what would need one is `counts`, and is not yet judged whole.

        Raises:
            Denied: no role may do it; the first role's reason.
            NoSuchUser, NoSuchGroup, InvalidRequest: the target cannot be told.
            Unavailable: the lock, or the store that it is in, is not to be had.

        """
        operation = asked.operation
        if not targets.changes_a_user(operation) and not targets.changes_groups(operation):
            return Cleared(asked.grants[0], asked.body)
        subject, body = await self._target(asked)
        asked.body = body
        precedences = await self._precedences(asked)
        holders = await self._holders(asked)
        if subject is not None:
            subject = await self._with_groups(asked, subject)
        deed = Deed(operation.name, body, asked.caller, subject, precedences)
        grant = guards.first(self._guards, asked.grants, [deed, *(replace(deed, subject=holder) for holder in holders)])
        if not self._guards.last_admin or not self._touches_the_strongest(deed):
            return Cleared(grant, body, subject)
        if not locks:
            return Cleared(grant, body, subject, counts=True)
        await self._lock(asked)
        try:
            deed = await self._counted(asked, deed)
            grant = guards.first(self._guards, asked.grants, [deed])
        except BaseException:
            await asyncio.shield(self._store.release(_LOCK, asked.id))
            raise
        return Cleared(grant, body, deed.subject, locked=True)

    async def release(self, cleared: Cleared, owner: str) -> None:
        """Give the lock back, if one is held by the request `owner`."""
        if cleared.locked:
            cleared.locked = False
            await self._store.release(_LOCK, owner)

    async def done(
        self, operation: Operation, body: Mapping[str, Any], caller: Caller | None, subject: Subject | None, now: float
    ) -> None:
        """Draw the consequences of a deed that was done, or may have been. `now`: epoch seconds."""
        name, found = operation.name, list[Revocation]()
        if subject is not None:
            self._directory.changed(subject.sub)
            if name in _SIGNS_OUT:
                found.append(Revocation("signed_out", subject.sub, now))
            if name in _CHANGES_GROUPS:
                found.append(Revocation("groups_changed", subject.sub, now))
        elif caller is not None and name in _SIGNS_ONESELF_OUT:
            found.append(Revocation("signed_out", caller.sub, now))
        if name in {"CreateGroup", "UpdateGroup", "DeleteGroup"}:
            self._directory.groups_changed()
        if name in {"CreateGroup", "UpdateGroup"}:
            found.append(Revocation("group_changed", body["GroupName"], now))
        if name == "DeleteGroup":
            found.append(Revocation("group_deleted", body["GroupName"], now))
        if found:
            await self._store.revoke(found)

    async def _target(self, asked: Asked) -> tuple[Subject | None, dict[str, Any]]:
        """The canonical user, and the body that names it so."""
        name = needs.user(asked.operation, asked.body)
        if name is None:
            return None, asked.body
        subject = await self._directory.user(name, asked.source)
        if asked.sub is not None and subject.sub != asked.sub:  # somebody's name is another's `sub`
            raise NoSuchUser("sub")
        asked.told(subject)
        return subject, targets.with_user(asked.operation.name, asked.body, subject.username)

    async def _precedences(self, asked: Asked) -> Mapping[str, int | None]:
        """The pool's groups, where a guard asks for them; read anew once for a name that is not among them."""
        if not needs.precedences(self._guards, asked.operation, asked.caller):
            return {}
        group = needs.group(asked.operation, asked.body)
        found = await self._directory.precedences(asked.source)
        if self._misses(asked, group, found):
            found = await self._directory.precedences(asked.source, anew=True)
        if group is not None and group not in found:
            raise NoSuchGroup("group")
        return found

    def _misses(self, asked: Asked, group: str | None, found: Mapping[str, int | None]) -> bool:
        if group is not None and group not in found:
            return True
        if asked.caller.is_machine:
            return False
        named = {name for grant in asked.grants for name in grant.role.groups}
        return not any(name in named and name in found for name in asked.caller.groups)

    async def _with_groups(self, asked: Asked, subject: Subject, *, anew: bool = False) -> Subject:
        on_self = subject.sub == asked.caller.sub and not asked.caller.is_machine
        counted = self._guards.last_admin and asked.operation.name in guards.LOCK_OUT
        if not counted and (on_self or not self._guards.rank):
            return subject
        groups = await self._directory.groups_of(subject, asked.source, anew=anew)
        return Subject(subject.username, subject.sub, subject.enabled, subject.federated, groups)

    async def _holders(self, asked: Asked) -> list[Subject]:
        """The users who would lose an alias to a new one: to be judged as if each were acted on."""
        found: list[Subject] = []
        for alias in needs.aliases(asked.operation, asked.body):
            try:
                holder = await self._directory.user(alias, asked.source)
            except NoSuchUser:
                continue
            found.append(await self._with_groups(asked, holder))
        return found

    def _touches_the_strongest(self, deed: Deed) -> bool:
        sets = self._sets(deed.precedences)
        if deed.operation == "DeleteGroup":
            return any(deed.group in group for group in sets)
        subject = deed.subject
        return (
            subject is not None
            and deed.operation in guards.LOCK_OUT
            and any(group & (subject.groups or {}).keys() for group in sets)
        )

    def _sets(self, precedences: Mapping[str, int | None]) -> tuple[frozenset[str], ...]:
        """`guards.strongest_groups`, found once for each list of the pool's groups: they may be thousands."""
        if self._strongest[0] is not precedences:
            self._strongest = (precedences, guards.strongest_groups(precedences, self._named))
        return self._strongest[1]

    async def _counted(self, asked: Asked, deed: Deed) -> Deed:
        """The deed with `last` told, from facts that were read under the lock."""
        source, directory = asked.source, self._directory
        deed = replace(deed, precedences=await directory.precedences(source, anew=True))
        sets = guards.strongest_groups(deed.precedences, self._named)
        if deed.operation == "DeleteGroup" and deed.group is not None:
            own = {deed.group}
            for group in (each for each in sets if own <= each):
                others = await directory.anyone_else(group - own, None, source)
                if not others and await directory.anyone_else(own, None, source):
                    return replace(deed, last=True)
            return deed
        if deed.subject is None:
            return deed
        subject = await directory.user(deed.subject.username, source, anew=True)
        subject = await self._with_groups(asked, subject, anew=True)
        deed = replace(deed, subject=subject)
        for group in sets:
            if guards.leaves(deed, group) and not await directory.anyone_else(group, subject, source):
                return replace(deed, last=True)
        return deed

    async def _lock(self, asked: Asked) -> None:
        """Two admins who remove each other at once must not both find the other still there."""
        now = self._monotonic()
        until = min(now + _LOCK_WAIT_SECONDS, asked.source.deadline)
        seconds = max(asked.source.deadline - now, 0.0) + _LOCK_SPARE_SECONDS
        while not await self._store.hold(_LOCK, asked.id, seconds, now):
            now = self._monotonic()
            if now >= until:
                raise Unavailable("last-admin-busy", retry_after_seconds=1)
            await self._sleep(_LOCK_PAUSE_SECONDS)
