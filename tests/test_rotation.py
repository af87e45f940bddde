"""A whole new value of the operator's keys, given while calls run."""

import pytest

from gateway.errors import Unavailable
from gateway.keypair import KeyPair
from gateway.rotation import GivenCredentials
from gateway.settings import Credentials
from tests.fake_sts import NEW, NOW, OLD, Sts, number_of, role

THIRD = KeyPair("AKIDTHIRDTHIRD001", "third+secret/CANARY")


async def test_a_new_value_signs_from_the_next_call_on() -> None:
    """One pair, two, another one: what was given last counts, its current pair first (R-20)."""
    held = GivenCredentials(Credentials(OLD))
    assert await held.current(NOW) is OLD
    assert held.give(Credentials(OLD, NEW)) is True
    assert await held.current(NOW) is OLD
    assert list(held.secrets) == [OLD.secret_access_key, NEW.secret_access_key]
    assert held.give(Credentials(NEW)) is True
    assert await held.current(NOW) is NEW
    assert list(held.secrets) == [NEW.secret_access_key]
    assert held.last_failure is None


async def test_what_was_refused_with_an_earlier_value_is_tried_with_the_new_one() -> None:
    """R-20: a call that was on its way when the value changed is not lost, also where the new value is one pair."""
    held = GivenCredentials(Credentials(OLD))
    assert held.rejected(OLD, NOW) is False
    held.give(Credentials(NEW))
    assert held.rejected(OLD, NOW) is True
    assert await held.current(NOW) is NEW
    assert held.rejected(NEW, NOW) is False


async def test_keys_of_an_earlier_value_do_not_change_which_pair_signs() -> None:
    """A late refusal of keys that are long gone does not push the new value's current pair aside."""
    held = GivenCredentials(Credentials(OLD))
    held.give(Credentials(NEW, THIRD))
    assert held.rejected(OLD, NOW) is True
    assert await held.current(NOW) is NEW
    assert held.rejected(NEW, NOW) is True
    assert await held.current(NOW) is THIRD


async def test_the_same_value_again_does_not_bring_a_dead_pair_back() -> None:
    """A file that is written anew with what it held: the pair that AWS refused stays aside."""
    held = GivenCredentials(Credentials(OLD, NEW))
    held.rejected(OLD, NOW)
    assert held.give(Credentials(OLD, NEW)) is False
    assert await held.current(NOW) is NEW


async def test_keys_that_end_are_told_apart_from_those_that_follow() -> None:
    """Temporary keys that have ended sign nothing; the next value does at once (FAULT-19)."""
    held = GivenCredentials(Credentials(KeyPair("ASIAENDS", "secret", "token", NOW)))
    with pytest.raises(Unavailable):
        await held.current(NOW)
    held.give(Credentials(NEW))
    assert await held.current(NOW) is NEW


async def test_a_role_is_assumed_with_the_keys_that_were_given_last() -> None:
    """The role's own keys live on; the next ones are asked for with the new pair."""
    endpoint = Sts()
    held = GivenCredentials(Credentials(OLD))
    credentials = role(endpoint, held)
    assert number_of(await credentials.current(NOW)) == 1
    held.give(Credentials(NEW))
    assert number_of(await credentials.current(NOW + 1)) == 1
    endpoint.now = NOW + 3600
    assert number_of(await credentials.current(NOW + 3600)) == 2
    used = [dict(request.headers)["Authorization"] for request in endpoint.requests]
    assert [OLD.access_key_id in used[0], NEW.access_key_id in used[-1]] == [True, True]
