"""HTTP in, HTTP out: headers, limits, CORS, the two shapes of errors, the audit of every refusal."""

import asyncio
import json
from typing import Any

import pytest

from tests.world import JSON, TARGET, World

ORIGIN = "https://app.example.com"
READ = ("AdminGetUser", {"Username": "bob"})
EXPOSED = "x-request-id, retry-after, www-authenticate, x-amzn-requestid, x-amzn-errortype"


def pairs(*headers: tuple[str, str]) -> list[tuple[bytes, bytes]]:
    """Headers as the server hands them over."""
    return [(name.encode(), value.encode()) for name, value in headers]


async def test_one_401_for_all_reasons() -> None:
    """R-23: a stranger learns nothing from the answer; the reason is in the audit only."""
    world = World()
    tokens = [
        None, "x", "a.b.c", world.token("admin", exp=world.mint.now - 1), world.token("admin", iss="https://evil"),
        world.token("admin", client_id="other"), world.mint.id(),
    ]  # fmt: skip
    replies = [await world.call(*READ, token) for token in tokens]
    assert {(reply.status, reply.body, reply.headers["www-authenticate"]) for reply in replies} == {
        (401, b'{"__type": "NotAuthorizedException", "message": "The token was not accepted."}', "Bearer")
    }
    reasons = [entry["decision"]["reason"] for entry in world.entries]
    assert len(set(reasons)) > 4
    assert not any(reason.encode() in reply.body for reason in reasons for reply in replies)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([("authorization", "Bearer {t}")], 200),
        ([("authorization", "bearer {t}")], 200),
        ([("x-amz-security-token", "{t}")], 200),
        ([("authorization", "AWS4-HMAC-SHA256 Credential=x/y, Signature=z"), ("x-amz-security-token", "{t}")], 200),
        ([("authorization", "AWS4-HMAC-SHA256 Credential=x/y, Signature=z")], 401),
        ([("authorization", "Basic eDp5"), ("x-amz-security-token", "{t}")], 401),
        ([("authorization", "{t}")], 401),
        ([("authorization", "Bearer  {t}")], 401),
        ([("authorization", "Bearer\t{t}")], 401),
        ([("authorization", "Bearer ")], 401),
        ([("authorization", "Bearer {t}, Bearer {t}")], 401),
        ([("cookie", "token={t}")], 401),
        ([("authorization_", "Bearer {t}")], 401),
        ([("authorization", "Bearer {t}"), ("x-amz-security-token", "{t}")], 400),
        ([("authorization", "Bearer {t}"), ("authorization", "Bearer {t}")], 400),
        ([("x-amz-security-token", "{t}"), ("x-amz-security-token", "{t}")], 400),
        ([("authorization", "Bearer {t}"), ("x_amz_security_token", "{t}")], 400),
    ],
)
async def test_the_token_is_taken_from_one_place(headers: list[tuple[str, str]], status: int) -> None:
    """A bearer, or the AWS session token beside a signature or alone; two tokens in one request are refused."""
    world = World()
    token = world.token("admin")
    sent = [(name, value.format(t=token)) for name, value in headers]
    sent += [("content-type", JSON), ("x-amz-target", TARGET + "AdminGetUser")]
    reply = await world.http("POST", "/", pairs(*sent), b'{"Username":"bob"}')
    assert reply.status == status
    assert len(world.cognito.requests) == (status == 200)


