"""What a policy file may say, and what it is refused for."""

import pathlib

import pytest

from gateway import guards, policy_file
from gateway.operations import catalogue
from gateway.policy import Guards, Policy
from gateway.policy_file import PolicyError

TWELVE = {
    "AdminSetUserPassword", "AdminResetUserPassword", "AdminDisableUser", "AdminEnableUser",
    "AdminUpdateUserAttributes",
    "AdminConfirmSignUp", "AdminGetUser", "ListUsers", "AdminListGroupsForUser", "AdminAddUserToGroup",
    "AdminRemoveUserFromGroup", "ListUsersInGroup",
}  # fmt: skip


def load(text: str) -> Policy:
    """Read a policy as the gateway does."""
    return policy_file.load(text, catalogue().by_name)


def problems(text: str) -> list[str]:
    """The mistakes in a policy."""
    with pytest.raises(PolicyError) as caught:
        load(text)
    return caught.value.problems


FULL = """
[roles.moderator]
groups = ["moderator"]
scopes = []
allow  = ["ListUsers", "AdminGetUser", "AdminDisableUser", "AdminEnableUser", "AdminUpdateUserAttributes",
          "AdminResetUserPassword", "AdminListGroupsForUser", "ListUsersInGroup", "AdminAddUserToGroup"]
explain = false
peers   = false
fresh   = false
rate_per_minute = 120
[roles.moderator.limits]
attributes = ["name", "given_name", "family_name"]
readable   = "any"
groups     = ["user", "premium"]
client_metadata = []
members    = []
federated_password = false
[roles.moderator.aws]
role_arn = "arn:aws:iam::123456789012:role/Reports"
max_seconds = 43200
[roles.importer]
scopes = ["gateway/users.write"]
precedence = 20
allow = ["AdminCreateUser"]
[public]
allow = ["InitiateAuth", "RespondToAuthChallenge", "GetUser"]
rate_per_minute_per_ip = 60
rate_per_minute_per_user = 10
"""


def test_the_whole_language_is_read() -> None:
    """Every key that the policy language has, but the guards of later versions, is understood."""
    policy = load(FULL)
    moderator, importer = policy.roles
    assert moderator.rate_per_minute == 120
    assert moderator.limits.attributes == {"name", "given_name", "family_name"}
    assert moderator.limits.readable == {"any"}
    assert moderator.limits.groups == {"user", "premium"}
    assert moderator.aws is not None
    assert moderator.aws.max_seconds == 43200
    assert policy.role_arns() == {moderator.aws.role_arn}
    assert importer.precedence == 20
    assert importer.scopes == {"gateway/users.write"}
    assert policy.public.allow == {"InitiateAuth", "RespondToAuthChallenge", "GetUser"}


def test_defaults_open_nothing() -> None:
    """R-08: what a role does not name it does not have."""
    (role,) = load('[roles.a]\ngroups = ["a"]\nallow = ["AdminUpdateUserAttributes"]').roles
    assert (
        role.limits.attributes
        == role.limits.groups
        == role.limits.client_metadata
        == role.limits.members
        == frozenset()
    )
    assert (role.explain, role.peers, role.rate_per_minute) == (False, False, 600)
    assert role.fresh == role.strict == frozenset()


