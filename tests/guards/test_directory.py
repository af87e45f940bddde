"""What is remembered of Cognito's answers, for how long, and what is never remembered."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from gateway import directory as rooms
from gateway.directory import CALLER_SECONDS, GROUPS_SECONDS, USER_SECONDS, Directory
from gateway.errors import NoSuchUser, RateExceeded, Unavailable, UpstreamError, UpstreamTimeout
from gateway.guards import Subject
from gateway.store import Revocation, Revocations
from tests.guards.pool import BOB_SUB, Pool, Refused, small_pool
from tests.minting import Clock

BOB = Subject("bob", BOB_SUB)


class Asked:
    """A source that answers from a pool, when it is let; time passes only where a test says so."""

    def __init__(self, pool: Pool | None = None) -> None:
        """Nobody waits."""
        self.pool = pool or small_pool()
        self.clock = Clock(1000.0)
        self.revocations = Revocations()
        self.directory = Directory(revocations=self.revocations, monotonic=self.clock, sleep=self.sleep)
        self.bodies: list[Mapping[str, Any]] = []
        self.during: Callable[[], object] = list  # happens between an answer and its arrival
        self.deadline = self.clock() + 3600.0

    async def sleep(self, seconds: float) -> None:
        """The others get their turn."""
        self.clock.tick(seconds)
        await asyncio.sleep(0)

    async def read(self, operation: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """The pool's answer."""
        self.bodies.append(body)
        status, answer = self.pool.answer(operation, body)
        await asyncio.sleep(0)
        self.during()
        if status != 200:
            raise NoSuchUser("target-missing") if answer["__type"] == "UserNotFoundException" else Refused
        return answer

    async def bob(self, **how: Any) -> Subject:
        """Who is bob."""
        return await self.directory.user("bob", self, **how)

    async def his_groups(self, **how: Any) -> Mapping[str, int | None]:
        """Which groups is bob in."""
        return await self.directory.groups_of(BOB, self, **how)

    async def all_groups(self, **how: Any) -> Mapping[str, int | None]:
        """Which groups are there."""
        return await self.directory.precedences(self, **how)

    async def asks(self, question: Callable[[], Awaitable[object]]) -> bool:
        """Whether a question is put to Cognito, or known."""
        before = len(self.pool.asked)
        await question()
        return len(self.pool.asked) > before


async def test_answers_are_what_cognito_says_page_by_page() -> None:
    """All pages count, an empty one too; no precedence is None; a linked user is federated."""
    asked = Asked()
    asked.pool.page = 1
    asked.pool.add("linked", "user", "unranked", federated=True, enabled=False)
    assert await asked.all_groups() == asked.pool.groups
    linked = await asked.directory.user("LINKED", asked)
    assert linked == Subject("linked", "sub-of-linked", enabled=False, federated=True)
    assert await asked.directory.groups_of(linked, asked) == {"user": 10, "unranked": None}
    assert asked.pool.asked.count("ListGroups") == len(asked.pool.groups) + 1


@pytest.mark.parametrize(
    ("question", "seconds"),
    [(Asked.bob, USER_SECONDS), (Asked.his_groups, USER_SECONDS), (Asked.all_groups, GROUPS_SECONDS)],
)
async def test_an_answer_is_known_for_its_time_and_not_longer(
    question: Callable[..., Awaitable[object]], seconds: float
) -> None:
    """R-12: five seconds for a user, a minute for the pool's groups, from when it was asked for."""
    asked = Asked()
    started = asked.clock()
    asked.during = lambda: setattr(asked.clock, "now", started + 1.0)  # it is that much older when it comes
    assert await asked.asks(lambda: question(asked))
    asked.during = list
    asked.clock.tick(seconds - 1.5)
    assert not await asked.asks(lambda: question(asked))
    asked.clock.tick(0.5)
    assert await asked.asks(lambda: question(asked))
    assert not await asked.asks(lambda: question(asked))
    assert await asked.asks(lambda: question(asked, anew=True))


