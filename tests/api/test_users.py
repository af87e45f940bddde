"""`/admin/users/{username}` and what is done to one user, over the whole gateway and a scripted Cognito."""

import json
import uuid
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest

from gateway.upstream import Answer, Request
from tests.api.crowd import Crowd, person, world_of
from tests.world import World, answer, everybody, operation_of, refusal, sub_of

ANN = person(
    "ann", email="ann@example.com", email_verified="true", updated_at="1763715600", custom__age="42", name="Ann"
)
SHOWN = {
    "username": "ann",
    "sub": sub_of("ann"),
    "email": "ann@example.com",
    "status": "CONFIRMED",
    "enabled": True,
    "attributes": {
        "email": "ann@example.com",
        "email_verified": True,
        "updated_at": 1763715600,
        "custom:age": "42",
        "name": "Ann",
    },
    "createdAt": "2025-11-21T09:00:00.250Z",
    "updatedAt": "2025-11-21T09:00:00Z",
}
DRY = {"x-gateway-dry-run": "true"}


class Deed(NamedTuple):
    """A request to one user, and what Cognito hears of it."""

    method: str
    path: str
    body: Any
    operation: str
    sent: dict[str, Any]


DEEDS = [
    Deed("DELETE", "", None, "AdminDeleteUser", {}),
    Deed("POST", "/disable", None, "AdminDisableUser", {}),
    Deed("POST", "/enable", None, "AdminEnableUser", {}),
    Deed("POST", "/confirm", None, "AdminConfirmSignUp", {}),
    Deed(
        "POST",
        "/confirm",
        {"clientMetadata": {"ticket": "1"}},
        "AdminConfirmSignUp",
        {"ClientMetadata": {"ticket": "1"}},
    ),
    Deed("POST", "/reset-password", None, "AdminResetUserPassword", {}),
    Deed("POST", "/sign-out", None, "AdminUserGlobalSignOut", {}),
    Deed("PUT", "/password", {"password": "x Y"}, "AdminSetUserPassword", {"Password": "x Y", "Permanent": True}),
    Deed(
        "PUT",
        "/password",
        {"password": "xY", "permanent": False},
        "AdminSetUserPassword",
        {"Password": "xY", "Permanent": False},
    ),
    Deed(
        "PUT",
        "/mfa",
        {"preferred": "totp", "sms": False},
        "AdminSetUserMFAPreference",
        {
            "SMSMfaSettings": {"Enabled": False, "PreferredMfa": False},
            "SoftwareTokenMfaSettings": {"Enabled": True, "PreferredMfa": True},
        },
    ),
    Deed("PUT", "/mfa", {"email": True}, "AdminSetUserMFAPreference", {"EmailMfaSettings": {"Enabled": True}}),
    Deed(
        "PUT",
        "/mfa",
        {"email": True, "preferred": None},
        "AdminSetUserMFAPreference",
        {"EmailMfaSettings": {"Enabled": True, "PreferredMfa": False}},
    ),
    Deed("PUT", "/groups/support", None, "AdminAddUserToGroup", {"GroupName": "support"}),
    Deed("DELETE", "/groups/support", None, "AdminRemoveUserFromGroup", {"GroupName": "support"}),
    Deed(
        "PATCH",
        "",
        {"attributes": {"name": "x", "custom:age": 5, "email_verified": True}},
        "AdminUpdateUserAttributes",
        {
            "UserAttributes": [
                {"Name": "name", "Value": "x"},
                {"Name": "custom:age", "Value": "5"},
                {"Name": "email_verified", "Value": "true"},
            ]
        },
    ),
    Deed(
        "PATCH",
        "",
        {"email": "a@b.c"},
        "AdminUpdateUserAttributes",
        {"UserAttributes": [{"Name": "email", "Value": "a@b.c"}]},
    ),
    Deed(
        "PATCH",
        "",
        {"attributes": {"nickname": None}},
        "AdminDeleteUserAttributes",
        {"UserAttributeNames": ["nickname"]},
    ),
]
EACH = pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: f"{deed.method} {deed.path} {deed.operation}")


