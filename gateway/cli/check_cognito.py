"""Cognito, asked with the gateway's own keys: reachable, the same time, known keys, enough permissions.

Duty: a signed call with each pair of keys, by AWS's clock, so that a wrong clock is not taken for a wrong secret.
Prohibition: only what `gateway.cli.harmless` makes is sent. Nothing of an answer but its error's type, and in
fixed words why IAM refused, is shown: no ARN, no key id (R-01).
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
"""

import json
import re
from collections.abc import Callable, Collection
from types import MappingProxyType

from gateway import guards
from gateway.cli import harmless
from gateway.cli.findings import Finding, failed, no_answer, ok, warning
from gateway.credentials import RoleCredentials, StaticCredentials
from gateway.errors import Unavailable, UpstreamError
from gateway.keypair import KeyPair
from gateway.operations import Operation, catalogue
from gateway.policy import Policy
from gateway.relay import THROTTLES, clock_offset_seconds, error_type
from gateway.settings import Settings
from gateway.sigv4 import JSON_CONTENT_TYPE, Signer
from gateway.upstream import Answer, Origin, Request, Transport

CALL_SECONDS = 5.0
_CLOCK_WARNS_SECONDS = 5.0
_CLOCK_FAILS_SECONDS = 60.0
_MAX_ANSWER_BYTES = 256 * 1024
_AGENT = ("User-Agent", "cognito-edge-gateway check")

_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
_NOBODY = frozenset({"UserNotFoundException", "ResourceNotFoundException"})
_KEY_PROBLEMS = MappingProxyType(
    {
        "UnrecognizedClientException": (
            "AWS does not know the access key id, or its token",
            "is it active, of this partition, and a temporary one with its session token? New keys take some seconds",
        ),
        "InvalidClientTokenId": (
            "AWS does not know the access key id",
            "is it active, and of this partition? New keys take some seconds",
        ),
        "InvalidSignatureException": (
            "the secret does not belong to the access key id",
            "set id and secret from the same `aws iam create-access-key`",
        ),
        "SignatureDoesNotMatch": (
            "the secret does not belong to the access key id",
            "set id and secret from the same `aws iam create-access-key`",
        ),
        "ExpiredTokenException": ("the session token has expired", "set keys that last: an IAM user's, or a role"),
        "ExpiredToken": ("the session token has expired", "set keys that last: an IAM user's, or a role"),
    }
)
_WHY_DENIED = re.compile(
    r"\b(?:because no|with an explicit deny in an?) "
    r"((?:identity|resource)-based policy|service control policy|resource control policy|permissions boundary|"
    r"session policy|VPC endpoint policy)\b"
)


def needed(policy: Policy | None) -> frozenset[str]:
    """The signed operations that the policy, and its guards, call."""
    if policy is None:
        return frozenset()
    names = catalogue().by_name
    return frozenset(name for name in policy.operations() | guards.reads(policy, names) if names[name].signed)


async def look(
    settings: Settings,
    operations: Collection[str],
    transport: Transport,
    *,
    now: Callable[[], float],
    changes: bool = False,
) -> list[Finding]:
    """Ask the endpoint, then with each pair of keys. `now`: epoch seconds; `changes`: try those of `operations` too."""
    found, answer = await _reached("Cognito", settings.endpoint, "GetUser", transport)
    if settings.identity_pool_id is not None:
        more, _ = await _reached("identity pools", settings.identity_endpoint, "GetId", transport)
        found += more
    if answer is None:
        return found
    offset, finding = _clock(answer, now())
    found.append(finding)
    asking = _Asking(settings, transport, lambda: now() + offset)
    given = settings.credentials
    current = await _tried("keys" if given.next is None else "keys (current)", given.current, asking, operations)
    if given.next is None:
        pairs = [current]
    else:
        following = await _tried("keys (next)", given.next, asking, operations)
        if current.keys is None and following.keys is not None:
            text = f"{current.findings[0].text}; every process tries them first, then the next pair"
            current.findings[0] = warning("keys (current)", text, "make the next pair the current one")
        pairs = [current, following]
    for tried in pairs:
        found += tried.findings
        if tried.keys is not None:
            found += await asking.permissions(tried.step, tried.keys, operations, changes=changes)
    return found