def test_the_built_in_policy_is_what_is_documented() -> None:
    """Five roles for the five development groups; the admin has the twelve operations and what its guards ask."""
    policy = load(pathlib.Path(policy_file.__file__).with_name("policy.toml").read_text(encoding="utf-8"))
    roles = {role.name: role for role in policy.roles}
    assert set(roles) == {"admin", "moderator", "premium", "user", "readonly"}
    assert roles["admin"].peers
    assert roles["admin"].allow == TWELVE | {"ListGroups"}
    names = catalogue().by_name
    assert roles["admin"].allow >= guards.reads(policy, names)
    assert {operation for operation in roles["moderator"].allow if names[operation].mutates} < TWELVE
    assert not any(names[operation].mutates for operation in roles["readonly"].allow)
    assert policy.guards == Guards()
    assert policy.warnings == ()


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('[roles.a]\ngroups = ["a"]\nallow = ["ListUser"]', "did you mean ListUsers"),
        ('[roles.a]\ngroups = ["a"]\nallow = ["*"]', "no wildcards"),
        ('[roles.a]\ngroups = ["a"]\nallow = ["Admin*"]', "no wildcards"),
        ('[roles.a]\ngroups = ["a"]\nallow = ["listusers"]', "not an operation"),
        ('[roles.a]\ngroups = ["a"]\nallow = "ListUsers"', "roles.a.allow: needs a list"),
        ('[roles.a]\ngroups = "a"\nallow = []', "roles.a.groups: needs a list"),
        ('[roles.a]\ngroups = ["a", "a"]\nallow = []', "named twice"),
        ('[roles.a]\ngroups = ["a"]\nallow = ["ListUsers", "ListUsers"]', "named twice"),
        ('[roles.a]\ngroups = ["a "]\nallow = []', "white space"),
        ('[roles.a]\ngroups = ["a"]\nallow = ["ListUserPools"]', "names no user pool"),
        ('[roles.a]\ngroups = ["a"]\nallow = ["TagResource"]', "names no user pool"),
        ('[roles.a]\ngroups = ["a"]\nallow = ["GetUser"]', "belongs to [public]"),
        ('[roles.a]\ngroups = ["a"]\nallow = ["CreateIdentityPool"]', "names no user pool"),
        ("[roles.a]\nallow = []", "nobody's"),
        ('[roles.a]\ngroups = ["a"]\nallows = []', "did you mean allow"),
        ('[roles.a]\ngroups = ["a"]\nfresh = 1', "a list of names of operations, or true or false"),
        ('[roles.a]\ngroups = ["a"]\nfresh = ["ListUsers"]', "is not in this role's allow"),
        ('[roles.a]\nscopes = ["a/b"]\nallow = ["ListUsers"]\nstrict = true', "a machine's token"),
        ('[roles.a]\ngroups = ["a"]\n[roles.a.limits]\nreadable = ["any", "email"]', "write "),
        ('[roles.a]\ngroups = ["a"]\nexplain = "yes"', "true or false"),
        ('[roles.a]\ngroups = ["a"]\nrate_per_minute = 0', "whole number from 1"),
        ('[roles.a]\ngroups = ["a"]\nrate_per_minute = true', "whole number from 1"),
        ('[roles.a]\ngroups = ["a"]\nprecedence = -1', "whole number from 0"),
        ('[roles.a]\ngroups = ["a"]\n[roles.a.limits]\nmembers = ["Anything"]', "is not one of"),
        ('[roles.a]\ngroups = ["a"]\n[roles.a.limits]\nattribute = []', "did you mean attributes"),
        ('[roles.a]\ngroups = ["a"]\n[roles.a.aws]\nrole_arn = "x"', "ARN of an IAM role"),
        (
            '[roles.a]\nscopes = ["a/b"]\n[roles.a.aws]\nrole_arn = "arn:aws:iam::123456789012:role/Reports"',
            "machines have no ID token",
        ),
        ('[roles.a]\ngroups = ["a"]\n[roles.a.limits]\ngroups = ["any"]', "write "),
        ("[guards]\nrank = 1", "true or false"),
        ("[guards.step_up]\nAdminSetUserPasswort = { max_age_seconds = 900 }", "did you mean AdminSetUserPassword"),
        ("[guards.step_up]\nAdminSetUserPassword = {}", "needs max_age_seconds, acr or amr"),
        ("[guards.step_up]\nAdminSetUserPassword = { max_age = 900 }", "did you mean max_age_seconds"),
        ("[guards.step_up]\nAdminSetUserPassword = { max_age_seconds = 0 }", "whole number"),
        ('[guards.step_up]\nAdminSetUserPassword = { acr = "a\\"b" }', "without spaces or quotes"),
        ('[guards.step_up]\nGetUser = { acr = "a" }', "unsigned"),
        ("[quotas]\nUserReads = 5", "did you mean UserRead"),
        ("[quotas]\nUserRead = 0", "whole number"),
        ("[guards]\nranks = false", "did you mean rank"),
        ('[public]\nallow = ["ListUsers"]', "belongs to a role's allow"),
        ('[public]\nallow = ["UnlinkIdentity"]', "is not served"),
        ("[public]\nrate_per_minute_per_ip = 0", "whole number"),
        ("[rols]", "did you mean roles"),
        ("roles = 3", "needs a table"),
        ("[roles]\na = 3", "needs a table"),
        ("[roles.a", "not TOML"),
        ("a = " + "[" * 5000, "not TOML"),
    ],
)
def test_a_doubtful_policy_is_refused(text: str, where: str) -> None:
    """R-14: a misspelt name, a wildcard, an unknown key or an unenforced guard stops the start and is named."""
    assert any(where in problem for problem in problems(text)), problems(text)


def test_all_mistakes_are_reported_at_once() -> None:
    """An operator mends a file once, not once a mistake."""
    found = problems(
        '[roles.a]\ngroups = ["a"]\nallow = ["X1", "X2"]\n[guards]\nrank = 1\n[public]\nallow = ["ListUsers"]'
    )
    assert len(found) == 4


def test_a_guard_that_is_off_is_told() -> None:
    """Switching a guard off is possible and never silent."""
    assert load("[guards]\nrank = false").warnings[-1] == "guards.rank is off"
