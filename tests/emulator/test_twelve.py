"""The twelve administrative operations, with exactly the rights that the gateway's IAM policy gives."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from gateway import emulator as cognito
from gateway.emulator import Emulator
from tests.emulator.callers import PASSWORD, PREFIX, TWELVE, TWELVE_POLICY, refusal, signed
from tests.emulator.conftest import Connect

USER = "ada.abara"


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    """An emulator that enforces the twelve-operation policy on one pool."""
    with cognito.start(port=0, iam_policy=TWELVE_POLICY) as running:
        yield running


def test_a_user_can_be_read_disabled_and_enabled(emulator: Emulator, idp: Any) -> None:
    """A support agent looks a user up, locks it and unlocks it."""
    named = {"UserPoolId": emulator.pool_id, "Username": USER}
    assert idp.admin_get_user(**named)["Enabled"] is True
    idp.admin_disable_user(**named)
    assert idp.admin_get_user(**named)["Enabled"] is False
    idp.admin_enable_user(**named)
    assert idp.admin_get_user(**named)["Enabled"] is True


def test_attributes_are_updated_and_an_unknown_one_is_refused(emulator: Emulator, idp: Any) -> None:
    """A changed name is shown at once; an attribute that the pool does not have is Cognito's error."""
    named = {"UserPoolId": emulator.pool_id, "Username": USER}
    idp.admin_update_user_attributes(**named, UserAttributes=[{"Name": "name", "Value": "Ada L."}])
    assert {"Name": "name", "Value": "Ada L."} in idp.admin_get_user(**named)["UserAttributes"]
    with pytest.raises(idp.exceptions.InvalidParameterException, match="does not exist in the schema"):
        idp.admin_update_user_attributes(**named, UserAttributes=[{"Name": "hat", "Value": "red"}])


def test_a_password_that_was_set_signs_in(emulator: Emulator, idp: Any) -> None:
    """A permanent password works at once; a temporary one asks for a new one; a weak one is refused."""
    named = {"UserPoolId": emulator.pool_id, "Username": USER}
    idp.admin_set_user_password(**named, Password="An0ther!one", Permanent=True)
    assert emulator.sign_in(USER, "An0ther!one")["access_token"]
    idp.admin_set_user_password(**named, Password="Temp0rary!", Permanent=False)
    with pytest.raises(LookupError, match="NEW_PASSWORD_REQUIRED"):
        emulator.sign_in(USER, "Temp0rary!")
    with pytest.raises(idp.exceptions.InvalidPasswordException, match="not long enough"):
        idp.admin_set_user_password(**named, Password="x", Permanent=True)
    idp.admin_set_user_password(**named, Password=PASSWORD, Permanent=True)


def test_a_reset_password_needs_the_code_that_was_sent(emulator: Emulator, idp: Any) -> None:
    """After a reset by an administrator the old password is refused until the user has used the code."""
    user = "user@example.com"
    idp.admin_reset_user_password(UserPoolId=emulator.pool_id, Username=user)
    with pytest.raises(cognito.AwsError, match="PasswordResetRequiredException"):
        emulator.sign_in(user, PASSWORD)
    new = {"ClientId": emulator.client_id, "Username": user, "Password": "N3w!password"}
    with pytest.raises(idp.exceptions.CodeMismatchException):
        idp.confirm_forgot_password(**new, ConfirmationCode="wrong")
    idp.confirm_forgot_password(**new, ConfirmationCode=emulator.code_of(user))
    assert emulator.sign_in(user, "N3w!password")["access_token"]


@pytest.mark.parametrize("state", ["disabled", "FORCE_CHANGE_PASSWORD", "without a verified address"])
def test_a_password_is_not_reset_in_every_state(state: str, emulator: Emulator, idp: Any) -> None:
    """A locked user, an invited one, and one without a verified address have nothing to reset."""
    pool = {"UserPoolId": emulator.pool_id}
    user, error = "bjorn.chen", "NotAuthorizedException"
    if state == "disabled":
        idp.admin_disable_user(**pool, Username=user)
    elif state == "FORCE_CHANGE_PASSWORD":
        user = idp.list_users(**pool, Filter=f'cognito:user_status = "{state}"')["Users"][0]["Username"]
    else:
        user, error = "fatima.gupta", "InvalidParameterException"
        flag = [{"Name": "email_verified", "Value": "false"}]
        idp.admin_update_user_attributes(**pool, Username=user, UserAttributes=flag)
    with pytest.raises(ClientError) as caught:
        idp.admin_reset_user_password(**pool, Username=user)
    assert refusal(caught.value)[0] == error


