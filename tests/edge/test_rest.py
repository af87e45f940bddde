"""The REST side on workerd: what the platform could make different. Everything else is judged by `tests/e2e`.

Its callers speak to workerd itself: the proxy that `wrangler dev` has before it changes hosts and paths of its own.
"""

import concurrent.futures
import http.client
import json
from dataclasses import dataclass
from typing import Any

import pytest

from gateway import __version__
from gateway.api.description import document as openapi
from gateway.api.description import pages
from gateway.api.routes import routes
from tests.e2e.conftest import PASSWORD
from tests.edge.conftest import ORIGIN, Edge
from tests.edge.gateway import own_port
from tests.edge.workers import ROOT, eventually

ASSETS = ROOT / "gateway" / "api" / "description" / "assets"


@dataclass(frozen=True)
class Found:
    """An answer; names of headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """Its body."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Rest:
    """The REST side of a Worker."""

    edge: Edge
    port: int

    def __call__(self, method: str, path: str, body: Any = None, *, who: str | None = None, **headers: str) -> Found:
        """One request as `who`, its path as it stands; a `body` goes as JSON, one of bytes as it is."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if who is not None:
            sent["authorization"] = f"Bearer {self.edge.token(who)}"
        if body is not None:
            sent["content-type"] = "application/json"
        raw = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(method, path, raw, sent)
        answer = connection.getresponse()
        found = Found(answer.status, {name.lower(): text for name, text in answer.getheaders()}, answer.read())
        connection.close()
        return found

    def entry(self, found: Found) -> dict[str, Any]:
        """The audit's last line of an answer."""
        id_ = found.headers["x-request-id"]
        eventually(lambda: any(entry["id"] == id_ for entry in self.edge.worker.entries), "a line of the audit")
        return [entry for entry in self.edge.worker.entries if entry["id"] == id_][-1]


@pytest.fixture(scope="module")
def rest(edge: Edge) -> Rest:
    """The REST side of the Worker."""
    return Rest(edge, own_port(edge.worker))


@pytest.mark.parametrize(
    ("path", "name", "media"),
    [
        ("/docs", "docs.html", "text/html; charset=utf-8"),
        ("/docs/viewer.js", "viewer.js", "text/javascript; charset=utf-8"),
        ("/docs/viewer.css", "viewer.css", "text/css; charset=utf-8"),
        ("/", "root.html", "text/html; charset=utf-8"),
    ],
)
def test_the_pages_are_shipped_as_they_are(rest: Rest, path: str, name: str, media: str) -> None:
    """No file system, no CDN: the pages are in the bundle, under the gateway's own policy for content."""
    found = rest("GET", path, accept="text/html")
    assert (found.status, found.headers["content-type"]) == (200, media)
    text = (ASSETS / name).read_bytes()
    assert found.body == text.replace(b"{version}", __version__.encode())
    assert found.headers["content-security-policy"] == pages.POLICY


def test_the_root_is_json_for_a_program(rest: Rest) -> None:
    """A caller that did not ask for a page gets none."""
    assert rest("GET", "/", accept="application/json").json["name"] == "cognito-edge-gateway"


def test_the_document_is_that_of_a_container(rest: Rest) -> None:
    """One table of routes: Pyodide makes the same document of it, to the byte, the second time too."""
    made = openapi.write(openapi.document(routes()))
    assert [rest("GET", "/openapi.json").body for _ in range(2)] == [made, made]


@pytest.mark.parametrize("dots", ["%2E%2E", "..", ".%2e", "%2e./."])
def test_dots_are_resolved_before_anything_is_judged(rest: Rest, dots: str) -> None:
    """R-10: a URL has no segment `..`: what is left of it is what is judged, audited and answered, and nothing else.

    The path means the group here, and a user of that name only by `sub:`; nothing that the policy forbids is reached.
    """
    rest.edge.emulator.calls.clear()
    found = rest("DELETE", f"/admin/users/{dots}/groups/premium", who="admin")
    assert (found.status, found.json["type"]) == (403, "AccessDeniedException")
    entry = rest.entry(found)
    assert (entry["operation"], entry["decision"]["allowed"]) == ("DeleteGroup", False)
    assert not rest.edge.emulator.calls.of("AdminRemoveUserFromGroup")
    assert not rest.edge.emulator.calls.of("DeleteGroup")


@pytest.mark.parametrize(
    "path", ["//admin/users", "/admin//users", "/admin/users/", "/admin%2Fusers", "/admin/us%65rs"]
)
def test_nothing_else_of_a_path_is_made_usual(rest: Rest, path: str) -> None:
    """R-10: one way to write each route, as in a container."""
    assert rest("GET", path, who="admin").status == 404


def test_a_slash_in_a_name_stays_in_it(rest: Rest) -> None:
    """`%2F` divides nothing, not even beside dots."""
    found = rest("GET", "/admin/users/nobody%2F..%2Fgroups", who="admin")
    assert (found.status, found.json["type"]) == (404, "UserNotFoundException")
    assert rest.entry(found)["target"]["username"] == "nobody/../groups"


def test_the_caller_s_address_is_the_platform_s_word(rest: Rest) -> None:
    """R-17: the limit for each address counts who connected to Cloudflare, not who is said to be behind a proxy."""
    who = {"username": "user@example.com", "password": PASSWORD}
    for said in ("192.0.2.1", "192.0.2.2, 127.0.0.1"):
        found = rest("POST", "/auth/sign-in", who, x_forwarded_for=said, cf_connecting_ip="198.51.100.7")
        assert (found.status, rest.entry(found)["caller"]["ip"]) == (200, "198.51.100.7")


