"""Hundreds of hostile tokens over the wire, by every way in: which reach Cognito, which are refused, and what is said.

The tokens are good at a time that is over, and signed by keys that nobody has any more: the gateway is told that it is
that time, always, and that these are its pool's keys. The verdicts are those of `tests/test_tokens_through_app.py`,
where the same tokens go through a gateway in memory.
"""

import pathlib
import shutil
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests import test_tokens_through_app as verdicts
from tests import token_vectors
from tests.blackbox import rest, wire
from tests.blackbox.canaries import HeededMint
from tests.blackbox.gateways import CLIENT, POOL, REGION, Gateway, Runtime, container
from tests.blackbox.misbehaviour import answering
from tests.blackbox.rest import Rest
from tests.blackbox.stub import Stub
from tests.edge.gateway import edge
from tests.token_vectors import ALL, BODY, MUTATION, NEEDED, READ, Vector, VectorPool
from tests.world import Reply

THEIR_TIME = "import time\ntime.time = lambda: {now}\n"
SERVER = THEIR_TIME + "from gateway.cli import main\nmain()\n"

POLICY = f"""{token_vectors.POLICY}
[public]
allow = ["GetUser"]
rate_per_minute_per_ip = 1000000
rate_per_minute_per_user = 1000000
"""


@dataclass(frozen=True)
class Way:
    """One way in. `operation` is what the verdicts know it as; without a `rest` it is `POST /` itself.

    `own`: whoever has a good token may; of its groups nothing is asked.
    """

    operation: str
    rest: Rest | None = None
    own: bool = False


WAYS = {
    "POST /, a read": Way(READ),
    "POST /, a change": Way(MUTATION),
    "GET /admin/users": Way(READ, Rest("GET", "/admin/users")),
    "POST /admin/users/bob/disable": Way(MUTATION, Rest("POST", "/admin/users/bob/disable")),
    "GET /me": Way(READ, Rest("GET", "/me"), own=True),
    "POST /amplify/disableUser": Way(MUTATION, Rest("POST", "/amplify/disableUser", {"username": "bob"}, bare=True)),
}
BROKEN = "a line break or a NUL in a header is not HTTP (RFC 9112, 5): 400, by the server, which knows no caller yet"
LARGE = "R-16: limits on header size: 431, by the server"
ON_THE_WIRE = {
    "ENC-009-payload-nl-end": (400, BROKEN),
    "ENC-010-header-nl-end": (400, BROKEN),
    "ENC-059-shape-nul": (400, BROKEN),
    "DOS-010-header-nest-20000": (431, LARGE),
    "DOS-015-many-keys": (431, LARGE),
    "DOS-027-size-66000-dots": (431, LARGE),
    "DOS-028-size-66000-payload": (431, LARGE),
    "SIG-042-form-64k": (431, LARGE),
}
"""What comes to nobody's ears: refused before there is a call, on either runtime."""

JOINED = "a comma and a space join two headers of one name there: they count as the two tokens that they may be"
ON_EDGE = {"ENC-047-shape-json-ser": (400, JOINED), "ENC-048-shape-json-flat": (400, JOINED)}
"""Where a Worker refuses otherwise, because of what its platform makes of a request before it."""