@pytest.fixture
def crowd() -> Crowd:
    """Ann alone."""
    return Crowd([ANN], {"ann": ["support", "user"]})


@pytest.fixture
def world(crowd: Crowd) -> World:
    """A gateway before her."""
    return world_of(crowd)


async def test_a_user_is_read_in_one_form(world: World) -> None:
    """Booleans and numbers where OpenID Connect has them, times as ISO; groups and factors on request."""
    token = world.token("admin")
    assert (await world.rest("GET", "/admin/users/ann", None, token)).json == SHOWN
    more = (await world.rest("GET", "/admin/users/ann?include=groups,mfa", None, token)).json
    mfa = {"preferred": None, "sms": False, "totp": False, "email": False}
    assert more == {**SHOWN, "groups": ["support", "user"], "mfa": mfa}


async def test_second_factors_are_shown_as_they_are_set(world: World, crowd: Crowd) -> None:
    """What `PUT …/mfa` takes is what `include=mfa` gives."""
    crowd.users = [{**ANN, "UserMFASettingList": ["SOFTWARE_TOKEN_MFA"], "PreferredMfaSetting": "SOFTWARE_TOKEN_MFA"}]
    found = (await world.rest("GET", "/admin/users/ann?include=mfa", None, world.token("admin"))).json
    assert found["mfa"] == {"preferred": "totp", "sms": False, "totp": True, "email": False}
    assert "groups" not in found


async def test_a_user_is_created(world: World, crowd: Crowd) -> None:
    """Every member goes where Cognito has it; the answer is the user."""
    body = {
        "username": "ann",
        "email": "ann@example.com",
        "attributes": {"email_verified": True, "custom:age": 42.5, "nickname": None},
        "temporaryPassword": "Tmp-passw0rd",
        "sendInvitation": False,
        "deliveryMediums": ["EMAIL"],
        "forceAliasCreation": False,
        "clientMetadata": {"ticket": "7"},
        "validationData": {"k": "v"},
    }
    reply = await world.rest("POST", "/admin/users", body, world.token("admin"))
    assert (reply.status, reply.json) == (201, SHOWN)
    assert crowd.asked[0][1] == {
        "UserPoolId": world.mint.pool_id,
        "Username": "ann",
        "UserAttributes": [
            {"Name": "email_verified", "Value": "true"},
            {"Name": "custom:age", "Value": "42.5"},
            {"Name": "email", "Value": "ann@example.com"},
        ],
        "TemporaryPassword": "Tmp-passw0rd",
        "MessageAction": "SUPPRESS",
        "DesiredDeliveryMediums": ["EMAIL"],
        "ForceAliasCreation": False,
        "ClientMetadata": {"ticket": "7"},
        "ValidationData": [{"Name": "k", "Value": "v"}],
    }


async def test_an_invitation_is_sent_again(world: World, crowd: Crowd) -> None:
    """`resendInvitation` is Cognito's RESEND; both at once make no sense."""
    token = world.token("admin")
    again = {"username": "ann", "resendInvitation": True}
    assert (await world.rest("POST", "/admin/users", again, token)).status == 201
    assert crowd.asked[0][1]["MessageAction"] == "RESEND"
    reply = await world.rest("POST", "/admin/users", {**again, "sendInvitation": False}, token)
    assert (reply.status, reply.json["member"]) == (400, "resendInvitation")


@EACH
async def test_each_deed_is_one_operation_on_the_canonical_user(world: World, crowd: Crowd, deed: Deed) -> None:
    """204, and Cognito was asked for just that, by the user's own name."""
    reply = await world.rest(deed.method, f"/admin/users/ann{deed.path}", deed.body, world.token("admin"))
    assert (reply.status, reply.body) == (204, b"")
    assert crowd.asked == [(deed.operation, {"UserPoolId": world.mint.pool_id, "Username": "ann", **deed.sent})]
    assert world.entries[-1]["target"]["sub"] == sub_of("ann")


