"""A person's way through `/auth` and `/me` over HTTP, with the emulator behind: real codes, real second factors."""

from collections.abc import Iterator

import pytest

from tests.e2e.conftest import PASSWORD, Serve
from tests.e2e.people import Gateway, admin, app_code, person, started
from tests.emulator.srp_client import SrpClient


@pytest.fixture(scope="module")
def gateway(runtime: Serve, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A running gateway."""
    with started(runtime, tmp_path_factory.mktemp("auth")) as found:
        yield found


def test_a_person_s_whole_life(gateway: Gateway) -> None:
    """Sign-up, sign-in, an authenticator app, a second factor, refresh, a new password, sign-out, the end."""
    who = {"username": "grace"}
    token = person(gateway, "grace")["accessToken"]
    me = gateway("GET", "/me", token=token).json
    assert (me["username"], me["email"], me["attributes"]["email_verified"]) == ("grace", "grace@example.org", True)
    assert me["mfa"] == {"preferred": None, "sms": False, "totp": False, "email": False}

    secret = gateway("POST", "/me/totp", {}, token).json["secret"]
    wrong = gateway("PUT", "/me/totp", {"code": f"{(int(app_code(secret)) + 1) % 1_000_000:06}"}, token)
    assert (wrong.status, wrong.json["type"]) == (400, "EnableSoftwareTokenMFAException")
    assert gateway("PUT", "/me/totp", {"code": app_code(secret), "deviceName": "phone"}, token).status == 204
    assert gateway("PUT", "/me/mfa", {"preferred": "totp"}, token).status == 204
    assert gateway("GET", "/me", token=token).json["mfa"]["preferred"] == "totp"

    asked = gateway.post("/auth/sign-in", who | {"password": PASSWORD}).json
    assert (asked["status"], asked["challenge"], asked["username"]) == ("challenge", "SOFTWARE_TOKEN_MFA", "grace")
    answer = {name: asked[name] for name in ("challenge", "session", "username")}
    assert gateway.post("/auth/challenge", answer | {"code": "000"}).status == 400
    tokens = gateway.post("/auth/challenge", answer | {"code": app_code(secret)}).json["tokens"]
    assert gateway.post("/auth/challenge", answer | {"code": app_code(secret)}).status == 401  # it is used up

    renewed = gateway.post("/auth/refresh", {"refreshToken": tokens["refreshToken"]})
    assert (renewed.status, renewed.json["status"]) == (200, "signed-in")
    assert "refreshToken" not in renewed.json["tokens"]
    token = renewed.json["tokens"]["accessToken"]

    changed = {"currentPassword": "wrong-Passw0rd!", "newPassword": "N3w-Passw0rd!dev"}
    refused = gateway("PUT", "/me/password", changed, token)
    assert (refused.status, refused.json["type"]) == (400, "NotAuthorizedException")
    gateway.secrets.append("N3w-Passw0rd!dev")
    assert gateway("PUT", "/me/password", changed | {"currentPassword": PASSWORD}, token).status == 204
    assert gateway.post("/auth/sign-in", who | {"password": PASSWORD}).status == 401
    assert gateway.post("/auth/sign-in", who | {"password": "N3w-Passw0rd!dev"}).json["status"] == "challenge"

    assert gateway("PUT", "/me/mfa", {"totp": False}, token).status == 204
    assert gateway.post("/auth/sign-out", {"refreshToken": tokens["refreshToken"]}).status == 204
    assert gateway.post("/auth/sign-out", {"refreshToken": tokens["refreshToken"]}).status == 204
    assert gateway.post("/auth/refresh", {"refreshToken": tokens["refreshToken"]}).status == 401

    token = gateway.post("/auth/sign-in", who | {"password": "N3w-Passw0rd!dev"}).json["tokens"]["accessToken"]
    assert gateway("DELETE", "/me", token=token).status == 204
    assert gateway("GET", "/me", token=token).status == 401
    assert gateway.post("/auth/sign-in", who | {"password": "N3w-Passw0rd!dev"}).status == 401


def test_a_new_address_is_verified(gateway: Gateway) -> None:
    """Attributes change, codes go out for a new address, null deletes."""
    token = person(gateway, "ada")["accessToken"]
    given = {"attributes": {"email": "ada@new.example", "name": "Ada", "nickname": "A"}}
    changed = gateway("PATCH", "/me", given, token)
    assert [sent["destination"] for sent in changed.json["deliveries"]] == ["a***@n***"]
    assert gateway("PATCH", "/me", {"attributes": {"nickname": None, "family_name": "L"}}, token).status == 200
    held = gateway("GET", "/me", token=token).json["attributes"]
    assert "nickname" not in held
    assert (held["name"], held["family_name"], held["email_verified"]) == ("Ada", "L", False)
    assert gateway("POST", "/me/verify", {"attribute": "email"}, token).json["delivery"]["medium"] == "EMAIL"
    assert gateway("PUT", "/me/verify", {"attribute": "email", "code": "x"}, token).status == 400
    assert gateway("PUT", "/me/verify", {"attribute": "email", "code": gateway.code("ada")}, token).status == 204
    assert gateway("GET", "/me", token=token).json["attributes"]["email_verified"] is True


def test_a_forgotten_password_is_found_again(gateway: Gateway) -> None:
    """A code to the verified address sets a new one; a name that does not exist is told what the pool tells."""
    person(gateway, "joan")
    sent = gateway.post("/auth/forgot-password", {"username": "joan"})
    assert (sent.status, sent.json["delivery"]["destination"]) == (200, "j***@e***")
    gateway.secrets.append("F0und-again!dev")
    proof = {"username": "joan", "newPassword": "F0und-again!dev"}
    wrong = gateway.post("/auth/confirm-forgot-password", proof | {"code": "nope"})
    assert (wrong.status, wrong.json["type"]) == (400, "CodeMismatchException")
    assert gateway.post("/auth/confirm-forgot-password", proof | {"code": gateway.code("joan")}).status == 204
    assert gateway.post("/auth/sign-in", {"username": "joan", "password": "F0und-again!dev"}).status == 200
    stranger = gateway.post("/auth/forgot-password", {"username": "nobody@example.org"})
    assert (stranger.status, sorted(stranger.json)) == (200, ["delivery"])
    wrong_password = gateway.post("/auth/sign-in", {"username": "joan", "password": "wrong"})
    nobody = gateway.post("/auth/sign-in", {"username": "nobody", "password": "wrong"})
    assert [wrong_password.status, nobody.status] == [401, 401]
    assert wrong_password.json["detail"] == nobody.json["detail"]


def test_a_browser_uses_a_client_with_a_secret(gateway: Gateway) -> None:
    """The gateway adds what the secret is needed for at every step; rotation gives a new refresh token each time."""
    client = {"clientId": gateway.rotating_client_id}
    tokens = person(gateway, "edith", **client)
    first = gateway.post("/auth/refresh", {"refreshToken": tokens["refreshToken"], **client})
    assert first.status == 200
    assert first.json["tokens"]["refreshToken"] != tokens["refreshToken"]
    again = gateway.post("/auth/refresh", {"refreshToken": tokens["refreshToken"], **client})
    assert (again.status, again.json["type"]) == (400, "RefreshTokenReuseException")
    assert gateway.post("/auth/forgot-password", {"username": "edith", **client}).status == 200
    foreign = gateway.post("/auth/sign-in", {"username": "edith", "password": PASSWORD, "clientId": "another"})
    assert foreign.status == 403


def test_a_password_can_be_proven_without_being_sent(gateway: Gateway) -> None:
    """SRP over plain data, with a real proof and with a false one, for both clients."""
    person(gateway, "mary")
    for client in ({}, {"clientId": gateway.rotating_client_id}):
        for password, status in ((PASSWORD, 200), ("wrong", 401)):
            srp = SrpClient(gateway.emulator.pool_id)
            begun = {"username": "mary", "flow": "srp", "srpA": srp.public, **client}
            asked = gateway.post("/auth/sign-in", begun).json
            told = asked["parameters"]
            shown = {
                "SALT": told["salt"],
                "SRP_B": told["srpB"],
                "SECRET_BLOCK": told["secretBlock"],
                "USER_ID_FOR_SRP": told["userId"],
            }
            proof = srp.answer(shown, password, timestamp="Sat Nov 21 09:00:00 UTC 2026")
            body = {
                "challenge": asked["challenge"], "session": asked["session"], "username": asked["username"],
                "secretBlock": proof["PASSWORD_CLAIM_SECRET_BLOCK"], "signature": proof["PASSWORD_CLAIM_SIGNATURE"],
                "timestamp": proof["TIMESTAMP"], **client,
            }  # fmt: skip
            assert gateway.post("/auth/challenge", body).status == status


def test_an_invited_user_chooses_a_password(gateway: Gateway) -> None:
    """NEW_PASSWORD_REQUIRED: what the user is asked for, and attributes with the answer."""
    admin(gateway.emulator).admin_create_user(
        UserPoolId=gateway.emulator.pool_id,
        Username="invited",
        TemporaryPassword="T3mporary!dev",
        UserAttributes=[{"Name": "email", "Value": "invited@example.org"}],
    )
    asked = gateway.post("/auth/sign-in", {"username": "invited", "password": "T3mporary!dev"}).json
    assert (asked["challenge"], asked["parameters"]["requiredAttributes"]) == ("NEW_PASSWORD_REQUIRED", [])
    assert asked["parameters"]["userAttributes"]["email"] == "invited@example.org"
    answer = {name: asked[name] for name in ("challenge", "session", "username")}
    weak = gateway.post("/auth/challenge", answer | {"newPassword": "short"})
    assert (weak.status, weak.json["type"]) == (400, "InvalidPasswordException")
    given = {"newPassword": PASSWORD, "attributes": {"name": "In Vited"}}
    tokens = gateway.post("/auth/challenge", answer | given).json["tokens"]
    assert gateway("GET", "/me", token=tokens["accessToken"]).json["attributes"]["name"] == "In Vited"


def test_the_cookie_keeps_a_browser_signed_in(gateway: Gateway) -> None:
    """A page of this origin signs in, refreshes and signs out without ever seeing the refresh token."""
    for client in ({}, {"clientId": gateway.rotating_client_id}):
        name = f"kay{len(client)}"
        person(gateway, name, **client)
        page = {"Origin": gateway.url}
        signed_in = gateway.post(
            "/auth/sign-in", {"username": name, "password": PASSWORD, "cookie": True, **client}, **page
        )
        assert signed_in.json["cookie"] is True
        assert "refreshToken" not in signed_in.json["tokens"]
        kept, _, attributes = signed_in.headers["set-cookie"].partition("; ")
        assert attributes == "Max-Age=2592000; Path=/; HttpOnly; SameSite=Strict"
        gateway.secrets.append(kept.rpartition(":")[2])
        renewed = gateway.post("/auth/refresh", {}, Cookie=kept, **page)
        assert (renewed.status, renewed.json["cookie"]) == (200, True)
        after = renewed.headers["set-cookie"].partition("; ")[0]
        gateway.secrets.append(after.rpartition(":")[2])
        assert (after != kept) == bool(client)
        for headers in (
            {},
            {"Origin": "https://evil.example"},
            {"Origin": gateway.url, "Sec-Fetch-Site": "cross-site"},
        ):
            assert gateway.post("/auth/refresh", {}, Cookie=after, **headers).status == 403
        assert gateway.post("/auth/refresh", {}, Cookie=f"{after}; {after}", **page).status == 400
        gone = gateway.post("/auth/sign-out", {}, Cookie=after, **page)
        assert (gone.status, gone.headers["set-cookie"][:24]) == (204, "gateway-refresh=; Max-Ag")
        dead = gateway.post("/auth/refresh", {}, Cookie=after, **page)
        assert (dead.status, "Max-Age=0" in dead.headers["set-cookie"]) == (401, True)


def test_signing_out_everywhere_ends_all_sessions(gateway: Gateway) -> None:
    """Two devices; one of them ends both, and the gateway takes neither's access token."""
    one = person(gateway, "rosa")
    two = gateway.post("/auth/sign-in", {"username": "rosa", "password": PASSWORD}).json["tokens"]
    assert gateway("POST", "/auth/sign-out", {"everywhere": True}, one["accessToken"]).status == 204
    assert gateway("POST", "/auth/sign-out", {"everywhere": True}, one["accessToken"]).status == 401
    for tokens in (one, two):
        assert gateway("GET", "/me", token=tokens["accessToken"]).status == 401
        assert gateway.post("/auth/refresh", {"refreshToken": tokens["refreshToken"]}).status == 401


def test_only_a_person_s_access_token_opens_me(gateway: Gateway) -> None:
    """Neither an ID token nor a machine's."""
    tokens = person(gateway, "hedy")
    assert gateway("GET", "/me", token=tokens["accessToken"]).status == 200
    for token in (tokens["idToken"], gateway.emulator.machine_token(), tokens["accessToken"][:-8] + "AAAAAAAA"):
        assert gateway("GET", "/me", token=token).status == 401


def test_an_app_is_set_up_while_signing_in(gateway: Gateway) -> None:
    """A pool that wants a second factor of everybody: MFA_SETUP begins, is proven, and ends with tokens."""
    person(gateway, "lise")
    pool = {"UserPoolId": gateway.emulator.pool_id}
    app = {"SoftwareTokenMfaConfiguration": {"Enabled": True}}
    admin(gateway.emulator).set_user_pool_mfa_config(**pool, **app, MfaConfiguration="ON")
    try:
        asked = gateway.post("/auth/sign-in", {"username": "lise", "password": PASSWORD}).json
        assert (asked["challenge"], asked["parameters"]["mfasCanSetup"]) == ("MFA_SETUP", ["SOFTWARE_TOKEN_MFA"])
        begun = gateway.post(
            "/auth/challenge", {"challenge": "MFA_SETUP", "session": asked["session"], "username": "lise"}
        ).json
        secret = begun["parameters"]["secret"]
        gateway.secrets.append(secret)
        answer = {"challenge": "MFA_SETUP", "session": begun["session"], "username": "lise"}
        wrong = gateway.post("/auth/challenge", answer | {"code": f"{(int(app_code(secret)) + 1) % 1_000_000:06}"})
        assert (wrong.status, wrong.json["type"]) == (400, "EnableSoftwareTokenMFAException")
        done = gateway.post("/auth/challenge", answer | {"code": app_code(secret)})
        assert (done.status, done.json["status"]) == (200, "signed-in")
    finally:
        admin(gateway.emulator).set_user_pool_mfa_config(**pool, **app, MfaConfiguration="OPTIONAL")
