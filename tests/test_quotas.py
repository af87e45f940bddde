"""Cognito's own quotas: paced, fair, and honest about what cannot be had. Time passes only where the tests say so."""

import asyncio
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Unavailable
from gateway.operations import Operation
from gateway.quotas import CATEGORIES, PER_OPERATION, Quotas
from gateway.store import MemoryStore, Rate
from tests.quota_scene import (
    DISABLE,
    ENABLE,
    FOREVER,
    GET,
    OPERATIONS,
    TURNS_PER_SECOND,
    UPDATES,
    Scene,
    Task,
    Watched,
    most_in_a_second,
    nobody_is_left,
    told,
)


def test_every_category_of_the_catalogue_has_its_quota() -> None:
    """No operation whose quota AWS names goes unpaced, and no quota is for nothing."""
    assert {operation.quota for operation in OPERATIONS.values()} - {None} == set(CATEGORIES)
    assert set(PER_OPERATION) <= set(CATEGORIES)


@pytest.mark.parametrize("overrides", [{"UserUpdate": 0}, {"Everything": 5}])
def test_an_override_of_nothing_is_refused(overrides: dict[str, int]) -> None:
    """Whoever misspells a category learns it at start."""
    scene = Scene()
    with pytest.raises(ValueError, match="no quotas"):
        scene.replica(**overrides)


def test_a_lone_call_asks_the_store_once_and_does_not_wait() -> None:
    """The usual call pays one look at the store."""
    scene = Scene()
    task = scene.call(scene.replica(), "ann")
    assert (task.waited, task.looks, scene.store.asked) == (0.0, 1, 1)


def test_an_operation_without_a_quota_passes() -> None:
    """What AWS does not count by these categories is not paced, and does not touch the store."""
    scene = Scene()
    task = scene.call(scene.replica(), "ann", OPERATIONS["AdminSetUserMFAPreference"])
    assert (task.waited, scene.store.asked) == (0.0, 0)


def test_of_500_calls_at_once_those_in_time_are_served_and_the_rest_is_told_at_once() -> None:
    """R-22: a burst gets what Cognito takes in five seconds; the rest hears 429 and when to come back, right away."""
    scene = Scene()
    quotas = scene.replica()
    for _ in range(500):
        scene.call(quotas, "ann")
    at_once = len(scene.refused)
    scene.clock.run()
    assert len(scene.served) == pytest.approx(5 * TURNS_PER_SECOND, abs=5)
    assert len(scene.served) + at_once == 500
    assert all(task.took == 0 and 5 <= told(task) <= 6 for task in scene.refused)
    assert max(task.took for task in scene.served) <= 5.0
    assert most_in_a_second(scene.store.granted["quota\nUserUpdate"]) <= 0.9 * UPDATES
    assert nobody_is_left(quotas)


def test_waiting_leaves_time_for_sending() -> None:
    """R-20: who has three seconds is not served at the end of the third, when nothing can come back any more."""
    scene = Scene()
    quotas = scene.replica()
    for _ in range(200):
        scene.call(quotas, "ann", patience=3.0)
    scene.clock.run()
    assert len(scene.served) > TURNS_PER_SECOND
    assert max(task.took for task in scene.served) <= 2.0


def test_whoever_waits_hardly_disturbs_the_others() -> None:
    """R-22: only the call whose turn it is asks the store, and nobody looks more than a few dozen times in a second."""
    scene = Scene()
    quotas = scene.replica()
    for _ in range(500):
        scene.call(quotas, "ann")
    scene.clock.run()
    assert scene.store.asked <= len(scene.served) + 5
    assert all(task.looks <= 20 * task.took + 10 for task in scene.served)


def test_the_deadline_of_the_call_counts_too() -> None:
    """A call whose time is nearly up is not kept waiting for what comes too late."""
    scene = Scene()
    quotas = scene.replica()
    for _ in range(40):
        scene.call(quotas, "ann")
    hurried, patient = scene.call(quotas, "ann", patience=1.0), scene.call(quotas, "ann", patience=4.0)
    assert (hurried.took, told(hurried)) == (0, 2)
    scene.clock.run()
    assert patient.error is None


def test_a_burst_does_not_starve_another_callers_single_call() -> None:
    """R-22: who comes into the middle of another's burst is served within about one round, not behind all of it."""
    scene = Scene()
    quotas = scene.replica()
    for _ in range(90):
        scene.call(quotas, "ann")
    late: list[Task] = []
    scene.clock.at(1.0, lambda: late.append(scene.call(quotas, "bea")))
    scene.clock.at(1.0, lambda: late.append(scene.call(quotas, "cid")))
    scene.clock.run()
    assert max(task.took for task in late) <= 4 / TURNS_PER_SECOND


