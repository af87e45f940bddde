"""A moderator who wants to be admin, by the REST routes: the same attempts, the same refusals, nothing sent.

And what only these routes invite: a request of two deeds of which one is allowed, a user named by another's `sub`, a
role of one's own choice, a cookie used by another origin's page.
"""

import json
import re
from typing import Any

import pytest

from gateway.limits import filter_attribute
from tests.blackbox import attacks, rest
from tests.blackbox import test_privilege as privilege
from tests.blackbox.gateways import CLIENT, ORIGIN, Gateway
from tests.blackbox.misbehaviour import answering
from tests.blackbox.rest import Rest
from tests.blackbox.test_privilege import ATTEMPTS, BAD_REQUEST, CASES, DECIDED, GROUPS, moderator, reason, there
from tests.blackbox.translation import WAYS_IN
from tests.blackbox.wire import Response
from tests.guards.playing import play
from tests.guards.pool import BOB_SUB, MODERATOR_SUB, READS, ROOT_SUB, Pool, small_pool

IDENTITY_POOL = "eu-west-1:11111111-2222-4333-8444-555555555555"
pytestmark = pytest.mark.slow  # together they would make the inner loop too long

OPTIONS = {
    "policy": re.sub(r"(?m)^(rate_per_minute_per_\w+) = \d+$", r"\1 = 1000000", privilege.POLICY)
    + """
[roles.sets]
groups = ["sets"]
allow = ["AdminUpdateUserAttributes"]
[roles.sets.limits]
attributes = ["name", "locale"]
[roles.deletes]
groups = ["deletes"]
allow = ["AdminDeleteUserAttributes"]
[roles.deletes.limits]
attributes = ["name", "locale"]
[roles.both]
groups = ["both"]
allow = ["AdminUpdateUserAttributes", "AdminDeleteUserAttributes"]
[roles.both.limits]
attributes = ["name", "locale"]
""",
    "COGNITO_IDENTITY_POOL_ID": IDENTITY_POOL,
}

NO_WORD = {
    "PRIV-39": "AdminRespondToAuthChallenge is no route's",
    "PRIV-54": "AdminInitiateAuth is no route's",
    "PRIV-57": "AdminInitiateAuth is no route's",
    "PRIV-60": "ListUserPools is no route's",
    "PRIV-64": "UpdateUserPoolClient is no route's",
    "PRIV-70": "SetUICustomization is no route's",
    "PRIV-71": "SetLogDeliveryConfiguration is no route's",
    "PRIV-86": "a path and a query name one user, and a list is no text",
}
"""Cases that cannot be said to a route, and why."""

FIRST = "a route judges the form of what it takes before the role's limits: both refuse, and nothing is sent"
UPDATES = "a route that deletes attributes changes a user: AdminUpdateUserAttributes is asked for first"
QUOTED = "a filter is written by the gateway: a second clause is part of the first one's value, and finds nobody"
OTHERWISE: dict[str, tuple[str | None, str]] = {
    "PRIV-04": ("member-pattern", FIRST),
    "PRIV-06": ("member-pattern", FIRST),
    "PRIV-29": ("field", UPDATES),
    "PRIV-76": (None, QUOTED),
}
"""What stops a case here where it is not what stops it at `POST /`: the audit's reason, and why it is another."""


def counterparts() -> list[Any]:
    """Each case by each way that has words for it, with each policy that is to stop it."""
    found = []
    for attempt in ATTEMPTS:
        if not isinstance(attempt, tuple):
            return [pytest.param(None, None, None, id="absent", marks=pytest.mark.skip(reason=attacks.NO_VECTORS))]
        id_, group = attempt
        for name, say in WAYS_IN.items():
            if say(CASES[id_]["action"], CASES[id_]["body"]) is not None:
                found.append(pytest.param(id_, group, name, id=f"{id_}-{group}-{name}"))
    return found


@pytest.fixture
def pool(gateway: Gateway) -> Pool:
    """The pool that the attacks are about, behind the gateway."""
    found = small_pool()
    names = (*GROUPS, "sets", "deletes", "both")
    found.groups |= dict.fromkeys(names, 5)
    found.people[MODERATOR_SUB].groups = set(names)
    gateway.stub.behaviour, gateway.stub.people = play(found), None
    return found


