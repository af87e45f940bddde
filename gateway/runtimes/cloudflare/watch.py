"""What nobody asks for and somebody should know: are the keys old, are Cognito's public keys within reach.

Duty: one JSON line a run of the cron trigger. Prohibition: nothing is warmed, kept or changed; no secret is read.

AWS does not tell the age of an access key to those who sign with it. But whoever sets a secret makes a new version of
the Worker: the keys are at least as old as the version that runs. A deployment of new code begins that count anew.
Source: Cloudflare Workers, "Version metadata" and "Secrets"; docs/decisions/0009-workers.md.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime

from gateway.errors import UpstreamError
from gateway.jose import Malformed, read_set
from gateway.keys import Fetch

VERSION_BINDING = "VERSION"
MOST_DAYS = 90
_DAY_SECONDS = 86_400.0
_OK = 200


async def look(jwks_urls: Mapping[str, str] | None, *, fetch: Fetch, deployed: str | None, now: float) -> str:
    """Return the line. `jwks_urls` is None where the settings are wrong; `deployed` is the version's RFC 3339 time.

    `now` is in epoch seconds.
    """
    days = _days(deployed, now)
    sets = {issuer: await _reached(url, fetch) for issuer, url in (jwks_urls or {}).items()}
    overdue = days is not None and days > MOST_DAYS
    seen = {
        "settings": jwks_urls is not None,
        "keys_are_at_least_days_old": None if days is None else int(days),
        "rotate_keys": overdue,
        "jwks": sets,
    }
    fine = jwks_urls is not None and not overdue and all(found == "ok" for found in sets.values())
    return json.dumps({"gateway": "watch", "ok": fine, **seen})


def _days(deployed: str | None, now: float) -> float | None:
    try:
        moment = datetime.fromisoformat(deployed or "")
    except ValueError:
        return None
    return (now - moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()) / _DAY_SECONDS


async def _reached(url: str, fetch: Fetch) -> str:
    """`ok`, or a word that says what is wrong."""
    try:
        answer = await fetch(url)
        if answer.status != _OK:
            return f"status-{answer.status}"
        return "ok" if read_set(answer.body) else "no-usable-key"
    except (UpstreamError, Malformed) as error:
        return str(error)
