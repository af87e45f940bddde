"""A bounded search through a list of Cognito's, page by page, for what Cognito itself cannot filter by.

Duty: neither skip a user nor give one twice, whatever the limit; stop after so many pages or seconds, and say so.
Prohibition: no request of its own: it asks for pages by what it is handed.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from gateway.api.cursors import Place
from gateway.api.problem import Problem
from gateway.errors import UpstreamError

PAGE_USERS = 60
MAX_PAGES = 20
MAX_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Page:
    """One page of Cognito's, and its token of the next."""

    users: list[dict[str, Any]]
    token: str | None

    @classmethod
    def read(cls, answer: Mapping[str, Any], token: str) -> "Page":
        """Of an answer whose token has this name.

        Raises:
            UpstreamError: it is no list of users.

        """
        users = answer.get("Users", [])
        if not isinstance(users, list) or not all(isinstance(user, dict) for user in users):
            raise UpstreamError("upstream-not-json")
        return cls(users, answer.get(token) or None)


@dataclass(frozen=True, slots=True)
class Found:
    """`place` is where to go on, None at the end. `scanned` users were looked at; not `complete`: it stopped early."""

    users: list[dict[str, Any]]
    place: Place | None
    scanned: int = 0
    complete: bool = True


async def scan(  # noqa: PLR0913 - one list, six parts
    first: Page,
    turn: Callable[[str], Awaitable[Page]],
    fits: Callable[[Mapping[str, Any]], bool],
    *,
    place: Place,
    limit: int,
    monotonic: Callable[[], float],
) -> Found:
    """Up to `limit` users who fit, from `place` on, of which `first` is the page; `turn` gives the page of a token.

    Raises:
        Problem: a page could not be had, for another reason than a rate.

    """
    until = monotonic() + MAX_SECONDS
    page, token, skip = first, place.token, place.skip
    users: list[dict[str, Any]] = []
    scanned, pages = 0, 1
    while True:
        for index in range(skip, len(page.users)):
            if fits(page.users[index]):
                if len(users) == limit:  # the next answer begins with this one
                    return Found(users, Place(token, index), scanned)
                users.append(page.users[index])
            scanned += 1
        token, skip = page.token, 0
        if token is None:
            return Found(users, None, scanned)
        if len(users) == limit:
            return Found(users, Place(token), scanned)
        if pages == MAX_PAGES or monotonic() >= until:
            return Found(users, Place(token), scanned, complete=False)
        try:
            page = await turn(token)
        except Problem as problem:
            if problem.status != HTTPStatus.TOO_MANY_REQUESTS:
                raise
            return Found(users, Place(token), scanned, complete=False)
        pages += 1
