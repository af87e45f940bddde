"""The audit at a collector, over real sockets: what is sent, what counts as written, what never shows."""

import asyncio
import contextlib
import dataclasses
import itertools
import json
import pathlib
from collections.abc import AsyncIterator

import pytest

from gateway.audit import Collector, Head, NotTaken, Recorder, Verification, collector
from gateway.errors import Unavailable
from gateway.runtimes.audit_sinks import SinkError, open_audit, opened
from gateway.runtimes.httpx_transport import HttpxTransport
from gateway.runtimes.pool import Pool
from gateway.settings import AuditSink, CollectorAddress
from gateway.upstream import Broken, NotSent, Origin
from tests.audit.oracle import ENTRY, verified
from tests.runtimes.audit_runs import no_file_larger_than
from tests.runtimes.exchanges import body_of
from tests.runtimes.faulty import Behaviour, FaultyServer, Peer, faulty_server, http, refusing

PATH, TOKEN = "/in/canary-path?channel=canary-channel", "canary-token"
LINES = b'{"a":1}\n{"a":2}\n'


@contextlib.asynccontextmanager
async def collecting(behaviour: Behaviour) -> AsyncIterator[tuple[FaultyServer, Recorder, list[str]]]:
    """A collector that behaves so, a trail that sends to it, and what the operator is told."""
    log: list[str] = []
    async with faulty_server(behaviour) as server:
        address = CollectorAddress(server.origin, PATH, TOKEN)
        audit = open_audit(AuditSink("http", collector=address), required=True, log=log.append)
        try:
            yield server, audit.trail, log
        finally:
            head = await audit.end()
            assert head == audit.trail.head
            assert "canary" not in "".join(log)


async def keeping(peer: Peer) -> None:
    """Take everything, on connections that stay open."""
    while True:
        try:
            await peer.request()
        except EOFError:
            return
        await peer.send(http(b"", status="204 No Content"))


def received(server: FaultyServer) -> list[bytes]:
    """All lines that came, in their order."""
    return list(itertools.chain.from_iterable(body_of(raw).splitlines(keepends=True) for raw in server.requests))


async def refused(trail: Recorder) -> bool:
    """Tell whether recording was refused, as the pipeline sees it."""
    try:
        await trail.record(ENTRY)
    except Unavailable:
        return True
    return False


async def test_lines_arrive_as_a_chain() -> None:
    """What a collector gets is newline-delimited JSON with the token, a new chain from its start, in few requests."""
    async with collecting(keeping) as (server, trail, log):
        assert await asyncio.gather(*(refused(trail) for _ in range(100))) == [False] * 100
        assert await trail.outcome(dataclasses.replace(ENTRY, phase="outcome"))
        entries = verified(received(server))
        assert len(entries) == 101 == trail.head.seq
        assert len(server.requests) < 10
        assert server.connections == 1
        head = server.requests[0].partition(b"\r\n\r\n")[0].decode()
        assert head.startswith(f"POST {PATH} HTTP/1.1\r\n")
        assert "Content-Type: application/x-ndjson" in head
        assert f"Authorization: Bearer {TOKEN}" in head
        assert log == []
        assert trail.problem is None
        chain = trail.head.chain
    async with collecting(keeping) as (_, trail, _):
        assert not await refused(trail)
        assert trail.head.chain != chain


@pytest.mark.parametrize("status", ["200 OK", "202 Accepted", "201 Created"])
async def test_a_2xx_counts_as_written(status: str) -> None:
    """Whatever its words are."""

    async def answering(peer: Peer) -> None:
        await peer.request()
        await peer.send(http(b"taken", status=status))

    async with collecting(answering) as (_, trail, _):
        assert not await refused(trail)


@pytest.mark.parametrize("status", ["302 Found", "400 Bad Request", "401 Unauthorized", "413 Too Large", "503 No"])
async def test_anything_else_refuses_the_call(status: str) -> None:
    """A redirect is not followed; the operator reads the host and the status, and nothing of path or token (R-18)."""

    async def answering(peer: Peer) -> None:
        await peer.request()
        await peer.send(http(b"canary", status=status))

    async with collecting(answering) as (server, trail, log):
        assert await refused(trail)
        assert trail.problem == f"127.0.0.1:{server.port} answered {status[:3]}"
        assert log[0].startswith(
            f"audit: NOT WRITTEN, calls are refused: 127.0.0.1:{server.port} answered {status[:3]};"
        )


async def test_a_collector_that_is_away_refuses_calls_and_is_found_again() -> None:
    """Refused connections are a 503 at once; nothing has to be restarted when the collector is back."""
    log: list[str] = []
    with refusing() as origin:
        audit = open_audit(AuditSink("http", collector=CollectorAddress(origin, "/")), required=True, log=log.append)
        assert await refused(audit.trail)
    assert "cannot be reached (unreachable)" in log[0]
    back = FaultyServer(origin.port)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await keeping(Peer(reader, writer, back, 1))
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", origin.port):
        assert not await refused(audit.trail)
        assert (await audit.end()).seq == 1
    assert len(received(back)) == 1


