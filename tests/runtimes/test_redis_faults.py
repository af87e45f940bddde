"""Redis killed, emptied, stopped, refusing: as written down in docs/decisions/0007-store.md, no hang, no defect."""

import asyncio
import pathlib
import time

import pytest

from gateway.errors import Unavailable
from gateway.runtimes.redis_store import RedisRemote
from gateway.store import Rate, Revocation, StoreLost, shared
from tests.redis_server import RedisServer, running
from tests.runtimes.redis_replicas import (
    NO_HANG_SECONDS,
    POOL_ID,
    PREFIX,
    RedisReplica,
    answering,
    signed_in_before_now,
)
from tests.store.fake_remote import kept

pytestmark = pytest.mark.slow

NO_RATE = Rate(1, 1.0)


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    """Where a Redis keeps its data."""
    return tmp_path


async def until_back(*replicas: RedisReplica) -> None:
    """Let each replica find out that the store is back: a first question may still meet a closed connection."""
    for replica in replicas:
        for _ in range(100):
            await replica.probe()
            if not replica.store.lost:
                break
        assert not replica.store.lost


@pytest.mark.parametrize("keeps_data", [False, True], ids=["forgets", "keeps its data"])
async def test_killed_and_back_no_revocation_is_forgotten(folder: pathlib.Path, *, keeps_data: bool) -> None:
    """Redis dies and comes back, empty or not: who was signed out before or meanwhile stays out everywhere."""
    ann = signed_in_before_now()
    before = Revocation("signed_out", "sub-before", time.time())
    with running(folder, keeps_data=keeps_data) as server:
        async with RedisReplica(server.url) as here, RedisReplica(server.url) as there:
            await here.store.revoke([before])
            await there.take()
            server.kill()
            await here.store.revoke([Revocation("signed_out", ann.sub, time.time())])
            assert await there.take() == 0.0
            assert here.store.revocations.refuses(ann)
            assert not there.store.revocations.refuses(ann)  # nobody can tell it now
            server.start()
            await until_back(here, there)
            assert there.store.revocations.refuses(ann)
            async with RedisReplica(server.url) as newcomer:
                await newcomer.take()
                assert {known.name for known in newcomer.store.revocations.everything()} == {ann.sub, "sub-before"}
            assert [line.partition(" (")[0] for line in here.log][:1] == ["the store is lost"]
            assert any("has lost what it held" in line for line in here.log + there.log) is not keeps_data
            assert here.log[-1] == there.log[-1] == "the store is back"


async def test_a_kept_answer_survives_a_redis_that_keeps_its_data(folder: pathlib.Path) -> None:
    """The request was answered before Redis died: its repetition gets the answer, not a second deed."""
    with running(folder, keeps_data=True) as server:
        async with RedisReplica(server.url) as here:
            await here.take()
            mine = kept()
            await here.store.begin("key", mine, 0.0)
            await here.store.finish("key", done := kept(owner=mine.owner, reply=b"done"))
            server.kill()
            await here.take()
            with pytest.raises(Unavailable, match="store"):
                await here.store.begin("key", kept(), 0.0)
            server.start()
            await until_back(here)
            assert await here.store.begin("key", kept(), 0.0) == done


async def test_flushed_while_in_use(folder: pathlib.Path) -> None:
    """FLUSHALL: each replica notices with its next call and passes on what it knows."""
    ann = signed_in_before_now()
    with running(folder) as server:
        async with RedisReplica(server.url) as here, RedisReplica(server.url) as newcomer:
            await here.store.revoke([Revocation("signed_out", ann.sub, time.time())])
            for _ in range(2):
                server.ask("FLUSHALL")
                server.ask("SCRIPT", "FLUSH")
                await here.take()
            await newcomer.take()
            assert newcomer.store.revocations.refuses(ann)
            assert len(here.log) == 2
            assert not here.store.lost


async def test_a_copy_that_lags_is_noticed(folder: pathlib.Path) -> None:
    """A failover loses the last revocation: the first replica that knows it tells the new master."""
    ann = signed_in_before_now()
    with running(folder) as server:
        async with RedisReplica(server.url) as here, RedisReplica(server.url) as newcomer:
            await here.store.revoke([Revocation("signed_out", "sub-old", time.time())])
            await here.store.revoke([Revocation("signed_out", ann.sub, time.time())])
            server.ask("ZREMRANGEBYRANK", f"{PREFIX}revocations", "-1", "-1")
            await here.take()
            await newcomer.take()
            assert newcomer.store.revocations.refuses(ann)


