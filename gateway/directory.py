"""What Cognito says of users and groups, asked for the guards and remembered for seconds.

Duty: one question each: who is this name, which groups is it in, how strong are the pool's groups, is anybody left.
Prohibition: nothing is decided; no signature, no clock of its own; no answer is remembered that may have been read
before a change which this gateway, or by way of the shared revocations another replica, has made.
Source: Cognito's AdminGetUser, AdminListGroupsForUser, ListGroups, ListUsersInGroup; docs/decisions/0006-guards.md.
"""

import math
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Generic, TypeVar

from gateway import facts
from gateway.errors import Unavailable, UpstreamError, UpstreamTimeout
from gateway.facts import Source
from gateway.guards import Subject
from gateway.store import Revocations

USER_SECONDS = 5.0
CALLER_SECONDS = 60.0
GROUPS_SECONDS = 60.0
MAX_USERS = 10_000
_LOOK_SECONDS = 0.01
_PATIENCE_SECONDS = 2.0
_MAX_WAITING = 100  # for one question: who waits must not fill the gateway

T = TypeVar("T")


@dataclass(slots=True)
class _Known(Generic[T]):
    """An answer. `at` is when it was asked for, in monotonic seconds; `asked` this gateway's changes until then."""

    value: T
    sub: str
    at: float
    asked: int
    news: int


@dataclass(slots=True)
class _Asking:
    """A question under way: since when, how many calls wait for its answer, when it failed last."""

    since: float | None = None
    waiting: int = 0
    failed_at: float = -math.inf


