"""What a policy should do, as a file of expectations says it.

Duty: read the file, refuse every mistake in it at once, compare each expectation with the verdict.
Prohibition: no I/O, no rule.
"""

import itertools
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from gateway.cli.cases import CLIENT_ID, DEV_GROUPS, POOL_ID, imagine, operation_of, pool_of, with_members
from gateway.cli.people import Unclear, Who, Whom, flag_in, names_in, near, only, precedences, who, whom
from gateway.judgement import Pool
from gateway.operations import Operation
from gateway.policy import Policy
from gateway.rehearsal import PUBLIC, Verdict, rehearse

_ROW = (
    "name", "caller", "callers", "operation", "operations", "target", "targets", "body", "group", "attributes",
    "allowed", "role", "reason", "field", "status",
)  # fmt: skip
_TOLD = ("role", "reason", "field", "status")
_POOL_ID = re.compile(r"[\w-]{1,40}_[0-9A-Za-z]{1,15}", re.ASCII)

T = TypeVar("T")


class Misread(ValueError):
    """The file is refused. `problems` has one line for each mistake."""

    def __init__(self, problems: list[str]) -> None:
        """All problems of one file."""
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Expectation:
    """One call and what should become of it. `number` is that of its [[expect]], from 1 on.

    `wanted` holds `allowed`, and what else of a verdict was named.
    """

    number: int
    name: str | None
    operation: Operation
    caller: Who
    target: Whom
    body: Mapping[str, Any]
    wanted: Mapping[str, Any]

    def __str__(self) -> str:
        """In words."""
        row = f"row {self.number}" + (f" ({self.name})" if self.name else "")
        return f"{row}: {self.operation.name} by {self.caller}, on {self.target}"


