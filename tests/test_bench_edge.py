"""The promises of `scripts/bench --edge`: the same job for all, ratios of one run, loopback only. No test measures."""

import pathlib
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from bench import edge_results, edge_run, material, upstreams, wire
from bench.edge_results import Asked, EdgeRound
from bench.edge_tools import Tools
from bench.edge_workers import BASE, CONFIGURATION, REFERENCE, WORKERS, Upstream, configure

ROOT = pathlib.Path(__file__).resolve().parent.parent
UPSTREAM = Upstream(port=9, keys_url="http://127.0.0.1:10/keys")


@pytest.fixture(scope="module")
def made() -> material.Material:
    """One run's keys and tokens."""
    return material.make(1)


@pytest.fixture
def strict(made: material.Material) -> Iterator[upstreams.Strict]:
    """The upstream that checks signatures, running."""
    found = upstreams.Strict(made.jwks)
    yield found
    found.close()


@pytest.fixture
def tools(tmp_path: pathlib.Path) -> Tools:
    """A staged Worker of two files, and two packages of which one is the SDK."""
    names = ("staged/entry.py", "staged/a/policy.toml", "modules/workers/__init__.py", "modules/starlette/routing.py")
    for name in (*names, "modules/workers/stale.pyc", "hello.py", "worker.mjs"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    sdk = frozenset({"workers/__init__.py"})
    places = ("workerd", "staged", "modules", "hello.py", "worker.mjs")
    workerd, staged, modules, hello, javascript = (tmp_path / name for name in places)
    return Tools(workerd, staged, modules, sdk, hello, javascript)


def written(name: str, tools: Tools, folder: pathlib.Path) -> str:
    """The file from which workerd would start that Worker."""
    configure(WORKERS[name], tools, folder, 8, UPSTREAM)
    return (folder / CONFIGURATION).read_text("utf-8")


@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_listens_and_sends_on_loopback_only(name: str, tools: Tools, tmp_path: pathlib.Path) -> None:
    """Nothing leaves the machine, whatever a Worker does."""
    text = written(name, tools, tmp_path)
    assert re.findall(r'address = "([^"]+)"', text) == ["127.0.0.1:8"]
    assert re.findall(r"network = \(([^)]*)\)", text) == ['allow = ["local"]']
    assert "127.0.0.1:9" in text


def test_each_worker_gets_its_own_modules_and_no_more(tools: Tools, tmp_path: pathlib.Path) -> None:
    """The least Worker carries the SDK alone; what is vendored is data, as wrangler has it; no compiled leftovers."""
    found = {}
    for name in WORKERS:
        (tmp_path / name).mkdir()
        found[name] = re.findall(r'\(name = "([^"]+)", (\w+) = embed', written(name, tools, tmp_path / name))
    vendored = [("python_modules/starlette/routing.py", "data"), ("python_modules/workers/__init__.py", "data")]
    assert found["gateway"] == [("entry.py", "pythonModule"), ("a/policy.toml", "data"), *vendored]
    assert found["gateway-object"] == found["gateway"]
    assert found[BASE] == [("entry.py", "pythonModule"), vendored[1]]
    assert found[REFERENCE] == [("worker.mjs", "esModule")]


def test_only_who_says_so_has_a_durable_object(tools: Tools, tmp_path: pathlib.Path) -> None:
    """A row with memory does not pay for an object, and a row with one does."""
    for name, worker in WORKERS.items():
        (tmp_path / name).mkdir()
        text = written(name, tools, tmp_path / name)
        assert ("durableObjectNamespace" in text) == worker.shares == ("Durable Object" in worker.title)
        assert ('"GATEWAY_STORE", text = "STATE"' in text) == worker.shares


def test_a_worker_that_lets_everything_through_is_found_out(made: material.Material, strict: upstreams.Strict) -> None:
    """The check has teeth: with no Worker before the upstream only the one that does nothing passes."""
    assert edge_run.problems(WORKERS[BASE], strict.port, strict, made) == []
    for name in ("gateway", REFERENCE):
        found = edge_run.problems(WORKERS[name], strict.port, strict, made)
        assert found[0].startswith("a good request: status 403")
        assert [line.partition(":")[0] for line in found[-2:]] == [job.operation for job in edge_run.JOBS]


def test_the_audit_is_counted_among_what_a_worker_prints(tmp_path: pathlib.Path) -> None:
    """A line that is missing from the chain gives no figure (R-18); other lines of the console do not count."""
    log = tmp_path / "log"
    line = b'{"time":"2026-11-21T09:00:00Z","seq":0,"previous":"' + b"0" * 64 + b'"}\n'
    log.write_bytes(b'{"gateway": "keys: 1 usable"}\n' + line)
    assert edge_run.audit_lines(log) == 1
    log.write_bytes(line.replace(b'"seq":0', b'"seq":1'))
    with pytest.raises(ValueError, match="breaks at line 1"):
        edge_run.audit_lines(log)


def measured(cpu_ms: float, start_ms: float, **over: object) -> EdgeRound:
    """One round's figures."""
    asked = {job.operation: Asked(100, cpu_ms, cpu_ms, cpu_ms, 0) for job in edge_run.JOBS}
    values: dict[str, object] = {
        "start_ms": start_ms, "start_cpu_ms": start_ms, "asked": asked, "upstream_requests": 9, "unsigned": 0,
        "audit_lines": 9,
    }  # fmt: skip
    return EdgeRound(**values | over)  # type: ignore[arg-type]


def cells(row: str) -> list[str]:
    """The cells of a table's row."""
    return [cell.strip() for cell in row.split("|")[1:-1]]


def test_differences_and_ratios_are_those_of_the_same_round() -> None:
    """A machine that is slow for one round is slow for all Workers in it: the median of the rounds' ratios stays."""
    slow = (1.0, 3.0, 2.0)
    rounds = {
        "gateway": [measured(4.0 * by, 600.0 * by) for by in slow],
        BASE: [measured(1.0 * by, 500.0 * by, audit_lines=None) for by in slow],
        REFERENCE: [measured(0.5 * by, 50.0 * by, audit_lines=None) for by in slow],
    }
    titles = {name: name for name in rounds}
    calls = edge_results.calls_table(titles, rounds, REFERENCE).splitlines()[2:]
    assert cells(calls[0])[:5] == ["gateway", "AdminGetUser", "8.00", "6.00", "8.00"]
    assert cells(calls[0])[-1] == "27 = requests"
    assert cells(calls[1])[-1] == "none"
    assert [cells(row)[:2] for row in calls[3:5]] == [["gateway", "ListUsers"], [BASE, "ListUsers"]]
    starts = edge_results.starts_table(titles, rounds).splitlines()[2:]
    assert cells(starts[0]) == ["gateway", "1.20", "1,200", "1.20", "1,200"]
    assert cells(starts[1])[1] == "1.00"


def test_figures_with_errors_missing_signatures_or_missing_audit_lines_are_worthless() -> None:
    """Nobody is quick by not doing the work."""
    failed = {"AdminGetUser": Asked(100, 1.0, 1.0, 1.0, errors=1)}
    assert edge_results.faults("x", [measured(1.0, 1.0)], signs=True) == []
    assert edge_results.faults("x", [measured(1.0, 1.0, unsigned=9, audit_lines=None)], signs=False) == []
    for over in ({"asked": failed}, {"unsigned": 1}, {"audit_lines": 8}):
        assert len(edge_results.faults("x", [measured(1.0, 1.0, **over)], signs=True)) == 1


def run(*words: str) -> "subprocess.CompletedProcess[str]":
    """The benchmark, as far as its arguments."""
    command = (sys.executable, "-m", "bench", *words)
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_help_shows_it() -> None:
    """Both the script and the module behind it say that the Worker can be measured."""
    script = subprocess.run(["scripts/bench", "--help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "scripts/bench --edge" in script.stdout
    answer = run("--help").stdout
    assert all(name in "".join(answer.split()) for name in ("scripts/bench--edge", *WORKERS))


def test_a_slip_in_the_arguments_costs_no_run() -> None:
    """What there is not is refused with what there is; one run measures one thing."""
    answer = run("--edge", "--peers", "gateway,envoy")
    assert answer.returncode == 2
    assert "'envoy' is no peer: gateway" in answer.stderr
    assert run("--edge", "--guards").returncode == 2


def test_a_page_of_users_is_what_both_upstreams_have() -> None:
    """The call that is measured asks for as many users as the quick upstream gives."""
    page = next(job for job in edge_run.JOBS if job.operation == "ListUsers")
    assert page.body == f'{{"UserPoolId":"{wire.POOL}","Limit":60}}'
    assert "PAGE = 60" in (ROOT / "bench" / "stub.c").read_text("utf-8")
