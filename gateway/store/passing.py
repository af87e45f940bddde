"""Passing on what a replica owes, when no call of a caller's will do it: before an end, or behind an answer.

Duty: ask a lost store again and again, for a bounded time. Prohibition: no clock, no network, no rule of a loss
(`gateway.store.shared` has those).
Source: docs/decisions/0007-store.md.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from gateway.store.shared import PROBE_SECONDS, Owed, SharedStore


async def pass_on(
    store: SharedStore, seconds: float, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> Owed:
    """Pass on what `store` owes, within `seconds`, and return what it still owes then.

    Asks nothing where nothing is owed. `sleep` takes seconds.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while any(store.owed):
                await store.refresh()
                if any(store.owed):
                    await sleep(PROBE_SECONDS)
    return store.owed
