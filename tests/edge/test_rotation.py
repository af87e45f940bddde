"""The keys of a Worker are rotated while callers go on: each value is a version of its own, as on Cloudflare."""

import contextlib
import pathlib

from tests.blackbox.gateways import Gateway, cognito
from tests.blackbox.rotation import FEW, NEW, NO_SINGLE_SETTINGS, OLD, SECRETS, ActiveKeys, under_load, value
from tests.blackbox.signatures import key_id
from tests.edge.gateway import edge


def test_keys_are_rotated_under_load_and_no_request_fails(staged: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """R-01, R-20: old, old and new, old deactivated, new: every answer 200, each change done once, no pair mixed."""
    with cognito() as (stub, mint), contextlib.ExitStack() as running:
        keys = ActiveKeys(stub, OLD, NEW)

        def deployed(name: str, text: str) -> Gateway:
            (tmp_path / name).mkdir()
            settings = {"AWS_CREDENTIALS": text, **NO_SINGLE_SETTINGS}
            found = running.enter_context(edge(staged, tmp_path / name, stub, mint, **settings))
            for secret in (*SECRETS, *SECRETS.values()):
                found.canaries.add(secret)
            return found

        before, both, after = (
            deployed(name, text)
            for name, text in (("before", value(OLD)), ("both", value(OLD, NEW)), ("after", value(NEW)))
        )
        token, live = before.token("admin"), [before]
        with under_load(lambda operation, body: live[-1].call(operation, body, token)) as load:
            live.append(both)
            load.goes_on()
            assert keys.owners() == {OLD}
            keys.active.remove(OLD)
            load.goes_on()
            assert {key_id(call) for call in keys.refused} == {OLD}
            live.append(after)
            load.goes_on()
            served = len(keys.served)
            load.goes_on()
            assert keys.owners(served) == {NEW}
        load.check(keys)
        assert len(keys.refused) <= FEW
        assert "changing to the other pair" in both.errors
