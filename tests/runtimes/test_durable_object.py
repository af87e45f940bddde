"""What a Durable Object keeps, for how long, and what it makes of messages. Its disk is a real SQLite."""

import itertools
import json
import random
import sqlite3
from typing import Any

import pytest

from gateway.runtimes import durable_messages, durable_object
from gateway.runtimes.durable_messages import MAX_TEXT_CHARS, encoded
from gateway.store import Rate, Revocation
from gateway.store.port import RETENTION_SECONDS
from gateway.store.revocations import LIFETIME_SECONDS
from tests.runtimes.durable_objects import Disk, Home
from tests.store.fake_remote import kept

NO_RATE = Rate(1, 1.0)
FIVE = Rate(5, 60.0)
ASKING: dict[str, Any] = {
    "exchange": {
        "key": "a",
        "turns": 5.0,
        "seconds": 60.0,
        "epoch": "",
        "position": 0,
        "news": [["kind", "name", 1.0]],
    },
    "begin": {"key": "a", "owner": "me", "tags": ["tag"], "lease_ends": 1.0},
    "finish": {"key": "a", "owner": "me", "tags": ["tag"], "lease_ends": 1.0, "reply": "AA=="},
    "forget": {"key": "a", "owner": "me"},
    "hold": {"key": "a", "owner": "me", "seconds": 1.0},
    "release": {"key": "a", "owner": "me"},
}


def ask(home: Home, do: str, **fields: object) -> dict[str, Any]:
    """One event, with whatever members."""
    answer: dict[str, Any] = json.loads(home.state.call(encoded({"do": do, **ASKING[do], **fields})))
    return answer


def revoked(*subs: str) -> list[Revocation]:
    """Some who were signed out."""
    return [Revocation("signed_out", sub, 1_795_000_000.0) for sub in subs]


async def test_a_restart_forgets_nothing() -> None:
    """An object that was put to sleep, moved or deployed anew counts, refuses, answers and locks as before."""
    home = Home()
    remote = home.remote()
    mine = kept()
    done = kept(owner=mine.owner, reply=b"done")
    first = [await remote.exchange("a", FIVE, epoch="", position="", revocations=revoked("ann")) for _ in range(5)]
    await remote.begin("key", mine)
    await remote.begin("under way", mine)
    await remote.finish("key", done)
    await remote.hold("lock", "me", 60.0)
    home.restart()
    found = await remote.exchange("a", FIVE, epoch="", position="", revocations=())
    assert found.wait_seconds == pytest.approx(12.0)
    assert (found.epoch, found.revocations) == (first[0].epoch, tuple(revoked("ann")))
    assert await remote.begin("key", kept()) == done
    assert await remote.begin("under way", kept()) == mine
    assert not await remote.hold("lock", "you", 60.0)


async def test_a_state_that_was_lost_begins_a_new_epoch() -> None:
    """An empty disk is told apart from a list in which nobody was signed out."""
    home = Home()
    remote = home.remote()
    first = await remote.exchange(None, NO_RATE, epoch="", position="", revocations=revoked("ann"))
    home.restart(Disk())
    found = await remote.exchange(None, NO_RATE, epoch=first.epoch, position=first.position, revocations=())
    assert found.epoch != first.epoch
    assert (found.position, found.revocations) == ("0", ())


@pytest.mark.parametrize("news", [[], ["eve"]])
async def test_a_state_that_went_back_in_time_begins_a_new_epoch(news: list[str]) -> None:
    """Restored to an earlier moment, the list lacks what an isolate has read: also when others came meanwhile."""
    home = Home()
    remote = home.remote()
    first = await remote.exchange(None, NO_RATE, epoch="", position="", revocations=revoked("ann"))
    once = Disk(home.disk)
    home.clock.tick(1.0)
    read = await remote.exchange(None, NO_RATE, epoch=first.epoch, position=first.position, revocations=revoked("bob"))
    home.clock.tick(1.0)
    home.restart(once)
    other = await remote.exchange(None, NO_RATE, epoch="", position="", revocations=revoked(*news))
    assert other.epoch == first.epoch
    found = await remote.exchange(None, NO_RATE, epoch=read.epoch, position=read.position, revocations=())
    assert found.epoch != first.epoch
    assert found.revocations == tuple(revoked("ann", *news))


async def test_an_old_position_is_no_loss() -> None:
    """An isolate that slept for a day asks from where it was: what has ended since is nothing that was lost."""
    home = Home()
    remote = home.remote()
    first = await remote.exchange(None, NO_RATE, epoch="", position="", revocations=revoked("ann"))
    home.clock.tick(LIFETIME_SECONDS + 1.0)
    await remote.exchange(None, NO_RATE, epoch="", position="", revocations=revoked("bob"))
    assert home.disk.rows("revocations") == 1
    found = await remote.exchange(None, NO_RATE, epoch=first.epoch, position=first.position, revocations=())
    assert (found.epoch, found.revocations) == (first.epoch, tuple(revoked("bob")))


