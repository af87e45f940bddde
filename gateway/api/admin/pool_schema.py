"""The types that the pool's own schema gives to custom attributes, as far as the gateway may know them.

Duty: one read of DescribeUserPool an hour, by the gateway for itself, only where some role of the policy allows it:
then its keys may. Prohibition: nothing of the answer is passed on; a failure hides no user, it leaves the values text.
Source: Cognito's DescribeUserPool, `UserPool.SchemaAttributes`.
"""

from collections.abc import Awaitable, Callable, Mapping

from gateway.body import dump
from gateway.door import Door
from gateway.errors import GatewayError, UpstreamError
from gateway.operations import Operation
from gateway.relay import read_object

KEPT_SECONDS = 3600.0
AGAIN_SECONDS = 60.0
_PATIENCE_SECONDS = 2.0
_LOOK_SECONDS = 0.01


class PoolSchema:
    """Remembers the types. Without an `operation` there are none."""

    __slots__ = ("_asking_since", "_door", "_monotonic", "_operation", "_sleep", "_types", "_until", "_user_pool_id")

    def __init__(
        self,
        operation: Operation | None,
        *,
        door: Door,
        user_pool_id: str,
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        """`operation` is DescribeUserPool, where it may be asked for; `monotonic` gives seconds, `sleep` waits some."""
        self._operation = operation
        self._door = door
        self._user_pool_id = user_pool_id
        self._monotonic = monotonic
        self._sleep = sleep
        self._types: Mapping[str, str] | None = None
        self._until: float | None = None
        self._asking_since: float | None = None

    async def types(self) -> Mapping[str, str]:
        """Cognito's type (`Number`, `Boolean`, `DateTime`, `String`) of each attribute in the schema."""
        operation = self._operation
        while operation is not None and not self._fresh():
            now = self._monotonic()
            if self._asking_since is None or now - self._asking_since > _PATIENCE_SECONDS:
                await self._ask(operation, now)
                break
            if self._types is not None:  # an old schema is better than a wait
                break
            await self._sleep(_LOOK_SECONDS)  # each for itself: on Workers requests must not wait on each other
        return self._types or {}

    def _fresh(self) -> bool:
        return self._until is not None and self._monotonic() < self._until

    async def _ask(self, operation: Operation, now: float) -> None:
        self._asking_since = now
        kept = AGAIN_SECONDS
        try:
            body = dump({"UserPoolId": self._user_pool_id})
            reply = await self._door.carry(operation, body, actor=None, deadline=now + _PATIENCE_SECONDS, guards=True)
            if reply.type is None:
                self._types, kept = _types(reply.body), KEPT_SECONDS
        except GatewayError:
            pass  # the door has logged what concerns the operator
        finally:
            self._asking_since = None
        self._until = now + kept


def _types(body: bytes) -> dict[str, str]:
    try:
        listed = read_object(body)["UserPool"]["SchemaAttributes"]
        return {str(item["Name"]): str(item["AttributeDataType"]) for item in listed}
    except (KeyError, TypeError):
        raise UpstreamError("upstream-not-json") from None
