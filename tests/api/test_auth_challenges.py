"""`/auth/challenge`: every challenge as data, and its answer, over the whole gateway and a scripted Cognito."""

import json
from typing import Any

import pytest

from tests.api.test_auth import ANN, SESSION, sign_in, tokens
from tests.world import World, answer, operation_of


@pytest.fixture
def world() -> World:
    """A gateway with the built-in policy; Cognito signs everybody in."""
    found = World()
    found.cognito.script = lambda _request: answer({"AuthenticationResult": tokens(found), "ChallengeParameters": {}})
    return found


async def test_a_challenge_is_told_as_data(world: World) -> None:
    """Lists are lists and objects objects; the name to send back is the user's own, whatever alias was typed."""
    world.cognito.script = lambda _request: answer({
        "ChallengeName": "NEW_PASSWORD_REQUIRED",
        "Session": SESSION,
        "ChallengeParameters": {
            "USER_ID_FOR_SRP": "ann-id",
            "requiredAttributes": '["userAttributes.name"]',
            "userAttributes": '{"email": "ann@example.com", "email_verified": "true"}',
        },
    })  # fmt: skip
    reply = await sign_in(world, {"username": ANN, "password": "Passw0rd!"})
    assert reply.json == {
        "status": "challenge",
        "challenge": "NEW_PASSWORD_REQUIRED",
        "session": SESSION,
        "username": "ann-id",
        "parameters": {
            "userId": "ann-id",
            "requiredAttributes": ["name"],
            "userAttributes": {"email": "ann@example.com", "email_verified": "true"},
        },
    }


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (
            {"CODE_DELIVERY_DELIVERY_MEDIUM": "SMS", "CODE_DELIVERY_DESTINATION": "+*******9"},
            {"codeDeliveryMedium": "SMS", "codeDeliveryDestination": "+*******9"},
        ),
        ({"MFAS_CAN_CHOOSE": '["SMS_MFA","EMAIL_OTP"]'}, {"mfasCanChoose": ["SMS_MFA", "EMAIL_OTP"]}),
        ({"MFAS_CAN_SETUP": '["SOFTWARE_TOKEN_MFA"]'}, {"mfasCanSetup": ["SOFTWARE_TOKEN_MFA"]}),
        ({"SRP_B": "b", "SALT": "s", "SECRET_BLOCK": "x"}, {"srpB": "b", "salt": "s", "secretBlock": "x"}),
        ({"CREDENTIAL_REQUEST_OPTIONS": '{"a": 1}'}, {"credentialRequestOptions": {"a": 1}}),
        ({"riddle": "[1]", "FRIENDLY_DEVICE_NAME": "phone"}, {"riddle": "[1]", "deviceName": "phone"}),
    ],
)
async def test_every_known_parameter_has_its_name_and_type(
    world: World, given: dict[str, str], shown: dict[str, Any]
) -> None:
    """And a custom challenge's own keep theirs, as text."""
    world.cognito.script = lambda _request: answer(
        {"ChallengeName": "X", "Session": SESSION} | {"ChallengeParameters": given}
    )
    reply = await sign_in(world, {"username": ANN, "password": "Passw0rd!"})
    assert (reply.json["parameters"], reply.json["username"]) == (shown, ANN)


async def test_the_choice_of_challenges_is_told(world: World) -> None:
    """USER_AUTH's list stands beside the parameters at Cognito, among them here."""
    world.cognito.script = lambda _request: answer(
        {"ChallengeName": "SELECT_CHALLENGE", "Session": SESSION, "AvailableChallenges": ["PASSWORD", "EMAIL_OTP"]}
    )
    reply = await sign_in(world, {"username": ANN, "flow": "choice"})
    assert reply.json["parameters"] == {"availableChallenges": ["PASSWORD", "EMAIL_OTP"]}


async def test_a_challenge_that_cannot_be_read_is_a_bad_gateway(world: World) -> None:
    """Nothing that is half understood is passed on."""
    for text in ("not json", '{"a": 1}', "[" * 100_000):
        world.cognito.script = lambda _request, text=text: answer(  # type: ignore[misc]
            {"ChallengeName": "MFA_SETUP", "Session": SESSION, "ChallengeParameters": {"MFAS_CAN_SETUP": text}}
        )
        assert (await sign_in(world, {"username": f"a{len(text)}", "password": "Passw0rd!"})).status == 502


PROOF = {"secretBlock": "c2VjcmV0", "signature": "c2ln", "timestamp": "Tue Nov 4 10:00:00 UTC 2025"}
PROVEN = {
    "PASSWORD_CLAIM_SECRET_BLOCK": "c2VjcmV0",
    "PASSWORD_CLAIM_SIGNATURE": "c2ln",
    "TIMESTAMP": "Tue Nov 4 10:00:00 UTC 2025",
}


