"""`gateway audit`, as a person types it."""

import dataclasses
import gzip
import io
import json
import os
import pathlib
import subprocess
import sys
import threading
import types
from collections.abc import Iterator

import pytest

from gateway.audit import Head, Phase, Target
from gateway.cli import audit, audit_lines, main
from tests.audit.oracle import ENTRY
from tests.audit.stage import Stage

PHASES: tuple[Phase, ...] = ("decision", "intent", "outcome")
NAMES = ("alice", "bob\x1b[2J\u202e", "carol")


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


@pytest.fixture(autouse=True)
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """An empty folder and an environment without settings."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("GATEWAY_"):
            monkeypatch.delenv(name)
    return tmp_path


def trail(count: int = 12) -> tuple[list[bytes], Head]:
    """A trail's lines, a second apart, every fifth denied; and its head."""
    stage = Stage(chain="5f3a9c0b1d2e4f60")
    for number in range(count):
        denied = number % 5 == 0
        stage.now += 1
        assert stage.trail.try_record(
            dataclasses.replace(
                ENTRY,
                id=f"request-{number // 3}-{number % 3 > 0}",
                phase=PHASES[number % 3],
                target=Target(NAMES[number % 3]),
                allowed=not denied,
                reason="attributes:email" if denied else None,
                status=403 if denied else None,
            )
        )
    return stage.sink.lines, stage.trail.head


LINES, HEAD = trail()


@pytest.fixture
def path(folder: pathlib.Path) -> pathlib.Path:
    """A file with the trail."""
    path = folder / "audit.jsonl"
    path.write_bytes(b"".join(LINES))
    return path


def test_every_action_has_help_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    """`--help` explains, and shows a line to type."""
    for words in (["audit"], ["audit", "verify"], ["audit", "tail"], ["audit", "search"]):
        with pytest.raises(SystemExit) as ended:
            main([*words, "--help"])
        assert ended.value.code == 0
        assert ("example: gateway audit" in capsys.readouterr().out) == (len(words) > 1)


def test_an_untouched_audit_is_verified(path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 0, and the last line is the chain with the head to note down."""
    assert main(["audit", "verify", path.name, "--head", str(HEAD), "--from-start"]) == 0
    out, err = capsys.readouterr()
    assert out == f"chain 5f3a9c0b1d2e4f60: 12 lines, seq 0 to 11, unbroken; head {HEAD}\n"
    assert not err


def test_a_tampered_audit_is_not(path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 1, one line for each finding: file, line, number, what is wrong."""
    path.write_bytes(b"".join([*LINES[:3], *LINES[4:6], LINES[7], LINES[6], b"forged\n", *LINES[8:]]))
    assert main(["audit", "verify", path.name]) == 1
    found = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[2].partition(":")[0] for line in found[:-1]] == ["6", "8", "4"]
    assert "audit.jsonl:4: chain 5f3a9c0b1d2e4f60 seq 3: missing: number 3 is not here, before this line" in found
    assert "audit.jsonl:8: foreign: not a line of the audit" in found
    assert found[-1].startswith("chain 5f3a9c0b1d2e4f60: 11 lines, seq 0 to 11, BROKEN; head ")


