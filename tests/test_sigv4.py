"""The signer against three oracles: AWS's own suite, botocore and aws-requests-auth; and against itself."""

import hashlib
import importlib
import json
import pathlib
import random
import re
import types
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import sigv4
from gateway.keypair import KeyPair
from tests.conftest import VECTORS

HOST = "cognito-idp.us-east-1.amazonaws.com"
TARGET = "AWSCognitoIdentityProviderService.AdminGetUser"
NOON = 1_795_262_400.0  # 2026-11-21T12:00:00Z
MIDNIGHT = 1_795_305_600.0  # 2026-11-22T00:00:00Z
TOKEN_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/([^,]+), SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})"
)


def pair(name: str = "A", *, token: str | None = None) -> KeyPair:
    """Keys that belong to nobody."""
    return KeyPair(f"AKIDTEST{name}", f"secret+of/{name}", token)


def slow_authorization(
    keys: KeyPair, headers: list[tuple[str, str]], body: bytes, now: float, *, service: str = "cognito-idp"
) -> str:
    """Authorization by the plain functions, one step after the other."""
    date = sigv4.amz_date(now)
    scope = sigv4.credential_scope(date[:8], "us-east-1", service)
    request = sigv4.canonical_request("POST", "/", (), headers, hashlib.sha256(body).hexdigest())
    to_sign = sigv4.string_to_sign(date, scope, hashlib.sha256(request.encode()).hexdigest())
    key = sigv4.signing_key(keys.secret_access_key, date[:8], "us-east-1", service)
    return sigv4.authorization(keys.access_key_id, scope, sigv4.signed_headers(headers), sigv4.signature(key, to_sign))


# AWS's suite


def suite(*classes: str) -> list[str]:
    """The names of AWS's cases in these classes; none where the vectors are not beside the project."""
    manifest = VECTORS / "sigv4" / "manifest.json"
    if not manifest.is_file():
        return []
    return [case["dir"] for case in json.loads(manifest.read_text()) if case["cls"] in classes]


def raw_request(text: str) -> tuple[str, list[tuple[str, str]], list[tuple[str, str]], bytes]:
    """Method, query as decoded pairs, headers with their folds, body of a case's `request.txt`."""
    head, _, body = text.partition("\n\n")
    first, *lines = head.rstrip("\n").split("\n")
    method, _, rest = first.partition(" ")
    path, _, query = rest.removesuffix(" HTTP/1.1").partition("?")
    if path != "/":
        raise ValueError(path)
    headers: list[tuple[str, str]] = []
    for line in lines:
        if line[:1].isspace():
            name, value = headers.pop()
            headers.append((name, f"{value}\n{line}"))
        else:
            name, _, value = line.partition(":")
            headers.append((name, value))
    return method, parse_qsl(query, keep_blank_values=True), headers, body.encode()


def case_headers(
    context: dict[str, Any], headers: list[tuple[str, str]], date: str, hashed: str
) -> list[tuple[str, str]]:
    """What a case has signed: its own headers and those that its context asks for."""
    added = [("X-Amz-Date", date)]
    if context["sign_body"]:
        added.append(("x-amz-content-sha256", hashed))
    token = context["credentials"].get("token")
    if token and not context.get("omit_session_token"):
        added.append(("X-Amz-Security-Token", token))
    return [*headers, *added]


@pytest.mark.parametrize("name", suite("core-headers", "core-json-post", "query"))
def test_every_stage_equals_aws_own_suite(name: str) -> None:
    """Canonical request, string to sign, signature and Authorization are, byte for byte, what AWS's suite expects."""
    folder = VECTORS / "sigv4" / name
    context = json.loads((folder / "context.json").read_text())
    method, query, headers, body = raw_request((folder / "request.txt").read_text())
    date = re.sub("[-:]", "", context["timestamp"])
    hashed = hashlib.sha256(body).hexdigest()
    signed = case_headers(context, headers, date, hashed)
    request = sigv4.canonical_request(method, "/", query, signed, hashed)
    assert request == (folder / "header-canonical-request.txt").read_text()
    scope = sigv4.credential_scope(date[:8], context["region"], context["service"])
    to_sign = sigv4.string_to_sign(date, scope, hashlib.sha256(request.encode()).hexdigest())
    assert to_sign == (folder / "header-string-to-sign.txt").read_text()
    credentials = context["credentials"]
    key = sigv4.signing_key(credentials["secret_access_key"], date[:8], context["region"], context["service"])
    signature = sigv4.signature(key, to_sign)
    assert signature == (folder / "header-signature.txt").read_text()
    value = sigv4.authorization(credentials["access_key_id"], scope, sigv4.signed_headers(signed), signature)
    assert f"Authorization:{value}\n" in (folder / "header-signed-request.txt").read_text()