async def test_a_name_is_known_by_itself() -> None:
    """Another name of the same user is another question; its groups are the user's, by whatever name it was found."""
    asked = Asked()
    by_alias = await asked.directory.user("bob@example.com", asked)
    assert await asked.asks(asked.bob)
    assert await asked.directory.groups_of(by_alias, asked) == {"user": 10}
    assert not await asked.asks(asked.his_groups)


async def test_a_callers_minute_is_not_a_targets() -> None:
    """R-12, R-13: what was asked for a caller half a minute ago serves callers, and no target."""
    asked = Asked()
    await asked.bob(seconds=CALLER_SECONDS)
    await asked.his_groups(seconds=CALLER_SECONDS)
    asked.clock.tick(CALLER_SECONDS - 2)
    assert not await asked.asks(lambda: asked.bob(seconds=CALLER_SECONDS))
    assert await asked.asks(asked.bob)
    assert await asked.asks(asked.his_groups)


async def test_a_namesake_has_groups_of_its_own() -> None:
    """R-12: a user who was deleted and made again under the same name has not the groups of the old one."""
    asked = Asked()
    await asked.his_groups()
    del asked.pool.people[BOB_SUB]
    asked.pool.add("bob", "admin")
    again = await asked.directory.user("bob", asked)
    assert await asked.directory.groups_of(again, asked) == {"admin": 1}


