"""`scripts/deploy`, run in a folder of its own with a wrangler that writes down what it was told."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests import fake_wrangler
from tests.fake_wrangler import FakeWrangler

ROOT = pathlib.Path(__file__).resolve().parents[1]
VARS = 'COGNITO_USER_POOL_ID = "us-east-1_EXAMPLE"\nCOGNITO_CLIENT_IDS = "client1"\nGATEWAY_STORE = "STATE"\n'
STATE = '[[{}durable_objects.bindings]]\nname = "STATE"\nclass_name = "SharedState"\n'
CONFIGURATION = (
    f'name = "gateway"\n[vars]\n{VARS}{STATE.format("")}[env.staging.vars]\n{VARS}{STATE.format("env.staging.")}'
)
HELD = json.dumps([{"name": "AWS_CREDENTIALS", "type": "secret_text"}])

Deploy = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def checkout(tmp_path: pathlib.Path) -> pathlib.Path:
    """A checkout with a configuration that is right, and a bundle that only says that it ran."""
    folder = tmp_path / "checkout"
    (folder / "scripts").mkdir(parents=True)
    (folder / "gateway").symlink_to(ROOT / "gateway")
    shutil.copy(ROOT / "scripts" / "deploy", folder / "scripts" / "deploy")
    (folder / "wrangler.toml").write_text(CONFIGURATION, encoding="utf-8")
    fake_wrangler.install(folder / "scripts" / "bundle", tmp_path / "bundled")
    return folder


@pytest.fixture
def fake(checkout: pathlib.Path, tmp_path: pathlib.Path) -> FakeWrangler:
    """A wrangler whose Worker holds the keys."""
    found = fake_wrangler.install(checkout / "node_modules" / ".bin" / "wrangler", tmp_path / "kept")
    found.says("secret list", out=f"a banner\n{HELD}\n")
    return found


@pytest.fixture
def bundled(checkout: pathlib.Path, tmp_path: pathlib.Path) -> FakeWrangler:
    """What stands for scripts/bundle."""
    return FakeWrangler(checkout / "scripts" / "bundle", tmp_path / "bundled")


@pytest.fixture
def deploy(checkout: pathlib.Path, tmp_path: pathlib.Path) -> Deploy:
    """Type it, from another folder."""

    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            [sys.executable, str(checkout / "scripts" / "deploy"), *words],
            cwd=tmp_path,
            env={"PATH": os.defpath, "AWS_SECRET_ACCESS_KEY": "canary-secret"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert "canary" not in done.stdout + done.stderr
        return done

    return run


def test_a_deployment_that_is_right_is_bundled_and_deployed(
    deploy: Deploy, fake: FakeWrangler, bundled: FakeWrangler, checkout: pathlib.Path
) -> None:
    """Look, bundle, deploy, in this order; words are passed on, the gateway's secrets are not."""
    done = deploy("--env", "staging", "--message", "second try", "--dry-run")
    assert done.returncode == 0, done.stderr
    listing, deploying = fake.calls()
    assert listing["words"] == ["secret", "list", "--format", "json", "--env", "staging"]
    assert deploying["words"] == ["deploy", "--env", "staging", "--message", "second try", "--dry-run"]
    assert all(pathlib.Path(call["folder"]) == checkout for call in (listing, deploying))
    assert "canary" not in json.dumps([*fake.calls(), *bundled.calls()])
    assert [call["words"] for call in bundled.calls()] == [[]]


def test_check_only_looks(deploy: Deploy, fake: FakeWrangler, bundled: FakeWrangler) -> None:
    """Nothing is staged or uploaded."""
    done = deploy("--check")
    assert done.returncode == 0, done.stderr
    assert "are right" in done.stdout
    assert [call["words"][0] for call in fake.calls()] == ["secret"]
    assert not bundled.calls()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("us-east-1_EXAMPLE", "nonsense", "COGNITO_USER_POOL_ID: read 'nonsense'"),
        ("GATEWAY_STORE", "GATEWAY_STROE", "GATEWAY_STROE: read an unknown name"),
        ('"STATE"\n[[', '"OTHER"\n[[', "GATEWAY_STORE: read"),
        ("[vars]\n", '[vars]\nGATEWAY_AUDIT = "file:a.jsonl"\n', "GATEWAY_AUDIT: read a file"),
        ("[vars]\n", '[vars]\nGATEWAY_POLICY = "[roles.a]\\nallow = [\\"Nope\\"]"\n', "GATEWAY_POLICY: "),
        ("[vars]\n", '[vars]\nAWS_CREDENTIALS = "canary"\n', "AWS_CREDENTIALS stands in wrangler.toml's [vars]"),
        ("[vars]", "[vars", "wrangler.toml: "),
    ],
)
def test_what_a_worker_would_refuse_is_not_deployed(  # noqa: PLR0917
    old: str,
    new: str,
    told: str,
    deploy: Deploy,
    fake: FakeWrangler,
    bundled: FakeWrangler,
    checkout: pathlib.Path,
) -> None:
    """R-14: every problem of settings and policy is said before anything is uploaded."""
    text = CONFIGURATION.replace(old, new, 1)
    assert text != CONFIGURATION
    (checkout / "wrangler.toml").write_text(text, encoding="utf-8")
    done = deploy()
    assert done.returncode == 1
    assert f"deploy: {told}" in done.stderr
    assert not bundled.calls()
    assert "deploy" not in [call["words"][0] for call in fake.calls()]


