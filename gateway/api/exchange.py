"""One REST request on its way: what a row's answer may do.

Duty: judge the inputs once, ask the pipeline for one operation at a time, turn what it refuses into a problem.
Prohibition: no other way to Cognito; inputs are read only where the pipeline asks for a body, so that a stranger gets
none of our memory and every refusal is written down.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from gateway.api.context import Context
from gateway.api.cursors import Place, read, write
from gateway.api.inputs import Inputs, judged, path_values
from gateway.api.members import PAGE
from gateway.api.problem import Decided, of_error, of_reply, renamed
from gateway.api.route import Route
from gateway.caller import Caller
from gateway.errors import Denied, GatewayError, InvalidRequest, TokenError
from gateway.front import Heard
from gateway.headers import token
from gateway.operations import Operation
from gateway.pipeline import Ask
from gateway.relay import Reply, read_object

T = TypeVar("T")

Build = Callable[[Inputs], Mapping[str, Any]]
"""Makes Cognito's body of the inputs; it may raise `InvalidRequest`."""
When = Callable[[Inputs], bool]


class Exchange:
    """One request for one row."""

    __slots__ = (
        "_asked", "_body", "_inputs", "_knocked", "_last", "_values", "answered", "audit_complete", "context", "heard",
        "raw_query", "route", "scope",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - what a request consists of
        self,
        context: Context,
        route: Route,
        heard: Heard,
        *,
        values: tuple[str, ...],
        query: bytes,
        scope: Mapping[str, Any],
    ) -> None:
        """`values` are the path's parts, still encoded; `query` as it came, unjudged."""
        self.context = context
        self.route = route
        self.heard = heard
        self.scope = scope
        self.audit_complete = True
        self._values = values
        self.raw_query = query
        self._inputs: Inputs | None = None
        self._body: Mapping[str, Any] = {}
        self._asked = 0
        self._knocked = False
        self.answered = False  # Cognito has said something that is being made sense of
        self._last: Ask | None = None

    @property
    def token(self) -> bytes | None:
        """The caller's token; Amplify's clients send it bare."""
        if self.route.security == "public":
            return None
        return self._bare or token(self.heard.found)

    @property
    def _bare(self) -> bytes | None:
        found = self.heard.found.get(b"authorization", b"")
        return found if self.route.security == "bare" and found and b" " not in found else None

    @property
    def known(self) -> Caller | None:
        """Whose token the last call came with, once the pipeline has verified it."""
        return self._last.caller if self._last is not None else None

    @property
    def path(self) -> Mapping[str, str]:
        """The path's values before anybody judged them: for whoever must know which operation is meant."""
        return path_values(self.route, self._values)

    async def inputs(self) -> Inputs:
        """Judge what came, once.

        Raises:
            GatewayError: see `gateway.api.inputs.judged`.

        """
        if self._inputs is None:
            self._inputs = await judged(self.route, self._values, self.raw_query, self.heard)
        return self._inputs

    async def peek(self, *names: str) -> Inputs | None:
        """The inputs before any call, where they say which of several operations open to all is meant.

        None where none of them is, or where a token is needed and there is none: then `call` refuses without reading.

        Raises:
            Problem: they are not what the route takes; written down as a refusal of the first that is open.

        """
        name = next((name for name in names if name in self.context.policy.public.allow), None)
        if name is None or (self.token is None and self.route.security != "public"):
            return None
        operation = self._operation(name, "cognito-idp")
        try:
            await self._refuse_twice(operation)
        except GatewayError as error:
            raise of_error(error) from None
        ask = self._ask(operation, self._nothing)
        try:
            await self.context.pipeline.knock(ask)
            inputs = await self.inputs()
        except GatewayError as error:
            raise of_error(await self._refused(ask, operation, error)) from None
        self._asked, self._knocked = 0, True  # the line is that of the call to come
        return inputs

    async def call(  # noqa: PLR0913 - all named
        self,
        name: str,
        build: Build,
        *,
        names: Mapping[str, str] | None = None,
        sub: str | None = None,
        service: str = "cognito-idp",
        only_decide: When | None = None,
    ) -> dict[str, Any]:
        """Ask for one operation and give Cognito's answer.

        `names` says which REST name stands for a member of Cognito's body where it is not the same in lower camel case;
        `sub` who a change must turn out to act on. Where the judged inputs say `only_decide`, nothing is sent and the
        answer is empty: it is the first of several deeds, all of which must be allowed.

        Raises:
            Problem: it was refused, or failed.
            Decided: it is a dry run.

        """
        operation = self._operation(name, service)
        ask, reply = await self._run(operation, build, names or {}, sub, only_decide)
        if self.heard.dry_run:
            raise Decided(reply)
        if ask.dry_run:
            if not Decided(reply).allowed:
                raise of_error(Denied("operation"))
            return {}
        if reply.type is not None:
            raise of_reply(reply, signed=operation.signed, route=self.route)
        self.audit_complete = self.audit_complete and reply.audit_complete
        self.answered = True
        return read_object(reply.body) if reply.body else {}

    async def allowed(self, name: str, build: Build, *, names: Mapping[str, str] | None = None) -> None:
        """Decide, without doing it, whether the caller may do it: before the first of several deeds is done.

        Raises:
            Problem: it may not.

        """
        try:
            await self.call(name, build, names=names, only_decide=lambda _inputs: True)
        except Decided as decided:
            if not decided.allowed:
                raise

    def place(self, inputs: Inputs) -> Place:
        """Where the list goes on, by the query's `cursor`; to be asked for while a body is made.

        Raises:
            InvalidRequest: the cursor is not one that this caller got for this list.

        """
        return read(inputs.query.get("cursor"), secrets=self.context.secrets(), sub=self._sub(), of=self._of(inputs))

    async def cursor(self, place: Place) -> str:
        """The cursor with which this caller goes on at `place`."""
        return write(place, secrets=self.context.secrets(), sub=self._sub(), of=self._of(await self.inputs()))

    def _sub(self) -> str:
        return self.known.sub if self.known is not None else ""

    def _of(self, inputs: Inputs) -> dict[str, Any]:
        asked = {name: value for name, value in inputs.query.items() if name not in PAGE}
        return {"route": self.route.id, **{f"path {name}": value for name, value in inputs.path.items()}, **asked}

    async def caller(self, *, explains: bool = False, judge: Build | None = None) -> Caller:
        """Whoever asks for one of the gateway's own answers, written down. `judge` may refuse the inputs.

        Raises:
            Problem: it was refused.
            Decided: it is a dry run.

        """

        async def read() -> dict[str, Any]:
            inputs = await self.inputs()
            return dict(judge(inputs)) if judge is not None else {}

        admit = self.context.pipeline.admit
        return await self.own(lambda ask, operation: admit(ask, operation, explains=explains), read)

    async def own(
        self, admit: Callable[[Ask, Operation], Awaitable[T | Reply]], read: Callable[[], Awaitable[dict[str, Any]]]
    ) -> T:
        """What `admit` makes of the route's own operation; `read` gives the body when the caller is known.

        Raises:
            Problem: it was refused.
            Decided: it is a dry run.

        """
        if self.route.own is None:
            raise ValueError(f"{self.route.id} is not one of the gateway's own")
        try:
            await self._refuse_twice(self.route.own)
            found = await admit(self._ask(self.route.own, read), self.route.own)
        except GatewayError as error:
            raise of_error(error) from None
        if isinstance(found, Reply):
            raise Decided(found)
        return found

    async def _run(
        self, operation: Operation, build: Build, names: Mapping[str, str], sub: str | None, only_decide: When | None
    ) -> tuple[Ask, Reply]:
        async def read_body() -> dict[str, Any]:
            inputs = await self.inputs()
            self._body = body = dict(build(inputs))
            ask.dry_run = ask.dry_run or (only_decide is not None and only_decide(inputs))
            return body

        try:
            await self._refuse_twice(operation)
            ask = self._ask(operation, read_body, sub=sub)
            if ask.token is None and self.route.security != "public":
                raise await self._refused(ask, operation, TokenError("no-token"))
            return ask, await self.context.pipeline.run(ask)
        except InvalidRequest as error:
            member = error.member
            if member is not None and self._inputs is not None and member[:1].isupper():  # Cognito's name
                member = renamed(member, names, self._body)
            raise of_error(error, member) from None
        except GatewayError as error:
            raise of_error(error) from None

    async def _refuse_twice(self, operation: Operation) -> None:
        twice = self.heard.twice
        if twice is None and self._bare and b"x-amz-security-token" in self.heard.found:
            twice = InvalidRequest("two-tokens", message="Two tokens were sent: use Authorization alone.")
        if twice is not None:
            raise await self._refused(self._ask(operation, self._nothing), operation, twice)

    async def _refused(self, ask: Ask, operation: Operation, error: GatewayError) -> GatewayError:
        await self.context.pipeline.refuse(ask, error, operation)
        return error

    def _ask(
        self, operation: Operation, read_body: Callable[[], Awaitable[dict[str, Any]]], *, sub: str | None = None
    ) -> Ask:
        self._asked += 1
        self._last = Ask(
            id=self.heard.id if self._asked == 1 else f"{self.heard.id}.{self._asked}",
            target=operation.target.encode(),
            token=self.token,
            ip=self.heard.ip,
            read_body=read_body,
            dry_run=self.heard.dry_run,
            idempotency_key=self.heard.found.get(b"idempotency-key"),
            sub=sub,
            knocked=self._knocked,
        )
        self._knocked = False
        return self._last

    async def _nothing(self) -> dict[str, Any]:
        return {}

    def _operation(self, name: str, service: str) -> Operation:
        if name not in self.route.operations:
            raise ValueError(f"{self.route.id} does not say that it asks for {name}")
        found = self.context.catalogue.by_name[name]
        if found.service != service:
            raise ValueError(f"{name} is not one of {service}'s")
        return found
