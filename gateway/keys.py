"""Cognito's keys: fetched when needed, never in a storm, kept while they cannot be fetched, dropped when too old.

Duty: one set of RS256 keys for each issuer, and what may be done about it at which moment.
Prohibition: only the configured URLs are fetched, no redirect is followed, no key material is logged, no clock is read
but the one handed in, nothing that a token says is remembered.
Source: RFC 7517 section 5, RFC 9111 section 5.2.2.1 (max-age), Amazon Cognito "Verifying JSON web tokens".
"""

import asyncio
import math
import re
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

from gateway.errors import TokenError, Unavailable, UpstreamError
from gateway.jose import MAX_SET_BYTES, Malformed, Verify, read_set
from gateway.upstream import Answer, Broken, NotSent, Origin, Request, Transport

Fetch = Callable[[str], Awaitable[Answer]]
Key = Verify  # a key is what it can do

WINDOW_SECONDS: Final = 10.0
MAX_AGE_SECONDS: Final = 86_400.0
MIN_FRESH_SECONDS: Final = 300.0
DEFAULT_FRESH_SECONDS: Final = 3_600.0
FETCH_TIMEOUT_SECONDS: Final = 3.0
_BACKOFF_SECONDS: Final = (2.0, 3.0, 4.0, 5.0)
# moto and cognito-local sign with private keys that everyone can download.
_PUBLISHED_KIDS: Final = frozenset({"dummy", "CognitoLocal"})
_MAX_AGE: Final = re.compile(r"max-age=([0-9]{1,12})", re.ASCII)


def locate(url: str) -> tuple[Origin, str]:
    """Split a key set's URL into where to connect and what to ask for.

    Raises: ValueError where it is not an absolute http(s) URL without user name and fragment.
    """
    parts = urlsplit(url)
    port = parts.port  # raises ValueError itself where it is no port
    if parts.scheme not in {"https", "http"} or not parts.hostname or "@" in parts.netloc or parts.fragment:
        raise ValueError("not the URL of a key set")
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    return Origin(parts.scheme, parts.hostname, port or {"https": 443, "http": 80}[parts.scheme]), path


def fetch_by(
    transport: Transport, *, timeout_seconds: float = FETCH_TIMEOUT_SECONDS, max_bytes: int = MAX_SET_BYTES
) -> Fetch:
    """Make the fetch port of a transport: one GET, `timeout_seconds` in all, at most `max_bytes` of answer."""

    async def fetch(url: str) -> Answer:
        origin, path = locate(url)
        request = Request(origin, (("accept", "application/json"),), b"", method="GET", path=path)
        return await transport(request, timeout_seconds=timeout_seconds, max_answer_bytes=max_bytes)

    return fetch


def fresh_seconds(cache_control: str) -> float:
    """Say how long an answer is fresh, from its Cache-Control header, held between five minutes and (nearly) a day.

    "Nearly": a refresh in the background needs time before the day is over and the keys are dropped.
    """
    ages = [float(match[1]) for part in cache_control.split(",") if (match := _MAX_AGE.fullmatch(part.strip().lower()))]
    return min(max(min(ages, default=DEFAULT_FRESH_SECONDS), MIN_FRESH_SECONDS), MAX_AGE_SECONDS - MIN_FRESH_SECONDS)


def _believable(answer: Answer) -> dict[str, dict[str, str]]:
    """Read an answer as a key set that a gateway may trust."""
    if answer.status != HTTPStatus.OK:  # a redirect is an answer too, and none that we want
        raise Malformed(f"status-{answer.status}")
    jwks = read_set(answer.body)
    if not _PUBLISHED_KIDS.isdisjoint(jwks):
        raise Malformed("emulator-key-whose-private-half-is-published")
    return jwks


