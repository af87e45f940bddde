"""An imagined call is decided as a real one: by the same rules, in the same order."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.assembly import read_policy
from gateway.caller import Caller
from gateway.guards import Subject
from gateway.judgement import Pool
from gateway.operations import Operation, catalogue
from gateway.rehearsal import Case, Verdict, completed, rehearse
from gateway.upstream import Answer, Request
from tests.minting import NOW
from tests.world import World, answer, refusal

OPERATIONS = catalogue().by_name
IDENTITY_POOL = "us-east-1:11111111-2222-4333-8444-555555555555"
POOL = Pool(
    user_pool_id="us-east-1_DevPool01",
    provider="cognito-idp.us-east-1.amazonaws.com/us-east-1_DevPool01",
    client_ids=frozenset({"devclient00000000000000001"}),
    identity_pool_id=IDENTITY_POOL,
)
PRECEDENCES: Mapping[str, int | None] = {"admin": 1, "moderator": 5, "premium": 8, "user": 10}
ME = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"  # the mint's
BOB = "bbbbbbbb-bbbb-4ccc-8ddd-eeeeeeeeeeee"
ALIAS = "bob@example.com"


def person(*groups: str, **over: Any) -> Caller:
    """A caller in these groups who has signed in a minute ago."""
    fields: dict[str, Any] = {
        "sub": ME, "username": "alice", "groups": groups, "scopes": frozenset(), "client_id": "c",
        "token_use": "access", "is_machine": False, "issued_at": NOW - 60, "auth_time": NOW - 60, "expires_at": NOW + 9,
    }  # fmt: skip
    return Caller(**(fields | over))


def machine(*scopes: str) -> Caller:
    """A machine with these scopes."""
    return person(sub="c", username=None, scopes=frozenset(scopes), is_machine=True)


def user(*groups: str, **over: Any) -> Subject:
    """Somebody in these groups."""
    return Subject("bob", BOB, groups={name: PRECEDENCES[name] for name in groups}, **over)


def case(
    operation: str, caller: Caller | None, subject: Subject | None, body: Mapping[str, Any] | None = None, **over: Any
) -> Case:
    """A case with its body completed."""
    name = "bob" if subject is None else subject.username
    found = OPERATIONS[operation]
    whole = completed(found, body or {}, POOL, username=name, token=caller is not None)
    return replace(Case(found, caller, whole, subject, PRECEDENCES, NOW), **over)


def decide(*words: Any, policy: str | None = None, role: str | None = None, **over: Any) -> Verdict:
    """The verdict on a case; by the built-in policy unless another is given."""
    return rehearse(read_policy(policy), POOL, case(*words, **over), role=role)


def test_a_verdict_says_who_may_and_why_not() -> None:
    """The role that grants, or the rule that refuses, and what the caller would be told."""
    assert decide("AdminDisableUser", person("moderator"), user("user")) == Verdict(True, "moderator")
    refused = decide("AdminDisableUser", person("moderator"), user("admin"))
    told = ("AccessDeniedException", "The caller may not do this.")
    assert refused == Verdict(False, "moderator", "rank", None, 403, *told)


@pytest.mark.parametrize(
    ("words", "over", "expected"),
    [
        (("ListUsers", None, None), {}, (401, "no-token", None)),
        (("ListUsers", person("user"), None), {}, (403, "operation", None)),
        (("AdminDisableUser", person("admin"), None), {}, (400, "target-missing", None)),
        (("AdminSetUserPassword", person("admin"), user(federated=True)), {}, (403, "takeover", "federated_password")),
        (("AdminAddUserToGroup", person("moderator"), user()), {}, (400, "member-missing", None)),
        (("AdminAddUserToGroup", person("moderator"), user(), {"GroupName": "admin"}), {}, (403, "field", "GroupName")),
        (("AdminAddUserToGroup", person("admin"), user(), {"GroupName": "nobodys"}), {}, (400, "group", None)),
        (("AdminDisableUser", person("admin"), user("admin")), {"last": True}, (403, "last-admin", None)),
        (("ListUsers", person("admin"), None, {"UserPoolId": "us-east-1_Other0001"}), {}, (403, "pool", None)),
        (("GetUser", None, None, {"AccessToken": "e30.e30.e30"}), {}, (401, "no-token", None)),
        (("GetUserAuthFactors", None, None), {}, (401, "no-token", None)),
        (("CreateIdentityPool", person("admin"), None), {}, (400, "identity-not-served", None)),
    ],
)
def test_each_refusal_has_its_reason(words: Any, over: Any, expected: tuple[int, str, str | None]) -> None:
    """R-08, R-10, R-12: status, reason and field are those of a real call."""
    verdict = decide(*words, **over)
    assert not verdict.allowed
    assert (verdict.status, verdict.reason, verdict.field) == expected


@pytest.mark.parametrize(
    "words",
    [
        ("ListUsers", machine("gateway/users.read"), None),
        ("AdminGetUser", person("readonly"), user("admin")),
        ("AdminResetUserPassword", person("admin"), user("admin")),
        ("AdminUpdateUserAttributes", person("admin"), user(), {"UserAttributes": [{"Name": "email", "Value": "x"}]}),
        ("InitiateAuth", None, None),
        ("GetUser", person(), None),
        ("GetId", person(), None),
    ],
)
def test_what_the_policy_allows_is_allowed(words: Any) -> None:
    """People by group, machines by scope, anyone to what is public; a completed body is a good one."""
    assert decide(*words) == Verdict(True, decide(*words).role)
    assert decide(*words).status == 200


TWO = """
[roles.strong]
groups = ["admin"]
allow = ["AdminDisableUser", "AdminEnableUser"]
[roles.weak]
groups = ["moderator"]
allow = ["AdminDisableUser"]
"""


def test_each_role_can_be_heard_alone() -> None:
    """`policy explain` says of each of the caller's roles why it does not grant."""
    caller, target = person("admin", "moderator"), user("moderator")
    assert decide("AdminDisableUser", caller, target, policy=TWO).role == "strong"
    assert decide("AdminDisableUser", caller, target, policy=TWO, role="weak").reason == "rank"
    assert decide("AdminEnableUser", caller, target, policy=TWO, role="weak").reason == "operation"