class _Tried:
    """What a pair of keys was found to be; `keys`, what signs with them, is None where they do not work."""

    __slots__ = ("findings", "keys", "step")

    def __init__(self, step: str, finding: Finding, keys: KeyPair | None = None) -> None:
        self.step = step
        self.findings = [finding]
        self.keys = keys


class _Asking:
    """Signed calls, by AWS's clock."""

    __slots__ = ("_now", "_settings", "_signer", "_transport")

    def __init__(self, settings: Settings, transport: Transport, now: Callable[[], float]) -> None:
        self._settings = settings
        self._transport = transport
        self._now = now
        self._signer = Signer(settings.region, "cognito-idp", settings.endpoint.authority)

    async def role(self, pair: KeyPair) -> tuple[KeyPair | None, str | None]:
        """The keys that sign: the pair's own, or those of the role; else why there are none."""
        settings = self._settings
        if settings.role_arn is None:
            return pair, None
        credentials = RoleCredentials(
            StaticCredentials(pair),
            settings.role_arn,
            settings.sts_endpoint,
            transport=self._transport,
            sign=Signer(settings.region, "sts", settings.sts_endpoint.authority).sign,
            session_name="cognito-edge-gateway-check",
            timeout_seconds=CALL_SECONDS,
            share_waits=False,
        )
        try:
            return await credentials.current(self._now()), None
        except Unavailable:
            return None, credentials.last_failure

    async def ask(self, keys: KeyPair, operation: Operation) -> tuple[str | None, Answer]:
        """One call about nobody: its error's type, None for a success.

        Raises:
            UpstreamError: there was no answer, or none of Cognito's.

        """
        body = json.dumps(harmless.body(operation.name, self._settings.user_pool_id)).encode()
        headers = self._signer.sign(keys, target=operation.target, body=body, now=self._now())
        request = Request(self._settings.endpoint, (*headers, _AGENT), body)
        answer = await self._transport(request, timeout_seconds=CALL_SECONDS, max_answer_bytes=_MAX_ANSWER_BYTES)
        return error_type(answer), answer

    async def permissions(
        self, step: str, keys: KeyPair, operations: Collection[str], *, changes: bool
    ) -> list[Finding]:
        """Which of the policy's actions IAM denies these keys."""
        known = (*harmless.READS, *(harmless.CHANGES if changes else ()))
        asked = [name for name in known if name in operations]
        denied: dict[str, set[str]] = {}
        for name in asked:
            try:
                kind, answer = await self.ask(keys, catalogue().by_name[name])
            except UpstreamError as error:
                return [no_answer(step, "Cognito", error)]
            if kind in _DENIED:
                denied.setdefault(_why(answer), set()).add(catalogue().by_name[name].iam_action)
        count = f"{len(asked)} of the policy's {len(operations)} actions were asked for"
        if not denied:
            more = "" if changes or not len(operations) - len(asked) else "; --permissions asks for changes too"
            return [ok(step, f"IAM allows what was asked: {count}{more}")] if operations else []
        remedy = "give the gateway's user, or its role, what `gateway iam-policy` prints"
        return [failed(step, f"IAM denies {', '.join(sorted(some))}{why}", remedy) for why, some in denied.items()]


