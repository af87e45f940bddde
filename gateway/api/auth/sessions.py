"""`/auth`: what a sign-in leaves behind: new tokens for its refresh token, and its end.

Duty: rows over Cognito's unsigned operations; the refresh token comes in the body or in the browser's cookie.
Prohibition: no cookie is used for a page of another origin, and none is forgotten for what was said of another token;
no token is kept here.
Source: GetTokensFromRefreshToken, InitiateAuth, RevokeToken and GlobalSignOut in Cognito's API reference.
"""

import re
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
_DEAD = re.compile(r"invalid refresh token|refresh token has (?:been revoked|expired)", re.IGNORECASE)
"""What Cognito's NotAuthorizedException says of a refresh token that will never be good again.

The same type stands for a client secret that is wrong in the settings, for a disabled user, and for the gateway's own
refusal of a bearer. RefreshTokenReuseException is none of it: of two tabs that refresh at once, the one that comes
second would wipe what the first was just given.
"""
_ENDLESS = frozenset({"UnauthorizedException", "UnsupportedOperationException", "UnsupportedTokenTypeException"})
"""What RevokeToken says of a token that it will never revoke."""
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
        raise await _without_cookie(exchange, problem, gone=_dead(problem)) from None
    inputs = await exchange.inputs()
    kept, page = _brought(exchange, inputs)
    result = found.get("AuthenticationResult") or {}
    new = result.get("RefreshToken")
    stays = not new and "refreshToken" not in inputs.body
    return auth_tokens.signed_in(result, replace(kept, refresh_token=new or kept.refresh_token), page, stays=stays)


def _dead(problem: Problem) -> bool:
    """Whether it is Cognito's word that the refresh token will never be good again."""
    return problem.type == "NotAuthorizedException" and _DEAD.search(problem.detail) is not None


def _endless(problem: Problem) -> bool:
    """Whether it will never be revoked either: then at least the browser gets rid of it, for whoever signs out.

    UnauthorizedException also says that the client's secret is wrong in the settings, which can be put right.
    """
    return problem.type in _ENDLESS and "secret" not in problem.detail.lower()


async def _without_cookie(exchange: Exchange, problem: Problem, *, gone: bool) -> Problem:
    """The problem, and what makes the browser forget the cookie, where it is its token that is `gone`."""
    if gone and "refreshToken" not in (await exchange.inputs()).body:
        problem.set_cookie = cookies.forgotten(cookies.page(exchange.scope))
    return problem


def _own_page(exchange: Exchange) -> Page | None:
    try:
        return cookies.page(exchange.scope)
    except GatewayError:  # another origin, or no browser: there is no cookie to speak of
        return None


async def _sign_out(exchange: Exchange) -> Result:
    inputs = await exchange.peek("RevokeToken", "GlobalSignOut")
    everywhere = inputs is not None and inputs.body.get("everywhere") is True
    brings = inputs is None or "refreshToken" in inputs.body or cookies.sent(exchange.scope)
    if everywhere:
        await exchange.call("GlobalSignOut", lambda _inputs: _bearer(exchange))
    elif brings or token(exchange.heard.found) is not None:
        try:
            await exchange.call("RevokeToken", lambda inputs: _revoked(exchange, inputs), names=_NAMES)
        except Problem as problem:
            raise await _without_cookie(exchange, problem, gone=_dead(problem) or _endless(problem)) from None
    elif exchange.heard.dry_run:
        return Result({"allowed": True})
    page = _own_page(exchange)
    if page is None or not _ended(exchange, await exchange.inputs(), page):
        return Result(None, 204)
    return Result(None, 204, (("set-cookie", cookies.forgotten(page)),))


def _ended(exchange: Exchange, inputs: Inputs, page: Page) -> bool:
    """Whether what has ended is what the cookie holds: a token that is forgotten unrevoked would live on unseen."""
    try:
        kept = cookies.read(exchange.scope, page)
    except GatewayError:  # nothing can be done with it
        return True
    if kept is None:
        return True
    if inputs.body.get("everywhere") is True:
        return exchange.known is not None and exchange.known.username == kept.username
    return bool(inputs.body.get("refreshToken", kept.refresh_token) == kept.refresh_token)


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
            signs_in=True,
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
            description="Revokes the refresh token of the body, or else of the cookie: Cognito gives no more for it "
            "and refuses the access tokens that it gave; the gateway accepts them to their end where no role is "
            "`strict`. With `everywhere` it revokes all of the bearer's, and the gateway accepts none of its tokens "
            "any more. The browser forgets the cookie whose token has ended; another user's, or one with another token "
            "than the body's, stays, and an empty body ends it. Where Cognito will never revoke the cookie's token "
            "(a client without token revocation), its refusal is the answer, and the browser forgets the cookie all "
            "the same. Without anything to end it is done already: 204.",
            tag="auth",
            security="public",
            operations=("RevokeToken", "GlobalSignOut"),
            body=structure("SignOut", None, {**refreshes, "everywhere": FLAG}),
            status=204,
            examples={"request": {"refreshToken": "eyJ"}},
            answer=_sign_out,
        ),
    )
