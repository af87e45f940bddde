"""What the gateway says of itself: `/me/permissions`, `/admin/policy`, `/admin/audit`, `/admin/health`."""

import dataclasses
import json
from typing import Any

import pytest

from gateway.assembly import read_policy
from gateway.audit import AuditPage, Query
from gateway.upstream import Answer
from tests.minting import Mint
from tests.world import ACCESS_KEY_ID, SECRET_ACCESS_KEY, World, answer

POLICY = """
[roles.admin]
groups = ["admin", "owners"]
allow = ["ListUsers", "AdminGetUser", "AdminSetUserPassword"]
explain = true
peers = true
rate_per_minute = 1000
[roles.admin.limits]
attributes = ["any", "email"]
groups = "any"
[roles.moderator]
groups = ["moderator"]
allow = ["ListUsers"]
fresh = true
[roles.moderator.limits]
readable = ["name"]
[roles.moderator.aws]
role_arn = "arn:aws:iam::123456789012:role/Reports"
[roles.importer]
scopes = ["gateway/users.write"]
precedence = 20
allow = ["AdminCreateUser"]
[guards]
takeover = false
[guards.step_up]
AdminSetUserPassword = { max_age_seconds = 300 }
[public]
allow = ["InitiateAuth", "GetUser"]
[quotas]
UserList = 50
"""
ADMIN = ("/admin/policy", "/admin/audit", "/admin/health")
EVERY = ("/me/permissions", *ADMIN)


@pytest.fixture
def world() -> World:
    """A gateway whose audit cannot be read back."""
    return World(POLICY)


@pytest.mark.parametrize("path", EVERY)
async def test_no_token_and_a_foreign_one_are_401(world: World, path: str) -> None:
    """As everywhere: one answer, and the reason in the audit."""
    for token in (None, "rubbish", Mint("us-east-1_OtherPool").access(["admin"])):
        reply = await world.rest("GET", path, None, token)
        assert (reply.status, reply.json["type"]) == (401, "NotAuthorizedException")
        assert reply.headers["www-authenticate"] == "Bearer"
    assert [line["decision"]["reason"] for line in world.entries] == ["no-token", "malformed", "issuer"]
    assert {line["operation"] for line in world.entries} == {world.entries[0]["operation"]}
    assert world.entries[0]["operation"].startswith("gateway:")


@pytest.mark.parametrize("path", ADMIN)
async def test_who_may_not_ask_why_may_not_read_them(world: World, path: str) -> None:
    """403 for a role without `explain`, for a machine, and for who is in no role, whatever the query."""
    for token in (world.token("moderator"), world.token(), world.mint.machine(["gateway/users.write"])):
        reply = await world.rest("GET", f"{path}?nonsense=1", None, token)
        assert (reply.status, reply.json["type"], world.reason) == (403, "AccessDeniedException", "operation")


@pytest.mark.parametrize("path", EVERY)
async def test_they_are_judged_and_counted_like_anything_else(world: World, path: str) -> None:
    """An unknown member is 400, another method 405, a dry run decides, each with a line; Cognito hears nothing."""
    token = world.token("admin")
    reply = await world.rest("GET", f"{path}?nonsense=1", None, token)
    assert (reply.status, world.reason) == (400, "member-unknown")
    assert (await world.rest("POST", path, {}, token)).status == 405
    dry = await world.rest("GET", path, None, token, headers={"x-gateway-dry-run": "true"})
    assert dry.status == 200 or path == "/admin/audit"
    assert world.entries[-1]["dry_run"] is True
    assert not world.cognito.requests


async def test_permissions_say_what_a_caller_may_do(world: World) -> None:
    """Its roles with their limits, each operation with its routes, and what the sign-in is too old for."""
    sub = [{"Name": "sub", "Value": "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"}]
    groups = [{"GroupName": name} for name in ("owners", "moderator", "other")]
    alice = {"Username": "alice", "Enabled": True, "UserAttributes": sub, "Groups": groups}
    world.cognito.people = lambda _request: answer(alice)  # moderators are asked for live
    found = (await world.rest("GET", "/me/permissions", None, world.token("owners", "moderator", "other"))).json
    assert found["caller"] == {
        "sub": "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",
        "username": "alice",
        "groups": ["owners", "moderator", "other"],
        "scopes": ["aws.cognito.signin.user.admin"],
        "clientId": world.mint.client_id,
        "machine": False,
        "signedInAt": "2027-01-15T07:59:00Z",
        "expiresAt": "2027-01-15T09:00:00Z",
    }
    assert [role["name"] for role in found["roles"]] == ["admin", "moderator"]
    assert found["roles"][0] == {
        "name": "admin",
        "operations": ["AdminGetUser", "AdminSetUserPassword", "ListUsers"],
        "limits": {
            "attributes": ["any", "email"],
            "readable": ["any"],
            "groups": ["any"],
            "clientMetadata": [],
            "members": [],
            "federatedPassword": False,
        },
        "rankGroups": ["owners"],
        "precedence": None,
        "peers": True,
        "explain": True,
        "ratePerMinute": 1000,
    }
    operations = {each["name"]: each for each in found["operations"]}
    assert operations["ListUsers"]["roles"] == ["admin", "moderator"]
    assert "amplifyListUsers" in operations["ListUsers"]["routes"]
    assert operations["ListUsers"]["stepUp"] is None
    wanted: dict[str, Any] = {"maxAgeSeconds": 300, "acr": None, "amr": []}
    assert operations["AdminSetUserPassword"]["stepUp"] == wanted | {"satisfied": True}
    assert found["publicOperations"] == ["GetUser", "InitiateAuth"]
    assert (found["explain"], found["awsCredentials"]) == (True, True)
    world.clock.tick(300)
    found = (await world.rest("GET", "/me/permissions", None, world.token("admin"))).json
    stale = {each["name"]: each for each in found["operations"]}["AdminSetUserPassword"]
    assert stale["stepUp"] == wanted | {"satisfied": False}
    assert found["awsCredentials"] is False


