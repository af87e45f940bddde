"""What all tests share: the event loop's name and where the vectors are."""

import os
import pathlib

import pytest

VECTORS = pathlib.Path(__file__).resolve().parents[2] / "shared" / "vectors"


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The gateway runs on asyncio only."""
    return "asyncio"


@pytest.fixture(scope="session")
def vectors() -> pathlib.Path:
    """The folder of test vectors that live beside the project, or a skip."""
    if not VECTORS.is_dir():
        pytest.skip("no ../shared/vectors beside the project")
    return VECTORS


MAY_SKIP = ("no ../shared", "IPv6")
"""What a machine of CI may lack: the vectors beside the project, and a second address family."""


def pytest_sessionfinish(session: pytest.Session) -> None:
    """With CI=true a skipped test is a failure: a part that should run there did not."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") != "true" or reporter is None:
        return
    reasons = [str(report.longrepr) for report in reporter.stats.get("skipped", [])]
    allowed = MAY_SKIP if VECTORS.is_dir() else (*MAY_SKIP, "empty parameter set")
    missing = [reason for reason in reasons if not any(text in reason for text in allowed)]
    if missing:
        reporter.write_line(f"CI: {len(missing)} tests were skipped that should run: {missing[0]}", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
