"""What a replica owes is passed on without a call of anybody's. Time is a value here."""

import asyncio

from gateway.store import Owed, Revocation, pass_on
from tests.store.fake_remote import Replica, Shelf, caller, kept

ANN = caller()
SIGNED_OUT = Revocation("signed_out", ANN.sub, ANN.auth_time)


async def owing(shelf: Shelf) -> Replica:
    """A replica that revoked, and answered a request with a key, while the store was lost."""
    here = Replica(shelf)
    await here.take()
    here.remote.failing = "ConnectionRefusedError"
    await here.store.revoke([SIGNED_OUT])
    await here.store.finish("key", kept(reply=b"done"))
    assert here.store.owed == Owed(1, 1)
    return here


async def test_a_lost_store_is_asked_again_until_everything_is_passed_on() -> None:
    """R-13: the store comes back after three questions: the other replicas learn who was signed out."""
    shelf = Shelf()
    here = await owing(shelf)
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        here.clock.tick(seconds)
        waits.append(seconds)
        if len(waits) == 3:
            here.remote.failing = None

    assert await pass_on(here.store, 20.0, sleep=sleep) == Owed(0, 0)
    assert len(waits) == 3
    assert shelf.revocations == [SIGNED_OUT]
    assert shelf.kept["key"].reply == b"done"


async def test_where_nothing_is_owed_nothing_is_asked() -> None:
    """An end costs no exchange."""
    here = Replica()
    await here.take()
    here.remote.asked.clear()
    assert await pass_on(here.store, 20.0) == Owed(0, 0)
    assert here.remote.asked == []


async def test_a_store_that_hangs_is_given_up_and_the_debt_is_kept() -> None:
    """Bounded, and nothing that was under way is forgotten: the next question says it again."""
    shelf = Shelf()
    here = await owing(shelf)
    here.remote.failing, here.remote.hanging = None, asyncio.Event()
    here.clock.tick(1.0)
    assert await pass_on(here.store, 0.01) == Owed(1, 1)
    here.remote.hanging = None
    here.clock.tick(1.0)
    assert await pass_on(here.store, 20.0) == Owed(0, 0)
    assert shelf.revocations == [SIGNED_OUT]
