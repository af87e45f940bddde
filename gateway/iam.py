"""The least-privilege IAM policy of the gateway's own user: exactly what the policy file enables, on one pool.

Duty: the document, as data. Prohibition: no wildcard in an action or a resource; no call to AWS.
Source: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncognitouserpools.html
"""

from collections.abc import Iterable
from typing import Any

from gateway.operations import Operation


def iam_policy(
    operations: Iterable[Operation], *, partition: str, account_id: str, user_pool_id: str
) -> dict[str, Any]:
    """The document that allows the signed ones of `operations` on one user pool and nothing else.

    `account_id` has 12 digits; the region is the pool id's prefix. Without a signed operation there is no statement.
    """
    region = user_pool_id.partition("_")[0]
    actions = sorted({operation.iam_action for operation in operations if operation.signed})
    statement = {
        "Sid": "CognitoEdgeGateway",
        "Effect": "Allow",
        "Action": actions,
        "Resource": f"arn:{partition}:cognito-idp:{region}:{account_id}:userpool/{user_pool_id}",
    }
    return {"Version": "2012-10-17", "Statement": [statement] if actions else []}