@dataclass(frozen=True, slots=True)
class Expectations:
    """A whole file. `policy` is a path relative to it; `groups` is None where the file does not name the pool's."""

    policy: str | None
    pool: Pool
    groups: Mapping[str, int | None] | None
    rows: tuple[Expectation, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """An expectation and the verdict."""

    expectation: Expectation
    verdict: Verdict

    @property
    def met(self) -> bool:
        """Whether everything that was named is so."""
        return all(getattr(self.verdict, key) == value for key, value in self.expectation.wanted.items())


def read(text: str) -> Expectations:
    """Read a file of expectations.

    Raises:
        Misread: with every mistake in it.

    """
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise Misread([f"not TOML: {error}"]) from None
    return _Reader().read(data)


def compare(expectations: Expectations, policy: Policy) -> list[Outcome]:
    """Decide each row by the policy.

    Raises:
        Misread: a row is about a group that the pool does not have, or a role that the policy does not, or cannot be.

    """
    outcomes, problems = [], []
    roles = [*(role.name for role in policy.roles), PUBLIC]
    for row in expectations.rows:
        role = row.wanted.get("role", PUBLIC)
        if role not in roles:
            problem = f"row {row.number}: {role!r} is no role of the policy{near(role, roles)}"
            problems += [problem] if problem not in problems else []
            continue
        groups = expectations.groups
        if groups is None:
            groups = DEV_GROUPS if row.operation.mutates else {**dict.fromkeys(policy.groups()), **DEV_GROUPS}
        pool = expectations.pool
        try:
            case = imagine(row.operation, row.caller, row.target, row.body, groups=groups, pool=pool, policy=policy)
        except Unclear as error:
            more = "" if expectations.groups is not None else "; [groups] tells those of your pool"
            problem = f"row {row.number}: {error}{more}"
            problems += [problem] if problem not in problems else []
        else:
            outcomes.append(Outcome(row, rehearse(policy, pool, case)))
    if problems:
        raise Misread(problems)
    return outcomes


class _Reader:
    """Walks one file and keeps the mistakes that it finds."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def read(self, data: Mapping[str, Any]) -> Expectations:
        self.attempt("", partial(only, data, "policy", "groups", "pool", "clients", "expect"))
        policy = data.get("policy")
        if policy is not None and not (isinstance(policy, str) and policy):
            self.problems.append("policy needs a path")
        groups = self.attempt("groups", partial(_groups, data["groups"])) if "groups" in data else None
        pool = self.attempt("", partial(_pool, data)) or pool_of()
        rows = data.get("expect", [])
        if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
            self.problems.append("there is no [[expect]]: a test that expects nothing cannot fail")
            rows = []
        found = [each for number, row in enumerate(rows, 1) for each in self.row(number, row)]
        if self.problems:
            raise Misread(self.problems)
        return Expectations(policy, pool, groups, tuple(found))

    def row(self, number: int, row: Mapping[str, Any]) -> Iterator[Expectation]:
        at = f"row {number}"
        before = len(self.problems)
        self.attempt(at, partial(only, row, *_ROW))
        name = self.attempt(at, partial(_text, row, "name"))
        callers = self.several(at, row, "caller", who)
        operations = self.several(at, row, "operation", operation_of)
        targets = self.several(at, row, "target", whom, default="person")
        wanted = self.attempt(at, partial(_wanted, row))
        for caller, operation, target in itertools.product(callers, operations, targets):
            body = self.attempt(at, partial(_body, operation, row))
            if body is not None and wanted is not None and len(self.problems) == before:
                yield Expectation(number, name, operation, caller, target, body, wanted)

    def several(
        self, at: str, row: Mapping[str, Any], key: str, read: Callable[[Any], T], default: str | None = None
    ) -> list[T]:
        """What stands under `key`, or in the list under its plural."""
        many = f"{key}s"
        if many in row and (key in row or not isinstance(row[many], list) or not row[many]):
            self.problems.append(f"{at}: {many} needs a list, and no {key} beside it")
            return []
        values = row[many] if many in row else [row.get(key, default)]
        if values == [None]:
            self.problems.append(f"{at}: needs {key} or {many}")
            return []
        found = []
        for value in values:
            if not isinstance(value, str | dict):
                self.problems.append(f"{at}: {key} needs words or a table")
                continue
            result = self.attempt(f"{at}: {key}", partial(read, value))
            found += [result] if result is not None else []
        return found

    def attempt(self, at: str, read: Callable[[], T]) -> T | None:
        """What `read` gives, or None and a problem."""
        try:
            return read()
        except Unclear as error:
            problem = f"{at}: {error}".removeprefix(": ")
            self.problems += [problem] if problem not in self.problems else []
            return None


def _groups(value: object) -> Mapping[str, int | None]:
    if not isinstance(value, dict):
        raise Unclear("needs a table of precedences")
    return precedences(value)


def _pool(data: Mapping[str, Any]) -> Pool:
    pool_id, clients = data.get("pool", POOL_ID), names_in(data, "clients")
    if not isinstance(pool_id, str) or not _POOL_ID.fullmatch(pool_id):
        raise Unclear("pool needs a user pool's id")
    return pool_of(pool_id, clients or (CLIENT_ID,))


def _text(row: Mapping[str, Any], key: str) -> str | None:
    value = row.get(key)
    if value is not None and not isinstance(value, str):
        raise Unclear(f"{key} needs text")
    return value


def _wanted(row: Mapping[str, Any]) -> dict[str, Any]:
    """What the row says of the verdict."""
    if "allowed" not in row:
        raise Unclear("needs allowed = true or false")
    allowed = flag_in(row, "allowed")
    found: dict[str, Any] = {"allowed": allowed}
    for key in _TOLD:
        if key not in row:
            continue
        value: Any = row[key]
        if isinstance(value, bool) or not isinstance(value, int if key == "status" else str):
            raise Unclear(f"{key} needs {'a number' if key == 'status' else 'text'}")
        if allowed and key in {"reason", "field"}:
            raise Unclear(f"{key} is told of a refusal only")
        if key == "reason" and ":" in str(value):
            kind, _, member = str(value).partition(":")
            raise Unclear(f'write reason = "{kind}" and field = "{member}"')
        found[key] = value
    return found


def _body(operation: Operation, row: Mapping[str, Any]) -> dict[str, Any]:
    body = row.get("body", {})
    if not isinstance(body, dict):
        raise Unclear("body needs a table")
    return with_members(operation, body, group=_text(row, "group"), attributes=names_in(row, "attributes"))
