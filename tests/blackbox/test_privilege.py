"""A moderator who wants to be admin: every way through Cognito's own operations that is known to us.

The policy gives the moderator as much as it can: the operations are listed, and what stops the attack is a limit. Where
only a guard could stop it, which this version does not have, the built-in policy's moderator is the one who tries: it
only reads.
"""

import json
from typing import Any

import pytest

from gateway.assembly import read_policy
from gateway.policy_file import GUARDS, PolicyError
from tests.blackbox import attacks
from tests.blackbox.gateways import CLIENT, Gateway
from tests.blackbox.misbehaviour import answering, raw
from tests.blackbox.stub import response
from tests.world import World

CASES = {case["id"]: case for case in attacks.read("cognito-privilege")}
POLICY = """
[roles.admin]
groups = ["admin"]
allow = ["ListUsers", "AdminDisableUser", "AdminAddUserToGroup"]
[roles.moderator]
groups = ["moderator"]
allow = ["ListUsers", "ListUsersInGroup", "AdminGetUser", "AdminAddUserToGroup", "AdminRemoveUserFromGroup",
         "AdminUpdateUserAttributes", "AdminDeleteUserAttributes", "AdminCreateUser", "AdminConfirmSignUp",
         "AdminInitiateAuth", "AdminRespondToAuthChallenge", "AdminResetUserPassword", "CreateGroup"]
rate_per_minute = 1000000
[roles.moderator.limits]
attributes = ["name", "locale"]
groups = ["user", "premium", "x"]
readable = ["name", "locale"]
"""
OPTIONS = {"policy": POLICY}

BY_A_LIMIT = {
    "PRIV-01", "PRIV-04", "PRIV-05", "PRIV-06", "PRIV-08", "PRIV-14", "PRIV-15", "PRIV-16", "PRIV-17", "PRIV-24",
    "PRIV-29", "PRIV-39", "PRIV-42", "PRIV-43", "PRIV-49", "PRIV-50", "PRIV-67", "PRIV-76",
}  # fmt: skip
"""Stopped by a field of the body: 403."""

BY_ITS_FORM = {"PRIV-54", "PRIV-57", "PRIV-86"}
"""Not what the operation takes: 400. Two of them are tried again below in a form that it takes."""

BY_THE_LIST = {"PRIV-60", "PRIV-64", "PRIV-70", "PRIV-71", "PRIV-36", "PRIV-48"}
"""Stopped because no role of the built-in policy, the admin's included, lists the operation."""

BY_A_GUARD = {"PRIV-30", "PRIV-31", "PRIV-32", "PRIV-34", "PRIV-46", "PRIV-81"}
"""What rank, takeover, self-lockout and the canonical target will stop where the operation is listed."""

DECIDED = {
    "PRIV-77": "Reads are not ranked; `groups` of the limits is for add, remove: who may list members may list all",
    "PRIV-80": "`readable`: seen in answers and usable in filters: a page's token is Cognito's, its answer is filtered",
    "PRIV-83": "`fresh = true`: the caller's groups are read live: this version refuses to start with it",
}


def there(ids: set[str]) -> list[Any]:
    """Those of the cases that the file has."""
    return sorted(ids & CASES.keys()) or [attacks.ABSENT]


def send(gateway: Gateway, id_: str, **changes: Any) -> tuple[int | None, str]:
    """Try one case as a moderator: the status, and the message."""
    case = CASES[id_]
    body = json.dumps({**case["body"], **changes}).encode()
    found = gateway.call(case["action"], body, gateway.token("moderator", username="mod"))
    return found.status, found.json.get("message", "")


def test_every_escalation_has_a_test() -> None:
    """Nothing of the file is left out."""
    if not CASES:
        pytest.skip(attacks.NO_VECTORS)
    tables = [BY_A_LIMIT, BY_ITS_FORM, BY_THE_LIST, BY_A_GUARD, set(DECIDED)]
    assert set().union(*tables) == set(CASES)
    assert sum(map(len, tables)) == len(CASES)


