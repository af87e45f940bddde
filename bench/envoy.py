"""Envoy's configuration for the same job: verify the token, allow one operation, sign with SigV4.

Duty: the nearest that Envoy's own filters come to the gateway. They count no rate, judge no body and write no audit.
Prohibition: no option that slows it down; the defaults, on one worker.
Source: Envoy's API reference v3: jwt_authn, rbac, aws_request_signing, router.
"""

import json
from typing import Any, Literal

from bench.material import ACCESS_KEY_ID, ISSUER, SECRET_ACCESS_KEY
from bench.wire import CLIENT, REGION, TARGET

Mode = Literal["full", "jwt-cache", "plain"]
"""`full`: all three filters; `jwt-cache`: and verified tokens are remembered; `plain`: a proxy that does none of it."""

_TYPES = "type.googleapis.com/envoy.extensions."
_CACHED_TOKENS = 10_000
_MANY = 8192


def configuration(mode: Mode, *, port: int, upstream_port: int, jwks: str) -> str:
    """The whole configuration as JSON, listening on and calling loopback only."""
    own = [] if mode == "plain" else [_jwt_authn(mode, jwks), _rbac(), _aws_request_signing(upstream_port)]
    manager = {
        "stat_prefix": "bench",
        "generate_request_id": False,
        "http_filters": [*own, _filter("http.router", "Router", suppress_envoy_headers=True)],
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "cognito"}}],
                }
            ]
        },
    }
    listener = {
        "name": "bench",
        "address": _loopback(port),
        "filter_chains": [
            {"filters": [_filter("network.http_connection_manager", "HttpConnectionManager", **manager)]}
        ],
    }
    return json.dumps({"static_resources": {"listeners": [listener], "clusters": [_cluster(upstream_port)]}}, indent=1)


def _filter(name: str, message: str, **options: object) -> dict[str, Any]:
    return {
        "name": f"envoy.filters.{name}",
        "typed_config": {"@type": f"{_TYPES}filters.{name}.v3.{message}", **options},
    }


def _jwt_authn(mode: Mode, jwks: str) -> dict[str, Any]:
    provider: dict[str, Any] = {
        "issuer": ISSUER,
        "local_jwks": {"inline_string": jwks},
        "payload_in_metadata": "claims",
    }
    if mode == "jwt-cache":
        provider["jwt_cache_config"] = {"jwt_cache_size": _CACHED_TOKENS}
    rule = {"match": {"prefix": "/"}, "requires": {"provider_name": "cognito"}}
    return _filter("http.jwt_authn", "JwtAuthentication", providers={"cognito": provider}, rules=[rule])


def _rbac() -> dict[str, Any]:
    operation = {"header": {"name": "x-amz-target", "string_match": {"exact": TARGET}}}
    claims = [
        _claim("token_use", {"string_match": {"exact": "access"}}),
        _claim("client_id", {"string_match": {"exact": CLIENT}}),
        _claim("cognito:groups", {"list_match": {"one_of": {"string_match": {"exact": "admin"}}}}),
    ]
    admin = {"permissions": [operation], "principals": [{"and_ids": {"ids": claims}}]}
    return _filter("http.rbac", "RBAC", rules={"action": "ALLOW", "policies": {"admin": admin}})


def _claim(name: str, value: dict[str, Any]) -> dict[str, Any]:
    return {
        "metadata": {
            "filter": "envoy.filters.http.jwt_authn",
            "path": [{"key": "claims"}, {"key": name}],
            "value": value,
        }
    }


def _aws_request_signing(upstream_port: int) -> dict[str, Any]:
    keys = {"access_key_id": ACCESS_KEY_ID, "secret_access_key": SECRET_ACCESS_KEY}
    # What proxies add or change on the way must not be signed, and neither need the caller's odds and ends.
    unsigned = [{"prefix": "x-envoy"}, {"prefix": "x-forwarded"}]
    unsigned += [{"exact": name} for name in ("x-request-id", "user-agent", "accept")]
    return _filter(
        "http.aws_request_signing",
        "AwsRequestSigning",
        service_name="cognito-idp",
        region=REGION,
        host_rewrite=f"127.0.0.1:{upstream_port}",
        credential_provider={"inline_credential": keys},
        match_excluded_headers=unsigned,
    )


def _cluster(port: int) -> dict[str, Any]:
    limits = {"max_connections": _MANY, "max_requests": _MANY, "max_pending_requests": _MANY}
    return {
        "name": "cognito",
        "type": "STATIC",
        "connect_timeout": "3s",
        "circuit_breakers": {"thresholds": [limits]},
        "load_assignment": {
            "cluster_name": "cognito",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _loopback(port)}}]}],
        },
    }


def _loopback(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
