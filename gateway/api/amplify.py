"""`/amplify/*`: the routes of Amplify's AdminQueries API, so that an app of Amplify's changes only the endpoint.

Duty: its eleven paths, its members in and out, its `message`. Prohibition: no rule of its own: whoever may not is
refused as everywhere, also who would sign out somebody else.
Source: https://docs.amplify.aws/gen1/javascript/build-a-backend/auth/admin-actions/
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from gateway.api.exchange import Build, Exchange
from gateway.api.inputs import Inputs
from gateway.api.members import LIMIT, cognitos, structure
from gateway.api.problem import Problem
from gateway.api.route import Result, Route, Schema
from gateway.api.times import iso
from gateway.shapes import Shape

_DATES = frozenset({"UserCreateDate", "UserLastModifiedDate", "CreationDate", "LastModifiedDate"})
_NAMES = {"GroupName": "groupname", "NextToken": "token", "PaginationToken": "token"}
_ABSENT = frozenset({"", "undefined", "null"})  # how a browser's URL writes the token of a page that nobody has yet
_TOKEN = Shape(name="Token", type="string", high=4096, pattern=r"\S*")
_IN_LISTS_FOR_USER = frozenset({"UserPoolId", "LastModifiedDate", "CreationDate", "Precedence", "RoleArn"})

_DATE: Schema = {"type": "string", "format": "date-time"}
_ATTRIBUTES: Schema = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["Name"],
        "properties": {"Name": {"type": "string"}, "Value": {"type": "string"}},
    },
}
_USER: Schema = {
    "type": "object",
    "title": "AmplifyUser",
    "required": ["Username"],
    "properties": {
        "Username": {"type": "string"},
        "Attributes": _ATTRIBUTES,
        "UserAttributes": _ATTRIBUTES,
        "UserCreateDate": _DATE,
        "UserLastModifiedDate": _DATE,
        "Enabled": {"type": "boolean"},
        "UserStatus": {"type": "string"},
    },
}
_GROUP: Schema = {
    "type": "object",
    "title": "AmplifyGroup",
    "required": ["GroupName"],
    "properties": {
        "GroupName": {"type": "string"},
        "UserPoolId": {"type": "string"},
        "Description": {"type": "string"},
        "RoleArn": {"type": "string"},
        "Precedence": {"type": "integer"},
        "CreationDate": _DATE,
        "LastModifiedDate": _DATE,
    },
}
_MESSAGE: Schema = {
    "type": "object",
    "title": "AmplifyMessage",
    "required": ["message"],
    "properties": {"message": {"type": "string"}},
    "additionalProperties": False,
}

_Ask = Callable[[Exchange], Awaitable[Any]]


def shown(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """An answer of Cognito's as the JavaScript SDK makes JSON of it: its dates are text, always with milliseconds."""
    if isinstance(value, dict):
        return {name: _date(item) if name in _DATES else shown(item) for name, item in value.items()}
    return [shown(item) for item in value] if isinstance(value, list) else value


def _date(value: Any) -> Any:  # noqa: ANN401 - any JSON
    text = iso(value, precise=True)
    return value if text is None else text


def _page(inputs: Inputs, token: str) -> dict[str, Any]:
    """What of a list is wanted; `token` is the member of Cognito's that goes on. Without a limit it is Cognito's."""
    found: dict[str, Any] = {"Limit": inputs.query["limit"]} if "limit" in inputs.query else {}
    given = inputs.query.get("token", "")
    return found if given in _ABSENT else found | {token: given}


def _in_its_words(ask: _Ask) -> Callable[[Exchange], Awaitable[Result]]:
    """The answer of a row; a refusal has `message` as well, which is what an app of Amplify's shows."""

    async def answer(exchange: Exchange) -> Result:
        try:
            return Result(await ask(exchange))
        except Problem as problem:
            problem.also = {"message": problem.detail}
            raise

    return answer


def _reads(operation: str, build: Build, change: Callable[[dict[str, Any]], Any] = shown) -> _Ask:
    async def ask(exchange: Exchange) -> Any:  # noqa: ANN401 - any JSON
        return change(await exchange.call(operation, build, names=_NAMES))

    return ask


def _does(operation: str, words: str) -> _Ask:
    """A change; `words` is the message of its success, with `{username}` and `{groupname}`."""

    def build(inputs: Inputs) -> dict[str, Any]:
        group = {"GroupName": inputs.body["groupname"]} if "groupname" in inputs.body else {}
        return {"Username": inputs.body["username"], **group}

    async def ask(exchange: Exchange) -> Any:  # noqa: ANN401 - any JSON
        await exchange.call(operation, build, names=_NAMES)
        return {"message": words.format(**(await exchange.inputs()).body)}

    return ask


