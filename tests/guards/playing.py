"""A stub of raw sockets that plays a pool."""

import asyncio
import json

from tests.blackbox.stub import Behaviour, Received, response
from tests.guards.pool import Pool


def play(pool: Pool, *, slowly_seconds: float = 0.0) -> Behaviour:
    """Answer as the pool does; a change is carried out after `slowly_seconds` and answered after as many again."""

    async def behave(request: Received, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(slowly_seconds)
        status, body = pool.answer(request.operation, request.json)
        await asyncio.sleep(slowly_seconds)
        line = "200 OK" if status == 200 else "400 Bad Request"
        writer.write(response(json.dumps(body).encode(), line))

    return behave
