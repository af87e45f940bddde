"""The token endpoint of a pool's domain: `POST /oauth2/token`.

Duty: client_credentials for machines, refresh_token for people. Prohibition: no authorization codes, managed login is
not emulated; no word about which half of a client's credentials was wrong.
Source: the developer guide's chapter on the token endpoint; RFC 6749 sections 2.3.1, 4.4, 5.2 and 6.
"""

import base64
import binascii
import hmac
import json
from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus
from urllib.parse import parse_qsl

from moto.cognitoidp.models import CognitoIdpUserPoolClient

from gateway.emulator.backend import Backend
from gateway.emulator.errors import AwsError
from gateway.emulator.listener import Received, Reply
from gateway.emulator.pool import Pool, lifetime_seconds

PATH = "/oauth2/token"
FORM = "application/x-www-form-urlencoded"


class _Code(StrEnum):
    """The error codes of RFC 6749 section 5.2."""

    INVALID_REQUEST = "invalid_request"
    INVALID_CLIENT = "invalid_client"
    INVALID_GRANT = "invalid_grant"
    INVALID_SCOPE = "invalid_scope"
    UNAUTHORIZED_CLIENT = "unauthorized_client"
    UNSUPPORTED_GRANT_TYPE = "unsupported_grant_type"


class _RefusedError(Exception):
    """The request was refused, with one of the codes."""


def token(backend: Backend, request: Received) -> Reply:
    """Answer a request to the token endpoint."""
    try:
        answer, status = _grant(backend, request), HTTPStatus.OK
    except _RefusedError as refused:
        answer, status = {"error": str(refused)}, HTTPStatus.BAD_REQUEST
    headers = {"content-type": "application/json;charset=UTF-8", "cache-control": "no-store"}
    return Reply(status, headers, json.dumps(answer).encode())


def _grant(backend: Backend, request: Received) -> dict[str, object]:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise _RefusedError(_Code.INVALID_REQUEST)
    pairs = parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True)
    form = dict(pairs)
    if len(form) != len(pairs):
        raise _RefusedError(_Code.INVALID_REQUEST)
    grants = {"client_credentials": _machine, "refresh_token": _refresh}
    grant = grants.get(form.get("grant_type", ""))
    if grant is None:
        raise _RefusedError(_Code.UNSUPPORTED_GRANT_TYPE if "grant_type" in form else _Code.INVALID_REQUEST)
    pool, client = _client(backend, request.headers.get("authorization"), form)
    return grant(backend, pool, client, form)


def _client(
    backend: Backend, authorization: str | None, form: Mapping[str, str]
) -> tuple[Pool, CognitoIdpUserPoolClient]:
    """Authenticate the client, by Basic or in the form."""
    client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
    if authorization is not None:
        scheme, _, encoded = authorization.partition(" ")
        try:
            decoded = base64.b64decode(encoded, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            decoded = ""
        basic_id, _, secret = decoded.partition(":")
        if scheme.lower() != "basic" or form.get("client_id", basic_id) != basic_id:
            raise _RefusedError(_Code.INVALID_CLIENT)
        client_id = basic_id
    try:
        pool, client = backend.pool_of_client(client_id)
    except AwsError:
        raise _RefusedError(_Code.INVALID_CLIENT) from None
    expected = client.secret if client.generate_secret else ""
    if not hmac.compare_digest(expected.encode(), secret.encode()):
        raise _RefusedError(_Code.INVALID_CLIENT)
    return pool, client


def _machine(
    backend: Backend, pool: Pool, client: CognitoIdpUserPoolClient, form: Mapping[str, str]
) -> dict[str, object]:
    config = client.extended_config
    if not client.generate_secret or "client_credentials" not in (config.get("AllowedOAuthFlows") or []):
        raise _RefusedError(_Code.UNAUTHORIZED_CLIENT)
    allowed = list(config.get("AllowedOAuthScopes") or [])
    wanted = form.get("scope", "").split() or allowed
    if not set(wanted) <= set(allowed):
        raise _RefusedError(_Code.INVALID_SCOPE)
    return {
        "access_token": pool.machine_token(client, " ".join(wanted), now=backend.now),
        "expires_in": lifetime_seconds(client, "AccessToken"),
        "token_type": "Bearer",
    }


def _refresh(
    backend: Backend, pool: Pool, client: CognitoIdpUserPoolClient, form: Mapping[str, str]
) -> dict[str, object]:
    try:
        session, _ = pool.session(form.get("refresh_token", ""), client, now=backend.now)
    except AwsError:
        raise _RefusedError(_Code.INVALID_GRANT) from None
    issued = pool.tokens(session, now=backend.now)
    return {
        "access_token": issued["AccessToken"],
        "id_token": issued["IdToken"],
        "expires_in": issued["ExpiresIn"],
        "token_type": "Bearer",
    }
