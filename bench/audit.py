"""The audit that the gateway wrote under load, read back.

Duty: count its lines and follow its chain. Prohibition: no line is judged beyond that.
"""

import hashlib
import json
import pathlib

_FIRST = "0" * 64


def count(path: pathlib.Path) -> int:
    """The number of lines of an audit that begins and ends with `path`.

    Raises:
        ValueError: a line is missing, changed or out of order.

    """
    previous, lines = _FIRST, 0
    with path.open("rb") as file:
        for line in file:
            found = json.loads(line)
            if found["previous"] != previous or found["seq"] != lines:
                raise ValueError(f"the audit's chain breaks at line {lines + 1}")
            previous = hashlib.sha256(line.rstrip(b"\n")).hexdigest()
            lines += 1
    return lines
