"""What goes to STS and what is made of its answer, against botocore, moto and garbage."""

import importlib
import re
from datetime import UTC, datetime
from urllib.parse import parse_qs

import pytest

from gateway import sts
from gateway.credentials import PairOfCredentials
from gateway.errors import Unavailable
from gateway.upstream import Answer, Request
from tests.fake_sts import NEW, NOW, OLD, ROLE, STS, Sts, error_xml, keys_xml, number_of, role


async def test_sts_is_asked_as_botocore_asks_it() -> None:
    """The form is the one that AWS's SDK for Python sends, and the signature is good for STS."""
    endpoint = Sts()
    keys = await role(endpoint, duration_seconds=900).current(NOW)
    assert number_of(keys) == 1
    assert keys.expires_at == NOW + 900
    (request,) = endpoint.requests
    model = importlib.import_module("botocore.session").Session().get_service_model("sts").operation_model("AssumeRole")
    theirs = (
        importlib.import_module("botocore.serialize")
        .create_serializer("query")
        .serialize_to_request({"RoleArn": ROLE, "RoleSessionName": "gateway", "DurationSeconds": 900}, model)
    )
    assert {name: [str(value)] for name, value in theirs["body"].items()} == parse_qs(request.body.decode())
    assert dict(request.headers)["Content-Type"] == theirs["headers"]["Content-Type"]
    assert (request.origin, request.method, request.path) == (STS, "POST", "/")
    assert "/us-east-1/sts/aws4_request" in dict(request.headers)["Authorization"]
    assert "X-Amz-Target" not in dict(request.headers)


async def test_the_answer_of_an_emulator_is_read() -> None:
    """The keys in moto's AssumeRole answer are the ones that botocore reads from it."""
    mock_aws = importlib.import_module("moto").mock_aws
    post = importlib.import_module("requests").post
    bodies: list[bytes] = []

    async def through_moto(request: Request, **_: object) -> Answer:
        answer = post(
            "https://sts.us-east-1.amazonaws.com/", data=request.body, headers=dict(request.headers), timeout=5
        )
        bodies.append(answer.content)
        return Answer(answer.status_code, {}, answer.content)

    now = datetime.now(UTC).timestamp()  # moto's clock cannot be handed in
    with mock_aws():
        keys = await role(through_moto).current(now)
    session = importlib.import_module("botocore.session").Session()
    shape = session.get_service_model("sts").operation_model("AssumeRole").output_shape
    parser = importlib.import_module("botocore.parsers").create_parser("query")
    theirs = parser.parse({"status_code": 200, "headers": {}, "body": bodies[0]}, shape)["Credentials"]
    assert (keys.access_key_id, keys.secret_access_key, keys.session_token) == (
        theirs["AccessKeyId"], theirs["SecretAccessKey"], theirs["SessionToken"],
    )  # fmt: skip
    assert sts.assumed_role(bodies[0])[3] == theirs["Expiration"].timestamp()


GOOD = keys_xml(1, "2026-11-21T13:00:00Z")
BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;&lol;&lol;&lol;">]>'
    + GOOD.replace(b"secret/CANARY", b"&lol2;")
)
GARBAGE = {
    "nothing": b"",
    "html": b"<html><body>CANARY 502 Bad Gateway</body></html>",
    "json": b'{"AssumeRoleResponse": {}}',
    "another answer": GOOD.replace(b"AssumeRoleResponse", b"GetSessionTokenResponse"),
    "entity bomb": BOMB,
    "external entity": b'<!DOCTYPE a SYSTEM "http://169.254.169.254/">' + GOOD,
    "bomb in utf-16": BOMB.decode().encode("utf-16"),
    "not utf-8": GOOD + b"\xff",
    "comment": GOOD.replace(b"<AccessKeyId>", b"<!-- x --><AccessKeyId>"),
    "cdata": GOOD.replace(b">ASIATESTTESTTEST1<", b"><![CDATA[ASIATESTTESTTEST1]]><"),
    "too large": GOOD + b" " * 65536,
    "no secret": GOOD.replace(b"SecretAccessKey", b"Secret"),
    "two ids": GOOD.replace(b"</Credentials>", b"<AccessKeyId>ASIATESTTESTTEST2</AccessKeyId></Credentials>"),
    "two ids, one empty": GOOD.replace(b"</Credentials>", b"<AccessKeyId></AccessKeyId></Credentials>"),
    "empty token": re.sub(rb"<SessionToken>.*</SessionToken>", b"<SessionToken></SessionToken>", GOOD),
    "header in a token": GOOD.replace(b"EXAMPLE", b"EXAM\r\nX-Evil: 1"),
    "no expiration": GOOD.replace(b"Expiration", b"Expires"),
    "expiration without zone": GOOD.replace(b"13:00:00Z", b"13:00:00"),
    "expiration that is no date": GOOD.replace(b"2026-11-21", b"2026-11-99"),
}


@pytest.mark.parametrize("body", GARBAGE.values(), ids=GARBAGE.keys())
async def test_what_is_not_stss_answer_gives_no_keys(body: bytes) -> None:
    """Garbage, bombs and half answers are a failure like any other: nothing crashes, nothing leaks (R-01)."""
    assert body != GOOD
    endpoint = Sts()
    endpoint.script = [Answer(200, {}, body)]
    credentials = role(endpoint)
    with pytest.raises(Unavailable) as caught:
        await credentials.current(NOW)
    assert (caught.value.reason, credentials.last_failure) == ("credentials", "sts-malformed")


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (403, error_xml("AccessDenied"), "sts:AccessDenied"),
        (400, error_xml("Throttling"), "sts:Throttling"),
        (403, error_xml("CANARY here"), "sts:403"),
        (403, error_xml("AccessDenied") * 2, "sts:403"),
        (403, b"<!DOCTYPE x>" + error_xml("AccessDenied"), "sts:403"),
        (302, b"", "sts:302"),
        (500, b"\xff\xfe", "sts:500"),
    ],
)
async def test_the_operator_learns_stss_code_and_the_caller_nothing(status: int, body: bytes, reason: str) -> None:
    """Why there are no keys is known by STS's error code, and by nothing else of its text (R-01)."""
    endpoint = Sts()
    endpoint.script = [Answer(status, {"location": "http://169.254.169.254/"}, body)]
    credentials = role(endpoint, PairOfCredentials(OLD, NEW))
    with pytest.raises(Unavailable) as caught:
        await credentials.current(NOW)
    assert credentials.last_failure == reason
    shown = f"{caught.value} {caught.value!r} {caught.value.message} {caught.value.__cause__!r} {credentials!r}"
    assert reason not in shown
    assert "CANARY" not in shown
    assert len(endpoint.requests) == 1
