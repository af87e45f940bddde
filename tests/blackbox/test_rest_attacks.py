"""What an attacker may send to the REST routes: the attacks on `POST /` aimed anew, and those that only they invite.

The rule is the same: what goes up is what the row says, of what was judged, or nothing at all.
"""

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote

import pytest

from gateway.limits import filter_attribute
from tests.blackbox import attacks, rest, wire
from tests.blackbox import test_http_attacks as http
from tests.blackbox.attacks import ATTACKS, Attack, check_upstream
from tests.blackbox.gateways import POLICY, POOL, Gateway
from tests.blackbox.misbehaviour import answering
from tests.blackbox.rest import Rest
from tests.blackbox.wire import Response

OPTIONS = {
    "policy": POLICY.replace('"AdminDeleteUser"', '"AdminDeleteUser", "AdminCreateUser", "AdminListGroupsForUser"', 1)
    + """UserCreation = 1000000
[public]
allow = ["GetUser"]
rate_per_minute_per_ip = 1000000
rate_per_minute_per_user = 1000000
"""
}


@dataclass(frozen=True)
class Aim:
    """A route, and what goes up where nothing is wrong with the request."""

    rest: Rest
    operation: str
    up: Mapping[str, Any]
    status: int

    @property
    def body(self) -> bytes:
        """The body that goes up."""
        return json.dumps({**self.up, "UserPoolId": POOL}, separators=(",", ":")).encode()


LIST = Aim(Rest("GET", "/admin/users"), "ListUsers", {"Limit": 60}, 200)
CREATE = Aim(Rest("POST", "/admin/users", {"username": "carol"}), "AdminCreateUser", {"Username": "carol"}, 201)
AIMS = {"a list": LIST, "a new user": CREATE}
DISABLE = "/admin/users/bob/disable"


@pytest.fixture(autouse=True)
def answers(gateway: Gateway) -> None:
    """Cognito says what every route can show."""
    gateway.stub.behaviour = answering(rest.ANSWER)


def exact(gateway: Gateway, found: Response, aim: Aim, status: int) -> None:
    """Hold an answer to its status, and what went up to the one judged call, or to nothing."""
    assert found.status == status
    calls = gateway.stub.calls()
    assert len(calls) == (status == aim.status)
    for call in calls:
        check_upstream(gateway, call, aim.operation, aim.body)
    if status >= 400 and "x-request-id" in found.headers and found.headers["content-type"] == rest.PROBLEM:
        if rest.problem(found)["detail"] in rest.OF_THE_SERVER:
            return
        assert gateway.entries[-1]["id"] == found.headers["x-request-id"]
        assert gateway.entries[-1]["decision"]["reason"]


REFUSED = {
    "HTTP-003-dup-case": 400,
    "HTTP-004-comma": 400,
    "HTTP-018-nul": 400,
    "HTTP-051-sec-token": 400,
    "HTTP-054-aws4-auth": 400,
}
"""Two of what may come once, or what is no HTTP: refused although a route reads no target."""
UPGRADE = "HTTP-068-upgrade-ws"


def right(attack: Attack, aim: Aim) -> int:
    """The status that is right: a target is nothing to a route; an unknown member of the query is refused."""
    if attack.id in REFUSED:
        return REFUSED[attack.id]
    if attack.members["token"] is None:
        return 401
    if aim is CREATE and attack.members["token"] != "admin":
        return 403
    if "?" in attack.members["path"]:
        return 400
    return 415 if aim is CREATE and "Content-Type" in dict(attack.headers) else aim.status


@pytest.mark.parametrize("which", AIMS)
@attacks.of("TARGET", "INJECT")
def test_nothing_but_the_judged_call_goes_up(gateway: Gateway, attack: Attack, which: str) -> None:
    """R-08, R-09, R-16: a target, injected headers, another method or URL in a header change nothing that is sent."""
    aim = AIMS[which]
    if attack.id == UPGRADE and gateway.runtime == "edge":
        aim = LIST  # the platform makes a GET of it, and a GET is what is judged
    _, query, rest_of_it = attack.members["path"].partition("?")
    asked = Rest(AIMS[which].rest.method, aim.rest.path + query + rest_of_it, AIMS[which].rest.body)
    kept = any(name == "Connection" for name, _ in attack.headers)
    found = gateway.send(rest.raw(asked, attack.token(gateway), *attack.headers), half_close=kept)
    assert len(found) == 1
    exact(gateway, found[0], aim, right(attack, aim))
    assert b"attacker" not in found[0].body