def test_the_suite_is_whole(vectors: pathlib.Path) -> None:
    """All 15 cases that concern our kind of request were there to be run, and the 7 about queries."""
    assert (vectors / "sigv4" / "manifest.json").is_file()
    assert (len(suite("core-headers", "core-json-post")), len(suite("query"))) == (15, 7)


# Other people's signers


def some_body(dice: random.Random) -> bytes:
    """A body as callers send it, now and then empty, not ASCII or as large as is let in."""
    username = "".join(dice.choice('aé漢😀 "\\\n\x7f') for _ in range(dice.randrange(12)))
    plain = json.dumps({"UserPoolId": "us-east-1_TESTPOOL1", "Username": username}, ensure_ascii=dice.random() < 0.5)
    return dice.choice([b"", b"{}", plain.encode(), plain.encode(), plain.encode(), dice.randbytes(65536)])


def test_a_thousand_requests_are_signed_as_botocore_signs_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the body, target, token and time: the same Authorization and date as AWS's SDK for Python."""
    auth = importlib.import_module("botocore.auth")
    aws_request = importlib.import_module("botocore.awsrequest").AWSRequest
    credentials = importlib.import_module("botocore.credentials").Credentials
    dice = random.Random(20261121)  # noqa: S311 - test data, not a secret
    signer = sigv4.Signer("us-east-1", "cognito-idp", HOST)
    pairs = [pair("A"), pair("B"), pair("C", token="FwoGZXIvYXdzEXAMPLE/+=="), pair("C", token="another==")]
    for _ in range(1000):
        keys, body = dice.choice(pairs), some_body(dice)
        target = f"AWSCognitoIdentityProviderService.{dice.choice(['ListUsers', 'AdminGetUser', 'GetUser'])}"
        now = dice.choice([NOON, MIDNIGHT - 0.001, MIDNIGHT, dice.uniform(0, 4e9)])
        moment = datetime.fromtimestamp(int(now), UTC).replace(tzinfo=None)
        monkeypatch.setattr(auth, "get_current_datetime", lambda moment=moment: moment)
        theirs = aws_request(
            "POST",
            f"https://{HOST}/",
            headers={"Content-Type": sigv4.JSON_CONTENT_TYPE, "X-Amz-Target": target},
            data=body,
        )
        auth.SigV4Auth(
            credentials(keys.access_key_id, keys.secret_access_key, keys.session_token), "cognito-idp", "us-east-1"
        ).add_auth(theirs)
        assert dict(signer.sign(keys, target=target, body=body, now=now)) == dict(theirs.headers)


