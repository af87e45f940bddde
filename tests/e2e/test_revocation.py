"""Whoever was sent away through one replica is sent away from all: two gateways, one Redis, one emulator."""

import base64
import concurrent.futures
import json
import pathlib
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from gateway.cli.dev import settings_for
from gateway.emulator import server as emulator_server
from gateway.emulator.server import Emulator
from tests import redis_server
from tests.blackbox.stub import eventually
from tests.e2e.conftest import PASSWORD, served
from tests.e2e.test_emulator_enforces import call
from tests.guards.emulated import EmulatedPool
from tests.guards.pool import behind
from tests.world import World

pytestmark = pytest.mark.slow  # together they would make the inner loop too long

POLICY = """
[roles.admin]
groups = ["admin"]
allow = ["ListUsers", "AdminDisableUser", "AdminEnableUser", "AdminDeleteUser", "AdminUserGlobalSignOut",
         "AdminAddUserToGroup", "AdminRemoveUserFromGroup", "CreateGroup", "DeleteGroup"]
peers = true
[roles.admin.limits]
groups = "any"
[roles.moderator]
groups = ["moderator"]
allow = ["ListUsers"]
[roles.premium]
groups = ["premium"]
allow = ["ListUsers"]
fresh = true
[roles.readonly]
groups = ["readonly"]
allow = ["ListUsers"]
strict = true
[public]
allow = ["GetUser", "GlobalSignOut", "DeleteUser"]
rate_per_minute_per_ip = 6000
rate_per_minute_per_user = 600
"""
STRICT_SECONDS = 5.0
LIST = {"Limit": 1}


@dataclass
class Replicas:
    """Two gateways of one pool and one store. `urls` are theirs, `folders` hold their audits."""

    urls: tuple[str, str]
    folders: tuple[pathlib.Path, pathlib.Path]
    emulator: Emulator
    cognito: Any  # boto3's client, past the gateways

    def ask(self, replica: int, token: str, operation: str, **body: Any) -> int:
        """One call: the status."""
        return call(self.urls[replica], token, operation, body)[0]

    def deed(self, replica: int, operation: str, **body: Any) -> None:
        """Something that an admin does through one replica."""
        assert self.ask(replica, self.admin(), operation, **body) == 200

    def admin(self) -> str:
        """A token of the admin's."""
        return self.token("admin@example.com")

    def token(self, username: str) -> str:
        """A token of now."""
        return self.emulator.sign_in(username, PASSWORD)["access_token"]

    def later_token(self, username: str) -> str:
        """A token of the next second: those of the second of a revocation stay refused."""
        second = int(time.time())
        eventually(lambda: int(time.time()) > second, "the next second")
        return self.token(username)

    def newcomer(self, *groups: str) -> str:
        """A user of the test's own."""
        username = f"user-{uuid.uuid4()}"
        who = {"UserPoolId": self.emulator.pool_id, "Username": username}
        self.cognito.admin_create_user(**who, MessageAction="SUPPRESS")
        self.cognito.admin_set_user_password(**who, Password=PASSWORD, Permanent=True)
        for group in groups:
            self.cognito.admin_add_user_to_group(**who, GroupName=group)
        return username

    def reason(self, replica: int) -> str:
        """Why the last decision of a replica fell."""
        lines = (self.folders[replica] / "audit.jsonl").read_bytes().splitlines()
        return str(json.loads(lines[-1])["decision"]["reason"])


@pytest.fixture(scope="module")
def replicas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replicas]:
    """Both run, and so does what they share."""
    one, two, shared = (tmp_path_factory.mktemp(name) for name in ("one", "two", "redis"))
    with redis_server.running(shared) as redis, emulator_server.start(port=0, users=0) as emulator:
        settings = settings_for(emulator) | {"GATEWAY_POLICY": POLICY, "GATEWAY_STORE": redis.url}
        client = boto3.client(
            "cognito-idp",
            region_name="us-east-1",
            endpoint_url=emulator.url,
            aws_access_key_id=emulator.access_key_id,
            aws_secret_access_key=emulator.secret_access_key,
        )
        with served(one, settings) as first, served(two, settings) as second:
            yield Replicas((first, second), (one, two), emulator, client)
        client.close()


