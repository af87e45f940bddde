"""Tools that a machine may lack: a test that needs one is skipped with what to install, or fails in CI."""

import os
import shutil

import pytest


def need(command: str, install: str) -> str:
    """The path of a command, or a skip that says what to install; a failure instead when CI=true."""
    found = shutil.which(command)
    if found is None:
        message = f"needs {command}: {install}"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return found
