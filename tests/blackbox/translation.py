"""The REST request that means the same as a call of the AWS endpoint.

Two ways in besides `POST /`: the routes of a frontend, and Amplify's. What they have no word for is said so: None.
"""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from tests.blackbox.rest import Body, Rest


def frontend(operation: str, body: Body) -> Rest | None:
    """The request of a frontend, or None where the routes have no word for the operation or a member of it."""
    return _said(_FRONTEND, operation, body)


def amplify(operation: str, body: Body) -> Rest | None:
    """The same of Amplify's AdminQueries."""
    return _said(_AMPLIFY, operation, body)


WAYS_IN = {"frontend": frontend, "amplify": amplify}

_Say = Callable[[Body], Rest]
_Table = Mapping[str, tuple[frozenset[str], _Say]]


def _said(table: _Table, operation: str, body: Body) -> Rest | None:
    if operation not in table:
        return None
    members, say = table[operation]
    told = {name: value for name, value in body.items() if name != "UserPoolId"}
    named = [told[name] for name in ("Username", "GroupName") if name in told]
    if not told.keys() <= members or not all(isinstance(name, str) for name in named):
        return None
    return say(told)


def _part(name: str) -> str:
    return quote(name, safe="")


def _query(path: str, **values: object) -> str:
    """The path with those of the values that are there."""
    pairs = [f"{name}={_part(str(value))}" for name, value in values.items() if value is not None]
    return f"{path}?{'&'.join(pairs)}" if pairs else path


def _user(body: Body, *more: str) -> str:
    return "/".join(["/admin/users", _part(body["Username"]), *more])


def _group(body: Body, *more: str) -> str:
    return "/".join(["/admin/groups", _part(body["GroupName"]), *more])


def _members(body: Body, names: Mapping[str, str]) -> dict[str, Any]:
    return {name: body[member] for member, name in names.items() if member in body}


def _attributes(body: Body) -> dict[str, Any]:
    listed = {item["Name"]: item.get("Value", "") for item in body.get("UserAttributes", ())}
    return {"attributes": listed} if "UserAttributes" in body else {}


_METADATA = {"ClientMetadata": "clientMetadata"}
_CREATED_MEMBERS = {
    **_METADATA,
    "Username": "username",
    "TemporaryPassword": "temporaryPassword",
    "DesiredDeliveryMediums": "deliveryMediums",
    "ForceAliasCreation": "forceAliasCreation",
}
_GROUP_MEMBERS = {"Description": "description", "Precedence": "precedence", "RoleArn": "roleArn"}
_FACTORS = {"SMSMfaSettings": "sms", "SoftwareTokenMfaSettings": "totp", "EmailMfaSettings": "email"}
_MESSAGES = {"SUPPRESS": {"sendInvitation": False}, "RESEND": {"resendInvitation": True}}
_DEEDS = {
    "AdminDisableUser": "disable",
    "AdminEnableUser": "enable",
    "AdminConfirmSignUp": "confirm",
    "AdminResetUserPassword": "reset-password",
    "AdminUserGlobalSignOut": "sign-out",
}
_HAND_TO_TRIGGERS = frozenset({"AdminConfirmSignUp", "AdminResetUserPassword"})


def _create(body: Body) -> Rest:
    made = _members(body, _CREATED_MEMBERS) | _attributes(body) | _MESSAGES.get(body.get("MessageAction", ""), {})
    if "ValidationData" in body:
        made["validationData"] = {item["Name"]: item["Value"] for item in body["ValidationData"]}
    return Rest("POST", "/admin/users", made)


def _factors(body: Body) -> Rest:
    made: dict[str, Any] = {}
    for member, name in _FACTORS.items():
        if member in body:
            made[name] = body[member].get("Enabled", False)
            if "PreferredMfa" in body[member]:
                made["preferred"] = name if body[member]["PreferredMfa"] else made.get("preferred")
    return Rest("PUT", _user(body, "mfa"), made)


def _deed(action: str) -> _Say:
    def say(body: Body) -> Rest:
        return Rest("POST", _user(body, action), _members(body, _METADATA) or None)

    return say


