"""Whose keys sign: fixed ones, two pairs of which one is being rotated in, or a role's temporary ones.

Duty: hand out one whole `KeyPair` that has not expired, and another one once AWS has proved that it refuses the first.
Prohibition: no clock, no environment, no SDK credential chain; a role's keys are fetched by what is handed in. Nothing
of a key, nor of STS's text but its error code, is put in an error or a log.
Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
"""

import asyncio
import math
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Protocol

from gateway import sts
from gateway.errors import Unavailable, UpstreamError
from gateway.keypair import KeyPair
from gateway.upstream import Answer, Broken, Origin, Request, Transport

EXPIRY_MARGIN_SECONDS = 20.0  # longer than a whole upstream call: what is signed now must not arrive with a dead token
REFRESH_AT = 0.8  # of a pair's life
RETRY_SECONDS = 2.0  # at most one try in this time after one that failed
YOUNG_SECONDS = 30.0  # a pair refused at this age is refused for a reason that the next one shares

_CLOCK_CODES = frozenset({"RequestExpired", "SignatureDoesNotMatch", "InvalidSignatureException"})
_KEY_CODES = frozenset({"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"})
_LEAST_SKEW_SECONDS = 60.0  # AWS forgives five minutes: less than this is not why it refused
_MOST_SKEW_SECONDS = 24 * 3600.0


class Credentials(Protocol):
    """Where the pair that signs comes from."""

    @property
    def last_failure(self) -> str | None:
        """Why there are no keys, a slug for the operator; None where nothing failed."""
        ...  # pragma: no cover - a port

    async def current(self, now: float) -> KeyPair:
        """Give the pair to sign with at `now` (epoch seconds). Raises `Unavailable` when there is none that lives."""
        ...  # pragma: no cover - a port

    def rejected(self, keys: KeyPair, now: float) -> bool:
        """AWS proved that it refuses `keys`: whether `current` may now give others, worth one more try."""
        ...  # pragma: no cover - a port


class Sign(Protocol):
    """Signs for STS: gives the headers to add."""

    def __call__(
        self, keys: KeyPair, *, target: str | None, body: bytes, now: float, content_type: str
    ) -> tuple[tuple[str, str], ...]:
        """Sign `body`; `now` is epoch seconds."""
        ...  # pragma: no cover - a port


class StaticCredentials:
    """One pair, for as long as it lives."""

    __slots__ = ("_pair", "last_failure")

    def __init__(self, pair: KeyPair) -> None:
        """Take the pair; it may have an end, and then nothing takes its place."""
        self._pair = pair
        self.last_failure: str | None = None

    async def current(self, now: float) -> KeyPair:
        """Give the pair.

        Raises:
            Unavailable: it has expired.

        """
        return _alive(self._pair, now)

    def rejected(self, keys: KeyPair, now: float) -> bool:  # noqa: ARG002 - the port
        """There is no other pair."""
        return False


class PairOfCredentials:
    """Two pairs, so that keys can be rotated without a moment in which neither works.

    Signs with one until AWS refuses it, then with the other until that is refused.
    """

    __slots__ = ("_active", "_spare", "last_failure")

    def __init__(self, current: KeyPair, following: KeyPair) -> None:
        """Sign with `current` first; `following` is the setting's `next`."""
        self._active = current
        self._spare = following
        self.last_failure: str | None = None

    async def current(self, now: float) -> KeyPair:
        """Give the pair that signs now.

        Raises:
            Unavailable: it has expired.

        """
        return _alive(self._active, now)

    def rejected(self, keys: KeyPair, now: float) -> bool:  # noqa: ARG002 - the port
        """Change to the other pair, once for all the requests that were refused with the same one."""
        if keys == self._active:
            self._active, self._spare = self._spare, self._active
        return True


