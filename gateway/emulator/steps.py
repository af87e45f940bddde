"""What stands between a password and the tokens: a new password, a second factor, its set-up.

Duty: ask for the next thing, or give tokens. Prohibition: nothing is checked here that the caller claims.
Source: the developer guide's chapters on authentication flows and challenges.
"""

import json
from dataclasses import dataclass
from typing import Any

from moto.cognitoidp.models import CognitoIdpUserPoolClient

from gateway.emulator import errors, srp
from gateway.emulator.backend import Backend
from gateway.emulator.challenges import LIFETIME_SECONDS
from gateway.emulator.errors import AwsError
from gateway.emulator.pool import Pool
from gateway.emulator.user import FORCE_CHANGE_PASSWORD, RESET_REQUIRED, UNCONFIRMED, User

Body = dict[str, Any]

SOFTWARE_TOKEN = "SOFTWARE_TOKEN_MFA"  # noqa: S105 - the name of a factor
SMS = "SMS_MFA"
EMAIL = "EMAIL_OTP"
SENT = {SMS: "phone_number", EMAIL: "email"}
"""The factors whose code is sent, and to which attribute."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """Somebody is signing in to this pool with this client."""

    backend: Backend
    pool: Pool
    client: CognitoIdpUserPoolClient

    @property
    def now(self) -> float:
        """The time, in epoch seconds."""
        return self.backend.now

    def remember(self, name: str, user: User | None, proof: srp.Challenge | None = None) -> str:
        """Remember a challenge for `user` and give its session."""
        username = user.username if user else None
        return self.pool.challenges.ask(name, username=username, client_id=self.client.id, now=self.now, srp=proof)

    def ask(self, name: str, user: User, shown: Body) -> Body:
        """Ask `user` a challenge; `shown` are its parameters."""
        return {"ChallengeName": name, "Session": self.remember(name, user), "ChallengeParameters": shown}


def parameter(values: Body, name: str) -> str:
    """Give a member of AuthParameters or ChallengeResponses. Raises AwsError when it is missing or empty."""
    value = values.get(name)
    if not isinstance(value, str) or not value:
        raise AwsError(errors.MISSING, name=name)
    return value


def after_password(attempt: Attempt, user: User) -> Body:
    """Go on after the right password. Raises AwsError for a user who may not sign in with it yet."""
    if user.status == UNCONFIRMED:
        raise AwsError(errors.NOT_CONFIRMED)
    if user.status == RESET_REQUIRED:
        raise AwsError(errors.MUST_RESET)
    if user.status == FORCE_CHANGE_PASSWORD:
        shown = {
            "USER_ID_FOR_SRP": user.username,
            "requiredAttributes": "[]",
            "userAttributes": json.dumps({k: v for k, v in user.attribute_lookup.items() if k != "sub"}),
        }
        return attempt.ask("NEW_PASSWORD_REQUIRED", user, shown)
    return second_factor(attempt, user)


def second_factor(attempt: Attempt, user: User) -> Body:
    """Ask for the user's second factor, or give tokens when there is none."""
    factors = user.factors if attempt.pool.mfa_config != "OFF" else []
    if user.preferred_mfa_setting in factors:
        return ask_for_factor(attempt, user, str(user.preferred_mfa_setting))
    if len(factors) > 1:
        return attempt.ask("SELECT_MFA_TYPE", user, {"MFAS_CAN_CHOOSE": json.dumps(factors)})
    if factors:
        return ask_for_factor(attempt, user, factors[0])
    if attempt.pool.mfa_config == "ON":
        return attempt.ask("MFA_SETUP", user, {"MFAS_CAN_SETUP": json.dumps([SOFTWARE_TOKEN])})
    return tokens(attempt, user)


def ask_for_factor(attempt: Attempt, user: User, factor: str) -> Body:
    """Ask for one factor; a text message or a mail is sent for those of `SENT`."""
    shown = {"USER_ID_FOR_SRP": user.username}
    if factor in SENT:
        sent = attempt.backend.deliver(user, "mfa", attribute=SENT[factor], lifetime_seconds=LIFETIME_SECONDS)
        medium, destination = sent["DeliveryMedium"], sent["Destination"]
        shown |= {"CODE_DELIVERY_DELIVERY_MEDIUM": medium, "CODE_DELIVERY_DESTINATION": destination}
    return attempt.ask(factor, user, shown)


def tokens(attempt: Attempt, user: User) -> Body:
    """Open a session and give its tokens."""
    session = attempt.pool.open_session(user, attempt.client, now=attempt.now)
    result = {**attempt.pool.tokens(session, now=attempt.now), "RefreshToken": session.refresh_token}
    return {"ChallengeParameters": {}, "AuthenticationResult": result}
