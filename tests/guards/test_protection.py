"""The guards at work in a whole gateway: the facts that they ask for, what they let through, what follows from it."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from gateway.errors import Unavailable
from gateway.rooms import Rooms
from gateway.store import MemoryStore, Revocation
from gateway.upstream import Broken
from tests.guards.pool import BOB_SUB, MODERATOR_SUB, ROOT_SUB, Pool, behind, body_of, small_pool
from tests.world import Reply, World, answer

CHANGES = (
    "AdminDisableUser", "AdminEnableUser", "AdminDeleteUser", "AdminSetUserPassword", "AdminUpdateUserAttributes",
    "AdminAddUserToGroup", "AdminRemoveUserFromGroup", "AdminUserGlobalSignOut", "AdminCreateUser",
    "AdminLinkProviderForUser", "AdminRespondToAuthChallenge", "CreateGroup", "UpdateGroup", "DeleteGroup",
)  # fmt: skip
ALLOW = json.dumps([*CHANGES, "ListUsers"])
LIMITS = 'attributes = "any"\ngroups = "any"\nmembers = "any"'


def policy(*roles: tuple[str, str], more: str = "") -> str:
    """A policy of roles, each of the group of its name with lines of its own, which may do and name everything."""
    tables = [
        f'[roles.{name}]\ngroups = ["{name}"]\nallow = {ALLOW}\n{lines}\n[roles.{name}.limits]\n{LIMITS}'
        for name, lines in roles
    ]
    return "\n".join([*tables, more])


USUAL = policy(("admin", "peers = true"), ("moderator", ""))


class Gate:
    """A gateway in front of a pool, and who asks."""

    def __init__(self, text: str = USUAL, pool: Pool | None = None) -> None:
        """`text` is the policy."""
        self.pool = pool or small_pool()
        self.world = behind(World(text), self.pool)

    @property
    def rooms(self) -> Rooms:
        """The rooms behind the app."""
        return self.world.assembled.app._pipeline._rooms

    async def ask(self, operation: str, body: Mapping[str, Any], *groups: str, **how: Any) -> Reply:
        """Ask as `mod`, or as somebody else in other groups; a token of its own each time, signed in just now."""
        headers = how.pop("headers", None)
        now = int(self.world.clock())
        claims = {"sub": MODERATOR_SUB, "username": "mod", "iat": now, "auth_time": now, "exp": now + 3600} | how
        token = self.world.token(*(groups or ("moderator",)), **claims)
        return await self.world.call(operation, dict(body), token, headers=headers)

    async def why(self, operation: str, body: Mapping[str, Any], *groups: str, **how: Any) -> tuple[int, str | None]:
        """The status, and the reason of the first line that was written about it."""
        before = len(self.world.entries)
        reply = await self.ask(operation, body, *groups, **how)
        return reply.status, self.world.entries[before]["decision"]["reason"]

    async def asked(self, operation: str, body: Mapping[str, Any], *groups: str, **how: Any) -> list[str]:
        """What Cognito was asked for it."""
        self.pool.asked.clear()
        await self.ask(operation, body, *groups, **how)
        return list(self.pool.asked)

    def tick(self, seconds: float) -> None:
        """Let time pass."""
        self.world.clock.tick(seconds)

    def line(self) -> dict[str, Any]:
        """The audit's last line."""
        return self.world.entries[-1]


async def test_a_change_asks_at_most_two_questions_about_its_target_and_remembers_them() -> None:
    """R-12: who it is and which groups it is in, once in five seconds; the pool's groups once a minute for all."""
    gate = Gate()
    enable = {"Username": "bob"}
    questions = ["AdminGetUser", "ListGroups", "AdminListGroupsForUser"]
    assert sorted(set(await gate.asked("AdminUpdateUserAttributes", body_of("AdminUpdateUserAttributes", "root")))) == (
        sorted(questions)
    )
    assert gate.line()["guard_calls"].count("AdminGetUser") == 1
    assert await gate.asked("AdminEnableUser", {"Username": "root"}) == []
    gate.tick(5.0)
    assert set(await gate.asked("AdminEnableUser", {"Username": "root"})) == {"AdminGetUser", "AdminListGroupsForUser"}
    gate.tick(55.0)
    assert "ListGroups" in await gate.asked("AdminEnableUser", enable)


