"""What Cloudflare calls: `fetch` for each request, `scheduled` for the cron trigger.

Duty: hand a request to the isolate's gateway and its answer back; see it through when the caller hangs up, so that a
change that was sent gets its outcome in the audit.
Prohibition: no decision; nothing but plain values outlives a request; nothing random and no clock at import.
Source: Cloudflare Workers, "Python Workers" and "Scheduled handler".
"""

import time
from typing import Any

from workers import WorkerEntrypoint  # type: ignore[import-not-found]  # part of the platform

from gateway.keys import fetch_by
from gateway.runtimes.cloudflare import bridge, platform, watch
from gateway.runtimes.cloudflare.fetching import FetchTransport
from gateway.runtimes.cloudflare.isolate import Isolate, Platform, Ready
from gateway.runtimes.cloudflare.shared_state import SharedState, open_store
from gateway.runtimes.refusals import FAILED

__all__ = ["Default", "SharedState"]

_transport = FetchTransport(platform.fetch)
_isolate = Isolate(
    Platform(
        transport=_transport,
        printing=platform.print_line,
        log=platform.tell,
        spawn=platform.see_through,
        open_store=open_store,
    )
)


def _ready(env: Any) -> Ready:  # noqa: ANN401 - JavaScript, perhaps in the SDK's wrapper
    bare = getattr(env, "_env", env)
    return _isolate.ready(platform.fingerprint(bare), lambda: platform.values(bare))


class Default(WorkerEntrypoint):  # type: ignore[misc]  # part of the platform
    """The Worker."""

    async def fetch(self, request: Any) -> Any:  # noqa: ANN401 - JavaScript
        """Answer one request."""
        bare = getattr(request, "js_object", request)
        scope = bridge.scope(bare.method, bare.url, platform.headers(bare))
        try:
            with platform.held():
                answer = await bridge.exchange(_ready(self.env).app, scope, platform.pieces(bare))
            return platform.response(answer)
        except Exception as error:  # noqa: BLE001 - the outermost layer: a defect is told as one, and nothing more of it
            platform.tell(f"defect: {type(error).__name__}")
            return platform.response(bridge.refused(FAILED))

    async def scheduled(self, controller: Any, env: Any = None, ctx: Any = None) -> None:  # noqa: ANN401, ARG002 - JavaScript
        """Look after what no request would show; one line on the console."""
        ready = _ready(self.env)
        version = getattr(getattr(self.env, "_env", self.env), watch.VERSION_BINDING, None)
        jwks_urls = None if ready.settings is None else ready.settings.jwks_urls
        deployed = getattr(version, "timestamp", None)
        platform.print_line(await watch.look(jwks_urls, fetch=fetch_by(_transport), deployed=deployed, now=time.time()))