async def test_what_is_said_twice_stands_there_once() -> None:
    """After a loss all isolates pass on the same revocations: the list does not grow, and is not read again."""
    remote = Home().remote()
    news = revoked("ann", "bob", "s\u00fcb\n\0 \U0001f600 \ud800", "ann")
    first = await remote.exchange(None, NO_RATE, epoch="", position="", revocations=news)
    again = await remote.exchange(None, NO_RATE, epoch=first.epoch, position=first.position, revocations=news)
    assert first.revocations == tuple(news[:3])
    assert (again.epoch, again.position, again.revocations) == (first.epoch, first.position, ())


async def test_a_long_list_comes_in_pages() -> None:
    """R-22: however many signed out today, one answer holds a page, and the pages are the whole list in its order."""
    home = Home()
    remote = home.remote()
    names = [f"sub-{number}" for number in range(2 * durable_object.PAGE + 7)]
    taken = await remote.exchange(None, NO_RATE, epoch="", position="", revocations=revoked(*names))
    read = [taken]
    while read[-1].more:
        read.append(await remote.exchange(None, NO_RATE, epoch=taken.epoch, position=read[-1].position, revocations=()))
    assert [len(page.revocations) for page in read] == [durable_object.PAGE, durable_object.PAGE, 7]
    assert [known.name for page in read for known in page.revocations] == names
    assert len(home.disk.asked) < 40  # statements do not grow with the list


async def test_the_longest_page_fits_into_a_message() -> None:
    """A thousand groups with the longest names that Cognito takes cannot make the list unreadable."""
    remote = Home().remote()
    names = [f"{number:04}" + "\U0001f600" * 124 for number in range(durable_object.PAGE)]
    taken = await remote.exchange(
        None, NO_RATE, epoch="", position="", revocations=[Revocation("group_deleted", name, 1.0) for name in names]
    )
    assert len(taken.revocations) == durable_object.PAGE


async def test_everything_ends_in_its_time() -> None:
    """R-22: rates, locks, kept answers and revocations leave the disk, though nobody calls: the alarm does it."""
    home = Home()
    remote = home.remote()
    await remote.exchange("a", FIVE, epoch="", position="", revocations=revoked("ann"))
    await remote.finish("key", kept(reply=b"personal"))
    await remote.hold("lock", "me", 20.0)
    began = home.clock()
    left = []
    for _ in range(10):
        if home.disk.woken_at[-1] <= home.clock():
            break
        home.clock.now = home.disk.woken_at[-1]
        home.state.alarm()
        left.append({table: home.disk.rows(table) for table in ("rates", "locks", "kept", "revocations")})
    assert left == [
        {"rates": 0, "locks": 0, "kept": 1, "revocations": 1},
        {"rates": 0, "locks": 0, "kept": 0, "revocations": 1},
        {"rates": 0, "locks": 0, "kept": 0, "revocations": 0},
    ]
    assert home.clock() - began == pytest.approx(LIFETIME_SECONDS)
    assert home.disk.sqlite.execute("SELECT sweep_at FROM life").fetchone() == (0.0,)


async def test_alarms_are_set_once_a_minute_at_most() -> None:
    """An alarm is a write, and one that is always put off never rings: a busy object sets few, in time."""
    home = Home()
    remote = home.remote()
    began = home.clock()
    for number in range(300):
        await remote.exchange(f"key-{number}", FIVE, epoch="", position="", revocations=())
        home.clock.tick(1.0)
        home.restart()  # what it remembers of its alarms is on the disk
    assert home.disk.woken_at[0] == began + durable_object.SWEEP_SECONDS
    assert 5 <= len(home.disk.woken_at) <= 6
    assert home.disk.rows("rates") <= durable_object.SWEEP_SECONDS + FIVE.seconds / FIVE.turns + 1


async def test_an_alarm_that_is_far_off_is_moved_forward() -> None:
    """What ends in a minute does not wait for what ends tomorrow."""
    home = Home()
    ask(home, "finish")
    home.clock.now = home.disk.woken_at[-1]
    home.state.alarm()
    assert home.disk.woken_at[-1] > home.clock() + 80_000.0
    ask(home, "exchange", news=[])
    assert home.disk.woken_at[-1] == home.clock() + durable_object.SWEEP_SECONDS