Deed = Callable[[Replicas, int, str], None]
DEEDS: dict[str, Deed] = {
    "disabled": lambda them, at, name: them.deed(at, "AdminDisableUser", Username=name),
    "deleted": lambda them, at, name: them.deed(at, "AdminDeleteUser", Username=name),
    "signed out": lambda them, at, name: them.deed(at, "AdminUserGlobalSignOut", Username=name),
    "put into a group": lambda them, at, name: them.deed(at, "AdminAddUserToGroup", Username=name, GroupName="user"),
    "taken out of a group": lambda them, at, name: them.deed(
        at, "AdminRemoveUserFromGroup", Username=name, GroupName="moderator"
    ),
}
AFTERWARDS = {
    "disabled": None,
    "deleted": None,
    "signed out": 200,
    "put into a group": 200,
    "taken out of a group": 403,
}
"""What a fresh sign-in gets; 0 where there is none."""


@pytest.mark.parametrize("what", DEEDS)
@pytest.mark.parametrize("at", [0, 1])
def test_who_is_sent_away_through_one_replica_is_refused_by_the_other_at_once(
    replicas: Replicas, what: str, at: int
) -> None:
    """R-13: the next call is 401, on either; another's token goes on; a sign-in afterwards counts as Cognito has it."""
    name, other = replicas.newcomer("moderator"), replicas.newcomer("moderator")
    token, others = replicas.token(name), replicas.token(other)
    for replica in (0, 1):
        assert replicas.ask(replica, token, "ListUsers", **LIST) == 200
    DEEDS[what](replicas, at, name)
    for replica in (1 - at, at):
        assert replicas.ask(replica, token, "ListUsers", **LIST) == 401
        assert replicas.reason(replica) == "revoked"
        assert replicas.ask(replica, others, "ListUsers", **LIST) == 200
    if not AFTERWARDS[what]:
        with pytest.raises(Exception, match=r"disabled|Incorrect username or password"):
            replicas.later_token(name)
    else:
        assert replicas.ask(1 - at, replicas.later_token(name), "ListUsers", **LIST) == AFTERWARDS[what]


def test_who_is_enabled_again_signs_in_again(replicas: Replicas) -> None:
    """R-13: the old token stays refused, the new one is good on both replicas."""
    name = replicas.newcomer("moderator")
    old = replicas.token(name)
    replicas.deed(0, "AdminDisableUser", Username=name)
    replicas.deed(1, "AdminEnableUser", Username=name)
    new = replicas.later_token(name)
    for replica in (0, 1):
        assert replicas.ask(replica, old, "ListUsers", **LIST) == 401
        assert replicas.ask(replica, new, "ListUsers", **LIST) == 200


@pytest.mark.parametrize("operation", ["GlobalSignOut", "DeleteUser"])
def test_who_goes_by_itself_is_gone_everywhere(replicas: Replicas, operation: str) -> None:
    """R-13: signing oneself out, or deleting oneself, through one replica ends the token on the other."""
    token = replicas.token(replicas.newcomer("moderator"))
    assert replicas.ask(1, token, "ListUsers", **LIST) == 200
    assert call(replicas.urls[0], "", operation, {"AccessToken": token})[0] == 200
    assert replicas.ask(1, token, "ListUsers", **LIST) == 401


def test_a_groups_members_sign_in_again_when_it_is_deleted(replicas: Replicas) -> None:
    """R-13: tokens that name a deleted group are refused on both, also where a group of that name is made again."""
    group = f"group-{uuid.uuid4()}"
    replicas.deed(0, "CreateGroup", GroupName=group, Precedence=50)
    name = replicas.newcomer("moderator", group)
    token = replicas.token(name)
    assert replicas.ask(1, token, "ListUsers", **LIST) == 200
    replicas.deed(0, "DeleteGroup", GroupName=group)
    replicas.deed(1, "CreateGroup", GroupName=group, Precedence=50)
    for replica in (0, 1):
        assert replicas.ask(replica, token, "ListUsers", **LIST) == 401
    assert replicas.ask(1, replicas.later_token(name), "ListUsers", **LIST) == 200


def auth_time(token: str) -> int:
    """When the owner of a token signed in."""
    part = token.split(".")[1]
    return int(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))["auth_time"])


def test_a_sign_in_within_the_second_of_the_sign_out_stays_refused(replicas: Replicas) -> None:
    """R-13: tokens tell whole seconds, so those of that second may be from before: one second later all is well."""
    for _ in range(10):
        name = replicas.newcomer("moderator")
        eventually(lambda: time.time() % 1 < 0.1, "the beginning of a second")
        second = int(time.time())
        replicas.deed(0, "AdminUserGlobalSignOut", Username=name)
        token = replicas.token(name)
        if auth_time(token) == second:
            break
    else:
        pytest.fail("a sign-out takes a second here")
    assert replicas.ask(1, token, "ListUsers", **LIST) == 401
    assert replicas.ask(1, replicas.later_token(name), "ListUsers", **LIST) == 200