def test_callers_who_wait_take_turns() -> None:
    """R-22: two callers with the same number of calls waiting get the same number of turns, whoever came first."""
    scene = Scene()
    quotas = scene.replica()
    for caller in ("ann", "bea"):
        for _ in range(40):
            scene.call(quotas, caller)
    scene.clock.run()
    waited = [task.name for task in scene.served if task.took > 0]
    assert abs(waited[:40].count("ann") - waited[:40].count("bea")) <= 1


def test_who_is_overtaken_by_fair_turns_is_refused_when_its_time_is_up() -> None:
    """A call never waits longer than promised, though others came in between; it hears 429 and when to come back."""
    scene = Scene()
    quotas = scene.replica()
    for _ in range(90):
        scene.call(quotas, "ann")
    for number in range(60):
        scene.clock.at(1.0, lambda number=number: scene.call(quotas, f"other-{number}"))  # type: ignore[misc]  # the loop's
    scene.clock.run()
    overtaken = [task for task in scene.refused if task.took > 0]
    assert overtaken
    assert {task.name for task in overtaken} == {"ann"}
    assert all(task.took <= 5.0 for task in scene.clock.tasks)
    assert all(told(task) >= 1 for task in overtaken)
    assert nobody_is_left(quotas)


def test_whoever_hangs_up_gives_its_place_away() -> None:
    """Calls that were given up cost no turn, and those behind them are served the sooner."""
    scene = Scene()
    quotas = scene.replica()
    tasks = [scene.call(quotas, "ann") for _ in range(60)]
    for task in tasks[20:50]:
        scene.clock.at(0.5, lambda task=task: scene.clock.cancel(task))  # type: ignore[misc]  # the loop's
    scene.clock.run()
    assert sum(isinstance(task.error, asyncio.CancelledError) for task in tasks) == 30
    assert tasks[-1].took <= 31 / TURNS_PER_SECOND
    assert nobody_is_left(quotas)


def test_a_place_that_becomes_free_is_taken_at_once() -> None:
    """When all who stood before one hang up, it does not wait out what they would have taken."""
    scene = Scene()
    quotas = scene.replica()
    *others, last = [scene.call(quotas, "ann") for _ in range(80)]
    for task in others:
        scene.clock.at(0.5, lambda task=task: scene.clock.cancel(task))  # type: ignore[misc]  # the loop's
    scene.clock.run()
    assert last.took <= 0.5 + 0.1 + 1 / TURNS_PER_SECOND


def test_nobody_slips_in_before_those_who_wait() -> None:
    """A turn that is free because somebody hung up belongs to the next in the line, not to who comes just then."""
    scene = Scene()
    quotas = scene.replica()
    *_, first, second = [scene.call(quotas, "ann") for _ in range(5)]
    assert None is first.ended is second.ended
    scene.clock.at(0.1 / TURNS_PER_SECOND, lambda: scene.clock.cancel(first))
    late: list[Task] = []
    scene.clock.at(0.3 / TURNS_PER_SECOND, lambda: late.append(scene.call(quotas, "bea")))
    scene.clock.run()
    assert [task.name for task in scene.served[-2:]] == ["ann", "bea"]


def test_when_cognito_throttles_all_the_same_the_lane_pauses() -> None:
    """R-22: others use the account too. The next calls of that quota wait, or hear 429, instead of hammering."""
    scene = Scene()
    quotas = scene.replica()
    quotas.throttled(DISABLE)
    hurried = scene.call(quotas, "bea", patience=0.1)
    assert told(hurried) == 1
    scene.call(quotas, "ann", ENABLE)
    scene.call(quotas, "ann", GET)
    scene.clock.run()
    assert [task.took for task in scene.clock.tasks] == [0.0, pytest.approx(0.2), 0.0]


def test_a_pause_does_not_count_as_a_slow_store() -> None:
    """After a pause the line is as long as it would have been without it."""
    scene = Scene()
    quotas = scene.replica()
    for _ in range(90):
        scene.clock.at(0.0, lambda: scene.call(quotas, "ann"))
    scene.clock.at(0.2, lambda: quotas.throttled(DISABLE))
    for _ in range(40):
        scene.clock.at(0.5, lambda: scene.call(quotas, "bea"))
    scene.clock.run()
    assert {task.name for task in scene.refused} == {"ann"}


def test_a_pause_has_an_end() -> None:
    """Throttled again and again, the lane breathes, and does not close."""
    scene = Scene()
    quotas = scene.replica()
    quotas.throttled(OPERATIONS["AdminSetUserMFAPreference"])  # has no lane
    for number in range(10):
        scene.clock.at(float(number), lambda: quotas.throttled(DISABLE))
        scene.clock.at(float(number), lambda: scene.call(quotas, "ann"))
    scene.clock.run()
    assert not scene.refused
    assert max(task.took for task in scene.served) == pytest.approx(0.2)


