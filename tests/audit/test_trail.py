"""The trail: no line, no action; nothing lost, nothing overtaken, whatever the sink does."""

import asyncio
import dataclasses
import errno
from collections.abc import Awaitable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audit import Entry, Head, Phase, Trail, trail
from gateway.errors import Unavailable
from tests.audit.oracle import ENTRY, verified
from tests.audit.stage import FakeSink, Stage

FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def stage() -> Stage:
    """A trail that is required, with a sink that works."""
    return Stage()


def entry(id_: str, phase: Phase = "decision") -> Entry:
    """An entry of request `id_`."""
    return dataclasses.replace(ENTRY, id=id_, phase=phase)


def at_once(coroutine: Awaitable[object]) -> object:
    """The coroutine's result, which it must reach without ever suspending."""
    try:
        next(coroutine.__await__())
    except StopIteration as done:
        return done.value
    raise AssertionError("it waited")


async def refused(stage: Stage, id_: str, *, allowed: bool = True) -> bool:
    """Tell whether recording was refused, as the pipeline sees it."""
    try:
        await stage.trail.record(dataclasses.replace(entry(id_), allowed=allowed))
    except Unavailable as error:
        return error.reason == "audit"
    return False


def test_each_line_names_the_one_before(stage: Stage) -> None:
    """A missing, changed or reordered line shows: each names the hash of the whole line before it (R-18)."""
    for number in range(5):
        assert stage.trail.try_record(entry(f"request-{number}"))
    assert stage.sink.ids() == [f"request-{number}" for number in range(5)]
    head = stage.trail.head
    assert head.seq == 5
    assert stage.trail.try_record(entry("last"))
    verified(stage.sink.lines[5:], seq=head.seq, previous=head.previous)


def test_a_chain_goes_on_from_a_head() -> None:
    """A restart is not a gap: the first line after it names the last one before it."""
    sink = FakeSink()
    head = Head("chain-7", 42, "ab" * 32)
    resumed = Trail(
        sink, chain=head.chain, seq=head.seq, previous=head.previous, now=lambda: 0.0, required=True, log=print
    )
    assert resumed.head == head
    assert resumed.try_record(ENTRY)
    assert verified(sink.lines, seq=42, previous="ab" * 32)[0]["chain"] == "chain-7"


def test_a_working_sink_makes_nobody_wait(stage: Stage) -> None:
    """While the sink works, auditing never gives the turn to another request."""
    at_once(stage.trail.record(entry("a", "intent")))
    assert at_once(stage.trail.outcome(entry("a", "outcome"))) is True
    assert stage.sink.ids() == ["a", "a"]


async def test_no_line_no_action(stage: Stage) -> None:
    """A full disk refuses the call, tells the operator once, and the chain goes on without a gap (R-18, FAULT-39)."""
    stage.trail.try_record(entry("before"))
    stage.sink.error = FULL
    assert [await refused(stage, "a"), await refused(stage, "b")] == [True, True]
    assert not stage.trail.try_record(entry("c"))
    assert "No space left" in str(stage.trail.problem)
    assert stage.sleep.slept == []
    stage.sink.error = None
    await stage.trail.record(entry("after"))
    assert stage.sink.ids() == ["before", "after"]
    assert stage.trail.problem is None
    assert len(stage.log) == 2
    assert "NOT WRITTEN, calls are refused: [Errno 28] No space left on device; head chain-1:1:" in stage.log[0]
    assert "written again" in stage.log[1]


async def test_a_reader_that_stalls_is_waited_for_about_a_second(stage: Stage) -> None:
    """A collector that hangs refuses calls after a second; it neither blocks nor lets them through (FAULT-41)."""
    stage.sink.room = 0
    assert await refused(stage, "a")
    assert 0.9 < sum(stage.sleep.slept) < 1.1
    assert max(stage.sleep.slept) <= 0.05
    stage.sink.room = None
    assert not await refused(stage, "b")
    assert stage.sink.ids() == ["b"]


async def test_a_sink_that_works_again_at_the_last_moment_is_in_time(stage: Stage) -> None:
    """A line that could be written when its second ends is not refused."""
    stage.sink.room = 0
    stage.sleep.then[len(trail.PAUSES_SECONDS)] = lambda: setattr(stage.sink, "room", 1)
    assert not await refused(stage, "a")
    assert stage.log == []


async def test_a_short_stall_costs_a_short_wait(stage: Stage) -> None:
    """A collector that is busy for a moment is nobody's alarm."""
    stage.sink.error = BlockingIOError(errno.EAGAIN, "not now")
    stage.sleep.then[3] = lambda: setattr(stage.sink, "error", None)
    await stage.trail.record(entry("a"))
    assert len(stage.sleep.slept) == 3
    assert stage.sink.ids() == ["a"]
    assert stage.log == []


