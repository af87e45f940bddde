"""One allowed call to Cognito and back: signed, sent, tried again only where that is safe.

Duty: build the request anew from the settings and the judged body (R-09); try again by R-20: a mutation never once
bytes were sent, but for one re-signing when Cognito proved that it refused our identity without acting; a read at most
three times in all, on broken exchanges only, within a budget.
Prohibition: nothing of the caller's request but the judged body and, in the User-Agent, the actor's `sub`.
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.credentials import Credentials, Sign
from gateway.errors import Unavailable, UpstreamError, UpstreamTimeout
from gateway.keypair import KeyPair
from gateway.operations import Operation
from gateway.relay import CLOCK_ERRORS, NOT_EXECUTED, Reply, clock_offset_seconds, error_type, failure, success
from gateway.upstream import MAX_ANSWER_BYTES, Answer, Broken, ConnectTimeout, NotSent, Origin, Request, Transport

MAX_ATTEMPTS = 3
_BACKOFF_SECONDS = 0.05
_BUDGET = 10.0
_BUDGET_PER_CALL = 0.1
_LEAST_SKEW_SECONDS = 2.0
_PASSING = frozenset({"reset", "cut_short", "closed"})  # what is too large, or not HTTP, will be so again
_CONTENT_TYPE = "application/x-amz-json-1.1"
_USER_AGENT = "cognito-edge-gateway/0.1.0"


@dataclass(slots=True)
class _Sending:
    """One judged call on its way: `deadline` is when it ends, by the monotonic clock."""

    operation: Operation
    body: bytes
    agent: str
    deadline: float


class Door:
    """The way to Cognito's two services."""

    __slots__ = (
        "_budget",
        "_credentials",
        "_jitter",
        "_log",
        "_monotonic",
        "_now",
        "_origins",
        "_sign",
        "_timeout_seconds",
        "_transport",
        "offset_seconds",
    )

    def __init__(  # noqa: PLR0913 - everything that a runtime hands in
        self,
        *,
        origins: Mapping[str, Origin],
        transport: Transport,
        credentials: Credentials,
        sign: Sign,
        now: Callable[[], float],
        monotonic: Callable[[], float],
        jitter: Callable[[], float],
        log: Callable[[str], None],
        timeout_seconds: float = 15.0,
    ) -> None:
        """`origins` by service name; `jitter` gives numbers in [0, 1); `log` takes one line for the operator."""
        self._origins = origins
        self._transport = transport
        self._credentials = credentials
        self._sign = sign
        self._now = now
        self._monotonic = monotonic
        self._jitter = jitter
        self._log = log
        self._timeout_seconds = timeout_seconds
        self._budget = _BUDGET
        self.offset_seconds = 0.0

    async def carry(
        self,
        operation: Operation,
        body: bytes,
        *,
        actor: str | None,
        deadline: float | None = None,
        guards: bool = False,
    ) -> Reply:
        """Send `body` as `operation` and return what the caller may see of the answer.

        `deadline`, in monotonic seconds, cuts the timeout of the whole call. `guards`: it is their own read, which the
        User-Agent says, so that CloudTrail tells it from what the actor asked for.

        Raises:
            UpstreamError: unreachable, broken, not JSON, or Cognito refused the gateway's own identity.
            UpstreamTimeout: no answer within the timeout of the whole call.
            Unavailable: there are no keys to sign with.

        """
        ends = self._monotonic() + self._timeout_seconds
        agent = f"{_USER_AGENT} guards" if guards else _USER_AGENT
        agent = f"{agent} actor/{actor}" if actor else agent
        sending = _Sending(operation, body, agent, ends if deadline is None or ends < deadline else deadline)
        keys = await self._keys() if operation.signed else None
        answer = await self._exchange(sending, keys)
        name = error_type(answer)
        if name is None:
            return self._success(operation, answer)
        if name in NOT_EXECUTED and keys is not None:
            again = await self._other_identity(answer, name, keys)
            if again is not None:
                keys = again
                answer = await self._exchange(sending, keys, attempts=1)
                name = error_type(answer)
                if name is None:
                    return self._success(operation, answer)
        try:
            return failure(answer, name, keys)
        except UpstreamError as error:
            self._log(f"Cognito refused the gateway itself: {error.reason}")
            raise

    def _success(self, operation: Operation, answer: Answer) -> Reply:
        reply = success(answer, mutates=operation.mutates)
        if operation.mutates:
            now = self._now()
            offset = clock_offset_seconds(answer, now)
            reply.at = None if offset is None else now + offset
        return reply

    def learn_clock(self, aws_now: float) -> None:
        """Sign with AWS's time from now on; `aws_now` is epoch seconds, just read from an answer of AWS."""
        self._learn(aws_now - self._now())

    def _learn(self, offset: float) -> bool:
        if abs(offset - self.offset_seconds) <= _LEAST_SKEW_SECONDS:
            return False
        self.offset_seconds = offset
        self._log(f"this clock is off by {-offset:+.0f} s against AWS's: signing with AWS's time from now on")
        return True

    async def _keys(self) -> KeyPair:
        try:
            return await self._credentials.current(self._now() + self.offset_seconds)
        except Unavailable:
            self._log(f"no keys to sign with: {self._credentials.last_failure}")
            raise

    async def _other_identity(self, answer: Answer, name: str, keys: KeyPair) -> KeyPair | None:
        """A corrected clock, or the other pair of keys, for one more signature; None when there is neither."""
        now = self._now()
        if name in CLOCK_ERRORS:
            offset = clock_offset_seconds(answer, now)
            if offset is not None and self._learn(offset):
                return keys
        if self._credentials.rejected(keys, now + self.offset_seconds):
            self._log(f"Cognito refused the keys in use ({name}): changing to the other pair")
            return await self._keys()
        return None

    async def _exchange(self, sending: _Sending, keys: KeyPair | None, attempts: int = MAX_ATTEMPTS) -> Answer:
        self._budget = min(self._budget + _BUDGET_PER_CALL, _BUDGET)
        attempt = 1
        while True:
            try:
                return await self._transport(
                    self._request(sending, keys),
                    timeout_seconds=max(sending.deadline - self._monotonic(), 0.001),
                    max_answer_bytes=MAX_ANSWER_BYTES,
                )
            except ConnectTimeout:
                raise
            except (NotSent, Broken) as error:
                stale = isinstance(error, Broken) and error.reused
                if not isinstance(error, NotSent) and (sending.operation.mutates or error.reason not in _PASSING):
                    raise
                if attempt >= attempts or self._budget < 1:
                    raise
                self._budget -= 1
                pause = 0.0 if stale else _BACKOFF_SECONDS * attempt * (0.5 + self._jitter())
                if self._monotonic() + pause >= sending.deadline:
                    raise UpstreamTimeout("upstream-timeout") from error
                await asyncio.sleep(pause)
                attempt += 1

    def _request(self, sending: _Sending, keys: KeyPair | None) -> Request:
        operation, body = sending.operation, sending.body
        if keys is None:
            headers: tuple[tuple[str, str], ...] = (
                ("Content-Type", _CONTENT_TYPE),
                ("X-Amz-Target", operation.target),
            )
        else:
            now = self._now() + self.offset_seconds
            headers = self._sign(keys, target=operation.target, body=body, now=now, content_type=_CONTENT_TYPE)
        return Request(self._origins[operation.service], (*headers, ("User-Agent", sending.agent)), body)
