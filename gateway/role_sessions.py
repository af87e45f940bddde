"""A role's session for one person: STS AssumeRole, signed with the IAM user's own keys, tagged with who it is for.

Duty: credentials for as long as the policy says, or one of our errors.
Prohibition: never signed with a role's temporary keys: AWS ends a session that one role starts for another after one
hour (role chaining). Nothing of STS's text but its error code is put in an error or a log.
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html,
https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html (role chaining).
"""

from collections.abc import Callable

from gateway import sts
from gateway.credentials import RETRY_SECONDS, Credentials, RoleCredentials, Sign
from gateway.errors import Unavailable, UpstreamError, UpstreamTimeout
from gateway.keypair import KeyPair
from gateway.policy import RoleCredentials as Wanted
from gateway.upstream import Origin, Transport

SOURCE = "cognito-edge-gateway"
_MESSAGE = "AWS did not give the credentials."


class RoleSessions:
    """Starts sessions. Of those that failed it remembers for a moment that they did; nothing that waits is shared."""

    __slots__ = ("_failed", "_learn_clock", "_log", "_now", "_origin", "_sign", "_source", "_transport")

    def __init__(  # noqa: PLR0913 - what STS needs to be told, by name
        self,
        source: Credentials,
        origin: Origin,
        *,
        transport: Transport,
        sign: Sign,
        now: Callable[[], float],
        learn_clock: Callable[[float], None],
        log: Callable[[str], None],
    ) -> None:
        """`source` has the IAM user's keys; `now` gives epoch seconds by AWS's clock, which `learn_clock` is told."""
        self._source = source
        self._origin = origin
        self._transport = transport
        self._sign = sign
        self._now = now
        self._learn_clock = learn_clock
        self._log = log
        self._failed: dict[tuple[str, str], tuple[float, type[UpstreamError], str]] = {}

    async def start(self, wanted: Wanted, *, sub: str, username: str | None) -> KeyPair:
        """The credentials of a new session.

        Raises:
            UpstreamError: STS refused, could not be reached, or gave something else.
            UpstreamTimeout: STS did not answer in time.
            Unavailable: there are no keys to ask with.

        """
        now, key = self._now(), (wanted.role_arn, sub)
        self._failed = {each: found for each, found in self._failed.items() if found[0] > now}
        if key in self._failed:
            _, failed, reason = self._failed[key]
            raise failed(reason, message=_MESSAGE)
        role = RoleCredentials(
            self._source,
            wanted.role_arn,
            self._origin,
            transport=self._transport,
            sign=self._sign,
            session_name=sts.session_name(sub),
            tags={"username": sts.tag_value(username or ""), "sub": sts.tag_value(sub), "source": SOURCE},
            duration_seconds=wanted.max_seconds,
            share_waits=False,
            learn_clock=self._learn_clock,
        )
        try:
            return await role.current(now)
        except Unavailable as error:
            reason = role.last_failure or error.reason
        if reason == "credentials":
            raise Unavailable("credentials")
        self._log(f"no session of {wanted.role_arn} for a member: {reason}")
        failed = UpstreamTimeout if reason.endswith("timeout") else UpstreamError
        self._failed[key] = now + RETRY_SECONDS, failed, reason
        raise failed(reason, message=_MESSAGE)
