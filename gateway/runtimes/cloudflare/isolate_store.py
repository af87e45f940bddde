"""The store of an isolate, which has no time of its own between requests.

Duty: what a request revoked and could not pass on is tried again behind that request's answer.
Prohibition: no JavaScript here; nothing that waits is kept between requests: each request tries for itself.
Source: docs/decisions/0007-store.md; Cloudflare Workers, "Context (ctx)": `waitUntil` gives 30 seconds.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final

from gateway.store import Remote, Revocation, SharedStore, pass_on

PASS_ON_SECONDS: Final = 20.0
"""Well below what the platform gives: an exchange that is cut by the platform itself would take its news with it."""


class IsolateStore(SharedStore):
    """`SharedStore` for one isolate."""

    def __init__(  # noqa: PLR0913 - everything by name
        self,
        remote: Remote,
        *,
        now: Callable[[], float],
        monotonic: Callable[[], float],
        log: Callable[[str], None],
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """See `SharedStore`. `spawn` sees work through behind the answer; `sleep` takes seconds."""
        super().__init__(remote, now=now, monotonic=monotonic, log=log)
        self._tell = log
        self._spawn = spawn
        self._sleep = sleep

    async def revoke(self, revocations: Sequence[Revocation]) -> None:
        """See `Store.revoke`."""
        await super().revoke(revocations)
        if self.owed.revocations:
            self._spawn(self._pass_on())

    async def _pass_on(self) -> None:
        left = await pass_on(self, PASS_ON_SECONDS, sleep=self._sleep)
        if left.revocations:
            self._tell(f"{left.revocations} revocations are not passed on yet: this isolate's next call tries again")