def test_only_somebody_who_signed_up_is_confirmed(emulator: Emulator, idp: Any) -> None:
    """Confirming works once, for a user who signed up; an invited or confirmed user is refused."""
    idp.sign_up(ClientId=emulator.client_id, Username="newcomer", Password="N3wcomer!x")
    idp.admin_confirm_sign_up(UserPoolId=emulator.pool_id, Username="newcomer")
    assert emulator.sign_in("newcomer", "N3wcomer!x")["id_token"]
    with pytest.raises(idp.exceptions.NotAuthorizedException, match="Current status is CONFIRMED"):
        idp.admin_confirm_sign_up(UserPoolId=emulator.pool_id, Username="newcomer")


def test_memberships_are_added_listed_and_removed(emulator: Emulator, idp: Any) -> None:
    """A user's groups come strongest first, and a removed one is gone from both sides."""
    named = {"UserPoolId": emulator.pool_id, "Username": USER}
    idp.admin_add_user_to_group(**named, GroupName="premium")
    idp.admin_add_user_to_group(**named, GroupName="premium")
    groups = idp.admin_list_groups_for_user(**named)["Groups"]
    assert [(group["GroupName"], group["Precedence"]) for group in groups] == [("premium", 8), ("user", 10)]
    members = idp.list_users_in_group(UserPoolId=emulator.pool_id, GroupName="premium")["Users"]
    assert USER in [user["Username"] for user in members]
    idp.admin_remove_user_from_group(**named, GroupName="premium")
    groups = idp.admin_list_groups_for_user(**named)["Groups"]
    assert [group["GroupName"] for group in groups] == ["user"]
    with pytest.raises(idp.exceptions.ResourceNotFoundException, match="Group not found"):
        idp.admin_add_user_to_group(**named, GroupName="nobody")


def test_a_user_that_is_not_there_is_a_typed_exception(emulator: Emulator, idp: Any) -> None:
    """boto3 raises UserNotFoundException, as against AWS."""
    with pytest.raises(idp.exceptions.UserNotFoundException, match=r"User does not exist\."):
        idp.admin_get_user(UserPoolId=emulator.pool_id, Username="nobody")


def test_an_operation_outside_the_policy_is_refused(emulator: Emulator, idp: Any) -> None:
    """The twelve do not delete users: AccessDeniedException, and the user is still there."""
    named = {"UserPoolId": emulator.pool_id, "Username": USER}
    with pytest.raises(ClientError) as caught:
        idp.admin_delete_user(**named)
    code, message = refusal(caught.value)
    assert code == "AccessDeniedException"
    assert message.startswith("User: arn:aws:iam::123456789012:user/gateway is not authorized to perform: ")
    assert "cognito-idp:AdminDeleteUser" in message
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert idp.admin_get_user(**named)["Username"] == USER


def test_another_pool_is_refused_before_it_is_looked_for(idp: Any) -> None:
    """The policy names one pool: another one is AccessDenied, not NotFound (R-11)."""
    with pytest.raises(ClientError) as caught:
        idp.admin_get_user(UserPoolId="us-east-1_Elsewhere", Username=USER)
    assert refusal(caught.value)[0] == "AccessDeniedException"


@pytest.mark.parametrize("operation", TWELVE)
def test_each_of_the_twelve_is_allowed(operation: str, emulator: Emulator) -> None:
    """With the pool alone each is let in, and only then held against the model or answered."""
    body = json.dumps({"UserPoolId": emulator.pool_id}).encode()
    answer = signed(emulator, f"{PREFIX}.{operation}", body)
    assert answer.json().get("__type") in {None, "InvalidParameterException"}


def test_an_operation_without_a_pool_is_outside_a_pools_policy(idp: Any) -> None:
    """ListUserPools is about every pool, which a policy on one pool does not cover."""
    with pytest.raises(ClientError) as caught:
        idp.list_user_pools(MaxResults=1)
    assert refusal(caught.value)[0] == "AccessDeniedException"


def test_the_role_has_the_same_rights_as_the_user(emulator: Emulator, connect: Connect) -> None:
    """Temporary keys of the role may list users and may not delete one."""
    keys = connect(emulator, "sts").assume_role(RoleArn=emulator.role_arn, RoleSessionName="edge")["Credentials"]
    assumed = connect(
        emulator,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )
    assert assumed.list_users(UserPoolId=emulator.pool_id, Limit=1)["Users"]
    with pytest.raises(ClientError) as caught:
        assumed.admin_delete_user(UserPoolId=emulator.pool_id, Username=USER)
    assert refusal(caught.value)[0] == "AccessDeniedException"
    assert "assumed-role/GatewayDev/edge" in refusal(caught.value)[1]
