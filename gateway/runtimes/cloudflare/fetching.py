"""The `Transport` port over the platform's `fetch`.

Duty: one exchange; its timeout, its cap, its failures in the port's words.
Prohibition: no redirect is followed, no answer is taken from a cache, nothing is tried again.
Source: the Fetch standard; Cloudflare Workers runtime APIs, "Fetch".

`fetch` says neither when it has connected nor whether bytes had left when it failed: a failure counts as `Broken`, so
that a change is never sent twice, and there is no connect timeout of its own. It decodes what came compressed.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Protocol

from gateway.upstream import MAX_ANSWER_BYTES, Answer, AnswerTimeout, Broken, ConnectTimeout, Request

MAX_DEPTH = 2_000
"""How deep an answer may be nested: at some 10,000 WebAssembly's stack ends the isolate, without an exception."""

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_NO_BRACKETS = bytes(set(range(256)) - _STEPS.keys())
_DECODED = frozenset({"content-encoding", "content-length", "transfer-encoding"})
_LEAST_MILLISECONDS = 1


class TimedOut(Exception):
    """The exchange took longer than it may."""


class Failed(Exception):
    """The exchange failed. The only argument is a slug."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What goes out, in the platform's own terms."""

    url: str
    method: str
    headers: list[list[str]]
    body: bytes | None
    timeout_milliseconds: int


class Coming(Protocol):
    """An answer whose body is still to come."""

    status: int
    headers: Mapping[str, str]  # names in lower case

    async def drop(self) -> None:
        """Let go of a body that nobody reads."""
        ...  # pragma: no cover - a port

    async def body(self, max_bytes: int) -> bytes | None:
        """All of it, None where it is longer than `max_bytes`. Raises `TimedOut` or `Failed`."""
        ...  # pragma: no cover - a port


Fetch = Callable[[Sent], Awaitable[Coming]]
"""Raises `TimedOut` or `Failed`."""


class FetchTransport:
    """The `Transport` of a Worker."""

    __slots__ = ("_fetch",)

    def __init__(self, fetch: Fetch) -> None:
        """`fetch` is the platform's."""
        self._fetch = fetch

    async def __call__(
        self, request: Request, *, timeout_seconds: float, max_answer_bytes: int = MAX_ANSWER_BYTES
    ) -> Answer:
        """Send `request` once and return the whole answer; `max_answer_bytes` is of its body, decoded.

        Raises:
            ConnectTimeout: there was no time left to begin.
            Broken: the exchange failed, or the answer is too large or nested too deep.
            AnswerTimeout: no whole answer within `timeout_seconds`.

        """
        if timeout_seconds <= 0:
            raise ConnectTimeout("no_time_left")
        try:
            coming = await self._fetch(_sent(request, timeout_seconds))
            length = coming.headers.get("content-length", "")
            if length.isdigit() and int(length) > max_answer_bytes:
                await coming.drop()
                raise Broken("too_large")
            body = await coming.body(max_answer_bytes)
        except TimedOut as error:
            raise AnswerTimeout("answer_timeout") from error
        except Failed as error:
            raise Broken(str(error)) from error
        if body is None:
            raise Broken("too_large")
        if _too_deep(body):
            raise Broken("too_deep")
        headers = {name: value for name, value in coming.headers.items() if name not in _DECODED}
        return Answer(coming.status, headers, body)


def _too_deep(body: bytes) -> bool:
    """Whether reading it could end the isolate. The usual answer has too few brackets to be looked at twice."""
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return False
    brackets = _STRING.sub(b"", body).translate(None, _NO_BRACKETS)
    return max(accumulate(map(_STEPS.__getitem__, brackets)), default=0) > MAX_DEPTH


def _sent(request: Request, timeout_seconds: float) -> Sent:
    origin = request.origin
    return Sent(
        f"{origin.scheme}://{origin.authority}{request.path}",
        request.method,
        [["accept-encoding", "identity"], *([name, value] for name, value in request.headers)],
        None if request.method == "GET" else request.body,
        max(_LEAST_MILLISECONDS, int(timeout_seconds * 1000)),
    )


def options(sent: Sent) -> dict[str, Any]:
    """What `fetch` takes beside the URL, without the body and the signal. A key set is never taken from a cache."""
    more = {"cache": "no-store"} if sent.method == "GET" else {}
    return {"method": sent.method, "headers": sent.headers, "redirect": "manual", **more}
