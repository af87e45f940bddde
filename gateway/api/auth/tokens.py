"""What signing in ends with: the tokens, with the refresh token in the body or in the browser's cookie.

Duty: Cognito's AuthenticationResult as the REST side shows it; the cookie, where it was asked for and fits.
Prohibition: a refresh token that is in the cookie is not in the body too; who asked for a cookie and got none does not
keep another user's.
Source: Cognito's AuthenticationResultType; RFC 6749 section 5.1.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gateway import jose
from gateway.api.auth import challenges, cookies
from gateway.api.auth.cookies import Kept, Page
from gateway.api.exchange import Exchange
from gateway.api.inputs import Inputs
from gateway.api.members import FLAG, cognitos
from gateway.api.route import Result, Schema
from gateway.shapes import Shape

CLIENT: Mapping[str, Shape] = {"clientId": cognitos("SignUp", "ClientId")}
COOKIE: Mapping[str, Shape] = {"cookie": FLAG}
ABOUT_CLIENT = "Without `clientId` it is the first of the gateway's clients. "
ABOUT_COOKIE = (
    "With `cookie` the refresh token goes into an HttpOnly, SameSite=Strict cookie and not into the body: for pages of "
    "the gateway's own origin only, 403 for others. Where it is longer than browsers take, it stays in the body, "
    "`cookie` of the answer is false, and a cookie that was there is forgotten. "
)
TOKENS: Schema = {
    "type": "object",
    "title": "Tokens",
    "required": ["accessToken", "expiresIn", "tokenType"],
    "properties": {
        "accessToken": {"type": "string"},
        "idToken": {"type": "string"},
        "refreshToken": {"type": "string", "description": "Where there is a new one, and it is not in the cookie."},
        "expiresIn": {"type": "integer", "description": "Seconds."},
        "tokenType": {"type": "string"},
        "newDevice": {
            "type": "object",
            "required": ["key", "groupKey"],
            "properties": {"key": {"type": ["string", "null"]}, "groupKey": {"type": ["string", "null"]}},
        },
    },
}
SIGNED_IN: Schema = {
    "type": "object",
    "title": "SignedIn",
    "required": ["status", "tokens", "cookie"],
    "properties": {
        "status": {"const": "signed-in"},
        "tokens": TOKENS,
        "cookie": {"type": "boolean", "description": "Whether the refresh token is in the browser's cookie."},
    },
}
OUTCOME: Schema = {"oneOf": [SIGNED_IN, challenges.SCHEMA]}
EXAMPLE = {
    "status": "signed-in",
    "tokens": {
        "accessToken": "eyJ…",
        "idToken": "eyJ…",
        "refreshToken": "eyJ…",
        "expiresIn": 3600,
        "tokenType": "Bearer",
    },
    "cookie": False,
}
_MEMBERS: Mapping[str, str] = {
    "AccessToken": "accessToken",
    "IdToken": "idToken",
    "RefreshToken": "refreshToken",
}


def client_of(exchange: Exchange, inputs: Inputs) -> str:
    """The app client that a body names, or the gateway's first."""
    return str(inputs.body.get("clientId", exchange.context.default_client_id))


def page_of(exchange: Exchange, inputs: Inputs) -> Page | None:
    """The page whose cookie is asked for; None where none is. To be asked before anything is sent to Cognito.

    Raises:
        Denied, UnsupportedMedia: see `gateway.api.auth.cookies.page`.

    """
    return cookies.page(exchange.scope) if inputs.body.get("cookie") is True else None


def outcome(exchange: Exchange, inputs: Inputs, found: Mapping[str, Any]) -> Result:
    """The tokens, or the next challenge."""
    result = found.get("AuthenticationResult")
    if not result:
        return Result(challenges.shown(found, inputs.body["username"]))
    kept = Kept(result.get("RefreshToken") or "", client_of(exchange, inputs), inputs.body["username"])
    return signed_in(result, kept, page_of(exchange, inputs))


def signed_in(result: Mapping[str, Any], kept: Kept, page: Page | None, *, stays: bool = False) -> Result:
    """Cognito's tokens; what is to be `kept` goes into the cookie of `page`, where there is one and it fits.

    Where it does not, the browser forgets the cookie that it has: it is of an earlier sign-in, and the next refresh
    would be that one's. `stays`: it is not, it is the one that holds what is to be kept.
    """
    tokens = {name: result[member] for member, name in _MEMBERS.items() if result.get(member)}
    tokens |= {"expiresIn": result.get("ExpiresIn", 0), "tokenType": result.get("TokenType", "Bearer")}
    device = result.get("NewDeviceMetadata")
    if device:
        tokens["newDevice"] = {"key": device.get("DeviceKey"), "groupKey": device.get("DeviceGroupKey")}
    kept = replace(kept, username=_username(result.get("AccessToken"), kept.username))
    cookie = cookies.written(kept, page) if page is not None and kept.refresh_token else None
    held = cookie is not None or (stays and page is not None)
    if held:
        tokens.pop("refreshToken", None)
    elif page is not None:
        cookie = cookies.forgotten(page)
    body = {"status": "signed-in", "tokens": tokens, "cookie": held}
    return Result(body, headers=(("set-cookie", cookie),) if cookie is not None else ())


def _username(access_token: object, typed: str) -> str:
    """The user's own name, of which a refresh makes its SECRET_HASH and by which a sign-out knows whose the cookie is.

    What was typed may be an alias.
    """
    try:
        payload = jose.decode(jose.split(str(access_token).encode()).payload)
        found = json.loads(payload).get("username")
    except (ValueError, AttributeError):  # no token that can be read: the cookie is only less useful for it
        return typed
    return found if isinstance(found, str) else typed
