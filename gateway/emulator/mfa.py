"""Second factors: setting up an authenticator app, and which factors a user has on.

Duty: AssociateSoftwareToken, VerifySoftwareToken and the preference that users and administrators set. Prohibition: a
code of an app is really computed; moto shares one secret among all users and takes any code.
Source: those operations in Cognito's API reference; RFC 6238.
"""

from gateway.emulator import errors
from gateway.emulator.backend import Backend
from gateway.emulator.errors import AwsError
from gateway.emulator.pool import Pool
from gateway.emulator.steps import EMAIL, SMS, SOFTWARE_TOKEN, Body
from gateway.emulator.user import User

SETUP = "MFA_SETUP"


def associate_software_token(backend: Backend, body: Body) -> Body:
    """AssociateSoftwareToken: gives a new secret; the old one is gone."""
    pool, user, session = _subject(backend, body)
    answer = {"SecretCode": user.new_totp_secret()}
    user.token_verified = False
    return answer | _next(backend, pool, user, session)


def verify_software_token(backend: Backend, body: Body) -> Body:
    """VerifySoftwareToken: the app is set up when its code fits."""
    pool, user, session = _subject(backend, body)
    if not user.totp_fits(body["UserCode"], now=backend.now):
        raise AwsError(errors.BAD_TOTP_CODE)
    user.token_verified = True
    return {"Status": "SUCCESS"} | _next(backend, pool, user, session)


def _subject(backend: Backend, body: Body) -> tuple[Pool, User, str | None]:
    """Who sets up: the bearer of an access token, or somebody in the middle of signing in."""
    if body.get("AccessToken"):
        return (*backend.bearer(body["AccessToken"]), None)
    session = body.get("Session") or ""
    for pool in backend.user_pools.values():
        pending = pool.challenges.of(session)
        if pending is not None and pending.name == SETUP and pending.username in pool.users:
            return pool, pool.users[pending.username], session
    raise AwsError(errors.BAD_SESSION)


def _next(backend: Backend, pool: Pool, user: User, session: str | None) -> Body:
    """Give the session to go on with, in the middle of signing in."""
    if session is None:
        return {}
    pending = pool.challenges.of(session)
    client_id = pending.client_id if pending else ""
    pool.challenges.done(session)
    return {"Session": pool.challenges.ask(SETUP, username=user.username, client_id=client_id, now=backend.now)}


def prefer(user: User, body: Body) -> None:
    """Apply the settings of each factor that has some. Raises AwsError for a factor that is not set up."""
    app, sms, email = (body.get(f"{name}MfaSettings") for name in ("SoftwareToken", "SMS", "Email"))
    if app and app.get("Enabled") and not user.token_verified:
        raise AwsError(errors.NO_TOTP)
    if sms and sms.get("Enabled") and not user.attribute_lookup.get("phone_number"):
        raise AwsError(errors.NO_PHONE)
    if email and email.get("Enabled") and not user.attribute_lookup.get("email"):
        raise AwsError(errors.NO_EMAIL)
    for name, settings in ((SOFTWARE_TOKEN, app), (SMS, sms), (EMAIL, email)):
        if settings is None:
            continue
        enabled = bool(settings.get("Enabled"))
        if name == SMS:
            user.sms_mfa_enabled = enabled
        elif name == EMAIL:
            user.email_mfa_enabled = enabled
        else:
            user.software_token_mfa_enabled = enabled
        if enabled and settings.get("PreferredMfa"):
            user.preferred_mfa_setting = name
        elif user.preferred_mfa_setting == name:
            user.preferred_mfa_setting = None
