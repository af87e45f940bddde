"""What is done to one user besides its attributes: switched off and on, confirmed, signed out, a password, factors."""

from collections.abc import Awaitable, Callable
from typing import Any

from gateway.api.admin import factors
from gateway.api.admin.people import BY_NAME, NAMES, PATH, name_in, sub_in
from gateway.api.admin.users import METADATA
from gateway.api.exchange import Build, Exchange
from gateway.api.inputs import Inputs
from gateway.api.members import FLAG, cognitos, structure
from gateway.api.route import Result, Route
from gateway.shapes import Shape


def _deed(operation: str, build: Build) -> Callable[[Exchange], Awaitable[Result]]:
    """The answer of a row that does one thing to the user in its path."""

    async def answer(exchange: Exchange) -> Result:
        await exchange.call(
            operation,
            lambda inputs: {"Username": name_in(inputs), **build(inputs)},
            names=NAMES,
            sub=sub_in(exchange),
        )
        return Result(None, 204)

    return answer


def _metadata(inputs: Inputs) -> dict[str, Any]:
    return {"ClientMetadata": inputs.body["clientMetadata"]} if "clientMetadata" in inputs.body else {}


def _password(inputs: Inputs) -> dict[str, Any]:
    return {"Password": inputs.body["password"], "Permanent": inputs.body.get("permanent", True)}


def _row(id_: str, action: str, operation: str, summary: str, *, triggers: bool = False) -> Route:
    """A row of `POST /admin/users/{username}/ACTION`; what `triggers` of the pool are handed may come in its body."""
    return Route(
        id=id_,
        method="POST",
        path=f"/admin/users/{{username}}/{action}",
        summary=summary,
        description=BY_NAME,
        tag="users",
        operations=(operation,),
        path_shape=PATH,
        body=structure(operation, None, {"clientMetadata": METADATA}) if triggers else None,
        status=204,
        answer=_deed(operation, _metadata),
    )


def _put(id_: str, what: str, operation: str, summary: str, *, body: Shape, build: Build, **more: Any) -> Route:  # noqa: ANN401, PLR0913 - fields of a Route
    return Route(
        id=id_,
        method="PUT",
        path=f"/admin/users/{{username}}/{what}",
        summary=summary,
        tag="users",
        operations=(operation,),
        path_shape=PATH,
        body=body,
        status=204,
        answer=_deed(operation, build),
        **more,
    )


def routes() -> tuple[Route, ...]:
    """The rows."""
    password = cognitos("AdminSetUserPassword", "Password")
    return (
        _row("disableUser", "disable", "AdminDisableUser", "Switch a user off; its tokens are refused from then on"),
        _row("enableUser", "enable", "AdminEnableUser", "Switch a user on"),
        _row("confirmUser", "confirm", "AdminConfirmSignUp", "Confirm a sign-up without its code", triggers=True),
        _row(
            "resetUserPassword",
            "reset-password",
            "AdminResetUserPassword",
            "Make a user choose a new password, by a code that Cognito sends",
            triggers=True,
        ),
        _row(
            "signOutUser",
            "sign-out",
            "AdminUserGlobalSignOut",
            "End a user's sessions; its tokens are refused from then on",
        ),
        _put(
            "setUserPassword",
            "password",
            "AdminSetUserPassword",
            "Set a user's password",
            description=f"{BY_NAME} Unless `permanent` is false it stays; else the next sign-in changes it.",
            body=structure("SetUserPassword", {"password": password}, {"permanent": FLAG}),
            build=_password,
            examples={"request": {"password": "correct-Horse-7-battery", "permanent": False}},
        ),
        _put(
            "setUserMfa",
            "mfa",
            "AdminSetUserMFAPreference",
            "Switch a user's second factors on and off",
            description=f"{BY_NAME} {factors.ABOUT}",
            body=structure("SetUserMfa", None, factors.MEMBERS),
            build=lambda inputs: factors.settings(inputs.body),
            schemas=factors.SCHEMAS,
            examples={"request": {"preferred": "totp", "sms": False}},
        ),
    )