LIVE = TWO.replace("[roles.weak]", "fresh = true\n[roles.weak]")


@pytest.mark.parametrize(
    ("over", "reason"),
    [({}, None), ({"enabled": False}, "caller-disabled"), ({"left": frozenset({"admin"})}, "operation")],
)
def test_a_fresh_role_sees_what_has_changed_since_the_token(over: Any, reason: str | None) -> None:
    """R-13: with `fresh` a disabled account or a group that was left counts at once, without it the token does."""
    assert decide("AdminDisableUser", person("admin"), user(), policy=LIVE, **over).reason == reason
    assert decide("AdminDisableUser", person("admin"), user(), policy=TWO, **over).allowed


STEP_UP = (
    TWO + '[guards.step_up]\nAdminDisableUser = { max_age_seconds = 900, acr = "urn:cognito:loa:2", amr = ["mfa"] }'
)


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"acr": "urn:cognito:loa:2", "amr": ("mfa",)}, 200),
        ({"acr": "urn:cognito:loa:3", "amr": ("pwd", "mfa")}, 200),
        ({"acr": "urn:cognito:loa:1", "amr": ("mfa",)}, 401),
        ({"acr": "urn:cognito:loa:2"}, 401),
        ({"acr": "urn:cognito:loa:2", "amr": ("mfa",), "auth_time": NOW - 901}, 401),
    ],
)
def test_a_sign_in_may_be_too_old_or_too_weak(said: dict[str, Any], status: int) -> None:
    """What the token says of the sign-in is part of the case."""
    verdict = decide("AdminDisableUser", person("admin", **said), user(), policy=STEP_UP)
    assert (verdict.status, verdict.reason) == (status, None if status == 200 else "step-up")


