"""Identity pools: AWS credentials for people."""

from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from botocore.exceptions import ClientError

from gateway import emulator as cognito
from gateway.emulator import Emulator
from gateway.emulator.iam import Policy, Role
from tests.emulator.callers import PASSWORD, Clock, refusal
from tests.emulator.conftest import Connect

LOGIN = "cognito-idp.us-east-1.amazonaws.com/us-east-1_DevPool01"
REPORTS = "arn:aws:iam::123456789012:role/Reports"


@pytest.fixture(scope="module")
def identity(emulator: Emulator, connect: Connect) -> Any:
    """A cognito-identity client."""
    return connect(emulator, "cognito-identity")


@pytest.fixture
def logins(emulator: Emulator) -> dict[str, str]:
    """A user's login."""
    return {LOGIN: emulator.sign_in("user@example.com", PASSWORD)["id_token"]}


def code(caught: pytest.ExceptionInfo[ClientError]) -> str:
    """What boto3 raised."""
    return refusal(caught.value)[0]


def test_a_login_gives_an_identity_and_keys_that_sign(
    emulator: Emulator, identity: Any, connect: Connect, logins: dict[str, str]
) -> None:
    """The same person has the same identity; the keys are a role's, and may not touch the pool."""
    first = identity.get_id(IdentityPoolId=emulator.identity_pool_id, Logins=logins)["IdentityId"]
    again = identity.get_id(IdentityPoolId=emulator.identity_pool_id, Logins=logins)["IdentityId"]
    assert first == again
    keys = identity.get_credentials_for_identity(IdentityId=first, Logins=logins)["Credentials"]
    theirs = {
        "aws_access_key_id": keys["AccessKeyId"],
        "aws_secret_access_key": keys["SecretKey"],
        "aws_session_token": keys["SessionToken"],
    }
    arn = connect(emulator, "sts", **theirs).get_caller_identity()["Arn"]
    assert arn.startswith("arn:aws:sts::123456789012:assumed-role/DevPoolAuthenticated/")
    with pytest.raises(ClientError) as caught:
        connect(emulator, **theirs).list_users(UserPoolId=emulator.pool_id)
    assert code(caught) == "AccessDeniedException"


def test_a_bad_login_is_refused(
    emulator: Emulator, identity: Any, idp: Any, logins: dict[str, str], clock: Clock
) -> None:
    """No login, an access token, a stranger's token, another client's, another provider, an old one."""
    pool = {"IdentityPoolId": emulator.identity_pool_id}
    access = emulator.sign_in("user@example.com", PASSWORD)["access_token"]
    made = idp.create_user_pool_client(
        UserPoolId=emulator.pool_id, ClientName="other", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"]
    )["UserPoolClient"]["ClientId"]
    parameters = {"USERNAME": "user@example.com", "PASSWORD": PASSWORD}
    other_client = idp.initiate_auth(ClientId=made, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=parameters)
    with cognito.start(port=0, users=0) as other:
        foreign = other.sign_in("user@example.com", PASSWORD)["id_token"]
    for wrong in (
        {},
        {LOGIN: access},
        {LOGIN: foreign},
        {LOGIN: other_client["AuthenticationResult"]["IdToken"]},
        {"accounts.google.com": logins[LOGIN]},
    ):
        with pytest.raises(identity.exceptions.NotAuthorizedException):
            identity.get_id(**pool, Logins=wrong)
    with clock.pushed(3601), pytest.raises(identity.exceptions.NotAuthorizedException, match="Token expired"):
        identity.get_id(**pool, Logins=logins)


def test_somebody_elses_identity_is_not_given_out(emulator: Emulator, identity: Any, logins: dict[str, str]) -> None:
    """An identity belongs to the person who got it; one that does not exist is NotFound."""
    mine = identity.get_id(IdentityPoolId=emulator.identity_pool_id, Logins=logins)["IdentityId"]
    other = {LOGIN: emulator.sign_in("admin@example.com", PASSWORD)["id_token"]}
    with pytest.raises(identity.exceptions.NotAuthorizedException, match="Logins don't match"):
        identity.get_credentials_for_identity(IdentityId=mine, Logins=other)
    with pytest.raises(identity.exceptions.ResourceNotFoundException):
        identity.get_credentials_for_identity(IdentityId="us-east-1:0", Logins=logins)
    with pytest.raises(identity.exceptions.ResourceNotFoundException):
        identity.get_id(IdentityPoolId="us-east-1:0", Logins=logins)


