"""Requests with an Idempotency-Key: one deed, equal answers, and nothing that is sent twice."""

import asyncio
import itertools
import json
import pathlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from http import HTTPStatus

import pytest

from gateway import idempotency
from gateway.errors import (
    Denied,
    GatewayError,
    IdempotencyConflict,
    IdempotencyReuse,
    InternalError,
    InvalidRequest,
    Unavailable,
    UpstreamError,
    UpstreamTimeout,
)
from gateway.idempotency import Claim, Idempotency, check_key
from gateway.relay import Reply
from gateway.runtimes.redis_store import RedisRemote
from gateway.store import MemoryStore, SharedStore, Store
from gateway.upstream import AnswerTimeout, Broken
from tests.minting import Clock
from tests.redis_server import running
from tests.store.fake_remote import FakeRemote, Shelf

BODY = b'{"UserPoolId":"us-east-1_EXAMPLE","Username":"ann"}'
DONE = Reply(200, b'{"User":"\xc3\xa4"}\n\0', upstream_request_id="0b7f6c7e", audit_complete=False)
REFUSED = Reply(400, b'{"__type":"UserNotFoundException"}', type="UserNotFoundException", retry_after_seconds=3)
LEASE_SECONDS = 20.0
_IDS = itertools.count(1)


@dataclass
class Desk:
    """Idempotency over a store, with time and secrets as values. Sleeping lets `meanwhile` happen."""

    store: Store = field(default_factory=MemoryStore)
    clock: Clock = field(default_factory=Clock)
    secrets: tuple[str, ...] = ("secret-1",)
    slept: list[float] = field(default_factory=list)
    meanwhile: list[Claim] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Put them together."""
        self.idempotency = Idempotency(
            self.store,
            secrets=lambda: self.secrets,
            now=self.clock,
            monotonic=self.clock,
            sleep=self._sleep,
            wait_seconds=5.0,
        )

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.tick(seconds)
        if len(self.slept) == 3 and self.meanwhile:
            await self.meanwhile.pop().finish(DONE)

    async def begin(
        self, body: bytes = BODY, *, sub: str = "sub-1", operation: str = "AdminDisableUser", key: str = "key"
    ) -> Claim | Reply:
        """Begin a request."""
        request_id = f"request-{next(_IDS)}"
        return await self.idempotency.begin(
            sub=sub, operation=operation, key=key, body=body, request_id=request_id, lease_seconds=LEASE_SECONDS
        )

    async def claim(self, body: bytes = BODY) -> Claim:
        """Begin a request that nobody began before."""
        begun = await self.begin(body)
        assert isinstance(begun, Claim)
        return begun


@pytest.mark.parametrize("value", [b"a", b"!~", b"8e03978e-40d5-43dd-bc93-6894a57f9324", b'"quoted"', b"k" * 255])
def test_a_key_is_visible_ascii(value: bytes) -> None:
    """Whatever identifiers a client makes."""
    assert check_key(value) == value.decode()


@pytest.mark.parametrize("value", [b"", b" ", b"a b", b"a\n", b"\x7f", b"\xc3\xa4", b"k" * 256])
def test_another_key_is_refused_by_the_headers_name(value: bytes) -> None:
    """An empty, long or strange key is a mistake of the client, named without what it sent."""
    with pytest.raises(InvalidRequest, match="idempotency-key") as caught:
        check_key(value)
    assert caught.value.message == "Header 'Idempotency-Key' must be 1 to 255 visible ASCII characters."


@pytest.mark.parametrize("reply", [DONE, REFUSED, Reply(200, b"")])
async def test_a_repetition_gets_the_same_answer(reply: Reply) -> None:
    """A client that never saw the answer asks again and gets it, refusals by Cognito too, to the byte."""
    desk = Desk()
    await (await desk.claim()).finish(reply)
    desk.clock.tick(23 * 3600.0)
    assert await desk.begin() == reply
    assert desk.slept == []


async def test_another_body_is_refused() -> None:
    """The same key with something else in it is a client's mistake: 422, neither sent nor answered with the old."""
    desk = Desk()
    claim = await desk.claim()
    for _ in range(2):
        with pytest.raises(IdempotencyReuse, match="idempotency-other-body") as caught:
            await desk.begin(BODY + b" ")
        assert caught.value.status == HTTPStatus.UNPROCESSABLE_ENTITY
        await claim.finish(DONE)
    assert desk.slept == []


