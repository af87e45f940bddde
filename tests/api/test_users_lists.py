"""`GET /admin/users` and `GET /admin/groups/{group}/users`: pages, filters, the bounded scan."""

from typing import Any
from urllib.parse import quote

import pytest

from gateway.api.admin import scan
from tests.api.crowd import Crowd, person, world_of
from tests.world import World, refusal

STATUSES = ("CONFIRMED", "UNCONFIRMED", "RESET_REQUIRED")


def crowd_of(count: int, **more: Any) -> Crowd:
    """So many users, of three statuses, every seventh disabled, every fifth in a team."""
    users = [
        person(
            f"user-{number:03}",
            status=STATUSES[number % 3],
            enabled=number % 7 != 0,
            email=f"user-{number:03}@example.com",
            name=f"Nr {number}",
            **({"custom__team": "Blue Whales"} if number % 5 == 0 else {}),
        )
        for number in range(count)
    ]
    return Crowd(users, {user["Username"]: ["user"] for user in users}, **more)


async def pages(world: World, path: str, token: str, cursor: str | None = "") -> list[dict[str, Any]]:
    """All answers of a list, to its end."""
    found: list[dict[str, Any]] = []
    while cursor is not None:
        joint = "&" if "?" in path else "?"
        reply = await world.rest("GET", path + (f"{joint}cursor={cursor}" if cursor else ""), None, token)
        assert reply.status == 200, reply.body
        found.append(reply.json)
        cursor = reply.json["cursor"]
    return found


def names(found: list[dict[str, Any]]) -> list[str]:
    """The users of some answers."""
    return [user["username"] for page in found for user in page["items"]]


@pytest.mark.parametrize("empty_pages", [False, True])
@pytest.mark.parametrize("path", ["/admin/users", "/admin/groups/support/users", "/admin/users?group=support"])
async def test_a_list_pages_to_its_end(path: str, empty_pages: bool) -> None:  # noqa: FBT001 - a case
    """Each of 203 users once, in Cognito's order; a page of Cognito's may be empty and have a next."""
    crowd = crowd_of(203, empty_pages=empty_pages)
    world = world_of(crowd)
    for limit in (7, 60):
        joint = "&" if "?" in path else "?"
        found = await pages(world, f"{path}{joint}limit={limit}", world.token("admin"))
        assert names(found) == [user["Username"] for user in crowd.users]
        assert all(len(page["items"]) <= limit for page in found)
        assert all(set(page) == {"items", "cursor"} for page in found)
    asked = {operation for operation, _ in crowd.asked} - {"DescribeUserPool"}
    assert asked == {"ListUsers" if path == "/admin/users" else "ListUsersInGroup"}


@pytest.mark.parametrize("empty_pages", [False, True])
@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("search=USER-1", lambda number: 100 <= number < 200),
        ("search=whale", lambda number: number % 5 == 0),
        ("status=disabled&group=g", lambda number: number % 7 == 0),
        ("group=g&status=CONFIRMED", lambda number: number % 3 == 0),
        ("group=g&filter=email%5E=USER-01", lambda number: 10 <= number < 20),
        ("group=g&filter=username=user-007&status=enabled", lambda _number: False),
        ("search=e&group=g&status=enabled&filter=name%5E=nr%201", lambda n: str(n)[0] == "1" and n % 7),
        ("search=nobody-at-all", lambda _number: False),
    ],
)
async def test_a_scan_gives_everybody_who_fits_once(query: str, wanted: Any, empty_pages: bool) -> None:  # noqa: FBT001
    """Whatever the limit, nobody is left out and nobody comes twice, and everybody was looked at once."""
    crowd = crowd_of(203, empty_pages=empty_pages)
    world = world_of(crowd)
    expected = [f"user-{number:03}" for number in range(203) if wanted(number)]
    for limit in (1, 2, 3, 13, 59, 60):
        found = await pages(world, f"/admin/users?{query}&limit={limit}", world.token("admin"))
        assert names(found) == expected
        assert sum(page["scanned"] for page in found) == 203
        assert all(page["complete"] for page in found)
        assert all(len(page["items"]) == limit for page in found[:-1])


