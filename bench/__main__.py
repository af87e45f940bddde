"""`python -m bench`, which `scripts/bench` calls: check every peer, measure all in turn, print the table."""

import argparse
import json
import os
import pathlib
import platform
import signal
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial

from bench import cases, checking, load, material, measuring, processes, redis, results, upstreams
from bench.cases import CASES
from bench.measuring import CannotMeasure, Check, Run, say
from bench.peers import DEFAULT, PEERS, REFERENCE, ROOT, Peer

TOKENS = 1000
_TOOLS = ROOT / "build" / "bench"


def main() -> int:
    """Run it; exit status 1 when a peer failed its check or its figures are worthless."""
    arguments = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is ended
    _TOOLS.mkdir(parents=True, exist_ok=True)
    made = material.make(TOKENS)
    strict = upstreams.Strict(made.jwks)
    peers = guards_peers(arguments.peers) if arguments.guards else {name: PEERS[name] for name in arguments.peers}
    try:
        with tempfile.TemporaryDirectory(dir=_TOOLS, prefix="run-") as name:
            folder = pathlib.Path(name)
            tokens = folder / "tokens"
            tokens.write_text("\n".join(made.tokens) + "\n", encoding="utf-8")
            peer_core, load_core = processes.cores()
            generator = load.Generator(tokens, arguments.connections, load_core)
            run = Run(folder, _TOOLS, made, strict, peer_core, generator, arguments.seconds)
            return _report(arguments, peers, measuring.measure(run, peers, _checks(peers), arguments.rounds))
    except (CannotMeasure, OSError, ValueError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    finally:
        strict.close()


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
        say(f"written to {arguments.json}")
    wrong = [line for name, found in rounds.items() for line in results.faults(name, found, signs=peers[name].works)]
    if arguments.guards:
        wrong += [line for name, found in rounds.items() for line in cases.excess(name, CASES[name], found, TOKENS)]
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
        "guards beside itself without them.",
        epilog=f"examples: scripts/bench --rounds 5 --seconds 2 --peers gateway,envoy --json build/bench.json    "
        f"scripts/bench --guards    peers: {', '.join(PEERS)}    with --guards: {', '.join(CASES)}",
    )
    parser.add_argument("--rounds", type=_count, default=3, help="how often each peer is measured (default 3)")
    parser.add_argument("--seconds", type=_count, default=3, help="for how long, after a second to warm (default 3)")
    parser.add_argument("--connections", type=_count, default=32, help="kept open by the load generator (default 32)")
    parser.add_argument("--guards", action="store_true", help="measure what the guards cost")
    parser.add_argument("--peers", help=f"default: {','.join(DEFAULT)}; with --guards all of its own")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write every round's figures there too")
    arguments = parser.parse_args()
    known = list(CASES if arguments.guards else PEERS)
    default = known if arguments.guards else list(DEFAULT)
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