@attacks.of("METHOD")
def test_a_method_is_what_it_is(gateway: Gateway, attack: Attack) -> None:
    """R-16: a change is a POST and nothing else: HEAD, GET, PUT, DELETE, `post` do not disable anybody."""
    asked = Rest(attack.members["method"], DISABLE)
    found = gateway.send(rest.raw(asked, gateway.token("admin"), *attack.headers))
    assert len(found) == 1
    assert found[0].status in http.expected(attack, gateway)
    assert not gateway.fails(found[0])
    assert gateway.stub.calls() == []


OVERRIDES = ["X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"]


@pytest.mark.parametrize("header", OVERRIDES)
def test_no_header_makes_another_method_of_it(gateway: Gateway, header: str) -> None:
    """R-08: a GET that says that it is a DELETE is a GET; a POST that says so is not served."""
    for method, status in (("GET", 200), ("POST", 405)):
        found = rest.send(gateway, Rest(method, "/admin/users/bob"), gateway.token("admin"), (header, "DELETE"))
        assert found.status == status
    found = rest.send(gateway, Rest("GET", "/admin/users/bob?_method=DELETE"), gateway.token("admin"))
    assert found.status == 400
    assert [call.operation for call in gateway.stub.calls()] == ["AdminGetUser"]


Up = tuple[str, str] | None
"""The operation that goes up, and the user whom it names."""
SUB = "aaaaaaaa-bbbb-4ccc-8ddd-000000000009"
PATHS: dict[str, tuple[str, int, Up]] = {
    "/admin/users/bob%2Fdisable": ("POST", 405, None),
    "/admin/users/bob%2fdisable": ("GET", 200, ("AdminGetUser", "bob/disable")),
    "/admin/users/bob%252Fdisable": ("GET", 200, ("AdminGetUser", "bob%2Fdisable")),
    "/admin/users/bob%3Flimit=1": ("GET", 200, ("AdminGetUser", "bob?limit=1")),
    "/admin/users/bob%zz": ("GET", 200, ("AdminGetUser", "bob%zz")),
    "/admin/users/bob+a": ("GET", 200, ("AdminGetUser", "bob+a")),
    "/admin/users/bob;a=b/disable": ("POST", 204, ("AdminDisableUser", "bob;a=b")),
    "/admin/users;a=b/bob/disable": ("POST", 404, None),
    "/admin/users/../groups": ("GET", 400, None),
    "/admin/users/%2e%2e/groups": ("GET", 400, None),
    "/admin/users/./disable": ("POST", 400, None),
    "/admin/users/bob/groups/..": ("PUT", 400, None),
    "/admin/users/bob/../chief/disable": ("POST", 404, None),
    "/me/../admin/users/bob/disable": ("POST", 404, None),
    "/healthz/../admin/users/bob": ("GET", 404, None),
    "/admin/users\\bob\\disable": ("POST", 404, None),
    "//admin/users/bob/disable": ("POST", 404, None),
    "/admin//users/bob/disable": ("POST", 404, None),
    "/admin/users//disable": ("POST", 404, None),
    "/admin/users/bob/disable/": ("POST", 404, None),
    "/admin/users/bob/disable/.": ("POST", 404, None),
    "/ADMIN/users/bob/disable": ("POST", 404, None),
    "/admin/users/bob/DISABLE": ("POST", 404, None),
    "/%61dmin/users/bob/disable": ("POST", 404, None),
    "/admin%2Fusers/bob/disable": ("POST", 404, None),
    "/admin/users/bob/disabl%65": ("POST", 404, None),
    "/amplify/../admin/users/bob": ("GET", 404, None),
    "/admin/users/bob%00": ("GET", 400, None),
    "/admin/users/bob%00/disable": ("POST", 400, None),
    "/admin/users/bob%0d%0aX-A:%20b": ("GET", 400, None),
    "/admin/users/bob%20": ("GET", 400, None),
    "/admin/users/%c0%af": ("GET", 400, None),
    "/admin/users/%c0%ae%c0%ae/disable": ("POST", 400, None),
    "/admin/users/%e0%80%af": ("GET", 400, None),
    "/admin/users/%ed%a0%80": ("GET", 400, None),
    "/admin/users/%ff": ("GET", 400, None),
    f"/admin/users/{'a' * 129}": ("GET", 400, None),
    "/admin/users/sub:": ("GET", 400, None),
    "/admin/users/sub:bob/disable": ("POST", 400, None),
    f"/admin/users/sub:{SUB}%00/disable": ("POST", 400, None),
    f"/admin/users/sub:{SUB}%0a/disable": ("POST", 400, None),
    f"/admin/users/sub:sub:{SUB}": ("GET", 400, None),
    f"/admin/users/sub:{SUB}0": ("GET", 400, None),
    f"/admin/users/%73ub:{SUB[:-1]}": ("GET", 400, None),
}
COLLAPSED: dict[str, tuple[int, Up]] = {
    "/admin/users/../groups": (403, None),
    "/admin/users/%2e%2e/groups": (403, None),
    "/admin/users/./disable": (405, None),
    "/admin/users/bob/groups/..": (404, None),
    "/admin/users/bob/../chief/disable": (204, ("AdminDisableUser", "chief")),
    "/me/../admin/users/bob/disable": (204, ("AdminDisableUser", "bob")),
    "/healthz/../admin/users/bob": (200, ("AdminGetUser", "bob")),
    "/amplify/../admin/users/bob": (200, ("AdminGetUser", "bob")),
    "/admin/users\\bob\\disable": (204, ("AdminDisableUser", "bob")),
    "/admin/users/bob/disable/.": (404, None),
}
"""On the edge a URL has no dot segments and no backslashes any more (WHATWG URL): what is left is what is judged."""


