"""The sink that the settings name, and the chain that goes on there.

Duty: one call for a runtime, and one to end it. Prohibition: no line passes here; see `audit_file`, `audit_stdout` and
`gateway.audit.collected`.
Source: docs/decisions/0004-audit.md.
"""

import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.audit import CollectedTrail, Collector, Head, Recorder, Trail
from gateway.audit.collector import TIMEOUT_SECONDS
from gateway.runtimes.audit_file import FileSink, for_worker
from gateway.runtimes.audit_opening import SinkError
from gateway.runtimes.audit_rotation import Rotation
from gateway.runtimes.audit_stdout import StdoutSink
from gateway.runtimes.httpx_transport import HttpxTransport
from gateway.settings import AuditSink, CollectorAddress

__all__ = ["Audit", "FileSink", "SinkError", "StdoutSink", "for_worker", "open_audit", "opened"]


@dataclass(frozen=True, slots=True)
class Audit:
    """One process's audit: its `trail`, and `end`, which writes what is owed, closes the sink and tells the head."""

    trail: Recorder
    end: Callable[[], Awaitable[Head]]


def open_audit(where: AuditSink, *, required: bool, workers: int = 1, log: Callable[[str], None]) -> Audit:
    """Open this process's audit.

    Of several workers each takes the first file that no other holds, so that one that starts anew goes on where the one
    before it stopped. A collector is not asked before the first line; its chain is a new one.

    Raises:
        SinkError: it cannot be used.

    """
    if where.collector is not None:
        return _collected(where.collector, required=required, log=log)
    sink, head = opened(where, workers=workers, log=log)
    trail = Trail(
        sink, chain=head.chain, seq=head.seq, previous=head.previous, now=time.time, required=required, log=log
    )

    async def end() -> Head:
        await _settled(trail, log)
        sink.close()
        return trail.head

    return Audit(trail, end)


def opened(where: AuditSink, *, workers: int = 1, log: Callable[[str], None]) -> tuple[FileSink | StdoutSink, Head]:
    """Open this process's file or standard output; the head is what its file ended with, or that of a new chain.

    Raises:
        SinkError: it cannot be used, or is none of the two.

    """
    if where.kind == "http":
        raise SinkError("a collector is no sink: it has a trail of its own")
    if where.path is None:
        return StdoutSink.open(), Head(secrets.token_hex(8))
    rotation = None if where.rotate_bytes is None else Rotation(where.rotate_bytes, where.keep_files)
    sink = FileSink.claim(where.path, workers, log=log, rotation=rotation)
    return sink, sink.head or Head(secrets.token_hex(8))


def _collected(address: CollectorAddress, *, required: bool, log: Callable[[str], None]) -> Audit:
    transport = HttpxTransport(connect_timeout_seconds=TIMEOUT_SECONDS)
    trail = CollectedTrail(
        Collector(address.origin, address.resource, address.token, transport=transport),
        chain=secrets.token_hex(8),
        now=time.time,
        monotonic=time.monotonic,
        required=required,
        log=log,
    )

    async def end() -> Head:
        await _settled(trail, log)
        await transport.close()
        return trail.head

    return Audit(trail, end)


async def _settled(trail: Recorder, log: Callable[[str], None]) -> None:
    if not await trail.settled():
        log(f"audit: {trail.owed} outcomes were never written; their intents stand; head {trail.head}")
