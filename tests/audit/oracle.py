"""What the audit's tests share: an entry to start from, and the chain checked with nothing of ours."""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from gateway.audit import Entry, Target, caller_fragment

MODERATOR = caller_fragment("sub-1", "moderator@example.com", ("moderator", "user"), "client-1")

ENTRY = Entry(
    id="request-1",
    phase="decision",
    caller=MODERATOR,
    ip="203.0.113.7",
    operation="AdminGetUser",
    target=Target("alice@example.com"),
    allowed=True,
    role="moderator",
    reason=None,
)


def verified(lines: Iterable[bytes], *, seq: int = 0, previous: str = "0" * 64) -> list[dict[str, Any]]:
    """Return the lines' members after checking that each names the one before it, from `seq` and `previous` on."""
    found = []
    for number, line in enumerate(lines, seq):
        assert line.endswith(b"\n")
        whole = line.removesuffix(b"\n")
        members = json.loads(whole)
        assert (members["seq"], members["previous"]) == (number, previous)
        previous = hashlib.sha256(whole).hexdigest()
        found.append(members)
    assert len({members["chain"] for members in found}) <= 1
    return found