async def test_reads_ask_nothing() -> None:
    """A read costs what it costs without guards: one call."""
    gate = Gate()
    assert await gate.asked("ListUsers", {}) == ["ListUsers"]
    assert "guard_calls" not in gate.line() or gate.line()["guard_calls"] == []


async def test_what_this_gateway_changed_is_asked_anew() -> None:
    """R-12: after a change to a user nothing that was known of it before decides about it."""
    gate = Gate()
    assert (await gate.ask("AdminAddUserToGroup", {"Username": "bob", "GroupName": "admin"}, "admin")).status == 200
    assert await gate.why("AdminDisableUser", {"Username": "bob"}) == (403, "rank")


async def test_a_group_that_was_made_stronger_is_known_as_such_at_once() -> None:
    """R-12: UpdateGroup through this gateway is not forgotten for a minute, nor is it of the group's members."""
    gate = Gate()
    gate.pool.add("guest", "readonly")
    assert (await gate.ask("AdminAddUserToGroup", {"Username": "bob", "GroupName": "premium"})).status == 200
    assert (await gate.ask("UpdateGroup", {"GroupName": "premium", "Precedence": 2}, "admin")).status == 200
    assert await gate.why("AdminAddUserToGroup", {"Username": "guest", "GroupName": "premium"}) == (403, "rank")
    assert await gate.why("AdminDisableUser", {"Username": "bob"}) == (403, "rank")


async def test_a_group_that_was_made_anew_is_known_as_such_at_once() -> None:
    """R-12: so is one that was deleted and made again, stronger, under its old name."""
    gate = Gate()
    gate.pool.add("guest", "readonly")
    assert (await gate.ask("AdminEnableUser", {"Username": "bob"})).status == 200
    assert (await gate.ask("DeleteGroup", {"GroupName": "premium"}, "admin")).status == 200
    gate.tick(1.0)
    assert (await gate.ask("CreateGroup", {"GroupName": "premium", "Precedence": 2}, "admin")).status == 200
    assert await gate.why("AdminAddUserToGroup", {"Username": "guest", "GroupName": "premium"}) == (403, "rank")


async def test_what_another_replica_changed_is_asked_anew() -> None:
    """R-12: the shared revocations tell that a user's groups were changed elsewhere."""
    gate = Gate()
    assert (await gate.ask("AdminEnableUser", {"Username": "bob"})).status == 200
    assert "AdminGetUser" in await gate.asked("AdminEnableUser", {"Username": "bob"})
    gate.pool.people[BOB_SUB].groups.add("admin")
    await gate.rooms.store.revoke([Revocation("groups_changed", BOB_SUB, gate.world.clock())])
    assert await gate.why("AdminDisableUser", {"Username": "bob"}) == (403, "rank")


async def test_fields_are_judged_before_cognito_is_asked() -> None:
    """What a limit refuses costs Cognito nothing."""
    text = USUAL.replace('attributes = "any"', 'attributes = ["name"]')
    gate = Gate(text)
    body = {"Username": "bob", "UserAttributes": [{"Name": "email", "Value": "x@example.com"}]}
    assert await gate.asked("AdminUpdateUserAttributes", body) == []
    assert gate.line()["decision"]["reason"] == "field:UserAttributes"


async def test_who_is_not_there_is_not_changed() -> None:
    """R-12: Cognito's own errors for a user and for a group that the pool lacks; the change is not sent."""
    gate = Gate()
    nobody = await gate.ask("AdminDisableUser", {"Username": "nobody"})
    assert (nobody.status, nobody.type) == (400, "UserNotFoundException")
    nowhere = await gate.ask("AdminAddUserToGroup", {"Username": "bob", "GroupName": "nowhere"})
    assert (nowhere.status, nowhere.type) == (400, "ResourceNotFoundException")
    assert gate.pool.done == []


