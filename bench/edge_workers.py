"""The Workers that `scripts/bench --edge` compares, and how workerd is told of each.

Duty: the gateway as it is staged for a deployment, with memory and with its Durable Object; the least Python Worker;
the same job in JavaScript. Each runs in a workerd of its own, without the proxy that `wrangler dev` puts before it.
Prohibition: no setting that a deployment could not have, but for the two flags that let workerd take its Python from
this machine.
Source: workerd's `workerd.capnp`; Cap'n Proto's text format (paths after `embed` are beside the file).
"""

import json
import pathlib
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from bench.edge_tools import Tools
from bench.material import ACCESS_KEY_ID, ISSUER, SECRET_ACCESS_KEY
from bench.peers import ROOT, policy
from bench.wire import CLIENT, POOL, REGION

CONFIGURATION = "worker.capnp"
BASE = "hello"
"""The Worker that the others' start is a ratio to, and whose processor time a request is taken off theirs."""

REFERENCE = "javascript"
"""The Worker that processor time is a ratio to."""

_STATE = "SharedState"
_PYTHON_FLAGS = ("python_workers", "python_workers_development", "experimental")
_INNER = "python_modules"

Modules = Sequence[tuple[str, pathlib.Path]]
"""The name that a Worker imports, and the file."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """What stands behind a Worker."""

    port: int
    keys_url: str


@dataclass(frozen=True, slots=True)
class EdgeWorker:
    """One row. `works` is false for what only passes on; `judges` is the gateway's own part of the check."""

    title: str
    source: str = "gateway"
    works: bool = True
    judges: bool = False
    shares: bool = False

    def modules(self, tools: Tools) -> Modules:
        """What it consists of, its main module first."""
        if self.source == "javascript":
            return [("worker.mjs", tools.javascript)]
        if self.source == "hello":
            return [("entry.py", tools.hello), *_within(tools.modules, _INNER, only=tools.sdk)]
        return [*_within(tools.staged, ""), *_within(tools.modules, _INNER)]

    def variables(self, upstream: Upstream) -> Mapping[str, str]:
        """Its settings."""
        origin = f"http://127.0.0.1:{upstream.port}"
        keys = {"AWS_ACCESS_KEY_ID": ACCESS_KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY}
        if self.source == "hello":
            return {"UPSTREAM": f"{origin}/"}
        if self.source == "javascript":
            own = {"UPSTREAM": f"{origin}/", "JWKS_URL": upstream.keys_url, "ISSUER": ISSUER, "CLIENT": CLIENT}
            return {**keys, **own, "REGION": REGION}
        return {
            **keys,
            "COGNITO_USER_POOL_ID": POOL,
            "COGNITO_CLIENT_IDS": CLIENT,
            "COGNITO_ENDPOINT_URL": origin,
            "COGNITO_JWKS_URL": upstream.keys_url,
            "GATEWAY_POLICY": policy(),
            "GATEWAY_STORE": "STATE" if self.shares else "memory",
        }


WORKERS: Mapping[str, EdgeWorker] = {
    "gateway": EdgeWorker("gateway, store in memory", judges=True),
    "gateway-object": EdgeWorker("gateway, store in the Durable Object", judges=True, shares=True),
    "hello": EdgeWorker("Python Worker that passes on", "hello", works=False),
    "javascript": EdgeWorker("JavaScript Worker: jose, aws4fetch", "javascript"),
}
"""By name, in the order of the table."""


def configure(worker: EdgeWorker, tools: Tools, folder: pathlib.Path, port: int, upstream: Upstream) -> Sequence[str]:
    """Write into `folder` from what workerd starts `worker` on `port` of loopback; return the command that does."""
    text = configuration(worker, worker.modules(tools), port=port, variables=worker.variables(upstream))
    (folder / CONFIGURATION).write_text(text, encoding="utf-8")
    (folder / "state").mkdir()
    return (str(tools.workerd), "serve", "--experimental", "--import-path", "/", CONFIGURATION)


def configuration(worker: EdgeWorker, modules: Modules, *, port: int, variables: Mapping[str, str]) -> str:
    """The text of that file."""
    python = worker.source != "javascript"
    bindings = [f"(name = {_text(name)}, text = {_text(value)})" for name, value in variables.items()]
    services = ['(name = "main", worker = .main)', '(name = "internet", network = (allow = ["local"]))']
    more = ""
    if worker.shares:
        services.append('(name = "state", disk = (path = "state", writable = true))')
        bindings.append(f'(name = "STATE", durableObjectNamespace = "{_STATE}")')
        named = f'(className = "{_STATE}", uniqueKey = "bench", enableSql = true)'
        more = f',\n  durableObjectNamespaces = [{named}], durableObjectStorage = (localDisk = "state")'
    return f"""using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [{", ".join(services)}],
  sockets = [(name = "http", address = "127.0.0.1:{port}", http = (), service = "main")]
);
const main :Workerd.Worker = (
  compatibilityDate = "{_date()}",
  compatibilityFlags = [{", ".join(map(_text, _PYTHON_FLAGS if python else ()))}],
  bindings = [{", ".join(bindings)}],
  modules = [
    {_LINE.join(_module(name, path) for name, path in modules)}
  ]{more}
);
"""


_LINE = ",\n    "


def _date() -> str:
    """The platform's behaviour that a deployment asks for."""
    deployed = tomllib.loads((ROOT / "wrangler.toml").read_text(encoding="utf-8"))
    return str(deployed["compatibility_date"])


def _module(name: str, path: pathlib.Path) -> str:
    """One module, as wrangler has them: what is vendored is data, whatever its kind."""
    kind = "data"
    if name.endswith(".mjs"):
        kind = "esModule"
    elif name.endswith(".py") and not name.startswith(f"{_INNER}/"):
        kind = "pythonModule"
    return f"(name = {_text(name)}, {kind} = embed {_text(str(path))})"


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _within(folder: pathlib.Path, under: str, *, only: Collection[str] | None = None) -> list[tuple[str, pathlib.Path]]:
    """The files of a folder by the names that a Worker has for them, `entry.py` first."""
    found = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and path.suffix != ".pyc" and (only is None or name in only):
            found.append((f"{under}/{name}" if under else name, path))
    return sorted(found, key=lambda one: one[0] != "entry.py")