@EACH
async def test_a_weaker_role_is_refused_before_its_body_is_read(world: World, crowd: Crowd, deed: Deed) -> None:
    """403, written down, nothing sent; a dry run says so in an answer. Without a token it is 401."""
    reply = await world.rest(deed.method, f"/admin/users/ann{deed.path}", deed.body, world.token("user"))
    assert (reply.status, reply.json["type"], world.reason) == (403, "AccessDeniedException", "operation")
    dry = await world.rest(deed.method, f"/admin/users/ann{deed.path}", deed.body, world.token("user"), headers=DRY)
    assert (dry.status, dry.json) == (200, {"allowed": False})
    assert (await world.rest(deed.method, f"/admin/users/ann{deed.path}", deed.body, None)).status == 401
    assert deed.operation in {"AdminDeleteUserAttributes", world.entries[0]["operation"]}
    assert not crowd.asked


@EACH
async def test_a_dry_run_of_a_deed_sends_nothing(world: World, crowd: Crowd, deed: Deed) -> None:
    """It is decided and written down."""
    reply = await world.rest(deed.method, f"/admin/users/ann{deed.path}", deed.body, world.token("admin"), headers=DRY)
    assert (reply.status, reply.json["allowed"]) == (200, True)
    assert world.entries[-1]["operation"] == deed.operation
    assert not crowd.asked


@EACH
async def test_an_unknown_user_is_404(world: World, deed: Deed) -> None:
    """Whether the gateway notices first or Cognito."""

    def nobody(request: Request) -> Answer:
        return refusal("UserNotFoundException") if operation_of(request) == "AdminGetUser" else everybody(request)

    world.cognito.people = nobody
    reply = await world.rest(deed.method, f"/admin/users/nobody{deed.path}", deed.body, world.token("admin"))
    assert (reply.status, reply.json["type"]) == (404, "UserNotFoundException")


async def test_reading_an_unknown_user_is_404(world: World) -> None:
    """Also of its groups."""
    for path in ("/admin/users/nobody", "/admin/users/nobody/groups"):
        reply = await world.rest("GET", path, None, world.token("admin"))
        assert (reply.status, reply.json["type"]) == (404, "UserNotFoundException")


