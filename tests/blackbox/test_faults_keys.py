"""Cognito's key set is away, slow, wrong, changed, or asked for by a flood of invented key ids (R-21)."""

import asyncio
import json
import secrets
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.blackbox import wire
from tests.blackbox.conftest import Start
from tests.blackbox.gateways import Gateway
from tests.blackbox.misbehaviour import flooding, raw
from tests.blackbox.stub import Received, Stub, eventually, response
from tests.minting import encode_json

pytestmark = [
    pytest.mark.slow,
    pytest.mark.only("container", "what is judged is the core's, in windows of ten seconds"),
]
BOB = b'{"Username":"bob"}'
READ, MUTATION = "AdminGetUser", "AdminDisableUser"
WINDOW_SECONDS = 10.0
CLOSED = raw(b"", then_close=True)


def status(gateway: Gateway, token: str, operation: str = READ) -> int | None:
    """What a call is answered with."""
    return gateway.call(operation, BOB, token).status


def invented(gateway: Gateway) -> str:
    """A token whose key id nobody has: well formed, of the right issuer, signed with nothing."""
    kid = secrets.token_urlsafe(24)
    claims = encode_json(gateway.mint.claims() | {"cognito:groups": ["admin"]})
    return f"{encode_json({'kid': kid, 'alg': 'RS256'})}.{claims}.{secrets.token_urlsafe(256)}"


def check_unavailable(gateway: Gateway, token: str) -> None:
    """See that nobody is let in, nobody is told that the token is bad, and all are told when to come again."""
    for operation in (READ, MUTATION):
        found = gateway.call(operation, BOB, token)
        assert (found.status, found.json["__type"]) == (503, "ServiceUnavailableException")
        assert 1 <= int(found.headers["retry-after"]) <= WINDOW_SECONDS
        entry = gateway.entries[-1]
        assert (entry["decision"]["allowed"], entry["decision"]["reason"]) == (False, "keys")
    assert gateway.stub.calls() == []


BAD_AT_START = {
    "closed": CLOSED,
    "ten megabytes": flooding(10 << 20, chunked=True),
    "an error": raw(response(b'{"keys":[]}', "500 Internal Server Error", "application/json")),
}


def test_keys_that_cannot_be_had_at_the_start_and_then_can(start: Start, pool: Any) -> None:
    """R-21: it starts, answers 503 and not 401, and works without a restart once there is a set; whatever was there.

    One after the other: gone, too large, an error; then good. Other bad sets: `tests/test_tokens_through_app.py`.
    """
    stub, _ = pool
    stub.key_set = CLOSED
    gateway = start()
    token = gateway.token("admin")
    for name, fault in BAD_AT_START.items():
        stub.key_set = fault
        asked = stub.key_fetches
        eventually(lambda: status(gateway, token) != 503 or stub.key_fetches > asked, f"a fetch of {name}")  # noqa: B023
        check_unavailable(gateway, token)
    stub.reset()
    eventually(lambda: status(gateway, token) == 200, "recovery", patience_seconds=WINDOW_SECONDS)
    assert status(gateway, token, MUTATION) == 200
    assert stub.key_fetches == 1
    assert "not fetched" in gateway.errors


def test_keys_that_are_said_to_be_elsewhere(start: Start, pool: Any) -> None:
    """R-05, R-21: a redirect is not followed, not even to a set that would do: only the pool's own address counts."""
    stub, mint = pool
    elsewhere = Stub(mint.jwks)
    try:
        stub.key_set = raw(response(b"", "302 Found", "application/json", f"Location: {elsewhere.url}/keys"))
        gateway = start()
        check_unavailable(gateway, gateway.token("admin"))
        assert elsewhere.connections == 0
    finally:
        elsewhere.stop()


def test_keys_that_are_slow_at_the_start(start: Start, pool: Any) -> None:
    """R-21: the first callers wait for one fetch, and all of them get in."""
    stub, mint = pool

    async def slow(_request: Received, writer: Any) -> None:
        await asyncio.sleep(1.0)
        writer.write(response(json.dumps(mint.jwks()).encode(), "200 OK", "application/json"))

    stub.key_set = slow
    gateway = start()
    token = gateway.token("admin")
    with ThreadPoolExecutor(10) as callers:
        assert list(callers.map(lambda _: status(gateway, token), range(10))) == [200] * 10
    assert stub.key_fetches == 1


