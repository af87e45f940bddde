"""What no tool checks: the house's own rules."""

import ast
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
GATEWAY = sorted((ROOT / "gateway").rglob("*.py"))
REQUIREMENTS = re.compile(r"R-\d\d")


def tracked() -> list[pathlib.Path]:
    """Every file that is committed."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return [ROOT / name for name in listed.decode().split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.parametrize("path", GATEWAY, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_says_its_duty_and_stays_small(path: pathlib.Path) -> None:
    """A newcomer learns from the first lines what a file is for, and reads it in one sitting."""
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 300
    if text.strip():
        assert ast.get_docstring(ast.parse(text))


def test_every_requirement_of_this_version_has_a_test_that_names_it() -> None:
    """What is promised is found by its number."""
    found = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        found |= set(REQUIREMENTS.findall(path.read_text(encoding="utf-8")))
    assert found >= {f"R-{number:02}" for number in range(1, 26)}


def test_no_commit_names_a_registry_a_machine_or_a_key() -> None:
    """R-24: locks are hashed and hold no address; no path of a machine, no key's shape is committed."""
    forbidden = re.compile(
        rb"pypi\.org|pythonhosted|registry\.npmjs|/home/\w|/root/|BEGIN (?:RSA |EC )?PRIVATE KEY"
        rb"|\bAKIA(?!IOSFODNN7EXAMPLE|CANARY)[A-Z0-9]{16}\b"
    )
    for path in tracked():
        if path == pathlib.Path(__file__):
            continue
        hits = forbidden.findall(path.read_bytes())
        assert not hits, f"{path.relative_to(ROOT)}: {hits}"


def test_locks_are_hashed() -> None:
    """R-24: each locked version has its hashes."""
    for path in (ROOT / "requirements").glob("*.txt"):
        blocks = re.findall(r"^(\S+==\S+)(.*?)(?=^\S|\Z)", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
        assert blocks
        assert all("--hash=sha256:" in rest for _, rest in blocks), path


def test_links_in_the_documents_lead_somewhere() -> None:
    """A reader who follows a link finds the file."""
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!http)([^)#]+)", path.read_text(encoding="utf-8")):
            assert (path.parent / target).exists(), f"{path.name}: {target}"