def test_an_open_id_token_is_about_the_identity(emulator: Emulator, identity: Any, logins: dict[str, str]) -> None:
    """GetOpenIdToken."""
    mine = identity.get_id(IdentityPoolId=emulator.identity_pool_id, Logins=logins)["IdentityId"]
    token = identity.get_open_id_token(IdentityId=mine, Logins=logins)["Token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert (claims["sub"], claims["aud"]) == (mine, emulator.identity_pool_id)


@pytest.fixture
def mapped(emulator: Emulator, identity: Any, idp: Any) -> Iterator[None]:
    """A pool that takes the role from the token, and a user whose group has one."""
    pool = {"IdentityPoolId": emulator.identity_pool_id}
    before = identity.get_identity_pool_roles(**pool)["Roles"]
    emulator._parts.iam.roles[REPORTS] = Role(REPORTS, Policy(()), frozenset())
    mapping = {"Type": "Token", "AmbiguousRoleResolution": "Deny"}
    mappings = {f"{LOGIN}:{emulator.client_id}": mapping}
    identity.set_identity_pool_roles(**pool, Roles=before, RoleMappings=mappings)
    group = {"UserPoolId": emulator.pool_id, "GroupName": "reports"}
    idp.create_group(**group, RoleArn=REPORTS)
    idp.admin_add_user_to_group(**group, Username="user@example.com")
    yield
    idp.delete_group(**group)
    identity.set_identity_pool_roles(**pool, Roles=before)


@pytest.mark.usefixtures("mapped")
def test_the_token_may_choose_the_role(emulator: Emulator, identity: Any, connect: Connect) -> None:
    """The group's role is given; somebody without one is refused; a role of one's own groups may be named."""

    def keys(username: str, **more: str) -> str:
        mine = {LOGIN: emulator.sign_in(username, PASSWORD)["id_token"]}
        identity_id = identity.get_id(IdentityPoolId=emulator.identity_pool_id, Logins=mine)["IdentityId"]
        got = identity.get_credentials_for_identity(IdentityId=identity_id, Logins=mine, **more)["Credentials"]
        sts = connect(
            emulator,
            "sts",
            aws_access_key_id=got["AccessKeyId"],
            aws_secret_access_key=got["SecretKey"],
            aws_session_token=got["SessionToken"],
        )
        arn: str = sts.get_caller_identity()["Arn"]
        return arn

    assert "/Reports/" in keys("user@example.com")
    assert "/Reports/" in keys("user@example.com", CustomRoleArn=REPORTS)
    for username, more in (
        ("admin@example.com", {}),
        ("user@example.com", {"CustomRoleArn": "arn:aws:iam::123456789012:role/Admin"}),
    ):
        with pytest.raises(ClientError) as caught:
            keys(username, **more)
        assert code(caught) == "InvalidIdentityPoolConfigurationException"


def test_a_role_is_not_named_without_a_mapping(emulator: Emulator, identity: Any, logins: dict[str, str]) -> None:
    """CustomRoleArn needs rules that allow it."""
    mine = identity.get_id(IdentityPoolId=emulator.identity_pool_id, Logins=logins)["IdentityId"]
    with pytest.raises(ClientError):
        identity.get_credentials_for_identity(IdentityId=mine, Logins=logins, CustomRoleArn=REPORTS)


def test_a_pool_may_take_anybody(emulator: Emulator, identity: Any) -> None:
    """A pool for guests gives identities without a login, and keys when it has a role for them."""
    made = identity.create_identity_pool(IdentityPoolName="guests", AllowUnauthenticatedIdentities=True)
    pool = {"IdentityPoolId": made["IdentityPoolId"]}
    guest = identity.get_id(**pool)["IdentityId"]
    assert guest != identity.get_id(**pool)["IdentityId"]
    with pytest.raises(ClientError) as caught:
        identity.get_credentials_for_identity(IdentityId=guest)
    assert code(caught) == "InvalidIdentityPoolConfigurationException"
    roles = identity.get_identity_pool_roles(IdentityPoolId=emulator.identity_pool_id)["Roles"]
    identity.set_identity_pool_roles(**pool, Roles={"unauthenticated": roles["authenticated"]})
    assert identity.get_credentials_for_identity(IdentityId=guest)["Credentials"]["SecretKey"]
    token = identity.get_open_id_token(IdentityId=guest)["Token"]
    assert jwt.decode(token, options={"verify_signature": False})["amr"] == ["unauthenticated"]
    identity.delete_identity_pool(**pool)
    with pytest.raises(identity.exceptions.ResourceNotFoundException):
        identity.describe_identity_pool(**pool)


def test_motos_refusals_are_json(identity: Any) -> None:
    """A name that an identity pool may not have."""
    with pytest.raises(ClientError) as caught:
        identity.create_identity_pool(IdentityPoolName="a/b", AllowUnauthenticatedIdentities=False)
    assert code(caught) in {"InvalidParameterException", "ValidationException"}
    assert identity.list_identity_pools(MaxResults=5)["IdentityPools"]
