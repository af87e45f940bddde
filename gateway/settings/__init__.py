"""What an operator can set, read once: a `Settings` that is right, or every problem at once.

Duty: `load` turns the values that a runtime looks up into typed settings, and refuses to go on with a doubtful one
(R-14).
Prohibition: no environment, no file system, no clock; no secret in a message, a repr or a copy (R-01).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from gateway.keypair import KeyPair
from gateway.settings import audit_sink, endpoints, forms, sealed, table
from gateway.settings.audit_sink import AuditSink, CollectorAddress
from gateway.settings.endpoints import Pool, Region, Service, address
from gateway.settings.forms import Network
from gateway.settings.problems import Problem, SettingsError, Unfit
from gateway.settings.reading import FILE_SUFFIX, Reading
from gateway.settings.sealed import ClientSecrets, Credentials
from gateway.settings.setting import Setting
from gateway.settings.store_address import StoreAddress, store_address
from gateway.settings.table import SETTINGS
from gateway.upstream import Origin

__all__ = [
    "SETTINGS",
    "AuditSink",
    "ClientSecrets",
    "CollectorAddress",
    "Credentials",
    "Problem",
    "Setting",
    "Settings",
    "SettingsError",
    "StoreAddress",
    "address",
    "credentials_in_file",
    "load",
    "partition_of",
]

T = TypeVar("T")

JWKS_PATH = "/.well-known/jwks.json"


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, parsed. Secrets are sealed: see `gateway.settings.sealed`.

    `endpoint` is Cognito's user pools', `identity_endpoint` the identity pools'. `jwks_urls` has a URL for each of
    `issuers`. `default_client_id` is the first of COGNITO_CLIENT_IDS. `policy_source` is what GATEWAY_POLICY held (a
    path or TOML), `policy_text` the TOML itself; both are None for the built-in policy. `domain` is a URL without a
    path. `warnings` are sentences for the operator.
    """

    user_pool_id: str
    region: str
    partition: str
    account_id: str | None
    client_ids: frozenset[str]
    default_client_id: str
    client_secrets: ClientSecrets = field(repr=False)
    identity_pool_id: str | None
    domain: str | None
    credentials: Credentials = field(repr=False)
    role_arn: str | None
    endpoint: Origin
    identity_endpoint: Origin
    sts_endpoint: Origin
    issuers: tuple[str, ...]
    jwks_urls: Mapping[str, str]
    allow_http: bool
    policy_source: str | None = field(repr=False)
    policy_text: str | None = field(repr=False)
    token_use: frozenset[str]
    allowed_origins: frozenset[str]
    trusted_proxies: tuple[Network, ...]
    audit: AuditSink
    audit_required: bool
    store: StoreAddress
    max_body_bytes: int
    max_token_bytes: int
    connect_timeout_seconds: float
    timeout_seconds: float
    host: str
    port: int
    workers: int
    warnings: tuple[str, ...]


# What stands in for a pool that was refused, so that the other settings are still judged. It never leaves `load`.
_NOWHERE = Pool("", Region("", "", ""))


