"""The store of one process: its bounds, and what happens beyond them. The rest is in test_contract.py."""

import pytest

from gateway.errors import Unavailable
from gateway.store import MemoryStore, Rate, Revocation, memory
from tests.minting import Clock
from tests.store.fake_remote import kept

FIVE = Rate(5, 60.0)
DAY_SECONDS = 24 * 3600.0
NOW = Clock.now


async def test_turns_come_back_evenly() -> None:
    """After a twelfth of a minute one of five turns is back, not all of them."""
    store = MemoryStore()
    for _ in range(5):
        assert await store.take("a", FIVE, 0.0) == 0.0
    assert await store.take("a", FIVE, 0.0) == pytest.approx(12.0)
    assert await store.take("a", FIVE, 12.0) == 0.0
    assert await store.take("a", FIVE, 12.0) > 0


async def test_a_refused_call_costs_no_turn() -> None:
    """Who keeps asking while refused is not locked out for longer."""
    store = MemoryStore()
    for _ in range(50):
        await store.take("a", FIVE, 0.0)
    assert await store.take("a", FIVE, 12.0) == 0.0


async def test_a_rate_has_its_own_length_of_time() -> None:
    """Cognito's quotas are per second, callers' rates per minute."""
    store = MemoryStore()
    rate = Rate(2.5, 1.0)
    assert [await store.take("a", rate, 0.0) for _ in range(2)] == [0.0, 0.0]
    assert await store.take("a", rate, 0.0) == pytest.approx(0.2)
    assert await store.take("a", rate, 0.2) == 0.0


async def test_of_less_than_one_turn_one_can_be_taken() -> None:
    """A rate of half a turn a second is a turn in two seconds, not never one."""
    store = MemoryStore()
    assert await store.take("a", Rate(0.5, 1.0), 0.0) == 0.0
    assert await store.take("a", Rate(0.5, 1.0), 0.0) == pytest.approx(2.0)
    assert await store.take("a", Rate(0.5, 1.0), 2.0) == 0.0


async def test_rates_are_bounded() -> None:
    """R-22: a stream of invented callers does not grow the store without end."""
    store = MemoryStore()
    for number in range(memory.MAX_KEYS + 10):
        await store.take(str(number), FIVE, 0.0)
    assert len(store._full_at) == memory.MAX_KEYS


async def test_a_key_with_all_its_turns_is_forgotten() -> None:
    """R-22: names that were seen once do not stay."""
    store = MemoryStore()
    for number in range(100):
        await store.take(str(number), FIVE, 0.0)
    for number in range(100):
        await store.take(f"later-{number}", FIVE, 100.0)
    assert len(store._full_at) == 100


async def test_kept_requests_are_kept_for_a_day() -> None:
    """A repetition within 24 hours gets its answer; after that the key is free again, and the memory too."""
    store = MemoryStore()
    mine = kept(lease_ends=NOW)
    assert await store.begin("key", mine, NOW) is None
    await store.finish("key", kept(owner=mine.owner, lease_ends=NOW, reply=b"done"))
    found = await store.begin("key", kept(), NOW + DAY_SECONDS - 1)
    assert found is not None
    assert found.reply == b"done"
    assert await store.begin("other", kept(), NOW + DAY_SECONDS) is None
    assert "key" not in store._kept
    assert store._kept_bytes == 0


async def test_an_outdated_entry_behind_a_younger_one_is_free_all_the_same() -> None:
    """Leases differ in length: what is over is over, whatever the order."""
    store = MemoryStore()
    await store.begin("long", kept(lease_ends=NOW + 100), NOW)
    await store.begin("short", kept(lease_ends=NOW), NOW)
    assert await store.begin("short", kept(), NOW + DAY_SECONDS) is None


async def test_a_full_store_refuses_and_forgets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """R-22: memory stays bounded, and no change is ever sent twice for that: new keys get 503, known ones an answer."""
    monkeypatch.setattr(memory, "MAX_KEPT", 2)
    store = MemoryStore()
    mine = kept()
    assert await store.begin("a", mine, NOW) is None
    assert await store.begin("b", kept(), NOW) is None
    with pytest.raises(Unavailable, match="store"):
        await store.begin("c", kept(), NOW)
    assert await store.begin("a", kept(), NOW) == mine
    assert await store.begin("a", mine, NOW) is None
    await store.forget("a", mine.owner)
    assert await store.begin("c", kept(), NOW) is None


async def test_answers_are_bounded_by_their_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """R-22: few requests with long answers fill the memory no more than many with short ones."""
    monkeypatch.setattr(memory, "MAX_KEPT_BYTES", 10)
    store = MemoryStore()
    mine = kept()
    await store.begin("a", mine, NOW)
    for _ in range(3):  # said again it is not counted again
        await store.finish("a", kept(owner=mine.owner, reply=b"123456"))
    other = kept()
    assert await store.begin("b", other, NOW) is None
    await store.finish("b", kept(owner=other.owner, reply=b"1234"))
    with pytest.raises(Unavailable, match="store"):
        await store.begin("c", kept(), NOW)


async def test_a_lock_ends_by_itself() -> None:
    """Whoever crashed while it held a lock does not hold it for ever."""
    store = MemoryStore()
    assert await store.hold("last-admin", "one", 10.0, 0.0)
    assert not await store.hold("last-admin", "two", 10.0, 9.9)
    assert await store.hold("last-admin", "two", 10.0, 10.0)


async def test_locks_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """R-22: locks that ended make room; when none did, the next is refused."""
    monkeypatch.setattr(memory, "MAX_LOCKS", 2)
    store = MemoryStore()
    assert await store.hold("a", "one", 10.0, 0.0)
    assert await store.hold("b", "one", 20.0, 0.0)
    with pytest.raises(Unavailable, match="store"):
        await store.hold("c", "one", 10.0, 5.0)
    assert await store.hold("c", "one", 10.0, 10.0)
    assert not await store.hold("b", "two", 10.0, 10.0)


async def test_old_revocations_are_dropped() -> None:
    """R-22: a gateway that runs for months does not remember every sign-out."""
    store = MemoryStore()
    await store.revoke([Revocation("signed_out", "sub-1", NOW)])
    await store.revoke([])
    await store.revoke([Revocation("signed_out", "sub-2", NOW + 2 * DAY_SECONDS)])
    assert [known.name for known in store.revocations.everything()] == ["sub-2"]
