"""`/auth`: signing up, and finding back in: everything that a code by mail or text proves.

Duty: rows over Cognito's unsigned operations. Prohibition: no answer tells more of who exists than Cognito's own.
Source: SignUp, ConfirmSignUp, ResendConfirmationCode, ForgotPassword and ConfirmForgotPassword in Cognito's API
reference.
"""

from collections.abc import Mapping
from typing import Any

from gateway.api.auth import challenges
from gateway.api.auth.tokens import ABOUT_CLIENT, CLIENT, client_of
from gateway.api.exchange import Exchange
from gateway.api.inputs import Inputs
from gateway.api.members import ANYTHING, cognitos, structure
from gateway.api.route import Result, Route, Schema

DELIVERY: Schema = {
    "type": "object",
    "title": "Delivery",
    "description": "Where a code went; null for what Cognito does not tell.",
    "required": ["destination", "medium", "attribute"],
    "properties": {
        "destination": {"type": ["string", "null"], "description": "Masked: a***@e***."},
        "medium": {"type": ["string", "null"], "description": "EMAIL or SMS."},
        "attribute": {"type": ["string", "null"]},
    },
}
DELIVERED: Schema = {"type": "object", "required": ["delivery"], "properties": {"delivery": DELIVERY}}
DELIVERED_EXAMPLE = {"delivery": {"destination": "a***@e***", "medium": "EMAIL", "attribute": "email"}}

_SIGNED_UP: Schema = {
    "type": "object",
    "title": "SignedUp",
    "required": ["sub", "confirmed", "delivery", "session"],
    "properties": {
        "sub": {"type": "string"},
        "confirmed": {"type": "boolean"},
        "delivery": {"oneOf": [DELIVERY, {"type": "null"}]},
        "session": {"type": ["string", "null"], "description": "For confirm-sign-up, and sign-in by `choice` after."},
    },
}
_CONFIRMED: Schema = {
    "type": "object",
    "title": "Confirmed",
    "required": ["session"],
    "properties": {"session": {"type": ["string", "null"], "description": "Signs in by `choice` without a password."}},
}
_SESSION = "AYABeExampleSession0001"
_NAMES: Mapping[str, str] = {"ConfirmationCode": "code"}
_UNTOLD = "The answer to a name that does not exist is Cognito's, by the client's PreventUserExistenceErrors."


def delivery(found: Mapping[str, Any] | None) -> dict[str, Any]:
    """Where a code went, of Cognito's CodeDeliveryDetails."""
    told = found or {}
    return {
        "destination": told.get("Destination"),
        "medium": told.get("DeliveryMedium"),
        "attribute": told.get("AttributeName"),
    }


def _client_and_user(exchange: Exchange, inputs: Inputs) -> dict[str, Any]:
    return {"ClientId": client_of(exchange, inputs), "Username": inputs.body["username"]}


async def _sign_up(exchange: Exchange) -> Result:
    def build(inputs: Inputs) -> dict[str, Any]:
        made = _client_and_user(exchange, inputs)
        if "password" in inputs.body:
            made["Password"] = inputs.body["password"]
        if "attributes" in inputs.body:
            given = challenges.given_attributes(inputs.body)
            made["UserAttributes"] = [{"Name": name, "Value": value} for name, value in given.items()]
        return made

    found = await exchange.call("SignUp", build)
    sent = found.get("CodeDeliveryDetails")
    body = {
        "sub": found.get("UserSub", ""),
        "confirmed": found.get("UserConfirmed") is True,
        "delivery": delivery(sent) if sent else None,
        "session": found.get("Session"),
    }
    return Result(body, 201)


async def _confirm(exchange: Exchange) -> Result:
    def build(inputs: Inputs) -> dict[str, Any]:
        session = {"Session": inputs.body["session"]} if "session" in inputs.body else {}
        return {**_client_and_user(exchange, inputs), "ConfirmationCode": inputs.body["code"], **session}

    found = await exchange.call("ConfirmSignUp", build, names=_NAMES)
    return Result({"session": found.get("Session")})