@pytest.mark.parametrize(
    "targets",
    [
        [("x-amz-target", TARGET + "ListUsers"), ("x-amz-target", TARGET + "AdminDeleteUser")],
        [("x-amz-target", TARGET + "ListUsers"), ("x_amz_target", TARGET + "AdminDeleteUser")],
        [("x-amz-target", TARGET + "ListUsers"), ("x-amz_target", TARGET + "AdminDeleteUser")],
        [("x-amz-target", f"{TARGET}ListUsers, {TARGET}AdminDeleteUser")],
        [("x-amz-target", TARGET + "listusers")],
        [("x-amz-target", TARGET + "ListUsers ")],
        [("x-amz-target", "ListUsers")],
        [("x-amz-target", "AWSCognitoIdentityService.GetId")],
        [("x-amz-target", "AmazonSSM.GetParameter")],
        [],
    ],
)
async def test_there_is_exactly_one_target(targets: list[tuple[str, str]]) -> None:
    """R-08: the target is matched as a whole; a second one, or another spelling, is refused and not chosen from."""
    world = World()
    sent = [("authorization", f"Bearer {world.token('admin')}"), ("content-type", JSON), *targets]
    reply = await world.http("POST", "/", pairs(*sent), b"{}")
    assert reply.status == 400
    assert reply.type in {"UnknownOperationException", "InvalidParameterException"}
    assert not world.cognito.requests
    assert world.entries[-1]["decision"]["allowed"] is False


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        (JSON, 200),
        (JSON + "; charset=utf-8", 200),
        (JSON.upper(), 200),
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ("application/json; charset=utf-16", 415),
        ("application/problem+json", 415),
        ("application/x-amz-json-1.0", 415),
        (JSON + "; charset=utf-16", 415),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("", 415),
    ],
)
async def test_only_json_is_read(content_type: str, status: int) -> None:
    """R-17: what a browser sends without a preflight is never acted on."""
    world = World()
    reply = await world.call(*READ, world.token("admin"), headers={"content-type": content_type})
    assert reply.status == status


async def test_a_compressed_body_is_not_read() -> None:
    """The policy judges the bytes that were sent: nothing is unpacked."""
    world = World()
    reply = await world.call(*READ, world.token("admin"), headers={"content-encoding": "gzip"})
    assert (reply.status, reply.type) == (415, "UnsupportedMediaTypeException")


async def test_a_body_over_the_limit_is_refused_and_the_connection_closed() -> None:
    """R-16: a large body is refused by its declared length, before it is read."""
    world = World()
    reply = await world.call("AdminGetUser", raw=b"x" * 65537, token=world.token("admin"))
    assert (reply.status, reply.type) == (413, "RequestEntityTooLargeException")
    assert reply.headers["connection"] == "close"
    stranger = await world.call("AdminGetUser", raw=b"x" * 10_000_000)
    assert (stranger.status, stranger.headers["connection"]) == (401, "close")


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"x", b"[]", b'"a"', b"{}x", b"{}{}", "﻿{}".encode(), b'{"Username":"a","Username":"b"}',
        b'{"Username":"a","User\\u006eame":"b"}', b'{"username":"a"}', b'{"Username":["bob","root"]}',
        b'{"Username":null}', b'{"Username":1}', b'{"Username":"\\ud800"}', b'{"Username":"bob","Limit":1e999}',
        b'{"Username":' + b"[" * 1000 + b"]" * 1000 + b"}", b"[" * 60_000, '{"Username":"bob"}'.encode("utf-16"),
        b'{"Username":"bob","X":1}', b'{"Username":"bob","UserPoolId":null}', b'{"Username":""}',
        b'{"Username":"' + b"a" * 129 + b'"}', b'{"Username":NaN}',
    ],
)  # fmt: skip
async def test_a_body_that_the_operation_does_not_take_is_refused(raw: bytes) -> None:
    """R-10: what could be read in two ways, or not at all, never goes up; the answer names members, not values."""
    world = World()
    reply = await world.call("AdminGetUser", raw=raw, token=world.token("admin"))
    assert (reply.status, reply.type) == (400, "InvalidParameterException")
    assert b"bob" not in reply.body
    assert not world.cognito.requests


async def test_what_was_judged_is_what_is_sent() -> None:
    """R-10, R-11: the pool is filled in and the body written anew."""
    world = World()
    raw = b'{ "Username" : "b\\u00f6b" }'
    assert (await world.call("AdminGetUser", raw=raw, token=world.token("admin"))).status == 200
    assert world.cognito.requests[0].body == b'{"Username":"b\\u00f6b","UserPoolId":"us-east-1_DevPool01"}'


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "post", "PROPFIND"])
async def test_other_methods_are_refused(method: str) -> None:
    """R-16: the AWS endpoint has one method."""
    world = World()
    reply = await world.http(method, "/", pairs(("x-amz-target", TARGET + "ListUsers"), ("x-secret", "echo")))
    assert (reply.status, reply.headers["allow"]) == (405, "GET, POST, OPTIONS")
    assert b"echo" not in reply.body