def test_keys_that_never_come(start: Start, pool: Any) -> None:
    """R-21: a fetch has three seconds; then it is 503 at once until the next one may be tried."""
    stub, _ = pool

    async def silent(_request: Received, _writer: Any) -> None:
        await asyncio.sleep(3600)

    stub.key_set = silent
    gateway = start()
    check_unavailable(gateway, gateway.token("admin"))
    assert stub.key_fetches == 1


def test_a_caller_who_hangs_up_does_not_take_the_keys_along(start: Start, pool: Any) -> None:
    """R-21: the first of those who wait for a fetch disconnects; the others get what they waited for, by one fetch."""
    stub, mint = pool
    gateway = start()
    assert status(gateway, gateway.token("admin")) == 200
    mint.rotate()
    stub.reset()

    async def slow(_request: Received, writer: Any) -> None:
        await asyncio.sleep(1.0)
        writer.write(response(json.dumps(mint.jwks()).encode(), "200 OK", "application/json"))

    stub.key_set = slow
    token = gateway.token("admin")
    with socket.create_connection(("127.0.0.1", gateway.port), 5) as first, ThreadPoolExecutor(5) as others:
        first.sendall(wire.request(READ, BOB, token))
        eventually(lambda: stub.key_fetches == 1, "the fetch")
        waiting = [others.submit(status, gateway, token) for _ in range(5)]
        time.sleep(0.2)
        first.close()
        assert [found.result(10) for found in waiting] == [200] * 5
    assert stub.key_fetches == 1


def test_a_rotation(start: Start, pool: Any) -> None:
    """R-21: a new key is fetched when its first token comes; a key that is gone vouches for nobody, known or not."""
    stub, mint = pool
    gateway = start()
    old = gateway.token("admin")
    assert status(gateway, old) == 200
    mint.rotate(keep=False)
    new = gateway.token("admin")
    assert [status(gateway, new), status(gateway, new, MUTATION)] == [200, 200]
    assert stub.key_fetches == 2
    assert status(gateway, old) == 401
    assert gateway.entries[-1]["decision"]["reason"] == "unknown-kid"


def test_a_set_that_went_bad_leaves_the_keys_that_are_held(start: Start, pool: Any) -> None:
    """R-21: those who were let in still are; a new key id gets 503, since it may be good; memory stays as it is."""
    stub, _ = pool
    gateway = start()
    token = gateway.token("admin")
    assert status(gateway, token) == 200
    before = gateway.peak_memory_bytes
    stub.key_set = flooding(50 << 20, chunked=True)
    assert status(gateway, invented(gateway)) == 503
    assert status(gateway, token) == 200
    assert status(gateway, gateway.token("admin", jti="another"), MUTATION) == 200
    assert gateway.peak_memory_bytes - before < 24 << 20


def test_a_flood_of_invented_key_ids(start: Start, pool: Any) -> None:
    """R-21: a thousand of them cause one fetch a window, and a real rotation is seen within one."""
    stub, mint = pool
    gateway = start()
    assert status(gateway, gateway.token("admin")) == 200
    fetched, began = stub.key_fetches, time.monotonic()
    for _ in range(1000):
        assert gateway.ask(READ, BOB, invented(gateway)).status == 401
    windows = 1 + int((time.monotonic() - began) / WINDOW_SECONDS)
    assert 1 <= stub.key_fetches - fetched <= windows
    mint.rotate()
    new = gateway.token("admin")

    def found() -> bool:
        gateway.ask(READ, BOB, invented(gateway))  # the flood goes on
        time.sleep(0.1)
        return gateway.ask(READ, BOB, new).status == 200

    eventually(found, "the new key", patience_seconds=WINDOW_SECONDS + 2)
    assert stub.calls(MUTATION) == []
    assert len({call.line for call in stub.asked}) == 1
