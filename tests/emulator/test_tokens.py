"""The tokens: signed by keys made at start, with the claims of the real ones, ended by what ends the real ones."""

import base64
import hashlib
import hmac
from typing import Any

import httpx
import jwt
import pytest

from gateway import emulator as cognito
from gateway.emulator import Emulator, PoolSpec, challenges, sessions
from tests.emulator.callers import NO_TLS, PASSWORD, Clock

USER = "moderator@example.com"
HOUR = 3600


def key_set(emulator: Emulator) -> dict[str, Any]:
    """Fetch the JWKS."""
    answer = httpx.get(emulator.jwks_url, trust_env=False, verify=NO_TLS)
    assert answer.status_code == 200
    assert answer.headers["x-amzn-requestid"]
    keys: dict[str, Any] = answer.json()
    return keys


def verified(emulator: Emulator, token: str) -> dict[str, Any]:
    """Verify a token with PyJWT and the fetched keys, and give its claims."""
    kid = jwt.get_unverified_header(token)["kid"]
    key = next(key for key in key_set(emulator)["keys"] if key["kid"] == kid)
    claims: dict[str, Any] = jwt.decode(
        token,
        jwt.PyJWK(key).key,
        algorithms=["RS256"],
        issuer=emulator.issuer,
        leeway=200,
        options={"verify_aud": False},
    )
    return claims


def test_the_key_set_has_two_rsa_keys_that_nobody_published(emulator: Emulator) -> None:
    """One key for access and one for ID tokens, 2048 bits, with kids like Cognito's (R-02)."""
    keys = key_set(emulator)["keys"]
    assert len({key["kid"] for key in keys}) == 2
    for key in keys:
        assert {"kty": "RSA", "alg": "RS256", "use": "sig", "e": "AQAB"}.items() <= key.items()
        assert "d" not in key
        assert key["kid"] not in {"dummy", "CognitoLocal"}
        assert jwt.PyJWK(key).key.key_size == 2048


def test_every_start_has_other_keys(emulator: Emulator) -> None:
    """A token of another start is not good here."""
    with cognito.start(port=0, users=0) as other:
        mine = {key["n"] for key in key_set(emulator)["keys"]}
        assert mine.isdisjoint(key["n"] for key in key_set(other)["keys"])
        assert other.machine_client_secret != emulator.machine_client_secret
        assert other.secret_access_key != emulator.secret_access_key


def test_an_access_token_has_cognitos_claims(emulator: Emulator, clock: Clock) -> None:
    """No audience, the groups, and the user's own scope."""
    claims = verified(emulator, emulator.sign_in(USER, PASSWORD)["access_token"])
    assert set(claims) == {
        "sub",
        "cognito:groups",
        "iss",
        "client_id",
        "origin_jti",
        "event_id",
        "token_use",
        "scope",
        "auth_time",
        "iat",
        "exp",
        "jti",
        "username",
        "version",
    }
    assert claims["cognito:groups"] == ["moderator"]
    assert claims["client_id"] == emulator.client_id
    assert (claims["token_use"], claims["version"]) == ("access", 2)
    assert claims["scope"] == "aws.cognito.signin.user.admin"
    assert claims["username"] == USER
    assert claims["exp"] - claims["iat"] == HOUR
    assert abs(claims["auth_time"] - clock()) < 60


def test_an_id_token_has_cognitos_claims(emulator: Emulator) -> None:
    """The audience, the name, the attributes with booleans as such, and the same session as the access token."""
    tokens = emulator.sign_in(USER, PASSWORD)
    claims = verified(emulator, tokens["id_token"])
    assert claims["aud"] == emulator.client_id
    assert claims["token_use"] == "id"
    assert claims["cognito:username"] == USER
    assert claims["cognito:groups"] == ["moderator"]
    assert (claims["email"], claims["email_verified"]) == (USER, True)
    assert "client_id" not in claims
    assert claims["origin_jti"] == verified(emulator, tokens["access_token"])["origin_jti"]


