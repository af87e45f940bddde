"""The shared store in a real Redis: what replicas see of each other, what stands in it, who may reach it."""

import asyncio
import pathlib
import ssl
import time
from collections.abc import Coroutine, Iterator
from typing import Any

import pytest

from gateway.runtimes import redis_store
from gateway.runtimes.redis_store import RedisRemote
from gateway.store import Kept, Rate, Revocation, StoreLost
from tests.redis_server import RedisServer, running
from tests.runtimes.certificates import Authority
from tests.runtimes.redis_replicas import PREFIX, RedisReplica, answering, signed_in_before_now
from tests.store.fake_remote import kept

PASSWORD = "canary-p@ss/word"
ENCODED = "canary-p%40ss%2Fword"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One Redis for this file."""
    with running(tmp_path_factory.mktemp("redis")) as found:
        yield found


@pytest.fixture
def redis(server: RedisServer) -> RedisServer:
    """The Redis, empty."""
    server.ask("FLUSHALL")
    return server


async def test_a_revoked_caller_is_refused_on_the_next_call_on_another_replica(redis: RedisServer) -> None:
    """Signed out on one replica: the very next call on another is refused, with nothing in between."""
    ann = signed_in_before_now()
    async with RedisReplica(redis.url) as here, RedisReplica(redis.url) as there:
        await there.take()
        assert not there.store.revocations.refuses(ann)
        await here.store.revoke([Revocation("signed_out", ann.sub, time.time())])
        await there.take()
        assert there.store.revocations.refuses(ann)


async def test_what_is_said_twice_is_read_once(redis: RedisServer) -> None:
    """After a loss several replicas pass on the same revocations: the list does not grow, and is not read again."""
    remote = RedisRemote(redis.url, "us-east-1_EXAMPLE")
    news = [Revocation("signed_out", "sub-1", time.time()), Revocation("signed_out", "sub-2", time.time())]
    first = await remote.exchange(None, Rate(1, 1.0), epoch="", position="", revocations=news)
    again = await remote.exchange(
        None, Rate(1, 1.0), epoch=first.epoch, position=first.position, revocations=[*news, *news]
    )
    assert first.revocations == tuple(news)
    assert (again.epoch, again.position, again.revocations) == (first.epoch, first.position, ())
    await remote.close()


async def test_replicas_count_together(redis: RedisServer) -> None:
    """R-22: a caller has its rate once, however many replicas it spreads its calls over."""
    async with RedisReplica(redis.url) as here, RedisReplica(redis.url) as there:
        calls = (replica.take("a", Rate(10, 3600.0)) for _ in range(20) for replica in (here, there))
        assert list(await asyncio.gather(*calls)).count(0.0) == 10


async def test_one_of_a_hundred_on_two_replicas_goes_on(redis: RedisServer) -> None:
    """The same idempotency key at once on two replicas is one claim."""
    async with RedisReplica(redis.url) as here, RedisReplica(redis.url) as there:
        begun = await asyncio.gather(
            *(replica.store.begin("key", kept(), 0.0) for _ in range(50) for replica in (here, there))
        )
        assert begun.count(None) == 1
        assert len({found.owner for found in begun if found is not None}) == 1


async def test_a_newcomer_reads_a_long_list_in_pages(redis: RedisServer) -> None:
    """A replica that starts after thousands of sign-outs knows them all before its first answer."""
    many = [Revocation("signed_out", f"sub-{number}", time.time()) for number in range(2 * redis_store.PAGE + 7)]
    async with RedisReplica(redis.url) as here, RedisReplica(redis.url) as there:
        await here.store.revoke(many)
        await there.take()
        assert sorted(there.store.revocations.everything(), key=str) == sorted(many, key=str)
        assert len(here.store.revocations.everything()) == len(many)
        assert (here.log, there.log) == ([], [])


async def test_pools_share_a_redis_without_seeing_each_other(redis: RedisServer) -> None:
    """Two deployments on one Redis: neither counts, revokes or answers for the other."""
    one, other = RedisRemote(redis.url, "us-east-1_One"), RedisRemote(redis.url, "us-east-1_Other")
    news = [Revocation("signed_out", "sub-1", time.time())]
    await one.exchange("a", Rate(1, 3600.0), epoch="", position="", revocations=news)
    found = await other.exchange("a", Rate(1, 3600.0), epoch="", position="", revocations=())
    assert (found.wait_seconds, found.revocations) == (0.0, ())
    await one.close()
    await other.close()


async def test_what_stands_in_redis(redis: RedisServer) -> None:
    """All keys lie in one slot of a cluster, none holds a caller's text, and all but one list end by themselves."""
    async with RedisReplica(redis.url) as here:
        await here.take("user\nann@example.com", Rate(5, 3600.0))
        await here.store.revoke([Revocation("signed_out", "sub-1", time.time())])
        await here.store.begin("hash", kept(), 0.0)
        await here.store.hold("last-admin", "me", 60.0, 0.0)
    names = [line.decode() for line in redis.ask("KEYS", "*").split(b"\r\n") if line[:1] not in (b"*", b"$", b"")]
    assert len(names) == 4
    assert all(name.startswith(PREFIX) for name in names)
    assert not any("ann@" in name for name in names)
    endless = {name for name in names if redis.ask("TTL", name) == b":-1\r\n"}
    assert endless == {f"{PREFIX}revocations"}
    assert redis.ask("TTL", f"{PREFIX}kept:hash") in {b":86400\r\n", b":86399\r\n"}