def test_the_cookie_is_bound_to_this_host_over_https(rest: Rest) -> None:
    """A page of the Worker's own origin gets the refresh token in a `__Host-` cookie, and can use and drop it."""
    page = {"host": "gateway.example.com", "origin": "https://gateway.example.com"}
    who = {"username": "user@example.com", "password": PASSWORD, "cookie": True}
    found = rest("POST", "/auth/sign-in", who, **page)
    assert "refreshToken" not in found.json["tokens"]
    kept, _, attributes = found.headers["set-cookie"].partition("; ")
    assert kept.startswith("__Host-gateway-refresh=")
    assert attributes == "Max-Age=2592000; Path=/; Secure; HttpOnly; SameSite=Strict"
    for other in ({**page, "origin": ORIGIN}, {**page, "host": "other.example.com"}):
        refused = rest("POST", "/auth/refresh", {}, cookie=kept, **other)
        assert (refused.status, "set-cookie" in refused.headers) == (403, False)
    assert rest("POST", "/auth/refresh", {}, cookie=f"a=b; {kept}", **page).status == 200
    gone = rest("POST", "/auth/sign-out", {}, cookie=kept, **page)
    assert (gone.status, gone.body) == (204, b"")
    assert gone.headers["set-cookie"].startswith("__Host-gateway-refresh=; Max-Age=0;")


def test_two_cookies_are_not_one(rest: Rest) -> None:
    """R-08: the platform joins two headers of one name; the gateway takes neither session for that."""
    connection = http.client.HTTPConnection("127.0.0.1", rest.port, timeout=30)
    connection.putrequest("POST", "/auth/refresh", skip_host=True)
    for name, value in (
        ("Host", "gateway.example.com"),
        ("Origin", "https://gateway.example.com"),
        ("Content-Type", "application/json"),
        ("Content-Length", "2"),
        *(("Cookie", f"__Host-gateway-refresh=devclient00000000000000001::{one}") for one in ("one", "two")),
    ):
        connection.putheader(name, value)
    connection.endheaders(b"{}")
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["type"]) == (400, "InvalidParameterException")
    connection.close()


def test_an_app_is_set_up_by_a_qr_code(rest: Rest) -> None:
    """The code is drawn without a C extension: an SVG that names the host which was asked."""
    found = rest("POST", "/me/totp", {}, who="user", host="gateway.example.com")
    assert found.status == 200
    assert found.json["qr"].startswith("<svg ")
    assert "issuer=gateway.example.com" in found.json["uri"]


def test_the_audit_cannot_be_read_back_and_says_so(rest: Rest) -> None:
    """It is on the console: 404, with where it is; and to a role that may not ask, not even that."""
    found = rest("GET", "/admin/audit", who="admin")
    assert (found.status, found.json["type"]) == (404, "ResourceNotFoundException")
    assert "cannot be read back here" in found.json["detail"]
    assert rest("GET", "/admin/audit", who="moderator").status == 403


def test_its_health_names_the_shared_store(rest: Rest) -> None:
    """An operator sees that isolates share their state, and that nothing is owed."""
    found = rest("GET", "/admin/health", who="admin").json
    assert found["store"] == {"shared": True, "lost": False}
    assert found["audit"]["writing"] is True


def test_a_body_that_is_too_large_is_refused(rest: Rest) -> None:
    """R-16: 413 as a problem, whether its length is declared or it comes in pieces."""
    path = "/admin/users/user%40example.com"
    found = rest("PATCH", path, b" " * 65537, who="admin")
    assert (found.status, found.headers["content-type"]) == (413, "application/problem+json")
    connection = http.client.HTTPConnection("127.0.0.1", rest.port, timeout=30)
    headers = {"authorization": f"Bearer {rest.edge.token()}", "content-type": "application/json"}
    connection.request("PATCH", path, iter([b" " * 40000] * 2), headers, encode_chunked=True)
    assert connection.getresponse().status == 413
    connection.close()


def test_amplify_s_bare_token_is_one(rest: Rest) -> None:
    """Without `Bearer`, there and nowhere else; a user of any name in the query."""
    bare = {"authorization": rest.edge.token()}
    found = rest("GET", "/amplify/listUsers?limit=3", **bare)
    assert (found.status, len(found.json["Users"])) == (200, 3)
    assert rest("GET", "/amplify/getUser?username=user%40example.com", **bare).json["Username"] == "user@example.com"
    assert rest("GET", "/admin/users?limit=3", **bare).status == 401


def test_a_page_of_another_origin_sees_what_it_may(rest: Rest) -> None:
    """R-17: CORS on the REST routes, answers and refusals alike."""
    for who, status in (("admin", 200), ("user", 403)):
        found = rest("GET", "/admin/users?limit=1", who=who, origin=ORIGIN)
        assert (found.status, found.headers["access-control-allow-origin"]) == (status, ORIGIN)
    assert "access-control-allow-origin" not in rest("GET", "/openapi.json", origin="https://evil.example").headers


def test_many_at_once_are_all_answered(rest: Rest) -> None:
    """Requests that each ask Cognito for several users' groups at once, side by side with a scan: nothing is shared."""
    paths = ["/admin/users?limit=8&include=groups", "/admin/users?search=example&limit=2", "/me/permissions"] * 4

    def one(path: str) -> int:
        return rest("GET", path, who="admin").status

    with concurrent.futures.ThreadPoolExecutor(len(paths)) as callers:
        assert list(callers.map(one, paths)) == [200] * len(paths)