def load(
    lookup: Callable[[str], str | None], read_file: Callable[[str], str], *, names: Iterable[str] = ()
) -> Settings:
    """Return the settings that `lookup` finds.

    `lookup` returns the value of a variable, or None. `read_file` returns a file's text (UTF-8) and raises OSError or
    ValueError where it cannot; a runtime without files raises always. `names` are all names that are present, to find
    misspelt ones. An empty value counts as not set, but for required settings, secrets and AWS_REGION.

    Raises `SettingsError` with every problem found.
    """
    reading = Reading(lookup, read_file)
    pool = reading.take("COGNITO_USER_POOL_ID", endpoints.user_pool, None)
    region = reading.take("AWS_REGION", partial(_agreeing_region, pool=pool), None) or (pool or _NOWHERE).region
    identity_pool = reading.take("COGNITO_IDENTITY_POOL_ID", endpoints.identity_pool, None)
    named_clients = _each(reading, "COGNITO_CLIENT_IDS", _client_id)
    client_ids = frozenset(named_clients)
    allow_http = reading.take("GATEWAY_ALLOW_HTTP", forms.switch, otherwise=False)
    audit_required = reading.take("GATEWAY_AUDIT_REQUIRED", forms.switch, otherwise=True)
    issuers, jwks_urls = _issuers(reading, pool, allow_http=allow_http)
    policy_source, policy_text = _policy(reading)
    connect, total = _timeouts(reading)
    audit, idle = _audit(reading, allow_http=allow_http)
    store = reading.take("GATEWAY_STORE", store_address, StoreAddress("memory"))
    settings = Settings(
        user_pool_id=(pool or _NOWHERE).id,
        region=region.name,
        partition=region.partition,
        account_id=reading.take("AWS_ACCOUNT_ID", forms.account_id, None),
        client_ids=client_ids,
        default_client_id=next(iter(named_clients), ""),
        client_secrets=reading.take(
            "COGNITO_CLIENT_SECRETS", partial(sealed.client_secrets, client_ids=client_ids), ClientSecrets({})
        ),
        identity_pool_id=None if identity_pool is None else identity_pool.id,
        domain=reading.take("COGNITO_DOMAIN", partial(forms.domain, allow_http=allow_http), None),
        credentials=_credentials(reading),
        role_arn=reading.take("AWS_ROLE_ARN", partial(forms.role_arn, partition=region.partition), None),
        endpoint=_endpoint(reading, "COGNITO_ENDPOINT_URL", "cognito-idp", region, allow_http=allow_http),
        identity_endpoint=_endpoint(
            reading,
            "COGNITO_IDENTITY_ENDPOINT_URL",
            "cognito-identity",
            region if identity_pool is None else identity_pool.region,
            allow_http=allow_http,
        ),
        sts_endpoint=_endpoint(reading, "STS_ENDPOINT_URL", "sts", region, allow_http=allow_http),
        issuers=issuers,
        jwks_urls=jwks_urls,
        allow_http=allow_http,
        policy_source=policy_source,
        policy_text=policy_text,
        token_use=reading.take("GATEWAY_TOKEN_USE", forms.token_use, frozenset()),
        allowed_origins=frozenset(_each(reading, "GATEWAY_ALLOWED_ORIGINS", endpoints.web_origin)),
        trusted_proxies=_each(reading, "GATEWAY_TRUSTED_PROXIES", forms.network),
        audit=audit,
        audit_required=audit_required,
        store=store,
        max_body_bytes=_whole(reading, "GATEWAY_MAX_BODY_BYTES", table.MOST_BODY_BYTES),
        max_token_bytes=_whole(reading, "GATEWAY_MAX_TOKEN_BYTES", table.MOST_TOKEN_BYTES),
        connect_timeout_seconds=connect,
        timeout_seconds=total,
        host=reading.take("GATEWAY_HOST", endpoints.hostname, ""),
        port=_whole(reading, "PORT", table.MOST_PORT),
        workers=_whole(reading, "WEB_CONCURRENCY", table.MOST_WORKERS),
        warnings=(*_warnings(allow_http=allow_http, audit_required=audit_required, store=store), *idle),
    )
    reading.check_names(names)
    reading.finish()
    return settings


def credentials_in_file(path: str, read_file: Callable[[str], str]) -> Credentials:
    """Return the keys that AWS_CREDENTIALS_FILE names, by the rules of `load`. Raises `SettingsError`."""
    reading = Reading({f"AWS_CREDENTIALS{FILE_SUFFIX}": path}.get, read_file)
    found = _credentials(reading)
    reading.finish()
    return found


def partition_of(user_pool_id: str) -> str:
    """Return the partition (`aws`, `aws-cn` …) that a user pool is in. Raises ValueError for what is no pool's id."""
    try:
        return endpoints.user_pool(user_pool_id).region.partition
    except Unfit:
        message = "not a user pool's id"
        raise ValueError(message) from None


def _agreeing_region(text: str, *, pool: Pool | None) -> Region:
    found = endpoints.region(text)
    if pool is not None and found != pool.region:
        message = f"{pool.region.name}, the region of COGNITO_USER_POOL_ID, or nothing"
        raise Unfit(message)
    return found


def _client_id(text: str) -> str:
    return sealed.matching(sealed.CLIENT_ID, text)


def _each(reading: Reading, name: str, parse: Callable[[str], T]) -> tuple[T, ...]:
    """Return the values of a comma-separated list; an empty one among them is refused like any other wrong value."""
    nothing: tuple[T, ...] = ()
    return reading.take(name, lambda text: tuple(parse(item) for item in text.split(",")), nothing)


def _whole(reading: Reading, name: str, most: int) -> int:
    return reading.take(name, partial(forms.whole_number, most=most), 0)


