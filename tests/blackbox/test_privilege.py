"""A moderator who wants to be admin: every way through Cognito's own operations that is known to us.

Each is tried three times: under the built-in policy; where the operation is listed, with narrow limits; and where every
limit is "any" as well, so that only the guards are left.
"""

import json
import pathlib
from collections.abc import Mapping
from typing import Any

import pytest

import gateway as package
from gateway import targets
from gateway.assembly import read_policy
from gateway.operations import catalogue
from gateway.policy_file import PolicyError
from tests.blackbox import attacks
from tests.blackbox.gateways import CLIENT, Gateway
from tests.blackbox.misbehaviour import answering, raw
from tests.blackbox.stub import response
from tests.guards.playing import play
from tests.guards.pool import BOB_SUB, MODERATOR_SUB, READS, Pool, behind, small_pool
from tests.guards.test_protection import GONE
from tests.world import World

CASES = {case["id"]: case for case in attacks.read("cognito-privilege")}
GUARDED = sorted(
    each.name for each in catalogue().by_name.values() if targets.changes_a_user(each) or targets.changes_groups(each)
)
LISTED = json.dumps([*GUARDED, "ListUsers", "ListUsersInGroup", "AdminGetUser"])
POLICY = f"""
{pathlib.Path(package.__file__).with_name("policy.toml").read_text("utf-8")}
[roles.listed]
groups = ["listed"]
allow = {LISTED}
rate_per_minute = 1000000
[roles.listed.limits]
attributes = ["name", "locale"]
groups = ["user", "premium", "x"]
readable = ["name", "locale"]
[roles.generous]
groups = ["generous"]
allow = {LISTED}
rate_per_minute = 1000000
[roles.generous.limits]
attributes = "any"
groups = "any"
members = "any"
client_metadata = "any"
"""
OPTIONS = {"policy": POLICY}

FIELD = ("field", "field")
REASONS: Mapping[str, tuple[str, str, str | None]] = {
    "PRIV-01": (*FIELD, "rank"),
    "PRIV-04": (*FIELD, "member-pattern"),
    "PRIV-05": (*FIELD, "group"),
    "PRIV-06": (*FIELD, "member-pattern"),
    "PRIV-08": (*FIELD, "group"),
    "PRIV-14": (*FIELD, "takeover"),
    "PRIV-15": (*FIELD, "takeover"),
    "PRIV-16": (*FIELD, "takeover"),
    "PRIV-17": (*FIELD, None),
    "PRIV-24": (*FIELD, "takeover"),
    "PRIV-29": ("operation", "field", None),
    "PRIV-30": ("operation", "rank", "rank"),
    "PRIV-31": ("operation", "rank", "rank"),
    "PRIV-32": ("operation", "rank", "rank"),
    "PRIV-34": ("operation", "rank", "rank"),
    "PRIV-36": ("operation", "rank", "rank"),
    "PRIV-39": ("operation", "client", "client"),
    "PRIV-42": ("operation", "field", None),
    "PRIV-43": ("operation", "field", None),
    "PRIV-46": ("rank", "rank", "rank"),
    "PRIV-48": ("operation", "rank", "rank"),
    "PRIV-49": ("operation", "field", "target-missing"),
    "PRIV-50": ("operation", "field", None),
    "PRIV-54": ("operation", "member-unknown", "member-unknown"),
    "PRIV-57": ("operation", "member-missing", "member-missing"),
    "PRIV-60": ("operation", "operation", "operation"),
    "PRIV-64": ("operation", "operation", "operation"),
    "PRIV-67": ("operation", "field", "rank"),
    "PRIV-70": ("operation", "operation", "operation"),
    "PRIV-71": ("operation", "operation", "operation"),
    "PRIV-76": ("filter", "field", "filter"),
    "PRIV-81": ("self-lockout", "self-lockout", "self-lockout"),
    "PRIV-86": ("member-type", "member-type", "member-type"),
}
"""What stops a case, by the group of its caller; None: only a limit does, and this policy's owner wrote "any"."""

