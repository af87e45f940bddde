"""boto3, unmodified, against gateway and emulator."""

import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.e2e.conftest import PASSWORD, World

POOL = "us-east-1_DevPool01"
BOB = "user@example.com"


def names(users: list[dict[str, Any]]) -> list[str]:
    """Their user names."""
    return [user["Username"] for user in users]


def test_a_list_pages_to_its_end(admin: Any) -> None:
    """All 204 users come, in pages, each once: boto3's own paginator."""
    found = [user for page in admin.get_paginator("list_users").paginate(UserPoolId=POOL) for user in page["Users"]]
    assert len(found) >= 204
    assert len(set(names(found))) == len(found)


def test_a_filter_finds_one_user(admin: Any) -> None:
    """Filters pass as Cognito has them."""
    assert names(admin.list_users(UserPoolId=POOL, Filter=f'email = "{BOB}"')["Users"]) == [BOB]


def test_all_operations_of_the_policy_work_end_to_end(world: World, admin: Any) -> None:
    """The twelve operations, with SigV4 and the generated IAM policy enforced by the emulator; state really changes."""
    who = {"UserPoolId": POOL, "Username": "readonly@example.com"}
    world.emulator.calls.clear()
    assert admin.admin_get_user(**who)["UserStatus"] == "CONFIRMED"
    admin.admin_disable_user(**who)
    assert admin.admin_get_user(**who)["Enabled"] is False
    admin.admin_enable_user(**who)
    assert admin.admin_get_user(**who)["Enabled"] is True
    admin.admin_update_user_attributes(**who, UserAttributes=[{"Name": "given_name", "Value": "Ünï"}])
    attributes = {item["Name"]: item["Value"] for item in admin.admin_get_user(**who)["UserAttributes"]}
    assert attributes["given_name"] == "Ünï"
    admin.admin_add_user_to_group(**who, GroupName="premium")
    assert {group["GroupName"] for group in admin.admin_list_groups_for_user(**who)["Groups"]} == {
        "readonly",
        "premium",
    }
    assert "readonly@example.com" in names(admin.list_users_in_group(UserPoolId=POOL, GroupName="premium")["Users"])
    admin.admin_remove_user_from_group(**who, GroupName="premium")
    assert "readonly@example.com" not in names(admin.list_users_in_group(UserPoolId=POOL, GroupName="premium")["Users"])
    admin.admin_set_user_password(**who, Password="N3wPassw0rd!x", Permanent=True)
    assert world.emulator.sign_in("readonly@example.com", "N3wPassw0rd!x")["access_token"]
    admin.admin_set_user_password(**who, Password=PASSWORD, Permanent=True)
    listed = admin.list_users_in_group(UserPoolId=POOL, GroupName="user")["Users"]
    reset = next(user for user in listed if user["UserStatus"] == "CONFIRMED" and user["Username"] != BOB)
    admin.admin_reset_user_password(UserPoolId=POOL, Username=reset["Username"])
    assert admin.admin_get_user(UserPoolId=POOL, Username=reset["Username"])["UserStatus"] == "RESET_REQUIRED"
    unconfirmed = admin.list_users(UserPoolId=POOL, Filter='cognito:user_status = "UNCONFIRMED"')["Users"][0][
        "Username"
    ]
    admin.admin_confirm_sign_up(UserPoolId=POOL, Username=unconfirmed)
    assert admin.admin_get_user(UserPoolId=POOL, Username=unconfirmed)["UserStatus"] == "CONFIRMED"
    assert len({call.operation for call in world.emulator.calls}) >= 12


def test_the_pool_may_be_left_to_the_gateway(admin: Any) -> None:
    """Another pool is refused before it is asked for."""
    with pytest.raises(ClientError) as refused:
        admin.list_users(UserPoolId="us-east-1_Another01")
    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"


def test_an_unknown_user_raises_cognitos_own_exception(admin: Any) -> None:
    """Typed exceptions: what Cognito says."""
    with pytest.raises(admin.exceptions.UserNotFoundException) as missing:
        admin.admin_get_user(UserPoolId=POOL, Username="nobody@example.com")
    assert missing.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert missing.value.response["ResponseMetadata"]["RequestId"]


@pytest.mark.parametrize("who", ["moderator", "readonly", "user"])
def test_a_weaker_role_is_refused_by_type(world: World, who: str) -> None:
    """Typed exceptions: what the policy says. Nothing reaches Cognito."""
    time.sleep(1.0 - time.time() % 1.0)  # a test before this one changed groups: tokens of that second stay refused
    client = world.client(world.token(who))
    world.emulator.calls.clear()
    with pytest.raises(ClientError) as refused:
        client.admin_disable_user(UserPoolId=POOL, Username="admin@example.com")
    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert not world.emulator.calls.of("AdminDisableUser")


def test_a_bad_token_is_refused_by_type(world: World) -> None:
    """Typed exceptions: who is not known."""
    client = world.client(world.token("admin")[:-8] + "AAAAAAAA")
    with pytest.raises(client.exceptions.NotAuthorizedException) as refused:
        client.list_users(UserPoolId=POOL)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 401


def test_sign_in_needs_no_credentials(world: World) -> None:
    """A person signs in through the gateway and uses the token at once."""
    stranger = world.client(None)
    result = stranger.initiate_auth(
        ClientId=world.emulator.client_id,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "moderator@example.com", "PASSWORD": PASSWORD},
    )["AuthenticationResult"]
    client = world.client(result["AccessToken"])
    assert client.list_users(UserPoolId=POOL, Limit=3)["Users"]
    assert stranger.get_user(AccessToken=result["AccessToken"])["Username"] == "moderator@example.com"
    with pytest.raises(stranger.exceptions.NotAuthorizedException):
        stranger.initiate_auth(
            ClientId=world.emulator.client_id,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": "moderator@example.com", "PASSWORD": "wrong"},
        )


def test_an_id_token_counts_where_it_is_configured(world: World) -> None:
    """GATEWAY_TOKEN_USE=access,id: an ID token of the pool's client is a caller too."""
    token = world.emulator.sign_in("admin@example.com", PASSWORD)["id_token"]
    assert world.client(token).list_users(UserPoolId=POOL, Limit=1)["Users"]


def test_a_machine_uses_its_scope(world: World) -> None:
    """A client-credentials token reads by its scope and changes nothing."""
    client = world.client(world.emulator.machine_token())
    assert client.list_users(UserPoolId=POOL, Limit=1)["Users"]
    with pytest.raises(ClientError) as refused:
        client.admin_disable_user(UserPoolId=POOL, Username="admin@example.com")
    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"


def test_a_wrong_parameter_is_named(admin: Any) -> None:
    """A body that the operation does not take raises Cognito's own type and names the member."""
    with pytest.raises(admin.exceptions.InvalidParameterException) as refused:
        admin.list_users(UserPoolId=POOL, Filter="not a filter")
    assert "Filter" in refused.value.response["Error"]["Message"]