async def test_a_copy_that_lags_is_noticed_also_when_another_replica_writes_first(folder: pathlib.Path) -> None:
    """What this replica read last is not there any more: the list went back in time, whatever came after it."""
    ann = signed_in_before_now()
    with running(folder) as server:
        async with RedisReplica(server.url) as here, RedisReplica(server.url) as there:
            await there.take()
            await here.store.revoke([Revocation("signed_out", ann.sub, time.time())])
            server.ask("ZREMRANGEBYRANK", f"{PREFIX}revocations", "-1", "-1")
            await there.store.revoke([Revocation("signed_out", "sub-new", time.time())])
            await here.take()
            await there.take()
            assert there.store.revocations.refuses(ann)


async def test_a_line_to_a_server_that_was_demoted_is_not_used_again(folder: pathlib.Path) -> None:
    """READONLY: the name may lead to the new master by now, and only a new connection finds it."""
    with running(folder) as server:
        async with RedisReplica(server.url) as here:
            await here.take()
            (line,) = here.remote._idle
            server.ask("REPLICAOF", "127.0.0.1", "1")
            await here.take()
            assert line not in here.remote._idle
            server.ask("REPLICAOF", "NO", "ONE")
            await until_back(here)


async def test_a_redis_that_accepts_and_never_answers(folder: pathlib.Path) -> None:
    """Stopped, not dead: calls go on after one short timeout, 300 at once too; after 30 seconds they are 503."""
    with running(folder) as server:
        async with RedisReplica(server.url) as here:
            await here.take()
            server.hang()
            async with asyncio.timeout(NO_HANG_SECONDS):
                assert set(await asyncio.gather(*(here.take() for _ in range(300)))) == {0.0}
                with pytest.raises(Unavailable, match="store"):
                    await here.store.begin("key", kept(), 0.0)
                await here.store.revoke([Revocation("signed_out", "sub-1", time.time())])
                await here.store.finish("key", kept(reply=b"done"))
                await here.store.forget("other", "me")
                await here.store.release("lock", "me")
            here.clock.tick(shared.GRACE_SECONDS + 1)
            await here.take()
            with pytest.raises(Unavailable, match="store"):
                here.store.refuses(signed_in_before_now())
            server.go_on()
            await until_back(here)
            assert [line.partition(" (")[0] for line in here.log] == ["the store is lost", "the store is back"]
            found = await here.store.begin("key", kept(), 0.0)
            assert found is not None
            assert found.reply == b"done"


async def test_killed_and_back_under_load(folder: pathlib.Path) -> None:
    """While callers keep coming Redis is killed, comes back, hangs and goes on: every call is answered."""
    with running(folder) as server:
        async with RedisReplica(server.url) as here:
            await here.take()
            waits: list[float] = []
            over = asyncio.Event()

            async def caller(name: str) -> None:
                while not over.is_set():
                    waits.append(await here.take(name))
                    here.clock.tick(0.001)
                    here.store._known_at = here.clock.now  # the 30 seconds are another test's
                    await asyncio.sleep(0.001)

            async with asyncio.timeout(NO_HANG_SECONDS), asyncio.TaskGroup() as group:
                for number in range(20):
                    group.create_task(caller(f"caller-{number}"))
                for disturb in (server.kill, server.start, server.hang, server.go_on):
                    await asyncio.sleep(0.2)
                    await asyncio.to_thread(disturb)
                await asyncio.sleep(0.2)
                over.set()
            await until_back(here)
            assert set(waits) == {0.0}


async def test_a_replica_started_without_redis_serves_once_it_is_there(folder: pathlib.Path) -> None:
    """Started first, it refuses (503) instead of letting in whom it does not know to be signed out; then it serves."""
    server = RedisServer(folder)
    async with RedisReplica(server.url) as here:
        assert "ConnectionRefusedError" in await here.fails()
        try:
            server.start()
            assert await here.probe() == 0.0
        finally:
            server.kill()


async def test_idle_connections_that_were_closed_are_no_loss(folder: pathlib.Path) -> None:
    """Redis, or a box between, closes what was idle: the next call opens another connection and nobody notices."""
    with running(folder) as server:
        async with RedisReplica(server.url) as here:
            await asyncio.gather(*(here.take() for _ in range(20)))
            server.ask("CLIENT", "KILL", "TYPE", "normal")
            for _ in range(3):
                await here.take()
            assert here.log == []


