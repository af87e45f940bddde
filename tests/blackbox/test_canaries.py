"""The canary grep greps: a secret that is planted anywhere ends the suite that it was planted in (R-01)."""

import json
import pathlib
import urllib.parse
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from tests.blackbox.canaries import MEMBERS, Canaries, HeededMint
from tests.blackbox.gateways import ACCESS_KEY_ID, SECRET_ACCESS_KEY, SESSION_TOKEN, Gateway, Leaked, Runtime, container
from tests.blackbox.misbehaviour import answering
from tests.blackbox.stub import Stub

BOB = b'{"Username":"bob"}'
FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "in JSON": json.dumps,
    "in a URL": lambda secret: f"https://example.com/?a={urllib.parse.quote(secret, safe='')}",
    "in a longer word": lambda secret: f"x{secret}x",
}
PLACES = ["out.log", "err.log", "audit.jsonl", "audit.2.jsonl", "audit.jsonl.partial", "core", "an answer"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("member", sorted(MEMBERS))
def test_every_secret_that_is_sent_is_looked_for(member: str, form: str) -> None:
    """R-01: the value of a secret member is found in whatever form it comes out, and nothing is before it does."""
    secret = 'canary "secret"\\ of a membér/+='
    canaries = Canaries()
    canaries.heed(json.dumps({"UserPoolId": "x", "Deeper": [{member: secret}]}).encode())
    assert canaries.found([b"nothing of it", json.dumps({member: "***"}).encode()]) == []
    assert canaries.found([b"something", FORMS[form](secret).encode()]) == [secret]


def test_tokens_are_looked_for_in_part(mint: HeededMint) -> None:
    """R-01: claims or signature of a token are enough; minted, sent as a bearer, as the session token or in a body."""
    canaries = mint.canaries = Canaries()
    token = mint.access(["admin"])
    header, claims, signature = token.split(".")
    assert canaries.found([header.encode()]) == []  # all tokens of a key have this one
    assert canaries.found([claims.encode()]) == [claims]
    for sent in (
        f"POST / HTTP/1.1\r\nAuthorization: Bearer {token}\r\n\r\n",
        f"POST / HTTP/1.1\r\nx-amz-security-token: {token}\r\n\r\n",
        f'{{"Logins":{{"pool":"{token}"}}}}',
    ):
        fresh = Canaries()
        fresh.heed(sent.encode())
        assert fresh.found([b"..." + signature.encode()]) == [signature]
    opaque = Canaries()
    opaque.heed(b"POST / HTTP/1.1\r\nAuthorization: Bearer not-a-token-at-all\r\n\r\n")
    assert opaque.found([b"not-a-token-at-all"]) == ["not-a-token-at-all"]


@pytest.fixture
def mint(pool: tuple[Stub, HeededMint]) -> HeededMint:
    """A mint of its own."""
    return pool[1]


Suite = AbstractContextManager[Gateway]


@pytest.fixture
def suite(runtime: Runtime, pool: tuple[Stub, HeededMint], tmp_path: pathlib.Path) -> Suite:
    """A gateway of one runtime, not yet started."""
    (tmp_path / "gateway").mkdir()
    return runtime(tmp_path / "gateway", *pool)


def plant(suite: Suite, place: str) -> None:
    """Let a secret come out in some place, and see that the suite fails at its end, and names it."""
    with pytest.raises(Leaked, match=SECRET_ACCESS_KEY), suite as gateway:  # noqa: PT012 - the suite's end raises
        if place == "an answer":
            gateway.stub.behaviour = answering({"Username": SECRET_ACCESS_KEY})  # a success passes as it is
            assert gateway.call("AdminGetUser", BOB, gateway.token("admin")).status == 200
        else:
            with (gateway.folder / place).open("ab") as out:
                out.write(b"\n" + SECRET_ACCESS_KEY.encode() + b"\n")


@pytest.mark.only("container", "it writes files")
@pytest.mark.parametrize("place", PLACES)
def test_all_that_came_out_is_read(suite: Suite, place: str) -> None:
    """R-01: a key in a log, an audit, a rest of one or an answer."""
    plant(suite, place)


@pytest.mark.only("edge", "it has a console")
@pytest.mark.parametrize("place", ["out.log", "err.log", "an answer"])
def test_all_that_a_worker_said_is_read(suite: Suite, place: str) -> None:
    """R-01: a key among the audit's lines or the operator's, or in an answer."""
    plant(suite, place)


def test_a_token_in_the_log_ends_a_suite(pool: tuple[Stub, HeededMint], tmp_path: pathlib.Path) -> None:
    """R-01: not only the gateway's own keys: the caller's too."""
    stub, mint = pool
    suite = container(tmp_path, stub, mint)
    with pytest.raises(Leaked), suite as gateway:  # noqa: PT012 - the suite's end raises
        token = gateway.token("admin")
        (tmp_path / "more.log").write_text(f"refused {token.rpartition('.')[2]}", encoding="utf-8")


def test_a_gateway_that_says_nothing_secret_passes(suite: Suite) -> None:
    """R-01: keys, passwords and tokens go in and, where they belong, up to Cognito; nowhere else is any of them."""
    with suite as gateway:
        check_nothing_is_said(gateway)


def check_nothing_is_said(gateway: Gateway) -> None:
    """See that a password and a token go where they belong only."""
    token = gateway.token("admin")
    body = json.dumps({"Username": "bob", "Password": "Canary-passw0rd!", "Permanent": True}).encode()
    assert gateway.call("AdminSetUserPassword", body, token).status == 200
    call = gateway.stub.received[0]
    assert call.json["Password"] == "Canary-passw0rd!"
    assert call.header("x-amz-security-token") == SESSION_TOKEN
    assert token.encode() not in call.body + repr(call.headers).encode()
    assert ACCESS_KEY_ID in call.header("authorization")
    assert gateway.entries
    assert gateway.end() == 0
    assert {"Canary-passw0rd!", SECRET_ACCESS_KEY, token.split(".")[2]} <= gateway.canaries.secrets
    assert gateway.canaries.found(gateway.told()) == []