def _timeouts(reading: Reading) -> tuple[float, float]:
    name = "GATEWAY_CONNECT_TIMEOUT_SECONDS"
    connect = reading.take(name, partial(forms.seconds, most=table.MOST_CONNECT_SECONDS), 0.0)
    whole = partial(forms.seconds, most=table.MOST_SECONDS, least=connect, of=name)
    return connect, reading.take("GATEWAY_TIMEOUT_SECONDS", whole, 0.0)


def _endpoint(reading: Reading, name: str, service: Service, region: Region, *, allow_http: bool) -> Origin:
    given = reading.take(name, partial(endpoints.endpoint, allow_http=allow_http), None)
    return region.endpoint(service) if given is None else given


def _issuers(reading: Reading, pool: Pool | None, *, allow_http: bool) -> tuple[tuple[str, ...], Mapping[str, str]]:
    """Return the issuers whose tokens are accepted, and where the keys of each are."""
    parse = partial(endpoints.issuer, pool_id=None if pool is None else pool.id, allow_http=allow_http)
    only = reading.take("COGNITO_ISSUER", parse, None)
    issuers = (pool or _NOWHERE).region.issuers((pool or _NOWHERE).id) if only is None else (only,)
    keys = reading.take("COGNITO_JWKS_URL", partial(endpoints.keys_url, allow_http=allow_http), None)
    return issuers, {issuer: keys or issuer + JWKS_PATH for issuer in issuers}


def _credentials(reading: Reading) -> Credentials:
    """Return the keys of AWS_CREDENTIALS, or those of the three single settings, which are else not read."""
    found = reading.take("AWS_CREDENTIALS", sealed.credentials, None)
    if found is not None or reading.refused("AWS_CREDENTIALS"):
        return found or Credentials(KeyPair("", ""))
    key_id = reading.take("AWS_ACCESS_KEY_ID", partial(sealed.matching, sealed.ACCESS_KEY_ID), "")
    secret = reading.take("AWS_SECRET_ACCESS_KEY", partial(sealed.matching, sealed.SECRET_ACCESS_KEY), "")
    token = reading.take("AWS_SESSION_TOKEN", partial(sealed.matching, sealed.SESSION_TOKEN), None)
    if sealed.is_temporary(key_id) and token is None and not reading.refused("AWS_SESSION_TOKEN"):
        reading.refuse("AWS_SESSION_TOKEN", "nothing", "the session token: AWS_ACCESS_KEY_ID is that of temporary keys")
    return Credentials(KeyPair(key_id, secret, token))


def _audit(reading: Reading, *, allow_http: bool) -> tuple[AuditSink, Iterable[str]]:
    """Return the sink with all that belongs to it, and warnings about what does not."""
    token = reading.take("GATEWAY_AUDIT_TOKEN", partial(sealed.matching, audit_sink.TOKEN), None)
    rotate = reading.take("GATEWAY_AUDIT_ROTATE_BYTES", audit_sink.rotate_bytes, None)
    keep = reading.take("GATEWAY_AUDIT_KEEP_FILES", partial(forms.whole_number, most=table.MOST_KEPT_FILES), None)
    parse = partial(audit_sink.audit_sink, token=token, rotate_bytes=rotate, keep_files=keep, allow_http=allow_http)
    audit = reading.take("GATEWAY_AUDIT", parse, AuditSink("stdout"))
    given = {"token": token is not None, "rotate": rotate is not None, "keep": keep is not None}
    return audit, audit_sink.idle(audit, **given)


def _policy(reading: Reading) -> tuple[str | None, str | None]:
    """Return what was set and the TOML: one that cannot be read stops the start, it does not become the built-in."""
    nothing: tuple[str | None, str | None] = None, None
    return reading.take(
        "GATEWAY_POLICY", lambda text: (text, text if forms.is_toml(text) else reading.text_of_file(text)), nothing
    )


def _warnings(*, allow_http: bool, audit_required: bool, store: StoreAddress) -> Iterable[str]:
    if allow_http:
        yield "GATEWAY_ALLOW_HTTP=true: tokens and signed requests may cross the network unencrypted."
    if not audit_required:
        yield "GATEWAY_AUDIT_REQUIRED=false: calls are let through while the audit cannot be written."
    if store.in_the_clear:
        yield "GATEWAY_STORE is redis:// to another machine: a password and kept answers cross the network unencrypted."
