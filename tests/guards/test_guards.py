"""Every rule of the guards, on facts alone."""

from dataclasses import replace
from typing import Any

import pytest

from gateway import guards, targets
from gateway.assembly import read_policy
from gateway.errors import StepUpNeeded
from gateway.guards import NOBODY, Deed, Rank, rank_of, rank_of_caller, step_up, strongest
from gateway.limits import Limits
from gateway.operations import catalogue
from gateway.policy import Guards, StepUp
from tests.guards.facts import ANY, PRECEDENCES, deed, machine, person, reason, role, subject
from tests.minting import NOW

ON_USERS = sorted(each.name for each in catalogue().by_name.values() if targets.changes_a_user(each))
LADDER = ("root", "admin", "moderator", "user", "guest", None)
"""Groups from the strongest to the weakest; None is no group at all."""


def members(group: str | None) -> tuple[str, ...]:
    """The groups of who is in one, or in none."""
    return () if group is None else (group,)


def test_nought_is_the_strongest_and_no_precedence_is_weaker_than_any() -> None:
    """0, 1, 2, …, then a group without a precedence, then no group."""
    order = [rank_of(0), rank_of(1), rank_of(2**31 - 1), rank_of(None), NOBODY]
    assert order == sorted(order)
    assert len(set(order)) == len(order)
    assert strongest([None, 7, 3]) == Rank(0, 3)
    assert strongest([]) == NOBODY


@pytest.mark.parametrize("own", LADDER[:-1])
@pytest.mark.parametrize("other", LADDER)
@pytest.mark.parametrize("peers", [False, True])
def test_only_the_weaker_are_acted_on(own: str, other: str | None, *, peers: bool) -> None:
    """R-12: whoever is strictly weaker; with `peers` the equal as well; never the stronger."""
    distance = LADDER.index(other) - LADDER.index(own)
    asked = deed("AdminDisableUser", person(own), subject(*members(other)))
    allowed = distance > 0 or (peers and distance == 0)
    assert reason(asked, role(own, peers=peers)) == (None if allowed else "rank")


@pytest.mark.parametrize("operation", ON_USERS)
def test_every_change_to_a_user_is_ranked(operation: str) -> None:
    """R-12: password, attributes, factors, devices, sessions, sign-in: none of them reaches a stronger user."""
    assert reason(deed(operation, person("moderator"), subject("admin"))) == "rank"
    assert reason(deed(operation, person("moderator"), subject("user"))) is None


def test_linking_another_provider_takes_an_account_over() -> None:
    """Takeover: who is linked to an account signs in to it; a role must name `identities`, "any" is not enough."""
    asked = deed("AdminLinkProviderForUser", person("moderator"), subject("user"))
    assert reason(asked, role("moderator", limits=Limits(attributes=ANY))) == "takeover:identities"
    assert reason(asked, role("moderator", limits=Limits(attributes=frozenset({"identities"})))) is None


def test_the_strongest_of_a_users_groups_counts() -> None:
    """R-12: a weak group beside a strong one makes nobody weak."""
    assert reason(deed("AdminDisableUser", person("moderator"), subject("guest", "user", "admin"))) == "rank"


def test_groups_of_the_same_precedence_are_equal() -> None:
    """Ties: `owner` and `admin` are both 1, and neither is weaker."""
    asked = deed("AdminDisableUser", person("admin"), subject("owner"))
    assert reason(asked, role("admin")) == "rank"
    assert reason(asked, role("admin", peers=True)) is None


def test_a_caller_is_as_strong_as_the_role_that_lets_it() -> None:
    """An admin who is let by the moderators' role acts with the moderators' rank."""
    both = person("admin", "moderator")
    assert reason(deed("AdminDisableUser", both, subject("moderator")), role("moderator")) == "rank"
    assert reason(deed("AdminDisableUser", both, subject("moderator")), role("admin")) is None
    assert reason(deed("AdminDisableUser", both, subject("moderator")), role("moderator", "admin")) is None


def test_a_group_that_the_pool_does_not_have_gives_no_rank() -> None:
    """A token may name a group that is gone: it acts on nobody, not even on who is in no group."""
    assert rank_of_caller(person("gone"), role("gone"), PRECEDENCES) is None
    assert reason(deed("AdminDisableUser", person("gone"), subject())) == "rank"


