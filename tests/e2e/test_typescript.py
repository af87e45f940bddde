"""The typed client: its types are those of the document; it works against a real gateway, in Node and in a browser."""

import pathlib
import subprocess
import sys
from collections.abc import Iterator

import pytest

from gateway.emulator.server import Emulator
from tests.e2e import web
from tests.e2e.web import CLIENT, Site
from tests.tools import need

FOUND = {
    "page": 5,
    "renewedAfter": 401,
    "found": ["moderator@example.com"],
    "groups": ["admin", "moderator", "premium", "user", "readonly"],
    "decision": True,
    "stillEnabled": True,
    "nothing": True,
    "familyName": "Šedivá",
    "memberOf": ["user"],
    "bySub": True,
    "keyReused": {"status": 422, "type": "IdempotencyConflictException", "member": None, "id": True},
    "unknown": {"status": 404, "type": "UserNotFoundException", "member": None, "id": True},
    "wrong": {"status": 400, "type": "InvalidParameterException", "member": "limit", "id": True},
    "weaker": {"status": 403, "type": "AccessDeniedException", "member": None, "id": True},
    "password": {"status": 401, "type": "NotAuthorizedException", "member": None, "id": True},
    "me": True,
    "ownPassword": {"status": 400, "type": "NotAuthorizedException", "member": None, "id": True},
    "notWritable": {"status": 400, "type": "NotAuthorizedException", "member": None, "id": True},
    "renewals": 0,
    "signedOut": {"status": 401, "type": "NotAuthorizedException", "member": None, "id": True},
    "aborted": "AbortError",
}


@pytest.fixture(scope="module")
def site(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A gateway that a page may call."""
    with web.site(emulator, tmp_path_factory.mktemp("typescript")) as found:
        yield found


@pytest.mark.slow
def test_the_types_are_those_of_the_routes(tmp_path: pathlib.Path) -> None:
    """Whoever changes a route and forgets the client is told so: `scripts/client` writes it anew."""
    web.install(CLIENT)
    document = subprocess.run(
        [sys.executable, "-m", "gateway", "openapi"], cwd=web.ROOT, capture_output=True, check=True, timeout=60
    )
    command = [need(*web.NODE), "generate.mjs", str(tmp_path)]
    subprocess.run(command, cwd=CLIENT, input=document.stdout, check=True, timeout=60)
    for name in ("schema.ts", "routes.ts"):
        written = (CLIENT / "src" / name).read_text(encoding="utf-8")
        if (tmp_path / name).read_text(encoding="utf-8") != written:
            pytest.fail(f"clients/typescript/src/{name} is stale: run scripts/client")


@pytest.mark.slow
def test_it_compiles_strictly_and_wrong_uses_do_not() -> None:
    """Under `strict` and stricter: a wrong member is an error in the editor already."""
    web.install(CLIENT)
    web.checked([need(*web.NODE), "node_modules/typescript/bin/tsc", "--project", "tsconfig.test.json"], CLIENT)


@pytest.mark.slow
def test_it_repeats_what_is_safe_and_nothing_else() -> None:
    """Retry-After, keys, renewed tokens, aborts, names and pages, against answers that a gateway seldom gives."""
    web.build_client()
    web.checked([need(*web.NODE), "--test", "test/"], CLIENT)


@pytest.mark.slow
def test_it_works_in_node(site: Site) -> None:
    """Sign-in, lists, changes, dry runs, keys and refusals against a real gateway."""
    script = site.folder / "client.cjs"
    web.bundle(web.SCRIPTS / "client.mjs", script, platform="node")
    found = web.node(script, site.settings)
    assert found.pop("users", 0) >= 204, found
    assert found == FOUND


@pytest.mark.slow
def test_it_works_in_a_browser_from_another_origin(site: Site) -> None:
    """The same in Chromium: CORS lets the page send and read all that the client needs (R-17)."""
    need("chromium", "apt-get install chromium")
    web.bundle(web.SCRIPTS / "client.mjs", site.folder / "client.js", platform="browser")
    found = site.in_page("client.js")
    assert found.pop("users", 0) >= 204, found
    assert found == FOUND
