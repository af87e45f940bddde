"""`/me`: what a signed-in user does with its own account, proven by its access token alone.

Duty: rows over Cognito's unsigned operations that take an access token. Prohibition: nothing here names another user;
an ID token or a machine's token is no user's here.
Source: GetUser, UpdateUserAttributes, DeleteUserAttributes, DeleteUser, ChangePassword, VerifyUserAttribute and
GetUserAttributeVerificationCode in Cognito's API reference.
"""

from collections.abc import Mapping
from typing import Any

from gateway.api.admin import attributes, people
from gateway.api.auth.accounts import DELIVERED, DELIVERED_EXAMPLE, DELIVERY, delivery
from gateway.api.exchange import Build, Exchange
from gateway.api.inputs import Inputs
from gateway.api.members import ANYTHING, cognitos, structure
from gateway.api.route import Result, Route, Schema
from gateway.errors import InvalidRequest, UpstreamError

ME: Schema = {
    "type": "object",
    "title": "Me",
    "required": ["username", "sub", "email", "attributes", "mfa"],
    "properties": {
        "username": {"type": "string"},
        "sub": {"type": "string"},
        "email": {"type": ["string", "null"], "description": "As in `attributes`."},
        "attributes": attributes.SHOWN,
        "mfa": people.MFA,
    },
}
_EXAMPLE = {
    "username": "ann",
    "sub": "8b1f1f4e-3c1e-4c0e-9d58-6d1f5f0f6a11",
    "email": "ann@example.com",
    "attributes": {"email": "ann@example.com", "email_verified": True},
    "mfa": {"preferred": "totp", "sms": False, "totp": True, "email": False},
}
_CHANGED: Schema = {
    "type": "object",
    "required": ["deliveries"],
    "properties": {"deliveries": {"type": "array", "items": DELIVERY, "description": "Codes that verify new values."}},
}
_NAMES: Mapping[str, str] = {
    "UserAttributeNames": "attributes",
    "AttributeName": "attribute",
    "PreviousPassword": "currentPassword",
    "ProposedPassword": "newPassword",
}


def own(exchange: Exchange, build: Build) -> Build:
    """`build`, with the caller's token in the body, where Cognito's operations for users want it."""

    def made(inputs: Inputs) -> dict[str, Any]:
        return {**build(inputs), "AccessToken": (exchange.token or b"").decode("latin-1")}

    return made


async def _get(exchange: Exchange) -> Result:
    found = await exchange.call("GetUser", own(exchange, lambda _inputs: {}))
    types = await exchange.context.types()
    try:
        held = people.held_by(found)
        shown = {
            "username": found["Username"],
            "sub": held["sub"],
            "email": held.get("email"),
            "attributes": attributes.shown(held, types),
            "mfa": people.mfa(found),
        }
    except (KeyError, TypeError, AttributeError):
        raise UpstreamError("upstream-not-json") from None
    return Result(shown)


def _set(inputs: Inputs) -> dict[str, Any]:
    listed, deleted = attributes.changes(inputs.body["attributes"])
    if not listed and not deleted:
        raise InvalidRequest("member-length", message="Member 'attributes' must name one.", member="attributes")
    return {"UserAttributes": listed}


def _deleted(inputs: Inputs) -> dict[str, Any]:
    return {"UserAttributeNames": attributes.changes(inputs.body["attributes"])[1]}


async def _change(exchange: Exchange) -> Result:
    """Both deeds are decided before the first is done; it sets before it deletes, so that a repetition is safe."""
    inputs = await exchange.peek("UpdateUserAttributes", "DeleteUserAttributes")
    given = inputs.body["attributes"] if inputs is not None else None
    values = list(given.values()) if isinstance(given, dict) else []
    deletes = None in values
    sets = not deletes or any(value is not None for value in values)
    if sets and deletes:
        await exchange.allowed("DeleteUserAttributes", own(exchange, _deleted), names=_NAMES)
    sent: list[Any] = []
    if sets:
        found = await exchange.call("UpdateUserAttributes", own(exchange, _set), names=_NAMES)
        sent = found.get("CodeDeliveryDetailsList") or []
    if deletes:
        await exchange.call("DeleteUserAttributes", own(exchange, _deleted), names=_NAMES)
    return Result({"deliveries": [delivery(item) for item in sent]})


