"""Two gateways with one real Redis, one of them without callers: what it owes reaches the other all the same."""

import json
import pathlib
import time
from collections.abc import Iterator

import pytest

from tests import redis_server
from tests.blackbox.callers import Pool, gateways
from tests.blackbox.gateways import Gateway
from tests.redis_server import RedisServer
from tests.world import sub_of

pytestmark = [pytest.mark.slow, pytest.mark.only("container", "its replicas are processes that share a Redis")]

BOB = json.dumps({"Username": "bob"}).encode()
PATIENCE_SECONDS = 20.0


@pytest.fixture
def redis(tmp_path: pathlib.Path) -> Iterator[RedisServer]:
    """A Redis that keeps its data: no replica has a reason to tell it everything again."""
    with redis_server.running(tmp_path, keeps_data=True) as server:
        yield server


@pytest.fixture
def replicas(pool: Pool, redis: RedisServer, tmp_path: pathlib.Path) -> Iterator[list[Gateway]]:
    """Two gateways."""
    with gateways(tmp_path, pool, 2, store=redis.url) as found:
        yield found


def disabled_while_away(replicas: list[Gateway], redis: RedisServer) -> str:
    """Bob's token: he is disabled through the first while Redis is away, and it gets no call after that."""
    one = replicas[0]
    admin = one.token("admin", sub="aaaaaaaa-0000-4000-8000-000000000001", username="root")
    bob = one.token("admin", sub=sub_of("bob"), username="bob")
    assert [gateway.call("ListUsers", b"{}", bob).status for gateway in replicas] == [200, 200]
    redis.kill()
    assert one.call("AdminDisableUser", BOB, admin).status == 200
    assert one.call("ListUsers", b"{}", bob).status == 401
    redis.start()
    return bob


def refused_at_last(gateway: Gateway, token: str) -> None:
    """It refuses the token, sooner or later."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while gateway.call("ListUsers", b"{}", token).status != 401:
        assert time.monotonic() < deadline, "the revocation never came"
        time.sleep(0.05)


def test_a_revocation_during_an_outage_reaches_the_others_without_another_call(
    replicas: list[Gateway], redis: RedisServer
) -> None:
    """R-13: disabled through a gateway that nobody calls again: the other refuses him a moment after Redis is back."""
    refused_at_last(replicas[1], disabled_while_away(replicas, redis))


def test_a_gateway_that_stops_takes_no_revocation_with_it(replicas: list[Gateway], redis: RedisServer) -> None:
    """R-13: stopped as soon as Redis is back, it passes on what it owes first, and exits 0."""
    bob = disabled_while_away(replicas, redis)
    assert replicas[0].end() == 0
    assert "not passed on" not in replicas[0].errors
    refused_at_last(replicas[1], bob)


def test_a_gateway_that_stops_without_its_redis_says_what_is_lost(replicas: list[Gateway], redis: RedisServer) -> None:
    """The operator reads that others go on accepting tokens; the exit is clean and soon."""
    disabled_while_away(replicas, redis)
    admin = replicas[0].token("admin", sub="aaaaaaaa-0000-4000-8000-000000000001", username="root")
    redis.kill()
    assert replicas[0].call("AdminUserGlobalSignOut", BOB, admin).status == 200
    assert replicas[0].end() == 0
    assert "not passed on" in replicas[0].errors
