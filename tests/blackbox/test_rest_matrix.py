"""Every REST route by every kind of caller: what the policy does not list never reaches Cognito (R-08)."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from gateway.api.route import Route, Table
from gateway.api.routes import routes
from tests.blackbox import rest, test_matrix
from tests.blackbox.gateways import Gateway
from tests.blackbox.misbehaviour import answering
from tests.blackbox.rest import Rest
from tests.blackbox.test_matrix import RULES, Callers
from tests.minting import Mint

ROUTES = {route.id: route for route in routes()}
SIGNED = sorted(
    {name for route in ROUTES.values() if route.path.startswith(("/admin", "/amplify")) for name in route.operations}
)
OWNER = f"""
[roles.owner]
scopes = ["gateway/everything"]
precedence = 0
allow = {SIGNED}
explain = true
[roles.owner.limits]
attributes = "any"
groups = "any"
"""
pytestmark = pytest.mark.slow  # together they would make the inner loop too long

OPTIONS = {**test_matrix.OPTIONS, "policy": test_matrix.POLICY + OWNER}
OTHERS = {"a token of nobody", "an old token", "another pool's"}
"""Callers whose tokens `test_tokens.py` tries in hundreds of forms."""
CALLERS: Callers = {
    **{name: found for name, found in test_matrix.CALLERS.items() if name not in OTHERS},
    "a machine that may all": (lambda mint: mint.machine(["gateway/everything"]), ("owner",)),
}
BAD = {"no token", "an ID token"}
EXPLAINS = {"admin", "owner"}
MACHINES = {"machine", "machine without a scope", "machine with groups", "a machine that may all"}


@dataclass(frozen=True)
class Asked:
    """A good request for a route, and the operations that go up when it is carried out, in their order."""

    id: str
    path: str
    body: dict[str, Any] | None
    up: tuple[str, ...]

    @property
    def route(self) -> Route:
        """Its row."""
        return ROUTES[self.id]


SESSION = "canary-session-0123456789"
CODE = {"code": "918273"}
USER = {"username": "bob"}
MEMBER = {"username": "bob", "groupname": "premium"}
ASKED = [
    Asked("listUsers", "/admin/users", None, ("ListUsers",)),
    Asked("listUsers", "/admin/users?group=premium", None, ("ListUsersInGroup",)),
    Asked("listUsers", "/admin/users?search=x", None, ("ListUsers",)),
    Asked("listUsersInGroup", "/admin/groups/premium/users", None, ("ListUsersInGroup",)),
    Asked("createUser", "/admin/users", {"username": "carol"}, ("AdminCreateUser",)),
    Asked("getUser", "/admin/users/bob", None, ("AdminGetUser",)),
    Asked("getUser", "/admin/users/bob?include=groups", None, ("AdminGetUser", "AdminListGroupsForUser")),
    Asked("updateUser", "/admin/users/bob", {"attributes": {"name": "x"}}, ("AdminUpdateUserAttributes",)),
    Asked("deleteUser", "/admin/users/bob", None, ("AdminDeleteUser",)),
    Asked("disableUser", "/admin/users/bob/disable", None, ("AdminDisableUser",)),
    Asked("enableUser", "/admin/users/bob/enable", None, ("AdminEnableUser",)),
    Asked("confirmUser", "/admin/users/bob/confirm", None, ("AdminConfirmSignUp",)),
    Asked("resetUserPassword", "/admin/users/bob/reset-password", None, ("AdminResetUserPassword",)),
    Asked("signOutUser", "/admin/users/bob/sign-out", None, ("AdminUserGlobalSignOut",)),
    Asked("setUserPassword", "/admin/users/bob/password", {"password": "Canary-passw0rd!"}, ("AdminSetUserPassword",)),
    Asked("setUserMfa", "/admin/users/bob/mfa", {"totp": False}, ("AdminSetUserMFAPreference",)),
    Asked("listGroupsForUser", "/admin/users/bob/groups", None, ("AdminListGroupsForUser",)),
    Asked("addUserToGroup", "/admin/users/bob/groups/premium", None, ("AdminAddUserToGroup",)),
    Asked("removeUserFromGroup", "/admin/users/bob/groups/premium", None, ("AdminRemoveUserFromGroup",)),
    Asked("listGroups", "/admin/groups", None, ("ListGroups",)),
    Asked("createGroup", "/admin/groups", {"name": "new"}, ("CreateGroup",)),
    Asked("getGroup", "/admin/groups/b", None, ("GetGroup",)),
    Asked("updateGroup", "/admin/groups/b", {"description": "x"}, ("UpdateGroup",)),
    Asked("deleteGroup", "/admin/groups/b", None, ("DeleteGroup",)),
    Asked("signIn", "/auth/sign-in", {**USER, "password": "Canary-passw0rd!"}, ("InitiateAuth",)),
    Asked(
        "answerChallenge",
        "/auth/challenge",
        {"challenge": "SMS_MFA", "session": SESSION, **USER, **CODE},
        ("RespondToAuthChallenge",),
    ),
    Asked(
        "answerChallenge",
        "/auth/challenge",
        {"challenge": "MFA_SETUP", "session": SESSION, **USER},
        ("AssociateSoftwareToken",),
    ),
    Asked("refresh", "/auth/refresh", {"refreshToken": "canary-refresh-token"}, ("GetTokensFromRefreshToken",)),
    Asked("signOut", "/auth/sign-out", {"refreshToken": "canary-refresh-token"}, ("RevokeToken",)),
    Asked("signUp", "/auth/sign-up", {"username": "carol", "password": "Canary-passw0rd!"}, ("SignUp",)),
    Asked("confirmSignUp", "/auth/confirm-sign-up", {**USER, **CODE}, ("ConfirmSignUp",)),
    Asked("resendCode", "/auth/resend-code", USER, ("ResendConfirmationCode",)),
    Asked("forgotPassword", "/auth/forgot-password", USER, ("ForgotPassword",)),
    Asked(
        "confirmForgotPassword",
        "/auth/confirm-forgot-password",
        {**USER, **CODE, "newPassword": "Canary-passw0rd?"},
        ("ConfirmForgotPassword",),
    ),
    Asked("getMe", "/me", None, ("GetUser",)),
    Asked("updateMe", "/me", {"attributes": {"name": "x"}}, ("UpdateUserAttributes",)),
    Asked("deleteMe", "/me", None, ("DeleteUser",)),
    Asked(
        "changeMyPassword",
        "/me/password",
        {"currentPassword": "Canary-passw0rd!", "newPassword": "Canary-passw0rd?"},
        ("ChangePassword",),
    ),
    Asked("sendMyCode", "/me/verify", {"attribute": "email"}, ("GetUserAttributeVerificationCode",)),
    Asked("verifyMyAttribute", "/me/verify", {"attribute": "email", **CODE}, ("VerifyUserAttribute",)),
    Asked("beginMyTotp", "/me/totp", None, ("AssociateSoftwareToken",)),
    Asked("finishMyTotp", "/me/totp", CODE, ("VerifySoftwareToken",)),
    Asked("setMyMfa", "/me/mfa", {"totp": True}, ("SetUserMFAPreference",)),
    Asked("getMyPermissions", "/me/permissions", None, ()),
    Asked("getMyAwsCredentials", "/me/aws-credentials", {}, ("GetId", "GetCredentialsForIdentity")),
    Asked("getPolicy", "/admin/policy", None, ()),
    Asked("listAuditLines", "/admin/audit", None, ()),
    Asked("getHealth", "/admin/health", None, ()),
    Asked("amplifyGetUser", "/amplify/getUser?username=bob", None, ("AdminGetUser",)),
    Asked("amplifyListUsers", "/amplify/listUsers", None, ("ListUsers",)),
    Asked("amplifyListGroups", "/amplify/listGroups", None, ("ListGroups",)),
    Asked("amplifyListGroupsForUser", "/amplify/listGroupsForUser?username=bob", None, ("AdminListGroupsForUser",)),
    Asked("amplifyListUsersInGroup", "/amplify/listUsersInGroup?groupname=premium", None, ("ListUsersInGroup",)),
    Asked("amplifyAddUserToGroup", "/amplify/addUserToGroup", MEMBER, ("AdminAddUserToGroup",)),
    Asked("amplifyRemoveUserFromGroup", "/amplify/removeUserFromGroup", MEMBER, ("AdminRemoveUserFromGroup",)),
    Asked("amplifyConfirmUserSignUp", "/amplify/confirmUserSignUp", USER, ("AdminConfirmSignUp",)),
    Asked("amplifyDisableUser", "/amplify/disableUser", USER, ("AdminDisableUser",)),
    Asked("amplifyEnableUser", "/amplify/enableUser", USER, ("AdminEnableUser",)),
    Asked("amplifySignUserOut", "/amplify/signUserOut", USER, ("AdminUserGlobalSignOut",)),
    Asked("getRoot", "/", None, ()),
    Asked("getDocs", "/docs", None, ()),
    Asked("getDocsScript", "/docs/viewer.js", None, ()),
    Asked("getDocsStyle", "/docs/viewer.css", None, ()),
    Asked("getOpenapi", "/openapi.json", None, ()),
]


def test_the_matrix_is_whole() -> None:
    """Every route is in it, and each request is for the route that it says."""
    assert {asked.id for asked in ASKED} == set(ROUTES)
    table = Table(list(ROUTES.values()))
    for asked in ASKED:
        assert table.find(asked.route.method, asked.path.partition("?")[0].encode())[0] is asked.route
        assert set(asked.up) <= set(asked.route.operations)


def right(asked: Asked, caller: str, roles: tuple[str, ...]) -> int:
    """The status that the policy's text makes right."""
    route = asked.route
    listed = set[str]().union(*(SIGNED if role == "owner" else RULES["roles"][role]["allow"] for role in roles))
    if route.security == "public":
        return route.status
    if caller in BAD:
        return 401
    if asked.id == "getMyAwsCredentials":  # a machine has no ID token
        return 403 if caller in MACHINES else route.status
    if route.path.startswith("/me"):
        return route.status
    if route.own is not None:
        return route.status if EXPLAINS & set(roles) else 403
    return route.status if listed.issuperset(asked.up) else 403


