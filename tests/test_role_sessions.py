"""What a person's session is called and tagged with, and the memory of what was given out."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import sts
from gateway.issued import Issued
from gateway.keypair import KeyPair

TAG = re.compile(r"[\w\s.:/=+@-]{0,256}")  # STS's own pattern; Python's \w is no wider for letters and digits
SESSION = re.compile(r"[A-Za-z0-9_+=,.@-]{2,64}")
NAMES = st.text(st.characters(codec="utf-8"), max_size=140)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("alice@example.com", "alice@example.com"),
        ("Zoë Müller", "Zoë Müller"),
        ("a_b", "a_b"),
        ("a!b", "a=21b"),
        ("a=21b", "a=3D21b"),
        ("Google_1|2", "Google_1=7C2"),
        ("🙂", "=F0=9F=99=82"),
        ("a\nb", "a=0Ab"),
        ("", ""),
    ],
)
def test_a_name_is_a_tag_s_value(name: str, written: str) -> None:
    """What STS does not take is written out, so that the tag tells whom it is about."""
    assert sts.tag_value(name) == written


@given(NAMES, NAMES)
def test_no_two_names_have_one_tag(one: str, other: str) -> None:
    """An IAM policy that goes by `aws:PrincipalTag/username` lets nobody in for having a similar name."""
    assert (sts.tag_value(one) == sts.tag_value(other)) == (one == other)
    assert TAG.fullmatch(sts.tag_value(one))


@given(st.text(st.sampled_from("a!=|😀"), max_size=140), st.text(st.sampled_from("a!=|😀"), max_size=140))
def test_no_two_awkward_names_have_one_tag(one: str, other: str) -> None:
    """The same of names that are written out, and of those that are too long then."""
    assert (sts.tag_value(one) == sts.tag_value(other)) == (one == other)
    assert TAG.fullmatch(sts.tag_value(one * 3))


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=128))
def test_any_sub_names_a_session(sub: str) -> None:
    """A UUID as it is; anything else becomes a name that STS takes."""
    assert SESSION.fullmatch(sts.session_name(sub))
    assert sts.session_name("aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee") == "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"


def pair(ends: float | None) -> KeyPair:
    """Keys that end at `ends`."""
    return KeyPair("ASIATEST", "secret/CANARY", "token/CANARY", ends)


def test_what_was_given_is_given_again_for_80_percent_of_its_life() -> None:
    """Then it is forgotten: who asks next has the better part of a life before it."""
    issued = Issued()
    issued.keep("alice", pair(1100.0), 100.0)
    assert issued.find("alice", 899.9) == pair(1100.0)
    assert issued.find("bob", 200.0) is None
    assert issued.find("alice", 900.0) is None
    assert issued.find("alice", 200.0) is None


def test_the_memory_is_bounded() -> None:
    """R-22: who was given some longest ago is forgotten first."""
    issued = Issued(2)
    for name in ("a", "b", "a", "c"):
        issued.keep(name, pair(1000.0), 0.0)
    assert [issued.find(name, 1.0) is not None for name in "abc"] == [True, False, True]


def test_what_does_not_expire_is_kept() -> None:
    """A life without an end is never 80 % over."""
    issued = Issued()
    issued.keep("a", pair(None), 0.0)
    assert issued.find("a", 1e12) is not None


def test_nothing_of_it_is_printed() -> None:
    """R-01."""
    issued = Issued()
    issued.keep("a", pair(1.0), 0.0)
    assert "CANARY" not in repr(issued) + repr(issued._kept)
