"""Where each fault of `vectors/attacks/faults.json` is injected."""

from collections.abc import Callable
from typing import Any

import pytest

from tests import test_tokens_through_app as tokens
from tests.blackbox import attacks
from tests.blackbox import test_faults_audit as audit
from tests.blackbox import test_faults_identity as identity
from tests.blackbox import test_faults_keys as keys
from tests.blackbox import test_faults_process as process
from tests.blackbox import test_faults_upstream as upstream

TESTS: dict[str, tuple[Callable[..., Any], ...]] = {
    "FAULT-02": (upstream.test_a_cognito_that_swallows_connections,),
    "FAULT-04": (upstream.test_a_cognito_with_a_certificate_of_its_own,),
    "FAULT-08": (upstream.test_a_kept_connection_that_closes_as_the_next_request_comes,),
    "FAULT-13": (upstream.test_a_throttle_goes_to_the_caller,),
    "FAULT-16": (identity.test_a_clock_that_is_wrong_is_learnt_once,),
    "FAULT-18": (identity.test_keys_that_are_rotated_while_calls_run,),
    "FAULT-19": (identity.test_a_session_token_is_renewed_before_it_ends,),
    "FAULT-20": (upstream.test_a_redirect_is_not_followed,),
    "FAULT-21": (upstream.test_an_answer_without_end_costs_no_memory,),
    "FAULT-22": (keys.test_keys_that_cannot_be_had_at_the_start_and_then_can,),
    "FAULT-28": (keys.test_a_caller_who_hangs_up_does_not_take_the_keys_along,),
    "FAULT-29": (
        tokens.test_a_bad_set_never_replaces_a_good_one,
        keys.test_a_set_that_went_bad_leaves_the_keys_that_are_held,
    ),
    "FAULT-31": (tokens.test_keys_are_fetched_again_neither_too_soon_nor_too_late,),
    "FAULT-34": (process.test_a_caller_who_hangs_up_has_asked_once,),
    "FAULT-37": (process.test_more_calls_than_there_is_room_for,),
    "FAULT-39": (audit.test_a_full_disk_stops_everything_until_there_is_room,),
    "FAULT-40": (audit.test_an_outcome_that_does_not_fit,),
    "FAULT-41": (audit.test_a_pipe_that_nobody_reads,),
    "FAULT-42": (process.test_a_signal_lets_what_has_begun_come_to_its_end,),
    "FAULT-43": (process.test_a_crash_leaves_the_intents,),
    "FAULT-47": (process.test_a_policy_that_breaks_while_it_runs_changes_nothing,),
}

DECIDED = {
    "FAULT-13": "Throttles go to the caller with `Retry-After`: SDKs retry themselves, do not multiply (R-20)",
    "FAULT-37": "Goodput is the benchmarks' to measure; here what is too much is refused and memory has a bound",
    "FAULT-47": "Settings are read once: a policy is not read again while the gateway runs",
}
"""Where what is asserted is not what the file says, and the sentence that decides."""


def test_every_fault_has_a_test() -> None:
    """Nothing of the file is left out."""
    faults = {fault["id"] for fault in attacks.read("faults")}
    if not faults:
        pytest.skip(attacks.NO_VECTORS)
    assert set(TESTS) == faults
    assert set(DECIDED) <= faults