def test_every_escalation_is_tried_or_cannot_be_said() -> None:
    """Nothing of the file is left out."""
    if not CASES:
        pytest.skip(attacks.NO_VECTORS)
    said = {id_ for id_, case in CASES.items() if any(say(case["action"], case["body"]) for say in WAYS_IN.values())}
    assert set(CASES) - said == set(NO_WORD)
    assert set(OTHERWISE) <= said


@pytest.mark.parametrize(("id_", "group", "way"), counterparts())
def test_what_the_attack_wants_never_reaches_cognito(
    gateway: Gateway, pool: Pool, id_: str, group: str, way: str
) -> None:
    """R-10, R-12: refused for the same reason as at `POST /`; the caller is not told what stopped it."""
    case, why = CASES[id_], privilege.REASONS[id_][GROUPS.index(group)]
    asked = WAYS_IN[way](case["action"], case["body"])
    assert asked is not None
    found = rest.send(gateway, asked, moderator(gateway, group))
    assert pool.done == []
    assert {call.operation for call in gateway.stub.calls()} <= READS
    if id_ in OTHERWISE:
        why = OTHERWISE[id_][0]
    if why is None:
        assert found.status == 200
        assert [filter_attribute(call.json["Filter"]) for call in gateway.stub.calls()] == ["name"]
        return
    assert reason(gateway) == why
    told = rest.problem(found)
    if why in BAD_REQUEST:
        assert rest.as_aws(found).status == 400
        assert not any(value in told["detail"] for value in ("root", "isAdmin", "1.1.1.1", "admin"))
    else:
        assert (found.status, told["type"]) == (403, "AccessDeniedException")
        assert told["detail"] == "The caller may not do this."
        assert "member" not in told


@pytest.mark.parametrize("id_", there(set(DECIDED)))
def test_what_is_allowed_there_is_allowed_here(gateway: Gateway, pool: Pool, id_: str) -> None:
    """Reads are not ranked: who may list members may list all, by every way; a page's token is Cognito's."""
    ways = [say(CASES[id_]["action"], CASES[id_]["body"]) for say in WAYS_IN.values()]
    asked = [way for way in ways if way is not None]
    assert asked
    for each in asked:
        assert rest.send(gateway, each, moderator(gateway)).status == 200
        assert gateway.entries[-1]["operation"] == CASES[id_]["action"]
    assert pool.asked == [CASES[id_]["action"]] * len(asked)
    assert pool.done == []


@pytest.mark.parametrize("name", ["root", "ROOT", "root@example.com", "+15550100", ROOT_SUB, f"sub:{ROOT_SUB}"])
def test_no_name_of_an_admin_gets_past_the_guards(gateway: Gateway, pool: Pool, name: str) -> None:
    """R-12: whatever is done to a user, by whatever name in the path: 403 by rank; Cognito was only asked who it is."""
    path = f"/admin/users/{name.replace('+', '%2B')}"
    for asked in deeds(path):
        found = rest.send(gateway, asked, moderator(gateway, "generous"))
        assert (found.status, reason(gateway)) == (403, "rank"), asked
    assert pool.done == []
    assert {call.operation for call in gateway.stub.calls()} <= READS


def deeds(path: str) -> list[Rest]:
    """Everything that the routes do to the user at `path`."""
    return [
        *(Rest("POST", f"{path}/{deed}") for deed in ("disable", "enable", "confirm", "reset-password", "sign-out")),
        Rest("PUT", f"{path}/password", {"password": "Attacker1!"}),
        Rest("PUT", f"{path}/mfa", {"totp": False}),
        Rest("PATCH", path, {"attributes": {"name": "x"}}),
        Rest("PATCH", path, {"attributes": {"name": None}}),
        Rest("PATCH", path, {"attributes": {"name": "x", "locale": None}}),
        Rest("PUT", f"{path}/groups/premium"),
        Rest("DELETE", f"{path}/groups/premium"),
        Rest("DELETE", path),
    ]


