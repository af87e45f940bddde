"""Which role grants what, and which fields."""

from typing import Any

import pytest

from gateway.caller import Caller
from gateway.limits import filter_attribute
from gateway.operations import catalogue
from tests.test_policy_file import FULL, load
from tests.world import World, answer

LIMITED = """
[roles.moderator]
groups = ["moderator"]
allow = ["AdminUpdateUserAttributes", "AdminDeleteUserAttributes", "AdminAddUserToGroup", "AdminRemoveUserFromGroup",
         "AdminCreateUser", "AdminConfirmSignUp", "ListUsers", "AdminGetUser", "CreateGroup", "DeleteGroup",
         "ListUsersInGroup"]
[roles.moderator.limits]
attributes = ["name", "locale"]
readable = ["name", "email"]
groups = ["user"]
client_metadata = ["reason"]
members = ["MessageAction"]
"""


def attributes(*names: str) -> list[dict[str, str]]:
    """UserAttributes with these names."""
    return [{"Name": name, "Value": "x"} for name in names]


@pytest.mark.parametrize(
    ("operation", "body", "status"),
    [
        ("AdminUpdateUserAttributes", {"Username": "bob", "UserAttributes": attributes("name")}, 200),
        ("AdminUpdateUserAttributes", {"Username": "bob", "UserAttributes": attributes("name", "email")}, 403),
        ("AdminUpdateUserAttributes", {"Username": "bob", "UserAttributes": attributes("NAME")}, 403),
        ("AdminUpdateUserAttributes", {"Username": "bob", "UserAttributes": attributes("custom:role")}, 403),
        ("AdminDeleteUserAttributes", {"Username": "bob", "UserAttributeNames": ["locale"]}, 200),
        ("AdminDeleteUserAttributes", {"Username": "bob", "UserAttributeNames": ["custom:banned"]}, 403),
        ("AdminAddUserToGroup", {"Username": "bob", "GroupName": "user"}, 200),
        ("AdminAddUserToGroup", {"Username": "bob", "GroupName": "admin"}, 403),
        ("AdminAddUserToGroup", {"Username": "bob", "GroupName": "User"}, 403),
        ("AdminAddUserToGroup", {"Username": "bob", "GroupName": "admin\u0000"}, 403),
        ("AdminRemoveUserFromGroup", {"Username": "bob", "GroupName": "admin"}, 403),
        ("CreateGroup", {"GroupName": "other"}, 403),
        ("DeleteGroup", {"GroupName": "user"}, 200),
        ("CreateGroup", {"GroupName": "user", "RoleArn": "arn:aws:iam::123456789012:role/Admin"}, 403),
        ("AdminCreateUser", {"Username": "bob", "UserAttributes": attributes("name")}, 200),
        ("AdminCreateUser", {"Username": "bob", "UserAttributes": attributes("custom:role")}, 403),
        ("AdminCreateUser", {"Username": "bob", "MessageAction": "SUPPRESS"}, 200),
        ("AdminCreateUser", {"Username": "bob", "TemporaryPassword": "Known1!x"}, 403),
        ("AdminCreateUser", {"Username": "bob", "ForceAliasCreation": True}, 403),
        ("AdminCreateUser", {"Username": "bob", "DesiredDeliveryMediums": ["SMS"]}, 403),
        ("AdminCreateUser", {"Username": "bob", "ValidationData": attributes("x")}, 403),
        ("AdminConfirmSignUp", {"Username": "bob", "ClientMetadata": {"reason": "x"}}, 200),
        ("AdminConfirmSignUp", {"Username": "bob", "ClientMetadata": {"reason": "x", "isAdmin": "true"}}, 403),
        ("ListUsers", {"Filter": 'email ^= "a"'}, 200),
        ("ListUsers", {"Filter": 'status = "Enabled"'}, 200),
        ("ListUsers", {"Filter": ""}, 200),
        ("ListUsers", {"Filter": 'phone_number ^= "+1"'}, 403),
        ("ListUsers", {"Filter": 'name = "x" or email ^= "a"'}, 403),
        ("ListUsers", {"AttributesToGet": ["name", "sub"]}, 200),
        ("ListUsers", {"AttributesToGet": ["phone_number"]}, 403),
        ("ListUsersInGroup", {"GroupName": "admin"}, 200),
    ],
)
async def test_every_field_needs_the_roles_leave(operation: str, body: dict[str, Any], status: int) -> None:
    """R-10: attributes, groups, metadata, powerful members, filters: what is not named never reaches Cognito."""
    world = World(LIMITED)
    reply = await world.call(operation, body, world.token("moderator"))
    assert reply.status == status
    assert len(world.cognito.requests) == (status == 200)
    if status == 403:
        member = world.reason.removeprefix("field:")
        assert member in body
        assert member.encode() not in reply.body