async def test_a_group_that_was_made_elsewhere_is_found() -> None:
    """A name that is not among the known groups is looked up once more before it counts as missing."""
    gate = Gate()
    await gate.ask("AdminEnableUser", {"Username": "bob"})
    gate.pool.groups["newcomers"] = 20
    assert (await gate.ask("AdminAddUserToGroup", {"Username": "bob", "GroupName": "newcomers"})).status == 200


async def test_a_callers_group_that_was_made_elsewhere_gives_its_rank() -> None:
    """So is the caller's own, which would otherwise act on nobody for a minute."""
    gate = Gate(policy(("moderator", ""), ("late", "")))
    await gate.ask("AdminEnableUser", {"Username": "bob"})
    gate.pool.groups["late"] = 4
    assert (await gate.ask("AdminEnableUser", {"Username": "bob"}, "late")).status == 200


async def test_the_canonical_user_is_written_down_with_the_questions() -> None:
    """R-12, R-18: the audit names whom it was about, not how the caller called it, and what the guards asked."""
    gate = Gate()
    await gate.ask("AdminEnableUser", {"Username": "BOB@example.com"})
    intent, outcome = gate.world.entries
    assert intent["target"] == outcome["target"] == {"username": "bob", "sub": BOB_SUB}
    assert set(intent["guard_calls"]) == {"AdminGetUser", "ListGroups", "AdminListGroupsForUser"}


async def test_the_first_role_that_may_all_of_it_alone_is_named() -> None:
    """One role lacks the rank, the next has it: it is the one that counts, and rank is not added up."""
    gate = Gate(policy(("user", ""), ("moderator", "")))
    gate.pool.add("guest", "readonly")
    assert (await gate.ask("AdminEnableUser", {"Username": "bob"}, "moderator", "user")).status == 200
    assert gate.line()["decision"]["role"] == "moderator"
    assert (await gate.ask("AdminEnableUser", {"Username": "guest"}, "moderator", "user")).status == 200
    assert gate.line()["decision"]["role"] == "user"


TIES: dict[str, tuple[dict[str, int | None], int]] = {
    "both without precedence": ({"moderator": None, "user": None}, 403),
    "the caller without": ({"moderator": None, "user": 10}, 403),
    "the target without": ({"moderator": 5, "user": None}, 200),
    "the same": ({"moderator": 5, "user": 5}, 403),
    "nought and one": ({"moderator": 0, "user": 1}, 200),
    "nought and nought": ({"moderator": 0, "user": 0}, 403),
}


@pytest.mark.parametrize("tie", TIES)
async def test_ties_and_missing_precedences_are_as_cognito_has_them(tie: str) -> None:
    """R-12: 0 is no absence, and an absence is no 0."""
    groups, status = TIES[tie]
    gate = Gate()
    gate.pool.groups |= groups
    assert (await gate.ask("AdminDisableUser", {"Username": "bob"})).status == status
    assert bool(gate.pool.done) == (status == 200)


async def test_a_new_user_is_nobody_yet() -> None:
    """AdminCreateUser asks nothing about a user who is not there, and Cognito refuses a name that is taken."""
    gate = Gate()
    assert (await gate.ask("AdminCreateUser", {"Username": "new"})).status == 200
    assert "AdminGetUser" not in gate.pool.asked
    taken = await gate.ask("AdminCreateUser", {"Username": "root"})
    assert (taken.status, taken.type) == (400, "UsernameExistsException")


async def test_a_repeated_invitation_is_a_change_to_who_has_it() -> None:
    """RESEND gives an existing user another temporary password: ranked like setting it."""
    gate = Gate()
    resend = {"MessageAction": "RESEND", "TemporaryPassword": "Attacker1!"}
    assert await gate.why("AdminCreateUser", {"Username": "ROOT", **resend}) == (403, "rank")
    assert await gate.why("AdminCreateUser", {"Username": BOB_SUB, **resend}) == (200, None)
    assert [body["Username"] for _, body in gate.pool.done] == ["bob"]


