"""What guards cost: the gateway beside itself, with and without them.

Duty: the cases of `scripts/bench --guards`, and how many of its own reads each may add at most.
Prohibition: no figure; what is measured and how is `bench.measuring`'s.
Source: docs/decisions/0006-guards.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from bench.jobs import Job
from bench.peers import Peer, gateway
from bench.results import Round

Unit = Literal["call", "caller", "target", "minute"]
"""How often at most: once a call, once a minute for each caller, once in 5 s for each target, once a minute."""

_CALLER_SECONDS = 60
_MOST_CHANGED = 10_000  # after so many users were changed the gateway forgets all that it knows, the groups too
_TARGET_SECONDS = 5
_MANY = 1_000_000
_FEW = 50

_READ = Job()
_CHANGE = Job("AdminDisableUser", mutates=True, targets=_MANY)
_KEYED = Job("AdminDisableUser", mutates=True, targets=_MANY, keyed=True)
_REPEATED = Job("AdminDisableUser", mutates=True, targets=_FEW)
_ASKED_ONLY = Job("AdminDisableUser", mutates=True, targets=_FEW, dry_run=True)


@dataclass(frozen=True, slots=True)
class Case:
    """One row. `against` is the case that its cost is a ratio to; `adds` bounds the guards' own reads."""

    title: str
    job: Job
    against: str
    adds: Mapping[str, Unit] = field(default_factory=dict)
    guarded: bool = True
    fresh: bool = False
    shares: bool = False

    @property
    def peer(self) -> Peer:
        """The gateway of this case."""
        plan = partial(gateway, guarded=self.guarded, fresh=self.fresh)
        return Peer(self.title, plan, job=self.job, shares=self.shares)


_CUT_OFF = 32  # connections, whose calls a round's end may find between the guards' reads and the change
_NAMED: Mapping[str, Unit] = {"AdminGetUser": "call"}
_RANKED: Mapping[str, Unit] = {"AdminGetUser": "call", "AdminListGroupsForUser": "call", "ListGroups": "minute"}

CASES: Mapping[str, Case] = {
    "read-off": Case("read, guards off", _READ, "read-off", guarded=False),
    "read": Case("read, guards on", _READ, "read-off"),
    "read-fresh": Case(
        "read, the caller's groups fresh",
        _READ,
        "read-off",
        adds={"AdminGetUser": "caller", "AdminListGroupsForUser": "caller"},
        fresh=True,
    ),
    "read-redis": Case("read, guards on, Redis", _READ, "read-off", shares=True),
    "change-off": Case("change, guards off", _CHANGE, "change-off", adds=_NAMED, guarded=False),
    "change": Case("change, guards on, another user each time", _CHANGE, "change-off", adds=_RANKED),
    "change-repeated": Case(f"change, guards on, the same {_FEW} users", _REPEATED, "change-off", adds=_RANKED),
    "change-keyed": Case("change, guards on, Idempotency-Key", _KEYED, "change-off", adds=_RANKED),
    "change-redis": Case("change, guards on, Redis", _CHANGE, "change-off", adds=_RANKED, shares=True),
    "change-redis-keyed": Case(
        "change, guards on, Redis, Idempotency-Key", _KEYED, "change-off", adds=_RANKED, shares=True
    ),
    "dry-off": Case(
        f"dry run of a change, guards off, {_FEW} users",
        _ASKED_ONLY,
        "dry-off",
        adds={"AdminGetUser": "target"},
        guarded=False,
    ),
    "dry": Case(
        f"dry run of a change, guards on, {_FEW} users",
        _ASKED_ONLY,
        "dry-off",
        adds={"AdminGetUser": "target", "AdminListGroupsForUser": "target", "ListGroups": "minute"},
    ),
}
"""By name, in the order of the table."""


def excess(name: str, case: Case, rounds: Sequence[Round], callers: int) -> list[str]:
    """Where the guards asked Cognito more often than they may; nothing when they did not."""
    found = []
    for number, each in enumerate(rounds, 1):
        calls, minutes = each.own.get(case.job.operation, 0), 1 + int(each.seconds / _CALLER_SECONDS)
        most: Mapping[Unit, int] = {
            "call": calls + _CUT_OFF,
            "caller": callers * minutes,
            "target": 2 * case.job.targets * (1 + int(each.seconds / _TARGET_SECONDS)),  # two runs, other users each
            "minute": minutes + calls // _MOST_CHANGED,
        }
        for operation, count in each.guards.items():
            allowed = most[case.adds[operation]] if operation in case.adds else 0
            if count > allowed:
                found.append(
                    f"{name}, round {number}: the guards asked {operation} {count} times, {allowed} are allowed"
                )
    return found