@pytest.fixture
def aws_requests_auth(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """aws-requests-auth at noon."""
    module = importlib.import_module("aws_requests_auth.aws_auth")
    noon = datetime.fromtimestamp(NOON, UTC).replace(tzinfo=None)
    frozen = types.SimpleNamespace(datetime=types.SimpleNamespace(utcnow=lambda: noon))
    monkeypatch.setattr(module, "datetime", frozen)
    return module


def their_headers(module: types.ModuleType, keys: KeyPair, body: bytes, target: str = TARGET) -> dict[str, str]:
    """What aws-requests-auth adds to our request."""
    request = importlib.import_module("requests").Request(
        "POST", f"https://{HOST}/", headers={"X-Amz-Target": target}, data=body
    )
    auth = module.AWSRequestsAuth(
        keys.access_key_id, keys.secret_access_key, HOST, "us-east-1", "cognito-idp", keys.session_token
    )
    return dict(auth(request.prepare()).headers)


@pytest.mark.parametrize("token", [None, "FwoGZXIvYXdzEXAMPLE/+=="])
@pytest.mark.parametrize("body", [b"", b"{}", '{"Username": "é漢😀"}'.encode(), b"x" * 65536])
def test_the_headers_that_aws_requests_auth_signs_give_its_signature(
    aws_requests_auth: types.ModuleType, token: str | None, body: bytes
) -> None:
    """Over the few headers that the other library signs, our functions come to its Authorization."""
    keys = pair("A", token=token)
    headers = [("Host", HOST), ("X-Amz-Date", sigv4.amz_date(NOON))]
    if token is not None:
        headers.append(("X-Amz-Security-Token", token))
    theirs = their_headers(aws_requests_auth, keys, body)
    assert theirs["Authorization"] == slow_authorization(keys, headers, body, NOON)


def test_a_changed_target_changes_our_signature_and_not_that_of_aws_requests_auth(
    aws_requests_auth: types.ModuleType,
) -> None:
    """Who could alter a request on its way cannot turn a read into a deletion: why the signer is our own (ADR 3)."""
    other = TARGET.replace("AdminGetUser", "AdminDeleteUser")
    ours = [
        dict(sigv4.Signer("us-east-1", "cognito-idp", HOST).sign(pair(), target=each, body=b"{}", now=NOON))
        for each in (TARGET, other)
    ]
    theirs = [their_headers(aws_requests_auth, pair(), b"{}", each) for each in (TARGET, other)]
    assert ours[0]["Authorization"] != ours[1]["Authorization"]
    assert theirs[0]["Authorization"] == theirs[1]["Authorization"]


# The fast form


pairs = st.builds(
    KeyPair,
    st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", min_size=16, max_size=20),
    st.text(min_size=1, max_size=60).filter(str.isprintable),
    st.none() | st.text(TOKEN_LETTERS, min_size=1, max_size=400),
)
requests = st.tuples(
    st.integers(0, 2),
    st.none() | st.sampled_from([TARGET, "AWSCognitoIdentityService.GetId"]),
    st.binary(max_size=200),
    st.sampled_from([NOON, NOON + 0.9, NOON + 1, MIDNIGHT - 1, MIDNIGHT]) | st.floats(0, 4e9),
    st.sampled_from([sigv4.JSON_CONTENT_TYPE, "application/x-www-form-urlencoded; charset=utf-8"]),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(pairs, min_size=3, max_size=3), st.lists(requests, max_size=12))
def test_the_fast_form_equals_the_plain_functions(
    keys: list[KeyPair], asked: list[tuple[int, str | None, bytes, float, str]]
) -> None:
    """What the signer keeps between requests, of whatever keys, times and targets, never shows in a signature."""
    signer = sigv4.Signer("us-east-1", "cognito-idp", HOST)
    for which, target, body, now, content_type in asked:
        *headers, (name, value) = signer.sign(keys[which], target=target, body=body, now=now, content_type=content_type)
        assert name == "Authorization"
        assert value == slow_authorization(keys[which], [*headers, ("Host", HOST)], body, now)


def test_all_headers_that_are_added_are_signed() -> None:
    """Nothing that the signer adds can be altered on the way, and nothing of anybody else's is added (R-09)."""
    headers = sigv4.Signer("us-east-1", "cognito-idp", HOST).sign(
        pair(token="token=="), target=TARGET, body=b"{}", now=NOON
    )
    assert [name for name, _ in headers] == [
        "Content-Type", "X-Amz-Date", "X-Amz-Target", "X-Amz-Security-Token", "Authorization",
    ]  # fmt: skip
    found = AUTHORIZATION.fullmatch(headers[-1][1])
    assert found is not None
    assert found[3] == "content-type;host;x-amz-date;x-amz-security-token;x-amz-target"


def test_at_midnight_the_next_days_key_signs() -> None:
    """The kept key of the day that ends is not used in the first second of the next."""
    signer = sigv4.Signer("us-east-1", "cognito-idp", HOST)
    for now, day in ((MIDNIGHT - 1, "20261121"), (MIDNIGHT, "20261122"), (MIDNIGHT - 1, "20261121")):
        *headers, (_, value) = signer.sign(pair(), target=TARGET, body=b"{}", now=now)
        assert f"/{day}/us-east-1/cognito-idp/aws4_request" in value
        assert value == slow_authorization(pair(), [*headers, ("Host", HOST)], b"{}", now)


def test_targets_and_content_types_of_one_second_are_told_apart() -> None:
    """Two different operations, or forms, in the same second each get their own headers and signature."""
    signer = sigv4.Signer("us-east-1", "cognito-idp", HOST)
    keys = pair()
    for target, content_type in [
        (TARGET, "text/b"),
        (TARGET, sigv4.JSON_CONTENT_TYPE),
        (None, "text/b"),
        ("A.B", "text/b"),
    ] * 2:
        *headers, (_, value) = signer.sign(keys, target=target, body=b"{}", now=NOON, content_type=content_type)
        assert (dict(headers).get("X-Amz-Target"), dict(headers)["Content-Type"]) == (target, content_type)
        assert value == slow_authorization(keys, [*headers, ("Host", HOST)], b"{}", NOON)


def test_one_id_with_another_secret_is_signed_anew() -> None:
    """A secret or a token that was replaced under the same id does not meet what was kept of the old one (FAULT-18)."""
    signer = sigv4.Signer("us-east-1", "cognito-idp", HOST)
    for keys in (KeyPair("AKID", "one"), KeyPair("AKID", "two"), KeyPair("AKID", "two", "t"), KeyPair("AKID", "one")):
        *headers, (_, value) = signer.sign(keys, target=TARGET, body=b"{}", now=NOON)
        assert value == slow_authorization(keys, [*headers, ("Host", HOST)], b"{}", NOON)
        assert dict(headers).get("X-Amz-Security-Token") == keys.session_token


def test_what_is_kept_stays_small() -> None:
    """Many secrets, days and targets leave a handful of keys and one moment in memory."""
    signer = sigv4.Signer("us-east-1", "cognito-idp", HOST)
    for number in range(600):
        signer.sign(pair(str(number)), target=TARGET, body=b"", now=NOON + 86400 * number)
    keys = pair("A")
    for number in range(1200):
        signer.sign(keys, target=f"{TARGET}{number}", body=b"", now=NOON)
    moment = signer._moment
    assert len(signer._scopes) <= 4
    assert moment is not None
    assert len(moment.prefixes) <= 512


@pytest.mark.parametrize("poison", ["zq\r\nX-Amz-Target: b", "zq\nb", "zq  b", "zq\tb", "zqé", "zq\x00b", "zq\x7f"])
@pytest.mark.parametrize("where", ["target", "content_type", "token", "id"])
def test_a_value_that_would_be_sent_otherwise_than_signed_is_refused(where: str, poison: str) -> None:
    """A line break in a setting becomes no second header, and the value stays out of the error (R-01, R-09)."""
    keys = KeyPair(poison if where == "id" else "AKID", "secret", poison if where == "token" else None)
    target = poison if where == "target" else TARGET
    content_type = poison if where == "content_type" else sigv4.JSON_CONTENT_TYPE
    signer = sigv4.Signer("us-east-1", "cognito-idp", HOST)
    with pytest.raises(ValueError, match="cannot be signed as it would be sent") as caught:
        signer.sign(keys, target=target, body=b"{}", now=NOON, content_type=content_type)
    assert "zq" not in str(caught.value)


def test_no_repr_shows_a_key() -> None:
    """Keys and what holds them can be logged by accident and nothing leaks, not even the id (R-01)."""
    keys = KeyPair("AKIDCANARY", "SECRETCANARY", "TOKENCANARY", 1.0)
    signer = sigv4.Signer("us-east-1", "cognito-idp", HOST)
    signer.sign(keys, target=TARGET, body=b"{}", now=NOON)
    shown = f"{keys!r} {keys} {[keys]} {signer!r} {signer._moment!r} {list(signer._scopes.values())!r}"
    assert "CANARY" not in shown
