"""What the JavaScript tests share: packages as locked, bundles, pages on loopback, Node and Chromium to run them."""

import contextlib
import fcntl
import functools
import http.server
import json
import os
import pathlib
import subprocess
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from gateway.cli.dev import settings_for
from gateway.emulator.server import Emulator
from tests.e2e.conftest import PASSWORD, served
from tests.tools import need

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPTS = pathlib.Path(__file__).with_name("javascript")
EXAMPLES = ROOT / "examples"
CLIENT = ROOT / "clients" / "typescript"
DEV_URL = "http://127.0.0.1:8787"
NODE = ("node", "apt-get install nodejs npm, or https://nodejs.org")


@contextlib.contextmanager
def _alone(folder: pathlib.Path) -> Iterator[None]:
    """Several test processes share a checkout: one at a time installs or builds in a folder."""
    locks = ROOT / "build"
    locks.mkdir(exist_ok=True)
    with (locks / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _newer(made: pathlib.Path, sources: Iterator[pathlib.Path]) -> bool:
    return made.exists() and made.stat().st_mtime >= max(path.stat().st_mtime for path in sources)


@functools.cache
def install(folder: pathlib.Path) -> None:
    """The packages of a folder, as locked."""
    need(*NODE)
    npm = need("npm", "apt-get install npm")
    with _alone(folder):
        if not _newer(folder / "node_modules" / ".package-lock.json", folder.glob("package*.json")):
            command = [npm, "ci", "--ignore-scripts", "--silent", "--no-audit", "--no-fund"]
            subprocess.run(command, cwd=folder, check=True, timeout=300)
            (folder / "node_modules" / ".package-lock.json").touch()


@functools.cache
def build_client() -> None:
    """The typed client as JavaScript, where the examples find it."""
    install(CLIENT)
    with _alone(CLIENT):
        if not _newer(CLIENT / "dist" / "index.js", (CLIENT / "src").glob("*.ts")):
            checked([need(*NODE), "node_modules/typescript/bin/tsc", "--project", "."], CLIENT)
            (CLIENT / "dist" / "index.js").touch()


def checked(command: list[str], folder: pathlib.Path, environment: Mapping[str, str] | None = None) -> str:
    """What a command prints; a failure that shows its errors if it fails."""
    path = {"PATH": os.environ.get("PATH", os.defpath)}
    done = subprocess.run(
        command,
        cwd=folder,
        env=path | dict(environment or {}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def bundle(entry: pathlib.Path, into: pathlib.Path, *, platform: str) -> None:
    """One file of a script and of all that it imports, for "node" or for a "browser"."""
    install(EXAMPLES)
    build_client()
    kind = "cjs" if platform == "node" else "esm"
    command = ["node_modules/.bin/esbuild", str(entry), "--bundle", f"--platform={platform}", f"--format={kind}"]
    checked([*command, f"--outfile={into}", "--log-level=error"], EXAMPLES, {"NODE_PATH": "node_modules"})


def node(script: pathlib.Path, settings: Mapping[str, str]) -> Any:
    """What a script tells of itself in Node: one JSON object."""
    return json.loads(checked([need(*NODE), str(script)], script.parent, {"SETTINGS": json.dumps(dict(settings))}))


def chromium(script: str, *arguments: str) -> Any:
    """What a script of tests/e2e/javascript tells that drives a browser."""
    found = need("chromium", "apt-get install chromium")
    install(SCRIPTS)
    return json.loads(checked([need(*NODE), script, *arguments], SCRIPTS, {"CHROMIUM": found, "HOME": "/nonexistent"}))


@dataclass
class Site:
    """A gateway, and pages of an origin that it allows."""

    gateway: str
    origin: str
    emulator: Emulator
    folder: pathlib.Path  # a page for each file in it

    @property
    def settings(self) -> dict[str, str]:
        """What a script must know."""
        return {
            "gateway": self.gateway,
            "userPoolId": self.emulator.pool_id,
            "clientId": self.emulator.client_id,
            "password": PASSWORD,
        }

    @property
    def environment(self) -> dict[str, str]:
        """The same, as the examples take it."""
        return {"GATEWAY_URL": self.gateway}

    def in_page(self, script: str) -> Any:
        """What a bundle in `folder` tells of itself in a page of `origin`."""
        (self.folder / "settings.json").write_text(json.dumps(self.settings))
        (self.folder / "run.html").write_text(
            '<!doctype html><link rel="icon" href="data:,"><script type="module">'
            'globalThis.settings = await (await fetch("settings.json")).json();'
            f'await import("./{script}");</script>'
        )
        return chromium("page.mjs", f"{self.origin}/run.html")


class _Page(http.server.SimpleHTTPRequestHandler):
    """A file; in pages the address of the gateway under test stands for that of `scripts/dev`."""

    server: "_Pages"

    def do_GET(self) -> None:
        path = pathlib.Path(self.translate_path(self.path))
        if path.is_dir():
            path /= "index.html"
        if not path.is_file():
            self.send_error(404)
            return
        body = path.read_bytes().replace(DEV_URL.encode(), self.server.gateway.encode())
        self.send_response(200)
        self.send_header("content-type", self.guess_type(path))
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: the test speaks for itself."""


class _Pages(http.server.ThreadingHTTPServer):
    """Serves a folder on loopback until it is left."""

    daemon_threads = True
    gateway = DEV_URL

    def __init__(self, folder: pathlib.Path) -> None:
        super().__init__(("127.0.0.1", 0), functools.partial(_Page, directory=str(folder)))

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


@contextlib.contextmanager
def site(emulator: Emulator, folder: pathlib.Path, more: Mapping[str, str] | None = None) -> Iterator[Site]:
    """A gateway of its own, so that no other test's sign-ins count against its rates, and a place for pages.

    `more` are settings besides those of `scripts/dev`.
    """
    (folder / "pages").mkdir()
    (folder / "gateway").mkdir()
    with _Pages(folder / "pages") as pages:
        origin = f"http://localhost:{pages.server_address[1]}"
        settings = settings_for(emulator) | {"GATEWAY_ALLOWED_ORIGINS": origin, **(more or {})}
        with served(folder / "gateway", settings) as url:
            pages.gateway = url
            yield Site(url, origin, emulator, folder / "pages")
