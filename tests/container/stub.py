"""A Cognito for one container, with the standard library alone: it runs in the image, beside the gateway.

`KEYS` in the environment is the key set that it serves. `POST /hold` lets calls wait until `POST /release`;
`GET /received` tells what came. Imports nothing of ours: it travels as the words of a command line.
"""

import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PORT = 9000
PATIENCE_SECONDS = 30.0
SUB = [{"Name": "sub", "Value": "3f2b0c9e-0000-4000-8000-000000000001"}]
ANSWER = {"Users": [{"Username": "bob", "Enabled": True, "UserStatus": "CONFIRMED", "Attributes": SUB}]}

received: list[dict[str, Any]] = []
open_gate = threading.Event()
open_gate.set()


class Answers(BaseHTTPRequestHandler):
    """What is answered to whom."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Give the key set, or what was received."""
        self._answer(os.environ["KEYS"].encode() if self.path == "/keys" else json.dumps(received).encode())

    def do_POST(self) -> None:
        """Open or close the gate, or be Cognito."""
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.path == "/hold":
            open_gate.clear()
        elif self.path == "/release":
            open_gate.set()
        else:
            received.append(
                {"headers": {name.lower(): value for name, value in self.headers.items()}, "body": str(body)}
            )
            open_gate.wait(PATIENCE_SECONDS)
        self._answer(json.dumps(ANSWER).encode())

    def log_message(self, *_words: object) -> None:
        """Say nothing."""

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    ThreadingHTTPServer(("0.0.0.0", PORT), Answers).serve_forever()  # of its container, not of the machine
