"""Attributes as an object: their types, by OpenID Connect and by the pool's schema."""

import asyncio
import json
from typing import TYPE_CHECKING, Any, cast

import pytest

from gateway.api.admin import attributes, filters
from gateway.api.admin.pool_schema import AGAIN_SECONDS, KEPT_SECONDS, PoolSchema
from gateway.errors import InvalidRequest
from gateway.operations import catalogue
from gateway.relay import Reply
from gateway.upstream import Answer, Request
from tests.api.crowd import Crowd, person, world_of
from tests.minting import Clock
from tests.world import World, operation_of

if TYPE_CHECKING:
    from gateway.door import Door

TYPES = {"custom:n": "Number", "custom:b": "Boolean", "custom:d": "DateTime", "custom:s": "String"}


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("email_verified", "true", True),
        ("phone_number_verified", "False", False),
        ("email_verified", "perhaps", "perhaps"),
        ("updated_at", "1763715600", 1763715600),
        ("updated_at", "yesterday", "yesterday"),
        ("custom:n", "-1.5", -1.5),
        ("custom:n", "007", "007"),
        ("custom:n", "9007199254740993", "9007199254740993"),  # a browser would make another number of it
        ("custom:n", "1e5", "1e5"),
        ("custom:n", "", ""),
        ("custom:b", "true", True),
        ("custom:d", "2026-01-01", "2026-01-01"),
        ("custom:s", "5", "5"),
        ("custom:unknown", "5", "5"),
        ("name", "true", "true"),
    ],
)
def test_a_text_is_shown_by_its_type(name: str, text: str, value: Any) -> None:
    """And as it is where it is not of its type, or a number would not survive."""
    shown = attributes.shown({"sub": "s", name: text}, TYPES)
    assert shown == {name: value}
    assert type(shown[name]) is type(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("x", "x"),
        ("", ""),
        (True, "true"),
        (False, "false"),
        (5, "5"),
        (5.0, "5"),
        (-1.25, "-1.25"),
        (1e21, f"{10**21}"),
        (1e-7, "0.0000001"),
    ],
)
def test_a_value_is_written_as_cognito_s_text(value: Any, text: str) -> None:
    """Numbers without an exponent, booleans in lower case."""
    assert attributes.changes({"custom:x": value}) == ([{"Name": "custom:x", "Value": text}], [])


def test_null_deletes() -> None:
    """Apart from what is set."""
    assert attributes.changes({"a": None, "b": "c"}) == ([{"Name": "b", "Value": "c"}], ["a"])


@pytest.mark.parametrize("name", ["<script>", "a" * 32, "x y"])
def test_an_odd_name_is_not_repeated_in_a_message(name: str) -> None:
    """Only what looks like a name is told."""
    with pytest.raises(InvalidRequest) as refused:
        attributes.changes({name: []})
    assert (name in refused.value.message) == (name == "a" * 32)


def test_a_clause_finds_whom_cognito_s_filter_would_find() -> None:
    """In any case, but for user names; never by an attribute that is not there."""
    ann = person("Ann", email="Ann@Example.com", status="UNCONFIRMED", enabled=False)
    for text, fits in (
        ("email=ann@example.COM", True),
        ("email^=ANN@", True),
        ("email=ann", False),
        ("username=ann", False),
        ("username^=An", True),
        ("name=Ann", False),
        ("status=Disabled", True),
        ("cognito:user_status=unconfirmed", True),
        (f"sub={ann['Attributes'][0]['Value']}", True),
    ):
        assert filters.clause(text).fits(ann) is fits, text


def described(crowd: Crowd) -> int:
    """How often the pool was described."""
    return [operation for operation, _ in crowd.asked].count("DescribeUserPool")


async def read(world: World) -> Any:
    """The attributes of Ann."""
    token = world.token("admin", exp=world.clock() + 60)
    return (await world.rest("GET", "/admin/users/ann", None, token)).json["attributes"]


