"""The connections to one origin.

Duty: which connection a call gets; a bounded number of them, each closed after some idle seconds by one timer, which
also ends the calls whose time is over.
Prohibition: nothing is written here, and no connection that has written is ever replaced by another.
"""

import asyncio
import ssl
from collections import deque
from dataclasses import dataclass

from gateway.runtimes import wire
from gateway.runtimes.connection import Connection
from gateway.upstream import Broken, ConnectTimeout, NotSent, Origin, Request

# How late, at most, the end of a call's time or of an idle connection's is noticed. One timer an origin and not one a
# call: a call's own timer would cost as much as the parsing of its answer.
SWEEP_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Limits:
    """How many connections one origin may have, and for how long."""

    max_connections: int
    max_idle: int
    idle_seconds: float
    connect_timeout_seconds: float


class Lane:
    """The connections to one origin, on one event loop.

    A slot is the right to have one connection: taken before connecting, given back when the connection ends, or handed
    to the call that has waited longest. While calls wait there is therefore neither an idle connection nor a free slot.
    """

    __slots__ = (
        "_closed",
        "_connections",
        "_drained",
        "_idle",
        "_limits",
        "_origin",
        "_post",
        "_slots",
        "_timer",
        "_tls",
        "_waiters",
        "loop",
        "opened",
        "reused",
    )

    def __init__(self, origin: Origin, limits: Limits, tls: ssl.SSLContext) -> None:
        """Bind to the running event loop.

        Raises:
            ValueError: the origin's host cannot stand in a request.

        """
        self.loop = asyncio.get_running_loop()
        self.opened = 0
        self.reused = 0
        self._origin = origin
        self._limits = limits
        self._tls = tls if origin.scheme == "https" else None
        self._post = wire.start(origin, "POST", "/")
        self._slots = limits.max_connections
        self._idle: list[Connection] = []
        self._waiters: deque[asyncio.Future[Connection | None]] = deque()
        self._connections: set[Connection] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._drained = asyncio.Event()
        self._closed = False

    def payload(self, request: Request) -> bytes:
        """Return the request's bytes.

        Raises:
            ValueError: the request cannot be written.

        """
        if request.path == "/" and request.method == "POST":
            return wire.whole(self._post, request)
        return wire.whole(wire.start(self._origin, request.method, request.path), request)

    def take(self, now: float) -> Connection | None:
        """Return the connection that became idle last, or None. `now` is loop time in seconds."""
        idle = self._idle
        while idle:
            connection = idle.pop()
            if connection.ready and now - connection.idle_since < self._limits.idle_seconds:
                self.reused += 1
                return connection
            connection.abort()
        return None

    async def acquire(self, deadline: float) -> Connection:
        """Return a new connection, or one that another call gives back before `deadline` (loop time).

        Raises:
            NotSent: it cannot be made.
            ConnectTimeout: it was not made, or none came back, in time.

        """
        if asyncio.get_running_loop() is not self.loop:
            raise RuntimeError("a pool belongs to the event loop that used it first")
        while not self._slots:
            connection = await self._wait(deadline)
            if connection is None:
                break
            if connection.ready:
                self.reused += 1
                return connection
            connection.abort()
        else:
            self._slots -= 1
        return await self._connect(deadline)

    async def _wait(self, deadline: float) -> Connection | None:
        """Queue for a connection, or for the slot of one that ended: then None."""
        waiter: asyncio.Future[Connection | None] = self.loop.create_future()
        self._waiters.append(waiter)
        taken = False
        try:
            async with asyncio.timeout_at(deadline):
                connection = await waiter
            taken = True
        except TimeoutError as error:
            raise ConnectTimeout("no_free_connection") from error
        finally:
            if not taken:
                self._withdraw(waiter)
        return connection

    def _withdraw(self, waiter: "asyncio.Future[Connection | None]") -> None:
        """Take a call that was cancelled or is out of time from the queue; what it was just handed goes to the next."""
        if not waiter.done() or waiter.cancelled():
            if waiter in self._waiters:
                self._waiters.remove(waiter)
            return
        connection = waiter.result()
        if connection is None:
            self._free_slot()
        elif connection.ready:
            self.free(connection)
        else:
            connection.abort()

    async def _connect(self, deadline: float) -> Connection:
        """Use a slot."""
        until = min(self.loop.time() + self._limits.connect_timeout_seconds, deadline)
        made: Connection | None = None
        try:
            if self._closed:
                raise NotSent("closed")
            async with asyncio.timeout_at(until):
                _, made = await self.loop.create_connection(
                    lambda: Connection(self, self.loop), self._origin.host, self._origin.port, ssl=self._tls
                )
        except TimeoutError as error:
            raise ConnectTimeout("connect_timeout") from error
        except ssl.SSLError as error:
            raise NotSent("tls") from error
        except (OSError, UnicodeError) as error:  # UnicodeError: a host name that IDNA cannot write
            raise NotSent("unreachable") from error
        finally:
            if made is None:
                self._free_slot()
        if self._closed or not made.ready:
            made.abort()
            self._free_slot()
            raise NotSent("closed")
        self.opened += 1
        self._connections.add(made)
        if self._timer is None:
            self._timer = self.loop.call_later(SWEEP_SECONDS, self._sweep)
        return made

    def _free_slot(self) -> None:
        if not self._hand_over(None):
            self._slots += 1

    def _hand_over(self, connection: Connection | None) -> bool:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return True
        return False

    def free(self, connection: Connection) -> None:
        """Take a connection back: for the call that has waited longest, or to keep it a while."""
        if self._waiters and self._hand_over(connection):
            return
        if len(self._idle) < self._limits.max_idle:
            connection.idle_since = self.loop.time()
            self._idle.append(connection)
        else:
            connection.abort()

    def ended(self, connection: Connection) -> None:
        """Forget a connection that is of no more use, and let another take its place."""
        if connection in self._connections:
            if connection in self._idle:
                self._idle.remove(connection)
            self._free_slot()

    def gone(self, connection: Connection) -> None:
        """Note that a connection's socket is closed."""
        self._connections.discard(connection)
        if not self._connections:
            self._drained.set()

    def _sweep(self) -> None:
        now = self.loop.time()
        idle, idle_seconds = self._idle, self._limits.idle_seconds
        while idle and now - idle[0].idle_since >= idle_seconds:  # the oldest stands first: the youngest is taken
            idle.pop(0).abort()
        for connection in tuple(self._connections):
            connection.expire(now)
        self._timer = self.loop.call_later(SWEEP_SECONDS, self._sweep) if self._connections else None

    async def close(self) -> None:
        """Close all connections and wait until they are gone; from now on none is made."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        for connection in tuple(self._connections):
            connection.fail(Broken("closed"))
        if self._connections:
            self._drained.clear()
            await self._drained.wait()
