"""A scripted Cognito with as many users as a test wants, and the roles that look at them."""

import json
from dataclasses import dataclass, field
from typing import Any

from gateway.upstream import Answer, Request
from tests.world import World, answer, operation_of, refusal, sub_of

POLICY = """
[roles.admin]
groups = ["admin"]
allow = ["ListUsers", "ListUsersInGroup", "AdminGetUser", "AdminListGroupsForUser", "AdminCreateUser",
         "AdminUpdateUserAttributes", "AdminDeleteUserAttributes", "AdminDeleteUser", "AdminDisableUser",
         "AdminEnableUser", "AdminConfirmSignUp", "AdminResetUserPassword", "AdminUserGlobalSignOut",
         "AdminSetUserPassword", "AdminSetUserMFAPreference", "AdminAddUserToGroup", "AdminRemoveUserFromGroup",
         "DescribeUserPool"]
explain = true
peers = true
rate_per_minute = 100000
[roles.admin.limits]
attributes = ["any", "email", "email_verified", "phone_number"]
groups = "any"
client_metadata = ["ticket"]
members = ["TemporaryPassword", "MessageAction", "DesiredDeliveryMediums", "ForceAliasCreation", "ValidationData"]
[roles.moderator]
groups = ["moderator"]
allow = ["ListUsers", "ListUsersInGroup", "AdminGetUser", "AdminUpdateUserAttributes"]
explain = true
[roles.moderator.limits]
attributes = ["name", "nickname"]
readable = ["name", "custom:team"]
[roles.user]
groups = ["user"]
allow = []
"""


def person(name: str, /, *, status: str = "CONFIRMED", enabled: bool = True, **attributes: str) -> dict[str, Any]:
    """A user as a list of Cognito's shows it."""
    listed = {"sub": sub_of(name), **attributes}
    return {
        "Username": name,
        "Attributes": [{"Name": key.replace("__", ":"), "Value": value} for key, value in listed.items()],
        "UserStatus": status,
        "Enabled": enabled,
        "UserCreateDate": 1763715600.25,
        "UserLastModifiedDate": 1763715600,
    }


@dataclass
class Crowd:
    """Answers lists page by page, and one user by its name; filters are not looked at."""

    users: list[dict[str, Any]]
    groups: dict[str, list[str]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    empty_pages: bool = False
    schema: dict[str, str] | None = None  # types of custom attributes; None: DescribeUserPool fails

    def __call__(self, request: Request) -> Answer:
        """One exchange."""
        operation, body = operation_of(request), json.loads(request.body)
        self.asked.append((operation, body))
        if operation in {"ListUsers", "ListUsersInGroup"}:
            return self._page(body, "PaginationToken" if operation == "ListUsers" else "NextToken")
        if operation == "AdminListGroupsForUser":
            return self._groups(body)
        if operation == "DescribeUserPool":
            return self._schema()
        found = next((user for user in self.users if user["Username"] == body.get("Username")), None)
        if operation == "AdminGetUser" and found is None:
            return refusal("UserNotFoundException", "User does not exist.")
        if operation == "AdminGetUser" and found is not None:
            return answer(
                {**{k: v for k, v in found.items() if k != "Attributes"}, "UserAttributes": found["Attributes"]}
            )
        return answer({"User": self.users[0]} if operation == "AdminCreateUser" else {})

    def _page(self, body: dict[str, Any], token: str) -> Answer:
        """Tokens count up; where `empty_pages` are wanted every second page has no user, and a token."""
        start, empty = map(int, body.get(token, "0-0").split("-"))
        if self.empty_pages and not empty:
            return answer({"Users": [], token: f"{start}-1"})
        end = start + body["Limit"]
        return answer({"Users": self.users[start:end]} | ({token: f"{end}-0"} if end < len(self.users) else {}))

    def _groups(self, body: dict[str, Any]) -> Answer:
        """One group a page."""
        names, at = self.groups.get(body["Username"]), int(body.get("NextToken", "0"))
        if names is None:
            return refusal("UserNotFoundException", "User does not exist.")
        more = {"NextToken": str(at + 1)} if at + 1 < len(names) else {}
        return answer({"Groups": [{"GroupName": name} for name in names[at : at + 1]]} | more)

    def _schema(self) -> Answer:
        if self.schema is None:
            return refusal("InternalErrorException", "no", 500)
        listed = [{"Name": name, "AttributeDataType": type_} for name, type_ in self.schema.items()]
        return answer({"UserPool": {"SchemaAttributes": listed}})


def world_of(crowd: Crowd, **settings: str) -> World:
    """A gateway before the crowd."""
    world = World(POLICY, **settings)
    world.cognito.script = crowd
    return world