BAD_REQUEST = frozenset({
    "member-pattern", "member-unknown", "member-missing", "member-type", "filter", "group", "target-missing",
})  # fmt: skip
GROUPS = ("moderator", "listed", "generous")

DECIDED = {
    "PRIV-77": "Reads are not ranked; `groups` of the limits is for add, remove: who may list members may list all",
    "PRIV-80": "`readable`: seen in answers and usable in filters: a page's token is Cognito's, its answer is filtered",
}
BY_LIVE_GROUPS = {"PRIV-83"}
"""Stopped where the role says `fresh = true`."""


@pytest.fixture
def pool(gateway: Gateway) -> Pool:
    """The pool that the attacks are about, behind the gateway; `mod` is in a group of rank 5 for each policy."""
    found = small_pool()
    found.groups |= dict.fromkeys(GROUPS, 5)
    found.people[MODERATOR_SUB].groups = set(GROUPS)
    gateway.stub.behaviour, gateway.stub.people = play(found), None
    return found


def there(ids: set[str]) -> list[Any]:
    """Those of the cases that the file has."""
    return sorted(ids & CASES.keys()) or [attacks.ABSENT]


def moderator(gateway: Gateway, group: str = "listed") -> str:
    """A token of `mod`."""
    return gateway.token(group, username="mod")


def reason(gateway: Gateway) -> str:
    """Why the last decision fell, without its detail."""
    return str(json.loads(gateway.audit.splitlines()[-1])["decision"]["reason"]).partition(":")[0]


ATTEMPTS: list[Any] = [
    (id_, group)
    for id_ in sorted(REASONS.keys() & CASES.keys())
    for group, why in zip(GROUPS, REASONS[id_], strict=True)
    if why is not None
] or [pytest.param(None, None, id="absent", marks=pytest.mark.skip(reason=attacks.NO_VECTORS))]


def test_every_escalation_has_a_test() -> None:
    """Nothing of the file is left out."""
    if not CASES:
        pytest.skip(attacks.NO_VECTORS)
    tables = [set(REASONS), BY_LIVE_GROUPS, set(DECIDED)]
    assert set().union(*tables) == set(CASES)
    assert sum(map(len, tables)) == len(CASES)


@pytest.mark.parametrize(("id_", "group"), ATTEMPTS)
def test_what_the_attack_wants_never_reaches_cognito(gateway: Gateway, pool: Pool, id_: str, group: str) -> None:
    """R-10, R-12: refused; only the guards' own questions go up, and the caller is not told what stopped it."""
    case, why = CASES[id_], REASONS[id_][GROUPS.index(group)]
    found = gateway.call(case["action"], json.dumps(case["body"]).encode(), moderator(gateway, group))
    assert reason(gateway) == why
    assert pool.done == []
    assert {call.operation for call in gateway.stub.calls()} <= READS
    if why in BAD_REQUEST:
        assert found.status == 400
        assert not any(value in found.json["message"] for value in ("root", "isAdmin", "1.1.1.1", "admin"))
    else:
        assert (found.status, found.json["__type"]) == (403, "AccessDeniedException")
        assert found.json["message"] == "The caller may not do this."


@pytest.mark.parametrize("id_", there(set(REASONS)))
@pytest.mark.parametrize("group", ["user", "readonly", "premium"])
async def test_whoever_looks_after_nobody_changes_nobody(id_: str, group: str) -> None:
    """R-08: for the other groups of the built-in policy the operation itself is refused; reading is readonly's."""
    world = behind(World(COGNITO_USER_POOL_ID="eu-west-1_TESTPOOLA"), small_pool())
    case = CASES[id_]
    reply = await world.call(case["action"], case["body"], token(world, group))
    reads = group == "readonly" and case["action"] in {"ListUsers", "AdminGetUser"}
    assert (reply.status, world.reason) == ((400, world.reason) if reads else (403, "operation"))
    assert world.cognito.requests == []


