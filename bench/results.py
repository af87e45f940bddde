"""What was measured: one record a peer and round, and the table of their medians.

Duty: medians over the rounds, ratios to the reference of the same run, everything that would make a figure worthless.
Prohibition: no rounding before the table; no figure from another run.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Round:
    """One peer under load once. `cpu_us` is the peer's processor time a request, `busy` its share of its core."""

    requests: int
    requests_per_second: float
    cpu_us: float
    busy: float
    p50_us: float
    p99_us: float
    errors: int
    upstream_connections: int  # opened while it was measured
    upstream_requests: int  # since the peer was started
    unsigned: int  # of these
    audit_lines: int | None  # since the peer was started; None: it writes none


_HEAD = (
    "| peer | req/s of a core | ratio | CPU us a request | req/s seen | core busy | p50 ms | p99 ms | errors "
    "| upstream connections | audit lines |\n|---|---|---|---|---|---|---|---|---|---|---|\n"
)


def table(titles: Mapping[str, str], rounds: Mapping[str, Sequence[Round]], reference: str) -> str:
    """The table in Markdown, one row a peer; a ratio above 1 is better than `reference`.

    "Of a core" is what a whole second of processor time carries: the seen rate says less as soon as anything else runs
    on the machine, and equals it where the core was busy.
    """
    return _HEAD + "".join(_row(titles[name], found, rounds.get(reference, ())) for name, found in rounds.items())


def faults(name: str, rounds: Sequence[Round], *, signs: bool) -> list[str]:
    """Why the figures of a peer are worthless; nothing when they are not."""
    found = []
    for number, each in enumerate(rounds, 1):
        if each.errors:
            found.append(f"{name}, round {number}: {each.errors} errors")
        if signs and each.unsigned:
            found.append(f"{name}, round {number}: {each.unsigned} requests went up unsigned")
        if each.audit_lines is not None and each.audit_lines != each.upstream_requests:
            found.append(
                f"{name}, round {number}: {each.audit_lines} audit lines for {each.upstream_requests} requests"
            )
    return found


def median(rounds: Sequence[Round], field: str) -> float:
    """The median of a field over the rounds; not a number where there are none."""
    return statistics.median(getattr(each, field) for each in rounds) if rounds else float("nan")


def _row(title: str, rounds: Sequence[Round], reference: Sequence[Round]) -> str:
    cpu_us = median(rounds, "cpu_us")
    lines = [each.audit_lines for each in rounds if each.audit_lines is not None]
    expected = sum(each.upstream_requests for each in rounds)
    cells = (
        title,
        f"{1e6 / cpu_us:,.0f}",
        f"{median(reference, 'cpu_us') / cpu_us:.2f}",
        f"{cpu_us:.1f}",
        f"{median(rounds, 'requests_per_second'):,.0f}",
        f"{median(rounds, 'busy'):.0%}",
        f"{median(rounds, 'p50_us') / 1000:.2f}",
        f"{median(rounds, 'p99_us') / 1000:.2f}",
        str(sum(each.errors for each in rounds)),
        f"{median(rounds, 'upstream_connections'):.0f}",
        f"{sum(lines):,} = requests" if lines and sum(lines) == expected else f"{sum(lines):,}" if lines else "none",
    )
    return f"| {' | '.join(cells)} |\n"
