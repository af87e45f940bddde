"""The refresh cookie in a real browser."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from gateway.emulator.server import Emulator
from tests.e2e.conftest import PASSWORD, Serve, World, world_of
from tests.e2e.web import chromium


@pytest.fixture(scope="module")
def world(runtime: Serve, emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A gateway of one runtime."""
    with world_of(runtime, emulator, tmp_path_factory.mktemp("cookie")) as found:
        yield found


@pytest.mark.slow
def test_a_browser_keeps_the_cookie_for_this_origin_alone(world: World) -> None:
    """The page signs in, reloads, refreshes and signs out, and never sees the token; another site's page gets nothing.

    R-17: neither by a request that CORS asks about first, nor by one that it does not ask about.
    """
    port = urlsplit(world.url).port
    told = chromium("cookie.mjs", world.url, f"http://localhost:{port}", "user@example.com", PASSWORD)
    assert told == {
        "signedIn": [200, True, ["accessToken", "expiresIn", "idToken", "tokenType"]],
        "seen": "",
        "kept": [{"name": "gateway-refresh", "httpOnly": True, "sameSite": "Strict", "path": "/"}],
        "refreshed": 200,
        "reloaded": 200,
        "elsewhere": ["TypeError", 0],
        "unharmed": 200,
        "signedOut": 204,
        "left": 0,
        "after": 401,
    }
