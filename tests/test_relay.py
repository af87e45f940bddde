"""What of Cognito's answers reaches the caller."""

import functools

import pytest

from gateway.upstream import Answer, Request
from tests.world import ACCESS_KEY_ID, SECRET_ACCESS_KEY, World, answer, refusal

JSON_TYPE = {"content-type": "application/x-amz-json-1.1"}


@pytest.mark.parametrize(
    ("found", "type_"),
    [
        (refusal("UserNotFoundException", "User does not exist."), "UserNotFoundException"),
        (refusal("com.amazonaws.cognito#UserNotFoundException"), "UserNotFoundException"),
        (
            answer({"message": "x"}, 400, x_amzn_errortype="InvalidPasswordException:http://x"),
            "InvalidPasswordException",
        ),
        (refusal("InternalErrorException", status=500), "InternalErrorException"),
    ],
)
async def test_cognitos_own_refusals_pass(found: Answer, type_: str) -> None:
    """R-19: status, type in body and header, so that every SDK raises its typed exception."""
    world = World()
    world.cognito.script = lambda _request: found
    reply = await world.call("AdminGetUser", {"Username": "bob"}, world.token("admin"))
    assert (reply.status, reply.type, reply.headers["x-amzn-errortype"]) == (found.status, type_, type_)
    assert reply.headers["x-amzn-requestid"] == "0b7f6c7e-upstream"


@pytest.mark.parametrize("type_", ["TooManyRequestsException", "ThrottlingException"])
async def test_throttles_tell_when_to_come_back(type_: str) -> None:
    """R-20: a throttle passes with Retry-After and is not repeated by us: SDKs do that themselves."""
    world = World()
    world.cognito.script = lambda _request: refusal(type_, "Rate exceeded")
    reply = await world.call("AdminGetUser", {"Username": "bob"}, world.token("admin"))
    assert (reply.status, reply.type, reply.headers["retry-after"]) == (400, type_, "1")
    assert len(world.cognito.requests) == 1


async def test_cognitos_retry_after_is_kept_and_capped() -> None:
    """A longer wait that Cognito asks for reaches the caller; an absurd one is cut."""
    for given, told in (("7", "7"), ("99999", "60"), ("0", "1"), ("soon", "1")):
        world = World()  # of its own: the gateway heeds what it hears
        throttle = refusal("TooManyRequestsException", retry_after=given)
        world.cognito.script = functools.partial(_always, throttle)
        reply = await world.call("AdminGetUser", {"Username": "bob"}, world.token("admin"))
        assert reply.headers["retry-after"] == told


@pytest.mark.parametrize(
    "type_",
    [
        "AccessDeniedException", "UnrecognizedClientException", "InvalidSignatureException", "ExpiredTokenException",
        "MissingAuthenticationTokenException", "IncompleteSignatureException", "InvalidSignature",
        "com.amazonaws.cognito.AccessDeniedException",
    ],
)  # fmt: skip
async def test_errors_about_our_identity_are_a_bad_gateway(type_: str) -> None:
    """R-19: who may not do what is never told in terms of the gateway's own IAM user."""
    world = World()
    text = "User: arn:aws:iam::123456789012:user/gw is not authorized to perform: cognito-idp:AdminGetUser"
    world.cognito.script = lambda _request: refusal(type_, text)
    reply = await world.call("AdminGetUser", {"Username": "bob"}, world.token("admin"))
    assert (reply.status, reply.type) == (502, "InternalErrorException")
    assert b"arn:" not in reply.body
    assert b"123456789012" not in reply.body
    assert any(type_.rpartition(".")[2] in line for line in world.logged)


