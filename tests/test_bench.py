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

from bench import (
    audit,
    cases,
    checking,
    envoy,
    jobs,
    load,
    material,
    people,
    processes,
    redis,
    results,
    upstreams,
    wire,
)
from bench.__main__ import guards_peers
from bench.cases import CASES
from bench.peers import DEFAULT, PEERS, REFERENCE
from gateway.keypair import KeyPair
from gateway.sigv4 import Signer
from tests.tools import need

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


def test_a_gateway_without_guards_is_found_out(made: material.Material, strict: upstreams.Strict) -> None:
    """What guards cost is not measured on a gateway whose guards do not work."""
    found = checking.problems_of_guards(strict.port, strict, made, guarded=True, fresh=False)
    unkept = {line.removeprefix("it is not so that it ") for line in found}
    assert unkept >= {"disables a weaker user", "refuses to disable an equal", "sends what has a key once"}
    assert "reads groups as live as it is told" in unkept


def test_both_upstreams_tell_of_the_same_pool(tmp_path: pathlib.Path) -> None:
    """What was checked against the strict upstream is what is measured against the quick one, and it counts right."""
    binary = tmp_path / "stub"
    subprocess.run([need("gcc", "apt-get install gcc"), "-o", binary, ROOT / "bench" / "stub.c"], check=True)
    named = [(name, ask) for name in ("user0", "user999999", "user1000000", "alice@example.com", "bob") for ask in WHOM]
    core = min(os.sched_getaffinity(0))
    with upstreams.stub(binary, core, tmp_path) as stub:
        for name, ask in [*named, ("", "ListGroups"), ("", "ListUsersInGroup"), ("user7", "AdminDisableUser")]:
            body = {"UserPoolId": wire.POOL, "Username": name}
            assert told(stub.port, ask, body) == plain(people.answer(ask, body))
        told(stub.port, "AdminGetUser", {"Username": "bob"}, agent="gateway/1 guards actor/guards")
        told(stub.port, "DescribeUserPool", {}, agent="gateway/1 guards")
        told(stub.port, "AdminGetUserX", {}, agent="gateway/1 actor/guards")
        counts = stub.counts()
    assert (counts.own["AdminGetUser"], counts.own["AdminListGroupsForUser"], counts.own["other"]) == (5, 5, 1)
    assert {name: count for name, count in counts.guards.items() if count} == {"AdminGetUser": 1, "other": 1}
    assert counts.requests == 16
    assert counts.signed == 0


WHOM = ("AdminGetUser", "AdminListGroupsForUser")


def told(port: int, operation: str, body: dict[str, str], *, agent: str = "gateway/1") -> dict[str, object]:
    """What an upstream answers, as far as guards look at it."""
    text = json.dumps(body, separators=(",", ":"))
    request = f"X-Amz-Target: Service.{operation}\r\nUser-Agent: {agent}\r\nContent-Length: {len(text)}\r\n\r\n{text}"
    answer = wire.exchange(port, f"POST / HTTP/1.1\r\nConnection: close\r\n{request}".encode())
    return plain(json.loads(answer.body))


def plain(answer: dict[str, object]) -> dict[str, object]:
    """An answer without what guards do not look at."""
    kept = {name: value for name, value in answer.items() if not name.endswith("Date")}
    attributes = kept.get("UserAttributes")
    if isinstance(attributes, list):
        kept["UserAttributes"] = [each for each in attributes if each["Name"] == "sub"]
    return kept


def test_each_run_names_users_that_no_other_run_has_named() -> None:
    """A call that is to be cold is: nothing of the warm second stands in the gateway's memory."""
    job = CASES["change"].job
    numbers = [range(job.first(run), job.first(run) + job.targets) for run in (0, 1)]
    assert not set(numbers[0]) & set(numbers[1])
    assert {len(str(number)) for each in numbers for number in (each[0], each[-1])} == {len(jobs.MARK)}
    assert job.body.count(jobs.MARK) == 1
    assert people.groups_of(f"user{numbers[0][0]}") == ["user"]
    assert people.groups_of(material.caller(0)) == ["admin"]


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