def test_a_body_is_completed_with_nothing_that_a_rule_reads() -> None:
    """Passwords, codes and names are made up; groups and attributes are the question itself."""
    password = completed(OPERATIONS["AdminSetUserPassword"], {}, POOL, username="bob")
    assert password == {"Username": "bob", "Password": "Example-passw0rd"}
    assert completed(OPERATIONS["AdminUpdateUserAttributes"], {}, POOL, username="bob") == {"Username": "bob"}
    own = {"Username": "carol", "Password": "x"}
    assert completed(OPERATIONS["AdminSetUserPassword"], own, POOL, username="bob") == own
    linked = completed(OPERATIONS["AdminDisableProviderForUser"], {}, POOL, username="bob")
    assert linked["User"]["ProviderAttributeValue"] == "bob"
    wrong = {"User": "bob"}
    assert completed(OPERATIONS["AdminDisableProviderForUser"], wrong, POOL, username="bob") == wrong


# The same cases through the whole gateway, with a Cognito that answers from the same facts.

GROUPS = ("admin", "moderator", "premium", "user")
ACTS = (
    "AdminDisableUser", "AdminEnableUser", "AdminDeleteUser", "AdminSetUserPassword", "AdminResetUserPassword",
    "AdminUserGlobalSignOut", "AdminUpdateUserAttributes", "AdminDeleteUserAttributes", "AdminAddUserToGroup",
    "AdminRemoveUserFromGroup", "AdminCreateUser", "CreateGroup", "UpdateGroup", "DeleteGroup", "AdminInitiateAuth",
    "AdminRespondToAuthChallenge", "AdminLinkProviderForUser", "AdminDisableProviderForUser", "AdminGetUser",
    "ListUsers", "ListUsersInGroup", "UpdateUserPool", "AdminSetUserSettings",
)  # fmt: skip
READS = {"AdminGetUser", "AdminListGroupsForUser", "ListGroups", "ListUsersInGroup", "GetUser"}
OPEN = ("InitiateAuth", "SignUp", "GetUser", "ChangePassword", "GetId", "GlobalSignOut")
NAMED = ("name", "email", "phone_number", "email_verified", "any")


class Imagined:
    """What one example is made of: a policy's text and a case."""

    def __init__(self, policy: str, found: Case) -> None:
        """`policy` is TOML."""
        self.policy = policy
        self.case = found

    def __repr__(self) -> str:
        """Shortly: an operation's own is a screen long."""
        found = self.case
        words = (found.operation.name, found.body, found.caller, found.subject, found.precedences)
        return f"{self.policy}\n{words}, last={found.last}, enabled={found.enabled}, left={set(found.left)}"


def toml(value: object) -> str:
    """A value as TOML has it."""
    return json.dumps(value)


@st.composite
def policies(draw: st.DrawFn) -> str:
    """Two roles of people, one of machines, guards that are mostly on."""
    lines = []
    for name in ("first", "second"):
        allow = draw(st.lists(st.sampled_from(ACTS), unique=True, min_size=18))
        lines += [
            f"[roles.{name}]",
            f"groups = {toml(draw(st.lists(st.sampled_from(GROUPS), unique=True, min_size=2)))}",
            f"allow = {toml(allow)}",
            "explain = true",
            f"peers = {toml(draw(st.booleans()))}",
            f"fresh = {toml(draw(st.sampled_from([False, False, True, allow[:3]])))}",
            f"strict = {toml(draw(st.sampled_from([False, False, False, True])))}",
            *limits(draw, name),
        ]
    lines += ["[roles.robot]", 'scopes = ["gateway/x"]', "explain = true", f"allow = {toml(ACTS)}"]
    lines += [f"precedence = {level}" for level in draw(st.sampled_from([(), (0,), (5,)]))]
    lines += [*limits(draw, "robot"), "[guards]"]
    on = st.sampled_from([True, True, True, False])
    lines += [f"{name} = {toml(draw(on))}" for name in ("rank", "self_lockout", "last_admin", "takeover")]
    wanted = draw(
        st.sampled_from(["", "{ max_age_seconds = 100 }", '{ acr = "urn:cognito:loa:2" }', '{ amr = ["x"] }'])
    )
    if wanted:
        lines += ["[guards.step_up]", f"{draw(st.sampled_from(ACTS))} = {wanted}"]
    lines += ["[public]", f"allow = {toml(draw(st.lists(st.sampled_from(OPEN), unique=True)))}"]
    return "\n".join(lines)


