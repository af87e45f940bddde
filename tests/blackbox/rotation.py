"""A Cognito that knows whose keys are active, and callers who never pause: what a rotation is tried with."""

import asyncio
import contextlib
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from tests.blackbox.misbehaviour import refusing
from tests.blackbox.signatures import key_id, signed_with
from tests.blackbox.stub import Behaviour, Received, Stub, eventually, everybody, well
from tests.blackbox.wire import Response

READ, CHANGE = "AdminGetUser", "AdminDisableUser"
OLD, NEW = "AKIACANARYROTATION01", "AKIACANARYROTATION02"
SECRETS = {OLD: "canary+secret+of+the+old+pair/0000000001", NEW: "canary+secret+of+the+new+pair/0000000002"}
NO_SINGLE_SETTINGS: dict[str, Any] = dict.fromkeys(
    ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"), ""
)
CALLERS = 4
FEW = 2 * CALLERS  # what may be under way, guards' reads included, when a pair dies
_ENOUGH = 40
_PAUSE_SECONDS = 0.005


def value(current: str, following: str | None = None) -> str:
    """AWS_CREDENTIALS of one pair, or of two."""
    pairs = {"current": current} | ({} if following is None else {"next": following})
    return json.dumps({
        name: {"access_key_id": key, "secret_access_key": SECRETS[key]} for name, key in pairs.items()
    })  # fmt: skip


class ActiveKeys:
    """What IAM knows: nobody is served who does not sign with the whole of an active pair."""

    def __init__(self, stub: Stub, *active: str) -> None:
        """Stand before all that `stub` answers, the guards' reads too."""
        self.active = set(active)
        self.seconds = 0.0  # that each answer takes
        self.refused: list[Received] = []  # an id that is not active
        self.forged: list[Received] = []  # an active id, and not its secret
        self.served: list[Received] = []  # what was really done
        stub.behaviour = self._before(well)
        stub.people = self._before(everybody)

    def _before(self, behaviour: Behaviour) -> Behaviour:
        async def behave(request: Received, writer: asyncio.StreamWriter) -> None:
            owner = key_id(request)
            await asyncio.sleep(self.seconds)
            if owner not in self.active:
                self.refused.append(request)
                await refusing("UnrecognizedClientException", "The security token is invalid.")(request, writer)
            elif not signed_with(request, SECRETS[owner]):
                self.forged.append(request)
                await refusing("InvalidSignatureException", "It does not match.")(request, writer)
            else:
                self.served.append(request)
                await behaviour(request, writer)

        return behave

    def owners(self, since: int = 0) -> set[str]:
        """Whose keys were served, but for the first so many calls."""
        return {key_id(call) for call in self.served[since:]}


class Load:
    """What callers asked for and got. Each change is of a user of its own."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.answers: list[tuple[str, str, int | str | None]] = []  # operation, user, status or what went wrong

    @property
    def failed(self) -> list[tuple[str, str, int | str | None]]:
        """Every call that was not answered with 200."""
        return [answer for answer in self.answers if answer[2] != 200]

    def goes_on(self) -> None:
        """Wait for some more answers.

        Raises:
            AssertionError: they do not come.

        """
        enough = len(self.answers) + _ENOUGH
        eventually(lambda: len(self.answers) >= enough, "more answers")

    def check(self, keys: ActiveKeys) -> None:
        """What must hold of a rotation: none failed, each change was done once, no pair was mixed.

        Raises:
            AssertionError: it does not.

        """
        assert self.failed == []
        assert keys.forged == []
        changed = Counter(str(call.json["Username"]) for call in keys.served if call.operation == CHANGE)
        assert changed == Counter(user for operation, user, _ in self.answers if operation == CHANGE)
        assert set(changed.values()) == {1}


@contextlib.contextmanager
def under_load(call: Callable[[str, bytes], Response]) -> Iterator[Load]:
    """Four callers who read and change in turn, for as long as the block lasts; their last answers are waited for."""
    load, over = Load(), threading.Event()

    def ask(caller: int) -> None:
        number = 0
        while not over.is_set():
            number += 1
            operation, user = (READ, CHANGE)[number % 2], f"user-{caller}-{number}"
            status: int | str | None
            try:
                status = call(operation, json.dumps({"Username": user}).encode()).status
            except OSError as error:
                status = str(error)
            load.answers.append((operation, user, status))
            time.sleep(_PAUSE_SECONDS)

    callers = [threading.Thread(target=ask, args=(number,)) for number in range(CALLERS)]
    for caller in callers:
        caller.start()
    try:
        load.goes_on()
        yield load
        load.goes_on()
    finally:
        over.set()
        for caller in callers:
            caller.join()
