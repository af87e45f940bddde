"""`POST /me/aws-credentials`: AWS credentials for the caller, as the AWS CLI's `credential_process` takes them.

Duty: the caller's role's session where the policy names a role, else what the identity pool gives; given again until
80 % of their life is over.
Prohibition: the caller never names a role, a duration or a tag.
Source: https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-sourcing-external.html
"""

import re
from collections.abc import Hashable
from hashlib import sha256
from typing import Any

from gateway.api.exchange import Exchange
from gateway.api.members import structure
from gateway.api.problem import of_error
from gateway.api.route import Result, Route, Schema
from gateway.api.times import iso
from gateway.errors import Denied, GatewayError, InvalidRequest, UpstreamError
from gateway.issuance import IDENTITY_POOL, Issue
from gateway.keypair import KeyPair
from gateway.operations import own
from gateway.shapes import Shape

MAX_TOKEN_CHARACTERS = 16_384
_LAST_SECOND = 253_402_300_799  # of the year 9999: what comes after cannot be written
_IDENTITY = re.compile(r"[\w-]{1,32}:[0-9a-f-]{1,64}", re.ASCII)

CREDENTIALS: Schema = {
    "type": "object",
    "title": "AwsCredentials",
    "required": ["Version", "AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"],
    "properties": {
        "Version": {"const": 1},
        "AccessKeyId": {"type": "string"},
        "SecretAccessKey": {"type": "string"},
        "SessionToken": {"type": "string"},
        "Expiration": {"type": "string", "format": "date-time"},
    },
    "additionalProperties": False,
}
_ID_TOKEN = Shape(name="IdToken", type="string", low=1, high=MAX_TOKEN_CHARACTERS)
_NOT_THE_CALLERS = frozenset({
    "rolearn", "customrolearn", "role", "rolename", "rolesessionname", "policy", "policyarns", "tags",
    "transitivetagkeys", "durationseconds", "sourceidentity", "externalid",
})  # fmt: skip
"""What decides what credentials may do and for how long, in lower case: the policy says it, and nobody else."""


async def _issue(exchange: Exchange) -> Result:
    async def read() -> dict[str, Any]:
        try:
            return (await exchange.inputs()).body
        except InvalidRequest as error:
            if error.member is not None and error.member.lower().replace("_", "") in _NOT_THE_CALLERS:
                raise Denied(f"field:{error.member}") from None
            raise

    context = exchange.context
    issue = await exchange.own(context.pipeline.issue, read)
    token: str = (await exchange.inputs()).body["idToken"]
    key, now = _key(issue, token), context.now()
    pair = context.issued.find(key, now)
    if pair is None:
        pair = await (_of_role(exchange, issue) if issue.role is not None else _of_identity_pool(exchange, token))
        context.issued.keep(key, pair, now)
    return Result({
        "Version": 1,
        "AccessKeyId": pair.access_key_id,
        "SecretAccessKey": pair.secret_access_key,
        "SessionToken": pair.session_token,
        "Expiration": iso(pair.expires_at),
    })  # fmt: skip


def _key(issue: Issue, token: str) -> Hashable:
    """What credentials are kept under: a new sign-in gets new ones, and so does another ID token at the identity pool.

    A role's sessions are tagged with the person; an identity pool may go by any claim of the ID token.
    """
    caller = issue.caller
    if issue.role is None:
        return "identity-pool", sha256(token.encode()).digest()
    return issue.role.name, caller.sub, caller.username, caller.auth_time


async def _of_role(exchange: Exchange, issue: Issue) -> KeyPair:
    if issue.role is None or issue.role.aws is None:
        raise ValueError("an issue without a role of AWS's")
    try:
        return await exchange.context.role_sessions.start(
            issue.role.aws, sub=issue.caller.sub, username=issue.caller.username
        )
    except GatewayError as error:
        raise of_error(error) from None


async def _of_identity_pool(exchange: Exchange, token: str) -> KeyPair:
    get_id, get_credentials = IDENTITY_POOL
    logins = {exchange.context.pool.provider: token}
    names, service = {"Logins": "idToken"}, "cognito-identity"
    identity = await exchange.call(get_id, lambda _inputs: {"Logins": logins}, names=names, service=service)
    if not isinstance(name := identity.get("IdentityId"), str) or not _IDENTITY.fullmatch(name):
        raise of_error(UpstreamError("upstream-not-json"))
    found = await exchange.call(
        get_credentials,
        lambda _inputs: {"IdentityId": name, "Logins": logins},
        names=names,
        service=service,
    )
    now = exchange.context.now()
    match found.get("Credentials"):
        case {
            "AccessKeyId": str(key_id),
            "SecretKey": str(secret),
            "SessionToken": str(session),
            "Expiration": int() | float() as ends,
        } if not isinstance(ends, bool) and now < ends <= _LAST_SECOND:
            return KeyPair(key_id, secret, session, float(ends))
    raise of_error(UpstreamError("upstream-not-json"))


def routes() -> tuple[Route, ...]:
    """The rows."""
    return (
        Route(
            id="getMyAwsCredentials",
            method="POST",
            path="/me/aws-credentials",
            summary="AWS credentials for the caller",
            description=(
                "In the form of the AWS CLI's `credential_process`. The bearer says who asks; `idToken` is the same "
                "person's ID token. Where the policy names an IAM role for one of the caller's roles, the credentials "
                "are that role's, for up to 12 hours, with the session tags `username`, `sub` and `source`; else the "
                "identity pool's. Which role it is, is never the caller's to say. The same credentials are given again "
                "until 80 % of their life is over. Those that were given live to their end, also when their owner is "
                "signed out."
            ),
            tag="me",
            operations=IDENTITY_POOL,
            own=own("IssueCredentials"),
            body=structure("IssueCredentials", {"idToken": _ID_TOKEN}),
            result=CREDENTIALS,
            examples={
                "request": {"idToken": "eyJraWQiOi…"},
                "response": {
                    "Version": 1,
                    "AccessKeyId": "ASIAIOSFODNN7EXAMPLE",
                    "SecretAccessKey": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                    "SessionToken": "IQoJb3JpZ2luX2VjE…",
                    "Expiration": "2026-11-21T21:00:00Z",
                },
            },
            answer=_issue,
        ),
    )
