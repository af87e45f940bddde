"""A whole gateway in memory: our rooms, a mint, and a scripted Cognito behind the transport port."""

import asyncio
import itertools
import json
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from gateway import rs256
from gateway.assembly import Assembled, Parts, assemble, read_policy
from gateway.audit import GENESIS, ReadAudit, Trail
from gateway.settings import load
from gateway.store import MemoryStore
from gateway.upstream import MAX_ANSWER_BYTES, Answer, Request
from tests.minting import Clock, Mint

ACCESS_KEY_ID = "AKIACANARYCANARY0001"
SECRET_ACCESS_KEY = "canary/secret/key/canary/secret/key/0001"
TARGET = "AWSCognitoIdentityProviderService."
JSON = "application/x-amz-json-1.1"


@dataclass
class Sink:
    """An audit sink that keeps its lines, or breaks when told to."""

    lines: list[bytes] = field(default_factory=list)
    broken: bool = False

    def ready(self) -> bool:
        """Always."""
        return True

    def write(self, line: bytes) -> None:
        """Keep the line."""
        if self.broken:
            raise OSError(28, "No space left on device")
        self.lines.append(line)

    @property
    def entries(self) -> list[dict[str, Any]]:
        """The lines, read."""
        return [json.loads(line) for line in self.lines]


Script = Callable[[Request], Answer]
GROUPS = ("admin", "moderator", "premium", "user", "readonly", "admins", "users", "support", "a", "b")


def sub_of(name: str) -> str:
    """The `sub` of the user whom `everybody` makes of a name."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, name))


def everybody(request: Request) -> Answer:
    """What the guards hear where a test has nothing to say of it: any name is an enabled user in no group."""
    operation, body = operation_of(request), json.loads(request.body)
    name = body.get("Username", "")
    user = {"Username": name, "Enabled": True, "UserStatus": "CONFIRMED"}
    return answer({
        "AdminGetUser": {**user, "UserAttributes": [{"Name": "sub", "Value": sub_of(name)}]},
        "ListUsersInGroup": {"Users": [{**user, "Username": "somebody"}]},
        "ListGroups": {"Groups": [{"GroupName": group, "Precedence": rank} for rank, group in enumerate(GROUPS)]},
    }.get(operation, {"Groups": []}))  # fmt: skip


def operation_of(request: Request) -> str:
    """The operation that was asked for."""
    return dict(request.headers)["X-Amz-Target"].rpartition(".")[2]


def answer(body: object, status: int = 200, **headers: str) -> Answer:
    """An answer as Cognito gives it."""
    found = {"content-type": JSON, "x-amzn-requestid": "0b7f6c7e-upstream"}
    found |= {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, found, body if isinstance(body, bytes) else json.dumps(body).encode())


def refusal(type_: str, message: str = "no", status: int = 400, **headers: str) -> Answer:
    """An error as Cognito gives it."""
    return answer({"__type": type_, "message": message}, status, **headers)


@dataclass
class Cognito:
    """The transport port: keeps what it was sent and answers by its script; the guards' own reads are apart.

    Without `people` they are not.
    """

    script: Script = lambda _request: answer({})
    people: Script | None = everybody
    requests: list[Request] = field(default_factory=list)
    guarded: list[Request] = field(default_factory=list)
    timeouts: list[float] = field(default_factory=list)  # how long each exchange might take, in seconds

    async def __call__(
        self, request: Request, *, timeout_seconds: float, max_answer_bytes: int = MAX_ANSWER_BYTES
    ) -> Answer:
        """One exchange."""
        del max_answer_bytes
        self.timeouts.append(timeout_seconds)
        if self.people is not None and " guards " in dict(request.headers).get("User-Agent", ""):
            self.guarded.append(request)
            return self.people(request)
        self.requests.append(request)
        return self.script(request)

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """What was asked, as JSON."""
        return [json.loads(request.body) for request in self.requests]


@dataclass
class Reply:
    """What a caller sees."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)

    @property
    def type(self) -> str:
        """The error's type."""
        return str(self.json["__type"])


