"""`/amplify/*`, over the whole gateway and a scripted Cognito: what an app of Amplify's sends and gets."""

import json
from typing import Any
from urllib.parse import quote

import pytest

from gateway.upstream import Request
from tests.world import Reply, World, answer, operation_of, refusal, sub_of

POLICY = """
[roles.admin]
groups = ["admin"]
allow = ["AdminGetUser", "ListUsers", "ListGroups", "AdminListGroupsForUser", "ListUsersInGroup", "AdminAddUserToGroup",
         "AdminRemoveUserFromGroup", "AdminConfirmSignUp", "AdminDisableUser", "AdminEnableUser",
         "AdminUserGlobalSignOut"]
peers = true
explain = true
[roles.admin.limits]
groups = ["editors"]
[roles.user]
groups = ["user"]
allow = []
"""
AT, WRITTEN = 1763715600, "2025-11-21T09:00:00.000Z"
USER = {
    "Username": "alice",
    "Enabled": True,
    "UserStatus": "CONFIRMED",
    "UserCreateDate": AT,
    "UserLastModifiedDate": AT,
}
GROUP = {
    "GroupName": "editors",
    "UserPoolId": "us-east-1_DevPool01",
    "Description": "Write",
    "Precedence": 7,
    "RoleArn": "arn:aws:iam::123456789012:role/Editors",
    "CreationDate": AT,
    "LastModifiedDate": AT + 0.5,
}
EMAIL = [{"Name": "email", "Value": "alice@example.com"}]
READS: list[tuple[str, str, dict[str, Any]]] = [
    ("getUser?username=alice", "AdminGetUser", {"Username": "alice"}),
    ("listUsers", "ListUsers", {}),
    ("listUsers?limit=10", "ListUsers", {"Limit": 10}),
    ("listUsers?limit=10&token=next%2F1", "ListUsers", {"Limit": 10, "PaginationToken": "next/1"}),
    ("listUsers?limit=10&token=undefined", "ListUsers", {"Limit": 10}),
    ("listGroups?token=next1", "ListGroups", {"NextToken": "next1"}),
    ("listGroups?token=", "ListGroups", {}),
    ("listGroupsForUser?username=alice&limit=5", "AdminListGroupsForUser", {"Username": "alice", "Limit": 5}),
    (
        "listUsersInGroup?groupname=editors&limit=5&token=null",
        "ListUsersInGroup",
        {"GroupName": "editors", "Limit": 5},
    ),
]
CHANGES = [
    ("addUserToGroup", "AdminAddUserToGroup", "Success adding bob to editors"),
    ("removeUserFromGroup", "AdminRemoveUserFromGroup", "Removed bob from editors"),
    ("confirmUserSignUp", "AdminConfirmSignUp", "Confirmed bob registration"),
    ("disableUser", "AdminDisableUser", "Disabled bob"),
    ("enableUser", "AdminEnableUser", "Enabled bob"),
    ("signUserOut", "AdminUserGlobalSignOut", "Signed out bob from all devices"),
]


def members(path: str) -> dict[str, str]:
    """What a change takes."""
    return {"username": "bob"} | ({"groupname": "editors"} if "Group" in path else {})


def people(request: Request) -> Any:
    """What the guards hear: anybody is an enabled user in no group; admin and editors are the groups."""
    name = json.loads(request.body).get("Username", "")
    user = {"Username": name, "Enabled": True, "UserAttributes": [{"Name": "sub", "Value": sub_of(name)}]}
    groups = [{"GroupName": "admin", "Precedence": 1}, {"GroupName": "editors", "Precedence": 7}]
    return answer({"AdminGetUser": user, "ListGroups": {"Groups": groups}}.get(operation_of(request), {"Groups": []}))


@pytest.fixture
def world() -> World:
    """A gateway whose Cognito knows alice and the editors."""
    found = World(POLICY)
    found.cognito.people = people
    found.cognito.script = lambda request: answer({
        "AdminGetUser": USER | {"UserAttributes": EMAIL},
        "ListUsers": {"Users": [USER | {"Attributes": EMAIL}], "PaginationToken": "next/2"},
        "ListUsersInGroup": {"Users": [USER | {"Attributes": EMAIL}], "NextToken": "next/2"},
        "ListGroups": {"Groups": [GROUP]},
        "AdminListGroupsForUser": {"Groups": [GROUP]},
    }.get(operation_of(request), {}))  # fmt: skip
    return found


