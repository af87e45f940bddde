"""What a signed-in user does with itself, proven by its access token.

Duty: GetUser, ChangePassword, its attributes and their verification, its second factors, signing out, deleting itself,
refreshing and revoking tokens. Prohibition: nothing here names another user.
Source: those operations in Cognito's API reference.
"""

from collections.abc import Callable

from gateway.emulator import attributes, errors, mfa, passwords
from gateway.emulator.backend import Backend
from gateway.emulator.errors import AwsError
from gateway.emulator.steps import Body
from gateway.emulator.user import CONFIRMED

VERIFY_SECONDS = 24 * 3600


def get_user(backend: Backend, body: Body) -> Body:
    """GetUser."""
    _, user = backend.bearer(body["AccessToken"])
    return user.own_json()


def delete_user(backend: Backend, body: Body) -> Body:
    """DeleteUser."""
    pool, user = backend.bearer(body["AccessToken"])
    pool.remove(user)
    return {}


def change_password(backend: Backend, body: Body) -> Body:
    """ChangePassword."""
    pool, user = backend.bearer(body["AccessToken"])
    if not user.knows(body.get("PreviousPassword") or ""):
        raise AwsError(errors.WRONG_PASSWORD)
    passwords.check(pool, body["ProposedPassword"])
    user.set_password(body["ProposedPassword"])
    user.status = CONFIRMED
    return {}


def update_user_attributes(backend: Backend, body: Body) -> Body:
    """UpdateUserAttributes: a new address that the pool verifies gets a code."""
    pool, user = backend.bearer(body["AccessToken"])
    wanted = attributes.read(pool, body["UserAttributes"], by_user=True)
    changed = [name for name in attributes.CONTACTS if wanted.get(name) not in {None, user.attribute_lookup.get(name)}]
    attributes.change(pool, user, wanted)
    verified = pool.extended_config.get("AutoVerifiedAttributes") or []
    sent = [
        backend.deliver(user, f"attribute:{name}", attribute=name, lifetime_seconds=VERIFY_SECONDS)
        for name in changed
        if name in verified and wanted[name]
    ]
    return {"CodeDeliveryDetailsList": sent}


def delete_user_attributes(backend: Backend, body: Body) -> Body:
    """DeleteUserAttributes."""
    pool, user = backend.bearer(body["AccessToken"])
    attributes.check_deletable(pool, body["UserAttributeNames"], by_user=True)
    attributes.remove(user, body["UserAttributeNames"])
    return {}


def get_user_attribute_verification_code(backend: Backend, body: Body) -> Body:
    """GetUserAttributeVerificationCode."""
    _, user = backend.bearer(body["AccessToken"])
    name = body["AttributeName"]
    if name not in attributes.CONTACTS or name not in user.attribute_lookup:
        raise AwsError(errors.INVALID_PARAMETER, reason=f"The user has no {name} to verify.")
    sent = backend.deliver(user, f"attribute:{name}", attribute=name, lifetime_seconds=VERIFY_SECONDS)
    return {"CodeDeliveryDetails": sent}


def verify_user_attribute(backend: Backend, body: Body) -> Body:
    """VerifyUserAttribute."""
    pool, user = backend.bearer(body["AccessToken"])
    name = body["AttributeName"]
    user.redeem(f"attribute:{name}", body["Code"], now=backend.now)
    value = user.attribute_lookup.get(name, "")
    attributes.change(pool, user, {name: value, f"{name}_verified": "true" if value else ""})
    return {}


def set_user_mfa_preference(backend: Backend, body: Body) -> Body:
    """SetUserMFAPreference."""
    _, user = backend.bearer(body["AccessToken"])
    mfa.prefer(user, body)
    return {}


def list_devices(backend: Backend, body: Body) -> Body:
    """ListDevices: the emulator remembers no devices."""
    backend.bearer(body["AccessToken"])
    return {"Devices": []}


def get_user_auth_factors(backend: Backend, body: Body) -> Body:
    """GetUserAuthFactors."""
    _, user = backend.bearer(body["AccessToken"])
    return {"Username": user.username, **user.mfa_json(), "ConfiguredUserAuthFactors": ["PASSWORD"]}


def global_sign_out(backend: Backend, body: Body) -> Body:
    """GlobalSignOut."""
    pool, user = backend.bearer(body["AccessToken"])
    pool.sessions.revoke_user(user.username)
    return {}


def revoke_token(backend: Backend, body: Body) -> Body:
    """RevokeToken: refresh tokens only, and with them the access tokens of their session."""
    pool, client = backend.pool_of_client(body["ClientId"])
    passwords.check_secret(client, body.get("ClientSecret"))
    if pool.keys.read(body["Token"]) is not None:
        raise AwsError(errors.NOT_REVOCABLE)
    pool.sessions.revoke_token(body["Token"], client_id=client.id)
    return {}


def get_tokens_from_refresh_token(backend: Backend, body: Body) -> Body:
    """GetTokensFromRefreshToken: with a new refresh token when the client rotates them."""
    pool, client = backend.pool_of_client(body["ClientId"])
    passwords.check_secret(client, body.get("ClientSecret"))
    session, _ = pool.session(body["RefreshToken"], client, now=backend.now)
    result = pool.tokens(session, now=backend.now)
    rotation = client.extended_config.get("RefreshTokenRotation") or {}
    if rotation.get("Feature") == "ENABLED":
        grace_seconds = rotation.get("RetryGracePeriodSeconds") or 0
        pool.sessions.rotate(session, now=backend.now, grace_seconds=grace_seconds)
        result["RefreshToken"] = session.refresh_token
    return {"AuthenticationResult": result}


OPERATIONS: dict[str, Callable[[Backend, Body], Body]] = {
    "GetUser": get_user,
    "DeleteUser": delete_user,
    "ChangePassword": change_password,
    "UpdateUserAttributes": update_user_attributes,
    "DeleteUserAttributes": delete_user_attributes,
    "GetUserAttributeVerificationCode": get_user_attribute_verification_code,
    "VerifyUserAttribute": verify_user_attribute,
    "SetUserMFAPreference": set_user_mfa_preference,
    "ListDevices": list_devices,
    "GetUserAuthFactors": get_user_auth_factors,
    "GlobalSignOut": global_sign_out,
    "RevokeToken": revoke_token,
    "GetTokensFromRefreshToken": get_tokens_from_refresh_token,
    "AssociateSoftwareToken": mfa.associate_software_token,
    "VerifySoftwareToken": mfa.verify_software_token,
}
