"""A moderator who goes for an admin: every operation that changes a user, by every name that the admin has."""

import concurrent.futures
import json
from typing import Any

import pytest

from gateway import targets
from gateway.operations import catalogue
from tests.blackbox.gateways import Gateway
from tests.guards.playing import play
from tests.guards.pool import BOB_SUB, MODERATOR_SUB, READS, ROOT_SUB, Person, Pool, body_of, small_pool

pytestmark = pytest.mark.slow

OPERATIONS = sorted(each.name for each in catalogue().by_name.values() if targets.changes_a_user(each))
ROLE = f"""
allow = {json.dumps([*OPERATIONS, "DeleteGroup"])}
rate_per_minute = 1000000
"""
LIMITS = """
attributes = ["any", "identities"]
groups = "any"
members = "any"
client_metadata = "any"
"""
POLICY = f"""
[quotas]
UserRead = 100000
UserResourceRead = 100000
UserUpdate = 100000
UserCreation = 100000
UserAccountRecovery = 100000
UserList = 100000
[roles.admin]
groups = ["admin"]
peers = true
{ROLE}
[roles.admin.limits]
{LIMITS}
[roles.moderator]
groups = ["moderator"]
{ROLE}
[roles.moderator.limits]
{LIMITS}
"""
OPTIONS = {"policy": POLICY}

NAMES = {
    "name": "root",
    "another case": "ROOT",
    "sub": ROOT_SUB,
    "e-mail": "root@example.com",
    "e-mail in another case": "Root@Example.COM",
    "phone": "+15550100",
}
PEER_SUB = "aaaaaaaa-bbbb-4ccc-8ddd-000000000003"
OTHER_SUB = "aaaaaaaa-bbbb-4ccc-8ddd-000000000004"


@pytest.fixture
def pool(gateway: Gateway) -> Pool:
    """A pool with two of each: `mod` and `peer` are moderators, `root` and `other` admins."""
    found = small_pool()
    found.add("peer", "moderator", "user", sub=PEER_SUB)
    found.add("other", "user", "admin", sub=OTHER_SUB)
    gateway.stub.behaviour, gateway.stub.people = play(found), None
    return found


def ask(gateway: Gateway, operation: str, body: dict[str, Any], *groups: str, **claims: Any) -> tuple[int | None, str]:
    """Ask as `mod`, or as whom the claims say: the status, and the audit's reason."""
    token = gateway.token(*(groups or ("moderator",)), **{"username": "mod", **claims})
    found = gateway.call(operation, json.dumps(body).encode(), token)
    return found.status, str(json.loads(gateway.audit.splitlines()[-1])["decision"]["reason"])


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("name", NAMES)
def test_no_name_of_an_admin_gets_past_the_guards(gateway: Gateway, pool: Pool, operation: str, name: str) -> None:
    """R-12: whatever a moderator does to an admin, by whatever name: 403 by rank; Cognito was only asked who it is."""
    more = {"MessageAction": "RESEND"} if operation == "AdminCreateUser" else {}
    assert ask(gateway, operation, body_of(operation, NAMES[name], **more)) == (403, "rank")
    assert pool.done == []
    assert {call.operation for call in gateway.stub.calls()} <= READS


@pytest.mark.parametrize("operation", OPERATIONS)
def test_nor_does_that_of_a_peer(gateway: Gateway, pool: Pool, operation: str) -> None:
    """R-12: the same rank is not a weaker one; that the peer is also in a weak group makes it no weaker."""
    more = {"MessageAction": "RESEND"} if operation == "AdminCreateUser" else {}
    assert ask(gateway, operation, body_of(operation, "peer", **more)) == (403, "rank")
    assert pool.done == []


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("name", ["BOB", BOB_SUB, "bob@example.com"])
def test_whoever_is_weaker_is_reached_by_its_own_name(gateway: Gateway, pool: Pool, operation: str, name: str) -> None:
    """R-12: what goes up is one change, naming the user as Cognito does, whatever the caller called it."""
    more = {"MessageAction": "RESEND"} if operation == "AdminCreateUser" else {}
    assert ask(gateway, operation, body_of(operation, name, **more)) == (200, "None")
    assert [(done, targets.user_of(done, body)) for done, body in pool.done] == [(operation, "bob")]
    assert name not in json.dumps([body for _, body in pool.done])


TWICE: dict[str, tuple[str, dict[str, Any]]] = {
    "two spellings in a sign-in": (
        "AdminInitiateAuth",
        {"AuthParameters": {"USERNAME": "bob", "Username": "root", "PASSWORD": "Attacker1!"}},
    ),
    "only the wrong spelling": (
        "AdminInitiateAuth",
        {"AuthParameters": {"username": "root", "PASSWORD": "Attacker1!"}},
    ),
    "nobody at all": ("AdminInitiateAuth", {"AuthParameters": {"PASSWORD": "Attacker1!"}}),
    "two spellings in an answer": (
        "AdminRespondToAuthChallenge",
        {"ChallengeResponses": {"USERNAME": "bob", "username": "root", "NEW_PASSWORD": "Attacker1!"}},
    ),
    "nobody in an answer": ("AdminRespondToAuthChallenge", {"ChallengeResponses": {"NEW_PASSWORD": "Attacker1!"}}),
    "a name beside the provider's": ("AdminLinkProviderForUser", {"Username": "root"}),
    "a name in another case beside it": ("AdminSetUserPassword", {"username": "root"}),
    "a list of names": ("AdminDisableUser", {"Username": ["bob", "root"]}),
}


