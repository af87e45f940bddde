"""The container's runtime: finds the settings, makes the transports and the sink, calls assemble.

Duty: everything that the core is handed: clocks, randomness, environment, sockets, files.
Prohibition: no decision about a caller is made here.
"""

import asyncio
import contextlib
import gc
import itertools
import os
import pathlib
import secrets
import sys
import time
from collections.abc import Callable, Mapping

import dotenv
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.assembly import Assembled, Parts, assemble, read_policy
from gateway.keys import fetch_by
from gateway.policy import Policy
from gateway.policy_file import PolicyError
from gateway.runtimes import audit_sinks, bounded_file, credentials_file, heartbeat, rs256_openssl, stores
from gateway.runtimes.audit_pages import AuditPages
from gateway.runtimes.credentials_file import CredentialsFile
from gateway.runtimes.httpx_transport import HttpxTransport
from gateway.runtimes.pool import Pool
from gateway.settings import Problem, Settings, SettingsError, load
from gateway.settings.forms import is_toml
from gateway.store import SharedStore

_COLLECT_AFTER_OBJECTS = 50_000  # some megabytes at most, and more than a thousand calls under way hold

_CANCEL_SECONDS = 1.0

WORKERS = "GATEWAY_WORKERS"
"""How many workers there are, set by `gateway serve` for them."""


_POLICY = "GATEWAY_POLICY"


class AllRefused(SettingsError):
    """The settings are refused, and so is the policy: its text has both."""

    def __init__(self, problems: list[Problem], policy: list[str]) -> None:
        """`problems` are the settings', `policy` has a line for each mistake in the policy."""
        super().__init__(problems)
        self.policy = policy

    def __str__(self) -> str:
        """One problem a line."""
        return "\n".join((super().__str__(), *(f"{_POLICY}: {line}" for line in self.policy)))


def environment(env_file: pathlib.Path | None = None) -> dict[str, str]:
    """The process's environment over the `.env` file in the working folder, if there is one."""
    path = env_file if env_file is not None else pathlib.Path(".env")
    found = (
        {name: value for name, value in dotenv.dotenv_values(path).items() if value is not None}
        if path.is_file()
        else {}
    )
    return {**found, **os.environ}


def read_settings(values: Mapping[str, str]) -> tuple[Settings, Policy]:
    """The settings and the policy of one process.

    Raises:
        SettingsError: with every problem of the settings.
        PolicyError: with every problem of the policy.

    """
    texts: dict[str, str] = {}  # what a pipe says, it says once

    def read(path: str) -> str:
        if path not in texts:
            texts[path] = bounded_file.text(path)
        return texts[path]

    try:
        settings = load(values.get, read, names=values)
    except SettingsError as error:
        mistakes = _policy_alone(values.get(_POLICY), texts)
        raise (AllRefused(error.problems, mistakes) if mistakes else error) from None
    return settings, read_policy(settings.policy_text)


def _policy_alone(source: str | None, texts: Mapping[str, str]) -> list[str]:
    """What is wrong with the policy where the settings are; one that cannot be read is among their problems."""
    text = source if not source or is_toml(source) else texts.get(source)
    try:
        if source is None or text:
            read_policy(text)
    except PolicyError as error:
        return error.problems
    return []


def policy_text(source: str | None) -> str | None:
    """The policy at `source`, a path or TOML itself; None stands for the built-in one.

    Raises:
        OSError: it cannot be read.
        PolicyError: it is not UTF-8 text.

    """
    return source if source is None or is_toml(source) else policy_file_text(source)


def policy_file_text(path: str) -> str:
    """The text of a policy file.

    Raises:
        OSError: it cannot be read.
        PolicyError: it is not UTF-8 text.

    """
    try:
        return pathlib.Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise PolicyError(["is not UTF-8 text"]) from None


def log(line: str) -> None:
    """One line for the operator, on standard error: standard output is the audit's."""
    with contextlib.suppress(OSError):  # a closed standard error must not end a request
        sys.stderr.write(f"gateway: {line}\n")
        sys.stderr.flush()


def new_ids() -> Callable[[], str]:
    """Request ids: 16 random hexadecimal digits of this process and a count, never two alike."""
    prefix, count = secrets.token_hex(8), itertools.count(1)
    return lambda: f"{prefix}{next(count):08x}"


class Container:
    """The ASGI application of one process, with what it opens and closes."""

    def __init__(
        self, settings: Settings, policy: Policy, *, workers: int = 1, watched_credentials: str | None = None
    ) -> None:
        """Open the audit's sink; everything else is opened when the server starts.

        `watched_credentials` is the path of the file that the keys came from, if they are to be read again.

        Raises:
            OSError: the audit, or the store, cannot be used.

        """
        self._settings = settings
        self._policy = policy
        store, self._close_store = stores.opened(settings.store, settings.user_pool_id, log=log)
        self._shared = store if isinstance(store, SharedStore) else None
        self._audit = audit_sinks.open_audit(settings.audit, required=settings.audit_required, workers=workers, log=log)
        self._transport = Pool(connect_timeout_seconds=settings.connect_timeout_seconds)
        self._rare = HttpxTransport(connect_timeout_seconds=settings.connect_timeout_seconds)
        self._assembled: Assembled = assemble(
            settings,
            policy,
            Parts(
                transport=self._transport,
                rare_transport=self._rare,
                fetch=fetch_by(self._rare),
                make_key=rs256_openssl.make_key,
                trail=self._audit.trail,
                store=store,
                now=time.time,
                monotonic=time.monotonic,
                new_id=new_ids(),
                sleep=asyncio.sleep,
                log=log,
                read_audit=None if settings.audit.path is None else AuditPages(settings.audit.path),
            ),
        )
        self._watched = (
            None
            if watched_credentials is None
            else CredentialsFile(watched_credentials, give=self._assembled.credentials.give, log=log)
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry: the lifespan is the container's, everything else the application's."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await self._assembled.app(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        behind: list[asyncio.Task[object]] = [asyncio.create_task(self._assembled.keys.warm(self._settings.issuers[0]))]
        if self._watched is not None:
            behind.append(asyncio.create_task(self._watched.watch()))
        if self._shared is not None:
            behind.append(asyncio.create_task(heartbeat.beat(self._shared, log)))
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for task in behind:
            task.cancel()
        await asyncio.wait(behind, timeout=_CANCEL_SECONDS)
        await self._transport.close()
        await self._rare.close()
        head = await self._audit.end()
        log(f"stopped; the audit's head is {head}")
        if self._shared is not None:  # last: it may take its time, and be cut short
            await heartbeat.end(self._shared, log)
        await self._close_store()
        await send({"type": "lifespan.shutdown.complete"})


def application() -> ASGIApp:
    """What each worker of `gateway serve` runs: settings from the environment, the worker's number from the server."""
    values = environment()
    workers = int(values.pop(WORKERS, "1"))
    settings, policy = read_settings(values)
    container = Container(settings, policy, workers=workers, watched_credentials=values.get(credentials_file.NAME))
    _settle()
    return container


def _settle() -> None:
    """Spare the collector what lives as long as the process, and most of its runs.

    Python looks for cycles whenever some hundreds more objects live than at the last look. A few dozen calls under way
    hold as many, and make no cycles: it would look all the time, and find nothing.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER_OBJECTS, 20, 20)
