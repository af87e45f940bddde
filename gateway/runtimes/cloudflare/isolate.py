"""One gateway for an isolate, assembled by the first request and anew when a variable or a secret has another value.

Duty: everything that the core is handed, from what the platform offers; a gateway that refuses all while its settings
are wrong.
Prohibition: nothing that waits is kept between requests; nothing random and no clock while modules are imported.
Source: docs/decisions/0009-workers.md.
"""

import asyncio
import dataclasses
import itertools
import os
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway import rs256
from gateway.assembly import Assembled, Parts, assemble, read_policy
from gateway.audit import CollectedTrail, Collector, Recorder, Trail
from gateway.audit.line import GENESIS
from gateway.keys import fetch_by
from gateway.policy_file import PolicyError
from gateway.runtimes.cloudflare import environment
from gateway.runtimes.cloudflare.console import ConsoleSink
from gateway.runtimes.refusals import BUSY
from gateway.settings import Settings, SettingsError
from gateway.store import MemoryStore, Store
from gateway.upstream import Transport

_WRONG = dataclasses.replace(BUSY, retry_after_seconds=60)

OpenStore = Callable[[object, Settings, Callable[[str], None]], Store]
"""The store behind a binding, for a pool; what it has to say goes to the last argument."""


@dataclasses.dataclass(frozen=True, slots=True)
class Platform:
    """What the platform offers."""

    transport: Transport
    printing: Callable[[str], object]  # the audit's lines
    log: Callable[[str], None]  # the operator's
    spawn: Callable[[Coroutine[Any, Any, None]], object]
    open_store: OpenStore


@dataclasses.dataclass(frozen=True, slots=True)
class Ready:
    """What one set of values gives: an application, and the gateway in it unless the values are wrong."""

    app: ASGIApp
    settings: Settings | None = None
    assembled: Assembled | None = None


class Isolate:
    """The gateway of this isolate."""

    __slots__ = ("_platform", "_ready", "_seen")

    def __init__(self, platform: Platform) -> None:
        """Nothing is assembled before the first request."""
        self._platform = platform
        self._seen: str | None = None
        self._ready = Ready(_refusing)

    def ready(self, seen: str, values: Callable[[], Mapping[str, object]]) -> Ready:
        """Return the gateway for the environment that `seen` stands for, whose values `values` reads.

        `seen` holds every value: an isolate may go on while the values change under it.
        """
        if seen != self._seen:
            self._ready = _made(values(), self._platform)
            self._seen = seen
        return self._ready


def _made(values: Mapping[str, object], platform: Platform) -> Ready:
    """Assemble, or say every problem once and refuse all calls."""
    problems: list[str] = []
    edge = policy = None
    try:
        edge = environment.read(values, keeps_state=environment.is_namespace)
    except SettingsError as error:
        problems += map(str, error.problems)
    try:
        policy = read_policy(environment.policy_text(values))
    except PolicyError as error:
        problems += (f"GATEWAY_POLICY: {line}" for line in str(error).splitlines())
    if edge is None or policy is None:
        for problem in problems:
            platform.log(problem)
        return Ready(_refusing)
    for warning in edge.warnings:
        platform.log(warning)
    binding = None if edge.store_binding is None else values[edge.store_binding]
    assembled = assemble(edge.settings, policy, _parts(edge.settings, binding, platform))
    return Ready(assembled.app, edge.settings, assembled)


def _parts(settings: Settings, binding: object, platform: Platform) -> Parts:
    chain = os.urandom(8).hex()
    count = itertools.count(1)
    store = MemoryStore() if binding is None else platform.open_store(binding, settings, platform.log)
    return Parts(
        transport=platform.transport,
        rare_transport=platform.transport,
        fetch=fetch_by(platform.transport),
        make_key=rs256.make_key,
        trail=_trail(settings, platform, chain),
        store=store,
        now=time.time,
        monotonic=time.monotonic,
        new_id=lambda: f"{chain}{next(count):08x}",
        sleep=asyncio.sleep,
        log=platform.log,
        share_waits=False,
        spawn=platform.spawn,
    )


def _trail(settings: Settings, platform: Platform, chain: str) -> Recorder:
    collector = settings.audit.collector
    if collector is None:
        return Trail(
            ConsoleSink(platform.printing),
            chain=chain,
            seq=0,
            previous=GENESIS,
            now=time.time,
            required=settings.audit_required,
            log=platform.log,
        )
    return CollectedTrail(
        Collector(collector.origin, collector.resource, collector.token, transport=platform.transport),
        chain=chain,
        now=time.time,
        monotonic=time.monotonic,
        required=settings.audit_required,
        log=platform.log,
    )


async def _refusing(_scope: Scope, _receive: Receive, send: Send) -> None:
    """What answers while the settings are wrong."""
    body = _WRONG.body()
    await send({"type": "http.response.start", "status": int(_WRONG.status), "headers": _WRONG.headers(len(body))})
    await send({"type": "http.response.body", "body": body})