@pytest.mark.parametrize("path", PATHS)
def test_a_path_means_one_thing(gateway: Gateway, path: str) -> None:
    """R-08, R-12: a path is matched as it came and decoded once: no trick gives a row another name or a name a row."""
    method, status, up = PATHS[path]
    if gateway.runtime == "edge" and path in COLLAPSED:
        status, up = COLLAPSED[path]
    found = rest.send(gateway, Rest(method, path), gateway.token("admin", "nobody"))
    assert found.status == status
    assert [(call.operation, call.json["Username"]) for call in gateway.stub.calls()] == ([up] if up else [])
    assert rest.send(gateway, Rest(method, path), None).status in {401, 404, 405}


def test_every_path_asks_for_a_token_whatever_it_is_written_like(gateway: Gateway) -> None:
    """R-08: of what was served above nothing is served to a stranger, and the routes that are open call nobody."""
    gateway.stub.reset()
    for path in ("/", "/docs", "/openapi.json", "/healthz", "/healthz/../admin/users", "/docs/..%2fadmin/users"):
        rest.send(gateway, Rest("GET", path), None)
    assert gateway.stub.calls() == []
    assert gateway.stub.guarded == []


QUERIES = [
    "limit=1&limit=2", "limit=1&%6cimit=1", "limit=0", "limit=61", "limit=-1", "limit=1e1", "limit=%EF%BC%91", "limit=",
    "limit=1%00", "limit=true", "limit=99999999999999999999", "Limit=1", "UserPoolId=eu-west-1_OTHER", "cursor=",
    "cursor=abc", "cursor=%00", "cursor=" + "A" * 4097, "filter=", "filter=name", "filter=name=%0a", "filter=%ff",
    "filter=a&filter=b", "filter[]=a", "=x", "x", "include=passwords", "include=groups,groups,groups", "status=any",
    "group=a%00", "search=", "limit=1;cursor=x", "&".join(f"a{number}=b" for number in range(40)),
    "PaginationToken=x", "__proto__=x",
]  # fmt: skip


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_is_judged_like_a_body(gateway: Gateway, query: str) -> None:
    """R-10: a member twice, unknown, of a wrong type or range is refused by its name; Cognito is not asked."""
    found = rest.send(gateway, Rest("GET", f"/admin/users?{query}"), gateway.token("admin"))
    assert found.status == 400
    assert gateway.entries[-1]["decision"]["reason"]
    assert gateway.stub.calls() == []


def test_a_secret_in_the_place_of_a_name_is_not_said_back(gateway: Gateway) -> None:
    """R-01, R-10: a token as the name of a query's or a body's member is not repeated in the refusal."""
    secret = gateway.token("admin", username="in-the-wrong-place")
    for asked in (
        Rest("GET", f"/admin/users?{secret}=1&{secret}=2"),
        Rest("GET", f"/admin/users?{secret}=1"),
        Rest("POST", "/admin/users", {secret: 1}),
        Rest("POST", "/admin/users", {"username": "x", "attributes": {secret: "x"}}),
        Rest("POST", "/admin/users", {"username": "x", "clientMetadata": {secret: 1}}),
    ):
        found = rest.send(gateway, asked, gateway.token("admin"))
        assert found.status == 400
        assert secret.encode() not in found.body
    assert gateway.stub.calls() == []