def test_a_machine_acts_with_its_roles_precedence_or_on_nobody() -> None:
    """A machine without a precedence of its role changes nobody; with one it is ranked like people."""
    assert reason(deed("AdminDisableUser", machine(), subject()), role()) == "rank"
    assert reason(deed("AdminDisableUser", machine(), subject("user")), role(precedence=5)) is None
    assert reason(deed("AdminDisableUser", machine(), subject("moderator")), role(precedence=5)) == "rank"
    assert reason(deed("AdminDisableUser", machine(), subject("moderator")), role(precedence=5, peers=True)) is None
    assert reason(deed("AdminDisableUser", machine(), subject("admin")), role(precedence=5, peers=True)) == "rank"
    assert reason(deed("AdminCreateUser", machine()), role()) == "rank"


def test_a_person_does_not_borrow_a_machines_precedence() -> None:
    """`precedence` of a role is its machines'."""
    assert reason(deed("AdminDisableUser", person("user"), subject("moderator")), role("user", precedence=0)) == "rank"


@pytest.mark.parametrize("operation", ["AdminAddUserToGroup", "AdminRemoveUserFromGroup"])
@pytest.mark.parametrize(
    ("group", "peers", "why"),
    [
        ("user", False, None), ("guest", False, None), ("moderator", False, "rank"), ("moderator", True, None),
        ("admin", False, "rank"), ("admin", True, "rank"), ("root", True, "rank"),
    ],
)  # fmt: skip
def test_a_group_is_granted_and_revoked_by_who_is_stronger(
    operation: str,
    group: str,
    why: str | None,
    *,
    peers: bool,
) -> None:
    """Nobody grants or revokes a group at or above its own, also where the user is weak; equal only with `peers`."""
    asked = deed(operation, person("moderator"), subject("user"), GroupName=group)
    assert reason(asked, role("moderator", peers=peers)) == why


def test_adding_oneself_is_granting_too() -> None:
    """Acting on oneself is no matter of rank, but the group is."""
    own = subject("moderator", sub="sub-of-caller")
    for group, why in (("admin", "rank"), ("moderator", "rank"), ("user", None)):
        assert reason(deed("AdminAddUserToGroup", person("moderator"), own, GroupName=group)) == why


GAMES: dict[str, tuple[str, dict[str, Any], str | None]] = {
    "a stronger group": ("CreateGroup", {"GroupName": "new", "Precedence": 0}, "rank"),
    "one as strong": ("CreateGroup", {"GroupName": "new", "Precedence": 5}, "rank"),
    "a weaker one": ("CreateGroup", {"GroupName": "new", "Precedence": 6}, None),
    "one without precedence": ("CreateGroup", {"GroupName": "new"}, None),
    "the name of a stronger one": ("CreateGroup", {"GroupName": "admin", "Precedence": 9}, "rank"),
    "a weak one made strong": ("UpdateGroup", {"GroupName": "user", "Precedence": 0}, "rank"),
    "a weak one made equal": ("UpdateGroup", {"GroupName": "user", "Precedence": 5}, "rank"),
    "a weak one made less weak": ("UpdateGroup", {"GroupName": "user", "Precedence": 6}, None),
    "an unranked one made strong": ("UpdateGroup", {"GroupName": "guest", "Precedence": 4}, "rank"),
    "a strong one made weak": ("UpdateGroup", {"GroupName": "admin", "Precedence": 100}, "rank"),
    "a strong one described": ("UpdateGroup", {"GroupName": "admin", "Description": "x"}, "rank"),
    "the own one made stronger": ("UpdateGroup", {"GroupName": "moderator", "Precedence": 0}, "rank"),
    "a strong one deleted": ("DeleteGroup", {"GroupName": "admin"}, "rank"),
    "a weak one deleted": ("DeleteGroup", {"GroupName": "user"}, None),
}


@pytest.mark.parametrize("game", GAMES)
def test_no_group_is_made_moved_or_deleted_at_or_above_the_own(game: str) -> None:
    """A group stronger than one's own can be neither made, nor joined after it was made strong, nor got rid of."""
    operation, body, why = GAMES[game]
    assert reason(deed(operation, person("moderator"), **body)) == why


def test_peers_may_move_groups_up_to_their_own_rank() -> None:
    """With `peers` the own rank may be given to a group, a stronger one not."""
    peers = role("moderator", peers=True)
    for precedence, why in ((4, "rank"), (5, None), (6, None)):
        asked = deed("UpdateGroup", person("moderator"), GroupName="user", Precedence=precedence)
        assert reason(asked, peers) == why


