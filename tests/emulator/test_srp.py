"""Signing in without sending the password: the proof is really checked."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from gateway.emulator import Emulator, srp
from tests.emulator import srp_client
from tests.emulator.callers import PASSWORD, Clock, refusal
from tests.emulator.srp_client import SrpClient

TIMESTAMP = "Sat Nov 7 10:00:00 UTC 2026"


def begin(idp: Any, emulator: Emulator, username: str, public: str) -> dict[str, str]:
    """Ask to sign in with SRP and give what the server shows."""
    answer = idp.initiate_auth(
        ClientId=emulator.client_id,
        AuthFlow="USER_SRP_AUTH",
        AuthParameters={"USERNAME": username, "SRP_A": public},
    )
    assert answer["ChallengeName"] == "PASSWORD_VERIFIER"
    shown: dict[str, str] = answer["ChallengeParameters"]
    return shown


def finish(idp: Any, emulator: Emulator, responses: dict[str, str]) -> Any:
    """Answer the challenge."""
    return idp.respond_to_auth_challenge(
        ClientId=emulator.client_id, ChallengeName="PASSWORD_VERIFIER", ChallengeResponses=responses
    )


def test_the_group_is_the_one_of_the_specification() -> None:
    """The prime in the code is the one that RFC 3526's formula gives."""
    assert srp.PRIME == srp_client.PRIME


def test_the_right_password_gives_tokens(emulator: Emulator, idp: Any) -> None:
    """A client that follows the specification signs in, under an alias in another case, too."""
    for name in ("user@example.com", "USER@Example.com"):
        client = SrpClient(emulator.pool_id)
        shown = begin(idp, emulator, name, client.public)
        assert shown["USER_ID_FOR_SRP"] == "user@example.com"
        answer = finish(idp, emulator, client.answer(shown, PASSWORD, timestamp=TIMESTAMP))
        assert answer["AuthenticationResult"]["AccessToken"]
        assert answer["AuthenticationResult"]["RefreshToken"]


def test_the_wrong_password_is_refused(emulator: Emulator, idp: Any) -> None:
    """A proof made with another password is not a proof."""
    client = SrpClient(emulator.pool_id)
    shown = begin(idp, emulator, "user@example.com", client.public)
    with pytest.raises(idp.exceptions.NotAuthorizedException) as caught:
        finish(idp, emulator, client.answer(shown, "Passw0rd!dew", timestamp=TIMESTAMP))
    assert refusal(caught.value)[1] == "Incorrect username or password."


def test_a_challenge_takes_one_guess(emulator: Emulator, idp: Any) -> None:
    """After a wrong guess the right password does not fit the same challenge any more."""
    client = SrpClient(emulator.pool_id)
    shown = begin(idp, emulator, "user@example.com", client.public)
    with pytest.raises(idp.exceptions.NotAuthorizedException):
        finish(idp, emulator, client.answer(shown, "wrong", timestamp=TIMESTAMP))
    with pytest.raises(idp.exceptions.NotAuthorizedException, match="Invalid session"):
        finish(idp, emulator, client.answer(shown, PASSWORD, timestamp=TIMESTAMP))


@pytest.mark.parametrize("member", ["PASSWORD_CLAIM_SIGNATURE", "TIMESTAMP"])
def test_every_part_of_the_proof_counts(member: str, emulator: Emulator, idp: Any) -> None:
    """A changed signature or timestamp is refused."""
    client = SrpClient(emulator.pool_id)
    shown = begin(idp, emulator, "user@example.com", client.public)
    answer = client.answer(shown, PASSWORD, timestamp=TIMESTAMP)
    answer[member] = "not base64!" if member == "PASSWORD_CLAIM_SIGNATURE" else "Sat Nov 7 10:00:01 UTC 2026"
    with pytest.raises(idp.exceptions.NotAuthorizedException, match="Incorrect username or password"):
        finish(idp, emulator, answer)


def test_a_proof_for_one_user_does_not_sign_in_another(emulator: Emulator, idp: Any) -> None:
    """The name in the answer must be the one that was asked."""
    client = SrpClient(emulator.pool_id)
    shown = begin(idp, emulator, "user@example.com", client.public)
    answer = client.answer(shown, PASSWORD, timestamp=TIMESTAMP)
    with pytest.raises(idp.exceptions.NotAuthorizedException, match="Incorrect username or password"):
        finish(idp, emulator, {**answer, "USERNAME": "admin@example.com"})


