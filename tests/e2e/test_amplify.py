"""Amplify's own client, but for its two endpoints unmodified: sign-in, refresh, AdminQueries, in Node and a browser."""

from collections.abc import Iterator

import pytest

from gateway.assembly import read_policy
from gateway.cli.dev import permissions
from gateway.emulator import server as emulator_server
from tests.e2e import web
from tests.e2e.web import Site
from tests.tools import need

FOUND = {
    "srp": "DONE",
    "notAllowed": 403,
    "mayRead": 2,
    "wrong": "NotAuthorizedException",
    "password": "DONE",
    "user": "admin@example.com",
    "email": "admin@example.com",
    "refreshed": True,
    "added": {"message": "Success adding user@example.com to premium"},
    "inGroup": True,
    "groupsOf": ["premium", "user"],
    "removed": {"message": "Removed user@example.com from premium"},
    "groups": 5,
    "disabled": {"message": "Disabled user@example.com"},
    "enabledAfter": False,
    "enabled": {"message": "Enabled user@example.com"},
    "unknown": [404, "User does not exist."],
    "signUp": "CONFIRM_SIGN_UP",
    "confirmed": "Confirmed EMAIL registration",
    "status": "CONFIRMED",
    "signedOut": {"message": "Signed out admin@example.com from all devices"},
    "after": 401,
    "gone": "UserUnAuthenticatedException",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A gateway that a page may call, with a policy that lets the admin use all of AdminQueries."""
    built_in = (web.ROOT / "gateway" / "policy.toml").read_text(encoding="utf-8")
    policy = built_in.replace("allow = [", 'allow = ["AdminUserGlobalSignOut",', 1)
    with (
        emulator_server.start(port=0, iam_policy=permissions(read_policy(policy))) as emulator,
        web.site(emulator, tmp_path_factory.mktemp("amplify"), {"GATEWAY_POLICY": policy}) as found,
    ):
        yield found


@pytest.mark.slow
def test_amplify_works_in_node(site: Site) -> None:
    """Signs in by SRP and by password, refreshes, calls the eleven routes with the bare token, signs out."""
    script = site.folder / "amplify.cjs"
    web.bundle(web.SCRIPTS / "amplify.mjs", script, platform="node")
    found = web.node(script, site.settings)
    assert found.pop("users", 0) >= 204, found
    assert found == FOUND


@pytest.mark.slow
def test_amplify_works_in_a_browser_from_another_origin(site: Site) -> None:
    """The same in Chromium: the headers that Amplify adds of its own pass CORS."""
    need("chromium", "apt-get install chromium")
    web.bundle(web.SCRIPTS / "amplify.mjs", site.folder / "amplify.js", platform="browser")
    found = site.in_page("amplify.js")
    assert found.pop("users", 0) >= 204, found
    assert found == FOUND