@pytest.mark.parametrize("id_", there({"PRIV-60", "PRIV-64", "PRIV-70", "PRIV-71"}))
async def test_nobody_has_what_could_end_the_pool(id_: str) -> None:
    """R-08: clients, logs and the look of the login are not even the built-in admin's."""
    world = World(COGNITO_USER_POOL_ID="eu-west-1_TESTPOOLA")
    case = CASES[id_]
    reply = await world.call(case["action"], case["body"], token(world, "admin"))
    assert (reply.status, world.reason) == (403, "operation")
    assert world.cognito.requests == []


def token(world: World, *groups: str, **claims: Any) -> str:
    """A token of the pool that the cases name."""
    issuer = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_TESTPOOLA"
    return world.token(*groups, iss=issuer, **{"username": "mod", **claims})


FRESH = """
[roles.moderator]
groups = ["moderator"]
allow = ["ListUsers"]
fresh = true
"""


@pytest.mark.parametrize("id_", there(BY_LIVE_GROUPS))
@pytest.mark.parametrize("what", GONE)
async def test_a_disabled_deleted_or_demoted_caller_is_out_where_groups_are_read_live(id_: str, what: str) -> None:
    """R-13: PRIV-83: a token that is good for an hour more does not help its owner: 403, and nobody is listed."""
    why, happens = GONE[what]
    pool, case = small_pool(), CASES[id_]
    world = behind(World(FRESH, COGNITO_USER_POOL_ID="eu-west-1_TESTPOOLA"), pool)
    happens(pool)
    reply = await world.call(case["action"], case["body"], token(world, "moderator"))
    assert (reply.status, world.reason) == (403, why)
    assert "ListUsers" not in pool.asked


@pytest.mark.parametrize("id_", there(BY_LIVE_GROUPS))
async def test_where_groups_are_not_read_live_the_token_is_believed(id_: str) -> None:
    """R-13: without `fresh` reads ask nothing, and a disabled caller's token counts until it expires."""
    pool, case = small_pool(), CASES[id_]
    pool.people[MODERATOR_SUB].enabled = False
    policy = FRESH.replace("fresh = true", "")
    world = behind(World(policy, COGNITO_USER_POOL_ID="eu-west-1_TESTPOOLA"), pool)
    assert (await world.call(case["action"], case["body"], token(world, "moderator"))).status == 200
    assert pool.asked == ["ListUsers"]


@pytest.mark.parametrize(
    "member",
    [
        {"ClientMetadata": {"isAdmin": "true"}},
        {"ContextData": {"IpAddress": "1.1.1.1", "ServerName": "a", "ServerPath": "/", "HttpHeaders": []}},
    ],
    ids=["PRIV-54", "PRIV-57"],
)
def test_a_sign_in_for_another_carries_nothing_to_triggers_or_the_risk_engine(
    gateway: Gateway, pool: Pool, member: dict[str, Any]
) -> None:
    """R-10: the same in a form that Cognito takes: 403 for ClientMetadata, and for a forged ContextData."""
    parameters = {"USERNAME": "bob", "PASSWORD": "Attacker1!"}
    body = {"ClientId": CLIENT, "AuthFlow": "ADMIN_USER_PASSWORD_AUTH", "AuthParameters": parameters}
    assert gateway.call("AdminInitiateAuth", json.dumps(body).encode(), moderator(gateway)).status == 200
    assert [operation for operation, _ in pool.done] == ["AdminInitiateAuth"]
    pool.done.clear()
    assert gateway.call("AdminInitiateAuth", json.dumps(body | member).encode(), moderator(gateway)).status == 403
    assert pool.done == []


def test_two_clauses_are_no_filter_for_those_who_see_all_either(gateway: Gateway, pool: Pool) -> None:
    """R-10: PRIV-76 by an admin, whom no limit stops: 400."""
    filters = [
        'name = "x" or email ^= "a"',
        'name = "x" and',
        'name ~ "x"',
        'name = "x"; --',
        'name = "\\"',
        "name",
        '"',
    ]
    for text in filters:
        body = json.dumps({"Filter": text}).encode()
        assert gateway.call("ListUsers", body, gateway.token("admin")).status == 400, text
    assert pool.asked == []
    assert gateway.call("ListUsers", b'{"Filter":"email ^= \\"a\\""}', gateway.token("admin")).status == 200


