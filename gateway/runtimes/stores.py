"""What replicas share, opened by the settings.

Duty: memory, or a Redis behind the rules for its loss. Prohibition: nothing is asked of it here; see `redis_store`.
Source: docs/decisions/0007-store.md.
"""

import time
from collections.abc import Awaitable, Callable

from gateway.settings import StoreAddress
from gateway.store import MemoryStore, SharedStore, Store


class StoreError(OSError):
    """The store cannot be used; the text says why and what would help."""


def opened(
    where: StoreAddress, user_pool_id: str, *, log: Callable[[str], None]
) -> tuple[Store, Callable[[], Awaitable[None]]]:
    """The store, and what closes it.

    Raises:
        StoreError: the package that it needs is not installed.

    """
    if where.url is None:
        return MemoryStore(), _nothing
    try:
        from gateway.runtimes.redis_store import RedisRemote  # noqa: PLC0415 - an extra
    except ImportError as error:
        message = (
            f"GATEWAY_STORE names a Redis, and {error.name} is not installed: pip install 'cognito-edge-gateway[redis]'"
        )
        raise StoreError(message) from None
    remote = RedisRemote(where.url, user_pool_id)
    return SharedStore(remote, now=time.time, monotonic=time.monotonic, log=log), remote.close


async def _nothing() -> None:
    """Memory needs no end."""
