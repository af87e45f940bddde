"""Signing in: a password, a proof of one, or a refresh token.

Duty: InitiateAuth and AdminInitiateAuth. Prohibition: somebody who does not exist gets the answers of a wrong password
when the client has PreventUserExistenceErrors on.
Source: the developer guide's chapter on authentication flows.
"""

import secrets
from collections.abc import Callable

from moto.cognitoidp.models import CognitoIdpUserPoolClient

from gateway.emulator import errors, passwords, srp, steps
from gateway.emulator.backend import Backend
from gateway.emulator.errors import AwsError, Refusal
from gateway.emulator.srp import Password
from gateway.emulator.steps import Attempt, Body, parameter
from gateway.emulator.user import FORCE_CHANGE_PASSWORD, User

# a client that names no flows has these
DEFAULT_FLOWS = ("ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_CUSTOM_AUTH")
OLD_FLOW_NAMES = {"ADMIN_NO_SRP_AUTH": "ADMIN_USER_PASSWORD_AUTH", "REFRESH_TOKEN": "REFRESH_TOKEN_AUTH"}
ADMIN_FLOWS = {"ADMIN_USER_PASSWORD_AUTH", "USER_SRP_AUTH", "REFRESH_TOKEN_AUTH"}
PUBLIC_FLOWS = {"USER_PASSWORD_AUTH", "USER_SRP_AUTH", "REFRESH_TOKEN_AUTH"}


def initiate_auth(backend: Backend, body: Body) -> Body:
    """InitiateAuth."""
    pool, client = backend.pool_of_client(body["ClientId"])
    return _initiate(Attempt(backend, pool, client), body, PUBLIC_FLOWS)


def admin_initiate_auth(backend: Backend, body: Body) -> Body:
    """AdminInitiateAuth."""
    pool = backend.pool(body["UserPoolId"])
    return _initiate(Attempt(backend, pool, pool.client(body["ClientId"])), body, ADMIN_FLOWS)


def _initiate(attempt: Attempt, body: Body, flows: set[str]) -> Body:
    flow = OLD_FLOW_NAMES.get(body["AuthFlow"], body["AuthFlow"])
    if flow not in flows:
        raise AwsError(errors.FLOW_UNSUPPORTED)
    enabled = attempt.client.extended_config.get("ExplicitAuthFlows") or DEFAULT_FLOWS
    if not {f"ALLOW_{flow}", flow, body["AuthFlow"]} & set(enabled):
        raise AwsError(errors.FLOW_OFF, flow=body["AuthFlow"])
    begin = {"USER_SRP_AUTH": _ask_for_proof, "REFRESH_TOKEN_AUTH": _refresh}.get(flow, _check_password)
    return begin(attempt, body.get("AuthParameters") or {})


def _check_password(attempt: Attempt, parameters: Body) -> Body:
    name, password = parameter(parameters, "USERNAME"), parameter(parameters, "PASSWORD")
    passwords.check_secret_hash(attempt.client, name, parameters.get("SECRET_HASH"))
    user = attempt.pool.find(name)
    if user is None:
        raise AwsError(_stranger(attempt.client))
    if not user.enabled:
        raise AwsError(errors.USER_DISABLED)
    if not _password_opens(attempt, user, password):
        raise AwsError(errors.WRONG_PASSWORD)
    return steps.after_password(attempt, user)


def _password_opens(attempt: Attempt, user: User, password: str) -> bool:
    """The user's password; a temporary one counts until its invitation runs out."""
    invitation = user.codes.get("invitation")
    if user.status == FORCE_CHANGE_PASSWORD and invitation and attempt.now >= invitation.expires_at:
        return False
    return user.knows(password)


def _ask_for_proof(attempt: Attempt, parameters: Body) -> Body:
    name, client_public = parameter(parameters, "USERNAME"), parameter(parameters, "SRP_A")
    passwords.check_secret_hash(attempt.client, name, parameters.get("SECRET_HASH"))
    user = attempt.pool.find(name)
    if user is None and _stranger(attempt.client) is errors.NO_USER:
        raise AwsError(errors.NO_USER)
    if user is not None and not user.enabled:
        raise AwsError(errors.USER_DISABLED)
    # a stranger, or a user without a password, is asked too, and can never prove anything
    nobody = Password(secrets.randbits(128), secrets.randbits(256))
    proof = srp.challenge((user.secret if user else None) or nobody, client_public)
    if proof is None:
        raise AwsError(errors.INVALID_PARAMETER, reason="SRP_A is not valid.")
    canonical = user.username if user is not None else name
    session = attempt.remember("PASSWORD_VERIFIER", user, proof)
    shown = {
        "SALT": f"{proof.salt:x}",
        "SRP_B": f"{proof.public:x}",
        "USERNAME": canonical,
        "USER_ID_FOR_SRP": canonical,
        "SECRET_BLOCK": session,
    }
    return {"ChallengeName": "PASSWORD_VERIFIER", "Session": session, "ChallengeParameters": shown}


def _refresh(attempt: Attempt, parameters: Body) -> Body:
    token = parameter(parameters, "REFRESH_TOKEN")
    if (attempt.client.extended_config.get("RefreshTokenRotation") or {}).get("Feature") == "ENABLED":
        raise AwsError(errors.FLOW_OFF, flow="REFRESH_TOKEN_AUTH")
    session, user = attempt.pool.session(token, attempt.client, now=attempt.now)
    passwords.check_secret_hash(attempt.client, user.username, parameters.get("SECRET_HASH"))
    return {"ChallengeParameters": {}, "AuthenticationResult": attempt.pool.tokens(session, now=attempt.now)}


def _stranger(client: CognitoIdpUserPoolClient) -> Refusal:
    """What somebody who does not exist is told."""
    hide = client.extended_config.get("PreventUserExistenceErrors") == "ENABLED"
    return errors.WRONG_PASSWORD if hide else errors.NO_USER


OPERATIONS: dict[str, Callable[[Backend, Body], Body]] = {
    "InitiateAuth": initiate_auth,
    "AdminInitiateAuth": admin_initiate_auth,
}