async def test_a_collector_that_hangs_after_it_took_the_lines_sees_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer that does not come in time leaves open what arrived: the same lines again, and no fork (R-18)."""
    monkeypatch.setattr(collector, "TIMEOUT_SECONDS", 0.2)

    async def forgetful(peer: Peer) -> None:
        while True:
            await peer.request()
            if len(peer.server.requests) > 1:
                await peer.send(http(b""))

    async with collecting(forgetful) as (server, trail, _):
        assert await refused(trail)
        assert "gave no answer (answer_timeout)" in str(trail.problem)
        assert not await refused(trail)
        lines = received(server)
        assert lines[0] == lines[1]
        judge = Verification(heads=[trail.head], from_start=True, repeats=True)
        judge.read("collected", lines)
        assert judge.finish().verified


async def test_an_outcome_is_owed_beyond_the_end() -> None:
    """What the collector did not take while the gateway ran is sent when it ends."""
    calm = asyncio.Event()

    async def moody(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.send(http(b"", status="200 OK" if calm.is_set() else "500 No"))

    async with collecting(moody) as (server, trail, _):
        assert not await trail.outcome(dataclasses.replace(ENTRY, phase="outcome"))
        assert trail.owed == 1
        calm.set()
    assert json.loads(received(server)[-1])["phase"] == "outcome"
    assert trail.owed == 0


async def test_an_outcome_that_is_lost_with_the_process_is_said(tmp_path: pathlib.Path) -> None:
    """The operator reads how many intents stay without their outcome, and where the chain stands."""
    log: list[str] = []
    path = tmp_path / "audit.jsonl"
    audit = open_audit(AuditSink("file", str(path)), required=True, log=log.append)
    with no_file_larger_than(10):
        assert not await audit.trail.outcome(dataclasses.replace(ENTRY, phase="outcome"))
        head = await audit.end()
    assert log[-1] == f"audit: 1 outcomes were never written; their intents stand; head {head}"


@pytest.mark.parametrize("kind", [HttpxTransport, Pool])
async def test_a_kept_connection_that_died_is_no_failure(kind: type[HttpxTransport] | type[Pool]) -> None:
    """A collector that closes idle connections costs nobody a 503: the lines go again, on a new one."""

    async def impatient(peer: Peer) -> None:
        await peer.request()
        if peer.number == 1:
            await peer.send(http(b""))
            await peer.request()
            return
        await peer.send(http(b""))

    transport = kind()
    async with faulty_server(impatient) as server:
        post = Collector(server.origin, "/", None, transport=transport)
        await post(LINES)
        await post(LINES)
        assert server.connections == 2
    await transport.close()


async def test_a_second_attempt_that_is_not_sent_leaves_the_first_unknown() -> None:
    """The lines may have arrived with the connection that broke: that nothing left the second time proves nothing."""
    fates = iter(["reused", "not sent"])

    async def transport(*_: object, **__: object) -> None:
        raise Broken("reset", reused=True) if next(fates) == "reused" else NotSent("unreachable")

    post = Collector(Origin("https", "logs.example.com", 443), "/", None, transport=transport)  # type: ignore[arg-type] # a part
    with pytest.raises(NotTaken, match=r"logs\.example\.com gave no answer \(unreachable\)") as caught:
        await post(LINES)
    assert caught.value.unsure


async def test_a_connection_that_breaks_in_the_middle_is_not_asked_again() -> None:
    """Only what surely died of idleness is repeated at once; the rest is for the trail to send again."""
    asked = 0

    async def transport(*_: object, **__: object) -> None:
        nonlocal asked
        asked += 1
        raise Broken("reset")

    post = Collector(Origin("https", "logs.example.com", 443), "/", None, transport=transport)  # type: ignore[arg-type] # a part
    with pytest.raises(NotTaken) as caught:
        await post(LINES)
    assert (asked, caught.value.unsure) == (1, True)


def test_a_collector_is_not_taken_for_standard_output() -> None:
    """A runtime that knows sinks only must not write the audit where nobody reads it (R-18)."""
    address = CollectorAddress(Origin("https", "logs.example.com", 443), "/")
    with pytest.raises(SinkError, match="no sink"):
        opened(AuditSink("http", collector=address), log=print)


async def test_a_file_has_an_end_too(tmp_path: pathlib.Path) -> None:
    """The same call opens a file's chain, rotation included, and its end closes the file."""
    path = tmp_path / "audit.jsonl"
    for seq in (1, 2):
        where = AuditSink("file", str(path), rotate_bytes=600, keep_files=5)
        audit = open_audit(where, required=True, log=lambda _: None)
        assert not await refused(audit.trail)
        assert await audit.trail.settled()
        head = await audit.end()
        assert isinstance(head, Head)
        assert head.seq == seq
    assert len(list(path.parent.iterdir())) == 2
