"""The load: wrk with as many warm connections and tokens as the run says.

Duty: one figure set a call, read from what `load.lua` prints. Prohibition: no retry; an error is counted, not hidden.
"""

import json
import os
import pathlib
import subprocess
from dataclasses import dataclass

from bench import processes
from bench.wire import BODY, TARGET

_SCRIPT = pathlib.Path(__file__).with_name("load.lua")
_MARK = "RESULT "
_SLACK_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk saw. Times in microseconds; `errors` are answers that are not 2xx or 3xx and failures of sockets."""

    requests: int
    duration_us: int
    errors: int
    p50_us: float
    p99_us: float


def run(port: int, tokens: pathlib.Path, *, seconds: int, connections: int, core: int) -> Load:
    """Load the peer on `port` from `core`; `tokens` has one a line, used in turn.

    Raises:
        ValueError: wrk gave no result.
        subprocess.TimeoutExpired: it did not end.

    """
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "5s", "-s", str(_SCRIPT)]
    environment = {**os.environ, "TOKENS": str(tokens), "TARGET": TARGET, "BODY": BODY}
    with processes.pinned(core):
        done = subprocess.run(
            [*command, f"http://127.0.0.1:{port}/"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=seconds + _SLACK_SECONDS,
            check=False,
        )
    return parse(done.stdout + done.stderr)


def parse(output: str) -> Load:
    """Read what wrk and `load.lua` printed.

    Raises:
        ValueError: there is no result in it.

    """
    for line in output.splitlines():
        if line.startswith(_MARK):
            return Load(**json.loads(line.removeprefix(_MARK)))
    raise ValueError(f"wrk gave no result: {output.strip()[-300:]}")
