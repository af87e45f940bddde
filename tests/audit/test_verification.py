"""Verification: whatever is done to the lines, someone who has them and a head sees it, and where."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audit import Head, Phase, Report, Verification, head_in, stretch, verification, verify
from tests.audit.oracle import ENTRY, verified
from tests.audit.stage import Stage

PHASES: tuple[Phase, ...] = ("decision", "intent", "outcome")


def trail(count: int = 30, *, chain: str = "chain-1") -> tuple[list[bytes], Head]:
    """A real trail's lines (reads, and changes with their outcomes) and its head."""
    stage = Stage(chain=chain)
    for number in range(count):
        entry = dataclasses.replace(ENTRY, id=f"request-{number // 3}-{number % 3 > 0}", phase=PHASES[number % 3])
        assert stage.trail.try_record(entry)
    verified(stage.sink.lines)
    return stage.sink.lines, stage.trail.head


LINES, HEAD = trail()


def found(lines: Iterable[bytes], *heads: Head) -> list[tuple[str, int | None, int | None]]:
    """What is broken, as kind, line and number."""
    return [(one.kind, one.line, one.seq) for one in verify(lines, heads=heads).findings if one.broken]


def over(*files: list[bytes], **options: object) -> Report:
    """Verify files that are called a, b and so on."""
    judge = Verification(**options)  # type: ignore[arg-type] # each test names real ones
    for name, lines in zip("abcdefgh", files, strict=False):
        judge.read(name, lines)
    return judge.finish()


def forged(line: bytes, **members: object) -> bytes:
    """The line with other members."""
    return json.dumps(json.loads(line) | members, separators=(",", ":")).encode() + b"\n"


def test_an_untouched_trail_is_verified() -> None:
    """Exit 0 material: one chain, from its first line to its head, nothing to say."""
    report = verify(LINES, heads=[HEAD])
    assert report.verified
    assert report.findings == ()
    (chain,) = report.chains
    assert (chain.first_seq, chain.lines, chain.head, chain.whole) == (0, 30, HEAD, True)
    assert str(chain) == f"chain chain-1: 30 lines, seq 0 to 29, unbroken; head {HEAD}"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda lines: [*lines[:5], forged(lines[5], operation="X"), *lines[6:]], [("changed", 6, 5)]),
        (lambda lines: [*lines[:5], *lines[6:]], [("missing", 6, 5)]),
        (lambda lines: [*lines[:5], *lines[9:]], [("missing", 6, 5)]),
        (lambda lines: [*lines[:5], lines[6], lines[5], *lines[7:]], [("moved", 6, 6)]),
        (
            lambda lines: [*lines[:5], lines[12], *lines[6:12], lines[5], *lines[13:]],
            [("moved", 6, 12), ("moved", 13, 5)],
        ),
        (lambda lines: [*lines[:5], *lines[6:20], lines[5], *lines[20:]], [("moved", 20, 5)]),
        (lambda lines: [*lines[:5], lines[20], *lines[5:20], *lines[21:]], [("moved", 6, 20)]),
        (lambda lines: [*lines[:5], lines[9], lines[5], *lines[10:]], [("moved", 6, 9), ("missing", 8, 6)]),
        (
            lambda lines: [*lines[:5], forged(lines[6], operation="X"), lines[5], *lines[7:]],
            [("moved", 6, 6), ("changed", 7, 6)],
        ),
        (lambda lines: [*lines[:5], lines[4], *lines[5:]], [("repeated", 6, 4)]),
        (lambda lines: [*lines[:20], lines[4], *lines[20:]], [("repeated", 21, 4)]),
        (lambda lines: [*lines[:5], forged(lines[4], operation="X"), *lines[5:]], [("twice", 6, 4)]),
        (lambda lines: [*lines[:5], b"Nov 21 sshd: started\n", *lines[5:]], [("foreign", 6, None)]),
        (lambda lines: [*lines[:5], b"\n", *lines[5:]], [("foreign", 6, None)]),
        (lambda lines: [forged(lines[0], previous="ab" * 32), *lines[1:]], [("changed", 1, 0), ("changed", 1, 0)]),
    ],
    ids=["changed", "missing", "some missing", "neighbours swapped", "swapped", "moved down", "moved up",
         "moved, others missing", "moved and changed", "doubled",
         "doubled later", "another with its number", "somebody else's", "empty", "false beginning"],
)  # fmt: skip
def test_one_change_is_named_and_not_those_around_it(change: object, expected: object) -> None:
    """An auditor reads what was done, with the line and the number, and the hundred lines after it are not blamed."""
    lines = change(LINES)  # type: ignore[operator]
    assert found(lines, HEAD) == expected
    report = verify(lines)
    assert not report.verified
    assert report.chains[0].head == HEAD


