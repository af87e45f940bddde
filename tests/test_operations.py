"""The catalogue against the botocore it was made from, and against what botocore accepts and sends."""

import json
import pathlib
import re
import tomllib
from typing import Any

import botocore.model
from botocore.exceptions import ParamValidationError
from botocore.loaders import Loader
from botocore.serialize import create_serializer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.body import parse
from gateway.errors import InvalidRequest
from gateway.operations import IDENTITY_POOLS, USER_POOLS, Operation, Paging, catalogue, check
from gateway.shapes import Shape

ROOT = pathlib.Path(__file__).resolve().parents[1]
REPLACED = tomllib.loads((ROOT / "scripts" / "catalogue.toml").read_text("utf-8"))["patterns"]
MODELS = {
    name: botocore.model.ServiceModel(Loader().load_service_model(name, "service-2"), name)
    for name in (USER_POOLS, IDENTITY_POOLS)
}
ADMIN = (
    "AdminSetUserPassword", "AdminResetUserPassword", "AdminDisableUser", "AdminEnableUser",
    "AdminUpdateUserAttributes", "AdminConfirmSignUp", "AdminGetUser", "ListUsers", "AdminListGroupsForUser",
    "AdminAddUserToGroup", "AdminRemoveUserFromGroup", "ListUsersInGroup",
)  # fmt: skip


def same(ours: Shape, theirs: botocore.model.Shape) -> None:
    """Assert that a shape says what botocore's says, all the way down."""
    document = getattr(theirs, "is_document_type", False)
    assert ours.type == ("document" if document else theirs.type_name), theirs.name
    assert (ours.low, ours.high) == (theirs.metadata.get("min"), theirs.metadata.get("max")), theirs.name
    assert list(ours.enum) == theirs.metadata.get("enum", []), theirs.name
    assert ours.sensitive or not theirs.metadata.get("sensitive"), theirs.name
    pattern = theirs.metadata.get("pattern")
    assert bool(pattern) == bool(ours.pattern), theirs.name
    if pattern and r"\p" not in pattern and theirs.name not in REPLACED:
        assert ours.pattern == pattern, theirs.name
    if theirs.type_name == "structure" and not document:
        assert ours.members.keys() == theirs.members.keys(), theirs.name
        assert ours.required == set(theirs.required_members), theirs.name
        for name, member in theirs.members.items():
            same(ours.members[name], member)
    elif theirs.type_name in {"list", "map"}:
        assert ours.element is not None
        same(ours.element, theirs.member if theirs.type_name == "list" else theirs.value)
        if theirs.type_name == "map":
            assert ours.key is not None
            same(ours.key, theirs.key)


def test_the_catalogue_is_all_of_the_model() -> None:
    """Every operation, member, bound and requirement of AWS's model is known, and none besides. R-08, R-10."""
    everything = catalogue().by_target
    assert len(everything) == sum(len(model.operation_names) for model in MODELS.values()) == 164
    for service, model in MODELS.items():
        for name in model.operation_names:
            theirs = model.operation_model(name)
            ours = everything[f"{model.metadata['targetPrefix']}.{name}".encode()]
            assert (ours.name, ours.service, ours.target.encode()) == (
                name,
                service,
                f"{model.metadata['targetPrefix']}.{name}".encode(),
            )
            assert ours.signed == (theirs.auth_type != "none"), name
            assert ours.iam_action == f"{service}:{name}"
            assert ours.members.keys() == theirs.input_shape.members.keys()
            same(Shape("Input", "structure", members=ours.members, required=ours.required), theirs.input_shape)
    assert sum(not operation.signed for operation in everything.values()) == 38


def test_targets_are_whole_names_and_shared_names_are_the_user_pools() -> None:
    """A name in a policy always means the user pools' operation where both services use it. R-08."""
    ours = catalogue()
    assert ours is catalogue()
    assert ours.by_target[b"AWSCognitoIdentityProviderService.ListUsers"] is ours.by_name["ListUsers"]
    assert ours.by_target[b"AWSCognitoIdentityService.GetId"] is ours.by_name["GetId"]
    assert b"ListUsers" not in ours.by_target
    shadowed = {
        operation.name for operation in ours.by_target.values() if ours.by_name[operation.name] is not operation
    }
    assert shadowed == {"TagResource", "UntagResource", "ListTagsForResource"}
    assert {ours.by_name[name].service for name in shadowed} == {USER_POOLS}


