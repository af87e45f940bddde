"""What of JavaScript the Worker uses, behind Python's own types.

Duty: the one place that touches `js`, `pyodide` and the SDK's functions, which exist on Workers only.
Prohibition: no decision; no object of JavaScript is kept between requests.
Source: the Fetch, Streams and DOM standards (`AbortSignal.timeout`); Pyodide, "Type translations"; Cloudflare Workers,
"Context (ctx)": `waitUntil`.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import js  # type: ignore[import-not-found]  # part of the platform
from pyodide.ffi import JsException, create_proxy, to_js  # type: ignore[import-not-found]  # part of the platform
from workers import wait_until  # type: ignore[import-not-found]  # part of the platform

from gateway.runtimes.cloudflare.bridge import Answer, CutShort
from gateway.runtimes.cloudflare.console import told
from gateway.runtimes.cloudflare.fetching import Failed, Sent, TimedOut, options

T = TypeVar("T")
JsObject = Any
"""An object of JavaScript."""

_WITHOUT_BODY = frozenset({204, 205, 304})
_ABORTED = frozenset({"TimeoutError", "AbortError"})


def print_line(line: str) -> None:
    """One line of the audit."""
    js.console.log(line)


def tell(line: str) -> None:
    """One line for the operator."""
    js.console.warn(told(line))


def see_through(work: Awaitable[T]) -> "asyncio.Future[T]":
    """Run `work` to its end (30 seconds at most), even when the answer is out before."""
    task = asyncio.ensure_future(work)
    proxy = create_proxy(task)
    task.add_done_callback(lambda _: proxy.destroy())
    wait_until(proxy)
    return task


@contextmanager
def held() -> Iterator[None]:
    """What is done within comes to its end (in 30 seconds at most), even when the caller hangs up.

    The same as `see_through` for who waits for it anyway, without a task more and its turns of the event loop.
    """
    ending = js.Promise.withResolvers()
    wait_until(ending.promise)
    try:
        yield
    finally:
        ending.resolve()


def fingerprint(env: JsObject) -> str:
    """All values of an environment in one text, for one call of JavaScript: only to see whether one has changed."""
    return str(js.Object.entries(env).join("\n"))


def values(env: JsObject) -> Mapping[str, object]:
    """All values of an environment: texts, numbers and switches as Python's, bindings as they are."""
    return dict(js.Object.entries(env))


def headers(request: JsObject) -> Mapping[str, str]:
    """The headers of a request; several values of one name come joined, as the platform has them."""
    return dict(js.Object.fromEntries(request.headers).to_py())


async def pieces(request: JsObject) -> AsyncIterator[bytes]:
    """The body of a request: at once where its length is declared, else as it comes.

    Raises:
        CutShort: the caller hung up.

    """
    try:
        if request.headers.get("content-length"):
            yield (await request.arrayBuffer()).to_bytes()
        elif request.body:
            async for piece in _stream(request.body):
                yield piece
    except JsException:
        raise CutShort from None


def response(answer: Answer) -> JsObject:
    """The platform's own form of an answer."""
    body = None if answer.status in _WITHOUT_BODY else to_js(answer.body)
    return js.Response.new(body, status=answer.status, headers=to_js([[name, value] for name, value in answer.headers]))


class _Coming:
    """An answer of `fetch`; see `fetching.Coming`."""

    def __init__(self, answer: JsObject) -> None:
        self._answer = answer
        self.status: int = answer.status
        self.headers: Mapping[str, str] = js.Object.fromEntries(answer.headers).to_py()

    async def body(self, max_bytes: int) -> bytes | None:
        """All of it, None where it is longer than `max_bytes`. Raises `TimedOut` or `Failed`."""
        try:
            if self._is_known_to_fit(max_bytes):
                whole: bytes = (await self._answer.arrayBuffer()).to_bytes()  # one wait instead of two or more
                return whole
            found: list[bytes] = []
            room = max_bytes
            if self._answer.body:
                async for piece in _stream(self._answer.body):
                    room -= len(piece)
                    if room < 0:
                        return None
                    found.append(piece)
        except JsException as error:
            raise _failure(error) from None
        return b"".join(found)

    def _is_known_to_fit(self, max_bytes: int) -> bool:
        """Whether its length is declared. What came compressed is longer than it says."""
        length = self.headers.get("content-length", "")
        return length.isdigit() and int(length) <= max_bytes and "content-encoding" not in self.headers

    async def drop(self) -> None:
        """Let go of a body that nobody reads."""
        with suppress(JsException):
            if self._answer.body:
                await self._answer.body.cancel()


async def fetch(sent: Sent) -> _Coming:
    """See `fetching.Fetch`."""
    init: dict[str, Any] = options(sent)
    if sent.body is not None:
        init["body"] = sent.body
    try:
        init["signal"] = js.AbortSignal.timeout(sent.timeout_milliseconds)
        return _Coming(await js.fetch(sent.url, to_js(init, dict_converter=js.Object.fromEntries)))
    except JsException as error:
        raise _failure(error) from None


def _failure(error: JsObject) -> Exception:
    return TimedOut() if error.name in _ABORTED else Failed("reset")


async def _stream(body: JsObject) -> AsyncIterator[bytes]:
    reader = body.getReader()
    ended = False
    try:
        while True:
            step = await reader.read()
            if step.done:
                ended = True
                return
            yield step.value.to_bytes()
    finally:
        if not ended:
            with suppress(JsException):
                await reader.cancel()
