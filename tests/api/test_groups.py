"""`/admin/groups`, over the whole gateway and a scripted Cognito."""

import json
from typing import Any

import pytest

from gateway.upstream import Answer, Request
from tests.world import World, answer, operation_of, refusal

POLICY = """
[roles.admin]
groups = ["admin"]
allow = ["ListGroups", "GetGroup", "CreateGroup", "UpdateGroup", "DeleteGroup"]
explain = true
peers = true
[roles.admin.limits]
groups = "any"
[roles.user]
groups = ["user"]
allow = ["GetGroup"]
"""
GROUP = {"GroupName": "support", "UserPoolId": "x", "Precedence": 7, "CreationDate": 1763715600.25}
SHOWN = {
    "name": "support",
    "description": None,
    "precedence": 7,
    "roleArn": None,
    "createdAt": "2025-11-21T09:00:00.250Z",
    "updatedAt": None,
}


@pytest.fixture
def world() -> World:
    """A gateway whose Cognito knows one group."""
    found = World(POLICY)
    found.cognito.script = lambda _request: answer({"Group": GROUP})
    return found


async def test_a_group_is_read_created_changed_and_deleted(world: World) -> None:
    """Each route asks for one operation, and shows a group in the REST side's own form."""
    token = world.token("admin")
    assert (await world.rest("GET", "/admin/groups/support", None, token)).json == SHOWN
    created = await world.rest("POST", "/admin/groups", {"name": "support", "precedence": 7}, token)
    assert (created.status, created.json) == (201, SHOWN)
    assert (await world.rest("PATCH", "/admin/groups/support", {"description": "d"}, token)).json == SHOWN
    gone = await world.rest("DELETE", "/admin/groups/support", None, token)
    assert (gone.status, gone.body) == (204, b"")
    assert [operation_of(request) for request in world.cognito.requests] == [
        "GetGroup", "CreateGroup", "UpdateGroup", "DeleteGroup",
    ]  # fmt: skip
    assert world.cognito.bodies[1] == {"GroupName": "support", "Precedence": 7, "UserPoolId": world.mint.pool_id}


async def test_a_list_pages_to_its_end_with_the_caller_s_own_cursor(world: World) -> None:
    """A cursor goes on where the page ended, for who got it and for that list only."""

    def pages(request: Request) -> Answer:
        body = json.loads(request.body)
        token = body.get("NextToken")
        return answer({"Groups": [GROUP]} | ({"NextToken": "upstream-2"} if token is None else {}))

    world.cognito.script = pages
    token = world.token("admin")
    first = (await world.rest("GET", "/admin/groups?limit=1", None, token)).json
    assert first["items"] == [SHOWN]
    second = await world.rest("GET", f"/admin/groups?limit=1&cursor={first['cursor']}", None, token)
    assert second.json == {"items": [SHOWN], "cursor": None}
    assert world.cognito.bodies[-1]["NextToken"] == "upstream-2"
    other = world.token("admin", sub="another-sub")
    for stolen in (first["cursor"], first["cursor"][:-2], "AAAA"):
        refused = await world.rest("GET", f"/admin/groups?cursor={stolen}", None, other)
        assert (refused.status, refused.json["member"]) == (400, "cursor")
        assert world.reason == "cursor"


@pytest.mark.parametrize(
    ("method", "path", "body", "member"),
    [
        ("GET", "/admin/groups?limit=0", None, "limit"),
        ("GET", "/admin/groups?limit=61", None, "limit"),
        ("GET", "/admin/groups?limit=ten", None, "limit"),
        ("GET", "/admin/groups?limit=1&limit=2", None, "limit"),
        ("GET", "/admin/groups?page=1", None, "page"),
        ("GET", "/admin/groups?a%20secret=1", None, None),
        ("POST", "/admin/groups", {}, "name"),
        ("POST", "/admin/groups", {"name": "a b"}, "name"),
        ("POST", "/admin/groups", {"name": "a", "rank": 1}, "rank"),
        ("POST", "/admin/groups", {"name": "."}, "name"),
        ("POST", "/admin/groups", {"name": ".."}, "name"),
        ("PATCH", "/admin/groups/support", {"precedence": -1}, "precedence"),
        ("PATCH", "/admin/groups/%FF", {}, "group"),
        ("DELETE", "/admin/groups/" + "x" * 129, None, "group"),
    ],
)
async def test_a_wrong_member_is_named_and_nothing_is_sent(
    world: World, method: str, path: str, body: Any, member: str | None
) -> None:
    """The answer is RFC 9457's, says which member is wrong, and Cognito heard nothing."""
    reply = await world.rest(method, path, body, world.token("admin"))
    assert reply.status == 400
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json["type"] == "InvalidParameterException"
    assert reply.json.get("member") == member
    assert reply.json["requestId"] == reply.headers["x-request-id"]
    assert not world.cognito.requests
    assert world.entries[-1]["decision"]["allowed"] is False


