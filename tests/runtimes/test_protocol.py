"""The HTTP/1.1 of the container: limits, framing, order, deadlines. Both event loops are judged."""

import asyncio
import itertools
import json
import logging
import pathlib
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gateway.runtimes.framing import HEAD, Limits
from tests.runtimes.raw_http import (
    HASTY,
    PATIENT,
    PROBLEM,
    Answer,
    connected,
    exchange,
    is_refusal,
    request,
    served,
    until,
)

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module", params=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """Transports differ in what half-closing and aborting do."""
    return "asyncio", {"use_uvloop": request.param == "uvloop"}


async def refused(limits: Limits, *pieces: bytes, calls: int = 0) -> Answer:
    """The one answer to `pieces`: a refusal, after which the connection is closed and `calls` were made."""
    async with served(limits) as server, connected(server.port) as client:
        await client.write(*pieces)
        answers = await client.answers()
        assert len(server.app.calls) == calls, server.app.calls
        assert len(answers) == calls + 1
        assert is_refusal(answers[-1])
        return answers[-1]


# -- what is served


async def test_a_plain_request_is_served_and_the_connection_stays() -> None:
    """Two requests, one after the other, use one connection; the answer names no server."""
    async with served() as server, connected(server.port) as client:
        for _ in range(2):
            await client.write(request("/a", body=b"{}"))
            answer = await client.answer()
            assert answer is not None
            assert (answer.status, answer.body) == (200, b"/a")
            assert set(answer.headers) == {"date", "content-length"}
        assert server.app.bodies == [b"{}", b"{}"]


async def test_a_request_in_single_bytes_is_one_request() -> None:
    """How the network cuts a request into pieces makes no difference."""
    raw = request("/a?q=1", "X-Long: " + "v" * 40, body=b"{}")
    async with served() as server:
        answers = await exchange(server.port, *(raw[i : i + 1] for i in range(len(raw))))
        assert [answer.status for answer in answers] == [200]
        assert server.app.calls == ["POST /a"]
        assert server.app.bodies == [b"{}"]


async def test_however_requests_are_cut_each_is_answered_once_and_in_order() -> None:
    """Requests of every kind, pipelined and torn into packets anywhere, give their answers in their order (R-15)."""
    dice = random.Random(7)  # noqa: S311 - a test that repeats itself
    kinds: list[Callable[[str], bytes]] = [
        request,
        lambda path: request(path, body=b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"),
        lambda path: request(path, "Transfer-Encoding: chunked", body=b"3\r\nabc\r\n0\r\nX: y\r\n\r\n"),
        lambda path: request(path, "Connection: upgrade", "Upgrade: h2c", body=b"GET / HTTP/1.1\r\n\r\n"),
        lambda path: b"\r\n" + request(path, body=b"x" * 3000),
    ]
    async with served() as server:
        for _ in range(60):
            server.app.calls.clear()
            paths = [f"/{number}" for number in range(dice.randint(1, 6))]
            raw = b"".join(dice.choice(kinds)(path) for path in paths)
            cuts = sorted(dice.randint(0, len(raw)) for _ in range(dice.randint(0, 8)))
            pieces = [raw[start:end] for start, end in itertools.pairwise([0, *cuts, len(raw)])]
            async with connected(server.port) as client:
                await client.write(*pieces, pause=dice.choice([0.0, 0.001]))
                client.writer.write_eof()
                assert [answer.body.decode() for answer in await client.answers()] == paths
            assert server.app.calls == [f"POST {path}" for path in paths]


async def test_white_space_around_a_value_is_no_part_of_it() -> None:
    """`Idempotency-Key: k1 ` is the key k1, as on the edge; nothing but space and tab counts as white space."""
    lines = ("A: k1 ", "B:\t k1 \t ", "C: a \t b\t", "D: ", "E: \t", "F: k1\xa0", "Content-Length: 2\t ")
    async with served() as server:
        raw = request("/a", *lines)[:-2].decode("latin-1").encode("latin-1") + b"\r\n{}"
        [answer] = await exchange(server.port, raw)
        assert answer.status == 200
        [found] = [dict(headers) for headers in server.app.headers]
        assert {name: value for name, value in found.items() if len(name) == 1} == {
            b"a": b"k1", b"b": b"k1", b"c": b"a \t b", b"d": b"", b"e": b"", b"f": b"k1\xa0",
        }  # fmt: skip
        assert found[b"content-length"] == b"2"
        assert server.app.bodies == [b"{}"]


async def test_a_chunked_body_arrives_and_its_trailers_go_nowhere() -> None:
    """A trailer cannot add a header to a request that was already judged (R-09, R-15)."""
    body = b"2\r\n{}\r\n0\r\nAuthorization: Bearer late\r\nX-Amz-Target: T\r\n\r\n"
    async with served() as server:
        answers = await exchange(server.port, request("/a", "Transfer-Encoding: chunked", body=body, token=False))
        assert [answer.status for answer in answers] == [401]
        assert server.app.bodies == [b"{}"]
        assert [name for name, _ in server.app.headers[0]] == [b"host", b"transfer-encoding"]


async def test_pipelined_requests_are_answered_in_their_order() -> None:
    """A slow first request is answered before a quick second (R-15)."""
    async with served() as server, connected(server.port) as client:
        await client.write(request("/waits", body=b"1") + request("/b", body=b"2") + request("/c", body=b"3"))
        await server.app.entered.wait()
        assert server.app.calls == ["POST /waits"]
        server.app.gate.set()
        answers = [await client.answer() for _ in range(3)]
        assert [answer and answer.body for answer in answers] == [b"/waits", b"/b", b"/c"]
        assert server.app.bodies == [b"1", b"2", b"3"]


async def test_expect_100_continue_is_answered_before_the_body() -> None:
    """A client that asks before it sends a body is told to go on."""
    async with served() as server, connected(server.port) as client:
        await client.write(request("/a", "Expect: 100-continue", "Content-Length: 2"))
        answer = await client.answer()
        assert answer is not None
        assert answer.status == 100
        await client.write(b"{}" + request("/b"))
        assert [(await client.answer() or answer).body for _ in range(2)] == [b"/a", b"/b"]


async def test_a_refused_expectation_closes_since_the_body_may_never_come() -> None:
    """A caller that is refused before "100 Continue" cannot leave its next request to be read as a body (R-15)."""
    async with served() as server:
        raw = request("/early", "Expect: 100-continue", "Content-Length: 60", token=False)
        answers = await exchange(server.port, raw, eof=False)
        assert [(answer.status, answer.headers["connection"]) for answer in answers] == [(401, "close")]


async def test_http_1_0_is_served_and_closed() -> None:
    """An old probe gets its answer: no Host needed, no keep-alive, no 100 Continue."""
    async with served() as server:
        raw = b"POST /a HTTP/1.0\r\nConnection: keep-alive\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}"
        answers = await exchange(server.port, raw, eof=False)
        assert [(answer.status, answer.headers["connection"]) for answer in answers] == [(401, "close")]


@pytest.mark.parametrize("protocol", ["h2c", "websocket"])
@pytest.mark.parametrize("together", [True, False])
async def test_an_upgrade_is_ignored_and_its_body_is_no_request(protocol: str, *, together: bool) -> None:
    """Java's client asks for h2c with every first POST; its body must arrive, and must not be parsed (R-15)."""
    inner = request("/smuggled")
    raw = request("/a", "Connection: Upgrade, HTTP2-Settings", f"Upgrade: {protocol}", "HTTP2-Settings: x", body=inner)
    pieces = [raw + request("/b")] if together else [raw[: -len(inner)], inner[:7], inner[7:], request("/b")]
    async with served() as server, connected(server.port) as client:
        await client.write(*pieces, pause=0.001)
        assert [(await client.answer() or Answer(0, {}, b"")).body for _ in range(2)] == [b"/a", b"/b"]
        assert server.app.bodies == [inner, b""]
        assert server.app.calls == ["POST /a", "POST /b"]