@pytest.mark.parametrize("operation", sorted(guards.LOCK_OUT))
def test_nobody_disables_deletes_or_demotes_itself(operation: str) -> None:
    """It is compared who it is, not how it is called; peers or not; a namesake is somebody else."""
    strong, own = role("admin", peers=True), subject("admin", sub="sub-of-caller")
    assert reason(deed(operation, person("admin"), own, GroupName="user"), strong) == "self-lockout"
    assert reason(deed(operation, person("admin"), replace(own, sub="another"), GroupName="user"), strong) is None
    off = Guards(self_lockout=False)
    assert reason(deed(operation, person("admin"), own, GroupName="user"), strong, guards=off) is None


def test_a_machine_is_no_user() -> None:
    """A client's id that equals a user's `sub` makes the machine not that user."""
    own = subject("user", sub="client")
    assert reason(deed("AdminDisableUser", machine(), own), role(precedence=5)) is None


@pytest.mark.parametrize(
    ("operation", "body", "why"),
    [
        ("DeleteGroup", {"GroupName": "admin"}, "self-lockout"),
        ("DeleteGroup", {"GroupName": "owner"}, None),
        ("UpdateGroup", {"GroupName": "admin", "Precedence": 2}, "self-lockout"),
        ("UpdateGroup", {"GroupName": "owner", "Precedence": 2}, None),
        ("UpdateGroup", {"GroupName": "admin", "Precedence": 1}, None),
        ("UpdateGroup", {"GroupName": "admin", "Description": "x"}, None),
    ],
)
def test_nobody_demotes_itself_by_way_of_its_group(operation: str, body: dict[str, Any], why: str | None) -> None:
    """The own group is neither deleted nor made weaker, which would demote its members with the caller."""
    assert reason(deed(operation, person("admin"), **body), role("admin", peers=True)) == why


def test_without_the_rank_guard_the_own_group_is_still_kept() -> None:
    """Each guard stands alone: with `rank = false` an admin still does not make its own group weaker."""
    asked = deed("UpdateGroup", person("admin"), GroupName="admin", Precedence=9)
    assert reason(asked, guards=Guards(rank=False)) == "self-lockout"


def test_the_last_admin_stays() -> None:
    """Whoever would leave nobody enabled in the strongest group is refused, unless the guard is off."""
    asked = deed("AdminDisableUser", person("admin"), subject("owner"), last=True)
    assert reason(asked, role("admin", peers=True)) == "last-admin"
    assert reason(asked, role("admin", peers=True), guards=Guards(last_admin=False)) is None


def test_the_strongest_groups_are_the_pools_and_the_policys() -> None:
    """All of the strongest precedence together; and of those that roles name, where that is another set."""
    assert guards.strongest_groups(PRECEDENCES, []) == (frozenset({"root"}),)
    assert guards.strongest_groups(PRECEDENCES, ["root", "user"]) == (frozenset({"root"}),)
    assert guards.strongest_groups(PRECEDENCES, ["user", "owner", "admin", "gone"]) == (
        frozenset({"root"}),
        frozenset({"admin", "owner"}),
    )
    assert guards.strongest_groups({"a": None, "b": None}, ["b"]) == (frozenset({"a", "b"}), frozenset({"b"}))
    assert guards.strongest_groups({}, ["gone"]) == ()


@pytest.mark.parametrize(
    ("operation", "groups", "body", "leaving"),
    [
        ("AdminDisableUser", ("admin",), {}, True),
        ("AdminDeleteUser", ("admin", "user"), {}, True),
        ("AdminDisableUser", ("user",), {}, False),
        ("AdminRemoveUserFromGroup", ("admin",), {"GroupName": "admin"}, True),
        ("AdminRemoveUserFromGroup", ("admin", "user"), {"GroupName": "user"}, False),
        ("AdminRemoveUserFromGroup", ("admin", "owner"), {"GroupName": "admin"}, False),
        ("AdminSetUserPassword", ("admin",), {}, False),
    ],
)
def test_who_leaves_the_strongest_groups(
    operation: str,
    groups: tuple[str, ...],
    body: dict[str, Any],
    *,
    leaving: bool,
) -> None:
    """Disabled, deleted, or taken out of the only one of them; not who stays in another as strong."""
    top = frozenset({"admin", "owner"})
    assert guards.leaves(deed(operation, person("root"), subject(*groups), **body), top) == leaving
    assert not guards.leaves(deed(operation, person("root"), subject(*groups, enabled=False), **body), top)


