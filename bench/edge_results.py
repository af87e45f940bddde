"""What was measured of Workers: one record a Worker and round, and the tables of their medians.

Duty: processor time a request, with and without what the least Worker takes for the same; starts as ratios to its
start of the same round; everything that would make a figure worthless.
Prohibition: no rounding before the table; no figure from another run.
"""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bench.edge_workers import BASE


@dataclass(frozen=True, slots=True)
class Asked:
    """One operation under one client. Times in milliseconds."""

    requests: int
    cpu_ms: float  # of workerd, all of its threads, a request
    p50_ms: float
    p99_ms: float
    errors: int


@dataclass(frozen=True, slots=True)
class EdgeRound:
    """One Worker, started once. Times in milliseconds."""

    start_ms: float  # until its first answer
    start_cpu_ms: float  # of workerd, until then
    asked: Mapping[str, Asked]  # by operation
    upstream_requests: int
    unsigned: int  # of these
    audit_lines: int | None  # None: it writes none


EdgeRounds = Mapping[str, Sequence[EdgeRound]]
"""The rounds of each Worker, by its name."""

Measure = Callable[[EdgeRound], float]

_CALLS_HEAD = (
    "| Worker | call | CPU ms a request | without the least Worker's | ratio to {reference} | wall ms p50 | p99 "
    "| requests | errors | audit lines |\n|---|---|---|---|---|---|---|---|---|---|\n"
)
_STARTS_HEAD = (
    f"| Worker | start, ratio to {BASE} | CPU ms to the first answer | ratio of CPU | first answer after ms |\n"
    "|---|---|---|---|---|\n"
)


def calls_table(titles: Mapping[str, str], rounds: EdgeRounds, reference: str) -> str:
    """The table of calls in Markdown, one row a Worker and operation; ratios are of processor time, above 1 is dearer.

    Differences and ratios are the medians of the rounds' own: the two sides of one were measured seconds apart.
    """
    operations = list(dict.fromkeys(name for found in rounds.values() for each in found for name in each.asked))
    rows = [
        _calls_row(titles[name], operation, found, rounds.get(BASE, ()), rounds.get(reference, ()))
        for operation in operations
        for name, found in rounds.items()
    ]
    return _CALLS_HEAD.format(reference=reference) + "".join(rows)


def starts_table(titles: Mapping[str, str], rounds: EdgeRounds) -> str:
    """The table of starts in Markdown; ratios are the medians of the rounds' own, above 1 is slower."""
    return _STARTS_HEAD + "".join(
        _starts_row(titles[name], found, rounds.get(BASE, ())) for name, found in rounds.items()
    )


def faults(name: str, rounds: Sequence[EdgeRound], *, signs: bool) -> list[str]:
    """Why the figures of a Worker are worthless; nothing when they are not."""
    found = []
    for number, each in enumerate(rounds, 1):
        errors = sum(asked.errors for asked in each.asked.values())
        if errors:
            found.append(f"{name}, round {number}: {errors} errors")
        if signs and each.unsigned:
            found.append(f"{name}, round {number}: {each.unsigned} requests went up unsigned")
        if each.audit_lines is not None and each.audit_lines != each.upstream_requests:
            found.append(f"{name}, round {number}: {each.audit_lines} audit lines, {each.upstream_requests} are due")
    return found


def median(rounds: Sequence[EdgeRound], measure: Measure) -> float:
    """The median over the rounds; not a number where there are none."""
    return statistics.median(map(measure, rounds)) if rounds else float("nan")


def _calls_row(
    title: str, operation: str, rounds: Sequence[EdgeRound], base: Sequence[EdgeRound], reference: Sequence[EdgeRound]
) -> str:
    def cpu(each: EdgeRound) -> float:
        return each.asked[operation].cpu_ms

    audited = [each.audit_lines for each in rounds if each.audit_lines is not None]
    cells = (
        title,
        operation,
        f"{median(rounds, cpu):.2f}",
        f"{_paired(rounds, base, lambda one, other: cpu(one) - cpu(other)):.2f}",
        f"{_paired(rounds, reference, lambda one, other: cpu(one) / cpu(other)):.2f}",
        f"{median(rounds, lambda each: each.asked[operation].p50_ms):.2f}",
        f"{median(rounds, lambda each: each.asked[operation].p99_ms):.2f}",
        f"{sum(each.asked[operation].requests for each in rounds):,}",
        str(sum(each.asked[operation].errors for each in rounds)),
        f"{sum(audited):,} = requests" if audited else "none",
    )
    return f"| {' | '.join(cells)} |\n"


def _starts_row(title: str, rounds: Sequence[EdgeRound], base: Sequence[EdgeRound]) -> str:
    cells = (
        title,
        f"{_paired(rounds, base, lambda one, other: one.start_ms / other.start_ms):.2f}",
        f"{median(rounds, lambda each: each.start_cpu_ms):,.0f}",
        f"{_paired(rounds, base, lambda one, other: one.start_cpu_ms / other.start_cpu_ms):.2f}",
        f"{median(rounds, lambda each: each.start_ms):,.0f}",
    )
    return f"| {' | '.join(cells)} |\n"


def _paired(
    rounds: Sequence[EdgeRound], others: Sequence[EdgeRound], compare: Callable[[EdgeRound, EdgeRound], float]
) -> float:
    found = [compare(one, other) for one, other in zip(rounds, others, strict=False)]
    return statistics.median(found) if found else float("nan")