def test_operations_with_a_limit_of_their_own_have_a_lane_each() -> None:
    """Cognito takes five GetGroup and five ListGroups in a second: one does not hold up the other."""
    scene = Scene()
    quotas = scene.replica()
    for _ in range(30):
        for name in ("GetGroup", "ListGroups"):
            scene.call(quotas, "ann", OPERATIONS[name])
    scene.clock.run()
    granted = scene.store.granted
    assert set(granted) == {"quota\nUserPoolResourceRead GetGroup", "quota\nUserPoolResourceRead ListGroups"}
    for moments in granted.values():
        assert len(moments) == pytest.approx(5 * 0.75 * 5, abs=2)
        assert most_in_a_second(moments) <= 5


@pytest.mark.parametrize("per_second", [4, 9])
def test_a_category_cut_below_awss_default_is_one_lane(per_second: int) -> None:
    """Who keeps some of the account's quota for others is understood: all operations of it together stay below."""
    scene = Scene()
    quotas = scene.replica(UserPoolResourceUpdate=per_second)
    for _ in range(9):
        for name in ("CreateGroup", "UpdateGroup", "DeleteGroup"):
            scene.call(quotas, "ann", OPERATIONS[name])
    scene.clock.run()
    (moments,) = scene.store.granted.values()
    assert most_in_a_second(moments) <= min(per_second, 5)


def test_a_raised_quota_is_used() -> None:
    """Who bought more requests per second from AWS gets them."""
    scene = Scene()
    quotas = scene.replica(UserUpdate=250)
    for _ in range(400):
        scene.call(quotas, "ann")
    scene.clock.run()
    assert not scene.refused
    assert 200 < most_in_a_second(scene.store.granted["quota\nUserUpdate"]) <= 225


def test_no_caller_fills_the_memory() -> None:
    """R-22: whatever the quota, the line has an end, and one caller's part of it too: another still finds a place."""
    scene = Scene()
    quotas = scene.replica(UserUpdate=3_000, UserRead=3_000)
    for operation in (DISABLE, GET):
        lane = quotas._lane(operation)
        assert lane is not None
        lane.pause(quotas._monotonic() + 3)
        for _ in range(250):
            scene.call(quotas, "ann", operation)
    assert len(scene.refused) == 100
    for caller in "bcdef":
        for _ in range(100):
            scene.call(quotas, caller)
    assert len(scene.refused) == 200
    assert all(told(task) == 4 for task in scene.refused)
    scene.clock.run()
    assert nobody_is_left(quotas)


def test_a_lost_store_is_told_and_leaves_nobody_behind() -> None:
    """A store that cannot be asked is a 503, not a wait without end."""

    class Lost(Watched):
        async def take(self, key: str, rate: Rate, now: float) -> float:
            if self.clock.now > 1000.0:
                raise Unavailable("store")
            return await super().take(key, rate, now)

    scene = Scene()
    scene.store = Lost(scene.clock)
    quotas = scene.replica()
    for _ in range(20):
        scene.call(quotas, "ann")
    scene.clock.run()
    assert sum(isinstance(task.error, Unavailable) for task in scene.clock.tasks) == 20 - len(scene.served) > 0
    assert nobody_is_left(quotas)


@pytest.mark.parametrize("delays", [(), (0.001, 0.004, 0.002), (0.2, 0.01, 0.4)])
def test_replicas_share_a_quota(delays: tuple[float, ...]) -> None:
    """R-22: two gateways on one store, one at a distance, together never ask Cognito for more than one may."""
    scene = Scene()
    scene.store = Watched(scene.clock, delays=delays)
    replicas = [scene.replica(), scene.replica()]
    for number in range(400):
        scene.clock.at(number / 100, lambda: [scene.call(quotas, "ann") for quotas in replicas])
    scene.clock.run()
    moments = scene.store.granted["quota\nUserUpdate"]
    assert most_in_a_second(moments) <= 0.9 * UPDATES
    assert len(moments) >= (0.9 if max(delays, default=0) < 0.1 else 0.4) * 8 * TURNS_PER_SECOND
    assert all(task.took <= 5.0 + 4 * max(delays, default=0) for task in scene.clock.tasks)
    assert scene.store.asked <= 4 * len(moments) + 50  # nobody hammers the store
    assert all(nobody_is_left(quotas) for quotas in replicas)


