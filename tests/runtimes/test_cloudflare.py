"""The Worker's own rooms without a Worker: settings, the bridge, the transport, the isolate, the cron line."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.types import Receive, Scope, Send

from gateway.errors import UpstreamError
from gateway.runtimes.cloudflare import bridge, environment, watch
from gateway.runtimes.cloudflare.console import ConsoleSink
from gateway.runtimes.cloudflare.fetching import Failed, FetchTransport, Sent, TimedOut, options
from gateway.runtimes.cloudflare.isolate import Isolate, Platform
from gateway.settings import Settings, SettingsError
from gateway.store import MemoryStore, Store
from gateway.upstream import Answer, AnswerTimeout, Broken, ConnectTimeout, Origin, Request

pytestmark = pytest.mark.anyio

ENV: dict[str, object] = {
    "COGNITO_USER_POOL_ID": "us-east-1_EXAMPLE",
    "COGNITO_CLIENT_IDS": "exampleclient1",
    "AWS_ACCESS_KEY_ID": "AKIACANARYCANARY0001",
    "AWS_SECRET_ACCESS_KEY": "canary-secret-access-key-0000000000000001",
}


def problems(**over: object) -> dict[str, str]:
    """What is wrong with these values, by name."""
    with pytest.raises(SettingsError) as refused:
        environment.read(ENV | over)
    return {problem.name: str(problem) for problem in refused.value.problems}


# Settings


def test_variables_may_be_texts_numbers_and_switches() -> None:
    """wrangler.toml has all three; a binding beside them is none of our business."""
    edge = environment.read(ENV | {"GATEWAY_MAX_BODY_BYTES": 1000, "GATEWAY_AUDIT_REQUIRED": False, "KV": object()})
    assert edge.settings.max_body_bytes == 1000
    assert edge.settings.audit_required is False
    assert edge.store_binding is None


def test_the_store_is_a_binding_by_its_name() -> None:
    """`GATEWAY_STORE = "STATE"`: there must be such a binding, and it must be one."""
    assert environment.read(ENV | {"GATEWAY_STORE": "STATE", "STATE": object()}).store_binding == "STATE"
    for wrong in ("STATE", "COGNITO_CLIENT_IDS", "redis://:hunter22@redis.example.com"):
        found = problems(GATEWAY_STORE=wrong)
        assert set(found) == {"GATEWAY_STORE"}
        assert "Durable Object" in found["GATEWAY_STORE"]
        assert "hunter22" not in str(found)


class Namespace:
    """A binding that leads to Durable Objects."""

    def getByName(self, name: str) -> str:  # noqa: N802 - JavaScript's name
        """A stub."""
        return name


class Service:
    """A binding to another Worker: it has whatever one asks for."""

    def __getattr__(self, name: str) -> Callable[[], str]:
        """A method of that name."""
        return lambda: name


class Version:
    """A binding with values in it, and no method."""

    id = "version-1"


@pytest.mark.parametrize("binding", [object(), Version(), Service(), None, ["a"]], ids=lambda one: type(one).__name__)
async def test_a_binding_of_another_kind_is_no_store(binding: object) -> None:
    """R-14: KV, a rate limit, another Worker: refused with the other problems at the start, and no call is a 500."""
    console = Console()
    isolate = Isolate(console.platform())
    assert await status_of(isolate, ENV | {"GATEWAY_STORE": "KV", "KV": binding}) == 503
    [line] = console.log
    assert line.startswith("GATEWAY_STORE: read ")
    assert "Durable Object" in line
    assert await status_of(isolate, ENV | {"GATEWAY_STORE": "STATE", "STATE": Namespace()}) == 401


def test_what_needs_a_file_is_refused_with_what_to_do_instead() -> None:
    """R-01, R-14: X_FILE, an audit file and a policy's path say so, once each, and without a secret's value."""
    found = problems(
        AWS_SECRET_ACCESS_KEY_FILE="/run/secrets/key",
        GATEWAY_AUDIT="file:/var/log/audit.jsonl",
        GATEWAY_POLICY="policy.toml",
        COGNITO_USER_POOL_ID="nonsense",
    )
    assert set(found) == {"AWS_SECRET_ACCESS_KEY_FILE", "GATEWAY_AUDIT", "GATEWAY_POLICY", "COGNITO_USER_POOL_ID"}
    assert "wrangler secret put AWS_SECRET_ACCESS_KEY" in found["AWS_SECRET_ACCESS_KEY_FILE"]
    assert "canary" not in str(found)


def test_a_table_is_no_text_and_a_misspelt_name_is_found() -> None:
    """A `[vars]` table where a text belongs, and GATEWAY_TIMEOUT for GATEWAY_TIMEOUT_SECONDS."""
    assert set(problems(AWS_CREDENTIALS={"current": {}}, GATEWAY_TIMEOUT="1")) == {"AWS_CREDENTIALS", "GATEWAY_TIMEOUT"}


def test_what_does_nothing_on_a_worker_is_said() -> None:
    """A port, a host, workers and a connect timeout are the platform's: a warning, not a refusal."""
    assert "PORT does nothing on a Worker." in environment.read(ENV | {"PORT": "8080"}).warnings


