"""Processes on chosen cores: started, measured, ended by their own id.

Duty: nothing that was started outlives its block; processor time of a whole process tree, in microseconds.
Prohibition: no process is found by its name.
Source: proc(5), `/proc/PID/task/TID/schedstat`: its first number is the time on a processor, in nanoseconds.
"""

import contextlib
import os
import pathlib
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence

_END_SECONDS = 10.0


def cores() -> tuple[int, int]:
    """The core for the peer and the one for stub and load generator.

    Raises:
        OSError: this process may use fewer than two.

    """
    found = sorted(os.sched_getaffinity(0))
    if len(found) < 2:  # noqa: PLR2004 - one for each side
        raise OSError("needs two cores: one for the peer, one for the stub and the load generator")
    return found[0], found[1]


@contextlib.contextmanager
def pinned(core: int) -> Iterator[None]:
    """What is started in here runs on `core`: a child begins where its parent is."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def running(
    command: Sequence[str], core: int, folder: pathlib.Path, environment: Mapping[str, str] | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """A process on `core`, in `folder`, which gets its `log`; ended with SIGTERM and, if that does not do, SIGKILL."""
    with (folder / "log").open("ab") as said, pinned(core):
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=said, stderr=said, stdin=subprocess.DEVNULL
        )
    try:
        yield process
    finally:
        end(process)


def end(process: "subprocess.Popen[bytes]") -> None:
    """End a process and wait for it; then end what it left behind."""
    started = below(process.pid)
    process.terminate()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pid in started:
        with contextlib.suppress(OSError):  # as it should be: it has ended
            os.kill(pid, signal.SIGKILL)


def below(pid: int) -> list[int]:
    """The processes that `pid` has started, and those that they have, as far as they live."""
    found: list[int] = []
    for task in _tasks(pid):
        with contextlib.suppress(OSError):  # it has just ended
            children = [int(child) for child in (task / "children").read_text().split()]
            found += children
            for child in children:
                found += below(child)
    return found


def cpu_us(pid: int) -> float:
    """The processor time that `pid` and its living descendants have had, in microseconds."""
    total_ns = 0
    for process in (pid, *below(pid)):
        for task in _tasks(process):
            with contextlib.suppress(OSError):  # it has just ended
                total_ns += int((task / "schedstat").read_text().split()[0])
    return total_ns / 1000


def _tasks(pid: int) -> list[pathlib.Path]:
    with contextlib.suppress(OSError):
        return list(pathlib.Path(f"/proc/{pid}/task").iterdir())
    return []