async def bare(world: World, method: str, path: str, body: Any = None, *groups: str) -> Reply:
    """A request as Amplify's client sends it: the token alone in Authorization."""
    return await world.rest(method, f"/amplify/{path}", body, headers={"authorization": world.token(*groups)})


@pytest.mark.parametrize(("path", "operation", "body"), READS)
async def test_each_list_and_each_read_asks_for_one_operation(
    world: World, path: str, operation: str, body: dict[str, Any]
) -> None:
    """Amplify's members become Cognito's; a token that a browser writes as `undefined` is none."""
    reply = await bare(world, "GET", path, None, "admin")
    assert reply.status == 200
    (request,) = world.cognito.requests
    assert operation_of(request) == operation
    assert world.cognito.bodies == [{**body, "UserPoolId": world.mint.pool_id}]


async def test_answers_are_as_the_javascript_sdk_writes_them(world: World) -> None:
    """Dates are text, lists go on with NextToken, a user's groups come without what is not for a browser."""
    shown = USER | {"UserCreateDate": WRITTEN, "UserLastModifiedDate": WRITTEN}
    assert (await bare(world, "GET", "getUser?username=alice", None, "admin")).json == shown | {"UserAttributes": EMAIL}
    page = {"Users": [shown | {"Attributes": EMAIL}], "NextToken": "next/2"}
    assert (await bare(world, "GET", "listUsers", None, "admin")).json == page
    assert (await bare(world, "GET", "listUsersInGroup?groupname=editors", None, "admin")).json == page
    group = GROUP | {"CreationDate": WRITTEN, "LastModifiedDate": "2025-11-21T09:00:00.500Z"}
    assert (await bare(world, "GET", "listGroups", None, "admin")).json == {"Groups": [group]}
    reply = await bare(world, "GET", "listGroupsForUser?username=alice", None, "admin")
    assert reply.json == {"Groups": [{"GroupName": "editors", "Description": "Write"}]}


@pytest.mark.parametrize(("path", "operation", "message"), CHANGES)
async def test_each_change_says_what_it_did(world: World, path: str, operation: str, message: str) -> None:
    """One operation, Amplify's message; with `Bearer` in front of the token as well."""
    reply = await bare(world, "POST", path, members(path), "admin")
    assert (reply.status, reply.json) == (200, {"message": message})
    assert [operation_of(request) for request in world.cognito.requests] == [operation]
    reply = await world.rest("POST", f"/amplify/{path}", members(path), world.token("admin"))
    assert (reply.status, reply.json) == (200, {"message": message})
    assert [line["phase"] for line in world.entries] == ["intent", "outcome"] * 2


@pytest.mark.parametrize("path", [path for path, *_ in READS] + [path for path, *_ in CHANGES])
async def test_the_wrong_group_is_403_and_no_token_401(world: World, path: str) -> None:
    """Also for who would sign itself out: the policy says who may do what. A `message` is there, as Amplify has it."""
    method, body = ("POST", members(path)) if path in {change[0] for change in CHANGES} else ("GET", None)
    reply = await bare(world, method, path, body, "user")
    assert (reply.status, reply.json["type"]) == (403, "AccessDeniedException")
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json["message"] == reply.json["detail"] == "The caller may not do this."
    for headers in ({}, {"authorization": "rubbish"}, {"authorization": "Basic YTpi"}):
        reply = await world.rest(method, f"/amplify/{path}", body, headers=headers)
        assert reply.status == 401
        assert reply.json["message"]
    assert not world.cognito.requests
    assert [line["decision"]["allowed"] for line in world.entries] == [False] * 4


async def test_the_policy_s_limits_and_guards_hold(world: World) -> None:
    """Another group than the role's, oneself, a peer's rank: 403 with the reason in the audit alone."""
    reply = await bare(world, "POST", "addUserToGroup", {"username": "bob", "groupname": "admin"}, "admin")
    assert (reply.status, world.reason) == (403, "field:GroupName")
    world.cognito.people = lambda request: answer({
        "AdminGetUser": {
            "Username": "alice", "Enabled": True,
            "UserAttributes": [{"Name": "sub", "Value": "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"}],
        },
        "ListGroups": {"Groups": [{"GroupName": "admin", "Precedence": 1}]},
    }.get(operation_of(request), {"Groups": []}))  # fmt: skip
    reply = await bare(world, "POST", "disableUser", {"username": "alice"}, "admin")
    assert (reply.status, world.reason) == (403, "self-lockout")
    assert "self" not in reply.json["message"]
    assert not world.cognito.requests