# The bridge


def asked(**headers: str) -> dict[str, Any]:
    """A scope with these headers."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return bridge.scope("POST", "https://gateway.example.com/", named)


def test_path_and_query_stay_as_they_came() -> None:
    """R-08: what is matched is the raw path, not what somebody made of it."""
    scope = bridge.scope("GET", "https://gateway.example.com/a%2Fb/../c?x=%26&y#z", {})
    assert (scope["raw_path"], scope["path"]) == (b"/a%2Fb/../c", "/a/b/../c")
    assert scope["query_string"] == b"x=%26&y"
    assert bridge.scope("POST", "https://gateway.example.com", {})["raw_path"] == b"/"


def test_the_client_is_who_cloudflare_says_has_connected() -> None:
    """The audit and the rates of strangers go by `cf-connecting-ip`, which a caller cannot set."""
    assert asked(cf_connecting_ip="2001:db8::1", x_forwarded_for="10.0.0.1")["client"] == ("2001:db8::1", 0)
    assert asked()["client"] is None


@pytest.mark.parametrize(
    ("name", "value", "apart"),
    [
        ("authorization", "Bearer a, Bearer b", ["Bearer a", "Bearer b"]),
        ("authorization", "AWS4-HMAC-SHA256 Credential=a, SignedHeaders=b, Signature=c", None),
        ("authorization", "AWS4-HMAC-SHA256 Credential=a, SignedHeaders=b, Signature=c, Bearer d", 4),
        ("x-amz-security-token", "a, b", ["a", "b"]),
        ("x-gateway-dry-run", "true, false", ["true", "false"]),
        ("user-agent", "one, two", None),
        ("origin", "https://a.example, https://b.example", None),
    ],
)
def test_what_came_twice_is_told_apart_again(name: str, value: str, apart: list[str] | int | None) -> None:
    """R-08: the platform joins two headers of one name; two tokens are refused all the same."""
    found = [one.decode() for _, one in bridge.scope("POST", "https://a/", {name: value})["headers"]]
    if isinstance(apart, int):
        assert len(found) == apart
    else:
        assert found == (apart or [value])


@pytest.mark.parametrize(
    ("url", "headers", "status"),
    [
        ("https://a/" + "b" * 8192, {}, 414),
        ("https://a/?" + "b" * 8192, {}, 414),
        ("https://a/", {f"x-{number}": "a" for number in range(101)}, 431),
        ("https://a/", {"x-a": "a" * 32768}, 431),
    ],
)
async def test_a_head_that_is_too_large_is_refused(url: str, headers: Mapping[str, str], status: int) -> None:
    """R-16: with the other runtime's limits, before the application hears of it."""
    answer = await bridge.exchange(_never, bridge.scope("POST", url, headers), _pieces())
    assert answer.status == status
    assert (
        json.loads(answer.body)["__type" if urlsplit(url).path == "/" else "type"] == "RequestEntityTooLargeException"
    )


async def test_the_body_is_read_only_as_far_as_the_application_asks() -> None:
    """R-22: a stranger's body is not read at all, a large one not to its end."""
    read: list[bytes] = []

    async def pieces() -> AsyncIterator[bytes]:
        for piece in (b"a", b"b", b"c"):
            read.append(piece)
            yield piece

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        assert (await receive())["body"] == b"a"
        await send({"type": "http.response.start", "status": 413, "headers": [(b"x-a", b"1")]})
        await send({"type": "http.response.body", "body": b"no"})

    answer = await bridge.exchange(app, asked(), pieces())
    assert (answer.status, answer.headers, answer.body) == (413, [("x-a", "1")], b"no")
    assert read == [b"a"]


async def test_a_body_ends_and_one_that_is_cut_short_is_a_disconnection() -> None:
    """What is not whole is not acted on."""
    heard: list[tuple[str, bytes | None, bool | None]] = []

    async def app(_scope: Scope, receive: Receive, _send: Send) -> None:
        for _ in range(2):
            message = await receive()
            heard.append((message["type"], message.get("body"), message.get("more_body")))

    async def cut() -> AsyncIterator[bytes]:
        yield b"a"
        raise bridge.CutShort

    await bridge.exchange(app, asked(), _pieces(b"a"))
    await bridge.exchange(app, asked(), cut())
    assert heard == [
        ("http.request", b"a", True),
        ("http.request", b"", False),
        ("http.request", b"a", True),
        ("http.disconnect", None, None),
    ]


