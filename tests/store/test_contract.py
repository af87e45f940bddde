"""What every store promises, in memory, over a real Redis and over a Durable Object alike."""

import asyncio
import itertools
import pathlib
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from gateway.runtimes.redis_store import RedisRemote
from gateway.store import MemoryStore, Rate, Revocation, SharedStore, Store
from tests.redis_server import RedisServer, running
from tests.runtimes.durable_objects import Home
from tests.store.fake_remote import caller, kept

FIVE = Rate(5, 3600.0)
_POOLS = itertools.count(1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Where the Redis of this file lives."""
    return tmp_path_factory.mktemp("redis")


@pytest.fixture(params=["memory", "durable", "redis", "unix"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    """One store of each kind, empty."""
    if request.param == "memory":
        yield MemoryStore()
        return
    if request.param == "durable":
        yield SharedStore(Home(time.time).remote(), now=time.time, monotonic=time.monotonic, log=print)
        return
    server: RedisServer = request.getfixturevalue("redis")
    url = server.url if request.param == "redis" else f"unix://{server.socket}"
    remote = RedisRemote(url, f"us-east-1_Pool{next(_POOLS)}")  # a pool of its own sees nothing of the others
    yield SharedStore(remote, now=time.time, monotonic=time.monotonic, log=print)
    await remote.close()


@pytest.fixture(scope="module")
def redis(folder: pathlib.Path) -> Iterator[RedisServer]:
    """A real Redis."""
    with running(folder) as server:
        yield server


async def test_all_turns_can_be_spent_at_once_and_no_more(store: Store) -> None:
    """R-22: a caller with 5 calls an hour gets 5 at once; the sixth learns how long to wait."""
    assert [await store.take("a", FIVE, time.monotonic()) for _ in range(5)] == [0.0] * 5
    wait = await store.take("a", FIVE, time.monotonic())
    assert 600 < wait <= 720
    assert await store.take("a", FIVE, time.monotonic()) == pytest.approx(wait, abs=60)  # refusals cost no turn


async def test_callers_at_once_share_the_turns_exactly(store: Store) -> None:
    """R-22: 40 calls in the same moment are 5 granted and 35 refused, not one more."""
    waits = await asyncio.gather(*(store.take("a", FIVE, time.monotonic()) for _ in range(40)))
    assert waits.count(0.0) == 5


async def test_a_keys_turns_are_its_own(store: Store) -> None:
    """One caller's flood does not slow another, whatever letters its name is made of."""
    for key in ("a", "b", "user\nZo\u00eb {x}", ""):
        assert [await store.take(key, Rate(1, 3600.0), time.monotonic()) > 0 for _ in range(2)] == [False, True]


async def test_turns_come_back(store: Store) -> None:
    """Who waits as long as it was told gets its turn."""
    rate = Rate(1, 0.2)
    assert await store.take("a", rate, time.monotonic()) == 0.0
    wait = await store.take("a", rate, time.monotonic())
    assert 0 < wait <= 0.2
    await asyncio.sleep(wait + 0.01)
    assert await store.take("a", rate, time.monotonic()) == 0.0


async def test_of_less_than_one_turn_one_can_be_taken(store: Store) -> None:
    """A rate of half a turn an hour is a turn in two hours, not never one."""
    assert await store.take("a", Rate(0.5, 3600.0), time.monotonic()) == 0.0
    assert await store.take("a", Rate(0.5, 3600.0), time.monotonic()) == pytest.approx(7200, abs=60)


async def test_a_revocation_counts_at_once(store: Store) -> None:
    """Signed out: the next call with the old token is refused, whatever its sub and groups are called."""
    now = time.time()
    ann = caller(sub="sub\n1", groups=("gr\u00fcn",), auth_time=now - 10, issued_at=now - 10)
    await store.refresh()
    assert not store.revocations.refuses(ann)
    await store.revoke([Revocation("signed_out", "sub\n1", now), Revocation("group_deleted", "gr\u00fcn", now)])
    await store.refresh()
    assert store.revocations.refuses(ann)
    assert store.revocations.refuses(caller(sub="other", groups=("gr\u00fcn",), auth_time=now - 10, issued_at=now))
    assert len(store.revocations.everything()) == 2


async def test_a_key_belongs_to_whom_began_first(store: Store) -> None:
    """Of two requests with one key the second sees the first; the first may ask again."""
    first, second = kept(tags=("old", "new")), kept()
    assert await store.begin("key", first, time.time()) is None
    assert await store.begin("key", second, time.time()) == first
    assert await store.begin("key", first, time.time()) is None
    assert await store.begin("other", second, time.time()) is None


async def test_an_answer_is_kept_byte_for_byte(store: Store) -> None:
    """A repetition gets what the first got, its own repetition too; others can neither change nor remove it."""
    mine = kept()
    done = kept(owner=mine.owner, reply=b'\0{"a":\n"\xff"}\r\n')
    await store.begin("key", mine, time.time())
    await store.finish("key", kept(reply=b"not mine"))
    await store.finish("key", done)
    await store.finish("key", kept(reply=b"not mine"))
    await store.forget("key", mine.owner)
    assert await store.begin("key", kept(), time.time()) == done
    assert await store.begin("key", mine, time.time()) == done


async def test_an_empty_answer_is_an_answer(store: Store) -> None:
    """No bytes are not the same as none yet."""
    mine = kept()
    await store.begin("key", mine, time.time())
    await store.finish("key", kept(owner=mine.owner, reply=b""))
    found = await store.begin("key", kept(), time.time())
    assert found is not None
    assert found.reply == b""


async def test_a_key_given_back_is_free(store: Store) -> None:
    """Nothing was sent: the same request may be tried again. Nobody else can give it back."""
    mine, other = kept(), kept()
    await store.begin("key", mine, time.time())
    await store.forget("key", other.owner)
    assert await store.begin("key", other, time.time()) == mine
    await store.forget("key", mine.owner)
    assert await store.begin("key", other, time.time()) is None
    await store.forget("unknown", mine.owner)


async def test_what_was_lost_meanwhile_is_kept_all_the_same(store: Store) -> None:
    """The store forgot that a request was under way: its answer is kept when it comes."""
    done = kept(reply=b"done")
    await store.finish("key", done)
    assert await store.begin("key", kept(), time.time()) == done


async def test_fifty_at_once_are_one(store: Store) -> None:
    """Of 50 equal requests in the same moment one may go on."""
    begun = await asyncio.gather(*(store.begin("key", kept(), time.time()) for _ in range(50)))
    assert begun.count(None) == 1


async def test_a_lock_has_one_holder(store: Store) -> None:
    """Whoever holds a lock may hold it longer; others wait until it is given back, and cannot give it back."""
    assert await store.hold("lock", "one", 60.0, time.monotonic())
    assert await store.hold("lock", "one", 60.0, time.monotonic())
    assert not await store.hold("lock", "two", 60.0, time.monotonic())
    await store.release("lock", "two")
    assert not await store.hold("lock", "two", 60.0, time.monotonic())
    assert await store.hold("other", "two", 60.0, time.monotonic())
    await store.release("lock", "one")
    assert await store.hold("lock", "two", 60.0, time.monotonic())
    await store.release("unknown", "two")


async def test_a_lock_ends_by_itself(store: Store) -> None:
    """Whoever crashed while it held a lock does not hold it for ever."""
    assert await store.hold("lock", "one", 0.1, time.monotonic())
    await asyncio.sleep(0.2)
    assert await store.hold("lock", "two", 60.0, time.monotonic())