async def test_a_broken_upgrade_keeps_its_own_refusal() -> None:
    """What is wrong with a request that asks to upgrade is told as for any other."""
    raw = request("/a", "Connection: Upgrade", "Upgrade: h2c") + request("/" + "b" * 9000)
    assert (await refused(PATIENT, raw, calls=1)).status == 414


async def test_a_caller_may_close_its_side_after_its_requests() -> None:
    """`nc -N` and scripts half-close after the last byte and still get every answer."""
    async with served() as server, connected(server.port) as client:
        await client.write(request("/waits") + request("/b"))
        client.writer.write_eof()
        await server.app.entered.wait()
        await asyncio.sleep(0.01)
        server.app.gate.set()
        assert [answer.body for answer in await client.answers()] == [b"/waits", b"/b"]


@pytest.mark.parametrize("cut", [1, 30])
async def test_what_was_whole_before_the_caller_closed_is_answered(cut: int) -> None:
    """A last request that was cut short, in its body or in its head, is forgotten; those before it are not."""
    async with served() as server, connected(server.port) as client:
        await client.write(request("/waits") + request("/b") + request("/c", body=b"{}")[:-cut])
        client.writer.write_eof()
        await server.app.entered.wait()
        await asyncio.sleep(0.01)
        server.app.gate.set()
        assert [answer.body for answer in await client.answers()] == [b"/waits", b"/b"]
        assert server.app.calls == ["POST /waits", "POST /b"]