@pytest.mark.parametrize("id_", there(BY_A_LIMIT))
def test_a_limit_stops_it(gateway: Gateway, id_: str) -> None:
    """R-10: groups, attributes, metadata, silent accounts and roles that are not named: 403, and not a byte goes up."""
    assert send(gateway, id_) == (403, "The caller may not do this.")
    assert gateway.stub.calls() == []
    assert json.loads(gateway.audit.splitlines()[-1])["decision"]["reason"].partition(":")[0] in {"field", "client"}


@pytest.mark.parametrize("id_", there(BY_ITS_FORM))
def test_its_form_stops_it(gateway: Gateway, id_: str) -> None:
    """R-10: members missing or unknown, a list for a name: 400 that names the member, never its value."""
    status, message = send(gateway, id_)
    assert status == 400
    assert "Member '" in message
    assert not any(value in message for value in ("root", "isAdmin", "1.1.1.1"))
    assert gateway.stub.calls() == []


@pytest.mark.parametrize(
    "member",
    [
        {"ClientMetadata": {"isAdmin": "true"}},
        {"ContextData": {"IpAddress": "1.1.1.1", "ServerName": "a", "ServerPath": "/", "HttpHeaders": []}},
    ],
    ids=["PRIV-54", "PRIV-57"],
)
def test_a_sign_in_for_another_carries_nothing_to_triggers_or_the_risk_engine(
    gateway: Gateway, member: dict[str, Any]
) -> None:
    """R-10: the same in a form that Cognito takes: 403 for ClientMetadata, and for a forged ContextData."""
    body = {"ClientId": CLIENT, "AuthFlow": "ADMIN_USER_PASSWORD_AUTH"}
    token = gateway.token("moderator")
    assert gateway.call("AdminInitiateAuth", json.dumps(body).encode(), token).status == 200
    gateway.stub.reset()
    assert gateway.call("AdminInitiateAuth", json.dumps(body | member).encode(), token).status == 403
    assert gateway.stub.calls() == []


def test_two_clauses_are_no_filter_for_those_who_see_all_either(gateway: Gateway) -> None:
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
    assert gateway.stub.calls() == []
    assert gateway.call("ListUsers", b'{"Filter":"email ^= \\"a\\""}', gateway.token("admin")).status == 200


@pytest.mark.parametrize("id_", there(BY_THE_LIST | BY_A_GUARD))
@pytest.mark.parametrize("role", ["moderator", "user", "readonly", "premium"])
async def test_the_built_in_policys_moderator_only_reads(id_: str, role: str) -> None:
    """R-08: without guards nobody but an admin changes another: passwords, factors, sign-outs and disabling are 403."""
    world = World(COGNITO_USER_POOL_ID="eu-west-1_TESTPOOLA")
    case = CASES[id_]
    reply = await world.call(case["action"], case["body"], builtin_token(world, role))
    assert (reply.status, reply.type) == (403, "AccessDeniedException")
    assert world.reason == "operation"
    assert world.cognito.requests == []


@pytest.mark.parametrize("id_", there(BY_THE_LIST))
async def test_nobody_has_what_could_end_the_pool(id_: str) -> None:
    """R-08: clients, logs, the look of the login and other users' factors are not even the built-in admin's."""
    world = World(COGNITO_USER_POOL_ID="eu-west-1_TESTPOOLA")
    case = CASES[id_]
    reply = await world.call(case["action"], case["body"], builtin_token(world, "admin"))
    assert (reply.status, world.reason) == (403, "operation")
    assert world.cognito.requests == []


def builtin_token(world: World, role: str) -> str:
    """A token of the pool that the cases name."""
    issuer = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_TESTPOOLA"
    return world.token(role, iss=issuer, username="mod")


@pytest.mark.parametrize("guard", sorted(GUARDS))
def test_a_policy_cannot_ask_for_a_guard_that_is_not_there(guard: str) -> None:
    """R-14: whoever writes a guard down is told that this version lacks it, and is not left to believe in it."""
    value = "{ AdminSetUserPassword = { max_age_seconds = 900 } }" if guard == "step_up" else "true"
    with pytest.raises(PolicyError, match="does not enforce"):
        read_policy(f"{POLICY}\n[guards]\n{guard} = {value}")


