"""What neither a caller nor a strange Cognito can break: rates, shapes, sizes."""

from typing import Any

import pytest

from tests.world import World, answer

EVERYTHING = """
[roles.admin]
groups = ["admin"]
allow = ["ListGroups", "GetGroup", "ListUsers", "AdminGetUser", "AdminListGroupsForUser"]
explain = true
[roles.wary]
groups = ["wary"]
allow = ["ListUsers"]
fresh = true
explain = true
[roles.shown]
groups = ["shown"]
allow = ["ListUsers"]
strict = true
explain = true
[public]
allow = ["RespondToAuthChallenge", "AssociateSoftwareToken", "UpdateUserAttributes", "RevokeToken"]
rate_per_minute_per_ip = 3
"""
OWN = ("/admin/policy", "/admin/health", "/me/permissions")


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/admin/groups/x", {}),
        ("/admin/groups/x", {"Group": {"GroupName": "x", "CreationDate": 1e300}}),
        ("/admin/groups", {"Groups": [{}]}),
        ("/admin/groups", {"Groups": 7}),
        ("/admin/users", {"Users": [{}]}),
        ("/admin/users?search=a", {"Users": [{}]}),
        ("/admin/users/bob", {"Username": "bob", "UserAttributes": [{"Value": "x"}]}),
        ("/admin/users/sub:2b0f3a3e-6f5f-4b3c-9a67-111111111111", {"Username": "bob", "UserAttributes": [{}]}),
    ],
)
async def test_an_answer_that_is_not_of_its_shape_is_cognitos_fault(path: str, found: Any) -> None:
    """R-19: 502 and not 500: nothing of ours is broken."""
    world = World(EVERYTHING)
    world.cognito.script = lambda _request: answer(found)
    reply = await world.rest("GET", path, None, world.token("admin"))
    assert (reply.status, reply.json["type"]) == (502, "InternalErrorException")
    assert not any("defect" in line for line in world.logged)


async def test_half_a_surrogate_pair_is_passed_on_as_it_was_written() -> None:
    """R-19: what UTF-8 cannot write, an escape can; in a name as well as in an error's words."""
    world = World(EVERYTHING)
    world.cognito.script = lambda _request: answer({"Group": {"GroupName": "x", "Description": "\ud800"}})
    reply = await world.rest("GET", "/admin/groups/x", None, world.token("admin"))
    assert (reply.status, reply.json["description"]) == (200, "\ud800")
    world.cognito.script = lambda _request: answer({"__type": "GroupExistsException", "message": "\ud800"}, 400)
    reply = await world.rest("GET", "/admin/groups/x", None, world.token("admin"))
    assert (reply.status, reply.json["detail"]) == (409, "\ud800")


@pytest.mark.parametrize(
    ("method", "path", "body", "token"),
    [
        ("POST", "/auth/challenge", {"challenge": "SMS_MFA", "x": 1}, None),
        ("PATCH", "/me", {"x": 1}, "rubbish"),
        ("POST", "/auth/sign-out", {}, None),
    ],
)
async def test_a_stranger_is_counted_before_its_body_is_read(
    method: str, path: str, body: Any, token: str | None
) -> None:
    """R-22: an address has its turns a minute, whatever it sends and whichever operation it turns out to mean."""
    world = World(EVERYTHING)
    found = [(await world.rest(method, path, body, token)).status for _ in range(5)]
    assert 429 not in found[:3]
    assert found[3:] == [429, 429]
    assert world.reason == "rate"
    assert world.entries[-1]["operation"] is not None


@pytest.mark.parametrize("path", OWN)
async def test_a_fresh_role_is_fresh_for_the_gateway_s_own_answers(path: str) -> None:
    """R-13: who was disabled is out at once, where the policy says so, also for what Cognito is not asked for."""
    world = World(EVERYTHING)
    token = world.token("wary", username="wanda", sub="5c5ee5b8-57b9-4a8b-8a7b-000000000001")
    person = {"Username": "wanda", "UserStatus": "CONFIRMED"}
    person["UserAttributes"] = [{"Name": "sub", "Value": "5c5ee5b8-57b9-4a8b-8a7b-000000000001"}]  # type: ignore[assignment] # JSON
    world.cognito.people = lambda request: answer(
        {"Groups": [{"GroupName": "wary"}]} if b"Limit" in request.body else {**person, "Enabled": False}
    )
    assert (await world.rest("GET", path, None, token)).status == 403
    assert world.reason == "caller-disabled"


@pytest.mark.parametrize("path", OWN)
async def test_a_strict_role_shows_cognito_the_token_first(path: str) -> None:
    """R-13: a token that Cognito does not accept any more gets no answer of ours."""
    world = World(EVERYTHING)
    world.cognito.people = lambda _request: answer({"__type": "NotAuthorizedException", "message": "revoked"}, 400)
    assert (await world.rest("GET", path, None, world.token("shown"))).status == 401


async def test_the_longest_labels_still_make_a_picture() -> None:
    """What was changed at Cognito must not end in an error of ours: the secret would be lost."""
    world = World(EVERYTHING)
    world.cognito.script = lambda _request: answer({"SecretCode": "A" * 52})
    labels = {"issuer": "\U0001f600" * 64, "account": "\U0001f600" * 64}
    reply = await world.rest("POST", "/me/totp", labels, world.token("admin"))
    assert reply.status == 200
    assert reply.json["qr"].startswith("<svg")