def test_a_cut_tail_shows_against_the_head(path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What nobody sees in the file, the head from the log tells."""
    path.write_bytes(b"".join(LINES[:9]))
    assert main(["audit", "verify", path.name]) == 0
    assert main(["audit", "verify", path.name, "--head", str(HEAD)]) == 1
    assert "numbers 9 to 11 are not here, after this line" in capsys.readouterr().out
    assert main(["audit", "verify", path.name, "--head", str(HEAD), "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["verified"] is False
    assert document["findings"][0] | {"text": ""} == {
        "kind": "cut",
        "broken": True,
        "file": "audit.jsonl",
        "line": 9,
        "chain": "5f3a9c0b1d2e4f60",
        "seq": 9,
        "text": "",
    }
    (chain,) = document["chains"]
    assert (chain["first_seq"], chain["lines"], chain["unbroken"]) == (0, 9, False)


def test_half_a_last_line_is_a_note(path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    """After kill -9 the exit status is 0."""
    path.write_bytes(b"".join(LINES[:9]) + LINES[9][:70])
    assert main(["audit", "verify", path.name]) == 0
    assert "audit.jsonl:10: note: half a line ends the file (70 bytes), as a crash leaves it" in capsys.readouterr().out


def test_rotated_files_are_one_chain(folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In the shell's order, packed or not, the same file under two names once; GATEWAY_AUDIT names them all."""
    (folder / "audit.jsonl").write_bytes(b"".join(LINES[8:]))
    (folder / "audit.jsonl.20261121T091705123Z").write_bytes(b"".join(LINES[4:8]))
    (folder / "audit.jsonl.2.gz").write_bytes(gzip.compress(b"".join(LINES[:4])))
    (folder / "audit.jsonl.partial").write_bytes(LINES[7] + b"\0\0\n")
    (folder / "again").hardlink_to(folder / "audit.jsonl")
    assert main(["audit", "verify", "--from-start", *sorted(one.name for one in folder.iterdir())]) == 0
    assert "12 lines, seq 0 to 11, unbroken; head" in capsys.readouterr().out
    assert main(["audit", "verify", "audit.jsonl.partial"]) == 1
    capsys.readouterr()
    (folder / ".env").write_text(f"GATEWAY_AUDIT=file:{folder}/audit.jsonl\n", encoding="utf-8")
    assert main(["audit", "verify", "--from-start"]) == 0
    assert "12 lines" in capsys.readouterr().out
    assert main(["audit", "search", "--json"]) == 0
    assert sorted(capsys.readouterr().out.splitlines()) == sorted(line.decode().strip() for line in LINES)


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """`docker logs gateway | gateway audit verify -`; copies are notes when asked."""
    for words, status in (([], 1), (["--repeats"], 0)):
        reader, writer = os.pipe()
        os.write(writer, b"".join([*LINES[:5], *LINES[3:]]))
        os.close(writer)
        with os.fdopen(reader, "r") as pipe, monkeypatch.context() as piped:
            piped.setattr(sys, "stdin", pipe)
            assert main(["audit", "verify", "-", *words]) == status
        assert "standard input:6: chain 5f3a9c0b1d2e4f60 seq 3: " in capsys.readouterr().out


def test_an_empty_audit_is_not_verified(path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A gateway that was never called, or a file that was emptied: nobody can tell, so it is not called unbroken."""
    path.write_bytes(b"")
    for more in ([], ["--from-start"]):
        assert main(["audit", "verify", path.name, *more]) == 1
        assert capsys.readouterr().out == "no line of an audit\n"


def test_an_audit_whose_every_line_is_damaged_is_not_verified(
    path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`unix2dos` over the file: each line is named, and the exit status says so."""
    path.write_bytes(b"".join(LINES).replace(b"\n", b"\r\n"))
    for more in ([], ["--from-start"]):
        assert main(["audit", "verify", path.name, *more]) == 1
        found = capsys.readouterr().out.splitlines()
        assert found[0] == "audit.jsonl:1: changed: it begins as a line of the audit does and cannot be read"
        assert found[12:] == ["no line of an audit"]


def test_many_findings_are_counted(path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Somebody else's large file does not fill the screen's memory."""
    path.write_bytes(b"rubbish\n" * 10_005)
    assert main(["audit", "verify", path.name]) == 1
    found = capsys.readouterr().out.splitlines()
    assert found[-2:] == ["and 5 more findings", "no line of an audit"]
    assert len(found) == 10_002


def test_progress_is_for_terminals(
    path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What takes longer than a second shows how far it is, on a terminal only, and leaves nothing behind."""
    monkeypatch.setattr(audit, "_QUIET_SECONDS", -1.0)
    monkeypatch.setattr(audit, "_STEP_LINES", 5)
    assert main(["audit", "verify", path.name]) == 0
    assert not capsys.readouterr().err
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert main(["audit", "verify", path.name]) == 0
    assert "audit.jsonl: 10 lines 83 %" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\033[K")


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["verify", "nowhere"], 2, "gateway audit verify: nowhere: cannot be read: No such file or directory"),
        (["tail", "nowhere"], 2, "gateway audit tail: nowhere: cannot be read: No such file or directory"),
        (["tail", "-f", "nowhere"], 2, "gateway audit tail: nowhere: cannot be read: No such file or directory"),
        (["search", "nowhere\x1b[2J"], 2, "gateway audit search: nowhere\\x1b[2J: cannot be read: No such file"),
        (["verify"], 2, "gateway audit verify: give a FILE: GATEWAY_AUDIT is not file:PATH here"),
        (["tail"], 2, "gateway audit tail: give a FILE"),
        (["search"], 2, "gateway audit search: give a FILE"),
        (["verify", "--head", "5f:3"], 2, "argument --head: '5f:3' is no head: CHAIN:SEQ:SHA256, as the log shows it"),
        (["tail", "-n", "-1"], 2, "'-1' is not a number of lines: 0 to 1000000"),
        (["tail", "-n", "10", "-n", "20"], 2, "argument -n/--lines: given twice, and it takes one value"),
        (["search", "--since", "1h", "--since", "2h"], 2, "argument --since: given twice, and it takes one value"),
        (["search", "--since", "today"], 2, "'today' is no moment: 2026-11-21T09:00:00Z, with Z or an offset"),
        (["search", "--status", "2xx"], 2, "'2xx' is not an HTTP status: three digits"),
        (["search", "--since", "1h", "--until", "2h", "x"], 2, "--since is later than --until: nothing can be found"),
        (["nonsense"], 2, "invalid choice"),
    ],
)
def test_bad_input_is_named(words: list[str], status: int, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line that says what is wrong and what would be right; nothing on standard output."""
    try:
        ended: object = main(["audit", *words])
    except SystemExit as error:
        ended = error.code
    out, err = capsys.readouterr()
    assert ended == status
    assert told in err
    assert "Traceback" not in err
    assert not out


def test_tail_shows_the_last_lines_of_all_files_by_time(
    folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two workers' files are read as one story; names cannot play with the terminal."""
    (folder / "audit.1.jsonl").write_bytes(b"".join(LINES[::2]))
    (folder / "audit.2.jsonl").write_bytes(b"".join(LINES[1::2]) + b"half")
    assert main(["audit", "tail", "-n", "4", "audit.2.jsonl", "audit.1.jsonl"]) == 0
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.splitlines()] == [json.loads(line)["time"] for line in LINES[-4:]]
    assert "bob\\u001b[2J\\u202e" in out
    assert "\x1b" not in out
    assert main(["audit", "tail", "-n", "0", "audit.1.jsonl"]) == 0
    assert main(["audit", "tail", "audit.1.jsonl"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 6


def test_what_is_no_line_of_the_audit_is_marked(path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In `docker logs` the gateway's other output stands between the lines."""
    path.write_bytes(LINES[0] + b"gateway: serving\x1b[2J\n" + LINES[1])
    assert main(["audit", "tail", path.name]) == 0
    assert capsys.readouterr().out.splitlines()[1] == "? gateway: serving\\u001b[2J"
    assert main(["audit", "search", path.name]) == 0
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 2
    assert err == "gateway audit search: left out what is no line of the audit: 1\n"


def test_colours_are_for_terminals_without_no_color(path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was denied is red on a terminal, and never where NO_COLOR is set."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    assert main(["audit", "tail", path.name]) == 0
    assert "\033[31mdenied: attributes:email" in terminal.getvalue()
    monkeypatch.setenv("NO_COLOR", "1")
    plain = Terminal()
    monkeypatch.setattr(sys, "stdout", plain)
    assert main(["audit", "search", path.name]) == 0
    assert "\033" not in plain.getvalue()


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        ([], range(12)),
        (["--denied"], [0, 5, 10]),
        (["--reason", "attributes*", "--target", "alice"], [0]),
        (["--target", "carol", "--target", "alice"], [0, 2, 3, 5, 6, 8, 9, 11]),
        (["--caller", "MODERATOR@*"], range(12)),
        (["--caller", "nobody"], []),
        (["--operation", "AdminGetUser", "--role", "mod*"], range(12)),
        (["--id", "request-1-True"], [4, 5]),
        (["--status", "403", "--status", "200"], [0, 5, 10]),
        (["--since", "2026-11-21T09:17:12Z", "--until", "2026-11-21T10:17:13+01:00"], [6, 7]),
        (["--since", "7d", "--until", "1s"], None),
    ],
)
def test_search_finds_what_is_asked_for(
    words: list[str], numbers: list[int] | None, path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 0 whether or not there is something; with --json the lines are what they are in the file."""
    assert main(["audit", "search", path.name, *words, "--json"]) == 0
    found = capsys.readouterr().out.encode().splitlines(keepends=True)
    if numbers is not None:
        assert found == [LINES[number] for number in numbers]
    assert main(["audit", "search", path.name, *words]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(found)


@pytest.fixture
def following(path: pathlib.Path) -> Iterator["subprocess.Popen[str]"]:
    """`gateway audit tail -f` in a process of its own, on a file with two lines."""
    path.write_bytes(b"".join(LINES[:2]))
    packed = path.with_name("audit.jsonl.1.gz")
    packed.write_bytes(gzip.compress(LINES[0]))
    words = [sys.executable, "-m", "gateway", "audit", "tail", "-f", packed.name, path.name]
    root = str(pathlib.Path(__file__).parents[1])
    with subprocess.Popen(
        words, cwd=path.parent, env=os.environ | {"PYTHONPATH": root}, stdout=subprocess.PIPE, text=True
    ) as process:
        watchdog = threading.Timer(30, process.kill)
        watchdog.start()
        try:
            yield process
        finally:
            watchdog.cancel()
            process.kill()


def test_tail_follows_through_a_rotation(path: pathlib.Path, following: "subprocess.Popen[str]") -> None:
    """New lines appear as they are written, in the file and in the one that takes its place."""
    assert following.stdout is not None

    def shown(count: int) -> list[str]:
        return [following.stdout.readline().split()[0] for _ in range(count)] if following.stdout else []

    times = [json.loads(line)["time"] for line in LINES]
    assert shown(3) == [times[0], times[0], times[1]]
    with path.open("ab") as file:
        file.write(LINES[2] + LINES[3][:100])
        file.flush()
        assert shown(1) == [times[2]]
        file.write(LINES[3][100:])
    path.rename(path.with_name("audit.jsonl.1"))
    path.write_bytes(LINES[4])
    assert shown(2) == [times[3], times[4]]


def test_tail_follows_all_files_until_it_is_told_to_stop(
    path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What came to several files since the last look is shown by time; Ctrl-C ends it without a word."""
    path.write_bytes(LINES[0])
    other = path.with_name("audit.2.jsonl")
    other.write_bytes(LINES[1])
    coming = iter([(path, LINES[3]), (other, LINES[2])])

    def sleep(_: float) -> None:
        for file, line in coming:
            with file.open("ab") as grown:
                grown.write(line)
            if line == LINES[2]:
                return
        raise KeyboardInterrupt

    monkeypatch.setattr(audit_lines, "time", types.SimpleNamespace(sleep=sleep))
    monkeypatch.setenv("GATEWAY_AUDIT", f"file:{path}")
    assert main(["audit", "tail", "-f"]) == 130
    out, err = capsys.readouterr()
    assert [line.split()[0] for line in out.splitlines()] == [json.loads(line)["time"] for line in LINES[:4]]
    assert not err


def test_tail_follows_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Until it ends."""
    reader, writer = os.pipe()
    os.write(writer, b"".join(LINES))
    os.close(writer)
    with os.fdopen(reader, "r") as pipe:
        monkeypatch.setattr(sys, "stdin", pipe)
        assert main(["audit", "tail", "-f", "-n", "1", "-"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 12


def test_a_line_for_the_terminal_has_no_control_characters() -> None:
    """A file name from a folder that others may write to is escaped like everything else."""
    assert audit_lines.printable("a\x1b[2J\u202e\nä\udc80") == "a\\x1b[2J\\u202e\\nä\\udc80"