async def test_every_limit_gives_the_same_list() -> None:
    """From 1 to 60."""
    crowd = crowd_of(203)
    world = world_of(crowd)
    expected = [f"user-{number:03}" for number in range(203) if number % 5 == 0]
    for limit in range(1, 61):
        found = await pages(world, f"/admin/users?search=blue%20w&limit={limit}", world.token("admin"))
        assert names(found) == expected


async def test_no_last_page_comes_for_nothing() -> None:
    """Where nobody else on Cognito's page fits, the list is at its end."""
    world = world_of(crowd_of(50))
    reply = await world.rest("GET", "/admin/users?search=user-04&limit=10", None, world.token("admin"))
    assert (len(reply.json["items"]), reply.json["cursor"], reply.json["scanned"]) == (10, None, 50)


async def test_a_scan_is_bounded_and_goes_on_where_it_stopped() -> None:
    """After so many pages it says that it is not complete; the cursor goes on, and finds the rest."""
    crowd = crowd_of(scan.MAX_PAGES * scan.PAGE_USERS * 2 + 5)
    world = world_of(crowd)
    found = await pages(world, "/admin/users?search=user-2404", world.token("admin"))
    assert [page["complete"] for page in found] == [False, False, True]
    assert [page["scanned"] for page in found] == [1200, 1200, 5]
    assert names(found) == ["user-2404"]


async def test_a_scan_stops_after_some_seconds() -> None:
    """Slow pages do not add up to a timeout."""
    crowd = crowd_of(500)
    world = world_of(crowd)

    def slow(request: Any) -> Any:
        world.clock.tick(2.0)
        return crowd(request)

    world.cognito.script = slow
    found = await pages(world, "/admin/users?search=user-499", world.token("admin"))
    assert found[0]["complete"] is False
    assert names(found) == ["user-499"]
    assert sum(page["scanned"] for page in found) == 500


async def test_a_throttle_in_the_middle_ends_a_scan_early() -> None:
    """What was found until then is given; at the beginning it is 429."""
    crowd = crowd_of(203)
    world = world_of(crowd)

    def throttled(request: Any) -> Any:
        return refusal("TooManyRequestsException") if len(crowd.asked) == 2 else crowd(request)

    world.cognito.script = throttled
    early = (await world.rest("GET", "/admin/users?search=user-1", None, world.token("admin"))).json
    assert (len(early["items"]), early["scanned"], early["complete"]) == (20, 120, False)
    path = "/admin/users?search=user-1"
    first = await world.rest("GET", f"{path}&cursor={early['cursor']}", None, world.token("admin"))
    assert first.status == 429
    assert int(first.headers["retry-after"]) >= 1
    world.cognito.script = crowd
    world.clock.tick(5.0)
    rest = await pages(world, path, world.token("admin"), early["cursor"])
    assert names([early, *rest]) == [f"user-{number}" for number in range(100, 200)]
    world.cognito.script = lambda _request: refusal("InternalErrorException", "no", 500)
    assert (await world.rest("GET", "/admin/users?search=x", None, world.token("admin"))).status == 500


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("email^=ann", 'email ^= "ann"'),
        ("email=ann@example.com", 'email = "ann@example.com"'),
        ('email ^= "ann"', 'email ^= "ann"'),
        ('"email"="ann"', 'email = "ann"'),
        ("name=Ann Example ", 'name = "Ann Example"'),
        ("name=a=b^=c", 'name = "a=b^=c"'),
        ('name=a" or status = "Enabled', 'name = "a\\" or status = \\"Enabled"'),
        ('name="a" or status = "Enabled"', 'name = "\\"a\\" or status = \\"Enabled\\""'),
        ('name="a\\" b"', 'name = "a\\" b"'),
        ("name=a\\", 'name = "a\\\\"'),
        ('name=\\"', 'name = "\\\\\\""'),
        ('name="a\\\\"', 'name = "a\\\\"'),
        ("phone_number^=+49", 'phone_number ^= "+49"'),
        ("phone_number^= 49", 'phone_number ^= "+49"'),
        ("cognito:user_status=CONFIRMED", 'cognito:user_status = "CONFIRMED"'),
        ("name=Jürgen", 'name = "Jürgen"'),
    ],
)
async def test_a_filter_is_written_by_the_gateway(given: str, sent: str) -> None:
    """R-10: a value is quoted, whatever is in it: one clause stays one clause."""
    crowd = crowd_of(1)
    world = world_of(crowd)
    reply = await world.rest("GET", f"/admin/users?filter={quote(given)}&limit=5", None, world.token("admin"))
    assert reply.status == 200
    assert crowd.asked[0] == ("ListUsers", {"UserPoolId": world.mint.pool_id, "Filter": sent, "Limit": 5})