TYPES = {
    "application/json": 201,
    "Application/JSON": 201,
    "application/json; charset=utf-8": 201,
    "application/json;charset=UTF-8": 201,
    "application/json; charset=utf-16": 415,
    "application/json, text/plain": 415,
    "application/json; boundary=x": 415,
    "text/plain": 415,
    "text/json": 415,
    "application/x-www-form-urlencoded": 415,
    "application/x-amz-json-1.1": 415,
    "application/merge-patch+json": 415,
    "": 415,
}


@pytest.mark.parametrize("declared", TYPES)
def test_a_body_is_json_and_says_so(gateway: Gateway, declared: str) -> None:
    """R-17: what a form, or another origin's page without asking, can send is 415."""
    found = rest.send(gateway, CREATE.rest, gateway.token("admin"), ("Content-Type", declared))
    exact(gateway, found, CREATE, TYPES[declared])


@attacks.of("CTYPE")
def test_nor_is_it_another_type_of_the_file(gateway: Gateway, attack: Attack) -> None:
    """R-16, R-17: the same of the types that are tried at `POST /`; AWS's own is no type of a route's."""
    found = rest.send(gateway, CREATE.rest, gateway.token("admin"), *attack.headers)
    exact(gateway, found, CREATE, 201 if attack.id == "HTTP-122-json" else 415)


def test_two_types_are_none(gateway: Gateway) -> None:
    """R-16: of two declarations nobody can tell which is meant."""
    twice = [("Content-Type", "application/json"), ("Content-Type", "text/plain")]
    exact(gateway, rest.send(gateway, CREATE.rest, gateway.token("admin"), *twice), CREATE, 415)


@attacks.of("CENC")
def test_nothing_is_unpacked(gateway: Gateway, attack: Attack) -> None:
    """R-16: a compressed body is refused by its header, on a route too."""
    found = rest.send(gateway, CREATE.rest, gateway.token("admin"), *attack.headers, data=attack.body)
    exact(gateway, found, CREATE, 415)


def aimed(attack: Attack) -> bytes:
    """The attack's body with the names that the route has for what it attacks."""
    pairs = (b"UserPoolId", b"username"), (b"User\\u0050oolId", b"user\\u006eame"), (b"Username", b"username")
    body = attack.body
    for name, own in pairs:
        body = body.replace(name, own)
    return body.ljust(len(attack.body)) if len(attack.body) > attacks.MAX_BODY_BYTES else body


@attacks.of("BODY", but=http.CUT)
def test_what_could_be_read_in_two_ways_never_goes_up(gateway: Gateway, attack: Attack) -> None:
    """R-10: not JSON, a member twice, in another case, of another type, too deep, too large: refused, never sent."""
    found = rest.send(gateway, CREATE.rest, gateway.token("admin"), data=aimed(attack))
    assert found.status in {400, 413}
    assert gateway.stub.calls() == []
    assert b"OTHER" not in found.body


@attacks.of("BODY", but={attack.id for attack in ATTACKS} - http.CUT | {http.SLOW})
def test_a_body_that_is_shorter_or_longer_than_declared_is_not_acted_on(gateway: Gateway, attack: Attack) -> None:
    """R-15: a body cut by its length is no JSON; who hangs up in the middle of one has asked for nothing."""
    cut = attack.members["body"] == "@halfclose"
    data = json.dumps(CREATE.rest.body).encode()
    length = str(len(data) + (40 if cut else -5))
    raw = rest.raw(CREATE.rest, gateway.token("admin"), ("Content-Length", length))
    found = gateway.send(raw, half_close=cut)
    assert found[0].status in {400, 408} | ({None} if cut else set())
    assert gateway.stub.calls() == []