TAKING: dict[str, tuple[str, dict[str, Any]]] = {
    "set": ("AdminUpdateUserAttributes", {"UserAttributes": [{"Name": "name"}, {"Name": "email"}]}),
    "deleted": ("AdminDeleteUserAttributes", {"UserAttributeNames": ["email"]}),
    "given in a challenge": ("AdminRespondToAuthChallenge", {"ChallengeResponses": {"userAttributes.email": "x"}}),
    "in a repeated invitation": ("AdminCreateUser", {"MessageAction": "RESEND", "UserAttributes": [{"Name": "email"}]}),
    "in another case": ("AdminUpdateUserAttributes", {"UserAttributes": [{"Name": "EMAIL"}]}),
}


@pytest.mark.parametrize("way", TAKING)
def test_what_a_user_signs_in_by_is_anothers_only_by_name(way: str) -> None:
    """For another's e-mail "any" is not enough, its name in the list is; one's own needs no name."""
    operation, body = TAKING[way]
    asked = deed(operation, person("moderator"), subject("user"), **body)
    assert str(reason(asked)).startswith("takeover:")
    if way != "in another case":
        named = Limits(attributes=frozenset({"any", "email"}))
        assert reason(asked, role("moderator", limits=named)) is None
    assert reason(asked, guards=Guards(takeover=False)) is None
    assert reason(replace(asked, subject=subject("user", sub="sub-of-caller"))) is None


@pytest.mark.parametrize("name", sorted(guards.TAKEOVER))
def test_each_of_the_names_that_a_user_is_known_by_is_guarded(name: str) -> None:
    """The address, its being verified, the telephone, the preferred name: each by itself, and the audit says which."""
    asked = deed("AdminUpdateUserAttributes", person("admin"), subject("user"), UserAttributes=[{"Name": name}])
    assert reason(asked) == f"takeover:{name}"
    others = Limits(attributes=guards.TAKEOVER - {name} | ANY)
    assert reason(asked, role("admin", limits=others)) == f"takeover:{name}"


def test_other_attributes_need_no_name() -> None:
    """For a name or a locale, also of another, "any" is enough."""
    asked = deed("AdminUpdateUserAttributes", person("admin"), subject("user"), UserAttributes=[{"Name": "locale"}])
    assert reason(asked) is None


def test_a_federated_users_password_is_a_matter_of_its_own() -> None:
    """A password would make a second way in beside the provider's: only with `federated_password`, one's own too."""
    asked = deed("AdminSetUserPassword", person("admin"), subject("user", federated=True), Password="x")
    assert reason(asked) == "takeover:federated_password"
    limits = Limits(attributes=ANY, federated_password=True)
    assert reason(asked, role("admin", limits=limits)) is None
    assert reason(replace(asked, operation="AdminDisableUser")) is None
    own = replace(asked, subject=subject("admin", sub="sub-of-caller", federated=True))
    assert reason(own) == "takeover:federated_password"


@pytest.mark.parametrize(
    ("off", "why"), [((), "rank"), (("rank",), "takeover:email"), (("rank", "takeover"), "last-admin")]
)
def test_a_guard_that_is_off_leaves_the_others_on(off: tuple[str, ...], why: str) -> None:
    """The first that refuses names the reason."""
    asked = deed("AdminUpdateUserAttributes", person("user"), subject("admin"), UserAttributes=[{"Name": "email"}])
    found = Guards(**dict.fromkeys(off, False))  # type: ignore[arg-type]  # step_up is not among them
    assert reason(replace(asked, last=True), guards=found) == why


def challenge(wanted: StepUp, **how: Any) -> str | None:
    """The challenge to a caller who signed in so, None where there is none."""
    try:
        step_up(wanted, person("admin", **how), NOW)
    except StepUpNeeded as error:
        return error.challenge
    return None


