"""An answer as it leaves: the usual one in one write, every other as uvicorn writes it, no header split in two."""

import asyncio
import logging
from typing import Any

import pytest
from uvicorn.protocols.http.flow_control import FlowControl

from gateway.runtimes.cycle import Cycle

BODY = b'{"Username":"bob"}'
HEADERS = [(b"content-type", b"application/x-amz-json-1.1"), (b"content-length", b"%d" % len(BODY))]
START: dict[str, Any] = {"type": "http.response.start", "status": 200, "headers": HEADERS}
END: dict[str, Any] = {"type": "http.response.body", "body": BODY}


class Wire:
    """A transport that keeps each write by itself."""

    def __init__(self) -> None:
        """Nothing is written."""
        self.writes: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        """Keep it."""
        self.writes.append(data)

    def close(self) -> None:
        """Note it."""
        self.closed = True

    def is_closing(self) -> bool:
        """Whether `close` was called."""
        return self.closed

    def pause_reading(self) -> None:
        """The flow control asks for it."""

    def resume_reading(self) -> None:
        """The flow control asks for it."""


class Answering:
    """One cycle, its wire, and how often it said that it was done."""

    def __init__(self, method: str = "POST", *, keep_alive: bool = True) -> None:
        """A request of `method` has come, on a connection that will be kept or not."""
        self.wire = Wire()
        self.finished = 0
        self.flow = FlowControl(self.wire)  # type: ignore[arg-type] # as much of a transport as it needs
        log = logging.getLogger("tests.cycle")
        log.disabled = True
        self.cycle = Cycle(
            {"type": "http", "method": method, "raw_path": b"/"},  # type: ignore[typeddict-item]  # all that a cycle asks of it
            self.wire,  # type: ignore[arg-type]
            self.flow,
            log,
            log,
            False,
            [(b"date", b"Sat, 21 Nov 2026 09:00:00 GMT")],
            asyncio.Event(),
            False,
            keep_alive,
            self.done,
        )

    def done(self) -> None:
        """Count."""
        self.finished += 1

    async def run(self, *messages: dict[str, Any], fails: bool = False) -> list[bytes]:
        """Let an application send `messages`, then end or fail; give what was written."""

        async def app(_scope: Any, _receive: Any, send: Any) -> None:
            for message in messages:
                await send(message)
            if fails:
                raise RuntimeError("a defect")

        await self.cycle.run_asgi(app)
        return self.wire.writes


@pytest.fixture
def answering() -> Answering:
    """A kept connection's answer to a POST."""
    return Answering()


async def test_the_usual_answer_leaves_in_one_write(answering: Answering) -> None:
    """Head and body reach the caller together, exactly as the application gave them."""
    assert await answering.run(START, END) == [
        b"HTTP/1.1 200 OK\r\ndate: Sat, 21 Nov 2026 09:00:00 GMT\r\n"
        b"content-type: application/x-amz-json-1.1\r\ncontent-length: 18\r\n\r\n" + BODY
    ]
    assert answering.finished == 1
    assert answering.cycle.response_complete
    assert not answering.wire.closed


async def test_the_last_answer_says_so_and_closes() -> None:
    """A connection that will not be kept is announced and closed after the answer (RFC 9112 section 9.6)."""
    answering = Answering(keep_alive=False)
    (written,) = await answering.run(START, END)
    assert b"\r\nconnection: close\r\n\r\n" in written
    assert answering.wire.closed


@pytest.mark.parametrize(
    ("method", "messages", "last_writes"),
    [
        (
            "POST",
            [START, {**END, "body": BODY[:5], "more_body": True}, {**END, "body": BODY[5:]}],
            [BODY[:5], BODY[5:]],
        ),
        ("POST", [{**START, "headers": HEADERS[:1]}, END], [b"12\r\n" + BODY + b"\r\n0\r\n\r\n"]),
        ("POST", [{**START, "headers": [*HEADERS, (b"connection", b"close")]}, END], [BODY]),
        ("POST", [{**START, "headers": iter(HEADERS)}, END], [BODY]),
        ("HEAD", [START, {**END, "body": b""}], []),
        ("POST", [{**START, "status": 204, "headers": []}, {**END, "body": b""}], [b""]),
    ],
    ids=["in pieces", "chunked", "says close", "headers that can be read once", "HEAD", "no body"],
)
async def test_every_other_answer_is_written_as_uvicorn_writes_it(
    method: str, messages: list[dict[str, Any]], last_writes: list[bytes]
) -> None:
    """Only the usual is made quick: an answer in pieces arrives in pieces, and unusual framing is uvicorn's."""
    answering = Answering(method)
    head, *rest = await answering.run(*messages)
    assert head.startswith(b"HTTP/1.1 20")
    assert head.endswith(b"\r\n\r\n")
    assert rest == last_writes
    assert answering.cycle.response_complete
    assert answering.finished == 1


@pytest.mark.parametrize("value", [b"a\r\nx-injected: b", b"a\nb", b"a\rb", b"a\0b", b"a\x7fb"])
async def test_a_value_never_becomes_two_headers(answering: Answering, value: bytes) -> None:
    """R-15: whatever finds its way into a header's value, no line of ours ends early: nothing of it is written."""
    assert await answering.run({**START, "headers": [*HEADERS, (b"x-amzn-errortype", value)]}, END) == []
    assert answering.wire.closed


@pytest.mark.parametrize("length", [b"17", b"19", b"18, 18"])
async def test_a_connection_ends_with_an_answer_of_a_wrong_length(answering: Answering, length: bytes) -> None:
    """R-15: a body that is longer or shorter than was said would be read as part of the next answer."""
    await answering.run({**START, "headers": [HEADERS[0], (b"content-length", length)]}, END)
    assert answering.wire.closed


@pytest.mark.parametrize("fails", [False, True])
async def test_an_application_that_stops_after_the_head_is_a_500(answering: Answering, fails: bool) -> None:  # noqa: FBT001
    """Nothing had been written yet, so the caller gets a whole, honest answer instead of half of one."""
    written = b"".join(await answering.run(START, fails=fails))
    assert written.startswith(b"HTTP/1.1 500 ")
    assert b" 200 " not in written
    assert b"InternalErrorException" in written


async def test_nothing_is_written_to_a_caller_who_has_gone(answering: Answering) -> None:
    """An answer that nobody will read ends quietly."""
    answering.cycle.disconnected = True
    assert await answering.run(START, END) == []