def test_what_only_reads_is_known_by_name() -> None:
    """A call that reads may be sent twice and needs one audit line; nothing else counts as one. R-18, R-20."""
    reads = {operation.name for operation in catalogue().by_target.values() if not operation.mutates}
    assert {
        "AdminGetUser",
        "ListUsers",
        "GetUser",
        "DescribeUserPool",
        "AdminListGroupsForUser",
        "LookupDeveloperIdentity",
    } <= reads
    assert {name for name in reads if not re.match("(Admin)?(Get|List|Describe)", name)} == {"LookupDeveloperIdentity"}
    writes = {"GetUserAttributeVerificationCode", "GetTokensFromRefreshToken", "GetId", "InitiateAuth", "GlobalSignOut"}
    assert not writes & reads
    assert [name for name in ADMIN if name in reads] == [
        "AdminGetUser",
        "ListUsers",
        "AdminListGroupsForUser",
        "ListUsersInGroup",
    ]


def test_secrets_are_sensitive_in_every_operation_that_takes_them() -> None:
    """Members that must not be written anywhere are known, also those that AWS's model forgets. R-01."""
    secret = {
        "AccessToken", "AuthParameters", "ChallengeResponses", "ClientMetadata", "ClientSecret", "Code",
        "ConfirmationCode", "Credential", "Filter", "Logins", "Password", "PasswordVerifier", "PreviousPassword",
        "ProposedPassword", "ProviderDetails", "RefreshToken", "SecretHash", "Session", "TemporaryPassword", "Token",
        "UserCode", "Username",
    }  # fmt: skip
    for operation in catalogue().by_target.values():
        assert operation.members.keys() & secret <= operation.sensitive, operation.name
    by_name = catalogue().by_name
    assert {"PASSWORD", "REFRESH_TOKEN", "SECRET_HASH"} <= by_name["AdminInitiateAuth"].sensitive
    assert {"NEW_PASSWORD", "SOFTWARE_TOKEN_MFA_CODE"} <= by_name["RespondToAuthChallenge"].sensitive
    assert "Value" in by_name["AdminUpdateUserAttributes"].sensitive
    assert "PasswordVerifier" in by_name["ConfirmDevice"].sensitive
    assert by_name["ListGroups"].sensitive == frozenset()


def test_pools_pages_and_quotas_are_known() -> None:
    """Where a pool is filled in, how a list goes on and which of AWS's limits a call counts for. R-11."""
    by_name = catalogue().by_name
    assert (by_name["ListUsers"].takes_pool, by_name["ListUsers"].takes_identity_pool) == (True, False)
    assert (by_name["GetId"].takes_pool, by_name["GetId"].takes_identity_pool) == (False, True)
    assert (by_name["GetUser"].takes_pool, by_name["GetUser"].takes_identity_pool) == (False, False)
    assert by_name["ListUsers"].paging == Paging("PaginationToken", "PaginationToken", "Limit")
    assert by_name["ListGroups"].paging == Paging("NextToken", "NextToken", "Limit")
    assert by_name["ListUserSessions"].paging == Paging("NextToken", "NextToken", None)
    assert by_name["AdminGetUser"].paging is None
    assert by_name["AdminGetUser"].quota == "UserRead"
    assert by_name["AdminUserGlobalSignOut"].quota == "UserUpdate"
    assert by_name["DeleteGroup"].quota == "UserPoolResourceUpdate"
    assert by_name["SignUp"].quota is None
    assert sum(operation.quota is not None for operation in catalogue().by_target.values()) == 21


def test_every_pattern_compiles_without_a_warning() -> None:
    """No first call of an operation fails because a pattern was never tried; `error` is the filter of these tests."""
    for operation in catalogue().by_target.values():
        for shape in below(operation.shape):
            assert shape.pattern is None or re.compile(shape.pattern, re.ASCII)


def below(shape: Shape) -> list[Shape]:
    """A shape and all shapes within it."""
    inner = [*shape.members.values(), *(part for part in (shape.element, shape.key) if part is not None)]
    return [shape, *(found for part in inner for found in below(part))]


