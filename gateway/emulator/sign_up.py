"""Signing up and finding back: everything that a code by mail or text proves.

Duty: SignUp, ConfirmSignUp, ResendConfirmationCode, ForgotPassword, ConfirmForgotPassword. Prohibition: a code that was
not sent is refused; moto takes any.
Source: those operations in Cognito's API reference.
"""

from collections.abc import Callable

from moto.cognitoidp.models import CognitoIdpUserPoolClient

from gateway.emulator import attributes, errors, passwords
from gateway.emulator.backend import Backend, delivery
from gateway.emulator.errors import AwsError
from gateway.emulator.pool import Pool
from gateway.emulator.steps import Body
from gateway.emulator.user import CONFIRMED, FORCE_CHANGE_PASSWORD, UNCONFIRMED, User

SIGN_UP_SECONDS = 24 * 3600
FORGOT_SECONDS = 3600
SIGN_UP = "sign-up"
FORGOT = "password"


def _client(backend: Backend, body: Body) -> tuple[Pool, CognitoIdpUserPoolClient]:
    pool, client = backend.pool_of_client(body["ClientId"])
    passwords.check_secret_hash(client, body["Username"], body.get("SecretHash"))
    return pool, client


def _hides(client: CognitoIdpUserPoolClient) -> bool:
    return client.extended_config.get("PreventUserExistenceErrors") == "ENABLED"


def _reachable(pool: Pool, user: User) -> str | None:
    """Name the attribute that a sign-up code goes to: one that the pool verifies and the user has."""
    names = pool.extended_config.get("AutoVerifiedAttributes") or []
    return next((name for name in ("email", "phone_number") if name in names and name in user.attribute_lookup), None)


def sign_up(backend: Backend, body: Body) -> Body:
    """SignUp."""
    pool, _ = _client(backend, body)
    name = body["Username"]
    if pool.find(name) is not None:
        raise AwsError(errors.USER_EXISTS)
    wanted = attributes.read(pool, body.get("UserAttributes") or [], by_user=True)
    passwords.check(pool, body.get("Password") or "")
    user = User(pool_id=pool.id, username=name, status=UNCONFIRMED, attributes={})
    attributes.change(pool, user, wanted)
    user.set_password(body["Password"])
    pool.add(user)
    answer: Body = {"UserConfirmed": False, "UserSub": user.id}
    attribute = _reachable(pool, user)
    if attribute is not None:
        answer["CodeDeliveryDetails"] = backend.deliver(
            user, SIGN_UP, attribute=attribute, lifetime_seconds=SIGN_UP_SECONDS
        )
    return answer


def confirm_sign_up(backend: Backend, body: Body) -> Body:
    """ConfirmSignUp: the address that the code went to is verified by it."""
    pool, client = _client(backend, body)
    user = pool.find(body["Username"])
    if user is None:
        raise AwsError(errors.BAD_CODE if _hides(client) else errors.NO_USER_OR_CLIENT)
    if user.status != UNCONFIRMED:
        raise AwsError(errors.NOT_CONFIRMABLE, status=user.status)
    user.redeem(SIGN_UP, body["ConfirmationCode"], now=backend.now)
    attribute = _reachable(pool, user)
    if attribute is not None:
        verified = {attribute: user.attribute_lookup[attribute], f"{attribute}_verified": "true"}
        attributes.change(pool, user, verified, take_aliases=bool(body.get("ForceAliasCreation")))
    user.status = CONFIRMED
    return {}


def resend_confirmation_code(backend: Backend, body: Body) -> Body:
    """ResendConfirmationCode."""
    pool, client = _client(backend, body)
    user = pool.find(body["Username"])
    if user is None:
        return _pretend(client, body["Username"])
    if user.status != UNCONFIRMED:
        raise AwsError(errors.ALREADY_CONFIRMED)
    attribute = _reachable(pool, user)
    if attribute is None:
        raise AwsError(errors.INVALID_PARAMETER, reason="Cannot resend codes. Auto verification not turned on.")
    sent = backend.deliver(user, SIGN_UP, attribute=attribute, lifetime_seconds=SIGN_UP_SECONDS)
    return {"CodeDeliveryDetails": sent}


def forgot_password(backend: Backend, body: Body) -> Body:
    """ForgotPassword."""
    pool, client = _client(backend, body)
    user = pool.find(body["Username"])
    if user is None:
        return _pretend(client, body["Username"])
    if not user.enabled:
        raise AwsError(errors.USER_DISABLED)
    if user.status == FORCE_CHANGE_PASSWORD or user.secret is None:
        raise AwsError(errors.NOT_RESETTABLE)
    attribute = user.contact()
    if attribute is None:
        raise AwsError(errors.NO_CONTACT)
    return {"CodeDeliveryDetails": backend.deliver(user, FORGOT, attribute=attribute, lifetime_seconds=FORGOT_SECONDS)}


def confirm_forgot_password(backend: Backend, body: Body) -> Body:
    """ConfirmForgotPassword: a new password for a code; an unconfirmed user is confirmed by it."""
    pool, client = _client(backend, body)
    user = pool.find(body["Username"])
    if user is None:
        raise AwsError(errors.BAD_CODE if _hides(client) else errors.NO_USER_OR_CLIENT)
    if not user.enabled:
        raise AwsError(errors.USER_DISABLED)
    passwords.check(pool, body["Password"])
    user.redeem(FORGOT, body["ConfirmationCode"], now=backend.now)
    user.set_password(body["Password"])
    user.status = CONFIRMED
    return {}


def _pretend(client: CognitoIdpUserPoolClient, name: str) -> Body:
    """Answer for somebody who does not exist."""
    if not _hides(client):
        raise AwsError(errors.NO_USER_OR_CLIENT)
    destination = name if "@" in name else f"{name}@example.com"
    return {"CodeDeliveryDetails": delivery("email", destination)}


OPERATIONS: dict[str, Callable[[Backend, Body], Body]] = {
    "SignUp": sign_up,
    "ConfirmSignUp": confirm_sign_up,
    "ResendConfirmationCode": resend_confirmation_code,
    "ForgotPassword": forgot_password,
    "ConfirmForgotPassword": confirm_forgot_password,
}