def _users(found: dict[str, Any]) -> Any:  # noqa: ANN401 - any JSON
    """A page of users: its token has the name that all of these lists have."""
    token = found.pop("PaginationToken", None)
    return shown(found | ({"NextToken": token} if token else {}))


def _groups_of_user(found: dict[str, Any]) -> Any:  # noqa: ANN401 - any JSON
    """A user's groups without what is nobody's business in a browser."""
    groups = [
        {name: value for name, value in each.items() if name not in _IN_LISTS_FOR_USER}
        for each in found.get("Groups", [])
    ]
    return shown(found | {"Groups": groups})


def _list(item: Schema, member: str) -> Schema:
    return {
        "type": "object",
        "required": [member],
        "properties": {member: {"type": "array", "items": item}, "NextToken": {"type": "string"}},
    }


def _read(  # noqa: PLR0913 - a row
    name: str, summary: str, operation: str, *, query: Shape, result: Schema, ask: _Ask
) -> Route:
    return Route(
        id=f"amplify{name[0].upper()}{name[1:]}",
        method="GET",
        path=f"/amplify/{name}",
        summary=summary,
        tag="amplify",
        operations=(operation,),
        security="bare",
        query=query,
        result=result,
        answer=_in_its_words(ask),
    )


def _reading() -> tuple[Route, ...]:
    username = {"username": cognitos("AdminGetUser", "Username")}
    groupname = {"groupname": cognitos("ListUsersInGroup", "GroupName")}
    page: Mapping[str, Shape] = {"limit": LIMIT, "token": _TOKEN}

    def of_user(inputs: Inputs) -> dict[str, Any]:
        return {"Username": inputs.query["username"]}

    return (
        _read(
            "getUser",
            "One user",
            "AdminGetUser",
            query=structure("query", username),
            result=_USER,
            ask=_reads("AdminGetUser", of_user),
        ),
        _read(
            "listUsers",
            "The pool's users",
            "ListUsers",
            query=structure("query", None, page),
            result=_list(_USER, "Users"),
            ask=_reads("ListUsers", lambda inputs: _page(inputs, "PaginationToken"), _users),
        ),
        _read(
            "listGroups",
            "The pool's groups",
            "ListGroups",
            query=structure("query", None, page),
            result=_list(_GROUP, "Groups"),
            ask=_reads("ListGroups", lambda inputs: _page(inputs, "NextToken")),
        ),
        _read(
            "listGroupsForUser",
            "The groups of a user",
            "AdminListGroupsForUser",
            query=structure("query", username, page),
            result=_list(_GROUP, "Groups"),
            ask=_reads(
                "AdminListGroupsForUser",
                lambda inputs: of_user(inputs) | _page(inputs, "NextToken"),
                _groups_of_user,
            ),
        ),
        _read(
            "listUsersInGroup",
            "The users in a group",
            "ListUsersInGroup",
            query=structure("query", groupname, page),
            result=_list(_USER, "Users"),
            ask=_reads(
                "ListUsersInGroup",
                lambda inputs: {"GroupName": inputs.query["groupname"]} | _page(inputs, "NextToken"),
            ),
        ),
    )


_CHANGES = (
    ("addUserToGroup", "AdminAddUserToGroup", "Put a user into a group", "Success adding {username} to {groupname}"),
    (
        "removeUserFromGroup",
        "AdminRemoveUserFromGroup",
        "Take a user out of a group",
        "Removed {username} from {groupname}",
    ),
    ("confirmUserSignUp", "AdminConfirmSignUp", "Confirm a user without a code", "Confirmed {username} registration"),
    ("disableUser", "AdminDisableUser", "Disable a user", "Disabled {username}"),
    ("enableUser", "AdminEnableUser", "Enable a user", "Enabled {username}"),
    ("signUserOut", "AdminUserGlobalSignOut", "Sign a user out everywhere", "Signed out {username} from all devices"),
)


def _change(name: str, operation: str, summary: str, words: str) -> Route:
    members = {"username": cognitos(operation, "Username")}
    example = {"username": "alice"}
    if "{groupname}" in words:
        members["groupname"] = cognitos(operation, "GroupName")
        example["groupname"] = "editors"
    return Route(
        id=f"amplify{name[0].upper()}{name[1:]}",
        method="POST",
        path=f"/amplify/{name}",
        summary=summary,
        tag="amplify",
        operations=(operation,),
        security="bare",
        body=structure(name, members),
        result=_MESSAGE,
        examples={"request": example, "response": {"message": words.format(**example)}},
        answer=_in_its_words(_does(operation, words)),
    )


def routes() -> tuple[Route, ...]:
    """The rows."""
    return (*_reading(), *(_change(*row) for row in _CHANGES))