async def test_limits_of_several_roles_never_add_up() -> None:
    """A caller with two roles needs one that alone allows every field."""
    policy = """
        [roles.a]
        groups = ["a"]
        allow = ["AdminUpdateUserAttributes"]
        limits = { attributes = ["name"] }
        [roles.b]
        groups = ["b"]
        allow = ["AdminUpdateUserAttributes"]
        limits = { attributes = ["locale"] }
    """
    world = World(policy)
    token = world.token("a", "b")
    both = {"Username": "bob", "UserAttributes": attributes("name", "locale")}
    assert (await world.call("AdminUpdateUserAttributes", both, token)).status == 403
    second = {"Username": "bob", "UserAttributes": attributes("locale")}
    assert (await world.call("AdminUpdateUserAttributes", second, token)).status == 200
    assert world.entries[-1]["decision"] == {"allowed": True, "role": "b", "reason": None}


async def test_hidden_attributes_are_taken_out_of_answers() -> None:
    """R-10: a role sees the attributes that it may read, whatever Cognito answers."""
    world = World(LIMITED)
    found = attributes("name", "email", "phone_number", "sub")
    user = {"Username": "bob", "Attributes": found, "UserAttributes": found, "Enabled": True}
    world.cognito.script = lambda _request: answer({"Users": [user], "User": user})
    reply = await world.call("ListUsers", {}, world.token("moderator"))
    seen = attributes("name", "email", "sub")
    shown = {"Username": "bob", "Attributes": seen, "UserAttributes": seen, "Enabled": True}
    assert reply.json == {"Users": [shown], "User": shown}


@pytest.mark.parametrize(
    ("groups", "granted"),
    [
        (["moderator"], True),
        (["Moderator"], False),
        (["moderator "], False),
        (["\uff4doderator"], False),
        (["moderators"], False),
        ([], False),
    ],
)
def test_groups_match_exactly(groups: list[str], granted: bool) -> None:  # noqa: FBT001 - a table's column
    """R-07: no case folding, no normalisation, no prefix."""
    assert bool(load(FULL).grants(person(groups), "ListUsers")) is granted


def test_a_machine_has_scopes_and_no_groups() -> None:
    """A client-credentials token never gets a people's role, even when it carries a group of its name."""
    policy = load(FULL)
    machine = person(["moderator"], is_machine=True, scopes=frozenset({"gateway/users.write"}))
    assert not policy.grants(machine, "ListUsers")
    assert [grant.role.name for grant in policy.grants(machine, "AdminCreateUser")] == ["importer"]
    human = person([], scopes=frozenset({"gateway/users.write"}))
    assert not policy.grants(human, "AdminCreateUser")


@pytest.mark.parametrize(
    ("text", "attribute"),
    [
        ('name = "x"', "name"),
        ('email^="a"', "email"),
        (' "cognito:user_status" = "CONFIRMED" ', "cognito:user_status"),
        ('name = "a \\" or email = \\"b"', "name"),
        ('name = "x" or email ^= "a"', None),
        ('name = "x"; email = "y"', None),
        ('name != "x"', None),
        ("name = x", None),
        ('name = "x', None),
        ('name = "x"" or email ^= "a"', None),
        ("", None),
    ],
)
def test_a_filter_is_exactly_one_clause(text: str, attribute: str | None) -> None:
    """R-10: a second clause or a clever quote does not get past the attribute that is judged."""
    assert filter_attribute(text) == attribute


