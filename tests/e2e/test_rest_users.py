"""The REST side's users over HTTP, with the emulator behind: real paging, odd names, state that really changes."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest

from gateway.assembly import read_policy
from gateway.cli.dev import permissions, settings_for
from gateway.emulator import server as emulator_server
from tests.e2e.conftest import PASSWORD, Serve

pytestmark = pytest.mark.slow

POLICY = """
[roles.admin]
groups = ["admin"]
allow = ["ListUsers", "ListUsersInGroup", "AdminGetUser", "AdminListGroupsForUser", "AdminCreateUser",
         "AdminUpdateUserAttributes", "AdminDeleteUserAttributes", "AdminDeleteUser", "AdminDisableUser",
         "AdminEnableUser", "AdminConfirmSignUp", "AdminResetUserPassword", "AdminUserGlobalSignOut",
         "AdminSetUserPassword", "AdminSetUserMFAPreference", "AdminAddUserToGroup", "AdminRemoveUserFromGroup",
         "ListGroups", "AddCustomAttributes", "DescribeUserPool"]
explain = true
peers = true
rate_per_minute = 100000
[roles.admin.limits]
attributes = ["any", "email", "email_verified", "phone_number", "phone_number_verified"]
groups = "any"
members = ["MessageAction", "TemporaryPassword"]
[roles.moderator]
groups = ["moderator"]
allow = ["ListUsers", "ListUsersInGroup", "AdminGetUser"]
[roles.moderator.limits]
readable = ["name"]
"""


@dataclass
class Rest:
    """A caller of the REST side."""

    url: str
    token: str

    def __call__(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """One request: status and JSON, None where there is none."""
        headers = {"Authorization": f"Bearer {self.token}"} | (
            {} if body is None else {"Content-Type": "application/json"}
        )
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)  # noqa: S310 - loopback
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - loopback
                status, found = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, found = error.code, error.read()
        return status, json.loads(found) if found else None

    def aws(self, operation: str, body: Any) -> None:
        """What the REST side has no route for."""
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": f"AWSCognitoIdentityProviderService.{operation}",
        }
        request = urllib.request.Request(self.url, json.dumps(body).encode(), headers)  # noqa: S310 - loopback
        urllib.request.urlopen(request, timeout=20).close()  # noqa: S310 - loopback

    def pages(self, path: str) -> list[dict[str, Any]]:
        """All answers of a list."""
        found: list[dict[str, Any]] = []
        cursor: str | None = ""
        while cursor is not None:
            status, page = self("GET", path + (f"&cursor={quote(cursor)}" if cursor else ""))
            assert status == 200, page
            found.append(page)
            cursor = page["cursor"]
        return found


@dataclass
class Callers:
    """Who comes: an admin, and one who reads names only."""

    admin: Rest
    moderator: Rest


@pytest.fixture(scope="module")
def callers(runtime: Serve, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callers]:
    """An emulator and a gateway of their own, with a policy that allows every route."""
    folder = tmp_path_factory.mktemp("rest")
    with emulator_server.start(port=0, iam_policy=permissions(read_policy(POLICY))) as emulator:
        settings = settings_for(emulator) | {"GATEWAY_POLICY": POLICY}
        with runtime(folder, settings) as url:
            admin, moderator = (
                Rest(url, emulator.sign_in(f"{who}@example.com", PASSWORD)["access_token"])
                for who in ("admin", "moderator")
            )
            attributes = [
                {"Name": "age", "AttributeDataType": "Number"},
                {"Name": "vip", "AttributeDataType": "Boolean"},
            ]
            admin.aws("AddCustomAttributes", {"CustomAttributes": attributes})
            yield Callers(admin, moderator)


def names(found: list[dict[str, Any]]) -> list[str]:
    """The users of some answers."""
    return [user["username"] for page in found for user in page["items"]]


def test_all_users_come_page_by_page(callers: Callers) -> None:
    """More than 200 of them, each once, whatever the limit; the order stays."""
    whole = names(callers.admin.pages("/admin/users?limit=60"))
    assert len(whole) >= 204
    assert len(set(whole)) == len(whole)
    for limit in (7, 59):
        assert names(callers.admin.pages(f"/admin/users?limit={limit}")) == whole


@pytest.mark.parametrize("limit", [1, 2, 9, 60])
def test_a_scan_finds_whom_nothing_else_finds(callers: Callers, limit: int) -> None:
    """Contains, and group and status together: what Cognito's own filter cannot."""
    everybody = [user for page in callers.admin.pages("/admin/users?limit=60") for user in page["items"]]
    wanted = [user["username"] for user in everybody if "ss" in json.dumps([user["username"], user["attributes"]])]
    found = names(callers.admin.pages(f"/admin/users?search=SS&limit={limit}"))
    assert wanted
    assert sorted(found) == sorted(wanted)
    for group, status in (("premium", "enabled"), ("user", "disabled"), ("user", "RESET_REQUIRED")):
        members = set(names(callers.admin.pages(f"/admin/groups/{group}/users?limit=60")))
        state = [
            user["username"]
            for user in everybody
            if user["username"] in members and status in {user["status"], "enabled" if user["enabled"] else "disabled"}
        ]
        pages = callers.admin.pages(f"/admin/users?group={group}&status={status}&limit={limit}")
        assert sorted(names(pages)) == sorted(state)
        assert state
        assert sum(page["scanned"] for page in pages) == len(members)


def test_cognito_s_filter_is_built_from_what_was_asked(callers: Callers) -> None:
    """Its two forms, a value with quotes in it, and statuses."""
    for text in ("email=admin@example.com", 'email = "admin@example.com"', "email^=admin@"):
        assert names(callers.admin.pages(f"/admin/users?filter={quote(text)}")) == ["admin@example.com"]
    injected = quote('name=x" or status = "Enabled')
    assert callers.admin.pages(f"/admin/users?filter={injected}") == [{"items": [], "cursor": None}]
    disabled = [user for page in callers.admin.pages("/admin/users?status=disabled") for user in page["items"]]
    assert disabled
    assert {user["enabled"] for user in disabled} == {False}