async def test_a_caller_who_hangs_up_leaves_no_answer_to_the_next(folder: pathlib.Path) -> None:
    """Calls cut off in the middle: no later call reads their answers, and no connection is lost to the bound."""
    with running(folder) as server:
        remote = RedisRemote(server.url, POOL_ID)
        for steps in range(60):
            cut = [asyncio.ensure_future(remote.hold("lock", "nobody", 0.001)) for _ in range(3)]
            for _ in range(steps % 20):
                await asyncio.sleep(0)
            for task in cut:
                task.cancel()
            await asyncio.gather(*cut, return_exceptions=True)
            mine = kept(owner=f"owner-{steps}")
            assert await remote.begin(f"key-{steps}", mine) is None
            assert await remote.begin(f"key-{steps}", kept()) == mine
        assert remote._turns._value == 32
        await remote.close()


@pytest.mark.parametrize(
    ("commands", "kind"),
    [
        ((("REPLICAOF", "127.0.0.1", "1"),), "ReadOnlyError"),
        ((("CONFIG", "SET", "maxmemory", "1"),), "OutOfMemoryError"),
        ((("ACL", "SETUSER", "default", "-evalsha"),), "NoPermissionError"),
        ((("ACL", "SETUSER", "default", "-time"),), "NOPERM"),
        ((("SET", f"{PREFIX}revocations", "text"),), "WRONGTYPE"),
    ],
    ids=["a read-only copy", "out of memory", "no permission", "no permission inside", "other data"],
)
async def test_a_redis_that_refuses_is_lost(
    folder: pathlib.Path, commands: tuple[tuple[str, ...], ...], kind: str
) -> None:
    """A Redis that does not do what it is asked is as good as none, and the log says what it said, once."""
    with running(folder) as server:
        server.ask_all(*commands)
        async with RedisReplica(server.url) as here:
            for _ in range(3):
                assert f"lost ({kind})" in await here.fails()
                here.clock.tick(1.0)
            assert len(here.log) == 1


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"-MOVED 1234 192.0.2.1:7001\r\n", "MovedError"),
        (b"-LOADING Redis is loading the dataset in memory\r\n", "BusyLoadingError"),
        (b"-CLUSTERDOWN The cluster is down\r\n", "ClusterDownError"),
        (b"-MASTERDOWN Link with MASTER is down\r\n", "MasterDownError"),
        (b"-BUSY Redis is busy running a script\r\n", "BUSY"),
        (b"-ERR Error running script (call to f_1): @user_script:1: -READONLY You can't write\r\n", "READONLY"),
        (b"-NOAUTH Authentication required.\r\n", "AuthenticationError"),
        (b"-NOSCRIPT No matching script.\r\n", "NoScriptError"),
        (b"-", "TimeoutError"),
        (b"", "TimeoutError"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "InvalidResponse"),
        (b":1\r\n", "unreadable"),
        (b"*-1\r\n", "unreadable"),
        (b"*4\r\n:0\r\n:0\r\n:0\r\n:0\r\n", "unreadable"),
        (b"*5\r\n:0\r\n$1\r\ne\r\n$1\r\n0\r\n:0\r\n:7\r\n", "unreadable"),
    ],
)
async def test_whatever_it_answers_is_a_loss_and_no_defect(answer: bytes, kind: str) -> None:
    """A cluster's node for other keys, a Redis that loads, a web server: lost, with the kind in the log, no address."""
    async with answering(answer) as url, RedisReplica(url) as here:
        line = await here.fails()
        assert f"lost ({kind})" in line
        assert "192.0.2.1" not in line


async def test_one_that_hangs_up_is_a_loss() -> None:
    """A connection that ends in the middle of an answer."""
    async with answering(b"*4\r\n:0\r\n", close=True) as url, RedisReplica(url) as here:
        assert "ConnectionError" in await here.fails()


async def test_errors_carry_nothing_but_their_kind() -> None:
    """R-01: neither the error nor what it is raised from holds an address or a password."""
    remote = RedisRemote("redis://:canary-password@127.0.0.1:1", POOL_ID)
    with pytest.raises(StoreLost) as caught:
        await remote.exchange(None, NO_RATE, epoch="", position="", revocations=())
    assert (caught.value.__context__, caught.value.__cause__) == (None, None)
    assert str(caught.value) == "ConnectionRefusedError"
    assert "canary" not in repr(remote)
    await remote.close()
