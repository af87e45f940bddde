"""The mirror of what is revoked."""

import pytest

from gateway.store import Revocation, Revocations, revocations
from tests.store.fake_remote import caller

ANN = caller()
EVENING = ANN.expires_at


def revoked(*found: Revocation) -> Revocations:
    """A mirror that knows these."""
    known = Revocations()
    known.add(found)
    return known


def test_nobody_is_refused_at_first() -> None:
    """A gateway that knows of no revocation lets everybody in, a token without times too."""
    assert not Revocations().refuses(ANN)
    assert not Revocations().refuses(caller(auth_time=0.0, issued_at=0.0))


def test_a_sign_out_refuses_what_was_signed_in_until_then() -> None:
    """Signed out at noon: tokens of sign-ins until noon are refused, of later ones not, and nobody else's."""
    known = revoked(Revocation("signed_out", "sub-1", ANN.auth_time))
    assert known.refuses(ANN)
    assert known.refuses(caller(issued_at=EVENING))  # refreshed since: still the same sign-in
    assert known.refuses(caller(auth_time=0.0))  # a token that does not say fails closed
    assert not known.refuses(caller(auth_time=ANN.auth_time + 1))
    assert not known.refuses(caller(sub="sub-2"))


def test_a_change_of_groups_refuses_what_was_issued_until_then() -> None:
    """Demoted at noon: the old token is refused, a refreshed one is not."""
    known = revoked(Revocation("groups_changed", "sub-1", ANN.issued_at))
    assert known.refuses(ANN)
    assert not known.refuses(caller(issued_at=ANN.issued_at + 1))
    assert not known.refuses(caller(sub="sub-2"))


def test_a_deleted_group_refuses_whoever_is_in_it() -> None:
    """A token that names a deleted group is refused, also with that group as one of several."""
    known = revoked(Revocation("group_deleted", "user", ANN.issued_at))
    assert known.refuses(ANN)
    assert known.refuses(caller(sub="sub-2", groups=("other", "user")))
    assert not known.refuses(caller(groups=("User", "users")))
    assert not known.refuses(caller(issued_at=ANN.issued_at + 1))


@pytest.mark.parametrize("kind", ["signed_out", "groups_changed", "group_deleted"])
def test_of_two_the_later_moment_counts_in_either_order(kind: revocations.Kind) -> None:
    """Two replicas with clocks that differ, or news in the wrong order: never the weaker of the two."""
    name = "user" if kind == "group_deleted" else "sub-1"
    early, late = Revocation(kind, name, 10.0), Revocation(kind, name, EVENING)
    assert revoked(early, late).refuses(ANN)
    assert revoked(late, early).refuses(ANN)
    assert revoked(late, early).everything() == (late,)


def test_kinds_do_not_replace_each_other() -> None:
    """Signed out and then put into another group: both hold."""
    known = (Revocation("signed_out", "sub-1", 10.0), Revocation("groups_changed", "sub-1", 20.0))
    assert revoked(*known).everything() == known
    assert revoked(*reversed(known)).everything() == known


def test_a_cache_of_users_learns_what_concerns_them() -> None:
    """By the number of news: what came about a user, or about a group, since the user was asked for; no other's."""
    known = revoked()
    steps = [
        Revocation("signed_out", "sub-1", 10.0),
        Revocation("groups_changed", "sub-1", 9.0),
        Revocation("groups_changed", "sub-1", 8.0),  # news, although a replica's clock is behind
    ]
    for step in steps:
        before = known.news
        known.add([step])
        assert known.concern("sub-1", before)
        assert not known.concern("sub-1", known.news)
        assert not known.concern("sub-2", before)
    before = known.news
    known.add([Revocation("group_deleted", "user", 10.0)])
    assert known.concern("sub-1", before)
    assert known.concern("sub-2", before)


def test_what_is_known_already_is_no_news() -> None:
    """A replica's own revocation comes back to it from the store: nothing is read from Cognito again for that."""
    for known in (Revocation("signed_out", "sub-1", 10.0), Revocation("group_deleted", "user", 10.0)):
        mirror = revoked(known)
        before = mirror.news
        mirror.add([known])
        assert mirror.news == before
        assert not mirror.concern("sub-1", before)


def test_what_is_too_old_to_refuse_anything_is_dropped() -> None:
    """R-22: a token lives at most 24 hours, and a revocation not much longer."""
    mirror = revoked(
        Revocation("signed_out", "sub-1", 1_000.0),
        Revocation("groups_changed", "sub-2", 90_000.0),
        Revocation("group_deleted", "user", 1_000.0),
        Revocation("group_deleted", "other", 90_000.0),
    )
    mirror.prune(1_000.0 + 24 * 3600 + 300)
    assert len(mirror.everything()) == 4
    mirror.prune(1_000.0 + 24 * 3600 + 301)
    assert [known.name for known in mirror.everything()] == ["sub-2", "other"]
    mirror.prune(1e9)
    assert mirror.everything() == ()


def test_an_old_entry_that_was_renewed_stays() -> None:
    """Signed out again today: yesterday's entry does not take today's with it."""
    mirror = revoked(Revocation("signed_out", "sub-1", 1_000.0), Revocation("groups_changed", "sub-1", 90_000.0))
    mirror.prune(90_000.0)
    assert mirror.refuses(caller(issued_at=90_000.0, auth_time=80_000.0))


def test_what_is_renewed_is_not_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """R-22: what goes is what came longest ago, so that as few others as possible have to sign in again."""
    monkeypatch.setattr(revocations, "MAX_NAMES", 2)
    news = (("sub-1", 1_000.0), ("sub-2", 1_001.0), ("sub-1", 5_000.0), ("sub-3", 5_001.0))
    mirror = revoked(*(Revocation("signed_out", name, moment) for name, moment in news))
    assert [known.name for known in mirror.everything()] == ["sub-1", "sub-3"]
    assert not mirror.refuses(caller(sub="somebody", auth_time=1_002.0))


@pytest.mark.parametrize("kind", ["signed_out", "group_deleted"])
def test_more_than_can_be_told_apart_are_refused_together(
    kind: revocations.Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-22: memory stays bounded, and what is forgotten lets nobody in: older sign-ins of everybody are refused."""
    monkeypatch.setattr(revocations, "MAX_NAMES", 3)
    mirror = revoked(*(Revocation(kind, f"name-{number}", 1_000.0 + number) for number in range(5)))
    assert [known.name for known in mirror.everything()] == ["name-2", "name-3", "name-4"]
    assert mirror.refuses(caller(sub="name-0", groups=("name-0",), auth_time=1_000.0, issued_at=5_000.0))
    assert mirror.refuses(caller(sub="somebody", auth_time=1_001.0, issued_at=5_000.0))
    assert not mirror.refuses(caller(sub="somebody", auth_time=1_002.0, issued_at=5_000.0))
