"""What is sent to Cognito, how often, and what happens when Cognito refuses the gateway itself."""

import json
from collections.abc import Callable

import pytest

from gateway.upstream import Answer, AnswerTimeout, Broken, ConnectTimeout, NotSent, Request
from tests.world import ACCESS_KEY_ID, SECRET_ACCESS_KEY, Cognito, World, answer, refusal

READ = ("AdminGetUser", {"Username": "bob"})
MUTATION = ("AdminDisableUser", {"Username": "bob"})
NEXT_ID = "AKIACANARYCANARY0002"
TWO_PAIRS = json.dumps(
    {
        "current": {"access_key_id": ACCESS_KEY_ID, "secret_access_key": SECRET_ACCESS_KEY},
        "next": {"access_key_id": NEXT_ID, "secret_access_key": SECRET_ACCESS_KEY[::-1]},
    }
)


def failing(times: int, error: Callable[[], Exception]) -> Callable[[Request], Answer]:
    """A script that breaks `times` times and then answers."""
    left = [times]

    def script(_request: Request) -> Answer:
        if left[0]:
            left[0] -= 1
            raise error()
        return answer({"Username": "bob"})

    return script


@pytest.mark.parametrize(
    ("call", "error", "status", "sent"),
    [
        (READ, lambda: NotSent("refused"), 200, 3),
        (READ, lambda: Broken("reset", reused=True), 200, 3),
        (READ, lambda: Broken("reset"), 200, 3),
        (MUTATION, lambda: NotSent("refused"), 200, 3),
        (MUTATION, lambda: Broken("reset", reused=True), 502, 1),
        (MUTATION, lambda: Broken("reset"), 502, 1),
        (READ, lambda: Broken("too_large"), 502, 1),
        (READ, lambda: Broken("not_http"), 502, 1),
        (READ, lambda: ConnectTimeout("connect"), 504, 1),
        (READ, lambda: AnswerTimeout("silent"), 504, 1),
        (MUTATION, lambda: AnswerTimeout("silent"), 504, 1),
    ],
)
async def test_only_what_cannot_have_happened_is_sent_again(
    call: tuple[str, dict[str, str]], error: Callable[[], Exception], status: int, sent: int
) -> None:
    """R-20: a mutation is never repeated once bytes were sent; a read at most three times; a timeout never."""
    world = World()
    world.cognito.script = failing(2, error)
    reply = await world.call(*call, world.token("admin"))
    assert (reply.status, len(world.cognito.requests)) == (status, sent)


async def test_three_attempts_are_the_end() -> None:
    """R-20: an unreachable Cognito is a 502 with the AWS error shape after three attempts."""
    world = World()
    world.cognito.script = failing(9, lambda: NotSent("refused"))
    reply = await world.call(*READ, world.token("admin"))
    assert (reply.status, reply.type, len(world.cognito.requests)) == (502, "InternalErrorException", 3)


async def test_retries_have_a_budget() -> None:
    """R-20: while Cognito is away the gateway does not triple everybody's load."""
    world = World()
    world.cognito.script = failing(10_000, lambda: NotSent("refused"))
    for _ in range(60):
        await world.call(*READ, world.token("admin"))
    assert len(world.cognito.requests) < 60 + 10 + 60 * 0.2


@pytest.mark.parametrize("type_", ["UnrecognizedClientException", "InvalidSignatureException", "ExpiredTokenException"])
@pytest.mark.parametrize("call", [READ, MUTATION])
async def test_refused_keys_give_way_to_the_next_pair_once(type_: str, call: tuple[str, dict[str, str]]) -> None:
    """R-20: an answer that proves that nothing was done is signed once more with the other keys, and these stay."""
    world = World(AWS_CREDENTIALS=TWO_PAIRS)

    def script(request: Request) -> Answer:
        signed = dict(request.headers)["Authorization"]
        return answer({"Username": "bob"}) if NEXT_ID in signed else refusal(type_)

    world.cognito.script = script
    assert (await world.call(*call, world.token("admin"))).status == 200
    assert len(world.cognito.requests) == 2
    assert (await world.call(*call, world.token("admin"))).status == 200
    assert len(world.cognito.requests) == 3
    assert not any(ACCESS_KEY_ID in line or NEXT_ID in line for line in world.logged)


async def test_both_pairs_refused_is_a_bad_gateway() -> None:
    """R-19, R-20: two signatures at most, then 502 that tells the caller nothing of our identity."""
    world = World(AWS_CREDENTIALS=TWO_PAIRS)
    world.cognito.script = lambda _request: refusal("UnrecognizedClientException", "The security token is invalid.")
    reply = await world.call(*MUTATION, world.token("admin"))
    assert (reply.status, reply.type, len(world.cognito.requests)) == (502, "InternalErrorException", 2)
    assert b"security token" not in reply.body
    assert world.entries[-1]["phase"] == "outcome"
    assert world.entries[-1]["status"] == 502


async def test_a_wrong_clock_is_learnt_once_from_cognitos_date() -> None:
    """R-20: "Signature not yet current" is mended by Cognito's own Date, once, for this call and all later ones."""
    world = World()
    date = "Fri, 15 Jan 2027 07:30:00 GMT"  # half an hour behind the gateway's clock

    def script(request: Request) -> Answer:
        stamp = dict(request.headers)["X-Amz-Date"]
        if stamp == "20270115T073000Z":
            return answer({})
        return refusal("InvalidSignatureException", "Signature not yet current: 20270115T080000Z", date=date)

    world.cognito.script = script
    assert (await world.call(*MUTATION, world.token("admin"))).status == 200
    assert (await world.call(*MUTATION, world.token("admin"))).status == 200
    assert len(world.cognito.requests) == 3
    assert any("clock" in line for line in world.logged)


async def test_nothing_of_the_callers_request_goes_up() -> None:
    """R-09: fixed origin, path and headers; the actor's sub is all that is added."""
    world = World()
    extra = {
        "host": "attacker.example", "x-forwarded-host": "attacker.example", "x-amz-content-sha256": "UNSIGNED-PAYLOAD",
        "x-original-url": "/admin", "user-agent": "evil", "te": "trailers", "accept": "application/cbor",
    }  # fmt: skip
    await world.call(*READ, world.token("admin"), headers=extra)
    (request,) = world.cognito.requests
    assert (request.method, request.path, request.origin.authority) == (
        "POST",
        "/",
        "cognito-idp.us-east-1.amazonaws.com",
    )
    headers = dict(request.headers)
    assert set(headers) == {"Content-Type", "X-Amz-Date", "X-Amz-Target", "Authorization", "User-Agent"}
    assert headers["User-Agent"].endswith(" actor/aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee")
    assert not any("evil" in value or "attacker" in value for value in headers.values())


async def test_a_public_operation_is_sent_unsigned() -> None:
    """Cognito's open operations carry none of our identity."""
    world = World()
    body = {"ClientId": world.mint.client_id, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": {"USERNAME": "a"}}
    assert (await world.call("InitiateAuth", body)).status == 200
    assert "Authorization" not in dict(world.cognito.requests[0].headers)


async def test_no_keys_is_unavailable() -> None:
    """When no key can be had the caller learns to come back, and nothing is sent."""
    world = World(AWS_ROLE_ARN="arn:aws:iam::123456789012:role/Gateway")
    world.cognito = Cognito()
    reply = await world.call(*READ, world.token("admin"))
    assert (reply.status, reply.type) == (503, "ServiceUnavailableException")
    assert int(reply.headers["retry-after"]) >= 1
