"""What an operator may set, and what is refused."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.settings import SETTINGS, AuditSink, Setting, SettingsError, load
from gateway.settings.reading import FILE_SUFFIX, NEVER_EMPTY
from gateway.upstream import Origin
from tests.settings_loading import (
    CLIENT_SECRET,
    FILES,
    KEY_ID,
    NAMES,
    REQUIRED,
    SECRET_KEY,
    SECRETS,
    TOKEN,
    loaded,
    names_refused,
    read_file,
    refused,
)


def test_four_settings_are_enough() -> None:
    """A pool, its clients and two keys: everything else has a default that is safe."""
    settings = loaded()
    issuers = (
        "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_EXAMPLE",
        "https://issuer-cognito-idp.us-east-1.amazonaws.com/us-east-1_EXAMPLE",
    )
    assert settings.user_pool_id == "us-east-1_EXAMPLE"
    assert (settings.region, settings.partition, settings.account_id) == ("us-east-1", "aws", None)
    assert settings.client_ids == {"client1", "client2"}
    assert len(settings.client_secrets) == 0
    assert (settings.identity_pool_id, settings.domain, settings.role_arn) == (None, None, None)
    assert settings.credentials.current.access_key_id == KEY_ID
    assert settings.credentials.current.secret_access_key == SECRET_KEY
    assert settings.credentials.current.session_token is None
    assert settings.credentials.next is None
    assert settings.endpoint == Origin("https", "cognito-idp.us-east-1.amazonaws.com", 443)
    assert settings.identity_endpoint == Origin("https", "cognito-identity.us-east-1.amazonaws.com", 443)
    assert settings.sts_endpoint == Origin("https", "sts.us-east-1.amazonaws.com", 443)
    assert settings.issuers == issuers
    assert settings.jwks_urls == {issuer: f"{issuer}/.well-known/jwks.json" for issuer in issuers}
    assert (settings.policy_source, settings.policy_text) == (None, None)
    assert settings.token_use == {"access"}
    assert settings.allowed_origins == frozenset()
    assert settings.trusted_proxies == ()
    assert settings.audit == AuditSink("stdout")
    assert (settings.audit_required, settings.allow_http, settings.store.kind) == (True, False, "memory")
    assert (settings.max_body_bytes, settings.max_token_bytes) == (65536, 8192)
    assert (settings.connect_timeout_seconds, settings.timeout_seconds) == (3, 15)
    assert (settings.host, settings.port, settings.workers) == ("127.0.0.1", 8080, 1)
    assert settings.warnings == ()


def test_every_setting_reaches_the_gateway() -> None:
    """What an operator sets is what holds, for each setting of the table."""
    settings = loaded(
        COGNITO_CLIENT_SECRETS=f"client1={CLIENT_SECRET},client2={CLIENT_SECRET}=x",
        COGNITO_IDENTITY_POOL_ID="eu-west-1:00000000-0000-4000-8000-000000000000",
        COGNITO_DOMAIN="login.example.com",
        AWS_REGION="us-east-1",
        AWS_ACCOUNT_ID="123456789012",
        AWS_SESSION_TOKEN=TOKEN,
        AWS_ROLE_ARN="arn:aws:iam::123456789012:role/path/gateway",
        COGNITO_ENDPOINT_URL="https://vpce.example.com",
        STS_ENDPOINT_URL="https://sts.example.com:8443/",
        GATEWAY_TOKEN_USE="access,id",
        GATEWAY_ALLOWED_ORIGINS="https://app.example.com,http://localhost:5173",
        GATEWAY_TRUSTED_PROXIES="10.0.0.0/8,192.0.2.7,fd00::/8",
        GATEWAY_AUDIT="file:/var/log/audit lines.jsonl",
        GATEWAY_MAX_BODY_BYTES="1048576",
        GATEWAY_MAX_TOKEN_BYTES="1",
        GATEWAY_CONNECT_TIMEOUT_SECONDS="0.5",
        GATEWAY_TIMEOUT_SECONDS="0.5",
        GATEWAY_HOST="::",
        PORT="65535",
        WEB_CONCURRENCY="64",
    )
    assert dict(settings.client_secrets) == {"client1": CLIENT_SECRET, "client2": f"{CLIENT_SECRET}=x"}
    assert settings.identity_pool_id == "eu-west-1:00000000-0000-4000-8000-000000000000"
    assert settings.identity_endpoint.host == "cognito-identity.eu-west-1.amazonaws.com"
    assert (settings.domain, settings.account_id) == ("https://login.example.com", "123456789012")
    assert settings.credentials.current.session_token == TOKEN
    assert settings.role_arn == "arn:aws:iam::123456789012:role/path/gateway"
    assert settings.endpoint == Origin("https", "vpce.example.com", 443)
    assert settings.sts_endpoint == Origin("https", "sts.example.com", 8443)
    assert settings.token_use == {"access", "id"}
    assert settings.allowed_origins == {"https://app.example.com", "http://localhost:5173"}
    assert settings.trusted_proxies == tuple(map(ip_network, ("10.0.0.0/8", "192.0.2.7/32", "fd00::/8")))
    assert settings.audit == AuditSink("file", "/var/log/audit lines.jsonl")
    assert (settings.max_body_bytes, settings.max_token_bytes) == (1048576, 1)
    assert (settings.connect_timeout_seconds, settings.timeout_seconds) == (0.5, 0.5)
    assert (settings.host, settings.port, settings.workers) == ("::", 65535, 64)


@pytest.mark.parametrize("setting", [s for s in SETTINGS if s.default or s.example], ids=lambda setting: setting.name)
def test_documented_values_are_accepted(setting: Setting) -> None:
    """A default or an example, written out as documented, is taken."""
    value = setting.default or setting.example
    assert loaded({setting.name: value})


def test_an_empty_optional_value_counts_as_not_set() -> None:
    """Templates write `NAME=` for what is not used: that is the default, not an error."""
    empty = {
        setting.name: ""
        for setting in SETTINGS
        if not (setting.secret or setting.required or setting.name in NEVER_EMPTY)
    }
    assert repr(loaded(empty)) == repr(loaded())


def test_one_issuer_can_be_chosen() -> None:
    """With COGNITO_ISSUER no other issuer is accepted, and its keys are found below it (R-04, R-05)."""
    settings = loaded(COGNITO_ISSUER="http://localhost:9229/us-east-1_EXAMPLE")
    assert settings.issuers == ("http://localhost:9229/us-east-1_EXAMPLE",)
    assert settings.jwks_urls == {settings.issuers[0]: f"{settings.issuers[0]}/.well-known/jwks.json"}


def test_a_keys_url_changes_where_keys_come_from_and_nothing_else() -> None:
    """With COGNITO_JWKS_URL the issuers stay, and all keys come from that URL (R-05)."""
    settings = loaded(COGNITO_JWKS_URL="http://127.0.0.1:9229/keys.json")
    assert settings.issuers == loaded().issuers
    assert settings.jwks_urls == dict.fromkeys(settings.issuers, "http://127.0.0.1:9229/keys.json")


@pytest.mark.parametrize("inline", ["[public]\nallow = []\n", "[public]", "a = 1"])
def test_the_policy_can_be_a_path_or_the_text(inline: str) -> None:
    """What was set is kept, and the TOML is there to be loaded; it is not judged here."""
    assert loaded(GATEWAY_POLICY=inline).policy_text == inline
    settings = loaded(GATEWAY_POLICY="policy.toml")
    assert (settings.policy_source, settings.policy_text) == ("policy.toml", FILES["policy.toml"])


def test_what_weakens_the_gateway_warns() -> None:
    """Plain HTTP and calls without an audit are possible, and are said at every start."""
    settings = loaded(
        GATEWAY_ALLOW_HTTP="true",
        COGNITO_ENDPOINT_URL="http://emulator:9229",
        COGNITO_DOMAIN="http://emulator:9229",
        GATEWAY_AUDIT_REQUIRED="false",
    )
    assert settings.endpoint == Origin("http", "emulator", 9229)
    assert settings.domain == "http://emulator:9229"
    assert not settings.audit_required
    assert [warning.partition("=")[0] for warning in settings.warnings] == [
        "GATEWAY_ALLOW_HTTP",
        "GATEWAY_AUDIT_REQUIRED",
    ]


@pytest.mark.parametrize("region", ["eusc-de-east-1", "us-gov-west-1", "us-iso-east-1", "cn-north-1"])
def test_pools_of_all_partitions_are_accepted(region: str) -> None:
    """The region in front of the pool's id is all that it takes."""
    settings = loaded(COGNITO_USER_POOL_ID=f"{region}_Abc123", AWS_REGION=region)
    assert settings.region == region
    assert settings.endpoint.host.startswith(f"cognito-idp.{region}.")


