"""One request's answer: uvicorn's cycle, whose head waits for the first piece of the body.

Duty: the usual answer, a head and one piece of body, leaves in one write; a write is what an answer costs most.
Prohibition: what is not the usual answer (in pieces, chunked, without a body, badly framed) is uvicorn's to write.
Source: ASGI 3.0, "Response Start": nothing may be sent before the first body event; RFC 9112 section 6.
"""

from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from gateway.runtimes import refusals
from gateway.runtimes.refusals import Header, Refusal

if TYPE_CHECKING:
    from uvicorn._types import ASGISendCallable, ASGISendEvent, HTTPResponseBodyEvent, HTTPResponseStartEvent

_HARMLESS = b"\t" + bytes(range(0x20, 0x7F)) + bytes(range(0x80, 0x100))  # in a header's value: RFC 9110 section 5.5
_FRAMING = frozenset((b"connection", b"transfer-encoding"))
_WITHOUT_BODY = frozenset((204, 304))


class Cycle(RequestResponseCycle):
    """One request and its answer."""

    head: "HTTPResponseStartEvent | None" = None  # of an answer of which nothing has been written

    async def send_500_response(self) -> None:
        """Answer for an application that failed without a word."""
        self.head = None
        failed = refusals.FAILED.of(self.scope["method"].encode(), self.scope["raw_path"])
        await say(self.send, failed, (b"connection", b"close"))

    async def send(self, message: "ASGISendEvent") -> None:
        """Take what the application says: ASGI's `send`."""
        if message["type"] == "http.response.start" and self.head is None and not self.response_started:
            self.head = message
            return
        head, self.head = self.head, None
        if head is not None:
            if message["type"] == "http.response.body" and not (self.disconnected or self.flow.write_paused):
                whole = self._whole(head, message)
                if whole is not None:
                    self._finish(whole)
                    return
            await super().send(head)
        await super().send(message)

    def _finish(self, whole: bytes) -> None:
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        self.transport.write(whole)
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()

    def _whole(self, head: "HTTPResponseStartEvent", message: "HTTPResponseBodyEvent") -> bytes | None:
        """The answer's bytes, or None where it is not the usual one."""
        body = message.get("body", b"")
        if message.get("more_body") or head["status"] in _WITHOUT_BODY or self.scope["method"] == "HEAD":
            return None
        headers = head.get("headers", ())
        if not isinstance(headers, (list, tuple)):
            return None  # an iterator could not be read again
        lines = [STATUS_LINE[head["status"]]]
        breaks = 2  # that line's, and the empty one's
        length = None
        for name, value in (*self.default_headers, *headers):
            if name == b"content-length":
                if length is not None:
                    return None
                length = value
            elif name in _FRAMING:
                return None
            lines += (name, b": ", value, b"\r\n")
            breaks += 1
        if length != b"%d" % len(body):
            return None
        if not self.keep_alive:
            lines.append(b"connection: close\r\n")
            breaks += 1
        lines.append(b"\r\n")
        text = b"".join(lines)
        # Nothing that a name or a value holds may end its line, or be what some reader takes for that.
        return text + body if text.translate(None, _HARMLESS) == b"\r\n" * breaks else None


async def say(send: "ASGISendCallable", refusal: Refusal, *more: Header) -> None:
    """Answer `refusal` as an application would."""
    body = refusal.body()
    headers = [*refusal.headers(len(body)), *more]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
