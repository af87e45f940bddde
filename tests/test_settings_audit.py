"""Where the audit goes, as an operator sets it: a collector's URL and token, a file's rotation."""

import copy

import pytest

from gateway.settings import AuditSink, CollectorAddress
from gateway.upstream import Origin
from tests.settings_loading import CANARY, TOKEN, loaded, names_refused, refused


def collector(url: str, **more: str) -> CollectorAddress:
    """The collector that GATEWAY_AUDIT names."""
    audit = loaded({"GATEWAY_AUDIT": url, **more}).audit
    assert audit.kind == "http"
    assert audit.collector is not None
    return audit.collector


@pytest.mark.parametrize(
    ("url", "origin", "resource"),
    [
        ("https://logs.example.com", Origin("https", "logs.example.com", 443), "/"),
        ("https://logs.example.com/", Origin("https", "logs.example.com", 443), "/"),
        ("https://logs.example.com:8443/a/b", Origin("https", "logs.example.com", 8443), "/a/b"),
        ("https://logs.example.com/a/", Origin("https", "logs.example.com", 443), "/a/"),
        ("https://logs.example.com/in?c=a%20b&x=1", Origin("https", "logs.example.com", 443), "/in?c=a%20b&x=1"),
        ("https://logs.example.com?x", Origin("https", "logs.example.com", 443), "/?x"),
        ("http://127.0.0.1:8088/in", Origin("http", "127.0.0.1", 8088), "/in"),
        ("http://[::1]:8088/in", Origin("http", "::1", 8088), "/in"),
    ],
)  # fmt: skip
def test_a_collector_is_a_url(url: str, origin: Origin, resource: str) -> None:
    """Path and query are sent as they were given."""
    found = collector(url)
    assert (found.origin, found.resource, found.token) == (origin, resource, None)


@pytest.mark.parametrize(
    "url",
    [
        "http://logs.example.com/in",
        "https://user:password@logs.example.com/in",
        "https://logs.example.com/in#part",
        "https://logs.example.com/in?a b",
        "https://logs.example.com/in?a\u00e4",
        "https://logs.example.com/in?",
        "https://logs.example.com/../in",
        "https://logs.example.com//in",
        "https://logs.example.com:0/in",
        "https:///in",
        "https:logs.example.com",
        "HTTPS://logs.example.com",
        "ftp://logs.example.com/in",
    ],
)
def test_another_url_is_refused_without_its_path(url: str) -> None:
    """R-14, R-01: what is doubtful stops the start; the path, where collectors have their tokens, is not shown."""
    (problem,) = refused(GATEWAY_AUDIT=url.replace("in", CANARY)).problems
    assert problem.name == "GATEWAY_AUDIT"


def test_plain_http_to_other_machines_takes_its_own_setting() -> None:
    """As with every other endpoint, and it warns at start."""
    assert collector("http://logs.internal/in", GATEWAY_ALLOW_HTTP="true").origin.scheme == "http"


def test_a_collectors_token_is_a_secret() -> None:
    """R-01: it can come from a file, and neither it nor the URL's path is ever printed."""
    found = collector(f"https://logs.example.com/{CANARY}?{CANARY}", GATEWAY_AUDIT_TOKEN=TOKEN)
    assert found.token == TOKEN
    settings = loaded(GATEWAY_AUDIT=f"https://logs.example.com/{CANARY}", GATEWAY_AUDIT_TOKEN=TOKEN)
    shown = f"{found!r} {found} {settings!r} {settings.audit} {copy.deepcopy(found)!r}"
    assert CANARY.lower() not in shown.lower()
    assert "https://logs.example.com/***" in shown
    from_file = loaded(GATEWAY_AUDIT="https://logs.example.com", GATEWAY_AUDIT_TOKEN_FILE="/run/secrets/key").audit
    assert from_file.collector is not None
    assert from_file.collector.token
    assert names_refused(GATEWAY_AUDIT_TOKEN="two words", GATEWAY_AUDIT="https://a.b") == ["GATEWAY_AUDIT_TOKEN"]
    assert names_refused(GATEWAY_AUDIT_TOKEN="", GATEWAY_AUDIT="https://a.b") == ["GATEWAY_AUDIT_TOKEN"]


def test_a_files_rotation_is_set_in_bytes_and_files() -> None:
    """By default a file is never rotated and nothing is deleted."""
    assert loaded(GATEWAY_AUDIT="file:a").audit == AuditSink("file", "a")
    settings = loaded(GATEWAY_AUDIT="file:a", GATEWAY_AUDIT_ROTATE_BYTES="65536", GATEWAY_AUDIT_KEEP_FILES="3")
    assert settings.audit == AuditSink("file", "a", rotate_bytes=65536, keep_files=3)
    assert settings.warnings == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GATEWAY_AUDIT_ROTATE_BYTES", "65535"),
        ("GATEWAY_AUDIT_ROTATE_BYTES", "0"),
        ("GATEWAY_AUDIT_ROTATE_BYTES", "100M"),
        ("GATEWAY_AUDIT_ROTATE_BYTES", "10000000000"),
        ("GATEWAY_AUDIT_KEEP_FILES", "0"),
        ("GATEWAY_AUDIT_KEEP_FILES", "all"),
    ],
)
def test_a_wrong_size_or_number_is_refused(name: str, value: str) -> None:
    """R-14: nothing is guessed about what is deleted."""
    assert names_refused({name: value}) == [name]


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"GATEWAY_AUDIT_TOKEN": "token"}, "GATEWAY_AUDIT_TOKEN"),
        ({"GATEWAY_AUDIT_ROTATE_BYTES": "65536"}, "GATEWAY_AUDIT_ROTATE_BYTES"),
        ({"GATEWAY_AUDIT": "file:a", "GATEWAY_AUDIT_KEEP_FILES": "3"}, "GATEWAY_AUDIT_KEEP_FILES"),
    ],
)
def test_a_setting_that_does_nothing_warns(values: dict[str, str], name: str) -> None:
    """Who believes that files are rotated learns at start that they are not."""
    (warning,) = loaded(values).warnings
    assert warning.startswith(f"{name} does nothing")
