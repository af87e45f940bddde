"""`/admin/groups`: the pool's groups, and who is in one."""

from collections.abc import Mapping
from typing import Any

from gateway.api.answering import one
from gateway.api.cursors import Place
from gateway.api.exchange import Exchange
from gateway.api.inputs import Inputs
from gateway.api.members import PAGE, cognitos, structure
from gateway.api.route import DOTS, Result, Route, Schema
from gateway.api.times import iso
from gateway.errors import InvalidRequest

GROUP: Schema = {
    "type": "object",
    "title": "Group",
    "required": ["name", "description", "precedence", "roleArn", "createdAt", "updatedAt"],
    "properties": {
        "name": {"type": "string"},
        "description": {"type": ["string", "null"]},
        "precedence": {"type": ["integer", "null"], "description": "0 is the strongest, null the weakest."},
        "roleArn": {"type": ["string", "null"]},
        "createdAt": {"type": ["string", "null"], "format": "date-time"},
        "updatedAt": {"type": ["string", "null"], "format": "date-time"},
    },
}
EXAMPLE = {
    "name": "moderator",
    "description": "Looks after weaker users",
    "precedence": 5,
    "roleArn": None,
    "createdAt": "2026-11-01T09:00:00Z",
    "updatedAt": "2026-11-01T09:00:00Z",
}
_NAMES = {"GroupName": "group"}


def group(found: Mapping[str, Any]) -> dict[str, Any]:
    """A group of Cognito's as the REST side shows it."""
    return {
        "name": found["GroupName"],
        "description": found.get("Description"),
        "precedence": found.get("Precedence"),
        "roleArn": found.get("RoleArn"),
        "createdAt": iso(found.get("CreationDate")),
        "updatedAt": iso(found.get("LastModifiedDate")),
    }


def page_of(item: Schema) -> Schema:
    """The schema of a page of `item`s."""
    return {
        "type": "object",
        "required": ["items", "cursor"],
        "properties": {"items": {"type": "array", "items": item}, "cursor": {"type": ["string", "null"]}},
    }


async def _list(exchange: Exchange) -> Result:
    def build(inputs: Inputs) -> dict[str, Any]:
        place = exchange.place(inputs)
        return {"Limit": inputs.query.get("limit", 60)} | ({"NextToken": place.token} if place.token else {})

    found = await exchange.call("ListGroups", build, names={"NextToken": "cursor"})
    token = found.get("NextToken")
    cursor = await exchange.cursor(Place(token)) if token else None
    return Result({"items": [group(item) for item in found.get("Groups", [])], "cursor": cursor})


def _settings(inputs: Inputs) -> dict[str, Any]:
    """What a group can be set to; null is nothing to Cognito."""
    names = {"description": "Description", "precedence": "Precedence", "roleArn": "RoleArn"}
    return {names[name]: value for name, value in inputs.body.items() if name in names}


def _new(inputs: Inputs) -> dict[str, Any]:
    """CreateGroup's body; no group that its own routes could never name."""
    name = inputs.body["name"]
    if name in DOTS:
        raise InvalidRequest("path-dots", message="Member 'name' cannot be dots: no path can carry it.", member="name")
    return {"GroupName": name, **_settings(inputs)}


def routes() -> tuple[Route, ...]:
    """The rows."""
    name = cognitos("CreateGroup", "GroupName")
    changeable = {
        "description": cognitos("CreateGroup", "Description"),
        "precedence": cognitos("CreateGroup", "Precedence"),
        "roleArn": cognitos("CreateGroup", "RoleArn"),
    }
    path = structure("path", {"group": name})
    return (
        Route(
            id="listGroups",
            method="GET",
            path="/admin/groups",
            summary="The pool's groups",
            tag="groups",
            operations=("ListGroups",),
            query=structure("query", None, PAGE),
            result=page_of(GROUP),
            examples={"response": {"items": [EXAMPLE], "cursor": None}},
            answer=_list,
        ),
        Route(
            id="createGroup",
            method="POST",
            path="/admin/groups",
            summary="A new group",
            description="A name of dots, `.` or `..`, is refused: it could not stand in a path.",
            tag="groups",
            operations=("CreateGroup",),
            body=structure("CreateGroup", {"name": name}, changeable),
            result=GROUP,
            status=201,
            examples={"request": {"name": "moderator", "precedence": 5}, "response": EXAMPLE},
            answer=one(
                "CreateGroup",
                _new,
                lambda found: group(found["Group"]),
                names={"GroupName": "name"},
                status=201,
            ),
        ),
        Route(
            id="getGroup",
            method="GET",
            path="/admin/groups/{group}",
            summary="One group",
            tag="groups",
            operations=("GetGroup",),
            path_shape=path,
            result=GROUP,
            examples={"response": EXAMPLE},
            answer=one(
                "GetGroup",
                lambda inputs: {"GroupName": inputs.path["group"]},
                lambda found: group(found["Group"]),
                names=_NAMES,
            ),
        ),
        Route(
            id="updateGroup",
            method="PATCH",
            path="/admin/groups/{group}",
            summary="Change a group",
            tag="groups",
            operations=("UpdateGroup",),
            path_shape=path,
            body=structure("UpdateGroup", None, changeable),
            result=GROUP,
            examples={"request": {"precedence": 6}, "response": EXAMPLE | {"precedence": 6}},
            answer=one(
                "UpdateGroup",
                lambda inputs: {"GroupName": inputs.path["group"], **_settings(inputs)},
                lambda found: group(found["Group"]),
                names=_NAMES,
            ),
        ),
        Route(
            id="deleteGroup",
            method="DELETE",
            path="/admin/groups/{group}",
            summary="Delete a group; its members stay users",
            tag="groups",
            operations=("DeleteGroup",),
            path_shape=path,
            status=204,
            answer=one(
                "DeleteGroup",
                lambda inputs: {"GroupName": inputs.path["group"]},
                lambda _found: None,
                names=_NAMES,
                status=204,
            ),
        ),
    )