def test_somebody_without_groups_has_no_groups_claim(emulator: Emulator, idp: Any) -> None:
    """The claim is left out, not empty."""
    named = {"UserPoolId": emulator.pool_id, "Username": "ada.abara"}
    idp.admin_remove_user_from_group(**named, GroupName="user")
    claims = verified(emulator, emulator.sign_in("ada.abara", PASSWORD)["access_token"])
    assert "cognito:groups" not in claims


def test_roles_of_groups_are_in_the_id_token(emulator: Emulator, idp: Any) -> None:
    """The strongest group's role is the preferred one."""
    pool = {"UserPoolId": emulator.pool_id}
    for name, precedence in (("weak", 50), ("strong", 2)):
        arn = f"arn:aws:iam::123456789012:role/{name}"
        idp.create_group(**pool, GroupName=name, Precedence=precedence, RoleArn=arn)
        idp.admin_add_user_to_group(**pool, Username="bjorn.chen", GroupName=name)
    claims = verified(emulator, emulator.sign_in("bjorn.chen", PASSWORD)["id_token"])
    assert claims["cognito:preferred_role"] == "arn:aws:iam::123456789012:role/strong"
    assert len(claims["cognito:roles"]) == 2
    assert claims["cognito:groups"] == ["strong", "user", "weak"]


def test_issuer_and_lifetimes_are_the_settings() -> None:
    """A pool with its own issuer and short tokens."""
    spec = PoolSpec(issuer="https://issuer-cognito-idp.us-east-1.amazonaws.com/us-east-1_DevPool01")
    short = PoolSpec(issuer=spec.issuer, access_token_seconds=300, id_token_seconds=600)
    with cognito.start(port=0, pool=short, users=0) as emulator:
        assert emulator.issuer == spec.issuer
        tokens = emulator.sign_in(USER, PASSWORD)
        access, identity = verified(emulator, tokens["access_token"]), verified(emulator, tokens["id_token"])
        assert access["exp"] - access["iat"] == 300
        assert identity["exp"] - identity["iat"] == 600
        assert access["iss"] == identity["iss"] == spec.issuer


def test_a_clients_own_units_are_honoured(emulator: Emulator, idp: Any) -> None:
    """A client made over the API with lifetimes in minutes and days."""
    made = idp.create_user_pool_client(
        UserPoolId=emulator.pool_id,
        ClientName="short",
        AccessTokenValidity=7,
        TokenValidityUnits={"AccessToken": "minutes"},
        ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"],
    )["UserPoolClient"]
    answer = idp.initiate_auth(
        ClientId=made["ClientId"],
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": USER, "PASSWORD": PASSWORD},
    )["AuthenticationResult"]
    assert answer["ExpiresIn"] == 420
    claims = verified(emulator, answer["IdToken"])
    assert claims["exp"] - claims["iat"] == HOUR


def refresh(idp: Any, emulator: Emulator, token: str) -> Any:
    """Use a refresh token."""
    return idp.initiate_auth(
        ClientId=emulator.client_id, AuthFlow="REFRESH_TOKEN_AUTH", AuthParameters={"REFRESH_TOKEN": token}
    )["AuthenticationResult"]


def test_a_refresh_keeps_the_session_and_reads_the_groups_anew(emulator: Emulator, idp: Any, clock: Clock) -> None:
    """`auth_time` and `origin_jti` stay, `iat` moves on, and a new group is in the new token."""
    tokens = emulator.sign_in("user@example.com", PASSWORD)
    named = {"UserPoolId": emulator.pool_id, "Username": "user@example.com"}
    idp.admin_add_user_to_group(**named, GroupName="premium")
    with clock.pushed(100):
        again = refresh(idp, emulator, tokens["refresh_token"])
    before, after = verified(emulator, tokens["access_token"]), verified(emulator, again["AccessToken"])
    assert (before["auth_time"], before["origin_jti"]) == (after["auth_time"], after["origin_jti"])
    assert after["iat"] - before["iat"] >= 100
    assert after["cognito:groups"] == ["premium", "user"]
    assert "RefreshToken" not in again


