"""What a person sees in a browser: the front page, the documentation, and the document it shows.

Duty: fixed text, read once, the same for everybody, under a content security policy that runs nothing but our own two
files. Prohibition: nothing is decided and nobody is known here: no policy, pool or caller is in any of it.
Source: Content Security Policy Level 3; RFC 9110 section 12.5.1 (Accept); docs/decisions/0010-rest.md.
"""

from functools import cache
from pathlib import Path
from typing import Any

from gateway import __version__
from gateway.api.description import document as openapi
from gateway.api.exchange import Exchange
from gateway.api.problem import Problem
from gateway.api.route import Answer, Result, Route, Schema

_ASSETS = Path(__file__).with_name("assets")
_HTML = "text/html"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types 'none'"
)
_HEADERS = (
    ("content-security-policy", POLICY),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
)
_ROOT: Schema = {
    "type": "object",
    "title": "Gateway",
    "required": ["name", "version", "docs", "openapi"],
    "properties": {
        "name": {"type": "string"},
        "version": {"type": "string"},
        "docs": {"type": "string", "description": "Where a person reads on, relative to this."},
        "openapi": {"type": "string", "description": "Where the document is, relative to this."},
    },
    "additionalProperties": False,
}
_ABOUT = {"name": "cognito-edge-gateway", "version": __version__, "docs": "docs", "openapi": "openapi.json"}
_TEXT: Schema = {"type": "string"}


def routes(others: tuple[Route, ...]) -> tuple[Route, ...]:
    """The rows of the pages; the document is of `others` and of these."""

    @cache
    def document() -> bytes:
        made = _ASSETS / "openapi.json"  # `scripts/bundle` ships it: making it takes a Worker some 50 ms
        return made.read_bytes() if made.is_file() else openapi.write(openapi.document((*others, *own)))

    async def described(_exchange: Exchange) -> Result:
        return Result(document())

    own = (
        _page("getRoot", "/", "What this is: a page for a person, JSON for others", _root, result=_ROOT,
              other_media=(_HTML,), examples={"response": _ABOUT}),
        _page("getDocs", "/docs", "The documentation, for a browser", _asset("docs.html"), media=_HTML),
        _page("getDocsScript", "/docs/viewer.js", "The documentation's script", _asset("viewer.js"),
              media="text/javascript"),
        _page("getDocsStyle", "/docs/viewer.css", "The pages' style", _asset("viewer.css"), media="text/css"),
        _page("getOpenapi", "/openapi.json", "This document", described, result={"type": "object"}),
    )  # fmt: skip
    return own


def _page(name: str, path: str, summary: str, answer: Answer, **more: Any) -> Route:  # noqa: ANN401 - a row's fields
    return Route(
        id=name, method="GET", path=path, summary=summary, answer=answer, tag="site", security="public",
        **{"result": _TEXT, **more},
    )  # fmt: skip


async def _root(exchange: Exchange) -> Result:
    if b"x-amz-target" in exchange.heard.found:  # a call that lost its method on the way is no visit
        raise Problem(405, "about:blank", "The AWS endpoint is POST /.", allow=("GET", "POST", "OPTIONS"))
    accepted = [value for name, value in exchange.scope["headers"] if name == b"accept"]
    vary = ("vary", "Accept")
    if any(_HTML.encode() in value.lower() for value in accepted):
        return Result(_text("root.html"), headers=(*_HEADERS, vary), media=_HTML)
    return Result(_ABOUT, headers=(vary,))


def _asset(name: str) -> Answer:
    async def answer(_exchange: Exchange) -> Result:
        return Result(_text(name), headers=_HEADERS)

    return answer


@cache
def _text(name: str) -> bytes:
    return (_ASSETS / name).read_bytes().replace(b"{version}", __version__.encode())
