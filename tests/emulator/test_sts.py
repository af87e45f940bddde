"""Roles for people: tags are kept, and a role that a role asks for ends after one hour."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from gateway import emulator as cognito
from gateway.emulator import Emulator
from gateway.iam import iam_policy
from gateway.operations import catalogue
from tests.emulator.callers import refusal
from tests.emulator.conftest import Connect

REPORTS = "arn:aws:iam::123456789012:role/Reports"
TAGS = [{"Key": "username", "Value": "alice"}, {"Key": "source", "Value": "cognito-edge-gateway"}]
WANTED: dict[str, Any] = {"RoleArn": REPORTS, "RoleSessionName": "alice"}


def own(**more: Any) -> dict[str, Any]:
    """The gateway's own IAM policy."""
    operations = [catalogue().by_name["ListUsers"]]
    return iam_policy(
        operations, partition="aws", account_id="123456789012", user_pool_id="us-east-1_DevPool01", **more
    )


@pytest.fixture(scope="module")
def strict() -> Iterator[Emulator]:
    """An emulator whose IAM user has what `gateway iam-policy` prints for a policy with one role."""
    with cognito.start(port=0, users=0, iam_policy=own(role_arns=[REPORTS]), role_arns=[REPORTS]) as running:
        yield running


def code(call: Any, **wanted: Any) -> str:
    """How a call was refused."""
    with pytest.raises(ClientError) as caught:
        call(**wanted)
    return refusal(caught.value)[0]


def test_twelve_hours_with_tags(strict: Emulator, connect: Connect) -> None:
    """The user's own keys get a role for twelve hours; the tags are the session's."""
    got = connect(strict, "sts").assume_role(**WANTED, DurationSeconds=43_200, Tags=TAGS)
    assert strict.session_tags(got["Credentials"]["AccessKeyId"]) == {
        "username": "alice", "source": "cognito-edge-gateway",
    }  # fmt: skip
    assert got["AssumedRoleUser"]["Arn"].endswith("assumed-role/Reports/alice")
    with pytest.raises(LookupError):
        strict.session_tags("ASIANOBODYS")


def test_a_role_that_a_role_asks_for_ends_after_an_hour(strict: Emulator, connect: Connect) -> None:
    """AWS caps chained roles, whatever the role's own limit is."""
    keys = connect(strict, "sts").assume_role(RoleArn=strict.role_arn, RoleSessionName="edge")["Credentials"]
    chained = connect(
        strict,
        "sts",
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )
    assert chained.assume_role(**WANTED, DurationSeconds=3600, Tags=TAGS)["Credentials"]
    assert code(chained.assume_role, **WANTED, DurationSeconds=3601) == "ValidationError"


def test_tags_need_their_own_permission_and_form(connect: Connect) -> None:
    """Without sts:TagSession a tagged session is refused; so are a key twice and what no tag may hold."""
    without = own(role_arns=[REPORTS])
    without["Statement"][1]["Action"] = ["sts:AssumeRole"]
    with cognito.start(port=0, users=0, iam_policy=without, role_arns=[REPORTS]) as running:
        sts = connect(running, "sts")
        assert sts.assume_role(**WANTED)["Credentials"]
        assert code(sts.assume_role, **WANTED, Tags=TAGS) == "AccessDenied"
    with cognito.start(port=0, users=0, role_arns=[REPORTS]) as running:
        sts = connect(running, "sts")
        for tags in ([*TAGS, {"Key": "UserName", "Value": "bob"}], [{"Key": "a", "Value": "a!b"}]):
            assert code(sts.assume_role, **WANTED, Tags=tags) == "ValidationError"
        assert code(sts.assume_role, **{**WANTED, "RoleArn": f"{REPORTS}2"}, Tags=TAGS) == "AccessDenied"
