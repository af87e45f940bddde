"""What Cognito may answer and what of it may be seen; what leaks; what a gateway refuses to start with."""

import contextlib
import json
import pathlib
import pickle

import pytest

from gateway.policy_file import PolicyError
from gateway.runtimes import container
from gateway.settings import SettingsError
from tests.blackbox import attacks
from tests.blackbox.attacks import ATTACKS, JSON_BODY, Attack
from tests.blackbox.gateways import ACCESS_KEY_ID, CLIENT, POOL, SECRET_ACCESS_KEY, SESSION_TOKEN, Gateway
from tests.blackbox.misbehaviour import answering, bomb, flooding, raw, refusing
from tests.blackbox.stub import Behaviour, response, well
from tests.blackbox.wire import Response

ARN = "arn:aws:iam::123456789012:user/gw"
FIFTY_MEGABYTES = 50 * 1024 * 1024
OWN_HEADERS = [
    "cache-control", "connection", "content-length", "content-type", "date", "vary", "x-amzn-requestid",
    "x-content-type-options", "x-request-id",
]  # fmt: skip
BY_THE_PLATFORM = {"container": set[str](), "edge": {"date"}}
"""What is added after the gateway has answered: by Cloudflare's edge, which is not here."""
IDENTITY = [
    refusing(
        "AccessDeniedException", f"User: {ARN} is not authorized because no policy arn:aws:iam::123456789012:policy/p"
    ),
    refusing("UnrecognizedClientException", "The security token included in the request is invalid."),
    refusing("InvalidSignatureException", f"The Canonical String for this request should have been {SESSION_TOKEN}"),
    refusing("ExpiredTokenException", "expired", "403 Forbidden"),
]
KEPT = [
    refusing("InvalidParameterException", f"role {ARN} of 123456789012 is not there"),
    refusing("InvalidParameterException", f"{ACCESS_KEY_ID} ASIA0123456789ABCDEF {SECRET_ACCESS_KEY} {SESSION_TOKEN}"),
]
HOP_BY_HOP = (
    "Connection: keep-alive, X-Internal", "Keep-Alive: timeout=5", "X-Internal: 10.0.0.1", "Set-Cookie: session=1",
    "Server: Cognito", "Trailer: X", "Upgrade: h2c", "Proxy-Authenticate: Basic",
    "Strict-Transport-Security: max-age=1", "Access-Control-Allow-Origin: *", "x-amzn-errormessage: internal",
    "Location: http://10.0.0.1/",
)  # fmt: skip
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
UNTIL_CLOSE = raw(HEAD + b'\r\n{"ok": true}', then_close=True)
ON_EDGE = {UNTIL_CLOSE: 200}
"""`fetch` does not say how an answer ended: what ends with its connection passes where it is whole as JSON."""
ANSWERS: dict[str, list[tuple[Behaviour, int]]] = {
    "HTTP-240-resp-50mb": [(flooding(FIFTY_MEGABYTES, chunked=chunked), 502) for chunked in (False, True)],
    "HTTP-241-resp-gzip-bomb": [(bomb(FIFTY_MEGABYTES), 502)],
    "HTTP-242-resp-cl-short": [
        (raw(HEAD + b'Content-Length: 99\r\n\r\n{"a":1}', then_close=True), 502),
        (UNTIL_CLOSE, 502),
        (raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\n7\r\n{}", then_close=True), 502),
    ],
    "HTTP-244-resp-hop-by-hop": [
        (answering({"ok": True}, "200 OK", *HOP_BY_HOP), 200),
        (raw(HEAD + b'Transfer-Encoding: chunked\r\n\r\nc\r\n{"ok": true}\r\n0\r\n\r\n'), 200),
    ],
    "HTTP-245-resp-arn-in-message": [(IDENTITY[0], 502), (KEPT[0], 400)],
    "HTTP-246-resp-akid-in-message": [(KEPT[1], 400), (IDENTITY[2], 502)],
    "HTTP-248-resp-unrecognized-client": [(behaviour, 502) for behaviour in IDENTITY],
    "HTTP-250-resp-1xx": [(raw(INTERIM + response(b'{"ok": true}')), 200)],
}  # fmt: skip
LEAKS = {
    "HTTP-252-log-crlf-username", "HTTP-254-log-secret-scan", "HTTP-255-log-repr-settings", "HTTP-260-err-oracle",
    "HTTP-262-env-dump",
}  # fmt: skip
SECRET_TEXTS = (
    ARN,
    "123456789012",
    ACCESS_KEY_ID,
    "ASIA0123456789ABCDEF",
    SECRET_ACCESS_KEY,
    SESSION_TOKEN,
    "Canonical",
)


def test_every_answer_and_leak_has_a_test() -> None:
    """Nothing of the file is left out."""
    if not ATTACKS:
        pytest.skip(attacks.NO_VECTORS)
    assert {attack.id for attack in ATTACKS if attack.kind == "RESP"} == set(ANSWERS)
    assert {attack.id for attack in ATTACKS if attack.kind == "LEAK"} == LEAKS
    configs = {kind for attack in ATTACKS if attack.kind == "CONFIG" for kind in attack.members["config"]}
    assert configs == {"region", "user_pool_id", "proxy-env", *SETTINGS, *POLICIES}


@attacks.of("RESP")
def test_an_answer_is_relayed_whole_and_masked_or_not_at_all(gateway: Gateway, attack: Attack) -> None:
    """R-19, R-20: too large, packed, cut short or about ourselves: 502; our names in an error are masked."""
    token = gateway.token("admin")
    for behaviour, usual in ANSWERS[attack.id]:
        status = ON_EDGE.get(behaviour, usual) if gateway.runtime == "edge" else usual
        gateway.stub.behaviour = behaviour
        found = gateway.call("ListUsers", JSON_BODY, token)
        assert found.status == status
        assert not [text for text in SECRET_TEXTS if text.encode() in found.body]
        assert sorted({*found.names, *BY_THE_PLATFORM[gateway.runtime]} - {"x-amzn-errortype"}) == OWN_HEADERS
        assert found.headers["content-length"] == str(len(found.body))
        if status == 200:
            assert found.json == {"ok": True}
        else:
            assert found.headers["x-amzn-errortype"] == found.json["__type"]


def test_a_refusal_of_the_gateway_itself_is_told_to_the_operator_only(gateway: Gateway) -> None:
    """R-19: an UnrecognizedClient is never the caller's 401; the log says what is wrong with the keys."""
    gateway.stub.behaviour = IDENTITY[1]
    found = gateway.call("AdminDisableUser", b'{"Username":"bob"}', gateway.token("admin"))
    assert (found.status, found.json["__type"]) == (502, "InternalErrorException")
    assert b"Unrecognized" not in found.body
    assert "www-authenticate" not in found.headers
    assert len(gateway.stub.calls()) == 1  # there is no other pair of keys to try
    assert "identity:UnrecognizedClientException" in gateway.errors
    assert json.loads(gateway.audit.splitlines()[-1])["error"] == "identity:UnrecognizedClientException"


@attacks.the("HTTP-252-log-crlf-username")
def test_a_name_cannot_forge_a_line(gateway: Gateway, attack: Attack) -> None:
    """R-18: line breaks, escapes and separators in names are escaped in the audit; a name stays inside its line."""
    names = ["a\r\nX-Injected: 1", 'a"}\n{"forged":true', "\x1b[31mred", "a\u2028b\u0085c", "\x00", "\u202eadmin"]
    for name in names:
        body = json.dumps({"UserPoolId": POOL, "Username": name}).encode()
        assert gateway.call("AdminGetUser", body, gateway.token(attack.members["token"], username=name)).status in {
            200,
            400,
        }
    lines = gateway.audit.split(b"\n")[-len(names) - 1 : -1]
    assert [json.loads(line)["caller"]["username"] for line in lines] == names
    assert all(line.isascii() and line.decode().isprintable() for line in lines)


@attacks.the("HTTP-254-log-secret-scan")
def test_nothing_secret_has_been_said_so_far(gateway: Gateway, attack: Attack) -> None:
    """R-01: after refusals and successes no password, code or token stands in any answer, log or audit line."""
    secrets = {
        "AdminSetUserPassword": {"Username": "bob", "Password": "Canary-passw0rd!", "Permanent": True},
        "AdminCreateUser": {"Username": "bob", "TemporaryPassword": "Canary-temp0rary!"},
        "ConfirmSignUp": {
            "ClientId": CLIENT, "Username": "bob", "ConfirmationCode": "canary-123456",
            "SecretHash": "Y2FuYXJ5LWhhc2g=",
        },
        "RespondToAuthChallenge": {
            "ClientId": CLIENT, "ChallengeName": "SMS_MFA", "Session": "canary-session-of-a-challenge",
            "ChallengeResponses": {"USERNAME": "bob", "SMS_MFA_CODE": "canary-sms-654321"},
        },
        "RevokeToken": {"ClientId": CLIENT, "Token": "canary-refresh-token", "ClientSecret": "canary-client-secret"},
        "GetUser": {"AccessToken": gateway.token("users")},
    }  # fmt: skip
    for behaviour in (*KEPT, *IDENTITY, well, answering({"Username": "bob"})):
        gateway.stub.behaviour = behaviour
        for operation, body in secrets.items():
            for role in (attack.members["token"], "moderator", None):
                gateway.call(operation, json.dumps(body).encode(), gateway.token(role) if role else None)
                gateway.call(operation, json.dumps(body).encode()[:-2], gateway.token(role) if role else None)
    assert gateway.canaries.found(gateway.told()) == []


@attacks.the("HTTP-255-log-repr-settings")
def test_settings_do_not_show_their_secrets(attack: Attack) -> None:
    """R-01: printing the settings, in a traceback for instance, or copying them shows no key."""
    del attack
    settings, _ = container.read_settings(REQUIRED)
    told = [repr(settings), str(settings), f"{settings!r}", repr(settings.credentials), repr(vars(type(settings)))]
    told.append(json.dumps(settings, default=repr))
    with contextlib.suppress(TypeError, AttributeError, pickle.PicklingError):
        told.append(pickle.dumps(settings).decode("latin-1"))
    assert not [
        secret for secret in (ACCESS_KEY_ID, SECRET_ACCESS_KEY, SESSION_TOKEN) for text in told if secret in text
    ]


@attacks.the("HTTP-260-err-oracle")
def test_all_bad_tokens_look_alike(gateway: Gateway, attack: Attack) -> None:
    """R-23: the answer does not tell a bad signature from an unknown key, an old token or another client's."""
    role = attack.members["token"]
    good = gateway.token(role)
    bad = [
        good[:-8] + "AAAAAAAA",
        gateway.mint.sign(gateway.mint.claims(), kid="unknown"),
        gateway.token(role, exp=1),
        gateway.token(role, client_id="another"),
        gateway.token(role, iss="https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_OTHER"),
        gateway.mint.id([role]),
        "not-a-token-at-all",
    ]
    found = [gateway.call("ListUsers", JSON_BODY, token) for token in (*bad, None)]

    def seen(response: Response) -> tuple[object, ...]:
        own = {"x-request-id", "x-amzn-requestid", "date"}
        return response.status, response.body, *sorted((n, v) for n, v in response.headers.items() if n not in own)

    assert {seen(response) for response in found} == {seen(found[0])}
    assert (found[0].status, found[0].headers["www-authenticate"]) == (401, "Bearer")
    reasons = {json.loads(line)["decision"]["reason"] for line in gateway.audit.splitlines()[-len(found) :]}
    assert len(reasons) > 5
    assert gateway.stub.calls() == []


@attacks.the("HTTP-262-env-dump")
def test_no_route_shows_the_machine(gateway: Gateway, attack: Attack) -> None:
    """R-16: files, the environment, metrics and documentation of the framework are nowhere to be had."""
    token = gateway.token(attack.members["token"])
    paths = [
        "/proc/self/environ", "/../../proc/self/environ", "/%2e%2e/%2e%2e/proc/self/environ", "/.env", "/.git/config",
        "/debug", "/env", "/actuator/env", "/redoc", "/metrics", "/readyz", "/server-status", "/audit.jsonl",
        "/policy.toml", "/healthz/", "/healthz/../.env", "/static/../.env", "//etc/passwd",
    ]  # fmt: skip
    for path in paths:
        for method in ("GET", "POST", "PUT", "DELETE"):
            found = gateway.call(None, b"{}" if method != "GET" else b"", token, method=method, path=path)
            assert found.status in {400, 404, 405}, path
            assert len(found.body) < 200
    assert gateway.call(None, b"", path="/?file=/etc/passwd", method="GET").json["name"] == "cognito-edge-gateway"
    assert gateway.stub.calls() == []


REQUIRED = {
    "COGNITO_USER_POOL_ID": POOL,
    "COGNITO_CLIENT_IDS": CLIENT,
    "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
    "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
    "AWS_SESSION_TOKEN": SESSION_TOKEN,
}
SETTINGS = {
    "no-secret": {"AWS_SECRET_ACCESS_KEY": ""},
    "akid-space": {"AWS_ACCESS_KEY_ID": f"{ACCESS_KEY_ID}\n"},
    "policy-missing": {"GATEWAY_POLICY": "/nowhere/policy.toml"},
    "cors-star-cred": {"GATEWAY_ALLOWED_ORIGINS": "*"},
    "endpoint-http": {"COGNITO_ENDPOINT_URL": "http://cognito.example.com"},
    "tls-verify": {"GATEWAY_TLS_VERIFY": "false"},
}
POLICIES = {
    "policy-unknown-key": '[roles.a]\ngroups = ["a"]\nallow = []\nalow = ["ListUsers"]',
    "policy-wildcard": '[roles.a]\ngroups = ["a"]\nallow = ["*"]',
    "policy-bad-type": '[roles.a]\ngroups = ["a"]\nallow = "ListUsers"',
}


def refusal(changes: dict[str, str]) -> str:
    """Why a gateway does not start with these settings."""
    with pytest.raises((SettingsError, PolicyError)) as refused:
        container.read_settings(REQUIRED | changes)
    told = f"{refused.value}\n{refused.value!r}"
    assert not [secret for secret in (ACCESS_KEY_ID, SECRET_ACCESS_KEY, SESSION_TOKEN) if secret in told]
    return told


@attacks.of("CONFIG")
def test_no_start_with_what_would_lead_astray(attack: Attack, tmp_path: pathlib.Path) -> None:
    """R-14: hostile regions and pools, missing secrets, policies that say nothing: no start, and no secret told."""
    ((kind, value),) = attack.members["config"].items()
    if kind == "region":
        assert "AWS_REGION" in refusal({"AWS_REGION": value})
        assert "COGNITO_USER_POOL_ID" in refusal({"COGNITO_USER_POOL_ID": f"{value}_abc"})
    elif kind == "user_pool_id":
        assert "COGNITO_USER_POOL_ID" in refusal({"COGNITO_USER_POOL_ID": value})
    elif kind == "proxy-env":  # see test_faults.py for a gateway that runs with them
        hostile = dict.fromkeys(
            ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "SSL_CERT_FILE", "SSLKEYLOGFILE"), "http://evil"
        )
        assert repr(container.read_settings(REQUIRED | hostile)[0]) == repr(container.read_settings(REQUIRED)[0])
    elif kind in POLICIES:
        path = tmp_path / "policy.toml"
        path.write_text(POLICIES[kind], encoding="utf-8")
        assert "roles.a" in refusal({"GATEWAY_POLICY": str(path)})
        assert "roles.a" in refusal({"GATEWAY_POLICY": POLICIES[kind]})
    else:
        assert next(iter(SETTINGS[kind])) in refusal(SETTINGS[kind])