def test_a_replica_learns_that_it_gets_only_a_part() -> None:
    """Where others take turns too, calls that would wait in vain are refused at once after the first few."""
    scene = Scene()
    replicas = [scene.replica() for _ in range(4)]
    for number in range(1_000):
        scene.clock.at(number / 50, lambda: [scene.call(quotas, "ann") for quotas in replicas])
    scene.clock.run()
    late = [task for task in scene.refused if task.started > 1010.0]
    assert sum(task.took == 0 for task in late) > 0.9 * len(late)


def test_a_replica_forgets_that_others_took_part() -> None:
    """After a calm a burst is let in as if nobody else took turns: perhaps nobody does any more."""
    scene = Scene()
    replicas = [scene.replica() for _ in range(4)]
    for quotas in replicas:
        for _ in range(50):
            scene.call(quotas, "ann")
    scene.clock.run()
    scene.clock.at(10.0, lambda: [scene.call(replicas[0], "bea") for _ in range(90)])
    scene.clock.run()
    assert {task.name for task in scene.refused} == {"ann"}


@pytest.mark.parametrize("slowest_seconds", [0.0004, 0.01, 0.03, 0.1])
def test_no_replica_starves(slowest_seconds: float) -> None:
    """R-22: of two gateways with equal load each gets a fair part, though one came first; each keeps its own order."""
    scene = Scene()
    network = random.Random(7)  # noqa: S311 - delays are no secrets
    delays = [network.uniform(slowest_seconds / 4, slowest_seconds) for _ in range(1009)]
    scene.store = Watched(scene.clock, delays=delays)
    replicas = {"0": scene.replica(), "1": scene.replica()}
    for name, moment in (("0", 0.0), ("1", 0.31)):
        for _ in range(80):
            scene.clock.at(moment, lambda name=name: scene.call(replicas[name], name))  # type: ignore[misc]  # the loop's
    scene.clock.run()
    for name in replicas:
        mine = [scene.clock.tasks.index(task) for task in scene.served if task.name == name]
        assert len(mine) >= 0.4 * len(scene.served)
        assert all(abs(place - index) <= 6 for index, place in enumerate(map(sorted(mine).index, mine)))


CALLS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.0, 0.0, 0.01, 0.05, 0.3, 2.0]),  # after the one before
        st.sampled_from(["ann", "ann", "ann", "bea", "cid"]),
        st.sampled_from([DISABLE, ENABLE]),
        st.sampled_from([0.5, 5.0, FOREVER]),  # patience
        st.sampled_from([None, None, None, 0.0, 0.1, 1.0]),  # hangs up after
        st.integers(0, 1),  # the replica
    ),
    max_size=120,
)


@given(CALLS, st.sampled_from([1, 2, 5, 8, UPDATES]), st.sampled_from([(), (0.003,), (0.05, 0.001)]))
def test_whatever_comes_the_quota_holds_and_everybody_gets_an_answer(
    calls: list[tuple[float, str, Operation, float, float | None, int]], per_second: int, delays: tuple[float, ...]
) -> None:
    """R-22: over random arrivals at two replicas no second sees more than the quota, and no call is left behind."""
    scene = Scene()
    scene.store = Watched(scene.clock, delays=delays)
    replicas = [scene.replica(UserUpdate=per_second), scene.replica(UserUpdate=per_second)]
    slowest = 4 * max(delays, default=0)
    ends: list[tuple[Task, float]] = []

    def begin(caller: str, operation: Operation, patience: float, hangs_up: float | None, replica: int) -> None:
        task = scene.call(replicas[replica], caller, operation, patience=patience)
        ends.append((task, min(patience, 5.0) + slowest + 1e-6))
        if hangs_up is not None:
            scene.clock.at(hangs_up, lambda: scene.clock.cancel(task))

    moment = 0.0
    for gap, *call in calls:
        moment += gap
        scene.clock.at(moment, lambda call=call: begin(*call))  # type: ignore[misc]  # the loop's
    scene.clock.run()
    assert most_in_a_second(scene.store.granted.get("quota\nUserUpdate", [])) <= per_second
    assert all(task.took <= longest for task, longest in ends)
    assert all(nobody_is_left(quotas) for quotas in replicas)


async def test_it_keeps_up_on_a_real_event_loop() -> None:
    """The same with real sleeps and a quota so high that this takes no time: everybody is served, none overtaken."""
    loop = asyncio.get_running_loop()
    quotas = Quotas(MemoryStore(), overrides={"UserUpdate": 2_000}, monotonic=loop.time, sleep=asyncio.sleep)
    await asyncio.gather(*(quotas.enter(DISABLE, caller, FOREVER) for caller in ("ann", "bea") for _ in range(400)))
    assert nobody_is_left(quotas)
