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
LARGE = "#" * 5121
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

    def run(*words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            [sys.executable, str(checkout / "scripts" / "deploy"), *words],
            cwd=tmp_path,
            env={"PATH": os.defpath, "AWS_SECRET_ACCESS_KEY": "canary-secret", **variables},
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
    where = ["--config", str(checkout / "wrangler.toml"), "--env", "staging"]
    assert listing["words"] == ["secret", "list", "--format", "json", *where]
    assert deploying["words"] == ["deploy", *where, "--message", "second try", "--dry-run"]
    assert all(pathlib.Path(call["folder"]) == checkout for call in (listing, deploying))
    assert "canary" not in json.dumps([*fake.calls(), *bundled.calls()])
    assert [call["words"] for call in bundled.calls()] == [[]]


@pytest.mark.parametrize(
    ("words", "variable", "stage", "worker"),
    [
        ((), "", "", "gateway"),
        ((), "staging", "staging", "gateway-staging"),
        (("--env", ""), "staging", "", "gateway"),
        (("-e", "staging"), "nope", "staging", "gateway-staging"),
    ],
)
def test_what_is_judged_is_what_wrangler_is_told_to_deploy(  # noqa: PLR0917
    words: tuple[str, ...],
    variable: str,
    stage: str,
    worker: str,
    deploy: Deploy,
    fake: FakeWrangler,
    checkout: pathlib.Path,
) -> None:
    """CLOUDFLARE_ENV counts as it does for wrangler; the stage is always said, or wrangler would warn of several."""
    top, _, stages = CONFIGURATION.partition("[env")
    wrong = (
        f"{top}[env{stages.replace('us-east', 'staging')}" if stage else f"{top.replace('us-east', 'top')}[env{stages}"
    )
    (checkout / "wrangler.toml").write_text(wrong, encoding="utf-8")
    assert deploy(*words, "--check", CLOUDFLARE_ENV=variable).returncode == 1
    (checkout / "wrangler.toml").write_text(CONFIGURATION, encoding="utf-8")
    done = deploy(*words, CLOUDFLARE_ENV=variable)
    assert done.returncode == 0, done.stderr
    assert f"deploy: the Worker {worker} ({f'stage {stage}' if stage else 'no stage'})\n" in done.stderr
    for call in fake.calls():
        assert call["words"][call["words"].index("--env") + 1] == stage


def test_another_configuration_is_the_one_that_is_judged(
    deploy: Deploy, fake: FakeWrangler, tmp_path: pathlib.Path
) -> None:
    """`--config` is found from the folder where the command is typed; what sets its keys names its Worker."""
    other = tmp_path / "other.toml"
    other.write_text(CONFIGURATION.replace("us-east-1_EXAMPLE", "nonsense"), encoding="utf-8")
    assert "COGNITO_USER_POOL_ID: read 'nonsense'" in deploy("--config", "other.toml").stderr
    other.write_text(CONFIGURATION.replace('"gateway"', '"other"'), encoding="utf-8")
    done = deploy("--config", "other.toml", "--env", "staging")
    assert done.returncode == 0, done.stderr
    assert "deploy: the Worker other-staging (stage staging)" in done.stderr
    for call in fake.calls():
        assert call["words"][call["words"].index("--config") + 1] == str(other)
    fake.says("secret list", out="[]")
    assert "`gateway keys push --env '' --name other-staging`" in deploy("-c", "other.toml", "-e", "staging").stderr
    assert "none.toml: cannot be read: No such file" in deploy("--config", "none.toml").stderr


def test_another_name_is_that_of_the_worker_whose_secrets_are_looked_at(deploy: Deploy, fake: FakeWrangler) -> None:
    """Wrangler would look for those of NAME-STAGE, and deploy NAME."""
    done = deploy("--env", "staging", "--name", "other")
    assert done.returncode == 0, done.stderr
    assert "deploy: the Worker other (stage staging)" in done.stderr
    listing, deploying = (call["words"] for call in fake.calls())
    assert listing[-4:] == ["--env", "", "--name", "other"]
    assert deploying[-4:] == ["--env", "staging", "--name", "other"]
    fake.says("secret list", out="[]")
    assert "`gateway keys push --env '' --name other`" in deploy("--name", "other").stderr


def test_check_only_looks(deploy: Deploy, fake: FakeWrangler, bundled: FakeWrangler) -> None:
    """Nothing is staged or uploaded."""
    done = deploy("--check")
    assert done.returncode == 0, done.stderr
    assert "secrets of the Worker gateway (no stage) are right" in done.stdout
    assert [call["words"][0] for call in fake.calls()] == ["secret"]
    assert not bundled.calls()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("us-east-1_EXAMPLE", "nonsense", "COGNITO_USER_POOL_ID: read 'nonsense'"),
        ("GATEWAY_STORE", "GATEWAY_STROE", "GATEWAY_STROE: read an unknown name"),
        ('"STATE"\n[[', '"OTHER"\n[[', "GATEWAY_STORE: read 'OTHER'"),
        ("[vars]\n", '[vars]\nGATEWAY_AUDIT = "file:a.jsonl"\n', "GATEWAY_AUDIT: read a file"),
        ("[vars]\n", '[vars]\nGATEWAY_POLICY = "[roles.a]\\nallow = [\\"Nope\\"]"\n', "GATEWAY_POLICY: "),
        ("[vars]\n", '[vars]\nAWS_CREDENTIALS = "canary"\n', "AWS_CREDENTIALS stands in wrangler.toml's [vars]"),
        ("[vars]", "[vars", "wrangler.toml: is not TOML"),
        (
            "[vars]\n",
            f'[vars]\nGATEWAY_POLICY = """{LARGE}"""\n',
            "GATEWAY_POLICY: 5121 bytes; a Worker's variable holds",
        ),
        ("[vars]\n", f"[vars]\nother = ['{'x' * 5120}', 1979-05-27]\n", "other: 5138 bytes"),
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
    ("table", "kind"),
    [
        ('[[kv_namespaces]]\nbinding = "{}"', "kv_namespaces"),
        ('[[ratelimits]]\nname = "{}"', "ratelimits"),
        ('[version_metadata]\nbinding = "{}"', "version_metadata"),
        ('[[queues.producers]]\nbinding = "{}"', "queues"),
        ('[[workflows]]\nname = "a"\nbinding = "{}"', "workflows"),
    ],
)
def test_a_store_that_is_no_durable_object_is_told_by_what_it_is(
    table: str, kind: str, deploy: Deploy, fake: FakeWrangler, checkout: pathlib.Path
) -> None:
    """R-14: whatever else the Worker can reach by that name would fail at the first request."""
    top, _, stages = CONFIGURATION.partition("[env")
    text = f"{top}{table.format('OTHER')}\n[env{stages}"
    (checkout / "wrangler.toml").write_text(text, encoding="utf-8")
    assert deploy("--check").returncode == 0
    wrong = text.replace('GATEWAY_STORE = "STATE"', 'GATEWAY_STORE = "OTHER"', 1)
    (checkout / "wrangler.toml").write_text(wrong, encoding="utf-8")
    done = deploy("--check")
    assert done.returncode == 1
    assert f"deploy: GATEWAY_STORE: read OTHER, which is bound in {kind}; wanted memory, or the name" in done.stderr
    assert "1 problems" in done.stderr
    assert [call["words"][0] for call in fake.calls()] == ["secret", "secret"]


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
    assert ("AWS_CREDENTIALS is missing: set it by `gateway keys push --env ''`" in done.stderr) is (status == 1)