def test_a_change_owes_two_lines_and_a_guards_read_none() -> None:
    """The audit is complete only with an intent and an outcome of each change; a dry run's line stands alone."""
    change: dict[str, object] = {
        "upstream_requests": 30,
        "guards": {"AdminGetUser": 10, "ListGroups": 1},
        "changes": 15,
    }
    assert measured(1.0, **change).lines_due == 34  # 15 changes, and 4 reads to see that it is there
    assert results.faults("x", [measured(1.0, **change, audit_lines=34)], signs=True) == []
    for lines in (33, 35):
        assert len(results.faults("x", [measured(1.0, **change, audit_lines=lines)], signs=True)) == 1
    dry: dict[str, object] = {"upstream_requests": 5, "guards": {"AdminGetUser": 4}, "decided": 100}
    assert results.faults("x", [measured(1.0, **dry, audit_lines=102)], signs=True) == []
    assert len(results.faults("x", [measured(1.0, **dry, audit_lines=100)], signs=True)) == 1


@pytest.mark.parametrize(
    ("name", "own", "guards", "wrong"),
    [
        ("read", 100, {}, 0),
        ("read", 100, {"AdminGetUser": 1}, 1),
        ("read-fresh", 100, {"AdminGetUser": 7, "AdminListGroupsForUser": 7}, 0),
        ("read-fresh", 100, {"AdminGetUser": 8, "AdminListGroupsForUser": 7, "ListGroups": 1}, 2),
        ("change-off", 100, {"AdminGetUser": 132}, 0),
        ("change-off", 100, {"AdminGetUser": 133}, 1),
        ("change-off", 100, {"AdminGetUser": 100, "AdminListGroupsForUser": 1}, 1),
        ("change", 100, {"AdminGetUser": 100, "AdminListGroupsForUser": 100, "ListGroups": 1}, 0),
        ("change", 100, {"AdminGetUser": 133, "AdminListGroupsForUser": 133, "ListGroups": 2}, 3),
        ("change", 100, {"ListUsersInGroup": 1}, 1),
        ("dry", 0, {"AdminGetUser": 100, "AdminListGroupsForUser": 100}, 0),
        ("dry", 0, {"AdminGetUser": 101}, 1),
    ],
)
def test_guards_that_ask_more_than_they_may_make_the_run_fail(
    name: str, own: int, guards: dict[str, int], wrong: int
) -> None:
    """Reads add nothing, `fresh` two a caller and minute, a change two: more is a fault, not a figure."""
    case = CASES[name]
    each = measured(1.0, own={case.job.operation: own}, guards=guards, seconds=4.0)
    found = cases.excess(name, case, [each], callers=7)
    assert len(found) == wrong
    assert all("are allowed" in line for line in found)


def test_what_guards_cost_is_a_ratio_to_the_same_call_without_them() -> None:
    """Twice the processor time is 2.00, and their own calls stand beside it."""
    guards = {"AdminGetUser": 100, "AdminListGroupsForUser": 50}
    rounds = {
        "off": [measured(2000.0), measured(1000.0), measured(1000.0)],  # a machine that others use as well
        "on": [measured(rate, upstream_requests=250, guards=guards) for rate in (1000.0, 500.0, 2000.0)],
    }
    rows = results.guards_table({name: name for name in rounds}, rounds, dict.fromkeys(rounds, "off")).splitlines()
    assert [cell.strip() for cell in rows[2].split("|")][1:6] == ["off", "1000.0", "1.00", "1,000", "0"]
    assert [cell.strip() for cell in rows[3].split("|")][1:5] == ["on", "1000.0", "2.00", "1,000"]
    assert "1.50: AdminGetUser, AdminListGroupsForUser" in rows[3]


def test_each_case_is_beside_one_without_guards_that_does_the_same() -> None:
    """A ratio compares the same operation, with the same store for nobody but who says so."""
    for case in CASES.values():
        other = CASES[case.against]
        assert not other.guarded
        assert not other.shares
        assert (other.job.operation, other.job.dry_run) == (case.job.operation, case.job.dry_run)
    assert {case.shares for case in CASES.values() if "Redis" in case.title} == {True}
    assert {case.job.keyed for case in CASES.values() if "Idempotency-Key" in case.title} == {True}


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
    assert "examples: scripts/bench" in answer
    assert all(name in "".join(answer.split()) for name in (*PEERS, *DEFAULT, *CASES))


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
    answer = run(sys.executable, "-m", "bench", "--guards", "--peers", "gateway")
    assert answer.returncode == 2
    assert "'gateway' is no peer: read-off" in answer.stderr


def test_without_redis_its_cases_are_left_out_and_the_others_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without Redis still shows what guards cost."""
    monkeypatch.setenv("PATH", "/nowhere")
    assert not redis.installed()
    left = guards_peers(list(CASES))
    assert set(left) == {name for name, case in CASES.items() if not case.shares}
    assert not any(peer.shares for peer in left.values())
