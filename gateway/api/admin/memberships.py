"""Which groups a user is in: as a list of its own, in a user on request, and changed one by one."""

import asyncio
from collections.abc import Sequence
from typing import Any

from gateway.api.admin.groups import EXAMPLE, GROUP, group, page_of
from gateway.api.admin.people import BY_NAME, NAMES, PATH, expect, name_in, sub_in
from gateway.api.cursors import Place
from gateway.api.exchange import Build, Exchange
from gateway.api.inputs import Inputs
from gateway.api.members import MAX_PAGE, PAGE, choice, cognitos, structure
from gateway.api.problem import Decided, Problem, of_error
from gateway.api.route import Result, Route
from gateway.errors import UpstreamTimeout
from gateway.shapes import Shape

AT_ONCE = 8
_MAX_PAGES = 4  # of 60: a user may be in 100 groups, and a page may be short
_MAX_SECONDS = 10.0
_OPERATION = "AdminListGroupsForUser"


def include(*words: str) -> Shape:
    """The query's member that asks for more of each user."""
    return Shape(name="include", type="list", low=1, high=len(words), element=choice("included", *words))


INCLUDE_GROUPS = include("groups")


def asks_for(inputs: Inputs, word: str) -> bool:
    """Whether the query includes it."""
    return word in inputs.query.get("include", ())


async def add_groups(exchange: Exchange, users: Sequence[dict[str, Any]]) -> None:
    """Put into each user the names of its groups, a few users at a time.

    Raises:
        Problem: those of one could not be had.

    """
    until = exchange.context.monotonic() + _MAX_SECONDS
    for start in range(0, len(users), AT_ONCE):
        if exchange.context.monotonic() > until:
            raise of_error(UpstreamTimeout("upstream-timeout"))
        some = users[start : start + AT_ONCE]
        asked = [_groups_of(exchange, user["username"]) for user in some]
        for user, found in zip(some, await asyncio.gather(*asked, return_exceptions=True), strict=True):
            if isinstance(found, BaseException):
                raise found
            user["groups"] = found


async def may_add_groups(exchange: Exchange, decided: Decided) -> None:
    """Decide, in a dry run that has been allowed so far, whether groups that are asked for may be added.

    Raises:
        Decided: they are asked for.

    """
    if not decided.allowed:
        return
    inputs = await exchange.inputs()
    if asks_for(inputs, "groups"):
        name = name_in(inputs) if "username" in inputs.path else "anybody"
        await exchange.call(_OPERATION, _asking({"Username": name}))


def _asking(body: dict[str, Any]) -> Build:
    return lambda _inputs: body


async def _groups_of(exchange: Exchange, username: str) -> list[str]:
    """The names of all groups of a user; none for one who is gone since."""
    names: list[str] = []
    more: dict[str, Any] = {}
    for _ in range(_MAX_PAGES):
        try:
            found = await exchange.call(_OPERATION, _asking({"Username": username, "Limit": MAX_PAGE, **more}))
        except Problem as problem:
            if problem.type == "UserNotFoundException":
                return []
            raise
        names += [group["GroupName"] for group in found.get("Groups", [])]
        if not found.get("NextToken"):
            break
        more = {"NextToken": found["NextToken"]}
    return names


async def _list(exchange: Exchange) -> Result:
    sub = sub_in(exchange)
    if sub is not None:  # a list of groups does not say whose they are
        person = await exchange.call("AdminGetUser", lambda inputs: {"Username": name_in(inputs)}, names=NAMES)
        expect(sub, person)

    def build(inputs: Inputs) -> dict[str, Any]:
        token = exchange.place(inputs).token
        more = {"NextToken": token} if token else {}
        return {"Username": name_in(inputs), "Limit": inputs.query.get("limit", MAX_PAGE), **more}

    found = await exchange.call(_OPERATION, build, names=NAMES)
    token = found.get("NextToken")
    cursor = await exchange.cursor(Place(token)) if token else None
    return Result({"items": [group(item) for item in found.get("Groups", [])], "cursor": cursor})


async def _add(exchange: Exchange) -> Result:
    await exchange.call("AdminAddUserToGroup", _body, names=NAMES, sub=sub_in(exchange))
    return Result(None, 204)


async def _remove(exchange: Exchange) -> Result:
    await exchange.call("AdminRemoveUserFromGroup", _body, names=NAMES, sub=sub_in(exchange))
    return Result(None, 204)


def _body(inputs: Inputs) -> dict[str, Any]:
    return {"Username": name_in(inputs), "GroupName": inputs.path["group"]}


def routes() -> tuple[Route, ...]:
    """The rows."""
    one = structure("path", {**PATH.members, "group": cognitos("AdminAddUserToGroup", "GroupName")})
    path = "/admin/users/{username}/groups/{group}"
    return (
        Route(
            id="listGroupsForUser",
            method="GET",
            path="/admin/users/{username}/groups",
            summary="The groups of a user",
            description=f"{BY_NAME} By `sub:` it also asks for the user, which the role must be allowed to.",
            tag="users",
            operations=(_OPERATION, "AdminGetUser"),
            path_shape=PATH,
            query=structure("query", None, PAGE),
            result=page_of(GROUP),
            examples={"response": {"items": [EXAMPLE], "cursor": None}},
            answer=_list,
        ),
        Route(
            id="addUserToGroup",
            method="PUT",
            path=path,
            summary="Put a user into a group; its tokens of before are refused from then on",
            description=f"{BY_NAME} No error where it is in the group already.",
            tag="users",
            operations=("AdminAddUserToGroup",),
            path_shape=one,
            status=204,
            answer=_add,
        ),
        Route(
            id="removeUserFromGroup",
            method="DELETE",
            path=path,
            summary="Take a user out of a group; its tokens of before are refused from then on",
            description=f"{BY_NAME} No error where it is not in the group.",
            tag="users",
            operations=("AdminRemoveUserFromGroup",),
            path_shape=one,
            status=204,
            answer=_remove,
        ),
    )
