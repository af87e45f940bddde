"""From the setting to a sink and the chain that goes on there."""

import pathlib
import re

from gateway.audit import GENESIS, Trail
from gateway.runtimes.audit_sinks import FileSink, StdoutSink, opened
from gateway.settings import AuditSink
from tests.audit.oracle import ENTRY, verified


def test_standard_output_starts_a_chain() -> None:
    """Each process on standard output has a chain of its own, which nobody can mistake for another's."""
    heads = []
    for _ in range(2):
        sink, head = opened(AuditSink("stdout"), log=print)
        assert isinstance(sink, StdoutSink)
        sink.close()
        heads.append(head)
    assert re.fullmatch("[0-9a-f]{16}", heads[0].chain)
    assert heads[0].chain != heads[1].chain
    assert (heads[0].seq, heads[0].previous) == (0, GENESIS)


def test_a_file_goes_on_with_its_chain(tmp_path: pathlib.Path) -> None:
    """The second run on a file writes the next lines of the first one's chain."""
    path = tmp_path / "audit.jsonl"
    for _ in range(2):
        sink, head = opened(AuditSink("file", str(path)), log=print)
        assert isinstance(sink, FileSink)
        trail = Trail(
            sink,
            chain=head.chain,
            seq=head.seq,
            previous=head.previous,
            now=lambda: 0.0,
            required=True,
            log=print,
        )
        assert trail.try_record(ENTRY)
        sink.close()
    assert len(verified(path.read_bytes().splitlines(keepends=True))) == 2


def test_workers_have_a_file_each(tmp_path: pathlib.Path) -> None:
    """Two workers that are started with the same settings do not meet in one file."""
    where = AuditSink("file", str(tmp_path / "audit.jsonl"))
    sinks = [opened(where, workers=2, log=print)[0] for _ in range(2)]
    assert {path.name for path in tmp_path.iterdir()} == {"audit.1.jsonl", "audit.2.jsonl"}
    for sink in sinks:
        sink.close()