def test_a_policy_cannot_list_what_names_no_pool() -> None:
    """R-11: ListUserPools would enumerate the account."""
    with pytest.raises(PolicyError, match="names no user pool"):
        read_policy('[roles.a]\ngroups = ["a"]\nallow = ["ListUserPools"]')


NEIGHBOURS = {
    "another group's name after a good one": ("AdminAddUserToGroup", {"Username": "mod", "GroupName": "premium,admin"}),
    "a group with a line break": ("AdminAddUserToGroup", {"Username": "mod", "GroupName": "admin\n"}),
    "a group with a soft hyphen": ("AdminAddUserToGroup", {"Username": "mod", "GroupName": "ad\u00admin"}),
    "out of the group that limits it": ("AdminRemoveUserFromGroup", {"Username": "mod", "GroupName": "listed"}),
    "a good attribute and a bad one": (
        "AdminUpdateUserAttributes",
        {"Username": "bob", "UserAttributes": [{"Name": "name", "Value": "x"}, {"Name": "email", "Value": "a@b.c"}]},
    ),
    "the same attribute in another case": (
        "AdminUpdateUserAttributes",
        {"Username": "bob", "UserAttributes": [{"Name": "Name", "Value": "x"}]},
    ),
    "a developer attribute": (
        "AdminUpdateUserAttributes",
        {"Username": "bob", "UserAttributes": [{"Name": "dev:custom:role", "Value": "x"}]},
    ),
    "an alias taken from its owner": ("AdminCreateUser", {"Username": "x", "ForceAliasCreation": True}),
    "data for the trigger before sign-up": (
        "AdminCreateUser",
        {"Username": "x", "ValidationData": [{"Name": "isAdmin", "Value": "true"}]},
    ),
    "metadata for the trigger of a reset": ("AdminResetUserPassword", {"Username": "x", "ClientMetadata": {"a": "b"}}),
    "a filter by what may not be seen": ("ListUsers", {"Filter": 'email ^= "a"'}),
    "a filter by it in quotes": ("ListUsers", {"Filter": '"email" ^= "a"'}),
    "asking for what may not be seen": ("ListUsers", {"AttributesToGet": ["name", "email"]}),
    "another pool": ("ListUsers", {"UserPoolId": "eu-west-1_TESTPOOLB"}),
    "another pool in another case": ("ListUsers", {"UserPoolId": "eu-west-1_testpoola"}),
    "another's client": ("AdminInitiateAuth", {"ClientId": "another", "AuthFlow": "ADMIN_USER_PASSWORD_AUTH"}),
}


@pytest.mark.parametrize("attempt", NEIGHBOURS)
def test_nor_do_its_neighbours_work(gateway: Gateway, pool: Pool, attempt: str) -> None:
    """R-10, R-11: one field too many is one too many; names match exactly, and every one of a list has to."""
    operation, body = NEIGHBOURS[attempt]
    found = gateway.call(operation, json.dumps(body).encode(), moderator(gateway))
    assert (found.status, found.json["__type"]) == (403, "AccessDeniedException")
    assert pool.asked == []


def test_two_weak_roles_do_not_make_a_strong_one(gateway: Gateway, pool: Pool) -> None:
    """R-08: one role lists the operation for weak groups, the other lists no group change: `admin` is in neither."""
    for group, status in (("admin", 403), ("premium", 200)):
        body = json.dumps({"Username": "bob", "GroupName": group}).encode()
        found = gateway.call("AdminAddUserToGroup", body, gateway.token("readonly", "listed", username="mod"))
        assert found.status == status
    assert [body["GroupName"] for _, body in pool.done] == ["premium"]
    assert json.loads(gateway.audit.splitlines()[-1])["decision"]["role"] == "listed"


