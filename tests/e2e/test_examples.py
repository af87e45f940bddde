"""Every example runs as it says at its top, against a gateway as `scripts/dev` starts it."""

import configparser
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest
import yaml  # type: ignore[import-untyped]  # its stubs are a package of their own, for one line

from gateway.emulator.server import Emulator
from tests.e2e import web
from tests.e2e.web import CLIENT, DEV_URL, EXAMPLES, Site
from tests.tools import need

POOL = "us-east-1_DevPool01"
AWS = (sys.executable, str(pathlib.Path(sys.executable).with_name("aws")))


@pytest.fixture(scope="module")
def site(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A gateway that a page may call."""
    with web.site(emulator, tmp_path_factory.mktemp("examples")) as found:
        yield found


def test_each_example_is_listed_and_says_how_to_run_it() -> None:
    """A reader of the list finds all of them, and at the top of each what to type."""
    listed = re.findall(
        r"^\| \[[^\]]+\]\(([^)]+)\)", (EXAMPLES / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    entries = {pathlib.PurePath(path).parts[0] for path in listed}
    own = {"README.md", "package.json", "package-lock.json", "tsconfig.json", "node_modules"}
    assert entries == {path.name for path in EXAMPLES.iterdir()} - own
    for path in listed:
        folder = EXAMPLES / path
        files = [folder] if folder.parent == EXAMPLES else [*folder.parent.iterdir()]
        assert any("usage: " in file.read_text(encoding="utf-8") for file in files if file.is_file()), path


def test_curl(site: Site) -> None:
    """Signs in, lists, looks up, rehearses, changes, is refused."""
    need("curl", "apt-get install curl")
    told = web.checked([str(EXAMPLES / "curl.sh")], EXAMPLES, site.environment)
    answers = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
    assert [len(answers[0]["items"]), bool(answers[0]["cursor"])] == [3, True]
    assert [answers[1]["email"], answers[1]["groups"]] == ["user@example.com", ["user"]]
    assert answers[2]["allowed"] is True
    assert answers[-1]["type"] == "UserNotFoundException"


def test_boto3(site: Site) -> None:
    """An admin's day with boto3."""
    told = web.checked([sys.executable, str(EXAMPLES / "boto3_admin.py")], EXAMPLES, site.environment).splitlines()
    assert int(told[0].removesuffix(" users")) >= 204
    assert told[1:] == [
        "user@example.com is enabled: False",
        "user@example.com is enabled: True",
        "Nobody disables itself: AccessDeniedException",
    ]


def aws(site: Site, folder: pathlib.Path, *arguments: str, cli: tuple[str, ...] = AWS) -> str:
    """What the AWS CLI prints with the example's profiles, used as they say."""
    config = folder / "config"
    config.write_text((EXAMPLES / "aws-cli" / "config").read_text(encoding="utf-8").replace(DEV_URL, site.gateway))
    environment = {
        "PATH": f"{EXAMPLES / 'aws-cli'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "HOME": str(folder),
        "AWS_CONFIG_FILE": str(config),
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_EC2_METADATA_DISABLED": "true",
        **site.environment,
    }
    return web.checked([*cli, *arguments], folder, environment)


def second_version() -> str:
    """The AWS CLI's second version, which pip does not have: not the one that the tests brought."""
    found = shutil.which("aws", path="/usr/local/bin:/usr/bin")
    if found is None or "aws-cli/2" not in web.checked([found, "--version"], EXAMPLES):
        return need("aws (version 2)", "apt-get install awscli, or https://aws.amazon.com/cli/")
    return found


def test_the_aws_cli_with_the_gateway_as_endpoint(site: Site, tmp_path: pathlib.Path) -> None:
    """The profile brings the token by credential_process; nothing is typed but the profile's name."""
    need("curl", "apt-get install curl")
    query = ("--query", "Users[].Enabled", "--output", "json")
    told = aws(site, tmp_path, "cognito-idp", "list-users", "--user-pool-id", POOL, "--profile", "gateway", *query)
    assert len(json.loads(told)) >= 204


def test_the_aws_cli_with_the_callers_own_credentials(site: Site, tmp_path: pathlib.Path) -> None:
    """`/me/aws-credentials` is a credential_process, and the keys that it gives are good."""
    need("curl", "apt-get install curl")
    shown = ("--query", "Arn", "--output", "text", "--endpoint-url", site.emulator.url)
    assert ":assumed-role/" in aws(site, tmp_path, "sts", "get-caller-identity", "--profile", "mine", *shown)


def test_the_aws_cli_exports_the_callers_own_credentials(site: Site, tmp_path: pathlib.Path) -> None:
    """`aws configure export-credentials`, which only the second version has, takes the answer as it is."""
    need("curl", "apt-get install curl")
    command = ("configure", "export-credentials", "--profile", "mine", "--format", "process")
    exported = json.loads(aws(site, tmp_path, *command, cli=(second_version(),)))
    assert set(exported) == {"Version", "AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"}
    assert exported["Version"] == 1


def test_the_profiles_are_read_as_they_stand() -> None:
    """The file is a config file of AWS's."""
    parser = configparser.ConfigParser()
    parser.read(EXAMPLES / "aws-cli" / "config")
    assert parser.sections() == ["profile gateway", "services gateway", "profile mine"]


@pytest.mark.slow
def test_the_javascript_sdk(site: Site) -> None:
    """Signs in, pages, looks up, catches a typed exception."""
    web.install(EXAMPLES)
    told = web.checked([need(*web.NODE), "js-sdk.mjs"], EXAMPLES, site.environment).splitlines()
    assert int(told[0].removesuffix(" users")) >= 204
    assert told[1:] == ["user@example.com is CONFIRMED", "nobody@example.com is not there"]


@pytest.mark.slow
def test_amplify(site: Site) -> None:
    """Signs in by SRP and calls AdminQueries."""
    web.install(EXAMPLES)
    told = web.checked([need(*web.NODE), "amplify/admin-queries.mjs"], EXAMPLES, site.environment)
    assert "Success adding user@example.com to premium" in told
    assert told.endswith("signed out\n")


@pytest.mark.slow
def test_the_react_list_compiles_strictly() -> None:
    """The component and its page against the typed client's types as they are published."""
    web.install(EXAMPLES)
    web.build_client()
    web.checked([need(*web.NODE), "node_modules/typescript/bin/tsc", "--project", "."], EXAMPLES)


@pytest.mark.slow
@pytest.mark.parametrize("example", ["plain-js", "react"])
def test_the_lists_in_a_browser(example: str, site: Site) -> None:
    """A person signs in, pages, finds somebody, switches it off and on, and is told what a refusal says."""
    need("chromium", "apt-get install chromium")
    folder = site.folder / example
    shutil.copytree(EXAMPLES / example, folder)
    if example == "react":
        web.bundle(EXAMPLES / example / "main.tsx", folder / "app.js", platform="browser")
    assert web.chromium("list.mjs", f"{site.origin}/{example}/") == {
        "firstPage": 20,
        "secondPage": 40,
        "found": 1,
        "disabled": "Enable",
        "enabled": "Disable",
        "refused": "The caller may not do this. (AccessDeniedException, request",
    }


def test_the_github_workflow(site: Site, tmp_path: pathlib.Path) -> None:
    """Its steps, run as a runner does: a machine's token, masked in the log, and the users counted page by page."""
    need("curl", "apt-get install curl")
    workflow = yaml.safe_load((EXAMPLES / "github-actions" / "users-report.yml").read_text(encoding="utf-8"))
    assert workflow["permissions"] == {}
    job = workflow["jobs"]["report"]
    given = {
        "vars.GATEWAY_URL": site.gateway,
        "vars.TOKEN_URL": site.emulator.token_url,
        "vars.GATEWAY_CLIENT_ID": site.emulator.machine_client_id,
        "secrets.GATEWAY_CLIENT_SECRET": site.emulator.machine_client_secret,
    }
    kept = {name: tmp_path / name for name in ("GITHUB_ENV", "GITHUB_STEP_SUMMARY")}
    for path in kept.values():
        path.touch()
    for step in job["steps"]:
        environment = {name: str(path) for name, path in kept.items()}
        for name, value in {**job["env"], **step.get("env", {})}.items():
            environment[name] = given[value.removeprefix("${{ ").removesuffix(" }}")]
        environment |= dict(line.split("=", 1) for line in kept["GITHUB_ENV"].read_text().splitlines())
        shell = [sys.executable, "-c"] if step.get("shell") == "python" else ["bash", "-eo", "pipefail", "-c"]
        said = web.checked([*shell, step["run"]], tmp_path, environment)
        assert all(line.startswith("::add-mask::") for line in said.splitlines())
    assert "- CONFIRMED: " in kept["GITHUB_STEP_SUMMARY"].read_text()
    assert kept["GITHUB_ENV"].read_text().startswith("TOKEN=eyJ")


def test_the_terraform_configuration_is_well_formed() -> None:
    """Its syntax only: the provider itself comes from a registry of its own, which tests do not ask."""
    terraform = shutil.which("terraform")
    if terraform is None:
        pytest.skip("needs terraform: https://developer.hashicorp.com/terraform/install")
    command = [terraform, "fmt", "-check", "-diff", "-list=false"]
    done = subprocess.run(command, cwd=EXAMPLES / "terraform", capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_client_and_the_examples_have_locks_without_addresses() -> None:
    """R-24: what npm installs is hashed, and where it comes from is the user's own setting."""
    for folder in (CLIENT, EXAMPLES, web.SCRIPTS):
        lock = json.loads((folder / "package-lock.json").read_text(encoding="utf-8"))
        for name, package in lock["packages"].items():
            if name.startswith("node_modules/") and not package.get("link"):
                assert package["integrity"].startswith("sha512-"), name
                assert "resolved" not in package, name
