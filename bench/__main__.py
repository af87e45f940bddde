"""`python -m bench`, which `scripts/bench` calls: check every peer, measure all in turn, print the table."""

import argparse
import json
import os
import pathlib
import platform
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial

from bench import (
    cases,
    checking,
    edge_results,
    edge_run,
    load,
    material,
    measuring,
    processes,
    redis,
    results,
    upstreams,
)
from bench.cases import CASES
from bench.edge_run import EdgeRun
from bench.edge_tools import prepare
from bench.edge_workers import REFERENCE as EDGE_REFERENCE
from bench.edge_workers import WORKERS
from bench.measuring import CannotMeasure, Check, Run, say
from bench.peers import DEFAULT, PEERS, REFERENCE, ROOT, Peer

TOKENS = 1000
_TOOLS = ROOT / "build" / "bench"


def main() -> int:
    """Run it; exit status 1 when a peer failed its check or its figures are worthless."""
    arguments = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is ended
    _TOOLS.mkdir(parents=True, exist_ok=True)
    made = material.make(edge_run.TOKENS if arguments.edge else TOKENS)
    strict = upstreams.Strict(made.jwks)
    try:
        with tempfile.TemporaryDirectory(dir=_TOOLS, prefix="run-") as name:
            folder = pathlib.Path(name)
            tokens = folder / "tokens"
            tokens.write_text("\n".join(made.tokens) + "\n", encoding="utf-8")
            peer_core, load_core = processes.cores()
            generator = load.Generator(tokens, 1 if arguments.edge else arguments.connections, load_core)
            if arguments.edge:
                tools = prepare(folder, _TOOLS)
                edge = EdgeRun(folder, _TOOLS / "stub", tools, made, strict, peer_core, generator, arguments.seconds)
                workers = {name: WORKERS[name] for name in arguments.peers}
                return _report_edge(arguments, edge_run.measure(edge, workers, arguments.rounds))
            run = Run(folder, _TOOLS, made, strict, peer_core, generator, arguments.seconds)
            peers = _peers(arguments)
            return _report(arguments, peers, measuring.measure(run, peers, _checks(peers), arguments.rounds))
    except (CannotMeasure, OSError, ValueError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    finally:
        strict.close()


def _peers(arguments: argparse.Namespace) -> dict[str, Peer]:
    return guards_peers(arguments.peers) if arguments.guards else {name: PEERS[name] for name in arguments.peers}


def guards_peers(names: list[str]) -> dict[str, Peer]:
    """The cases of those names, without those that want a Redis where there is none."""
    left = [name for name in names if redis.installed() or not CASES[name].shares]
    if len(left) < len(names):
        say(f"no {redis.BINARY} (Debian: apt-get install redis-server): the cases with Redis are left out")
    return {name: CASES[name].peer for name in left}


def _checks(peers: Mapping[str, Peer]) -> dict[str, Check]:
    found: dict[str, Check] = {}
    for name, peer in peers.items():
        case = CASES.get(name)
        if case is not None:
            found[name] = partial(checking.problems_of_guards, guarded=case.guarded, fresh=case.fresh)
        elif peer.works:
            found[name] = partial(checking.problems, gateway=name.startswith("gateway"))
    return found


def _report(arguments: argparse.Namespace, peers: Mapping[str, Peer], rounds: results.Rounds) -> int:
    titles = {name: peer.title for name, peer in peers.items()}
    means = "cost is to the same call without guards" if arguments.guards else f"ratios are to {REFERENCE}"
    print(
        f"\n{datetime.now(UTC):%Y-%m-%d}, {_machine()}; medians of {arguments.rounds} interleaved rounds of "
        f"{arguments.seconds} s, {arguments.connections} connections, {TOKENS} warm tokens, one core a peer; {means}\n"
    )
    if arguments.guards:
        print(results.guards_table(titles, rounds, {name: case.against for name, case in CASES.items()}))
    else:
        print(results.table(titles, rounds, REFERENCE))
    _write(arguments, TOKENS, {name: [asdict(each) for each in found] for name, found in rounds.items()})
    wrong = [line for name, found in rounds.items() for line in results.faults(name, found, signs=peers[name].works)]
    if arguments.guards:
        wrong += [line for name, found in rounds.items() for line in cases.excess(name, CASES[name], found, TOKENS)]
    return _verdict(wrong)


def _report_edge(arguments: argparse.Namespace, rounds: edge_results.EdgeRounds) -> int:
    titles = {name: worker.title for name, worker in WORKERS.items()}
    print(
        f"\n{datetime.now(UTC):%Y-%m-%d}, {_machine()}, workerd on one core; medians of {arguments.rounds} interleaved "
        f"rounds of {arguments.seconds} s, one client, {edge_run.TOKENS} warm tokens\n"
    )
    print(edge_results.calls_table(titles, rounds, EDGE_REFERENCE))
    print(edge_results.starts_table(titles, rounds))
    _write(arguments, edge_run.TOKENS, {name: [asdict(each) for each in found] for name, found in rounds.items()})
    return _verdict(
        [line for name, found in rounds.items() for line in edge_results.faults(name, found, signs=WORKERS[name].works)]
    )


def _write(arguments: argparse.Namespace, tokens: int, rounds: Mapping[str, object]) -> None:
    if not arguments.json:
        return
    document = {
        "date": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "machine": _machine(),
        "seconds": arguments.seconds,
        "connections": 1 if arguments.edge else arguments.connections,
        "tokens": tokens,
        "rounds": rounds,
    }
    arguments.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    say(f"written to {arguments.json}")


def _verdict(wrong: Sequence[str]) -> int:
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
        "and Envoy with jwt_authn, rbac and aws_request_signing, each on one core. With --guards: the gateway with its "
        "guards beside itself without them. With --edge: the gateway as a Worker on workerd.",
        epilog=f"examples: scripts/bench --rounds 5 --seconds 2 --peers gateway,envoy --json build/bench.json    "
        f"scripts/bench --guards    scripts/bench --edge    peers: {', '.join(PEERS)}    "
        f"with --guards: {', '.join(CASES)}    with --edge: {', '.join(WORKERS)}",
    )
    parser.add_argument("--rounds", type=_count, default=3, help="how often each peer is measured (default 3)")
    parser.add_argument("--seconds", type=_count, default=3, help="for how long, after a second to warm (default 3)")
    parser.add_argument(
        "--connections",
        type=_count,
        default=32,
        help="kept open by the load generator (default 32; with --edge always one)",
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--guards", action="store_true", help="measure what the guards cost")
    which.add_argument("--edge", action="store_true", help="measure the Worker: CPU a request and start, on workerd")
    parser.add_argument("--peers", help=f"default: {','.join(DEFAULT)}; with --guards or --edge all of its own")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write every round's figures there too")
    arguments = parser.parse_args()
    known = list(CASES if arguments.guards else WORKERS if arguments.edge else PEERS)
    default = known if arguments.guards or arguments.edge else list(DEFAULT)
    arguments.peers = default if arguments.peers is None else list(dict.fromkeys(arguments.peers.split(",")))
    unknown = [name for name in arguments.peers if name not in known]
    if unknown:
        parser.error(f"{unknown[0]!r} is no peer: {', '.join(known)}")
    return arguments


def _count(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 1000:  # noqa: PLR2004 - more is a slip of the finger
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 1000")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
