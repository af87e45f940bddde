"""`python -m bench`, which `scripts/bench` calls: check every peer, measure all in turn, print the table."""

import argparse
import contextlib
import json
import os
import pathlib
import platform
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from bench import audit, checking, load, material, processes, results, upstreams, wire
from bench.peers import DEFAULT, PEERS, REFERENCE, ROOT, Place, Plan

TOKENS = 1000
_TOOLS = ROOT / "build" / "bench"
_START_SECONDS = 15.0


class CannotMeasure(Exception):
    """The run cannot go on. The message is for whoever runs it."""


@dataclass(frozen=True, slots=True)
class Run:
    """What stays the same for all peers and rounds."""

    folder: pathlib.Path
    tokens: pathlib.Path
    material: material.Material
    strict: upstreams.Strict
    cores: tuple[int, int]
    seconds: int
    connections: int


def main() -> int:
    """Run it; exit status 1 when a peer failed its check or its figures are worthless."""
    arguments = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is ended
    _TOOLS.mkdir(parents=True, exist_ok=True)
    made = material.make(TOKENS)
    strict = upstreams.Strict(made.jwks)
    try:
        with tempfile.TemporaryDirectory(dir=_TOOLS, prefix="run-") as name:
            folder = pathlib.Path(name)
            tokens = folder / "tokens"
            tokens.write_text("\n".join(made.tokens) + "\n", encoding="utf-8")
            run = Run(folder, tokens, made, strict, processes.cores(), arguments.seconds, arguments.connections)
            return _report(arguments, _measure_all(run, arguments.peers, arguments.rounds))
    except (CannotMeasure, OSError, ValueError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    finally:
        strict.close()


def _measure_all(run: Run, names: list[str], rounds: int) -> dict[str, list[results.Round]]:
    for name in names:
        if PEERS[name].works:
            _check(run, name)
    found: dict[str, list[results.Round]] = {name: [] for name in names}
    for number in range(1, rounds + 1):
        for name in names:
            each = _measure(run, name)
            found[name].append(each)
            _say(
                f"round {number} of {rounds}: {name:16} {each.requests_per_second:8,.0f} req/s "
                f"{each.cpu_us:6.1f} us of CPU, core {each.busy:.0%} busy, {each.errors} errors"
            )
    return found


def _check(run: Run, name: str) -> None:
    with _started(run, name, run.strict.port) as (port, _plan, _pid):
        wrong = checking.problems(port, run.strict, run.material, gateway=name.startswith("gateway"))
    if wrong:
        raise CannotMeasure("\n  ".join((f"{name} does not do the job:", *wrong)))
    _say(f"checked {name}: signatures right, bad tokens and other operations refused")


def _measure(run: Run, name: str) -> results.Round:
    load_core = run.cores[1]
    with upstreams.stub(_TOOLS / "stub", load_core, run.folder) as stub:
        with _started(run, name, stub.port) as (port, plan, pid):
            load.run(port, run.tokens, seconds=1, connections=run.connections, core=load_core)  # warm
            counts, cpu_us = stub.counts(), processes.cpu_us(pid)
            seen = load.run(port, run.tokens, seconds=run.seconds, connections=run.connections, core=load_core)
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
        errors=seen.errors,
        upstream_connections=opened,
        upstream_requests=total.requests,
        unsigned=total.requests - total.signed,
        audit_lines=lines,
    )


@contextlib.contextmanager
def _started(run: Run, name: str, upstream_port: int) -> Iterator[tuple[int, Plan, int]]:
    """The peer, answering; yields its port, its plan and its process's id."""
    folder = pathlib.Path(tempfile.mkdtemp(dir=run.folder, prefix=f"{name}-"))
    place = Place(folder, wire.free_port(), upstream_port, run.strict.keys_url, run.material, _TOOLS)
    plan = PEERS[name].plan(place)
    with processes.running(plan.command, run.cores[0], folder, plan.environment) as process:
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


def _report(arguments: argparse.Namespace, rounds: dict[str, list[results.Round]]) -> int:
    titles = {name: peer.title for name, peer in PEERS.items()}
    print(
        f"\n{datetime.now(UTC):%Y-%m-%d}, {_machine()}; medians of {arguments.rounds} interleaved rounds of "
        f"{arguments.seconds} s, {arguments.connections} connections, {TOKENS} warm tokens, one core a peer; "
        f"ratios are to {REFERENCE}\n"
    )
    print(results.table(titles, rounds, REFERENCE))
    if arguments.json:
        document = {
            "date": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "machine": _machine(),
            "seconds": arguments.seconds,
            "connections": arguments.connections,
            "tokens": TOKENS,
            "rounds": {name: [asdict(each) for each in found] for name, found in rounds.items()},
        }
        arguments.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        _say(f"written to {arguments.json}")
    wrong = [line for name, found in rounds.items() for line in results.faults(name, found, signs=PEERS[name].works)]
    for line in wrong:
        print(f"bench: worthless: {line}", file=sys.stderr)
    return 1 if wrong else 0


def _machine() -> str:
    """What kind of machine this is, without its name."""
    text = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = next((line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")), "?")
    return f"{os.cpu_count()} cores of {model}, Python {platform.python_version()}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Checks that every peer does the job, then measures all in turn: the gateway with everything on "
        "and Envoy with jwt_authn, rbac and aws_request_signing, each on one core.",
        epilog=f"example: scripts/bench --rounds 5 --seconds 2 --peers gateway,envoy --json build/bench.json    "
        f"peers: {', '.join(PEERS)}",
    )
    parser.add_argument("--rounds", type=_count, default=3, help="how often each peer is measured (default 3)")
    parser.add_argument("--seconds", type=_count, default=3, help="for how long, after a second to warm (default 3)")
    parser.add_argument("--connections", type=_count, default=32, help="kept open by the load generator (default 32)")
    parser.add_argument("--peers", type=_peers, default=list(DEFAULT), help=f"default: {','.join(DEFAULT)}")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write every round's figures there too")
    return parser.parse_args()


def _count(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 1000:  # noqa: PLR2004 - more is a slip of the finger
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 1000")
    return int(text)


def _peers(text: str) -> list[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in PEERS]
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is no peer: {', '.join(PEERS)}")
    return list(dict.fromkeys(names))


def _say(line: str) -> None:
    print(f"bench: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
