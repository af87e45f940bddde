"""What a call has to find out before its turn of a quota: the guards' reads. Time is the scene's."""

import random
from collections.abc import Awaitable, Callable

import pytest

from gateway.errors import Unavailable
from tests.quota_scene import TURNS_PER_SECOND, UPDATES, Scene, Task, most_in_a_second, nobody_is_left


@pytest.mark.parametrize("callers", [1, 50, 500])
@pytest.mark.parametrize("slowest_seconds", [0.0, 0.05, 0.3, 0.9])
def test_what_has_to_be_found_out_first_lets_no_calls_go_off_together(slowest_seconds: float, callers: int) -> None:
    """R-22: the guards' reads, fast or slow, come before the turn: Cognito sees the turns' own even pace.

    Only who is served reads, and some two dozen others; and no turn is lost by it.
    """
    scene, network, begun = Scene(), random.Random(7), 0  # noqa: S311 - delays are no secrets
    quotas = scene.replica()

    async def read() -> None:
        nonlocal begun
        begun += 1
        if slowest_seconds:
            await scene.clock.sleep(network.uniform(slowest_seconds / 4, slowest_seconds))

    for number in range(500):
        scene.call(quotas, f"caller-{number % callers}", prepare=read)
    scene.clock.run()
    assert len(scene.served) == pytest.approx(5 * TURNS_PER_SECOND, abs=7 + slowest_seconds * TURNS_PER_SECOND)
    assert most_in_a_second([task.ended or 0 for task in scene.served]) <= 0.9 * UPDATES
    assert len(scene.served) <= begun <= len(scene.served) + 30
    assert max(task.took for task in scene.clock.tasks) <= 5.0 + slowest_seconds
    assert nobody_is_left(quotas)


@pytest.mark.parametrize("seconds", [1.5, 2.5, 4.0])
def test_slow_reads_make_no_quota_smaller(seconds: float) -> None:
    """R-22: below the quota nobody hears 429, however long the guards' reads take; each just takes that long."""
    scene, network = Scene(), random.Random(3)  # noqa: S311 - delays are no secrets
    quotas = scene.replica()

    async def read() -> None:
        await scene.clock.sleep(network.uniform(0.8 * seconds, 1.2 * seconds))

    for number in range(240):
        scene.clock.at(number / 12, lambda: scene.call(quotas, "ann", prepare=read, patience=15.0))
    scene.clock.run()
    assert not scene.refused
    assert max(task.took for task in scene.served) <= 1.2 * seconds + 2.0
    assert nobody_is_left(quotas)


def test_a_caller_whose_reads_take_long_holds_up_nobody() -> None:
    """R-22: another's call goes on, though dozens before it are still finding out."""
    scene = Scene()
    quotas = scene.replica()

    async def read_for_long() -> None:
        await scene.clock.sleep(4.0)

    async def read() -> None:
        pass

    for _ in range(60):
        scene.call(quotas, "ann", prepare=read_for_long)
    late: list[Task] = []
    for number in range(8):
        scene.clock.at(1.5 + number / 2, lambda: late.append(scene.call(quotas, "bea", prepare=read)))
    scene.clock.run()
    assert not any(task.error for task in late)
    assert max(task.took for task in late) <= 1.5


def test_who_has_prepared_overtakes_nobody_in_the_line() -> None:
    """Who needed no place when it came asks the store like all others once there is a line: in its turn, once."""
    scene = Scene()
    quotas = scene.replica(UserUpdate=6)

    def reading(seconds: float) -> Callable[[], Awaitable[None]]:
        async def read() -> None:
            await scene.clock.sleep(seconds)

        return read

    for seconds in (0.6, 0.05, 0.05, 0.05, 0.05):
        scene.call(quotas, f"after {seconds}", prepare=reading(seconds))
    scene.clock.run()
    assert [task.name for task in scene.served][-1] == "after 0.6"
    assert scene.store.asked == len(scene.served) == 5
    assert nobody_is_left(quotas)


def test_who_is_refused_meanwhile_takes_no_turn() -> None:
    """A change that the guards deny costs the others nothing."""
    scene = Scene()
    quotas = scene.replica()

    async def denied() -> None:
        await scene.clock.sleep(0.05)
        raise Unavailable("guards")

    tasks = [scene.call(quotas, "ann", prepare=denied) for _ in range(80)]
    scene.clock.run()
    assert {str(task.error) for task in tasks} == {str(Unavailable("guards"))}
    assert "quota\nUserUpdate" not in scene.store.granted
    assert nobody_is_left(quotas)
    assert scene.call(quotas, "ann").waited == 0.0
