"""Lists of users and groups, and who is in which.

Duty: ListUsers with its filter, ListUsersInGroup, ListGroups, AdminListGroupsForUser, and the two operations that
change a membership. Prohibition: custom attributes are not searchable.
Source: ListUsers in Cognito's API reference: one attribute, `=` or `^=`; usernames and `status` by case.
"""

import re
from collections.abc import Callable
from typing import Any

from moto.cognitoidp.models import CognitoIdpGroup

from gateway.emulator import errors
from gateway.emulator.backend import Backend
from gateway.emulator.errors import AwsError
from gateway.emulator.pages import page
from gateway.emulator.steps import Body
from gateway.emulator.user import User, epoch

SEARCHABLE = {
    "username",
    "email",
    "phone_number",
    "name",
    "given_name",
    "family_name",
    "preferred_username",
    "cognito:user_status",
    "status",
    "sub",
}
CASED = {"username", "status"}

_FILTER = re.compile(r'\s*([\w:]+)\s*(\^?=)\s*"((?:[^"\\]|\\.)*)"\s*', re.DOTALL)


def _filter(text: str) -> Callable[[User], bool]:
    """Read a filter. Raises AwsError when it is none, or asks for an attribute that is not searchable."""
    match = _FILTER.fullmatch(text)
    if match is None:
        raise AwsError(errors.BAD_FILTER)
    name, operator, quoted = match.groups()
    if name not in SEARCHABLE:
        raise AwsError(errors.BAD_SEARCH, name=name)
    fold = str if name in CASED else str.casefold
    wanted = fold(re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL))

    def hit(user: User) -> bool:
        held = _searched(user, name)
        return held is not None and (fold(held) == wanted if operator == "=" else fold(held).startswith(wanted))

    return hit


def _searched(user: User, name: str) -> str | None:
    own = {
        "username": user.username,
        "cognito:user_status": str(user.status),
        "status": "Enabled" if user.enabled else "Disabled",
    }
    return own.get(name) or user.attribute_lookup.get(name)


def list_users(backend: Backend, body: Body) -> Body:
    """ListUsers."""
    pool = backend.pool(body["UserPoolId"])
    hit = _filter(body["Filter"]) if body.get("Filter") else None
    users, token = page(
        [user for user in pool.users.values() if hit is None or hit(user)],
        key=lambda user: user.username,
        limit=body.get("Limit"),
        token=body.get("PaginationToken"),
        question=["ListUsers", pool.id, body.get("Filter") or ""],
        now=backend.now,
    )
    shown = [user.listed_json(body.get("AttributesToGet")) for user in users]
    return _with_token({"Users": shown}, "Pagination", token)


def list_users_in_group(backend: Backend, body: Body) -> Body:
    """ListUsersInGroup."""
    pool = backend.pool(body["UserPoolId"])
    group = backend.get_group(pool.id, body["GroupName"])
    users, token = page(
        [user for user in pool.users.values() if user in group.users],
        key=lambda user: user.username,
        limit=body.get("Limit"),
        token=body.get("NextToken"),
        question=["ListUsersInGroup", pool.id, group.group_name],
        now=backend.now,
    )
    return _with_token({"Users": [user.listed_json() for user in users]}, "Next", token)


def list_groups(backend: Backend, body: Body) -> Body:
    """ListGroups."""
    pool = backend.pool(body["UserPoolId"])
    return _groups(backend, list(pool.groups.values()), body, ["ListGroups", pool.id])


def admin_list_groups_for_user(backend: Backend, body: Body) -> Body:
    """AdminListGroupsForUser: strongest first."""
    pool = backend.pool(body["UserPoolId"])
    user = pool.user(body["Username"])
    return _groups(backend, user.ranked_groups, body, ["AdminListGroupsForUser", pool.id, user.id])


def _groups(backend: Backend, groups: list[CognitoIdpGroup], body: Body, question: list[str]) -> Body:
    chosen, token = page(
        groups,
        key=lambda group: group.group_name,
        limit=body.get("Limit"),
        token=body.get("NextToken"),
        question=question,
        now=backend.now,
    )
    return _with_token({"Groups": [group_json(group) for group in chosen]}, "Next", token)


def group_json(group: CognitoIdpGroup) -> Body:
    """Give a group as Cognito shows it (GroupType): members without a value are left out."""
    shown: dict[str, Any] = {
        "GroupName": group.group_name,
        "UserPoolId": group.user_pool_id,
        "Description": group.description or None,
        "RoleArn": group.role_arn,
        "Precedence": group.precedence,
        "LastModifiedDate": round(epoch(group.last_modified_date), 3),
        "CreationDate": round(epoch(group.creation_date), 3),
    }
    return {name: value for name, value in shown.items() if value is not None}


def _with_token(answer: Body, kind: str, token: str | None) -> Body:
    return answer if token is None else {**answer, f"{kind}Token": token}


def admin_add_user_to_group(backend: Backend, body: Body) -> Body:
    """AdminAddUserToGroup: adding a member again is no error."""
    pool = backend.pool(body["UserPoolId"])
    user = pool.user(body["Username"])
    pool.join(user, backend.get_group(pool.id, body["GroupName"]))
    return {}


def admin_remove_user_from_group(backend: Backend, body: Body) -> Body:
    """AdminRemoveUserFromGroup: removing a stranger is no error."""
    pool = backend.pool(body["UserPoolId"])
    user = pool.user(body["Username"])
    group = backend.get_group(pool.id, body["GroupName"])
    group.users.discard(user)
    user.groups.discard(group)
    return {}


OPERATIONS: dict[str, Callable[[Backend, Body], Body]] = {
    "ListUsers": list_users,
    "ListUsersInGroup": list_users_in_group,
    "ListGroups": list_groups,
    "AdminListGroupsForUser": admin_list_groups_for_user,
    "AdminAddUserToGroup": admin_add_user_to_group,
    "AdminRemoveUserFromGroup": admin_remove_user_from_group,
}