async def _tried(step: str, pair: KeyPair, asking: _Asking, operations: Collection[str]) -> _Tried:
    """Sign one harmless read."""
    keys, reason = await asking.role(pair)
    if keys is None:
        return _Tried(step, _role_problem(step, reason))
    name = next((name for name in harmless.READS if name in operations), "AdminGetUser")
    try:
        kind, _ = await asking.ask(keys, catalogue().by_name[name])
    except UpstreamError as error:
        return _Tried(step, no_answer(step, "Cognito", error))
    if kind in THROTTLES:
        return _Tried(step, warning(step, f"AWS throttles ({kind})", "try again in a minute"), keys)
    problem = None if kind is None else _problem(step, name, kind)
    return _Tried(step, ok(step, "AWS accepts the signature"), keys) if problem is None else _Tried(step, problem)


def _problem(step: str, name: str, kind: str) -> Finding | None:
    """What an error says against the keys; None where it says that they are good."""
    if kind in _KEY_PROBLEMS:
        return failed(step, *_KEY_PROBLEMS[kind])
    if kind == "ResourceNotFoundException" and "GroupName" not in harmless.READS[name]:
        text = "AWS accepts them, and has no such pool in their account"
        return failed(step, text, "look at COGNITO_USER_POOL_ID, and whose keys these are")
    if kind in _DENIED or kind in _NOBODY:
        return None
    return failed(step, f"AWS refuses the call: {kind}", "look the error up; try again if it passes")


def _role_problem(step: str, reason: str | None) -> Finding:
    """Why the role's keys cannot be had; `reason` is the slug of `gateway.credentials`."""
    kind = (reason or "").removeprefix("sts:")
    if kind in _KEY_PROBLEMS:
        return failed(step, *_KEY_PROBLEMS[kind])
    text = f"the role of AWS_ROLE_ARN cannot be assumed ({kind or 'no reason'})"
    if kind in _DENIED:
        return failed(step, text, "its trust policy must name the keys' user, who needs sts:AssumeRole on it")
    return failed(step, text, "look at AWS_ROLE_ARN, STS_ENDPOINT_URL and the way to STS")


async def _reached(step: str, origin: Origin, name: str, transport: Transport) -> tuple[list[Finding], Answer | None]:
    """An unsigned call with nothing in it, which Cognito refuses: that it is Cognito that does."""
    operation = catalogue().by_name[name]
    headers = (("Content-Type", JSON_CONTENT_TYPE), ("X-Amz-Target", operation.target), _AGENT)
    try:
        answer = await transport(
            Request(origin, headers, b"{}"), timeout_seconds=CALL_SECONDS, max_answer_bytes=_MAX_ANSWER_BYTES
        )
        error_type(answer)
    except UpstreamError as error:
        return [no_answer(step, origin.authority, error)], None
    return [ok(step, f"{origin.authority} answers" + (" over TLS" if origin.scheme == "https" else ""))], answer


def _clock(answer: Answer, now: float) -> tuple[float, Finding]:
    """How far AWS's clock is ahead, in seconds, and what to say of it."""
    offset = clock_offset_seconds(answer, now)
    remedy = "set this machine's clock, and keep it set (NTP): tokens are judged by it"
    if offset is None:
        if "date" in answer.headers:
            return 0.0, failed("clock", "is off by more than a day against AWS's", remedy)
        return 0.0, warning("clock", "AWS's answer has no date to compare with")
    text = f"is off by {-offset:+.0f} s against AWS's"
    if abs(offset) > _CLOCK_FAILS_SECONDS:
        return offset, failed("clock", text, remedy)
    if abs(offset) > _CLOCK_WARNS_SECONDS:
        return offset, warning("clock", text, remedy)
    return offset, ok("clock", "agrees with AWS's")


def _why(answer: Answer) -> str:
    """The kind of policy that denied, where AWS says so; nothing else of its text."""
    try:
        error = json.loads(answer.body)
        match = _WHY_DENIED.search(str(error.get("message", error.get("Message", ""))))
    except (ValueError, AttributeError, RecursionError):
        match = None
    if match is None:
        return ""
    return f" (no {match[1]} allows it)" if match[0].startswith("because no") else f" (denied by the {match[1]})"
