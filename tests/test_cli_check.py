"""`gateway check`, as an operator types it before and after a deployment."""

import contextlib
import io
import json
import os
import pathlib
import re
import socket
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from gateway.assembly import read_policy
from gateway.cli import check, harmless, main
from gateway.cli.dev import permissions, settings_for
from gateway.emulator import server as emulator_server
from gateway.emulator.server import Emulator
from gateway.operations import catalogue
from gateway.operations import check as judge
from tests.answering import Answering, Asked, Told
from tests.audit.oracle import ENTRY
from tests.audit.stage import Stage
from tests.blackbox.gateways import free_port
from tests.e2e.conftest import served
from tests.redis_server import running

ALLOWED = permissions(read_policy(None))
UNKNOWN_PAIR = {"access_key_id": "AKIACANARYCANARY0007", "secret_access_key": "canary+secret/00000000000000000000007"}
COLLECTOR_TOKEN = "canary-collector-token"
STORE_PASSWORD = "canary-store-password"


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    """Cognito, with the gateway's IAM policy enforced."""
    with emulator_server.start(port=0, iam_policy=ALLOWED, users=3) as found:
        yield found


@pytest.fixture(autouse=True)
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """An empty folder and an environment without settings."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(("AWS_", "COGNITO_", "GATEWAY_", "STS_")):
            monkeypatch.delenv(name)
    return tmp_path


class Checked:
    """One run: its exit status and its findings."""

    def __init__(self, status: int, out: str) -> None:
        """`out` is its JSON."""
        self.status = status
        document = json.loads(out)
        assert document["passed"] is (status == 0)
        self.found: list[dict[str, Any]] = document["findings"]

    def of(self, step: str) -> list[tuple[str, str]]:
        """Status and text of one step's findings."""
        return [(one["status"], one["text"]) for one in self.found if one["step"] == step]

    def failed(self) -> list[str]:
        """The steps that failed, and each says what to do."""
        failures = [one for one in self.found if one["status"] == "FAILED"]
        assert all(one["remedy"] for one in failures if one["step"] not in {"settings", "policy"}), failures
        return sorted({one["step"] for one in failures})


Check = Callable[..., Checked]


