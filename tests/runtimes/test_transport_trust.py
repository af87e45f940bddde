"""The contract of the `Transport` port: to whom a request is sent."""

import pathlib

import pytest

from gateway.runtimes.tls import trusted_context
from gateway.upstream import (
    NotSent,
    Origin,
)
from tests.runtimes.certificates import Authority, self_signed
from tests.runtimes.exchanges import Closable, Open, both_loops, post
from tests.runtimes.faulty import (
    Peer,
    answering,
    faulty_server,
    http,
)

pytestmark = pytest.mark.anyio
anyio_backend = both_loops


async def test_a_private_authority_is_trusted_when_handed_in(open_transport: Open, authority: Authority) -> None:
    """TLS works, with the server's name verified, and its connection is kept."""
    async with faulty_server(answering(http(b"private")), tls=authority.serving("localhost")) as server:
        transport = open_transport(tls=authority.trusting())
        for _ in range(2):
            assert (await transport(post(server.origin), timeout_seconds=2)).body == b"private"
        await transport.close()
    assert server.connections == 1


async def test_a_self_signed_server_gets_no_request(transport: Closable) -> None:
    """A server that nobody vouches for learns nothing: no token, no signature, no body (FAULT-04)."""
    async with faulty_server(answering(http()), tls=self_signed("localhost")) as server:
        with pytest.raises(NotSent) as caught:
            await transport(post(server.origin), timeout_seconds=2)
        assert server.requests == []
    assert caught.value.reason == "tls"


@pytest.mark.parametrize("name", ["cognito-idp.us-east-1.example", "*.localhost", "127.0.0.2"])
async def test_a_server_of_another_name_gets_no_request(open_transport: Open, authority: Authority, name: str) -> None:
    """A good certificate for another host is a bad certificate (FAULT-04)."""
    async with faulty_server(answering(http()), tls=authority.serving(name)) as server:
        with pytest.raises(NotSent) as caught:
            await open_transport(tls=authority.trusting())(post(server.origin), timeout_seconds=2)
        assert server.requests == []
    assert caught.value.reason == "tls"


async def test_a_plain_server_on_a_tls_port_gets_no_request(transport: Closable) -> None:
    """There is no falling back to plain HTTP."""

    async def plain(peer: Peer) -> None:
        await peer.send(http())
        await peer.closed()

    async with faulty_server(plain) as server:
        with pytest.raises(NotSent):
            await transport(post(Origin("https", "localhost", server.port)), timeout_seconds=2)
        assert server.requests == []


async def test_the_environment_changes_nothing(
    open_transport: Open, authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    """Proxies, trusted roots and key logs that the environment names are not used (R-20: `trust_env` off)."""
    key_log, roots = tmp_path / "keys.log", tmp_path / "roots.pem"
    roots.write_text(authority.pem)
    async with faulty_server(answering(http(b"proxied"))) as proxy, faulty_server(answering(http(b"direct"))) as plain:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
            monkeypatch.setenv(name.upper(), f"http://127.0.0.1:{proxy.port}")
        for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
            monkeypatch.setenv(name, str(roots))
        monkeypatch.setenv("SSLKEYLOGFILE", str(key_log))
        context = authority.trusting()  # made as most would make it: with a key log
        assert context.keylog_filename == str(key_log)
        opened = key_log.stat().st_size
        trusted_context.cache_clear()  # so that it is made in this environment

        assert (await open_transport()(post(plain.origin), timeout_seconds=2)).body == b"direct"
        async with faulty_server(answering(http(b"private")), tls=authority.serving("localhost")) as server:
            with pytest.raises(NotSent):
                await open_transport()(post(server.origin), timeout_seconds=2)
            assert (await open_transport(tls=context)(post(server.origin), timeout_seconds=2)).body == b"private"
        assert proxy.connections == 0
        assert key_log.stat().st_size == opened


@pytest.mark.parametrize("lenient", ["certificate", "host name"])
async def test_a_context_that_does_not_verify_is_refused(
    open_transport: Open, authority: Authority, lenient: str
) -> None:
    """There is no way to switch verification off (R-20)."""
    context = authority.trusting()
    context.check_hostname = False
    if lenient == "certificate":
        context.verify_mode = 0  # type: ignore[assignment]  # ssl.CERT_NONE, which the linter does not let one write
    with pytest.raises(ValueError, match="must verify"):
        open_transport(tls=context)
