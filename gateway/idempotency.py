"""Requests that come with an Idempotency-Key: the same key and body get the same answer, and one call to Cognito.

Duty: who carries a request out, who waits for its answer and gets a copy, and who is refused. A request whose outcome
is not known is never sent again.
Prohibition: no clock, no body in the store (only HMACs of it), no key of a caller in the store (only its hash); nothing
that waits is shared: each request asks the store for itself.
Source: draft-ietf-httpapi-idempotency-key-header; docs/decisions/0007-store.md.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import Any, Final

from gateway.errors import (
    GatewayError,
    IdempotencyConflict,
    IdempotencyReuse,
    InternalError,
    InvalidRequest,
    Unavailable,
    UpstreamError,
    UpstreamTimeout,
)
from gateway.relay import THROTTLES, Reply
from gateway.store import Kept, Store

WAIT_SECONDS: Final = 10.0
MAX_ANSWER_BYTES: Final = 256 * 1024
"""A longer answer is not kept: who repeats the request learns that it was sent, not what came of it."""

_KEY: Final = re.compile(rb"[!-~]{1,255}")
_PURPOSE: Final = b"cognito-edge-gateway idempotency 1"
_VERSION: Final = 1
_FIRST_PAUSE_SECONDS: Final = 0.02
_LONGEST_PAUSE_SECONDS: Final = 0.5
_UNKNOWN: Final = "idempotent-outcome-unknown"
_TOO_MANY_REQUESTS: Final = 429
_REPLAYED: Final[dict[str, type[GatewayError]]] = {
    kind.__name__: kind for kind in (UpstreamTimeout, UpstreamError, Unavailable, InternalError)
}


def check_key(value: bytes) -> str:
    """Return the header's value: 1 to 255 visible ASCII characters.

    Raises:
        InvalidRequest: it is something else.

    """
    if _KEY.fullmatch(value) is None:
        raise InvalidRequest(
            "idempotency-key", message="Header 'Idempotency-Key' must be 1 to 255 visible ASCII characters."
        )
    return value.decode()


class Claim:
    """The right to carry a request out, and the duty to say how that ended. What is said first counts."""

    __slots__ = ("_key", "_mine", "_open", "_store")

    def __init__(self, store: Store, key: str, mine: Kept) -> None:
        """`mine` is kept under `key`."""
        self._store = store
        self._key = key
        self._mine = mine
        self._open = True

    async def finish(self, reply: Reply) -> None:
        """Keep the answer for whoever repeats the request.

        One by which Cognito throttles is none: nothing was done, and the key is free again.
        """
        if reply.type in THROTTLES or reply.status == _TOO_MANY_REQUESTS:
            await self.abandon()
        elif len(reply.body) > MAX_ANSWER_BYTES:
            await self.unknown(UpstreamTimeout(_UNKNOWN))
        else:
            await self._close(_of_reply(reply))

    async def unknown(self, error: GatewayError) -> None:
        """Keep that the request was sent and ended in `error`: a repetition gets the same, and is not sent."""
        await self._close(_of_error(error))

    async def abandon(self) -> None:
        """Let go of the key: nothing was sent."""
        if self._open:
            self._open = False
            await self._store.forget(self._key, self._mine.owner)

    async def _close(self, record: bytes) -> None:
        if self._open:
            self._open = False
            await self._store.finish(self._key, replace(self._mine, reply=record))


class Idempotency:
    """What is known of requests with a key, in a store."""

    __slots__ = ("_monotonic", "_now", "_secrets", "_sleep", "_store", "_wait_seconds")

    def __init__(  # noqa: PLR0913 - ports, all by name
        self,
        store: Store,
        *,
        secrets: Callable[[], tuple[str, ...]],
        now: Callable[[], float],
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        wait_seconds: float = WAIT_SECONDS,
    ) -> None:
        """`secrets` gives the secret access keys in use, the current one first, never none.

        What is kept has a tag under each of them, so that it still matches after a rotation. `wait_seconds` is how long
        a repetition waits for the answer of the first.
        """
        self._store = store
        self._secrets = secrets
        self._now = now
        self._monotonic = monotonic
        self._sleep = sleep
        self._wait_seconds = wait_seconds

    async def begin(  # noqa: PLR0913 - all by name
        self, *, sub: str, operation: str, key: str, body: bytes, request_id: str, lease_seconds: float
    ) -> Claim | Reply:
        """Claim a request for `request_id`, or return the answer that the same request has got.

        `body` is canonical: what means the same has the same bytes. After `lease_seconds` without an answer the outcome
        counts as unknown.

        Raises:
            IdempotencyConflict: the first is still under way.
            IdempotencyReuse: the key came with another body.
            UpstreamError: the first was sent, and its outcome is not known, or was this error.
            Unavailable: the store is lost.

        """
        name = hashlib.sha256(json.dumps([sub, operation, key]).encode()).hexdigest()
        tags = tuple(_tag(secret, body) for secret in self._secrets())
        give_up_at = self._monotonic() + self._wait_seconds
        pause = _FIRST_PAUSE_SECONDS
        while True:
            now = self._now()
            mine = Kept(owner=request_id, tags=tags, lease_ends=now + lease_seconds)
            found = await self._store.begin(name, mine, now)
            if found is None:
                return Claim(self._store, name, mine)
            if not _share_one(found.tags, tags):
                raise IdempotencyReuse("idempotency-other-body")
            if found.reply is not None:
                return _answer(found.reply)
            if found.lease_ends <= now:
                raise UpstreamTimeout(_UNKNOWN)
            left = give_up_at - self._monotonic()
            if left <= 0:
                raise IdempotencyConflict("idempotency-under-way", retry_after_seconds=1)
            await self._sleep(min(pause, left))
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)


def _tag(secret: str, body: bytes) -> str:
    own_key = hmac.digest(secret.encode(), _PURPOSE, "sha256")  # the secret itself signs for AWS, and nothing else
    return hmac.digest(own_key, body, "sha256").hex()


def _share_one(known: Iterable[str], tags: tuple[str, ...]) -> bool:
    return any(hmac.compare_digest(one.encode(), tag.encode()) for one in known for tag in tags)


def _of_reply(reply: Reply) -> bytes:
    head = {
        "version": _VERSION,
        "status": reply.status,
        "type": reply.type,
        "upstream_request_id": reply.upstream_request_id,
        "retry_after_seconds": reply.retry_after_seconds,
        "audit_complete": reply.audit_complete,
    }
    return json.dumps(head).encode() + b"\n" + reply.body


def _of_error(error: GatewayError) -> bytes:
    kind = next((name for name, kind in _REPLAYED.items() if isinstance(error, kind)), InternalError.__name__)
    head = {
        "version": _VERSION,
        "error": kind,
        "reason": error.reason,
        "message": error.message,
        "retry_after_seconds": error.retry_after_seconds,
    }
    return json.dumps(head).encode() + b"\n"


def _answer(record: bytes) -> Reply:
    """Return the answer that was kept. Raises the error that was, or `Unavailable` for what cannot be read."""
    head, _, body = record.partition(b"\n")
    try:
        known: dict[str, Any] = json.loads(head)
        if known["version"] != _VERSION:
            raise Unavailable("store")
        if "error" not in known:
            return Reply(
                int(known["status"]),
                body,
                type=known["type"],
                upstream_request_id=known["upstream_request_id"],
                retry_after_seconds=known["retry_after_seconds"],
                audit_complete=known["audit_complete"],
            )
        error = _REPLAYED[known["error"]](
            str(known["reason"]), message=known["message"], retry_after_seconds=known["retry_after_seconds"]
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Unavailable("store") from None
    raise error
