"""The wire: every answer is AWS JSON with a type, whatever was sent."""

import json
import socket
import struct
from typing import Any

import httpx
import pytest

from gateway import emulator as cognito
from gateway.emulator import Emulator, cognito_idp
from gateway.emulator.steps import Body
from tests.emulator.callers import NO_TLS, PREFIX, post, signed
from tests.emulator.conftest import Connect

JSON = "application/x-amz-json-1.1"
POOL = {"UserPoolId": "us-east-1_DevPool01"}


def public(emulator: Emulator, operation: str, body: Any, **headers: str) -> httpx.Response:
    """Call an operation without a signature."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return post(emulator, {"content-type": JSON, "x-amz-target": f"{PREFIX}.{operation}", **headers}, data)


def is_refusal(answer: httpx.Response, code: str, status: int = 400) -> None:
    """Assert that an answer is a refusal as AWS writes it."""
    assert (answer.status_code, answer.json()["__type"]) == (status, code)
    assert answer.json()["message"]
    assert answer.headers["content-type"] == JSON
    assert answer.headers["x-amzn-errortype"].removesuffix(":") == code
    assert answer.headers["x-amzn-requestid"]


@pytest.mark.parametrize(
    "target",
    [
        f"{PREFIX}.NoSuchThing",
        f"{PREFIX}.adminGetUser",
        f"{PREFIX}.AdminGetUser,{PREFIX}.AdminGetUser",
        "Elsewhere.AdminGetUser",
        "AdminGetUser",
        "",
    ],
)
def test_an_unknown_operation_is_a_400_in_json(target: str, emulator: Emulator) -> None:
    """Never an HTML page."""
    is_refusal(post(emulator, {"content-type": JSON, "x-amz-target": target}, b"{}"), "UnknownOperationException")


def test_an_operation_that_is_not_emulated_says_so(emulator: Emulator) -> None:
    """AWS has it, the emulator does not: it is named."""
    answer = signed(emulator, f"{PREFIX}.DescribeRiskConfiguration", json.dumps(POOL).encode())
    is_refusal(answer, "UnsupportedOperationException")
    assert "DescribeRiskConfiguration" in answer.json()["message"]
    body = json.dumps({"IdentityPoolId": "us-east-1:0", "Logins": {"a": "b"}}).encode()
    target = "AWSCognitoIdentityService.GetOpenIdTokenForDeveloperIdentity"
    is_refusal(signed(emulator, target, body, service="cognito-identity"), "UnsupportedOperationException")


def test_an_internal_failure_is_json(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A defect of the emulator is a 500 in JSON, without its text, and is logged."""

    def fail(_: object, __: Body) -> Body:
        message = "a detail"
        raise RuntimeError(message)

    monkeypatch.setitem(cognito_idp.OURS, "GetUser", fail)
    answer = public(emulator, "GetUser", {"AccessToken": "a.b.c"})
    is_refusal(answer, "InternalErrorException", 500)
    assert "a detail" not in answer.text
    assert "the emulator failed" in caplog.text


@pytest.mark.parametrize("body", [b"", b"nonsense", b"[]", b'"text"', b"\xff\xfe"])
def test_a_body_that_is_no_object_is_a_serialization_exception(body: bytes, emulator: Emulator) -> None:
    """For public and for signed operations."""
    is_refusal(public(emulator, "InitiateAuth", body), "SerializationException")
    is_refusal(signed(emulator, f"{PREFIX}.ListUsers", body), "SerializationException")


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ({}, "InvalidParameterException", "'userPoolId' failed to satisfy constraint: Member must not be null"),
        ({"UserPoolId": 7}, "SerializationException", "NUMBER_VALUE"),
        ({"UserPoolId": ["a"]}, "SerializationException", "COLLECTION_VALUE"),
        ({**POOL, "Limit": 61}, "InvalidParameterException", "Value '61' at 'limit'"),
        ({**POOL, "Limit": -1}, "InvalidParameterException", "greater than or equal to 0"),
        ({**POOL, "Limit": True}, "SerializationException", "BOOLEAN_VALUE"),
        ({**POOL, "Filter": "x" * 257}, "InvalidParameterException", "length less than or equal to 256"),
        ({**POOL, "AttributesToGet": [1]}, "SerializationException", "attributesToGet.1.member"),
        ({"UserPoolId": "no underscore"}, "InvalidParameterException", "regular expression"),
    ],
)
def test_a_body_is_held_against_the_model(body: Any, code: str, words: str, emulator: Emulator) -> None:
    """Types, required members, lengths, ranges and patterns, in Cognito's words."""
    answer = signed(emulator, f"{PREFIX}.ListUsers", json.dumps(body).encode())
    is_refusal(answer, code)
    assert words in answer.json()["message"]