@pytest.mark.parametrize("size_bytes", [attacks.MAX_BODY_BYTES + 1, 10_000_000])
def test_a_body_that_is_too_large_is_not_read(gateway: Gateway, size_bytes: int) -> None:
    """R-16: 413 on every route that takes a body, before it is kept anywhere."""
    data = b'{"username":"' + b"a" * size_bytes + b'"}'
    for token, status in ((gateway.token("admin"), 413), (None, 401)):  # a stranger gets none of our memory
        found, said = wire.exchange(gateway.port, rest.raw(CREATE.rest, token, data=data))  # too long to be searched
        gateway.said += said
        assert [response.status for response in found] == [status]
    assert gateway.stub.calls() == []


@pytest.mark.parametrize("declared", ["application/json", "text/plain"])
def test_a_body_where_none_is_taken_changes_nothing(gateway: Gateway, declared: str) -> None:
    """R-10: a GET's is not read; where a change takes no body, a member is unknown."""
    token, data = gateway.token("admin"), b'{"limit":1,"limit":2,"UserPoolId":"eu-west-1_OTHER"}'
    exact(gateway, rest.send(gateway, LIST.rest, token, ("Content-Type", declared), data=data), LIST, 200)
    gateway.stub.received.clear()
    for asked in (Rest("POST", DISABLE), Rest("DELETE", "/admin/users/bob")):
        found = rest.send(gateway, asked, token, ("Content-Type", declared), data=b'{"username":"root"}')
        assert found.status == (400 if declared == "application/json" else 415)
    assert gateway.stub.calls() == []


def own_raw(attack: Attack, *, is_armed: bool) -> str:
    """The attack's bytes, aimed at a change that needs no body."""
    raw = attack.members["raw"].replace("POST / ", f"POST {DISABLE} ").replace("GET /\r", "GET /admin/users\r")
    return http.armed(raw).replace(wire.CONTENT_TYPE, rest.JSON) if is_armed else raw


@pytest.mark.parametrize("is_armed", [False, True], ids=["as it stands", "armed"])
@attacks.of("RAW")
def test_bytes_that_two_servers_could_read_differently_are_refused(
    gateway: Gateway, attack: Attack, *, is_armed: bool
) -> None:
    """R-15: two lengths, length and chunks, folded lines, bare CR, NUL: refused; never two calls for one token."""
    raw = own_raw(attack, is_armed=is_armed).replace("@TOKEN@", gateway.token("admin"))
    found = gateway.send(raw.encode(), half_close=True)
    assert found[-1].status is None or found[-1].status in {*attack.statuses, 415}
    if "pipeline" in attack.id:
        assert [response.status for response in found] == [204 if is_armed else 415, 401]
    else:
        assert len(found) == 1
    assert len(gateway.stub.calls()) == sum(response.status == 204 for response in found)


ROUTES = {"a list": LIST.rest, "a new user": CREATE.rest, "oneself": Rest("GET", "/me")}


@pytest.mark.parametrize("which", ROUTES)
@pytest.mark.parametrize("carrier", http.CARRIERS)
def test_a_token_is_taken_from_one_place(gateway: Gateway, carrier: str, which: str) -> None:
    """R-08: the same places as at `POST /`; two in one request are refused, and written down under the answer's id."""
    headers, status = http.CARRIERS[carrier]
    token, asked = gateway.token("admin", username="alice"), ROUTES[which]
    sent = [(name, value.replace("{t}", token)) for name, value in headers]
    path = f"{asked.path}?X-Amz-Security-Token={token}" if carrier == "the query" else asked.path
    found = rest.as_aws(rest.send(gateway, Rest(asked.method, path, asked.body), None, *sent))
    on_edge = gateway.runtime == "edge" and carrier in http.ON_EDGE
    assert found.status in (http.ON_EDGE[carrier][0] if on_edge else {status})
    assert len(gateway.stub.calls()) == (status == 200)
    assert gateway.entries[-1]["id"] == found.headers["x-request-id"]


@pytest.mark.parametrize("scheme", ["", "Basic ", "Token ", "Bearer\t", "bearer,"])
def test_a_token_without_bearer_is_amplifys_alone(gateway: Gateway, scheme: str) -> None:
    """R-08: no route but Amplify's takes a token that does not say what it is; two are one too many there too."""
    token = gateway.token("admin")
    for asked in ROUTES.values():
        assert rest.send(gateway, asked, None, ("Authorization", scheme + token)).status == 401
    bare = Rest("GET", "/amplify/listUsers")
    assert rest.send(gateway, bare, None, ("Authorization", scheme + token)).status == (401 if scheme else 200)
    assert len(gateway.stub.calls()) == (not scheme)
    more = [("Authorization", token), ("X-Amz-Security-Token", token)]
    assert rest.send(gateway, bare, None, *more).status == 400
    assert rest.send(gateway, bare, None, ("Authorization", token), ("Authorization", token)).status == 400
    assert len(gateway.stub.calls()) == (not scheme)


