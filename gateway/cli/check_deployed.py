"""A deployed gateway, as a stranger and a browser meet it.

Duty: alive, CORS as configured, no entry without a token. Prohibition: no token and no key is sent, nothing is asked
that a stranger may not ask.
Source: the Fetch standard's CORS protocol; RFC 6750 section 3.
"""

import ssl
from collections.abc import Collection
from http import HTTPStatus

import httpx

from gateway.cli.findings import Finding, failed, no_answer, ok, warning
from gateway.errors import UpstreamError
from gateway.operations import catalogue
from gateway.runtimes.tls import trusted_context
from gateway.upstream import Answer, AnswerTimeout, Broken, ConnectTimeout, NotSent, Origin

FOREIGN = "https://gateway-check.invalid"
"""An origin that nobody allows."""
_TIMEOUT_SECONDS = 10.0
_MOST_ORIGINS = 10
_AGENT = {"User-Agent": "cognito-edge-gateway check"}
_REQUEST_HEADERS = "authorization,content-type,x-amz-target"


async def look(where: Origin, allowed_origins: Collection[str]) -> list[Finding]:
    """Ask the gateway at `where`; the first exchange that fails ends the look."""
    found: list[Finding] = []
    url = f"{where.scheme}://{where.authority}"
    async with httpx.AsyncClient(
        base_url=url, verify=trusted_context(), trust_env=False, follow_redirects=False, timeout=_TIMEOUT_SECONDS
    ) as client:
        try:
            found.append(_alive(where, await _ask(client, "GET", "/healthz")))
            for origin in sorted(allowed_origins)[:_MOST_ORIGINS]:
                answer = await _preflight(client, origin)
                found.append(_allowed(origin, answer))
            found.append(_foreign(await _preflight(client, FOREIGN)))
            found.append(_closed(await _without_token(client)))
        except UpstreamError as error:
            found.append(no_answer("deployed", where.authority, error))
    if where.scheme != "https":
        found.append(warning("deployed", "asked over http://", "put TLS in front of it: tokens travel there"))
    return found


def _alive(where: Origin, answer: Answer) -> Finding:
    text = f"{where.authority}/healthz answers {answer.status}"
    if answer.status == HTTPStatus.OK:
        return ok("deployed", text)
    return failed("deployed", text, "look at the log: settings that have problems stop it; is it this address?")


def _allowed(origin: str, answer: Answer) -> Finding:
    headers = answer.headers.get("access-control-allow-headers", "").lower().replace(" ", "").split(",")
    if answer.headers.get("access-control-allow-origin") == origin and set(_REQUEST_HEADERS.split(",")) <= set(headers):
        return ok("CORS", f"{origin} may call")
    text = f"a preflight from {origin} is not let through ({answer.status})"
    return failed("CORS", text, "the deployment's GATEWAY_ALLOWED_ORIGINS lacks it, or a proxy answers preflights")


def _foreign(answer: Answer) -> Finding:
    if "access-control-allow-origin" not in answer.headers:
        return ok("CORS", "other origins may not call")
    return failed("CORS", "any origin may call", "something in front of the gateway adds CORS headers: take it away")


def _closed(answer: Answer) -> Finding:
    challenge = answer.headers.get("www-authenticate", "")
    if answer.status == HTTPStatus.UNAUTHORIZED and challenge.startswith("Bearer"):
        return ok("deployed", "a call without a token is answered 401")
    text = f"a call without a token is answered {answer.status}, not 401 with WWW-Authenticate: Bearer"
    if answer.status == HTTPStatus.SERVICE_UNAVAILABLE:
        return failed("deployed", text, "look at the log: its settings, audit or store do not let it serve")
    return failed("deployed", text, "is it this gateway that answers there, and nothing in front of it?")


async def _preflight(client: httpx.AsyncClient, origin: str) -> Answer:
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": _REQUEST_HEADERS,
    }
    return await _ask(client, "OPTIONS", "/", asked)


async def _without_token(client: httpx.AsyncClient) -> Answer:
    target = catalogue().by_name["ListUsers"].target
    return await _ask(
        client, "POST", "/", {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target}, b"{}"
    )


async def _ask(
    client: httpx.AsyncClient, method: str, path: str, headers: dict[str, str] | None = None, body: bytes | None = None
) -> Answer:
    """One exchange, of which the head alone is read. Raises `UpstreamError`."""
    try:
        async with client.stream(method, path, headers={**(headers or {}), **_AGENT}, content=body) as answer:
            return Answer(answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, b"")
    except httpx.ConnectTimeout as error:
        raise ConnectTimeout("connect_timeout") from error
    except httpx.TimeoutException as error:
        raise AnswerTimeout("answer_timeout") from error
    except httpx.ConnectError as error:
        raise NotSent("tls" if _is_tls(error) else "unreachable") from error
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise Broken("not_http") from error


def _is_tls(error: BaseException | None) -> bool:
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__ or error.__context__
    return error is not None