@pytest.mark.parametrize(
    "path",
    ["/%2e%2e/", "/\\", "/%2f", "//attacker.example/", "/health/../", "/HEALTHZ", "/metrics", "/.env", "/x" * 500],
)
async def test_other_paths_are_not_found(path: str) -> None:
    """The raw path decides: nothing is normalised into a route, nothing is redirected."""
    world = World()
    sent = pairs(("authorization", f"Bearer {world.token('admin')}"), ("x-amz-target", TARGET + "ListUsers"))
    reply = await world.http("POST", path, [*sent, (b"content-type", JSON.encode())], b"{}")
    assert reply.status == 404
    assert reply.headers["content-type"] == "application/problem+json"
    assert not world.cognito.requests


async def test_every_answer_has_the_same_safe_headers() -> None:
    """No answer is cached or sniffed, each has the gateway's own request id."""
    world = World()
    replies = [
        await world.call(*READ, world.token("admin")),
        await world.call(*READ),
        await world.http("GET", "/healthz", []),
        await world.http("GET", "/nowhere", []),
        await world.http("OPTIONS", "/", []),
    ]
    assert [reply.status for reply in replies] == [200, 401, 200, 404, 204]
    for reply in replies:
        assert reply.headers["cache-control"] == "no-store"
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["x-request-id"]
    assert len({reply.headers["x-request-id"] for reply in replies}) == len(replies)


async def test_an_allowed_page_may_read_answers_and_errors() -> None:
    """R-17: CORS for exact origins, with Vary, never with credentials; errors too, so that a page can show them."""
    world = World(GATEWAY_ALLOWED_ORIGINS=ORIGIN)
    for token in (world.token("admin"), None):
        reply = await world.call(*READ, token, headers={"origin": ORIGIN})
        assert reply.headers["access-control-allow-origin"] == ORIGIN
        assert reply.headers["access-control-expose-headers"] == EXPOSED
        assert reply.headers["vary"] == "Origin"
        assert "access-control-allow-credentials" not in reply.headers


@pytest.mark.parametrize(
    "origin",
    [
        "null", "", "https://attacker.example", ORIGIN + ".attacker.example", "https://x.app.example.com",
        ORIGIN + ":8443",
        "https://APP.example.com", "https://appXexample.com", f"{ORIGIN}, https://attacker.example", ORIGIN + "/",
    ],
)  # fmt: skip
async def test_no_other_page_may(origin: str) -> None:
    """R-17: no header for any other origin, however near, in answers and preflights; a valid token still decides."""
    world = World(GATEWAY_ALLOWED_ORIGINS=ORIGIN)
    reply = await world.call(*READ, world.token("admin"), headers={"origin": origin})
    preflight = await world.http("OPTIONS", "/", pairs(("origin", origin), ("access-control-request-method", "POST")))
    assert reply.status == 200
    assert preflight.status == 403
    assert not [name for found in (reply, preflight) for name in found.headers if name.startswith("access-control")]
    assert reply.headers["vary"] == "Origin"


async def test_a_preflight_needs_no_token_and_calls_nothing() -> None:
    """R-17: a browser asks first; the answer names methods and headers, and nothing is audited or sent."""
    world = World(GATEWAY_ALLOWED_ORIGINS=ORIGIN)
    reply = await world.http("OPTIONS", "/", pairs(("origin", ORIGIN), ("access-control-request-method", "POST")))
    assert reply.status == 204
    assert reply.headers["access-control-allow-methods"] == "GET, POST, PUT, PATCH, DELETE"
    assert "x-amz-target" in reply.headers["access-control-allow-headers"]
    assert not world.cognito.requests
    assert not world.entries


@pytest.mark.parametrize(
    ("forwarded", "ip"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("6.6.6.6, 203.0.113.9", "203.0.113.9"),
        ("203.0.113.9, 192.0.2.8", "203.0.113.9"),
        ("evil", "192.0.2.7"),
        ("", "192.0.2.7"),
    ],
)
async def test_forwarded_addresses_are_believed_from_the_right_and_of_proxies_only(forwarded: str, ip: str) -> None:
    """An address that a caller invents is not what is limited and audited."""
    trusting, plain = World(GATEWAY_TRUSTED_PROXIES="192.0.2.0/24"), World()
    for world, told in ((trusting, ip), (plain, "192.0.2.7")):
        await world.call(*READ, world.token("admin"), headers={"x-forwarded-for": forwarded})
        assert world.entries[-1]["caller"]["ip"] == told


