"""Where a region's Cognito is, and which URLs an operator may name instead."""

import json
import pathlib
from typing import Any

import botocore.config
import botocore.session
import pytest

from gateway.settings import endpoints, partition_of
from gateway.settings.problems import Unfit
from gateway.upstream import Origin

NOT_REGIONS = [
    "",
    "evil.example/",
    "eu-west-1.evil.example",
    "eu-west-1?",
    "cn-north-1.evil.example",
    "us-gov-west-1/",
    "../",
    "eu_west_1",
    "eu-west-1\r\nHost: x",
    "eu-west-1\n",
    " eu-west-1",
    "localhost",
    "${REGION}",
    "*",
    "EU-WEST-1",
    "eu-west-\u0661",  # an Arabic digit one, which \\d would take
    "foo-central-bar",
    "us-isox-east-1",
    "aws-global",
]

NOT_ENDPOINTS = [
    "",
    "example.com",
    "//example.com",
    "ftp://example.com",
    "HTTPS://example.com",
    "https://",
    "https://:443",
    "https://user@example.com",
    "https://user:password@example.com",
    "https://127.0.0.1@example.com",
    "https://example.com?x=1",
    "https://example.com/?x=1",
    "https://example.com#f",
    "https://example.com/path",
    "https://example.com//",
    "https://example.com\\@evil.example",
    "https://example.com:",
    "https://example.com:0",
    "https://example.com:00443",
    "https://example.com:65536",
    "https://example.com:+443",
    "https://example.com:\u0664\u0664\u0663",
    "https://exa mple.com",
    "https://example.com\n",
    "https://exam\tple.com",
    "https://ex\u00e4mple.com",
    "https://example..com",
    "https://-example.com",
    "https://example.com.",
    "https://%6cocalhost",
    "https://[::1",
    "https://[127.0.0.1]",
    "https://[fe80::1%25eth0]",
    "https://" + ".".join(["a" * 63] * 5),
]


def endpoint_cases(vectors: pathlib.Path) -> list[dict[str, Any]]:
    """Return AWS's own endpoint tests of cognito-idp."""
    cases: list[dict[str, Any]] = json.loads((vectors / "aws" / "endpoint-tests-1.json").read_text("utf-8"))[
        "testCases"
    ]
    return cases


def test_every_region_has_the_endpoint_that_aws_gives_it(vectors: pathlib.Path) -> None:
    """Whatever region the pool is in, calls go to the host that AWS's own SDKs would use (R-09)."""
    plain = [
        case
        for case in endpoint_cases(vectors)
        if "endpoint" in case["expect"]
        and "Endpoint" not in case["params"]
        and not (case["params"]["UseFIPS"] or case["params"]["UseDualStack"])
    ]
    assert len(plain) > 30
    for case in plain:
        origin = endpoints.region(case["params"]["Region"]).endpoint("cognito-idp")
        assert f"{origin.scheme}://{origin.authority}" == case["expect"]["endpoint"]["url"]


def test_fips_dual_stack_and_custom_endpoints_can_be_set(vectors: pathlib.Path) -> None:
    """Each URL in AWS's tests, FIPS and dual-stack ones included, is accepted as COGNITO_ENDPOINT_URL."""
    for case in endpoint_cases(vectors):
        if url := case["expect"].get("endpoint", {}).get("url"):
            assert endpoints.endpoint(url, allow_http=False) == Origin("https", url.removeprefix("https://"), 443)


@pytest.mark.parametrize("service", ["cognito-idp", "cognito-identity", "sts"])
def test_endpoints_and_partitions_are_those_of_the_sdk(service: endpoints.Service) -> None:
    """For every region that the installed SDK knows the partition is the SDK's, and so is the host of one in each."""
    session = botocore.session.Session()
    for partition in session.get_available_partitions():
        regions = session.get_available_regions(service, partition)
        assert {endpoints.region(name).partition for name in regions} <= {partition}
        for name in regions[:1]:
            client = session.create_client(
                service,
                region_name=name,
                aws_access_key_id="none",
                aws_secret_access_key="none",
                config=botocore.config.Config(ignore_configured_endpoint_urls=True),
            )
            assert client.meta.endpoint_url == f"https://{endpoints.region(name).endpoint(service).authority}"


