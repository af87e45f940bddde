"""The container's HTTP server: uvicorn, hardened, with a start and an end that an operator can rely on.

Duty: listen or say in one line why not; serve; on the first signal take no more, finish what has begun and return 0.
Prohibition: knows nothing of the application but that it is ASGI; believes no forwarding header; logs no request.
Source: ASGI 3.0 and its lifespan; R-15, R-16, R-22, R-25.
"""

import asyncio
import contextlib
import errno
import logging
import multiprocessing
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from types import FrameType
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from gateway.runtimes.framing import Limits
from gateway.runtimes.protocol import Protocol
from gateway.runtimes.server_log import log_to_standard_error, reason
from gateway.runtimes.supervisor import FORCE, Supervisor, Worker

KEEP_ALIVE_SECONDS = 75
"""Longer than the 60 s of the usual balancers, so that it is they who close an idle connection."""

WORKER = "GATEWAY_WORKER"
"""Holds the number of this worker, 1 to N, where there are several."""

_BACKLOG = 2048
_SETTLE_SECONDS = 0.05  # for bytes that the kernel already has when the signal comes
_CUT_SECONDS = 1.0  # for a request that was cancelled to leave its audit line
_POLL_SECONDS = 0.02
_LOGGER = logging.getLogger("uvicorn.error")


class CannotListen(Exception):
    """The address cannot be had. The message is for the operator and names the option that changes it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What every worker is told; it crosses to a new process."""

    app: str | ASGIApp
    factory: bool
    graceful_seconds: float
    limits: Limits


def run(  # noqa: PLR0913 - what `gateway serve` may be told
    app: str | ASGIApp,
    *,
    host: str,
    port: int,
    workers: int = 1,
    graceful_seconds: float = 10.0,
    max_in_flight: int = 2048,
    factory: bool = False,
    limits: Limits | None = None,
    ready: Callable[[str], None] | None = None,
) -> int:
    """Serve `app` until SIGTERM or SIGINT; return the exit status: 0 done, 1 could not start or was forced.

    `app` is an ASGI application, or the import path (`package.module:name`) of one or, with `factory`, of what makes
    one. Several `workers` need a path; each finds its number, from 1, in the environment variable GATEWAY_WORKER.
    After a signal, requests that have begun get `graceful_seconds`; a second signal takes these away. `ready` is called
    once, with the address as an URL, when requests are served. `max_in_flight` is a backstop for each worker behind the
    application's own shedding.

    Raises:
        ValueError: several workers were asked for an application that is no import path.

    """
    if workers > 1 and not isinstance(app, str):
        raise ValueError("several workers need the application's import path")
    log_to_standard_error()
    plan = Plan(app, factory, graceful_seconds, replace(limits or Limits(), max_in_flight=max_in_flight))
    try:
        sockets = listen(host, port)
    except CannotListen as error:
        _LOGGER.error("%s", error)  # noqa: TRY400 - a line, no traceback
        return 1
    url = _url(sockets[0])

    def announce() -> None:
        if ready is not None:
            ready(url)

    try:
        if workers == 1:
            return _serve(plan, sockets, announce)
        supervisor = Supervisor(
            _work,
            (plan, sockets),
            workers=workers,
            patience_seconds=graceful_seconds + 2 * _CUT_SECONDS + 2.0,
            ready=announce,
            stopping=partial(_close, sockets),  # or who connects now would wait for nobody
        )
        return supervisor.run()
    finally:
        _close(sockets)


def _close(sockets: Iterable[socket.socket]) -> None:
    for sock in sockets:
        sock.close()


