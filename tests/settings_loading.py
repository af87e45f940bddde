"""Loading settings in tests: right ones to start from, files, and a refusal that is searched for secrets."""

import traceback
from collections.abc import Mapping

import pytest

from gateway.settings import SETTINGS, Settings, SettingsError, load
from gateway.settings.table import PLACEHOLDER

CANARY = "CANARYcanary"
KEY_ID = f"AKIA{CANARY.upper()}0001"
SECRET_KEY = f"{CANARY}/secret+key/0123456789abcdefghij"
TOKEN = f"{CANARY}-session-token-0123456789"
CLIENT_SECRET = f"{CANARY}clientsecret0123456789"
FILES = {
    "policy.toml": "[public]\nallow = []\n",
    "/run/secrets/key": SECRET_KEY + "\n",
    "/run/secrets/windows": SECRET_KEY + "\r\n",
    "/run/secrets/two-lines": SECRET_KEY + "\n\n",
    "/run/secrets/empty": "",
    "/run/secrets/newline": "\n",
    "/run/secrets/placeholder": f"{PLACEHOLDER}\n",
}
REQUIRED = {
    "COGNITO_USER_POOL_ID": "us-east-1_EXAMPLE",
    "COGNITO_CLIENT_IDS": "client1,client2",
    "AWS_ACCESS_KEY_ID": KEY_ID,
    "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
}
SECRETS = [setting.name for setting in SETTINGS if setting.secret]
NAMES = [setting.name for setting in SETTINGS]


def read_file(path: str) -> str:
    """Return one of the test's files; like a runtime's own, raise for what is not there or is not text."""
    if path == "/run/secrets/binary":
        return b"\xff".decode("utf-8")
    if path not in FILES:
        raise FileNotFoundError(path)
    return FILES[path]


def loaded(changes: Mapping[str, str | None] | None = None, **more: str | None) -> Settings:
    """Load the required settings with some added, changed or (None) removed."""
    values = {name: value for name, value in {**REQUIRED, **(changes or {}), **more}.items() if value is not None}
    return load(values.get, read_file, names=values)


def refused(changes: Mapping[str, str | None] | None = None, **more: str | None) -> SettingsError:
    """Load like `loaded`, expect a refusal, and see to it that no secret is in it."""
    with pytest.raises(SettingsError) as caught:
        loaded(changes, **more)
    error = caught.value
    assert len(str(error).splitlines()) == len(error.problems)
    told = "".join(traceback.format_exception(error)) + repr(error) + str(error) + repr(error.problems)
    assert CANARY.lower() not in told.lower()
    return error


def names_refused(changes: Mapping[str, str | None] | None = None, **more: str | None) -> list[str]:
    """Return whose problems a refusal lists."""
    return [problem.name for problem in refused(changes, **more).problems]
