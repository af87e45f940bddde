"""What an isolate revoked and could not pass on: tried again behind the answer, not with the next call only."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from gateway.runtimes.cloudflare import isolate_store
from gateway.runtimes.cloudflare.isolate_store import IsolateStore
from gateway.store import Revocation
from tests.minting import Clock
from tests.runtimes import durable_objects
from tests.runtimes.durable_objects import Home
from tests.store.fake_remote import MINUTE, caller


class Isolate:
    """One isolate, and the work that it left behind its answers. A wait there passes by its clock."""

    def __init__(self, home: Home) -> None:
        """It has heard of the store."""
        self.clock = Clock(home.clock())
        self.behind: list[Coroutine[Any, Any, None]] = []
        self.log: list[str] = []
        self.waits = 0
        self.store = IsolateStore(
            home.remote(),
            now=self.clock,
            monotonic=self.clock,
            log=self.log.append,
            spawn=self.behind.append,
            sleep=self._sleep,
        )

    async def _sleep(self, seconds: float) -> None:
        self.clock.tick(seconds)
        self.waits += 1
        await asyncio.sleep(0)


async def test_a_revocation_that_the_object_missed_is_passed_on_behind_the_answer() -> None:
    """R-13: the object fails for a moment, and this isolate gets no other call: the others refuse all the same."""
    home = Home()
    here, there = Isolate(home), durable_objects.Isolate(home)
    ann = caller(auth_time=here.clock() - 60.0, issued_at=here.clock() - 60.0)
    await here.store.take("a", MINUTE, here.clock())
    await there.take()
    home.failing = [ConnectionResetError() for _ in range(3)]
    await here.store.revoke([Revocation("signed_out", ann.sub, here.clock())])
    assert not there.store.refuses(ann)
    [work] = here.behind
    await work
    await there.take()
    assert there.store.refuses(ann)
    assert here.waits >= 1
    assert here.log[-1] == "the store is back"


async def test_a_revocation_that_came_through_leaves_nothing_behind() -> None:
    """No work that nobody needs."""
    here = Isolate(Home())
    await here.store.revoke([Revocation("signed_out", "sub-1", here.clock())])
    assert here.behind == []


async def test_an_object_that_stays_away_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The platform ends what takes longer: the operator reads that other isolates do not know yet."""
    monkeypatch.setattr(isolate_store, "PASS_ON_SECONDS", 0.05)
    home = Home()
    home.failing = [ConnectionResetError()] * 100_000
    here = Isolate(home)
    await here.store.revoke([Revocation("signed_out", "sub-1", here.clock())])
    [work] = here.behind
    await work
    assert here.log[1:] == ["1 revocations are not passed on yet: this isolate's next call tries again"]
