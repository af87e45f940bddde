"""Several workers on one address: started, counted, replaced, and ended together.

Duty: each place from 1 to N has one live worker; one that dies is replaced in its place, quickly the first time and
slower while it goes on dying; one signal to the parent drains all.
Prohibition: serves nothing and reads no setting; never outlives its workers, and they never outlive it for long.
"""

import logging
import multiprocessing
import multiprocessing.resource_tracker
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import FrameType
from typing import Any

FORCE = getattr(signal, "SIGQUIT", signal.SIGTERM)
"""What a worker takes for "now". Not a second SIGTERM: service managers send that one to parent and workers at once."""

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_LIVED_SECONDS = 10.0  # a worker that died later than this was well
_FIRST_DELAY_SECONDS = 0.25
_LAST_DELAY_SECONDS = 30.0
_LOGGER = logging.getLogger("uvicorn.error")


@dataclass(frozen=True, slots=True)
class Worker:
    """What a new process knows of itself: its place, and how to say that it serves."""

    number: int
    channel: Connection

    def ready(self) -> None:
        """Tell the parent."""
        self.channel.send_bytes(b"ready")


@dataclass(slots=True)
class _Place:
    number: int
    due: float | None = None  # when its next worker starts; None: it has one, or must wait for the first place's
    process: SpawnProcess | None = None
    channel: Connection | None = None  # until it has said that it serves
    started: float = 0.0
    deaths: int = 0  # in a row


class Supervisor:
    """The parent of the workers. `run` is called once, in the main thread."""

    def __init__(  # noqa: PLR0913 - everything by name
        self,
        target: Callable[..., None],
        arguments: tuple[Any, ...],
        *,
        workers: int,
        patience_seconds: float,
        ready: Callable[[], None],
        stopping: Callable[[], None],
    ) -> None:
        """Each worker runs `target(worker, *arguments)`, which must be importable by name, in a new process.

        A worker that has not ended `patience_seconds` after its signal is killed. `ready` is called once, when every
        place has served, `stopping` once, when the workers have been told to end.
        """
        self._target = target
        self._arguments = arguments
        self._patience_seconds = patience_seconds
        self._ready: Callable[[], None] | None = ready
        self._on_stopping = stopping
        self._places = [_Place(number) for number in range(1, workers + 1)]
        self._signals = 0
        self._proven = False  # one worker has served: the application can start
        self._stopping: float | None = None  # since when
        self._forced = False
        self._status = 0

    def run(self) -> int:
        """Keep the workers until a signal; return the exit status: 0, or 1 when the first could not start."""
        with self._bell() as bell:
            try:
                self._places[0].due = time.monotonic()  # alone, so that what is wrong is said once
                while self._stopping is None or any(place.process for place in self._places):
                    self._start_due()
                    self._sleep(bell)
                    self._hear()
                    self._bury()
                    self._heed()
            finally:
                for place in self._places:
                    if place.process is not None:
                        place.process.kill()
        return self._status

    @contextmanager
    def _bell(self) -> Iterator[socket.socket]:
        """A socket that becomes readable at each signal, so that nothing has to look every moment."""
        inner, outer = socket.socketpair()
        inner.setblocking(False)
        outer.setblocking(False)
        before = {number: signal.signal(number, self._note) for number in _SIGNALS}
        previous = signal.set_wakeup_fd(outer.fileno(), warn_on_full_buffer=False)
        try:
            yield inner
        finally:
            signal.set_wakeup_fd(previous)
            for number, handler in before.items():
                signal.signal(number, handler)
            inner.close()
            outer.close()

    def _note(self, _signal: int, _frame: FrameType | None) -> None:
        self._signals += 1

    def _start_due(self) -> None:
        now = time.monotonic()
        for place in self._places:
            if place.due is None or place.due > now or self._stopping is not None:
                continue
            channel, theirs = multiprocessing.Pipe(duplex=False)
            process = multiprocessing.get_context("spawn").Process(
                target=self._target,
                args=(Worker(place.number, theirs), *self._arguments),
                name=f"worker-{place.number}",
                daemon=True,
            )
            with _terminal_held_off():
                process.start()
            theirs.close()
            place.process, place.channel, place.started, place.due = process, channel, now, None

    def _sleep(self, bell: socket.socket) -> None:
        """Until a signal, a worker's word or death, or the next thing that is due."""
        times = [place.due for place in self._places if place.due is not None and self._stopping is None]
        if self._stopping is not None:
            times.append(self._stopping + self._patience_seconds)
        events: list[Any] = [bell]
        events += [place.process.sentinel for place in self._places if place.process is not None]
        events += [place.channel for place in self._places if place.channel is not None]
        timeout = max(0.0, min(times) - time.monotonic()) if times else None
        if bell in wait(events, timeout):
            bell.recv(4096)

    def _hear(self) -> None:
        for place in self._places:
            if place.channel is None or not place.channel.poll():
                continue
            try:
                place.channel.recv_bytes()
            except EOFError:
                pass  # it died; see _bury
            else:
                if not self._proven:
                    self._proven = True
                    for other in self._places[1:]:
                        other.due = time.monotonic()
                if self._ready is not None and all(p.process and not p.channel for p in self._places if p is not place):
                    self._ready()
                    self._ready = None
            place.channel.close()
            place.channel = None

    def _bury(self) -> None:
        for place in self._places:
            if place.process is None or place.process.exitcode is None:
                continue
            status, pid = place.process.exitcode, place.process.pid
            place.process.close()
            place.process = None
            if self._stopping is not None:
                self._status = self._status or int(status not in {0, -signal.SIGTERM})
            elif not self._proven:
                self._status = 1
                self._stopping = time.monotonic()
            else:
                self._replace(place, f"worker {place.number} (process {pid}) ended with status {status}")

    def _replace(self, place: _Place, what: str) -> None:
        now = time.monotonic()
        place.deaths = 1 if now - place.started > _LIVED_SECONDS else place.deaths + 1
        delay = min(_LAST_DELAY_SECONDS, _FIRST_DELAY_SECONDS * 2 ** (place.deaths - 1))
        place.due = now + delay
        _LOGGER.warning("%s: starting another in %.2f s", what, delay)

    def _heed(self) -> None:
        """Do what the signals, and the clock, ask for."""
        if self._signals and self._stopping is None:
            self._stopping = time.monotonic()
            self._send(signal.SIGTERM)
            self._on_stopping()
        if self._signals > 1 and not self._forced:
            self._forced = True
            self._send(FORCE)
        if self._stopping is not None and time.monotonic() - self._stopping >= self._patience_seconds:
            _LOGGER.warning("killed workers that had not ended %.0f s after the signal", self._patience_seconds)
            self._send(signal.SIGKILL)
            self._stopping = time.monotonic()

    def _send(self, number: int) -> None:
        for place in self._places:
            if place.process is not None and place.process.exitcode is None and place.process.pid is not None:
                os.kill(place.process.pid, number)


@contextmanager
def _terminal_held_off() -> Iterator[None]:
    """A process that starts in here never sees the terminal's Ctrl-C, which goes to the whole group: we tell it."""
    multiprocessing.resource_tracker.ensure_running()  # it would lift the mask
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
