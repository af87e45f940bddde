"""A wrangler that only writes down how it was started: words, standard input, environment, its line in /proc."""

import json
import pathlib
import sys
from dataclasses import dataclass
from typing import Any

_SCRIPT = """#!{python}
import json, os, pathlib, sys
here = pathlib.Path({folder!r})
line = pathlib.Path("/proc/self/cmdline")
found = {{
    "words": sys.argv[1:],
    "given": sys.stdin.read(),
    "environment": dict(os.environ),
    "line": line.read_text() if line.exists() else " ".join(sys.argv),
    "folder": os.getcwd(),
}}
calls = here / "calls.jsonl"
with calls.open("a") as file:
    file.write(json.dumps(found) + "\\n")
say = json.loads((here / "say.json").read_text()).get(" ".join(sys.argv[1:3]), {{}})
print(say.get("out", ""), end="")
print(say.get("err", "").replace("GIVEN", found["given"]), end="", file=sys.stderr)
sys.exit(say.get("status", 0))
"""


@dataclass(frozen=True)
class FakeWrangler:
    """`path` is the program; `folder` where it keeps what it was told, apart from everything else."""

    path: pathlib.Path
    folder: pathlib.Path

    def says(self, words: str, *, out: str = "", err: str = "", status: int = 0) -> None:
        """What it answers to `secret bulk`, say. GIVEN in `err` stands for its standard input."""
        path = self.folder / "say.json"
        said = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps({**said, words: {"out": out, "err": err, "status": status}}), encoding="utf-8")

    def calls(self) -> list[dict[str, Any]]:
        """How it was started, each time."""
        path = self.folder / "calls.jsonl"
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def install(path: pathlib.Path, folder: pathlib.Path) -> FakeWrangler:
    """Put one at `path`; `folder` is made."""
    folder.mkdir(parents=True, exist_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_SCRIPT.format(python=sys.executable, folder=str(folder)), encoding="utf-8")
    path.chmod(0o755)
    (folder / "say.json").write_text("{}", encoding="utf-8")
    return FakeWrangler(path, folder)
