"""What keeps a replica and the shared store in step while nobody calls.

Duty: ask the store about once a second, so that an idle replica learns what others revoked, passes on what it owes, and
notices a store that began anew; and once more before the end, when something is owed.
Prohibition: no rule of a loss (`gateway.store` has those); no call waits for it; of memory nothing is asked.
Source: docs/decisions/0007-store.md.
"""

import asyncio
from collections.abc import Callable

from gateway.errors import place
from gateway.store import SharedStore, pass_on

BEAT_SECONDS = 1.0
LAST_SECONDS = 2.0


async def beat(store: SharedStore, log: Callable[[str], None]) -> None:
    """Ask every `BEAT_SECONDS`, without end. A defect is told, and the next beat comes all the same."""
    while True:
        try:
            await store.refresh()
        except Exception as error:  # noqa: BLE001 - whatever it is, an idle replica must go on hearing
            log(f"defect in the heartbeat: {type(error).__name__} at {place(error)}")
        await asyncio.sleep(BEAT_SECONDS)


async def end(store: SharedStore, log: Callable[[str], None]) -> None:
    """Pass on what is owed, in `LAST_SECONDS` at most; `log` takes a line where that was not possible."""
    try:
        await pass_on(store, LAST_SECONDS)
    finally:  # also when a second signal cuts it short
        left = store.owed
        if left.revocations:
            log(f"{left.revocations} revocations were not passed on: other replicas accept those tokens until they end")
        if left.requests:
            log(f"the ends of {left.requests} requests with a key were not passed on: to repeat one is refused")
