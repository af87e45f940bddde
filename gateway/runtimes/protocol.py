"""The container's HTTP/1.1: uvicorn's protocol with the deadlines, the order and the manners that it lacks.

Duty: a request reaches the application whole, once, in time and in order, or not at all; what is refused is answered in
its turn, in the shape that its path calls for; memory and time of a connection are bounded in both directions.
Prohibition: no decision about a caller, no line in the log and no timer for a single request.
Source: RFC 9112 section 9; RFC 9110 sections 10.1.1, 15.5.9 and 15.5.14. R-15, R-16, R-22, R-25.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.server import ServerState

from gateway.runtimes import refusals
from gateway.runtimes.cycle import Cycle, say
from gateway.runtimes.framing import BETWEEN, BODY, Framing
from gateway.runtimes.refusals import Refusal, Refused

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, ASGISendEvent, HTTPScope, Scope


class _Exit:
    """What an answer is written to: the transport, but closing it looks after a body that is still arriving."""

    __slots__ = ("close", "is_closing", "write")

    def __init__(self, transport: asyncio.Transport, close: Callable[[], None]) -> None:
        self.write = transport.write
        self.is_closing = transport.is_closing
        self.close = close


class Protocol(Framing):
    """One connection: what begins, waits and ends on it."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        """As uvicorn calls it."""
        super().__init__(config, server_state, app_state, _loop)
        self.running: RequestResponseCycle | None = None  # the request that is being answered; `cycle` is the last one
        self.refusal: Refusal | None = None  # said when the requests before it have been answered
        self.deaf = False  # nothing more is parsed
        self.lingering = False  # all was said; the caller may still take it
        self.draining = False
        self.unsent = 0  # bytes in the transport at the last look
        self.moved = 0.0  # when `unsent` changed

    # -- the transport's side

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in the base
        """Join the sweep; one connection too many is told so and closed."""
        super().connection_made(transport)
        self.exit = _Exit(transport, self.leave)
        self.sweep.join(self)
        self.since = self.moved = self.sweep.now
        if len(self.connections) > self.limits.max_connections:
            self.say(refusals.BUSY)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the request that is being answered, too: the base tells the last one that was parsed."""
        self.sweep.leave(self)
        self.pipeline.clear()
        if self.running is not None:
            self.running.disconnected = True
            self.running.message_event.set()
        self.exit.close = self.transport.close  # no cycle through this object
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse; on the first wrong byte refuse, and hear nothing more of this connection."""
        if self.deaf:
            self._discard(len(data))
            return
        try:
            self.feed(data)
        except Refused as refused:
            self.refuse(refused.refusal)

    def eof_received(self) -> bool | None:  # type: ignore[override] # asyncio takes True for: stay open for writing
        """A caller that has sent all of its requests may close its side and still get its answers."""
        if self.lingering or not self._answering() or (self.phase == BODY and not self.pipeline):
            return None
        if self.phase == BODY:
            self.pipeline.popleft()  # the request that was cut short
        self.deaf = True
        self._last().keep_alive = False
        return True

    def shutdown(self) -> None:
        """What has begun is served, an idle connection closes."""
        self.draining = True
        if self._answering():
            self._last().keep_alive = False
        elif self.phase == BETWEEN or self.lingering:
            self.transport.close()

    # -- the application's side

    def accept(self, *, keep_alive: bool) -> None:
        """Run the application, or queue the request behind those that came before it on this connection."""
        if len(self.pipeline) >= self.limits.max_pipelined:
            raise Refused(refusals.PIPELINE_FULL)
        before = self.cycle
        self.cycle = cycle = Cycle(
            self.scope,
            self.exit,  # type: ignore[arg-type] # as much of a transport as an answer needs
            self.flow,
            self.logger,
            self.access_logger,
            False,
            self.server_state.default_headers,
            asyncio.Event(),
            self.expect_100_continue,
            keep_alive,
            self.on_response_complete,
        )
        app = self.app
        if self.expect_100_continue or (self.length is not None and self.length > self.limits.max_unread_bytes):
            app = self._announcing(cycle, app)
        if before is None or before.response_complete:
            self._start(cycle, app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, app))

    def _start(self, cycle: RequestResponseCycle, app: "ASGI3Application") -> None:
        self.running = cycle
        if self.draining and not self.pipeline:
            cycle.keep_alive = False
        tasks = self.tasks
        task = self.loop.create_task(cycle.run_asgi(app if len(tasks) < self.limits.max_in_flight else _busy))
        task.add_done_callback(tasks.discard)
        tasks.add(task)

    def _announcing(self, cycle: RequestResponseCycle, app: "ASGI3Application") -> "ASGI3Application":
        """`app`, whose answer says so when the connection will close because too much of the body is unread."""

        async def announcing(scope: "Scope", receive: "ASGIReceiveCallable", send: "ASGISendCallable") -> None:
            async def announce(message: "ASGISendEvent") -> None:
                if cycle is self.cycle and self.phase == BODY and self._too_much_unread():
                    cycle.keep_alive = False
                await send(message)

            await app(scope, receive, announce)

        return announcing

    def on_response_complete(self) -> None:
        """The next request in the queue, or the refusal at its end, or waiting for more."""
        self.server_state.total_requests += 1
        if self.lingering or self.transport.is_closing():
            return
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start(cycle, app)
        elif self.refusal is not None:
            self.say(self.refusal)
            return
        elif self.phase == BETWEEN:
            self.since = self.sweep.now
        if not self.pipeline:
            self.flow.resume_reading()

    def leave(self) -> None:
        """Close after the last answer, without a reset that could overtake it."""
        if self.phase == BETWEEN:
            self.transport.close()
        else:
            self.linger()

    # -- refusing

    def refuse(self, refusal: Refusal) -> None:
        """Answer `refusal` in its turn and hear nothing more; a request that is being read is cut off."""
        if self.lingering:
            return
        self.deaf = True
        self.sweep.count(refusal.status)
        asked = self.asked()
        if asked is not None:
            refusal = refusal.of(*asked)
        if self.phase == BODY and self.pipeline:
            self.pipeline.popleft()
            self.refusal = refusal
        elif self.phase == BODY:
            started = self.cycle.response_started
            self.cycle.disconnected = True
            self.cycle.waiting_for_100_continue = False
            self.cycle.message_event.set()
            if started:
                self.linger()
            else:
                self.say(refusal)
        elif self._answering():
            self.refusal = refusal
        else:
            self.say(refusal)

    def say(self, refusal: Refusal) -> None:
        """Write `refusal` now and close."""
        self.transport.write(refusal.answer(self.server_state.default_headers))
        self.linger()

    def linger(self) -> None:
        """Close our side now and the other a moment later.

        Closing on unread bytes would reset the connection, and the caller could lose the answer to the reset.
        """
        self.deaf = self.lingering = True
        self.since = self.sweep.now
        if self.transport.can_write_eof() and not self.transport.is_closing():
            self.transport.write_eof()
        else:
            self.transport.close()  # pragma: no cover - TLS, which ends before it gets here, cannot half-close

    # -- the sweep's side

    def expire(self, now: float) -> None:
        """End what is too slow: a reader, a sender, an idle connection."""
        unsent = self.transport.get_write_buffer_size()
        if unsent != self.unsent:
            self.unsent, self.moved = unsent, now
        if unsent:
            if now - self.moved >= self.limits.stalled_seconds:
                self.transport.abort()
        elif self.lingering:
            if now - self.since >= self.limits.linger_seconds:
                self.transport.abort()
        elif self.phase != BETWEEN or self.cycle is None:
            self._expire_sender(now)
        elif not self._answering() and now - self.since >= self.timeout_keep_alive:
            self.transport.close()

    def _expire_sender(self, now: float) -> None:
        if self.flow.read_paused or (self.phase == BODY and self.cycle.waiting_for_100_continue):
            self.since = now  # it waits for us
        elif now - self.since >= (self.limits.draining_seconds if self.draining else self.limits.request_seconds):
            self.refuse(refusals.TOO_LATE)

    # -- small questions

    def _answering(self) -> bool:
        return self.running is not None and not self.running.response_complete

    def _last(self) -> RequestResponseCycle:
        """The last of the requests that are being answered or wait for it."""
        return self.pipeline[0][0] if self.pipeline else cast("RequestResponseCycle", self.running)

    def _too_much_unread(self) -> bool:
        if self.expect_100_continue and not self.received:
            return True  # nobody knows whether the body will come
        return self.length is not None and self.length - self.received > self.limits.max_unread_bytes

    def _discard(self, size: int) -> None:
        self.unread += size
        if self.unread > self.limits.max_unread_bytes:
            self.flow.pause_reading()


async def _busy(scope: "Scope", _receive: "ASGIReceiveCallable", send: "ASGISendCallable") -> None:
    asked = cast("HTTPScope", scope)
    await say(send, refusals.BUSY.of(asked["method"].encode(), asked["raw_path"]))