async def test_a_request_cut_short_by_closing_is_told_to_the_application() -> None:
    """Half a body and then the end: the application hears of it, nobody answers, nothing breaks."""
    async with served() as server:
        assert await exchange(server.port, request("/a", "Content-Length: 9", body=b"{}")) == []
        assert server.app.cut == 1
        assert server.app.bodies == [b"{}"]


async def test_a_caller_who_hangs_up_ends_every_request_of_its_connection() -> None:
    """The request being answered is finished, those queued behind it never start."""
    async with served() as server:
        async with connected(server.port) as client:
            await client.write(request("/waits") + request("/b"))
            await server.app.entered.wait()
            client.reset()
        await until(lambda: not server.state.connections)
        server.app.gate.set()
        await until(lambda: not server.state.tasks)
        assert server.app.calls == ["POST /waits"]


async def test_a_failing_application_is_answered_in_the_shape_of_its_path(caplog: pytest.LogCaptureFixture) -> None:
    """A defect is a 500 that its caller can read."""
    async with served() as server:
        [answer] = await exchange(server.port, request("/fails"), eof=False)
        assert answer.status == 500
        assert is_refusal(answer)
        assert answer.document["type"] == "InternalErrorException"
    caplog.clear()


# -- what is refused


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        pytest.param(b"GET /\r\n\r\n", 400, id="HTTP/0.9"),
        pytest.param(b"GET / HTTP/0.9\r\nHost: a\r\n\r\n", 400, id="HTTP/0.9 in words"),
        pytest.param(b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 400, id="HTTP/2.0 in words"),
        pytest.param(b"GET / HTTP/1.2\r\nHost: a\r\n\r\n", 400, id="HTTP/1.2"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0" * 9, 400, id="HTTP/2 preface"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, id="TLS"),
        pytest.param(b"CONNECT a.example:443 HTTP/1.1\r\nHost: a\r\n\r\n", 400, id="CONNECT"),
        pytest.param(b"post / HTTP/1.1\r\nHost: a\r\n\r\n", 400, id="lower-case method"),
        pytest.param(b"POST  / HTTP/1.1\r\nHost: a\r\n\r\n", 400, id="method with a space"),
        pytest.param(b"GET http://a.example HTTP/1.1\r\nHost: a\r\n\r\n", 400, id="absolute form without a path"),
        pytest.param("GET /\u202e HTTP/1.1\r\nHost: a\r\n\r\n".encode(), 400, id="raw UTF-8 in the path"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", 400, id="no Host"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n", 400, id="two Hosts"),
        pytest.param(b"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", 400, id="two Hosts in HTTP/1.0"),
        pytest.param(request("/", "Content-Length: 4", "Transfer-Encoding: chunked"), 400, id="CL+TE"),
        pytest.param(request("/", "Transfer-Encoding: chunked", "Content-Length: 4"), 400, id="TE+CL"),
        pytest.param(request("/", "Content-Length: 2", "Content-Length: 2"), 400, id="the same CL twice"),
        pytest.param(request("/", "Content-Length: 2, 2"), 400, id="a list of CL"),
        pytest.param(request("/", "Content-Length: +2"), 400, id="a signed CL"),
        pytest.param(request("/", "Content-Length: 0x2"), 400, id="a hexadecimal CL"),
        pytest.param(request("/", "Content-Length: 9223372036854775808"), 400, id="a CL of 2^63"),
        pytest.param(request("/", "Content-Length: 1000000000000000"), 400, id="a CL of a petabyte"),
        pytest.param(request("/", "Content-Length: 99999999999999999999"), 400, id="a CL beyond 2^64"),
        pytest.param(request("/", "Transfer-Encoding: gzip, chunked"), 400, id="TE gzip, chunked"),
        pytest.param(request("/", "Transfer-Encoding:\tchunked\t"), 400, id="TE and a tab, unknown to llhttp"),
        pytest.param(request("/", "Transfer-Encoding: identity"), 400, id="TE identity"),
        pytest.param(request("/", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), 400, id="TE twice"),
        pytest.param(b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, id="TE in HTTP/1.0"),
        pytest.param(request("/", "X: a\r\n b"), 400, id="obs-fold"),
        pytest.param(request("/", "X: a\rY: b"), 400, id="bare CR"),
        pytest.param(request("/", "X: a\nY: b"), 400, id="bare LF"),
        pytest.param(request("/", "X: a\0b"), 400, id="NUL"),
        pytest.param(request("/", "X : b"), 400, id="space before the colon"),
        pytest.param(request("/", *(f"X-{i}: y" for i in range(99))), 431, id="101 headers"),
        pytest.param(request("/", "X: " + "y" * 32768), 431, id="a head of 32 KiB"),
        pytest.param(request("/", *(f"X-{i}: " + "y" * 800 for i in range(50))), 431, id="a head of 40 KiB in pieces"),
        pytest.param(request("/" + "a" * 8192), 414, id="a URL of 8 KiB"),
        pytest.param(b"GET /" + b"a" * 9000, 414, id="a URL without an end"),
        pytest.param(request("/", "X: y")[:-4] + b"y" * 40000, 431, id="a header without an end"),
    ],
)
async def test_what_is_not_one_clear_request_is_refused_unseen(raw: bytes, status: int) -> None:
    """What two servers could read differently, or is too large, never reaches the application (R-15, R-16)."""
    answer = await refused(PATIENT, raw)
    assert answer.status == status
    kind = "InvalidParameterException" if status == 400 else "RequestEntityTooLargeException"
    assert answer.document["type" if status == 414 else "__type"] == kind


