"""Nobody climbs: random pools and policies, random sequences of calls, and an oracle that knows only the promises.

The machine plays against a Cognito of a few lines, for many sequences, and against the emulator, for some.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.guards.emulated import EmulatedPool
from tests.guards.oracle import Asking, Attempt, Played, verdict, wrongs
from tests.guards.pool import Pool, behind
from tests.world import Reply, World

GROUPS = tuple(f"g{number}" for number in range(5))
NEW_GROUPS = ("n0", "n1")
USERS = tuple(f"u{number}" for number in range(5))
NEW_USER = "v0"
NEW_PRECEDENCES: tuple[int | str, ...] = (0, 1, 2, 3, 4, "absent")
PRECEDENCES: Sequence[int | None] = (0, 1, 1, 2, 3, None)
RANDOM = st.randoms(use_true_random=True)
OFTEN = 0.5
SELDOM = 0.2
OPERATIONS: Sequence[str] = (
    "AdminAddUserToGroup", "AdminRemoveUserFromGroup", "CreateGroup", "UpdateGroup", "DeleteGroup", "AdminDisableUser",
    "AdminEnableUser", "AdminDeleteUser", "AdminSetUserPassword", "AdminUpdateUserAttributes", "AdminCreateUser",
    "AdminUserGlobalSignOut",
)  # fmt: skip
ON_GROUPS = frozenset({"CreateGroup", "UpdateGroup", "DeleteGroup"})
SUMMIT = (
    "AdminRemoveUserFromGroup", "AdminDisableUser", "AdminDeleteUser", "DeleteGroup", "UpdateGroup", "AdminEnableUser",
    "AdminSetUserPassword",
)  # fmt: skip
"""What is tried most where few are at the top."""
MACHINE = "machine"
SECONDS_BETWEEN = 2.0  # so that a token of now is younger than what was revoked before
SECONDS_UNTIL_ALL_IS_FORGOTTEN = 61.0

CLIMB = settings(
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=300,
    stateful_step_count=25,
    suppress_health_check=list(HealthCheck),
)


@dataclass(frozen=True)
class Move:
    """One call: who, what, to whom by which of its names, which group. `old_token`: the one from its last call."""

    caller: str
    operation: str
    target: str
    form: str
    group: str
    precedence: int | str
    attribute: str
    way: str
    old_token: bool

    def body(self, pool: Pool) -> dict[str, Any]:
        """The body of the call."""
        body: dict[str, Any] = {}
        if self.operation not in ON_GROUPS:
            body["Username"] = self.name(pool)
        if self.operation in ON_GROUPS | {"AdminAddUserToGroup", "AdminRemoveUserFromGroup"}:
            body["GroupName"] = self.group
        if self.operation in {"CreateGroup", "UpdateGroup"} and isinstance(self.precedence, int):
            body["Precedence"] = self.precedence
        if self.operation == "AdminSetUserPassword":
            body |= {"Password": "Passw0rd!new", "Permanent": True}
        if self.operation == "AdminUpdateUserAttributes":
            body["UserAttributes"] = self.attributes(pool)
        if self.operation == "AdminCreateUser":
            body |= {"RESEND": {"MessageAction": "RESEND"}, "force": self.force(pool)}.get(self.way, {})
        return body

    def name(self, pool: Pool) -> str:
        """The target by one of its names."""
        person = pool.find(self.target)
        if self.operation == "AdminCreateUser" and self.way != "RESEND":
            return NEW_USER
        if person is None:
            return self.target
        forms = {"case": person.username.upper(), "sub": person.sub, "e-mail": person.email or person.username}
        return forms.get(self.form, person.username)

    def attributes(self, pool: Pool) -> list[dict[str, str]]:
        """One attribute of the target's: a name, or an address that may be another's."""
        if self.attribute == "name":
            return [{"Name": "name", "Value": "x"}]
        person = pool.find(self.group)  # a group's name is nobody's: a free address
        address = person.email if person and person.email else f"{self.target}@free.example"
        return [{"Name": "email", "Value": address}, {"Name": "email_verified", "Value": "true"}]

    def force(self, pool: Pool) -> dict[str, Any]:
        """A new user who takes the target's address."""
        person = pool.find(self.target)
        address = person.email if person and person.email else "free@free.example"
        attributes = [{"Name": "email", "Value": address}, {"Name": "email_verified", "Value": "true"}]
        return {"ForceAliasCreation": True, "UserAttributes": attributes}