@pytest.fixture
def checked(emulator: Emulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Check:
    """Run it with the emulator's settings and some changes (None removes); nothing secret is ever shown (R-01)."""

    def run(*words: str, settings: Mapping[str, str] | None = None, **changes: str | None) -> Checked:
        values = {**(settings_for(emulator) if settings is None else settings), **changes}
        with monkeypatch.context() as patch:
            for name, value in values.items():
                if value is not None:
                    patch.setenv(name, value)
            status = main(["check", "--json", *words])
        out, err = capsys.readouterr()
        secrets = {values.get("AWS_SECRET_ACCESS_KEY"), values.get("AWS_ACCESS_KEY_ID"), emulator.machine_client_secret}
        secrets |= {emulator.secret_access_key, emulator.access_key_id, *UNKNOWN_PAIR.values()}
        secrets |= {COLLECTOR_TOKEN, STORE_PASSWORD, "arn:aws"}
        assert not [one for one in secrets if one and one in out + err]
        return Checked(status, out)

    return run


def pair_of(emulator: Emulator) -> dict[str, str]:
    """The keys that work."""
    return {"access_key_id": emulator.access_key_id, "secret_access_key": emulator.secret_access_key}


def two_pairs(current: Mapping[str, str], following: Mapping[str, str]) -> str:
    """AWS_CREDENTIALS."""
    return json.dumps({"current": current, "next": following})


def test_a_gateway_that_would_work_passes(checked: Check, emulator: Emulator) -> None:
    """Every part is looked at, and only reads about somebody who cannot exist reach Cognito."""
    emulator.calls.clear()
    found = checked()
    assert found.status == 0
    assert {one["status"] for one in found.found} == {"ok"}
    steps = {one["step"] for one in found.found}
    assert steps == {"settings", "policy", "key set", "Cognito", "identity pools", "clock", "keys", "store", "audit"}
    signed = [call for call in emulator.calls if call.operation in harmless.READS]
    assert signed
    assert all(call.operation in {*harmless.READS, "GetUser", "GetId", "json"} for call in emulator.calls)
    assert all("gateway-check-" in json.dumps(call.body) for call in signed if call.operation != "ListGroups")


def test_what_is_tried_is_what_cognito_takes() -> None:
    """A body that Cognito refuses for its form would prove nothing about permissions."""
    for name in (*harmless.READS, *harmless.CHANGES):
        operation = catalogue().by_name[name]
        assert operation.signed
        assert operation.mutates is (name in harmless.CHANGES)
        assert judge(operation, harmless.body(name, "us-east-1_DevPool01")) is None
    assert not [name for name in harmless.CHANGES if "Create" in name or name.endswith(("DeleteUser", "Auth"))]


def test_all_problems_of_the_settings_are_said_and_nothing_is_asked(checked: Check, emulator: Emulator) -> None:
    """R-14: each wrong setting is named at once; no call is made with doubtful settings."""
    emulator.calls.clear()
    found = checked(COGNITO_USER_POOL_ID="nonsense", COGNITO_CLIENT_IDS=None, GATEWAY_MAX_BODY_BYTES="lots")
    assert found.status == 1
    told = " ".join(text for _, text in found.of("settings"))
    assert all(name in told for name in ("COGNITO_USER_POOL_ID", "COGNITO_CLIENT_IDS", "GATEWAY_MAX_BODY_BYTES"))
    assert found.of("policy")[0][0] == "ok"
    assert not list(emulator.calls)


def test_a_wrong_policy_is_said_and_the_rest_is_looked_at(checked: Check) -> None:
    """Every mistake in the policy, together with what else is wrong."""
    found = checked(GATEWAY_POLICY='[roles.a]\ngroups = ["a"]\nallow = ["ListUser", "AdminGetUsers"]\n')
    assert found.failed() == ["policy"]
    assert len(found.of("policy")) == 2
    assert found.of("keys")[0] == ("ok", "AWS accepts the signature")


def test_a_wrong_policy_beside_wrong_settings_is_said_too(checked: Check) -> None:
    """Nobody repairs the one to learn of the other."""
    found = checked(COGNITO_CLIENT_IDS=None, GATEWAY_POLICY="[roles.a]\nallow = 1\n")
    assert found.failed() == ["policy", "settings"]


def test_warnings_do_not_fail(checked: Check, folder: pathlib.Path) -> None:
    """What an operator should know is said, and the exit status stays 0."""
    found = checked(
        GATEWAY_AUDIT_REQUIRED="false", WEB_CONCURRENCY="2", GATEWAY_POLICY="[guards]\nrank = false\n[roles]\n"
    )
    assert found.status == 0
    assert [status for status, _ in found.of("settings")] == ["ok", "warning", "warning"]
    assert found.of("policy")[-1][0] == "warning"
    assert not list(folder.iterdir())


def test_a_wrong_secret_is_told_from_an_unknown_key(checked: Check) -> None:
    """R-01: which of the two is wrong is said, without either."""
    found = checked(AWS_SECRET_ACCESS_KEY="x" * 40)
    assert found.failed() == ["keys"]
    assert found.of("keys") == [("FAILED", "the secret does not belong to the access key id")]
    found = checked(AWS_ACCESS_KEY_ID=UNKNOWN_PAIR["access_key_id"])
    assert found.of("keys")[0][1].startswith("AWS does not know the access key id")


@pytest.mark.parametrize(
    ("current_works", "next_works", "current", "following", "status"),
    [(True, True, "ok", "ok", 0), (False, True, "warning", "ok", 0), (True, False, "ok", "FAILED", 1)],
)
def test_both_pairs_are_tried(  # noqa: PLR0917
    current_works: bool,  # noqa: FBT001
    next_works: bool,  # noqa: FBT001
    current: str,
    following: str,
    status: int,
    checked: Check,
    emulator: Emulator,
) -> None:
    """A dead pair is found before one rotates to it; a dead current one is carried by the next."""
    good = pair_of(emulator)
    pairs = two_pairs(good if current_works else UNKNOWN_PAIR, good if next_works else UNKNOWN_PAIR)
    found = checked(AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None, AWS_CREDENTIALS=pairs)
    assert found.status == status
    assert found.of("keys (current)")[0][0] == current
    assert found.of("keys (next)")[0][0] == following


def test_two_dead_pairs_fail(checked: Check) -> None:
    """Neither carries the other."""
    pairs = two_pairs(UNKNOWN_PAIR, {**UNKNOWN_PAIR, "access_key_id": "AKIACANARYCANARY0008"})
    found = checked(AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None, AWS_CREDENTIALS=pairs)
    assert found.failed() == ["keys (current)", "keys (next)"]


def test_a_role_is_assumed(checked: Check, emulator: Emulator) -> None:
    """With AWS_ROLE_ARN the role's keys are tried; one that cannot be assumed is said."""
    assert checked(AWS_ROLE_ARN=emulator.role_arn).status == 0
    found = checked(AWS_ROLE_ARN="arn:aws:iam::123456789012:role/Nobody")
    assert found.failed() == ["keys"]
    assert "cannot be assumed (AccessDenied" in found.of("keys")[0][1]
    found = checked(AWS_ROLE_ARN=emulator.role_arn, STS_ENDPOINT_URL=f"http://127.0.0.1:{free_port()}")
    assert "cannot be assumed (unreachable)" in found.of("keys")[0][1]
    found = checked(AWS_ROLE_ARN=emulator.role_arn, AWS_SECRET_ACCESS_KEY="x" * 40)
    assert found.of("keys")[0][1] == "the secret does not belong to the access key id"


def test_missing_permissions_are_named(checked: Check) -> None:
    """The actions that IAM denies are said, and nothing else of its answer."""
    statement = {**ALLOWED["Statement"][0], "Action": ["cognito-idp:ListUsers", "cognito-idp:AdminEnableUser"]}
    with emulator_server.start(port=0, iam_policy={**ALLOWED, "Statement": [statement]}, users=1) as other:
        found = checked(settings=settings_for(other))
        more = checked("--permissions", settings=settings_for(other))
    assert found.failed() == more.failed() == ["keys"]
    assert found.of("keys")[0] == ("ok", "AWS accepts the signature")
    told = found.of("keys")[1][1]
    assert "cognito-idp:AdminGetUser" in told
    assert "cognito-idp:ListUsers," not in told
    assert "AdminDisableUser" not in told
    assert "cognito-idp:AdminDisableUser" in more.of("keys")[1][1]
    assert "AdminEnableUser" not in more.of("keys")[1][1]


def test_changes_are_tried_on_nobody(checked: Check, emulator: Emulator) -> None:
    """With --permissions every change goes to a name that nobody has: the pool stays what it was."""
    emulator.calls.clear()
    assert checked("--permissions").status == 0
    changes = [call for call in emulator.calls if call.operation in harmless.CHANGES]
    assert len(changes) == 8
    assert all(call.body["Username"].startswith("gateway-check-") for call in changes)
    assert len({call.body["Username"] for call in changes}) == len(changes)


WHO = "User: arn:aws:iam::123456789012:user/canary is not authorized to perform: cognito-idp:AdminGetUser"


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (f"{WHO} on x because no identity-based policy allows it", " (no identity-based policy allows it)"),
        (f"{WHO} with an explicit deny in a service control policy", " (denied by the service control policy)"),
        ("canary", "cognito-idp:ListUsersInGroup"),
    ],
)
def test_why_iam_denied_is_said_in_fixed_words(message: str, told: str, checked: Check, emulator: Emulator) -> None:
    """R-19: the kind of policy, where AWS says so; no ARN, account or other text of AWS's."""

    def deny(asked: Asked) -> Told:
        kind = "InvalidParameterException" if asked.headers["x-amz-target"].endswith("GetUser") else "x"
        kind = "AccessDeniedException" if "authorization" in asked.headers else kind
        body = json.dumps({"__type": kind, "Message": message}).encode()
        return Told(400, {"content-type": "application/x-amz-json-1.1"}, body)

    with Answering(deny) as cognito:
        found = checked(COGNITO_ENDPOINT_URL=cognito.url, COGNITO_IDENTITY_POOL_ID=None)
    text = found.of("keys")[1][1]
    assert text.endswith(told)
    assert "canary" not in json.dumps(found.found)
    assert emulator.account_id not in json.dumps(found.found)


