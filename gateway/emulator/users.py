"""What administrators do with users: the signed operations that name one.

Duty: the Admin* operations. Prohibition: none of them answers for a pool or a user that is not there.
Source: those operations in Cognito's API reference.
"""

from collections.abc import Callable

from gateway.emulator import attributes, errors, mfa, passwords
from gateway.emulator.backend import Backend
from gateway.emulator.errors import AwsError
from gateway.emulator.pool import Pool
from gateway.emulator.sign_up import FORGOT, FORGOT_SECONDS
from gateway.emulator.steps import Body
from gateway.emulator.user import CONFIRMED, FORCE_CHANGE_PASSWORD, RESET_REQUIRED, UNCONFIRMED, User

DAY_SECONDS = 86_400


def _named(backend: Backend, body: Body) -> tuple[Pool, User]:
    pool = backend.pool(body["UserPoolId"])
    return pool, pool.user(body["Username"])


def admin_get_user(backend: Backend, body: Body) -> Body:
    """AdminGetUser: by username, `sub`, alias, or any case of them."""
    _, user = _named(backend, body)
    return user.whole_json()


def admin_create_user(backend: Backend, body: Body) -> Body:
    """AdminCreateUser: with an invitation in the outbox unless MessageAction is SUPPRESS."""
    pool = backend.pool(body["UserPoolId"])
    name, action = body["Username"], body.get("MessageAction")
    password = body.get("TemporaryPassword") or passwords.temporary()
    wanted = attributes.read(pool, body.get("UserAttributes") or [], by_user=False)
    user = pool.find(name)
    if action == "RESEND":
        user = pool.user(name)
        if user.status != FORCE_CHANGE_PASSWORD:
            raise AwsError(errors.NO_INVITATION, user=user.username)
    elif user is not None:
        raise AwsError(errors.USER_EXISTS)
    passwords.check(pool, password)
    if user is None:
        user = User(pool_id=pool.id, username=name, status=FORCE_CHANGE_PASSWORD, attributes={})
        attributes.change(pool, user, wanted, take_aliases=bool(body.get("ForceAliasCreation")))
        pool.add(user)
    user.set_password(password)
    _invite(backend, pool, user, password, silent=action == "SUPPRESS")
    return {"User": user.listed_json()}


def _invite(backend: Backend, pool: Pool, user: User, password: str, *, silent: bool) -> None:
    """Start the temporary password's life, and send it unless `silent`."""
    policy = (pool.extended_config.get("Policies") or {}).get("PasswordPolicy") or {}
    lifetime_seconds = policy.get("TemporaryPasswordValidityDays", 7) * DAY_SECONDS
    if silent:
        user.send("invitation", now=backend.now, lifetime_seconds=lifetime_seconds, value=password)
        return
    backend.deliver(user, "invitation", attribute="email", lifetime_seconds=lifetime_seconds, value=password)


def admin_delete_user(backend: Backend, body: Body) -> Body:
    """AdminDeleteUser."""
    pool, user = _named(backend, body)
    pool.remove(user)
    return {}


def admin_disable_user(backend: Backend, body: Body) -> Body:
    """AdminDisableUser: the user's sessions end with it."""
    pool, user = _named(backend, body)
    user.enabled = False
    pool.sessions.revoke_user(user.username)
    user.update_attributes([])  # moto's way to say that the user was modified
    return {}


def admin_enable_user(backend: Backend, body: Body) -> Body:
    """AdminEnableUser."""
    _, user = _named(backend, body)
    user.enabled = True
    user.update_attributes([])
    return {}


def admin_user_global_sign_out(backend: Backend, body: Body) -> Body:
    """AdminUserGlobalSignOut."""
    pool, user = _named(backend, body)
    pool.sessions.revoke_user(user.username)
    return {}


def admin_confirm_sign_up(backend: Backend, body: Body) -> Body:
    """AdminConfirmSignUp: for users who signed up, not for those who were invited."""
    _, user = _named(backend, body)
    if user.status != UNCONFIRMED:
        raise AwsError(errors.NOT_CONFIRMABLE, status=user.status)
    user.status = CONFIRMED
    return {}


def admin_set_user_password(backend: Backend, body: Body) -> Body:
    """AdminSetUserPassword: a temporary password unless Permanent."""
    pool, user = _named(backend, body)
    passwords.check(pool, body["Password"])
    user.set_password(body["Password"])
    user.codes.pop("invitation", None)
    if body.get("Permanent"):
        user.status = CONFIRMED
    else:
        user.status = FORCE_CHANGE_PASSWORD
        _invite(backend, pool, user, body["Password"], silent=True)
    return {}


def admin_reset_user_password(backend: Backend, body: Body) -> Body:
    """AdminResetUserPassword: the password stops working and a code is sent."""
    _, user = _named(backend, body)
    if not user.enabled:
        raise AwsError(errors.USER_DISABLED)
    if user.status not in {CONFIRMED, RESET_REQUIRED}:
        raise AwsError(errors.NOT_RESETTABLE)
    attribute = user.contact()
    if attribute is None:
        raise AwsError(errors.NO_CONTACT)
    user.status = RESET_REQUIRED
    backend.deliver(user, FORGOT, attribute=attribute, lifetime_seconds=FORGOT_SECONDS)
    return {}


def admin_update_user_attributes(backend: Backend, body: Body) -> Body:
    """AdminUpdateUserAttributes."""
    pool, user = _named(backend, body)
    attributes.change(pool, user, attributes.read(pool, body["UserAttributes"], by_user=False))
    return {}


def admin_delete_user_attributes(backend: Backend, body: Body) -> Body:
    """AdminDeleteUserAttributes."""
    pool, user = _named(backend, body)
    attributes.check_deletable(pool, body["UserAttributeNames"], by_user=False)
    attributes.remove(user, body["UserAttributeNames"])
    return {}


def admin_set_user_mfa_preference(backend: Backend, body: Body) -> Body:
    """AdminSetUserMFAPreference."""
    _, user = _named(backend, body)
    mfa.prefer(user, body)
    return {}


def admin_list_user_auth_events(backend: Backend, body: Body) -> Body:
    """AdminListUserAuthEvents: the emulator keeps no events."""
    _named(backend, body)
    return {"AuthEvents": []}


def admin_list_devices(backend: Backend, body: Body) -> Body:
    """AdminListDevices: the emulator remembers no devices."""
    _named(backend, body)
    return {"Devices": []}


OPERATIONS: dict[str, Callable[[Backend, Body], Body]] = {
    "AdminGetUser": admin_get_user,
    "AdminCreateUser": admin_create_user,
    "AdminDeleteUser": admin_delete_user,
    "AdminDisableUser": admin_disable_user,
    "AdminEnableUser": admin_enable_user,
    "AdminUserGlobalSignOut": admin_user_global_sign_out,
    "AdminConfirmSignUp": admin_confirm_sign_up,
    "AdminSetUserPassword": admin_set_user_password,
    "AdminResetUserPassword": admin_reset_user_password,
    "AdminUpdateUserAttributes": admin_update_user_attributes,
    "AdminDeleteUserAttributes": admin_delete_user_attributes,
    "AdminSetUserMFAPreference": admin_set_user_mfa_preference,
    "AdminListUserAuthEvents": admin_list_user_auth_events,
    "AdminListDevices": admin_list_devices,
}
