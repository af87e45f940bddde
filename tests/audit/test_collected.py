"""The chain at a collector: written when it has answered, whatever network, collector and callers do."""

import asyncio
import dataclasses
import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audit import CollectedTrail, Entry, NotTaken, Phase, Verification, collected, trail
from gateway.errors import Unavailable
from tests.audit.oracle import ENTRY, verified

AWAY = NotTaken("collector.example.com cannot be reached (unreachable)", unsure=False)
SILENT = NotTaken("collector.example.com gave no answer (answer_timeout)", unsure=True)


class FakeCollector:
    """Takes batches. `fates` says of each what happens: None it is taken, AWAY it never came, SILENT nobody knows."""

    def __init__(self) -> None:
        """Work."""
        self.batches: list[list[bytes]] = []  # all that arrived
        self.fates: list[NotTaken | None] = []
        self.fate: NotTaken | None = None  # when `fates` is used up
        self.arrives = True  # whether an unsure batch arrived
        self.gate: asyncio.Event | None = None
        self.posts = 0
        self.at_once = 0
        self.most_at_once = 0

    async def __call__(self, lines: bytes) -> None:
        """Take `lines`, or not."""
        self.posts += 1
        fate = self.fates.pop(0) if self.fates else self.fate
        if fate is None or (fate.unsure and self.arrives):
            self.batches.append(lines.splitlines(keepends=True))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if self.gate is not None:
                await self.gate.wait()
            else:
                await asyncio.sleep(0)
        finally:
            self.at_once -= 1
        if fate is not None:
            raise fate

    def lines(self) -> list[bytes]:
        """Each line once, in order; the chain is checked, and that no two lines have one number."""
        by_seq: dict[int, bytes] = {}
        for line in itertools.chain.from_iterable(self.batches):
            assert by_seq.setdefault(json.loads(line)["seq"], line) == line
        lines = [by_seq[seq] for seq in sorted(by_seq)]
        verified(lines)
        return lines

    def entries(self) -> list[tuple[str, str]]:
        """Request and phase of each line."""
        return [(found["id"], found["phase"]) for found in map(json.loads, self.lines())]


@dataclasses.dataclass
class Scene:
    """A trail, its collector, a clock that only sleeping moves, and its log."""

    required: bool = True
    collector: FakeCollector = dataclasses.field(default_factory=FakeCollector)
    log: list[str] = dataclasses.field(default_factory=list)
    seconds: float = 0.0
    held: dict[str, asyncio.Event] = dataclasses.field(default_factory=dict)  # who sleeps long, by the task's name

    def __post_init__(self) -> None:
        """Start a chain."""
        self.trail = CollectedTrail(
            self.collector,
            chain="chain-1",
            now=lambda: 1795252625.0,
            monotonic=lambda: self.seconds,
            required=self.required,
            log=self.log.append,
            sleep=self.sleep,
        )

    async def sleep(self, seconds: float) -> None:
        """Let the time pass and others run."""
        self.seconds += seconds
        task = asyncio.current_task()
        if task is not None and task.get_name() in self.held:
            await self.held[task.get_name()].wait()
        await asyncio.sleep(0)

    async def refused(self, id_: str, phase: Phase = "decision", *, allowed: bool = True) -> bool:
        """Tell whether recording was refused, as the pipeline sees it."""
        try:
            await self.trail.record(dataclasses.replace(entry(id_, phase), allowed=allowed))
        except Unavailable as error:
            return error.reason == "audit"
        return False


@pytest.fixture
def scene() -> Scene:
    """A trail that is required, with a collector that works."""
    return Scene()


async def others() -> None:
    """Let every task take some steps."""
    for _ in range(5):
        await asyncio.sleep(0)


def entry(id_: str, phase: Phase = "decision") -> Entry:
    """An entry of request `id_`."""
    return dataclasses.replace(ENTRY, id=id_, phase=phase)


async def test_a_line_is_written_when_the_collector_has_answered(scene: Scene) -> None:
    """Nobody goes on before the 2xx, and the head moves with it (R-18)."""
    scene.collector.gate = asyncio.Event()
    task = asyncio.create_task(scene.refused("a"))
    await others()
    assert not task.done()
    assert scene.trail.head.seq == 0
    scene.collector.gate.set()
    assert await task is False
    assert scene.trail.head.seq == 1
    assert scene.collector.entries() == [("a", "decision")]


def test_it_never_says_at_once_that_a_line_is_written(scene: Scene) -> None:
    """The quick way of a file is not this trail's: `record` follows."""
    assert scene.trail.try_record(ENTRY) is False
    assert scene.collector.posts == 0


