"""The store that isolates share, in a Durable Object.

Duty: the `Remote` port over one function, which takes a message to the object and brings its answer: one call an
exchange, every failure told as `StoreLost` with the kind of it in a word.
Prohibition: no import of a runtime; nothing is remembered and nothing that waits is shared between requests; no
decision about what a loss means (`gateway.store.shared` has those); no caller's text in a key.
Source: docs/decisions/0007-store.md; https://developers.cloudflare.com/durable-objects/best-practices/error-handling/.
"""

import asyncio
import base64
import binascii
import contextlib
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, get_args

from gateway.errors import Unavailable
from gateway.runtimes.durable_messages import FULL, UNREADABLE, Unreadable, decoded, encoded
from gateway.store import Kept, Rate, Revocation, StoreLost, Taken
from gateway.store.revocations import Kind

WHOLE_SECONDS: Final = 3.0
"""How long an exchange may take. More than a Redis gets: an object that was put to sleep has to start first."""

_KINDS: Final[dict[str, Kind]] = {kind: kind for kind in get_args(Kind)}


class DurableRemote:
    """`Remote` in the Durable Object of one pool."""

    def __init__(
        self,
        call: Callable[[str], Awaitable[str]],
        *,
        limit: Callable[[float], contextlib.AbstractAsyncContextManager[object]] = asyncio.timeout,
        failures: tuple[type[Exception], ...] = (),
        whole_seconds: float = WHOLE_SECONDS,
    ) -> None:
        """`call` asks the object, over a stub of its own each time: one that has failed stays broken.

        `limit` ends with a `TimeoutError` what takes longer than so many seconds. `failures` are what `call` raises
        besides `OSError`.
        """
        self._call = call
        self._limit = limit
        self._failures: tuple[type[Exception], ...] = (OSError, *failures)
        self._whole_seconds = whole_seconds

    async def exchange(
        self, key: str | None, rate: Rate, *, epoch: str, position: str, revocations: Sequence[Revocation]
    ) -> Taken:
        """See `Remote.exchange`."""
        found = await self._ask(
            "exchange",
            key=None if key is None else _hashed(key),
            turns=float(rate.turns),
            seconds=float(rate.seconds),
            epoch=epoch,
            position=int(position or "0"),
            news=[(known.kind, known.name, float(known.moment)) for known in revocations],
        )
        match found:
            case {
                "wait": float(wait),
                "epoch": str(now),
                "position": int(read),
                "list": [*members],
                "more": bool(more),
            }:
                known = tuple(known for member in members if (known := _revocation(member)) is not None)
                return Taken(wait, now, str(read), known, more=more)
        raise StoreLost(UNREADABLE)

    async def begin(self, key: str, mine: Kept) -> Kept | None:
        """See `Remote.begin`.

        Raises:
            Unavailable: there is no room for another one. What is shared is not lost for that.

        """
        match await self._ask("begin", **_words(key, mine)):
            case {"found": None}:
                return None
            case {"found": {"owner": str(owner), "tags": [*tags], "lease_ends": float(lease_ends), "reply": reply}}:
                if all(isinstance(tag, str) for tag in tags):
                    return Kept(owner, tuple(tags), lease_ends, _unpacked(reply))
        raise StoreLost(UNREADABLE)

    async def finish(self, key: str, done: Kept) -> None:
        """See `Remote.finish`."""
        await self._ask("finish", **_words(key, done), reply=base64.b64encode(done.reply or b"").decode())

    async def forget(self, key: str, owner: str) -> None:
        """See `Remote.forget`."""
        await self._ask("forget", key=_hashed(key), owner=owner)

    async def hold(self, name: str, owner: str, seconds: float) -> bool:
        """See `Remote.hold`. Raises `Unavailable` as `begin` does."""
        match await self._ask("hold", key=_hashed(name), owner=owner, seconds=float(seconds)):
            case {"held": bool(held)}:
                return held
        raise StoreLost(UNREADABLE)

    async def release(self, name: str, owner: str) -> None:
        """See `Remote.release`."""
        await self._ask("release", key=_hashed(name), owner=owner)

    async def close(self) -> None:
        """See `Remote.close`: there is nothing to give back."""

    async def _ask(self, do: str, **fields: object) -> dict[str, Any]:
        """Ask the object, within `whole_seconds`. Raises `StoreLost`."""
        try:
            answer = decoded(await self._answer(encoded({"do": do, **fields})))
        except self._failures as error:  # a timeout is an OSError too
            kind = _kind(error)
        except Unreadable as unreadable:
            kind = unreadable.kind
        else:
            if "error" not in answer:
                return answer
            kind = str(answer["error"])
        if kind == FULL:
            raise Unavailable("store")
        raise StoreLost(kind)  # outside of the except clause: what was caught may hold more than its kind

    async def _answer(self, text: str) -> str:
        async with self._limit(self._whole_seconds):
            try:
                return await self._call(text)
            except self._failures as error:
                # The object moved, or was deployed anew: not a loss yet. To ask twice is harmless.
                if not _says(error, "retryable") or _says(error, "overloaded"):
                    raise
            return await self._call(text)


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _words(key: str, kept: Kept) -> dict[str, object]:
    return {"key": _hashed(key), "owner": kept.owner, "tags": list(kept.tags), "lease_ends": float(kept.lease_ends)}


def _unpacked(reply: object) -> bytes | None:
    """The bytes of an answer that was kept, None while there is none."""
    if reply is None:
        return None
    with contextlib.suppress(binascii.Error):
        if isinstance(reply, str):
            return base64.b64decode(reply, validate=True)
    raise StoreLost(UNREADABLE)


def _revocation(member: object) -> Revocation | None:
    """The revocation of a member, or None for a kind that only a later version knows."""
    match member:
        case [str(kind), str(name), float(moment)]:
            known = _KINDS.get(kind)
            return None if known is None else Revocation(known, name, moment)
    raise StoreLost(UNREADABLE)


def _says(error: Exception, word: str) -> bool:
    """Whether Cloudflare marked an error of a Durable Object with that word."""
    return getattr(error, word, None) is True


def _kind(error: Exception) -> str:
    """What went wrong, in a word."""
    return "overloaded" if _says(error, "overloaded") else type(error).__name__
