"""What a container's process reads at its start: every problem in one go, and no wait without an end."""

import os
import pathlib

import pytest

from gateway.policy_file import PolicyError
from gateway.runtimes import bounded_file, container
from gateway.settings import SettingsError

REQUIRED = {
    "COGNITO_USER_POOL_ID": "us-east-1_EXAMPLE",
    "COGNITO_CLIENT_IDS": "exampleclient1",
    "AWS_ACCESS_KEY_ID": "AKIACANARYCANARY0001",
    "AWS_SECRET_ACCESS_KEY": "canary-secret-access-key-0000000000000001",
}
WRONG = '[roles.a]\ngroups = ["a"]\nallow = ["Nope", "ListUsers"]'
RIGHT = '[roles.a]\ngroups = ["a"]\nallow = ["ListUsers"]'


def told(**changes: str) -> list[str]:
    """Why it does not start, line by line."""
    with pytest.raises((SettingsError, PolicyError)) as refused:
        container.read_settings(REQUIRED | changes)
    return str(refused.value).splitlines()


def test_problems_of_the_settings_hide_none_of_the_policy(tmp_path: pathlib.Path) -> None:
    """R-14: both are told in one go, wherever the policy stands, and neither is told twice."""
    path = tmp_path / "policy.toml"
    path.write_text(WRONG, encoding="utf-8")
    for policy in (WRONG, str(path)):
        lines = told(COGNITO_USER_POOL_ID="bad", GATEWAY_POLICY=policy)
        assert [line.partition(":")[0] for line in lines] == ["COGNITO_USER_POOL_ID", "GATEWAY_POLICY"]
        assert "Nope" in lines[1]
    assert len(told(COGNITO_USER_POOL_ID="bad", GATEWAY_POLICY=RIGHT)) == 1
    assert len(told(COGNITO_USER_POOL_ID="bad")) == 1
    for unreadable in ("", "/nowhere/policy.toml"):
        assert len(told(COGNITO_USER_POOL_ID="bad", GATEWAY_POLICY=unreadable)) == 2


def test_a_policy_from_a_pipe_is_read_once() -> None:
    """`GATEWAY_POLICY=<(...)`: what a pipe has said it does not say again, and nobody waits for it."""
    reading, writing = os.pipe()
    os.write(writing, WRONG.encode())
    os.close(writing)
    lines = told(COGNITO_USER_POOL_ID="bad", GATEWAY_POLICY=f"/dev/fd/{reading}")
    os.close(reading)
    assert [line.partition(":")[0] for line in lines] == ["COGNITO_USER_POOL_ID", "GATEWAY_POLICY"]


def test_a_secret_from_a_pipe_that_says_nothing_is_a_problem(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-14: the start ends with a line, it does not hang."""
    monkeypatch.setattr(bounded_file, "WAIT_SECONDS", 0.1)
    os.mkfifo(tmp_path / "pipe")
    [line] = told(AWS_CREDENTIALS_FILE=str(tmp_path / "pipe"))
    assert line.startswith("AWS_CREDENTIALS_FILE: read '")
