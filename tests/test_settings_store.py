"""The address of the shared store: what is taken, what is refused, and that its password is never shown."""

import pytest

from tests.settings_loading import CANARY, loaded, refused

PASSWORD = f"{CANARY}password"


@pytest.mark.parametrize(
    "text",
    [
        "redis://127.0.0.1",
        "redis://localhost:6379/",
        "redis://[::1]:6379/15",
        "redis://:secret@localhost",
        "rediss://gateway:p%40ss%2Fword@redis.example.com:6380/0",
        "rediss://redis_1",
        "rediss://redis.example.com?ssl_ca_certs=/etc/ssl/redis-ca.pem",
        "unix:///run/redis/redis.sock",
        "unix://gateway:secret@/run/redis.sock?db=3",
    ],
)
def test_a_redis_is_named_by_its_url(text: str) -> None:
    """Every usual form of a Redis's address works and is passed on as it was written."""
    settings = loaded(GATEWAY_STORE=text)
    assert (settings.store.kind, settings.store.url) == ("redis", text)
    assert not settings.store.in_the_clear
    assert settings.warnings == ()


def test_without_a_setting_and_with_memory_the_state_stays_in_the_process() -> None:
    """One replica needs no Redis."""
    for settings in (loaded(), loaded(GATEWAY_STORE="memory")):
        assert (settings.store.kind, settings.store.url, repr(settings.store)) == ("memory", None, "memory")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"redis:/{PASSWORD}@redis.example.com", "memory, or a Redis"),
        (f"REDIS://:{PASSWORD}@redis.example.com", "memory, or a Redis"),
        (f"valkey://:{PASSWORD}@redis.example.com", "memory, or a Redis"),
        ("rediss://", "a host in the URL"),
        (f"rediss://:{PASSWORD}@", "a host in the URL"),
        (f"rediss://:{PASSWORD}/with/slash@redis.example.com", "percent-encoded"),
        (f"rediss://:{PASSWORD}:twice@redis.example.com", "percent-encoded"),
        (f"rediss://:{PASSWORD}@at@redis.example.com", "percent-encoded"),
        (f"rediss://:{PASSWORD}%zz@redis.example.com", "percent-encoded"),
        (f"rediss://:{PASSWORD}%ff@redis.example.com", "percent-encoded"),
        (f"rediss://{PASSWORD}@redis.example.com", "user:password@"),
        ("rediss://gateway:@redis.example.com", "user:password@"),
        ("rediss://@redis.example.com", "user:password@"),
        ("rediss://redis.example.com:0", "a port from 1 to 65535"),
        ("rediss://redis.example.com:65536", "a port from 1 to 65535"),
        ("rediss://redis.example.com:6379x", "a host in the URL"),
        ("rediss://256.1.1.1", "a host name or an address"),
        ("rediss://[::g]", "a host in the URL"),
        ("rediss://redis.example.com/first", "a database's number"),
        ("rediss://redis.example.com/0/1", "a database's number"),
        ("rediss://redis.example.com#0", "a host in the URL"),
        ("rediss://redis.example.com?ssl_cert_reqs=none", "certificates are always verified"),
        ("rediss://redis.example.com?ssl_ca_certs=", "certificates are always verified"),
        ("rediss://redis.example.com?", "certificates are always verified"),
        ("rediss://redis.example.com?ssl_ca_certs=/a&ssl_cert_reqs=none", "certificates are always verified"),
        (f"redis://redis.example.com?password={PASSWORD}", "no query"),
        ("unix://run/redis.sock", "the absolute path of a socket"),
        ("unix://", "the absolute path of a socket"),
        (f"unix:///{'a' * 100}", "the absolute path of a socket"),
        (f"unix://{PASSWORD}@/run/redis.sock", "user:password@"),
        (f"unix:///run/redis.sock?password={PASSWORD}", "db=NUMBER"),
        ("unix:///run/redis.sock?db=", "db=NUMBER"),
    ],
)
def test_a_malformed_address_is_refused_by_the_part_that_is_wrong(text: str, told: str) -> None:
    """The operator reads which part is wrong, and not a letter of the password (R-01, R-14)."""
    (problem,) = refused(GATEWAY_STORE=text).problems
    assert (problem.name, problem.read) == ("GATEWAY_STORE", f"(secret, {len(text)} characters)")
    assert told in problem.wanted


@pytest.mark.parametrize(
    ("text", "warned"),
    [
        ("redis://redis.example.com", True),
        ("redis://:secret@10.0.0.7:6379/1", True),
        ("redis://127.9.9.9", False),
        ("rediss://redis.example.com", False),
    ],
)
def test_an_unencrypted_way_to_another_machine_is_warned_of(text: str, warned: bool) -> None:  # noqa: FBT001 - a table
    """Passwords and kept answers may cross a network unencrypted only with the operator's knowledge."""
    settings = loaded(GATEWAY_STORE=text)
    assert settings.store.in_the_clear is warned
    assert [warning.partition(" ")[0] for warning in settings.warnings] == ["GATEWAY_STORE"] * warned


def test_the_address_is_never_shown() -> None:
    """Settings are printed and logged; the password in the address is not among what they show (R-01)."""
    settings = loaded(GATEWAY_STORE=f"rediss://gateway:{PASSWORD}@redis.example.com")
    assert repr(settings.store) == "redis ***"
    assert CANARY not in f"{settings!r}"
