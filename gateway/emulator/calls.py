"""What reached the emulator, for tests that count upstream calls.

Duty: keep the newest calls, safely across threads. Prohibition: nothing of a call in a repr; bodies hold passwords.
"""

import threading
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_CALLS = 10_000


@dataclass(frozen=True, slots=True)
class Call:
    """One request, recorded before it was judged: refused ones are here too.

    `target` is the `X-Amz-Target`, or `sts.<Action>`, or `METHOD /path`; `headers` has lower-case names.
    """

    target: str
    body: Mapping[str, Any] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)

    @property
    def operation(self) -> str:
        """The target without its prefix: `AdminGetUser`."""
        return self.target.rpartition(".")[2]


class Calls:
    """The newest `MAX_CALLS` calls, oldest first."""

    def __init__(self) -> None:
        """Start empty."""
        self._lock = threading.Lock()
        self._calls: deque[Call] = deque(maxlen=MAX_CALLS)

    def record(self, call: Call) -> None:
        """Add one; beyond `MAX_CALLS` the oldest is dropped."""
        with self._lock:
            self._calls.append(call)

    def clear(self) -> None:
        """Forget all of them."""
        with self._lock:
            self._calls.clear()

    def of(self, operation: str) -> list[Call]:
        """Give the calls of one operation (`AdminGetUser`), oldest first."""
        return [call for call in self if call.operation == operation]

    def __iter__(self) -> Iterator[Call]:
        """Iterate over a copy: calls that arrive meanwhile are not seen."""
        with self._lock:
            return iter(tuple(self._calls))

    def __len__(self) -> int:
        """How many are kept."""
        with self._lock:
            return len(self._calls)

    def __getitem__(self, index: int) -> Call:
        """Give the call at `index`; negative counts from the newest."""
        with self._lock:
            return self._calls[index]