async def test_permissions_of_a_machine_and_of_a_stranger_to_the_policy(world: World) -> None:
    """A machine sees its rank; who is in no role learns that, and is refused only when asking too often."""
    found = (await world.rest("GET", "/me/permissions", None, world.mint.machine(["gateway/users.write"]))).json
    assert (found["caller"]["machine"], found["caller"]["username"]) == (True, None)
    assert [(role["name"], role["precedence"]) for role in found["roles"]] == [("importer", 20)]
    for _ in range(60):
        reply = await world.rest("GET", "/me/permissions", None, world.token("nobody"))
        assert (reply.json["roles"], reply.json["operations"]) == ([], [])
    assert (await world.rest("GET", "/me/permissions", None, world.token("nobody"))).status == 429


async def test_the_policy_is_shown_whole(world: World) -> None:
    """Every role and every table, as it was read."""
    found = (await world.rest("GET", "/admin/policy", None, world.token("admin"))).json
    policy = read_policy(POLICY)
    assert [role["name"] for role in found["roles"]] == [role.name for role in policy.roles]
    assert found["roles"][1] == {
        "name": "moderator",
        "groups": ["moderator"],
        "scopes": [],
        "allow": ["ListUsers"],
        "explain": False,
        "peers": False,
        "fresh": ["ListUsers"],
        "strict": [],
        "precedence": None,
        "ratePerMinute": 600,
        "limits": {
            "attributes": [],
            "readable": ["name"],
            "groups": [],
            "clientMetadata": [],
            "members": [],
            "federatedPassword": False,
        },
        "aws": {
            "roleArn": "arn:aws:iam::123456789012:role/Reports",
            "maxSeconds": 3600,
            "fresh": True,
            "strict": False,
        },
    }
    assert found["guards"] == {
        "rank": True,
        "selfLockout": True,
        "lastAdmin": True,
        "takeover": False,
        "stepUp": {"AdminSetUserPassword": {"maxAgeSeconds": 300, "acr": None, "amr": []}},
    }
    assert found["public"]["allow"] == ["GetUser", "InitiateAuth"]
    assert (found["quotas"], found["warnings"]) == ({"UserList": 50}, ["guards.takeover is off"])
    limits = {field.name for field in dataclasses.fields(policy.roles[0].limits)}
    assert len(found["roles"][0]["limits"]) == len(limits)
    assert len(found["roles"][0]) == len(dataclasses.fields(policy.roles[0]))


async def test_health_tells_how_it_is_and_no_secret(world: World) -> None:
    """Keys' age, quotas in use, the audit's head, the clock: without keys, tokens and paths (R-01)."""
    world.cognito.script = lambda _request: answer({"Users": []})
    await world.call("ListUsers", {}, world.token("admin"))
    world.clock.tick(5)
    reply = await world.rest("GET", "/admin/health", None, world.token("admin"))
    found = reply.json
    assert [each["fetchedSecondsAgo"] for each in found["keys"]] == [5.0, None]
    assert found["quotas"] == [{"name": "UserList", "perSecond": 37.5, "waiting": 0}]
    assert found["credentials"] == {"kind": "keys", "lastFailure": None}
    assert found["store"] == {"shared": False, "lost": False}
    assert found["audit"]["head"].startswith("test:2:")
    assert (found["audit"]["writing"], found["audit"]["owed"], found["clockOffsetSeconds"]) == (True, 0, 0.0)
    assert found["version"]
    for secret in (ACCESS_KEY_ID, SECRET_ACCESS_KEY, "eyJ"):
        assert secret.encode() not in reply.body


