"""Lists, filters and pages, and the names under which a user is found."""

import functools
from typing import Any

import pytest

from gateway.emulator import AwsError, Emulator
from gateway.emulator import pages as pages_of
from gateway.emulator.people import person
from tests.emulator.callers import Clock


def everybody(idp: Any, emulator: Emulator, **wanted: Any) -> list[str]:
    """Follow PaginationToken to the end and give the usernames."""
    names: list[str] = []
    while True:
        page = idp.list_users(UserPoolId=emulator.pool_id, **wanted)
        names += [user["Username"] for user in page["Users"]]
        if "PaginationToken" not in page:
            return names
        wanted["PaginationToken"] = page["PaginationToken"]


def test_two_hundred_and_four_users_come_in_pages(emulator: Emulator, idp: Any) -> None:
    """Every user once, 60 to a page when nothing is said, and no token on the last page."""
    names = everybody(idp, emulator)
    assert len(names) == len(set(names)) == 204
    first = idp.list_users(UserPoolId=emulator.pool_id)
    assert len(first["Users"]) == 60
    assert everybody(idp, emulator, Limit=17) == names


def test_the_seed_is_what_the_contract_says(emulator: Emulator, idp: Any) -> None:
    """Five groups with their precedences, four named users each in its group, and a mixture of states."""
    groups = idp.list_groups(UserPoolId=emulator.pool_id)["Groups"]
    assert {group["GroupName"]: group["Precedence"] for group in groups} == {
        "admin": 1,
        "moderator": 5,
        "premium": 8,
        "user": 10,
        "readonly": 15,
    }
    for name in ("admin", "moderator", "readonly", "user"):
        user = idp.admin_get_user(UserPoolId=emulator.pool_id, Username=f"{name}@example.com")
        assert (user["UserStatus"], user["Enabled"]) == ("CONFIRMED", True)
        own = idp.admin_list_groups_for_user(UserPoolId=emulator.pool_id, Username=user["Username"])["Groups"]
        assert [group["GroupName"] for group in own] == [name]
    users = [user for page in pages(idp, emulator) for user in page]
    assert {user["UserStatus"] for user in users} == {
        "CONFIRMED",
        "UNCONFIRMED",
        "FORCE_CHANGE_PASSWORD",
        "RESET_REQUIRED",
        "EXTERNAL_PROVIDER",
    }
    assert 5 <= sum(not user["Enabled"] for user in users) <= 20


def pages(idp: Any, emulator: Emulator) -> Any:
    """All users, page by page, with boto3's own paginator."""
    for page in idp.get_paginator("list_users").paginate(UserPoolId=emulator.pool_id):
        yield page["Users"]


def test_members_come_in_pages_too(emulator: Emulator, idp: Any) -> None:
    """ListUsersInGroup follows NextToken."""
    paginator = idp.get_paginator("list_users_in_group")
    found = [
        user["Username"]
        for page in paginator.paginate(UserPoolId=emulator.pool_id, GroupName="user", PaginationConfig={"PageSize": 50})
        for user in page["Users"]
    ]
    assert len(found) == len(set(found)) > 150


def test_a_group_has_no_description_until_it_is_given_one(emulator: Emulator, idp: Any) -> None:
    """However it is asked for: nothing is not an empty text."""
    named = {"UserPoolId": emulator.pool_id, "GroupName": "plain"}
    try:
        for found in (idp.create_group(**named), idp.update_group(**named), idp.get_group(**named)):
            assert "Description" not in found["Group"]
        assert idp.update_group(**named, Description="d")["Group"]["Description"] == "d"
        assert idp.get_group(**named)["Group"]["Description"] == "d"
    finally:
        idp.delete_group(**named)


def test_groups_come_in_pages_too(emulator: Emulator, idp: Any) -> None:
    """ListGroups and AdminListGroupsForUser follow NextToken."""
    first = idp.list_groups(UserPoolId=emulator.pool_id, Limit=2)
    second = idp.list_groups(UserPoolId=emulator.pool_id, Limit=60, NextToken=first["NextToken"])
    assert [group["GroupName"] for group in first["Groups"] + second["Groups"]] == [
        "admin",
        "moderator",
        "premium",
        "user",
        "readonly",
    ]
    assert "NextToken" not in second