@pytest.mark.parametrize(
    ("wrong", "member"),
    [
        (("POST", "/admin/users", {}), "username"),
        (("POST", "/admin/users", {"username": "a b"}), "username"),
        (("POST", "/admin/users", {"username": "x" * 129}), "username"),
        (("POST", "/admin/users", {"username": "a", "email": 5}), "email"),
        (("POST", "/admin/users", {"username": "a", "email": "x", "attributes": {"email": "y"}}), "email"),
        (("POST", "/admin/users", {"username": "a", "attributes": []}), "attributes"),
        (("POST", "/admin/users", {"username": "a", "attributes": None}), "attributes"),
        (("POST", "/admin/users", {"username": "a", "attributes": {"name": ["x"]}}), "attributes.name"),
        (("POST", "/admin/users", {"username": "a", "attributes": {"name": {"x": 1}}}), "attributes.name"),
        (("POST", "/admin/users", {"username": "a", "attributes": {"name": "x" * 2049}}), "attributes.name"),
        (("POST", "/admin/users", {"username": "a", "attributes": {"x" * 33: "v"}}), "attributes"),
        (("POST", "/admin/users", {"username": "a", "attributes": {"": "v"}}), "attributes"),
        (("POST", "/admin/users", {"username": "a", "attributes": {"a\u0007": "v"}}), "attributes"),
        (("POST", "/admin/users", {"username": "a", "attributes": {"<b>": ["v"]}}), "attributes"),
        (("POST", "/admin/users", {"username": "a", "deliveryMediums": ["FAX"]}), "deliveryMediums[0]"),
        (("POST", "/admin/users", {"username": "a", "sendInvitation": "no"}), "sendInvitation"),
        (("POST", "/admin/users", {"username": "a", "groups": ["admin"]}), "groups"),
        (("PATCH", "/admin/users/ann", {}), "attributes"),
        (("PATCH", "/admin/users/ann", {"attributes": {}}), "attributes"),
        (("PATCH", "/admin/users/ann", {"attributes": {"name": []}}), "attributes.name"),
        (("PATCH", "/admin/users/ann", {"status": "CONFIRMED"}), "status"),
        (("PUT", "/admin/users/ann/password", {}), "password"),
        (("PUT", "/admin/users/ann/password", {"password": "x", "permanent": 1}), "permanent"),
        (("PUT", "/admin/users/ann/mfa", {}), "preferred"),
        (("PUT", "/admin/users/ann/mfa", {"preferred": None}), "preferred"),
        (("PUT", "/admin/users/ann/mfa", {"preferred": "fax"}), "preferred"),
        (("PUT", "/admin/users/ann/mfa", {"preferred": ["sms"]}), "preferred"),
        (("PUT", "/admin/users/ann/mfa", {"preferred": "sms", "sms": False}), "preferred"),
        (("PUT", "/admin/users/ann/groups/a%20b", None), "group"),
        (("POST", "/admin/users/ann/disable", {"reason": "x"}), "reason"),
        (("POST", "/admin/users/sub:nonsense/disable", None), "username"),
        (("GET", "/admin/users/sub:8b1f1f4e-3c1e-4c0e-9d58-6d1f5f0f6a1", None), "username"),
        (("GET", "/admin/users/sub:", None), "username"),
        (("GET", "/admin/users/%FF", None), "username"),
        (("DELETE", "/admin/users/%FF", None), "username"),
        (("GET", "/admin/users/" + "x" * 129, None), "username"),
        (("GET", "/admin/users/ann?include=secrets", None), "include[0]"),
        (("GET", "/admin/users/ann/groups?limit=0", None), "limit"),
        (("GET", "/admin/users/ann/groups?cursor=AAAA", None), "cursor"),
    ],
)
async def test_a_wrong_member_is_named_and_nothing_is_sent(
    world: World, crowd: Crowd, wrong: tuple[str, str, Any], member: str
) -> None:
    """R-10: 400 says which member, never its value; the refusal is in the audit."""
    reply = await world.rest(*wrong, world.token("admin"))
    assert (reply.status, reply.json["type"], reply.json.get("member")) == (400, "InvalidParameterException", member)
    assert world.entries[-1]["decision"]["allowed"] is False
    assert not crowd.asked


async def test_a_stranger_learns_nothing_of_a_wrong_path(world: World) -> None:
    """R-08: what is wrong with a request is said to who may make it; others hear 401 or 403."""
    for path in ("/admin/users/%FF", "/admin/users/sub:x", "/admin/users?filter=x"):
        assert (await world.rest("GET", path, None, None)).status == 401
        assert (await world.rest("GET", path, None, world.token("user"))).status == 403


async def test_what_is_set_and_deleted_is_decided_before_it_is_done(world: World, crowd: Crowd) -> None:
    """Both operations pass the policy and the guards first; then values are set, then deleted."""
    body = {"attributes": {"name": "x", "nickname": None}}
    assert (await world.rest("PATCH", "/admin/users/ann", body, world.token("admin"))).status == 204
    assert [operation for operation, _ in crowd.asked] == ["AdminUpdateUserAttributes", "AdminDeleteUserAttributes"]
    assert crowd.asked[0][1]["UserAttributes"] == [{"Name": "name", "Value": "x"}]
    assert crowd.asked[1][1]["UserAttributeNames"] == ["nickname"]
    assert [(entry["operation"], entry["phase"]) for entry in world.entries] == [
        ("AdminUpdateUserAttributes", "decision"),
        ("AdminDeleteUserAttributes", "decision"),
        ("AdminUpdateUserAttributes", "intent"),
        ("AdminUpdateUserAttributes", "outcome"),
        ("AdminDeleteUserAttributes", "intent"),
        ("AdminDeleteUserAttributes", "outcome"),
    ]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"name": "x", "nickname": None}, "operation"),  # it may set, and not delete
        ({"nickname": None}, "operation"),
        ({"name": "x", "locale": None}, "field"),
    ],
)
async def test_what_a_role_may_do_by_half_is_not_done_at_all(
    world: World, crowd: Crowd, given: dict[str, Any], reason: str
) -> None:
    """403 before anything is sent; a dry run says the same."""
    body, token = {"attributes": given}, world.token("moderator")
    reply = await world.rest("PATCH", "/admin/users/ann", body, token)
    assert (reply.status, reply.json["type"]) == (403, "AccessDeniedException")
    dry = await world.rest("PATCH", "/admin/users/ann", body, token, headers=DRY)
    assert (dry.status, dry.json["allowed"], dry.json["reason"]) == (200, False, reason)
    assert not crowd.asked


