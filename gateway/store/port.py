"""The interface of what replicas share.

Duty: `Store`, which the core uses, and `Remote`, which a network's form of it implements.
Prohibition: no behaviour.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from gateway.caller import Caller
from gateway.store.revocations import Revocation, Revocations

RETENTION_SECONDS: Final = 24 * 3600.0
"""How long a request that came with an idempotency key is kept, counted from the end of its lease or its answer."""


class StoreLost(Exception):
    """What is shared cannot be reached now. Never leaves the store's room: the core sees `Unavailable`.

    Its text is the kind of the failure, in a word, for the log: no address, no password, nothing of a request.
    """


class Rate(NamedTuple):
    """`turns` may be taken at once and come back evenly within `seconds`. A minute's rate of 60 is `Rate(60, 60.0)`.

    Below one turn, one may be taken at once.
    """

    turns: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a request that came with an idempotency key.

    `tags` are HMACs of its body under each key that the gateway held. `owner` is the request that does it. `reply` is
    the answer in the caller's own form of bytes, None while it is under way: then `lease_ends` (epoch seconds) says
    from when on its outcome counts as unknown.
    """

    owner: str
    tags: tuple[str, ...]
    lease_ends: float
    reply: bytes | None = field(default=None, repr=False)


class Store(Protocol):
    """What the pipeline, the quotas and idempotency use.

    `refuses`, `begin` and `hold` may raise `Unavailable` with reason "store"; the others never do.
    """

    @property
    def revocations(self) -> Revocations:
        """What is revoked, as of the last `take` or `refresh`."""
        ...  # pragma: no cover - a port

    def refuses(self, caller: Caller) -> bool:
        """Tell whether the caller's token is revoked, as of the last `take` or `refresh`.

        Raises:
            Unavailable: what is known is too old to go by.

        """
        ...  # pragma: no cover - a port

    async def take(self, key: str, rate: Rate, now: float) -> float:
        """Take one turn of `key`: 0.0 when granted, else the seconds until the next. Brings `revocations` up to date.

        `now` is monotonic seconds of this process; what is shared has its own clock.
        """
        ...  # pragma: no cover - a port

    async def refresh(self) -> None:
        """Bring `revocations` up to date, for calls that take no turn."""
        ...  # pragma: no cover - a port

    async def revoke(self, revocations: Sequence[Revocation]) -> None:
        """Refuse these tokens here from now on, and on every replica from its next `take` or `refresh` on.

        Never raises: while what is shared is lost they count here and are passed on when it is back.
        """
        ...  # pragma: no cover - a port

    async def begin(self, key: str, mine: Kept, now: float) -> Kept | None:
        """Keep `mine` under `key` for 24 hours, unless something is kept already, which is returned.

        What `mine.owner` itself began there and has not finished does not stand in its way. `now` is in epoch seconds.
        """
        ...  # pragma: no cover - a port

    async def finish(self, key: str, done: Kept) -> None:
        """Replace what `done.owner` began under `key`, for 24 hours. Never raises: the deed is done."""
        ...  # pragma: no cover - a port

    async def forget(self, key: str, owner: str) -> None:
        """Let go of what `owner` began under `key` and did not send. What is finished stays. Never raises."""
        ...  # pragma: no cover - a port

    async def hold(self, name: str, owner: str, seconds: float, now: float) -> bool:
        """Take the lock `name` for `seconds` from now; False while another owner holds it. `now`: monotonic seconds."""
        ...  # pragma: no cover - a port

    async def release(self, name: str, owner: str) -> None:
        """Give the lock back if `owner` still holds it. Never raises."""
        ...  # pragma: no cover - a port


@dataclass(frozen=True, slots=True)
class Taken:
    """What one exchange with what is shared brought: the wait of a turn, and the revocations not seen before.

    `epoch` names this life of the shared state, `position` how far its list of revocations has been read. Another
    `epoch` than the one asked with means that the state began anew, or went back in time: the list was then read from
    its beginning. `more` says that the list goes on: it is read in pages.
    """

    wait_seconds: float
    epoch: str
    position: str
    revocations: tuple[Revocation, ...]
    more: bool = False


class Remote(Protocol):
    """A network's form: one exchange each, nothing remembered. Every method may raise `StoreLost`, within a second.

    An exchange that was lost may have been carried out all the same; to repeat one does no harm.
    """

    async def exchange(
        self, key: str | None, rate: Rate, *, epoch: str, position: str, revocations: Sequence[Revocation]
    ) -> Taken:
        """In one exchange: add `revocations` to the list, take one turn of `key` (None: none), and read the list.

        `epoch` and `position` are those of the last exchange, empty for the first. Whoever knows a `position` that the
        list has not reached knows more than the list: the state went back in time, and a new epoch begins.
        """
        ...  # pragma: no cover - a port

    async def begin(self, key: str, mine: Kept) -> Kept | None:
        """See `Store.begin`."""
        ...  # pragma: no cover - a port

    async def finish(self, key: str, done: Kept) -> None:
        """See `Store.finish`."""
        ...  # pragma: no cover - a port

    async def forget(self, key: str, owner: str) -> None:
        """See `Store.forget`."""
        ...  # pragma: no cover - a port

    async def hold(self, name: str, owner: str, seconds: float) -> bool:
        """See `Store.hold`."""
        ...  # pragma: no cover - a port

    async def release(self, name: str, owner: str) -> None:
        """See `Store.release`."""
        ...  # pragma: no cover - a port

    async def close(self) -> None:
        """Give back connections."""
        ...  # pragma: no cover - a port