ALIASES: dict[str, tuple[dict[str, str], str | None]] = {
    "an admin's e-mail": ({"email": "root@example.com"}, "rank"),
    "an admin's e-mail in another case": ({"email": "ROOT@example.com"}, "rank"),
    "an admin's telephone": ({"phone_number": "+15550100"}, "rank"),
    "one of two": ({"email": "free@example.com", "phone_number": "+15550100"}, "rank"),
    "a user's e-mail": ({"email": "bob@example.com"}, "takeover:email"),
    "a free one": ({"email": "free@example.com"}, None),
}


@pytest.mark.parametrize("alias", ALIASES)
async def test_an_alias_is_not_taken_from_who_is_stronger(alias: str) -> None:
    """R-12: ForceAliasCreation is a change to whoever holds the alias: rank, and the attribute named in the policy."""
    attributes, why = ALIASES[alias]
    gate = Gate()
    listed = [{"Name": name, "Value": value} for name, value in attributes.items()]
    body = {"Username": "new", "ForceAliasCreation": True, "UserAttributes": listed}
    assert await gate.why("AdminCreateUser", body) == (403 if why else 200, why)
    assert bool(gate.pool.done) == (why is None)


@pytest.mark.parametrize("name", ["root@example.com", "+15550100", "ROOT"])
async def test_nor_by_a_user_name_that_is_one(name: str) -> None:
    """R-12: where users sign in by e-mail, the new user's name is the alias; no attribute needs to say it again."""
    gate = Gate()
    body = {"Username": name, "ForceAliasCreation": True, "UserAttributes": [{"Name": "name", "Value": "x"}]}
    assert await gate.why("AdminCreateUser", body) == (403, "rank")
    assert gate.pool.done == []


async def test_an_alias_may_be_taken_from_the_weaker_where_the_policy_names_it() -> None:
    """With `email` beside "any" the moderator may move a user's address to a new account, and not an admin's."""
    gate = Gate(USUAL.replace('attributes = "any"', 'attributes = ["any", "email"]'))
    for email, status in (("bob@example.com", 200), ("root@example.com", 403)):
        attributes = [{"Name": "email", "Value": email}]
        body = {"Username": f"new-{status}", "ForceAliasCreation": True, "UserAttributes": attributes}
        assert (await gate.ask("AdminCreateUser", body)).status == status


TAKEOVERS: dict[str, tuple[str, dict[str, Any]]] = {
    "e-mail": ("AdminUpdateUserAttributes", {"UserAttributes": [{"Name": "email", "Value": "attacker@example.com"}]}),
    "verified": ("AdminUpdateUserAttributes", {"UserAttributes": [{"Name": "email_verified", "Value": "true"}]}),
    "a challenge's": (
        "AdminRespondToAuthChallenge",
        {"ChallengeResponses": {"USERNAME": "bob", "NEW_PASSWORD": "Attacker1!", "userAttributes.email": "a@b.c"}},
    ),
    "a federated user's password": ("AdminSetUserPassword", {"Username": "google_1"}),
}


@pytest.mark.parametrize("what", TAKEOVERS)
async def test_an_account_is_not_taken_over_with_any_attribute(what: str) -> None:
    """R-12: what somebody gets the password back by, of a weaker user, where the policy says only "any": 403."""
    operation, more = TAKEOVERS[what]
    gate = Gate()
    gate.pool.add("google_1", "user", federated=True, status="EXTERNAL_PROVIDER")
    body = body_of(operation, "bob") | more
    if "ClientId" in body:
        body["ClientId"] = gate.world.mint.client_id
    status, why = await gate.why(operation, body)
    assert status == 403
    assert str(why).startswith("takeover:")
    assert gate.pool.done == []