class World:
    """One gateway, its mint, its Cognito and its audit."""

    def __init__(self, policy: str | None = None, read_audit: ReadAudit | None = None, /, **settings: str) -> None:
        """`settings` by their names; `policy` as TOML, else the built-in one; `read_audit` gives the audit back."""
        self.mint = Mint()
        self.clock = Clock(self.mint.now)
        self.cognito = Cognito()
        self.sink = Sink()
        self.logged: list[str] = []
        values = {
            "COGNITO_USER_POOL_ID": self.mint.pool_id,
            "COGNITO_CLIENT_IDS": self.mint.client_id,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        } | settings
        self.settings = load(values.get, _no_files, names=values)
        self.meanwhile: Callable[[], Awaitable[None]] | None = None  # before a body is there
        ids = itertools.count(1)
        self.store = MemoryStore()
        self.assembled: Assembled = assemble(
            self.settings,
            read_policy(policy),
            Parts(
                transport=self.cognito,
                rare_transport=self.cognito,
                fetch=self._keys,
                make_key=rs256.make_key,
                trail=Trail(
                    self.sink,
                    chain="test",
                    seq=0,
                    previous=GENESIS,
                    now=self.clock,
                    required=self.settings.audit_required,
                    log=self.logged.append,
                    sleep=_no_sleep,
                ),
                store=self.store,
                now=self.clock,
                monotonic=self.clock,
                new_id=lambda: f"request-{next(ids)}",
                sleep=self._sleep,
                log=self.logged.append,
                read_audit=read_audit,
            ),
        )

    async def _sleep(self, seconds: float) -> None:
        """Time passes for who waits; the others get their turn."""
        self.clock.tick(seconds)
        await asyncio.sleep(0)

    async def _keys(self, _url: str) -> Answer:
        return answer(self.mint.jwks(), content_type="application/json")

    def token(self, *groups: str, **claims: Any) -> str:
        """An access token of a person in `groups`."""
        return self.mint.access(groups=list(groups), **claims)

    async def call(
        self,
        operation: str,
        body: object = None,
        token: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        raw: bytes | None = None,
        service: str = TARGET,
    ) -> Reply:
        """`POST /` as an SDK sends it."""
        found = {"content-type": JSON, "x-amz-target": service + operation}
        if token is not None:
            found["authorization"] = f"Bearer {token}"
        found |= headers or {}
        data = raw if raw is not None else json.dumps({} if body is None else body).encode()
        return await self.http("POST", "/", [(name.encode(), value.encode()) for name, value in found.items()], data)

    async def rest(
        self,
        method: str,
        path: str,
        body: object = None,
        token: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        raw: bytes | None = None,
    ) -> Reply:
        """A REST request; `path` with its query."""
        found = {} if token is None else {"authorization": f"Bearer {token}"}
        data = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        if data:
            found["content-type"] = "application/json"
        found |= headers or {}
        return await self.http(method, path, [(name.encode(), value.encode()) for name, value in found.items()], data)

    async def http(self, method: str, path: str, headers: list[tuple[bytes, bytes]], body: bytes = b"") -> Reply:
        """Any request, as the server hands it over."""
        messages: list[Any] = [{"type": "http.request", "body": body, "more_body": False}]
        sent: list[Any] = []

        async def receive() -> Any:
            if self.meanwhile is not None:
                happens, self.meanwhile = self.meanwhile, None
                await happens()
            return messages.pop(0) if messages else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        path, _, query = path.partition("?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "scheme": "http",
            "headers": [*headers, (b"content-length", b"%d" % len(body))],
            "client": ("192.0.2.7", 50000),
            "server": ("127.0.0.1", 8080),
        }
        await self.assembled.app(scope, receive, send)
        start = sent[0]
        found = {name.decode(): value.decode() for name, value in start["headers"]}
        return Reply(start["status"], found, b"".join(message.get("body", b"") for message in sent[1:]))

    @property
    def entries(self) -> list[dict[str, Any]]:
        """The audit's lines."""
        return self.sink.entries

    @property
    def reason(self) -> str:
        """Why the last decision fell."""
        return str(self.entries[-1]["decision"]["reason"])


def _no_files(path: str) -> str:
    raise FileNotFoundError(path)


async def _no_sleep(_seconds: float) -> None:
    return None
