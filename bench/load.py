"""The load: wrk with as many warm connections and tokens as the run says.

Duty: one figure set a call, read from what `load.lua` prints. Prohibition: no retry; an error is counted, not hidden.
"""

import json
import os
import pathlib
import secrets
import subprocess
from dataclasses import dataclass

from bench import processes
from bench.jobs import MARK, Job

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


@dataclass(frozen=True, slots=True)
class Generator:
    """How the load is made: `tokens` is a file with one a line, used in turn, on so many `connections`, from `core`."""

    tokens: pathlib.Path
    connections: int
    core: int


def run(generator: Generator, port: int, job: Job, *, seconds: int, number: int = 0) -> Load:
    """Load the peer on `port` with `job`; `number` counts the runs that the peer has seen.

    Raises:
        ValueError: wrk gave no result.
        subprocess.TimeoutExpired: it did not end.

    """
    command = ["wrk", "-t1", f"-c{generator.connections}", f"-d{seconds}s", "--timeout", "5s", "-s", str(_SCRIPT)]
    environment = {**os.environ, "TOKENS": str(generator.tokens), "TARGET": job.target, "BODY": job.body}
    if job.targets:
        environment |= {"MARK": MARK, "TARGETS": str(job.targets), "FIRST": str(job.first(number))}
    if job.keyed:
        environment["KEYS"] = f"bench-{secrets.token_hex(4)}-"
    if job.dry_run:
        environment["DRY_RUN"] = "true"
    with processes.pinned(generator.core):
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
