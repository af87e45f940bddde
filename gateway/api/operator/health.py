"""How the gateway is, for who may ask: one record, from what the rooms say of themselves.

Duty: quotas, keys, credentials, store, audit, clock, as JSON. Prohibition: no key, no token, no path, no ARN of ours.
"""

from typing import Any

from gateway import __version__
from gateway.credentials import Credentials, RoleCredentials
from gateway.front import InFlight
from gateway.keys import KeyRing
from gateway.rooms import Rooms
from gateway.store import SharedStore


def health(rooms: Rooms, keys: KeyRing, credentials: Credentials, in_flight: InFlight) -> dict[str, Any]:
    """What is known now, without asking anybody. `credentials` are those that sign for Cognito."""
    trail, store = rooms.trail, rooms.store
    shared = isinstance(store, SharedStore)
    return {
        "version": __version__,
        "clockOffsetSeconds": round(rooms.door.offset_seconds, 3),
        "callsUnderWay": in_flight.count,
        "keys": [
            {"issuer": issuer, "fetchedSecondsAgo": None if age is None else round(age, 1)}
            for issuer, age in keys.ages().items()
        ],
        "credentials": {
            "kind": "role" if isinstance(credentials, RoleCredentials) else "keys",
            "lastFailure": credentials.last_failure,
        },
        "store": {"shared": shared, "lost": isinstance(store, SharedStore) and store.lost},
        "audit": {"head": str(trail.head), "writing": trail.problem is None, "owed": trail.owed},
        "quotas": [
            {"name": name, "perSecond": round(rate.turns / rate.seconds, 2), "waiting": waiting}
            for name, rate, waiting in sorted(rooms.quotas.in_use())
        ],
    }