@pytest.mark.parametrize(
    ("challenge", "given", "sent"),
    [
        (
            "NEW_PASSWORD_REQUIRED",
            {"newPassword": "N3w!", "attributes": {"name": "Ann", "custom:vip": True, "custom:age": 42}},
            {
                "NEW_PASSWORD": "N3w!", "userAttributes.name": "Ann", "userAttributes.custom:vip": "true",
                "userAttributes.custom:age": "42",
            },
        ),
        ("SOFTWARE_TOKEN_MFA", {"code": "123456"}, {"SOFTWARE_TOKEN_MFA_CODE": "123456"}),
        ("SMS_MFA", {"code": "123456"}, {"SMS_MFA_CODE": "123456"}),
        ("EMAIL_OTP", {"code": "12345678"}, {"EMAIL_OTP_CODE": "12345678"}),
        ("SMS_OTP", {"code": "123456"}, {"SMS_OTP_CODE": "123456"}),
        ("SELECT_MFA_TYPE", {"answer": "SMS_MFA"}, {"ANSWER": "SMS_MFA"}),
        ("SELECT_CHALLENGE", {"answer": "EMAIL_OTP"}, {"ANSWER": "EMAIL_OTP"}),
        ("SELECT_CHALLENGE", {"answer": "PASSWORD", "password": "P"}, {"ANSWER": "PASSWORD", "PASSWORD": "P"}),
        ("PASSWORD", {"password": "P"}, {"PASSWORD": "P"}),
        ("PASSWORD_SRP", {"srpA": "a1"}, {"SRP_A": "a1"}),
        ("PASSWORD_VERIFIER", PROOF, PROVEN),
        ("PASSWORD_VERIFIER", {"responses": PROVEN}, PROVEN),
        ("DEVICE_SRP_AUTH", {"srpA": "a1", "deviceKey": "k"}, {"SRP_A": "a1", "DEVICE_KEY": "k"}),
        ("DEVICE_PASSWORD_VERIFIER", {**PROOF, "deviceKey": "k"}, {**PROVEN, "DEVICE_KEY": "k"}),
        ("CUSTOM_CHALLENGE", {"answer": "42"}, {"ANSWER": "42"}),
        ("CUSTOM_CHALLENGE", {"answer": "42", "responses": {"more": "x"}}, {"ANSWER": "42", "more": "x"}),
        ("WEB_AUTHN", {"credential": {"id": "x"}}, {"CREDENTIAL": '{"id":"x"}'}),
        ("MFA_SETUP", {"responses": {"ANSWER": "x"}}, {"ANSWER": "x"}),
    ],
)  # fmt: skip
async def test_every_challenge_has_its_answer(
    world: World, challenge: str, given: dict[str, Any], sent: dict[str, str]
) -> None:
    """Under plain names; what has none goes into `responses` as Cognito names it."""
    body = {"challenge": challenge, "session": SESSION, "username": ANN, **given}
    reply = await world.rest("POST", "/auth/challenge", body)
    assert (reply.status, reply.json["status"]) == (200, "signed-in")
    assert world.cognito.bodies == [
        {
            "ChallengeName": challenge,
            "ClientId": world.mint.client_id,
            "Session": SESSION,
            "ChallengeResponses": {"USERNAME": ANN, **sent},
        }
    ]


async def test_an_app_is_set_up_while_signing_in(world: World) -> None:
    """A pool that wants a second factor: the secret, then its code, then the tokens, each with the session before."""
    world.cognito.script = lambda request: answer({
        "AssociateSoftwareToken": {"SecretCode": "JBSWY3DPEHPK3PXP", "Session": f"{SESSION}-2"},
        "VerifySoftwareToken": {"Status": "SUCCESS", "Session": f"{SESSION}-3"},
        "RespondToAuthChallenge": {"AuthenticationResult": tokens(world)},
    }[operation_of(request)])  # fmt: skip
    begun = {"challenge": "MFA_SETUP", "session": SESSION, "username": ANN, "issuer": "Example & Co"}
    told = (await world.rest("POST", "/auth/challenge", begun)).json
    assert (told["status"], told["challenge"], told["session"]) == ("challenge", "MFA_SETUP", f"{SESSION}-2")
    assert told["parameters"]["secret"] == "JBSWY3DPEHPK3PXP"
    assert told["parameters"]["uri"] == (
        "otpauth://totp/Example%20%26%20Co:ann%40example.com?secret=JBSWY3DPEHPK3PXP&issuer=Example%20%26%20Co"
    )
    assert told["parameters"]["qr"].startswith("<svg ")
    finished = {"challenge": "MFA_SETUP", "session": told["session"], "username": ANN, "code": "123456"}
    reply = await world.rest("POST", "/auth/challenge", finished | {"deviceName": "phone"})
    assert (reply.status, reply.json["status"]) == (200, "signed-in")
    assert [operation_of(request) for request in world.cognito.requests] == [
        "AssociateSoftwareToken", "VerifySoftwareToken", "RespondToAuthChallenge",
    ]  # fmt: skip
    first, second, third = world.cognito.bodies
    assert first == {"Session": SESSION}
    assert second == {"Session": f"{SESSION}-2", "UserCode": "123456", "FriendlyDeviceName": "phone"}
    assert (third["Session"], third["ChallengeResponses"]) == (f"{SESSION}-3", {"USERNAME": ANN})
    assert SESSION not in json.dumps(world.entries)


async def test_a_new_device_is_told(world: World) -> None:
    """Where the pool remembers devices, its key comes with the tokens."""
    device = {"DeviceKey": "us-east-1_d", "DeviceGroupKey": "g"}
    world.cognito.script = lambda _request: answer({"AuthenticationResult": tokens(world, NewDeviceMetadata=device)})
    reply = await sign_in(world, {"username": ANN, "password": "Passw0rd!"})
    assert reply.json["tokens"]["newDevice"] == {"key": "us-east-1_d", "groupKey": "g"}
