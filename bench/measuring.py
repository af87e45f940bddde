"""One peer after the other: started, checked, loaded, read out, ended.

Duty: the same way for every peer, in interleaved rounds; counts that are taken when nothing is under way any more.
Prohibition: nothing is judged here, and nothing that was started outlives its round.
"""

import contextlib
import pathlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from bench import audit, load, processes, redis, results, upstreams, wire
from bench.material import Material
from bench.peers import Peer, Place, Plan

_START_SECONDS = 15.0
_WARM_SECONDS = 1

Check = Callable[[int, upstreams.Strict, Material], list[str]]
"""What the peer on a port, with this upstream, does wrong."""


class CannotMeasure(Exception):
    """The run cannot go on. The message is for whoever runs it."""


@dataclass(frozen=True, slots=True)
class Run:
    """What stays the same for all peers and rounds."""

    folder: pathlib.Path
    tools: pathlib.Path
    material: Material
    strict: upstreams.Strict
    peer_core: int
    generator: load.Generator
    seconds: int


def measure(run: Run, peers: Mapping[str, Peer], checks: Mapping[str, Check], rounds: int) -> results.Rounds:
    """Check those peers that have a check, then measure all of them in turn, `rounds` times.

    Raises:
        CannotMeasure: a peer does not start, does not do the job, or answers nothing.

    """
    for name, check in checks.items():
        with _started(run, name, peers[name], run.strict.port) as (port, _plan, _pid):
            wrong = check(port, run.strict, run.material)
        if wrong:
            raise CannotMeasure("\n  ".join((f"{name} does not do the job:", *wrong)))
        say(f"checked {name}: signatures right, bad tokens and other operations refused")
    found: dict[str, list[results.Round]] = {name: [] for name in peers}
    for number in range(1, rounds + 1):
        for name, peer in peers.items():
            each = _measure(run, name, peer)
            found[name].append(each)
            say(
                f"round {number} of {rounds}: {name:18} {each.requests_per_second:8,.0f} req/s "
                f"{each.cpu_us:6.1f} us of CPU, core {each.busy:.0%} busy, {each.errors} errors"
            )
    return found


def say(line: str) -> None:
    """Tell whoever runs it how it goes."""
    print(f"bench: {line}", file=sys.stderr, flush=True)


def _measure(run: Run, name: str, peer: Peer) -> results.Round:
    job = peer.job
    began = time.monotonic()
    with upstreams.stub(run.tools / "stub", run.generator.core, run.folder) as stub:
        with _started(run, name, peer, stub.port) as (port, plan, pid):
            warm = load.run(run.generator, port, job, seconds=_WARM_SECONDS)
            counts, cpu_us = stub.counts(), processes.cpu_us(pid)
            seen = load.run(run.generator, port, job, seconds=run.seconds, number=1)
            cpu_us = processes.cpu_us(pid) - cpu_us
            opened = stub.counts().connections - counts.connections
        total = stub.counts()  # after the peer's end, when nothing is under way
    lines = None
    if plan.audit is not None:
        lines = audit.count(plan.audit)
        plan.audit.unlink()
    if not seen.requests:
        raise CannotMeasure(f"{name} answered nothing")
    return results.Round(
        requests=seen.requests,
        requests_per_second=seen.requests / seen.duration_us * 1e6,
        cpu_us=cpu_us / seen.requests,
        busy=cpu_us / seen.duration_us,
        p50_us=seen.p50_us,
        p99_us=seen.p99_us,
        errors=warm.errors + seen.errors,
        upstream_connections=opened,
        upstream_requests=total.requests,
        unsigned=total.requests - total.signed,
        audit_lines=lines,
        own=total.own,
        guards=total.guards,
        changes=total.own[job.operation] if job.mutates else 0,
        decided=warm.requests + seen.requests if job.dry_run else 0,
        seconds=time.monotonic() - began,
    )


@contextlib.contextmanager
def _started(run: Run, name: str, peer: Peer, upstream_port: int) -> Iterator[tuple[int, Plan, int]]:
    """The peer, answering; yields its port, its plan and its process's id."""
    folder = pathlib.Path(tempfile.mkdtemp(dir=run.folder, prefix=f"{name}-"))
    with contextlib.ExitStack() as others:
        store = others.enter_context(redis.running(run.generator.core, folder)) if peer.shares else "memory"
        place = Place(folder, wire.free_port(), upstream_port, run.strict.keys_url, run.material, run.tools, store)
        plan = peer.plan(place)
        process = others.enter_context(processes.running(plan.command, run.peer_core, folder, plan.environment))
        deadline = time.monotonic() + _START_SECONDS
        while not _answers(place.port, run.material.tokens[-1]):
            if process.poll() is not None or time.monotonic() > deadline:
                said = (folder / "log").read_text(encoding="utf-8", errors="replace").strip()
                raise CannotMeasure(f"{name} did not start: {said[-600:]}")
            time.sleep(0.02)
        yield place.port, plan, process.pid


def _answers(port: int, token: str) -> bool:
    try:
        return wire.exchange(port, wire.request(token)).status == 200  # noqa: PLR2004 - HTTP
    except (OSError, ValueError):
        return False
