"""The pool's key sets, as the gateway would fetch and judge them.

Duty: one finding for each issuer form. Prohibition: no judgement of its own: a set is what `gateway.keys` takes.
"""

import asyncio
import time

from gateway.cli.findings import Finding, failed, ok, warning
from gateway.keys import KeyRing, fetch_by, locate
from gateway.runtimes import rs256_openssl
from gateway.settings import Settings
from gateway.upstream import Transport


async def look(settings: Settings, transport: Transport) -> list[Finding]:
    """Fetch the set of each issuer.

    The pool's second issuer form may be missing where the pool does not use it: that is a warning.
    """
    issuers: dict[str, str] = {}
    for issuer in settings.issuers:  # COGNITO_JWKS_URL is one for both
        issuers.setdefault(settings.jwks_urls[issuer], issuer)
    reasons = await asyncio.gather(*(_refused(issuer, url, transport) for url, issuer in issuers.items()))
    found = []
    for (url, issuer), reason in zip(issuers.items(), reasons, strict=True):
        origin, path = locate(url)
        where = f"{origin.authority}{path}"
        if reason is None:
            found.append(ok("key set", f"{where} is usable"))
        elif None in reasons:
            text = f"{where}: {reason}; tokens of {issuer} would get 503"
            remedy = "where the pool's tokens never name that issuer, set COGNITO_ISSUER to the other"
            found.append(warning("key set", text, remedy))
        else:
            remedy = "look at COGNITO_USER_POOL_ID, COGNITO_JWKS_URL and the way there"
            found.append(failed("key set", f"{where}: {reason}", remedy))
    return found


async def _refused(issuer: str, url: str, transport: Transport) -> str | None:
    """Why the set at `url` is not usable; None where it is."""
    said: list[str] = []
    ring = KeyRing(
        urls={issuer: url},
        fetch=fetch_by(transport),
        make_key=rs256_openssl.make_key,
        monotonic=time.monotonic,
        log=said.append,
    )
    if await ring.warm(issuer):
        return None
    return said[-1].removeprefix(f"keys: {issuer}: ").removesuffix(", 0 kept")
