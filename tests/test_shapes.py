"""Values against shapes of Cognito's model, each kind of shape for itself."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.body import parse
from gateway.errors import InvalidRequest
from gateway.operations import Operation, catalogue, check
from gateway.shapes import Shape, judge

PATIENT = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)  # on a busy machine too
CANARY = "canary-7f3a-value"
POOL = "us-east-1_DevPool01"
OPERATIONS = catalogue().by_name


def verdict(name: str, **members: Any) -> str | None:
    """The message of what is wrong with a value; None where nothing is. A wrong form raises."""
    refusal = check(OPERATIONS[name], members)
    return None if refusal is None else refusal.message


def malformed(name: str, **members: Any) -> tuple[str, str]:
    """Reason and message of a wrong form, which must raise."""
    with pytest.raises(InvalidRequest) as caught:
        check(OPERATIONS[name], members)
    return caught.value.reason, caught.value.message


def of(shape: Shape, value: object) -> str | None:
    """The reason why a value is not of a shape: returned or, with a "!", raised."""
    outer = Shape("Input", "structure", members={"It": shape})
    try:
        refusal = judge(outer, {"It": value})
    except InvalidRequest as error:
        return "!" + error.reason
    return None if refusal is None else refusal.reason


@pytest.mark.parametrize(
    ("members", "reason", "message"),
    [
        ({"Username": 7}, "member-type", "Member 'Username' must be a string."),
        ({"Username": None}, "member-type", "Member 'Username' must be a string."),
        ({"Username": ["a"]}, "member-type", "Member 'Username' must be a string."),
        ({"UserAttributes": {}}, "member-type", "Member 'UserAttributes' must be a list."),
        ({"UserAttributes": ["a"]}, "member-type", "Member 'UserAttributes[0]' must be an object."),
        (
            {"UserAttributes": [{"Name": "a"}, {"Name": 1}]},
            "member-type",
            "Member 'UserAttributes[1].Name' must be a string.",
        ),
        ({"UserAttributes": [{"Value": "a"}]}, "member-missing", "Member 'UserAttributes[0].Name' is missing."),
        (
            {"UserAttributes": [{"Name": "a", "Vaule": "b"}]},
            "member-unknown",
            "Member 'UserAttributes[0].Vaule' is not known.",
        ),
        ({"ForceAliasCreation": 1}, "member-type", "Member 'ForceAliasCreation' must be true or false."),
        ({"ForceAliasCreation": "true"}, "member-type", "Member 'ForceAliasCreation' must be true or false."),
        ({"ClientMetadata": []}, "member-type", "Member 'ClientMetadata' must be an object."),
        ({"ClientMetadata": {"k": {}}}, "member-type", "Member 'ClientMetadata.*' must be a string."),
        ({"username": "a"}, "member-unknown", "Member 'username' is not known."),
        ({CANARY: "a"}, "member-unknown", "The body holds a member that is not known."),
        (
            {"UserAttributes": [{CANARY: 1}]},
            "member-unknown",
            "Member 'UserAttributes[0]' holds a member that is not known.",
        ),
    ],
)
def test_a_wrong_form_is_refused_at_once_by_the_members_name(
    members: dict[str, Any], reason: str, message: str
) -> None:
    """A misspelt, missing or mistyped member is refused and named, however deep it lies. R-10."""
    assert malformed("AdminCreateUser", **({"UserPoolId": POOL, "Username": "bob"} | members)) == (reason, message)


def test_a_missing_member_is_named() -> None:
    """A call without the user it is about is refused; nothing is filled in. R-10."""
    assert malformed("AdminGetUser", UserPoolId=POOL) == ("member-missing", "Member 'Username' is missing.")


@pytest.mark.parametrize(
    ("name", "members", "message"),
    [
        ("AdminGetUser", {"Username": ""}, "Member 'Username' must have 1 to 128 characters."),
        ("AdminGetUser", {"Username": "x" * 129}, "Member 'Username' must have 1 to 128 characters."),
        ("AdminGetUser", {"Username": "bob\nx"}, "Member 'Username' does not match the pattern that Cognito asks for."),
        ("ListUsers", {"Limit": 61}, "Member 'Limit' must be from 0 to 60."),
        ("ListUsers", {"Limit": -1}, "Member 'Limit' must be from 0 to 60."),
        ("ListUsers", {"Filter": "x" * 257}, "Member 'Filter' must have at most 256 characters."),
        ("ListUsers", {"PaginationToken": ""}, "Member 'PaginationToken' must not be empty."),
        (
            "ListUsers",
            {"AttributesToGet": ["a", "b c\x00"]},
            "Member 'AttributesToGet[1]' does not match the pattern that Cognito asks for.",
        ),
        (
            "AdminCreateUser",
            {"Username": "b", "MessageAction": CANARY},
            "Member 'MessageAction' must be one of RESEND, SUPPRESS.",
        ),
        (
            "AdminRespondToAuthChallenge",
            {"ClientId": "c", "ChallengeName": CANARY},
            "Member 'ChallengeName' must be a value that Cognito knows.",
        ),
        ("ListUserPools", {"MaxResults": 0}, "Member 'MaxResults' must be from 1 to 60."),
        ("CreateGroup", {"GroupName": "g", "Precedence": 2**31}, "Member 'Precedence' must be from 0 to 2147483647."),
    ],
)
def test_a_wrong_value_is_told_and_not_raised(name: str, members: dict[str, Any], message: str) -> None:
    """A value that Cognito would not take is named with its rule, after the policy had its say. R-10."""
    pool = {"UserPoolId": POOL} if OPERATIONS[name].takes_pool else {}
    assert verdict(name, **pool, **members) == message


def test_a_wrong_form_wins_over_a_wrong_value_before_it() -> None:
    """The order of members does not decide which kind of refusal a caller gets: the form comes first."""
    assert malformed("AdminGetUser", Username="", UserPoolId=1)[0] == "member-type"
    attributes = [{"Name": ""}, {"Name": 1}]
    assert (
        malformed("AdminUpdateUserAttributes", Username="a", UserPoolId=POOL, UserAttributes=attributes)[0]
        == "member-type"
    )
    assert malformed("AdminGetUser", Username="")[0] == "member-missing"


def test_the_first_of_several_wrong_values_is_told() -> None:
    """One refusal names one member, the first in the body."""
    message = verdict("ListUsers", UserPoolId=POOL, Limit=99, Filter="x" * 999)
    assert message == "Member 'Limit' must be from 0 to 60."


@pytest.mark.parametrize(
    "username",
    [
        "bob",
        "o'brien",
        "user+tag@example.com",
        "+15550100",
        "0f9b7c1e-6f0e-4d6c-9a53-6a2c1d0e7b11",
        "google_104857600000000000000",
        "Łukasz",
        "名前",
        "e\u0301",
        "\U0001f600",
        "\U000e0fff",  # of no Unicode so far: not for us to refuse
        "x" * 128,
        "\U0001f600" * 128,
    ],
)
def test_names_of_real_people_pass(username: str) -> None:
    """Whatever Cognito takes as a user name, the gateway takes."""
    assert verdict("AdminGetUser", UserPoolId=POOL, Username=username) is None


@pytest.mark.parametrize(
    "name",
    [
        "admin\x00",
        "bob\nx",
        "bob\n",
        " admin",
        "admin ",
        "ad min",
        "admin\u200b",
        "admin\u00a0",
        "ad\u00admin",
        "\ufeffadmin",
        "admin\u2028",
        "\u202enimda",
        "admin\ue000",
        "admin\U000e0061",
    ],
)
def test_names_that_look_like_others_do_not_pass(name: str) -> None:
    """`admin` with a blank, a control or an invisible character is no group and no user. R-07, R-10."""
    message = verdict("AdminAddUserToGroup", UserPoolId=POOL, Username="bob", GroupName=name)
    assert message == "Member 'GroupName' does not match the pattern that Cognito asks for."
    assert verdict("AdminGetUser", UserPoolId=POOL, Username=name) is not None


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("ListUsers", {"Filter": 'email ^= "a"', "Limit": 60, "AttributesToGet": ["sub", "custom:role"]}),
        ("ListUsers", {"Filter": "", "Limit": 0}),
        ("AdminSetUserPassword", {"Username": "bob", "Password": "Passw0rd!dev", "Permanent": True}),
        ("AdminSetUserPassword", {"Username": "bob", "Password": "correct horse battery staple"}),
        ("AdminSetUserPassword", {"Username": "bob", "Password": "x"}),
        (
            "AdminUpdateUserAttributes",
            {"Username": "b", "UserAttributes": [{"Name": "name", "Value": " any\nthing\u200b"}]},
        ),
        (
            "AdminUpdateUserAttributes",
            {"Username": "b", "UserAttributes": [{"Name": "custom:x"}], "ClientMetadata": {"": ""}},
        ),
        ("AdminListGroupsForUser", {"Username": "bob", "NextToken": "x" * 131_072}),
        ("CreateGroup", {"GroupName": "g", "RoleArn": "arn:aws:iam::123456789012:role/Reports", "Precedence": 0}),
        (
            "AdminCreateUser",
            {"Username": "a@example.com", "DesiredDeliveryMediums": ["EMAIL", "SMS"], "MessageAction": "SUPPRESS"},
        ),
    ],
)
def test_calls_as_they_are_made_every_day_pass(operation: str, members: dict[str, Any]) -> None:
    """Filters, passwords with spaces, custom attributes and long page tokens are nothing to complain about."""
    assert verdict(operation, UserPoolId=POOL, **members) is None


@pytest.mark.parametrize("password", [" leading", "trailing ", "", "\n", "two\nlines"])
def test_passwords_that_cognito_calls_malformed_do_not_pass(password: str) -> None:
    """A password may hold spaces, but neither begin nor end with one."""
    assert verdict("AdminSetUserPassword", UserPoolId=POOL, Username="bob", Password=password) is not None


@pytest.mark.parametrize(
    ("kind", "good", "bad_form", "bad_value"),
    [
        ("integer", [0, -(2**31), 2**31 - 1], [True, 1.0, "1", None, [], {}], [2**31, -(2**31) - 1]),
        ("long", [0, -(2**63), 2**63 - 1], [False, 1.5, "1", None], [2**63, -(2**63) - 1]),
        ("double", [0, -1.5, 1e300], [True, "1", None], []),
        ("float", [0, -1.5], [True, "1"], []),
        ("timestamp", [1_700_000_000, 1_700_000_000.123, -1], ["2024-01-01T00:00:00Z", True, None], []),
        ("boolean", [True, False], [0, 1, "true", None], []),
        ("blob", ["", "AAEC", "/+8="], [b"AAEC", 1, None], ["AAE", "A A=", "AAEC\n", "-_8=", "\xe9A=="]),
        ("document", [None, True, 1, "x", [], {"any": ["thing"]}], [], []),
        ("string", ["", "x" * 99], [1, None, b"x"], []),
    ],
)
def test_each_kind_of_value(kind: str, good: list[object], bad_form: list[object], bad_value: list[object]) -> None:
    """Types are Cognito's, not Python's: true is no number, null is nothing, 1.0 is no whole number. R-10."""
    shape = Shape("It", kind)
    assert [of(shape, value) for value in good] == [None] * len(good)
    assert {of(shape, value) for value in bad_form} <= {"!member-type"}
    assert {of(shape, value) for value in bad_value} <= {"member-range", "member-encoding"}


def test_bounds_hold_for_every_kind_of_value() -> None:
    """Lengths count characters, items, entries and decoded bytes; numbers are bounded as such. R-10."""
    text = Shape("Text", "string")
    for kind, short, fits, long in (
        ("string", "ab", "\U0001f600" * 3, "abcde"),
        ("blob", "AAA=", "AAAA", "AAAAAAA="),
        ("list", ["a"] * 2, ["a"] * 3, ["a"] * 5),
        ("map", {"a": "", "b": ""}, {"a": "", "b": "", "c": ""}, dict.fromkeys("abcde", "")),
    ):
        shape = Shape("It", kind, low=3, high=4, element=text, key=text)
        assert [of(shape, value) for value in (short, fits, long)] == ["member-length", None, "member-length"], kind
    for kind in ("integer", "long", "double", "timestamp"):
        assert [of(Shape("It", kind, low=3, high=4), value) for value in (2, 3, 4, 5)] == [
            "member-range",
            None,
            None,
            "member-range",
        ]


def test_not_a_number_is_out_of_every_range() -> None:
    """NaN and Infinity cannot come from a body; from anywhere else they do not pass either."""
    assert of(Shape("It", "double", high=10), float("nan")) == "member-range"
    assert of(Shape("It", "double", high=10), float("inf")) == "member-range"


def test_keys_of_maps_are_judged_and_not_shown() -> None:
    """A map's keys have a shape of their own; what a caller wrote there is as private as a value. R-01, R-10."""
    shape = Shape("It", "map", key=Shape("Key", "string", high=3), element=Shape("Value", "string", enum=("a",)))
    outer = Shape("Input", "structure", members={"It": shape})
    refusal = judge(outer, {"It": {CANARY: "a"}})
    assert refusal is not None
    assert refusal.message == "Member 'It.(key)' must have at most 3 characters."
    assert of(shape, {"a": "b"}) == "member-value"
    assert of(shape, {CANARY: 1}) == "!member-type"