async def test_two_hundred_waiting_calls_keep_their_order(stage: Stage) -> None:
    """Lines that wait together are written in the order in which they were decided, each once."""
    stage.sink.room = 0
    for turn in range(50, 1_000, 50):
        stage.sleep.then[turn] = lambda: setattr(stage.sink, "room", 31)
    phases: list[Phase] = ["intent", "outcome"]
    calls = [entry(f"{number:03d}", phases[number % 2]) for number in range(200)]
    async with asyncio.TaskGroup() as group:
        for call in calls:
            group.create_task(stage.trail.outcome(call) if call.phase == "outcome" else stage.trail.record(call))
    assert stage.sink.ids() == [f"{number:03d}" for number in range(200)]


async def test_a_call_that_arrives_late_does_not_overtake(stage: Stage) -> None:
    """When the sink works again, a new call is written after those that waited, even if nobody has woken yet."""
    stage.sink.room = 0
    waiting = asyncio.create_task(stage.trail.record(entry("first")))
    await asyncio.sleep(0)
    stage.sink.room = None
    assert not stage.trail.try_record(entry("second"))
    at_once(stage.trail.record(entry("second")))
    await waiting
    assert stage.sink.ids() == ["first", "second"]


async def test_a_sink_that_fails_fails_for_all_who_wait(stage: Stage) -> None:
    """When a stalled sink turns out to be broken, nobody waits the second out."""
    stage.sink.room = 0
    tasks = [asyncio.create_task(refused(stage, str(number))) for number in range(3)]
    await asyncio.sleep(0)
    stage.sink.room, stage.sink.error = None, BrokenPipeError(errno.EPIPE, "Broken pipe")
    assert await asyncio.gather(*tasks) == [True] * 3
    assert len(stage.sleep.slept) <= 6
    assert len(stage.log) == 1


async def test_an_owed_outcome_comes_before_anything_else(stage: Stage) -> None:
    """An outcome that cannot be written is kept, and nothing new is let through before it is (FAULT-40)."""
    await stage.trail.record(entry("a", "intent"))
    await stage.trail.record(entry("b", "intent"))
    stage.sink.error = FULL
    assert not await stage.trail.outcome(entry("b", "outcome"))
    stage.now += 5
    assert not await stage.trail.outcome(entry("a", "outcome"))
    assert await refused(stage, "c")
    assert stage.trail.owed == 2
    stage.sink.error = None
    stage.now += 60
    await stage.trail.record(entry("d"))
    assert stage.sink.ids() == ["a", "b", "b", "a", "d"]
    assert stage.trail.owed == 0
    times = [members["time"][14:19] for members in verified(stage.sink.lines)]
    assert times == ["17:05", "17:05", "17:05", "17:10", "18:10"]  # an owed line tells when it happened


async def test_an_outcome_waits_for_a_short_stall(stage: Stage) -> None:
    """A moment's stall does not mark the caller's answer as incomplete."""
    stage.sink.room = 0
    stage.sleep.then[2] = lambda: setattr(stage.sink, "room", None)
    assert await stage.trail.outcome(entry("a", "outcome"))
    assert stage.sink.ids() == ["a"]


async def test_debts_are_settled_without_a_call(stage: Stage) -> None:
    """A probe, or the end of the process, writes what is owed once the sink works."""
    stage.sink.room = 0
    assert stage.trail.settle()
    assert not await stage.trail.outcome(entry("a", "outcome"))
    assert not stage.trail.settle()
    stage.sink.room = None
    assert stage.trail.settle()
    assert stage.sink.ids() == ["a"]


async def test_a_caller_who_hangs_up_while_waiting_leaves_no_intent_but_every_outcome(stage: Stage) -> None:
    """What was given up before it was written does not happen and is not written; what has happened is."""
    stage.sink.room = 0
    intent = asyncio.create_task(stage.trail.record(entry("never", "intent")))
    outcome = asyncio.create_task(stage.trail.outcome(entry("done", "outcome")))
    await asyncio.sleep(0)
    for task in (intent, outcome):
        task.cancel()
    await asyncio.gather(intent, outcome, return_exceptions=True)
    stage.sink.room = None
    assert stage.trail.settle()
    assert stage.sink.ids() == ["done"]