def test_a_false_number_far_ahead_makes_one_finding() -> None:
    """A single forged number does not make every line after it look moved."""
    far = forged(LINES[5], seq=900_000)
    assert found([*LINES[:5], far, *LINES[6:]]) == [("changed", 6, 5), ("changed", 6, 5)]
    assert [kind for kind, _, _ in found([*LINES[:5], forged(far, previous="ab" * 32), *LINES[5:]])] == ["moved"]


def test_the_text_of_a_finding_says_where_and_what() -> None:
    """One line for people: file, line, chain, number, what is wrong."""
    (finding,) = verify([*LINES[:6], *LINES[9:]], "audit.jsonl").findings
    assert str(finding) == "audit.jsonl:7: chain chain-1 seq 6: missing: numbers 6 to 8 are not here, before this line"
    (finding,) = verify([*LINES[:5], b"x\n", *LINES[5:]], "audit.jsonl").findings
    assert str(finding) == "audit.jsonl:6: foreign: not a line of the audit"


def test_a_cut_tail_shows_against_a_head_only() -> None:
    """Lines cut off the end leave a chain that holds; the head that was noted elsewhere tells what is gone."""
    assert found(LINES[:25]) == []
    assert found(LINES[:25], HEAD) == [("cut", 25, 25)]
    assert found([], HEAD) == [("cut", None, None)]


def test_a_chain_that_was_computed_anew_shows_against_a_head_only() -> None:
    """Who can write the file can recompute it; not the head that the log has, nor one noted before."""
    stage = Stage()
    for _ in range(31):
        stage.trail.try_record(dataclasses.replace(ENTRY, role="nobody"))
    assert found(stage.sink.lines) == []
    assert [kind for kind, _, _ in found(stage.sink.lines, HEAD)] == ["head"]


def test_a_chain_that_has_gone_on_passes_through_its_old_head() -> None:
    """A head that was noted last week is good forever: any number of them is compared."""
    longer, _ = trail(60)
    middle = Head("chain-1", 12, hashlib.sha256(LINES[11][:-1]).hexdigest())
    assert found(longer, HEAD, middle, Head("chain-1")) == []


def test_a_head_before_the_first_line_cannot_be_compared() -> None:
    """What was asked for and cannot be checked is not called verified."""
    start = Head("chain-1", 12, hashlib.sha256(LINES[11][:-1]).hexdigest())
    assert found(LINES[12:], start) == []
    assert found(LINES[13:], start) == [("late", 1, 13)]
    assert found(LINES[12:], Head("chain-1", 12, "ab" * 32)) == [("head", None, None)]


@pytest.mark.parametrize("half", [LINES[5][:1], LINES[5][:200], LINES[5][:-1], b"\x00\x00", LINES[5][:9] + b"\x00"])
def test_half_a_last_line_is_what_a_crash_leaves(half: bytes) -> None:
    """After kill -9 the audit verifies up to its last whole line, and the half is mentioned."""
    report = verify([*LINES[:5], half])
    assert report.verified
    assert [(one.kind, one.line, one.broken) for one in report.findings if one.kind != "open"] == [("half", 6, False)]
    assert report.chains[0].head.seq == 5