def test_a_user_named_by_its_sub_is_that_user_or_nobody(gateway: Gateway, pool: Pool) -> None:
    """R-12: somebody whose user name is the `sub` of another, or of nobody, is not reached by `sub:`."""
    name = "aaaaaaaa-bbbb-4ccc-8ddd-0000000000ff"
    pool.add(name, "user", sub="aaaaaaaa-bbbb-4ccc-8ddd-00000000000f")
    for asked in deeds(f"/admin/users/sub:{name}"):
        found = rest.send(gateway, asked, moderator(gateway, "generous"))
        assert (found.status, rest.problem(found)["type"]) == (404, "UserNotFoundException"), asked
    for path in ("", "?include=groups", "/groups"):
        found = rest.send(gateway, Rest("GET", f"/admin/users/sub:{name}{path}"), gateway.token("readonly"))
        assert found.status == 404
        assert name.encode() not in found.body
    assert pool.done == []
    assert rest.send(gateway, Rest("POST", f"/admin/users/{name}/disable"), moderator(gateway)).status == 204
    assert (
        rest.send(gateway, Rest("POST", f"/admin/users/sub:{BOB_SUB.upper()}/disable"), moderator(gateway)).status
        == 204
    )
    assert [body["Username"] for _, body in pool.done] == [name, "bob"]


CHANGES: dict[str, tuple[tuple[str, ...], dict[str, Any], list[str]]] = {
    "who may only set": (("sets",), {"name": "x", "locale": None}, []),
    "who may only delete": (("deletes",), {"name": "x", "locale": None}, []),
    "who may not delete that one": (("both",), {"name": "x", "email": None}, []),
    "who may not set that one": (("both",), {"email": "a@example.com", "locale": None}, []),
    "who may not delete it in another case": (("both",), {"name": "x", "Locale": None}, []),
    "who may both": (
        ("both",),
        {"name": "x", "locale": None},
        ["AdminUpdateUserAttributes", "AdminDeleteUserAttributes"],
    ),
    "who may each by a role": (
        ("sets", "deletes"),
        {"name": "x", "locale": None},
        ["AdminUpdateUserAttributes", "AdminDeleteUserAttributes"],
    ),
}


@pytest.mark.parametrize("who", CHANGES)
def test_of_two_deeds_none_is_done_where_one_is_refused(gateway: Gateway, pool: Pool, who: str) -> None:
    """R-08, R-10: a request that sets and deletes is decided as a whole before its first half is sent."""
    groups, given, done = CHANGES[who]
    token = gateway.token(*groups, username="mod")
    found = rest.send(gateway, Rest("PATCH", "/admin/users/bob", {"attributes": given}), token)
    assert found.status == (204 if done else 403)
    assert [operation for operation, _ in pool.done] == done
    own = [entry for entry in gateway.entries if entry["id"].partition(".")[0] == found.headers["x-request-id"]]
    assert [entry["operation"] for entry in own if entry["phase"] == "intent"] == done
    assert done or not own[-1]["decision"]["allowed"]


def test_nor_are_both_where_the_second_is_not_open(gateway: Gateway, pool: Pool) -> None:
    """R-08: `PATCH /me` without a good token sends neither half."""
    for token in (None, gateway.mint.id(["user"]), gateway.mint.access(iss=f"{gateway.mint.issuer}2")):
        found = rest.send(gateway, Rest("PATCH", "/me", {"attributes": {"name": "x", "locale": None}}), token)
        assert found.status == 401
    assert pool.asked == []


CHOSEN = [
    "roleArn", "RoleArn", "role_arn", "customRoleArn", "CustomRoleArn", "durationSeconds", "tags", "policy",
    "policyArns", "sourceIdentity", "roleSessionName",
]  # fmt: skip


def give(gateway: Gateway, body: dict[str, Any], token: str | None) -> Response:
    """Ask for AWS credentials."""
    return rest.send(gateway, Rest("POST", "/me/aws-credentials", body), token)