class Directory:
    """The pool's users and groups, as the guards need them."""

    __slots__ = (
        "_accepted",
        "_asking",
        "_changed",
        "_changes",
        "_groups",
        "_groups_changed",
        "_monotonic",
        "_names",
        "_precedences",
        "_revocations",
        "_sleep",
    )

    def __init__(
        self,
        *,
        revocations: Revocations,
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        """`revocations` tell which users another replica has changed; `monotonic` gives seconds, `sleep` waits some."""
        self._sleep = sleep
        self._asking: dict[str, _Asking] = {}
        self._revocations = revocations
        self._monotonic = monotonic
        self._names: dict[str, _Known[Subject]] = {}
        self._groups: dict[str, _Known[Mapping[str, int | None]]] = {}
        self._precedences: _Known[Mapping[str, int | None]] | None = None
        self._accepted: dict[bytes, float] = {}
        self._changes = 0
        self._changed: dict[str, int] = {}  # a sub's last change; "" is that of the pool's groups
        self._groups_changed = 0

    async def user(self, name: str, source: Source, *, seconds: float = USER_SECONDS, anew: bool = False) -> Subject:
        """The user whom `name` (a user name in any case, an alias, a `sub`) means, without its groups.

        Raises:
            NoSuchUser: the pool has none.

        """
        known = None if anew else self._recall(self._names, name, seconds)
        if known is not None:
            return known

        async def ask() -> Subject:
            asked, at, news = self._changes, self._monotonic(), self._revocations.news
            subject = await facts.user(source, name)
            self._remember(self._names, name, _Known(subject, subject.sub, at, asked, news))
            return subject

        if anew:
            return await ask()
        return await self._once(f"user\n{name}", lambda: self._recall(self._names, name, seconds), ask, source.deadline)

    async def groups_of(
        self, subject: Subject, source: Source, *, seconds: float = USER_SECONDS, anew: bool = False
    ) -> Mapping[str, int | None]:
        """All groups of a user with their precedence, None where a group has none."""
        sub = subject.sub
        known = None if anew else self._recall(self._groups, sub, seconds)
        if known is not None:
            return known

        async def ask() -> Mapping[str, int | None]:
            asked, at, news = self._changes, self._monotonic(), self._revocations.news
            groups = await facts.groups(source, "AdminListGroupsForUser", {"Username": subject.username})
            self._remember(self._groups, sub, _Known(groups, sub, at, asked, news))
            return groups

        if anew:
            return await ask()
        return await self._once(
            f"groups\n{sub}", lambda: self._recall(self._groups, sub, seconds), ask, source.deadline
        )

    async def precedences(self, source: Source, *, anew: bool = False) -> Mapping[str, int | None]:
        """The pool's groups with their precedence, at most a minute old."""

        def recall() -> Mapping[str, int | None] | None:
            known = self._precedences
            if known is None or known.asked < self._groups_changed or self._revocations.concern("", known.news):
                return None
            return known.value if self._monotonic() - known.at < GROUPS_SECONDS else None

        async def ask() -> Mapping[str, int | None]:
            asked, at, news = self._changes, self._monotonic(), self._revocations.news
            groups = await facts.groups(source, "ListGroups", {})
            self._precedences = _Known(groups, "", at, asked, news)
            return groups

        return await ask() if anew else await self._once("ListGroups", recall, ask, source.deadline)

    async def anyone_else(self, groups: Collection[str], subject: Subject | None, source: Source) -> bool:
        """Whether an enabled user, other than `subject`, is in one of `groups`; asked of Cognito each time."""
        return await facts.anyone_else(source, groups, subject)

    async def accepts(self, token: bytes, source: Source) -> None:
        """Ask Cognito whether it still accepts an access token; a yes holds for seconds.

        Raises:
            TokenError: it does not.

        """
        digest, now = sha256(token).digest(), self._monotonic()
        if now < self._accepted.get(digest, 0.0):
            return
        await source.read("GetUser", {"AccessToken": token.decode("latin-1")})
        while len(self._accepted) >= MAX_USERS:
            del self._accepted[next(iter(self._accepted))]
        self._accepted[digest] = now + USER_SECONDS

    def changed(self, sub: str) -> None:
        """Forget what is known of a user: it was changed through this gateway, or may have been."""
        self._changes += 1
        if len(self._changed) >= MAX_USERS:
            self._names.clear()
            self._groups.clear()
            self._changed.clear()
            self._groups_changed = self._changes  # what is being asked just now counts as old, too
        self._changed[sub] = self._changes

    def groups_changed(self) -> None:
        """Forget the groups' precedences, and the users' groups with them."""
        self._changes += 1
        self._groups_changed = self._changes

    async def _once(
        self, key: str, recall: Callable[[], T | None], ask: Callable[[], Awaitable[T]], deadline: float
    ) -> T:
        """What is remembered; while another call asks just that, wait for what it hears; else ask.

        A burst of changes on a cold gateway would meet Cognito's smallest quotas with its guards' reads. Each call
        sleeps for itself, till its own deadline, and does not wait for one that takes long; a failure is everybody's
        who waited for it, or a question that hangs would be asked by each of them in turn.
        """
        since, waits = self._monotonic(), False
        try:
            while (found := recall()) is None:
                now, asking = self._monotonic(), self._asking.setdefault(key, _Asking())
                if asking.failed_at >= since and waits:
                    raise UpstreamError("guard-shared")
                if asking.since is None or now - asking.since > _PATIENCE_SECONDS:
                    return await self._ask(asking, ask)
                if now >= deadline:
                    raise UpstreamTimeout("guard-timeout")
                if not waits and asking.waiting >= _MAX_WAITING:
                    raise Unavailable("guard-busy", retry_after_seconds=1)
                asking.waiting += not waits
                waits = True
                await self._sleep(_LOOK_SECONDS)
            return found
        finally:
            asking = self._asking.get(key, _Asking())
            asking.waiting -= waits
            if asking.since is None and not asking.waiting:
                self._asking.pop(key, None)

    async def _ask(self, asking: "_Asking", ask: Callable[[], Awaitable[T]]) -> T:
        asking.since = mine = self._monotonic()
        try:
            return await ask()
        except UpstreamError:  # not a refusal for a quota: that is its caller's own
            asking.failed_at = self._monotonic()
            raise
        finally:
            if asking.since == mine:  # else another has lost its patience, and asks
                asking.since = None

    def _recall(self, memory: dict[str, _Known[T]], key: str, seconds: float) -> T | None:
        known = memory.get(key)
        if known is None:
            return None
        if (
            self._monotonic() - known.at >= seconds
            or known.asked < max(self._groups_changed, self._changed.get(known.sub, 0))
            or self._revocations.concern(known.sub, known.news)
        ):
            return None
        return known.value

    def _remember(self, memory: dict[str, _Known[T]], key: str, known: _Known[T]) -> None:
        memory.pop(key, None)
        while len(memory) >= MAX_USERS:
            del memory[next(iter(memory))]
        memory[key] = known