def test_a_made_up_or_foreign_refresh_token_is_refused(emulator: Emulator, idp: Any) -> None:
    """Unknown tokens, and tokens of another client."""
    with pytest.raises(idp.exceptions.NotAuthorizedException, match="Invalid Refresh Token"):
        refresh(idp, emulator, "made-up")
    tokens = emulator.sign_in(USER, PASSWORD)
    other = idp.create_user_pool_client(UserPoolId=emulator.pool_id, ClientName="other")["UserPoolClient"]
    with pytest.raises(idp.exceptions.NotAuthorizedException, match="Invalid Refresh Token"):
        idp.get_tokens_from_refresh_token(ClientId=other["ClientId"], RefreshToken=tokens["refresh_token"])
    with pytest.raises(idp.exceptions.UnauthorizedException):
        idp.revoke_token(ClientId=other["ClientId"], Token=tokens["refresh_token"])


def test_a_refresh_token_ends_after_thirty_days(emulator: Emulator, idp: Any, clock: Clock) -> None:
    """It is told apart from a revoked one."""
    tokens = emulator.sign_in(USER, PASSWORD)
    with clock.pushed(30 * 24 * HOUR + 1):
        with pytest.raises(idp.exceptions.NotAuthorizedException, match="Refresh Token has expired"):
            refresh(idp, emulator, tokens["refresh_token"])
        with pytest.raises(idp.exceptions.NotAuthorizedException, match="Access Token has expired"):
            idp.get_user(AccessToken=tokens["access_token"])


@pytest.mark.parametrize("how", ["revoke", "sign out", "admin sign out", "disable", "delete"])
def test_what_ends_a_session_ends_its_tokens(how: str, emulator: Emulator, idp: Any) -> None:
    """After each of these neither the refresh token nor the access token is good for Cognito."""
    user = "leila.muller"
    named = {"UserPoolId": emulator.pool_id, "Username": user}
    if how == "delete":
        user = named["Username"] = "zoe.tanaka"
    tokens = emulator.sign_in(user, PASSWORD)
    assert idp.get_user(AccessToken=tokens["access_token"])["Username"] == user
    if how == "revoke":
        idp.revoke_token(ClientId=emulator.client_id, Token=tokens["refresh_token"])
        idp.revoke_token(ClientId=emulator.client_id, Token=tokens["refresh_token"])
    elif how == "sign out":
        idp.global_sign_out(AccessToken=tokens["access_token"])
    elif how == "admin sign out":
        idp.admin_user_global_sign_out(**named)
    elif how == "disable":
        idp.admin_disable_user(**named)
        with pytest.raises(idp.exceptions.NotAuthorizedException, match="User is disabled"):
            idp.get_user(AccessToken=tokens["access_token"])
        idp.admin_enable_user(**named)
    else:
        idp.admin_delete_user(**named)
        with pytest.raises(idp.exceptions.UserNotFoundException):
            idp.get_user(AccessToken=tokens["access_token"])
        with pytest.raises(idp.exceptions.NotAuthorizedException):
            refresh(idp, emulator, tokens["refresh_token"])
        return
    with pytest.raises(idp.exceptions.NotAuthorizedException, match="Access Token has been revoked"):
        idp.get_user(AccessToken=tokens["access_token"])
    with pytest.raises(idp.exceptions.NotAuthorizedException, match="Refresh Token has been revoked"):
        refresh(idp, emulator, tokens["refresh_token"])


def test_a_disabled_user_cannot_sign_in_or_refresh(emulator: Emulator, idp: Any) -> None:
    """The answer is Cognito's sentence."""
    user = "oluwaseun.petrov"
    tokens = emulator.sign_in(user, PASSWORD)
    named = {"UserPoolId": emulator.pool_id, "Username": user}
    idp.admin_disable_user(**named)
    with pytest.raises(cognito.AwsError, match=r"User is disabled\."):
        emulator.sign_in(user, PASSWORD)
    with pytest.raises(idp.exceptions.NotAuthorizedException):
        refresh(idp, emulator, tokens["refresh_token"])
    idp.admin_enable_user(**named)
    assert emulator.sign_in(user, PASSWORD)["access_token"]