def test_a_strange_last_line_is_no_crash() -> None:
    """Only what may be half of a line of ours passes as one."""
    assert not verify([*LINES[:5], b"rm -rf"]).verified
    assert not verify([*LINES[:5], LINES[5][:-2] + b")"]).verified
    assert not verify([*LINES[:5], LINES[5][:99] + b"\r"]).verified
    assert not verify([*LINES[:5], LINES[5].replace(b'"seq":', b'"seq" ')[:-1]]).verified


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "the line ends of another system": lambda line: line[:-1] + b"\r\n",
    "another last byte": lambda line: line[:-2] + b")\n",
    "no last byte": lambda line: line[:-2] + b"\n",
    "half of it gone": lambda line: line[: len(line) // 2] + b"\n",
    "all but its beginning gone": lambda line: line[:12] + b"\n",
    "something behind it": lambda line: line[:-1] + b",\n",
    "a byte in the middle": lambda line: line.replace(b'"operation":', b'"operation"\xff', 1),
    "a hash that is none": lambda line: line[:-4] + b"G" + line[-3:],
}
each_damage = pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)


@each_damage
def test_lines_that_cannot_be_read_are_not_verified(damage: Callable[[bytes], bytes]) -> None:
    """Whoever makes every line unreadable has not made the audit a good one: there is nothing to verify (R-18)."""
    for lines in (LINES, LINES[:1]):
        report = verify(map(damage, lines))
        assert not report.verified
        assert report.chains == ()
        assert [one.line for one in report.findings if one.broken] == list(range(1, len(lines) + 1))


@each_damage
@pytest.mark.parametrize("at", [0, 12, 29])
def test_a_line_that_cannot_be_read_shows_without_any_head(damage: Callable[[bytes], bytes], at: int) -> None:
    """The first, one in the middle, the last: a line with its newline is read, or found (R-18)."""
    report = over([*LINES[:at], damage(LINES[at]), *LINES[at + 1 :]], from_start=True)
    assert not report.verified
    assert {one.kind for one in report.findings if one.broken} <= {"changed", "missing", "late"}
    assert sum(chain.lines for chain in report.chains) == 29


def test_the_last_line_of_one_chain_among_others_shows_as_well() -> None:
    """What other processes wrote after it does not stand in its place."""
    others, _ = trail(6, chain="chain-2")
    for name, damage in DAMAGE.items():
        report = over([*LINES[:29], damage(LINES[29]), *others])
        assert report.verified is (name == "all but its beginning gone")  # whose it was cannot be told: as a cut tail


def test_damage_before_a_whole_line_without_a_newline_is_no_crash() -> None:
    """Only the beginning of a line is what a crash leaves there; the whole line after it still counts."""
    report = verify([*LINES[:6], LINES[6][:-2] + b")" + LINES[7], *LINES[8:]])
    assert [(one.kind, one.line) for one in report.findings if one.broken] == [("changed", 7), ("missing", 7)]
    assert verify([*LINES[:6], LINES[6][:-1] + LINES[6], *LINES[7:]]).verified


def test_a_torn_line_may_have_its_place_in_another_file() -> None:
    """Where captured output is rotated, the line that was written again is in the next file."""
    files = [*LINES[:12], LINES[12][:150] + b"\n"], LINES[12:]
    assert over(*files).verified
    assert over(*reversed(files)).verified
    assert not over(files[0]).verified