def test_a_user_that_is_deleted_between_pages_shifts_nothing(emulator: Emulator, idp: Any) -> None:
    """Nobody is skipped or shown twice when the last one shown is gone."""
    names = everybody(idp, emulator)
    first = idp.list_users(UserPoolId=emulator.pool_id, Limit=10)
    idp.admin_delete_user(UserPoolId=emulator.pool_id, Username=first["Users"][-1]["Username"])
    second = idp.list_users(UserPoolId=emulator.pool_id, Limit=10, PaginationToken=first["PaginationToken"])
    assert [user["Username"] for user in second["Users"]] == names[10:20]


def test_a_token_is_good_for_its_question_for_an_hour(emulator: Emulator, idp: Any, clock: Clock) -> None:
    """Another filter, another list, made-up tokens, and a token from yesterday are refused."""
    page = idp.list_users(UserPoolId=emulator.pool_id, Limit=5)["PaginationToken"]
    pool = {"UserPoolId": emulator.pool_id}
    refused = idp.exceptions.InvalidParameterException
    with pytest.raises(refused):
        idp.list_users(**pool, PaginationToken=page, Filter='name ^= "A"')
    with pytest.raises(refused):
        idp.list_groups(**pool, NextToken=page)
    for made_up in ("%%%", "bm9uc2Vuc2U="):
        with pytest.raises(refused):
            idp.list_users(**pool, PaginationToken=made_up)
    assert idp.list_users(**pool, PaginationToken=page, Limit=1)["Users"]
    ask = functools.partial(pages_of.page, ["a", "b"], key=str, limit=1, question=["q"])
    first, token = ask(token=None, now=clock())
    assert (first, token is None) == (["a"], False)
    with pytest.raises(AwsError):
        ask(token=token, now=clock() + 3601)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('username = "ada.abara"', ["ada.abara"]),
        ('username = "ADA.abara"', []),
        ('email = "ADA.abara@example.com"', ["ada.abara"]),
        ('email ^= "ada.a"', ["ada.abara"]),
        ('given_name = "zoë" ', None),
        ('name="Ada Abara"', ["ada.abara"]),
        ('cognito:user_status = "force_change_password"', None),
        ('status = "Disabled"', None),
        ('status = "disabled"', []),
        ('phone_number ^= "+1202"', None),
        ('name = "with \\"quotes\\""', []),
        ('preferred_username = "x"', []),
    ],
)
def test_filters_are_cognitos(text: str, expected: list[str] | None, emulator: Emulator, idp: Any) -> None:
    """One attribute, equal or prefix; usernames and `status` by case, the rest not."""
    found = [user["Username"] for user in idp.list_users(UserPoolId=emulator.pool_id, Filter=text)["Users"]]
    if expected is None:
        assert 0 < len(found) < 204
    else:
        assert found == expected


def test_a_sub_finds_its_user(emulator: Emulator, idp: Any) -> None:
    """By filter."""
    sub = person(0, emulator.pool_id).sub
    found = idp.list_users(UserPoolId=emulator.pool_id, Filter=f'sub = "{sub}"')["Users"]
    assert [user["Username"] for user in found] == ["ada.abara"]


@pytest.mark.parametrize(
    "text", ["nonsense", 'email = "a', 'email == "a"', 'email = "a" and name = "b"', 'custom:role = "a"', 'x = "a"']
)
def test_what_is_no_filter_is_refused(text: str, emulator: Emulator, idp: Any) -> None:
    """Two conditions, custom attributes and mangled text are InvalidParameter."""
    with pytest.raises(idp.exceptions.InvalidParameterException):
        idp.list_users(UserPoolId=emulator.pool_id, Filter=text)


def test_only_the_attributes_that_were_asked_for_come(emulator: Emulator, idp: Any) -> None:
    """AttributesToGet."""
    page = idp.list_users(UserPoolId=emulator.pool_id, Limit=3, AttributesToGet=["email"])
    assert [[item["Name"] for item in user["Attributes"]] for user in page["Users"]] == [["email"]] * 3


