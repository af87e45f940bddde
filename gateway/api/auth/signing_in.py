"""`/auth`: signing in, and answering what Cognito asks on the way.

Duty: rows over Cognito's unsigned operations.
Prohibition: no answer tells more of who exists than Cognito's own; no token is kept here.
Source: InitiateAuth, RespondToAuthChallenge, AssociateSoftwareToken and VerifySoftwareToken in Cognito's API reference.
"""

from collections.abc import Mapping
from typing import Any

from gateway.api.auth import challenges, totp
from gateway.api.auth import tokens as auth_tokens
from gateway.api.auth.challenges import missing, not_of
from gateway.api.auth.tokens import ABOUT_CLIENT, ABOUT_COOKIE, CLIENT, COOKIE, OUTCOME, client_of, page_of
from gateway.api.exchange import Exchange
from gateway.api.inputs import Inputs
from gateway.api.members import choice, cognitos, structure
from gateway.api.route import Result, Route

_FLOWS: Mapping[str, tuple[str, frozenset[str], frozenset[str]]] = {
    "password": ("USER_PASSWORD_AUTH", frozenset({"password"}), frozenset()),
    "srp": ("USER_SRP_AUTH", frozenset({"srpA"}), frozenset()),
    "choice": ("USER_AUTH", frozenset(), frozenset({"preferredChallenge", "password", "srpA", "session"})),
    "custom": ("CUSTOM_AUTH", frozenset(), frozenset({"srpA"})),
}
"""Cognito's name of each flow, the members that it needs, and those that it may have."""
_PARAMETERS: Mapping[str, str] = {
    "password": "PASSWORD",
    "srpA": "SRP_A",
    "preferredChallenge": "PREFERRED_CHALLENGE",
    "deviceKey": "DEVICE_KEY",
}
_PREFERABLE = ("PASSWORD", "PASSWORD_SRP", "EMAIL_OTP", "SMS_OTP", "WEB_AUTHN")
_STARTS = "InitiateAuth"
_USERNAME = cognitos("SignUp", "Username")
_SESSION = cognitos(_STARTS, "Session")
_NAMES: Mapping[str, str] = {
    "AuthFlow": "flow",
    "ChallengeName": "challenge",
    "ChallengeResponses": "responses",
    "UserCode": "code",
}


def _begin(exchange: Exchange, inputs: Inputs) -> dict[str, Any]:
    """InitiateAuth's body for somebody who comes with a name."""
    body = inputs.body
    page_of(exchange, inputs)  # asked first: who may not have the cookie does not sign in for it
    flow, needed, possible = _FLOWS[body.get("flow", "password")]
    for name in sorted(needed - body.keys()):
        raise missing(name)
    for name in ("password", "srpA", "preferredChallenge", "session"):
        if name in body and name not in needed | possible:
            raise not_of(name, "flow")
    parameters = {key: body[name] for name, key in _PARAMETERS.items() if name in body}
    if flow == "CUSTOM_AUTH" and "srpA" in body:
        parameters["CHALLENGE_NAME"] = "SRP_A"
    made = {
        "AuthFlow": flow,
        "ClientId": client_of(exchange, inputs),
        "AuthParameters": {"USERNAME": body["username"], **parameters},
    }
    return made | ({"Session": body["session"]} if "session" in body else {})


async def _sign_in(exchange: Exchange) -> Result:
    found = await exchange.call(_STARTS, lambda inputs: _begin(exchange, inputs), names=_NAMES)
    return auth_tokens.outcome(exchange, await exchange.inputs(), found)


def _respond(exchange: Exchange, inputs: Inputs, session: str | None = None) -> dict[str, Any]:
    """RespondToAuthChallenge's body; `session` goes before the body's own."""
    page_of(exchange, inputs)
    body = inputs.body
    own = session or body.get("session")
    return {
        "ChallengeName": body["challenge"],
        "ClientId": client_of(exchange, inputs),
        "ChallengeResponses": challenges.responses(body),
        **({"Session": own} if own is not None else {}),
    }


async def _challenge(exchange: Exchange) -> Result:
    """Answer a challenge. Setting up an app while signing in is more than one of Cognito's operations."""
    inputs = await exchange.peek("RespondToAuthChallenge", "AssociateSoftwareToken")
    session = None
    if inputs is not None and inputs.body["challenge"] == challenges.SETUP and not inputs.body.get("responses"):
        if "code" not in inputs.body:
            return await _set_up(exchange)
        await exchange.allowed("RespondToAuthChallenge", lambda inputs: _respond(exchange, inputs), names=_NAMES)
        found = await exchange.call("VerifySoftwareToken", _verify, names=_NAMES)
        session = found.get("Session")
    found = await exchange.call(
        "RespondToAuthChallenge", lambda inputs: _respond(exchange, inputs, session), names=_NAMES
    )
    return auth_tokens.outcome(exchange, await exchange.inputs(), found)