_FRONTEND: _Table = {
    "ListUsers": (
        frozenset({"Filter", "Limit"}),
        lambda body: Rest("GET", _query("/admin/users", filter=body.get("Filter"), limit=body.get("Limit"))),
    ),
    "ListUsersInGroup": (
        frozenset({"GroupName", "Limit"}),
        lambda body: Rest("GET", _query(_group(body, "users"), limit=body.get("Limit"))),
    ),
    "AdminListGroupsForUser": (
        frozenset({"Username", "Limit"}),
        lambda body: Rest("GET", _query(_user(body, "groups"), limit=body.get("Limit"))),
    ),
    "AdminGetUser": (frozenset({"Username"}), lambda body: Rest("GET", _user(body))),
    "AdminCreateUser": (
        frozenset({*_CREATED_MEMBERS, "UserAttributes", "MessageAction", "ValidationData"}),
        _create,
    ),
    "AdminUpdateUserAttributes": (
        frozenset({"Username", "UserAttributes", "ClientMetadata"}),
        lambda body: Rest("PATCH", _user(body), _attributes(body) | _members(body, _METADATA)),
    ),
    "AdminDeleteUserAttributes": (
        frozenset({"Username", "UserAttributeNames"}),
        lambda body: Rest("PATCH", _user(body), {"attributes": dict.fromkeys(body["UserAttributeNames"])}),
    ),
    "AdminDeleteUser": (frozenset({"Username"}), lambda body: Rest("DELETE", _user(body))),
    "AdminSetUserPassword": (
        frozenset({"Username", "Password", "Permanent"}),
        lambda body: Rest(
            "PUT", _user(body, "password"), _members(body, {"Password": "password", "Permanent": "permanent"})
        ),
    ),
    "AdminSetUserMFAPreference": (frozenset({"Username", *_FACTORS}), _factors),
    "AdminAddUserToGroup": (
        frozenset({"Username", "GroupName"}),
        lambda body: Rest("PUT", _user(body, "groups", _part(body["GroupName"]))),
    ),
    "AdminRemoveUserFromGroup": (
        frozenset({"Username", "GroupName"}),
        lambda body: Rest("DELETE", _user(body, "groups", _part(body["GroupName"]))),
    ),
    "ListGroups": (frozenset({"Limit"}), lambda body: Rest("GET", _query("/admin/groups", limit=body.get("Limit")))),
    "GetGroup": (frozenset({"GroupName"}), lambda body: Rest("GET", _group(body))),
    "CreateGroup": (
        frozenset({"GroupName", *_GROUP_MEMBERS}),
        lambda body: Rest("POST", "/admin/groups", _members(body, {"GroupName": "name", **_GROUP_MEMBERS})),
    ),
    "UpdateGroup": (
        frozenset({"GroupName", *_GROUP_MEMBERS}),
        lambda body: Rest("PATCH", _group(body), _members(body, _GROUP_MEMBERS)),
    ),
    "DeleteGroup": (frozenset({"GroupName"}), lambda body: Rest("DELETE", _group(body))),
    **{
        operation: (
            frozenset({"Username", *(_METADATA if operation in _HAND_TO_TRIGGERS else ())}),
            _deed(action),
        )
        for operation, action in _DEEDS.items()
    },
}

_AMPLIFY_READS = {
    "ListUsers": "listUsers",
    "ListGroups": "listGroups",
    "ListUsersInGroup": "listUsersInGroup",
    "AdminGetUser": "getUser",
    "AdminListGroupsForUser": "listGroupsForUser",
}
_AMPLIFY_DEEDS = {
    "AdminAddUserToGroup": "addUserToGroup",
    "AdminRemoveUserFromGroup": "removeUserFromGroup",
    "AdminConfirmSignUp": "confirmUserSignUp",
    "AdminDisableUser": "disableUser",
    "AdminEnableUser": "enableUser",
    "AdminUserGlobalSignOut": "signUserOut",
}
_AMPLIFY_MEMBERS = {"Username": "username", "GroupName": "groupname", "Limit": "limit", "PaginationToken": "token"}


def _amplify_read(name: str) -> _Say:
    return lambda body: Rest("GET", _query(f"/amplify/{name}", **_members(body, _AMPLIFY_MEMBERS)), bare=True)


def _amplify_deed(name: str) -> _Say:
    return lambda body: Rest("POST", f"/amplify/{name}", _members(body, _AMPLIFY_MEMBERS), bare=True)


_NAMING = frozenset({"Username", "GroupName"})
_AMPLIFY: _Table = {
    **{operation: (frozenset(_AMPLIFY_MEMBERS), _amplify_read(name)) for operation, name in _AMPLIFY_READS.items()},
    **{operation: (_NAMING, _amplify_deed(name)) for operation, name in _AMPLIFY_DEEDS.items()},
}