async def test_health_says_what_failed_last() -> None:
    """A role that cannot be assumed shows by STS's code, without the role's ARN."""
    world = World(POLICY, AWS_ROLE_ARN="arn:aws:iam::123456789012:role/Gateway")
    world.cognito.script = lambda _request: Answer(403, {}, b"<ErrorResponse><Code>AccessDenied</Code></ErrorResponse>")
    await world.call("ListUsers", {}, world.token("admin"))
    reply = await world.rest("GET", "/admin/health", None, world.token("admin"))
    assert reply.json["credentials"] == {"kind": "role", "lastFailure": "sts:AccessDenied"}
    assert b"arn:" not in reply.body


async def test_where_the_audit_cannot_be_read_it_says_so(world: World) -> None:
    """404 in words, with a line of its own."""
    reply = await world.rest("GET", "/admin/audit", None, world.token("admin"))
    assert (reply.status, reply.json["type"], world.reason) == (404, "ResourceNotFoundException", "audit-not-readable")
    assert "standard output" in reply.json["detail"]


class Pages:
    """The port: keeps what it was asked for, and gives one line and a place."""

    def __init__(self) -> None:
        """Nothing was asked."""
        self.asked: list[tuple[Query, int, str | None]] = []

    async def __call__(self, query: Query, limit: int, place: str | None) -> AuditPage:
        """One page."""
        self.asked.append((query, limit, place))
        return AuditPage([{"id": f"line-{len(self.asked)}"}], "place-1" if place is None else None)


@pytest.fixture
def pages() -> Pages:
    """What can be read back."""
    return Pages()


@pytest.fixture
def readable(pages: Pages) -> World:
    """A gateway whose audit can be read back."""
    return World(POLICY, pages)


async def test_the_audit_is_read_page_by_page(readable: World, pages: Pages) -> None:
    """A cursor goes on where the page ended, for the same caller and the same question."""
    token = readable.token("admin")
    first = (await readable.rest("GET", "/admin/audit?limit=10&denied=true&caller=a*", None, token)).json
    assert first["items"] == [{"id": "line-1"}]
    again = f"/admin/audit?limit=5&denied=true&caller=a*&cursor={first['cursor']}"
    assert (await readable.rest("GET", again, None, token)).json == {"items": [{"id": "line-2"}], "cursor": None}
    assert [(limit, place) for _, limit, place in pages.asked] == [(10, None), (5, "place-1")]
    other = readable.token("admin", sub="another")
    for path, bearer in ((again, other), (f"/admin/audit?cursor={first['cursor']}", token)):
        reply = await readable.rest("GET", path, None, bearer)
        assert (reply.status, reply.json["member"], readable.reason) == (400, "cursor", "cursor")
    assert len(pages.asked) == 2


async def test_the_audit_s_query_becomes_what_is_looked_for(readable: World, pages: Pages) -> None:
    """Names with stars, moments, or how long ago."""
    query = "caller=alice&target=b*&operation=AdminDis*&reason=rank&role=mod*&id=x&since=15m&until=2027-01-15T08:00:00Z"
    assert (await readable.rest("GET", f"/admin/audit?{query}", None, readable.token("admin"))).status == 200
    found, limit, _ = pages.asked[0]
    assert limit == 60
    assert (found.since, found.until) == ("2027-01-15T07:45:00.000Z", "2027-01-15T08:00:00.000Z")
    line = {
        "time": "2027-01-15T07:50:00.000Z",
        "id": "x",
        "operation": "AdminDisableUser",
        "caller": {"username": "alice"},
        "target": {"username": "bob"},
        "decision": {"allowed": False, "role": "moderator", "reason": "rank"},
    }
    assert found.matches(line)
    for name in ("operation", "caller", "target", "decision", "id"):
        assert not found.matches(line | {name: None})


@pytest.mark.parametrize(
    ("query", "member"),
    [
        ("limit=61", "limit"),
        ("limit=0", "limit"),
        ("since=yesterday", "since"),
        ("until=2027-01-15T08:00:00", "until"),
        ("since=999999d", None),
        ("denied=yes", "denied"),
        ("caller=", "caller"),
        ("caller=*a*a*a*a", "caller"),
        ("operation=" + "x" * 257, "operation"),
    ],
)
async def test_a_wrong_question_is_refused(readable: World, pages: Pages, query: str, member: str | None) -> None:
    """The member is named; many stars, which would take long to compare, are too many. Nothing is read."""
    reply = await readable.rest("GET", f"/admin/audit?{query}", None, readable.token("admin"))
    if member is None:  # before the epoch began: everything
        assert reply.status == 200
        return
    assert (reply.status, reply.json["member"]) == (400, member)
    assert json.loads(readable.sink.lines[-1])["decision"]["allowed"] is False
    assert not pages.asked


async def test_a_dry_run_reads_nothing(readable: World, pages: Pages) -> None:
    """It says that it would be allowed."""
    dry: dict[str, Any] = {"x-gateway-dry-run": "true"}
    reply = await readable.rest("GET", "/admin/audit", None, readable.token("admin"), headers=dry)
    assert (reply.status, reply.json["allowed"]) == (200, True)
    assert not pages.asked