async def test_a_linked_user_of_the_pool_is_federated_too() -> None:
    """Who has a provider's identity beside its own name gets no password without `federated_password`."""
    gate = Gate()
    gate.pool.add("linked", "user", federated=True)
    assert await gate.why("AdminSetUserPassword", body_of("AdminSetUserPassword", "linked")) == (
        403, "takeover:federated_password",
    )  # fmt: skip
    limits = f"{LIMITS}\nfederated_password = true"
    gate = Gate(USUAL.replace(LIMITS, limits))
    gate.pool.add("linked", "user", federated=True)
    assert (await gate.ask("AdminSetUserPassword", body_of("AdminSetUserPassword", "linked"))).status == 200


LAST: dict[str, tuple[str, dict[str, Any]]] = {
    "disabled": ("AdminDisableUser", {"Username": "root"}),
    "deleted": ("AdminDeleteUser", {"Username": "root"}),
    "taken out": ("AdminRemoveUserFromGroup", {"Username": "root", "GroupName": "admin"}),
    "without its group": ("DeleteGroup", {"GroupName": "admin"}),
}
KEEPER = """
[roles.keeper]
scopes = ["gateway/keep"]
precedence = 0
allow = ["AdminDisableUser", "AdminDeleteUser", "AdminRemoveUserFromGroup", "DeleteGroup"]
[roles.keeper.limits]
groups = "any"
"""


