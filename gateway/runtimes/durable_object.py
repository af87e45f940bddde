"""What a Durable Object keeps for all isolates of one pool: turns, revocations, requests with a key, locks.

Duty: the state and its rules, in the object's own SQLite. An event runs from its first statement to its last without
waiting: nothing comes between, and no crash keeps half of what it wrote. Between two events nothing is remembered but
a count that can be made again, so an object that was put to sleep, moved or restarted knows all it knew.
Prohibition: no import of a runtime, no clock and no randomness of its own; nothing is read or written but by `Storage`.
No message makes it fail: what cannot be understood is answered so. A failure of the storage is raised.
Source: docs/decisions/0007-store.md; the generic cell rate algorithm (ITU-T I.371), kept as one number a key;
https://developers.cloudflare.com/durable-objects/api/sqlite-storage-api/.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from gateway.runtimes import durable_messages
from gateway.runtimes.durable_messages import FULL, Begin, Exchange, Finish, Forget, Hold, Release, Request, Unreadable
from gateway.store.port import RETENTION_SECONDS
from gateway.store.revocations import LIFETIME_SECONDS

PAGE: Final = 1_000  # revocations that are read in one exchange
SWEEP_SECONDS: Final = 60.0
SWEEP_ROWS: Final = 10_000  # of one table, at once: others wait meanwhile
MAX_KEPT: Final = 100_000
MAX_KEPT_BYTES: Final = 1024 * 1024 * 1024
MAX_LOCKS: Final = 1_000

_ROUNDING_SECONDS: Final = 1e-3  # must not cost a caller its last turn
_SOON_SECONDS: Final = 1.0
_SPARE_SECONDS: Final = 60.0
_MICRO: Final = 1_000_000

# Each table has its key first, and in `ends` (epoch seconds) when its row counts no longer. What is long comes last.
_SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS life (one INTEGER PRIMARY KEY, epoch TEXT, newest INTEGER, sweep_at REAL)",
    "INSERT OR IGNORE INTO life VALUES (1, '', 0, 0)",
    "CREATE TABLE IF NOT EXISTS rates (key TEXT PRIMARY KEY, ends REAL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS revocations (key INTEGER PRIMARY KEY, ends REAL, member TEXT UNIQUE)",
    """CREATE TABLE IF NOT EXISTS kept (key TEXT PRIMARY KEY, ends REAL, size INTEGER, owner TEXT, tags TEXT,
       lease_ends REAL, done INTEGER, reply TEXT)""",
    "CREATE TABLE IF NOT EXISTS locks (key TEXT PRIMARY KEY, ends REAL, owner TEXT) WITHOUT ROWID",
)
# One statement for all: each that crosses between Python and SQLite costs more than what it does.
_FRESH: Final = "SELECT value FROM json_each(?) WHERE value NOT IN (SELECT member FROM revocations) ORDER BY key"
_PUBLISH: Final = "INSERT INTO revocations SELECT ? + key, ?, value FROM json_each(?)"
_TABLES: Final = ("rates", "revocations", "kept", "locks")
_SWEEP: Final = "DELETE FROM {0} WHERE key IN (SELECT key FROM {0} WHERE ends <= ? LIMIT ?)"
_EARLIEST: Final = "SELECT COALESCE(MIN(ends), 0) FROM {0}"


class Storage(Protocol):
    """The storage of one Durable Object: its SQLite, and its alarm."""

    def exec(self, statement: str, *values: str | float) -> Sequence[Sequence[Any]]:
        """Run one statement at once and return its rows. A number that is whole may come back as either kind."""
        ...  # pragma: no cover - a port

    def wake(self, at: float) -> None:
        """Have `alarm` called at `at` (epoch seconds), instead of when it was asked for before."""
        ...  # pragma: no cover - a port


@dataclass(slots=True)
class _Life:
    """The one row about the whole, as of the event that goes on at `now` (epoch seconds)."""

    now: float
    epoch: str
    newest: int  # the position that was given out last: each is the microsecond of its coming, later than those before
    sweep_at: float  # 0 for never


class ObjectState:
    """The shared state of one pool.

    Turns and revocations are bounded by time: they end after their rate's length and after a day. Kept requests and
    locks are bounded in number too; they are never forgotten before their time, so without room new ones are refused.
    """

    __slots__ = ("_new_epoch", "_now", "_room", "_storage")

    def __init__(self, storage: Storage, *, now: Callable[[], float], new_epoch: Callable[[], str]) -> None:
        """Make the tables that are missing. `now` gives epoch seconds, `new_epoch` a name that was never given."""
        self._storage = storage
        self._now = now
        self._new_epoch = new_epoch
        self._room: tuple[int, int] | None = None  # kept requests and their bytes, once they have been counted
        for statement in _SCHEMA:
            storage.exec(statement)

    def call(self, text: str) -> str:
        """Carry out what a message asks for, and return the answer: one event."""
        try:
            asked = durable_messages.request(text)
            return durable_messages.encoded(self._carry_out(asked, self._begin_event()))
        except Unreadable as unreadable:
            return durable_messages.encoded({"error": unreadable.kind})

    def alarm(self) -> None:
        """Drop what has ended: another event, asked for by `Storage.wake`."""
        self._sweep(self._life())

    def _life(self) -> _Life:
        [[epoch, newest, sweep_at]] = self._storage.exec("SELECT epoch, newest, sweep_at FROM life")
        return _Life(self._now(), epoch, int(newest), float(sweep_at))

    def _begin_event(self) -> _Life:
        life = self._life()
        if 0 < life.sweep_at <= life.now:  # the alarm is late
            self._sweep(life)
        return life

    def _carry_out(self, asked: Request, life: _Life) -> dict[str, object]:
        match asked:
            case Exchange():
                return self._exchange(asked, life)
            case Begin():
                return self._begin(asked, life)
            case Finish():
                self._finish(asked, life)
            case Forget():
                self._forget(asked)
            case Hold():
                return self._hold(asked, life)
            case _:
                self._release(asked)
        return {}

    def _exchange(self, asked: Exchange, life: _Life) -> dict[str, object]:
        if not life.epoch or (life.epoch == asked.epoch and self._never_was(asked.position, life)):
            life.epoch = self._new_epoch()  # a new life, or one that went back in time
            self._storage.exec("UPDATE life SET epoch = ?", life.epoch)
        self._publish(asked.news, life)
        wait = self._take(asked, life)
        position = asked.position if asked.epoch == life.epoch else 0
        return {"wait": wait, "epoch": life.epoch, **self._page(position, life)}

    def _never_was(self, position: int, life: _Life) -> bool:
        """Whether this list never had a position that was read: then it took the place of the one that had."""
        if position in (0, life.newest):
            return False
        young = position > (life.now - LIFETIME_SECONDS + _SPARE_SECONDS) * _MICRO
        return young and not self._storage.exec("SELECT 1 FROM revocations WHERE key = ?", position)

    def _publish(self, members: Sequence[str], life: _Life) -> None:
        """Add to the list what does not stand there yet."""
        if not members:
            return
        found = self._storage.exec(_FRESH, json.dumps(list(dict.fromkeys(members))))
        if not found:
            return
        first = max(int(life.now * _MICRO), life.newest + 1)
        life.newest = first + len(found) - 1
        self._storage.exec("UPDATE life SET newest = ?", life.newest)  # first: no position is given out twice
        fresh = json.dumps([member for (member,) in found])
        self._storage.exec(_PUBLISH, first, life.now + LIFETIME_SECONDS, fresh)
        self._sweep_later(life)

    def _page(self, position: int, life: _Life) -> dict[str, object]:
        """What the list holds after a position."""
        if position == life.newest:
            return {"position": position, "list": [], "more": False}
        page = "SELECT key, member FROM revocations WHERE key > ? ORDER BY key LIMIT ?"
        found = self._storage.exec(page, position, PAGE)
        more = len(found) == PAGE
        return {
            "position": int(found[-1][0]) if more else life.newest,
            "list": [json.loads(member) for _, member in found],
            "more": more,
        }

    def _take(self, asked: Exchange, life: _Life) -> float:
        if asked.key is None:
            return 0.0
        now, seconds, cost = life.now, asked.seconds, asked.seconds / asked.turns
        found = self._storage.exec("SELECT ends FROM rates WHERE key = ?", asked.key)
        full_at = max(float(found[0][0]) if found else now, now)
        full_at = min(full_at, now + max(seconds, cost))  # a clock that was wrong locks nobody out for longer
        wait = full_at + cost - now - seconds
        if wait > _ROUNDING_SECONDS and full_at > now:  # of a rate below one turn there is one all the same
            return min(wait, full_at - now)
        self._storage.exec("INSERT OR REPLACE INTO rates VALUES (?, ?)", asked.key, full_at + cost)
        self._sweep_later(life)
        return 0.0

    def _begin(self, asked: Begin, life: _Life) -> dict[str, object]:
        whole = "SELECT ends, size, owner, tags, lease_ends, done, reply FROM kept WHERE key = ?"
        found = self._storage.exec(whole, asked.key)
        for ends, _, owner, tags, lease_ends, done, reply in found:
            if ends > life.now and (owner != asked.owner or done):
                known = {"owner": owner, "tags": tags.split(","), "lease_ends": float(lease_ends)}
                return {"found": {**known, "reply": reply if done else None}}
        rows, size = self._counted()
        if not found and (rows >= MAX_KEPT or size >= MAX_KEPT_BYTES):
            return {"error": FULL}
        self._keep(asked, None, life, int(found[0][1]) if found else None)
        return {"found": None}

    def _finish(self, asked: Finish, life: _Life) -> None:
        found = self._storage.exec("SELECT ends, size, owner FROM kept WHERE key = ?", asked.key)
        if not found or found[0][0] <= life.now or found[0][2] == asked.owner:
            self._keep(asked, asked.reply, life, int(found[0][1]) if found else None)

    def _forget(self, asked: Forget) -> None:
        rows, size = self._counted()  # what has no answer yet has no size
        mine = "DELETE FROM kept WHERE key = ? AND owner = ? AND done = 0 RETURNING key"
        self._room = rows - len(self._storage.exec(mine, asked.key, asked.owner)), size

    def _hold(self, asked: Hold, life: _Life) -> dict[str, object]:
        found = self._storage.exec("SELECT ends, owner FROM locks WHERE key = ?", asked.key)
        if found and found[0][0] > life.now and found[0][1] != asked.owner:
            return {"held": False}
        held = "SELECT COUNT(*) FROM locks WHERE ends > ?"
        if not found and self._storage.exec(held, life.now)[0][0] >= MAX_LOCKS:
            return {"error": FULL}
        ends = life.now + asked.seconds
        self._storage.exec("INSERT OR REPLACE INTO locks VALUES (?, ?, ?)", asked.key, ends, asked.owner)
        self._sweep_later(life)
        return {"held": True}

    def _release(self, asked: Release) -> None:
        self._storage.exec("DELETE FROM locks WHERE key = ? AND owner = ?", asked.key, asked.owner)

    def _counted(self) -> tuple[int, int]:
        if self._room is None:
            [[rows, size]] = self._storage.exec("SELECT COUNT(*), COALESCE(SUM(size), 0) FROM kept")
            self._room = int(rows), int(size)
        return self._room

    def _keep(self, asked: Begin | Finish, reply: str | None, life: _Life, replaced: int | None) -> None:
        """Write a row, in place of one of `replaced` bytes: one statement, so that a failure leaves the old one."""
        rows, size = self._counted()
        ends, own_size = life.now + RETENTION_SECONDS, len(reply or "")
        row = (asked.key, ends, own_size, asked.owner, ",".join(asked.tags), asked.lease_ends)
        insert = "INSERT OR REPLACE INTO kept VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        self._storage.exec(insert, *row, 0 if reply is None else 1, reply or "")
        self._room = rows + (replaced is None), size + own_size - (replaced or 0)
        self._sweep_later(life)

    def _sweep_later(self, life: _Life) -> None:
        """See to it that what this event wrote is dropped in its time, whether anybody calls again or not."""
        at = life.now + SWEEP_SECONDS
        if not 0 < life.sweep_at <= at:
            self._sweep_at(life, at)

    def _sweep(self, life: _Life) -> None:
        """Drop what has ended, so much at once, and see to the rest."""
        for table in _TABLES:
            self._storage.exec(_SWEEP.format(table), life.now, SWEEP_ROWS)
        self._room = None
        ends = [float(self._storage.exec(_EARLIEST.format(table))[0][0]) for table in _TABLES]
        earliest = min(filter(None, ends), default=0.0)
        pause = SWEEP_SECONDS if earliest > life.now else _SOON_SECONDS
        self._sweep_at(life, max(earliest, life.now + pause) if earliest else 0.0)

    def _sweep_at(self, life: _Life, at: float) -> None:
        life.sweep_at = at
        self._storage.exec("UPDATE life SET sweep_at = ?", at)
        if at:
            self._storage.wake(at)