def test_torn_lines_are_kept_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond it nobody believes that pipes were full."""
    monkeypatch.setattr(verification, "MAX_FINDINGS", 3)
    torn = LINES[6][:150] + b"\n"
    assert verify([*LINES[:6], *[torn] * 3, *LINES[6:]]).verified
    assert not verify([*LINES[:6], *[torn] * 4, *LINES[6:]]).verified


def test_half_a_line_before_a_whole_one_is_told_from_it() -> None:
    """Where standard output goes into a file, a crash glues the next line to a half one: it is found all the same."""
    report = verify([*LINES[:6], LINES[6][:99] + LINES[6], *LINES[7:12], LINES[12][:50] + b"\n", *LINES[12:]])
    assert report.verified
    assert [(one.kind, one.line) for one in report.findings] == [("half", 7), ("half", 13)]


def test_several_chains_in_one_file_are_told_apart() -> None:
    """The collected output of several workers is several chains, each with its own findings and head."""
    others, other_head = trail(30, chain="chain-2")
    mixed = [line for pair in zip(LINES, others, strict=True) for line in pair]
    report = verify(mixed, heads=[HEAD, other_head])
    assert report.verified
    assert {chain.head for chain in report.chains} == {HEAD, other_head}
    del mixed[11]
    report = verify(mixed)
    assert [chain.whole for chain in report.chains] == [True, False]


def test_a_chain_goes_on_over_files_in_any_order() -> None:
    """Rotated files are one chain, in whatever order the shell lists them."""
    files = LINES[:10], LINES[10:20], LINES[20:]
    for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0)):
        report = over(*(files[number] for number in order), heads=[HEAD], from_start=True)
        assert report.verified
        assert report.findings == ()
        assert report.chains[0].lines == 30


def test_a_missing_file_shows() -> None:
    """Between two files whose lines do not meet, the numbers that are missing are named."""
    report = over(LINES[:10], LINES[20:])
    (finding,) = [one for one in report.findings if one.broken]
    assert (finding.kind, finding.source, finding.line, finding.seq) == ("missing", "b", 1, 10)
    assert "numbers 10 to 19 are not here, between a and this file" in finding.text


def test_a_change_at_a_files_border_shows() -> None:
    """The last line of a rotated file is held by the first line of the next."""
    report = over([*LINES[:9], forged(LINES[9], operation="X")], LINES[10:])
    assert [(one.kind, one.source, one.line, one.seq) for one in report.findings] == [("changed", "a", 10, 9)]


def test_files_that_begin_in_the_middle_say_so() -> None:
    """When older files were deleted, it is said from where on the audit is verified; on demand that is a finding."""
    report = over(LINES[12:])
    assert report.verified
    assert str(report.chains[0]).startswith(
        "chain chain-1: 18 lines, seq 12 to 29, unbroken from a:1 on, what was before is not here; head chain-1:30:"
    )
    report = over(LINES[12:], from_start=True)
    assert [(one.kind, one.seq) for one in report.findings] == [("late", 12)]


def test_the_same_file_twice_is_no_finding_but_another_with_its_numbers_is() -> None:
    """A copy is recognised by its end; lines that only share numbers are a fork."""
    assert over(LINES, LINES[10:]).verified
    forks = [*LINES[:20], forged(LINES[20], operation="X")]
    for files in ((LINES, forks), (forks, LINES), (LINES[:20], LINES[10:])):
        report = over(*files)
        assert [one.kind for one in report.findings if one.broken] == ["twice"]


def test_copies_are_notes_where_a_collector_may_make_them() -> None:
    """A batch whose answer was lost is sent again: the very same lines, which is no tampering there."""
    doubled = [*LINES[:9], *LINES[3:9], *LINES[9:]]
    assert not over(doubled).verified
    report = over(doubled, repeats=True)
    assert report.verified
    assert [one.kind for one in report.findings] == ["repeated"] * 6


def test_an_intent_without_outcome_is_mentioned() -> None:
    """What a crash left undecided is listed with its request; it breaks nothing. Order of files does not matter."""
    report = over(LINES[:8])
    assert report.verified
    assert [(one.kind, one.line, one.seq) for one in report.findings] == [("open", 8, 7)]
    assert "request-2-True" in report.findings[0].text
    assert over(LINES[8:], LINES[:8]).findings == ()


def test_an_outcome_without_intent_is_mentioned_where_its_intent_should_be() -> None:
    """Not in a file that begins in the middle: there the intent is in a file that was deleted."""
    stage = Stage()
    stage.trail.try_record(dataclasses.replace(ENTRY, phase="outcome"))
    assert [one.kind for one in verify(stage.sink.lines).findings] == ["unasked"]
    assert verify(LINES[8:]).findings == ()


def test_a_file_of_rubbish_costs_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Findings, gaps, open intents and remembered lines have a bound; what is beyond it is counted."""
    monkeypatch.setattr(verification, "MAX_FINDINGS", 10)
    report = verify([b"rubbish\n"] * 100)
    assert (len(report.findings), report.left_off, report.verified) == (10, 90, False)
    monkeypatch.setattr(verification, "MAX_OPEN", 3)
    monkeypatch.setattr(verification, "RECENT_LINES", 4)
    intents = Stage()
    for number in range(10):
        intents.trail.try_record(dataclasses.replace(ENTRY, phase="intent", id=str(number)))
    assert [one.seq for one in verify(intents.sink.lines).findings] == list(range(10))
    again = verify([*LINES[:20], LINES[2], LINES[18], *LINES[20:]])
    assert [(one.kind, one.seq) for one in again.findings if one.broken] == [("moved", 2), ("repeated", 18)]
    monkeypatch.setattr(stretch, "MAX_STRAYS", 0)
    assert [one.kind for one in verify([*LINES[:5], LINES[6], LINES[5], *LINES[7:]]).findings] == ["moved", "missing"]
    holes = [line for number, line in enumerate(trail(600)[0]) if number % 2 == 0]
    monkeypatch.setattr(verification, "MAX_FINDINGS", 10_000)
    report = verify([*holes, trail(600)[0][1]])
    assert sum(one.kind == "missing" for one in report.findings) == 299


