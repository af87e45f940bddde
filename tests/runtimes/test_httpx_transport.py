"""What the httpx transport promises beyond the port: a client that is handed in, and mocks."""

import asyncio
import ssl
from collections.abc import AsyncIterator

import httpx
import pytest
import respx

from gateway.runtimes.httpx_transport import HttpxTransport
from gateway.upstream import AnswerTimeout, Broken, ConnectTimeout, NotSent, Origin, Request
from tests.runtimes.faulty import answering, faulty_server, http

pytestmark = pytest.mark.anyio

STS = Request(Origin("https", "sts.us-east-1.amazonaws.com", 443), (("Authorization", "AWS4-HMAC-SHA256 x"),), b"a=b")
URL = "https://sts.us-east-1.amazonaws.com/"


@pytest.fixture
async def transport() -> AsyncIterator[HttpxTransport]:
    """A transport with a client of its own."""
    made = HttpxTransport()
    yield made
    await made.close()


@respx.mock
async def test_a_mock_answers_in_place_of_the_network(transport: HttpxTransport) -> None:
    """Tests of other parts fake the upstream with respx, without a word about headers."""
    route = respx.post(URL).respond(json={"ok": True}, headers={"X-Amzn-RequestId": "1"})
    answer = await transport(STS, timeout_seconds=1)
    assert (answer.status, answer.body, answer.headers["x-amzn-requestid"]) == (200, b'{"ok":true}', "1")
    sent = route.calls.last.request
    assert sent.content == b"a=b"
    assert sorted(sent.headers) == ["accept-encoding", "authorization", "content-length", "host"]
    respx.get(f"{URL}keys").mock(return_value=httpx.Response(204))
    assert (await transport(Request(STS.origin, (), b"", "GET", "/keys"), timeout_seconds=1)).body == b""


@pytest.mark.parametrize(
    ("foreign", "ours"),
    [
        (httpx.ConnectTimeout("x"), ConnectTimeout),
        (httpx.PoolTimeout("x"), ConnectTimeout),
        (httpx.ReadTimeout("x"), AnswerTimeout),
        (httpx.WriteTimeout("x"), AnswerTimeout),
        (httpx.ConnectError("x"), NotSent),
        (httpx.UnsupportedProtocol("x"), NotSent),
        (httpx.ReadError("x"), Broken),
        (httpx.WriteError("x"), Broken),
        (httpx.CloseError("x"), Broken),
        (httpx.RemoteProtocolError("x"), Broken),
        (httpx.DecodingError("x"), Broken),
        (ssl.SSLError(1, "decryption failed or bad record mac"), Broken),
    ],
)
@respx.mock
async def test_no_foreign_error_escapes(transport: HttpxTransport, foreign: Exception, ours: type[Exception]) -> None:
    """Whoever uses the port knows its four errors, and needs no others."""
    respx.post(URL).mock(side_effect=foreign)
    with pytest.raises(ours) as caught:
        await transport(STS, timeout_seconds=1)
    assert not getattr(caught.value, "reused", False)


@respx.mock
async def test_a_slow_mock_is_out_of_time(transport: HttpxTransport) -> None:
    """The timeout of the whole call holds behind a mock too; what is not known to be unsent counts as sent."""

    async def sleep(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(5)
        return httpx.Response(200)

    respx.post(URL).mock(side_effect=sleep)
    with pytest.raises(AnswerTimeout):
        await transport(STS, timeout_seconds=0.05)


async def test_cookies_are_not_even_kept(transport: HttpxTransport) -> None:
    """An upstream cannot fill the memory with cookies that nobody sends back."""
    async with faulty_server(answering(http(b"{}", "Set-Cookie: a=b; Path=/"))) as server:
        await transport(Request(server.origin, (), b"{}"), timeout_seconds=2)
    assert not list(transport._client.cookies.jar)


async def test_a_client_that_is_handed_in_gives_only_its_connections() -> None:
    """Its headers, cookies, authentication and redirects are not the gateway's, and it stays its owner's to close."""
    async with (
        faulty_server(answering(http(b"", "Location: /elsewhere", status="307 There"))) as server,
        httpx.AsyncClient(
            headers={"X-Own": "1"}, cookies={"a": "b"}, auth=("u", "p"), params={"q": "1"}, follow_redirects=True
        ) as client,
    ):
        transport = HttpxTransport(client)
        assert (await transport(Request(server.origin, (), b"{}"), timeout_seconds=2)).status == 307
        await transport.close()
        assert not client.is_closed
    (raw,) = server.requests
    assert raw.startswith(b"POST / HTTP/1.1\r\n")
    assert not [name for name in (b"x-own", b"cookie", b"authorization", b"user-agent") if name in raw.lower()]


@pytest.mark.parametrize("size", [10, 11])
async def test_a_mock_that_has_its_body_at_hand_is_held_to_the_cap(size: int) -> None:
    """A transport that httpx's own mock answers for behaves like one on the network."""
    mock = httpx.MockTransport(lambda _: httpx.Response(200, content=b"x" * size))
    async with httpx.AsyncClient(transport=mock) as client:
        call = HttpxTransport(client)(STS, timeout_seconds=1, max_answer_bytes=10)
        if size <= 10:
            assert (await call).body == b"x" * 10
        else:
            with pytest.raises(Broken) as caught:
                await call
            assert caught.value.reason == "too_large"


async def test_another_protocol_is_no_answer() -> None:
    """A 101 leads nowhere that this transport goes."""
    mock = httpx.MockTransport(lambda _: httpx.Response(101))
    async with httpx.AsyncClient(transport=mock) as client:
        with pytest.raises(Broken) as caught:
            await HttpxTransport(client)(STS, timeout_seconds=1)
    assert caught.value.reason == "not_http"