def test_a_sensitive_value_is_not_repeated(emulator: Emulator) -> None:
    """A password that is too long is not in the refusal, nor in its header (R-01)."""
    secret = "s3cret" * 50
    body = {"ClientId": emulator.client_id, "Username": "x", "Password": secret}
    answer = public(emulator, "SignUp", body)
    is_refusal(answer, "InvalidParameterException")
    assert "s3cret" not in answer.text + str(answer.headers)


def test_enumerations_and_maps_are_checked(emulator: Emulator) -> None:
    """An unknown flow, and a parameter that is no string."""
    client = {"ClientId": emulator.client_id}
    is_refusal(public(emulator, "InitiateAuth", {**client, "AuthFlow": "X"}), "InvalidParameterException")
    wrong = {**client, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": {"USERNAME": 1}}
    is_refusal(public(emulator, "InitiateAuth", wrong), "SerializationException")


@pytest.mark.parametrize("kind", ["application/json", "text/plain", ""])
def test_only_amz_json_is_spoken(kind: str, emulator: Emulator) -> None:
    """Another content type is not Cognito's protocol."""
    headers = {"content-type": kind} if kind else {}
    answer = post(emulator, {**headers, "x-amz-target": f"{PREFIX}.GetUser"}, b"{}")
    is_refusal(answer, "UnknownOperationException")


@pytest.mark.parametrize(("method", "path"), [("POST", "/elsewhere"), ("PUT", "/"), ("DELETE", "/"), ("POST", "/")])
def test_other_paths_and_methods_are_refused(method: str, path: str, emulator: Emulator) -> None:
    """There is one address for operations."""
    answer = httpx.request(method, emulator.url + path, trust_env=False, verify=NO_TLS)
    is_refusal(answer, "UnknownOperationException")


def test_a_body_that_is_too_large_is_refused(emulator: Emulator) -> None:
    """A megabyte is enough."""
    answer = public(emulator, "GetUser", b"x" * (1024 * 1024 + 1))
    assert (answer.status_code, answer.json()["__type"]) == (413, "RequestEntityTooLargeException")
    assert answer.headers["connection"] == "close"


def exchange(emulator: Emulator, request: bytes) -> bytes:
    """Send bytes and read until the server hangs up."""
    host, port = emulator.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(request)
        received = b""
        while chunk := connection.recv(65_536):
            received += chunk
        return received


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"411"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1_0\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", b"400"),
        (b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n", b"501"),
        (b"nonsense\r\n\r\n", b"400"),
    ],
)
def test_what_is_not_http_is_refused_in_json(request_bytes: bytes, status: bytes, emulator: Emulator) -> None:
    """The library's own HTML pages never show."""
    received = exchange(emulator, request_bytes)
    assert received.split(b" ", 2)[1] == status
    assert b"<" not in received
    assert json.loads(received.partition(b"\r\n\r\n")[2])["__type"]


@pytest.mark.parametrize("rudely", [True, False])
def test_half_a_request_is_no_request(rudely: bool, capfd: pytest.CaptureFixture[str]) -> None:  # noqa: FBT001 - a row
    """A client that hangs up in the middle of a body changes nothing, and nothing is printed about it."""
    with cognito.start(port=0, users=0) as emulator:
        host, port = emulator.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as connection:
            if rudely:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n"
            connection.sendall(head)
            assert connection.recv(100).startswith(b"HTTP/1.1 100 ")  # the head was read
            connection.sendall(b"{}")
        assert httpx.get(emulator.jwks_url, trust_env=False, verify=NO_TLS).status_code == 200
    assert [call.target for call in emulator.calls] == [f"GET /{emulator.pool_id}/.well-known/jwks.json"]
    assert capfd.readouterr() == ("", "")


