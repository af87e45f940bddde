"""`scripts/catalogue`: what it writes, what it notices, what it refuses to guess."""

import functools
import importlib.machinery
import importlib.util
import json
import pathlib
import re
import subprocess
import sys
import unicodedata
from types import ModuleType

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "scripts" / "catalogue"
FILE = ROOT / "gateway" / "operations.json"
SERVICES = ("cognito-idp", "cognito-identity")


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """`scripts/catalogue` as a module."""
    loader = importlib.machinery.SourceFileLoader("catalogue_script", str(SCRIPT))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def run(module: ModuleType, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the script with arguments, in this process."""
    monkeypatch.setattr(sys, "argv", ["catalogue", *arguments])
    status: int = module.main()
    return status


def test_the_committed_catalogue_is_fresh() -> None:
    """What is committed is what the installed botocore gives, and the command says so."""
    done = subprocess.run([SCRIPT, "--check"], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_changed_line_is_stale_and_named(
    script: ModuleType, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One operation or shape that AWS changed fails the check by name; a new botocore alone does not."""
    file = tmp_path / "operations.json"
    monkeypatch.setattr(script, "catalogue", functools.cache(script.catalogue))
    lines = FILE.read_text("utf-8").splitlines(keepends=True)
    for number, line in enumerate(lines):
        name = line.strip().partition(":")[0].strip('"')
        if name not in {"botocore", "AdminGetUser", "UsernameType", "target_prefix"}:
            continue
        altered = line.replace("true", "false") if "true" in line else line.replace('",', 'x",')
        file.write_text("".join([*lines[:number], altered, *lines[number + 1 :]]), "utf-8")
        assert altered != line
        assert run(script, monkeypatch, "--check", "--file", str(file)) == (name != "botocore")
        assert (f'- "{name}"' in capsys.readouterr().out) == (name != "botocore")
    file.write_text("".join(line for line in lines if '"AdminGetUser":' not in line), "utf-8")
    assert run(script, monkeypatch, "--check", "--file", str(file)) == 1
    assert capsys.readouterr().out.splitlines()[1:] == ['+ "AdminGetUser"']
    assert run(script, monkeypatch, "--check", "--file", str(tmp_path / "none.json")) == 1
    assert "in all" in capsys.readouterr().out


def test_writing_gives_the_committed_file(
    script: ModuleType, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file comes out byte for byte the same, one operation or shape a line."""
    file = tmp_path / "operations.json"
    assert run(script, monkeypatch, "--file", str(file)) == 0
    assert "changes, from botocore" in capsys.readouterr().out
    text = file.read_text("utf-8")
    assert [line for line in text.splitlines() if "botocore" not in line] == [
        line for line in FILE.read_text("utf-8").splitlines() if "botocore" not in line
    ]
    data = json.loads(text)
    entries = sum(len(data[service][kind]) for service in SERVICES for kind in ("operations", "shapes"))
    assert entries == sum(line.startswith('   "') for line in text.splitlines())


def test_what_the_script_was_not_taught_stops_it(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A new trait, a ring of shapes or an unknown pattern in AWS's model is looked at, not guessed. R-14."""
    text = {"type": "string"}
    for wrong in (
        lambda: script.entry("New", {"type": "structure", "members": {}, "union": True}),
        lambda: script.entry("New", {"type": "bigdecimal"}),
        lambda: script.entry("New", {"type": "structure", "members": {"A": {"shape": "B", "jsonvalue": True}}}),
        lambda: list(script.below({"A": {"type": "list", "member": {"shape": "A"}}}, "A")),
        lambda: script.python_pattern("New", r"\p{L}+"),
        lambda: script.python_pattern("New", r"[\p{L}]+"),
        lambda: script.python_pattern("New", r"[^\p{L}]+"),
        lambda: script.python_pattern("New", r"[\p{IsGreek}]+"),
        lambda: script.python_pattern("New", r"[\p{L}\p{M}\p{S}\p{N}\p{P}\w]+"),
        lambda: script.python_pattern("New", r"[\p{L}\p{M}\p{S}\p{N}\p{P}a-z]+"),
        lambda: script.python_pattern("New", "(unclosed"),
        lambda: script.python_pattern("PasswordType", "changed"),
        lambda: script.mutates("CreateThing", {"readonly": True}),
        lambda: script.paging(
            {"operations": {"ListA": {"input": {"shape": "A"}}}, "shapes": {"A": {"members": {}}}},
            {"input_token": "NextToken", "output_token": "NextToken", "limit_key": "Limit"},
            "ListA",
        ),
    ):
        with pytest.raises(script.UntaughtError):
            wrong()
    assert script.entry("Known", text) == text
    for key, value in (("shared_names", []), ("reads", {"NoSuchOperation": "why"})):
        with monkeypatch.context() as changed:
            changed.setitem(script.TAUGHT, key, value)
            assert run(script, changed, "--check") == 1
            assert "has to be taught" in capsys.readouterr().err


def test_the_ranges_are_unicodes_categories(script: ModuleType) -> None:
    """Names may hold letters, marks, symbols, numbers and punctuation of every script. R-10."""
    printable = re.compile(script.python_pattern("It", r"[\p{L}\p{M}\p{S}\p{N}\p{P}]"), re.ASCII)
    spaced = re.compile(script.python_pattern("It", r"[\p{L}\p{M}\p{S}\p{N}\p{P}\p{Z}]"), re.ASCII)
    for point in range(sys.maxunicode + 1):
        category = unicodedata.category(chr(point))
        if category == "Cn":  # a newer Unicode decides
            continue
        assert bool(printable.fullmatch(chr(point))) == (category[0] not in "ZC"), hex(point)
        assert bool(spaced.fullmatch(chr(point))) == (category[0] != "C"), hex(point)
    assert printable.fullmatch("\u0378")
    multiline = re.compile(script.python_pattern("It", r"[\p{L}\p{M}\p{S}\p{N}\p{P}\s*]*"), re.ASCII)
    assert multiline.fullmatch("a b\tc\r\n*")
    assert not multiline.fullmatch("a\u00a0b")
    assert not multiline.fullmatch("a\x00b")
