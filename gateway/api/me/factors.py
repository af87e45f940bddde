"""`/me/totp` and `/me/mfa`: a user's own second factors.

Duty: rows over Cognito's unsigned operations that take an access token. Prohibition: no secret of an app is kept.
Source: AssociateSoftwareToken, VerifySoftwareToken and SetUserMFAPreference in Cognito's API reference.
"""

from collections.abc import Mapping
from typing import Any

from gateway.api.admin import factors
from gateway.api.auth import challenges, totp
from gateway.api.exchange import Exchange
from gateway.api.inputs import Inputs
from gateway.api.me.account import own
from gateway.api.members import cognitos, structure
from gateway.api.problem import Problem
from gateway.api.route import Result, Route

_NAMES: Mapping[str, str] = {"UserCode": "code"}


async def _associate(exchange: Exchange) -> Result:
    found = await exchange.call("AssociateSoftwareToken", own(exchange, lambda _inputs: {}))
    body = (await exchange.inputs()).body
    caller = exchange.known
    name = caller.username if caller is not None and caller.username else "user"
    labels = {"issuer": body.get("issuer", totp.issuer(exchange.scope)), "account": body.get("account", name)}
    return Result(totp.setup(found["SecretCode"], **labels))


async def _verify(exchange: Exchange) -> Result:
    def build(inputs: Inputs) -> dict[str, Any]:
        body = inputs.body
        return {"UserCode": body["code"]} | ({"FriendlyDeviceName": body["deviceName"]} if "deviceName" in body else {})

    found = await exchange.call("VerifySoftwareToken", own(exchange, build), names=_NAMES)
    if found.get("Status") != "SUCCESS":
        raise Problem(400, "EnableSoftwareTokenMFAException", "The code was not accepted.", member="code")
    return Result(None, 204)


async def _prefer(exchange: Exchange) -> Result:
    await exchange.call("SetUserMFAPreference", own(exchange, lambda inputs: factors.settings(inputs.body)))
    return Result(None, 204)


def routes() -> tuple[Route, ...]:
    """The rows."""
    return (
        Route(
            id="beginMyTotp",
            method="POST",
            path="/me/totp",
            summary="Begin to set up an authenticator app",
            description="Gives a new secret, as text and as a QR code; one that was given before counts no more. "
            "`issuer` (the host that was asked) and `account` (the user's name) are what the app shows.",
            tag="me",
            operations=("AssociateSoftwareToken",),
            body=structure("BeginMyTotp", None, totp.LABELS),
            result=totp.SCHEMA,
            examples={"request": {"issuer": "Example", "account": "ann@example.com"}, "response": totp.EXAMPLE},
            answer=_associate,
        ),
        Route(
            id="finishMyTotp",
            method="PUT",
            path="/me/totp",
            summary="Finish it with the app's code; `PUT /me/mfa` then switches it on",
            tag="me",
            operations=("VerifySoftwareToken",),
            body=structure(
                "FinishMyTotp",
                {"code": cognitos("VerifySoftwareToken", "UserCode")},
                {"deviceName": challenges.PARTS["deviceName"]},
            ),
            status=204,
            examples={"request": {"code": "123456", "deviceName": "phone"}},
            answer=_verify,
        ),
        Route(
            id="setMyMfa",
            method="PUT",
            path="/me/mfa",
            summary="Switch one's own second factors on and off",
            description=factors.ABOUT,
            tag="me",
            operations=("SetUserMFAPreference",),
            body=structure("SetMyMfa", None, factors.MEMBERS),
            schemas=factors.SCHEMAS,
            status=204,
            examples={"request": {"preferred": "totp", "sms": False}},
            answer=_prefer,
        ),
    )
