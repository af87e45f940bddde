"""What a caller's body may look like as JSON."""

import copy
import json
import math
import pathlib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.body import MAX_DEPTH, dump, parse
from gateway.errors import InvalidRequest

PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # on a busy machine too
CANARY = "canary-7f3a-value"
SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = st.recursive(
    SCALARS | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=12
)


def refusal(body: bytes) -> InvalidRequest:
    """What `parse` raises for a body; it must raise."""
    with pytest.raises(InvalidRequest) as caught:
        parse(body)
    return caught.value


def reason_of(body: bytes) -> str:
    """Why a body is refused, or "read"; nothing but these two can happen."""
    try:
        assert isinstance(parse(body), dict)
    except InvalidRequest as error:
        return error.reason
    return "read"


@PATIENT
@given(st.dictionaries(st.text(), VALUES))
def test_every_json_object_is_read_as_python_reads_it_and_survives_being_sent(body: dict[str, Any]) -> None:
    """Honest JSON, in whatever language and spelling, is read and sent on without a change. R-10."""
    for spelled in (json.dumps(body), json.dumps(body, ensure_ascii=False, indent=1)):
        assert parse(spelled.encode()) == body
    assert parse(dump(body)) == body
    assert dump(body).isascii()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "body-not-json"),
        (b" ", "body-not-json"),
        (b"{}{}", "body-not-json"),
        (b"{} x", "body-not-json"),
        (b"{'a':1}", "body-not-json"),
        (b'{"a":1,}', "body-not-json"),
        (b'{"a":NaN}', "body-not-json"),
        (b'{"a":Infinity}', "body-not-json"),
        (b'{"a":-Infinity}', "body-not-json"),
        (b'{"a":"\n"}', "body-not-json"),
        (b'{"a":01}', "body-not-json"),
        ('{"a":1\u0662}'.encode(), "body-not-json"),
        (b'\xef\xbb\xbf{"a":1}', "body-not-json"),
        (b'{"a":"\xff"}', "body-not-utf8"),
        (b'{"a":"\xed\xa0\x80"}', "body-not-utf8"),
        (b'{"a":"\xc0\xaf"}', "body-not-utf8"),
        (json.dumps({"a": 1}).encode("utf-16"), "body-not-utf8"),
        (b"[]", "body-not-object"),
        (b"null", "body-not-object"),
        (b'"text"', "body-not-object"),
        (b"17", "body-not-object"),
        (b'{"a":1e999}', "body-number"),
        (b'{"a":-1e999}', "body-number"),
        (b'{"a":' + b"9" * 21 + b"}", "body-number"),
        (b'{"a":' + b"9" * 5000 + b"}", "body-number"),
        (b'{"a":' + b"9" * 5000 + b".5}", "body-number"),
        (b'{"a":"\\ud800"}', "body-surrogate"),
        (b'{"a":["\\udc00"]}', "body-surrogate"),
        (b'{"a":"\\ude00\\ud83d"}', "body-surrogate"),
        (b'{"a":{"\\ud800":1}}', "body-surrogate"),
        (b'{"\\ud800":1}', "body-surrogate"),
        (b'{"a":1,"a":1}', "body-duplicate-member"),
        (b'{"a":1,"\\u0061":2}', "body-duplicate-member"),
        (b'{"b":[{"a":1,"c":2,"a":3}]}', "body-duplicate-member"),
    ],
)
def test_what_two_readers_could_read_differently_is_refused(body: bytes, reason: str) -> None:
    """A body that the gateway and Cognito might understand differently never gets through. R-10."""
    assert refusal(body).reason == reason


def test_a_pair_of_surrogate_escapes_is_one_character() -> None:
    """An emoji may be written as JavaScript's older serialisers write it."""
    assert parse(b'{"Value":"\\ud83d\\ude00"}') == {"Value": "\U0001f600"}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"Username":"x","Username":"y"}', "Member 'Username' stands twice in the body."),
        (b'{"Username":"\\ud800"}', "Member 'Username' holds half of a surrogate pair."),
        (b'{"canary-7f3a-value":1,"canary-7f3a-value":2}', "A member stands twice in the body."),
        (b'{"canary-7f3a-value":"\\ud800"}', "A member holds half of a surrogate pair."),
    ],
)
def test_the_refusal_names_the_member_if_it_looks_like_one(body: bytes, message: str) -> None:
    """A developer is told which member is wrong; free text in the place of a name is not repeated. R-10, R-01."""
    assert refusal(body).message == message
    assert refusal(body).member == ("Username" if "'Username'" in message else None)


