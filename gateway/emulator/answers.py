"""The answers to what a sign-in was asked: a proof, a new password, a code.

Duty: RespondToAuthChallenge and its admin twin. Prohibition: a challenge answered rightly is used up, and a password
proof is used up by one guess.
Source: RespondToAuthChallenge in Cognito's API reference; RFC 5054.
"""

import base64
from collections.abc import Callable

from gateway.emulator import attributes, errors, passwords, steps
from gateway.emulator.backend import Backend
from gateway.emulator.challenges import Pending
from gateway.emulator.errors import AwsError
from gateway.emulator.steps import EMAIL, SMS, SOFTWARE_TOKEN, Attempt, Body, parameter
from gateway.emulator.user import CONFIRMED, User

PROOF = "PASSWORD_VERIFIER"
ATTRIBUTE = "userAttributes."


def respond_to_auth_challenge(backend: Backend, body: Body) -> Body:
    """RespondToAuthChallenge."""
    pool, client = backend.pool_of_client(body["ClientId"])
    return _respond(Attempt(backend, pool, client), body)


def admin_respond_to_auth_challenge(backend: Backend, body: Body) -> Body:
    """AdminRespondToAuthChallenge."""
    pool = backend.pool(body["UserPoolId"])
    return _respond(Attempt(backend, pool, pool.client(body["ClientId"])), body)


def _respond(attempt: Attempt, body: Body) -> Body:
    name, responses = body["ChallengeName"], body.get("ChallengeResponses") or {}
    answer = _ANSWERS.get(name)
    if answer is None:
        raise AwsError(errors.INVALID_PARAMETER, reason=f"Challenge {name} is not emulated.")
    proving = name == PROOF
    session = parameter(responses, "PASSWORD_CLAIM_SECRET_BLOCK") if proving else body.get("Session") or ""
    pending = attempt.pool.challenges.pending(session, name=name, client_id=attempt.client.id, now=attempt.now)
    username = parameter(responses, "USERNAME")
    passwords.check_secret_hash(attempt.client, username, responses.get("SECRET_HASH"))
    if proving:
        attempt.pool.challenges.done(session)
    user = attempt.pool.find(username)
    if user is None or user.username != pending.username:
        raise AwsError(errors.WRONG_PASSWORD if proving else errors.BAD_SESSION)
    if not user.enabled:
        raise AwsError(errors.USER_DISABLED)
    result = answer(attempt, user, pending, responses)
    attempt.pool.challenges.done(session)
    return result


def _verify_proof(attempt: Attempt, user: User, pending: Pending, responses: Body) -> Body:
    block = parameter(responses, "PASSWORD_CLAIM_SECRET_BLOCK")
    signature, timestamp = parameter(responses, "PASSWORD_CLAIM_SIGNATURE"), parameter(responses, "TIMESTAMP")
    if pending.srp is None or user.secret is None:
        raise AwsError(errors.WRONG_PASSWORD)
    proven = pending.srp.proven(
        signature,
        pool_name=user.pool_name,
        username=user.username,
        block=base64.b64decode(block),
        timestamp=timestamp,
    )
    if not proven:
        raise AwsError(errors.WRONG_PASSWORD)
    return steps.after_password(attempt, user)


def _take_new_password(attempt: Attempt, user: User, _: Pending, responses: Body) -> Body:
    password = parameter(responses, "NEW_PASSWORD")
    passwords.check(attempt.pool, password)
    given = {name.removeprefix(ATTRIBUTE): value for name, value in responses.items() if name.startswith(ATTRIBUTE)}
    listed = [{"Name": name, "Value": value} for name, value in given.items()]
    attributes.change(attempt.pool, user, attributes.read(attempt.pool, listed, by_user=True))
    user.set_password(password)
    user.status = CONFIRMED
    user.codes.pop("invitation", None)
    return steps.second_factor(attempt, user)


def _check_totp(attempt: Attempt, user: User, _: Pending, responses: Body) -> Body:
    if not user.totp_fits(parameter(responses, "SOFTWARE_TOKEN_MFA_CODE"), now=attempt.now):
        raise AwsError(errors.BAD_MFA_CODE)
    return steps.tokens(attempt, user)


def _check_sent(attempt: Attempt, user: User, pending: Pending, responses: Body) -> Body:
    try:
        user.redeem("mfa", parameter(responses, f"{pending.name}_CODE"), now=attempt.now)
    except AwsError:
        raise AwsError(errors.BAD_MFA_CODE) from None
    return steps.tokens(attempt, user)


def _choose_factor(attempt: Attempt, user: User, _: Pending, responses: Body) -> Body:
    chosen = parameter(responses, "ANSWER")
    if chosen not in user.factors:
        raise AwsError(errors.INVALID_PARAMETER, reason="The factor is not available.")
    return steps.ask_for_factor(attempt, user, chosen)


def _finish_setup(attempt: Attempt, user: User, _: Pending, __: Body) -> Body:
    if not user.token_verified:
        raise AwsError(errors.BAD_SESSION)
    user.software_token_mfa_enabled = True
    return steps.tokens(attempt, user)


_ANSWERS: dict[str, Callable[[Attempt, User, Pending, Body], Body]] = {
    PROOF: _verify_proof,
    "NEW_PASSWORD_REQUIRED": _take_new_password,
    SOFTWARE_TOKEN: _check_totp,
    SMS: _check_sent,
    EMAIL: _check_sent,
    "SELECT_MFA_TYPE": _choose_factor,
    "MFA_SETUP": _finish_setup,
}

OPERATIONS: dict[str, Callable[[Backend, Body], Body]] = {
    "RespondToAuthChallenge": respond_to_auth_challenge,
    "AdminRespondToAuthChallenge": admin_respond_to_auth_challenge,
}