def some_move(random: Random, pool: Pool, roles: list[Played], operations: Sequence[str]) -> Move:
    """Any call, mostly by somebody who is in a role."""
    named = {name for role in roles for name in role.groups}
    able = [person.username for person in pool.people.values() if person.groups & named and person.username in USERS]
    able += [MACHINE] if any(role.machines for role in roles) else []
    return Move(
        caller=random.choice(able if able and random.random() > SELDOM else [*USERS, MACHINE]),
        operation=random.choice(operations),
        target=random.choice([*USERS, NEW_USER]),
        form=random.choice(["name", "case", "sub", "e-mail"]),
        group=random.choice([*GROUPS, *NEW_GROUPS]),
        precedence=random.choice(NEW_PRECEDENCES),
        attribute=random.choice(["name", "email"]),
        way=random.choice(["plain", "RESEND", "force"]),
        old_token=random.random() < OFTEN,
    )


def some_role(random: Random, name: str) -> Played:
    """A role of some groups, and often of machines; it lists most operations."""
    groups = [*GROUPS, NEW_GROUPS[0]]
    assignable = frozenset(random.sample([*groups, NEW_GROUPS[1]], 4)) if random.random() < SELDOM else None
    attributes = random.choice([{"any"}, {"name"}, {"any", "email", "email_verified"}])
    return Played(
        name=name,
        groups=frozenset(random.sample(groups, random.randint(1, 5))),
        allow=frozenset(OPERATIONS) - frozenset(random.sample(OPERATIONS, random.choice([0, 0, 2, 5]))),
        peers=random.random() < OFTEN,
        fresh=random.random() < SELDOM,
        assignable=assignable,
        attributes=frozenset(attributes),
        federated_password=random.random() < OFTEN,
        machines=random.random() < OFTEN,
        precedence=random.choice([None, 0, 0, 1, 2]),
    )


class Ladder(RuleBasedStateMachine):
    """Callers who try whatever they can think of; after each call the pool is compared with what it was."""

    @initialize(random=RANDOM)
    def begin(self, random: Random) -> None:
        """A pool, a policy, and a gateway between them and the callers."""
        self.loop = asyncio.new_event_loop()
        self.roles = [some_role(random, f"r{number}") for number in range(random.randint(1, 3))]
        counts: Sequence[int] = (0, 1, 1, 2, 3)
        precedences, self.operations = PRECEDENCES, OPERATIONS
        if random.random() < OFTEN:  # a few at the top, who may do each other harm, and a machine above them
            precedences, counts, self.operations = (1, 1, 2, None), (0, 1, 1), SUMMIT
            self.roles[0] = replace(self.roles[0], peers=True, machines=True, precedence=0, assignable=None)
        self.world = World("\n".join(role.toml() for role in self.roles))
        self.pool = self.make_pool()
        for name in GROUPS:
            self.pool.group(name, random.choice(precedences))
        for name in USERS:
            groups = random.sample(GROUPS, random.choice(counts))
            more = {"enabled": random.random() > SELDOM, "federated": random.random() < SELDOM}
            self.pool.add(name, *groups, email=f"{name}@example.com", **more)
        behind(self.world, self.pool)
        self.tokens: dict[str, tuple[str, Asking, float]] = {}
        self.revoked: list[tuple[str, str, float]] = []
        self.allowed = 0

    def make_pool(self) -> Pool:
        """Cognito's part."""
        return Pool(page=2)

    @rule(random=RANDOM)
    def call(self, random: Random) -> None:
        """Somebody asks for something: what comes of it is what the promises say, and nothing else has changed."""
        move = some_move(random, self.pool, self.roles, self.operations)
        self.world.clock.tick(SECONDS_BETWEEN)
        signed_in = self.sign_in(move)
        if signed_in is None:
            return
        token, asking, moment = signed_in
        before, body = self.pool.copy(), move.body(self.pool)
        attempt = Attempt(self.roles, before, asking, move.operation, body)
        expected = verdict(attempt)
        if self.is_revoked(asking, moment):
            expected = "revoked"
        reply = self.loop.run_until_complete(self.world.call(move.operation, body, token))
        self.compare(move, before, body, expected, reply)
        if expected == "allowed":
            self.allowed += 1
            name = self.world.entries[-1]["decision"]["role"]
            role = next(role for role in self.roles if role.name == name)
            found = wrongs(attempt, self.pool.copy(), role)
            assert not found, (move, body, found)
            if reply.status == 200:
                self.note(move, before, body)
        else:
            assert self.pool.copy() == before

    def compare(self, move: Move, before: Pool, body: dict[str, Any], expected: str, reply: Reply) -> None:
        """Hold what happened against what was expected."""
        arrived, self.pool.done = self.pool.done, []
        told = (move, body, expected, reply.status, self.world.reason, [role.toml() for role in self.roles])
        statuses = {"allowed": {200, 400}, "refused": {403}, "missing": {400}, "revoked": {401}}
        assert reply.status in statuses[expected], told
        assert [operation for operation, _ in arrived] == ([move.operation] if expected == "allowed" else []), told
        named = [sent["Username"] for _, sent in arrived if "Username" in sent]
        person = before.find(body.get("Username", ""))
        assert named == [] or named == [body["Username"] if person is None else person.username], told

    def sign_in(self, move: Move) -> tuple[str, Asking, float] | None:
        """A token for the caller, with its groups of now; None for who cannot sign in."""
        known = self.tokens.get(move.caller)
        if move.old_token and known is not None:
            return known
        now = float(int(self.world.clock()))
        times = {"iat": now, "auth_time": now, "exp": now + 24 * 3600}
        if move.caller == MACHINE:
            token, asking = self.world.mint.machine(["gateway/machines"], **times), Asking(None, frozenset())
        else:
            person = self.pool.find(move.caller)
            if person is None or not person.enabled:
                return None
            token = self.world.token(*sorted(person.groups), sub=person.sub, username=person.username, **times)
            asking = Asking(person.sub, frozenset(person.groups))
        self.tokens[move.caller] = found = (token, asking, now)
        return found

    def is_revoked(self, asking: Asking, moment: float) -> bool:
        """Whether something that was done since refuses the caller's token."""
        return any(
            moment <= when and (name == asking.sub if kind == "person" else name in asking.groups)
            for kind, name, when in self.revoked
        )

    def note(self, move: Move, before: Pool, body: dict[str, Any]) -> None:
        """Remember whose tokens a deed refuses."""
        now = self.world.clock()
        if move.operation == "DeleteGroup":
            self.revoked.append(("group", body["GroupName"], now))
        if move.operation in {
            "AdminDisableUser", "AdminDeleteUser", "AdminUserGlobalSignOut", "AdminAddUserToGroup",
            "AdminRemoveUserFromGroup",
        }:  # fmt: skip
            person = before.find(body["Username"])
            assert person is not None
            self.revoked.append(("person", person.sub, now))

    def teardown(self) -> None:
        """Close the loop."""
        with contextlib.suppress(AttributeError):  # nothing was begun
            self.loop.close()
            COUNTED["allowed"] += self.allowed


