"""`gateway policy test`: hold a policy to a file of expectations, in the owner's own CI."""

import argparse
import json
import pathlib
import sys
from collections.abc import Mapping
from typing import Any

from gateway.cli import policy_source
from gateway.cli.expectations import Expectations, Misread, Outcome, compare, read
from gateway.cli.options import once


def add(actions: Any) -> None:  # noqa: ANN401 - argparse's sub-parsers have no public type
    """Declare the action."""
    parser = actions.add_parser(
        "test",
        help="hold a policy to files of expectations",
        description="Decide every call that the files expect something of, as the gateway would. Nothing is sent. Exit "
        "status: 0 everything is as expected, 1 something is not, 2 a file or the policy is not understood.",
        epilog="example: gateway policy test expectations.toml --policy policy.toml",
    )
    once(parser)
    parser.add_argument("files", metavar="FILE", nargs="+", help="a TOML file; docs/policy.md shows how it is written")
    parser.add_argument(
        "--policy",
        metavar="FILE",
        help="the policy (default: the one that a file names, else GATEWAY_POLICY, else the built-in)",
    )
    parser.add_argument("--json", action="store_true", help="answer as JSON, for programs")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    tested: list[tuple[str, str, list[Outcome]]] = []
    problems: list[str] = []
    for file in arguments.files:
        try:
            name, outcomes = _test(pathlib.Path(file), arguments.policy)
        except (Misread, policy_source.NoPolicy) as error:
            problems += [f"{file}: {line}" for line in str(error).splitlines()]
        else:
            tested.append((file, name, outcomes))
    if problems:
        for problem in problems:
            print(problem, file=sys.stderr)
        print(f"{len(problems)} problem{'s' * (len(problems) != 1)}: nothing was tested", file=sys.stderr)
        return 2
    if arguments.json:
        print(json.dumps(_data(tested), indent=2))
    else:
        _show(tested)
    return 0 if all(outcome.met for _, _, outcomes in tested for outcome in outcomes) else 1


def _test(file: pathlib.Path, policy: str | None) -> tuple[str, list[Outcome]]:
    """The outcomes of one file, after its policy's name.

    Raises:
        Misread, NoPolicy: it cannot be tested.

    """
    found = _read(file)
    if policy is None and found.policy is not None:
        policy = str(file.parent / found.policy)
    name, rules = policy_source.find(policy)
    return name, compare(found, rules)


def _read(file: pathlib.Path) -> Expectations:
    try:
        return read(file.read_text("utf-8"))
    except OSError as error:
        raise Misread([f"cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise Misread(["is not UTF-8 text"]) from None


def _show(tested: list[tuple[str, str, list[Outcome]]]) -> None:
    for file, policy, outcomes in tested:
        failures = [outcome for outcome in outcomes if not outcome.met]
        for outcome in failures:
            print(f"{file}: {outcome.expectation}")
            print(f"    expected {_words(outcome.expectation.wanted)}, got {_words(_got(outcome))}")
        count = f"{len(outcomes) - len(failures)} of {len(outcomes)} as expected"
        print(f"{file}: {'FAILED' if failures else 'ok'}, {count} (policy {policy})")


def _words(told: Mapping[str, Any]) -> str:
    more = ", ".join(f"{key} {value}" for key, value in told.items() if key != "allowed")
    return ("allowed" if told["allowed"] else "refused") + (f" ({more})" if more else "")


def _got(outcome: Outcome) -> dict[str, Any]:
    """What the verdict says."""
    verdict = outcome.verdict
    told = {"allowed": verdict.allowed, "role": verdict.role, "reason": verdict.reason, "field": verdict.field}
    return {key: value for key, value in told.items() if value is not None} | {"status": verdict.status}


def _data(tested: list[tuple[str, str, list[Outcome]]]) -> dict[str, Any]:
    failures = [
        {
            "file": file,
            "row": outcome.expectation.number,
            "name": outcome.expectation.name,
            "operation": outcome.expectation.operation.name,
            "caller": str(outcome.expectation.caller),
            "target": str(outcome.expectation.target),
            "expected": dict(outcome.expectation.wanted),
            "got": _got(outcome),
        }
        for file, _, outcomes in tested
        for outcome in outcomes
        if not outcome.met
    ]
    count = sum(len(outcomes) for _, _, outcomes in tested)
    files = [{"file": file, "policy": policy, "calls": len(outcomes)} for file, policy, outcomes in tested]
    return {"passed": count - len(failures), "failed": len(failures), "files": files, "failures": failures}
