"""The least-privilege IAM policy of the gateway's own user: exactly what the policy file enables, on one pool.

Duty: the document, as data. Prohibition: no wildcard in an action or a resource; no call to AWS.
Source: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncognitouserpools.html
"""

from collections.abc import Iterable
from typing import Any

from gateway.operations import Operation


def iam_policy(
    operations: Iterable[Operation],
    *,
    partition: str,
    account_id: str,
    user_pool_id: str,
    role_arns: Iterable[str] = (),
) -> dict[str, Any]:
    """The document that allows the signed ones of `operations` on one user pool, to assume `role_arns`, nothing else.

    `account_id` has 12 digits; the region is the pool id's prefix. Without a signed operation, or a role, there is no
    statement about it. A role's own trust policy must allow both actions as well.
    """
    region = user_pool_id.partition("_")[0]
    actions = sorted({operation.iam_action for operation in operations if operation.signed})
    statement = {
        "Sid": "CognitoEdgeGateway",
        "Effect": "Allow",
        "Action": actions,
        "Resource": f"arn:{partition}:cognito-idp:{region}:{account_id}:userpool/{user_pool_id}",
    }
    for_people = {
        "Sid": "CognitoEdgeGatewayPeople",
        "Effect": "Allow",
        "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Resource": sorted(role_arns),
    }
    found = [statement] if actions else []
    return {"Version": "2012-10-17", "Statement": [*found, for_people] if for_people["Resource"] else found}
