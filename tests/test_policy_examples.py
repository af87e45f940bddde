"""docs/policy.md keeps its word: its policies are read, its expectations are met, its commands print what it shows."""

import ast
import inspect
import pathlib
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

import gateway
from gateway import errors, upstream
from gateway.assembly import read_policy
from gateway.cli import expectations, main

PACKAGE = pathlib.Path(gateway.__file__).parent
DOCUMENT = PACKAGE.parent / "docs" / "policy.md"
BLOCK = re.compile(r"^```(toml|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass
class Example:
    """A policy of the document, the expectations that follow it, and the commands that are shown of it."""

    heading: str
    policy: str
    expected: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)


def examples(text: str) -> Iterator[Example]:
    """The document's examples, in its order."""
    found: Example | None = None
    for match in BLOCK.finditer(text):
        kind, block = match.groups()
        if kind == "toml" and "[[expect]]" not in block:
            if found is not None:
                yield found
            found = Example(re.findall(r"^## (.*)$", text[: match.start()], re.MULTILINE)[-1], block)
        elif found is None:
            raise ValueError("an expectation before any policy")
        else:
            (found.expected if kind == "toml" else found.commands).append(block)
    if found is not None:
        yield found


EXAMPLES = list(examples(DOCUMENT.read_text("utf-8")))
each_example = pytest.mark.parametrize("example", EXAMPLES, ids=[example.heading for example in EXAMPLES])


def test_the_document_goes_from_one_group_to_regions() -> None:
    """The first example is the simplest policy there is, the last a whole organisation."""
    assert EXAMPLES[0].heading == "One group of admins"
    assert EXAMPLES[-1].heading == "Regional moderators with step-up"
    assert len(EXAMPLES) > 10


@each_example
def test_each_example_is_a_policy_that_does_what_is_expected(example: Example) -> None:
    """It is read without a warning; each row of its expectations is met; an example without any proves nothing."""
    policy = read_policy(example.policy)
    assert not [warning for warning in policy.warnings if "no roles" not in warning]
    assert example.expected
    for text in example.expected:
        for outcome in expectations.compare(expectations.read(text), policy):
            assert outcome.met, f"{outcome.expectation}: {outcome.verdict}"


@each_example
def test_each_example_shows_what_is_allowed_and_what_is_not(example: Example) -> None:
    """Expectations of one kind only would be met by a policy that allows everything, or nothing."""
    rows = [row for text in example.expected for row in expectations.read(text).rows]
    assert {row.wanted["allowed"] for row in rows} == {True, False}


@each_example
def test_each_example_passes_the_commands(
    example: Example, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`gateway policy check` and `test` say the same of it; what is shown of a command is what it prints."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GATEWAY_POLICY", raising=False)
    (tmp_path / "policy.toml").write_text(example.policy, "utf-8")
    (tmp_path / "expectations.toml").write_text(example.expected[-1], "utf-8")
    assert main(["policy", "check", "policy.toml"]) == 0
    assert main(["policy", "test", "expectations.toml", "--policy", "policy.toml"]) == 0
    capsys.readouterr()
    for line, shown in commands(example):
        main(shlex.split(line)[1:])
        assert capsys.readouterr().out == shown, line


def commands(example: Example) -> Iterator[tuple[str, str]]:
    """Each command line that is shown, and what is shown after it."""
    for block in example.commands:
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            line, _, shown = part.partition("\n")
            yield line, shown


def test_an_expectation_that_is_not_met_is_seen() -> None:
    """Turned around, every row of the document fails: none of them is met by chance."""
    for example in EXAMPLES:
        policy = read_policy(example.policy)
        for text in example.expected:
            turned = text.replace("allowed = true", "allowed = 0").replace("allowed = false", "allowed = true")
            turned = re.sub(r"(?m)^(reason|field|status|role) = .*$", "", turned).replace(
                "allowed = 0", "allowed = false"
            )
            outcomes = expectations.compare(expectations.read(turned), policy)
            assert not [outcome for outcome in outcomes if outcome.met]


def test_every_link_leads_somewhere() -> None:
    """To a heading of the document, or to a file that is there."""
    text = DOCUMENT.read_text("utf-8")
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    for link in re.findall(r"\]\(([^)]+)\)", text):
        assert link[1:] in anchors if link.startswith("#") else (DOCUMENT.parent / link).is_file(), link


def test_every_reason_is_documented() -> None:
    """Whatever stands in the audit or a dry run is in the document's tables, and nothing that no code says."""
    table = DOCUMENT.read_text("utf-8").partition("## Every reason")[2]
    told = {
        slug
        for line in table.splitlines()
        if line.startswith("| `")
        for slug in re.findall(r"`([\w-]+)`", line.split("|")[1])
    }
    assert reasons() - told == set()
    assert told - reasons() - words() == set()


def reasons() -> set[str]:
    """The reasons that refusals are raised with, before their first colon."""
    kinds = {
        name
        for module in (errors, upstream)
        for name, kind in vars(module).items()
        if inspect.isclass(kind) and issubclass(kind, errors.GatewayError)
    } | {"_Misfit", "Disconnected"}
    found = set()
    for path in PACKAGE.rglob("*.py"):
        if "emulator" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in kinds and node.args:
                found |= {text.partition(":")[0] for text in texts(node.args[0])}
    return found - {""}


def texts(node: ast.expr) -> Iterator[str]:
    """The texts that an expression may give, as far as it says them itself."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield from texts(node.values[0])
    elif isinstance(node, ast.IfExp):
        yield from texts(node.body)
        yield from texts(node.orelse)


def words() -> set[str]:
    """Every text of the code: reasons that come by another way than as the first word of a refusal."""
    return {
        part
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for part in (node.value, node.value.partition(":")[0])
    }