@pytest.mark.parametrize("member", CHOSEN)
def test_nobody_chooses_a_role_of_aws(gateway: Gateway, pool: Pool, member: str) -> None:
    """R-08: which role, for how long and with which tags is the policy's word: 403 for who names one."""
    token, id_token = gateway.token("user"), gateway.mint.id(["user"])
    arn = "arn:aws:iam::123456789012:role/Admin"
    found = give(gateway, {"idToken": id_token, member: arn}, token)
    assert (found.status, reason(gateway)) == (403, "field")
    assert found.json["detail"] == "The caller may not do this."
    assert pool.asked == []


def test_only_the_caller_s_own_id_token_becomes_credentials(gateway: Gateway, pool: Pool) -> None:
    """R-04: an access token, another's, another client's or pool's, none: refused, and nothing is asked of AWS."""
    mint, token = gateway.mint, gateway.token("user", sub="own-sub")
    for id_token, status in (
        (mint.access(["user"], sub="own-sub"), 401),
        (mint.id(["user"], sub="other-sub"), 403),
        (mint.id(["user"], sub="own-sub", aud="another"), 401),
        (mint.id(["user"], sub="own-sub", iss=f"{mint.issuer}2"), 401),
        (mint.id(["user"], sub="own-sub")[:-9] + "AAAAAAAAA", 401),
        ("not-a-token", 401),
    ):
        assert give(gateway, {"idToken": id_token}, token).status == status
        assert give(gateway, {"idToken": id_token}, None).status == 401
    assert give(gateway, {}, token).status == 400
    assert give(gateway, {"idToken": [mint.id(sub="own-sub")]}, token).status == 400
    assert pool.asked == []
    gateway.stub.behaviour = answering(rest.ANSWER)
    assert give(gateway, {"idToken": mint.id(["user"], sub="own-sub")}, token).status == 200
    assert [call.operation for call in gateway.stub.calls()] == ["GetId", "GetCredentialsForIdentity"]
    assert [call.json.keys() & {"CustomRoleArn"} for call in gateway.stub.calls()] == [set(), set()]


COOKIE = f"gateway-refresh={CLIENT}::canary-refresh-token-0000000007"
ELSEWHERE = {
    "an origin that CORS lets in": [("Origin", ORIGIN)],
    "another origin": [("Origin", "https://attacker.example")],
    "no origin": [],
    "null": [("Origin", "null")],
    "another port": [("Origin", "http://localhost:3000")],
    "a longer host": [("Origin", "http://localhost.attacker.example")],
    "two origins": [("Origin", "http://localhost"), ("Origin", "http://attacker.example")],
    "another site of the same origin, by its own word": [
        ("Origin", "http://localhost"),
        ("Sec-Fetch-Site", "cross-site"),
    ],
}


MALFORMED = {("container", "two origins"): 400}
"""A header twice is no request's; the edge joins them to one that is no origin of anybody's."""


@pytest.mark.parametrize("whose", ELSEWHERE)
def test_a_cookie_is_used_by_pages_of_the_gateway_alone(gateway: Gateway, pool: Pool, whose: str) -> None:
    """R-17: another origin's page cannot refresh, sign out or be given a cookie, and is never told that it may."""
    gateway.canaries.add("canary-refresh-token-0000000007")
    headers = [("Host", "localhost"), *ELSEWHERE[whose], ("Cookie", COOKIE)]
    for path, body in (
        ("/auth/refresh", {}),
        ("/auth/sign-out", {}),
        ("/auth/sign-in", {"username": "bob", "password": "Canary-passw0rd!", "cookie": True}),
    ):
        data = json.dumps(body).encode()
        raw = rest.raw(Rest("POST", path), None, *headers, data=data).replace(b"Host: gateway\r\n", b"", 1)
        found = gateway.send(raw)[0]
        assert found.status == MALFORMED.get((gateway.runtime, whose), 403), path
        assert not {"set-cookie", "access-control-allow-credentials"} & found.headers.keys()
    assert pool.asked == []
    own = [("Host", "localhost"), ("Origin", "http://localhost"), ("Cookie", COOKIE)]
    raw = rest.raw(Rest("POST", "/auth/sign-out"), None, *own, data=b"{}").replace(b"Host: gateway\r\n", b"", 1)
    assert gateway.send(raw)[0].status == 204
    assert pool.asked == ["RevokeToken"]
