"""A real Redis of a test's own, on a free port of loopback: killed, stopped, brought back."""

import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence

from tests.tools import need

_PATIENCE_SECONDS = 20.0


class RedisServer:
    """One `redis-server`, ended by its process id. Without `keeps_data` it forgets everything when it ends."""

    def __init__(self, folder: pathlib.Path, *options: str, keeps_data: bool = False) -> None:
        """`folder` holds its data and its socket; `options` are further words of its command line. Starts nothing."""
        self._command = need("redis-server", "apt-get install redis-server (or Valkey's, as redis-server)")
        self._folder = folder
        self._keeping = ("yes", "always") if keeps_data else ("no", "no")
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self.port = _free_port()
        self.socket = folder / "redis.sock"

    @property
    def url(self) -> str:
        """Its address, without a password."""
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        appends, syncs = self._keeping
        words = (
            *("--bind", "127.0.0.1", "--port", str(self.port), "--unixsocket", str(self.socket)),
            *("--dir", str(self._folder), "--save", "", "--appendonly", appends, "--appendfsync", syncs),
            *("--daemonize", "no", "--logfile", ""),
        )
        self._process = subprocess.Popen((self._command, *words, *self._options), stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not self._answers():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise RuntimeError("redis-server did not start")
            time.sleep(0.02)

    def kill(self) -> None:
        """End it at once, as a machine that fails does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def hang(self) -> None:
        """Let it accept and never answer."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """End `hang`."""
        self._signal(signal.SIGCONT)

    def ask(self, *words: str) -> bytes:
        """Carry out one command, past the gateway, and return the raw answer as far as it comes at once."""
        return self.ask_all(words)

    def ask_all(self, *commands: Sequence[str]) -> bytes:
        """Carry out commands on one connection, and return the last one's answer."""
        answer = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=_PATIENCE_SECONDS) as connection:
            for words in commands:
                encoded = [word.encode() for word in words]
                parts = (b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)
                connection.sendall(b"*%d\r\n%s" % (len(encoded), b"".join(parts)))
                answer = connection.recv(1 << 20)
        return answer

    def _answers(self) -> bool:
        with contextlib.suppress(OSError):
            answer = self.ask("PING")
            return answer.startswith((b"+PONG", b"-NOAUTH"))
        return False

    def _signal(self, number: int) -> None:
        if self._process is None:
            raise RuntimeError("redis-server is not running")
        os.kill(self._process.pid, number)


@contextlib.contextmanager
def running(folder: pathlib.Path, *options: str, keeps_data: bool = False) -> Iterator[RedisServer]:
    """A Redis for the length of a block."""
    server = RedisServer(folder, *options, keeps_data=keeps_data)
    try:
        server.start()
        yield server
    finally:
        server.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