# The transport


@dataclass
class Coming:
    """An answer that is made up."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | Exception = b"{}"
    dropped: bool = False

    async def drop(self) -> None:
        """Note it."""
        self.dropped = True

    async def body(self, max_bytes: int) -> bytes | None:
        """As the platform's."""
        if isinstance(self.content, Exception):
            raise self.content
        return self.content if len(self.content) <= max_bytes else None


async def exchange(coming: Coming | Exception, *, timeout_seconds: float = 2.0, max_bytes: int = 100_000) -> Answer:
    """One exchange that ends so."""

    async def fetch(_sent: Sent) -> Coming:
        if isinstance(coming, Exception):
            raise coming
        return coming

    request = Request(Origin("https", "cognito-idp.us-east-1.amazonaws.com", 443), (("A", "b"),), b"{}")
    return await FetchTransport(fetch)(request, timeout_seconds=timeout_seconds, max_answer_bytes=max_bytes)


@pytest.mark.parametrize(
    ("coming", "kind", "reason"),
    [
        (TimedOut(), AnswerTimeout, "answer_timeout"),
        (Failed("reset"), Broken, "reset"),
        (Coming(content=TimedOut()), AnswerTimeout, "answer_timeout"),
        (Coming(content=Failed("reset")), Broken, "reset"),
        (Coming(content=b" " * 100_001), Broken, "too_large"),
        (Coming(headers={"content-length": "100001"}), Broken, "too_large"),
        (Coming(content=b'[{"a":' * 2_000 + b"1" + b"}]" * 2_000), Broken, "too_deep"),
    ],
)
async def test_a_failure_is_told_in_the_ports_words(
    coming: Coming | Exception, kind: type[UpstreamError], reason: str
) -> None:
    """R-20: `fetch` cannot tell whether bytes had left, so that nothing is taken for unsent and sent again."""
    with pytest.raises(kind) as failed:
        await exchange(coming)
    assert failed.value.reason == reason


async def test_without_time_left_nothing_is_sent() -> None:
    """R-20: the deadline was over before."""
    with pytest.raises(ConnectTimeout):
        await exchange(Coming(), timeout_seconds=0)


async def test_an_answer_loses_what_was_true_of_its_coded_form_only() -> None:
    """`fetch` has decoded it. A name full of brackets, and a long flat list, are not deep."""
    content = json.dumps([{"a": "[" * 3_000}] * 3).encode() + b" " + b"[]," * 3_000
    answer = await exchange(Coming(201, {"content-encoding": "gzip", "content-length": "9", "date": "d"}, content))
    assert (answer.status, answer.headers, answer.body) == (201, {"date": "d"}, content)


def test_what_goes_out_follows_no_redirect_and_takes_no_cached_key_set() -> None:
    """R-20, R-21."""
    sent = Sent("https://a/", "GET", [["a", "b"]], None, 1000)
    assert options(sent) == {"method": "GET", "headers": [["a", "b"]], "redirect": "manual", "cache": "no-store"}
    assert "cache" not in options(Sent("https://a/", "POST", [], b"", 1000))


# The isolate


@dataclass
class Console:
    """What the platform was told."""

    lines: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    def platform(self) -> Platform:
        """A platform that has a console and nothing else."""

        async def nowhere(request: Request, *, timeout_seconds: float, max_answer_bytes: int = 0) -> Answer:
            raise Broken(f"{request.path} within {timeout_seconds} s, {max_answer_bytes} bytes")

        def store(_binding: object, _settings: Settings, _log: object) -> Store:
            return MemoryStore()

        def spawn(work: Coroutine[Any, Any, None]) -> object:
            return asyncio.ensure_future(work)

        return Platform(nowhere, self.lines.append, self.log.append, spawn, store)


async def status_of(isolate: Isolate, values: Mapping[str, object]) -> int:
    """What an isolate answers to a call without a token."""
    headers = {
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": "AWSCognitoIdentityProviderService.ListUsers",
    }
    app = isolate.ready(repr(values), lambda: values).app
    return (await bridge.exchange(app, bridge.scope("POST", "https://a/", headers), _pieces(b"{}"))).status