@dataclass(slots=True)
class _Held:
    """One issuer's set and its moments, in monotonic seconds. The set is usable while it holds keys."""

    issuer: str
    url: str
    jwks: dict[str, dict[str, str]] = field(default_factory=dict)
    keys: dict[str, Key] = field(default_factory=dict)
    began_at: float = -math.inf  # when the fetch that gave these keys began
    good_at: float = -math.inf  # when it ended
    refresh_at: float = math.inf  # from when a fetch in the background is due
    retry_at: float = -math.inf  # until then an unknown key id causes no fetch
    failed: bool = False  # whether the last fetch failed
    failures: int = 0
    running: asyncio.Task[None] | None = None

    @property
    def dies_at(self) -> float:
        """From when the keys are too old to be believed."""
        return self.good_at + MAX_AGE_SECONDS


class KeyRing:
    """The keys of all issuers. One for a process or an isolate; not for several threads."""

    def __init__(  # noqa: PLR0913 - ports, all by name
        self,
        *,
        urls: Mapping[str, str],
        fetch: Fetch,
        make_key: Callable[[Mapping[str, str]], Key],
        monotonic: Callable[[], float],
        share_waits: bool = True,
        spawn: Callable[[Coroutine[Any, Any, None]], object] | None = None,
        log: Callable[[str], None] | None = None,
    ) -> None:
        """`urls`: issuer -> its set's URL, the pool's own issuer first. `monotonic`: seconds.

        `share_waits`: several calls wait for one fetch; false on Workers, where no request may wait for another's I/O.
        `spawn` runs a refresh in the background (Workers: `ctx.waitUntil`); without it a task of the running loop does.
        `log` gets a line for each change and failure. Raises: ValueError without a URL, or with one that is none.
        """
        if not urls:
            raise ValueError("no key set to fetch")
        for url in urls.values():
            locate(url)
        self._held = {issuer: _Held(issuer, url) for issuer, url in urls.items()}
        self._fetch = fetch
        self._make_key = make_key
        self._monotonic = monotonic
        self._share_waits = share_waits
        self._spawn = spawn
        self._log = log or (lambda _line: None)
        self._generation = 0
        self._due_at = math.inf

    @property
    def generation(self) -> int:
        """A number that changes when a key comes, goes, changes or gets too old: what it verified is then in doubt."""
        if self._monotonic() >= self._due_at:
            self._tend()
        return self._generation

    def known(self, issuer: str, kid: str) -> Key | None:
        """Give a key that is at hand, without waiting; may start a refresh in the background."""
        if self._monotonic() >= self._due_at:
            self._tend()
        held = self._held.get(issuer)
        return None if held is None else held.keys.get(kid)

    async def find(self, issuer: str, kid: str) -> Key:
        """Give a key, fetching its issuer's set where that may help.

        Raises: TokenError where the issuer or the key id is unknown; Unavailable where the keys cannot be had.
        """
        key = self.known(issuer, kid)
        if key is not None:
            return key
        held = self._held.get(issuer)
        if held is None:
            raise TokenError("issuer")
        if self._monotonic() >= held.retry_at:
            await self._refresh(held)
            key = held.keys.get(kid)
            if key is not None:
                return key
            if not held.failed:
                held.retry_at = self._monotonic() + WINDOW_SECONDS
        if held.failed:
            wait_seconds = max(1, math.ceil(held.retry_at - self._monotonic()))
            raise Unavailable("keys", retry_after_seconds=wait_seconds)
        raise TokenError("unknown-kid")

    async def warm(self, *issuers: str) -> bool:
        """Fetch the sets of `issuers` in this order (the first issuer's alone if none is named) where none is held yet.

        Returns whether all of them are usable. A failure is logged and tried again when a token needs the set.
        """
        for issuer in issuers or tuple(self._held)[:1]:
            held = self._held[issuer]
            if not held.keys and self._monotonic() >= held.retry_at:
                await self._refresh(held)
        return all(self._held[issuer].keys for issuer in issuers or tuple(self._held)[:1])

    def ages(self) -> dict[str, float | None]:
        """Say for each issuer how many seconds ago its keys were last fetched; None where there are none."""
        now = self._monotonic()
        return {held.issuer: now - held.good_at if held.keys else None for held in self._held.values()}

    async def _refresh(self, held: _Held) -> None:
        """Wait for one fetch: the one that is running, if waits are shared."""
        if not self._share_waits:
            await self._renew(held)
            return
        if held.running is None or held.running.done():
            held.running = asyncio.get_running_loop().create_task(self._renew(held))
        # Shielded: a caller who hangs up cancels its own waiting, not the fetch that others wait for.
        await asyncio.shield(held.running)

    def _tend(self) -> None:
        """Drop what is too old, start what is due in the background, and note when to look again."""
        now = self._monotonic()
        for held in self._held.values():
            if held.keys and now >= held.dies_at:
                held.jwks, held.keys = {}, {}
                self._generation += 1
                self._log(f"keys: {held.issuer}: dropped, not fetched for a day")
            elif held.keys and now >= held.refresh_at:
                held.refresh_at = now + WINDOW_SECONDS
                self._start(held)
        self._note_due()

    def _note_due(self) -> None:
        """Keep the next moment at which a set becomes due: one comparison a request is all that costs."""
        moments = [min(held.dies_at, held.refresh_at) for held in self._held.values() if held.keys]
        self._due_at = min(moments, default=math.inf)

    def _start(self, held: _Held) -> None:
        """Refresh without anyone waiting."""
        if held.running is not None and not held.running.done():
            return
        if self._spawn is not None:
            self._spawn(self._renew(held))
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # asked outside of a loop: the next window's call may be inside one
            return
        held.running = loop.create_task(self._renew(held))

    async def _renew(self, held: _Held) -> None:
        """Fetch a set once and take it over; whatever fails is noted and what is held stays."""
        began_at = self._monotonic()
        try:
            answer = await self._ask(held.url)
            jwks = _believable(answer)
            keys = self._keys_of(held, jwks)
        except (UpstreamError, Malformed) as error:
            self._note_failure(held, str(error))
            return
        if began_at < held.began_at:  # unshared fetches may end in another order than they began: the later knows more
            return
        now = self._monotonic()
        held.began_at, held.good_at = began_at, now
        held.refresh_at = now + fresh_seconds(answer.headers.get("cache-control", ""))
        held.failed, held.failures = False, 0
        if keys != held.keys:
            self._generation += 1
            self._log(f"keys: {held.issuer}: {len(keys)} usable, were {len(held.keys)}")
        held.jwks, held.keys = jwks, keys
        self._note_due()

    async def _ask(self, url: str) -> Answer:
        """Fetch, and once more where the connection failed: usually an idle one that the other side had closed."""
        try:
            return await self._fetch(url)
        except (NotSent, Broken):
            return await self._fetch(url)

    def _keys_of(self, held: _Held, jwks: Mapping[str, dict[str, str]]) -> dict[str, Key]:
        """Make the keys of a set; one that did not change stays the same object: what it verified stays valid."""
        keys: dict[str, Key] = {}
        for kid, jwk in jwks.items():
            if held.jwks.get(kid) == jwk and kid in held.keys:
                keys[kid] = held.keys[kid]
                continue
            try:
                keys[kid] = self._make_key(jwk)
            except ValueError:
                continue
        if not keys:
            raise Malformed("no-usable-key")
        return keys

    def _note_failure(self, held: _Held, reason: str) -> None:
        """Note a failed fetch: keys that are held stay, and the next try waits."""
        now = self._monotonic()
        backoff_seconds = _BACKOFF_SECONDS[min(held.failures, len(_BACKOFF_SECONDS) - 1)]
        held.failed, held.failures = True, held.failures + 1
        held.retry_at = now + (WINDOW_SECONDS if held.keys else backoff_seconds)
        held.refresh_at = now + WINDOW_SECONDS
        self._note_due()
        self._log(f"keys: {held.issuer}: not fetched ({reason}), {len(held.keys)} kept")
