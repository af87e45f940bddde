"""What of a gateway can be looked at from here: settings, policy, the store, the audit's sink.

Duty: read them as `gateway serve` would. Prohibition: no line is written to the audit, no file is made, locked or
mended; the store is left as it was.
"""

import os
import pathlib
import secrets
import stat
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType

from gateway.assembly import read_policy
from gateway.audit import head_after
from gateway.cli.findings import Finding, failed, no_answer, ok, skipped, warning
from gateway.errors import UpstreamError
from gateway.policy import Policy
from gateway.policy_file import PolicyError
from gateway.runtimes import bounded_file, container
from gateway.runtimes.audit_opening import OPEN_TO_OTHERS
from gateway.runtimes.audit_reading import Growing, ReadingError
from gateway.runtimes.audit_sinks import for_worker
from gateway.settings import AuditSink, CollectorAddress, Problem, Settings, SettingsError, load
from gateway.settings.problems import shown
from gateway.store import StoreLost
from gateway.upstream import Request, Transport

_LEAST_FREE_BYTES = 64 * 1024 * 1024
_LOCK_SECONDS = 1.0
_COLLECTOR_SECONDS = 5.0
_MAX_ANSWER_BYTES = 1024 * 1024
_REFUSED_KEYS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)

_SIGN_IN = "the user or the password in GATEWAY_STORE is wrong, or missing"
_ACL = "the user's ACL allows too little: docs/decisions/0007-store.md has one that is enough"
_REPLICA = "GATEWAY_STORE names a replica: name the primary"
_FULL = "the Redis is full: give it memory, with maxmemory-policy noeviction"
_STORE_ADVICE = MappingProxyType(
    {  # Redis's own codes, and the package's names for them
        "NOAUTH": _SIGN_IN,
        "WRONGPASS": _SIGN_IN,
        "AuthenticationError": _SIGN_IN,
        "NOPERM": _ACL,
        "NoPermissionError": _ACL,
        "READONLY": _REPLICA,
        "ReadOnlyError": _REPLICA,
        "OOM": _FULL,
        "OutOfMemoryError": _FULL,
        "MISCONF": "the Redis cannot save to its disk",
        "BusyLoadingError": "the Redis is still starting: try again",
    }
)


def read(values: Mapping[str, str]) -> tuple[Settings | None, Policy | None, list[Finding]]:
    """The settings and the policy, None for what has problems; and what is to be said of both."""
    try:
        settings = load(values.get, bounded_file.text, names=values)
    except SettingsError as error:
        found = [failed("settings", str(problem), _remedy(problem, values)) for problem in error.problems]
        remedy = found[-1].remedy or "docs/settings.md and .env.example list all settings"
        found[-1] = failed("settings", found[-1].text, remedy)
        return None, *_policy_alone(values, found)
    try:
        policy = read_policy(settings.policy_text)
    except PolicyError as error:
        return settings, None, [*_of_settings(settings), *_of_problems(error)]
    return settings, policy, [*_of_settings(settings), *_of_policy(policy)]


def _remedy(problem: Problem, values: Mapping[str, str]) -> str:
    if problem.name == "GATEWAY_STORE" and values.get("GATEWAY_STORE", "").isidentifier():
        return "for a Worker, where it names a binding: gateway check --worker"
    return ""


def _policy_alone(values: Mapping[str, str], found: list[Finding]) -> tuple[Policy | None, list[Finding]]:
    """The policy, where the settings are refused; a path that cannot be read is already among their problems."""
    source = values.get("GATEWAY_POLICY") or None
    try:
        policy = read_policy(container.policy_text(source))
    except (OSError, ValueError) as error:
        return None, [*found, *(_of_problems(error) if isinstance(error, PolicyError) else ())]
    return policy, [*found, *_of_policy(policy)]


def _of_problems(error: PolicyError) -> list[Finding]:
    return [failed("policy", problem) for problem in error.problems]


def _of_settings(settings: Settings) -> list[Finding]:
    clients = len(settings.client_ids)
    found = [ok("settings", f"{settings.user_pool_id}, app clients: {clients}")]
    found += [warning("settings", text) for text in settings.warnings]
    if settings.workers > 1 and settings.store.kind == "memory":
        text = "several processes, each with a store of its own: rates and quotas multiply, revocations do not spread"
        found.append(warning("settings", text, "name a Redis in GATEWAY_STORE"))
    return found


def _of_policy(policy: Policy) -> list[Finding]:
    counts = f"roles: {len(policy.roles)}, public operations: {len(policy.public.allow)}"
    return [ok("policy", counts), *(warning("policy", text) for text in policy.warnings)]


async def store(settings: Settings) -> list[Finding]:
    """Take and give back a lock of its own name: scripts run, keys can be written, the password is right."""
    url = settings.store.url
    if url is None:
        return [ok("store", "memory: each process's own, gone when it ends")]
    try:
        from gateway.runtimes.redis_store import RedisRemote  # noqa: PLC0415 - an extra
    except ImportError as error:
        return [failed("store", f"{error.name} is not installed", "pip install 'cognito-edge-gateway[redis]'")]
    try:
        remote = RedisRemote(url, settings.user_pool_id)
    except OSError as error:
        return [failed("store", f"the file of authorities in GATEWAY_STORE cannot be read: {error.strerror or error}")]
    owner = secrets.token_hex(8)
    try:
        await remote.hold("check", owner, _LOCK_SECONDS)
        await remote.release("check", owner)
    except StoreLost as error:
        advice = _STORE_ADVICE.get(str(error), "look at GATEWAY_STORE, and at the way to the Redis")
        return [failed("store", f"the Redis cannot be used: {error}", advice)]
    finally:
        await remote.close()
    return [ok("store", "the Redis answers, runs scripts and takes keys")]


