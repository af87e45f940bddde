"""The shared store over a Durable Object: what isolates see of each other, and what they make of its failures."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import pytest

from gateway.errors import Unavailable
from gateway.runtimes import durable_object
from gateway.runtimes.durable_messages import encoded
from gateway.runtimes.durable_remote import WHOLE_SECONDS, DurableRemote
from gateway.store import Kept, Rate, Revocation, StoreLost
from tests.runtimes.durable_objects import Disk, Home, Isolate
from tests.store.fake_remote import caller, kept

NO_RATE = Rate(1, 1.0)
SECRET = "canary-of-a-message"


class JsError(Exception):
    """What Pyodide raises for an error of JavaScript: its properties are attributes."""

    def __init__(self, **properties: object) -> None:
        """`properties` as Cloudflare sets them."""
        super().__init__(SECRET)
        vars(self).update(properties)


def asking(remote: DurableRemote) -> list[Coroutine[Any, Any, object]]:
    """One of each exchange."""
    return [
        remote.exchange("a", NO_RATE, epoch="", position="", revocations=()),
        remote.begin("key", kept()),
        remote.finish("key", kept(reply=b"done")),
        remote.forget("key", "me"),
        remote.hold("lock", "me", 1.0),
        remote.release("lock", "me"),
    ]


async def failures(remote: DurableRemote) -> list[str]:
    """How each exchange fails."""
    found = []
    for exchange in asking(remote):
        with pytest.raises(StoreLost) as lost:
            await exchange
        assert lost.value.__cause__ is None
        assert lost.value.__context__ is None
        found.append(str(lost.value))
    return found


async def test_a_revoked_caller_is_refused_on_the_next_call_in_another_isolate() -> None:
    """Signed out in one isolate: the very next call in another is refused, with nothing in between."""
    home = Home()
    here, there = Isolate(home), Isolate(home)
    ann = caller(auth_time=here.clock() - 60.0, issued_at=here.clock() - 60.0)
    await there.take()
    assert not there.store.refuses(ann)
    await here.store.revoke([Revocation("signed_out", ann.sub, here.clock())])
    await there.take()
    assert there.store.refuses(ann)
    assert home.calls == 3
    assert (here.log, there.log) == ([], [])


async def test_isolates_count_together() -> None:
    """R-22: a caller has its rate once, however many isolates it is sent to."""
    home = Home()
    here, there = Isolate(home), Isolate(home)
    calls = (isolate.take("a", Rate(10, 3600.0)) for _ in range(20) for isolate in (here, there))
    assert list(await asyncio.gather(*calls)).count(0.0) == 10


async def test_one_of_a_hundred_in_two_isolates_goes_on() -> None:
    """The same idempotency key at once in two isolates is one claim."""
    home = Home()
    here, there = Isolate(home), Isolate(home)
    begun = await asyncio.gather(
        *(isolate.store.begin("key", kept(), 0.0) for _ in range(50) for isolate in (here, there))
    )
    assert begun.count(None) == 1
    assert len({found.owner for found in begun if found is not None}) == 1


async def test_an_object_that_lost_its_state_hears_of_all_who_are_signed_out() -> None:
    """The disk is gone: with its next call an isolate passes on what it knows, and a third one learns it."""
    home = Home()
    here = Isolate(home)
    ann = caller(auth_time=here.clock() - 60.0, issued_at=here.clock() - 60.0)
    await here.store.revoke([Revocation("signed_out", ann.sub, here.clock())])
    home.restart(Disk())
    await here.take()
    there = Isolate(home)
    await there.take()
    assert there.store.refuses(ann)
    assert here.log == ["the store has lost what it held: 1 revocations are passed on to it again"]


async def test_a_newcomer_reads_a_long_list_in_pages() -> None:
    """An isolate that starts after thousands of sign-outs knows them all before its first answer."""
    home = Home()
    here, there = Isolate(home), Isolate(home)
    many = [Revocation("signed_out", f"sub-{number}", here.clock()) for number in range(2 * durable_object.PAGE + 7)]
    await here.store.revoke(many)
    await there.take()
    assert sorted(there.store.revocations.everything(), key=str) == sorted(many, key=str)
    assert len(here.store.revocations.everything()) == len(many)


async def test_a_kind_of_a_later_version_is_passed_over() -> None:
    """During a deployment the older isolates go on with what they understand."""
    home = Home()
    here, there = Isolate(home), Isolate(home)
    later: Any = "device_lost"
    await here.take()
    await here.remote.exchange(None, NO_RATE, epoch="", position="", revocations=[Revocation(later, "sub-1", 1.0)])
    await here.store.revoke([Revocation("signed_out", "sub-1", here.clock())])
    await there.take()
    assert [known.kind for known in there.store.revocations.everything()] == ["signed_out"]


async def test_a_kept_record_survives_the_way() -> None:
    """Tags, lease and bytes come back as they were, up to the longest answer that is kept."""
    remote = Home().remote()
    for mine in (
        Kept("request-1", ("a" * 64, "b" * 64), 1_795_000_000.123456, bytes(range(256)) * 1025),
        Kept("request-1", ("a",), 1_795_000_000.0, b""),
    ):
        await remote.finish("key", mine)
        assert await remote.begin("key", kept()) == mine


async def test_no_text_of_a_caller_stands_in_a_key() -> None:
    """Names of callers, whatever they hold, are hashed before they leave the isolate."""
    home = Home()
    sent: list[str] = []

    async def call(text: str) -> str:
        sent.append(text)
        return await home.call(text)

    for exchange in asking(DurableRemote(call)):
        await exchange
    await DurableRemote(call).exchange("ann@example.com", NO_RATE, epoch="", position="", revocations=())
    assert len(sent) == 7
    assert not any(word in text for text in sent for word in ("ann@", '"key":"key"', '"key":"lock"'))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConnectionResetError(SECRET), "ConnectionResetError"),
        (JsError(), "JsError"),
        (JsError(overloaded=True), "overloaded"),
        (JsError(overloaded=True, retryable=True), "overloaded"),
        (JsError(retryable="jsnull"), "JsError"),
    ],
)
async def test_a_failure_is_told_in_a_word(error: Exception, kind: str) -> None:
    """R-01: the log says what kind of failure it was, and nothing of a message. An overloaded object is not pressed."""
    home = Home()
    home.failing = [error] * 6
    assert await failures(home.remote(failures=(JsError,))) == [kind] * 6
    assert home.calls == 6


async def test_an_object_that_moved_is_asked_once_more() -> None:
    """Deployed anew, an object hangs up on whoever was asking: one repetition, on a new stub, and no loss yet."""
    home = Home()
    remote = home.remote(failures=(JsError,))
    home.failing = [JsError(retryable=True)]
    assert await remote.hold("lock", "me", 60.0)
    assert home.calls == 2
    home.failing = [JsError(retryable=True)] * 2
    with pytest.raises(StoreLost, match=r"^JsError$"):
        await remote.hold("lock", "me", 60.0)
    assert home.calls == 4


async def test_a_defect_is_no_loss() -> None:
    """What nobody said `call` raises is not swallowed."""
    home = Home()
    home.failing = [JsError()]
    with pytest.raises(JsError):
        await home.remote().release("lock", "me")


async def test_an_object_that_does_not_answer_is_lost_in_time() -> None:
    """No hang: the limit that was handed in holds over the whole exchange, repetition included."""
    home = Home()
    home.hanging = True
    assert await failures(home.remote(whole_seconds=0.01)) == ["TimeoutError"] * 6
    limits: list[float] = []

    @contextlib.asynccontextmanager
    async def limit(seconds: float) -> AsyncIterator[None]:
        limits.append(seconds)
        yield
        raise TimeoutError

    home.hanging = False
    assert await failures(home.remote(limit=limit)) == ["TimeoutError"] * 6
    assert limits == [WHOLE_SECONDS] * 6


@pytest.mark.parametrize(
    ("answer", "kinds"),
    [
        (5, ["unreadable"] * 6),
        ("", ["unreadable"] * 6),
        (encoded({"version": 2}), ["version"] * 6),
        (encoded({"error": "version"}), ["version"] * 6),
    ],
)
async def test_an_answer_that_cannot_be_understood_is_a_loss(answer: object, kinds: list[str]) -> None:
    """Another version answers, or something else does: that is a loss, not an empty list and not a free key."""
    home = Home()
    home.answer = answer
    assert await failures(home.remote()) == kinds


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"found": {}},
        {"found": {"owner": "me", "tags": ["tag"], "lease_ends": 1.0, "reply": "no base64!"}},
        {"found": {"owner": "me", "tags": ["tag"], "lease_ends": 1.0, "reply": 1234}},
        {"found": {"owner": "me", "tags": [7], "lease_ends": 1.0, "reply": None}},
        {"held": None},
        {"wait": 0.0, "epoch": "e", "position": "5", "list": [], "more": False},
        {"wait": 0.0, "epoch": "e", "position": 5, "list": ["ann"], "more": False},
        {"wait": 0.0, "epoch": "e", "position": 5, "list": [["signed_out", "ann", "now"]], "more": False},
    ],
)
async def test_half_an_answer_is_a_loss(fields: dict[str, object]) -> None:
    """Nothing is guessed at: a part that is missing or of another kind makes the whole answer worthless."""
    home = Home()
    home.answer = encoded(fields)
    remote = home.remote()
    for question in (
        remote.begin("key", kept()),
        remote.hold("lock", "me", 1.0),
        remote.exchange(None, NO_RATE, epoch="", position="", revocations=()),
    ):
        with pytest.raises(StoreLost, match=r"^unreadable$"):
            await question


async def test_no_room_is_no_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    """R-22: one caller used up the room for keys: new keys are 503, and everybody else goes on as before."""
    monkeypatch.setattr(durable_object, "MAX_KEPT", 1)
    monkeypatch.setattr(durable_object, "MAX_LOCKS", 0)
    here = Isolate(Home())
    assert await here.store.begin("a", kept(), 0.0) is None
    with pytest.raises(Unavailable, match="store"):
        await here.store.begin("b", kept(), 0.0)
    with pytest.raises(Unavailable, match="store"):
        await here.store.hold("lock", "me", 1.0, 0.0)
    assert not here.store.lost
    assert here.log == []


async def test_a_loss_and_a_return() -> None:
    """The rules of a lost store hold here too: it is told once, rates are counted in the isolate, and it comes back."""
    home = Home()
    here = Isolate(home)
    await here.take()
    home.failing = [ConnectionResetError(SECRET)]
    assert await here.take() == 0.0
    with pytest.raises(Unavailable, match="store"):
        await here.store.begin("key", kept(), 0.0)
    assert await here.probe() == 0.0
    assert await here.store.begin("key", kept(), 0.0) is None
    assert [line.split("(")[-1].split(")")[0] for line in here.log] == ["ConnectionResetError", "the store is back"]
    await here.remote.close()