def test_a_worker_that_does_not_exist_yet_has_no_secrets(deploy: Deploy, fake: FakeWrangler) -> None:
    """Before the first deployment the keys are pushed first."""
    fake.says("secret list", err="This Worker does not exist on your account. [code: 10007]\n", status=1)
    done = deploy()
    assert done.returncode == 1
    assert "AWS_CREDENTIALS is missing" in done.stderr


def test_who_is_not_signed_in_may_build_but_not_deploy(deploy: Deploy, fake: FakeWrangler) -> None:
    """A dry run needs no account; a deployment does, and wrangler's own words say so."""
    fake.says("secret list", err="\x1b[31mset a \x1b[0mCLOUDFLARE_API_TOKEN\n", status=1)
    done = deploy()
    assert "\x1b" not in done.stderr
    assert done.returncode == 1
    assert "set a CLOUDFLARE_API_TOKEN" in done.stderr
    assert "sign in" in done.stderr
    assert deploy("--dry-run").returncode == 0
    assert fake.calls()[-1]["words"][-1] == "--dry-run"


def test_a_policy_of_ones_own_ships_with_the_code(
    deploy: Deploy, fake: FakeWrangler, bundled: FakeWrangler, tmp_path: pathlib.Path
) -> None:
    """It is judged, found from the folder where the command is typed, and bundled."""
    (tmp_path / "right.toml").write_text('[roles.a]\ngroups = ["a"]\nallow = ["ListUsers"]\n', encoding="utf-8")
    (tmp_path / "wrong.toml").write_text("[roles.a]\nallow = 1\n", encoding="utf-8")
    assert deploy("--policy", "wrong.toml").returncode == 1
    absent = deploy("--policy", "none.toml")
    assert absent.returncode == 1
    assert "none.toml: cannot be read: No such file or directory" in absent.stderr
    assert not bundled.calls()
    assert deploy("--policy", "right.toml").returncode == 0
    assert bundled.calls()[0]["words"] == ["--policy", str(tmp_path / "right.toml")]
    assert fake.calls()[-1]["words"][0] == "deploy"


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