REST = b"GET /admin/users?limit=1 HTTP/1.1\r\n"


@pytest.mark.parametrize(
    ("raw", "status", "problem"),
    [
        (REST + b"Host: a\r\nHost: b\r\n\r\n", 400, True),
        (REST + b"Host: a\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 400, True),
        (REST + b"Host: a\r\nTransfer-Encoding: gzip\r\n\r\n", 400, True),
        (REST + b"Host: a\r\nX: a\r\n b\r\n\r\n", 400, True),
        (REST + b"Host: a\r\n" + b"X: y\r\n" * 100 + b"\r\n", 431, True),
        (b"GET /admin/users?filter=" + b"a" * 9000, 414, True),
        (b"GET http://a/admin/users HTTP/1.1\r\n\r\n", 400, True),
        (b"GET http://a/?x=/admin HTTP/1.1\r\n\r\n", 400, False),
        (b"POST /?" + b"a" * 9000, 414, False),
        (b"POST / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, False),
        (b"OPTIONS * HTTP/1.1\r\n\r\n", 400, False),
        (b"GET  /admin/users HTTP/1.1\r\n\r\n", 400, False),
    ],
)
async def test_a_refusal_has_the_shape_that_its_path_calls_for(raw: bytes, status: int, *, problem: bool) -> None:
    """A REST client gets RFC 9457 for too many headers or two Hosts too; an SDK, or who cannot be told, AWS JSON."""
    answer = await refused(PATIENT, raw)
    assert answer.status == status
    assert (answer.headers["content-type"] == PROBLEM) is problem


async def test_a_refusal_after_another_request_has_the_shape_of_its_own_path() -> None:
    """What the request before it asked for does not count."""
    for first, second, problem in (
        (request("/"), b"GET /admin/users HTTP/1.1\r\n\r\n", True),
        (request("/admin/users"), b"GET / HTTP/1.1\r\n\r\n", False),
        (request("/admin/users"), b"garbage\r\n\r\n", False),
    ):
        for pieces in ([first + second], [first, second]):
            answer = await refused(PATIENT, *pieces, calls=1)
            assert (answer.headers["content-type"] == PROBLEM) is problem


@pytest.mark.parametrize("path", ["/", "/admin/users"])
async def test_a_refused_head_has_no_body(path: str) -> None:
    """HEAD is answered without one, whoever refuses it; garbage after a HEAD is no HEAD."""
    served_first = request(path, method="HEAD")
    for raw, parts, empty in (
        (f"HEAD {path} HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".encode(), 1, True),
        (served_first + b"garbage\r\n\r\n", 2, False),
    ):
        async with served() as server, connected(server.port) as client:
            await client.write(raw)
            *heads, body = (await client.reader.read()).split(b"\r\n\r\n")
        assert len(heads) == parts
        assert heads[-1].startswith(b"HTTP/1.1 400 ")
        assert b"content-length: " in heads[-1]
        assert (body == b"") is empty


async def test_what_is_just_within_the_limits_is_served() -> None:
    """100 headers, 32 KiB of head and 8 KiB of URL are still a request (R-16)."""
    within = [
        request("/", *(f"X-{i}: y" for i in range(98))),
        request("/", "X: " + "y" * 32600),
        request("/" + "a" * 8191),
    ]
    async with served() as server, connected(server.port) as client:
        for raw in within:
            await client.write(raw)
            answer = await client.answer()
            assert answer is not None
            assert answer.status == 200


@pytest.mark.parametrize("size", [1, 4096])
async def test_an_endless_head_is_refused_at_the_limit_however_it_is_cut(size: int) -> None:
    """Memory is bounded even where the parser has not seen the end of a header (R-16, R-22)."""
    limits = replace(PATIENT, max_head_bytes=1024)
    piece = b"y" * size
    answer = await refused(limits, request("/", "X: y")[:-4], *([piece] * (1 + 1500 // size)))
    assert answer.status == 431


async def test_a_head_behind_another_request_is_measured_too() -> None:
    """What came in one packet with the request before counts as well."""
    limits = replace(PATIENT, max_head_bytes=1024)
    raw = request("/a") + request("/b", "X: " + "y" * 2000)
    for cut in (len(raw), 400):
        assert (await refused(limits, raw[:cut], raw[cut:], calls=1)).status == 431


async def test_a_large_request_does_not_count_against_the_next_head() -> None:
    """The end of a long body and the start of the next request may share a packet."""
    limits = replace(PATIENT, max_head_bytes=1024)
    raw = request("/a", body=b"x" * 5000) + request("/b", "X: " + "y" * 500)
    for cuts in ((100,), (4000,), (5000,), (len(raw) - 300,), (1000, len(raw) - 20)):
        pieces = [raw[start:end] for start, end in itertools.pairwise([0, *cuts, len(raw)])]
        async with served(limits) as server, connected(server.port) as client:
            await client.write(*pieces, pause=0.005)
            client.writer.write_eof()
            assert [answer.body for answer in await client.answers()] == [b"/a", b"/b"]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"2\n{}\r\n0\r\n\r\n", id="bare LF after the size"),
        pytest.param(b"0x2\r\n{}\r\n0\r\n\r\n", id="0x"),
        pytest.param(b"-2\r\n{}\r\n0\r\n\r\n", id="negative"),
        pytest.param(b"ffffffffffffffffff\r\n{}", id="overflow"),
        pytest.param(b"2\r\n{}x\r\n0\r\n\r\n", id="longer than it says"),
        pytest.param(b"2\r\n{}\r\n0\r\nContent-Length: 9\r\n\r\n", id="a length in the trailers"),
    ],
)
async def test_a_broken_chunk_cuts_the_request_off(body: bytes) -> None:
    """The application, which had begun to read, hears that the body will not come; the caller gets a 400 (R-15)."""
    async with served() as server:
        [answer] = await exchange(server.port, request("/a", "Transfer-Encoding: chunked", body=body), eof=False)
        assert (answer.status, is_refusal(answer)) == (400, True)
        assert len(server.app.calls) == 1
        assert server.app.cut == 1


async def test_chunks_that_are_all_framing_are_refused() -> None:
    """Megabytes of chunk extensions around a few bytes of body end the connection (R-16)."""
    limits = replace(PATIENT, max_head_bytes=1024)
    head = request("/a", "Transfer-Encoding: chunked")
    chunks = [b"1;" + b"e" * 1000 + b"\r\nx\r\n"] * 9
    async with served(limits) as server, connected(server.port) as client:
        await client.write(head, *chunks, pause=0.001)
        assert [answer.status for answer in await client.answers()] == [400]


async def test_a_refusal_waits_for_the_answers_before_it() -> None:
    """A caller never takes the refusal of its second request for the answer to its first (R-15)."""
    broken = {
        "garbage": b"garbage\r\n\r\n",
        "a body without sense": request("/b", "Transfer-Encoding: chunked", body=b"zz\r\n"),
    }
    for raw in broken.values():
        async with served() as server, connected(server.port) as client:
            await client.write(request("/waits") + raw + request("/c"))
            await server.app.entered.wait()
            await client.write(request("/d"))
            server.app.gate.set()
            answers = await client.answers()
            assert [answer.status for answer in answers] == [200, 400]
            assert server.app.calls == ["POST /waits"]


async def test_a_body_that_breaks_after_the_answer_began_gets_no_second_answer() -> None:
    """Nothing is written into the middle of an answer."""
    async with served() as server, connected(server.port) as client:
        await client.write(request("/early", "Transfer-Encoding: chunked", body=b"2\r\n{}\r\n"))
        answer = await client.answer()
        assert answer is not None
        assert answer.status == 200
        await client.write(b"nonsense\r\n")
        assert await client.closed()


async def test_too_many_pipelined_requests_are_refused_after_those_that_fit() -> None:
    """One connection cannot queue thousands of requests in memory (R-22)."""
    limits = replace(PATIENT, max_pipelined=3)
    async with served(limits) as server:
        answers = await exchange(server.port, request("/a") * 9, eof=False)
        assert [answer.status for answer in answers] == [200] * 4 + [429]
        assert answers[-1].headers["retry-after"] == "1"


async def test_connections_beyond_the_limit_are_told_so() -> None:
    """The server says that it is full rather than running out of files (R-22)."""
    async with served(replace(HASTY, max_connections=1)) as server, connected(server.port) as first:
        await first.write(request("/a"))
        assert await first.answer() is not None
        [answer] = await exchange(server.port, b"", eof=False)
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        assert is_refusal(answer)
        await first.write(request("/a"))
        assert await first.answer() is not None


async def test_requests_beyond_the_backstop_get_503_at_once() -> None:
    """Should the application not shed by itself, the server does (R-22)."""
    limits = replace(PATIENT, max_in_flight=1)
    async with served(limits) as server, connected(server.port) as first, connected(server.port) as second:
        await first.write(request("/waits"))
        await server.app.entered.wait()
        await second.write(request("/b"))
        answer = await second.answer()
        assert answer is not None
        assert (answer.status, answer.document["type"]) == (503, "ServiceUnavailableException")
        assert (answer.headers["content-type"], answer.document["requestId"]) == (
            PROBLEM,
            answer.headers["x-request-id"],
        )
        assert server.app.calls == ["POST /waits"]


# -- bodies that nobody reads


async def test_ten_megabytes_that_nobody_wants_are_not_read() -> None:
    """The answer says that the connection closes, and most of the body never enters the process (R-16, R-22)."""
    async with served(HASTY) as server, connected(server.port) as client:
        await client.write(request("/early", f"Content-Length: {10 << 20}", token=False))
        answer = await client.answer()
        assert answer is not None
        assert (answer.status, answer.headers["connection"]) == (401, "close")
        await client.write(*([b"x" * 65536] * 160))
        assert await client.closed()
        assert server.connections[0].received == 0
        assert server.connections[0].unread <= 65536 + (256 << 10)


async def test_endless_chunks_that_nobody_wants_are_not_read() -> None:
    """Without a declared length the rest of a body is read up to 64 KiB."""
    async with served(HASTY) as server, connected(server.port) as client:
        await client.write(request("/early", "Transfer-Encoding: chunked", token=False))
        assert await client.answer() is not None
        await client.write(*([b"8000\r\n" + b"x" * 32768 + b"\r\n"] * 100))
        assert await client.closed()
        assert server.connections[0].received <= 65536 + (256 << 10)


async def test_a_short_body_that_nobody_wants_is_drained_and_the_connection_stays() -> None:
    """A refused caller with an ordinary body keeps its connection."""
    async with served() as server, connected(server.port) as client:
        await client.write(request("/early", "Content-Length: 60000", token=False))
        answer = await client.answer()
        assert answer is not None
        await client.write(b"x" * 60000 + request("/b"))
        answer = await client.answer()
        assert answer is not None
        assert answer.body == b"/b"


async def test_an_early_answer_that_closes_is_not_lost_to_a_reset() -> None:
    """The caller can still read the answer after it has finished sending."""
    async with served() as server, connected(server.port) as client:
        await client.write(request("/early/close", "Content-Length: 30000"))
        await asyncio.sleep(0.02)
        await client.write(b"x" * 10000, b"x" * 20000, pause=0.01)
        answer = await client.answer()
        assert answer is not None
        assert answer.status == 200
        assert await client.closed()


# -- deadlines


@pytest.mark.parametrize(
    ("start", "drip"),
    [
        pytest.param(b"", b"", id="not a byte"),
        pytest.param(b"", b"\r\n", id="empty lines"),
        pytest.param(b"POST / HT", b"", id="half a request line"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: a\r\n", b"X: y\r\n", id="a header every moment"),
        pytest.param(request("/", "Content-Length: 1000"), b"x", id="a byte of body every moment"),
        pytest.param(request("/", "Transfer-Encoding: chunked"), b"1\r\nx\r\n", id="a chunk every moment"),
    ],
)
async def test_a_request_that_does_not_arrive_in_time_is_refused(start: bytes, drip: bytes) -> None:
    """Slow headers and slow bodies cannot hold a connection: 408 and close (R-16)."""
    async with served(HASTY) as server, connected(server.port) as client:

        async def dripping() -> None:
            while True:
                await client.write(drip, pause=0.03)

        await client.write(start)
        task = asyncio.create_task(dripping() if drip else asyncio.sleep(0))
        try:
            [answer] = await client.answers()
        finally:
            task.cancel()
        assert answer.status == 408
        assert is_refusal(answer)
        assert "RequestTimeoutException" in answer.document.values()
        assert server.app.cut == len(server.app.calls)


async def test_an_idle_connection_closes_without_a_word() -> None:
    """Between requests the time is the keep-alive's, and nothing is said at its end."""
    async with served(HASTY, keep_alive_seconds=1) as server, connected(server.port) as client:
        await client.write(request("/a"))
        assert await client.answer() is not None
        await asyncio.sleep(0.5)  # longer than a request may take
        await client.write(request("/a"))
        assert await client.answer() is not None
        assert await client.closed()


async def test_a_request_that_waits_for_us_is_not_late() -> None:
    """Time that the application takes is not the caller's: before 100 Continue, and while it does not read."""
    async with served(HASTY) as server, connected(server.port) as client:
        await client.write(request("/waits") + request("/b", "Content-Length: 300000"), b"x" * 300000)
        await asyncio.sleep(0.6)
        server.app.gate.set()
        assert [(await client.answer() or Answer(0, {}, b"")).body for _ in range(2)] == [b"/waits", b"/b"]


async def test_a_caller_that_does_not_read_its_answer_is_cut() -> None:
    """An answer that nobody takes does not stay in memory (R-22)."""
    async with served(HASTY) as server, connected(server.port) as client:
        await client.write(request("/big/50000000"))
        await server.app.entered.wait()
        await until(lambda: not server.state.connections)
        assert server.connections[0].unsent > 0


# -- the end of the server


async def test_shutdown_closes_idle_connections_and_lets_requests_finish() -> None:
    """What has begun is answered with "connection: close"; what arrives meanwhile as well (R-25)."""
    async with served() as server, connected(server.port) as idle, connected(server.port) as busy:
        await idle.write(request("/a"))
        assert await idle.answer() is not None
        await busy.write(request("/waits"))
        await server.app.entered.wait()
        async with connected(server.port) as arriving:
            await arriving.write(request("/b", body=b"{}")[:-1])
            await until(lambda: len(server.app.calls) == 3)
            for connection in tuple(server.state.connections):
                connection.shutdown()
            server.app.gate.set()
            await arriving.write(b"}")
            assert [(answer.status, answer.headers["connection"]) for answer in await arriving.answers()] == [
                (200, "close")
            ]
        assert await idle.closed()
        assert [answer.headers["connection"] for answer in await busy.answers()] == ["close"]


async def test_a_head_that_is_arriving_at_shutdown_is_still_a_request() -> None:
    """It is answered, and the answer says that the connection closes (R-25)."""
    async with served() as server, connected(server.port) as client:
        await client.write(request("/a")[:20])
        await until(lambda: bool(server.connections) and server.connections[0].phase == HEAD)
        server.connections[0].shutdown()
        await client.write(request("/a")[20:])
        assert [(answer.body, answer.headers["connection"]) for answer in await client.answers()] == [(b"/a", "close")]


async def test_shutdown_gives_half_a_head_only_a_moment() -> None:
    """A slow sender cannot hold up the end of the process (R-25)."""
    async with served(replace(HASTY, request_seconds=60)) as server, connected(server.port) as client:
        await client.write(request("/a")[:20])
        await until(lambda: bool(server.connections) and server.connections[0].phase == HEAD)
        server.connections[0].shutdown()
        assert [answer.status for answer in await client.answers()] == [408]


# -- the log


async def test_a_flood_of_bad_requests_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """An attacker cannot fill the log (R-22), and the operator still sees that something goes on."""
    with caplog.at_level(logging.WARNING):
        async with served(HASTY) as server:
            for _ in range(20):
                await exchange(server.port, b"garbage\r\n\r\n", eof=False)
            await asyncio.sleep(0.3)
    lines = [record.getMessage() for record in caplog.records if record.name == "uvicorn.error"]
    assert len(lines) == 1
    assert lines[0].endswith(" with 400")


# -- the vectors


async def test_no_mutation_of_transfer_encoding_makes_two_requests_of_one(vectors: pathlib.Path) -> None:
    """Whichever of two lengths a proxy believes, the gateway sees at most the one request that was sent (R-15)."""
    mutations = json.loads((vectors / "attacks" / "te-mutations.json").read_text())
    smuggled = request("/smuggled")
    as_body = b"0\r\n\r\n" + smuggled
    as_chunk = b"%x\r\n%s\r\n0\r\n\r\n" % (len(smuggled), smuggled)
    assert len(mutations) == 328
    async with served() as server:
        for mutation in mutations:
            line = mutation["header_line"]
            for raw in (
                request("/one", f"Content-Length: {len(as_body)}", line) + as_body,
                request("/one", line, f"Content-Length: {len(as_chunk)}") + as_chunk,
                request("/one", line + "\r\nX: y", body=b"") + as_chunk,
            ):
                server.app.calls.clear()
                await exchange(server.port, raw)
                assert server.app.calls in ([], ["POST /one"]), mutation["id"]


async def test_raw_attacks_reach_the_gateway_at_most_once(vectors: pathlib.Path) -> None:
    """Each raw attack is refused or closed; what is authorised in it is seen once (R-15)."""
    cases = [
        case for case in json.loads((vectors / "attacks" / "http-attacks.json").read_text()) if case["cls"] == "RAW"
    ]
    assert len(cases) == 9
    for case in cases:
        async with served() as server:
            answers = await exchange(server.port, case["raw"].replace("@TOKEN@", "t").encode("latin-1"))
            assert sum(answer.status == 200 for answer in answers) <= 1, case["id"]
            last = answers[-1].status if answers else "close"
            assert last in case["expect_status"], case["id"]
            assert len(server.app.calls) <= (2 if "pipeline" in case["id"] else 1), case["id"]


async def test_odd_methods_paths_and_headers_are_handled(vectors: pathlib.Path) -> None:
    """Every attack at the level of HTTP gets one answer, none of them a failure of ours (R-16)."""
    cases = [
        case
        for case in json.loads((vectors / "attacks" / "http-attacks.json").read_text())
        if case["cls"] in {"METHOD", "PATH", "INJECT"} and not str(case["body"]).startswith("@")
    ]
    assert cases
    for case in cases:
        lines = [f"{name}: {value}" for name, value in case["headers"]]
        line = f"{case['method']} {case['path']} HTTP/1.1\r\n".encode()
        raw = line + request("/", *lines, body=case["body"].encode()).split(b"\r\n", 1)[1]
        async with served() as server:
            async with connected(server.port) as client:
                await client.write(raw)
                client.writer.write_eof()
                answers = await client.answers(head=case["method"] == "HEAD")
            answers = [answer for answer in answers if answer.status != 100]
            assert len(answers) == 1, case["id"]
            served_method = case["method"] in {"GET", "HEAD", "PUT", "DELETE"}  # the application's to refuse
            assert served_method or answers[0].status in case["expect_status"], case["id"]


async def test_lying_lengths_are_noticed() -> None:
    """A body longer than declared is a second, broken request; a shorter one is late (R-15, R-16)."""
    body = b'{"UserPoolId":"eu-west-1_TESTPOOLA"}'
    async with served(HASTY) as server:
        short = await exchange(server.port, request("/", f"Content-Length: {len(body) - 5}") + body, eof=False)
        assert [answer.status for answer in short] == [200, 400]
        long = await exchange(server.port, request("/", f"Content-Length: {len(body) + 5}") + body, eof=False)
        assert [answer.status for answer in long] == [408]
