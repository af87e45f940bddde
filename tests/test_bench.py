"""The benchmark's own promises: the same job for all, no figure from a peer that does not do it. No test measures."""

import hashlib
import json
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Iterator

import jwt
import pytest

from bench import audit, checking, envoy, load, material, processes, results, upstreams, wire
from bench.peers import DEFAULT, PEERS, REFERENCE
from gateway.keypair import KeyPair
from gateway.sigv4 import Signer

ROOT = pathlib.Path(__file__).resolve().parent.parent
KEYS = KeyPair(material.ACCESS_KEY_ID, material.SECRET_ACCESS_KEY)


@pytest.fixture(scope="module")
def made() -> material.Material:
    """One run's keys and tokens."""
    return material.make(2)


@pytest.fixture
def strict(made: material.Material) -> Iterator[upstreams.Strict]:
    """The upstream that checks signatures, running."""
    found = upstreams.Strict(made.jwks)
    yield found
    found.close()


def filters(mode: envoy.Mode) -> list[str]:
    """The names of Envoy's HTTP filters, in order."""
    found = json.loads(envoy.configuration(mode, port=1, upstream_port=2, jwks="{}"))
    manager = found["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    return [each["name"].removeprefix("envoy.filters.http.") for each in manager["http_filters"]]


def test_envoy_verifies_allows_and_signs_in_this_order() -> None:
    """What the gateway is compared with does the same three things before it proxies."""
    assert filters("full") == ["jwt_authn", "rbac", "aws_request_signing", "router"]
    assert filters("plain") == ["router"]


def test_envoy_remembers_verified_tokens_only_in_the_mode_that_says_so(made: material.Material) -> None:
    """The reference is Envoy as it comes; its cache of tokens is the next mark, in a row of its own."""
    texts = {mode: envoy.configuration(mode, port=1, upstream_port=2, jwks=made.jwks) for mode in ("full", "jwt-cache")}
    assert "jwt_cache_size" not in texts["full"]
    assert "jwt_cache_size" in texts["jwt-cache"]
    assert all(material.ISSUER in text for text in texts.values())


def test_a_good_token_is_cognitos_and_each_bad_one_is_bad_in_its_own_way(made: material.Material) -> None:
    """An independent library accepts the good tokens; those to be refused fail there or say something else."""
    key = jwt.PyJWKSet.from_json(made.jwks).keys[0]

    def read(token: str) -> dict[str, object]:
        return jwt.decode(token, key, algorithms=["RS256"], issuer=material.ISSUER)

    good = [read(token) for token in made.tokens]
    assert len({claims["sub"] for claims in good}) == len(good)
    with pytest.raises(jwt.InvalidSignatureError):
        read(made.refused["bad signature"])
    with pytest.raises(jwt.ExpiredSignatureError):
        read(made.refused["expired"])
    with pytest.raises(jwt.InvalidIssuerError):
        read(made.refused["wrong issuer"])
    assert read(made.refused["id token"])["token_use"] == "id"
    assert read(made.refused["wrong client"])["client_id"] != wire.CLIENT
    assert read(made.refused["no group"])["cognito:groups"] != good[0]["cognito:groups"]


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({}, "signed"),
        ({"body": b"{}"}, "wrong signature"),
        ({"path": "/other"}, "wrong signature"),
        ({"x-amz-target": wire.OTHER_TARGET}, "wrong signature"),
        ({"later": 301.0}, "wrong date"),
        ({"authorization": "Bearer x"}, "not signed"),
    ],
)
def test_the_strict_upstream_takes_nothing_but_a_right_signature(change: dict[str, object], verdict: str) -> None:
    """A peer that signs wrongly, or not what it sends, or long ago, is found out before it is measured."""
    body, now, host = wire.BODY.encode(), time.time(), "127.0.0.1:9"
    signed = Signer(wire.REGION, "cognito-idp", host).sign(KEYS, target=wire.TARGET, body=body, now=now)
    request = {"host": host, **{name.lower(): value for name, value in signed}, "path": "/", "body": body, "later": 0.0}
    request |= change
    path, sent, later = request.pop("path"), request.pop("body"), request.pop("later")
    assert upstreams.judge(request, path, sent, now + later) == verdict  # type: ignore[arg-type,operator]


def test_a_peer_that_lets_everything_through_is_found_out(made: material.Material, strict: upstreams.Strict) -> None:
    """The check has teeth: an upstream without any gateway before it fails every part of it."""
    found = checking.problems(strict.port, strict, made, gateway=True)
    assert found[0].startswith("a good request: status 403")
    assert found[1] == "7 refused requests reached the upstream"
    assert {line.removeprefix("it is not so that it ") for line in found[2:]} >= {"counts rates", "masks errors"}


def test_the_load_generators_result_is_read_or_its_words_are_told() -> None:
    """When wrk fails, whoever runs the benchmark sees what it said."""
    line = 'RESULT {"requests":10,"duration_us":2000,"errors":1,"p50_us":5.5,"p99_us":9.0}'
    assert load.parse(f"Running 2s test\n{line}\n") == load.Load(10, 2000, 1, 5.5, 9.0)
    with pytest.raises(ValueError, match="unable to connect"):
        load.parse("unable to connect to 127.0.0.1")


