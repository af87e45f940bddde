"""Two gateways before one Cognito, with one real Redis: what they share, and what happens when it is gone."""

import asyncio
import contextlib
import json
import pathlib
import time
from collections.abc import Iterator

import pytest

from tests import redis_server
from tests.blackbox.callers import Caller, Pool, gateways
from tests.blackbox.gateways import POLICY, Gateway, container
from tests.blackbox.wire import Response
from tests.redis_server import RedisServer
from tests.world import sub_of

pytestmark = [pytest.mark.slow, pytest.mark.only("container", "its replicas are processes that share a Redis")]

BOB = json.dumps({"Username": "bob"}).encode()
CHANGE = "AdminEnableUser"
PATIENCE_SECONDS = 20.0


@pytest.fixture
def redis(tmp_path: pathlib.Path) -> Iterator[RedisServer]:
    """A Redis that forgets everything when it dies."""
    with redis_server.running(tmp_path) as server:
        yield server


@pytest.fixture
def replicas(pool: Pool, redis: RedisServer, tmp_path: pathlib.Path) -> Iterator[list[Gateway]]:
    """Two gateways."""
    with gateways(tmp_path, pool, 2, store=redis.url) as found:
        yield found


async def all_at_once(replicas: list[Gateway], count: int, body: bytes, key: str, token: str) -> list[Response]:
    """The same change with the same key, so many times at once, on the gateways in turn."""
    callers = [await Caller.connect(replicas[number % len(replicas)]) for number in range(count)]
    try:
        headers = [("Idempotency-Key", key)]
        return await asyncio.gather(*(caller.ask(CHANGE, body, token, headers=headers) for caller in callers))
    finally:
        for caller in callers:
            caller.close()


def test_fifty_equal_requests_are_one_call_and_fifty_equal_answers(replicas: list[Gateway]) -> None:
    """Idempotency-Key, across replicas: Cognito hears of it once, and everybody gets its answer."""
    stub, token = replicas[0].stub, replicas[0].token("admin")
    found = asyncio.run(all_at_once(replicas, 50, BOB, "key-1", token))
    assert {answer.status for answer in found} == {200}
    assert len({answer.body for answer in found}) == 1
    assert len(stub.calls(CHANGE)) == 1
    assert [answer.status for answer in asyncio.run(all_at_once(replicas, 2, BOB, "key-1", token))] == [200, 200]
    assert len(stub.calls(CHANGE)) == 1
    ida = json.dumps({"Username": "ida"}).encode()
    other = asyncio.run(all_at_once(replicas, 2, ida, "key-1", token))
    assert [(answer.status, answer.json["__type"]) for answer in other] == [(422, "IdempotencyConflictException")] * 2
    stranger = replicas[0].token("admin", sub="bbbbbbbb-cccc-4ddd-8eee-ffffffffffff", username="eve")
    assert {answer.status for answer in asyncio.run(all_at_once(replicas, 2, ida, "key-1", stranger))} == {200}
    assert len(stub.calls(CHANGE)) == 2
    reasons = [entry["decision"]["reason"] for gateway in replicas for entry in gateway.entries]
    assert reasons.count("replayed") == 49 + 2 + 1
    assert not any(b"key-1" in gateway.audit for gateway in replicas)


def test_a_caller_that_one_replica_revoked_is_refused_by_the_other_on_its_next_call(replicas: list[Gateway]) -> None:
    """R-13: disabled through one gateway: its token is 401 at both from then on, whatever their caches hold."""
    one, two = replicas
    admin = one.token("admin", sub="aaaaaaaa-0000-4000-8000-000000000001", username="root")
    bob = one.token("admin", sub=sub_of("bob"), username="bob")
    assert [gateway.call("ListUsers", b"{}", bob).status for gateway in replicas] == [200, 200]
    assert two.call("AdminDisableUser", BOB, admin).status == 200
    assert [gateway.call("ListUsers", b"{}", bob).status for gateway in replicas] == [401, 401]
    assert [gateway.entries[-1]["decision"]["reason"] for gateway in replicas] == ["revoked", "revoked"]
    assert [gateway.call("ListUsers", b"{}", admin).status for gateway in replicas] == [200, 200]


