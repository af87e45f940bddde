"""What replicas share: counters, revocations, the answers of repeated requests, locks.

Duty: one small interface (`port`), its form for one process (`memory`), and the rules for when what is shared is lost
(`shared`, `passing`).
Prohibition: no clock, no network, no policy: times are handed in, the networks are the runtimes'.
Source: docs/decisions/0007-store.md.
"""

from gateway.store.memory import MemoryStore
from gateway.store.passing import pass_on
from gateway.store.port import Kept, Rate, Remote, Store, StoreLost, Taken
from gateway.store.revocations import Revocation, Revocations
from gateway.store.shared import Owed, SharedStore

__all__ = [
    "Kept",
    "MemoryStore",
    "Owed",
    "Rate",
    "Remote",
    "Revocation",
    "Revocations",
    "SharedStore",
    "Store",
    "StoreLost",
    "Taken",
    "pass_on",
]