@pytest.mark.parametrize(
    ("ahead_seconds", "status", "text"),
    [
        (20, "warning", r"is off by -(19|20) s against AWS's"),
        (600, "FAILED", r"is off by -(599|600) s against AWS's"),
        (-600, "FAILED", r"is off by \+60[0-2] s against AWS's"),
        (200_000, "FAILED", "is off by more than a day against AWS's"),
    ],
)
def test_a_wrong_clock_is_not_taken_for_wrong_keys(ahead_seconds: int, status: str, text: str, checked: Check) -> None:
    """The clock is compared with AWS's, and the keys are tried by AWS's time."""
    with emulator_server.start(port=0, iam_policy=ALLOWED, users=1, clock=lambda: time.time() + ahead_seconds) as other:
        found = checked(settings=settings_for(other))
    ((said, offset),) = found.of("clock")
    assert said == status
    assert re.fullmatch(text, offset)
    if abs(ahead_seconds) < 86_400:
        assert [one for one, _ in found.of("keys")] == ["ok", "ok"]


def test_an_unreachable_key_set_fails(checked: Check, emulator: Emulator) -> None:
    """R-21: without keys no token can be verified; a set that no gateway would believe is no better."""
    found = checked(COGNITO_JWKS_URL=f"http://127.0.0.1:{free_port()}/jwks.json")
    assert found.failed() == ["key set"]
    assert "not fetched (unreachable)" in found.of("key set")[0][1]
    found = checked(COGNITO_JWKS_URL=f"{emulator.url}/us-east-1_Another01/.well-known/jwks.json")
    assert "not fetched (status-404)" in found.of("key set")[0][1]


