"""Settings that would lead the gateway astray: hostile regions and pools, missing secrets, typos, proxies."""

import json
import pathlib

from gateway.settings import load
from tests.settings_loading import CANARY, KEY_ID, NAMES, REQUIRED, loaded, names_refused, read_file, refused

POLICY_CASES = frozenset({"policy-unknown-key", "policy-wildcard", "policy-bad-type"})
"""Cases about what is in a policy: the policy's own loader refuses them."""

NAMED_CASES: dict[str, dict[str, str | None]] = {
    "no-secret": {"AWS_SECRET_ACCESS_KEY": ""},
    "akid-space": {"AWS_ACCESS_KEY_ID": f"{KEY_ID}\n"},
    "policy-missing": {"GATEWAY_POLICY": "/etc/gateway/policy.toml"},
    "cors-star-cred": {"GATEWAY_ALLOWED_ORIGINS": "*"},
    "endpoint-http": {"COGNITO_ENDPOINT_URL": "http://cognito.example.com"},
    "tls-verify": {"GATEWAY_TLS_VERIFY": "false"},
}


def test_misspelt_names_are_found() -> None:
    """A typo does not leave a default in force unseen: the nearest name is told, and never the value (R-14)."""
    error = refused(GATEWAY_POLCY=CANARY, COGNITO_ISSUER_URL=CANARY, GATEWAY_TLS_VERIFY="false", GATEWAY_PORT="8080")
    wanted = {problem.name: problem.wanted for problem in error.problems}
    assert sorted(wanted) == ["COGNITO_ISSUER_URL", "GATEWAY_POLCY", "GATEWAY_PORT", "GATEWAY_TLS_VERIFY"]
    assert wanted["GATEWAY_POLCY"].startswith("GATEWAY_POLICY")
    assert wanted["COGNITO_ISSUER_URL"].startswith("COGNITO_ISSUER")
    assert names_refused(COGNITO_USER_POOL_ID_FILE="/x", GATEWAY_ZZZZZZZZZZZZZZ="") == [
        "COGNITO_USER_POOL_ID_FILE",
        "GATEWAY_ZZZZZZZZZZZZZZ",
    ]


def test_names_that_others_set_are_left_alone() -> None:
    """The server's own variable, what Kubernetes adds for a Service called gateway, and other programs' variables."""
    others = {
        "GATEWAY_WORKER": "1",
        "GATEWAY_SERVICE_HOST": "10.0.0.1",
        "GATEWAY_SERVICE_PORT": "8080",
        "GATEWAY_SERVICE_PORT_HTTP": "8080",
        "GATEWAY_PORT": "tcp://10.0.0.1:8080",
        "GATEWAY_PORT_8080_TCP": "tcp://10.0.0.1:8080",
        "GATEWAY_PORT_8080_TCP_ADDR": "10.0.0.1",
        "COGNITO_STUB_SERVICE_HOST": "10.0.0.2",
        "AWS_PROFILE": "x",
        "PATH": "/bin",
    }
    assert repr(loaded(others)) == repr(loaded())


def test_every_configuration_attack_is_refused(vectors: pathlib.Path) -> None:
    """Regions and pools that would lead elsewhere, missing secrets and policies: no start, no secret told (R-14)."""
    attacks = json.loads((vectors / "attacks" / "http-attacks.json").read_text("utf-8"))
    cases = [case["config"] for case in attacks if case["cls"] == "CONFIG"]
    assert len(cases) > 20
    for config in cases:
        ((kind, value),) = config.items()
        if kind == "region":
            assert names_refused(AWS_REGION=value) == ["AWS_REGION"]
            assert names_refused(COGNITO_USER_POOL_ID=f"{value}_abc") == ["COGNITO_USER_POOL_ID"]
        elif kind == "user_pool_id":
            assert names_refused(COGNITO_USER_POOL_ID=value) == ["COGNITO_USER_POOL_ID"]
        elif kind == "proxy-env":
            check_that_proxies_change_nothing()
        elif kind not in POLICY_CASES:
            assert names_refused(NAMED_CASES[kind]) == list(NAMED_CASES[kind])


def check_that_proxies_change_nothing() -> None:
    """Load with the variables by which HTTP clients are usually led astray, and see that nobody looks at them."""
    hostile = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "SSL_CERT_FILE", "SSLKEYLOGFILE"), "http://evil")
    values, asked = REQUIRED | hostile, set[str]()

    def lookup(name: str) -> str | None:
        asked.add(name)
        return values.get(name)

    assert repr(load(lookup, read_file, names=values)) == repr(loaded())
    assert not asked & hostile.keys()


def test_no_setting_switches_certificate_checks_off() -> None:
    """There is no such switch in the table (R-20)."""
    assert not [name for name in NAMES for word in ("TLS", "SSL", "VERIFY", "INSECURE") if word in name]
