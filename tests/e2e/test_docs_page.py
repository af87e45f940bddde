"""GET /docs in a real browser."""

import pathlib

import pytest

from gateway.emulator.server import Emulator
from tests.e2e.conftest import Serve, world_of
from tests.e2e.web import chromium


@pytest.mark.slow
def test_the_page_shows_every_route_and_sends_requests(
    runtime: Serve, emulator: Emulator, tmp_path: pathlib.Path
) -> None:
    """It works under its own content security policy, also what it sends; the token stays in its field (R-01)."""
    with world_of(runtime, emulator, tmp_path) as world:
        told = chromium("docs.mjs", world.url, world.token("admin"))
    assert told == {
        "missing": [],
        "found": [True, True],
        "nothing": [0, "Nothing has these words."],
        "stranger": "401",
        "users": ["200", 2],
        "groups": ["200", True],
        "kept": [0, 0, ""],
        "complaints": [],
    }
