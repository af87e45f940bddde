"""The least that a Python Worker is: a greeting to a GET, and a POST passed on as it came.

Duty: what starting Python and one `fetch` cost by themselves. Prohibition: nothing is checked or signed.
"""

from typing import Any

from js import Object, Response  # type: ignore[import-not-found]  # part of the platform
from js import fetch as send
from pyodide.ffi import to_js  # type: ignore[import-not-found]  # part of the platform
from workers import WorkerEntrypoint  # type: ignore[import-not-found]  # part of the platform


class Default(WorkerEntrypoint):  # type: ignore[misc]  # part of the platform
    """The Worker."""

    async def fetch(self, request: Any) -> Any:  # noqa: ANN401 - JavaScript
        """Answer one request."""
        if request.method != "POST":
            return Response.new("hello")
        bare = getattr(request, "js_object", request)
        body = (await bare.arrayBuffer()).to_bytes()
        headers = [[name, bare.headers.get(name)] for name in ("content-type", "x-amz-target")]
        init = to_js({"method": "POST", "headers": headers, "body": body}, dict_converter=Object.fromEntries)
        answer = await send(self.env.UPSTREAM, init)
        return Response.new(to_js((await answer.arrayBuffer()).to_bytes()), status=answer.status)