class LadderBesideOthers(Ladder):
    """The same while others change the pool past the gateway, which learns of it within a minute."""

    @rule(random=RANDOM)
    def call(self, random: Random) -> None:
        """Somebody asks, as before, or is changed, or a group is moved, and a minute goes by."""
        if random.random() > SELDOM:
            super().call(random)
            return
        person, group = self.pool.find(random.choice(USERS)), random.choice(GROUPS)
        if person is None or group not in self.pool.groups:
            return
        way = random.choice(["in", "out", "off", "on", "moved"])
        if way == "moved":
            self.pool.groups[group] = random.choice(PRECEDENCES)
        elif way in {"in", "out"}:
            (person.groups.add if way == "in" else person.groups.discard)(group)
        else:
            person.enabled = way == "on"
        self.world.clock.tick(SECONDS_UNTIL_ALL_IS_FORGOTTEN)


class LadderOfTheEmulator(Ladder):
    """The same against the emulator's state; nobody changes it past the gateway."""

    def make_pool(self) -> Pool:
        """Cognito's part."""
        return EmulatedPool(self.world.clock)


COUNTED = {"allowed": 0}


@pytest.mark.slow
def test_no_sequence_of_allowed_calls_reaches_what_is_stronger() -> None:
    """R-12, R-13: and whatever the promises allow is done, so that a gateway that refuses everything fails as well."""
    COUNTED["allowed"] = 0
    run_state_machine_as_test(LadderBesideOthers, settings=CLIMB)
    assert COUNTED["allowed"] > 200  # enough was tried that succeeds


@pytest.mark.slow
def test_nor_does_one_against_the_emulator() -> None:
    """R-12: the emulator's users, aliases, groups and passwords are those of Cognito, not ours."""
    COUNTED["allowed"] = 0
    run_state_machine_as_test(LadderOfTheEmulator, settings=settings(CLIMB, max_examples=15))
    assert COUNTED["allowed"] > 20