def listen(host: str, port: int, *, option: str = "--port") -> list[socket.socket]:
    """Take `port` (0: any) on every address of `host`, and listen; `option` is what the message names.

    Raises:
        CannotListen: taken, not allowed, or not an address of this machine.

    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise CannotListen(f"{host} is not an address to listen on: choose another with --host") from error
    sockets: list[socket.socket] = []
    failure: OSError | None = None
    for family, _type, _protocol, _name, address in dict.fromkeys(found):
        sock = socket.socket(family, socket.SOCK_STREAM)
        taken = sockets[0].getsockname()[1] if sockets else port
        try:
            _bind(sock, (address[0], taken, *address[2:]))
        except OSError as error:
            sock.close()
            failure = error
            if error.errno not in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
                break
        else:
            sockets.append(sock)
            failure = None
    if failure is not None or not sockets:
        for sock in sockets:
            sock.close()
        raise CannotListen(_why(host, port, option, failure)) from failure
    return sockets


def busy(host: str, port: int) -> bool:
    """Whether another program listens on `port`."""
    try:
        sockets = listen(host, port)
    except CannotListen:
        return True
    for sock in sockets:
        sock.close()
    return False


class Server(uvicorn.Server):
    """uvicorn's server with an end of its own."""

    def __init__(
        self, config: uvicorn.Config, *, graceful_seconds: float, ready: Callable[[], None], supervised: bool = False
    ) -> None:
        """`ready` is called once, when the sockets are served; `supervised`: it is a worker."""
        super().__init__(config)
        self._graceful_seconds = graceful_seconds
        self._ready = ready
        self._supervised = supervised

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Tell that it serves; a worker ends with its parent."""
        if self._supervised:
            self._follow_parent()
        await super().startup(sockets)
        if self.started and not self.should_exit:
            self._ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - a signal handler
        """Drain at the first signal, cut at the second; uvicorn would also raise it again and die of it.

        A worker may get SIGTERM twice, from its parent and from a service manager: there only FORCE cuts.
        """
        if sig == FORCE or (self.should_exit and not self._supervised):
            self.force_exit = True
        self.should_exit = True
        if self.force_exit and not self.started:
            raise SystemExit(1)

    def _follow_parent(self) -> None:
        parent = multiprocessing.parent_process()
        if parent is None:
            return
        loop, sentinel = asyncio.get_running_loop(), parent.sentinel
        signal.signal(FORCE, self.handle_exit)

        def orphaned() -> None:
            loop.remove_reader(sentinel)
            self.should_exit = True

        loop.add_reader(sentinel, orphaned)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, finish what has begun, cut what is too slow, and only then end the lifespan."""
        for listener in self.servers:
            listener.close()
        for sock in sockets or ():
            sock.close()
        await asyncio.sleep(_SETTLE_SECONDS)
        for connection in tuple(self.server_state.connections):
            connection.shutdown()
        state = self.server_state
        await self._wait(lambda: not state.connections and not state.tasks, self._graceful_seconds)
        if state.tasks:
            _LOGGER.warning("cut %d requests that had not finished", len(state.tasks))
            for task in tuple(state.tasks):
                task.cancel()
            await self._wait(lambda: not state.tasks, _CUT_SECONDS, forced=True)
        for connection in tuple(state.connections):
            if connection.transport is not None:
                connection.transport.abort()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CUT_SECONDS if self.force_exit else self._graceful_seconds):
                await self.lifespan.shutdown()

    async def _wait(self, done: Callable[[], bool], seconds: float, *, forced: bool = False) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while not done() and loop.time() < end and (forced or not self.force_exit):  # noqa: ASYNC110 - uvicorn tells nobody
            await asyncio.sleep(_POLL_SECONDS)


def _serve(plan: Plan, sockets: list[socket.socket], ready: Callable[[], None], *, supervised: bool = False) -> int:
    """One process's server, from the application's first line to its last."""
    config = uvicorn.Config(
        plan.app,
        factory=plan.factory,
        interface="asgi3",
        loop="auto",  # uvloop where it is installed
        http=type("Protocol", (Protocol,), {"limits": plan.limits}),
        ws="none",  # with "auto" an Upgrade: websocket waits for ever
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,  # the gateway believes its own list of proxies
        server_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )
    server = Server(config, graceful_seconds=plan.graceful_seconds, ready=ready, supervised=supervised)
    try:
        server.run(sockets)
    except SystemExit:
        return 1  # how uvicorn says that the application did not start
    except Exception as error:
        if server.started:
            raise
        _LOGGER.error("cannot start: %s", reason(error))  # noqa: TRY400 - a line, no traceback
        return 1
    return 1 if server.force_exit else 0


def _work(worker: Worker, plan: Plan, sockets: list[socket.socket]) -> None:
    """The first lines of a worker's process."""
    os.environ[WORKER] = str(worker.number)
    log_to_standard_error()
    sys.exit(_serve(plan, sockets, worker.ready, supervised=True))


def _bind(sock: socket.socket, address: tuple[Any, ...]) -> None:
    if os.name == "posix":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # elsewhere it would share the port
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.bind(address)
    sock.listen(_BACKLOG)  # only a listening socket keeps others away
    sock.setblocking(False)


def _why(host: str, port: int, option: str, failure: OSError | None) -> str:
    number = failure.errno if failure is not None else None
    if number == errno.EADDRINUSE:
        return f"port {port} is taken by another program: choose another with {option}"
    if number in {errno.EACCES, errno.EPERM}:
        return f"port {port} may not be used by this user: choose one above 1023 with {option}"
    return f"{host} is not an address of this machine: choose another with {option.replace('port', 'host')}"


def _url(sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
