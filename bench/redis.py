"""A Redis for the peers that share a store: on loopback, without a file, gone with the round.

Duty: started on the load's core, answering. Prohibition: no data of a round meets another.
"""

import contextlib
import pathlib
import shutil
import time
from collections.abc import Iterator

from bench import processes, wire

BINARY = "redis-server"
_START_SECONDS = 5.0


def installed() -> bool:
    """Whether there is one to start."""
    return shutil.which(BINARY) is not None


@contextlib.contextmanager
def running(core: int, folder: pathlib.Path) -> Iterator[str]:
    """Start one on `core`, in `folder`, and give its address.

    Raises:
        TimeoutError: it does not answer.

    """
    port = wire.free_port()
    command = [BINARY, "--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), "--save", ""]
    with processes.running(command, core, folder):
        deadline = time.monotonic() + _START_SECONDS
        while not wire.listens(port):
            if time.monotonic() > deadline:
                raise TimeoutError("redis-server did not start")
            time.sleep(0.01)
        yield f"redis://127.0.0.1:{port}"
