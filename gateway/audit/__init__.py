"""The audit: one JSON line a decision, each naming the SHA-256 of the line before it.

Duty: what a line says (`line`), and the chain with its rule "no line, no action" (`trail`).
Prohibition: no file, no clock, no randomness, no secret. Sinks are the runtimes'.
Source: docs/decisions/0004-audit.md.
"""

from gateway.audit.line import (
    GENESIS,
    CallerFragment,
    Entry,
    Head,
    Phase,
    Target,
    caller_fragment,
    head_after,
    looks_begun,
    render,
)
from gateway.audit.trail import Sink, Trail

__all__ = [
    "GENESIS",
    "CallerFragment",
    "Entry",
    "Head",
    "Phase",
    "Sink",
    "Target",
    "Trail",
    "caller_fragment",
    "head_after",
    "looks_begun",
    "render",
]
