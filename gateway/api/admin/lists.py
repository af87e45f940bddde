"""Lists of users: the pool's, with filter, status, group and search, and a group's.

Duty: one page an answer; by Cognito's own filter where that suffices, else by a bounded scan.
Prohibition: nothing is found by an attribute that the role may not read: what is searched is what the pipeline lets
through.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from gateway.api.admin import filters
from gateway.api.admin.filters import Clause
from gateway.api.admin.groups import page_of
from gateway.api.admin.memberships import INCLUDE_GROUPS, add_groups, asks_for, may_add_groups
from gateway.api.admin.people import EXAMPLE, NAMES, USER, user
from gateway.api.admin.scan import PAGE_USERS, Found, Page, scan
from gateway.api.cursors import Place
from gateway.api.exchange import Exchange
from gateway.api.inputs import MAX_QUERY_MEMBERS, Inputs
from gateway.api.members import MAX_PAGE, PAGE, choice, cognitos, structure
from gateway.api.problem import Decided
from gateway.api.route import Result, Route, Schema
from gateway.shapes import Shape

_TOKENS: Mapping[str, str] = {"ListUsers": "PaginationToken", "ListUsersInGroup": "NextToken"}
_MAX_CHARACTERS = 256
_ABOUT = """Cognito filters by one clause. `filter` is `attribute=value` or `attribute^=beginning`, of username, email,
phone_number, name, given_name, family_name, preferred_username, cognito:user_status, status (Enabled, Disabled) or sub.
Several of `filter`, `status` and `group` together, and `search` (anywhere in user name, email, phone number, names or
custom attributes, or the beginning of sub, in any case), are a bounded scan of the list: the answer then has `scanned`,
the users that were looked at, and `complete`, which is false where the scan stopped before it had found a whole page or
come to the end: go on with `cursor`. A page may be empty and have a `cursor` all the same. Attributes that the role may
not read are not found by. `include=groups` asks for the groups of each user, which counts as a request of its own."""

_FILTER: Schema = {
    "type": "string",
    "minLength": 1,
    "maxLength": _MAX_CHARACTERS,
    "pattern": rf'^\s*"?({"|".join(filters.ATTRIBUTES)})"?\s*\^?=[\s\S]+$',
    "examples": ["email^=ann", "email=ann@example.com", 'family_name = "Example"'],
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a query asks for: of Cognito, and of each user that Cognito gives."""

    body: Mapping[str, Any]
    fits: tuple[Callable[[Mapping[str, Any]], bool], ...]
    limit: int

    @classmethod
    def read(cls, inputs: Inputs) -> "Wanted":
        """Of judged inputs.

        Raises:
            InvalidRequest: `filter` is no clause.

        """
        query = inputs.query
        clauses: list[Clause] = []
        if "filter" in query:
            clauses.append(filters.clause(query["filter"]))
        if "status" in query:
            clauses.append(filters.of_status(query["status"]))
        group, body = inputs.path.get("group", query.get("group")), {}
        if group is not None:
            body = {"GroupName": group}
        elif clauses:
            body = {"Filter": clauses.pop(0).text}
        fits = [clause.fits for clause in clauses]
        if "search" in query:
            fits.append(lambda found: filters.finds(query["search"], found))
        return cls(body, tuple(fits), query.get("limit", MAX_PAGE))


async def _list(exchange: Exchange) -> Result:
    operation = "ListUsersInGroup" if _names_group(exchange) else "ListUsers"
    try:
        first = await _page(exchange, operation)
    except Decided as decided:
        await may_add_groups(exchange, decided)
        raise
    inputs = await exchange.inputs()
    wanted = Wanted.read(inputs)
    if wanted.fits:
        found = await scan(
            first,
            lambda token: _page(exchange, operation, token),
            lambda user: all(fits(user) for fits in wanted.fits),
            place=exchange.place(inputs),
            limit=wanted.limit,
            monotonic=exchange.context.monotonic,
        )
    else:
        found = Found(first.users, Place(first.token) if first.token else None)
    types = await exchange.context.types()
    body: dict[str, Any] = {
        "items": [user(each, types) for each in found.users],
        "cursor": await exchange.cursor(found.place) if found.place else None,
    }
    if wanted.fits:
        body |= {"scanned": found.scanned, "complete": found.complete}
    if asks_for(inputs, "groups"):
        await add_groups(exchange, body["items"])
    return Result(body)


async def _page(exchange: Exchange, operation: str, token: str | None = None) -> Page:
    """A page of Cognito's: of its token, or where the caller's cursor says."""

    def build(inputs: Inputs) -> dict[str, Any]:
        wanted = Wanted.read(inputs)
        at = token or exchange.place(inputs).token
        more = {_TOKENS[operation]: at} if at else {}
        return {**wanted.body, "Limit": PAGE_USERS if wanted.fits else wanted.limit, **more}

    return Page.read(await exchange.call(operation, build, names=NAMES), _TOKENS[operation])


def _names_group(exchange: Exchange) -> bool:
    """Which operation is meant, before anything is judged: whatever cannot be read here is refused later."""
    if exchange.route.path_shape is not None:
        return True
    try:
        pairs = parse_qsl(
            exchange.raw_query.decode("latin-1"), keep_blank_values=True, max_num_fields=MAX_QUERY_MEMBERS
        )
    except ValueError:
        return False
    return any(name == "group" for name, _ in pairs)


def routes() -> tuple[Route, ...]:
    """The rows."""
    group = cognitos("ListUsersInGroup", "GroupName")
    page = page_of(USER)
    searched = {
        "filter": Shape(name="filter", type="string", low=1, high=_MAX_CHARACTERS),
        "status": choice("status", *filters.SWITCHES, *filters.STATUSES),
        "group": group,
        "search": Shape(name="search", type="string", low=1, high=_MAX_CHARACTERS),
    }
    examples = {"response": {"items": [EXAMPLE], "cursor": None}}
    return (
        Route(
            id="listUsers",
            method="GET",
            path="/admin/users",
            summary="The pool's users",
            description=_ABOUT,
            tag="users",
            operations=("ListUsers", "ListUsersInGroup", "AdminListGroupsForUser"),
            query=structure("query", None, {**PAGE, **searched, "include": INCLUDE_GROUPS}),
            schemas={"filter": _FILTER},
            result={
                **page,
                "properties": {
                    **page["properties"],
                    "scanned": {"type": "integer", "minimum": 0},
                    "complete": {"type": "boolean"},
                },
            },
            examples=examples,
            answer=_list,
        ),
        Route(
            id="listUsersInGroup",
            method="GET",
            path="/admin/groups/{group}/users",
            summary="The users in a group",
            description="`include=groups` asks for the groups of each user, which counts as a request of its own.",
            tag="groups",
            operations=("ListUsersInGroup", "AdminListGroupsForUser"),
            path_shape=structure("path", {"group": group}),
            query=structure("query", None, {**PAGE, "include": INCLUDE_GROUPS}),
            result=page,
            examples=examples,
            answer=_list,
        ),
    )