async def test_old_revocations_leave_redis(redis: RedisServer) -> None:
    """R-22: the list holds a day, not the history."""
    async with RedisReplica(redis.url) as here:
        await here.take()
        for score in ("1", str(int((time.time() - 24 * 3600 - 301) * 1_000_000))):
            redis.ask("ZADD", f"{PREFIX}revocations", score, f"signed_out\n1.0\nsub-{score}")
        await here.store.revoke([Revocation("signed_out", "sub-1", time.time())])
        assert redis.ask("ZCARD", f"{PREFIX}revocations") == b":2\r\n"  # it, and the epoch


async def test_a_kind_of_a_later_version_is_passed_over(redis: RedisServer) -> None:
    """During an upgrade the older replicas go on with what they understand."""
    async with RedisReplica(redis.url) as here, RedisReplica(redis.url) as there:
        await here.take()
        redis.ask("ZADD", f"{PREFIX}revocations", "5", "device_lost\n1.0\nsub-1")
        await here.store.revoke([Revocation("signed_out", "sub-1", time.time())])
        await there.take()
        assert [known.kind for known in there.store.revocations.everything()] == ["signed_out"]


async def test_a_clock_that_was_wrong_locks_nobody_out(redis: RedisServer) -> None:
    """Redis's clock stood a day ahead for a moment: callers wait for their rate's length, not for a day."""
    remote = RedisRemote(redis.url, "us-east-1_EXAMPLE")
    await remote.exchange("a", Rate(5, 60.0), epoch="", position="", revocations=())
    (name,) = [line for line in redis.ask("KEYS", "*rate*").split(b"\r\n") if b"rate" in line]
    redis.ask("SET", name.decode(), str(int((time.time() + 86_400) * 1_000_000)))
    found = await remote.exchange("a", Rate(5, 60.0), epoch="", position="", revocations=())
    assert 0 < found.wait_seconds <= 60
    await remote.close()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("kept:key", ("SET", "text")),
        ("kept:key", ("HSET", "owner", "me", "tags", "tag", "lease", "soon")),
        ("kept:key", ("HSET", "owner", "me")),
        ("revocations", ("ZADD", "5", "signed_out\nsoon\nsub-1")),
        ("revocations", ("ZADD", "5", "no revocation")),
        ("revocations", ("SET", "text")),
    ],
)
async def test_what_cannot_be_read_is_not_guessed_at(redis: RedisServer, name: str, words: tuple[str, ...]) -> None:
    """Something else writes under our names: that is a loss, not an empty list and not a free key."""
    redis.ask(words[0], PREFIX + name, *words[1:])
    remote = RedisRemote(redis.url, "us-east-1_EXAMPLE")
    asking: Coroutine[Any, Any, object] = (
        remote.begin("key", kept())
        if name == "kept:key"
        else remote.exchange(None, Rate(1, 1.0), epoch="", position="", revocations=())
    )
    with pytest.raises(StoreLost, match=r"^(unreadable|WRONGTYPE)$"):
        await asking
    await remote.close()


async def test_connections_are_bounded_reused_and_closed(redis: RedisServer) -> None:
    """R-22: 300 calls at once open no more than the bound; after closing none is left."""

    def clients() -> int:
        return redis.ask("CLIENT", "LIST").count(b" addr=127.0.0.1") - 1  # without the one that asks

    async with RedisReplica(redis.url) as here:
        await asyncio.gather(*(here.take() for _ in range(300)))
        assert 1 <= clients() <= redis_store.MAX_CONNECTIONS
        assert here.log == []
        before = clients()
        await here.take()
        assert clients() == before
        late = asyncio.ensure_future(here.take())
        await asyncio.sleep(0)
    await late
    for _ in range(500):  # Redis notices in its own time
        if clients() == 0:
            break
        await asyncio.sleep(0.01)
    assert clients() == 0


