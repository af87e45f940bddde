"""What is not the AWS endpoint: the liveness route, the front page, and the REST side behind them.

Duty: one Starlette application. Prohibition: no decision.
Source: RFC 9457; docs/rest.md.
"""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp


def site(api: ASGIApp) -> Starlette:
    """The application around `api`."""

    async def healthz(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    app = Starlette(routes=[Route("/healthz", healthz, methods=["GET"])])
    app.router.redirect_slashes = False  # the raw path decides
    app.router.default = api
    return app
