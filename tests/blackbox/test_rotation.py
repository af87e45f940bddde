"""The keys are rotated, as an operator does it, while callers go on: nobody notices.

First both pairs are in the value, then the old one is deactivated at AWS, then the new one stands alone.
"""

import contextlib
import os
import pathlib
import signal
import time

import pytest

from tests.blackbox.callers import Pool
from tests.blackbox.conftest import Start
from tests.blackbox.gateways import Gateway, container
from tests.blackbox.rotation import (
    FEW,
    NEW,
    NO_SINGLE_SETTINGS,
    OLD,
    SECRETS,
    ActiveKeys,
    under_load,
    value,
)
from tests.blackbox.signatures import key_id
from tests.blackbox.stub import eventually
from tests.blackbox.wire import Response

pytestmark = pytest.mark.slow
CHANGED = "AWS_CREDENTIALS_FILE has changed"


class Mounted:
    """A secret as Kubernetes mounts it: a link to a file in a folder that is itself a link, which is swapped."""

    def __init__(self, folder: pathlib.Path, text: str) -> None:
        """Mount it."""
        self._folder = folder
        self._count = 0
        self.path = folder / "AWS_CREDENTIALS"
        self.swap(text)
        self.path.symlink_to("..data/AWS_CREDENTIALS")

    def swap(self, text: str) -> None:
        """Bring another value, as the kubelet does."""
        self._count += 1
        version = self._folder / f"..version_{self._count}"
        version.mkdir()
        (version / "AWS_CREDENTIALS").write_text(text, encoding="utf-8")
        link = self._folder / "..data_tmp"
        link.symlink_to(version.name)
        link.replace(self._folder / "..data")

    def move_over(self, text: str) -> None:
        """Bring another value as `mv` does."""
        other = self._folder / "other"
        other.write_text(text, encoding="utf-8")
        other.replace(self.path)


@pytest.fixture
def mounted(tmp_path_factory: pytest.TempPathFactory) -> Mounted:
    """The old pair, outside of the gateway's own folder."""
    return Mounted(tmp_path_factory.mktemp("secrets"), value(OLD))


def heed(gateway: Gateway) -> None:
    """Have both pairs looked for in all that the gateway says."""
    for secret in (*SECRETS, *SECRETS.values()):
        gateway.canaries.add(secret)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_file_is_rotated_under_load_and_no_request_fails(start: Start, mounted: Mounted, workers: int) -> None:
    """R-01, R-20: old, old and new, old deactivated, new: every answer 200, each change done once, no pair mixed."""
    gateway = start(AWS_CREDENTIALS_FILE=str(mounted.path), WEB_CONCURRENCY=str(workers), **NO_SINGLE_SETTINGS)
    eventually(lambda: gateway.errors.count("usable, were 0") == workers, "all workers")
    heed(gateway)
    keys = ActiveKeys(gateway.stub, OLD, NEW)
    token = gateway.token("admin")
    with under_load(lambda operation, body: gateway.call(operation, body, token)) as load:
        mounted.swap(value(OLD, NEW))
        eventually(lambda: gateway.errors.count(CHANGED) == workers, "the value of two pairs")
        load.goes_on()
        assert keys.owners() == {OLD}
        keys.active.remove(OLD)
        load.goes_on()
        assert {key_id(call) for call in keys.refused} == {OLD}
        mounted.move_over(value(NEW))
        eventually(lambda: gateway.errors.count(CHANGED) == 2 * workers, "the value of the new pair")
        before = len(keys.served)
        load.goes_on()
        assert keys.owners(before) == {NEW}
    load.check(keys)
    assert len(keys.refused) <= FEW * workers


def test_a_pair_is_replaced_by_another_in_one_step(start: Start, mounted: Mounted) -> None:
    """R-20: without a `next`: the new value counts for what comes, and for what was refused with the old one."""
    gateway = start(AWS_CREDENTIALS_FILE=str(mounted.path), **NO_SINGLE_SETTINGS)
    heed(gateway)
    keys = ActiveKeys(gateway.stub, OLD, NEW)
    token = gateway.token("admin")
    with under_load(lambda operation, body: gateway.call(operation, body, token)) as load:
        mounted.swap(value(NEW))
        eventually(lambda: CHANGED in gateway.errors, "the new pair")
        keys.active.remove(OLD)
    load.check(keys)
    assert keys.owners() == {OLD, NEW}


def test_a_file_that_is_wrong_or_gone_changes_nothing_and_is_told_once(start: Start, mounted: Mounted) -> None:
    """R-01, R-14: the keys in use go on signing; the operator reads one line of it, with nothing of the file."""
    gateway = start(AWS_CREDENTIALS_FILE=str(mounted.path), **NO_SINGLE_SETTINGS)
    heed(gateway)
    keys = ActiveKeys(gateway.stub, OLD, NEW)
    token = gateway.token("admin")
    with under_load(lambda operation, body: gateway.call(operation, body, token)) as load:
        half = value(NEW, OLD)[:-20]
        mounted.swap(half)
        eventually(lambda: "wanted one JSON object" in gateway.errors, "a line about the half of a value")
        load.goes_on()
        mounted.path.unlink()
        eventually(lambda: "wanted the path of a file" in gateway.errors, "a line about the file that is gone")
        load.goes_on()
        assert keys.owners() == {OLD}
        mounted.move_over(value(NEW))
        eventually(lambda: CHANGED in gateway.errors, "the new pair")
        before = len(keys.served)
        load.goes_on()
        assert keys.owners(before) == {NEW}
    load.check(keys)
    assert gateway.errors.count("the keys in use go on signing") == 2
    assert f"AWS_CREDENTIALS: read (secret, {len(half)} characters)" in gateway.errors


def test_a_variable_is_rotated_by_a_second_container(pool: Pool, tmp_path: pathlib.Path) -> None:
    """R-20, R-25: callers are sent to the new one, the old one drains: none fails, none is done twice."""
    keys = ActiveKeys(pool[0], OLD, NEW)
    folders = [tmp_path / name for name in ("first", "second")]
    for folder in folders:
        folder.mkdir()
    with contextlib.ExitStack() as running:
        first = running.enter_context(
            container(folders[0], *pool, AWS_CREDENTIALS=value(OLD, NEW), **NO_SINGLE_SETTINGS)
        )
        heed(first)
        balanced, token = [first], first.token("admin")

        def call(operation: str, body: bytes) -> Response:
            return balanced[-1].call(operation, body, token)

        with under_load(call) as load:
            second = running.enter_context(
                container(folders[1], *pool, AWS_CREDENTIALS=value(NEW), **NO_SINGLE_SETTINGS)
            )
            heed(second)
            keys.seconds = 1.0
            time.sleep(0.3)  # by now every caller waits for the first one
            balanced.append(second)
            os.kill(first.process.pid, signal.SIGTERM)
            keys.active.remove(OLD)
            keys.seconds = 0.0
            assert first.process.wait(10) == 0
        assert {key_id(call) for call in keys.refused} == {OLD}, "calls that the first one finished"
    load.check(keys)
    assert keys.owners() == {OLD, NEW}
