"""A collector of log lines behind HTTP: one request a batch, taken when it answers 2xx.

Duty: send lines, and say of those that were not taken whether they may have arrived all the same.
Prohibition: no line is judged, changed or kept here; no log line and no error names more of the URL than its host, for
paths hold tokens of collectors; no redirect is followed.
Source: docs/decisions/0004-audit.md; RFC 9110 section 15; https://github.com/ndjson/ndjson-spec.
"""

from http import HTTPStatus

from gateway.errors import UpstreamError
from gateway.upstream import Answer, Broken, ConnectTimeout, NotSent, Origin, Request, Transport

TIMEOUT_SECONDS = 3.0
"""Of one exchange, connecting included."""
MAX_ANSWER_BYTES = 1024 * 1024
"""Some collectors list what they have taken."""


class NotTaken(Exception):
    """The collector did not say that it has the lines. `unsure`: they may have arrived."""

    def __init__(self, why: str, *, unsure: bool) -> None:
        """`why` is for the operator: a host and a slug or a status."""
        super().__init__(why)
        self.unsure = unsure


class Collector:
    """One URL that takes lines."""

    __slots__ = ("_headers", "_origin", "_path", "_transport")

    def __init__(self, origin: Origin, path: str, token: str | None, *, transport: Transport) -> None:
        """`path` begins with a slash and may hold a query; `token` is sent as a bearer."""
        self._origin = origin
        self._path = path
        self._transport = transport
        bearer = () if token is None else (("Authorization", f"Bearer {token}"),)
        self._headers = (
            ("Content-Type", "application/x-ndjson"),
            ("User-Agent", "cognito-edge-gateway"),
            *bearer,
        )

    async def __call__(self, lines: bytes) -> None:
        r"""Send whole lines, each ending in `\n`.

        Raises:
            NotTaken: anything else than a 2xx came back, or nothing.

        """
        host = self._origin.authority
        try:
            answer = await self._ask(lines)
        except (NotSent, ConnectTimeout) as error:
            raise NotTaken(f"{host} cannot be reached ({error.reason})", unsure=False) from error
        except UpstreamError as error:
            raise NotTaken(f"{host} gave no answer ({error.reason})", unsure=True) from error
        if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            raise NotTaken(f"{host} answered {answer.status}", unsure=True)

    async def _ask(self, lines: bytes) -> Answer:
        """Send once; again where a kept connection had died unnoticed, for the same lines twice do no harm."""
        request = Request(self._origin, self._headers, lines, path=self._path)
        try:
            return await self._send(request)
        except Broken as error:
            if not error.reused:
                raise
        try:
            return await self._send(request)
        except (NotSent, ConnectTimeout) as error:
            raise Broken(error.reason) from error  # the first may have arrived

    async def _send(self, request: Request) -> Answer:
        return await self._transport(request, timeout_seconds=TIMEOUT_SECONDS, max_answer_bytes=MAX_ANSWER_BYTES)
