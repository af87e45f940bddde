"""500 changes at once, against a Cognito that throttles at 25 a second: done once or refused; nobody else notices."""

import asyncio
import collections
import contextlib
import json
import pathlib
import random
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from tests import redis_server
from tests.blackbox.callers import Caller, Pool, gateways
from tests.blackbox.gateways import POLICY, Gateway
from tests.blackbox.stub import Received, response
from tests.blackbox.wire import Response

pytestmark = [pytest.mark.slow, pytest.mark.only("container", "its replicas are processes that share a Redis")]
CALLS = 500
QUOTA = 25
PAUSE_SECONDS = 0.05
SLOWEST_SECONDS = 0.3
CHANGE = "AdminDisableUser"

PACED = POLICY.partition("[quotas]")[0]


class StrictCognito:
    """A pool of plain users, whose account may change 25 of them in a second, counted as AWS does: by a bucket.

    That no second at all sees more is shown where time is a value, in `tests/test_quotas.py`: on a busy machine a
    process that gets no turn for half a second lets go of everything at once afterwards.
    """

    def __init__(self) -> None:
        """Nobody has asked."""
        self.changed: collections.Counter[str] = collections.Counter()
        self.throttled = 0
        self._network = random.Random(7)  # noqa: S311 - delays are no secrets
        self._left = float(QUOTA)
        self._at = time.monotonic()

    async def __call__(self, request: Received, writer: asyncio.StreamWriter) -> None:
        """Answer one call, or throttle it."""
        if request.operation == CHANGE:
            now = time.monotonic()
            self._left, self._at = min(self._left + (now - self._at) * QUOTA, QUOTA), now
            if self._left < 1:
                self.throttled += 1
                body = {"__type": "TooManyRequestsException", "message": "Rate exceeded"}
                writer.write(response(json.dumps(body).encode(), "400 Bad Request"))
                return
            self._left -= 1
            self.changed[request.json["Username"]] += 1
        else:  # what the guards ask is as slow as in the world, and never equally so
            await asyncio.sleep(self._network.uniform(0, SLOWEST_SECONDS))
        writer.write(response(json.dumps(self._answer(request)).encode()))

    def _answer(self, request: Received) -> dict[str, Any]:
        match request.operation:
            case "AdminGetUser":
                name = request.json["Username"]
                attributes = [{"Name": "sub", "Value": f"sub-of-{name}"}]
                return {"Username": name, "Enabled": True, "UserStatus": "CONFIRMED", "UserAttributes": attributes}
            case "AdminListGroupsForUser":
                return {"Groups": [{"GroupName": "users", "Precedence": 10}]}
            case "ListGroups":
                groups = {"admin": 1, "moderator": 5, "users": 10}
                return {"Groups": [{"GroupName": name, "Precedence": rank} for name, rank in groups.items()]}
            case "ListUsers":
                return {"Users": []}
        return {}


class Storm:
    """One caller's 500 changes, and another's reads meanwhile."""

    def __init__(self, gateways: Sequence[Gateway]) -> None:
        """The callers of these gateways."""
        self.gateways = gateways
        self.changes: dict[str, Response] = {}
        self.reads: list[Response] = []
        self._over = False

    async def rage(self) -> None:
        """Open a connection for every change, let them loose together, and read until the last is answered."""
        token = self.gateways[0].token("admin", sub="the-caller-in-a-hurry", username="hurry")
        other = self.gateways[0].token("moderator", sub="somebody-else", username="else")
        await asyncio.gather(*(self._read(gateway, other, once=True) for gateway in self.gateways))
        lines = [await Caller.connect(self.gateways[number % len(self.gateways)]) for number in range(CALLS)]
        readers = [asyncio.ensure_future(self._read(gateway, other)) for gateway in self.gateways]
        try:
            await asyncio.gather(*(self._change(number, line, token) for number, line in enumerate(lines)))
        finally:
            self._over = True
            await asyncio.gather(*readers)

    async def _change(self, number: int, line: Caller, token: str) -> None:
        name = f"user-{number}"
        self.changes[name] = await line.ask(CHANGE, json.dumps({"Username": name}).encode(), token)
        line.close()

    async def _read(self, gateway: Gateway, token: str, *, once: bool = False) -> None:
        line = await Caller.connect(gateway)
        while True:
            for operation, body in (("ListUsers", b"{}"), ("AdminGetUser", b'{"Username":"dora"}')):
                self.reads.append(await line.ask(operation, body, token))
                await asyncio.sleep(PAUSE_SECONDS)
            if once or self._over:
                break
        line.close()


@pytest.fixture(params=["one gateway", "two gateways on one Redis"])
def replicas(request: pytest.FixtureRequest, pool: Pool, tmp_path: pathlib.Path) -> Iterator[list[Gateway]]:
    """The gateways before one Cognito."""
    with contextlib.ExitStack() as running:
        if request.param == "one gateway":
            yield running.enter_context(gateways(tmp_path, pool, 1, policy=PACED))
            return
        redis = running.enter_context(redis_server.running(tmp_path))
        yield running.enter_context(gateways(tmp_path, pool, 2, policy=PACED, store=redis.url))


def test_500_changes_at_once_are_done_once_or_refused_and_nobody_else_waits(replicas: list[Gateway]) -> None:
    """R-22, R-20: each of 500 changes is done exactly once, or answered 429 and never sent; Cognito throttles none.

    Each has its answer within the total timeout, and another caller's reads succeed all along.
    """
    stub = replicas[0].stub
    stub.behaviour = cognito = StrictCognito()
    stub.people = None
    storm = Storm(replicas)
    asyncio.run(storm.rage())
    done = {name for name, answer in storm.changes.items() if answer.status == 200}
    refused = [answer for answer in storm.changes.values() if answer.status == 429]
    assert len(done) + len(refused) == CALLS, {answer.status for answer in storm.changes.values()}
    assert cognito.throttled == 0
    assert cognito.changed == dict.fromkeys(done, 1)
    assert 2 * QUOTA < len(done) < CALLS
    for answer in refused:
        assert answer.json["__type"] == "TooManyRequestsException"
        assert int(answer.headers["retry-after"]) >= 1
        assert b"quota" not in answer.body
    assert {answer.status for answer in storm.reads} == {200}
    assert len(storm.reads) > 20
    entries = [entry for gateway in replicas for entry in gateway.entries if entry["operation"] == CHANGE]
    written = collections.Counter((entry["phase"], entry["decision"]["reason"]) for entry in entries)
    assert written == {("intent", None): len(done), ("outcome", None): len(done), ("decision", "quota"): len(refused)}