def send(
    gateway: Gateway, asked: Asked, make: Callable[[Mint], str | None], caller: str
) -> tuple[int | None, list[str]]:
    """The status, and what went up."""
    mint, body = gateway.mint, asked.body
    token = make(mint)
    if asked.id == "deleteMe" and caller not in BAD:
        token = mint.access(sub=str(uuid.uuid4()))  # it ends all of the caller's
    if asked.id == "getMyAwsCredentials":
        body = {"idToken": mint.id(["user"], jti=str(uuid.uuid4()))}  # a new one: what it got is kept
    before = len(gateway.stub.received)
    wanted = Rest(asked.route.method, asked.path, body, bare=asked.route.security == "bare")
    found = rest.ask(gateway, wanted, token)
    if found.status is not None and found.status >= 400:
        rest.problem(found)
    return found.status, [call.operation for call in gateway.stub.received[before:]]


@pytest.mark.parametrize("caller", CALLERS)
def test_only_what_is_listed_passes(gateway: Gateway, caller: str) -> None:
    """R-08: each route is decided as the policy's text says of its operations, for callers of every kind."""
    gateway.stub.behaviour = answering(rest.ANSWER)
    make, roles = CALLERS[caller]
    wrong = []
    for asked in ASKED:
        status, up = send(gateway, asked, make, caller)
        expected = right(asked, caller, roles)
        passes = expected == asked.route.status
        if asked.id == "listAuditLines" and passes and gateway.runtime == "edge":
            expected = 404  # its audit goes to the console, and cannot be read back
        if status != expected or up != list(asked.up) * passes:
            wrong.append((asked.route.method, asked.path, status, expected, up))
    assert wrong == []