async def store_of_worker(binding: str | None) -> list[Finding]:
    """What GATEWAY_STORE can be on a Worker. Whether there is such a binding scripts/deploy says."""
    if not binding or binding == "memory":
        return [ok("store", "memory: each isolate's own, gone when it ends")]
    if binding.isidentifier():
        return [skipped("store", f"{shown(binding)}: a Durable Object binding, which the Worker alone reaches")]
    remedy = "on a Worker: memory, or the name of a Durable Object binding"
    return [failed("store", "GATEWAY_STORE is no binding's name", remedy)]


async def audit(settings: Settings, transport: Transport) -> list[Finding]:
    """Whether the sink would take a line."""
    where = settings.audit
    if where.collector is not None:
        return [await _collector(where.collector, transport)]
    if where.path is None:
        return [ok("audit", "standard output, of the process that serves")]
    names = (for_worker(where.path, number, settings.workers) for number in range(1, settings.workers + 1))
    return [finding for name in names for finding in _looked_at(name, where)]


async def _collector(collector: CollectorAddress, transport: Transport) -> Finding:
    """Send no line at all: whom it is sent to, and whether the token is known, shows all the same."""
    host = collector.origin.authority
    bearer = () if collector.token is None else (("Authorization", f"Bearer {collector.token}"),)
    headers = (("Content-Type", "application/x-ndjson"), ("User-Agent", "cognito-edge-gateway"), *bearer)
    request = Request(collector.origin, headers, b"", path=collector.resource)
    try:
        answer = await transport(request, timeout_seconds=_COLLECTOR_SECONDS, max_answer_bytes=_MAX_ANSWER_BYTES)
    except UpstreamError as error:
        return no_answer("audit", f"the collector {host}", error)
    if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        return ok("audit", f"the collector {host} answers {answer.status} to an empty batch")
    text = f"the collector {host} answers {answer.status} to an empty batch"
    if answer.status in _REFUSED_KEYS:
        return failed("audit", text, "look at GATEWAY_AUDIT_TOKEN, or the token in GATEWAY_AUDIT's path or query")
    if answer.status == HTTPStatus.BAD_REQUEST:  # "no data", as many say
        return ok("audit", f"{text}, as many do; whether it takes lines shows with the first")
    return failed("audit", text, "look at GATEWAY_AUDIT: is it the address that takes lines?")


def _looked_at(path: str, where: AuditSink) -> list[Finding]:
    try:
        return _file(path, where)
    except OSError as error:
        remedy = "give the folder to the user who serves"
        return [failed("audit", f"{path} cannot be looked at: {error.strerror}", remedy)]


def _file(path: str, where: AuditSink) -> list[Finding]:
    folder = pathlib.Path(path).parent
    if not folder.is_dir():
        return [failed("audit", f"the folder of {path} does not exist", "make it, for the user who serves")]
    try:
        state = os.lstat(path)
    except FileNotFoundError:
        problem = _folder_problem(folder, f"{path} cannot be made")
    else:
        problem = _file_problem(path, state)
        if problem is None and where.rotate_bytes is not None:
            problem = _folder_problem(folder, f"{path} cannot be rotated")
        if problem is None and state.st_mode & OPEN_TO_OTHERS:
            return [warning("audit", f"{path} is open to others", f"chmod 600 {path}"), *_room(path, folder)]
    return [problem] if problem is not None else _room(path, folder)


def _folder_problem(folder: pathlib.Path, what: str) -> Finding | None:
    if os.access(folder, os.W_OK | os.X_OK):
        return None
    return failed("audit", f"{what}: {folder} is not writable here", "give the folder to the user who serves")


def _file_problem(path: str, state: os.stat_result) -> Finding | None:
    """Why the file that is there would not take a line. Opening it for appending changes nothing in it."""
    if not stat.S_ISREG(state.st_mode):
        return failed("audit", f"{path} is a link, or no regular file", "the audit takes a file, or stdout")
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK))
        lines = Growing(path)
        try:
            last = lines.last(1)
        finally:
            lines.close()
        head_after(last[-1].rstrip(b"\n")) if last else None
    except OSError as error:
        return failed("audit", f"{path} cannot be written: {error.strerror}", "give it to the user who serves")
    except ReadingError as error:
        return failed("audit", str(error), "the chain goes on from its last line: the gateway must read it")
    except ValueError:
        return failed("audit", f"{path} does not end with an audit line", "give the audit another file")
    return None


def _room(path: str, folder: pathlib.Path) -> list[Finding]:
    disk = os.statvfs(folder)
    free = disk.f_bavail * disk.f_frsize
    if free < _LEAST_FREE_BYTES:
        text = f"{path}: {free // 1_000_000} MB are left on its disk; a full one stops every call"
        return [(failed if free == 0 else warning)("audit", text, "make room, or set GATEWAY_AUDIT_ROTATE_BYTES")]
    return [ok("audit", f"{path} can be written by this user (uid {os.getuid()})")]