def person(groups: list[str], **over: Any) -> Caller:
    """A caller in these groups."""
    fields: dict[str, Any] = {
        "sub": "s", "username": "u", "groups": tuple(groups), "scopes": frozenset(), "client_id": "c",
        "token_use": "access", "is_machine": False, "issued_at": 0.0, "auth_time": 0.0, "expires_at": 9e9, "acr": None,
        "amr": (), "origin_jti": None, "jti": None,
    }  # fmt: skip
    return Caller(**(fields | over))


def test_every_signed_operation_that_can_be_allowed_names_a_pool() -> None:
    """R-11: nothing that works on all pools of an account can be listed."""
    for operation in catalogue().by_name.values():
        text = f'[roles.a]\ngroups = ["a"]\nallow = ["{operation.name}"]'
        if operation.signed and operation.takes_pool and operation.service == "cognito-idp":
            load(text)


WIDE = """
[roles.a]
groups = ["a"]
allow = ["DescribeUserPoolClient", "UpdateUserPool", "AdminRespondToAuthChallenge", "AdminLinkProviderForUser",
         "CreateUserImportJob"]
[roles.a.limits]
attributes = ["name", "identities"]
readable = ["name"]
"""


async def test_no_answer_shows_a_clients_secret() -> None:
    """R-01: the gateway adds SECRET_HASH so that secrets stay here; reading a client's settings does not undo that."""
    world = World('[roles.a]\ngroups = ["a"]\nallow = ["DescribeUserPoolClient"]')
    client = {"ClientId": world.mint.client_id, "ClientSecret": "canary-secret", "ClientName": "web"}
    world.cognito.script = lambda _request: answer({"UserPoolClient": client})
    reply = await world.call("DescribeUserPoolClient", {"ClientId": world.mint.client_id}, world.token("a"))
    assert reply.json == {"UserPoolClient": {**client, "ClientSecret": "***"}}


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("UpdateUserPool", {"SmsConfiguration": {"SnsCallerArn": "arn:aws:iam::123456789012:role/Admin"}}),
        ("UpdateUserPool", {"EmailConfiguration": {"SourceArn": "arn:aws:ses:us-east-1:123456789012:identity/x"}}),
        ("CreateUserImportJob", {"JobName": "x", "CloudWatchLogsRoleArn": "arn:aws:iam::123456789012:role/Admin"}),
        (
            "AdminRespondToAuthChallenge",
            {
                "ClientId": "devclient00000000000000001",
                "ChallengeName": "NEW_PASSWORD_REQUIRED",
                "ChallengeResponses": {"USERNAME": "bob", "NEW_PASSWORD": "x", "userAttributes.email": "e@x"},
            },
        ),
    ],
)
async def test_limits_reach_below_the_top_level(operation: str, body: dict[str, Any]) -> None:
    """R-10: roles and other AWS resources, and attributes in a challenge's answer, are fields too."""
    world = World(WIDE)
    assert (await world.call(operation, body, world.token("a"))).status == 403
    assert not world.cognito.requests


async def test_every_mutation_names_its_target() -> None:
    """R-18: whom a call acts on is in the line, wherever the operation keeps the name."""
    world = World(WIDE)
    body = {
        "DestinationUser": {"ProviderName": "Cognito", "ProviderAttributeValue": "alice"},
        "SourceUser": {"ProviderName": "X", "ProviderAttributeName": "Cognito_Subject", "ProviderAttributeValue": "1"},
    }
    assert (await world.call("AdminLinkProviderForUser", body, world.token("a"))).status == 200
    assert [entry["target"]["username"] for entry in world.entries] == ["alice", "alice"]


async def test_an_answer_that_cannot_be_filtered_is_not_passed_on() -> None:
    """R-19: a role that may not see everything gets nothing of an answer that is not JSON, and the audit says so."""
    world = World(LIMITED)
    world.cognito.script = lambda _request: answer(b"{garbage}")
    body = {"Username": "bob", "UserAttributes": attributes("name")}
    reply = await world.call("AdminCreateUser", body, world.token("moderator"))
    assert reply.status == 502
    assert [(entry["phase"], entry["status"]) for entry in world.entries] == [("intent", None), ("outcome", 502)]