@pytest.fixture(scope="module")
def running(
    runtime: Runtime, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """A gateway that lives at the time of the tokens and believes in their keys."""
    folder = tmp_path_factory.mktemp("tokens")
    now = VectorPool().config["now"]
    mint, stub = HeededMint(POOL, REGION, CLIENT, now=time.time()), Stub(lambda: VectorPool.read("jwks-poolA.json"))
    if runtime is container:
        suite = runtime(folder, stub, mint, policy=POLICY, program=("-c", SERVER.format(now=now)))
    else:
        staged = shutil.copytree(request.getfixturevalue("staged"), folder / "staged")
        entry: pathlib.Path = staged / "build" / "edge" / "entry.py"
        entry.write_text(THEIR_TIME.format(now=now) + entry.read_text("utf-8"), "utf-8")
        (folder / "worker").mkdir()
        # The Durable Object refills its buckets by the time, and there is none.
        suite = edge(staged, folder / "worker", stub, mint, policy=POLICY, GATEWAY_STORE="memory")
    with suite as gateway:
        yield gateway
        gateway.canaries.secrets -= {secret for secret in gateway.canaries.secrets if len(set(secret)) == 1}
    stub.stop()


@dataclass(frozen=True)
class Sent:
    """One call with a token, what `POST /` would have said to it, and what came of it."""

    vector: Vector
    way: Way
    answer: wire.Response
    calls: int


def send(gateway: Gateway, vector: Vector, way: Way) -> Sent:
    """One call with a token, wherever the file has it stand; Amplify's clients send theirs without a scheme."""
    before = len(gateway.stub.calls())
    headers = [(name.decode(), value.decode("utf-8", "surrogatepass")) for name, value in vector.headers]
    if way.rest is None:
        answer = gateway.call(way.operation, BODY, headers=headers)
    elif way.rest.bare and vector.raw is None:
        answer = rest.as_aws(rest.send(gateway, way.rest, vector.token))
    else:
        answer = rest.as_aws(rest.send(gateway, way.rest, None, *headers))
    return Sent(vector, way, answer, len(gateway.stub.calls()) - before)


@NEEDED
@pytest.mark.parametrize("name", WAYS)
def test_every_token_gets_what_it_deserves(gateway: Gateway, name: str) -> None:
    """R-02 to R-07, R-23: as in memory: a bad one is a 401 without a word, no call, and a written reason."""
    gateway.stub.behaviour = answering(rest.ANSWER)
    way = WAYS[name]
    done = [send(gateway, vector, way) for vector in ALL]
    written: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for entry in gateway.entries:
        written[entry["id"]].append(entry)
    problems = {
        sent.vector.id: judged(gateway, sent, written[sent.answer.headers.get("x-request-id", "")]) for sent in done
    }
    assert {which: found for which, found in problems.items() if found} == {}
    open_to_either = [sent for sent in done if sent.vector.expect in {"not-admin", "no-crash"}]
    other = Way(way.operation)
    assert {
        sent.vector.id for sent in open_to_either if verdict(sent) != verdict(send(gateway, sent.vector, other))
    } == (set())


def to_no_group(sent: Sent) -> bool:
    """Whether it is a token that may be good, and only not for its groups, where nobody asks for groups."""
    return sent.way.own and sent.vector.expect == "not-admin"


def verdict(sent: Sent) -> int | None:
    """The status, for all who have a good token the same where groups are not asked for."""
    return 403 if to_no_group(sent) and sent.answer.status == 200 else sent.answer.status


def judged(gateway: Gateway, sent: Sent, entries: list[dict[str, Any]]) -> list[str]:
    """What is wrong with the outcome."""
    id_, answer = sent.vector.id, sent.answer
    reasons = [entry["decision"]["reason"] for entry in entries]
    if id_ in ON_THE_WIRE:
        right = (answer.status, sent.calls, entries) == (ON_THE_WIRE[id_][0], 0, [])
    elif gateway.runtime == "edge" and id_ in ON_EDGE:
        right = (answer.status, sent.calls, len(reasons)) == (ON_EDGE[id_][0], 0, 1) and bool(reasons[0])
    else:
        reply = Reply(answer.status or 0, answer.headers, answer.body)
        vector = replace(sent.vector, expect="no-crash") if to_no_group(sent) else sent.vector
        return verdicts.judged(vector, sent.way.operation, reply, sent.calls, entries)
    return [] if right else [f"status {answer.status}, {sent.calls} calls, reasons {reasons}"]


@NEEDED
def test_no_decision_is_kept_for_a_token_that_is_gone() -> None:
    """Each names a token of the file."""
    assert ON_THE_WIRE.keys() | ON_EDGE.keys() <= {vector.id for vector in ALL}