@pytest.mark.parametrize(("status", "sent"), [("disabled", 'status = "Disabled"'), ("UNCONFIRMED", None)])
async def test_a_status_alone_is_cognito_s_filter(status: str, sent: str | None) -> None:
    """No scan is needed for one question."""
    crowd = crowd_of(1)
    world = world_of(crowd)
    found = (await world.rest("GET", f"/admin/users?status={status}", None, world.token("admin"))).json
    assert "scanned" not in found
    assert crowd.asked[0][1]["Filter"] == (sent or f'cognito:user_status = "{status}"')


@pytest.mark.parametrize(
    ("query", "member"),
    [
        ("filter=", "filter"),
        ("filter=ann", "filter"),
        ("filter=email%5E", "filter"),
        ("filter=email=", "filter"),
        ("filter=email=%22%22", "filter"),
        ("filter=custom:team=x", "filter"),
        ("filter=nickname=x", "filter"),
        ("filter=Email=x", "filter"),
        ("filter=email=a%00b", "filter"),
        ("filter=email=a%0Ab", "filter"),
        ("filter=email=a%7Fb", "filter"),
        ("filter=name=" + "%22" * 130, "filter"),
        ("filter=name=" + "x" * 300, "filter"),
        ("filter=name=x&filter=name=y", "filter"),
        ("status=confirmed", "status"),
        ("status=", "status"),
        ("group=", "group"),
        ("group=a%20b", "group"),
        ("search=", "search"),
        ("search=" + "x" * 257, "search"),
        ("limit=0", "limit"),
        ("limit=61", "limit"),
        ("include=", "include[0]"),
        ("include=groups,groups", "include"),
        ("cursor=AAAA", "cursor"),
        ("cursor=%2F", "cursor"),
    ],
)
async def test_a_wrong_query_is_named_and_nothing_is_sent(query: str, member: str) -> None:
    """R-10: 400, also for what Cognito would take as something else."""
    crowd = crowd_of(1)
    world = world_of(crowd)
    reply = await world.rest("GET", f"/admin/users?{query}", None, world.token("admin"))
    assert (reply.status, reply.json["type"], reply.json.get("member")) == (400, "InvalidParameterException", member)
    assert not crowd.asked
    assert world.entries[-1]["decision"]["allowed"] is False


async def test_a_cursor_is_of_one_caller_one_list_and_one_filter() -> None:
    """Another's, another list's, another filter's and a changed one are refused alike."""
    crowd = crowd_of(203)
    world = world_of(crowd)
    admin = world.token("admin")
    cursor = (await world.rest("GET", "/admin/users?search=user&limit=5", None, admin)).json["cursor"]
    good = f"/admin/users?search=user&limit=9&cursor={cursor}"
    assert (await world.rest("GET", good, None, admin)).json["items"][0]["username"] == "user-005"
    for path, token in (
        (good, world.token("admin", sub="another-sub")),
        (f"/admin/users?search=use&cursor={cursor}", admin),
        (f"/admin/users?cursor={cursor}", admin),
        (f"/admin/users?search=user&status=enabled&cursor={cursor}", admin),
        (f"/admin/groups/support/users?cursor={cursor}", admin),
        (f"/admin/users?search=user&cursor={cursor[:-1]}", admin),
        (f"/admin/users?search=user&cursor=A{cursor[1:]}", admin),
        (f"/admin/users?search=user&cursor={cursor}AAAA", admin),
    ):
        reply = await world.rest("GET", path, None, token)
        assert (reply.status, reply.json["member"], world.reason) == (400, "cursor", "cursor")


