"""One page of a list, and the token for the next.

Duty: pages that survive changes of the list between them; tokens that fit only the question they were given for.
Prohibition: a token is opaque and signed: nobody makes one up. No clock: `now` is epoch seconds.
Source: Cognito's API reference (Limit at most 60; ListUsers' PaginationToken lives an hour).
"""

import base64
import binascii
import hmac
import json
import secrets
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from gateway.emulator import errors
from gateway.emulator.errors import AwsError

MAX_PAGE = 60
LIFETIME_SECONDS = 3600
_MAC_BYTES = 16
_SECRET = secrets.token_bytes(32)

Item = TypeVar("Item")


def page(  # noqa: PLR0913 - one question, six parts, all named
    items: Sequence[Item],
    *,
    key: Callable[[Item], str],
    limit: int | None,
    token: str | None,
    question: Sequence[Any],
    now: float,
) -> tuple[list[Item], str | None]:
    """Give up to `limit` items (None or 0: 60) behind the one that `token` names, and the next token or None.

    `key` names an item uniquely; `question` is what must be the same from page to page. Raises AwsError for a token
    that is not ours, is another question's, or is an hour old.
    """
    start = 0
    if token is not None:
        last, index, asked, until = _read(token)
        if asked != list(question) or now >= until:
            raise AwsError(errors.BAD_PAGE)
        # the item may be gone: then what followed it moved to its place
        start = next((i + 1 for i, item in enumerate(items) if key(item) == last), index)
    end = start + (limit or MAX_PAGE)
    chosen = list(items[start:end])
    if end >= len(items) or not chosen:
        return chosen, None
    return chosen, _write([key(chosen[-1]), end - 1, list(question), now + LIFETIME_SECONDS])


def _write(content: list[Any]) -> str:
    data = json.dumps(content).encode()
    return base64.b64encode(hmac.digest(_SECRET, data, "sha256")[:_MAC_BYTES] + data).decode()


def _read(token: str) -> tuple[str, int, list[Any], float]:
    try:
        raw = base64.b64decode(token, validate=True)
    except (binascii.Error, ValueError):
        raise AwsError(errors.BAD_PAGE) from None
    mac, data = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
    if not hmac.compare_digest(mac, hmac.digest(_SECRET, data, "sha256")[:_MAC_BYTES]):
        raise AwsError(errors.BAD_PAGE)
    last, index, asked, until = json.loads(data)
    return last, index, asked, until
