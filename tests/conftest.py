"""What all tests share: the event loop's name and where the vectors are."""

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