@pytest.mark.parametrize("attempt", TWICE)
def test_a_body_names_one_user_and_names_it_once(gateway: Gateway, pool: Pool, attempt: str) -> None:
    """R-10, R-12: a second name, in whatever place or spelling, is 400: what is judged is what Cognito reads."""
    operation, more = TWICE[attempt]
    status, _ = ask(gateway, operation, body_of(operation, "bob") | more)
    assert status == 400
    assert pool.done == []


@pytest.mark.parametrize("first", ["bob", "root"])
def test_nor_does_one_member_stand_twice(gateway: Gateway, pool: Pool, first: str) -> None:
    """R-10: of two members of one name nobody can tell which counts: 400."""
    other = "root" if first == "bob" else "bob"
    raw = f'{{"Username":"{first}","Username":"{other}"}}'.encode()
    assert gateway.call("AdminDisableUser", raw, gateway.token("moderator", username="mod")).status == 400
    assert pool.asked == []


@pytest.mark.parametrize("operation", ["AdminLinkProviderForUser", "AdminDisableProviderForUser"])
def test_a_user_whom_another_provider_names_is_nobody_that_the_guards_know(
    gateway: Gateway, pool: Pool, operation: str
) -> None:
    """R-12: Google's number of an admin cannot be resolved, so it is refused and not guessed."""
    body = body_of(operation, "1")
    body["User" if operation == "AdminDisableProviderForUser" else "DestinationUser"]["ProviderName"] = "Google"
    assert ask(gateway, operation, body) == (403, "target")
    assert pool.asked == []


def test_a_refresh_names_nobody_and_needs_nobody(gateway: Gateway, pool: Pool) -> None:
    """R-12: AdminInitiateAuth with a refresh token changes no one but its owner: it passes without a name."""
    parameters = {"REFRESH_TOKEN": "refresh-token-canary"}
    body = body_of("AdminInitiateAuth", "x", AuthFlow="REFRESH_TOKEN_AUTH", AuthParameters=parameters)
    assert ask(gateway, "AdminInitiateAuth", body) == (200, "None")
    assert pool.asked == ["ListGroups"] * pool.asked.count("ListGroups") + ["AdminInitiateAuth"]


def remove(gateway: Gateway, operation: str, by: Person, whom: Person) -> int | None:
    """One admin removes another in some way: the status."""
    body = body_of(operation, whom.username) | ({"GroupName": "admin"} if "Group" in operation else {})
    token = gateway.token("admin", sub=by.sub, username=by.username)
    return gateway.call(operation, json.dumps(body).encode(), token).status


@pytest.mark.parametrize("turn", range(3))
@pytest.mark.parametrize("operation", ["AdminDisableUser", "AdminDeleteUser", "AdminRemoveUserFromGroup"])
def test_two_admins_who_remove_each_other_at_once_do_not_both_succeed(
    gateway: Gateway, operation: str, turn: int
) -> None:
    """The last admin stays: of two calls that each would leave the other, exactly one is done."""
    pool = Pool(groups={"admin": 1, "user": 10})
    one, two = (pool.add(f"{operation}-{turn}-{number}", "admin") for number in range(2))
    pool.add("idle", "admin", enabled=False)
    gateway.stub.behaviour, gateway.stub.people = play(pool, slowly_seconds=0.02), None
    with concurrent.futures.ThreadPoolExecutor(2) as threads:
        calls = [threads.submit(remove, gateway, operation, by, whom) for by, whom in ((one, two), (two, one))]
        found = sorted(call.result() or 0 for call in calls)
    assert found[0] == 200
    assert found[1] in {401, 403}  # the loser's own token is revoked meanwhile, or it would remove the last one
    assert [done for done, _ in pool.done] == [operation]
    assert [each for each in pool.people.values() if each.enabled and "admin" in each.groups]


def test_somebody_promoted_while_the_call_waits_is_an_admin(gateway: Gateway, pool: Pool) -> None:
    """R-12: between who it is and which groups it is in, somebody becomes an admin: the later answer counts, 403."""
    climber = pool.add("climber", "user")

    def promote(operation: str) -> None:
        if operation == "AdminListGroupsForUser":
            climber.groups.add("admin")

    pool.before = promote
    assert ask(gateway, "AdminDisableUser", {"Username": "climber"}) == (403, "rank")
    assert pool.done == []


def test_a_name_that_changes_hands_while_the_call_waits_hurts_who_was_judged(gateway: Gateway, pool: Pool) -> None:
    """R-12: an alias that moves to an admin after it was resolved does not take the change along to the admin."""
    carol = pool.add("carol", "user", email="shared@example.com")
    root = pool.people[ROOT_SUB]

    def move(operation: str) -> None:
        if operation == "AdminListGroupsForUser":
            carol.email, root.email = None, "shared@example.com"

    pool.before = move
    assert ask(gateway, "AdminDisableUser", {"Username": "shared@example.com"})[0] == 200
    assert [(done, body["Username"]) for done, body in pool.done] == [("AdminDisableUser", "carol")]
    assert root.enabled


def test_nobody_disables_deletes_or_demotes_itself_by_any_name(gateway: Gateway, pool: Pool) -> None:
    """Self-lockout compares who it is, not how it is spelt: by name, case and `sub`."""
    for name in ("mod", "MOD", MODERATOR_SUB):
        for operation in ("AdminDisableUser", "AdminDeleteUser", "AdminRemoveUserFromGroup"):
            body = body_of(operation, name)
            assert ask(gateway, operation, body) == (403, "self-lockout")
    assert pool.done == []