async def test_nothing_is_found_by_what_the_role_may_not_read() -> None:
    """R-10: neither by search nor by a filter, in Cognito or in a scan; a filter is not even asked."""
    crowd = crowd_of(20)
    world = world_of(crowd)
    token = world.token("moderator")  # reads name and custom:team
    found = (await world.rest("GET", "/admin/users", None, token)).json["items"]
    assert {user["email"] for user in found} == {None}
    assert {name for user in found for name in user["attributes"]} == {"name", "custom:team"}
    assert (await world.rest("GET", "/admin/users?search=example.com", None, token)).json["items"] == []
    assert (await world.rest("GET", "/admin/users?group=g&filter=email%5E=user", None, token)).json["items"] == []
    assert len((await world.rest("GET", "/admin/users?search=blue", None, token)).json["items"]) == 4
    crowd.asked.clear()
    refused = await world.rest("GET", "/admin/users?filter=email%5E=user", None, token)
    assert (refused.status, world.reason) == (403, "field:Filter")
    assert not crowd.asked


async def test_groups_come_with_the_users_on_request() -> None:
    """All of each user's, however many pages; who is gone since is in none."""
    crowd = crowd_of(60)
    crowd.groups["user-000"] = ["admin", "support", "user"]
    del crowd.groups["user-001"]
    world = world_of(crowd)
    for path in (
        "/admin/users?include=groups",
        "/admin/groups/g/users?include=groups",
        "/admin/users?search=user&include=groups",
    ):
        found = (await world.rest("GET", path, None, world.token("admin"))).json["items"]
        assert [user["groups"] for user in found[:3]] == [["admin", "support", "user"], [], ["user"]]
        assert len(found) == 60


async def test_a_failure_among_the_groups_is_the_answer() -> None:
    """No list with groups left out."""
    crowd = crowd_of(60)
    world = world_of(crowd)

    def throttled(request: Any) -> Any:
        late = len(crowd.asked) > 20
        return refusal("TooManyRequestsException") if late else crowd(request)

    world.cognito.script = throttled
    reply = await world.rest("GET", "/admin/users?include=groups", None, world.token("admin"))
    assert (reply.status, reply.json["type"]) == (429, "TooManyRequestsException")


async def test_who_may_not_list_is_refused() -> None:
    """401 without a token, 403 in a weaker role, a dry run says so; the group's list likewise."""
    crowd = crowd_of(1)
    world = world_of(crowd)
    for path in ("/admin/users", "/admin/users?group=g", "/admin/groups/g/users"):
        assert (await world.rest("GET", path, None, None)).status == 401
        assert (await world.rest("GET", path, None, world.token("user"))).status == 403
        dry = await world.rest("GET", path, None, world.token("admin"), headers={"x-gateway-dry-run": "true"})
        assert dry.json["allowed"] is True
    assert not crowd.asked
    world.cognito.script = lambda _request: refusal("ResourceNotFoundException", "Group not found.")
    assert (await world.rest("GET", "/admin/groups/g/users", None, world.token("admin"))).status == 404


async def test_each_page_of_a_scan_is_written_down() -> None:
    """R-18: what was asked of Cognito stands in the audit, page by page, under one request's id."""
    world = world_of(crowd_of(203))
    await world.rest("GET", "/admin/users?search=nobody", None, world.token("admin"))
    assert [entry["id"] for entry in world.entries] == ["request-1", "request-1.2", "request-1.3", "request-1.4"]
    assert {entry["operation"] for entry in world.entries} == {"ListUsers"}