class RoleCredentials:
    """A role's temporary keys: fetched from STS, renewed at 80 % of their life, never used to the end.

    One fetch at a time, in the background while the keys in hand live; who hangs up does not end it for the others.
    With `share_waits=False` nothing that waits is shared between requests, as Workers demand: one request renews ahead
    of time for all, and where there are no keys each fetches for itself.
    """

    def __init__(  # noqa: PLR0913 - what STS needs to be told, by name
        self,
        source: Credentials,
        role_arn: str,
        origin: Origin,
        *,
        transport: Transport,
        sign: Sign,
        session_name: str,
        tags: Mapping[str, str] | None = None,
        duration_seconds: int = 3600,
        timeout_seconds: float = 5.0,
        share_waits: bool = True,
        learn_clock: Callable[[float], None] | None = None,
    ) -> None:
        """Fetch nothing yet. `sign` signs for STS in its region, with `origin.authority` as the host.

        `learn_clock` is told AWS's time (epoch seconds, just read) when STS refused a signature because of the clock:
        without it a gateway with a wrong clock would never get the keys for the call that teaches it the time.
        """
        self._source = source
        self._origin = origin
        self._transport = transport
        self._sign = sign
        self._body = sts.assume_role(role_arn, session_name, duration_seconds=duration_seconds, tags=tags)
        self._duration_seconds = duration_seconds
        self._timeout_seconds = timeout_seconds
        self._share_waits = share_waits
        self._learn_clock = learn_clock
        self._pair: KeyPair | None = None
        self._refused: KeyPair | None = None
        self._fetched_at = self._renew_at = self._failed_at = self._ahead_at = -math.inf
        self._task: asyncio.Task[KeyPair | None] | None = None
        self.last_failure: str | None = None
        """Why the last fetch failed, a slug for the operator; None after one that worked."""

    async def current(self, now: float) -> KeyPair:
        """Give the role's keys, fetched if they have to be.

        Raises:
            Unavailable: there are none that live, and STS gives none now.

        """
        pair = self._pair
        if pair is not None and now < self._renew_at:
            return pair
        if not self._backs_off(now):
            in_need = pair is None or pair is self._refused or _expired(pair, now)
            fresh = await (self._fetched(now) if in_need else self._fetched_ahead(now))
            if fresh is not None:
                return fresh
        # Refused keys go on being used while nothing better is to be had: the refusal may have been a passing one.
        return _alive(self._pair, now)

    def rejected(self, keys: KeyPair, now: float) -> bool:
        """Have other keys fetched before the next signature; not once more for keys that were fetched just now."""
        if keys != self._pair:
            return True  # signed before the last renewal
        if self._backs_off(now) or 0 <= now - self._fetched_at < YOUNG_SECONDS:
            return False
        self._refused = self._pair
        self._renew_at = -math.inf
        return True

    def _backs_off(self, now: float) -> bool:
        return 0 <= now - self._failed_at < RETRY_SECONDS

    async def _fetched(self, now: float) -> KeyPair | None:
        """Wait for a fetch: the one under way, where waiting may be shared."""
        if self._share_waits:
            return await asyncio.shield(self._fetching(now))
        return await self._fetch(now)

    async def _fetched_ahead(self, now: float) -> KeyPair | None:
        """See to it that a fetch is under way; None where it is not for this request to wait for it."""
        if self._share_waits:
            self._fetching(now)
            return None
        # A time, not a flag: a runtime may drop a request in the middle of its fetch, and nobody would lower the flag.
        if 0 <= now - self._ahead_at < 2 * self._timeout_seconds:
            return None
        self._ahead_at = now
        return await self._fetch(now)

    def _fetching(self, now: float) -> "asyncio.Task[KeyPair | None]":
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._fetch(now))
        return self._task

    async def _fetch(self, now: float) -> KeyPair | None:
        """Get keys and keep them; None, remembered for the back-off, when that fails."""
        try:
            pair, now = await self._assume_role(now)
        except (UpstreamError, Unavailable) as error:
            self._failed_at = now
            self.last_failure = error.reason
            return None
        ends = _ends(pair)
        self._pair, self._refused = pair, None
        self._fetched_at, self._failed_at = now, -math.inf
        self._renew_at = min(now + REFRESH_AT * (ends - now), ends - EXPIRY_MARGIN_SECONDS)
        self.last_failure = None
        return pair

    async def _assume_role(self, now: float) -> tuple[KeyPair, float]:
        """Ask STS, once more with AWS's time or other keys of ours: the role's keys, and the time to judge them by.

        Raises:
            UpstreamError: STS refused, could not be reached or gave keys that are as good as dead.
            Unavailable: there are no keys to ask with.

        """
        keys = await self._source.current(now)
        for _ in range(2):
            answer = await self._ask(keys, now)
            if answer.status == HTTPStatus.OK:
                key_id, secret, token, ends = sts.assumed_role(answer.body)
                pair = KeyPair(key_id, secret, token, min(ends, now + self._duration_seconds))
                if _expired(pair, now):
                    raise UpstreamError("sts-expired")
                return pair, now
            code = sts.error_code(answer.body)
            aws_now = _date(answer)
            skewed = aws_now is not None and _LEAST_SKEW_SECONDS < abs(aws_now - now) < _MOST_SKEW_SECONDS
            if skewed and aws_now is not None and code in _CLOCK_CODES:
                now = aws_now
                if self._learn_clock is not None:
                    self._learn_clock(aws_now)
            elif code in _CLOCK_CODES | _KEY_CODES and self._source.rejected(keys, now):
                keys = await self._source.current(now)
            else:
                break
        reason = f"sts:{code or answer.status}"
        raise UpstreamError(reason)

    async def _ask(self, keys: KeyPair, now: float) -> Answer:
        headers = self._sign(keys, target=None, body=self._body, now=now, content_type=sts.CONTENT_TYPE)
        request = Request(self._origin, headers, self._body)
        try:
            return await self._send(request)
        except Broken as error:
            # Asked once an hour, so a kept connection is likely to be dead; and to ask twice does no harm.
            if not error.reused:
                raise
            return await self._send(request)

    async def _send(self, request: Request) -> Answer:
        return await self._transport(
            request, timeout_seconds=self._timeout_seconds, max_answer_bytes=sts.MAX_ANSWER_BYTES
        )


def _date(answer: Answer) -> float | None:
    try:
        return parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def _ends(pair: KeyPair) -> float:
    return math.inf if pair.expires_at is None else pair.expires_at


def _expired(pair: KeyPair, now: float) -> bool:
    return now > _ends(pair) - EXPIRY_MARGIN_SECONDS


def _alive(pair: KeyPair | None, now: float) -> KeyPair:
    if pair is None or _expired(pair, now):
        raise Unavailable("credentials", retry_after_seconds=math.ceil(RETRY_SECONDS))
    return pair