async def test_a_kept_answer_that_has_ended_counts_no_longer() -> None:
    """After 24 hours a key is free, whether it was swept away or not."""
    home = Home()
    remote = home.remote()
    await remote.finish("key", kept(reply=b"old"))
    home.clock.tick(RETENTION_SECONDS - 1.0)
    assert await remote.begin("key", kept()) is not None
    home.disk.sqlite.execute("UPDATE life SET sweep_at = 0")
    home.clock.tick(1.0)
    mine = kept()
    assert await remote.begin("key", mine) is None
    assert await remote.begin("key", kept()) == mine
    home.disk.sqlite.execute("UPDATE life SET sweep_at = 0")
    home.clock.tick(RETENTION_SECONDS)
    done = kept(reply=b"another's, and late")
    await remote.finish("key", done)
    assert await remote.begin("key", kept()) == done


async def test_a_sweep_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """R-22: a flood of keys is dropped in portions, each soon after the other, so that callers get in between."""
    monkeypatch.setattr(durable_object, "SWEEP_ROWS", 10)
    home = Home()
    remote = home.remote()
    for number in range(25):
        await remote.exchange(f"key-{number}", FIVE, epoch="", position="", revocations=())
    home.clock.tick(120.0)
    left = []
    for _ in range(3):
        home.state.alarm()
        left.append(home.disk.rows("rates"))
        home.clock.tick(home.disk.woken_at[-1] - home.clock())
    assert left == [15, 5, 0]
    assert home.clock() < home.disk.woken_at[0] + 65.0


async def test_no_room_for_another_request_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """R-22: nothing is forgotten before its time: new keys are refused, known ones answered, until there is room."""
    monkeypatch.setattr(durable_object, "MAX_KEPT", 3)
    home = Home()
    for key in ("a", "a", "b", "b", "c"):
        assert ask(home, "begin", key=key) == {"version": 1, "found": None}
    for _ in range(2):
        assert ask(home, "begin", key="d") == {"version": 1, "error": "full"}
        assert ask(home, "begin", key="a") == {"version": 1, "found": None}
        assert ask(home, "begin", key="b", owner="you")["found"]["owner"] == "me"
        home.restart()
    ask(home, "forget", key="c")
    ask(home, "forget", key="a", owner="you")
    assert ask(home, "begin", key="d") == {"version": 1, "found": None}
    assert ask(home, "begin", key="e") == {"version": 1, "error": "full"}
    home.clock.tick(RETENTION_SECONDS)
    assert ask(home, "begin", key="e") == {"version": 1, "found": None}


async def test_no_room_for_another_answer_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """R-22: answers that were kept may fill so many bytes; what is done is kept all the same."""
    monkeypatch.setattr(durable_object, "MAX_KEPT_BYTES", 10)
    home = Home()
    for key in ("a", "b"):
        ask(home, "begin", key=key)
    ask(home, "finish", key="a", reply="AAAABBBB")
    assert ask(home, "begin", key="c") == {"version": 1, "found": None}
    ask(home, "finish", key="a", reply="AAAA")
    assert ask(home, "begin", key="d") == {"version": 1, "found": None}
    ask(home, "finish", key="b", reply="AAAABBBB")
    for _ in range(2):
        assert ask(home, "begin", key="e") == {"version": 1, "error": "full"}
        home.restart()
    assert ask(home, "begin", key="a", owner="you")["found"]["reply"] == "AAAA"


async def test_no_room_for_another_lock_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """R-22: locks are few; those that have ended take no room."""
    monkeypatch.setattr(durable_object, "MAX_LOCKS", 2)
    home = Home()
    assert [ask(home, "hold", key=key).get("held") for key in ("a", "b", "c", "a")] == [True, True, None, True]
    home.clock.tick(1.0)
    assert ask(home, "hold", key="c") == {"version": 1, "held": True}


async def test_a_lock_ends_within_a_day() -> None:
    """Whoever asks to hold a lock for ever does not."""
    home = Home()
    ask(home, "hold", seconds=1e12)
    home.clock.tick(86_400.0)
    assert ask(home, "hold", owner="you")["held"] is True


async def test_a_clock_that_was_wrong_locks_nobody_out() -> None:
    """The object's clock stood a day ahead for a moment: callers wait for their rate's length, not for a day."""
    home = Home()
    remote = home.remote()
    home.clock.tick(86_400.0)
    await remote.exchange("a", FIVE, epoch="", position="", revocations=())
    home.clock.tick(-86_400.0)
    found = await remote.exchange("a", FIVE, epoch="", position="", revocations=())
    assert 0 < found.wait_seconds <= 60.0
    assert home.disk.woken_at[-1] <= home.clock() + 86_400.0 + durable_object.SWEEP_SECONDS


