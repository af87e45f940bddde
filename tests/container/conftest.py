"""One image for all tests, built from a checkout that has secrets lying about, and one gateway that runs from it."""

import pathlib
import shutil
import time
from collections.abc import Iterator, Mapping

import pytest

from tests.container.engine import ROOT, Engine, Pod, image_script, running
from tests.minting import Mint

TAG = "cognito-edge-gateway:test"
CANARY = "canary-that-no-layer-may-hold-0001"
LYING_ABOUT = (".env", ".dev.vars", "policy.toml", "keys/aws.txt", "gateway/.env", "gateway/production.env",
               "gateway/server.key", "requirements/.netrc", ".git/config", "tests/secret.txt")  # fmt: skip
ACCESS_KEY_ID = "AKIACANARYCANARY0004"
SECRET_ACCESS_KEY = "canary-secret-access-key-0000000000000004"
SETTINGS: Mapping[str, str] = {
    "COGNITO_USER_POOL_ID": "us-east-1_DevPool01",
    "COGNITO_CLIENT_IDS": "devclient00000000000000001",
    "COGNITO_ENDPOINT_URL": "http://127.0.0.1:9000",
    "COGNITO_JWKS_URL": "http://127.0.0.1:9000/keys",
    "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
    "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
}


def env_file(folder: pathlib.Path, settings: Mapping[str, str]) -> pathlib.Path:
    """Settings as `--env-file` takes them."""
    path = folder / "settings.env"
    path.write_text("".join(f"{name}={value}\n" for name, value in settings.items()), encoding="utf-8")
    path.chmod(0o600)
    return path


@pytest.fixture(scope="session")
def engine() -> Engine:
    """Docker or Podman, or a skip."""
    return Engine()


@pytest.fixture(scope="session")
def built(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The image's id and what its build said last; `engine` comes first, so that its lack is what is told."""
    checkout = tmp_path_factory.mktemp("checkout")
    for name in ("Dockerfile", ".dockerignore", "LICENSE", "README.md", "pyproject.toml"):
        shutil.copy2(ROOT / name, checkout)
    for name in ("gateway", "requirements", "scripts", "tests/container"):
        shutil.copytree(ROOT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in LYING_ABOUT:
        path = checkout / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"AWS_SECRET_ACCESS_KEY={CANARY}\n", encoding="utf-8")
    done = image_script(checkout, "build", TAG, IMAGE_STAND_IN="auto")
    if done.returncode != 0:
        pytest.fail(done.stderr.decode()[-3000:])
    return engine.tell("image", "inspect", "--format", "{{.Id}}", TAG), done.stdout.decode()


@pytest.fixture(scope="session")
def image(built: tuple[str, str]) -> str:
    """The image's id."""
    return built[0]


@pytest.fixture(scope="session")
def mint() -> Mint:
    """Who signs the pool's tokens."""
    return Mint(now=time.time())


@pytest.fixture(scope="session")
def pod(engine: Engine, image: str, mint: Mint, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pod]:
    """A gateway that no test ends."""
    with running(engine, image, env_file(tmp_path_factory.mktemp("pod"), SETTINGS), mint.jwks()) as found:
        yield found