WRONG = [
    ("COGNITO_USER_POOL_ID", ["", "foo-central-bar_x", "us-east-1", "us-east-1_a b", "us-east-1_a\n"]),
    ("COGNITO_CLIENT_IDS", ["", ",", "a,", "a,,b", "a, b", " a", "a\n", "a-b", "a" * 129, "\u00e4"]),
    ("COGNITO_IDENTITY_POOL_ID", ["us-east-1", "us-east-1:", "us-east-1:00000000-0000-4000-8000-00000000000G"]),
    ("COGNITO_DOMAIN", ["prefix", "ftp://a.b", "http://login.example.com", "https://a.b/path", "a.b/path", "u@a.b"]),
    ("AWS_REGION", ["", " us-east-1", "eu-west-1", "us-east-1 ", "US-EAST-1", "localhost"]),
    ("AWS_ACCOUNT_ID", ["1234", "1234567890123", "12345678901a", "\u0661" * 12]),
    ("AWS_ACCESS_KEY_ID", ["", "abc", "has-dash", f"{KEY_ID}\n", f" {KEY_ID}", f"{KEY_ID}\x00", KEY_ID * 7]),
    ("AWS_SECRET_ACCESS_KEY", ["", "abc", f"{SECRET_KEY}\n", f" {SECRET_KEY}", f"{SECRET_KEY} x", "\u00e4" * 40]),
    ("AWS_SESSION_TOKEN", ["", "abc", f"{TOKEN}\n", f"{TOKEN} x"]),
    (
        "AWS_ROLE_ARN",
        [
            "gateway",
            "arn:aws:iam::1234:role/gateway",
            "arn:aws:iam::123456789012:user/gateway",
            "arn:aws:iam::123456789012:role/",
            "arn:aws:iam::123456789012:role/gateway/",
            "arn:aws-cn:iam::123456789012:role/gateway",
            "arn:aws:iam::123456789012:role/gateway\n",
            "arn:aws:iam::*:role/gateway",
            "arn:aws:iam::123456789012:role/*",
        ],
    ),
    ("COGNITO_ENDPOINT_URL", ["http://cognito.example.com", "https://a/b", "https://u:p@a", "a", "https://a:0"]),
    ("COGNITO_IDENTITY_ENDPOINT_URL", ["http://cognito.example.com", "https://a?b"]),
    ("STS_ENDPOINT_URL", ["http://sts.example.com", "https://a#b"]),
    ("COGNITO_ISSUER", ["https://a.b/us-east-1_OTHER", "http://a.b/us-east-1_EXAMPLE", "us-east-1_EXAMPLE"]),
    ("COGNITO_JWKS_URL", ["https://a.b", "http://a.b/jwks.json", "https://a.b/jwks.json?x", "file:///jwks.json"]),
    ("GATEWAY_ALLOW_HTTP", ["1", "yes", "True", "TRUE", "0", "true "]),
    ("GATEWAY_POLICY", ["/no/such/policy.toml", "https://example.com/policy.toml", " "]),
    ("GATEWAY_TOKEN_USE", ["id", "id,access", "access, id", "Access", "access,id,x", "any"]),
    ("GATEWAY_ALLOWED_ORIGINS", ["*", "null", "https://a.b/", "https://a.b,*", "https://A.b", "http://a.b", "a.b"]),
    (
        "GATEWAY_TRUSTED_PROXIES",
        ["0.0.0.0/0", "::/0", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/8,", "*", "proxy", "10.0.0.0/8, ::1"],
    ),
    ("GATEWAY_AUDIT", ["stderr", "file:", "file", "http://sink.example.com", "/var/log/x"]),  # see test_settings_audit
    ("GATEWAY_AUDIT_REQUIRED", ["no", "False", "0"]),
    ("GATEWAY_STORE", ["Memory", "STORE", "redis:", "http://127.0.0.1"]),  # more in test_settings_store.py
    ("GATEWAY_MAX_BODY_BYTES", ["0", "-1", "1e3", "64k", "1048577", "0x10", "1_000", "010", "1.0", "\u0661"]),
    ("GATEWAY_MAX_TOKEN_BYTES", ["0", "65537", "many", "9" * 5000]),
    ("GATEWAY_CONNECT_TIMEOUT_SECONDS", ["0", "0.000", "-1", "31", "nan", "inf", "1e1", "3s", ".5"]),
    ("GATEWAY_TIMEOUT_SECONDS", ["0", "61", "2.9", "nan", "infinity"]),
    ("GATEWAY_HOST", ["0.0.0.0:80", "[::]", "a b", "256.1.1.1", "::g"]),
    ("PORT", ["0", "65536", "http", "-80"]),
    ("WEB_CONCURRENCY", ["0", "65", "auto"]),
]


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG for value in values])
def test_a_wrong_value_stops_the_start_and_is_named(name: str, value: str) -> None:
    """One wrong value: the gateway does not start, and says which setting it is (R-14)."""
    assert names_refused({name: value}) == [name]


