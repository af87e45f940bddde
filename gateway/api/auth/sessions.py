"""`/auth`: what a sign-in leaves behind: new tokens for its refresh token, and its end.

Duty: rows over Cognito's unsigned operations; the refresh token comes in the body or in the browser's cookie.
Prohibition: no cookie is used for a page of another origin; no token is kept here.
Source: GetTokensFromRefreshToken, InitiateAuth, RevokeToken and GlobalSignOut in Cognito's API reference.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gateway.api.auth import challenges, cookies
from gateway.api.auth import tokens as auth_tokens
from gateway.api.auth.challenges import missing
from gateway.api.auth.cookies import Kept, Page
from gateway.api.auth.tokens import ABOUT_CLIENT, ABOUT_COOKIE, CLIENT, COOKIE, client_of, page_of
from gateway.api.exchange import Exchange
from gateway.api.inputs import Inputs
from gateway.api.members import FLAG, cognitos, structure
from gateway.api.problem import Problem
from gateway.api.route import Result, Route
from gateway.errors import GatewayError, TokenError
from gateway.headers import token

_ROTATES, _STARTS = "GetTokensFromRefreshToken", "InitiateAuth"
_DEAD = frozenset({
    "NotAuthorizedException", "RefreshTokenReuseException", "UnauthorizedException", "UnsupportedTokenTypeException",
})  # fmt: skip
"""What Cognito says of a refresh token that will never be good again."""
_NAMES: Mapping[str, str] = {"Token": "refreshToken"}


def _brought(exchange: Exchange, inputs: Inputs) -> tuple[Kept, Page | None]:
    """The refresh token that the body or the cookie brings, and the page whose cookie is to be written.

    Raises:
        TokenError: neither does.
        Denied, InvalidRequest, UnsupportedMedia: see `gateway.api.auth.cookies`.

    """
    body = inputs.body
    if "refreshToken" in body:
        kept = Kept(body["refreshToken"], client_of(exchange, inputs), body.get("username", ""))
        return kept, page_of(exchange, inputs)
    if not cookies.sent(exchange.scope):
        raise TokenError("no-token")
    page = cookies.page(exchange.scope)
    found = cookies.read(exchange.scope, page)
    if found is None:
        raise TokenError("no-token")
    return replace(found, username=body.get("username", found.username)), page


def _renew(exchange: Exchange, inputs: Inputs, *, rotates: bool) -> dict[str, Any]:
    """The body of either operation that refreshes."""
    kept, _ = _brought(exchange, inputs)
    device = inputs.body.get("deviceKey")
    if rotates:
        made = {"RefreshToken": kept.refresh_token, "ClientId": kept.client_id}
        return made | ({"DeviceKey": device} if device is not None else {})
    parameters = {"REFRESH_TOKEN": kept.refresh_token}
    if kept.client_id in exchange.context.pool.client_secrets:
        if not kept.username:
            raise missing("username")
        parameters["USERNAME"] = kept.username
    if device is not None:
        parameters["DEVICE_KEY"] = device
    return {"AuthFlow": "REFRESH_TOKEN_AUTH", "ClientId": kept.client_id, "AuthParameters": parameters}


async def _refresh(exchange: Exchange) -> Result:
    public = exchange.context.policy.public.allow
    rotates = _ROTATES in public or _STARTS not in public
    try:
        found = await exchange.call(
            _ROTATES if rotates else _STARTS, lambda inputs: _renew(exchange, inputs, rotates=rotates), names=_NAMES
        )
    except Problem as problem:
        raise _without_cookie(exchange, problem) from None
    kept, page = _brought(exchange, await exchange.inputs())
    result = found.get("AuthenticationResult") or {}
    return auth_tokens.signed_in(
        result, replace(kept, refresh_token=result.get("RefreshToken") or kept.refresh_token), page
    )


def _without_cookie(exchange: Exchange, problem: Problem) -> Problem:
    """The problem, and what makes a browser forget a cookie that Cognito does not take any more."""
    page = _own_page(exchange)
    if page is not None and not exchange.heard.dry_run and problem.type in _DEAD and cookies.sent(exchange.scope):
        problem.set_cookie = cookies.forgotten(page)
    return problem


def _own_page(exchange: Exchange) -> Page | None:
    try:
        return cookies.page(exchange.scope)
    except GatewayError:  # another origin, or no browser: there is no cookie to speak of
        return None


async def _sign_out(exchange: Exchange) -> Result:
    inputs = await exchange.peek("RevokeToken", "GlobalSignOut")
    everywhere = inputs is not None and inputs.body.get("everywhere") is True
    brings = inputs is None or everywhere or "refreshToken" in inputs.body or cookies.sent(exchange.scope)
    if brings or token(exchange.heard.found) is not None:
        try:
            if everywhere:
                await exchange.call("GlobalSignOut", lambda _inputs: _bearer(exchange))
            else:
                await exchange.call("RevokeToken", lambda inputs: _revoked(exchange, inputs), names=_NAMES)
        except Problem as problem:
            raise _without_cookie(exchange, problem) from None
    elif exchange.heard.dry_run:
        return Result({"allowed": True})
    page = _own_page(exchange)
    return Result(None, 204, (("set-cookie", cookies.forgotten(page)),) if page is not None else ())


def _bearer(exchange: Exchange) -> dict[str, Any]:
    found = token(exchange.heard.found)
    if found is None:
        raise TokenError("no-token")
    return {"AccessToken": found.decode("latin-1")}


def _revoked(exchange: Exchange, inputs: Inputs) -> dict[str, Any]:
    if "refreshToken" not in inputs.body and not cookies.sent(exchange.scope):
        raise missing("refreshToken")  # a bearer alone does not say what is to end
    kept, _ = _brought(exchange, inputs)
    return {"Token": kept.refresh_token, "ClientId": kept.client_id}


def routes() -> tuple[Route, ...]:
    """The rows."""
    refreshes = {
        "refreshToken": replace(cognitos(_ROTATES, "RefreshToken"), high=challenges.MAX_ANSWER_CHARACTERS),
        **CLIENT,
    }
    device = {"deviceKey": cognitos(_ROTATES, "DeviceKey")}
    return (
        Route(
            id="refresh",
            method="POST",
            path="/auth/refresh",
            summary="New tokens for a refresh token",
            description="The refresh token is the body's, or else the cookie's; a client that rotates them gives a new "
            "one each time. `username` is needed only where the policy opens InitiateAuth and not "
            f"GetTokensFromRefreshToken, for a client with a secret. {ABOUT_CLIENT}{ABOUT_COOKIE}",
            tag="auth",
            security="public",
            operations=(_ROTATES, _STARTS),
            body=structure(
                "Refresh", None, {**refreshes, "username": cognitos("SignUp", "Username"), **device, **COOKIE}
            ),
            result=auth_tokens.SIGNED_IN,
            examples={"request": {"refreshToken": "eyJ"}, "response": auth_tokens.EXAMPLE},
            answer=_refresh,
        ),
        Route(
            id="signOut",
            method="POST",
            path="/auth/sign-out",
            summary="Sign out, here or everywhere",
            description="Revokes the refresh token of the body or of the cookie, with the access tokens that it gave, "
            "and lets the browser forget the cookie. With `everywhere` it revokes all of the bearer's, and the gateway "
            "accepts none of its tokens any more. Without anything to end it is done already: 204.",
            tag="auth",
            security="public",
            operations=("RevokeToken", "GlobalSignOut"),
            body=structure("SignOut", None, {**refreshes, "everywhere": FLAG}),
            status=204,
            examples={"request": {"refreshToken": "eyJ"}},
            answer=_sign_out,
        ),
    )
