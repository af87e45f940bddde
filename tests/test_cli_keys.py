"""`gateway keys push`, as an operator types it: a wrangler that writes down what it was given."""

import io
import json
import os
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.cli import main
from gateway.runtimes import wrangler
from tests import fake_wrangler
from tests.fake_wrangler import FakeWrangler

CANARY = "canary"
CURRENT = {"access_key_id": "AKIACANARYCANARY0001", "secret_access_key": "canary/secret+one/00000000000000000001"}
NEXT = {"access_key_id": "AKIACANARYCANARY0002", "secret_access_key": 'canary/"se\\cret"/two/0000000000000002'}
CLIENT_SECRETS = "client1=canary-client-secret-000001,client2=canary-client-secret-000002"
BOTH = json.dumps({"current": CURRENT, "next": NEXT})
ALL = {"AWS_CREDENTIALS": BOTH, "COGNITO_CLIENT_SECRETS": CLIENT_SECRETS, "GATEWAY_AUDIT_TOKEN": "canary-audit-token"}


class Pipe(io.StringIO):
    """Standard input that is no terminal."""


@pytest.fixture(autouse=True)
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """An empty folder, an environment without settings, and a PATH without wrangler."""
    place = tmp_path / "here"
    place.mkdir()
    monkeypatch.chdir(place)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    for name in list(os.environ):
        if name.startswith(("AWS_", "COGNITO_", "GATEWAY_", "WRANGLER_", "CLOUDFLARE_")):
            monkeypatch.delenv(name)
    return place


@pytest.fixture
def fake(folder: pathlib.Path, tmp_path: pathlib.Path) -> Iterator[FakeWrangler]:
    """A wrangler among the folder's packages; at the end no secret is anywhere on the disk but where a test put it."""
    found = fake_wrangler.install(folder / "node_modules" / ".bin" / "wrangler", tmp_path / "kept")
    yield found
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix != ".given":
            assert CANARY not in path.read_text(encoding="utf-8").lower(), path


def push(*words: str, given: str | None = None, monkeypatch: pytest.MonkeyPatch) -> int:
    """Type it, with something on standard input."""
    if given is not None:
        monkeypatch.setattr("sys.stdin", Pipe(given))
        words = ("--stdin", *words)
    return main(["keys", "push", *words])


def told(capsys: pytest.CaptureFixture[str]) -> str:
    """Everything that was printed, in which there is no secret (R-01)."""
    out, err = capsys.readouterr()
    assert CANARY not in (out + err).lower()
    return str(out + err)


def test_secrets_travel_through_standard_input_alone(
    fake: FakeWrangler, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: pathlib.Path
) -> None:
    """R-01: no word, no environment variable, no file and no output holds one; wrangler writes no log of it."""
    for name, value in ALL.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-of-somebody-else")
    monkeypatch.setenv("WRANGLER_LOG_SANITIZE", "false")
    before = sorted(folder.rglob("*"))
    assert push("--env", "staging", "--name", "my-gateway", monkeypatch=monkeypatch) == 0
    assert sorted(folder.rglob("*")) == before
    (call,) = fake.calls()
    assert call["words"] == ["secret", "bulk", "--env", "staging", "--name", "my-gateway"]
    assert json.loads(call["given"]) == ALL
    assert CANARY not in (call["line"] + json.dumps(call["environment"])).lower()
    assert call["environment"]["WRANGLER_LOG_SANITIZE"] == "true"
    assert call["environment"]["WRANGLER_WRITE_LOGS"] == "false"
    text = told(capsys)
    assert all(f"set {name} of the Worker my-gateway-staging (stage staging)\n" in text for name in ALL)


