"""STS, as far as a gateway needs it: AssumeRole and GetCallerIdentity, in XML.

Duty: temporary keys of a role for a principal that may have them, with the session's tags; one hour at most where a
role asks for a role. Prohibition: no role for whom its trust does not name, even where a policy allows the call.
Source: the STS API reference, version 2011-06-15 (Query protocol); the IAM user guide, session tags and role chaining.
"""

import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from json import JSONDecodeError, loads
from xml.sax.saxutils import escape

from gateway.emulator import errors
from gateway.emulator.errors import AwsError, Refusal
from gateway.emulator.iam import ACCOUNT_ID, Iam, Key, Policy
from gateway.emulator.listener import Reply

SERVICE = "sts"
VERSION = "2011-06-15"
NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
DEFAULT_SECONDS = 3600
MIN_SECONDS = 900
MAX_CHAINED_SECONDS = 3600
MAX_TAGS = 50
INVALID = Refusal("ValidationError", "{reason}")
BAD_POLICY = Refusal("MalformedPolicyDocument", "The policy is not one that can be judged here.")
INVALID_ACTION = Refusal("InvalidAction", "Could not find operation {action} for version 2011-06-15")
# STS has older names for what the JSON services call an exception
CODES = {
    "AccessDeniedException": ("AccessDenied", HTTPStatus.FORBIDDEN),
    "ExpiredTokenException": ("ExpiredToken", HTTPStatus.FORBIDDEN),
    "IncompleteSignatureException": ("IncompleteSignature", HTTPStatus.BAD_REQUEST),
    "InvalidSignatureException": ("SignatureDoesNotMatch", HTTPStatus.FORBIDDEN),
    "MissingAuthenticationTokenException": ("MissingAuthenticationToken", HTTPStatus.FORBIDDEN),
    "UnrecognizedClientException": ("InvalidClientTokenId", HTTPStatus.FORBIDDEN),
}

_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_TAG_KEY = re.compile(r"[\w .:/=+@-]{1,128}")
_TAG_VALUE = re.compile(r"[\w .:/=+@-]{0,256}")


def carry_out(iam: Iam, key: Key, form: Mapping[str, str], *, now: float) -> Reply:
    """Give the XML answer of the action in `form`. Raises AwsError for every refusal."""
    action = form.get("Action", "")
    if form.get("Version") != VERSION or action not in {"AssumeRole", "GetCallerIdentity"}:
        raise AwsError(INVALID_ACTION, action=action)
    if action == "GetCallerIdentity":
        arn = key.principal.arn
        return _reply(action, {"Arn": arn, "UserId": "AIDADEVELOPER", "Account": ACCOUNT_ID})
    return _assume_role(iam, key, form, now=now)


def _assume_role(iam: Iam, key: Key, form: Mapping[str, str], *, now: float) -> Reply:
    arn, name = form.get("RoleArn", ""), form.get("RoleSessionName", "")
    if not _SESSION_NAME.fullmatch(name):
        raise AwsError(INVALID, reason="RoleSessionName must be 2 to 64 of the allowed characters")
    role = iam.roles.get(arn)
    who, tags = key.principal, _tags(form)
    actions = ["sts:AssumeRole", *(["sts:TagSession"] if tags else [])]
    trusted = role is not None and not role.trusted.isdisjoint({who.arn, who.role_arn})
    refused = [action for action in actions if not trusted or not who.may(action, arn)]
    if refused or role is None:
        raise AwsError(errors.ACCESS_DENIED, principal=who.arn, action=refused[0], resource=arn)
    seconds = _seconds(form.get("DurationSeconds"), role.max_seconds, chained=who.role_arn is not None)
    session = iam.add_session(role, name, expires_at=int(now) + seconds, policy=_policy(form.get("Policy")), tags=tags)
    expiration = datetime.fromtimestamp(int(now) + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    credentials = {
        "AccessKeyId": session.access_key_id,
        "SecretAccessKey": session.secret_access_key,
        "SessionToken": session.session_token or "",
        "Expiration": expiration,
    }
    made = {"AssumedRoleId": f"AROADEVELOPER:{name}", "Arn": session.principal.arn}
    return _reply("AssumeRole", {"Credentials": credentials, "AssumedRoleUser": made})


def _seconds(value: str | None, most: int, *, chained: bool) -> int:
    if value is None:
        return DEFAULT_SECONDS
    if not (value.isascii() and value.isdigit() and MIN_SECONDS <= int(value) <= most):
        raise AwsError(INVALID, reason=f"DurationSeconds must be from {MIN_SECONDS} to {most}")
    if chained and int(value) > MAX_CHAINED_SECONDS:
        raise AwsError(INVALID, reason="a role that is assumed by a role's session ends after one hour")
    return int(value)


def _tags(form: Mapping[str, str]) -> dict[str, str]:
    """The session's tags; keys are told apart without regard to case."""
    found: dict[str, str] = {}
    number = 1
    while (name := form.get(f"Tags.member.{number}.Key")) is not None:
        value = form.get(f"Tags.member.{number}.Value", "")
        fits = _TAG_KEY.fullmatch(name) and _TAG_VALUE.fullmatch(value) and number <= MAX_TAGS
        if not fits or name.lower() in {other.lower() for other in found}:
            raise AwsError(INVALID, reason="Tags are at most 50, each key once, of the characters that tags may have")
        found[name] = value
        number += 1
    return found


def _policy(text: str | None) -> Policy | None:
    if text is None:
        return None
    try:
        return Policy.read(loads(text))
    except (JSONDecodeError, ValueError, AttributeError):
        raise AwsError(BAD_POLICY) from None


def _reply(action: str, result: Mapping[str, object]) -> Reply:
    request_id = str(uuid.uuid4())
    body = (
        f'<{action}Response xmlns="{NAMESPACE}"><{action}Result>{_xml(result)}</{action}Result>'
        f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{action}Response>"
    )
    return Reply(HTTPStatus.OK, {"content-type": "text/xml", "x-amzn-requestid": request_id}, body.encode())


def refuse(error: AwsError) -> Reply:
    """Give a refusal as STS words it."""
    code, status = CODES.get(error.code, (error.code, error.status))
    request_id = str(uuid.uuid4())
    content = _xml({"Type": "Sender", "Code": code, "Message": error.message})
    identified = f"<Error>{content}</Error><RequestId>{request_id}</RequestId>"
    body = f'<ErrorResponse xmlns="{NAMESPACE}">{identified}</ErrorResponse>'
    return Reply(status, {"content-type": "text/xml", "x-amzn-requestid": request_id}, body.encode())


def _xml(value: object) -> str:
    if isinstance(value, Mapping):
        return "".join(f"<{name}>{_xml(inner)}</{name}>" for name, inner in value.items())
    return escape(str(value))