def test_redis_killed_and_back_under_load(replicas: list[Gateway], redis: RedisServer) -> None:
    """R-22: calls go on, repeated changes are 503, nobody waits long, and what was revoked stays revoked."""
    one = replicas[0]
    admin = one.token("admin", sub="aaaaaaaa-0000-4000-8000-000000000001", username="root")
    bob = one.token("admin", sub=sub_of("bob"), username="bob")
    ida = one.token("admin", sub=sub_of("ida"), username="ida")
    assert [gateway.call("ListUsers", b"{}", token).status for gateway in replicas for token in (bob, ida)] == [200] * 4
    assert one.call("AdminDisableUser", BOB, admin).status == 200
    found = asyncio.run(_under_load(replicas, redis, admin))
    assert {answer.status for answer in found["plain"]} == {200}
    assert {answer.status for answer in found["keyed"]} <= {200, 503}
    assert 503 in {answer.status for answer in found["keyed"]}
    assert found["keyed"][-1].status == 200, "it is back"
    gone = [answer for answer in found["keyed"] if answer.status == 503]
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in gone)
    assert all(answer.json["__type"] == "ServiceUnavailableException" for answer in gone)
    # Redis began anew, without data: what the replicas knew was passed on again, also what was revoked meanwhile.
    assert [gateway.call("ListUsers", b"{}", bob).status for gateway in replicas] == [401, 401]
    assert [gateway.call("ListUsers", b"{}", ida).status for gateway in replicas] == [401, 401]
    for gateway in replicas:
        assert "the store is lost" in gateway.errors
        assert "the store is back" in gateway.errors
        assert redis.url not in gateway.errors


async def _under_load(replicas: list[Gateway], redis: RedisServer, token: str) -> dict[str, list[Response]]:
    """Callers who read, and callers who change with a key, while Redis dies and comes back."""
    found: dict[str, list[Response]] = {"plain": [], "keyed": []}
    over = asyncio.Event()

    async def read(gateway: Gateway) -> None:
        caller = await Caller.connect(gateway)
        while not over.is_set():
            found["plain"].append(await caller.ask("ListUsers", b"{}", token))
        caller.close()

    async def change(gateway: Gateway) -> None:
        caller, number = await Caller.connect(gateway), 0
        while not over.is_set():
            number += 1
            body = json.dumps({"Username": f"user-{number}"}).encode()
            headers = [("Idempotency-Key", f"{gateway.port}-{number}")]
            found["keyed"].append(await caller.ask(CHANGE, body, token, headers=headers))
            await asyncio.sleep(0.01)
        caller.close()

    tasks = [asyncio.ensure_future(work(gateway)) for gateway in replicas for work in (read, read, change)]
    await asyncio.sleep(0.5)
    redis.kill()
    await asyncio.sleep(1.0)
    caller = await Caller.connect(replicas[0])
    ida = json.dumps({"Username": "ida"}).encode()  # counts here at once, and there when it is back
    assert (await caller.ask("AdminUserGlobalSignOut", ida, token)).status == 200
    caller.close()
    await asyncio.to_thread(redis.start)
    seen = len(found["keyed"])
    deadline = time.monotonic() + PATIENCE_SECONDS
    while {answer.status for answer in found["keyed"][max(seen, len(found["keyed"]) - 8) :]} != {200}:
        assert time.monotonic() < deadline, "the store never came back"
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.3)
    over.set()
    await asyncio.gather(*tasks)
    return found


def test_a_gateway_that_starts_without_its_redis_serves_nobody_but_those_who_sign_in(
    pool: Pool, tmp_path: pathlib.Path
) -> None:
    """It knows of no revocation: 503 for tokens; what needs none is served. No hang, no 500."""
    with contextlib.ExitStack() as running:
        folder = tmp_path / "gateway"
        folder.mkdir()
        server = running.enter_context(redis_server.running(tmp_path))
        server.kill()
        policy = POLICY + '[public]\nallow = ["ForgotPassword"]\n'
        gateway = running.enter_context(container(folder, *pool, GATEWAY_STORE=server.url, policy=policy))
        token = gateway.token("admin")
        found = gateway.call("ListUsers", b"{}", token)
        assert (found.status, found.json["__type"]) == (503, "ServiceUnavailableException")
        body = json.dumps({"ClientId": gateway.mint.client_id, "Username": "bob"}).encode()
        assert gateway.call("ForgotPassword", body).status == 200
        assert gateway.stub.calls("ListUsers") == []
        server.start()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while gateway.call("ListUsers", b"{}", token).status == 503:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert gateway.call("ListUsers", b"{}", token).status == 200
