"""`/admin/users`: one user made, read, changed and deleted."""

from collections.abc import Mapping
from typing import Any

from gateway.api.admin import attributes
from gateway.api.admin.memberships import add_groups, asks_for, include, may_add_groups
from gateway.api.admin.people import BY_NAME, EXAMPLE, NAMES, PATH, USER, expect, mfa, name_in, sub_in, user
from gateway.api.exchange import Exchange
from gateway.api.inputs import Inputs
from gateway.api.members import ANYTHING, FLAG, cognitos, structure
from gateway.api.problem import Decided
from gateway.api.route import Result, Route, Schema
from gateway.errors import InvalidRequest
from gateway.shapes import Shape

MAX_METADATA_CHARACTERS = 16_384  # Cognito's own 131,072 are more than a whole body may have
_METADATA = Shape(name="metadata", type="string", high=MAX_METADATA_CHARACTERS)
METADATA = Shape(name="ClientMetadata", type="map", key=_METADATA, element=_METADATA)
"""What a deed hands to the pool's Lambda triggers; a role must name its keys."""
_VALIDATION_DATA = Shape(
    name="ValidationData",
    type="map",
    key=cognitos("AdminCreateUser", "ValidationData", "*", "Name"),
    element=cognitos("AdminCreateUser", "ValidationData", "*", "Value"),
)
_CREATED_NAMES: Mapping[str, str] = {**NAMES, "DesiredDeliveryMediums": "deliveryMediums"}
_EMAIL: Schema = {"type": ["string", "null"], "maxLength": attributes.MAX_VALUE_CHARACTERS}
_CREATES = """Cognito sends an invitation with a temporary password, unless `sendInvitation` is false;
`resendInvitation` sends it again to a user who has not used it yet. `email` is the same as `attributes.email`; null
is an attribute without a value. `temporaryPassword`, `sendInvitation`, `resendInvitation`, `deliveryMediums`,
`forceAliasCreation` and `validationData` need a role that names Cognito's member in `limits.members`."""
_CHANGES = f"""{BY_NAME} Attributes that are not named stay as they are; null deletes one; `email` is the same as
`attributes.email`. Where some are set and others deleted, both are decided before the first is done, and set before
deleted: should the second fail, the same request again is safe."""


def _given(inputs: Inputs) -> tuple[list[dict[str, str]], list[str]]:
    """The attributes that a body sets and deletes, with `email` from either place."""
    body = inputs.body
    listed, deleted = attributes.changes(body.get("attributes", {}))
    if "email" in body:
        email = body["email"]
        if not (email is None or isinstance(email, str)):
            raise InvalidRequest("member-type", message="Member 'email' must be a string or null.", member="email")
        if "email" in (body.get("attributes") or {}):
            message = "Member 'email' stands twice: there and in 'attributes'."
            raise InvalidRequest("member-value", message=message, member="email")
        also, gone = attributes.changes({"email": email})
        listed, deleted = listed + also, deleted + gone
    return listed, deleted


def _new(inputs: Inputs) -> dict[str, Any]:
    """AdminCreateUser's body."""
    body = inputs.body
    listed, _ = _given(inputs)
    made: dict[str, Any] = {"Username": body["username"]}
    if listed:
        made["UserAttributes"] = listed
    if body.get("resendInvitation"):
        if body.get("sendInvitation") is False:
            message = "Member 'resendInvitation' contradicts 'sendInvitation'."
            raise InvalidRequest("member-value", message=message, member="resendInvitation")
        made["MessageAction"] = "RESEND"
    elif body.get("sendInvitation") is False:
        made["MessageAction"] = "SUPPRESS"
    as_they_are = {
        "temporaryPassword": "TemporaryPassword",
        "deliveryMediums": "DesiredDeliveryMediums",
        "forceAliasCreation": "ForceAliasCreation",
        "clientMetadata": "ClientMetadata",
    }
    made |= {member: body[name] for name, member in as_they_are.items() if name in body}
    if "validationData" in body:
        made["ValidationData"] = [{"Name": name, "Value": value} for name, value in body["validationData"].items()]
    return made


async def _create(exchange: Exchange) -> Result:
    found = await exchange.call("AdminCreateUser", _new, names=_CREATED_NAMES)
    return Result(user(found.get("User", {}), await exchange.context.types()), 201)


async def _get(exchange: Exchange) -> Result:
    try:
        found = await exchange.call("AdminGetUser", lambda inputs: {"Username": name_in(inputs)}, names=NAMES)
    except Decided as decided:
        await may_add_groups(exchange, decided)
        raise
    expect(sub_in(exchange), found)
    inputs = await exchange.inputs()
    shown = user(found, await exchange.context.types())
    if asks_for(inputs, "mfa"):
        shown["mfa"] = mfa(found)
    if asks_for(inputs, "groups"):
        await add_groups(exchange, [shown])
    return Result(shown)