async def test_wrong_settings_are_told_once_and_mended_without_a_restart() -> None:
    """R-14: 503 to everybody, each problem once; when a value changes under the isolate, it assembles anew."""
    console = Console()
    isolate = Isolate(console.platform())
    wrong = ENV | {"GATEWAY_POLICY": "[roles.admin]\nnonsense = 1", "COGNITO_USER_POOL_ID": "us-east-1_EXAMPLE"}
    assert [await status_of(isolate, wrong) for _ in range(3)] == [503] * 3
    assert len(console.log) == len(set(console.log)) > 0
    assert all(line.startswith("GATEWAY_POLICY: ") for line in console.log)
    assert await status_of(isolate, ENV) == 401
    assert await status_of(isolate, {}) == 503


async def test_problems_of_the_settings_hide_none_of_the_policy() -> None:
    """R-14: both are told in one go, so that whoever mends one does not deploy twice."""
    console = Console()
    wrong = ENV | {"COGNITO_USER_POOL_ID": "bad", "GATEWAY_POLICY": '[roles.a]\ngroups = ["a"]\nallow = ["Nope"]'}
    assert await status_of(Isolate(console.platform()), wrong) == 503
    assert [line.partition(":")[0] for line in console.log] == ["COGNITO_USER_POOL_ID", "GATEWAY_POLICY"]
    assert "Nope" in console.log[1]
    console.log.clear()
    assert await status_of(Isolate(console.platform()), wrong | {"GATEWAY_POLICY": "policy.toml"}) == 503
    assert [line.partition(":")[0] for line in console.log] == ["GATEWAY_POLICY", "COGNITO_USER_POOL_ID"]


async def test_a_gateway_is_assembled_once_for_one_set_of_values() -> None:
    """Keys, verified tokens and the audit's chain live as long as the values do."""
    console = Console()
    isolate = Isolate(console.platform())
    for _ in range(3):
        assert await status_of(isolate, ENV) == 401
    first = isolate.ready(repr(ENV), lambda: ENV)
    assert isolate.ready(repr(ENV), dict) is first
    chains = {json.loads(line)["chain"] for line in console.lines}
    assert [json.loads(line)["seq"] for line in console.lines] == [0, 1, 2]
    rotated = ENV | {"AWS_SECRET_ACCESS_KEY": "canary-secret-access-key-0000000000000002"}
    assert await status_of(isolate, rotated) == 401
    assert json.loads(console.lines[-1])["chain"] not in chains


def test_the_console_takes_a_line_without_its_end() -> None:
    """One call of the console is one line."""
    lines: list[str] = []
    sink = ConsoleSink(lines.append)
    assert sink.ready()
    sink.write(b'{"a":1}\n')
    assert lines == ['{"a":1}']


# The cron trigger

DAY_SECONDS = 86_400


@pytest.mark.parametrize(
    ("deployed", "days", "rotate"),
    [("1970-01-01T00:00:00Z", 100, True), ("1970-03-01T00:00:00Z", 41, False), (None, None, False), ("x", None, False)],
)
async def test_the_line_says_how_old_the_keys_are_at_least(
    deployed: str | None, days: int | None, *, rotate: bool
) -> None:
    """They are as old as the version that runs, or older; after 90 days somebody should change them."""
    line = json.loads(await watch.look({}, fetch=_set(b"{}"), deployed=deployed, now=100 * DAY_SECONDS))
    assert (line["keys_are_at_least_days_old"], line["rotate_keys"], line["ok"]) == (days, rotate, not rotate)


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (Answer(200, {}, b'{"keys":[]}'), "no-usable-key"),
        (Answer(200, {}, b"<html>"), "malformed"),
        (Answer(404, {}, b""), "status-404"),
        (Broken("reset"), "reset"),
    ],
)
async def test_the_line_says_what_is_wrong_with_a_key_set(answer: Answer | Exception, word: str) -> None:
    """Whoever reads the console knows before the callers do."""
    line = json.loads(await watch.look({"issuer": "https://a/"}, fetch=_set(answer), deployed=None, now=0.0))
    assert line["jwks"] == {"issuer": word}
    assert line["ok"] is False


async def test_the_line_says_that_the_settings_are_wrong() -> None:
    """A Worker that answers 503 to everybody is not well, whatever else is."""
    line = json.loads(await watch.look(None, fetch=_set(b""), deployed=None, now=0.0))
    assert (line["settings"], line["ok"]) == (False, False)


def _set(answer: Answer | Exception | bytes) -> Any:
    async def fetch(_url: str) -> Answer:
        if isinstance(answer, Exception):
            raise answer
        return Answer(200, {}, answer) if isinstance(answer, bytes) else answer

    return fetch


async def _pieces(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def _never(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise AssertionError("the application was asked")