async def _resend(exchange: Exchange) -> Result:
    found = await exchange.call("ResendConfirmationCode", lambda inputs: _client_and_user(exchange, inputs))
    return Result({"delivery": delivery(found.get("CodeDeliveryDetails"))})


async def _forgot(exchange: Exchange) -> Result:
    found = await exchange.call("ForgotPassword", lambda inputs: _client_and_user(exchange, inputs))
    return Result({"delivery": delivery(found.get("CodeDeliveryDetails"))})


async def _reset(exchange: Exchange) -> Result:
    def build(inputs: Inputs) -> dict[str, Any]:
        body = inputs.body
        proof = {"ConfirmationCode": body["code"], "Password": body["newPassword"]}
        return {**_client_and_user(exchange, inputs), **proof}

    await exchange.call("ConfirmForgotPassword", build, names={**_NAMES, "Password": "newPassword"})
    return Result(None, 204)


def routes() -> tuple[Route, ...]:
    """The rows."""
    who = {"username": cognitos("SignUp", "Username")}
    code = {"code": cognitos("ConfirmSignUp", "ConfirmationCode")}
    asked = {"username": "ann"}
    return (
        Route(
            id="signUp",
            method="POST",
            path="/auth/sign-up",
            summary="Sign up",
            description=f"{ABOUT_CLIENT}A pool without passwords needs none. A name that is taken is 409.",
            tag="auth",
            security="public",
            operations=("SignUp",),
            body=structure(
                "SignUp", who, {"password": cognitos("SignUp", "Password"), "attributes": ANYTHING, **CLIENT}
            ),
            schemas={"attributes": challenges.SET},
            result=_SIGNED_UP,
            status=201,
            examples={
                "request": {**asked, "password": "Example-passw0rd", "attributes": {"email": "ann@example.com"}},
                "response": {
                    "sub": "8b1f1f4e-3c1e-4c0e-9d58-6d1f5f0f6a11",
                    "confirmed": False,
                    **DELIVERED_EXAMPLE,
                    "session": None,
                },
            },
            answer=_sign_up,
        ),
        Route(
            id="confirmSignUp",
            method="POST",
            path="/auth/confirm-sign-up",
            summary="Confirm a sign-up with the code that was sent",
            description=ABOUT_CLIENT,
            tag="auth",
            security="public",
            operations=("ConfirmSignUp",),
            body=structure(
                "ConfirmSignUp", {**who, **code}, {"session": cognitos("ConfirmSignUp", "Session"), **CLIENT}
            ),
            result=_CONFIRMED,
            examples={"request": {**asked, "code": "123456"}, "response": {"session": _SESSION}},
            answer=_confirm,
        ),
        Route(
            id="resendCode",
            method="POST",
            path="/auth/resend-code",
            summary="Send the sign-up's code again",
            description=f"{ABOUT_CLIENT}{_UNTOLD}",
            tag="auth",
            security="public",
            operations=("ResendConfirmationCode",),
            body=structure("ResendCode", who, CLIENT),
            result=DELIVERED,
            examples={"request": asked, "response": DELIVERED_EXAMPLE},
            answer=_resend,
        ),
        Route(
            id="forgotPassword",
            method="POST",
            path="/auth/forgot-password",
            summary="Send a code that sets a new password",
            description=f"{ABOUT_CLIENT}{_UNTOLD}",
            tag="auth",
            security="public",
            operations=("ForgotPassword",),
            body=structure("ForgotPassword", who, CLIENT),
            result=DELIVERED,
            examples={"request": asked, "response": DELIVERED_EXAMPLE},
            answer=_forgot,
        ),
        Route(
            id="confirmForgotPassword",
            method="POST",
            path="/auth/confirm-forgot-password",
            summary="Set a new password with the code that was sent",
            description=f"{ABOUT_CLIENT}{_UNTOLD}",
            tag="auth",
            security="public",
            operations=("ConfirmForgotPassword",),
            body=structure(
                "ConfirmForgotPassword",
                {**who, **code, "newPassword": cognitos("ConfirmForgotPassword", "Password")},
                CLIENT,
            ),
            status=204,
            examples={"request": {**asked, "code": "123456", "newPassword": "Example-passw0rd"}},
            answer=_reset,
        ),
    )