def test_access_tokens_are_not_revocable_one_by_one(emulator: Emulator, idp: Any) -> None:
    """RevokeToken takes refresh tokens; an unknown one is no error."""
    tokens = emulator.sign_in(USER, PASSWORD)
    with pytest.raises(idp.exceptions.UnsupportedTokenTypeException):
        idp.revoke_token(ClientId=emulator.client_id, Token=tokens["access_token"])
    idp.revoke_token(ClientId=emulator.client_id, Token="unknown")


def test_only_access_tokens_of_people_open_an_account(emulator: Emulator, idp: Any) -> None:
    """ID tokens, machines' tokens, strangers' tokens and garbage are refused."""
    tokens = emulator.sign_in(USER, PASSWORD)
    header, payload, signature = tokens["access_token"].split(".")
    with cognito.start(port=0, users=0) as other:
        foreign = other.sign_in(USER, PASSWORD)["access_token"]
    for token in (
        tokens["id_token"],
        emulator.machine_token(),
        foreign,
        "a.b.c",
        f"{header}.{payload}.{signature[::-1]}",
    ):
        with pytest.raises(idp.exceptions.NotAuthorizedException, match="Invalid Access Token"):
            idp.get_user(AccessToken=token)


def test_a_token_without_the_accounts_scope_opens_nothing(emulator: Emulator, idp: Any, clock: Clock) -> None:
    """A token for another API, issued by the same pool, does not read the user."""
    claims = verified(emulator, emulator.sign_in(USER, PASSWORD)["access_token"])
    token = emulator._parts.pool.keys.sign({**claims, "scope": "openid", "exp": int(clock()) + 60})
    with pytest.raises(idp.exceptions.NotAuthorizedException, match="does not have required scopes"):
        idp.get_user(AccessToken=token)


def test_a_client_reads_only_its_attributes(emulator: Emulator, idp: Any) -> None:
    """ReadAttributes decides what is in the ID token."""
    made = idp.create_user_pool_client(
        UserPoolId=emulator.pool_id,
        ClientName="narrow",
        ReadAttributes=["name"],
        ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"],
    )["UserPoolClient"]
    answer = idp.initiate_auth(
        ClientId=made["ClientId"],
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": USER, "PASSWORD": PASSWORD},
    )["AuthenticationResult"]
    claims = verified(emulator, answer["IdToken"])
    assert claims["name"] == "Moderator Example"
    assert {"email", "email_verified", "given_name"}.isdisjoint(claims)


def test_a_password_turns_a_federated_user_into_a_local_one(emulator: Emulator, idp: Any) -> None:
    """The escalation that the gateway's guard is for: AdminSetUserPassword makes an external user CONFIRMED."""
    pool = {"UserPoolId": emulator.pool_id}
    user = idp.list_users(**pool, Filter='cognito:user_status = "EXTERNAL_PROVIDER"')["Users"][0]["Username"]
    idp.admin_set_user_password(**pool, Username=user, Password=PASSWORD, Permanent=True)
    assert idp.admin_get_user(**pool, Username=user)["UserStatus"] == "CONFIRMED"
    claims = verified(emulator, emulator.sign_in(user, PASSWORD)["id_token"])
    assert claims["identities"][0]["providerName"] == "Google"


