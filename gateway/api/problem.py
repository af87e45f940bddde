"""Refusals and failures as RFC 9457, for everything that is not the AWS endpoint.

Duty: the gateway's own errors and Cognito's with the statuses that HTTP has for them; the offending member by the name
that the route gave it.
Prohibition: nothing that the AWS endpoint would not say as well.
Source: RFC 9457; docs/rest.md has the table of types and statuses.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from gateway.api.route import Route
from gateway.errors import GatewayError, InvalidRequest, StepUpNeeded, TokenError
from gateway.relay import THROTTLES, Reply

MEDIA_TYPE = "application/problem+json"

_STATUSES: Mapping[str, int] = {
    "UserNotFoundException": 404,
    "ResourceNotFoundException": 404,
    "UsernameExistsException": 409,
    "AliasExistsException": 409,
    "GroupExistsException": 409,
    "ConcurrentModificationException": 409,
    "LimitExceededException": 429,
    "TooManyFailedAttemptsException": 429,
}
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z][a-z]*|[0-9]+")
_BEARER = re.compile(r"access token(?! does not have)", re.IGNORECASE)
"""What Cognito's NotAuthorizedException says of a bearer for which another may help; never one without a scope."""
_PROOF = re.compile(r"incorrect username or password|token(?! does not have)", re.IGNORECASE)
_INDEX = re.compile(r"(UserAttributes|UserAttributeNames|AttributesToGet|ChallengeResponses)(?:\[(\d+)\])?.*")


@dataclass(slots=True)
class Problem(Exception):
    """What a caller is told instead of a result. `type` is AWS's, stable; `member` the path of what was wrong."""

    status: int
    type: str
    detail: str
    member: str | None = None
    retry_after_seconds: int | None = None
    challenge: str | None = None  # WWW-Authenticate
    allow: tuple[str, ...] = ()
    audit_complete: bool = True
    upstream_request_id: str | None = None
    set_cookie: str | None = field(default=None, repr=False)
    also: Mapping[str, str] = field(default_factory=dict)  # members that some clients look for

    def document(self, request_id: str) -> dict[str, Any]:
        """The members of RFC 9457, and the id to ask the operator about."""
        told: dict[str, Any] = {
            "type": self.type,
            "title": HTTPStatus(self.status).phrase if self.type == "about:blank" else title(self.type),
            "status": self.status,
            "detail": self.detail,
            "requestId": request_id,
            **self.also,
        }
        if self.member is not None:
            told["member"] = self.member
        return told

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Those that go with it."""
        found = []
        if self.retry_after_seconds is not None:
            found.append(("retry-after", str(self.retry_after_seconds)))
        if self.challenge is not None:
            found.append(("www-authenticate", self.challenge))
        if self.allow:
            found.append(("allow", ", ".join(self.allow)))
        if not self.audit_complete:
            found.append(("x-gateway-audit", "incomplete"))
        if self.set_cookie is not None:
            found.append(("set-cookie", self.set_cookie))
        return found


class Decided(Exception):
    """A dry run has its answer."""

    def __init__(self, reply: Reply) -> None:
        """`reply` is the pipeline's."""
        super().__init__()
        self.reply = reply

    @property
    def allowed(self) -> bool:
        """What it says."""
        return bool(json.loads(self.reply.body)["allowed"])


def title(name: str) -> str:
    """A type in words: `UserNotFoundException` is "User not found"."""
    words = _WORD.findall(name.removesuffix("Exception"))
    return " ".join(words).capitalize() if words else name


def of_error(error: GatewayError, member: str | None = None) -> Problem:
    """The gateway's own refusal. `member` is the REST name of what the error names, where it has another there."""
    challenge = None
    if isinstance(error, StepUpNeeded):
        challenge = error.challenge
    elif isinstance(error, TokenError):
        challenge = "Bearer"
    detail = error.message
    if isinstance(error, InvalidRequest) and error.member is not None:
        member = member or error.member
        detail = detail.replace(f"'{error.member}'", f"'{member}'")
    return Problem(
        status=_STATUSES.get(error.type, int(error.status)),
        type=error.type,
        detail=detail,
        member=member,
        retry_after_seconds=error.retry_after_seconds,
        challenge=challenge,
        audit_complete=error.audit_complete,
    )


def of_reply(reply: Reply, *, signed: bool, route: Route) -> Problem:
    """Cognito's refusal. `signed`: the gateway asked in its own name, so that it is not about the caller's proof."""
    name = reply.type or "InternalErrorException"
    challenge, detail = None, _message(reply.body)
    if name in THROTTLES:
        status = 429
    elif name == "NotAuthorizedException" and not signed and _unproven(route, detail):
        status, challenge = 401, "Bearer"
    else:
        status = _STATUSES.get(name, reply.status)
    return Problem(
        status=status,
        type=name,
        detail=detail,
        retry_after_seconds=reply.retry_after_seconds
        if reply.retry_after_seconds is not None
        else (1 if status == 429 else None),  # noqa: PLR2004
        challenge=challenge,
        audit_complete=reply.audit_complete,
        upstream_request_id=reply.upstream_request_id,
    )


def renamed(member: str, names: Mapping[str, str], body: Mapping[str, Any]) -> str:
    """A member of Cognito's body by its REST name: `UserAttributes[1].Value` may be `attributes.email`."""
    found = _INDEX.fullmatch(member)
    if found is not None and found[1] in {"UserAttributes", "UserAttributeNames"}:
        items = body.get(found[1]) or []
        item = items[int(found[2])] if found[2] is not None and int(found[2]) < len(items) else None
        name = item.get("Name") if isinstance(item, dict) else item
        return f"attributes.{name}" if isinstance(name, str) else "attributes"
    top, dot, rest = member.partition(".")
    own = names.get(top, top[:1].lower() + top[1:])
    return f"{own}{dot}{rest}"


def _unproven(route: Route, detail: str) -> bool:
    """Whether Cognito did not accept what proves the caller: it says the same of what the caller may not do.

    The bearer is good as far as the gateway knows: a client that is told 401 gets another one and asks again.
    """
    if route.security == "public":
        return route.signs_in or _PROOF.search(detail) is not None
    return _BEARER.search(detail) is not None


def _message(body: bytes) -> str:
    found = json.loads(body).get("message")  # `relay.failure` wrote it
    return str(found) if found else "Cognito refused the request."