def test_a_stranger_is_asked_like_anybody_else(emulator: Emulator, idp: Any) -> None:
    """Who does not exist cannot be told from a wrong password."""
    client = SrpClient(emulator.pool_id)
    shown = begin(idp, emulator, "nobody@example.com", client.public)
    with pytest.raises(idp.exceptions.NotAuthorizedException, match="Incorrect username or password"):
        finish(idp, emulator, client.answer(shown, PASSWORD, timestamp=TIMESTAMP))


@pytest.mark.parametrize("public", ["0", f"{srp.PRIME:x}", f"{2 * srp.PRIME:x}", "xyz", "-5"])
def test_a_public_value_that_gives_the_key_away_is_refused(public: str, emulator: Emulator, idp: Any) -> None:
    """A multiple of the prime would make the shared key zero, whatever the password (RFC 5054, section 2.5.4)."""
    with pytest.raises(idp.exceptions.InvalidParameterException):
        begin(idp, emulator, "user@example.com", public)


def test_a_disabled_user_is_refused(emulator: Emulator, idp: Any) -> None:
    """Before the challenge, and when it was disabled between challenge and answer."""
    client = SrpClient(emulator.pool_id)
    named = {"UserPoolId": emulator.pool_id, "Username": "readonly@example.com"}
    shown = begin(idp, emulator, "readonly@example.com", client.public)
    idp.admin_disable_user(**named)
    with pytest.raises(idp.exceptions.NotAuthorizedException, match=r"User is disabled\."):
        finish(idp, emulator, client.answer(shown, PASSWORD, timestamp=TIMESTAMP))
    with pytest.raises(idp.exceptions.NotAuthorizedException, match=r"User is disabled\."):
        begin(idp, emulator, "readonly@example.com", client.public)
    idp.admin_enable_user(**named)


def test_a_federated_user_has_no_password_to_prove(emulator: Emulator, idp: Any) -> None:
    """A user from another identity provider is asked, and no proof fits."""
    federated = idp.list_users(UserPoolId=emulator.pool_id, Filter='cognito:user_status = "EXTERNAL_PROVIDER"')
    client = SrpClient(emulator.pool_id)
    shown = begin(idp, emulator, federated["Users"][0]["Username"], client.public)
    with pytest.raises(idp.exceptions.NotAuthorizedException):
        finish(idp, emulator, client.answer(shown, PASSWORD, timestamp=TIMESTAMP))


def test_a_challenge_lasts_three_minutes(emulator: Emulator, idp: Any, clock: Clock) -> None:
    """An answer that comes late is told so."""
    client = SrpClient(emulator.pool_id)
    shown = begin(idp, emulator, "user@example.com", client.public)
    with clock.pushed(181), pytest.raises(ClientError) as caught:
        finish(idp, emulator, client.answer(shown, PASSWORD, timestamp=TIMESTAMP))
    assert "session is expired" in refusal(caught.value)[1]


def test_an_administrator_may_start_it_too(emulator: Emulator, idp: Any) -> None:
    """AdminInitiateAuth and AdminRespondToAuthChallenge take SRP as well."""
    client = SrpClient(emulator.pool_id)
    who = {"UserPoolId": emulator.pool_id, "ClientId": emulator.client_id}
    shown = idp.admin_initiate_auth(
        **who, AuthFlow="USER_SRP_AUTH", AuthParameters={"USERNAME": "user@example.com", "SRP_A": client.public}
    )["ChallengeParameters"]
    answer = idp.admin_respond_to_auth_challenge(
        **who,
        ChallengeName="PASSWORD_VERIFIER",
        ChallengeResponses=client.answer(shown, PASSWORD, timestamp=TIMESTAMP),
    )
    assert answer["AuthenticationResult"]["IdToken"]


def test_no_secret_shows_in_a_repr(emulator: Emulator) -> None:
    """What the server remembers of a password does not end up in a log (R-01)."""
    password = srp.Password.of(PASSWORD, pool_name="DevPool01", username="ann")
    challenge = srp.challenge(password, SrpClient(emulator.pool_id).public)
    assert challenge is not None
    shown = repr(password) + repr(challenge)
    for secret in (PASSWORD, str(password.private), str(challenge.private), str(challenge.verifier)):
        assert secret not in shown
