"""The gateway's own identity at Cognito: a clock that is wrong, keys that are rotated, session tokens that end.

An answer that proves that nothing was done is the one case in which a mutation is sent again: once, signed anew (R-20).
"""

import calendar
import contextlib
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from typing import Any

import pytest

from tests.blackbox.canaries import HeededMint
from tests.blackbox.conftest import Start
from tests.blackbox.misbehaviour import refusing
from tests.blackbox.signatures import key_id, signed_with
from tests.blackbox.stub import Behaviour, Received, Stub, response, well
from tests.fake_sts import keys_xml

pytestmark = [pytest.mark.slow, pytest.mark.only("container", "what is judged is the core's; of a Worker: tests/edge")]
BOB = b'{"Username":"bob"}'
READ, MUTATION = "AdminGetUser", "AdminDisableUser"


def ahead(seconds: float) -> Behaviour:
    """A Cognito whose clock is ahead: it refuses signatures of another time, and says what time it is."""

    async def behave(request: Received, writer: Any) -> None:
        now = time.time() + seconds
        sent = calendar.timegm(time.strptime(request.header("x-amz-date"), "%Y%m%dT%H%M%SZ"))
        date = f"Date: {formatdate(now, usegmt=True)}"
        if abs(now - sent) > 300:
            body = {"__type": "InvalidSignatureException", "message": "Signature not yet current"}
            writer.write(response(json.dumps(body).encode(), "400 Bad Request", "application/x-amz-json-1.1", date))
        else:
            await well(request, writer)

    return behave


@pytest.mark.parametrize("hours", [1, -1])
def test_a_clock_that_is_wrong_is_learnt_once(start: Start, hours: int) -> None:
    """R-20: the refusal proves that nothing was done: signed anew with Cognito's time, mutations too; then known."""
    gateway = start()
    gateway.stub.behaviour = ahead(hours * 3600.0)
    token = gateway.token("admin")
    assert gateway.call(MUTATION, BOB, token).status == 200
    assert len(gateway.stub.calls()) == 2
    assert [gateway.call(READ, BOB, token).status for _ in range(3)] == [200] * 3
    assert len(gateway.stub.calls()) == 5
    assert "clock is off" in gateway.errors


KEYS = {
    "AKIACANARYROTATION01": "canary+secret+of+the+old+pair/0000000001",
    "AKIACANARYROTATION02": "canary+secret+of+the+new+pair/0000000002",
}


def test_keys_that_are_rotated_while_calls_run(start: Start) -> None:
    """R-20: the old pair dies in the middle of a hundred calls: none fails, none mixes an id with another secret."""
    (old, old_secret), (new, new_secret) = KEYS.items()
    pairs = {
        "current": {"access_key_id": old, "secret_access_key": old_secret},
        "next": {"access_key_id": new, "secret_access_key": new_secret},
    }
    no = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"), "")
    gateway = start(AWS_CREDENTIALS=json.dumps(pairs), **no)
    for secret in (*KEYS, *KEYS.values()):
        gateway.canaries.add(secret)
    refused: list[Received] = []

    async def dying(request: Received, writer: Any) -> None:
        if key_id(request) == old and len(gateway.stub.received) > 40:
            refused.append(request)
            await refusing("UnrecognizedClientException", "invalid")(request, writer)
        else:
            await well(request, writer)

    gateway.stub.behaviour = dying
    token = gateway.token("admin")
    with ThreadPoolExecutor(10) as callers:
        statuses = list(callers.map(lambda n: gateway.call((READ, MUTATION)[n % 2], BOB, token).status, range(100)))
    assert statuses == [200] * 100
    assert refused
    assert len(gateway.stub.received) == 100 + len(refused)
    assert {key_id(call) for call in gateway.stub.received} == set(KEYS)
    assert all(signed_with(call, KEYS[key_id(call)]) for call in gateway.stub.received)


def assuming(mint: HeededMint, life_seconds: float, given: dict[str, tuple[str, str, float]]) -> Callable[[], Stub]:
    """A stub that is STS: numbered keys that live so long, noted in `given`."""

    async def behave(_request: Received, writer: Any) -> None:
        number, ends = len(given) + 1, time.time() + life_seconds
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ends))
        secrets = f"secret/CANARY+of+number{number}", f"FwoGZXIvYXdzEXAMPLECANARY{number}/+=="
        given[f"ASIATESTTESTTEST{number}"] = (*secrets, int(ends))
        for secret in secrets:
            if mint.canaries is not None:
                mint.canaries.add(secret)
        writer.write(response(keys_xml(number, stamp), "200 OK", "text/xml"))

    def made() -> Stub:
        stub = Stub(dict)
        stub.behaviour = behave
        return stub

    return made


def test_a_session_token_is_renewed_before_it_ends(pool: tuple[Stub, HeededMint], start: Start) -> None:
    """R-20: with keys of a role that live for seconds, no call is signed with a pair that may be dead on arrival."""
    given: dict[str, tuple[str, str, float]] = {}
    sts = assuming(pool[1], 22.0, given)()
    with contextlib.ExitStack() as after:
        after.callback(sts.stop)
        gateway = start(AWS_ROLE_ARN="arn:aws:iam::123456789012:role/gateway", STS_ENDPOINT_URL=sts.url)
        token = gateway.token("admin")
        for _ in range(6):
            assert gateway.call(MUTATION, BOB, token).status == 200
            call = gateway.stub.received[-1]
            secret, session, ends = given[key_id(call)]
            assert signed_with(call, secret, session)
            assert ends - time.time() > 15
            time.sleep(0.6)
        assert len({key_id(call) for call in gateway.stub.received}) > 1
