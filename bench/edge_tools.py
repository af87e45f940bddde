"""What `scripts/bench --edge` needs beside the other benches: workerd, the staged Worker, the JavaScript one.

Duty: all of it locked and set up by the project's own scripts; a copy of the staged Worker for this run alone.
Prohibition: nothing is downloaded but what a lock names; nothing is measured here.
"""

import fcntl
import os
import pathlib
import shutil
import subprocess
import sys
from dataclasses import dataclass

from bench.measuring import CannotMeasure, say
from bench.peers import ROOT

_SETUP_SECONDS = 600.0
_LOCKED = ROOT / "requirements" / "bench-edge"
_EDGE_TOOLS = ROOT / "build" / "edge-tools"
_SDK_RECORD = "workers_runtime_sdk-*.dist-info/RECORD"


@dataclass(frozen=True, slots=True)
class Tools:
    """Where everything is."""

    workerd: pathlib.Path  # workerd, told where its Python is
    staged: pathlib.Path  # the gateway
    modules: pathlib.Path  # what is vendored with it
    sdk: frozenset[str]  # what of that every Python Worker has
    hello: pathlib.Path
    javascript: pathlib.Path


def prepare(folder: pathlib.Path, tools: pathlib.Path) -> Tools:
    """Set everything up: what a run changes in `folder`, what is installed once in `tools`.

    Raises:
        CannotMeasure: something is missing, or cannot be installed.

    """
    if shutil.which("npm") is None:
        raise CannotMeasure("needs npm (Debian: apt-get install nodejs npm)")
    staged, modules = folder / "staged", folder / "modules"
    (ROOT / "build").mkdir(exist_ok=True)
    with (ROOT / "build" / "edge-tools.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests stage as well
        say("setting up workerd (the first time it is fetched: 430 MB) and staging the Worker")
        _run("scripts/edge", "setup")
        _run(sys.executable, "scripts/bundle")
        shutil.copytree(ROOT / "build" / "edge", staged)
        shutil.copytree(ROOT / "python_modules", modules, ignore=shutil.ignore_patterns("*.pyc", "__pycache__"))
    record = next(modules.glob(_SDK_RECORD), None)
    if record is None:
        raise CannotMeasure("python_modules holds no workers-runtime-sdk")
    sdk = frozenset(line.split(",")[0] for line in record.read_text(encoding="utf-8").splitlines())
    here = ROOT / "bench" / "edge"
    return Tools(_EDGE_TOOLS / "workerd", staged, modules, sdk, here / "hello.py", _bundled(here, folder, tools))


def _bundled(here: pathlib.Path, folder: pathlib.Path, tools: pathlib.Path) -> pathlib.Path:
    """The JavaScript Worker with its libraries in one file."""
    installed = tools / "edge"
    installed.mkdir(exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(_LOCKED / name, installed / name)
    options = ("--ignore-scripts", "--no-audit", "--no-fund", "--silent", "--prefix", str(installed))
    _run("npm", "ci", *options)
    esbuild = next((_EDGE_TOOLS / "node_modules" / "@esbuild").glob("*/bin/esbuild"), None)
    if esbuild is None:
        raise CannotMeasure("wrangler brought no esbuild for this machine")
    made = folder / "worker.mjs"
    words = ("--bundle", "--format=esm", "--platform=neutral", "--main-fields=module,main", f"--outfile={made}")
    _run(str(esbuild), str(here / "worker.mjs"), *words, NODE_PATH=str(installed / "node_modules"))
    return made


def _run(*command: str, **environment: str) -> None:
    name = pathlib.Path(command[0]).name
    try:
        done = subprocess.run(
            command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True,
            timeout=_SETUP_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise CannotMeasure(f"{name} took longer than {_SETUP_SECONDS:.0f} seconds") from None
    if done.returncode:
        raise CannotMeasure(f"{name}: {(done.stderr or done.stdout).strip()[-600:]}")