def test_one_issuer_form_may_be_missing(checked: Check, monkeypatch: pytest.MonkeyPatch, emulator: Emulator) -> None:
    """By default both forms are accepted; where a pool has only one, that is a warning which names the setting."""
    from gateway import settings as package  # noqa: PLC0415 - patched here alone

    real = package._issuers

    def two(*words: Any, **named: Any) -> Any:
        issuers, urls = real(*words, **named)
        nowhere = f"http://127.0.0.1:{free_port()}/jwks.json"
        return issuers, dict(zip(issuers, (urls[issuers[0]], nowhere), strict=True))

    monkeypatch.setattr(package, "_issuers", two)
    found = checked()
    assert found.status == 0
    assert [status for status, _ in found.of("key set")] == ["ok", "warning"]
    assert "COGNITO_ISSUER" in next(one["remedy"] for one in found.found if one["status"] == "warning")
    assert emulator.pool_id in found.of("key set")[1][1]


def test_an_endpoint_that_is_not_cognito_fails(checked: Check) -> None:
    """Nobody there, or somebody else: both are said, and no signature is sent there."""
    found = checked(COGNITO_ENDPOINT_URL=f"http://127.0.0.1:{free_port()}")
    assert found.failed() == ["Cognito"]
    assert "cannot be reached" in found.of("Cognito")[0][1]
    assert not found.of("keys")
    with Answering(lambda _: Told(200, {"content-type": "text/html"}, b"<html>")) as other:
        found = checked(COGNITO_ENDPOINT_URL=other.url)
    assert "not as Cognito does" in found.of("Cognito")[0][1]
    assert not [one for one in other.asked if "authorization" in one.headers]


def test_another_accounts_pool_is_told_from_bad_keys(checked: Check) -> None:
    """Good keys and a pool that their account does not have."""
    with emulator_server.start(port=0, users=1) as other:
        found = checked(
            settings=settings_for(other),
            COGNITO_USER_POOL_ID="us-east-1_Another01",
            COGNITO_JWKS_URL=other.jwks_url,
        )
    assert found.failed() == ["keys"]
    assert "has no such pool" in found.of("keys")[0][1]


@pytest.mark.parametrize(
    ("kind", "status"), [("TooManyRequestsException", "warning"), ("InternalErrorException", "FAILED")]
)
def test_a_throttle_passes_and_an_unknown_error_does_not(kind: str, status: str, checked: Check) -> None:
    """What is no proof against the keys is said as it is."""

    def refuse(_: Asked) -> Told:
        return Told(400, {"content-type": "application/x-amz-json-1.1"}, json.dumps({"__type": kind}).encode())

    with Answering(refuse) as cognito:
        found = checked(COGNITO_ENDPOINT_URL=cognito.url, COGNITO_IDENTITY_POOL_ID=None)
    assert found.of("keys")[0][0] == status
    assert kind in found.of("keys")[0][1]


