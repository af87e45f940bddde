"""The one tree of refusals and failures.

Duty: say what the caller may see (status, type, message) and carry what only the auditor sees (reason).
Prohibition: no request data, token, secret or upstream text in a class or an instance's public part.

    GatewayError
    ├── TokenError            401  no token, or one that is not accepted
    ├── StepUpNeeded          401  the sign-in is too old or too weak for the operation: RFC 9470's challenge
    ├── Denied                403  operation, target or field is not the caller's to use
    ├── InvalidRequest        400  two tokens, two targets, a body that the operation does not take
    ├── UnknownOperation      400  no such target
    ├── NotServed             404  a route whose answer this gateway is not set up to give
    ├── NoSuchUser            400  a guard asked for the user whom a change names: there is none
    ├── NoSuchGroup           400  the same of a group
    ├── IdempotencyConflict   409  the same key is in progress
    │   └── IdempotencyReuse  422  the same key came with another body
    ├── BodyTooLarge          413
    ├── UnsupportedMedia      415
    ├── RateExceeded          429  + Retry-After
    ├── InternalError         500  a defect of ours
    ├── UpstreamError         502  Cognito cannot be reached, or did not speak JSON, or refused *our* identity
    │   └── UpstreamTimeout   504
    └── Unavailable           503  + Retry-After: keys, credentials or audit are not to be had

Rendered as AWS JSON by `gateway.app` and, for everything that is not the AWS endpoint, as RFC 9457 by `gateway.api`.
Source: the AWS JSON 1.1 protocol (`__type`, `message`), RFC 9457, RFC 6750 section 3, RFC 9470 section 3.
"""

from http import HTTPStatus
from typing import ClassVar


class GatewayError(Exception):
    """What a caller is told, and the slug that only the audit holds."""

    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR
    type: ClassVar[str] = "InternalErrorException"
    message: str = "The gateway failed."

    def __init__(self, reason: str, *, message: str | None = None, retry_after_seconds: int | None = None) -> None:
        """`reason` is a slug for the audit; `message` replaces the class's public text (names only, never values)."""
        super().__init__(reason)
        self.reason = reason
        self.audit_complete = True  # False: an outcome could not be written
        self.retry_after_seconds = retry_after_seconds
        if message is not None:
            self.message = message


class TokenError(GatewayError):
    """The bearer token is missing, malformed, expired or not ours. One answer for all of these."""

    status = HTTPStatus.UNAUTHORIZED
    type = "NotAuthorizedException"
    message = "The token was not accepted."


class StepUpNeeded(GatewayError):
    """The operation wants a more recent or a stronger sign-in than the token's. `challenge` says which (RFC 9470)."""

    status = HTTPStatus.UNAUTHORIZED
    type = "NotAuthorizedException"
    message = "A more recent or a stronger sign-in is needed."

    def __init__(self, reason: str, *, acr: str | None = None, max_age_seconds: int | None = None) -> None:
        """What the operation wants, as the policy has it."""
        super().__init__(reason)
        self.acr = acr
        self.max_age_seconds = max_age_seconds

    @property
    def challenge(self) -> str:
        """The value of WWW-Authenticate."""
        wanted = f', acr_values="{self.acr}"' if self.acr is not None else ""
        if self.max_age_seconds is not None:
            wanted += f', max_age="{self.max_age_seconds}"'
        return f'Bearer error="insufficient_user_authentication", error_description="{self.message}"{wanted}'


class Denied(GatewayError):
    """The policy does not let this caller do this."""

    status = HTTPStatus.FORBIDDEN
    type = "AccessDeniedException"
    message = "The caller may not do this."


class InvalidRequest(GatewayError):
    """The request is not what the operation takes. The message names the member, never its value."""

    status = HTTPStatus.BAD_REQUEST
    type = "InvalidParameterException"
    message = "The request is not valid."

    def __init__(self, reason: str, *, message: str | None = None, member: str | None = None) -> None:
        """`member` is the path of the one that is wrong, where it is one."""
        super().__init__(reason, message=message)
        self.member = member


class UnknownOperation(GatewayError):
    """X-Amz-Target is missing or names nothing that this gateway serves."""

    status = HTTPStatus.BAD_REQUEST
    type = "UnknownOperationException"
    message = "The operation is not known."


class NotServed(GatewayError):
    """The route is there, and this gateway is not set up to answer it. The message says what is missing."""

    status = HTTPStatus.NOT_FOUND
    type = "ResourceNotFoundException"
    message = "This gateway is not set up to answer that."


class NoSuchUser(GatewayError):
    """A change names a user whom the pool does not have. It was not sent; the answer is what Cognito's would be."""

    status = HTTPStatus.BAD_REQUEST
    type = "UserNotFoundException"
    message = "User does not exist."


class NoSuchGroup(GatewayError):
    """A change names a group that the pool does not have. It was not sent."""

    status = HTTPStatus.BAD_REQUEST
    type = "ResourceNotFoundException"
    message = "Group not found."


class IdempotencyConflict(GatewayError):
    """A request with the same idempotency key is still in progress."""

    status = HTTPStatus.CONFLICT
    type = "IdempotencyConflictException"
    message = "A request with the same Idempotency-Key is in progress."


class IdempotencyReuse(IdempotencyConflict):
    """The idempotency key was used with another body."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    message = "The Idempotency-Key was used with another body."


class BodyTooLarge(GatewayError):
    """The body is larger than `GATEWAY_MAX_BODY_BYTES`."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    type = "RequestEntityTooLargeException"
    message = "The request body is too large."


class UnsupportedMedia(GatewayError):
    """The body is not declared as what its route takes: AWS's JSON or JSON, not compressed."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    type = "UnsupportedMediaTypeException"
    message = "The content type must be application/x-amz-json-1.1 or application/json."


class RateExceeded(GatewayError):
    """The caller asks more often than its role, or its address, may."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    type = "TooManyRequestsException"
    message = "Too many requests."


class InternalError(GatewayError):
    """A defect of the gateway. The outermost layer turns what it did not expect into this."""


class UpstreamError(GatewayError):
    """Cognito could not be reached, did not speak JSON, or refused the gateway's own identity."""

    status = HTTPStatus.BAD_GATEWAY
    message = "Cognito did not give a usable answer."


class UpstreamTimeout(UpstreamError):
    """Cognito did not answer in time. Whether it acted is not known."""

    status = HTTPStatus.GATEWAY_TIMEOUT
    message = "Cognito did not answer in time."


class Unavailable(GatewayError):
    """Something that a decision or a call needs is not to be had now: keys, credentials, the audit."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    type = "ServiceUnavailableException"
    message = "The gateway cannot serve this now."

    def __init__(self, reason: str, *, message: str | None = None, retry_after_seconds: int | None = 5) -> None:
        """Like its base, with a `Retry-After` unless the raiser knows better."""
        super().__init__(reason, message=message, retry_after_seconds=retry_after_seconds)


def place(error: BaseException) -> str:
    """Where something unforeseen was raised, for the log: a file's name and a line, never a value (R-01)."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "?"
    return f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}"
