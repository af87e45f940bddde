"""`scripts/bench --edge`: Workers on real workerd, each checked, then started, asked and read out in turn.

Duty: the same way for every Worker, in interleaved rounds; processor time is that of the one process that runs the
Worker, all of its threads.
Prohibition: nothing leaves loopback, and nothing that was started outlives its round.
"""

import contextlib
import pathlib
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bench import audit, checking, load, processes, upstreams, wire
from bench.edge_results import Asked, EdgeRound, EdgeRounds
from bench.edge_tools import Tools
from bench.edge_workers import EdgeWorker, Upstream, configure
from bench.jobs import Job
from bench.material import Material
from bench.measuring import CannotMeasure, say

JOBS = (Job("AdminGetUser"), Job("ListUsers"))
TOKENS = 20
"""How many callers there are: so few that all are known after the warm seconds."""

_WARM_SECONDS = 3
_START_SECONDS = 60.0
_SETTLE_SECONDS = 0.3
_OK = 200
_AUDITED = b'{"time":"'
_FIRST = b"GET /healthz HTTP/1.1\r\nHost: gateway.local\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True, slots=True)
class EdgeRun:
    """What stays the same for all Workers and rounds."""

    folder: pathlib.Path
    stub: pathlib.Path
    tools: Tools
    material: Material
    strict: upstreams.Strict
    worker_core: int
    generator: load.Generator
    seconds: int


@dataclass(frozen=True, slots=True)
class _Running:
    """A Worker that has given its first answer. Times in milliseconds."""

    port: int
    pid: int
    log: pathlib.Path
    start_ms: float
    start_cpu_ms: float


def measure(run: EdgeRun, workers: Mapping[str, EdgeWorker], rounds: int) -> EdgeRounds:
    """Check every Worker, then measure all of them in turn, `rounds` times.

    Raises:
        CannotMeasure: a Worker does not start, does not do the job, or answers nothing.

    """
    for name, worker in workers.items():
        with _started(run, name, worker, run.strict.port) as running:
            wrong = problems(worker, running.port, run.strict, run.material)
        if wrong:
            raise CannotMeasure("\n  ".join((f"{name} does not do the job:", *wrong)))
        say(f"checked {name}: {'signatures right, bad tokens and other operations refused' if worker.works else 'ok'}")
    found: dict[str, list[EdgeRound]] = {name: [] for name in workers}
    for number in range(1, rounds + 1):
        for name, worker in workers.items():
            each = _measure(run, name, worker)
            found[name].append(each)
            calls = ", ".join(f"{job} {asked.cpu_ms:.2f} ms of CPU" for job, asked in each.asked.items())
            say(f"round {number} of {rounds}: {name:15} start {each.start_cpu_ms:5,.0f} ms of CPU, {calls}")
    return found


def problems(worker: EdgeWorker, port: int, strict: upstreams.Strict, material: Material) -> list[str]:
    """What the Worker on `port`, whose upstream is `strict`, does wrong."""
    found = checking.problems(port, strict, material, gateway=worker.judges) if worker.works else []
    due = (_OK, "signed") if worker.works else (403, "not signed")  # the upstream itself refuses the least Worker
    for job in JOBS:
        strict.verdicts.clear()
        answer = wire.exchange(port, wire.request(material.tokens[0], target=job.target, body=job.body))
        if (answer.status, *strict.verdicts) != due:
            found.append(f"{job.operation}: status {answer.status}, the upstream says {strict.verdicts or 'nothing'}")
    return found


def audit_lines(log: pathlib.Path) -> int:
    """How many lines of an unbroken audit are among what a Worker printed.

    Raises:
        ValueError: a line is missing, changed or out of order.

    """
    lines = [line for line in log.read_bytes().splitlines(keepends=True) if line.startswith(_AUDITED)]
    file = log.with_name("audit.jsonl")
    file.write_bytes(b"".join(lines))
    return audit.count(file)


def _measure(run: EdgeRun, name: str, worker: EdgeWorker) -> EdgeRound:
    with upstreams.stub(run.stub, run.generator.core, run.folder) as stub:
        with _started(run, name, worker, stub.port) as running:
            asked = {job.operation: _asked(run, name, running, job) for job in JOBS}
            time.sleep(_SETTLE_SECONDS)  # for the call that was under way when the load ended
        total = stub.counts()  # after the Worker's end, when nothing is under way
    return EdgeRound(
        start_ms=running.start_ms,
        start_cpu_ms=running.start_cpu_ms,
        asked=asked,
        upstream_requests=total.requests,
        unsigned=total.requests - total.signed,
        audit_lines=audit_lines(running.log) if worker.judges else None,
    )


def _asked(run: EdgeRun, name: str, running: _Running, job: Job) -> Asked:
    warm = load.run(run.generator, running.port, job, seconds=_WARM_SECONDS)
    before_us = processes.cpu_us(running.pid)
    seen = load.run(run.generator, running.port, job, seconds=run.seconds, number=1)
    cpu_us = processes.cpu_us(running.pid) - before_us
    if not seen.requests:
        raise CannotMeasure(f"{name} answered nothing")
    return Asked(
        requests=seen.requests,
        cpu_ms=cpu_us / seen.requests / 1000,
        p50_ms=seen.p50_us / 1000,
        p99_ms=seen.p99_us / 1000,
        errors=warm.errors + seen.errors,
    )


@contextlib.contextmanager
def _started(run: EdgeRun, name: str, worker: EdgeWorker, upstream_port: int) -> Iterator[_Running]:
    """The Worker, having answered once."""
    folder = pathlib.Path(tempfile.mkdtemp(dir=run.folder, prefix=f"{name}-"))
    port = wire.free_port()
    command = configure(worker, run.tools, folder, port, Upstream(upstream_port, run.strict.keys_url))
    began = time.monotonic()
    with processes.running(command, run.worker_core, folder) as process:
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > began + _START_SECONDS:
                said = (folder / "log").read_text(encoding="utf-8", errors="replace").strip()
                raise CannotMeasure(f"{name} did not start: {said[-600:]}")
            time.sleep(0.005)
        took_ms = (time.monotonic() - began) * 1000
        yield _Running(port, process.pid, folder / "log", took_ms, processes.cpu_us(process.pid) / 1000)


def _answers(port: int) -> bool:
    try:
        return wire.exchange(port, _FIRST).status == _OK
    except (OSError, ValueError):
        return False