async def test_only_so_many_lines_wait(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sink that is too slow fills no memory: a call beyond the limit is refused without waiting (FAULT-41, R-22)."""
    monkeypatch.setattr(trail, "MAX_WAITING", 3)
    stage.sink.room = 0
    tasks = [asyncio.create_task(refused(stage, str(number))) for number in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        at_once(stage.trail.record(entry("too many")))
    stage.sink.room = None
    assert await asyncio.gather(*tasks) == [False] * 3
    assert stage.sink.ids() == ["0", "1", "2"]


async def test_refusals_take_half_the_places(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever makes refusals at will keeps nobody out whose call is allowed (R-22)."""
    monkeypatch.setattr(trail, "MAX_WAITING", 4)
    stage.sink.room = 0
    tasks = [asyncio.create_task(refused(stage, f"no {number}", allowed=False)) for number in range(3)]
    tasks += [asyncio.create_task(refused(stage, f"yes {number}")) for number in range(2)]
    await asyncio.sleep(0)
    stage.sink.room = None
    assert await asyncio.gather(*tasks) == [False, False, True, False, False]


async def test_a_full_queue_empties_as_soon_as_the_sink_works(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A queue full of owed outcomes does not keep out the call that would write them."""
    monkeypatch.setattr(trail, "MAX_WAITING", 2)
    monkeypatch.setattr(trail, "MAX_OWED", 3)
    stage.sink.error = FULL
    assert [await stage.trail.outcome(entry(str(number), "outcome")) for number in range(4)] == [False] * 4
    assert stage.trail.owed == 3
    assert "that of request 3 is lost" in stage.log[-1]
    stage.sink.error = None
    assert not await refused(stage, "new")
    assert stage.sink.ids() == ["0", "1", "2", "new"]
    assert "1 lines were lost" in stage.log[-1]


async def test_an_audit_that_is_not_required_stops_nobody() -> None:
    """With GATEWAY_AUDIT_REQUIRED=false calls go on, are not slowed down again and again, and the loss is counted."""
    stage = Stage(required=False)
    stage.sink.room = 0
    assert not await refused(stage, "a")
    pauses = len(stage.sleep.slept)
    assert not await refused(stage, "b")
    assert not await stage.trail.outcome(entry("c", "outcome"))
    assert len(stage.sleep.slept) == pauses
    stage.sink.room = None
    assert not await refused(stage, "d")
    assert stage.sink.ids() == ["c", "d"]
    assert len(stage.log) == 2
    assert "calls go through unaudited" in stage.log[0]
    assert "2 lines were lost" in stage.log[1]


async def test_a_broken_log_changes_nothing(stage: Stage) -> None:
    """A closed standard error neither breaks the chain nor turns a refusal into a crash."""

    def broken(_: str) -> None:
        raise BrokenPipeError

    stage.trail._log = broken
    stage.sink.error = FULL
    assert await refused(stage, "a")
    stage.sink.error = None
    assert not await refused(stage, "b")
    assert stage.sink.ids() == ["b"]


moves = st.lists(
    st.one_of(
        st.tuples(st.just("call"), st.sampled_from(["decision", "intent", "outcome"])),
        st.tuples(st.sampled_from(["cancel", "tick", "fail", "stall", "some", "work"]), st.just("")),
    ),
    max_size=60,
)


@settings(max_examples=60, deadline=None)
@given(moves=moves)
def test_nothing_is_lost_doubled_or_reordered(moves: list[tuple[str, Phase]]) -> None:
    """Whatever the sink and the callers do: what was let through is written once, in order, and so is each outcome."""

    async def play() -> None:
        stage = Stage()
        tasks: list[tuple[Entry, asyncio.Task[object]]] = []
        for number, (move, phase) in enumerate(moves):
            if move == "call":
                call = entry(f"{number:03d}", phase)
                turn = stage.trail.outcome(call) if phase == "outcome" else stage.trail.record(call)
                tasks.append((call, asyncio.ensure_future(turn)))
                await asyncio.sleep(0)
            elif move == "cancel" and tasks:
                tasks[len(tasks) // 2][1].cancel()
            stage.sink.error = {"fail": FULL}.get(
                move, stage.sink.error if move in {"call", "tick", "cancel"} else None
            )
            stage.sink.room = {"stall": 0, "some": 2, "work": None, "fail": None}.get(move, stage.sink.room)
            await asyncio.sleep(0)
        results = await asyncio.gather(*(task for _, task in tasks), return_exceptions=True)
        stage.sink.error = stage.sink.room = None
        assert stage.trail.settle()
        written = stage.sink.ids()
        assert written == sorted(set(written))
        for (call, _), result in zip(tasks, results, strict=True):
            if call.phase == "outcome":
                assert call.id in written
            elif not isinstance(result, asyncio.CancelledError):
                assert (call.id in written) == (result is None)

    asyncio.run(play())