async def keep(
    gate: Gate, operation: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> tuple[int, str | None]:
    """Ask as a machine that is stronger than the admins."""
    before = len(gate.world.entries)
    now = int(gate.world.clock())
    token = gate.world.mint.machine(["gateway/keep"], iat=now, exp=now + 3600, auth_time=now)
    reply = await gate.world.call(operation, dict(body), token, headers=headers)
    return reply.status, gate.world.entries[before]["decision"]["reason"]


@pytest.mark.parametrize("way", LAST)
async def test_the_last_enabled_admin_stays(way: str) -> None:
    """Whoever asks: the only enabled member of the strongest group is not disabled, deleted, taken out or left bare."""
    operation, body = LAST[way]
    gate = Gate(USUAL + KEEPER)
    gate.pool.add("idle", "admin", enabled=False)
    assert await keep(gate, operation, body) == (403, "last-admin")
    assert gate.pool.done == []
    gate.pool.add("second", "admin")
    expected = (403, "last-admin") if operation == "DeleteGroup" else (200, None)
    assert await keep(gate, operation, body) == expected


@pytest.mark.parametrize("way", LAST)
async def test_of_groups_as_strong_as_each_other_one_member_of_any_stays(way: str) -> None:
    """Two groups of the strongest precedence: what leaves somebody in the other is fine, what leaves nobody is not."""
    operation, body = LAST[way]
    gate = Gate(policy(("admin", ""), ("owner", "peers = true"), more=KEEPER))
    gate.pool.groups["owner"] = 1
    assert await keep(gate, operation, body) == (403, "last-admin")
    gate.pool.add("second", "owner")
    assert await keep(gate, operation, body) == (200, None)


async def test_an_empty_group_above_the_admins_does_not_make_them_dispensable() -> None:
    """The strongest group that roles name counts as well as the pool's."""
    gate = Gate(USUAL + KEEPER.replace("precedence = 0", "precedence = 0\npeers = true"))
    gate.pool.groups["empty"] = 0
    assert await keep(gate, "AdminDisableUser", {"Username": "root"}) == (403, "last-admin")


async def test_where_nobody_is_left_anyway_nothing_is_kept() -> None:
    """A disabled member may be deleted, and an empty strongest group too: nobody leaves."""
    gate = Gate(USUAL + KEEPER)
    gate.pool.people[ROOT_SUB].enabled = False
    assert await keep(gate, "AdminDeleteUser", {"Username": "root"}) == (200, None)
    assert await keep(gate, "DeleteGroup", {"GroupName": "admin"}) == (200, None)


async def test_members_are_counted_only_for_the_strongest_and_to_their_last_page() -> None:
    """ListUsersInGroup is asked when the target is one of them, page after page, and never for others."""
    gate = Gate(USUAL + KEEPER)
    assert "ListUsersInGroup" not in await gate.asked("AdminDisableUser", {"Username": "bob"})
    gate.pool.page = 1
    for number in range(3):
        gate.pool.add(f"idle-{number}", "admin", enabled=False)
    gate.pool.add("awake", "admin")
    assert await keep(gate, "AdminDisableUser", {"Username": "root"}) == (200, None)
    assert gate.pool.asked.count("ListUsersInGroup") == 6


async def test_what_was_known_before_the_lock_does_not_count_the_last_admin() -> None:
    """Under the lock the target is asked for again: known as disabled a second ago, it may be the last one now."""
    gate = Gate(USUAL + KEEPER)
    root = gate.pool.people[ROOT_SUB]
    root.enabled = False
    assert await keep(gate, "AdminDisableUser", {"Username": "root"}, headers={"x-gateway-dry-run": "true"}) == (
        200, None,
    )  # fmt: skip
    root.enabled = True
    assert await keep(gate, "AdminDisableUser", {"Username": "root"}) == (403, "last-admin")


async def test_without_the_rank_guard_nobody_weakens_its_own_group() -> None:
    """Self-lockout finds out by itself how strong the group is."""
    gate = Gate(policy(("admin", "peers = true"), more="[guards]\nrank = false"))
    weaken = {"GroupName": "admin", "Precedence": 9}
    assert await gate.why("UpdateGroup", weaken, "admin") == (403, "self-lockout")
    assert await gate.why("UpdateGroup", {"GroupName": "user", "Precedence": 99}, "admin") == (200, None)


@pytest.mark.parametrize("way", LAST)
async def test_the_lock_is_given_back_whatever_comes_of_it(way: str) -> None:
    """After a refusal, a dry run, an answer, a broken exchange: the next call does not wait for the lock."""
    operation, body = LAST[way]
    gate = Gate(policy(("admin", ""), ("owner", "peers = true"), more=KEEPER))
    gate.pool.groups["owner"] = 1
    await keep(gate, operation, body)
    assert await gate.rooms.store.hold("last-admin", "next", 1, gate.world.clock())
    await gate.rooms.store.release("last-admin", "next")
    gate.pool.add("second", "owner")
    dry = {"x-gateway-dry-run": "true"}
    own = {"sub": "sub-of-second", "username": "second"}
    told = await gate.ask(operation, body, "owner", headers=dry, **own)
    assert told.json["allowed"] is True
    assert gate.pool.done == []

    def breaking(asked: str) -> None:
        if asked == operation:
            raise Broken("reset")

    gate.pool.before = breaking
    assert (await keep(gate, operation, body))[0] == 502
    assert await gate.rooms.store.hold("last-admin", "next", 1, gate.world.clock())


async def test_who_cannot_have_the_lock_is_asked_to_come_back() -> None:
    """A lock that another holds is waited for, two seconds at most: 503 with Retry-After, and nothing is sent."""
    gate = Gate(USUAL + KEEPER)
    gate.pool.add("second", "admin")
    await gate.rooms.store.hold("last-admin", "another", 60, gate.world.clock())
    started = gate.world.clock()
    assert await keep(gate, "AdminDisableUser", {"Username": "root"}) == (503, "last-admin-busy")
    assert 2.0 <= gate.world.clock() - started < 3.0
    assert gate.pool.done == []
    await gate.rooms.store.hold("last-admin", "another", 0.5, gate.world.clock())
    assert await keep(gate, "AdminDisableUser", {"Username": "root"}) == (200, None)


class Lost(MemoryStore):
    """A store whose locks cannot be reached."""

    async def hold(self, name: str, owner: str, seconds: float, now: float) -> bool:
        """Never."""
        del name, owner, seconds, now
        raise Unavailable("store")


async def test_without_the_store_the_strongest_are_left_alone() -> None:
    """Who cannot be sure does not remove an admin: 503; weaker users are changed as ever."""
    gate = Gate(USUAL + KEEPER)
    gate.pool.add("second", "admin")
    gate.rooms.protection._store = Lost()
    assert await keep(gate, "AdminDisableUser", {"Username": "root"}) == (503, "store")
    assert await keep(gate, "AdminDisableUser", {"Username": "bob"}) == (200, None)


REVOKED: dict[str, tuple[dict[str, Any], tuple[str, str] | None]] = {
    "AdminUserGlobalSignOut": ({"Username": "BOB"}, ("signed_out", BOB_SUB)),
    "AdminDisableUser": ({"Username": "BOB"}, ("signed_out", BOB_SUB)),
    "AdminDeleteUser": ({"Username": "BOB"}, ("signed_out", BOB_SUB)),
    "AdminAddUserToGroup": ({"Username": "BOB", "GroupName": "premium"}, ("groups_changed", BOB_SUB)),
    "AdminRemoveUserFromGroup": ({"Username": "BOB", "GroupName": "user"}, ("groups_changed", BOB_SUB)),
    "DeleteGroup": ({"GroupName": "user"}, ("group_deleted", "user")),
    "AdminEnableUser": ({"Username": "BOB"}, None),
    "UpdateGroup": ({"GroupName": "user", "Precedence": 11}, None),
}


@pytest.mark.parametrize("operation", REVOKED)
async def test_what_a_change_makes_of_tokens(operation: str) -> None:
    """R-13: sign-out, disabling, deleting and a change of groups refuse the tokens from before, by `sub`; no other."""
    body, expected = REVOKED[operation]
    gate = Gate()
    moment = gate.world.clock()
    assert (await gate.ask(operation, body)).status == 200
    found = gate.rooms.store.revocations.everything()
    assert [(each.kind, each.name) for each in found] == ([expected] if expected else [])
    assert all(moment <= each.moment <= gate.world.clock() for each in found)


async def test_a_change_that_cognito_refused_revokes_nothing() -> None:
    """A token is not refused for what was not done."""
    gate = Gate()
    gate.pool.before = lambda operation: gate.pool.people.pop(BOB_SUB, None) if operation == "AdminDisableUser" else ""
    assert (await gate.ask("AdminDisableUser", {"Username": "bob"})).type == "UserNotFoundException"
    assert gate.rooms.store.revocations.everything() == ()


async def test_a_change_whose_outcome_is_unknown_revokes() -> None:
    """R-13: where the answer was lost the change may be done: the tokens are refused."""
    gate = Gate()
    script = gate.world.cognito.script
    gate.world.cognito.script = lambda request: (
        answer(b"<html>", content_type="text/html") if b"GlobalSignOut" in str(request.headers).encode()
        else script(request)
    )  # fmt: skip
    assert (await gate.ask("AdminUserGlobalSignOut", {"Username": "bob"})).status == 502
    assert [each.name for each in gate.rooms.store.revocations.everything()] == [BOB_SUB]


FRESH = policy(("admin", "fresh = true\npeers = true"), ("moderator", "fresh = true"))


async def test_live_groups_are_remembered_for_a_minute_and_no_longer() -> None:
    """R-13: a demoted moderator is out within sixty seconds; its first call asks two questions, the next ones none."""
    gate = Gate(FRESH)
    assert await gate.asked("ListUsers", {}) == ["AdminGetUser", "AdminListGroupsForUser", "AdminListGroupsForUser",
                                                  "ListUsers"]  # fmt: skip
    gate.pool.people[MODERATOR_SUB].groups.clear()
    gate.tick(59.0)
    assert await gate.asked("ListUsers", {}) == ["ListUsers"]
    gate.tick(1.0)
    assert await gate.why("ListUsers", {}) == (403, "operation")


GONE: dict[str, tuple[str, Callable[[Pool], object]]] = {
    "disabled": ("caller-disabled", lambda pool: setattr(pool.people[MODERATOR_SUB], "enabled", False)),
    "deleted": ("caller-gone", lambda pool: pool.people.pop(MODERATOR_SUB)),
    "its name taken by another": (
        "caller-gone",
        lambda pool: (pool.people.pop(MODERATOR_SUB), pool.add("mod", "moderator")),
    ),
    "demoted": ("operation", lambda pool: pool.people[MODERATOR_SUB].groups.clear()),
}


@pytest.mark.parametrize("what", GONE)
@pytest.mark.parametrize("operation", ["ListUsers", "AdminDisableUser"])
async def test_a_disabled_deleted_or_demoted_caller_is_out_where_groups_are_read_live(
    operation: str, what: str
) -> None:
    """R-13: a token that is good for an hour more does not help its owner: 403, for reads and for changes."""
    why, happens = GONE[what]
    gate = Gate(FRESH)
    happens(gate.pool)
    assert await gate.why(operation, {} if operation == "ListUsers" else {"Username": "bob"}) == (403, why)
    assert operation not in gate.pool.asked


async def test_live_groups_only_take_away() -> None:
    """R-13: who was promoted meanwhile signs in again: a token never gains a group that it does not have."""
    gate = Gate(FRESH)
    gate.pool.people[MODERATOR_SUB].groups.add("admin")
    assert await gate.why("AdminDisableUser", {"Username": "root"}) == (403, "rank")


async def test_what_is_good_for_a_caller_for_a_minute_is_too_old_for_a_target() -> None:
    """R-12: a user whose own groups were read live fifty-six seconds ago is asked for anew as a target."""
    gate = Gate(FRESH)
    own = {"sub": BOB_SUB, "username": "bob"}
    await gate.ask("ListUsers", {}, "moderator", **own)
    gate.pool.people[BOB_SUB].groups.add("admin")
    gate.tick(56.0)
    assert await gate.why("AdminDisableUser", {"Username": "bob"}) == (403, "rank")


STRICT = policy(("moderator", "strict = true"))


async def test_strict_shows_cognito_the_token() -> None:
    """R-13: signed out directly at Cognito, a caller is refused within five seconds: 401, like any bad token."""
    gate = Gate(STRICT)
    assert await gate.asked("ListUsers", {}) == ["GetUser", "ListUsers"]
    token = gate.world.token("moderator", sub=MODERATOR_SUB, username="mod")
    assert (await gate.world.call("ListUsers", {}, token)).status == 200
    script = gate.world.cognito.script
    gone = answer({"__type": "NotAuthorizedException", "message": "Access Token has been revoked"}, 400)
    gate.world.cognito.script = lambda request: gone if b"GetUser" in str(request.headers).encode() else script(request)
    assert (await gate.world.call("ListUsers", {}, token)).status == 200
    gate.tick(5.0)
    refused = await gate.world.call("ListUsers", {}, token)
    assert (refused.status, gate.world.reason) == (401, "strict")
    assert refused.json["message"] == "The token was not accepted."


async def test_strict_takes_no_id_token() -> None:
    """R-13: Cognito cannot be shown an ID token, so a strict role does not take one."""
    world = behind(World(STRICT, GATEWAY_TOKEN_USE="access,id"), small_pool())
    reply = await world.call("ListUsers", {}, world.mint.id(["moderator"]))
    assert (reply.status, world.reason) == (401, "strict-token-use")


async def test_a_guard_that_cannot_ask_lets_nothing_through() -> None:
    """R-12: Cognito throttles the guards' question: 429, and the change is not sent; refuses our keys: 502."""
    for type_, status in (("TooManyRequestsException", 429), ("InternalErrorException", 502)):
        gate = Gate()
        refused = answer({"__type": type_, "message": "no"}, 400)
        gate.world.cognito.script = lambda _request, refused=refused: refused  # type: ignore[misc]  # mypy knows no default
        reply = await gate.ask("AdminDisableUser", {"Username": "bob"})
        assert reply.status == status
        assert "AdminDisableUser" not in {
            dict(request.headers).get("x-amz-target", "").rpartition(".")[2] for request in gate.world.cognito.requests
        }