async def test_no_audit_no_action() -> None:
    """R-18: while the audit cannot be written nothing reaches Cognito, reads included."""
    world = World()
    world.sink.broken = True
    for call in (
        READ,
        ("AdminDisableUser", {"Username": "bob"}),
        ("InitiateAuth", {"ClientId": world.mint.client_id, "AuthFlow": "USER_AUTH"}),
    ):
        reply = await world.call(*call, world.token("admin"))
        assert (reply.status, reply.type) == (503, "ServiceUnavailableException")
        assert int(reply.headers["retry-after"]) >= 1
    assert not world.cognito.requests
    world.sink.broken = False
    assert (await world.call(*READ, world.token("admin"))).status == 200


async def test_an_outcome_that_cannot_be_written_is_told_and_owed() -> None:
    """R-18: the caller gets the true answer and a sign; nothing more passes until the line is written."""
    from tests.world import answer  # noqa: PLC0415 - one use

    world = World()

    def script(_request: object) -> Any:
        world.sink.broken = True
        return answer({})

    world.cognito.script = script
    reply = await world.call("AdminDisableUser", {"Username": "bob"}, world.token("admin"))
    assert (reply.status, reply.headers["x-gateway-audit"]) == (200, "incomplete")
    assert (await world.call(*READ, world.token("admin"))).status == 503
    world.cognito.script = lambda _request: answer({})
    world.sink.broken = False
    assert (await world.call(*READ, world.token("admin"))).status == 200
    assert [entry["phase"] for entry in world.entries] == ["intent", "outcome", "decision"]


async def test_a_rate_is_the_callers_own() -> None:
    """R-22: a role's rate counts per caller and operation."""
    world = World('[roles.a]\ngroups = ["a"]\nallow = ["ListUsers", "AdminGetUser"]\nrate_per_minute = 3')
    token = world.token("a")
    assert [(await world.call("ListUsers", {}, token)).status for _ in range(4)] == [200, 200, 200, 429]
    assert world.reason == "rate"
    assert (await world.call(*READ, token)).status == 200
    assert (await world.call("ListUsers", {}, world.token("a", sub="another"))).status == 200


async def test_a_dry_run_decides_and_does_not_call() -> None:
    """A page can ask what its user may do; roles that may ask learn why, the others do not."""
    world = World()
    dry = {"x-gateway-dry-run": "true"}
    admin, user = world.token("admin"), world.token("user")
    allowed = await world.call("AdminDisableUser", {"Username": "bob"}, admin, headers=dry)
    assert allowed.json == {"allowed": True, "role": "admin", "reason": None, "field": None}
    refused = await world.call("AdminDeleteUser", {"Username": "bob"}, admin, headers=dry)
    assert refused.json == {"allowed": False, "role": None, "reason": "operation", "field": None}
    metadata = {"Username": "bob", "ClientMetadata": {"a": "b"}}
    field = await world.call("AdminResetUserPassword", metadata, admin, headers=dry)
    assert field.json == {"allowed": False, "role": None, "reason": "field", "field": "ClientMetadata"}
    assert (await world.call("ListUsers", {}, user, headers=dry)).json == {"allowed": False}
    assert (await world.call("ListUsers", {}, None, headers=dry)).status == 401
    assert not world.cognito.requests
    assert [entry["dry_run"] for entry in world.entries] == [True] * 5


async def test_a_defect_is_a_500_that_tells_nothing() -> None:
    """R-01: what nobody foresaw is audited, logged by its place, and answered without a word of it."""
    world = World()

    def script(_request: object) -> Any:
        raise KeyError("canary-value")

    world.cognito.script = script
    reply = await world.call("AdminDisableUser", {"Username": "bob"}, world.token("admin"))
    assert (reply.status, reply.type) == (500, "InternalErrorException")
    assert b"canary" not in reply.body
    assert [(entry["phase"], entry["error"]) for entry in world.entries] == [
        ("intent", None),
        ("outcome", "defect:KeyError"),
    ]
    assert any("KeyError at test_app.py:" in line for line in world.logged)
    assert not any("canary" in line for line in world.logged)