@pytest.mark.parametrize(
    ("name", "partition", "host"),
    [
        ("eu-west-1", "aws", "cognito-idp.eu-west-1.amazonaws.com"),
        ("cn-north-1", "aws-cn", "cognito-idp.cn-north-1.amazonaws.com.cn"),
        ("us-gov-west-1", "aws-us-gov", "cognito-idp.us-gov-west-1.amazonaws.com"),
        ("us-iso-east-1", "aws-iso", "cognito-idp.us-iso-east-1.c2s.ic.gov"),
        ("us-isob-east-1", "aws-iso-b", "cognito-idp.us-isob-east-1.sc2s.sgov.gov"),
        ("eu-isoe-west-1", "aws-iso-e", "cognito-idp.eu-isoe-west-1.cloud.adc-e.uk"),
        ("us-isof-south-1", "aws-iso-f", "cognito-idp.us-isof-south-1.csp.hci.ic.gov"),
        ("eusc-de-east-1", "aws-eusc", "cognito-idp.eusc-de-east-1.amazonaws.eu"),
    ],
)
def test_each_partition_has_its_own_hosts(name: str, partition: str, host: str) -> None:
    """China, the government, the isolated regions and the European Sovereign Cloud are not on amazonaws.com alone."""
    region = endpoints.region(name)
    assert (region.partition, region.endpoint("cognito-idp").host) == (partition, host)
    assert region.issuers("p") == (f"https://{host}/p", f"https://issuer-{host}/p")
    assert endpoints.user_pool(f"{name}_Abc123").region == region
    assert partition_of(f"{name}_Abc123") == partition


@pytest.mark.parametrize("text", NOT_REGIONS)
def test_what_is_no_region_never_becomes_part_of_a_host(text: str) -> None:
    """A region that is a host, a path or a header is refused, alone and as the prefix of a pool (R-14)."""
    with pytest.raises(Unfit):
        endpoints.region(text)
    with pytest.raises(Unfit):
        endpoints.user_pool(f"{text}_abc")
    with pytest.raises(Unfit):
        endpoints.identity_pool(f"{text}:00000000-0000-4000-8000-000000000000")


@pytest.mark.parametrize(
    "text",
    [
        "eu-west-1_",
        "eu-west-1_a/..",
        "eu-west-1_a?x",
        "eu-west-1_a b",
        "eu-west-1_a\n",
        "eu-west-1_" + "a" * 46,
        "_a",
        "x",
    ],
)
def test_what_is_no_pool_id_is_refused(text: str) -> None:
    """A pool id goes into URLs: letters and digits after the underscore, 55 characters in all (R-14)."""
    with pytest.raises(Unfit):
        endpoints.user_pool(text)
    with pytest.raises(ValueError, match="not a user pool's id"):
        partition_of(text)


def test_the_longest_pool_id_is_accepted() -> None:
    """55 characters is what Cognito allows."""
    longest = "eu-west-1_" + "a" * 45
    assert endpoints.user_pool(longest).id == longest


@pytest.mark.parametrize("url", NOT_ENDPOINTS)
def test_doubtful_urls_are_refused(url: str) -> None:
    """An endpoint is a scheme, a host and a port; anything with which a URL can mislead is refused (R-14)."""
    with pytest.raises(Unfit):
        endpoints.endpoint(url, allow_http=True)