async def _delete(exchange: Exchange) -> Result:
    await exchange.call("DeleteUser", own(exchange, lambda _inputs: {}))
    return Result(None, 204)


async def _password(exchange: Exchange) -> Result:
    def build(inputs: Inputs) -> dict[str, Any]:
        body = inputs.body
        current = {"PreviousPassword": body["currentPassword"]} if "currentPassword" in body else {}
        return {"ProposedPassword": body["newPassword"], **current}

    await exchange.call("ChangePassword", own(exchange, build), names=_NAMES)
    return Result(None, 204)


async def _send_code(exchange: Exchange) -> Result:
    build = own(exchange, lambda inputs: {"AttributeName": inputs.body["attribute"]})
    found = await exchange.call("GetUserAttributeVerificationCode", build, names=_NAMES)
    return Result({"delivery": delivery(found.get("CodeDeliveryDetails"))})


async def _verify(exchange: Exchange) -> Result:
    build = own(exchange, lambda inputs: {"AttributeName": inputs.body["attribute"], "Code": inputs.body["code"]})
    await exchange.call("VerifyUserAttribute", build, names=_NAMES)
    return Result(None, 204)


def routes() -> tuple[Route, ...]:
    """The rows."""
    attribute = {"attribute": cognitos("VerifyUserAttribute", "AttributeName")}
    return (
        Route(
            id="getMe",
            method="GET",
            path="/me",
            summary="The signed-in user",
            tag="me",
            operations=("GetUser",),
            result=ME,
            examples={"response": _EXAMPLE},
            answer=_get,
        ),
        Route(
            id="updateMe",
            method="PATCH",
            path="/me",
            summary="Change one's own attributes",
            description="Attributes that are not named stay as they are; null deletes one. Which of them a user may "
            "write is the app client's setting. A new email or phone number may have to be verified: `deliveries` says "
            "where codes went. Where some are set and others deleted, both are decided before the first is done.",
            tag="me",
            operations=("UpdateUserAttributes", "DeleteUserAttributes"),
            body=structure("UpdateMe", {"attributes": ANYTHING}),
            schemas={"attributes": {**attributes.GIVEN, "minProperties": 1}},
            result=_CHANGED,
            examples={
                "request": {"attributes": {"name": "Ann", "nickname": None}},
                "response": {"deliveries": []},
            },
            answer=_change,
        ),
        Route(
            id="deleteMe",
            method="DELETE",
            path="/me",
            summary="Delete one's own account, for good",
            tag="me",
            operations=("DeleteUser",),
            status=204,
            answer=_delete,
        ),
        Route(
            id="changeMyPassword",
            method="PUT",
            path="/me/password",
            summary="Change one's own password",
            description="`currentPassword` may be missing only where the user has none yet. A wrong one is 400: 401 is "
            "said of the bearer only.",
            tag="me",
            operations=("ChangePassword",),
            body=structure(
                "ChangeMyPassword",
                {"newPassword": cognitos("ChangePassword", "ProposedPassword")},
                {"currentPassword": cognitos("ChangePassword", "PreviousPassword")},
            ),
            status=204,
            examples={"request": {"currentPassword": "Example-passw0rd", "newPassword": "Another-passw0rd"}},
            answer=_password,
        ),
        Route(
            id="sendMyCode",
            method="POST",
            path="/me/verify",
            summary="Send a code that verifies an attribute",
            tag="me",
            operations=("GetUserAttributeVerificationCode",),
            body=structure("SendMyCode", attribute),
            result=DELIVERED,
            examples={"request": {"attribute": "email"}, "response": DELIVERED_EXAMPLE},
            answer=_send_code,
        ),
        Route(
            id="verifyMyAttribute",
            method="PUT",
            path="/me/verify",
            summary="Verify an attribute with the code that was sent",
            tag="me",
            operations=("VerifyUserAttribute",),
            body=structure("VerifyMyAttribute", {**attribute, "code": cognitos("VerifyUserAttribute", "Code")}),
            status=204,
            examples={"request": {"attribute": "email", "code": "123456"}},
            answer=_verify,
        ),
    )