@pytest.mark.parametrize(
    ("sub", "operation", "key"),
    [("sub-2", "AdminDisableUser", "key"), ("sub-1", "AdminEnableUser", "key"), ("sub-1", "AdminDisableUser", "Key")],
)
async def test_keys_count_per_caller_and_operation(sub: str, operation: str, key: str) -> None:
    """Another caller with the same key, or the same caller with another operation, is another request."""
    desk = Desk()
    await (await desk.claim()).finish(DONE)
    assert isinstance(await desk.begin(sub=sub, operation=operation, key=key), Claim)


async def test_parts_of_a_name_do_not_run_into_each_other() -> None:
    """No caller can choose a key that hits another caller's."""
    desk = Desk()
    await (await desk.claim()).finish(DONE)
    for sub, operation, key in (("sub-1AdminDisableUser", "", "key"), ("sub-1", "AdminDisableUserkey", "")):
        assert isinstance(await desk.begin(sub=sub, operation=operation, key=key), Claim)


async def test_a_repetition_waits_for_the_first() -> None:
    """Both are under way at once: the second asks the store in growing intervals, and gets the first's answer."""
    desk = Desk()
    desk.meanwhile.append(await desk.claim())
    assert await desk.begin() == DONE
    assert desk.slept == pytest.approx([0.02, 0.04, 0.08])


async def test_a_repetition_does_not_wait_for_ever() -> None:
    """The first takes long: 409 and when to try again, after `wait_seconds` and with no pause above half a second."""
    desk = Desk()
    await desk.claim()
    with pytest.raises(IdempotencyConflict, match="idempotency-under-way") as caught:
        await desk.begin()
    assert (caught.value.status, caught.value.retry_after_seconds) == (HTTPStatus.CONFLICT, 1)
    assert sum(desk.slept) == pytest.approx(5.0)
    assert max(desk.slept) == 0.5


async def test_a_lease_that_ended_without_an_answer_is_never_sent_again() -> None:
    """The replica that sent it died: nobody knows whether it was done, so it is not done again. 504, for a day."""
    desk = Desk()
    await desk.claim()
    desk.clock.tick(LEASE_SECONDS)
    for _ in range(2):
        with pytest.raises(UpstreamTimeout, match="idempotent-outcome-unknown"):
            await desk.begin()
        desk.clock.tick(23 * 3600.0)


async def test_an_answer_after_the_lease_is_an_answer() -> None:
    """The first was slow, not dead."""
    desk = Desk()
    claim = await desk.claim()
    desk.clock.tick(LEASE_SECONDS + 1)
    await claim.finish(DONE)
    assert await desk.begin() == DONE


async def test_what_was_not_sent_may_be_tried_again() -> None:
    """Refused by a guard, or out of quota: the key is free, with another body too."""
    desk = Desk()
    await (await desk.claim()).abandon()
    assert isinstance(await desk.begin(b"{}"), Claim)


@pytest.mark.parametrize("reply", [Reply(400, b"{}", type="TooManyRequestsException"), Reply(429, b"{}", type="Slow")])
async def test_a_throttled_request_may_be_tried_again(reply: Reply) -> None:
    """Cognito did nothing: its 'slow down' is not the answer of a day."""
    desk = Desk()
    await (await desk.claim()).finish(reply)
    assert isinstance(await desk.begin(), Claim)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (UpstreamTimeout("cancelled"), UpstreamTimeout),
        (AnswerTimeout("answer-timeout"), UpstreamTimeout),
        (Broken("reset", reused=True), UpstreamError),
        (UpstreamError("upstream-not-json"), UpstreamError),
        (Unavailable("audit", retry_after_seconds=7), Unavailable),
        (InternalError("defect:ValueError"), InternalError),
        (Denied("guard"), InternalError),
    ],
)
async def test_an_error_after_sending_is_repeated_and_the_request_is_not(
    error: GatewayError, kind: type[GatewayError]
) -> None:
    """The answer was cut off: a repetition gets the same status and type, and nothing is sent."""
    desk = Desk()
    await (await desk.claim()).unknown(error)
    with pytest.raises(kind) as caught:
        await desk.begin()
    assert type(caught.value) is kind
    assert (caught.value.reason, caught.value.message) == (error.reason, error.message)
    assert caught.value.retry_after_seconds == error.retry_after_seconds


async def test_a_very_long_answer_is_not_kept() -> None:
    """R-22: what is kept is bounded; the request is not sent again all the same."""
    desk = Desk()
    await (await desk.claim()).finish(Reply(200, b"x" * (idempotency.MAX_ANSWER_BYTES + 1)))
    with pytest.raises(UpstreamTimeout, match="idempotent-outcome-unknown"):
        await desk.begin()