async def test_a_second_half_that_a_guard_forbids_stops_the_first(world: World, crowd: Crowd) -> None:
    """R-12: another's verified phone number cannot be deleted beside a harmless change."""
    body = {"attributes": {"name": "x", "phone_number_verified": None}}
    reply = await world.rest("PATCH", "/admin/users/ann", body, world.token("admin"))
    assert reply.status == 403
    assert world.reason == "takeover:phone_number_verified"
    assert not crowd.asked


@pytest.mark.parametrize("name", ["a/b", "50%", "a+b@example.com", "jürgen", "ann%2Fbob", "x" * 128, "?&#", "disable"])
async def test_any_name_can_stand_in_a_path(world: World, crowd: Crowd, name: str) -> None:
    """Percent-encoded once, it arrives as it is; a plus is a plus."""
    crowd.users, crowd.groups = [person(name)], {name: ["user"]}
    token, path = world.token("admin"), f"/admin/users/{quote(name, safe='')}"
    assert (await world.rest("GET", path, None, token)).json["username"] == name
    assert (await world.rest("GET", f"{path}/groups", None, token)).json["items"][0]["name"] == "user"
    assert (await world.rest("POST", f"{path}/disable", None, token)).status == 204
    assert crowd.asked[-1] == ("AdminDisableUser", {"UserPoolId": world.mint.pool_id, "Username": name})


@pytest.mark.parametrize("name", [".", "..", "a b"])
async def test_an_awkward_name_is_reached_by_its_sub(world: World, crowd: Crowd, name: str) -> None:
    """R-12: `sub:UUID` in any case; the deed is done to the canonical name."""
    sub = sub_of(name)
    crowd.users = [{**person(name), "Username": sub}]  # Cognito takes a `sub` where it takes a name

    def people(request: Request) -> Answer:
        if operation_of(request) != "AdminGetUser":
            return everybody(request)
        return answer({"Username": name, "Enabled": True, "UserAttributes": [{"Name": "sub", "Value": sub}]})

    world.cognito.people = people
    token = world.token("admin")
    assert (await world.rest("GET", f"/admin/users/sub:{sub.upper()}", None, token)).json["sub"] == sub
    assert (await world.rest("POST", f"/admin/users/sub%3A{sub}/disable", None, token)).status == 204
    assert crowd.asked[-1][1]["Username"] == name


@EACH
async def test_a_name_that_is_another_s_sub_is_not_mistaken_for_it(world: World, crowd: Crowd, deed: Deed) -> None:
    """R-12: who named itself like a victim's `sub` is not acted on by that `sub`."""
    sub = str(uuid.uuid4())
    crowd.users = [person(sub)]  # its own `sub` is another
    reply = await world.rest(deed.method, f"/admin/users/sub:{sub}{deed.path}", deed.body, world.token("admin"))
    assert (reply.status, reply.json["type"]) == (404, "UserNotFoundException")
    assert not crowd.asked


async def test_reading_by_sub_does_not_mistake_a_name_either(world: World, crowd: Crowd) -> None:
    """Neither the user nor its groups are given."""
    sub = str(uuid.uuid4())
    crowd.users, crowd.groups = [person(sub)], {sub: ["user"]}
    for path in ("", "/groups", "?include=groups"):
        reply = await world.rest("GET", f"/admin/users/sub:{sub}{path}", None, world.token("admin"))
        assert (reply.status, reply.json["type"]) == (404, "UserNotFoundException")
    assert {operation for operation, _ in crowd.asked} == {"AdminGetUser"}