async def test_what_comes_together_is_sent_together(scene: Scene) -> None:
    """Two hundred calls at once make a few requests, one at a time, in the order in which they were decided (R-18)."""
    refusals = await asyncio.gather(*(scene.refused(f"{number:03d}") for number in range(200)))
    assert not any(refusals)
    assert scene.collector.posts <= 3
    assert scene.collector.most_at_once == 1
    assert [id_ for id_, _ in scene.collector.entries()] == [f"{number:03d}" for number in range(200)]


async def test_a_batch_has_a_bound(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither many lines nor long ones make a request that a collector refuses for its size."""
    monkeypatch.setattr(collected, "MAX_BATCH_BYTES", 5_000)
    refusals = await asyncio.gather(*(scene.refused(str(number)) for number in range(50)))
    assert not any(refusals)
    assert all(sum(map(len, batch)) <= 5_000 for batch in scene.collector.batches)
    assert len(scene.collector.batches) > 4
    monkeypatch.setattr(collected, "MAX_BATCH_BYTES", 10)
    assert not await scene.refused("longer than that")
    scene.trail._most_lines = 7
    await asyncio.gather(*(scene.refused(str(number)) for number in range(20)))
    assert max(map(len, scene.collector.batches[-5:])) <= 7


async def test_a_collector_that_cannot_be_reached_refuses_calls(scene: Scene) -> None:
    """No audit, no action; the operator is told once; the numbers go on without a gap when it is back (R-18)."""
    assert not await scene.refused("before")
    scene.collector.fate = AWAY
    assert await scene.refused("a", "intent")
    assert await scene.refused("b")
    assert scene.trail.problem == str(AWAY)
    scene.collector.fate = None
    assert not await scene.refused("after")
    assert scene.collector.entries() == [("before", "decision"), ("after", "decision")]
    assert scene.trail.problem is None
    assert [line.partition(";")[0] for line in scene.log] == [
        f"audit: NOT WRITTEN, calls are refused: {AWAY}",
        "audit: written again, 0 lines were lost",
    ]
    assert scene.log[0].endswith(f"head chain-1:1:{json.loads(scene.collector.lines()[1])['previous']}")


@pytest.mark.parametrize("arrives", [True, False])
async def test_a_lost_answer_makes_copies_and_no_fork(scene: Scene, *, arrives: bool) -> None:
    """When nobody knows whether lines arrived they are sent again as they are, before any other (R-18)."""
    scene.collector.arrives = arrives
    scene.collector.fates = [SILENT, SILENT]
    assert await scene.refused("a")
    assert await scene.refused("b")
    assert not await scene.refused("c")
    assert scene.collector.entries() == [("a", "decision"), ("c", "decision")]
    copies = 2 * arrives
    assert sum(map(len, scene.collector.batches)) == 2 + copies
    report = Verification(repeats=True)
    report.read("collected", itertools.chain.from_iterable(scene.collector.batches))
    assert report.finish().verified


async def test_a_refused_intent_that_may_have_arrived_is_said_to_be_refused(scene: Scene) -> None:
    """The record does not leave open whether a change was made that the caller was refused."""
    scene.collector.fates = [SILENT]
    assert await scene.refused("a", "intent")
    assert not await scene.refused("b")
    assert scene.collector.entries() == [("a", "intent"), ("a", "outcome"), ("b", "decision")]
    undone = json.loads(scene.collector.lines()[1])
    assert (undone["status"], undone["error"]) == (503, "ServiceUnavailableException")


async def test_once_refused_is_refused(scene: Scene) -> None:
    """A caller whose line arrives at last, but who was told no, does not go on all the same."""
    scene.collector.fates = [SILENT]
    scene.held["b"] = asyncio.Event()
    first, second = (asyncio.create_task(scene.refused(id_, "intent"), name=id_) for id_ in "ab")
    assert await first
    assert not await scene.refused("c")  # sends the lines of a and b again, and they are taken
    scene.held["b"].set()
    assert await second
    assert ("b", "outcome") in scene.collector.entries()


async def test_an_owed_outcome_comes_before_anything_else(scene: Scene) -> None:
    """An outcome that the collector did not take is kept and sent before any later line, with its own time."""
    assert not await scene.refused("a", "intent")
    scene.collector.fate = AWAY
    assert not await scene.trail.outcome(entry("a", "outcome"))
    assert scene.trail.owed == 1
    assert not scene.trail.settle()
    assert await scene.refused("b")
    scene.collector.fate = None
    assert not await scene.refused("c")
    assert scene.trail.owed == 0
    assert scene.collector.entries() == [("a", "intent"), ("a", "outcome"), ("c", "decision")]


async def test_debts_are_settled_without_a_call(scene: Scene) -> None:
    """A probe, or the end of the process, sends what is owed, in as many batches as it takes."""
    assert await scene.trail.settled()
    scene.collector.fate = AWAY
    for number in range(12):
        assert not await scene.trail.outcome(entry(f"{number:02d}", "outcome"))
    assert not await scene.trail.settled()
    scene.collector.fate = None
    assert await scene.trail.settled()
    assert scene.trail.settle()
    assert len(scene.collector.batches) > 1  # smaller ones after failures
    assert [id_ for id_, _ in scene.collector.entries()] == [f"{number:02d}" for number in range(12)]


async def test_a_batch_that_is_too_much_becomes_smaller(scene: Scene) -> None:
    """A collector that refuses large requests (413) gets the same lines in smaller ones."""

    async def choosy(lines: bytes) -> None:
        if lines.count(b"\n") > 2:
            raise NotTaken("collector.example.com answered 413", unsure=True)
        await taken(lines)

    taken, scene.trail._post = scene.trail._post, choosy
    assert all(await asyncio.gather(*(scene.refused(str(number)) for number in range(9))))
    while scene.trail.problem is not None:
        await scene.refused("again")
    assert {str(number) for number in range(9)} <= {id_ for id_, _ in scene.collector.entries()}


async def test_while_the_collector_hangs_one_call_tries_it_and_the_others_are_refused_at_once(scene: Scene) -> None:
    """Calls do not pile up behind a dead collector (R-22)."""
    scene.collector.fate = AWAY
    assert await scene.refused("first")
    scene.collector.gate = asyncio.Event()
    probing = asyncio.create_task(scene.refused("probing"))
    await others()
    posts, seconds = scene.collector.posts, scene.seconds
    assert await scene.refused("other")
    assert not await scene.trail.outcome(entry("owed", "outcome"))
    assert (scene.collector.posts, scene.seconds) == (posts, seconds)
    scene.collector.gate.set()
    assert await probing
    assert scene.trail.owed == 1


async def test_a_line_waits_for_its_batch_for_some_seconds(scene: Scene) -> None:
    """Behind a slow batch a call is refused in the end, and its line is not sent."""
    scene.collector.gate = asyncio.Event()
    slow = asyncio.create_task(scene.refused("slow"))
    await others()
    assert await scene.refused("late")
    assert not await scene.trail.outcome(entry("done", "outcome"))
    assert scene.seconds < 10
    scene.collector.gate.set()
    assert not await slow
    assert await scene.trail.settled()
    assert scene.collector.entries() == [("slow", "decision"), ("done", "outcome")]


async def test_a_sender_that_is_cancelled_leaves_its_lines_to_the_others(scene: Scene) -> None:
    """The caller who happened to send for all hangs up: the others' lines are sent again, and theirs too."""
    scene.collector.gate = asyncio.Event()
    tasks = [asyncio.create_task(scene.refused(str(number))) for number in range(5)]
    await others()
    assert scene.collector.posts == 1
    tasks[0].cancel()
    scene.collector.gate.set()
    assert await asyncio.gather(*tasks[1:]) == [False] * 4
    assert tasks[0].cancelled()
    assert [id_ for id_, _ in scene.collector.entries()] == list("01234")
    assert scene.collector.posts == 2


async def test_a_caller_who_hangs_up_before_its_line_was_sent_leaves_none(scene: Scene) -> None:
    """What was given up in time does not happen and is not written; an outcome is."""
    intent = asyncio.create_task(scene.refused("never", "intent"))
    outcome = asyncio.create_task(scene.trail.outcome(entry("done", "outcome")))
    await asyncio.sleep(0)
    for task in (intent, outcome):
        task.cancel()
    await asyncio.gather(intent, outcome, return_exceptions=True)
    assert await scene.trail.settled()
    assert scene.collector.entries() == [("done", "outcome")]


async def test_a_sender_that_never_wakes_loses_its_turn(scene: Scene) -> None:
    """On Workers a request may end in the middle of a batch without a word: the next one sends the same lines again."""
    scene.collector.gate = stuck = asyncio.Event()
    dead = asyncio.create_task(scene.refused("dead"))
    await others()
    scene.collector.gate = None
    scene.seconds += collected.TURN_SECONDS
    assert not await scene.refused("next")
    assert scene.collector.entries() == [("dead", "decision"), ("next", "decision")]
    stuck.set()  # and if it wakes all the same it changes nothing
    assert not await dead
    assert scene.trail.head.seq == 2
    assert not await scene.refused("more")
    assert len(scene.collector.lines()) == 3


async def test_a_sender_that_lost_its_turn_can_be_cancelled(scene: Scene) -> None:
    """Its end does not take the turn from who sends now."""
    scene.collector.gate = asyncio.Event()
    dead = asyncio.create_task(scene.refused("dead"))
    await others()
    scene.seconds += collected.TURN_SECONDS
    sending = asyncio.create_task(scene.refused("next"))
    await others()
    assert scene.collector.posts == 2
    dead.cancel()
    await others()
    assert scene.collector.posts == 2
    scene.collector.gate.set()
    assert not await sending


async def test_only_so_many_lines_wait(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A collector that is too slow fills no memory: what is too much is refused, or named in the log (R-22)."""
    monkeypatch.setattr(trail, "MAX_WAITING", 3)
    monkeypatch.setattr(trail, "MAX_OWED", 2)
    tasks = [asyncio.create_task(scene.refused(str(number))) for number in range(4)]
    assert await asyncio.gather(*tasks) == [False, False, False, True]
    scene.collector.fate = AWAY
    assert [await scene.trail.outcome(entry(str(number), "outcome")) for number in range(3)] == [False] * 3
    assert scene.trail.owed == 2
    assert "that of request 2 is lost" in scene.log[-1]
    scene.collector.fate = None
    assert not await scene.refused("new")
    assert "1 lines were lost" in scene.log[-1]


async def test_refusals_take_half_the_places(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever makes refusals at will keeps nobody out whose call is allowed (R-22)."""
    monkeypatch.setattr(trail, "MAX_WAITING", 4)
    tasks = [asyncio.create_task(scene.refused(f"no {number}", allowed=False)) for number in range(3)]
    tasks += [asyncio.create_task(scene.refused(f"yes {number}")) for number in range(3)]
    assert await asyncio.gather(*tasks) == [False, False, True, False, False, True]


async def test_an_audit_that_is_not_required_stops_nobody() -> None:
    """With GATEWAY_AUDIT_REQUIRED=false calls go on, are held up once a second at most, and the loss is counted."""
    scene = Scene(required=False)
    scene.collector.fate = AWAY
    assert not await scene.refused("a")
    posts = scene.collector.posts
    assert not await scene.refused("b")
    assert not await scene.trail.outcome(entry("c", "outcome"))
    assert scene.collector.posts == posts
    scene.seconds += collected.RETRY_SECONDS
    scene.collector.fate = SILENT
    assert not await scene.refused("d", "intent")
    scene.seconds += collected.RETRY_SECONDS
    scene.collector.fate = None
    assert not await scene.refused("e")
    assert [id_ for id_, _ in scene.collector.entries()] == ["c", "d", "e"]
    assert "calls go through unaudited" in scene.log[0]
    assert "2 lines were lost" in scene.log[1]


moves = st.lists(
    st.one_of(
        st.tuples(st.just("call"), st.sampled_from(["decision", "intent", "outcome"])),
        st.tuples(st.sampled_from(["cancel", "tick", "expire"]), st.just("")),
    ),
    max_size=50,
)
fates = st.lists(st.tuples(st.sampled_from([None, None, AWAY, SILENT]), st.booleans()), max_size=15)


@settings(max_examples=150, deadline=None)
@given(moves=moves, fates=fates)
def test_nothing_is_lost_forked_or_reordered(
    moves: list[tuple[str, Phase]], fates: list[tuple[NotTaken | None, bool]]
) -> None:
    """Whatever happens: what was let through is written, each outcome too, no number has two lines (R-18)."""
    asyncio.run(play(moves, fates))


async def play(moves: list[tuple[str, Phase]], fates: list[tuple[NotTaken | None, bool]]) -> None:
    """Let all this happen, then check what the callers were told against what arrived."""
    scene = Scene()
    happening = iter(fates)

    async def post(lines: bytes) -> None:
        fate, scene.collector.arrives = next(happening, (None, True))
        scene.collector.fates = [fate]
        await plain(lines)

    plain, scene.trail._post = scene.trail._post, post
    tasks: list[tuple[Entry, asyncio.Task[object]]] = []
    for number, (move, phase) in enumerate(moves):
        if move == "call":
            call = entry(f"{number:03d}", phase)
            turn = scene.trail.outcome(call) if phase == "outcome" else scene.trail.record(call)
            tasks.append((call, asyncio.ensure_future(turn)))
        elif move == "cancel" and tasks:
            tasks[len(tasks) // 2][1].cancel()
        elif move == "expire":
            scene.seconds += collected.TURN_SECONDS
        await asyncio.sleep(0)
    results = await asyncio.gather(*(task for _, task in tasks), return_exceptions=True)
    while not await scene.trail.settled():
        pass
    check(scene.collector.entries(), [(call, result) for (call, _), result in zip(tasks, results, strict=True)])


def check(written: list[tuple[str, str]], told: list[tuple[Entry, object]]) -> None:
    """Each line once; what was let through and what has happened is there; what was refused does not look done."""
    assert len(written) == len(set(written))
    for call, result in told:
        if call.phase == "outcome" or result is None:
            assert (call.id, call.phase) in written
        if isinstance(result, Unavailable) and (call.id, "intent") in written:
            assert (call.id, "outcome") in written