def test_old_sessions_and_challenges_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory stays bounded: the oldest go first."""
    monkeypatch.setattr(sessions, "MAX_SESSIONS", 2)
    monkeypatch.setattr(challenges, "MAX_PENDING", 2)
    kept, pending = sessions.Sessions(), challenges.Challenges()
    opened = [kept.open(username="u", client_id="c", now=0, lifetime_seconds=9) for _ in range(3)]
    assert [kept.alive(session.origin_jti) for session in opened] == [False, True, True]
    asked = [pending.ask("X", username="u", client_id="c", now=0) for _ in range(3)]
    assert [pending.of(session) is not None for session in asked] == [False, True, True]


def test_rotation_gives_a_new_refresh_token_and_catches_the_old_one(emulator: Emulator, idp: Any, clock: Clock) -> None:
    """With rotation on, a refresh token works once (and a moment longer); used again it ends the session."""
    made = idp.create_user_pool_client(
        UserPoolId=emulator.pool_id,
        ClientName="rotating",
        ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
        RefreshTokenRotation={"Feature": "ENABLED", "RetryGracePeriodSeconds": 10},
    )["UserPoolClient"]
    client = {"ClientId": made["ClientId"]}
    first = idp.initiate_auth(
        **client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters={"USERNAME": USER, "PASSWORD": PASSWORD}
    )["AuthenticationResult"]["RefreshToken"]
    second = idp.get_tokens_from_refresh_token(**client, RefreshToken=first)["AuthenticationResult"]["RefreshToken"]
    assert second != first
    third = idp.get_tokens_from_refresh_token(**client, RefreshToken=first)["AuthenticationResult"]["RefreshToken"]
    with pytest.raises(idp.exceptions.InvalidParameterException, match="not enabled"):
        idp.initiate_auth(**client, AuthFlow="REFRESH_TOKEN_AUTH", AuthParameters={"REFRESH_TOKEN": third})
    with clock.pushed(11), pytest.raises(idp.exceptions.RefreshTokenReuseException):
        idp.get_tokens_from_refresh_token(**client, RefreshToken=first)
    with pytest.raises(idp.exceptions.NotAuthorizedException, match="revoked"):
        idp.get_tokens_from_refresh_token(**client, RefreshToken=third)


def test_without_rotation_the_refresh_token_stays(emulator: Emulator, idp: Any) -> None:
    """GetTokensFromRefreshToken gives new tokens and no new refresh token; a disabled user gets nothing."""
    user = {"UserPoolId": emulator.pool_id, "Username": "priya.quispe"}
    tokens = emulator.sign_in("priya.quispe", PASSWORD)
    wanted = {"ClientId": emulator.client_id, "RefreshToken": tokens["refresh_token"]}
    got = idp.get_tokens_from_refresh_token(**wanted)["AuthenticationResult"]
    assert verified(emulator, got["AccessToken"])["username"] == "priya.quispe"
    assert "RefreshToken" not in got
    idp.admin_delete_user(**user)
    with pytest.raises(idp.exceptions.NotAuthorizedException):
        idp.get_tokens_from_refresh_token(**wanted)


@pytest.fixture(scope="module")
def confidential(emulator: Emulator, idp: Any) -> dict[str, str]:
    """A client that has a secret and takes passwords."""
    made: dict[str, str] = idp.create_user_pool_client(
        UserPoolId=emulator.pool_id,
        ClientName="confidential",
        GenerateSecret=True,
        ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
    )["UserPoolClient"]
    return made


class TestSecretHash:
    """A client with a secret."""

    @staticmethod
    def sign_in(idp: Any, client_id: str, **hashed: str) -> Any:
        """Sign in with a password."""
        return idp.initiate_auth(
            ClientId=client_id,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": USER, "PASSWORD": PASSWORD, **hashed},
        )

    def test_the_right_hash_is_needed(self, idp: Any, confidential: dict[str, str]) -> None:
        """Missing and wrong are refused, each with Cognito's sentence; right is accepted, for refreshing, too."""
        client_id, hashed = confidential["ClientId"], secret_hash(confidential, USER)
        with pytest.raises(idp.exceptions.NotAuthorizedException, match="SECRET_HASH was not received"):
            self.sign_in(idp, client_id)
        with pytest.raises(idp.exceptions.NotAuthorizedException, match="Unable to verify secret hash"):
            self.sign_in(idp, client_id, SECRET_HASH=secret_hash(confidential, "other"))
        tokens = self.sign_in(idp, client_id, SECRET_HASH=hashed)["AuthenticationResult"]
        again = {"ClientId": client_id, "AuthFlow": "REFRESH_TOKEN_AUTH"}
        parameters = {"REFRESH_TOKEN": tokens["RefreshToken"]}
        with pytest.raises(idp.exceptions.NotAuthorizedException, match="SECRET_HASH"):
            idp.initiate_auth(**again, AuthParameters=parameters)
        assert idp.initiate_auth(**again, AuthParameters={**parameters, "SECRET_HASH": hashed})

    def test_a_client_without_a_secret_takes_no_hash(self, idp: Any, emulator: Emulator) -> None:
        """A hash for a public client is a mistake that Cognito refuses."""
        with pytest.raises(idp.exceptions.NotAuthorizedException, match="Unable to verify secret hash"):
            self.sign_in(idp, emulator.client_id, SECRET_HASH="eHh4")

    def test_signing_up_needs_it_too(self, idp: Any, confidential: dict[str, str]) -> None:
        """SignUp has the hash in a member of its own."""
        wanted = {"ClientId": confidential["ClientId"], "Username": "hashed", "Password": PASSWORD}
        with pytest.raises(idp.exceptions.NotAuthorizedException):
            idp.sign_up(**wanted)
        assert idp.sign_up(**wanted, SecretHash=secret_hash(confidential, "hashed"))["UserSub"]

    def test_the_secret_itself_is_checked(self, idp: Any, confidential: dict[str, str]) -> None:
        """RevokeToken and GetTokensFromRefreshToken take the secret."""
        client_id, secret = confidential["ClientId"], confidential["ClientSecret"]
        tokens = self.sign_in(idp, client_id, SECRET_HASH=secret_hash(confidential, USER))["AuthenticationResult"]
        token = tokens["RefreshToken"]
        with pytest.raises(idp.exceptions.NotAuthorizedException):
            idp.get_tokens_from_refresh_token(ClientId=client_id, RefreshToken=token, ClientSecret="w" * 51)
        with pytest.raises(idp.exceptions.NotAuthorizedException):
            idp.get_tokens_from_refresh_token(ClientId=client_id, RefreshToken=token)
        assert idp.get_tokens_from_refresh_token(ClientId=client_id, RefreshToken=token, ClientSecret=secret)
        idp.revoke_token(ClientId=client_id, Token=token, ClientSecret=secret)