FILTERS = [
    'name = "x" or email ^= "a"', 'name="x" and status="Enabled"', 'name=x" or email ^= "a', 'name = "x"; --',
    "name=\\", 'name="\\"', 'name=\\" or email ^= \\"a', "name=x' or '1'='1", 'name=""" or email=""', "name=^=",
    'name="a\\\\" or email="b"',
]  # fmt: skip


@pytest.mark.parametrize("text", FILTERS)
def test_a_filter_s_value_is_a_value(gateway: Gateway, text: str) -> None:
    """R-10: PRIV-76: whatever quotes are in it, Cognito is asked for one clause, about what was judged."""
    found = rest.send(gateway, Rest("GET", f"/admin/users?filter={quote(text, safe='')}"), gateway.token("admin"))
    assert found.status in {200, 400}
    for call in gateway.stub.calls():
        assert filter_attribute(call.json["Filter"]) == "name"
        assert call.json["Filter"].startswith('name = "')


@pytest.mark.parametrize(
    "name", ["cognito:user_status=x", "email^=a", "sub=x", '"email"^=a', "password=x", "custom:a=x"]
)
def test_nor_is_its_name_another(gateway: Gateway, name: str) -> None:
    """R-10: only what Cognito filters by is a name; the rest is refused here."""
    known = not name.startswith(("password", "custom"))
    found = rest.send(gateway, Rest("GET", f"/admin/users?filter={quote(name, safe='')}"), gateway.token("admin"))
    assert found.status == (200 if known else 400)
    assert len(gateway.stub.calls()) == known


def test_a_cursor_is_its_caller_s_and_its_list_s(gateway: Gateway) -> None:
    """R-10: somebody else's, another list's, another filter's, a changed or a made-up one is refused: 400."""
    gateway.stub.behaviour = answering({"Users": [], "PaginationToken": "next-page", "NextToken": "next-page"})
    mine, other = gateway.token("admin", sub="sub-of-mine"), gateway.token("admin", sub="sub-of-other")
    cursor = rest.send(gateway, Rest("GET", "/admin/users?filter=name=a"), mine).json["cursor"]
    gateway.stub.received.clear()
    good = f"/admin/users?filter=name=a&cursor={cursor}"
    changed = ("B" if cursor[0] == "A" else "A") + cursor[1:]
    for path, token in (
        (good, other),
        (good, gateway.token("moderator", sub="sub-of-other")),
        (f"/admin/users?cursor={cursor}", mine),
        (f"/admin/users?filter=name=b&cursor={cursor}", mine),
        (f"/admin/users?filter=name=a&group=premium&cursor={cursor}", mine),
        (f"/admin/groups/premium/users?cursor={cursor}", mine),
        (f"/admin/users?filter=name=a&cursor={changed}", mine),
        (f"/admin/users?filter=name=a&cursor={cursor[:-2]}", mine),
        (f"/admin/users?filter=name=a&cursor={cursor}AAAA", mine),
        ("/admin/users?filter=name=a&cursor=bmV4dC1wYWdl", mine),
    ):
        found = rest.send(gateway, Rest("GET", path), token)
        assert (found.status, rest.problem(found)["member"]) == (400, "cursor")
        assert gateway.entries[-1]["decision"]["reason"] == "cursor"
    assert gateway.stub.calls() == []
    assert rest.send(gateway, Rest("GET", good), mine).status == 200
    assert gateway.stub.calls()[0].json["PaginationToken"] == "next-page"


def test_a_head_leaves_the_connection_as_it_was(gateway: Gateway) -> None:
    """R-15: a page's head has its length and no body: what is asked next on the connection is answered by itself."""
    connection = HTTPConnection("127.0.0.1", gateway.port, timeout=20)
    with contextlib.closing(connection):
        for path in ("/docs", "/openapi.json", "/"):
            connection.request("HEAD", path)
            head = connection.getresponse()
            assert (head.status, head.read()) == (200, b"")
            connection.request("GET", "/healthz")
            answer = connection.getresponse()
            assert (answer.status, json.loads(answer.read())) == (200, {"status": "ok"})
