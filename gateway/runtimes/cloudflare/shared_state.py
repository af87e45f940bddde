"""The Durable Object on its platform: what all isolates of one pool share.

Duty: hand messages to `gateway.runtimes.durable_object` with the object's own SQLite and alarm; and, on the other side,
the store over a stub of it.
Prohibition: no rule of the state is here.
Source: https://developers.cloudflare.com/durable-objects/api/sqlite-storage-api/; docs/decisions/0009-workers.md.
"""

import os
import time
from collections.abc import Callable, Sequence
from typing import Any

from pyodide.ffi import JsException  # type: ignore[import-not-found]  # part of the platform
from workers import DurableObject  # type: ignore[import-not-found]  # part of the platform

from gateway.runtimes.cloudflare.isolate_store import IsolateStore
from gateway.runtimes.cloudflare.platform import JsObject, see_through
from gateway.runtimes.durable_object import ObjectState
from gateway.runtimes.durable_remote import DurableRemote
from gateway.settings import Settings
from gateway.store import Store

_MILLISECONDS = 1000


class _Storage:
    """See `gateway.runtimes.durable_object.Storage`."""

    def __init__(self, storage: JsObject) -> None:
        self._storage = storage
        self._sql = storage.sql

    def exec(self, statement: str, *values: str | float) -> Sequence[Sequence[Any]]:
        rows: Sequence[Sequence[Any]] = self._sql.exec(statement, *values).raw().toArray().to_py()
        return rows

    def wake(self, at: float) -> None:
        self._storage.setAlarm(int(at * _MILLISECONDS))


class SharedState(DurableObject):  # type: ignore[misc]  # part of the platform
    """One object a pool, by the pool's id."""

    def __init__(self, ctx: Any, env: Any) -> None:  # noqa: ANN401 - JavaScript
        """The platform makes it when it is asked for, and again after every rest."""
        super().__init__(ctx, env)
        storage = _Storage(getattr(ctx, "_ctx", ctx).storage)
        self._state = ObjectState(storage, now=time.time, new_epoch=lambda: os.urandom(16).hex())

    async def ask(self, message: str) -> str:
        """One event: see `ObjectState.call`."""
        return self._state.call(message)

    async def alarm(self, _info: Any = None) -> None:  # noqa: ANN401 - JavaScript
        """Drop what has ended."""
        self._state.alarm()


def open_store(namespace: JsObject, settings: Settings, log: Callable[[str], None]) -> Store:
    """The store behind a binding, for the pool of `settings`."""

    async def ask(message: str) -> str:
        return str(await namespace.getByName(settings.user_pool_id).ask(message))

    remote = DurableRemote(ask, failures=(JsException,))
    return IsolateStore(remote, now=time.time, monotonic=time.monotonic, log=log, spawn=see_through)
