"""The shapes of what several routes take, from Cognito's own where it has them.

Duty: one place for a page's limit, a cursor, a name. Prohibition: no length or pattern that the catalogue knows better.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

from gateway.operations import catalogue
from gateway.shapes import Shape

MAX_CURSOR_CHARACTERS = 6144  # of the 8192 bytes that path and query may have
MAX_PAGE = 60

TEXT = Shape(name="text", type="string")
FLAG = Shape(name="flag", type="boolean")
ANYTHING = Shape(name="anything", type="document")
"""Any JSON: for what a row judges by itself."""
LIMIT = Shape(name="limit", type="integer", low=1, high=MAX_PAGE)
CURSOR = Shape(name="cursor", type="string", low=1, high=MAX_CURSOR_CHARACTERS, pattern="[A-Za-z0-9_-]+")
PAGE: Mapping[str, Shape] = {"limit": LIMIT, "cursor": CURSOR}


def structure(
    name: str, required: Mapping[str, Shape] | None = None, optional: Mapping[str, Shape] | None = None
) -> Shape:
    """What a route takes: members that it needs, and those that it may have."""
    needed = required or {}
    return Shape(name=name, type="structure", members={**needed, **(optional or {})}, required=frozenset(needed))


@cache
def cognitos(operation: str, *path: str) -> Shape:
    """The shape of a member of Cognito's body: `cognitos("CreateGroup", "Precedence")`; `"*"` is a list's element."""
    found = catalogue().by_name[operation].shape
    for part in path:
        found = _element(found) if part == "*" else found.members[part]
    return replace(found, name=f"{operation}{''.join(path)}")


def choice(name: str, *values: str) -> Shape:
    """One of a few words."""
    return Shape(name=name, type="string", enum=values)


def texts(name: str, *, high: int) -> Shape:
    """A list of strings; in a query with commas."""
    return Shape(name=name, type="list", high=high, element=TEXT)


def _element(shape: Shape) -> Shape:
    if shape.element is None:
        raise ValueError(f"{shape.name} has no elements")
    return shape.element
