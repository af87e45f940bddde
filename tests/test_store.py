"""The counters behind the rates."""

from gateway import store
from gateway.store import MemoryStore


async def test_a_minutes_turns_can_be_spent_at_once_and_no_more() -> None:
    """R-22: a caller with 5 calls a minute gets 5 at once; the sixth learns how long to wait."""
    counters = MemoryStore()
    assert [await counters.take("a", 5, 0.0) for _ in range(5)] == [0.0] * 5
    assert 0 < await counters.take("a", 5, 0.0) <= 12


async def test_turns_come_back_evenly() -> None:
    """After a twelfth of a minute one of five turns is back, not all of them."""
    counters = MemoryStore()
    for _ in range(5):
        await counters.take("a", 5, 0.0)
    assert await counters.take("a", 5, 12.0) == 0.0
    assert await counters.take("a", 5, 12.0) > 0


async def test_a_refused_call_costs_no_turn() -> None:
    """Who keeps asking while refused is not locked out for longer."""
    counters = MemoryStore()
    for _ in range(50):
        await counters.take("a", 5, 0.0)
    assert await counters.take("a", 5, 12.0) == 0.0


async def test_callers_do_not_share_turns() -> None:
    """One caller's flood does not slow another."""
    counters = MemoryStore()
    for _ in range(50):
        await counters.take("a", 5, 0.0)
    assert await counters.take("b", 5, 0.0) == 0.0


async def test_memory_is_bounded() -> None:
    """R-22: a stream of invented callers does not grow the store without end."""
    counters = MemoryStore()
    for number in range(store.MAX_KEYS + 10):
        await counters.take(str(number), 5, 0.0)
    assert len(counters._full_at) == store.MAX_KEYS


async def test_a_key_with_all_its_turns_is_forgotten() -> None:
    """R-22: names that were seen once do not stay."""
    counters = MemoryStore()
    for number in range(100):
        await counters.take(str(number), 5, 0.0)
    for number in range(100):
        await counters.take(f"later-{number}", 5, 100.0)
    assert len(counters._full_at) == 100
