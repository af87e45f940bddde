"""Policies: deny beats allow, allow beats nothing."""

from typing import Any

import pytest

from gateway.emulator.iam import Policy, Principal

POOL = "arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_DevPool01"


def may(action: str, resource: str, *statements: dict[str, Any], session: dict[str, Any] | None = None) -> bool:
    """Ask a principal with one policy of these statements."""
    policy = Policy.read({"Statement": list(statements)})
    narrowed = Policy.read({"Statement": session}) if session else None
    return Principal("arn:aws:iam::123456789012:user/x", (policy,), narrowed).may(action, resource)


def allow(action: Any = "*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    """An Allow."""
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


@pytest.mark.parametrize(
    ("action", "resource", "expected"),
    [
        ("cognito-idp:ListUsers", POOL, True),
        ("COGNITO-IDP:listusers", POOL, True),
        ("cognito-idp:ListUsersInGroup", POOL, False),
        ("cognito-idp:ListUsers", POOL.replace("01", "02"), False),
        ("cognito-idp:ListUsers", POOL.lower(), False),
        ("cognito-idp:ListUsers", f"{POOL}x", False),
        ("cognito-idp:ListUsers", "*", False),
    ],
)
def test_an_exact_statement_covers_exactly_that(action: str, resource: str, expected: bool) -> None:  # noqa: FBT001 - a row
    """Actions in any case, resources by case, nothing more than was written."""
    assert may(action, resource, allow("cognito-idp:ListUsers", POOL)) is expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [("cognito-idp:List*", True), ("cognito-idp:List?sers", True), ("cognito-idp:L.*", False), ("sts:*", False)],
)
def test_wildcards_are_stars_and_question_marks_only(pattern: str, expected: bool) -> None:  # noqa: FBT001 - a row
    """Regular expressions are not IAM's language."""
    assert may("cognito-idp:ListUsers", POOL, allow(pattern)) is expected


def test_deny_wins_and_nothing_is_no() -> None:
    """Whatever the order, and wherever else it is allowed."""
    deny = {"Effect": "Deny", "Action": "cognito-idp:ListUsers", "Resource": POOL}
    assert not may("cognito-idp:ListUsers", POOL, allow(), deny)
    assert not may("cognito-idp:ListUsers", POOL, deny, allow())
    assert may("cognito-idp:ListGroups", POOL, allow(), deny)
    assert not may("cognito-idp:ListUsers", POOL)


def test_a_deny_in_one_policy_beats_an_allow_in_another() -> None:
    """Policies of one principal are judged together."""
    deny = {"Effect": "Deny", "Action": "cognito-idp:AdminDeleteUser", "Resource": "*"}
    policies = tuple(Policy.read({"Statement": statement}) for statement in (allow(), deny))
    for order in (policies, policies[::-1]):
        principal = Principal("arn:aws:iam::123456789012:user/x", order)
        assert not principal.may("cognito-idp:AdminDeleteUser", POOL)
        assert principal.may("cognito-idp:ListUsers", POOL)


def test_not_action_and_not_resource_turn_it_round() -> None:
    """Everything but."""
    statement = {"Effect": "Allow", "NotAction": "cognito-idp:Admin*", "NotResource": [POOL]}
    assert may("cognito-idp:ListUsers", "*", statement)
    assert not may("cognito-idp:AdminGetUser", "*", statement)
    assert not may("cognito-idp:ListUsers", POOL, statement)


def test_a_session_policy_only_narrows() -> None:
    """It gives nothing that the role does not have, and takes what it does not name."""
    role, session = allow("cognito-idp:List*"), allow(["cognito-idp:ListUsers", "cognito-idp:AdminGetUser"])
    assert may("cognito-idp:ListUsers", POOL, role, session=session)
    assert not may("cognito-idp:ListGroups", POOL, role, session=session)
    assert not may("cognito-idp:AdminGetUser", POOL, role, session=session)