async def test_who_may_not_is_refused_as_on_the_other_endpoint(world: World) -> None:
    """No token is 401, a weaker group 403, both written down; the body of neither is read."""
    for token, status, type_, reason in (
        (None, 401, "NotAuthorizedException", "no-token"),
        ("rubbish", 401, "NotAuthorizedException", "malformed"),
        (world.token("user"), 403, "AccessDeniedException", "operation"),
    ):
        reply = await world.rest("POST", "/admin/groups", {"nonsense": True}, token)
        assert (reply.status, reply.json["type"]) == (status, type_)
        assert ("www-authenticate" in reply.headers) == (status == 401)
        assert world.reason == reason
    assert not world.cognito.requests


async def test_cognito_s_refusals_have_http_s_statuses(world: World) -> None:
    """What is not there is 404, what is already there 409, a throttle 429 with Retry-After."""
    for type_, status in (
        ("ResourceNotFoundException", 404),
        ("GroupExistsException", 409),
        ("TooManyRequestsException", 429),
        ("NotAuthorizedException", 400),
    ):
        world.cognito.script = lambda _request, type_=type_: refusal(type_, "words")  # type: ignore[misc]
        reply = await world.rest("GET", "/admin/groups/support", None, world.token("admin"))
        assert (reply.status, reply.json["type"], reply.json["detail"]) == (status, type_, "words")
        assert ("retry-after" in reply.headers) == (status == 429)


async def test_a_dry_run_decides_and_sends_nothing(world: World) -> None:
    """The same header as on the AWS endpoint, the same answer."""
    dry = {"x-gateway-dry-run": "true"}
    reply = await world.rest("DELETE", "/admin/groups/support", None, world.token("admin"), headers=dry)
    assert (reply.status, reply.json["allowed"], reply.json["role"]) == (200, True, "admin")
    reply = await world.rest("DELETE", "/admin/groups/support", None, world.token("user"), headers=dry)
    assert (reply.status, reply.json) == (200, {"allowed": False})
    assert not world.cognito.requests


async def test_what_is_not_served_says_so(world: World) -> None:
    """An unknown path is 404; a wrong method 405, with those that are right; a wrong content type 415."""
    assert (await world.rest("GET", "/admin/nothing", None, None)).status == 404
    wrong = await world.rest("PUT", "/admin/groups", None, None)
    assert (wrong.status, wrong.headers["allow"]) == (405, "GET, POST")
    plain = {"content-type": "text/plain"}
    reply = await world.rest("POST", "/admin/groups", {"name": "a"}, world.token("admin"), headers=plain)
    assert (reply.status, reply.json["type"]) == (415, "UnsupportedMediaTypeException")


@pytest.mark.parametrize("dots", ["..", ".", "%2e%2E", "%2E"])
async def test_dots_name_nobody(world: World, dots: str) -> None:
    """A URL cannot carry them: to some servers the path is then another one, so no server of ours takes them."""
    reply = await world.rest("DELETE", f"/admin/groups/{dots}", None, world.token("admin"))
    assert (reply.status, reply.json["member"], world.reason) == (400, "group", "path-dots")
    assert reply.json["detail"] == "Member 'group' cannot be dots in a path."
    assert not world.cognito.requests


@pytest.mark.parametrize("name", [".", ".."])
async def test_no_group_is_made_that_no_path_can_name(world: World, name: str) -> None:
    """Whoever made one could neither read, change nor delete it here; a name that only begins so is a name."""
    token = world.token("admin")
    reply = await world.rest("POST", "/admin/groups", {"name": name}, token)
    assert (reply.status, reply.json["member"], world.reason) == (400, "name", "path-dots")
    assert reply.json["detail"] == "Member 'name' cannot be dots: no path can carry it."
    assert not world.cognito.requests
    assert (await world.rest("POST", "/admin/groups", {"name": f"{name}x"}, token)).status == 201


@pytest.mark.parametrize(
    ("raw", "member"),
    [
        (b'{"name":"a","name":"b"}', "name"),
        (b'{"name":"a","x":{"y":[{"z":1,"z":2}]}}', "x.y[0].z"),
        (b'{"a secret":1,"a secret":2}', None),
    ],
)
async def test_a_member_that_stands_twice_is_named(world: World, raw: bytes, member: str | None) -> None:
    """R-10: which of the two is meant is anybody's guess; a form learns which of its fields it sent twice."""
    reply = await world.rest("POST", "/admin/groups", None, world.token("admin"), raw=raw)
    assert (reply.status, reply.json.get("member"), world.reason) == (400, member, "body-duplicate-member")
    assert not world.cognito.requests


async def test_a_page_may_be_asked_for_its_head(world: World) -> None:
    """What anybody may read answers a HEAD as its GET, without the body; what needs a token does not."""
    page = await world.rest("HEAD", "/openapi.json")
    assert (page.status, page.body, int(page.headers["content-length"]) > 10_000) == (200, b"", True)
    assert (await world.rest("HEAD", "/admin/groups", None, world.token("admin"))).status == 405