async def test_a_request_cut_short_calls_nothing_and_is_audited() -> None:
    """R-15: a caller who hangs up in the middle of the body leaves a line and nothing else."""
    world = World()
    sent: list[Any] = []
    messages = [{"type": "http.request", "body": b'{"Username"', "more_body": True}, {"type": "http.disconnect"}]

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    headers = pairs(
        ("authorization", f"Bearer {world.token('admin')}"),
        ("content-type", JSON),
        ("x-amz-target", TARGET + "AdminGetUser"),
    )
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "raw_path": b"/",
        "headers": headers,
        "client": ("192.0.2.7", 1),
    }
    await world.assembled.app(scope, receive, send)
    assert world.reason == "disconnected"
    assert not world.cognito.requests


async def test_overload_is_shed_quickly() -> None:
    """R-22: beyond the limit of calls in flight the answer is 503 at once, and memory stays bounded."""
    world = World()
    app = world.assembled.app
    app._in_flight.count = app._front.max_in_flight
    reply = await world.call(*READ, world.token("admin"))
    assert (reply.status, reply.type, reply.headers["retry-after"]) == (503, "ServiceUnavailableException", "1")


async def test_error_bodies_are_aws_json() -> None:
    """Every refusal of the AWS endpoint has `__type` in body and header."""
    world = World()
    calls: list[tuple[str, object, str | None]] = [("Nope", {}, None), (*READ, None)]
    for operation, body, token in [*calls, ("AdminDeleteUser", {}, world.token("admin"))]:
        reply = await world.call(operation, body, token)
        assert reply.headers["content-type"] == JSON
        assert set(json.loads(reply.body)) == {"__type", "message"}
        assert reply.headers["x-amzn-errortype"] == reply.type


@pytest.mark.parametrize("value", ["1", "yes", "on", "TRUE,true", ""])
async def test_a_dry_run_is_never_guessed(value: str) -> None:
    """Who means to try must not act: anything but true or false is refused."""
    world = World()
    call = ("AdminDisableUser", {"Username": "bob"}, world.token("admin"))
    assert (await world.call(*call, headers={"x-gateway-dry-run": value})).status == 400
    assert not world.cognito.requests
    assert (await world.call(*call, headers={"x-gateway-dry-run": "False"})).status == 200


async def test_who_sends_slowly_takes_nobodys_place() -> None:
    """R-22: a call counts from when its body is whole, and its caller's rate before that."""
    world = World('[roles.a]\ngroups = ["a"]\nallow = ["ListUsers"]\nrate_per_minute = 2')
    app, token = world.assembled.app, world.token("a")
    seen: list[int] = []

    async def receive() -> Any:
        seen.append(app._in_flight.count)
        return {"type": "http.disconnect"}

    async def send(_message: Any) -> None:
        return None

    headers = pairs(
        ("authorization", f"Bearer {token}"), ("content-type", JSON), ("x-amz-target", TARGET + "ListUsers")
    )
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "raw_path": b"/",
        "headers": headers,
        "client": ("192.0.2.7", 1),
    }
    for _ in range(2):
        await app(scope, receive, send)
    assert seen == [0, 0]
    assert (await world.call("ListUsers", {}, token)).status == 429
    assert app._in_flight.count == 0


async def test_a_cancelled_mutation_still_has_its_outcome() -> None:
    """R-18: the deed may be done although nobody waits for it any more."""
    world = World()

    def script(_request: object) -> Any:
        raise asyncio.CancelledError

    world.cognito.script = script
    with pytest.raises(asyncio.CancelledError):
        await world.call("AdminDisableUser", {"Username": "bob"}, world.token("admin"))
    assert [(entry["phase"], entry["error"]) for entry in world.entries] == [("intent", None), ("outcome", "cancelled")]


@pytest.mark.parametrize(
    ("forwarded", "ip"),
    [("::ffff:203.0.113.9", "203.0.113.9"), ("203.0.113.9:4711", "203.0.113.9"), ("[2001:db8::1]:443", "2001:db8::1")],
)
async def test_forwarded_addresses_lose_ports_and_mapping(forwarded: str, ip: str) -> None:
    """R-22: however a proxy writes an address, it is the caller's own and no other's."""
    world = World(GATEWAY_TRUSTED_PROXIES="192.0.2.0/24")
    await world.call(*READ, world.token("admin"), headers={"x-forwarded-for": forwarded})
    assert world.entries[-1]["caller"]["ip"] == ip
