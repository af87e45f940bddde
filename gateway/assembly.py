"""Puts the rooms together: settings and what a runtime brings, in; the ASGI application, out.

Duty: the one list of who is handed what. Prohibition: no runtime, no environment, no file, no decision.
"""

import pathlib
import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from gateway import policy_file
from gateway.api.admin.pool_schema import PoolSchema
from gateway.api.context import Context
from gateway.api.operator.health import health
from gateway.api.routes import routes
from gateway.api.service import Api
from gateway.api.site import site
from gateway.app import App
from gateway.audit import ReadAudit, Recorder
from gateway.credentials import Credentials, RoleCredentials
from gateway.directory import Directory
from gateway.door import Door
from gateway.front import Front, InFlight
from gateway.idempotency import Idempotency
from gateway.issued import Issued
from gateway.judgement import Pool
from gateway.keys import Key, KeyRing
from gateway.operations import catalogue
from gateway.pipeline import Pipeline
from gateway.policy import Policy
from gateway.protection import Protection
from gateway.quotas import Quotas
from gateway.role_sessions import RoleSessions
from gateway.rooms import Rooms
from gateway.rotation import GivenCredentials
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
    read_audit: ReadAudit | None = None  # None where the audit's lines cannot be read back


@dataclass(frozen=True, slots=True)
class Assembled:
    """The application and the rooms that a runtime warms, watches or closes."""

    app: App
    keys: KeyRing
    policy: Policy
    credentials: GivenCredentials


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
    given = GivenCredentials(settings.credentials)
    door: Door

    def learn_clock(aws_now: float) -> None:
        door.learn_clock(aws_now)  # the door needs the credentials before it exists

    signing = _credentials(settings, parts, given, learn_clock)
    door = Door(
        origins={"cognito-idp": settings.endpoint, "cognito-identity": settings.identity_endpoint},
        transport=parts.transport,
        credentials=signing,
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
            secrets=lambda: given.secrets,
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
    pipeline, rows, in_flight = Pipeline(rooms), routes(), InFlight(front.max_in_flight)
    context = Context(
        pipeline=pipeline,
        policy=policy,
        pool=pool,
        catalogue=rooms.catalogue,
        front=front,
        default_client_id=settings.default_client_id,
        now=parts.now,
        monotonic=parts.monotonic,
        secrets=lambda: given.secrets,
        log=parts.log,
        routes=rows,
        role_sessions=RoleSessions(
            given,
            settings.sts_endpoint,
            transport=parts.rare_transport,
            sign=Signer(settings.region, "sts", settings.sts_endpoint.authority).sign,
            now=lambda: parts.now() + door.offset_seconds,
            learn_clock=learn_clock,
            log=parts.log,
        ),
        issued=Issued(),
        health=lambda: health(rooms, keys, signing, in_flight),
        types=PoolSchema(
            rooms.catalogue.by_name["DescribeUserPool"] if "DescribeUserPool" in policy.operations() else None,
            door=door,
            user_pool_id=pool.user_pool_id,
            monotonic=parts.monotonic,
            sleep=parts.sleep,
        ).types,
        read_audit=parts.read_audit,
    )
    app = App(
        pipeline,
        front,
        new_id=parts.new_id,
        rest=site(Api(context, rows)),
        in_flight=in_flight,
    )
    return Assembled(app, keys, policy, given)


def _credentials(
    settings: Settings, parts: Parts, given: Credentials, learn_clock: Callable[[float], None]
) -> Credentials:
    if settings.role_arn is None:
        return given
    return RoleCredentials(
        given,
        settings.role_arn,
        settings.sts_endpoint,
        transport=parts.rare_transport,
        sign=Signer(settings.region, "sts", settings.sts_endpoint.authority).sign,
        session_name="cognito-edge-gateway",
        share_waits=parts.share_waits,
        learn_clock=learn_clock,
    )