@pytest.mark.parametrize(
    ("wanted", "how", "enough"),
    [
        (StepUp(max_age_seconds=900), {"auth_time": NOW - 900}, True),
        (StepUp(max_age_seconds=900), {"auth_time": NOW - 901}, False),
        (StepUp(max_age_seconds=900), {"auth_time": 0.0}, False),
        (StepUp(acr="urn:cognito:loa:2"), {"acr": "urn:cognito:loa:2"}, True),
        (StepUp(acr="urn:cognito:loa:2"), {"acr": "urn:cognito:loa:4"}, True),
        (StepUp(acr="urn:cognito:loa:10"), {"acr": "urn:cognito:loa:9"}, False),
        (StepUp(acr="urn:cognito:loa:2"), {"acr": "urn:cognito:loa:1"}, False),
        (StepUp(acr="urn:cognito:loa:2"), {"acr": "urn:cognito:loa:20 "}, False),
        (StepUp(acr="urn:cognito:loa:2"), {}, False),
        (StepUp(acr="gold"), {"acr": "gold"}, True),
        (StepUp(acr="gold"), {"acr": "urn:cognito:loa:4"}, False),
        (StepUp(acr="urn:cognito:loa:1"), {"acr": "gold"}, False),
        (StepUp(amr=frozenset({"mfa"})), {"amr": ("pwd", "mfa")}, True),
        (StepUp(amr=frozenset({"mfa", "hwk"})), {"amr": ("mfa",)}, False),
        (StepUp(max_age_seconds=60, acr="gold"), {"acr": "gold", "auth_time": NOW - 61}, False),
    ],
)
def test_how_and_how_long_ago_a_caller_must_have_signed_in(
    wanted: StepUp,
    how: dict[str, Any],
    *,
    enough: bool,
) -> None:
    """R-13: all that the operation wants, and a token that does not say when has no recent sign-in."""
    assert (challenge(wanted, **how) is None) == enough


def test_the_challenge_says_what_is_wanted() -> None:
    """RFC 9470: a client learns from the header how to ask for the sign-in."""
    told = challenge(StepUp(max_age_seconds=900, acr="urn:cognito:loa:4"), auth_time=NOW - 3600)
    assert told is not None
    assert told.startswith('Bearer error="insufficient_user_authentication"')
    assert 'acr_values="urn:cognito:loa:4"' in told
    assert 'max_age="900"' in told
    assert "acr_values" not in str(challenge(StepUp(max_age_seconds=1), auth_time=0.0))


def reads_of(allow: list[str], switches: str = "", more: str = "") -> frozenset[str]:
    """What the guards of a small policy ask."""
    operations = catalogue().by_name
    text = f'[roles.a]\ngroups = ["a"]\nallow = {allow}\n{more}\n[guards]\n{switches}'
    return guards.reads(read_policy(text), operations)


def test_the_gateways_keys_need_what_the_guards_ask() -> None:
    """The IAM policy holds exactly the questions that the guards of this policy can ask."""
    assert reads_of(["ListUsers", "AdminGetUser"]) == frozenset()
    assert reads_of(["AdminEnableUser"]) == {"AdminGetUser", "AdminListGroupsForUser", "ListGroups"}
    assert reads_of(["AdminDisableUser"]) == {
        "AdminGetUser", "AdminListGroupsForUser", "ListGroups", "ListUsersInGroup",
    }  # fmt: skip
    assert reads_of(["CreateGroup"]) == {"ListGroups"}
    assert reads_of(["DeleteGroup"]) == {"ListGroups", "ListUsersInGroup"}
    assert reads_of(["AdminEnableUser"], "rank = false\nlast_admin = false") == {"AdminGetUser"}
    assert reads_of(["UpdateGroup"], "rank = false\nlast_admin = false") == {"ListGroups"}
    assert reads_of(["ListUsers"], more="fresh = true") == {"AdminGetUser", "AdminListGroupsForUser"}
    aws = '[roles.a.aws]\nrole_arn = "arn:aws:iam::123456789012:role/Reports"'
    assert reads_of([], more=f"fresh = true\n{aws}") == {"AdminGetUser", "AdminListGroupsForUser"}
    assert reads_of([], more=aws) == frozenset()


def test_a_deed_knows_its_group_and_whether_it_is_on_oneself() -> None:
    """What is no text is no group; nobody acts on itself where nobody is acted on."""
    assert Deed("X", {"GroupName": ["admin"]}, person(), None, {}).group is None
    assert not Deed("X", {}, person(), None, {}).on_self
    assert Deed("X", {}, person(), subject(sub="sub-of-caller"), {}).on_self
