"""The store that replicas share, in Redis or Valkey, 6.2 or later.

Duty: the `Remote` port over the `redis` package's connections: one script an exchange, bounded connections, tight
timeouts, one attempt, every failure told as `StoreLost` with the kind of it in a word.
Prohibition: no decision about what a loss means (`gateway.store.shared` has those); no password, address or text of
Redis in an error or a log; no caller's text in the name of a key.
Source: https://redis.io/docs/latest/develop/reference/protocol-spec/ (RESP2); docs/decisions/0007-store.md.
"""

import asyncio
import functools
import hashlib
import itertools
import re
import secrets
import ssl
from collections.abc import Callable, Sequence
from typing import Any, Final, get_args

import certifi
from redis.asyncio import Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.connection import parse_url
from redis.exceptions import ConnectionError as NotConnected
from redis.exceptions import NoScriptError, RedisError, ResponseError

from gateway.runtimes import redis_scripts
from gateway.store import Kept, Rate, Revocation, StoreLost, Taken
from gateway.store.port import RETENTION_SECONDS
from gateway.store.revocations import LIFETIME_SECONDS, Kind

MAX_CONNECTIONS: Final = 32
CONNECT_SECONDS: Final = 0.5
COMMAND_SECONDS: Final = 0.5
WHOLE_SECONDS: Final = 1.0
PAGE: Final = 1_000  # revocations that are read in one exchange

_MICRO: Final = 1_000_000
_KINDS: Final[dict[str, Kind]] = {kind: kind for kind in get_args(Kind)}
_CODE: Final = re.compile(
    r"^([A-Z]{3,20}) |-([A-Z]{3,20})\b"
)  # before Redis 7 a script's error holds the command's own

_PHRASES: Final = {  # what Redis says without a code
    "unauthenticated": "NOAUTH",
    "can't run this command": "NOPERM",
    "ACL failure": "NOPERM",
}
_ELSEWHERE: Final = frozenset(
    {"READONLY", "LOADING", "MASTERDOWN", "CLUSTERDOWN"}
    | {"ReadOnlyError", "BusyLoadingError", "MasterDownError", "ClusterDownError"}
)
"""What a server says that is not the one to talk to any more, or not yet: the name may lead elsewhere by now."""
_NUMBER: Final = re.compile(rb"[0-9]{1,20}\.[0-9]+(?:e\+[0-9]{1,2})?")  # as `repr` writes moments
_WHOLE: Final = re.compile(rb"[0-9]{1,16}")
_LARGEST: Final = 2**53  # microseconds
_UNREADABLE: Final = "unreadable"

_Line = Connection | SSLConnection | UnixDomainSocketConnection


