"""The server's deadlines: one timer an event loop.

Duty: look at every connection once a second, so that no request pays for a timer; keep a time that costs an attribute
to read; say once a minute how much was refused.
Prohibition: knows nothing of a connection but `expire`; a flood of bad requests is one line a minute in the log.
"""

import asyncio
import logging
import typing
from collections import Counter
from http import HTTPStatus
from weakref import WeakKeyDictionary

from uvicorn.server import ServerState

_REPORT_SECONDS = 60.0
_LOGGER = logging.getLogger("uvicorn.error")


class Swept(typing.Protocol):
    """What can run out of time."""

    def expire(self, now: float) -> None:
        """End itself if its time is over; `now` is in seconds of the loop's clock."""
        ...  # pragma: no cover - a port


class Sweep:
    """All connections of one server, and the time of the last look at them."""

    __slots__ = ("_connections", "_loop", "_refused", "_reported", "_seconds", "_timer", "now")

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        """Look every `seconds`; the timer runs only while there is something to look at."""
        self._loop = loop
        self._seconds = seconds
        self._connections: set[Swept] = set()
        self._refused: Counter[int] = Counter()
        self._reported: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.now = loop.time()

    @staticmethod
    def of(server: ServerState, loop: asyncio.AbstractEventLoop, seconds: float) -> "Sweep":
        """The one sweep of this server, made when its first connection asks for it."""
        found = _sweeps.get(server)
        if found is None:
            found = _sweeps[server] = Sweep(loop, seconds)
        return found

    def join(self, connection: Swept) -> None:
        """Look at this one from now on."""
        self._connections.add(connection)
        if self._timer is None:
            self.now = self._loop.time()
            self._timer = self._loop.call_later(self._seconds, self._look)

    def leave(self, connection: Swept) -> None:
        """It has ended."""
        self._connections.discard(connection)

    def count(self, status: HTTPStatus) -> None:
        """One refusal more for the next report."""
        self._refused[status] += 1

    def _look(self) -> None:
        self.now = self._loop.time()
        for connection in tuple(self._connections):
            connection.expire(self.now)
        if self._refused and (self._reported is None or self.now - self._reported >= _REPORT_SECONDS):
            self._report()
        again = self._connections or self._refused
        self._timer = self._loop.call_later(self._seconds, self._look) if again else None

    def _report(self) -> None:
        counts = ", ".join(f"{number} with {status:d}" for status, number in sorted(self._refused.items()))
        _LOGGER.warning("refused before they were requests, since the last such line: %s", counts)
        self._refused.clear()
        self._reported = self.now


_sweeps: WeakKeyDictionary[ServerState, Sweep] = WeakKeyDictionary()