@pytest.mark.parametrize("user", ["", "gateway"])
async def test_a_password_and_a_user_are_used_and_never_shown(
    tmp_path: pathlib.Path, user: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """R-01: with the right password the store works; a wrong one is a loss whose log line says so, and no secret."""
    acl = ("~{gateway:us-east-1_EXAMPLE}:*", "-@all", "+eval", "+evalsha", "+select")
    commands = (
        "+time +get +set +del +hget +hmget +hset +pexpire +zadd +zrem +zrangebyscore +zrevrange +zremrangebyscore"
    )
    with running(tmp_path, "--requirepass", PASSWORD) as server:
        if user:
            words = (
                ("AUTH", PASSWORD),
                ("ACL", "SETUSER", user, "on", f">{PASSWORD}", *acl, *commands.split(" ")),
            )
            server.ask_all(*words)
        right = server.url.replace("//", f"//{user}:{ENCODED}@")
        async with RedisReplica(f"{right}/0") as here:
            await here.take()
            await here.store.revoke([Revocation("signed_out", "sub-1", time.time())])
            mine = kept()
            assert await here.store.begin("key", mine, 0.0) is None
            await here.store.finish("key", kept(owner=mine.owner, reply=b"done"))
            await here.store.forget("key", mine.owner)
            assert await here.store.hold("lock", "me", 1.0, 0.0)
            await here.store.release("lock", "me")
            assert here.log == []
            shown = repr(here.remote) + repr(vars(here.store))
        for url in (server.url, right.replace("canary", "wrong")):
            async with RedisReplica(url) as here:
                shown += await here.fails()
                assert "NOAUTH" in here.log[0] or "AuthenticationError" in here.log[0]
        assert "canary" not in shown + "".join(capfd.readouterr())


async def test_the_database_of_the_address_is_used(redis: RedisServer) -> None:
    """A Redis that several programs share: ours keeps to the database that it was given."""
    async with RedisReplica(f"{redis.url}/7") as here:
        await here.take("a", Rate(5, 3600.0))
    assert b"db7:keys=2" in redis.ask("INFO", "keyspace")
    assert b"db0:" not in redis.ask("INFO", "keyspace")


async def test_over_tls_only_a_redis_with_the_right_certificate_is_believed(
    tmp_path: pathlib.Path, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-20: a certificate of the named authority for this host is taken; without, or for another host, it is a loss."""
    answer = b"*4\r\n:0\r\n$1\r\ne\r\n$1\r\n0\r\n:0\r\n"
    ca_file = tmp_path / "ca.pem"
    ca_file.write_text(authority.pem)
    key_log = tmp_path / "keys"
    monkeypatch.setenv("SSLKEYLOGFILE", str(key_log))
    async with (
        answering(answer, tls=authority.serving("127.0.0.1")) as good,
        answering(answer, tls=authority.serving("redis.example.com")) as other,
    ):
        async with RedisReplica(f"{good}?ssl_ca_certs={ca_file}") as here:
            assert await here.take() == 0.0
        monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))
        for url in (good, f"{other}?ssl_ca_certs={ca_file}"):
            async with RedisReplica(url) as here:
                assert "SSLCertVerificationError" in await here.fails()
    assert not key_log.exists()
    with pytest.raises(OSError, match="No such file"):
        RedisRemote("rediss://127.0.0.1?ssl_ca_certs=/no/such/file", "us-east-1_EXAMPLE")
    ca_file.write_text("no certificate")
    with pytest.raises(ssl.SSLError):
        RedisRemote(f"rediss://127.0.0.1?ssl_ca_certs={ca_file}", "us-east-1_EXAMPLE")


async def test_a_kept_record_survives_the_way(redis: RedisServer) -> None:
    """Tags, lease and bytes come back as they were."""
    remote = RedisRemote(redis.url, "us-east-1_EXAMPLE")
    mine = Kept("request-1", ("a" * 64, "b" * 64), 1_795_000_000.123456, bytes(range(256)))
    await remote.finish("key", mine)
    assert await remote.begin("key", kept()) == mine
    await remote.close()