@pytest.mark.parametrize("name", ["ada.bergstrom", "ADA.Bergstrom", "sub", "email", "EMAIL"])
def test_a_user_is_found_by_every_name_it_has(name: str, emulator: Emulator, idp: Any) -> None:
    """Username, other case, `sub`, verified e-mail: one user, whose Username is the canonical one (R-12)."""
    number = next(n for n in range(100) if person(n, emulator.pool_id).username == "ada.bergstrom")
    known = person(number, emulator.pool_id)
    email = known.attributes["email"]
    names = {"sub": known.sub, "email": email, "EMAIL": email.upper()}
    got = idp.admin_get_user(UserPoolId=emulator.pool_id, Username=names.get(name, name))
    assert got["Username"] == "ada.bergstrom"
    assert {"Name": "sub", "Value": known.sub} in got["UserAttributes"]


def test_an_unverified_address_is_no_alias(emulator: Emulator, idp: Any) -> None:
    """Nobody is found by an address that was not proven."""
    user = idp.list_users(UserPoolId=emulator.pool_id, Filter='cognito:user_status = "UNCONFIRMED"')["Users"][0]
    with pytest.raises(idp.exceptions.UserNotFoundException):
        idp.admin_get_user(UserPoolId=emulator.pool_id, Username=f"{user['Username']}@example.com")


def test_an_administrator_changes_an_address(emulator: Emulator, idp: Any) -> None:
    """A new address is unverified unless it is said to be; an empty value deletes; a taken alias is refused."""
    named = {"UserPoolId": emulator.pool_id, "Username": "bjorn.delacroix"}

    def update(**values: str) -> dict[str, str]:
        listed = [{"Name": name, "Value": value} for name, value in values.items()]
        idp.admin_update_user_attributes(**named, UserAttributes=listed)
        got = idp.admin_get_user(**named)["UserAttributes"]
        return {item["Name"]: item["Value"] for item in got}

    assert update(email="new@mail.example")["email_verified"] == "false"
    assert update(email="newer@mail.example", email_verified="true")["email_verified"] == "true"
    assert {"email", "email_verified"}.isdisjoint(update(email=""))
    with pytest.raises(idp.exceptions.AliasExistsException):
        update(email="admin@example.com", email_verified="true")
    with pytest.raises(idp.exceptions.InvalidParameterException, match="boolean"):
        update(email_verified="yes")
    idp.admin_delete_user_attributes(**named, UserAttributeNames=["locale", "nickname"])
    assert "locale" not in update(name="Björn")


def test_a_pool_may_tell_cases_apart(idp: Any) -> None:
    """A pool that says nothing about case has two users `Ann` and `ann`, and no aliases."""
    pool = {"UserPoolId": idp.create_user_pool(PoolName="cased")["UserPool"]["Id"]}
    for name in ("Ann", "ann"):
        idp.admin_create_user(**pool, Username=name, MessageAction="SUPPRESS")
    assert idp.admin_get_user(**pool, Username="Ann")["Username"] == "Ann"
    with pytest.raises(idp.exceptions.UserNotFoundException):
        idp.admin_get_user(**pool, Username="ANN")


def test_a_pool_that_is_not_there_is_not_found(idp: Any) -> None:
    """For a principal that may ask about any pool."""
    with pytest.raises(idp.exceptions.ResourceNotFoundException, match="User pool us-east-1_Nobody does not exist"):
        idp.list_users(UserPoolId="us-east-1_Nobody")


def test_an_administrator_finds_no_devices_and_no_events(emulator: Emulator, idp: Any) -> None:
    """Both lists are empty for a user that is there, and NotFound for one that is not."""
    named = {"UserPoolId": emulator.pool_id, "Username": "ada.abara"}
    assert idp.admin_list_devices(**named)["Devices"] == []
    assert idp.admin_list_user_auth_events(**named)["AuthEvents"] == []
    with pytest.raises(idp.exceptions.UserNotFoundException):
        idp.admin_list_devices(**{**named, "Username": "nobody"})