def limits(draw: st.DrawFn, role: str) -> list[str]:
    """Some limits of one role."""
    attributes = draw(st.one_of(st.just(["any"]), st.lists(st.sampled_from(NAMED), unique=True)))
    groups = draw(st.one_of(st.just("any"), st.lists(st.sampled_from(GROUPS), unique=True)))
    members = draw(st.sampled_from([[], ["MessageAction", "ForceAliasCreation"], "any"]))
    lines = [f"[roles.{role}.limits]", f"attributes = {toml(attributes)}", f"groups = {toml(groups)}"]
    return [*lines, f"members = {toml(members)}", f"federated_password = {toml(draw(st.booleans()))}"]


def bodies(draw: st.DrawFn, operation: Operation, name: str) -> dict[str, Any]:
    """What a caller may have written."""
    body: dict[str, Any] = {}
    names = draw(st.lists(st.sampled_from([*NAMED[:-1], "custom:x"]), unique=True, max_size=2))
    choices: dict[str, list[Any]] = {
        "GroupName": [*GROUPS, "new"],
        "Precedence": [0, 5, 9],
        "UserAttributes": [[{"Name": name, "Value": ALIAS} for name in names]],
        "UserAttributeNames": [names],
        "MessageAction": ["RESEND", "SUPPRESS"],
        "ForceAliasCreation": [True, False],
        "ClientMetadata": [{"ticket": "1"}],
        "UserPoolId": [None, "us-east-1_Other0001", POOL.user_pool_id],
        "ClientId": ["another"],
        "DestinationUser": [{"ProviderName": "Google", "ProviderAttributeValue": "1"}],
        "Filter": ['email ^= "a"', "nonsense"],
        "AuthParameters": [{}, {"username": name}, {"USERNAME": name}],
        "AuthFlow": ["REFRESH_TOKEN_AUTH", "ADMIN_USER_PASSWORD_AUTH"],
    }
    rare = {"UserPoolId", "ClientId", "ClientMetadata", "DestinationUser", "MessageAction"}
    for member in sorted(operation.members.keys() & choices.keys()):
        if draw(st.integers(0, 19)) < (1 if member in rare else 17):
            body[member] = draw(st.sampled_from(choices[member]))
    return body


@st.composite
def callers(draw: st.DrawFn) -> Caller | None:
    """A person, a machine or a stranger."""
    groups = draw(st.lists(st.sampled_from([*GROUPS, "gone"]), unique=True, min_size=1))
    found = person(
        *groups,
        auth_time=NOW - draw(st.sampled_from([60, 1000])),
        acr=draw(st.sampled_from([None, "urn:cognito:loa:3"])),
        amr=draw(st.sampled_from([(), ("x", "y")])),
        token_use=draw(st.sampled_from(["access", "access", "access", "id"])),
    )
    return draw(st.sampled_from([None, machine("gateway/x"), *[found] * 12]))


@st.composite
def imagined(draw: st.DrawFn) -> Imagined:
    """A policy, and a case that has something to do with it."""
    precedences = {name: draw(st.sampled_from([1, 1, 5, 5, 9, None])) for name in GROUPS}
    caller = draw(callers())
    enabled = draw(st.sampled_from([*[True] * 9, False]))
    left = frozenset(draw(st.lists(st.sampled_from(GROUPS), max_size=1)))
    groups = {name: precedences[name] for name in draw(st.lists(st.sampled_from(GROUPS), unique=True, max_size=2))}
    bob = Subject("bob", BOB, draw(st.sampled_from([True, True, False])), draw(st.booleans()), groups)
    subject: Subject | None = draw(st.sampled_from([None, *[bob] * 11]))
    if caller is not None and not caller.is_machine and draw(st.integers(0, 3)) == 0:
        own = {name: precedences[name] for name in caller.groups if name in precedences and name not in left}
        subject = Subject("alice", ME, enabled, bob.federated, own)
    operation = OPERATIONS[draw(st.sampled_from([*ACTS, *ACTS, *OPEN]))]
    name = "bob" if subject is None else subject.username
    written = bodies(draw, operation, name)
    body = completed(operation, written, POOL, username=name, token=caller is not None)
    body |= written if draw(st.booleans()) else {}  # without the name that was filled in
    last = draw(st.booleans())
    found = Case(operation, caller, body, subject, precedences, NOW, last=last, enabled=enabled, left=left)
    return Imagined(draw(policies()), found)


