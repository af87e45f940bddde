"""Calls that can change nothing, whoever's keys sign them: they name a user or a group that cannot exist.

Duty: which operations may be tried so, and their bodies. Prohibition: nothing that makes or deletes something, signs
someone in (a pool may then ask a trigger of its owner's to make the user), or names somebody who may exist.
"""

import secrets
from collections.abc import Mapping
from types import MappingProxyType

READS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "AdminGetUser": ("Username",),
        "AdminListGroupsForUser": ("Username",),
        "ListUsers": ("Filter", "Limit"),
        "ListGroups": ("Limit",),
        "ListUsersInGroup": ("GroupName", "Limit"),
        "GetGroup": ("GroupName",),
        "AdminListDevices": ("Username",),
        "AdminListUserAuthEvents": ("Username",),
    }
)
"""Reads, and what their bodies hold beside the pool. The first that is needed tries the keys."""
CHANGES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "AdminSetUserPassword": ("Username", "Password"),
        "AdminResetUserPassword": ("Username",),
        "AdminDisableUser": ("Username",),
        "AdminEnableUser": ("Username",),
        "AdminUpdateUserAttributes": ("Username", "UserAttributes"),
        "AdminDeleteUserAttributes": ("Username", "UserAttributeNames"),
        "AdminConfirmSignUp": ("Username",),
        "AdminUserGlobalSignOut": ("Username",),
        "AdminAddUserToGroup": ("Username", "GroupName"),
        "AdminRemoveUserFromGroup": ("Username", "GroupName"),
    }
)
"""Changes of a user who must exist, and does not."""


def body(operation: str, user_pool_id: str) -> dict[str, object]:
    """A body of one of `READS` or `CHANGES`: its user and group have a random name of 128 bits."""
    nobody = f"gateway-check-{secrets.token_hex(16)}"
    values: dict[str, object] = {
        "Username": nobody,
        "GroupName": nobody,
        "Filter": f'username = "{nobody}"',
        "Limit": 1,
        "Password": f"Aa1!{secrets.token_hex(16)}",
        "UserAttributes": [{"Name": "name", "Value": nobody}],
        "UserAttributeNames": ["name"],
    }
    members = READS.get(operation) or CHANGES[operation]
    return {"UserPoolId": user_pool_id} | {name: values[name] for name in members}