def test_a_connection_is_kept(emulator: Emulator) -> None:
    """Several requests go over one connection, as they do to AWS."""
    with httpx.Client(base_url=emulator.url, trust_env=False, verify=NO_TLS) as client:
        answers = [client.get(f"/{emulator.pool_id}/.well-known/jwks.json") for _ in range(3)]
        streams = {id(answer.extensions["network_stream"]) for answer in answers}
    assert all(answer.status_code == 200 for answer in answers)
    assert len(streams) == 1


def test_a_head_request_has_no_body(emulator: Emulator) -> None:
    """The refusal's length is stated, its body is not sent."""
    received = exchange(emulator, b"HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert received.endswith(b"\r\n\r\n")


def test_a_message_cannot_add_a_header(emulator: Emulator) -> None:
    """A line break in a name that a refusal repeats stays in one header line."""
    body = {**POOL, "Username": "user@example.com", "UserAttributes": [{"Name": "a\r\nx-evil: 1", "Value": "b"}]}
    answer = signed(emulator, f"{PREFIX}.AdminUpdateUserAttributes", json.dumps(body).encode())
    assert answer.status_code == 400
    assert "x-evil" not in answer.headers


def test_an_administrators_settings_are_reset_as_on_aws(idp: Any) -> None:
    """UpdateUserPool and UpdateUserPoolClient reset what is not named; aliases stay for good."""
    made = idp.create_user_pool(
        PoolName="reset", AliasAttributes=["email"], AutoVerifiedAttributes=["email"], MfaConfiguration="OFF"
    )["UserPool"]
    idp.update_user_pool(UserPoolId=made["Id"])
    idp.create_user_pool_domain(UserPoolId=made["Id"], Domain="dev-domain")
    after = idp.describe_user_pool(UserPoolId=made["Id"])["UserPool"]
    assert after["AliasAttributes"] == ["email"]
    assert after["Domain"] == "dev-domain"
    assert "AutoVerifiedAttributes" not in after
    client = idp.create_user_pool_client(
        UserPoolId=made["Id"], ClientName="c", ExplicitAuthFlows=["ALLOW_USER_SRP_AUTH"]
    )["UserPoolClient"]
    named = {"UserPoolId": made["Id"], "ClientId": client["ClientId"]}
    updated = idp.update_user_pool_client(**named, AccessTokenValidity=2)["UserPoolClient"]
    assert "ExplicitAuthFlows" not in updated
    assert (updated["ClientName"], updated["AccessTokenValidity"]) == ("c", 2)


def test_motos_refusals_are_typed_too(emulator: Emulator, idp: Any) -> None:
    """A group that exists, a client that does not."""
    with pytest.raises(idp.exceptions.GroupExistsException):
        idp.create_group(UserPoolId=emulator.pool_id, GroupName="admin")
    with pytest.raises(idp.exceptions.ResourceNotFoundException):
        idp.describe_user_pool_client(UserPoolId=emulator.pool_id, ClientId="nobody")
    with pytest.raises(idp.exceptions.ResourceNotFoundException, match="Group not found"):
        idp.get_group(UserPoolId=emulator.pool_id, GroupName="nobody")


def test_groups_are_made_changed_and_deleted(emulator: Emulator, connect: Connect) -> None:
    """A deleted group is gone from its members."""
    idp, pool = connect(emulator), {"UserPoolId": emulator.pool_id}
    idp.create_group(**pool, GroupName="brief", Description="d", Precedence=3)
    idp.admin_add_user_to_group(**pool, GroupName="brief", Username="ada.abara")
    idp.update_group(**pool, GroupName="brief", Precedence=0)
    assert idp.get_group(**pool, GroupName="brief")["Group"]["Precedence"] == 0
    groups = idp.admin_list_groups_for_user(**pool, Username="ada.abara")["Groups"]
    assert [group["GroupName"] for group in groups] == ["brief", "user"]
    idp.delete_group(**pool, GroupName="brief")
    groups = idp.admin_list_groups_for_user(**pool, Username="ada.abara")["Groups"]
    assert [group["GroupName"] for group in groups] == ["user"]
