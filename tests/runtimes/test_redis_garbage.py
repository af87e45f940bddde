"""Something at Redis's address that breaks the protocol: a lost store, whatever bytes it sends."""

import asyncio
import contextlib

import hypothesis
import pytest
from hypothesis import strategies as st

from gateway.runtimes.redis_store import RedisRemote
from gateway.store import Rate, StoreLost
from tests.runtimes.redis_replicas import POOL_ID, RedisReplica, answering
from tests.store.fake_remote import kept

NO_RATE = Rate(1, 1.0)


@pytest.mark.parametrize(
    "answer",
    [b"$-5", b"$x", b":", b":1x", b":" + b"9" * 5000, b"*1\r\n" * 1200 + b":1"],
    ids=["length", "no length", "no number", "half a number", "long number", "deep"],
)
async def test_what_is_no_answer_at_all_is_a_loss_and_its_line_is_closed(answer: bytes) -> None:
    """R-22: what breaks the protocol is a lost store and no 500: calls go on, and its connection is not used again."""
    async with answering(answer + b"\r\n") as url, RedisReplica(url) as here:
        assert "lost (unreadable)" in await here.fails()
        with pytest.raises(StoreLost, match=r"^unreadable$") as caught:
            await here.remote.begin("key", kept())
        assert caught.value.__context__ is None
        assert here.remote._idle == []


@pytest.mark.parametrize(
    "answer",
    [
        b"*4\r\n:" + b"9" * 400 + b"\r\n$1\r\ne\r\n$1\r\n0\r\n:0\r\n",
        b"*4\r\n:0\r\n$1\r\ne\r\n$1\r\nx\r\n:0\r\n",
        b"*5\r\n:0\r\n$1\r\ne\r\n$1\r\n0\r\n:0\r\n$24\r\nsigned_out\n1.0e+9999\nsub\r\n",
    ],
    ids=["wait", "position", "moment"],
)
async def test_a_number_that_none_of_ours_would_be_is_a_loss(answer: bytes) -> None:
    """Nothing of it is remembered: asked with it, a Redis that is well again would be lost for good."""
    async with answering(answer) as url, RedisReplica(url) as here:
        assert "lost (unreadable)" in await here.fails()
        assert (here.store._position, here.store.revocations.everything()) == ("", ())


_PIECES = [
    b"*",
    b"$",
    b":",
    b"-",
    b"+",
    b"\r\n",
    b"\xff",
    b"_",
    b"0",
    b"1",
    b"-1",
    b"5",
    b"ERR x",
    b"EVAL",
    b"99999999",
]
GARBAGE = st.one_of(
    st.binary(min_size=1, max_size=40),
    st.lists(st.sampled_from(_PIECES), min_size=1, max_size=12).map(b"".join),
).map(lambda data: data + b"\r\n")


def test_no_garbage_becomes_anything_but_a_loss() -> None:
    """R-22: whatever bytes come for an answer, the core hears of a lost store, or of an answer that has its form."""

    @hypothesis.settings(max_examples=150, deadline=None, derandomize=True)
    @hypothesis.given(GARBAGE)
    def ask(data: bytes) -> None:
        asyncio.run(_asked(data))

    ask()


async def _asked(data: bytes) -> None:
    async with answering(data, close=True) as url:
        remote = RedisRemote(url, POOL_ID)
        questions = (
            remote.exchange("a", NO_RATE, epoch="", position="", revocations=()),
            remote.begin("key", kept()),
            remote.hold("lock", "me", 1.0),
        )
        for question in questions:
            with contextlib.suppress(StoreLost):
                await question
        await remote.close()
