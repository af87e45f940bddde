"""What is written from the table of settings: .env.example and the documentation."""

import pathlib
import runpy
import shutil
import subprocess
import sys

import pytest
from dotenv import dotenv_values

from gateway.settings import SETTINGS, SettingsError, load
from gateway.settings.table import PLACEHOLDER
from tests.settings_loading import NAMES, REQUIRED, read_file

ROOT = pathlib.Path(__file__).resolve().parents[1]


def test_the_table_holds_together() -> None:
    """Names are unique, each row says something in one line, and groups stand together."""
    assert len(set(NAMES)) == len(NAMES)
    groups = [setting.group for setting in SETTINGS]
    assert groups == sorted(groups, key=groups.index)
    for setting in SETTINGS:
        assert (setting.meaning + setting.wanted).isprintable()
        assert not (setting.secret and (setting.example or setting.default))


def test_the_example_and_the_documentation_are_fresh() -> None:
    """.env.example and docs/settings.md say what the table says."""
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "settings", "--check"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_stale_files_are_found_and_written(tmp_path: pathlib.Path) -> None:
    """`--check` names what is stale and writes nothing; without it the files are written."""
    for part in (
        "scripts/settings",
        "docs/settings.md",
        "gateway/__init__.py",
        "gateway/errors.py",
        "gateway/upstream.py",
    ):
        (tmp_path / part).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / part, tmp_path / part)
    shutil.copy(ROOT / "gateway" / "keypair.py", tmp_path / "gateway")
    shutil.copytree(ROOT / "gateway" / "settings", tmp_path / "gateway" / "settings")
    document = tmp_path / "docs" / "settings.md"
    document.write_text(document.read_text("utf-8").replace("| `PORT` | `8080` |", "| `PORT` | `80` |"), "utf-8")
    stale = document.read_text("utf-8")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, tmp_path / "scripts" / "settings", *arguments], capture_output=True, text=True, check=False
        )

    checked = run("--check")
    assert checked.returncode == 1
    assert ".env.example" in checked.stderr
    assert "docs/settings.md" in checked.stderr
    assert document.read_text("utf-8") == stale
    assert run().returncode == 0
    assert document.read_text("utf-8") == (ROOT / "docs" / "settings.md").read_text("utf-8")
    assert (tmp_path / ".env.example").read_text("utf-8") == (ROOT / ".env.example").read_text("utf-8")
    assert run("--check").returncode == 0


def test_a_document_without_its_marks_is_not_overwritten() -> None:
    """Where the tables belong cannot be guessed."""
    script = runpy.run_path(str(ROOT / "scripts" / "settings"))
    with pytest.raises(ValueError, match="marks"):
        script["with_tables"]("# Settings\n")


def test_the_example_as_it_is_does_not_start() -> None:
    """A copied .env.example is refused with the names that are to be filled in, and only these."""
    values = {name: value for name, value in dotenv_values(ROOT / ".env.example").items() if value is not None}
    with pytest.raises(SettingsError) as caught:
        load(values.get, read_file, names=values)
    assert [problem.name for problem in caught.value.problems] == list(REQUIRED)
    assert all(PLACEHOLDER in problem.wanted for problem in caught.value.problems)


def test_the_example_has_every_setting_and_filled_in_it_starts() -> None:
    """Each setting stands in it once; with the required ones filled in it is a working file."""
    text = (ROOT / ".env.example").read_text("utf-8")
    for setting in SETTINGS:
        prefix = "" if setting.required else "#"
        assert sum(line.startswith(f"{prefix}{setting.name}=") for line in text.splitlines()) == 1
    values = {name: value for name, value in dotenv_values(ROOT / ".env.example").items() if value is not None}
    assert load((values | REQUIRED).get, read_file, names=values).user_pool_id == REQUIRED["COGNITO_USER_POOL_ID"]
