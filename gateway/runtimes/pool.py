"""The upstream hop of the container: kept connections, the youngest first.

Duty: the `Transport` port on asyncio and httptools, cheap enough for the hot path.
Prohibition: a request is written once. What happens after that is the caller's to judge, from the error's class.
No proxy, certificate or key-log setting is taken from the environment.
"""

import asyncio
import ssl

from gateway.runtimes.lane import Lane, Limits
from gateway.runtimes.tls import verifying
from gateway.upstream import MAX_ANSWER_BYTES, Answer, ConnectTimeout, NotSent, Origin, Request


class Pool:
    """The `Transport` of the hot path.

    It binds to the event loop of its first call to an origin. A call's timeout is kept to within `lane.SWEEP_SECONDS`.
    """

    __slots__ = ("_closed", "_lanes", "_limits", "_tls")

    def __init__(
        self,
        *,
        connect_timeout_seconds: float = 3.0,
        idle_seconds: float = 15.0,
        max_connections: int = 512,
        max_idle: int = 128,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`max_connections` and `max_idle` are for each origin; `tls` is for a private authority or a test.

        Raises:
            ValueError: `tls` does not verify certificates and host names.

        """
        self._limits = Limits(max_connections, max_idle, idle_seconds, connect_timeout_seconds)
        self._tls = verifying(tls)
        self._lanes: dict[Origin, Lane] = {}
        self._closed = False

    @property
    def opened(self) -> int:
        """How many connections were opened so far."""
        return sum(lane.opened for lane in self._lanes.values())

    @property
    def reused(self) -> int:
        """How many requests went out on a connection that was kept."""
        return sum(lane.reused for lane in self._lanes.values())

    async def __call__(
        self, request: Request, *, timeout_seconds: float, max_answer_bytes: int = MAX_ANSWER_BYTES
    ) -> Answer:
        """Send `request` once and return the whole answer; `max_answer_bytes` is of its body.

        Raises:
            NotSent: refused, unresolvable, not trusted, or the pool is closed.
            ConnectTimeout: no connection within the connect timeout, or none free within `timeout_seconds`.
            Broken: the exchange broke after the request was written.
            AnswerTimeout: no whole answer within `timeout_seconds`.
            ValueError: the request cannot be written: a defect of the caller.

        """
        lane = self._lanes.get(request.origin) or self._open_lane(request.origin)
        payload = lane.payload(request)
        if timeout_seconds <= 0:
            raise ConnectTimeout("no_time_left")
        now = lane.loop.time()
        deadline = now + timeout_seconds
        connection = lane.take(now) or await lane.acquire(deadline)
        waiter = connection.exchange(payload, deadline, max_answer_bytes)
        try:
            outcome = await waiter
        except asyncio.CancelledError:
            connection.abandon(waiter)
            raise
        if isinstance(outcome, Answer):
            return outcome
        raise outcome

    def _open_lane(self, origin: Origin) -> Lane:
        if self._closed:
            raise NotSent("closed")
        lane = self._lanes[origin] = Lane(origin, self._limits, self._tls)
        return lane

    async def close(self) -> None:
        """Close all connections and wait until their sockets are closed. Calls under way end as `Broken`."""
        self._closed = True
        for lane in self._lanes.values():
            await lane.close()
