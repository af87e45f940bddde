"""What every answer has in common, for the document: refusals by status, headers, the decision of a dry run.

Duty: the document's reusable parts, their examples made by the same code as the answers.
Prohibition: nothing of a policy or a pool.
Source: OpenAPI 3.1.1 section 4.8.7; RFC 9457; docs/rest.md.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway import errors
from gateway.api.description.json_schema import Schema
from gateway.api.problem import MEDIA_TYPE, Problem, of_error

AWS_MEDIA_TYPE = "application/x-amz-json-1.1"
REQUEST_ID = "5f0c3b7e9d1a4c62"

ALWAYS = (400, 401, 403, 404, 429, 500, 502, 503, 504)
OF_BODIES = (409, 413, 415, 422)
AWS = (400, 401, 403, 409, 413, 415, 422, 429, 500, 502, 503, 504)
OF_HEADS = (414, 431)
"""What any request may get before the gateway is asked, by whichever route it came."""


@dataclass(frozen=True, slots=True)
class _Refusal:
    """One status: its name among the components, what it means, and one problem that has it."""

    name: str
    meaning: str
    example: Problem


def _refusals() -> dict[int, _Refusal]:
    why = "example"
    wrong = errors.InvalidRequest(why, message="Member 'limit' must be from 1 to 60.", member="limit")
    media = errors.UnsupportedMedia(why, message="The content type must be application/json.")
    long = Problem(414, errors.BodyTooLarge.type, "The request's path and query are too long.")
    head = Problem(431, errors.BodyTooLarge.type, "The request's headers are too many or too long.")
    nobody = Problem(404, "UserNotFoundException", "User does not exist.")
    rows: tuple[tuple[str, str, Problem | errors.GatewayError], ...] = (
        ("BadRequest", "Not what the gateway takes, or what Cognito takes.", wrong),
        (
            "Unauthorized",
            "No token, or one that is not accepted, or a better sign-in is needed.",
            errors.TokenError(why),
        ),
        ("Forbidden", "The policy does not let the caller do this.", errors.Denied(why)),
        ("NotFound", "There is no such user, group or thing.", nobody),
        ("Conflict", "It exists, or the same Idempotency-Key is in progress.", errors.IdempotencyConflict(why)),
        ("TooLarge", "The body is too large.", errors.BodyTooLarge(why)),
        ("LongUrl", "Path and query are longer than 8192 bytes.", long),
        ("UnsupportedMedia", "The body is not declared as what the route takes.", media),
        ("KeyReused", "The Idempotency-Key came before with another body.", errors.IdempotencyReuse(why)),
        ("TooManyRequests", "Over the caller's rate, or Cognito's.", errors.RateExceeded(why, retry_after_seconds=1)),
        ("LargeHead", "More than 100 headers, or a head of more than 32 KiB.", head),
        ("Failed", "A defect of the gateway.", errors.InternalError(why)),
        ("BadGateway", "Cognito gave no usable answer.", errors.UpstreamError(why)),
        ("Unavailable", "Keys, credentials or the audit are not to be had now.", errors.Unavailable(why)),
        ("TimedOut", "Cognito did not answer in time; whether it acted is not known.", errors.UpstreamTimeout(why)),
    )
    found = [_Refusal(name, text, of_error(e) if isinstance(e, errors.GatewayError) else e) for name, text, e in rows]
    return {refusal.example.status: refusal for refusal in found}


HEADERS: Mapping[str, dict[str, Any]] = {
    "RequestId": {
        "description": "The gateway's own id of the request: the audit has it too.",
        "schema": {"type": "string"},
        "example": REQUEST_ID,
    },
    "RetryAfter": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}, "example": 1},
    "Challenge": {
        "description": "Bearer, and what a step-up needs: RFC 9470's acr_values and max_age.",
        "schema": {"type": "string"},
        "example": "Bearer",
    },
    "Audit": {
        "description": "Only where the answer is true and its audit line could not be written.",
        "schema": {"type": "string", "enum": ["incomplete"]},
    },
}

SCHEMAS: Mapping[str, Schema] = {
    "Problem": {
        "type": "object",
        "description": "A refusal or a failure, as RFC 9457 has it.",
        "required": ["type", "title", "status", "detail", "requestId"],
        "properties": {
            "type": {"type": "string", "description": "AWS's name of the error, stable: `UserNotFoundException`."},
            "title": {"type": "string", "description": "The type in words."},
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": {"type": "string", "description": "For a person; names a member, never a value."},
            "requestId": {"type": "string", "description": "To ask the operator about."},
            "member": {"type": "string", "description": "The path of what is wrong: `attributes.email`."},
        },
    },
    "AWSError": {
        "type": "object",
        "description": "A refusal or a failure, as the SDKs know it.",
        "required": ["__type", "message"],
        "properties": {"__type": {"type": "string"}, "message": {"type": "string"}},
        "additionalProperties": False,
    },
    "Decision": {
        "type": "object",
        "description": "What a dry run says. All but `allowed` only to callers whose role may ask why.",
        "required": ["allowed"],
        "properties": {
            "allowed": {"type": "boolean"},
            "role": {"type": ["string", "null"], "description": "The role that allows it."},
            "reason": {"type": ["string", "null"], "description": "The rule that refuses it."},
            "field": {"type": ["string", "null"], "description": "What of the request it refuses."},
        },
        "additionalProperties": False,
    },
}  # fmt: skip
PARAMETERS: Mapping[str, dict[str, Any]] = {
    "DryRun": {
        "name": "X-Gateway-Dry-Run",
        "in": "header",
        "description": "`true`: only decide, and answer 200 with a Decision. Nothing is done. It goes with every "
        "request; no operation names it, so that what they answer is told without it.",
        "schema": {"type": "string", "pattern": "^([Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee])$"},
        "example": "true",
    },
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "1 to 255 visible ASCII characters. The same request with the same key within 24 hours is done "
        "once: whoever repeats it gets the first answer.",
        "schema": {"type": "string"},
    },
}


def responses() -> dict[str, Any]:
    """All refusals as components: `NAME` for REST, `AWSNAME` for the AWS endpoint."""
    found: dict[str, Any] = {}
    for status, refusal in _refusals().items():
        found[refusal.name] = _response(
            refusal.meaning, status, MEDIA_TYPE, "Problem", refusal.example.document(REQUEST_ID)
        )
        if status in (*AWS, *OF_HEADS):
            told = {"__type": refusal.example.type, "message": refusal.example.detail}
            found[f"AWS{refusal.name}"] = _response(refusal.meaning, status, AWS_MEDIA_TYPE, "AWSError", told)
    return found


def references(statuses: Iterable[int], *, aws: bool = False) -> dict[str, Any]:
    """The responses of a route that may answer with these statuses, and with those of the server before it."""
    names = {status: refusal.name for status, refusal in _refusals().items()}
    return {
        str(status): {"$ref": f"#/components/responses/{'AWS' if aws else ''}{names[status]}"}
        for status in sorted({*statuses, *OF_HEADS})
    }


def headers(*more: str) -> dict[str, Any]:
    """References to the headers of an answer: the request's id, and `more` of them by their names in HTTP."""
    names = {"retry-after": "RetryAfter", "www-authenticate": "Challenge", "x-gateway-audit": "Audit"}
    found = {"x-request-id": "RequestId"} | {name: names[name] for name in more}
    return {name: {"$ref": f"#/components/headers/{component}"} for name, component in found.items()}


def _response(meaning: str, status: int, media: str, schema: str, example: dict[str, Any]) -> dict[str, Any]:
    more = {401: ("www-authenticate",), 429: ("retry-after",), 503: ("retry-after",)}.get(status, ())
    return {
        "description": meaning,
        "headers": headers(*more),
        "content": {media: {"schema": {"$ref": f"#/components/schemas/{schema}"}, "example": example}},
    }