@pytest.mark.parametrize("name", sorted(REQUIRED))
def test_what_is_required_is_missed(name: str) -> None:
    """No start without a pool, a client and keys (R-04)."""
    (problem,) = refused({name: None}).problems
    assert (problem.name, problem.read) == (name, "nothing")


def test_all_problems_are_told_at_once() -> None:
    """An operator mends the settings in one go, in the order of the documentation."""
    wrong = {name: values[-1] for name, values in WRONG}
    assert names_refused(wrong) == [name for name in NAMES if name in wrong]


@pytest.mark.parametrize("name", NAMES)
def test_spaces_and_line_breaks_are_refused_not_trimmed(name: str) -> None:
    """A key id with a line break at its end is never signed with; no value is quietly put right (R-14)."""
    others = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None} if name == "AWS_CREDENTIALS" else {}
    assert name in names_refused({**others, name: " \t\u200b"})


def test_a_long_value_is_cut_in_the_message() -> None:
    """A message stays a line, whatever was pasted."""
    (problem,) = refused(GATEWAY_TOKEN_USE="a b " * 1000).problems
    assert len(problem.read) < 120
    assert "4000 characters" in problem.read


ANY_TEXT = st.text(st.characters(), max_size=60)


@given(
    st.dictionaries(
        st.sampled_from([*NAMES, *(name + FILE_SUFFIX for name in SECRETS)]),
        ANY_TEXT | st.sampled_from([v for _, values in WRONG for v in values] + list(REQUIRED.values()) + list(FILES)),
    ),
    st.lists(ANY_TEXT | ANY_TEXT.map("GATEWAY_".__add__)),
)
def test_no_text_makes_loading_fail_in_another_way(values: dict[str, str], names: list[str]) -> None:
    """Whatever is set, the answer is settings, or problems in printable lines without a secret (R-01, R-14)."""
    values = REQUIRED | values
    try:
        load(values.get, read_file, names=[*values, *names])
    except SettingsError as error:
        told = error
    else:
        return
    assert all(str(problem).isprintable() for problem in told.problems)
    assert not any(secret in str(told) for secret in (KEY_ID, SECRET_KEY))