def test_no_line_is_no_audit() -> None:
    """Nothing is wrong with an empty file, and nothing is verified by it: it may have been emptied (R-18)."""
    assert verify([]) == Report((), (), 0, verified=False)
    assert not verify([LINES[0][:50]]).verified


def test_an_empty_file_among_others_is_a_note() -> None:
    """A file that was rotated a moment ago, or a worker's that nobody has called, breaks nothing."""
    report = over(LINES, [])
    assert report.verified
    assert [str(one) for one in report.findings] == ["b: note: no line of an audit"]


@pytest.mark.parametrize("text", ["", "x", "a:b:c", "chain:1:" + "z" * 64, ":1:" + "a" * 64, "chain:-1:" + "a" * 64])
def test_what_is_no_head_is_refused(text: str) -> None:
    """A head is copied from the log as it stands there, or it is none."""
    assert head_in(str(HEAD)) == HEAD
    with pytest.raises(ValueError, match="not a head"):
        head_in(text)


places = st.integers(0, len(LINES) - 1)
changes = st.one_of(
    st.tuples(st.just("flip"), places, st.integers(0, 10_000), st.integers(1, 255)),
    st.tuples(st.just("drop"), places, st.just(0), st.just(0)),
    st.tuples(st.just("swap"), places, places, st.just(0)).filter(lambda change: change[1] != change[2]),
    st.tuples(st.just("double"), places, places, st.just(0)),
    st.tuples(st.just("insert"), places, places, st.integers(0, 10**6)).filter(
        lambda change: change[3] != change[1] + 1
    ),
)


def changed(kind: str, at: int, other: int, number: int) -> list[bytes]:
    """The trail with one change."""
    lines = list(LINES)
    match kind:
        case "flip":
            whole = bytearray(lines[at])
            whole[other % len(whole)] ^= number
            lines[at] = bytes(whole)
        case "drop":
            del lines[at]
        case "swap":
            lines[at], lines[other] = lines[other], lines[at]
        case "double":
            lines.insert(other, lines[at])
        case "insert":  # a line that names the one before it rightly and has a number that is not its own
            previous = hashlib.sha256(lines[at][:-1]).hexdigest()
            lines.insert(at + 1, forged(lines[other], previous=previous, seq=number))
    pieces = b"".join(lines).split(b"\n")
    return [piece + b"\n" for piece in pieces[:-1]] + [piece for piece in pieces[-1:] if piece]


@settings(max_examples=400, deadline=None)
@given(change=changes)
def test_any_single_change_is_found(change: tuple[str, int, int, int]) -> None:
    """A byte, a line dropped, swapped, doubled or slipped in: with the head from the log it is always found (R-18)."""
    report = over(changed(*change), heads=[HEAD], from_start=True)
    assert not report.verified
    assert len([one for one in report.findings if one.broken]) <= 4