def test_a_redis_is_tried_and_left_as_it_was(checked: Check, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Scripts, keys and the password are proved; a lock of the check's own is all that was there, for a moment."""
    with running(tmp_path_factory.mktemp("redis"), "--requirepass", STORE_PASSWORD) as redis:
        good = f"redis://:{STORE_PASSWORD}@127.0.0.1:{redis.port}"
        assert checked(GATEWAY_STORE=good).of("store") == [("ok", "the Redis answers, runs scripts and takes keys")]
        assert redis.ask_all(("AUTH", STORE_PASSWORD), ("DBSIZE",)) == b":0\r\n"
        wrong = checked(GATEWAY_STORE=good.replace(STORE_PASSWORD, "other-password"))
        assert wrong.failed() == ["store"]
        assert "other-password" not in json.dumps(wrong.found)
        assert "password" in next(one["remedy"] for one in wrong.found if one["step"] == "store")
        redis.hang()
        hanging = checked(GATEWAY_STORE=good)
        redis.go_on()
        assert hanging.failed() == ["store"]
    assert checked(GATEWAY_STORE=good).of("store") == [("FAILED", "the Redis cannot be used: ConnectionRefusedError")]


@pytest.mark.parametrize(
    ("store", "status"), [(None, "ok"), ("memory", "ok"), ("STATE", "skipped"), ("redis://:canary@127.0.0.1", "FAILED")]
)
def test_a_workers_store_is_a_binding(store: str | None, status: str, checked: Check) -> None:
    """The .env of a Worker passes with --worker, which says that nobody looks at its Durable Object; a Redis fails."""
    found = checked("--worker", GATEWAY_STORE=store)
    assert [one for one, _ in found.of("store")] == [status]
    assert found.status == (1 if status == "FAILED" else 0)
    assert "canary" not in json.dumps(found.found)


def test_a_bindings_name_is_told_from_a_wrong_redis(checked: Check) -> None:
    """R-14: without --worker it is refused, as `gateway serve` would, and the option is named."""
    found = checked(GATEWAY_STORE="STATE", COGNITO_CLIENT_IDS=None)
    assert found.failed() == ["settings"]
    remedies = [one["remedy"] for one in found.found if "GATEWAY_STORE" in one["text"]]
    assert ["--worker" in remedy for remedy in remedies] == [True]
    found = checked(GATEWAY_STORE="http://127.0.0.1")
    assert "--worker" not in json.dumps(found.found)


def test_an_acl_that_allows_too_little_is_said(checked: Check, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The ACL of docs/decisions/0007-store.md is enough for the check too; one for another pool is not."""
    text = (pathlib.Path(__file__).parents[1] / "docs" / "decisions" / "0007-store.md").read_text(encoding="utf-8")
    (found_words,) = re.findall(r"ACL SETUSER gateway (on >PASSWORD (?:.|\n)+?)\n\n", text)
    words = found_words.replace("PASSWORD", STORE_PASSWORD)
    with running(tmp_path_factory.mktemp("redis")) as redis:
        url = f"redis://gateway:{STORE_PASSWORD}@127.0.0.1:{redis.port}"
        assert redis.ask("ACL", "SETUSER", "gateway", *words.split()) == b"+OK\r\n"
        found = checked(GATEWAY_STORE=url)
        assert found.failed() == ["store"]
        assert "ACL" in next(one["remedy"] for one in found.found if one["step"] == "store")
        mine = words.replace("us-east-1_EXAMPLE", "us-east-1_DevPool01")
        assert redis.ask("ACL", "SETUSER", "gateway", "reset", *mine.split()) == b"+OK\r\n"
        assert checked(GATEWAY_STORE=url).of("store")[0][0] == "ok"


def a_line() -> bytes:
    """A line of an audit."""
    stage = Stage(chain="5f3a9c0b1d2e4f60")
    assert stage.trail.try_record(ENTRY)
    return stage.sink.lines[-1]


def test_an_audit_file_is_looked_at_and_left_alone(checked: Check, folder: pathlib.Path) -> None:
    """R-18: whether it would take a line is known without one; not a byte of it changes, and none is made."""
    path = folder / "audit.jsonl"
    found = checked(GATEWAY_AUDIT=f"file:{path}", WEB_CONCURRENCY="2")
    assert [status for status, _ in found.of("audit")] == ["ok", "ok"]
    assert "audit.2.jsonl" in found.of("audit")[1][1]
    assert not list(folder.iterdir())
    path.write_bytes(a_line() + b'{"half')
    path.chmod(0o600)
    before = path.read_bytes(), path.stat().st_mtime_ns
    assert checked(GATEWAY_AUDIT=f"file:{path}").of("audit")[0][0] == "ok"
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    path.chmod(0o644)
    assert [status for status, _ in checked(GATEWAY_AUDIT=f"file:{path}").of("audit")] == ["warning", "ok"]


def test_an_audit_that_cannot_be_written_fails(checked: Check, folder: pathlib.Path) -> None:
    """R-18: no folder, no file, a link, somebody else's file."""
    (folder / "notes.txt").write_text("not an audit\n")
    (folder / "link").symlink_to(folder / "notes.txt")
    (folder / "folder").mkdir()
    for name, told in (
        ("none/audit.jsonl", "does not exist"),
        ("notes.txt", "does not end with an audit line"),
        ("link", "is a link"),
        ("folder", "no regular file"),
    ):
        found = checked(GATEWAY_AUDIT=f"file:{folder / name}")
        assert found.failed() == ["audit"]
        assert told in found.of("audit")[0][1]


@contextlib.contextmanager
def somebody_else() -> Iterator[None]:
    """Act as a user who may not write everywhere, where the tests run as root."""
    if os.getuid() != 0:
        yield
        return
    os.setresuid(65534, 65534, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


def test_a_disk_that_is_not_writable_fails(checked: Check) -> None:
    """R-18: a folder where no file can be made, and a file that may not be appended to."""
    with tempfile.TemporaryDirectory() as place:  # pytest's own is for its user alone
        locked = pathlib.Path(place)
        (locked / "audit.jsonl").write_bytes(a_line())
        (locked / "audit.jsonl").chmod(stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH)
        locked.chmod(0o555)
        with somebody_else():
            new = checked(GATEWAY_AUDIT=f"file:{locked / 'new.jsonl'}")
            old = checked(GATEWAY_AUDIT=f"file:{locked / 'audit.jsonl'}")
        locked.chmod(0o755)
    assert new.failed() == old.failed() == ["audit"]
    assert "is not writable" in new.of("audit")[0][1]
    assert "cannot be written: Permission denied" in old.of("audit")[0][1]


@pytest.mark.parametrize(
    ("status", "said"), [(204, "ok"), (400, "ok"), (401, "FAILED"), (403, "FAILED"), (404, "FAILED"), (500, "FAILED")]
)
def test_a_collector_is_asked_with_no_line(status: int, said: str, checked: Check) -> None:
    """R-18: it gets an empty batch with its token; what it answers tells address and token from wrong ones."""
    with Answering(lambda _: Told(status)) as collector:
        found = checked(GATEWAY_AUDIT=f"{collector.url}/lines?stream=a", GATEWAY_AUDIT_TOKEN=COLLECTOR_TOKEN)
    assert [one for one, _ in found.of("audit")] == [said]
    (asked,) = collector.asked
    assert (asked.method, asked.path, asked.body) == ("POST", "/lines?stream=a", b"")
    assert asked.headers["authorization"] == f"Bearer {COLLECTOR_TOKEN}"
    assert "stream" not in json.dumps(found.found)


def test_a_collector_that_is_not_there_fails(checked: Check) -> None:
    """R-18: and its path, which may hold a token, is not shown."""
    found = checked(GATEWAY_AUDIT=f"http://127.0.0.1:{free_port()}/{COLLECTOR_TOKEN}")
    assert found.failed() == ["audit"]


def test_the_deployed_gateway_is_looked_at(checked: Check, emulator: Emulator, folder: pathlib.Path) -> None:
    """R-17: alive, the allowed origins and no others, and nobody enters without a token."""
    origins = "https://app.example.com,https://other.example.com"
    with served(folder, settings_for(emulator) | {"GATEWAY_ALLOWED_ORIGINS": origins}) as url:
        found = checked("--url", url, GATEWAY_ALLOWED_ORIGINS=origins)
        lacking = checked("--url", f"{url}/", GATEWAY_ALLOWED_ORIGINS=f"{origins},https://third.example.com")
        alone = checked("--url", url, COGNITO_USER_POOL_ID=None)
    assert found.status == 0
    assert [status for status, _ in found.of("CORS")] == ["ok", "ok", "ok"]
    assert ("ok", "a call without a token is answered 401") in found.of("deployed")
    assert lacking.failed() == ["CORS"]
    assert "https://third.example.com" in next(text for status, text in lacking.of("CORS") if status == "FAILED")
    assert alone.failed() == ["settings"]
    assert ("ok", "a call without a token is answered 401") in alone.of("deployed")


def test_another_server_is_not_taken_for_the_gateway(checked: Check) -> None:
    """R-17: one that lets everybody in, or anything in front of it that opens CORS, fails."""
    with Answering(lambda _: Told(200, {"access-control-allow-origin": "*"})) as other:
        found = checked("--url", other.url)
    assert found.failed() == ["CORS", "deployed"]
    assert "any origin may call" in found.of("CORS")[0][1]
    with Answering(lambda _: Told(503)) as other:
        found = checked("--url", other.url)
    assert len([one for one in found.of("deployed") if one[0] == "FAILED"]) == 2
    found = checked("--url", f"http://127.0.0.1:{free_port()}")
    assert "cannot be reached" in found.of("deployed")[0][1]


@contextlib.contextmanager
def silent() -> Iterator[str]:
    """A server that accepts and says nothing; its address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        kept: list[socket.socket] = []

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    kept.append(listening.accept()[0])

        thread = threading.Thread(target=accept)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()
        for one in kept:
            one.close()


def test_no_part_takes_for_ever(checked: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that never answers ends its part, not the check."""
    monkeypatch.setattr(check, "STEP_SECONDS", 0.5)
    with silent() as url:
        found = checked(COGNITO_ENDPOINT_URL=url)
    assert found.failed() == ["Cognito"]
    assert "not done after" in found.of("Cognito")[0][1]
    assert found.of("store")[0][0] == "ok"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


def test_a_terminal_gets_colours_and_progress(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """People see what is waited for; a failure is red and followed by what to do."""
    monkeypatch.setattr(check, "STEP_SECONDS", 0.4)
    monkeypatch.setattr(check, "_QUIET_SECONDS", 0.1)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    out, err = Terminal(), Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    with silent() as url:
        for name, value in (settings_for(emulator) | {"COGNITO_ENDPOINT_URL": url}).items():
            monkeypatch.setenv(name, value)
        assert main(["check"]) == 1
    assert "looking at Cognito ..." in err.getvalue()
    assert err.getvalue().endswith("\r\033[K")
    assert "\033[31mFAILED \033[0m  Cognito: not done" in out.getvalue()
    assert "         try again" in out.getvalue()
    assert out.getvalue().endswith("1 failed, 0 warnings, 5 ok\n")


def test_an_env_file_is_read_alone(
    emulator: Emulator, folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The keys of whoever types the command are not mixed with the gateway's: one place, and never a .env unasked."""
    text = "".join(f"{name}='{value}'\n" for name, value in settings_for(emulator).items())
    (folder / ".env").write_text(text, encoding="utf-8")
    assert main(["check"]) == 1
    out, err = capsys.readouterr()
    assert "COGNITO_USER_POOL_ID: read nothing" in out
    assert "the .env file here is not read" in err
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", UNKNOWN_PAIR["access_key_id"])
    monkeypatch.setenv("AWS_CREDENTIALS", "no keys at all")
    assert main(["check", "--env-file", ".env"]) == 0
    assert "0 failed" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ["--url", "gateway.example.com"],
        ["--url", "http://gateway.example.com"],
        ["--url", "https://gateway.example.com/path"],
        ["--url", "https://user:canary@gateway.example.com"],
        ["--nope"],
    ],
)
def test_wrong_arguments_exit_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong word is refused before anything is looked at."""
    with pytest.raises(SystemExit) as ended:
        main(["check", *words])
    assert ended.value.code == 2
    assert "canary" not in capsys.readouterr().err.replace(words[-1], "")


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_an_env_file_that_cannot_be_read_exits_with_2(
    content: bytes | None, folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is named, and nothing is taken from elsewhere instead."""
    if content is not None:
        (folder / "settings").write_bytes(content)
    assert main(["check", "--env-file", "settings"]) == 2
    assert "gateway check: settings: " in capsys.readouterr().err


def test_the_help_says_whose_keys_are_used(capsys: pytest.CaptureFixture[str]) -> None:
    """`--help` explains, and shows an example."""
    with pytest.raises(SystemExit):
        main(["check", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "example: gateway check" in text
    assert "your own AWS keys" in text