@pytest.mark.parametrize(
    ("names", "status"),
    [
        ([], 1),
        (["AWS_ACCESS_KEY_ID"], 1),
        (["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"], 0),
        (["AWS_CREDENTIALS", "COGNITO_CLIENT_SECRETS", "OTHER"], 0),
    ],
)
def test_missing_secrets_are_named(names: list[str], status: int, deploy: Deploy, fake: FakeWrangler) -> None:
    """A Worker without keys would answer nothing but 503: it is not deployed, and what sets them is said."""
    fake.says("secret list", out=json.dumps([{"name": name, "type": "secret_text"} for name in names]))
    done = deploy("--check")
    assert done.returncode == status, done.stderr
    assert ("AWS_CREDENTIALS is missing: set it by `gateway keys push`" in done.stderr) is (status == 1)


def test_a_worker_that_does_not_exist_yet_has_no_secrets(deploy: Deploy, fake: FakeWrangler) -> None:
    """Before the first deployment the keys are pushed first."""
    fake.says("secret list", err="This Worker does not exist on your account. [code: 10007]\n", status=1)
    done = deploy()
    assert done.returncode == 1
    assert "AWS_CREDENTIALS is missing" in done.stderr


def test_who_is_not_signed_in_may_build_but_not_deploy(deploy: Deploy, fake: FakeWrangler) -> None:
    """A dry run needs no account; a deployment does, and wrangler's own words say so."""
    fake.says("secret list", err="set a CLOUDFLARE_API_TOKEN\n", status=1)
    done = deploy()
    assert done.returncode == 1
    assert "set a CLOUDFLARE_API_TOKEN" in done.stderr
    assert "sign in" in done.stderr
    assert deploy("--dry-run").returncode == 0
    assert fake.calls()[-1]["words"] == ["deploy", "--dry-run"]


def test_a_policy_of_ones_own_ships_with_the_code(
    deploy: Deploy, fake: FakeWrangler, bundled: FakeWrangler, tmp_path: pathlib.Path
) -> None:
    """It is judged, found from the folder where the command is typed, and bundled."""
    (tmp_path / "right.toml").write_text('[roles.a]\ngroups = ["a"]\nallow = ["ListUsers"]\n', encoding="utf-8")
    (tmp_path / "wrong.toml").write_text("[roles.a]\nallow = 1\n", encoding="utf-8")
    assert deploy("--policy", "wrong.toml").returncode == 1
    assert deploy("--policy", "none.toml").returncode == 1
    assert not bundled.calls()
    assert deploy("--policy", "right.toml").returncode == 0
    assert bundled.calls()[0]["words"] == ["--policy", str(tmp_path / "right.toml")]
    assert fake.calls()[-1]["words"] == ["deploy"]


def test_a_bundle_that_fails_is_not_deployed(deploy: Deploy, fake: FakeWrangler, bundled: FakeWrangler) -> None:
    """Nor does what is left of an older one go out."""
    bundled.says("", status=1)
    done = deploy()
    assert done.returncode == 1
    assert "bundle failed (1)" in done.stderr
    assert len(fake.calls()) == 1


def test_wrong_arguments_and_help(deploy: Deploy, fake: FakeWrangler) -> None:
    """A stage that wrangler.toml does not have costs nothing; help shows an example."""
    done = deploy("--env", "nope")
    assert done.returncode == 2
    assert "it has: staging" in done.stderr
    assert not fake.calls()
    done = deploy("--help")
    assert done.returncode == 0
    assert "example: scripts/deploy --env staging" in done.stdout


def test_an_absent_wrangler_is_named_with_what_to_install(deploy: Deploy, checkout: pathlib.Path) -> None:
    """Nothing is fetched unasked."""
    assert not (checkout / "node_modules").exists()
    done = deploy()
    assert done.returncode == 1
    assert "wrangler is not installed" in done.stderr or "sign in" in done.stderr