@pytest.mark.parametrize(
    "text",
    [
        "role arn:aws:iam::123456789012:role/x cannot be assumed",
        f"key {ACCESS_KEY_ID} is odd",
        f"secret {SECRET_ACCESS_KEY} leaked",
        "temporary ASIAIOSFODNN7EXAMPLE found",
        "account 123456789012",
        "The Canonical String for this request should have been 'POST / content-type'",
        "arn:aws:iam::123456789012:user/a,b",
    ],
)
async def test_error_texts_are_masked(text: str) -> None:
    """R-01, R-19: ARNs, key ids, account ids and our own keys never pass in a message."""
    world = World()
    world.cognito.script = lambda _request: refusal("InvalidParameterException", text)
    reply = await world.call("AdminGetUser", {"Username": "bob"}, world.token("admin"))
    assert reply.status == 400
    assert "***" in reply.json["message"]
    for secret in ("arn:", "123456789012", ACCESS_KEY_ID, SECRET_ACCESS_KEY, "ASIA"):
        assert secret not in reply.json["message"]


@pytest.mark.parametrize(
    "found",
    [
        Answer(200, {"content-type": "text/html"}, b"<html>Service Unavailable</html>"),
        Answer(200, JSON_TYPE, b"<html>"),
        Answer(200, JSON_TYPE, b'{"Username": "bo'),
        Answer(200, JSON_TYPE, b"[]"),
        Answer(503, {"content-type": "text/html"}, b"<html>503</html>"),
        Answer(500, JSON_TYPE, b""),
        Answer(400, JSON_TYPE, b"{}"),
        Answer(400, JSON_TYPE, b'{"__type": 3}'),
        Answer(400, JSON_TYPE, b'{"__type": "x\\r\\ny"}'),
        Answer(302, {"location": "http://169.254.169.254/"}, b""),
        Answer(302, JSON_TYPE, b'{"__type": "Moved"}'),
        Answer(204, {}, b""),
    ],
)
async def test_what_is_not_aws_json_is_a_bad_gateway(found: Answer) -> None:
    """R-19: HTML, truncated JSON, redirects, errors without a type would crash an SDK: they are 502 in its words."""
    world = World()
    world.cognito.script = lambda _request: found
    reply = await world.call("AdminGetUser", {"Username": "bob"}, world.token("admin"))
    assert (reply.status, reply.type) == (502, "InternalErrorException")
    assert len(world.cognito.requests) == 1


async def test_a_successful_answer_passes_as_its_bytes() -> None:
    """What Cognito said is what the caller gets, to the byte; only listed headers come with it."""
    body = b'{"Username":"bob", "Enabled" :true,"Date":1.731950000123E9}'
    world = World()
    world.cognito.script = lambda _request: Answer(
        200,
        {**JSON_TYPE, "x-amzn-requestid": "abc-1", "set-cookie": "a=b", "x-custom": "y", "connection": "close"},
        body,
    )
    reply = await world.call("AdminGetUser", {"Username": "bob"}, world.token("admin"))
    assert reply.body == body
    assert set(reply.headers) == {
        "content-type", "content-length", "x-amzn-requestid", "x-request-id", "cache-control", "x-content-type-options",
    }  # fmt: skip


async def test_an_empty_success_is_a_success() -> None:
    """Some changes are answered with nothing at all."""
    world = World()
    world.cognito.script = lambda _request: Answer(200, {}, b"")
    reply = await world.call("AdminDisableUser", {"Username": "bob"}, world.token("admin"))
    assert (reply.status, reply.body) == (200, b"")


async def test_an_empty_answer_to_a_read_is_a_bad_gateway() -> None:
    """R-19: every read has something to tell; an empty list that nobody told would be believed."""
    world = World()
    world.cognito.script = lambda _request: Answer(200, JSON_TYPE, b"")
    for found in (
        await world.call("AdminGetUser", {"Username": "bob"}, world.token("admin")),
        await world.call("ListUsers", {}, world.token("admin")),
        await world.rest("GET", "/admin/users", None, world.token("admin")),
    ):
        assert found.status == 502


def _always(found: Answer, _request: Request) -> Answer:
    return found
