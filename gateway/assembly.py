"""Puts the rooms together: settings and what a runtime brings, in; the ASGI application, out.

Duty: the one list of who is handed what. Prohibition: no runtime, no environment, no file, no decision.
"""

import pathlib
import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from gateway import policy_file
from gateway.app import App, Front
from gateway.audit import Recorder
from gateway.credentials import Credentials, PairOfCredentials, RoleCredentials, StaticCredentials
from gateway.directory import Directory
from gateway.door import Door
from gateway.idempotency import Idempotency
from gateway.judgement import Pool
from gateway.keys import Key, KeyRing
from gateway.operations import catalogue
from gateway.pipeline import Pipeline
from gateway.policy import Policy
from gateway.protection import Protection
from gateway.quotas import Quotas
from gateway.rooms import Rooms
from gateway.settings import Settings
from gateway.settings.endpoints import user_pool
from gateway.sigv4 import Signer
from gateway.store import Store
from gateway.tokens import Verifier
from gateway.upstream import Answer, Transport

_BUILT_IN = pathlib.Path(__file__).with_name("policy.toml")


@dataclass(frozen=True, slots=True)
class Parts:
    """What a runtime brings."""

    transport: Transport  # to Cognito: the hot path
    rare_transport: Transport  # to STS
    fetch: Callable[[str], Awaitable[Answer]]  # a GET for key sets
    make_key: Callable[[Mapping[str, Any]], Key]  # a JWK to something that verifies RS256
    trail: Recorder
    store: Store
    now: Callable[[], float]  # epoch seconds
    monotonic: Callable[[], float]  # seconds
    new_id: Callable[[], str]
    sleep: Callable[[float], Awaitable[None]]  # seconds
    log: Callable[[str], None]
    share_waits: bool = True  # False where requests must not wait on each other (Workers)
    spawn: Callable[[Coroutine[Any, Any, None]], object] | None = None  # for work behind an answer; None: a task


@dataclass(frozen=True, slots=True)
class Assembled:
    """The application and the rooms that a runtime warms, watches or closes."""

    app: App
    keys: KeyRing
    policy: Policy


def read_policy(text: str | None) -> Policy:
    """The policy in `text`, against this version's catalogue; the built-in one for None.

    Raises:
        PolicyError: with every mistake in it.

    """
    if text is None:
        text = _BUILT_IN.read_text(encoding="utf-8")
    return policy_file.load(text, catalogue().by_name)


def assemble(settings: Settings, policy: Policy, parts: Parts) -> Assembled:
    """The gateway for one pool."""
    keys = KeyRing(
        urls=settings.jwks_urls,
        fetch=parts.fetch,
        make_key=parts.make_key,
        monotonic=parts.monotonic,
        share_waits=parts.share_waits,
        spawn=parts.spawn,
        log=parts.log,
    )
    verifier = Verifier(
        issuers=settings.issuers,
        client_ids=settings.client_ids,
        token_uses=settings.token_use,
        max_token_bytes=settings.max_token_bytes,
        keys=keys,
    )
    door: Door

    def learn_clock(aws_now: float) -> None:
        door.learn_clock(aws_now)  # the door needs the credentials before it exists

    door = Door(
        origins={"cognito-idp": settings.endpoint, "cognito-identity": settings.identity_endpoint},
        transport=parts.transport,
        credentials=_credentials(settings, parts, learn_clock),
        sign=Signer(settings.region, "cognito-idp", settings.endpoint.authority).sign,
        now=parts.now,
        monotonic=parts.monotonic,
        jitter=random.random,
        log=parts.log,
        timeout_seconds=settings.timeout_seconds,
    )
    pool = Pool(
        user_pool_id=settings.user_pool_id,
        provider=user_pool(settings.user_pool_id).provider,
        client_ids=settings.client_ids,
        client_secrets=settings.client_secrets,
        identity_pool_id=settings.identity_pool_id,
    )
    directory = Directory(revocations=parts.store.revocations, monotonic=parts.monotonic, sleep=parts.sleep)
    rooms = Rooms(
        pool=pool,
        catalogue=catalogue(),
        policy=policy,
        verifier=verifier,
        door=door,
        trail=parts.trail,
        store=parts.store,
        quotas=Quotas(parts.store, overrides=policy.quotas, monotonic=parts.monotonic, sleep=parts.sleep),
        directory=directory,
        protection=Protection(
            policy, store=parts.store, directory=directory, monotonic=parts.monotonic, sleep=parts.sleep
        ),
        idempotency=Idempotency(
            parts.store,
            secrets=lambda: _secrets(settings),
            now=parts.now,
            monotonic=parts.monotonic,
            sleep=parts.sleep,
            wait_seconds=settings.timeout_seconds,
        ),
        now=parts.now,
        monotonic=parts.monotonic,
        log=parts.log,
        timeout_seconds=settings.timeout_seconds,
    )
    front = Front(
        max_body_bytes=settings.max_body_bytes,
        allowed_origins=settings.allowed_origins,
        trusted_proxies=settings.trusted_proxies,
    )
    return Assembled(App(Pipeline(rooms), front, new_id=parts.new_id), keys, policy)


def _secrets(settings: Settings) -> tuple[str, ...]:
    """The secret keys that the gateway holds, the one in use first: what the tags of kept bodies are made with."""
    given = settings.credentials
    pairs = (given.current,) if given.next is None else (given.current, given.next)
    return tuple(pair.secret_access_key for pair in pairs)


def _credentials(settings: Settings, parts: Parts, learn_clock: Callable[[float], None]) -> Credentials:
    given = settings.credentials
    source = (
        PairOfCredentials(given.current, given.next) if given.next is not None else StaticCredentials(given.current)
    )
    if settings.role_arn is None:
        return source
    return RoleCredentials(
        source,
        settings.role_arn,
        settings.sts_endpoint,
        transport=parts.rare_transport,
        sign=Signer(settings.region, "sts", settings.sts_endpoint.authority).sign,
        session_name="cognito-edge-gateway",
        share_waits=parts.share_waits,
        learn_clock=learn_clock,
    )
