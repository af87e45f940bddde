"""Who may act is asked again where the caller took its time to send the body."""

from typing import Any

import pytest

from gateway.store import Revocation
from gateway.upstream import Answer, Request
from tests.api.test_aws_credentials import IDENTITY_POOL, PATH, Aws
from tests.api.test_aws_credentials import POLICY as CREDENTIALS
from tests.world import World, answer, everybody, operation_of, refusal, sub_of

POLICY = """
[roles.moderator]
groups = ["moderator"]
allow = ["AdminDisableUser", "ListUsers", "ListGroups"]
rate_per_minute = 2
strict = ["ListUsers"]
fresh = ["ListGroups"]
[guards]
rank = false
[guards.step_up]
AdminDisableUser = { max_age_seconds = 600 }
"""
SUB = sub_of("mod")
CALLS: dict[str, dict[str, Any]] = {"ListUsers": {}, "ListGroups": {}, "AdminDisableUser": {"Username": "bob"}}


def world_of(**claims: Any) -> tuple[World, str]:
    """A gateway, and a moderator's token."""
    world = World(POLICY)
    world.cognito.people = moderator
    now = int(world.clock())
    return world, world.token("moderator", sub=SUB, username="mod", iat=now, auth_time=now, **claims)


def moderator(request: Request) -> Answer:
    """Cognito knows the caller in its group, and its token."""
    if operation_of(request) == "AdminListGroupsForUser":
        return answer({"Groups": [{"GroupName": "moderator", "Precedence": 1}]})
    return answer({"Username": "mod"}) if operation_of(request) == "GetUser" else everybody(request)


@pytest.mark.parametrize("operation", CALLS)
async def test_who_was_signed_out_meanwhile_is_refused(operation: str) -> None:
    """R-13: a body that is held back keeps no door open."""
    world, token = world_of()

    async def signed_out() -> None:
        world.clock.tick(2)
        await world.store.revoke([Revocation("signed_out", SUB, world.clock())])

    world.meanwhile = signed_out
    assert (await world.call(operation, CALLS[operation], token)).status == 401
    assert (world.reason, world.cognito.requests) == ("revoked", [])


@pytest.mark.parametrize("operation", CALLS)
async def test_a_token_that_ended_meanwhile_is_refused(operation: str) -> None:
    """R-06: `exp` holds when the call is carried out."""
    world, token = world_of(exp=int(World().clock()) + 300)

    async def ended() -> None:
        world.clock.tick(600)

    world.meanwhile = ended
    assert (await world.call(operation, CALLS[operation], token)).status == 401
    assert world.cognito.requests == []


async def test_a_sign_in_that_became_too_old_meanwhile_is_challenged() -> None:
    """The age that an operation asks for is that at which it is done (RFC 9470)."""
    world, token = world_of()

    async def waited() -> None:
        world.clock.tick(601)

    world.meanwhile = waited
    reply = await world.call("AdminDisableUser", CALLS["AdminDisableUser"], token)
    assert reply.status == 401
    assert "insufficient_user_authentication" in reply.headers["www-authenticate"]
    assert world.cognito.requests == []


@pytest.mark.parametrize(("operation", "asked"), [("ListUsers", "GetUser"), ("ListGroups", "AdminListGroupsForUser")])
async def test_a_role_that_does_not_trust_the_token_asks_again(operation: str, asked: str) -> None:
    """R-13: `strict` and `fresh` mean the moment of the call, and not that of its first byte."""
    world, token = world_of()
    out = False

    def people(request: Request) -> Answer:
        if out and operation_of(request) == "GetUser":
            return refusal("NotAuthorizedException")
        return everybody(request) if out else moderator(request)

    async def out_of_it() -> None:
        nonlocal out
        out = True
        world.clock.tick(61)

    world.cognito.people = people
    world.meanwhile = out_of_it
    assert (await world.call(operation, {}, token)).status in {401, 403}
    assert [operation_of(each) for each in world.cognito.guarded].count(asked) == 2
    assert world.cognito.requests == []


async def test_it_is_one_call_and_takes_one_turn() -> None:
    """R-22: a slow line costs nobody its rate."""
    world, token = world_of()

    async def slow() -> None:
        world.clock.tick(2)

    for expected in (200, 200, 429):
        world.meanwhile = slow
        assert (await world.call("AdminDisableUser", {"Username": "bob"}, token)).status == expected


async def test_no_credentials_for_a_role_that_was_taken_away_meanwhile() -> None:
    """R-13: the bearer must be good when the credentials are given, whatever ID token comes in the body."""
    world = World(CREDENTIALS, COGNITO_IDENTITY_POOL_ID=IDENTITY_POOL)
    aws = Aws(world)
    now = int(world.clock())
    bearer = world.token("reports", sub=SUB, iat=now, auth_time=now)

    async def taken_away() -> None:
        world.clock.tick(3)
        await world.store.revoke([Revocation("groups_changed", SUB, world.clock() - 1)])

    world.meanwhile = taken_away
    reply = await world.rest("POST", PATH, {"idToken": world.mint.id([], sub=SUB, iat=now + 3, auth_time=now)}, bearer)
    assert (reply.status, world.reason, aws.forms) == (401, "revoked", [])


@pytest.mark.parametrize("seconds", [14.9, 19.0])
async def test_an_honest_slow_caller_has_all_the_time_for_what_is_asked_again(seconds: float) -> None:
    """R-20: the time that the caller took is not the upstream's: Cognito is asked with a whole deadline."""
    world, token = world_of()

    async def slow() -> None:
        world.clock.tick(seconds)

    world.meanwhile = slow
    assert (await world.call("ListUsers", {}, token)).status == 200
    assert min(world.cognito.timeouts) > 10  # seconds
