"""The least-privilege IAM policy."""

from gateway.assembly import read_policy
from gateway.iam import iam_policy
from gateway.operations import catalogue
from gateway.policy import Policy
from tests.test_policy_file import TWELVE, load


def document(policy: Policy) -> dict[str, object]:
    """The IAM policy for a gateway policy."""
    names = catalogue().by_name
    operations = [names[name] for name in policy.operations()]
    pool = "us-gov-west-1_AbCdEfGhI"
    return iam_policy(operations, partition="aws-us-gov", account_id="123456789012", user_pool_id=pool)


def test_the_built_in_policy_needs_the_twelve_actions_on_one_pool() -> None:
    """Exactly what the policy enables, on one ARN with partition, region and account pinned."""
    found = document(read_policy(None))
    assert found == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "CognitoEdgeGateway",
                "Effect": "Allow",
                "Action": sorted(f"cognito-idp:{name}" for name in TWELVE | {"ListGroups"}),
                "Resource": "arn:aws-us-gov:cognito-idp:us-gov-west-1:123456789012:userpool/us-gov-west-1_AbCdEfGhI",
            }
        ],
    }


def test_roles_for_people_are_named_one_by_one() -> None:
    """To assume them and to tag their sessions, on exactly the roles that the gateway's policy names."""
    arn = "arn:aws-us-gov:iam::123456789012:role/"
    pool = "us-gov-west-1_AbCdEfGhI"
    found = iam_policy(
        [],
        partition="aws-us-gov",
        account_id="123456789012",
        user_pool_id=pool,
        role_arns={f"{arn}Reports", f"{arn}Backups"},
    )
    assert found["Statement"] == [
        {
            "Sid": "CognitoEdgeGatewayPeople",
            "Effect": "Allow",
            "Action": ["sts:AssumeRole", "sts:TagSession"],
            "Resource": [f"{arn}Backups", f"{arn}Reports"],
        }
    ]


def test_public_operations_need_no_permission() -> None:
    """What Cognito leaves unsigned is not in the document; a policy without signed operations needs none."""
    assert document(load('[public]\nallow = ["InitiateAuth"]')) == {"Version": "2012-10-17", "Statement": []}