def chain(count: int) -> list[bytes]:
    """Audit lines as the gateway writes them, as far as the chain goes."""
    lines: list[bytes] = []
    for seq in range(count):
        previous = hashlib.sha256(lines[-1]).hexdigest() if lines else "0" * 64
        lines.append(json.dumps({"seq": seq, "operation": "AdminGetUser", "previous": previous}).encode())
    return lines


def test_audit_lines_count_only_in_an_unbroken_chain(tmp_path: pathlib.Path) -> None:
    """A gateway that loses, repeats or reorders lines under load gets no figure (R-18)."""
    file, lines = tmp_path / "audit.jsonl", chain(4)
    file.write_bytes(b"".join(line + b"\n" for line in lines))
    assert audit.count(file) == 4
    for broken in (lines[1:], [*lines[:2], lines[3]], [lines[0], lines[1].replace(b"Get", b"Set"), *lines[2:]]):
        file.write_bytes(b"".join(line + b"\n" for line in broken))
        with pytest.raises(ValueError, match="breaks at line"):
            audit.count(file)


def measured(rate: float, **over: object) -> results.Round:
    """One round's figures."""
    values: dict[str, object] = {
        "requests": 100, "requests_per_second": rate, "cpu_us": 1e6 / rate, "busy": 1.0, "p50_us": 1000.0,
        "p99_us": 2000.0, "errors": 0, "upstream_connections": 1, "upstream_requests": 120, "unsigned": 0,
        "audit_lines": 120,
    }  # fmt: skip
    return results.Round(**values | over)  # type: ignore[arg-type]


def test_ratios_are_medians_to_the_reference_of_the_same_run() -> None:
    """One slow round on a busy machine does not decide; a ratio above one is better than Envoy."""
    rounds = {
        "gateway": [measured(1.0), measured(3000.0), measured(3000.0)],
        REFERENCE: [measured(2000.0, audit_lines=None)],
    }
    rows = results.table({name: name for name in rounds}, rounds, REFERENCE).splitlines()[2:]
    cells = [cell.strip() for cell in rows[0].split("|")]
    assert cells[1:6] == ["gateway", "3,000", "1.50", "333.3", "3,000"]
    assert "360 = requests" in cells
    assert "1.00" in rows[1]
    assert "none" in rows[1]


def test_figures_with_errors_missing_signatures_or_missing_audit_lines_are_worthless() -> None:
    """Nobody is quick by not doing the work."""
    assert results.faults("x", [measured(1.0)], signs=True) == []
    assert results.faults("x", [measured(1.0, unsigned=9, audit_lines=None)], signs=False) == []
    for over in ({"errors": 1}, {"unsigned": 1}, {"audit_lines": 119}):
        assert len(results.faults("x", [measured(1.0, **over)], signs=True)) == 1


def test_a_process_is_measured_with_its_children_and_ends_with_its_block(tmp_path: pathlib.Path) -> None:
    """What the benchmark starts is measured whole, and nothing of it stays."""
    spin = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'while True: pass'])"
    with processes.running([sys.executable, "-c", spin], min(os.sched_getaffinity(0)), tmp_path) as process:
        deadline = time.monotonic() + 10
        while (spent := processes.cpu_us(process.pid)) < 200_000 and time.monotonic() < deadline:
            time.sleep(0.02)
        children = processes.below(process.pid)
    assert spent >= 200_000
    assert process.poll() is not None
    while any(map(alive, children)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(children) == 1
    assert not any(map(alive, children))


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended may still stand in the list until its new parent has seen it."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def run(*command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """A command in the project's folder."""
    return subprocess.run(command, cwd=ROOT, env=environment or None, capture_output=True, text=True, check=False)


def test_help_shows_an_example() -> None:
    """Both the script and the module behind it say how they are called."""
    assert "scripts/bench --rounds" in run("scripts/bench", "--help").stdout
    answer = run(sys.executable, "-m", "bench", "--help").stdout
    assert "example: scripts/bench" in answer
    assert all(name in answer for name in (*PEERS, *DEFAULT))


def test_a_missing_load_generator_is_named_with_its_package(tmp_path: pathlib.Path) -> None:
    """A fresh machine is told what to install."""
    (tmp_path / "dirname").symlink_to("/usr/bin/dirname")
    answer = run("/bin/bash", "scripts/bench", PATH=str(tmp_path))
    assert answer.returncode == 1
    assert "apt-get install wrk" in answer.stderr


def test_an_unknown_peer_is_refused_with_those_there_are() -> None:
    """A slip in an argument costs no run."""
    answer = run(sys.executable, "-m", "bench", "--peers", "gateway,nginx")
    assert answer.returncode == 2
    assert "'nginx' is no peer: gateway" in answer.stderr