def asked(request: Request) -> str:
    """The operation that a request asks for."""
    return next(value for name, value in request.headers if name.lower() == "x-amz-target").rpartition(".")[2]


def cognito(found: Case) -> Any:
    """A Cognito that answers from the facts of a case."""
    own = {name: found.precedences.get(name) for name in (found.caller.groups if found.caller else ())}
    own = {name: value for name, value in own.items() if name in found.precedences and name not in found.left}
    people = {"alice": Subject("alice", ME, found.enabled, groups=own)}
    if found.subject is not None:
        people[found.subject.username] = people[ALIAS] = found.subject

    def script(request: Request) -> Answer:
        body = json.loads(request.body)
        operation = asked(request)
        if operation == "ListGroups":
            return groups(found.precedences)
        if operation == "ListUsersInGroup":
            others = [] if found.last and found.operation.name != "DeleteGroup" else ["carol"]
            names = [found.subject.username, *others] if found.subject is not None else others
            return answer({"Users": [{"Username": name, "Enabled": True} for name in names]})
        if operation == "GetUser":
            return answer({})
        known = people.get(body["Username"])
        if known is None:
            return refusal("UserNotFoundException")
        if operation == "AdminListGroupsForUser":
            return groups(known.groups or {})
        status = "EXTERNAL_PROVIDER" if known.federated else "CONFIRMED"
        attributes = [{"Name": "sub", "Value": known.sub}]
        told = {"Username": known.username, "Enabled": known.enabled, "UserStatus": status}
        return answer({**told, "UserAttributes": attributes})

    return script


def groups(found: Mapping[str, int | None]) -> Answer:
    """A list of groups as Cognito gives it."""
    entries = [{"GroupName": name} | ({} if value is None else {"Precedence": value}) for name, value in found.items()]
    return answer({"Groups": entries})


async def really(example: Imagined) -> tuple[object, ...]:
    """What the whole gateway says in a dry run: allowed, role, reason and field, or status and reason."""
    values = {"COGNITO_IDENTITY_POOL_ID": IDENTITY_POOL, "GATEWAY_TOKEN_USE": "access,id"}
    world, found = World(example.policy, **values), example.case
    world.cognito.script, world.cognito.people = cognito(found), None
    caller, token, body = found.caller, None, dict(found.body)
    if caller is not None:
        said: dict[str, Any] = {"auth_time": int(caller.auth_time)}
        said |= {"acr": caller.acr} if caller.acr else {}
        said |= {"amr": list(caller.amr)} if caller.amr else {}
        mint = world.mint.id if caller.token_use == "id" else world.mint.access
        token = world.mint.machine(sorted(caller.scopes)) if caller.is_machine else mint(caller.groups, **said)
    if "AccessToken" in body and token is not None:
        body["AccessToken"] = token
    if POOL.provider in body.get("Logins", {}) and caller is not None and not caller.is_machine:
        body["Logins"] = {POOL.provider: world.mint.id(caller.groups)}
    service = found.operation.target.rpartition(".")[0] + "."
    headers = {"x-gateway-dry-run": "true"}
    reply = await world.call(found.operation.name, body, token, headers=headers, service=service)
    decision = world.entries[-1]["decision"]
    assert {asked(request) for request in world.cognito.requests} <= READS
    if reply.status != 200:
        made_up = decision["reason"] in {"alg", "token-use"}  # a token in the body that is none, or not of that use
        return reply.status, "no-token" if made_up else decision["reason"]
    told = reply.json
    assert told["allowed"] is decision["allowed"]
    if "role" not in told:  # a stranger is told no more; the audit is
        kind, _, detail = (decision["reason"] or "").partition(":")
        return told["allowed"], decision["role"], kind or None, detail or None
    return told["allowed"], told["role"], told["reason"], told["field"]


