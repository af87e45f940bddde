"""The audit: one JSON line a decision, each naming the SHA-256 of the line before it.

Duty: what a line says (`line`), the chain with its rule "no line, no action" (`trail`; `collected` where a line must be
waited for), and whether a chain is what was written (`verification`).
Prohibition: no file, no clock, no randomness; no secret in a line. Sinks are the runtimes'.
Source: docs/decisions/0004-audit.md.
"""

from gateway.audit.collected import CollectedTrail
from gateway.audit.collector import Collector, NotTaken
from gateway.audit.findings import Chain, Finding, Report
from gateway.audit.line import (
    GENESIS,
    CallerFragment,
    Entry,
    Head,
    Phase,
    Target,
    caller_fragment,
    head_after,
    head_in,
    looks_begun,
    members,
    render,
    rfc3339,
)
from gateway.audit.page import AuditPage, ReadAudit
from gateway.audit.query import Query
from gateway.audit.trail import Recorder, Sink, Trail
from gateway.audit.verification import Verification, verify

__all__ = [
    "GENESIS",
    "AuditPage",
    "CallerFragment",
    "Chain",
    "CollectedTrail",
    "Collector",
    "Entry",
    "Finding",
    "Head",
    "NotTaken",
    "Phase",
    "Query",
    "ReadAudit",
    "Recorder",
    "Report",
    "Sink",
    "Target",
    "Trail",
    "Verification",
    "caller_fragment",
    "head_after",
    "head_in",
    "looks_begun",
    "members",
    "render",
    "rfc3339",
    "verify",
]