def test_a_policy_cannot_list_what_names_no_pool_nor_promise_live_groups() -> None:
    """R-11, R-13: ListUserPools would enumerate the account; `fresh` is a promise that this version does not keep."""
    with pytest.raises(PolicyError, match="names no user pool"):
        read_policy('[roles.a]\ngroups = ["a"]\nallow = ["ListUserPools"]')
    with pytest.raises(PolicyError, match="fresh"):
        read_policy('[roles.a]\ngroups = ["a"]\nallow = ["ListUsers"]\nfresh = true')


NEIGHBOURS = {
    "another group's name after a good one": ("AdminAddUserToGroup", {"Username": "mod", "GroupName": "premium,admin"}),
    "a group with a line break": ("AdminAddUserToGroup", {"Username": "mod", "GroupName": "admin\n"}),
    "a group with a soft hyphen": ("AdminAddUserToGroup", {"Username": "mod", "GroupName": "ad\u00admin"}),
    "out of the group that limits it": ("AdminRemoveUserFromGroup", {"Username": "mod", "GroupName": "moderator"}),
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
def test_nor_do_its_neighbours_work(gateway: Gateway, attempt: str) -> None:
    """R-10, R-11: one field too many is one too many; names match exactly, and every one of a list has to."""
    operation, body = NEIGHBOURS[attempt]
    found = gateway.call(operation, json.dumps(body).encode(), gateway.token("moderator", username="mod"))
    assert (found.status, found.json["__type"]) == (403, "AccessDeniedException")
    assert gateway.stub.calls() == []


def test_two_weak_roles_do_not_make_a_strong_one(gateway: Gateway) -> None:
    """R-08: one role lists AdminAddUserToGroup without a group, the other with some: `admin` is in neither."""
    token = gateway.token("admin", "moderator")
    for group, status in (("admin", 403), ("premium", 200)):
        body = json.dumps({"Username": "mod", "GroupName": group}).encode()
        assert gateway.call("AdminAddUserToGroup", body, token).status == status
    assert [call.json["GroupName"] for call in gateway.stub.calls()] == ["premium"]
    assert json.loads(gateway.audit.splitlines()[-1])["decision"]["role"] == "moderator"


def test_what_may_not_be_seen_is_taken_out_of_answers(gateway: Gateway) -> None:
    """R-10: pages with whatever token, single users: attributes that the role may not read are not in the answer."""
    hidden = {"email": "bob@example.com", "phone_number": "+15550100", "custom:role": "admin", "EMAIL": "b@example.com"}
    attributes = [{"Name": name, "Value": value} for name, value in {"name": "Bob", "sub": "s-1", **hidden}.items()]
    user = {"Username": "bob", "Attributes": attributes}
    token = gateway.token("moderator")
    gateway.stub.behaviour = answering({"Users": [user, user], "PaginationToken": "next"})
    listed = gateway.call("ListUsers", json.dumps({"PaginationToken": "token-from-other-query"}).encode(), token)
    gateway.stub.behaviour = answering({"Username": "bob", "UserAttributes": attributes})
    single = gateway.call("AdminGetUser", b'{"Username":"bob"}', token)
    assert gateway.stub.calls()[0].json["PaginationToken"] == "token-from-other-query"
    for found in (listed, single):
        assert found.status == 200
        assert not [value for value in hidden.values() if value.encode() in found.body]
        assert found.headers["content-length"] == str(len(found.body))
    assert [item["Name"] for item in listed.json["Users"][1]["Attributes"]] == ["name", "sub"]
    assert listed.json["PaginationToken"] == "next"
    assert len(listed.json["Users"]) == 2


def test_whoever_may_list_members_may_list_all(gateway: Gateway) -> None:
    """The contract does not rank reads: what is listed is listed, and the audit says who looked at the admins."""
    found = gateway.call("ListUsersInGroup", b'{"GroupName":"admin"}', gateway.token("moderator"))
    assert found.status == 200
    line = json.loads(gateway.audit.splitlines()[-1])
    assert (line["operation"], line["target"]["group"]) == ("ListUsersInGroup", "admin")


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
    found = gateway.call("ListUsers", b"{}", gateway.token("moderator"))
    assert (found.status, found.json["__type"]) == (502, "InternalErrorException")
    assert b"Users" not in found.body