def rehearsed(example: Imagined) -> tuple[object, ...]:
    """The same of the rehearsal."""
    verdict = rehearse(read_policy(example.policy), POOL, example.case)
    if verdict.allowed or verdict.status == 403 or verdict.reason == "step-up":
        return verdict.allowed, verdict.role, verdict.reason, verdict.field
    reason = verdict.reason if verdict.field is None else f"{verdict.reason}:{verdict.field}"
    return verdict.status, reason


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(example=imagined())
def test_a_rehearsal_and_a_dry_run_say_the_same(example: Imagined) -> None:
    """Whatever the policy, the people and the body: what `policy explain` and `policy test` say is what happens."""
    expected = asyncio.run(really(example))
    assert rehearsed(example) == expected


EVERYTHING = f"""
[roles.plain]
groups = ["moderator"]
allow = {toml(ACTS)}
explain = true
limits = {{ attributes = ["any"], groups = "any", members = "any" }}
[roles.peer]
groups = ["admin", "moderator"]
allow = {toml(ACTS)}
explain = true
peers = true
limits = {{ attributes = ["any", "email"], groups = "any", members = "any" }}
[roles.robot]
scopes = ["gateway/x"]
allow = {toml(ACTS)}
[roles.root]
scopes = ["gateway/root"]
allow = {toml(ACTS)}
precedence = 0
limits = {{ groups = "any" }}
[public]
allow = {toml(OPEN)}
"""
STRONGEST = {"admin": 1, "moderator": 5}
EMAIL = [{"Name": "email", "Value": ALIAS}]
SOURCE = {"SourceUser": {"ProviderName": "Google", "ProviderAttributeName": "x", "ProviderAttributeValue": "1"}}
GOOGLE = {"ProviderName": "Google", "ProviderAttributeValue": "1"}


