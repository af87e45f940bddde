"""Changes through a whole gateway in memory: repeated, revoked, by a clock that is wrong."""

import json
from email.utils import formatdate
from typing import Any

import pytest

from gateway.store import MemoryStore, Rate, Revocation
from gateway.upstream import Answer, Request
from tests.world import World, answer, everybody, operation_of, refusal, sub_of

POLICY = """
[roles.admin]
groups = ["admin"]
allow = ["AdminDisableUser", "AdminCreateUser", "AdminInitiateAuth", "ListUsers"]
peers = true
[roles.admin.limits]
attributes = "any"
[roles.viewer]
groups = ["viewer"]
allow = ["AdminCreateUser"]
[roles.viewer.limits]
attributes = "any"
readable = ["name"]
[public]
allow = ["AssociateSoftwareToken", "GlobalSignOut"]
"""
KEY = {"idempotency-key": "key-1"}


def kept(world: World) -> str:
    """Everything that the store keeps of requests."""
    return repr([(each, each.reply) for each in world.store._kept.values()])


async def test_the_same_change_is_done_once_and_another_body_is_refused() -> None:
    """Idempotency-Key: same key, same body: the same answer and one call; another body is 422."""
    world, token = World(POLICY), ""
    token = world.token("admin")
    found = [await world.call("AdminDisableUser", {"Username": "bob"}, token, headers=KEY) for _ in range(3)]
    assert [(reply.status, reply.body) for reply in found] == [(200, b"{}")] * 3
    assert len(world.cognito.requests) == 1
    other = await world.call("AdminDisableUser", {"Username": "ida"}, token, headers=KEY)
    assert (other.status, other.type) == (422, "IdempotencyConflictException")
    assert world.reason.startswith("idempotency")


async def test_a_dry_run_says_what_is_wrong_with_a_key_too() -> None:
    """A dry run answers as the real call would; the key itself is not used up."""
    world = World(POLICY)
    for dry in ("true", "false"):
        headers = {"idempotency-key": "a b", "x-gateway-dry-run": dry}
        assert (
            await world.call("AdminDisableUser", {"Username": "bob"}, world.token("admin"), headers=headers)
        ).status == 400
        assert world.reason == "idempotency-key"
    headers = KEY | {"x-gateway-dry-run": "true"}
    assert (
        await world.call("AdminDisableUser", {"Username": "bob"}, world.token("admin"), headers=headers)
    ).status == 200
    assert world.cognito.requests == []


async def test_a_denied_change_takes_no_turn_of_cognitos_quota() -> None:
    """R-22: whoever asks for what it may not do uses up nobody's changes per second."""
    world = World(POLICY)
    started = world.clock()
    for _ in range(30):
        reply = await world.call(
            "AdminDisableUser", {"Username": "mod"}, world.token("admin", username="mod", sub=sub_of("mod"))
        )
        assert (reply.status, world.reason) == (403, "self-lockout")
    assert (await world.call("AdminDisableUser", {"Username": "bob"}, world.token("admin"))).status == 200
    assert world.clock() == started, "it waited for a turn"


RANKS = """
[roles.admin]
groups = ["admin"]
allow = ["AdminDisableUser"]
peers = true
[roles.moderator]
groups = ["moderator"]
allow = ["AdminDisableUser"]
"""


class Groups:
    """Who is in which group, as Cognito has it; and a store whose answers bring what another replica has done."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A gateway whose quota's next turn brings the news of `moved`, if there are any."""
        self.members: dict[str, str] = {"boss": "admin"}
        self.moved: dict[str, str] = {}
        self.world = World(RANKS)
        self.world.cognito.people = self._answer
        take = MemoryStore.take

        async def bringing(store: MemoryStore, key: str, rate: Rate, now: float) -> float:
            if key.startswith("quota\nUserUpdate") and self.moved:
                names = {*self.members, *self.moved}
                self.members, self.moved = self.moved, {}
                news = [Revocation("groups_changed", sub_of(name), self.world.clock()) for name in sorted(names)]
                await store.revoke(news)
            return await take(store, key, rate, now)

        monkeypatch.setattr(MemoryStore, "take", bringing)

    async def disables_bob(self, caller: str, group: str, **headers: str) -> tuple[int, str]:
        """What becomes of it, and why."""
        token = self.world.token(group, sub=sub_of(caller), username=caller)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        reply = await self.world.call("AdminDisableUser", {"Username": "bob"}, token, headers=named)
        return reply.status, self.world.reason

    def _answer(self, request: Request) -> Answer:
        operation, body = operation_of(request), json.loads(request.body)
        if operation == "AdminListGroupsForUser":
            ranks = {"admin": 0, "moderator": 1}
            group = self.members.get(body["Username"])
            return answer({"Groups": [{"GroupName": group, "Precedence": ranks[group]}] if group else []})
        if operation == "ListUsersInGroup":
            named = [name for name, group in self.members.items() if group == body["GroupName"]]
            return answer({"Users": [{"Username": name, "Enabled": True, "UserStatus": "CONFIRMED"} for name in named]})
        return everybody(request)