async def _set_up(exchange: Exchange) -> Result:
    """The secret of an authenticator app, while its user is signing in: the same challenge again, with more to tell."""

    def build(inputs: Inputs) -> dict[str, Any]:
        challenges.responses(inputs.body)  # refuses what belongs to another challenge
        return {"Session": _session(inputs)}

    found = await exchange.call("AssociateSoftwareToken", build)
    body = (await exchange.inputs()).body
    labels = {
        "issuer": body.get("issuer", totp.issuer(exchange.scope)),
        "account": body.get("account", body["username"]),
    }
    return Result(
        {
            "status": "challenge",
            "challenge": challenges.SETUP,
            "session": found.get("Session"),
            "username": body["username"],
            "parameters": totp.setup(found["SecretCode"], **labels),
        }
    )


def _verify(inputs: Inputs) -> dict[str, Any]:
    body = inputs.body
    name = {"FriendlyDeviceName": body["deviceName"]} if "deviceName" in body else {}
    return {"Session": _session(inputs), "UserCode": body["code"], **name}


def _session(inputs: Inputs) -> str:
    if "session" not in inputs.body:
        raise missing("session")
    return str(inputs.body["session"])


def routes() -> tuple[Route, ...]:
    """The rows."""
    who = {"username": _USERNAME}
    return (
        Route(
            id="signIn",
            method="POST",
            path="/auth/sign-in",
            summary="Sign in",
            description="Gives tokens, or the first challenge. `flow`: `password` (USER_PASSWORD_AUTH, the default; "
            "needs `password`), `srp` (USER_SRP_AUTH; needs `srpA`), `choice` (USER_AUTH), `custom` (CUSTOM_AUTH); the "
            f"app client must have it on. {ABOUT_CLIENT}{ABOUT_COOKIE}Whether a name that does not exist is told apart "
            "from a wrong password is the app client's setting (PreventUserExistenceErrors).",
            tag="auth",
            security="public",
            signs_in=True,
            operations=(_STARTS,),
            body=structure(
                "SignIn",
                who,
                {
                    "password": challenges.PARTS["password"],
                    "flow": choice("flow", *_FLOWS),
                    "srpA": challenges.PARTS["srpA"],
                    "preferredChallenge": choice("preferredChallenge", *_PREFERABLE),
                    "session": _SESSION,
                    "deviceKey": challenges.PARTS["deviceKey"],
                    **CLIENT,
                    **COOKIE,
                },
            ),
            result=OUTCOME,
            examples={
                "request": {"username": "ann", "password": "Example-passw0rd"},
                "response": auth_tokens.EXAMPLE,
            },
            answer=_sign_in,
        ),
        Route(
            id="answerChallenge",
            method="POST",
            path="/auth/challenge",
            summary="Answer a challenge",
            description="Send back the challenge's `session` and `username` with the answer: `newPassword` (and "
            "`attributes`), `code`, `answer`, `password`, `srpA`, `credential`, or `secretBlock`, `signature` and "
            "`timestamp`; `responses` holds what else Cognito's ChallengeResponses may. `MFA_SETUP` without `code` "
            "gives the secret of an authenticator app, as text and as QR code, and a new `session`; with that and the "
            f"app's `code` it goes on. {ABOUT_CLIENT}{ABOUT_COOKIE}",
            tag="auth",
            security="public",
            signs_in=True,
            operations=("RespondToAuthChallenge", "AssociateSoftwareToken", "VerifySoftwareToken"),
            body=structure(
                "AnswerChallenge",
                {"challenge": challenges.CHALLENGE, **who},
                {"session": _SESSION, **challenges.PARTS, **CLIENT, **COOKIE},
            ),
            schemas={"attributes": challenges.SET},
            result=OUTCOME,
            examples={
                "request": {
                    "challenge": "SOFTWARE_TOKEN_MFA",
                    "session": "AYABeExampleSession0001",
                    "username": "ann",
                    "code": "123456",
                },
                "response": auth_tokens.EXAMPLE,
            },
            answer=_challenge,
        ),
    )