@pytest.mark.parametrize(
    "host", ["127.1", "2130706433", "0x7f.0.0.1", "0x7f000001", "127.0.0.01", "1.2.3.4.5", "256.1.1.1"]
)
def test_odd_spellings_of_addresses_are_refused(host: str) -> None:
    """Resolvers read these as addresses, each in its own way: only four plain decimal numbers are one."""
    with pytest.raises(Unfit):
        endpoints.endpoint(f"https://{host}", allow_http=True)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Example.COM", Origin("https", "example.com", 443)),
        ("https://example.com/", Origin("https", "example.com", 443)),
        ("https://example.com:8443", Origin("https", "example.com", 8443)),
        ("https://[2001:DB8::1]:8443", Origin("https", "2001:db8::1", 8443)),
        ("http://127.0.0.1:9229", Origin("http", "127.0.0.1", 9229)),
        ("http://127.9.9.9", Origin("http", "127.9.9.9", 80)),
        ("http://localhost:9229", Origin("http", "localhost", 9229)),
        ("http://[::1]:9229", Origin("http", "::1", 9229)),
    ],
)
def test_endpoints_that_an_operator_would_name_are_accepted(url: str, origin: Origin) -> None:
    """TLS to anywhere, plain HTTP to this machine, with or without a port."""
    assert endpoints.endpoint(url, allow_http=False) == origin


@pytest.mark.parametrize(
    "host",
    [
        "example.com",
        "10.0.0.1",
        "169.254.169.254",
        "128.0.0.1",
        "[::2]",
        "localhost.example.com",
        "127.0.0.1.example.com",
    ],
)
def test_plain_http_leaves_this_machine_only_when_allowed(host: str) -> None:
    """Tokens and signed requests do not cross a network unencrypted by accident (R-14, R-20)."""
    url = f"http://{host}"
    with pytest.raises(Unfit, match="GATEWAY_ALLOW_HTTP"):
        endpoints.endpoint(url, allow_http=False)
    with pytest.raises(Unfit, match="GATEWAY_ALLOW_HTTP"):
        endpoints.keys_url(url + "/jwks.json", allow_http=False)
    assert endpoints.endpoint(url, allow_http=True).scheme == "http"


def test_an_issuer_is_the_pools() -> None:
    """The issuer of another pool would let that pool's users in: it must end in our pool's id (R-04)."""
    url = "https://issuer.example.com/us-east-1_Abc"
    assert endpoints.issuer(url, pool_id="us-east-1_Abc", allow_http=False) == url
    for other in (url + "D", url + "/", url.lower(), "https://issuer.example.com", url + "?x"):
        with pytest.raises(Unfit):
            endpoints.issuer(other, pool_id="us-east-1_Abc", allow_http=False)


@pytest.mark.parametrize("path", ["", "/", "/a/../b", "/./a", "/a//b", "/a/", "/a b", "/a?b", "/a#b", "/a\n"])
def test_a_keys_url_has_a_plain_path(path: str) -> None:
    """What is fetched is what was written: no dots to resolve, nothing to drop (R-05)."""
    with pytest.raises(Unfit):
        endpoints.keys_url(f"https://keys.example.com{path}", allow_http=False)


def test_an_address_is_an_origin_and_a_path() -> None:
    """The keys' URL is taken apart once, by the code that checked it."""
    assert endpoints.address("https://keys.example.com:8443/p/.well-known/jwks.json") == (
        Origin("https", "keys.example.com", 8443),
        "/p/.well-known/jwks.json",
    )


@pytest.mark.parametrize("text", ["https://app.example.com", "https://app.example.com:8443", "http://localhost:5173"])
def test_origins_as_browsers_write_them_are_accepted(text: str) -> None:
    """Scheme, host, and a port that is not the scheme's own (R-17)."""
    assert endpoints.web_origin(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "*",
        "null",
        "",
        "app.example.com",
        "https://*",
        "https://*.example.com",
        "https://app.example.com/",
        "https://app.example.com/path",
        "https://app.example.com:443",
        "https://App.example.com",
        "HTTPS://app.example.com",
        "http://app.example.com",
        "http://localhost:80",
        "https://app.example.com.",
        "https://user@app.example.com",
        "file://",
    ],
)
def test_what_no_browser_sends_as_an_origin_is_refused(text: str) -> None:
    """An origin that can never match, or that would match too much, is a mistake in the settings (R-17)."""
    with pytest.raises(Unfit):
        endpoints.web_origin(text)