async def test_what_is_said_first_counts() -> None:
    """A cleanup after the end changes nothing."""
    desk = Desk()
    claim = await desk.claim()
    await claim.finish(DONE)
    await claim.abandon()
    await claim.unknown(UpstreamTimeout("late"))
    await claim.finish(REFUSED)
    assert await desk.begin() == DONE


async def test_a_rotation_of_the_secret_keeps_the_answers() -> None:
    """Keys are rotated with the old and the new one side by side: a repetition before, amid and after it matches."""
    desk = Desk(secrets=("old",))
    await (await desk.claim()).finish(DONE)
    desk.secrets = ("old", "new")
    assert await desk.begin() == DONE
    desk = Desk(secrets=("old", "new"))
    await (await desk.claim()).finish(DONE)
    desk.secrets = ("new",)
    assert await desk.begin() == DONE
    desk.secrets = ("third",)
    with pytest.raises(IdempotencyReuse):
        await desk.begin()


async def test_the_store_holds_no_key_no_body_and_no_secret() -> None:
    """R-01: whoever reads the store finds hashes, HMACs and the answer."""
    shelf = Shelf()
    clock = Clock()
    store = SharedStore(FakeRemote(shelf), now=clock, monotonic=clock, log=print)
    await Desk(store, clock, secrets=("canary-secret",)).begin(b'{"Password":"canary"}', sub="canary-s", key="canary-k")
    assert len(shelf.kept) == 1
    assert "canary" not in repr(shelf)


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"\n",
        b"{}\n",
        b"[]\n",
        b'"version"\n',
        b'{"version": 2, "status": 200}\n{}',
        b'{"version": 1}\n{}',
        b'{"version": 1, "status": "x", "type": null}\n{}',
        b'{"version": 1, "error": "Exception", "reason": "x", "message": "x", "retry_after_seconds": 1}\n',
        b"[" * 100_000,
        b"\xff\n",
    ],
)
async def test_a_record_that_cannot_be_read_is_no_answer(record: bytes) -> None:
    """Another version's, or a damaged one: 503, neither sent again nor guessed at."""
    desk = Desk()
    claim = await desk.claim()
    await claim._close(record)
    with pytest.raises(Unavailable, match="store"):
        await desk.begin()


async def test_tags_that_are_no_tags_match_nothing() -> None:
    """A damaged record is another body, not a defect."""
    desk = Desk(secrets=("secret",))
    claim = await desk.claim()
    object.__setattr__(claim._mine, "tags", ("\ufffd", ""))
    await claim.finish(DONE)
    with pytest.raises(IdempotencyReuse):
        await desk.begin()


async def test_without_the_store_nothing_begins() -> None:
    """The store is lost: 503 for requests with a key, whatever else still works."""
    clock = Clock()
    remote = FakeRemote(Shelf(), failing="timeout")
    desk = Desk(SharedStore(remote, now=clock, monotonic=clock, log=print), clock)
    with pytest.raises(Unavailable, match="store"):
        await desk.begin()


@pytest.fixture
async def two_stores(tmp_path: pathlib.Path) -> AsyncIterator[tuple[Store, Store]]:
    """The stores of two replicas, on one real Redis."""
    with running(tmp_path) as server:
        remotes = [RedisRemote(server.url, "us-east-1_EXAMPLE") for _ in range(2)]
        one, two = (SharedStore(remote, now=time.time, monotonic=time.monotonic, log=print) for remote in remotes)
        yield one, two
        for remote in remotes:
            await remote.close()


async def test_fifty_at_once_on_two_replicas_are_one_deed_and_fifty_answers(two_stores: tuple[Store, Store]) -> None:
    """A client in a hurry sends 50 equal requests to two replicas: one is carried out, 50 get its answer."""
    claims: list[Claim] = []

    async def request(store: Store) -> Reply:
        here = Idempotency(
            store, secrets=lambda: ("secret",), now=time.time, monotonic=time.monotonic, sleep=asyncio.sleep
        )
        name = f"request-{next(_IDS)}"
        begun = await here.begin(
            sub="sub-1", operation="AdminCreateUser", key="key", body=BODY, request_id=name, lease_seconds=20.0
        )
        if isinstance(begun, Reply):
            return begun
        claims.append(begun)
        await asyncio.sleep(0.1)  # Cognito takes its time
        reply = Reply(200, json.dumps({"by": name}).encode(), upstream_request_id=name)
        await begun.finish(reply)
        return reply

    replies = await asyncio.gather(*(request(store) for store in two_stores * 25))
    assert len(claims) == 1
    assert len(replies) == 50
    assert all(reply == replies[0] for reply in replies)