@pytest.mark.parametrize("turn", range(3))
def test_two_admins_who_remove_each_other_through_two_replicas_do_not_both_succeed(
    replicas: Replicas, turn: int
) -> None:
    """The last admin stays: the lock is in the store that both share."""
    del turn
    one, two = replicas.newcomer("admin"), replicas.newcomer("admin")
    tokens = [replicas.token(name) for name in (one, two)]
    replicas.cognito.admin_disable_user(UserPoolId=replicas.emulator.pool_id, Username="admin@example.com")
    try:
        with concurrent.futures.ThreadPoolExecutor(2) as threads:
            calls = [
                threads.submit(replicas.ask, replica, tokens[replica], "AdminDisableUser", Username=name)
                for replica, name in ((0, two), (1, one))
            ]
            found = sorted(each.result() for each in calls)
        assert found[0] == 200
        assert found[1] in {401, 403}
        members = replicas.cognito.list_users_in_group(UserPoolId=replicas.emulator.pool_id, GroupName="admin")["Users"]
        assert len([user for user in members if user["Enabled"]]) == 1
    finally:
        replicas.cognito.admin_enable_user(UserPoolId=replicas.emulator.pool_id, Username="admin@example.com")
        for name in (one, two):
            replicas.cognito.admin_delete_user(UserPoolId=replicas.emulator.pool_id, Username=name)


def test_live_groups_show_what_was_done_past_the_gateways(replicas: Replicas) -> None:
    """R-13: a caller whom Cognito itself demoted, disabled or deleted is refused where nothing is remembered of it."""
    pool = replicas.emulator.pool_id
    deeds: dict[str, Callable[[str], Any]] = {
        "demoted": lambda name: replicas.cognito.admin_remove_user_from_group(
            UserPoolId=pool, Username=name, GroupName="premium"
        ),
        "disabled": lambda name: replicas.cognito.admin_disable_user(UserPoolId=pool, Username=name),
        "deleted": lambda name: replicas.cognito.admin_delete_user(UserPoolId=pool, Username=name),
    }
    for what, deed in deeds.items():
        name = replicas.newcomer("premium")
        token = replicas.token(name)
        assert replicas.ask(0, token, "ListUsers", **LIST) == 200
        deed(name)
        assert replicas.ask(0, token, "ListUsers", **LIST) == 200, what  # remembered, for a minute
        assert replicas.ask(1, token, "ListUsers", **LIST) == 403, what


async def test_a_caller_who_was_demoted_past_the_gateway_is_out_after_a_minute() -> None:
    """R-13: the emulator demotes, the clock goes on sixty seconds, and the token, good for an hour, is refused."""
    world = World(POLICY)
    pool = EmulatedPool(world.clock)
    behind(world, pool)
    pool.group("premium", 8)
    person = pool.add("ann", "premium", email="ann@example.com", enabled=True, federated=False)
    token = world.token("premium", sub=person.sub, username="ann")
    assert (await world.call("ListUsers", LIST, token)).status == 200
    pool.answer(
        "AdminRemoveUserFromGroup", {"UserPoolId": world.mint.pool_id, "Username": "ann", "GroupName": "premium"}
    )
    world.clock.tick(59)
    assert (await world.call("ListUsers", LIST, token)).status == 200
    world.clock.tick(1)
    assert (await world.call("ListUsers", LIST, token)).status == 403
    assert world.reason == "operation"


@pytest.mark.slow
def test_strict_refuses_within_seconds_who_was_signed_out_past_the_gateways(replicas: Replicas) -> None:
    """R-13: Cognito is shown the token: what it no longer accepts is 401 when its five seconds are over."""
    pool = replicas.emulator.pool_id
    name = replicas.newcomer("readonly")
    token = replicas.token(name)
    assert replicas.ask(0, token, "ListUsers", **LIST) == 200
    replicas.cognito.admin_user_global_sign_out(UserPoolId=pool, Username=name)
    assert replicas.ask(1, token, "ListUsers", **LIST) == 401
    assert replicas.reason(1) == "strict"
    eventually(
        lambda: replicas.ask(0, token, "ListUsers", **LIST) == 401,
        "the end of what is remembered",
        patience_seconds=4 * STRICT_SECONDS,
    )
    assert replicas.ask(0, replicas.token(name), "ListUsers", **LIST) == 200