def test_hostile_message_templates_are_judged_in_linear_time() -> None:
    """Thousands of half placeholders do not keep the gateway busy for minutes: the patterns never go back. R-16."""
    for text in ("{##" * 6_000, "{####}" * 3_000 + "\x00", "{##" * 3_000 + "##}" * 3_000 + "\x00"):
        for member in ("EmailMessage", "EmailMessageByLink"):
            assert verdict("CreateUserPool", PoolName="p", VerificationMessageTemplate={member: text}) is not None
    address = "@" * 60_000 + "\x00"
    assert verdict("CreateUserPool", PoolName="p", EmailConfiguration={"ReplyToEmailAddress": address}) is not None
    good = {"EmailMessage": "a {####}\n", "EmailMessageByLink": "{##here##} or {##there##}", "SmsMessage": "{####}!"}
    assert verdict("CreateUserPool", PoolName="p", VerificationMessageTemplate=good) is None
    assert verdict("CreateUserPool", PoolName="p", EmailConfiguration={"ReplyToEmailAddress": "a@b"}) is None
    assert verdict("CreateUserPool", PoolName="p", EmailConfiguration={"ReplyToEmailAddress": "a@b\n"}) is not None


def test_a_list_without_the_shape_of_its_items_is_a_broken_catalogue() -> None:
    """A defect of the catalogue shows as one, not as a refusal."""
    with pytest.raises(ValueError, match="without the shape"):
        of(Shape("It", "list"), [])


@st.composite
def calls(draw: st.DrawFn) -> tuple[Operation, dict[str, Any]]:
    """An operation and a body of the right or of wrong names, in which every text is the canary."""
    operation = draw(st.sampled_from(list(catalogue().by_target.values())))
    names = st.sampled_from([*operation.members, "Name", "Value", "Nmae"])
    leaf = st.sampled_from([CANARY, f" {CANARY}\x00", CANARY * 99, 7, -1, 2**40, 1.5, True, None])
    value = st.recursive(
        leaf, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names | st.just(CANARY), inner, max_size=3)
    )
    return operation, draw(st.dictionaries(names | st.just(CANARY), value, max_size=5))


@PATIENT
@given(calls())
def test_nothing_but_a_refusal_comes_out_and_no_value_with_it(call: tuple[Operation, dict[str, Any]]) -> None:
    """Whatever is thrown at any of the operations, no crash follows and no value is repeated. R-01, R-10."""
    operation, body = call
    try:
        refusal = check(operation, parse(json.dumps(body).encode()))
    except InvalidRequest as error:
        refusal = error
    if refusal is not None:
        assert "canary" not in f"{refusal.message} {refusal.reason} {refusal!r}"
        assert refusal.reason.startswith("member-")