async def test_groups_of_a_user_page_to_their_end(world: World) -> None:
    """Each page by the caller's own cursor."""
    token = world.token("admin")
    first = (await world.rest("GET", "/admin/users/ann/groups?limit=1", None, token)).json
    second = (await world.rest("GET", f"/admin/users/ann/groups?limit=1&cursor={first['cursor']}", None, token)).json
    assert [first["items"][0]["name"], second["items"][0]["name"], second["cursor"]] == ["support", "user", None]
    stolen = await world.rest("GET", f"/admin/users/bob/groups?limit=1&cursor={first['cursor']}", None, token)
    assert (stolen.status, stolen.json["member"]) == (400, "cursor")


async def test_a_dry_run_of_reading_decides_on_the_groups_as_well(world: World, crowd: Crowd) -> None:
    """A role that may read the user and not its groups hears so."""
    for path in ("/admin/users/ann", "/admin/users"):
        plain = await world.rest("GET", path, None, world.token("moderator"), headers=DRY)
        assert plain.json["allowed"] is True
        more = await world.rest("GET", f"{path}?include=groups", None, world.token("moderator"), headers=DRY)
        assert (more.json["allowed"], more.json["reason"]) == (False, "operation")
        real = await world.rest("GET", f"{path}?include=groups", None, world.token("moderator"))
        assert real.status == 403
        crowd.asked.clear()
    reply = await world.rest("GET", "/admin/users/ann?include=groups", None, world.token("admin"), headers=DRY)
    assert reply.json["allowed"] is True
    assert not crowd.asked


async def test_what_a_role_may_not_read_is_nowhere_in_a_user(world: World) -> None:
    """Neither as the e-mail at the top nor among the attributes."""
    found = (await world.rest("GET", "/admin/users/ann", None, world.token("moderator"))).json
    assert found == {**SHOWN, "email": None, "attributes": {"name": "Ann"}}


async def test_a_huge_body_is_refused_unread(world: World, crowd: Crowd) -> None:
    """R-16: ten megabytes are 413 on each route with a body; a weaker role is refused before."""
    raw = b'{"attributes": {"name": "' + b"x" * 10_000_000 + b'"}}'
    for method, path in (("POST", "/admin/users"), ("PATCH", "/admin/users/ann"), ("POST", "/admin/users/ann/disable")):
        reply = await world.rest(method, path, None, world.token("admin"), raw=raw)
        assert (reply.status, reply.json["type"]) == (413, "RequestEntityTooLargeException")
        assert (await world.rest(method, path, None, world.token("user"), raw=raw)).status == 403
    assert not crowd.asked


async def test_what_is_no_user_of_cognito_s_is_502(world: World) -> None:
    """An answer that cannot be read is not passed on, and is no defect of the gateway."""
    for body in ({}, {"Username": "ann"}, {"Username": "ann", "UserAttributes": [{}]}, {"UserAttributes": 5}):
        world.cognito.script = lambda _request, body=body: answer(body)  # type: ignore[misc]
        assert (await world.rest("GET", "/admin/users/ann", None, world.token("admin"))).status == 502
    world.cognito.script = lambda _request: answer({"Users": "x"})
    assert (await world.rest("GET", "/admin/users", None, world.token("admin"))).status == 502


async def test_no_password_is_in_the_audit_or_an_answer(world: World) -> None:
    """R-01: neither when it is set nor when it is refused."""
    token = world.token("admin")
    for reply in (
        await world.rest("PUT", "/admin/users/ann/password", {"password": "canary-Passw0rd"}, token),
        await world.rest("PUT", "/admin/users/ann/password", {"password": "canary-Passw0rd "}, token),
        await world.rest("POST", "/admin/users", {"username": "a", "temporaryPassword": "canary-Passw0rd"}, token),
    ):
        assert b"canary" not in reply.body
    assert b"canary" not in b"".join(world.sink.lines)
    assert "canary" not in json.dumps(world.logged)