@pytest.mark.parametrize(
    ("words", "over", "reason"),
    [
        (("AdminDisableUser", person("moderator"), user("moderator")), {}, None),  # by the second role
        (("DeleteGroup", person("admin"), None, {"GroupName": "admin"}), {}, "self-lockout"),
        (("DeleteGroup", person("admin"), None, {"GroupName": "moderator"}), {}, None),
        (("DeleteGroup", person("moderator"), None, {"GroupName": "peak"}), {"precedences": {"moderator": 5}}, "group"),
        (("CreateGroup", person("moderator"), None, {"GroupName": "peak", "Precedence": 1}), {}, "rank"),
        (("UpdateGroup", person("admin"), None, {"GroupName": "admin", "Precedence": 2}), {}, "self-lockout"),
        (("AdminAddUserToGroup", person("moderator"), user(), {"GroupName": "new"}), {}, "group"),
        (("AdminLinkProviderForUser", person("admin"), user(), {"DestinationUser": GOOGLE, **SOURCE}), {}, "target"),
        (("AdminCreateUser", person("moderator"), user("admin"), {"MessageAction": "RESEND"}), {}, "rank"),
        (("AdminCreateUser", person("moderator"), user("admin")), {}, None),
        (
            (
                "AdminCreateUser",
                person("moderator"),
                user("admin"),
                {"UserAttributes": EMAIL, "ForceAliasCreation": True},
            ),
            {},
            "rank",
        ),
        (
            (
                "AdminCreateUser",
                person("moderator"),
                user("admin"),
                {"UserAttributes": [{**EMAIL[0], "Name": "preferred_username"}], "ForceAliasCreation": True},
            ),
            {},
            "rank",
        ),
        (("AdminInitiateAuth", person("moderator"), user()), {}, None),
        (("AdminInitiateAuth", person("moderator"), user("admin")), {}, "rank"),
        (
            ("AdminInitiateAuth", person("moderator"), user(), {"AuthParameters": {"username": "x"}}),
            {},
            "username-twin",
        ),
        (("AdminRespondToAuthChallenge", person("moderator"), None, {"ChallengeResponses": []}), {}, "member-type"),
        (("AdminDisableUser", machine("gateway/x"), user()), {}, "rank"),
        (("AdminDisableUser", machine("gateway/root"), user("admin")), {}, None),
        (("DeleteGroup", machine("gateway/root"), None, {"GroupName": "admin"}), {}, "last-admin"),
        (("AdminDisableUser", person("admin"), user("admin")), {"last": True, "precedences": STRONGEST}, "last-admin"),
        (("AdminDisableUser", person("admin"), user("admin", enabled=False)), {"last": True}, None),
        (("UpdateUserPool", person("admin"), None), {}, None),
        (("GetId", None, None, {"Logins": {}}), {}, "logins"),
        (("GetId", machine("gateway/x"), None), {}, "no-token"),
        (("GetUser", None, None, {"AccessToken": "e30.e30.e30"}), {}, "no-token"),
        (("GetId", person(), None, {"Logins": {"accounts.google.com": "e30.e30.e30"}}), {}, "logins"),
        (("SignUp", None, None, {"ForceAliasCreation": True}), {}, "member-unknown"),
        (("SignUp", None, None, {"Username": "x" * 129}), {}, "member-length"),
        (("SignUp", None, None, {"ClientMetadata": {"a": "b"}}), {}, "field"),
        (("ListUsers", person("admin"), None, {"Filter": "nonsense"}), {}, "filter"),
        (("AdminUpdateUserAttributes", person("admin"), user(), {"UserAttributes": EMAIL}), {}, None),
        (
            (
                "AdminUpdateUserAttributes",
                person("moderator"),
                user(),
                {"UserAttributes": [{"Name": "phone_number", "Value": "1"}]},
            ),
            {},
            "takeover",
        ),
    ],
)
def test_rare_cases_are_decided_alike(words: Any, over: Any, reason: str | None) -> None:
    """What chance seldom finds: groups that are made and deleted, aliases that are taken, users of other providers."""
    example = Imagined(EVERYTHING, case(*words, **over))
    assert rehearse(read_policy(EVERYTHING), POOL, example.case).reason == reason
    assert rehearsed(example) == asyncio.run(really(example))


GROUPS_ONLY = """
[roles.groups]
groups = ["moderator"]
allow = ["UpdateGroup", "AdminAddUserToGroup"]
explain = true
limits.groups = "any"
[guards]
rank = false
"""


@pytest.mark.parametrize(
    ("operation", "body", "reason"),
    [
        ("UpdateGroup", {"GroupName": "moderator", "Precedence": 9}, "self-lockout"),
        ("UpdateGroup", {"GroupName": "moderator", "Precedence": 4}, None),
        ("UpdateGroup", {"GroupName": "new", "Precedence": 4}, "group"),
        ("AdminAddUserToGroup", {"GroupName": "new"}, None),  # nobody asks how strong it is: Cognito will say
    ],
)
def test_without_rank_the_other_guards_ask_for_themselves(
    operation: str, body: dict[str, Any], reason: str | None
) -> None:
    """Switching one guard off leaves the others as they are."""
    example = Imagined(GROUPS_ONLY, case(operation, person("moderator"), user(), body))
    assert rehearse(read_policy(GROUPS_ONLY), POOL, example.case).reason == reason
    assert rehearsed(example) == asyncio.run(really(example))


@pytest.mark.parametrize(
    ("flow", "reason"), [("REFRESH_TOKEN_AUTH", None), ("REFRESH_TOKEN", None), ("ADMIN_USER_PASSWORD_AUTH", "target")]
)
def test_a_sign_in_names_the_user_unless_it_refreshes(flow: str, reason: str | None) -> None:
    """A refresh token names nobody to the gateway; every other flow acts on a user."""
    found = case("AdminInitiateAuth", person("moderator"), user())
    found = replace(found, body={**found.body, "AuthFlow": flow, "AuthParameters": {}})
    assert rehearse(read_policy(EVERYTHING), POOL, found).reason == reason
    assert rehearsed(Imagined(EVERYTHING, found)) == asyncio.run(really(Imagined(EVERYTHING, found)))