@pytest.mark.parametrize("name", ["a/b", "50%", "a+b@x", "jürgen", ".", "..", "y" * 128, "sub:x", "a?b#c&d"])
def test_a_user_of_any_name_lives_and_dies(callers: Callers, name: str) -> None:
    """Created, read, changed, put into a group, disabled, deleted: by its `sub` where no path can hold the name."""
    rest = callers.admin
    status, made = rest(
        "POST", "/admin/users", {"username": name, "sendInvitation": False, "attributes": {"name": "N"}}
    )
    assert (status, made["username"], made["status"], made["email"]) == (201, name, "FORCE_CHANGE_PASSWORD", None)
    assert rest("POST", "/admin/users", {"username": name})[0] == 409
    by_name = f"/admin/users/{quote(name, safe='')}"
    by_sub = f"/admin/users/sub:{made['sub']}"
    path = by_sub if name in {".", ".."} or name.startswith("sub:") else by_name
    for way in {path, by_sub}:
        assert rest("GET", way)[1] == made
    changed = {"email": f"{made['sub']}@example.com", "attributes": {"email_verified": True, "name": None}}
    assert rest("PATCH", path, changed) == (204, None)
    assert rest("PUT", f"{path}/groups/premium") == (204, None)
    assert rest("POST", f"{path}/disable") == (204, None)
    status, found = rest("GET", f"{path}?include=groups,mfa")
    assert (status, found["enabled"], found["groups"], found["email"]) == (200, False, ["premium"], changed["email"])
    assert found["attributes"] == {"email": changed["email"], "email_verified": True}
    assert found["mfa"]["preferred"] is None
    assert rest("GET", f"{path}/groups")[1]["items"][0]["precedence"] == 8
    assert rest("DELETE", f"{path}/groups/premium") == (204, None)
    assert rest("POST", f"{path}/enable") == (204, None)
    assert rest("PUT", f"{path}/password", {"password": PASSWORD}) == (204, None)
    assert rest("POST", f"{path}/sign-out") == (204, None)
    assert rest("GET", path)[1]["status"] == "CONFIRMED"
    assert rest("POST", f"{path}/reset-password") == (204, None)
    assert rest("GET", path)[1]["status"] == "RESET_REQUIRED"
    assert rest("PATCH", path, {"attributes": {"phone_number": "+12025550123"}})[0] == 204
    assert rest("PUT", f"{path}/mfa", {"sms": True, "preferred": "sms"}) == (204, None)
    assert rest("GET", f"{path}?include=mfa")[1]["mfa"]["preferred"] == "sms"
    assert rest("DELETE", path) == (204, None)
    assert rest("GET", by_sub)[0] == 404
    assert rest("DELETE", path)[0] == 404


def test_a_sign_up_is_confirmed(callers: Callers) -> None:
    """Somebody who never got the code."""
    unconfirmed = names(callers.admin.pages("/admin/users?status=UNCONFIRMED"))[0]
    path = f"/admin/users/{quote(unconfirmed, safe='')}"
    assert callers.admin("POST", f"{path}/confirm") == (204, None)
    assert callers.admin("GET", path)[1]["status"] == "CONFIRMED"
    assert callers.admin("POST", f"{path}/confirm")[0] == 400


def test_groups_come_with_a_page_of_users(callers: Callers) -> None:
    """Sixty users at a time, and right."""
    found = callers.admin("GET", "/admin/users?include=groups&limit=60")[1]["items"]
    assert len(found) == 60
    premium = set(names(callers.admin.pages("/admin/groups/premium/users?limit=60")))
    assert {user["username"] for user in found if "premium" in user["groups"]} == {
        user["username"] for user in found if user["username"] in premium
    }


def test_what_a_role_may_not_read_is_not_found_either(callers: Callers) -> None:
    """Not shown, not searched, not filtered by; and a weaker role changes nothing."""
    rest = callers.moderator
    found = rest("GET", "/admin/users?limit=5")[1]["items"]
    assert {user["email"] for user in found} == {None}
    assert {name for user in found for name in user["attributes"]} <= {"name"}
    hidden = callers.admin("GET", "/admin/users?limit=1&filter=email%5E=g")[1]["items"][0]["attributes"]["locale"]
    assert rest("GET", f"/admin/users?search={hidden}")[1]["items"] == []
    assert rest("GET", "/admin/users?filter=email%5E=admin")[0] == 403
    assert rest("GET", "/admin/users?include=groups")[0] == 403
    assert rest("POST", "/admin/users/user%40example.com/disable")[0] == 403
    assert rest("PATCH", "/admin/users/user%40example.com", {"attributes": {"name": "x"}})[0] == 403


def test_custom_attributes_have_the_pool_s_types(callers: Callers) -> None:
    """Where a role may describe the pool, numbers are numbers and truths are truths; they are found by search."""
    rest, path = callers.admin, "/admin/users/admin%40example.com"
    values = {"custom:age": 98765, "custom:vip": True}
    assert rest("PATCH", path, {"attributes": values}) == (204, None)
    found = rest("GET", path)[1]["attributes"]
    assert {name: found[name] for name in values} == values
    assert found["email_verified"] is True
    assert names(rest.pages("/admin/users?search=98765")) == ["admin@example.com"]
    assert rest("PATCH", path, {"attributes": dict.fromkeys(values)}) == (204, None)
    assert not set(values) & set(rest("GET", path)[1]["attributes"])