@pytest.mark.parametrize(
    ("body", "member"),
    [
        (b'{"a":{"b":1,"b":2}}', "a.b"),
        (b'{"a":[1,{"b":1},{"b":[[{"c":1,"c":2}]]}]}', "a[2].b[0][0].c"),
        (b'{"a b":{"c":1,"c":2}}', None),
        (b'[{"c":1,"c":2}]', None),
        (b'{"c":1,"c":2} x', None),
        (b'{"x":"' + b"y" * 20_000 + b'","c":1,"c":2}', None),
    ],
)
def test_a_refusal_names_the_whole_path_or_nothing(body: bytes, member: str | None) -> None:
    """A form marks the field that is wrong and no other of the same name. R-10, R-16."""
    found = refusal(body)
    assert (found.reason, found.member) == ("body-duplicate-member", member)
    assert found.__context__ is None


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_depth_is_counted_and_a_hundred_thousand_levels_are_one_clean_refusal(opening: bytes) -> None:
    """Deep nesting neither crashes the gateway nor gets through. R-10, R-16."""
    closing = {b"[": b"]", b'{"a":': b"}"}[opening]

    def nested(levels: int) -> bytes:
        return b'{"a":' + opening * (levels - 1) + b"1" + closing * (levels - 1) + b"}"

    assert parse(nested(MAX_DEPTH))
    assert refusal(nested(MAX_DEPTH + 1)).reason == "body-too-deep"
    assert refusal(nested(100_000)).reason == "body-too-deep"
    assert refusal(opening * 100_000).reason == "body-too-deep"


def test_brackets_within_strings_and_beside_each_other_are_not_depth() -> None:
    """A password of brackets, or a list of a hundred attributes, is not nesting."""
    body = {"a": '[{"\\' * 100, "b": [[], {}] * 100, "c\\\\": "]" * 50}
    assert parse(json.dumps(body).encode()) == body


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":' + b'"\\"' * 20_000,
        b'"\\' * 32_000,
        b'{"a":"' + b"\\" * 60_000,
        b"[" * 40 + b'"' * 60_000,
        b"{" + b",".join(b'"%d":1' % number for number in range(8_000)) + b',"7999":1}',
    ],
)
def test_hostile_bodies_come_to_an_end(body: bytes) -> None:
    """No body of 64 KiB keeps the gateway busy: unclosed strings and thousands of names are read once. R-16."""
    assert refusal(body)


@PATIENT
@given(st.binary())
def test_no_bytes_make_parse_fail_otherwise(body: bytes) -> None:
    """Whatever arrives is an object or a refusal, never a crash. R-10."""
    assert reason_of(body)


@PATIENT
@given(st.dictionaries(st.just("Username"), st.text(), min_size=1), st.integers(0, 60), st.binary(max_size=3))
def test_damaged_bodies_make_parse_fail_no_otherwise(body: dict[str, Any], at: int, damage: bytes) -> None:
    """A body that was cut or overwritten on its way is an object or a refusal. R-10."""
    whole = json.dumps(body).encode()
    for damaged in (whole[:at], whole[:at] + damage + whole[at:], whole[:at] + damage + whole[at + len(damage) :]):
        assert reason_of(damaged)


@pytest.mark.parametrize(
    "broken",
    [b'{"a":"%s', b'{"a":"%s"}}', b'{"a":"%s\xff"}', b'{"a":"%s","b":"\\ud800"}', b'["%s"]', b'{"a":"%s","a":1}'],
)
def test_a_refusal_holds_nothing_of_the_body(broken: bytes) -> None:
    """Neither the message nor the chain of exceptions carries a value, so that no log can. R-01."""
    error = refusal(broken % CANARY.encode())
    assert error.__context__ is None
    assert error.__cause__ is None
    assert CANARY not in f"{error!r} {error.message} {error.reason}"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_json_is_never_sent(value: float) -> None:
    """The gateway itself cannot send NaN or Infinity, which some readers take and others do not. R-10."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        dump({"Limit": value})


def test_json_test_suite(vectors: pathlib.Path) -> None:
    """All 283 documents of JSONTestSuite: invalid JSON is refused, valid JSON only for a reason of our own. R-10."""
    files = sorted((vectors / "json" / "JSONTestSuite").glob("*.json"))
    assert len(files) == 283
    own_reasons = {"body-not-object", "body-duplicate-member", "body-surrogate", "body-number"}
    for file in files:
        document = file.read_bytes()
        for body in (document, b'{"a":' + document + b"}"):
            reason = reason_of(body)
            if file.name[0] == "n":
                assert reason != "read", file.name
            else:
                assert reason in own_reasons or parse(body) == json.loads(body), file.name


def test_valid_documents_of_the_suite_are_accepted_as_members(vectors: pathlib.Path) -> None:
    """Of the 95 valid documents only those with duplicates or half surrogate pairs are refused. R-10."""
    files = sorted((vectors / "json" / "JSONTestSuite").glob("y_*.json"))
    reasons = {file.stem: reason_of(b'{"a":' + file.read_bytes() + b"}") for file in files}
    refused = {name: reason for name, reason in reasons.items() if reason != "read"}
    assert set(refused.values()) <= {"body-duplicate-member", "body-surrogate", "body-number"}, refused
    assert len(refused) < 5, refused


def test_parsing_gives_plain_types_that_nobody_else_holds() -> None:
    """What is judged can be copied and changed (a pool filled in) without changing anything else."""
    body = parse(b'{"a":{"b":[1,2.5,true,null,"x"]}}')
    kept = copy.deepcopy(body)
    body["a"]["b"].append(1)
    assert parse(b'{"a":{"b":[1,2.5,true,null,"x"]}}') == kept