def test_what_may_not_be_seen_is_taken_out_of_answers(gateway: Gateway) -> None:
    """R-10: pages with whatever token, single users: attributes that the role may not read are not in the answer."""
    hidden = {"email": "bob@example.com", "phone_number": "+15550100", "custom:role": "admin", "EMAIL": "b@example.com"}
    attributes = [{"Name": name, "Value": value} for name, value in {"name": "Bob", "sub": "s-1", **hidden}.items()]
    user = {"Username": "bob", "Attributes": attributes}
    gateway.stub.behaviour = answering({"Users": [user, user], "PaginationToken": "next"})
    body = json.dumps({"PaginationToken": "token-from-other-query"}).encode()
    listed = gateway.call("ListUsers", body, moderator(gateway))
    gateway.stub.behaviour = answering({"Username": "bob", "UserAttributes": attributes})
    single = gateway.call("AdminGetUser", b'{"Username":"bob"}', moderator(gateway))
    assert gateway.stub.calls()[0].json["PaginationToken"] == "token-from-other-query"
    for found in (listed, single):
        assert found.status == 200
        assert not [value for value in hidden.values() if value.encode() in found.body]
        assert found.headers["content-length"] == str(len(found.body))
    assert [item["Name"] for item in listed.json["Users"][1]["Attributes"]] == ["name", "sub"]
    assert listed.json["PaginationToken"] == "next"
    assert len(listed.json["Users"]) == 2


def test_whoever_may_list_members_may_list_all(gateway: Gateway, pool: Pool) -> None:
    """The contract does not rank reads: what is listed is listed, and the audit says who looked at the admins."""
    found = gateway.call("ListUsersInGroup", b'{"GroupName":"admin"}', moderator(gateway))
    assert found.status == 200
    line = json.loads(gateway.audit.splitlines()[-1])
    assert (line["operation"], line["target"]["group"]) == ("ListUsersInGroup", "admin")
    assert pool.asked == ["ListUsersInGroup"]


BROKEN = {
    "not JSON inside": b'{"Users": [}',
    "a number without end": b'{"Users": ' + b"9" * 5000 + b"}",
    "not a number": b'{"Users": NaN}',
    "too deep": b'{"Users": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "not UTF-8": b'{"Users": "\xff"}',
}


@pytest.mark.parametrize("what", BROKEN)
def test_an_answer_that_cannot_be_read_is_not_passed_on_unread(gateway: Gateway, what: str) -> None:
    """R-10, R-19: where attributes have to be taken out, an answer that is no JSON is 502, not a defect, nor a leak."""
    gateway.stub.behaviour = raw(response(BROKEN[what]))
    found = gateway.call("ListUsers", b"{}", moderator(gateway))
    assert (found.status, found.json["__type"]) == (502, "InternalErrorException")
    assert b"Users" not in found.body


@pytest.mark.parametrize("what", BROKEN)
def test_a_guard_that_is_told_nonsense_lets_nothing_through(gateway: Gateway, what: str) -> None:
    """R-12: an answer to the guards' own question that cannot be read is 502; the change is not sent on a guess."""
    gateway.stub.behaviour, gateway.stub.people = raw(response(BROKEN[what])), None
    body = json.dumps({"Username": f"bob-{len(what)}"}).encode()
    found = gateway.call("AdminDisableUser", body, moderator(gateway))
    assert (found.status, found.json["__type"]) == (502, "InternalErrorException")
    assert {call.operation for call in gateway.stub.calls()} <= READS


def test_what_a_moderator_may_do_is_done(gateway: Gateway, pool: Pool) -> None:
    """R-12: a gateway that refuses everything would pass all of the above: `bob` is disabled, once, by his name."""
    found = gateway.call(
        "AdminDisableUser", json.dumps({"Username": BOB_SUB}).encode(), moderator(gateway, "moderator")
    )
    assert found.status == 200
    assert [(operation, body["Username"]) for operation, body in pool.done] == [("AdminDisableUser", "bob")]
    target = json.loads(gateway.audit.splitlines()[-1])["target"]
    assert target == {"username": "bob", "sub": BOB_SUB}