def _deletes(inputs: Inputs) -> bool:
    return bool(_given(inputs)[1])


def _named(inputs: Inputs) -> dict[str, Any]:
    """AdminUpdateUserAttributes' body, with the names of those that are deleted: to decide on all of them at once."""
    listed, deleted = _given(inputs)
    if not listed and not deleted:
        raise InvalidRequest("member-missing", message="Member 'attributes' is missing.", member="attributes")
    return _with_metadata(inputs, {"UserAttributes": [*listed, *({"Name": name} for name in deleted)]})


def _set(inputs: Inputs) -> dict[str, Any]:
    return _with_metadata(inputs, {"UserAttributes": _given(inputs)[0]})


def _deleted(inputs: Inputs) -> dict[str, Any]:
    return {"Username": name_in(inputs), "UserAttributeNames": _given(inputs)[1]}


def _with_metadata(inputs: Inputs, body: dict[str, Any]) -> dict[str, Any]:
    metadata = inputs.body.get("clientMetadata")
    return {"Username": name_in(inputs), **body, **({} if metadata is None else {"ClientMetadata": metadata})}


async def _change(exchange: Exchange) -> Result:
    sets, deletes, sub = "AdminUpdateUserAttributes", "AdminDeleteUserAttributes", sub_in(exchange)
    try:
        await exchange.call(sets, _named, names=NAMES, sub=sub, only_decide=_deletes)
    except Decided as decided:
        if decided.allowed and _deletes(await exchange.inputs()):
            await exchange.call(deletes, _deleted, names=NAMES, sub=sub)
        raise
    inputs = await exchange.inputs()
    listed, deleted = _given(inputs)
    if deleted:
        if listed:
            await exchange.allowed(deletes, _deleted, names=NAMES)
            await exchange.call(sets, _set, names=NAMES, sub=sub)
        await exchange.call(deletes, _deleted, names=NAMES, sub=sub)
    return Result(None, 204)


async def _delete(exchange: Exchange) -> Result:
    await exchange.call(
        "AdminDeleteUser", lambda inputs: {"Username": name_in(inputs)}, names=NAMES, sub=sub_in(exchange)
    )
    return Result(None, 204)


def _one(**parts: Any) -> Route:  # noqa: ANN401 - the fields of a Route
    return Route(path="/admin/users/{username}", path_shape=PATH, tag="users", **parts)


def routes() -> tuple[Route, ...]:
    """The rows."""
    given = {"email": ANYTHING, "attributes": ANYTHING, "clientMetadata": METADATA}
    schemas = {"email": _EMAIL, "attributes": attributes.GIVEN}
    created = {
        **given,
        "temporaryPassword": cognitos("AdminCreateUser", "TemporaryPassword"),
        "sendInvitation": FLAG,
        "resendInvitation": FLAG,
        "deliveryMediums": cognitos("AdminCreateUser", "DesiredDeliveryMediums"),
        "forceAliasCreation": FLAG,
        "validationData": _VALIDATION_DATA,
    }
    return (
        Route(
            id="createUser",
            method="POST",
            path="/admin/users",
            summary="A new user",
            description=_CREATES,
            tag="users",
            operations=("AdminCreateUser",),
            body=structure("CreateUser", {"username": cognitos("AdminCreateUser", "Username")}, created),
            schemas=schemas,
            result=USER,
            status=201,
            examples={
                "request": {"username": "ann", "email": "ann@example.com", "attributes": {"email_verified": True}},
                "response": {**EXAMPLE, "status": "FORCE_CHANGE_PASSWORD"},
            },
            answer=_create,
        ),
        _one(
            id="getUser",
            method="GET",
            summary="One user",
            description=f"{BY_NAME} `include` adds `groups`, the names of its groups, and `mfa`, its second factors.",
            operations=("AdminGetUser", "AdminListGroupsForUser"),
            query=structure("query", None, {"include": include("groups", "mfa")}),
            result=USER,
            examples={"response": EXAMPLE},
            answer=_get,
        ),
        _one(
            id="updateUser",
            method="PATCH",
            summary="Set and delete attributes of a user",
            description=_CHANGES,
            operations=("AdminUpdateUserAttributes", "AdminDeleteUserAttributes"),
            body=structure("UpdateUser", None, given),
            schemas=schemas,
            status=204,
            examples={"request": {"attributes": {"name": "Ann", "custom:age": 43, "nickname": None}}},
            answer=_change,
        ),
        _one(
            id="deleteUser",
            method="DELETE",
            summary="Delete a user",
            description=BY_NAME,
            operations=("AdminDeleteUser",),
            status=204,
            answer=_delete,
        ),
    )