async def test_a_call_that_finds_nothing_new_costs_few_statements() -> None:
    """The price of each call: three statements, of which one writes; a refused one writes nothing."""
    home = Home()
    remote = home.remote()
    one = Rate(1, 3600.0)
    read = await remote.exchange("first", one, epoch="", position="", revocations=revoked("ann"))
    for _ in range(2):
        home.disk.asked.clear()
        await remote.exchange("a", one, epoch=read.epoch, position=read.position, revocations=())
        written = [statement for statement in home.disk.asked if not statement.startswith("SELECT")]
        assert (len(home.disk.asked), len(written)) in {(3, 1), (2, 0)}


async def test_a_disk_that_fails_takes_nothing_back() -> None:
    """The disk is full: the event fails, and what a request began or had answered still stands."""
    home = Home()
    ask(home, "begin")
    home.disk.broken = "INSERT OR REPLACE"
    with pytest.raises(sqlite3.OperationalError):
        ask(home, "finish")
    with pytest.raises(sqlite3.OperationalError):
        ask(home, "exchange")
    home.disk.broken = None
    assert ask(home, "begin", owner="you")["found"] == {
        "owner": "me",
        "tags": ["tag"],
        "lease_ends": 1.0,
        "reply": None,
    }


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (None, "unreadable"),
        (b"{}", "unreadable"),
        ("", "unreadable"),
        ("[]", "unreadable"),
        ("[" * 100_000, "unreadable"),
        ('{"version":1,"do":"hold","key":"a","owner":"me","seconds":NaN}', "unreadable"),
        ('{"version":1,"do":"hold","key":"a","owner":"me","seconds":1e999}', "unreadable"),
        ('{"version":1,"do":"release","key":"\u00fc","owner":"me"}', "unreadable"),
        ('{"version":1,"do":"release","key":"a","owner":"me"' + " " * MAX_TEXT_CHARS + "}", "unreadable"),
        ('{"do":"release","key":"a","owner":"me"}', "version"),
        ('{"version":2,"do":"release","key":"a","owner":"me"}', "version"),
        ('{"version":1}', "unreadable"),
        ('{"version":1,"do":"burn","key":"a","owner":"me"}', "unreadable"),
        ('{"version":1,"do":["release"],"key":"a","owner":"me"}', "unreadable"),
    ],
    ids=itertools.count(),
)
async def test_what_cannot_be_understood_is_refused(text: Any, kind: str) -> None:
    """During a deployment another version may ask: it is told so, and nothing is written."""
    home = Home()
    home.disk.asked.clear()
    assert json.loads(home.state.call(text)) == {"version": 1, "error": kind}
    assert home.disk.asked == []


@pytest.mark.parametrize("do", ASKING)
async def test_a_member_of_another_kind_is_refused(do: str) -> None:
    """Each member of each message: left out, or of any other kind, it is no message, and nothing is written."""
    home = Home()
    assert "error" not in ask(home, do)
    home.disk.asked.clear()
    for name, right in ASKING[do].items():
        wrong: list[object] = [True, [7], [["kind", "name"]], [["kind", 5, 1.0]], {}, "\u00fc"]
        wrong += [None] if name != "key" or do != "exchange" else []
        wrong += [] if isinstance(right, int | float) else [7, 1.5]
        wrong += [-1.0, 1e300, 0.0] if name in {"turns", "position"} or (do, name) == ("exchange", "seconds") else []
        wrong += [-1, 2**53 + 1] if name == "position" else []
        wrong += [] if isinstance(right, str) else ["text"]
        if name == "news":
            wrong.remove("\u00fc")
        for value in wrong:
            if name == "position" and value is True:
                continue
            assert ask(home, do, **{name: value}) == {"version": 1, "error": "unreadable"}, (name, value)
        left_out = {key: value for key, value in ASKING[do].items() if key != name}
        answer = json.loads(home.state.call(encoded({"do": do, **left_out})))
        assert answer == {"version": 1, "error": "unreadable"}
    assert home.disk.asked == []


async def test_no_message_breaks_the_object() -> None:
    """Whatever comes, there is an answer, and the object goes on."""
    chance = random.Random(7)  # noqa: S311 - not for secrets
    home = Home()
    texts = [encoded({"do": do, **fields}) for do, fields in ASKING.items()]
    kinds = set()
    for _ in range(3_000):
        text = list(chance.choice(texts))
        for _ in range(chance.randint(1, 3)):
            text[chance.randrange(len(text))] = chance.choice('0e-"[]{},:\\u\0n')
        kinds.add(json.loads(home.state.call("".join(text))).get("error"))
    assert kinds >= {None, "unreadable", "version"}
    assert durable_messages.VERSION == 1
