"""The pages that a person sees: the front page and the documentation."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from gateway import __version__
from gateway.api.description import pages
from tests.world import World

ASSETS = Path(pages.__file__).with_name("assets")
HTML = {"accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}
PAGES = ("/", "/docs", "/docs/viewer.js", "/docs/viewer.css")


async def test_the_front_page_is_for_a_person_and_json_for_others() -> None:
    """A browser gets a page, a program the addresses; neither needs a token, and nothing is written down."""
    world = World()
    told = await world.rest("GET", "/")
    assert (told.status, told.headers["content-type"]) == (200, "application/json")
    assert told.json == {
        "name": "cognito-edge-gateway", "version": __version__, "docs": "docs", "openapi": "openapi.json",
    }  # fmt: skip
    page = await world.rest("GET", "/", headers=HTML)
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert told.headers["vary"] == page.headers["vary"] == "Accept"
    assert __version__.encode() in page.body
    assert not world.entries


async def test_each_link_of_a_page_leads_somewhere() -> None:
    """Nobody meets a dead end, and nothing is asked of anybody else's server."""
    world = World()
    for path in ("/", "/docs"):
        text = (await world.rest("GET", path, headers=HTML)).body.decode()
        links = set(re.findall(r'(?:href|src)="([^"]+)"', text)) - {"data:,"}
        assert links
        for link in links:
            assert not re.match(r"[a-z]+:|//", link)
            if not link.startswith("#"):
                assert (await world.rest("GET", f"/{link.removeprefix('./')}")).status == 200, link


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_runs_nothing_but_our_own_files(path: str) -> None:
    """R-17: no inline script or style, no frame around it, no other origin, and its text cannot become markup."""
    reply = await World().rest("GET", path, headers=HTML)
    policy = dict(part.split(" ", 1) for part in reply.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert reply.headers["x-content-type-options"] == "nosniff"
    text = reply.body.decode()
    if "html" in reply.headers["content-type"]:
        assert not re.search(r"<style|style=|\son\w+=|<script(?![^>]* src=)", text)
    for sink in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "localStorage", "Storage"):
        assert sink not in text


async def test_the_document_is_served_to_everybody() -> None:
    """R-15: it is the same for any policy and any caller, and needs no token."""
    worlds = World(), World('[roles.a]\ngroups = ["a"]\nallow = ["ListUsers"]\n')
    first, second = [await world.rest("GET", "/openapi.json") for world in worlds]
    assert (first.status, first.headers["content-type"]) == (200, "application/json")
    assert first.body == second.body
    assert first.json["info"]["version"] == __version__


@pytest.mark.parametrize(("method", "path", "allow"), [
    ("PUT", "/", "GET, POST, OPTIONS"), ("POST", "/docs", "GET"), ("DELETE", "/openapi.json", "GET"),
])  # fmt: skip
async def test_a_page_has_one_method(method: str, path: str, allow: str) -> None:
    """Others are 405; at the root, `POST` is the AWS endpoint."""
    reply = await World().rest(method, path)
    assert (reply.status, reply.headers["allow"]) == (405, allow)
    assert reply.headers["content-type"] == "application/problem+json"
    assert (reply.json["type"], reply.json["title"]) == ("about:blank", "Method Not Allowed")


async def test_nothing_but_the_pages_is_served_from_their_folder() -> None:
    """A path is a name in a table, never of a file."""
    world = World()
    for path in ("/docs/", "/docs/root.html", "/docs/../pages.py", "/docs/%2e%2e/pages.py", "/docs/viewer.js/"):
        assert (await world.rest("GET", path)).status == 404, path


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node (Debian: apt-get install nodejs)")
def test_the_script_is_javascript() -> None:
    """A slip of the pen is found here, not by a reader."""
    done = subprocess.run(
        ["node", "--input-type=module", "--check"], input=(ASSETS / "viewer.js").read_bytes(), capture_output=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