@pytest.mark.parametrize(
    ("method", "path", "body", "member"),
    [
        ("GET", "getUser", None, "username"),
        ("GET", "getUser?username=", None, "username"),
        ("GET", "getUser?username=a&username=b", None, "username"),
        ("GET", "listUsers?limit=61", None, "limit"),
        ("GET", "listUsers?limit=x", None, "limit"),
        ("GET", "listUsersInGroup", None, "groupname"),
        ("POST", "addUserToGroup", {"username": "bob"}, "groupname"),
        ("POST", "addUserToGroup", {"groupname": "editors"}, "username"),
        ("POST", "addUserToGroup", {"username": "bob", "groupname": "a b"}, "groupname"),
        ("POST", "disableUser", {"username": 5}, "username"),
        ("POST", "disableUser", {"username": "bob", "UserPoolId": "us-east-1_OtherPool"}, "UserPoolId"),
        ("POST", "signUserOut", {}, "username"),
    ],
)
async def test_a_wrong_member_is_named(world: World, method: str, path: str, body: Any, member: str) -> None:
    """By Amplify's name, with `message`; nothing is sent."""
    reply = await bare(world, method, path, body, "admin")
    assert (reply.status, reply.json["member"]) == (400, member)
    assert f"'{member}'" in reply.json["message"]
    assert not world.cognito.requests


@pytest.mark.parametrize("name", ["a/b", "50%", "a+b@example.com", "ü", ".", "..", "x" * 128])
async def test_any_user_name_passes(world: World, name: str) -> None:
    """In a query it is encoded like anything else."""
    assert (await bare(world, "GET", f"getUser?username={quote(name, safe='')}", None, "admin")).status == 200
    assert world.cognito.bodies[0]["Username"] == name
    reply = await bare(world, "POST", "enableUser", {"username": name}, "admin")
    assert reply.json == {"message": f"Enabled {name}"}


async def test_a_token_alone_is_taken_here_only(world: World) -> None:
    """Elsewhere a token needs `Bearer`; two tokens are refused here as well."""
    found = {"authorization": world.token("admin")}
    assert (await world.rest("GET", "/admin/groups", None, headers=found)).status == 401
    two = found | {"x-amz-security-token": world.token("admin")}
    reply = await world.rest("GET", "/amplify/listGroups", None, headers=two)
    assert (reply.status, world.reason) == (400, "two-tokens")
    assert not world.cognito.requests


async def test_cognito_s_refusals_have_a_message(world: World) -> None:
    """A user who is not there is 404, a throttle 429 with Retry-After; the text is Cognito's."""
    for type_, status in (("UserNotFoundException", 404), ("TooManyRequestsException", 429)):
        world.cognito.script = lambda _request, type_=type_: refusal(type_, "words")  # type: ignore[misc]
        reply = await bare(world, "GET", "getUser?username=nobody", None, "admin")
        assert (reply.status, reply.json["message"], reply.json["type"]) == (status, "words", type_)
        assert ("retry-after" in reply.headers) == (status == 429)


async def test_a_dry_run_and_what_is_not_served(world: World) -> None:
    """The header works here too; another path is 404, another method 405."""
    dry = {"x-gateway-dry-run": "true", "authorization": world.token("admin")}
    reply = await world.rest("POST", "/amplify/disableUser", {"username": "bob"}, headers=dry)
    assert (reply.status, reply.json["allowed"]) == (200, True)
    assert (await bare(world, "GET", "deleteUser", None, "admin")).status == 404
    wrong = await bare(world, "GET", "disableUser", None, "admin")
    assert (wrong.status, wrong.headers["allow"]) == (405, "POST")
    assert not world.cognito.requests


async def test_amplify_s_content_type_is_taken(world: World) -> None:
    """Its client writes the charset in capitals."""
    found = {"authorization": world.token("admin"), "content-type": "application/json; charset=UTF-8"}
    assert (await world.rest("POST", "/amplify/enableUser", {"username": "bob"}, headers=found)).status == 200
