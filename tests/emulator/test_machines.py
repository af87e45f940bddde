"""The token endpoint: tokens for machines."""

import base64

import httpx
import jwt
import pytest

from gateway import emulator as cognito
from gateway.emulator import Emulator, PoolSpec
from tests.emulator.callers import NO_TLS, PASSWORD

GRANT = {"grant_type": "client_credentials"}


def ask(emulator: Emulator, form: dict[str, str], basic: str | None = None) -> httpx.Response:
    """Ask the token endpoint; `basic` is `id:secret`."""
    headers = {"authorization": f"Basic {base64.b64encode(basic.encode()).decode()}"} if basic is not None else {}
    return httpx.post(emulator.token_url, data=form, headers=headers, trust_env=False, verify=NO_TLS)


def own(emulator: Emulator) -> dict[str, str]:
    """The machine client's credentials as form members."""
    return {"client_id": emulator.machine_client_id, "client_secret": emulator.machine_client_secret}


def test_the_machine_client_gets_a_token_both_ways(emulator: Emulator) -> None:
    """Basic or form; with the scope that it has; no user, no groups, no audience."""
    credentials = f"{emulator.machine_client_id}:{emulator.machine_client_secret}"
    for answer in (
        ask(emulator, GRANT, credentials),
        ask(emulator, {**GRANT, **own(emulator)}),
        ask(emulator, {**GRANT, **own(emulator), "scope": "gateway/users.read"}),
    ):
        assert answer.status_code == 200
        got = answer.json()
        assert (got["token_type"], got["expires_in"]) == ("Bearer", 3600)
        claims = jwt.decode(got["access_token"], options={"verify_signature": False})
        assert claims["scope"] == "gateway/users.read"
        assert claims["sub"] == claims["client_id"] == emulator.machine_client_id
        assert claims["token_use"] == "access"
        assert {"username", "cognito:groups", "aud", "origin_jti"}.isdisjoint(claims)


def test_a_wrong_client_is_invalid_client(emulator: Emulator) -> None:
    """Wrong secret, unknown client, no client, a mangled header, two clients: one answer."""
    right = f"{emulator.machine_client_id}:{emulator.machine_client_secret}"
    for form, basic in (
        ({**own(emulator), "client_secret": "wrong"}, None),
        ({**own(emulator), "client_id": "nobody"}, None),
        ({}, None),
        ({}, f"{emulator.machine_client_id}:wrong"),
        ({}, ":"),
        ({"client_id": "other"}, right),
    ):
        answer = ask(emulator, {**GRANT, **form}, basic)
        assert (answer.status_code, answer.json()) == (400, {"error": "invalid_client"})
    garbled = httpx.post(
        emulator.token_url, data=GRANT, headers={"authorization": "Basic !!!"}, trust_env=False, verify=NO_TLS
    )
    assert garbled.json() == {"error": "invalid_client"}


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "authorization_code"}, "unsupported_grant_type"),
        ({}, "invalid_request"),
        ({**GRANT, "scope": "gateway/users.write"}, "invalid_scope"),
        ({**GRANT, "scope": "openid"}, "invalid_scope"),
    ],
)
def test_what_is_not_the_clients_is_refused(form: dict[str, str], error: str, emulator: Emulator) -> None:
    """Other grants and other scopes."""
    answer = ask(emulator, {**own(emulator), **form})
    assert (answer.status_code, answer.json()) == (400, {"error": error})


def test_it_takes_forms_without_repeats(emulator: Emulator) -> None:
    """JSON and repeated members are invalid_request (RFC 6749, section 3.2)."""
    as_json = httpx.post(emulator.token_url, json={**GRANT, **own(emulator)}, trust_env=False, verify=NO_TLS)
    assert as_json.json() == {"error": "invalid_request"}
    twice = httpx.post(
        emulator.token_url,
        content="grant_type=client_credentials&grant_type=password",
        headers={"content-type": "application/x-www-form-urlencoded"},
        trust_env=False,
        verify=NO_TLS,
    )
    assert twice.json() == {"error": "invalid_request"}


def test_people_refresh_there_and_get_no_machine_token(emulator: Emulator) -> None:
    """The public client may refresh; it has no credentials of its own."""
    tokens = emulator.sign_in("admin@example.com", PASSWORD)
    form = {"grant_type": "refresh_token", "client_id": emulator.client_id}
    got = ask(emulator, {**form, "refresh_token": tokens["refresh_token"]}).json()
    claims = jwt.decode(got["access_token"], options={"verify_signature": False})
    assert claims["username"] == "admin@example.com"
    assert got["id_token"]
    assert ask(emulator, {**form, "refresh_token": "made-up"}).json() == {"error": "invalid_grant"}
    refused = ask(emulator, {**GRANT, "client_id": emulator.client_id})
    assert refused.json() == {"error": "unauthorized_client"}


def test_a_disabled_user_does_not_refresh_there(emulator: Emulator) -> None:
    """invalid_grant, also while the session itself is not revoked."""
    tokens = emulator.sign_in("bjorn.chen", PASSWORD)
    user = emulator._parts.pool.user("bjorn.chen")
    user.enabled = False
    form = {"grant_type": "refresh_token", "client_id": emulator.client_id}
    answer = ask(emulator, {**form, "refresh_token": tokens["refresh_token"]})
    user.enabled = True
    assert answer.json() == {"error": "invalid_grant"}


def test_scopes_are_a_setting() -> None:
    """A pool whose machine client may write, too; the convenience gives the same token."""
    spec = PoolSpec(machine_scopes=("gateway/users.read", "gateway/users.write"))
    with cognito.start(port=0, pool=spec, users=0) as emulator:
        answer = ask(emulator, {**own(emulator), **GRANT, "scope": "gateway/users.write"})
        claims = jwt.decode(answer.json()["access_token"], options={"verify_signature": False})
        assert claims["scope"] == "gateway/users.write"
        all_of_them = jwt.decode(emulator.machine_token(), options={"verify_signature": False})
        assert all_of_them["scope"] == "gateway/users.read gateway/users.write"
        one = jwt.decode(emulator.machine_token("gateway/users.read"), options={"verify_signature": False})
        assert one["scope"] == "gateway/users.read"