class RedisRemote:
    """`Remote` in Redis.

    All keys begin with one hash tag, `{gateway:POOL_ID}`: one slot of a cluster, one pattern in an ACL.
    """

    def __init__(self, url: str, pool_id: str) -> None:
        """Nothing is opened yet. `url`: `redis://`, `rediss://` or `unix://`, as GATEWAY_STORE takes them.

        Raises:
            OSError: the file of authorities that `url` names cannot be read.

        """
        self._make = _maker(url)
        self._prefix = f"{{gateway:{pool_id}}}:"
        self._idle: list[_Line] = []
        self._turns = asyncio.Semaphore(MAX_CONNECTIONS)
        self._life, self._lives = secrets.token_hex(8), itertools.count()
        self._closed = False

    def __repr__(self) -> str:
        """No address: it may hold a password."""
        return f"RedisRemote({self._prefix!r})"

    async def exchange(
        self, key: str | None, rate: Rate, *, epoch: str, position: str, revocations: Sequence[Revocation]
    ) -> Taken:
        """See `Remote.exchange`."""
        keys = [self._prefix + "revocations"]
        if key is not None:
            keys.append(f"{self._prefix}rate:{hashlib.sha256(key.encode()).hexdigest()}")
        cost = rate.seconds / rate.turns * _MICRO
        new_epoch = f"{self._life}-{next(self._lives)}"
        words = (epoch, position or "0", new_epoch, PAGE, int(LIFETIME_SECONDS * _MICRO), cost, rate.seconds * _MICRO)
        found = await self._run(redis_scripts.EXCHANGE, keys, *words, *map(_member, revocations))
        match found:
            case [int(wait), bytes(epoch_now), bytes(position_now), int(more), *members] if (
                0 <= wait <= _LARGEST and _WHOLE.fullmatch(position_now)
            ):
                known = tuple(known for member in members if (known := _revocation(member)) is not None)
                return Taken(
                    wait / _MICRO,
                    epoch_now.decode(errors="replace"),
                    position_now.decode(),
                    known,
                    more=more == 1,
                )
        raise StoreLost(_UNREADABLE)

    async def begin(self, key: str, mine: Kept) -> Kept | None:
        """See `Remote.begin`."""
        match await self._run(redis_scripts.BEGIN, [self._kept(key)], *_words(mine)):
            case None:
                return None
            case [bytes(owner), bytes(tags), bytes(lease), None | bytes() as reply] if _NUMBER.fullmatch(lease):
                return Kept(
                    owner.decode(errors="replace"), tuple(tags.decode(errors="replace").split(",")), float(lease), reply
                )
        raise StoreLost(_UNREADABLE)

    async def finish(self, key: str, done: Kept) -> None:
        """See `Remote.finish`."""
        await self._run(redis_scripts.FINISH, [self._kept(key)], *_words(done), done.reply or b"")

    async def forget(self, key: str, owner: str) -> None:
        """See `Remote.forget`."""
        await self._run(redis_scripts.FORGET, [self._kept(key)], owner)

    async def hold(self, name: str, owner: str, seconds: float) -> bool:
        """See `Remote.hold`."""
        milliseconds = max(int(seconds * 1000), 1)
        return await self._run(redis_scripts.HOLD, [self._lock(name)], owner, milliseconds) == 1

    async def release(self, name: str, owner: str) -> None:
        """See `Remote.release`."""
        await self._run(redis_scripts.RELEASE, [self._lock(name)], owner)

    async def close(self) -> None:
        """See `Remote.close`: what is under way ends by itself."""
        self._closed = True
        await self._drop_idle()

    def _kept(self, key: str) -> str:
        return f"{self._prefix}kept:{key}"

    def _lock(self, name: str) -> str:
        return f"{self._prefix}lock:{name}"

    async def _run(self, script: str, keys: Sequence[str], *arguments: str | bytes | float) -> object:
        """Run a script, within `WHOLE_SECONDS` from asking to answer. Raises `StoreLost`."""
        try:
            async with asyncio.timeout(WHOLE_SECONDS), self._turns:
                try:
                    return await self._ask("EVALSHA", _sha(script), len(keys), *keys, *arguments)
                except NoScriptError:  # a Redis that has just started
                    return await self._ask("EVAL", script, len(keys), *keys, *arguments)
        except Exception as error:  # noqa: BLE001 - what the package raises over a garbled answer can be anything
            kind = _kind(error)
        raise StoreLost(kind)  # outside of the except clause: what was caught may hold an address

    async def _ask(self, *words: str | bytes | float) -> object:
        while self._idle:
            line = self._idle.pop()
            try:
                return await self._exchange(line, words)
            except ResponseError:
                raise
            except (NotConnected, OSError) as error:
                # Redis, or something between, may have closed what was idle: not a loss yet. To ask twice is harmless.
                await self._drop_idle()
                if isinstance(error, TimeoutError):
                    raise
        return await self._exchange(self._make(), words)

    async def _exchange(self, line: _Line, words: Sequence[str | bytes | float]) -> object:
        """One command on a line, which is idle again afterwards, or closed if its answer has not come."""
        whole = False
        try:
            if not line.is_connected:
                async with asyncio.timeout(CONNECT_SECONDS):
                    await line.connect()  # type: ignore[no-untyped-call]  # the package has no types for it
            async with asyncio.timeout(COMMAND_SECONDS):
                await line.send_command(*words)
                answer: object = await line.read_response()
            whole = True
        except ResponseError as error:
            whole = _kind(error) not in _ELSEWHERE
            if not whole:
                await self._drop_idle()
            raise
        finally:
            if whole and not self._closed:
                self._idle.append(line)
            else:
                await line.disconnect(nowait=True)
        return answer

    async def _drop_idle(self) -> None:
        while self._idle:
            await self._idle.pop().disconnect(nowait=True)


def _maker(url: str) -> Callable[[], _Line]:
    """What makes connections to `url`: RESP2, one attempt, timeouts of ours, certificates verified."""
    options: dict[str, Any] = dict(parse_url(url))
    made: type[_Line] = options.pop("connection_class", Connection)
    authorities = options.pop("ssl_ca_certs", None)
    options |= {"protocol": 2, "socket_timeout": None, "socket_connect_timeout": CONNECT_SECONDS}
    if made is not SSLConnection:
        return lambda: made(**options)
    context = _verifying(authorities)

    def make() -> _Line:
        line = SSLConnection(**options)
        line.ssl_context.context = context  # the package's own would ask the environment whom to trust
        return line

    return make


def _verifying(authorities: str | None) -> ssl.SSLContext:
    """A client's context that verifies certificate and host name, against the public roots or a file of authorities."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cafile=authorities or certifi.where())
    return context


@functools.cache
def _sha(script: str) -> str:
    """The name that Redis gives a script."""
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()


def _words(kept: Kept) -> tuple[str | int, ...]:
    return kept.owner, ",".join(kept.tags), repr(float(kept.lease_ends)), int(RETENTION_SECONDS * 1000)


def _member(revocation: Revocation) -> str:
    return f"{revocation.kind}\n{float(revocation.moment)!r}\n{revocation.name}"


def _revocation(member: object) -> Revocation | None:
    """The revocation of a member, or None for a kind that only a later version knows."""
    match member.split(b"\n", 2) if isinstance(member, bytes) else ():
        case [kind, moment, name] if _NUMBER.fullmatch(moment):
            known = _KINDS.get(kind.decode(errors="replace"))
            return None if known is None else Revocation(known, name.decode(errors="replace"), float(moment))
    raise StoreLost(_UNREADABLE)


def _kind(error: Exception) -> str:
    """What went wrong, in a word: Redis's own code, or the type of the failure."""
    if not isinstance(error, (RedisError, OSError)):  # a timeout is an OSError too
        return _UNREADABLE
    if isinstance(error, ResponseError):
        text = str(error)
        named = next((kind for phrase, kind in _PHRASES.items() if phrase in text), None)
        code = _CODE.search(text)
        return named or ((code[1] or code[2]) if code else type(error).__name__)
    cause = error.__cause__ or error.__context__
    return type(cause if isinstance(cause, OSError) else error).__name__