@pytest.mark.parametrize("waits", [False, True])
async def test_a_target_that_was_promoted_meanwhile_is_judged_as_what_it_is(
    monkeypatch: pytest.MonkeyPatch,
    waits: bool,  # noqa: FBT001 - a case
) -> None:
    """R-12: what the turn's own exchange brings of another replica's changes, or what came while it waited, counts."""
    groups = Groups(monkeypatch)
    assert await groups.disables_bob("mod", "moderator", x_gateway_dry_run="true") == (200, "None")
    if waits:  # Cognito throttles another's change, and the lane pauses
        groups.world.cognito.script = lambda _request: refusal("TooManyRequestsException")
        await groups.world.call("AdminDisableUser", {"Username": "ida"}, groups.world.token("admin"))
        groups.world.cognito.requests.clear()
    groups.moved = {"bob": "admin", "boss": "admin"}
    assert await groups.disables_bob("mod", "moderator") == (403, "rank")
    assert groups.world.cognito.requests == []


async def test_nor_is_who_became_the_last_admin_meanwhile_disabled(monkeypatch: pytest.MonkeyPatch) -> None:
    """R-12: the last admin is whoever is it when the deed is done."""
    groups = Groups(monkeypatch)
    assert await groups.disables_bob("root", "admin", x_gateway_dry_run="true") == (200, "None")
    groups.moved = {"bob": "admin"}
    assert await groups.disables_bob("root", "admin") == (403, "last-admin")
    assert groups.world.cognito.requests == []


async def test_tokens_and_seeds_are_never_kept() -> None:
    """R-01: what signs in is in no store, although the request came with a key."""
    world = World(POLICY)
    secret = {"SecretCode": "canary-seed", "AuthenticationResult": {"RefreshToken": "canary-refresh"}}
    world.cognito.script = lambda _request: answer(secret)
    body = {"AccessToken": world.token("user")}
    assert (await world.call("AssociateSoftwareToken", body, headers=KEY)).status == 200
    flow = {
        "ClientId": world.mint.client_id,
        "AuthFlow": "ADMIN_USER_PASSWORD_AUTH",
        "AuthParameters": {"USERNAME": "b"},
    }
    assert (await world.call("AdminInitiateAuth", flow, world.token("admin"), headers=KEY)).status == 200
    assert "canary" not in kept(world)


async def test_a_kept_answer_shows_no_more_than_the_role_may_see_now() -> None:
    """A replay is authorised anew, and filtered anew: the caller's role is a narrower one by now."""
    world = World(POLICY)
    user = {"User": {"Username": "x", "Attributes": [{"Name": "email", "Value": "x@example.com"}]}}
    world.cognito.script = lambda _request: answer(user)
    first = await world.call("AdminCreateUser", {"Username": "x"}, world.token("admin"), headers=KEY)
    assert b"x@example.com" in first.body
    world.cognito.people = _with_viewer
    again = await world.call("AdminCreateUser", {"Username": "x"}, world.token("viewer"), headers=KEY)
    assert (again.status, len(world.cognito.requests)) == (200, 1)
    assert b"x@example.com" not in again.body


async def test_a_clock_behind_cognitos_revokes_by_cognitos() -> None:
    """R-13: tokens carry Cognito's time: one that was issued just before is revoked although our clock is behind."""
    world = World(POLICY)
    world.cognito.script = lambda _request: answer({}, date=formatdate(world.clock() + 45.0, usegmt=True))
    fresh = int(world.clock()) + 40
    token = world.token("admin", sub=sub_of("bob"), username="bob", iat=fresh, auth_time=fresh)
    assert (await world.call("ListUsers", {}, token)).status == 200
    assert (await world.call("AdminDisableUser", {"Username": "bob"}, world.token("admin"))).status == 200
    assert (await world.call("ListUsers", {}, token)).status == 401
    assert world.reason == "revoked"


async def test_an_absurd_clock_of_cognitos_locks_nobody_out_for_long() -> None:
    """A Date that is hours ahead moves a revocation by a minute, no more: the next sign-in counts again."""
    world = World(POLICY)
    world.cognito.script = lambda _request: answer({}, date=formatdate(world.clock() + 7200.0, usegmt=True))
    assert (await world.call("AdminDisableUser", {"Username": "bob"}, world.token("admin"))).status == 200
    world.clock.tick(61.0)
    now = int(world.clock())
    token = world.token("admin", sub=sub_of("bob"), username="bob", iat=now, auth_time=now)
    assert (await world.call("ListUsers", {}, token)).status == 200


def _with_viewer(request: Request) -> Answer:
    found: dict[str, Any] = {"Groups": [{"GroupName": "viewer", "Precedence": 3}]}
    return answer(found if operation_of(request) == "ListGroups" else {})
