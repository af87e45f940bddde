"""The command line, as a person types it."""

import json
import operator
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time

import pytest

from gateway.cli import main
from tests.blackbox.gateways import free_port

ROLE = '[roles.support]\ngroups = ["support"]\nallow = ["ListUsers"]\n'


@pytest.fixture(autouse=True)
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """An empty folder and an environment without settings."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(("AWS_", "COGNITO_", "GATEWAY_")):
            monkeypatch.delenv(name)
    return tmp_path


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["dev"],
        ["serve"],
        ["check"],
        ["keys", "push"],
        ["policy"],
        ["policy", "check"],
        ["policy", "explain"],
        ["policy", "test"],
        ["iam-policy"],
    ],
    ids="-".join,
)
def test_every_command_has_help(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """`--help` explains, and shows an example where there is something to type."""
    with pytest.raises(SystemExit) as ended:
        main([*words, "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert "usage: gateway" in text
    assert re.search(r"example: .*gateway", text, re.DOTALL)


@pytest.mark.parametrize(
    "words", [[], ["nope"], ["serve", "--port", "x"], ["serve", "--port", "0"], ["dev", "--ports", "1"]]
)
def test_wrong_arguments_exit_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong word is named and costs nothing."""
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert "usage: gateway" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["policy", "check", "binary"],
        ["iam-policy", "--pool", "eu-west-1_AbCdEfGhI", "--account", "123456789012", "--policy", "binary"],
        ["dev", "--policy", "binary"],
    ],
    ids=operator.itemgetter(0),
)
def test_a_policy_that_is_no_text_is_refused(
    words: list[str], folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file given by mistake is refused in one line, not with a traceback."""
    (folder / "binary").write_bytes(b"\x7fELF\xd0\xff")
    assert main(words) == 1
    assert "is not UTF-8 text" in capsys.readouterr().err


def test_the_iam_policy_is_printed(folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The document is JSON on standard output, made from the policy that is named."""
    (folder / "policy.toml").write_text(ROLE, encoding="utf-8")
    words = ["iam-policy", "--pool", "eu-west-1_AbCdEfGhI", "--account", "123456789012", "--policy", "policy.toml"]
    assert main(words) == 0
    (statement,) = json.loads(capsys.readouterr().out)["Statement"]
    assert statement["Action"] == ["cognito-idp:ListUsers"]
    assert statement["Resource"] == "arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_AbCdEfGhI"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--pool", "nonsense", "--account", "123456789012"], "is not a user pool's id"),
        (["--pool", "eu-west-1_AbCdEfGhI"], "the account is needed"),
        (["--pool", "eu-west-1_AbCdEfGhI", "--account", "1234"], "the account is needed"),
    ],
)
def test_an_iam_policy_is_never_guessed(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Region and account are pinned, so both must be known."""
    assert main(["iam-policy", *words]) == 2
    out, err = capsys.readouterr()
    assert not out
    assert told in err


def test_serve_reports_all_problems_and_does_not_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """R-14: every setting that is missing or wrong, at once, without a secret."""
    monkeypatch.setenv("COGNITO_USER_POOL_ID", "nonsense")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary secret key")
    assert main(["serve"]) == 1
    err = capsys.readouterr().err
    for name in ("COGNITO_USER_POOL_ID", "COGNITO_CLIENT_IDS", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        assert name in err
    assert "canary" not in err
    assert "Traceback" not in err


def test_serve_refuses_a_bad_policy(
    folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """R-14: a policy that is not understood stops the start."""
    (folder / "policy.toml").write_text("[roles.a]\nallow = ['*']\n", encoding="utf-8")
    settings = {
        "COGNITO_USER_POOL_ID": "us-east-1_AbCdEfGhI", "COGNITO_CLIENT_IDS": "abc", "AWS_ACCESS_KEY_ID": "A" * 20,
        "AWS_SECRET_ACCESS_KEY": "s" * 40, "GATEWAY_POLICY": "policy.toml",
    }  # fmt: skip
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert main(["serve"]) == 1
    assert "no wildcards" in capsys.readouterr().err


@pytest.mark.parametrize(("option", "other"), [("--port", "--emulator-port"), ("--emulator-port", "--port")])
def test_dev_names_a_busy_port_and_the_option(option: str, other: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A port that is taken is named together with the option that changes it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["dev", option, str(port), other, str(free_port())]) == 1
    err = capsys.readouterr().err
    assert str(port) in err
    assert option in err.replace(other, "") if option == "--port" else option in err


@pytest.mark.slow
def test_devs_pasted_lines_work_and_ctrl_c_ends_both(folder: pathlib.Path) -> None:
    """The first success: the printed curl and aws lines work as they are, and one Ctrl-C leaves nothing behind."""
    port, emulator_port = free_port(), free_port()
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        words = ["--port", str(port), "--emulator-port", str(emulator_port)]
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "dev", *words], cwd=folder, stdout=out, stderr=err, start_new_session=True
        )
    try:
        deadline = time.monotonic() + 30
        while b"Ctrl-C" not in (folder / "out").read_bytes():
            assert process.poll() is None, (folder / "err").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        lines = (folder / "out").read_text().splitlines()
        curl = next(line for line in lines if line.startswith("curl "))
        aws = next(line for line in lines if line.startswith("AWS_"))
        for line in (curl, aws):
            done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=60, check=False)
            assert done.returncode == 0, done.stderr
            assert json.loads(done.stdout)["Users"]
    finally:
        process.send_signal(signal.SIGINT)
    assert process.wait(15) == 0
    for number in (port, emulator_port):
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", number)) != 0
    assert "Traceback" not in (folder / "err").read_text()
