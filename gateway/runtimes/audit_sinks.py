"""The sink that the settings name, and the chain that goes on there.

Duty: one call for a runtime. Prohibition: no line passes here; see `audit_file` and `audit_stdout`.
Source: docs/decisions/0004-audit.md.
"""

import secrets
from collections.abc import Callable

from gateway.audit import Head
from gateway.runtimes.audit_file import FileSink, SinkError, for_worker
from gateway.runtimes.audit_stdout import StdoutSink
from gateway.settings import AuditSink

__all__ = ["FileSink", "SinkError", "StdoutSink", "for_worker", "opened"]


def opened(where: AuditSink, *, workers: int = 1, log: Callable[[str], None]) -> tuple[FileSink | StdoutSink, Head]:
    """Open this process's sink; the head is what its file ended with, or that of a new chain.

    Of several workers each takes the first file that no other holds, so that one that starts anew goes on where the one
    before it stopped.

    Raises:
        SinkError: it cannot be used.

    """
    if where.path is None:
        return StdoutSink.open(), Head(secrets.token_hex(8))
    sink = FileSink.claim(where.path, workers, log=log)
    return sink, sink.head or Head(secrets.token_hex(8))