async def test_the_pool_s_schema_types_custom_attributes_and_is_read_once_an_hour() -> None:
    """By the gateway for itself: no line of a caller's."""
    crowd = Crowd([person("ann", custom__n="5", custom__b="true")], schema=TYPES)
    world = world_of(crowd)
    for _ in range(3):
        assert await read(world) == {"custom:n": 5, "custom:b": True}
    assert described(crowd) == 1
    assert {entry["operation"] for entry in world.entries} == {"AdminGetUser"}
    world.clock.tick(KEPT_SECONDS)
    crowd.schema = None  # it fails now: what was known is still better
    assert await read(world) == {"custom:n": 5, "custom:b": True}
    assert described(crowd) == 2


async def test_without_the_schema_values_are_text() -> None:
    """A failure is not an error, and not asked again at once; nor does it hide anybody."""
    crowd = Crowd([person("ann", custom__n="5")])
    world = world_of(crowd)
    assert await read(world) == {"custom:n": "5"}
    assert await read(world) == {"custom:n": "5"}
    assert described(crowd) == 1
    crowd.schema = TYPES
    world.clock.tick(AGAIN_SECONDS)
    assert await read(world) == {"custom:n": 5}


async def test_where_no_role_may_describe_the_pool_it_is_not_asked() -> None:
    """The gateway's own keys may not either."""
    crowd = Crowd([person("ann", custom__n="5")], schema=TYPES)
    world = World('[roles.admin]\ngroups = ["admin"]\nallow = ["AdminGetUser"]')
    world.cognito.script = crowd
    assert await read(world) == {"custom:n": "5"}
    assert not described(crowd)


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"UserPool": {"SchemaAttributes": [5]}}', b'{"UserPool": []}', b"{"])
async def test_an_odd_description_is_none(body: bytes) -> None:
    """Whatever Cognito says, users are shown."""
    crowd = Crowd([person("ann", custom__n="5")])
    world = world_of(crowd)

    def odd(request: Request) -> Answer:
        if operation_of(request) == "DescribeUserPool":
            return Answer(200, {"content-type": "application/x-amz-json-1.1"}, body)
        return crowd(request)

    world.cognito.script = odd
    assert await read(world) == {"custom:n": "5"}


class Slow:
    """A door that answers when it is told to."""

    def __init__(self) -> None:
        """Nobody has asked yet."""
        self.asked = 0
        self.go = asyncio.Event()

    async def carry(self, *_given: object, **_named: object) -> Reply:
        """Count, wait, answer."""
        self.asked += 1
        await self.go.wait()
        listed = [{"Name": name, "AttributeDataType": type_} for name, type_ in TYPES.items()]
        return Reply(200, json.dumps({"UserPool": {"SchemaAttributes": listed}}).encode())


async def test_a_burst_describes_the_pool_once() -> None:
    """On a cold gateway the first one asks and the others wait, each for itself; not behind one who hangs."""
    door, clock = Slow(), Clock(1000.0)

    async def sleep(_seconds: float) -> None:
        await asyncio.sleep(0)

    schema = PoolSchema(
        catalogue().by_name["DescribeUserPool"],
        door=cast("Door", door),
        user_pool_id="us-east-1_x",
        monotonic=clock,
        sleep=sleep,
    )
    asking = [asyncio.ensure_future(schema.types()) for _ in range(20)]
    for _ in range(5):
        await asyncio.sleep(0)
    assert door.asked == 1
    clock.tick(2.5)
    for _ in range(5):
        await asyncio.sleep(0)
    assert door.asked == 2  # the first one takes too long: another asks
    door.go.set()
    assert await asyncio.gather(*asking) == [TYPES] * 20
    assert door.asked == 2
    clock.tick(KEPT_SECONDS)
    door.go.clear()
    late = asyncio.ensure_future(schema.types())
    await asyncio.sleep(0)
    assert await schema.types() == TYPES  # what is old is given while another asks
    door.go.set()
    assert await late == TYPES
    assert door.asked == 3