def reason_of(operation: Operation, body: bytes) -> str | None:
    """Why a body is refused, whether that was raised or returned."""
    try:
        refusal = check(operation, parse(body))
    except InvalidRequest as error:
        return error.reason
    return None if refusal is None else refusal.reason


WORDS = {  # by the shape's name: what its pattern takes
    "UserPoolIdType": st.from_regex(r"[a-z]{2}-[a-z]{1,9}-[0-9]_[0-9a-zA-Z]{1,9}", fullmatch=True),
    "UsernameType": st.text(st.characters(categories=["L", "M", "N", "P", "S"]), min_size=1, max_size=128),
    "GroupNameType": st.text(st.characters(categories=["L", "M", "N", "P", "S"]), min_size=1, max_size=128),
    "AttributeNameType": st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=32),
    "PasswordType": st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=256),
    "PaginationKey": st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1),
    "PaginationKeyType": st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1),
    "SearchPaginationTokenType": st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1),
}


def values(shape: botocore.model.Shape, *, sloppy: bool) -> st.SearchStrategy[Any]:
    """Values of a botocore shape: within all bounds, or sloppy: of any size, now and then of another type."""
    bounds: dict[str, Any] = {"min_size": shape.metadata.get("min", 0), "max_size": shape.metadata.get("max")}
    bounds = {} if sloppy else bounds
    if shape.type_name == "structure":
        required = {name: values(shape.members[name], sloppy=sloppy) for name in shape.required_members}
        others = {name: values(member, sloppy=sloppy) for name, member in shape.members.items() if name not in required}
        found: st.SearchStrategy[Any] = st.fixed_dictionaries(required, optional=others)
        strange = st.fixed_dictionaries({}, optional={**required, **others, "Unknown": st.just("x")})
        return found | strange if sloppy else found
    if shape.type_name == "list":
        found = st.lists(values(shape.member, sloppy=sloppy), **bounds)
    elif shape.type_name == "map":
        found = st.dictionaries(values(shape.key, sloppy=False), values(shape.value, sloppy=sloppy), **bounds)
    elif shape.type_name == "boolean":
        found = st.booleans()
    elif shape.type_name == "integer":
        limits = {} if sloppy else {"min_value": shape.metadata.get("min"), "max_value": shape.metadata.get("max")}
        found = st.integers(**limits)
    else:
        found = st.text(**bounds) if sloppy or shape.name not in WORDS else WORDS[shape.name]
    # Not a boolean where a number is due: botocore, being Python, takes it, and we do not.
    return found | st.sampled_from([None, 1.5, [], {}, [1], "", "x"]) if sloppy else found


@st.composite
def requests(draw: st.DrawFn, *, sloppy: bool) -> tuple[Operation, botocore.model.OperationModel, dict[str, Any]]:
    """One of the twelve operations of the least-privilege policy, as ours, as botocore's, and parameters for it."""
    name = draw(st.sampled_from(ADMIN))
    theirs = MODELS[USER_POOLS].operation_model(name)
    parameters = draw(values(theirs.input_shape, sloppy=sloppy).filter(lambda value: isinstance(value, dict)))
    return catalogue().by_name[name], theirs, parameters


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(requests(sloppy=False))
def test_what_an_sdk_sends_is_accepted_as_it_is(
    request: tuple[Operation, botocore.model.OperationModel, dict[str, Any]],
) -> None:
    """Parameters within AWS's bounds, written by botocore's own serialiser, are read unchanged and right. R-10."""
    ours, theirs, parameters = request
    body = create_serializer("json").serialize_to_request(parameters, theirs)["body"]
    assert parse(body) == parameters
    assert check(ours, parse(body)) is None


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(requests(sloppy=True))
def test_what_botocore_refuses_is_refused_and_what_it_accepts_has_the_right_form(
    request: tuple[Operation, botocore.model.OperationModel, dict[str, Any]],
) -> None:
    """The gateway is neither laxer nor stricter than the SDK on types and names. R-10."""
    ours, theirs, parameters = request
    try:
        body = create_serializer("json").serialize_to_request(parameters, theirs)["body"]
    except ParamValidationError:
        assert reason_of(ours, json.dumps(parameters).encode()) is not None
    else:
        assert reason_of(ours, body) in {None, "member-length", "member-pattern", "member-range", "member-value"}
