"""What was measured: one record a peer and round, and the tables of their medians.

Duty: medians over the rounds, ratios to the reference of the same run, everything that would make a figure worthless.
Prohibition: no rounding before the table; no figure from another run.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


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
    own: Mapping[str, int] = field(default_factory=dict)  # upstream requests by operation, without
    guards: Mapping[str, int] = field(default_factory=dict)  # those that the guards made for themselves
    changes: int = 0  # of the callers' upstream requests: each has a line before and one after
    decided: int = 0  # requests that were decided only: of these nothing is sent
    seconds: float = 0.0  # that the peer lived

    @property
    def lines_due(self) -> int:
        """How many lines the audit must have; at least, where some requests were decided only."""
        return self.upstream_requests - sum(self.guards.values()) + self.changes + self.decided


Rounds = Mapping[str, Sequence[Round]]
"""The rounds of each peer, by its name."""

_HEAD = (
    "| peer | req/s of a core | ratio | CPU us a request | req/s seen | core busy | p50 ms | p99 ms | errors "
    "| upstream connections | audit lines |\n|---|---|---|---|---|---|---|---|---|---|---|\n"
)
_GUARDS_HEAD = (
    "| call | CPU us a request | cost | req/s of a core | the guards' own calls a request | p50 ms | p99 ms | errors "
    "| audit lines |\n|---|---|---|---|---|---|---|---|---|\n"
)


def table(titles: Mapping[str, str], rounds: Rounds, reference: str) -> str:
    """The table in Markdown, one row a peer; a ratio above 1 is better than `reference`.

    "Of a core" is what a whole second of processor time carries: the seen rate says less as soon as anything else runs
    on the machine, and equals it where the core was busy.
    """
    return _HEAD + "".join(_row(titles[name], found, rounds.get(reference, ())) for name, found in rounds.items())


def guards_table(titles: Mapping[str, str], rounds: Rounds, against: Mapping[str, str]) -> str:
    """The table of what guards cost: processor time as a ratio to the case of `against`; above 1 is dearer.

    The ratio is the median of the rounds' own: the two sides of one were measured seconds apart.
    """
    return _GUARDS_HEAD + "".join(
        _guards_row(titles[name], found, rounds.get(against[name], ())) for name, found in rounds.items()
    )


def faults(name: str, rounds: Sequence[Round], *, signs: bool) -> list[str]:
    """Why the figures of a peer are worthless; nothing when they are not."""
    found = []
    for number, each in enumerate(rounds, 1):
        if each.errors:
            found.append(f"{name}, round {number}: {each.errors} errors")
        if signs and each.unsigned:
            found.append(f"{name}, round {number}: {each.unsigned} requests went up unsigned")
        if each.audit_lines is not None and not _complete(each):
            found.append(f"{name}, round {number}: {each.audit_lines} audit lines, {each.lines_due} are due")
    return found


def median(rounds: Sequence[Round], field: str) -> float:
    """The median of a field over the rounds; not a number where there are none."""
    return statistics.median(getattr(each, field) for each in rounds) if rounds else float("nan")


def _complete(each: Round) -> bool:
    lines = each.audit_lines or 0
    return lines >= each.lines_due if each.decided else lines == each.lines_due


def _row(title: str, rounds: Sequence[Round], reference: Sequence[Round]) -> str:
    cpu_us = median(rounds, "cpu_us")
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
        _lines(rounds, "requests"),
    )
    return f"| {' | '.join(cells)} |\n"


def _guards_row(title: str, rounds: Sequence[Round], reference: Sequence[Round]) -> str:
    cpu_us = median(rounds, "cpu_us")
    cells = (
        title,
        f"{cpu_us:.1f}",
        f"{_cost(rounds, reference):.2f}",
        f"{1e6 / cpu_us:,.0f}",
        _guard_calls(rounds),
        f"{median(rounds, 'p50_us') / 1000:.2f}",
        f"{median(rounds, 'p99_us') / 1000:.2f}",
        str(sum(each.errors for each in rounds)),
        _lines(rounds, "due"),
    )
    return f"| {' | '.join(cells)} |\n"


def _cost(rounds: Sequence[Round], reference: Sequence[Round]) -> float:
    ratios = [each.cpu_us / other.cpu_us for each, other in zip(rounds, reference, strict=False)]
    return statistics.median(ratios) if ratios else float("nan")


def _guard_calls(rounds: Sequence[Round]) -> str:
    """The guards' own requests to one of the callers', and which they are."""
    asked = sum(max(each.upstream_requests - sum(each.guards.values()), each.decided) for each in rounds)
    made = sum(sum(each.guards.values()) for each in rounds)
    names = sorted({name for each in rounds for name, count in each.guards.items() if count})
    return f"{made / asked:.2f}: {', '.join(names)}" if names else "0"


def _lines(rounds: Sequence[Round], due: str) -> str:
    lines = [each.audit_lines for each in rounds if each.audit_lines is not None]
    if not lines:
        return "none"
    exact = sum(lines) == sum(each.lines_due for each in rounds)
    return f"{sum(lines):,} = {due}" if exact else f"{sum(lines):,}"