def secret_hash(client: dict[str, str], username: str) -> str:
    """SECRET_HASH, written from the developer guide."""
    message = (username + client["ClientId"]).encode()
    return base64.b64encode(hmac.new(client["ClientSecret"].encode(), message, hashlib.sha256).digest()).decode()


def test_the_well_known_documents_of_another_pool_are_not_there(emulator: Emulator, idp: Any) -> None:
    """404 in JSON for a pool that is not there; a pool that was made has keys of its own."""
    missing = httpx.get(f"{emulator.url}/us-east-1_Nobody/.well-known/jwks.json", trust_env=False, verify=NO_TLS)
    assert (missing.status_code, "message" in missing.json()) == (404, True)
    made = idp.create_user_pool(PoolName="second")["UserPool"]["Id"]
    theirs = httpx.get(f"{emulator.url}/{made}/.well-known/jwks.json", trust_env=False, verify=NO_TLS).json()
    assert {key["n"] for key in theirs["keys"]}.isdisjoint(key["n"] for key in key_set(emulator)["keys"])


def test_the_configuration_names_issuer_and_keys(emulator: Emulator) -> None:
    """OpenID discovery."""
    base = f"{emulator.url}/{emulator.pool_id}"
    document = httpx.get(f"{base}/.well-known/openid-configuration", trust_env=False, verify=NO_TLS).json()
    assert document["issuer"] == emulator.issuer
    assert document["jwks_uri"] == emulator.jwks_url
    assert document["token_endpoint"] == emulator.token_url
    assert httpx.get(f"{base}/elsewhere", trust_env=False, verify=NO_TLS).status_code == 404


def test_no_token_or_secret_shows_in_the_emulators_repr(emulator: Emulator) -> None:
    """What is printed of an emulator has no secret in it (R-01)."""
    shown = repr(emulator) + repr(emulator.calls) + repr(list(emulator.calls)[:5])
    for secret in (emulator.secret_access_key, emulator.machine_client_secret, emulator.access_key_id, PASSWORD):
        assert secret not in shown
