"""Pages of the audit, read back from real files."""

import gzip
import json
import os
import pathlib
from typing import Any

import pytest

from gateway.audit import Query
from gateway.audit.query import name
from gateway.errors import Unavailable
from gateway.runtimes.audit_pages import AuditPages

ALL = Query()
BEGIN_MS = 1_800_000_000_000


def line(number: int, *, chain: str = "a", **more: Any) -> bytes:
    """A line, `number` seconds after the beginning."""
    moment = f"2027-01-15T08:{number // 60:02d}:{number % 60:02d}.000Z"
    found = {"time": moment, "id": f"{chain}{number}", "chain": chain, "seq": number, "phase": "decision"}
    return json.dumps(found | more | {"previous": "0" * 64}).encode() + b"\n"


def write(path: pathlib.Path, *lines: bytes) -> None:
    """A file that was written to last when its last line says."""
    path.write_bytes(b"".join(lines))
    touch(path)


def touch(path: pathlib.Path) -> None:
    """Give a file the time of its last line."""
    last = json.loads([each for each in path.read_bytes().split(b"\n") if each.endswith(b"}")][-1])["time"]
    at = BEGIN_MS + int(last[14:16]) * 60_000 + int(last[17:19]) * 1000
    os.utime(path, ns=(at * 1_000_000, at * 1_000_000))


async def to_the_end(pages: AuditPages, *, limit: int, query: Query = ALL) -> list[list[str]]:
    """The ids on each page, until there is no place to go on at."""
    found: list[list[str]] = []
    place: str | None = None
    while len(found) < 1000:
        page = await pages(query, limit, place)
        found.append([one["id"] for one in page.lines])
        place = page.place
        if place is None:
            return found
    raise AssertionError("it has no end")


def flat(found: list[list[str]]) -> list[str]:
    """All pages as one."""
    return [each for page in found for each in page]


async def test_a_file_is_paged_from_its_end(tmp_path: pathlib.Path) -> None:
    """Newest first, each line once, to the very first; a half line and what is no line are left out."""
    path = tmp_path / "audit.jsonl"
    write(path, *(line(number) for number in range(25)), b"rubbish\n", b"\n", line(25), b'{"time":"2027')
    found = await to_the_end(AuditPages(str(path)), limit=10)
    assert [len(page) for page in found] == [10, 10, 6]
    assert flat(found) == [f"a{number}" for number in range(25, -1, -1)]


async def test_lines_that_come_meanwhile_do_not_move_a_page(tmp_path: pathlib.Path) -> None:
    """What is written between two pages is newer than both."""
    path = tmp_path / "audit.jsonl"
    write(path, *(line(number) for number in range(4)))
    pages = AuditPages(str(path))
    first = await pages(ALL, 2, None)
    with path.open("ab") as file:
        file.write(line(5))
    touch(path)
    write(tmp_path / "audit.2.jsonl", line(6, chain="b"))
    second = await pages(ALL, 9, first.place)
    assert [one["id"] for one in second.lines] == ["a1", "a0"]
    assert second.place is None


async def test_workers_and_rotated_files_are_one_list(tmp_path: pathlib.Path) -> None:
    """Lines of several files stand by their time; each comes once, also when a file is rotated between two pages."""
    write(tmp_path / "audit.1.jsonl.20270115T080010.000Z", *(line(number, chain="a") for number in range(0, 10, 2)))
    write(tmp_path / "audit.1.jsonl", *(line(number, chain="a") for number in range(10, 40, 2)))
    write(tmp_path / "audit.2.jsonl", *(line(number, chain="b") for number in range(1, 40, 2)))
    (tmp_path / "audit.1.jsonl.20260101T000000.000Z.gz").write_bytes(
        gzip.compress(line(0, chain="packed") * 3, compresslevel=0)
    )
    write(tmp_path / "other.jsonl", line(30, chain="other"))
    pages = AuditPages(str(tmp_path / "audit.jsonl"))
    expected = [f"{'ab'[number % 2]}{number}" for number in range(39, -1, -1)]
    assert flat(await to_the_end(pages, limit=7)) == expected
    assert flat(await to_the_end(pages, limit=1)) == expected
    first = await pages(ALL, 5, None)
    (tmp_path / "audit.1.jsonl").rename(tmp_path / "audit.1.jsonl.20270115T080040.000Z")
    write(tmp_path / "audit.1.jsonl", line(41, chain="a"))
    second = await pages(ALL, 100, first.place)
    assert [one["id"] for one in (*first.lines, *second.lines)] == expected


async def test_a_page_that_ends_with_a_file_goes_on_in_the_one_before(tmp_path: pathlib.Path) -> None:
    """The older file was not even opened for the first page."""
    write(tmp_path / "audit.jsonl.20270115T080005.000Z", *(line(number) for number in range(5)))
    write(tmp_path / "audit.jsonl", *(line(number) for number in range(5, 10)))
    found = await to_the_end(AuditPages(str(tmp_path / "audit.jsonl")), limit=5)
    assert [len(page) for page in found] == [5, 5]


async def test_what_is_looked_for_is_found(tmp_path: pathlib.Path) -> None:
    """A query leaves lines out, and stops at the moment from which on they are wanted."""
    path = tmp_path / "audit.jsonl"
    write(path, *(line(number, operation="AdminGetUser" if number % 3 else "ListUsers") for number in range(60)))
    pages = AuditPages(str(path), max_page_bytes=10**9)
    query = Query(operations=(name("list*"),), since="2027-01-15T08:00:30.000Z", until="2027-01-15T08:00:50.000Z")
    assert flat(await to_the_end(pages, limit=3, query=query)) == [f"a{number}" for number in range(48, 29, -3)]


async def test_a_page_reads_only_so_much_and_lets_others_have_a_turn(tmp_path: pathlib.Path) -> None:
    """R-22: whoever looks for what is not there gets empty pages with a place, not the whole disk at once."""
    path = tmp_path / "audit.jsonl"
    write(path, *(line(number % 3600, reason="x" * 500) for number in range(2000)))
    turns: list[float] = []

    async def sleep(seconds: float) -> None:
        turns.append(seconds)

    pages = AuditPages(str(path), max_page_bytes=100_000, sleep=sleep)
    page = await pages(Query(ids=(name("nobody"),)), 10, None)
    assert page.lines == []
    assert page.place is not None
    found = await to_the_end(pages, limit=10, query=Query(ids=(name("a0"),)))
    assert flat(found) == ["a0"]
    assert len(found) > 5
    assert len(turns) > 20


async def test_what_cannot_be_read_is_not_passed_over(tmp_path: pathlib.Path) -> None:
    """Half an audit is none: 503."""
    with pytest.raises(Unavailable) as caught:
        await AuditPages(str(tmp_path / "nowhere" / "audit.jsonl"))(ALL, 1, None)
    assert caught.value.reason == "audit"


async def test_an_empty_file_has_no_lines(tmp_path: pathlib.Path) -> None:
    """One page, and no place to go on at."""
    (tmp_path / "audit.jsonl").touch()
    assert await to_the_end(AuditPages(str(tmp_path / "audit.jsonl")), limit=1) == [[]]