CHANGES: dict[str, Callable[[Asked], object]] = {
    "the user, here": lambda asked: asked.directory.changed(BOB_SUB),
    "a group, here": lambda asked: asked.directory.groups_changed(),
    "the user's groups, elsewhere": lambda asked: asked.revocations.add([Revocation("groups_changed", BOB_SUB, 1.0)]),
    "the user, elsewhere": lambda asked: asked.revocations.add([Revocation("signed_out", BOB_SUB, 1.0)]),
    "a group, elsewhere": lambda asked: asked.revocations.add([Revocation("group_deleted", "user", 1.0)]),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_a_change_makes_what_was_known_worthless(change: str) -> None:
    """R-12: by this gateway, or by way of the shared revocations by another: the next question is put again."""
    asked = Asked()
    await asked.bob()
    await asked.his_groups()
    CHANGES[change](asked)
    assert await asked.asks(asked.his_groups)
    assert await asked.asks(asked.bob)
    assert not await asked.asks(asked.his_groups)


@pytest.mark.parametrize("change", CHANGES)
async def test_an_answer_from_before_a_change_is_not_remembered_after_it(change: str) -> None:
    """R-12: a change between the question and the answer: whoever asked is served, nobody else is."""
    asked = Asked()
    asked.during = lambda: CHANGES[change](asked)
    await asked.his_groups()
    asked.during = list
    assert await asked.asks(asked.his_groups)


@pytest.mark.parametrize("change", CHANGES)
async def test_nor_is_one_about_who_a_user_is(change: str) -> None:
    """R-12: the same of AdminGetUser, whose `sub` is not known before it answers."""
    asked = Asked()
    asked.during = lambda: CHANGES[change](asked)
    await asked.bob()
    asked.during = list
    assert await asked.asks(asked.bob)


async def test_the_pools_groups_are_asked_anew_after_a_change_of_groups_here() -> None:
    """R-12: also where the change came between the question and its answer; a user's change leaves them alone."""
    asked = Asked()
    await asked.all_groups()
    asked.directory.changed(BOB_SUB)
    assert not await asked.asks(asked.all_groups)
    asked.directory.groups_changed()
    asked.during = asked.directory.groups_changed
    assert await asked.asks(asked.all_groups)
    asked.during = list
    assert await asked.asks(asked.all_groups)
    assert not await asked.asks(asked.all_groups)


async def test_nobody_is_not_remembered() -> None:
    """A user who is not there may be there a moment later."""
    asked = Asked()
    with pytest.raises(NoSuchUser):
        await asked.directory.user("carol", asked)
    asked.pool.add("carol")
    assert (await asked.directory.user("carol", asked)).username == "carol"


async def test_a_burst_asks_once() -> None:
    """A hundred calls about one user, at once: one question."""
    asked = Asked()
    await asyncio.gather(*(asked.bob() for _ in range(100)))
    assert asked.pool.asked == ["AdminGetUser"]


async def test_who_waits_for_a_question_that_hangs_gives_up_at_its_own_deadline() -> None:
    """R-22: a Cognito that does not answer the guards keeps nobody longer than its call may take."""
    asked = Asked()
    asked.deadline = asked.clock() + 1.5  # below the patience with which another asks itself
    hanging = asyncio.Event()

    class Hanging(Asked):
        async def read(self, operation: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
            await hanging.wait()
            return await super().read(operation, body)

    first = Hanging()
    first.deadline = asked.clock() + 3600.0
    task = asyncio.ensure_future(asked.directory.user("bob", first))
    await asyncio.sleep(0)
    with pytest.raises(UpstreamTimeout, match="guard-timeout"):
        await asked.bob()
    hanging.set()
    assert (await task).username == "bob"


async def test_a_question_that_fails_fails_for_all_who_waited_for_it() -> None:
    """R-22: a hundred calls do not ask a Cognito that is down one after the other."""
    asked = Asked()

    def down() -> None:
        raise UpstreamError("unreachable")

    asked.during = down
    found = await asyncio.gather(*(asked.bob() for _ in range(50)), return_exceptions=True)
    assert all(isinstance(each, UpstreamError) for each in found)
    assert len(asked.bodies) == 1
    asked.during = list
    assert (await asked.bob()).username == "bob"


async def test_what_one_caller_was_refused_for_its_quota_fails_nobody_else() -> None:
    """R-22: who floods hears 429; another who waited for the same answer asks for itself, and gets it."""
    asked = Asked()
    refusals = iter([RateExceeded("quota", retry_after_seconds=3)])

    def refuse_once() -> None:
        for refusal in refusals:
            raise refusal

    asked.during = refuse_once
    found = await asyncio.gather(*(asked.bob() for _ in range(5)), return_exceptions=True)
    assert [isinstance(each, RateExceeded) for each in found] == [True, False, False, False, False]
    assert all(isinstance(each, Subject) for each in found[1:])


async def test_only_so_many_wait_for_one_question() -> None:
    """R-22: who waits does not fill the gateway: the others hear 503 at once."""
    asked = Asked()
    found = await asyncio.gather(*(asked.bob() for _ in range(150)), return_exceptions=True)
    assert sum(isinstance(each, Unavailable) for each in found) == 49
    assert sum(isinstance(each, Subject) for each in found) == 101


async def test_the_pools_groups_are_asked_anew_after_another_replica_changed_one() -> None:
    """R-12: a group that was made stronger elsewhere is not granted here by its old precedence."""
    asked = Asked()
    await asked.all_groups()
    for kind in ("group_changed", "group_deleted"):
        asked.revocations.add([Revocation(kind, "helpers", 10.0)])
        assert await asked.asks(asked.all_groups)
        assert not await asked.asks(asked.all_groups)


async def test_who_asks_and_fails_lets_the_next_ask() -> None:
    """A question that fails, or whose caller hangs up, blocks nobody behind it."""
    asked = Asked()
    failures = iter([Refused("InternalErrorException")])

    def fail_once(_operation: str) -> None:
        for failure in failures:
            raise failure

    asked.pool.before = fail_once
    found = await asyncio.gather(*(asked.bob() for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(each, Refused) for each in found) == 1
    assert sum(isinstance(each, Subject) for each in found) == 4
    first = asyncio.ensure_future(asked.bob(anew=True))
    second = asyncio.ensure_future(asked.directory.user("root", asked))
    third = asyncio.ensure_future(asked.directory.user("root", asked))
    await asyncio.sleep(0)
    first.cancel()
    second.cancel()
    assert (await third).username == "root"


async def test_somebody_else_is_an_enabled_member_of_any_page() -> None:
    """Disabled members and the user itself are nobody else; the last page counts; it is asked each time."""
    asked = Asked(Pool(groups={"admin": 1, "owner": 1}, page=1))
    asked.pool.add("root", "admin")
    for number in range(3):
        asked.pool.add(f"idle-{number}", "admin", "owner", enabled=False)
    root = await asked.directory.user("root", asked)
    groups = frozenset({"admin", "owner"})
    assert not await asked.directory.anyone_else(groups, root, asked)
    assert await asked.directory.anyone_else(groups, None, asked)
    assert not await asked.directory.anyone_else({"owner"}, None, asked)
    assert not await asked.directory.anyone_else(frozenset(), None, asked)
    asked.pool.add("zoe", "owner")
    assert await asked.directory.anyone_else(groups, root, asked)


async def test_a_list_that_is_left_early_leaves_nothing_behind() -> None:
    """The first enabled member ends the search, a broken answer ends a list: no task is left to clean up later."""
    asked, left, hooks = Asked(), list[object](), sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(finalizer=left.append)
    try:
        assert await asked.directory.anyone_else({"admin"}, None, asked)
        with pytest.raises(UpstreamError):
            await answering(NONSENSE["a group without a name"]).all_groups()
    finally:
        sys.set_asyncgen_hooks(*hooks)
    assert left == []


async def test_a_token_that_cognito_accepts_is_accepted_for_seconds() -> None:
    """R-13: strict asks GetUser once in five seconds for a token; another token is another question."""
    asked = Asked()
    await asked.directory.accepts(b"one", asked)
    assert asked.bodies[-1] == {"AccessToken": "one"}
    asked.clock.tick(USER_SECONDS - 1)
    assert not await asked.asks(lambda: asked.directory.accepts(b"one", asked))
    assert await asked.asks(lambda: asked.directory.accepts(b"two", asked))
    asked.clock.tick(1)
    assert await asked.asks(lambda: asked.directory.accepts(b"one", asked))


async def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """R-22: names that somebody makes up push out the oldest; what was changed meanwhile stays worthless."""
    monkeypatch.setattr(rooms, "MAX_USERS", 3)
    asked = Asked()
    for number in range(5):
        asked.pool.add(f"user-{number}", "user")
        await asked.directory.user(f"user-{number}", asked)
        await asked.directory.groups_of(Subject(f"user-{number}", f"sub-of-user-{number}"), asked)
        await asked.directory.accepts(b"%d" % number, asked)
    memory = asked.directory
    assert (len(memory._names), len(memory._groups), len(memory._accepted)) == (3, 3, 3)
    assert await asked.asks(lambda: memory.user("user-0", asked))

    def change_others() -> None:
        for number in range(4):
            memory.changed(f"other-{number}")

    asked.during = change_others
    await asked.bob()
    asked.during = list
    assert len(memory._changed) <= 3
    assert await asked.asks(asked.bob)  # a change of bob's own may be among those that were forgotten


def answering(answer: Mapping[str, Any]) -> Asked:
    """A source that says the same to everything."""

    class Saying(Asked):
        async def read(self, operation: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
            del operation, body
            return answer

    return Saying()


NONSENSE: dict[str, Mapping[str, Any]] = {
    "nothing": {},
    "no sub": {"Username": "bob", "UserAttributes": []},
    "no name": {"UserAttributes": [{"Name": "sub", "Value": "s"}]},
    "an empty name": {"Username": "", "UserAttributes": [{"Name": "sub", "Value": "s"}]},
    "attributes that are none": {"Username": "bob", "UserAttributes": ["sub"]},
    "a precedence in words": {"Groups": [{"GroupName": "admin", "Precedence": "1"}]},
    "a precedence that is true": {"Groups": [{"GroupName": "admin", "Precedence": True}]},
    "half a precedence": {"Groups": [{"GroupName": "admin", "Precedence": 0.5}]},
    "a group without a name": {"Groups": [{"Precedence": 1}]},
    "pages without end": {"Groups": [], "Users": [], "NextToken": "more"},
}


@pytest.mark.parametrize("what", NONSENSE)
async def test_nonsense_is_no_answer(what: str) -> None:
    """R-12: what is not exactly understood is 502, and no guess."""
    asked = answering(NONSENSE[what])
    with pytest.raises(UpstreamError):
        await asked.bob()
    if "Groups" in NONSENSE[what]:
        for question in (asked.his_groups, asked.all_groups):
            with pytest.raises(UpstreamError):
                await question()
