"""The AWS SDK for JavaScript v3, unmodified, in Node."""

import json
import os
import pathlib
import subprocess

import pytest

from tests.e2e import web
from tests.e2e.conftest import PASSWORD, World
from tests.tools import need

FOLDER = pathlib.Path(__file__).with_name("javascript")


@pytest.fixture(scope="module")
def sdk() -> str:
    """Node with the SDK installed as locked."""
    web.install(FOLDER)
    return need(*web.NODE)


@pytest.mark.slow
def test_the_javascript_sdk_works_unmodified(sdk: str, world: World) -> None:
    """List with paging, get, disable, enable, passwords, attributes, groups, typed exceptions, sign-in."""
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "GATEWAY_URL": world.url,
        "ADMIN": world.token("admin"),
        "MODERATOR": world.token("moderator"),
        "CLIENT_ID": world.emulator.client_id,
        "PASSWORD": PASSWORD,
    }
    done = subprocess.run(
        [sdk, "calls.mjs"], cwd=FOLDER, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found.pop("users") >= 204
    assert found == {
        "disabled": False,
        "enabled": True,
        "familyName": "Šedivá",
        "groups": ["premium", "user"],
        "reset": "RESET_REQUIRED",
        "created": True,
        "unknown": {"name": "UserNotFoundException", "status": 400, "typed": True},
        "weaker": {"name": "AccessDeniedException", "status": 403, "typed": True},
        "bad": {"name": "NotAuthorizedException", "status": 401, "typed": True},
        "signedIn": 3,
    }