@pytest.mark.parametrize(
    "given",
    [BOTH, f"{BOTH}\n", json.dumps({"AWS_CREDENTIALS": BOTH}), json.dumps({"AWS_CREDENTIALS": json.loads(BOTH)})],
    ids=["value", "with-newline", "text", "object"],
)
def test_both_pairs_come_from_standard_input(
    given: str, fake: FakeWrangler, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """To rotate, current and next are given as one value, in whichever form a vault hands it out."""
    monkeypatch.setenv("GATEWAY_AUDIT_TOKEN", "canary-not-asked-for")
    assert push(given=given, monkeypatch=monkeypatch) == 0
    (call,) = fake.calls()
    secrets = json.loads(call["given"])
    assert list(secrets) == ["AWS_CREDENTIALS"]
    assert json.loads(secrets["AWS_CREDENTIALS"]) == {"current": CURRENT, "next": NEXT}
    assert "set AWS_CREDENTIALS" in told(capsys)


def test_single_keys_become_one_value(
    fake: FakeWrangler, folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An id is never left without its secret: a Worker gets the pair as AWS_CREDENTIALS."""
    (folder / "settings.given").write_text(
        f"AWS_ACCESS_KEY_ID={CURRENT['access_key_id']}\nAWS_SECRET_ACCESS_KEY={CURRENT['secret_access_key']}\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("COGNITO_CLIENT_SECRETS", CLIENT_SECRETS)  # the file is read alone
    assert push("--env-file", "settings.given", monkeypatch=monkeypatch) == 0
    (call,) = fake.calls()
    secrets = json.loads(call["given"])
    assert list(secrets) == ["AWS_CREDENTIALS"]
    assert json.loads(secrets["AWS_CREDENTIALS"]) == {"current": CURRENT}
    told(capsys)


def test_an_operators_own_keys_are_not_pushed(
    fake: FakeWrangler, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Keys that the SDKs find in an environment are as likely those of who types: they are refused."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", CURRENT["access_key_id"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", CURRENT["secret_access_key"])
    assert push(monkeypatch=monkeypatch) == 1
    assert "may be your own key" in told(capsys)
    assert not fake.calls()


def test_a_secret_may_come_from_a_file(
    fake: FakeWrangler, folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """X_FILE works as for the gateway: one newline at the end is the editor's."""
    (folder / "keys.given").write_text(f"{BOTH}\r\n", encoding="utf-8", newline="")
    monkeypatch.setenv("AWS_CREDENTIALS_FILE", str(folder / "keys.given"))
    assert push(monkeypatch=monkeypatch) == 0
    assert json.loads(fake.calls()[0]["given"]) == {"AWS_CREDENTIALS": BOTH}
    told(capsys)


def test_a_dry_run_names_what_would_be_set(
    fake: FakeWrangler, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Everything is judged, nothing is started; wrangler need not even be there."""
    shutil.rmtree(fake.path.parent)
    assert push("--dry-run", given=json.dumps(ALL), monkeypatch=monkeypatch) == 0
    where = "the Worker that wrangler names (no stage)"
    assert told(capsys) == "".join(f"would set {name} of {where}\n" for name in sorted(ALL))
    assert push("--dry-run", "--json", given=json.dumps(ALL), monkeypatch=monkeypatch) == 0
    assert json.loads(told(capsys)) == {"pushed": False, "secrets": sorted(ALL), "worker": None, "stage": None}
    assert not fake.calls()


STAGES = 'name = "gateway"\n[env.staging]\n[env.live]\nname = "live-gateway"\n'


@pytest.mark.parametrize(
    ("words", "variable", "stage", "worker"),
    [
        ((), None, "", "gateway"),
        ((), "", "", "gateway"),
        ((), "staging", "staging", "gateway-staging"),
        (("--env", ""), "staging", "", "gateway"),
        (("--env", "live"), "staging", "live", "live-gateway"),
        (("--name", "other"), None, "", "other"),
        (("--name", "other"), "live", "live", "other-live"),
    ],
)
def test_the_worker_that_gets_the_secrets_is_named(  # noqa: PLR0917
    words: tuple[str, ...],
    variable: str | None,
    stage: str,
    worker: str,
    fake: FakeWrangler,
    folder: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """CLOUDFLARE_ENV counts as it does for wrangler, which is told the stage outright; one reads which Worker it is."""
    (folder / "wrangler.toml").write_text(STAGES, encoding="utf-8")
    if variable is not None:
        monkeypatch.setenv("CLOUDFLARE_ENV", variable)
    assert push(*words, given=BOTH, monkeypatch=monkeypatch) == 0
    (call,) = fake.calls()
    assert call["words"][:4] == ["secret", "bulk", "--env", stage]
    where = f"the Worker {worker} ({f'stage {stage}' if stage else 'no stage'})"
    said = told(capsys)
    assert f"asking wrangler, for {where} ..." in said
    assert f"set AWS_CREDENTIALS of {where}\n" in said
    assert push(*words, "--json", given=BOTH, monkeypatch=monkeypatch) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["worker"], answer["stage"]) == (worker, stage or None)


@pytest.mark.parametrize(
    ("name", "text", "worker"),
    [
        ("../wrangler.toml", STAGES, "gateway-staging"),
        ("wrangler.toml", "[env.staging]", None),
        ("wrangler.toml", "env = 1", None),
        ("wrangler.toml", "[env.staging", None),
        ("wrangler.jsonc", '{"name": "gateway"}', None),
    ],
)
def test_the_worker_is_looked_up_where_wrangler_does(
    name: str, text: str, worker: str | None, folder: pathlib.Path
) -> None:
    """In the folders above too; what only wrangler can read, or complain of, is left to it."""
    (folder / name).write_text(text, encoding="utf-8")
    assert wrangler.worker_of(wrangler.configuration(folder), "staging") == worker


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("canary", "is not one JSON object"),
        ("[" * 100_000, "is not one JSON object"),
        ('["canary"]', "is not one JSON object"),
        ('{"AWS_CREDENTIALS": "a", "AWS_CREDENTIALS": "canary"}', "is not one JSON object"),
        ("{}", "nothing to push"),
        ('{"canary-secret-in-the-wrong-place": "x"}', "a member that is no secret of the gateway"),
        ('{"COGNITO_USER_POOL_ID": "canary"}', "COGNITO_USER_POOL_ID: no secret"),
        ('{"GATEWAY_STORE": "redis://:canary@host"}', "GATEWAY_STORE: on a Worker it is a binding's name"),
        ('{"current": {"access_key_id": "AKIACANARYCANARY0001"}}', "AWS_CREDENTIALS: read (secret"),
        ('{"next": {}}', "AWS_CREDENTIALS: read (secret"),
        ('{"AWS_ACCESS_KEY_ID": "AKIACANARYCANARY0001"}', "AWS_SECRET_ACCESS_KEY: read nothing"),
        ('{"COGNITO_CLIENT_SECRETS": "canary"}', "pair 1 is not one"),
        ('{"GATEWAY_AUDIT_TOKEN": " canary "}', "GATEWAY_AUDIT_TOKEN: read (secret"),
        ('{"GATEWAY_AUDIT_TOKEN": ""}', "GATEWAY_AUDIT_TOKEN: read an empty value"),
        (json.dumps({"current": {**CURRENT, "session_token": "canary" * 900}}), "AWS_CREDENTIALS: longer than 5120"),
    ],
    ids=range(15),
)
def test_what_the_worker_would_refuse_is_refused_here(
    given: str, why: str, fake: FakeWrangler, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """R-14: nothing doubtful is set, and why is said without a value."""
    assert push(given=given, monkeypatch=monkeypatch) == 1
    assert why in told(capsys)
    assert not fake.calls()


def test_clients_are_those_of_the_settings(
    fake: FakeWrangler, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the client ids are known, a secret of another client is refused."""
    monkeypatch.setenv("COGNITO_CLIENT_IDS", "client1")
    monkeypatch.setenv("COGNITO_CLIENT_SECRETS", CLIENT_SECRETS)
    assert push(monkeypatch=monkeypatch) == 1
    assert "pair 2 names another" in told(capsys)
    assert not fake.calls()


def test_what_wrangler_says_of_a_failure_is_shown_without_secrets(
    fake: FakeWrangler, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """R-01: even a wrangler that repeats its input gives nothing away; the exit status is 1."""
    err = f"\x1b[41;31mbad\x1b[0m: GIVEN {BOTH} {NEXT['secret_access_key']}\nnot signed in"
    fake.says("secret bulk", out="out\n", err=err, status=1)
    assert push(given=json.dumps(ALL), monkeypatch=monkeypatch) == 1
    text = told(capsys)
    assert "gateway keys push: bad: " in text  # in wrangler's words, without its colours
    assert "not signed in" in text
    assert "***" in text
    assert "wrangler failed (1)" in text


def test_an_absent_wrangler_is_named_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is fetched unasked."""
    assert push(given=BOTH, monkeypatch=monkeypatch) == 1
    assert f"wrangler is not installed: {wrangler.INSTALL}" in told(capsys)


def test_wrangler_is_found_where_it_usually_is(folder: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """The folder's own packages first, then a checkout's tools, the PATH, and what npx has already."""
    npx = fake_wrangler.install(tmp_path / "bin" / "npx", tmp_path / "npx")
    assert wrangler.find(folder) == (str(npx.path), "--no-install", "wrangler")
    assert npx.calls()[0]["words"] == ["--no-install", "wrangler", "--version"]
    npx.says("--no-install wrangler", status=1)
    with pytest.raises(wrangler.NoWrangler):
        wrangler.find(folder)
    on_path = fake_wrangler.install(tmp_path / "bin" / "wrangler", tmp_path / "path")
    assert wrangler.find(folder) == (str(on_path.path),)
    edge = fake_wrangler.install(folder / "scripts" / "edge", tmp_path / "edge")
    assert wrangler.find(folder) == (str(on_path.path),)  # not set up yet
    (folder / "build" / "edge-tools" / "node_modules" / "wrangler").mkdir(parents=True)
    assert wrangler.find(folder) == (str(edge.path), "wrangler")
    own = fake_wrangler.install(folder / "node_modules" / ".bin" / "wrangler", tmp_path / "own")
    assert wrangler.find(folder) == (str(own.path),)


def test_a_wrangler_that_hangs_or_cannot_start_ends(
    fake: FakeWrangler, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command ends with one line."""
    monkeypatch.setattr(wrangler, "TIMEOUT_SECONDS", 0.3)
    fake.path.write_text("#!/bin/sh\nexec /bin/sleep 20\n", encoding="utf-8")
    assert push(given=BOTH, monkeypatch=monkeypatch) == 1
    assert "did not end within" in told(capsys)
    fake.path.write_text("#!/nowhere\n", encoding="utf-8")
    assert push(given=BOTH, monkeypatch=monkeypatch) == 1
    assert "cannot be started" in told(capsys)


def test_a_terminal_is_not_typed_into(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A terminal shows what is typed: the JSON is piped in."""
    pipe: Any = Pipe(BOTH)
    pipe.isatty = lambda: True
    monkeypatch.setattr("sys.stdin", pipe)
    assert main(["keys", "push", "--stdin"]) == 2
    assert "pipe the JSON in" in told(capsys)


@pytest.mark.parametrize("words", [["--stdin", "--env-file", "x"], ["AKIACANARY"], ["--secret", "x"]])
def test_wrong_arguments_exit_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """There is no option that takes a secret."""
    with pytest.raises(SystemExit) as ended:
        main(["keys", "push", *words])
    assert ended.value.code == 2
    assert "usage: gateway" in capsys.readouterr().err


def test_a_settings_file_that_cannot_be_read_exits_with_2(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is named, and nothing is taken from elsewhere instead."""
    assert push("--env-file", "none", monkeypatch=monkeypatch) == 2
    assert "none: cannot be read" in told(capsys)


@pytest.mark.parametrize("words", [["keys"], ["keys", "push"]])
def test_the_help_has_an_example(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """`--help` explains how secrets travel."""
    with pytest.raises(SystemExit):
        main([*words, "--help"])
    assert "push" in capsys.readouterr().out


def test_a_mask_covers_a_secret_in_both_forms() -> None:
    """R-01: as it is, and as JSON writes it."""
    secret = NEXT["secret_access_key"]
    text = wrangler.masked(f"a {secret} b {json.dumps(secret)} c", {secret, "abc"})
    assert text == 'a *** b "***" c'
    assert wrangler.MOST_VALUE_BYTES == 5120
