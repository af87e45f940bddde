"""What Cognito says of users and groups, asked for the guards and remembered for seconds.

Duty: one question each: who is this name, which groups is it in, how strong are the pool's groups, is anybody left.
Prohibition: nothing is decided; no signature, no clock of its own; no answer is remembered that may have been read
before a change which this gateway, or by way of the shared revocations another replica, has made.
Source: Cognito's AdminGetUser, AdminListGroupsForUser, ListGroups, ListUsersInGroup; docs/decisions/0006-guards.md.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Generic, Protocol, TypeVar

from gateway.errors import UpstreamError
from gateway.guards import Subject
from gateway.store import Revocations

USER_SECONDS = 5.0
CALLER_SECONDS = 60.0
GROUPS_SECONDS = 60.0
MAX_USERS = 10_000
_PAGE = 60
_LOOK_SECONDS = 0.01
_PATIENCE_SECONDS = 2.0
_MAX_PAGES = 200

T = TypeVar("T")


class Source(Protocol):
    """Where one call's questions go: signed, paced and named in the call's audit line."""

    async def read(self, operation: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Cognito's answer, parsed; the pool is filled in.

        Raises:
            NoSuchUser, NoSuchGroup: Cognito says so.
            GatewayError: anything else that is not an answer.

        """
        ...  # pragma: no cover - a port


@dataclass(slots=True)
class _Known(Generic[T]):
    """An answer. `at` is when it was asked for, in monotonic seconds; `asked` this gateway's changes until then."""

    value: T
    sub: str
    at: float
    asked: int
    news: int


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
        self._asking: dict[str, float] = {}  # what is being asked, and since when
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

        async def ask() -> Subject:
            asked, at, news = self._changes, self._monotonic(), self._revocations.news
            subject = _subject(await source.read("AdminGetUser", {"Username": name}))
            self._remember(self._names, name, _Known(subject, subject.sub, at, asked, news))
            return subject

        if anew:
            return await ask()
        return await self._once(f"user\n{name}", lambda: self._recall(self._names, name, seconds), ask)

    async def groups_of(
        self, subject: Subject, source: Source, *, seconds: float = USER_SECONDS, anew: bool = False
    ) -> Mapping[str, int | None]:
        """All groups of a user with their precedence, None where a group has none."""
        sub = subject.sub

        async def ask() -> Mapping[str, int | None]:
            asked, at, news = self._changes, self._monotonic(), self._revocations.news
            groups = await _groups(source, "AdminListGroupsForUser", {"Username": subject.username})
            self._remember(self._groups, sub, _Known(groups, sub, at, asked, news))
            return groups

        if anew:
            return await ask()
        return await self._once(f"groups\n{sub}", lambda: self._recall(self._groups, sub, seconds), ask)

    async def precedences(self, source: Source, *, anew: bool = False) -> Mapping[str, int | None]:
        """The pool's groups with their precedence, at most a minute old."""

        def recall() -> Mapping[str, int | None] | None:
            known = self._precedences
            if known is None or known.asked < self._groups_changed:
                return None
            return known.value if self._monotonic() - known.at < GROUPS_SECONDS else None

        async def ask() -> Mapping[str, int | None]:
            asked, at = self._changes, self._monotonic()
            groups = await _groups(source, "ListGroups", {})
            self._precedences = _Known(groups, "", at, asked, 0)
            return groups

        return await ask() if anew else await self._once("ListGroups", recall, ask)

    async def anyone_else(self, groups: Collection[str], subject: Subject | None, source: Source) -> bool:
        """Whether an enabled user, other than `subject`, is in one of `groups`; asked of Cognito each time."""
        own = None if subject is None else subject.username
        for group in sorted(groups):
            async with aclosing(_pages(source, "ListUsersInGroup", {"GroupName": group})) as pages:
                async for page in pages:  # closed here and now, not when it is collected: it is left early
                    for user in _entries(page, "Users"):
                        if user.get("Enabled") is True and user.get("Username") != own:
                            return True
        return False

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

    async def _once(self, key: str, recall: Callable[[], T | None], ask: Callable[[], Awaitable[T]]) -> T:
        """What is remembered; while another call asks just that, wait for what it hears; else ask.

        A burst of changes on a cold gateway would meet Cognito's smallest quotas with its guards' reads. Each call
        sleeps for itself, and does not wait for one that takes long.
        """
        while (found := recall()) is None:
            asking = self._asking.get(key)
            if asking is None or self._monotonic() - asking > _PATIENCE_SECONDS:
                self._asking[key] = self._monotonic()
                try:
                    return await ask()
                finally:
                    self._asking.pop(key, None)
            await self._sleep(_LOOK_SECONDS)
        return found

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


def _subject(answer: Mapping[str, Any]) -> Subject:
    attributes = {item.get("Name"): item.get("Value") for item in _entries(answer, "UserAttributes")}
    username, sub, enabled = answer.get("Username"), attributes.get("sub"), answer.get("Enabled")
    if not isinstance(username, str) or not username or not isinstance(sub, str) or not sub:
        raise UpstreamError("guard-answer")
    federated = answer.get("UserStatus") == "EXTERNAL_PROVIDER" or attributes.get("identities") not in {None, "", "[]"}
    return Subject(username=username, sub=sub, enabled=enabled is not False, federated=federated)


async def _groups(source: Source, operation: str, body: Mapping[str, Any]) -> Mapping[str, int | None]:
    found: dict[str, int | None] = {}
    async with aclosing(_pages(source, operation, body)) as pages:
        async for page in pages:
            for group in _entries(page, "Groups"):
                name, precedence = group.get("GroupName"), group.get("Precedence")
                if not isinstance(name, str) or isinstance(precedence, bool) or not isinstance(precedence, int | None):
                    raise UpstreamError("guard-answer")
                found[name] = precedence
    return found


async def _pages(source: Source, operation: str, body: Mapping[str, Any]) -> AsyncGenerator[Mapping[str, Any], None]:
    """The pages of a list; one may be empty and still have a next."""
    more: Mapping[str, Any] = {}
    for _ in range(_MAX_PAGES):
        page = await source.read(operation, {**body, "Limit": _PAGE, **more})
        yield page
        token = page.get("NextToken")
        if not isinstance(token, str) or not token:
            return
        more = {"NextToken": token}
    raise UpstreamError("guard-pages")


def _entries(answer: Mapping[str, Any], member: str) -> list[Mapping[str, Any]]:
    found = answer.get(member)
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise UpstreamError("guard-answer")
    return found
