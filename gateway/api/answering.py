"""The answer of a row that is one operation and nothing else."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from gateway.api.exchange import Build, Exchange
from gateway.api.route import Result


def one(
    name: str,
    build: Build,
    show: Callable[[dict[str, Any]], Any],
    *,
    names: Mapping[str, str] | None = None,
    status: int = 200,
) -> Callable[[Exchange], Awaitable[Result]]:
    """The answer of a row that is one operation: `build` makes Cognito's body, `show` the JSON of its answer."""

    async def answer(exchange: Exchange) -> Result:
        return Result(show(await exchange.call(name, build, names=names)), status)

    return answer
