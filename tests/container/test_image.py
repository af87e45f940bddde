"""The image, as an operator runs it: built from the Dockerfile, hardened, its settings from a file."""

import json
import pathlib
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.audit.oracle import verified
from tests.blackbox.stub import eventually
from tests.container import layers
from tests.container.conftest import ACCESS_KEY_ID, CANARY, SECRET_ACCESS_KEY, SETTINGS, env_file
from tests.container.engine import Engine, Pod, running
from tests.container.layers import Layers
from tests.minting import Mint

pytestmark = pytest.mark.slow

OURS_BYTES = 80_000_000
"""The most that may be added to the base image."""

RIGHTS = """
import json, os
status = dict(line.split(":\\t", 1) for line in open("/proc/1/status").read().splitlines())
def written(path):
    try:
        open(path + "/probe", "w")
    except OSError as error:
        return error.strerror
print(json.dumps({
    "uid": status["Uid"].split(), "gid": status["Gid"].split(), "groups": status["Groups"].split(),
    "capabilities": [status[name].strip() for name in ("CapPrm", "CapEff", "CapBnd")],
    "no_new_privileges": status["NoNewPrivs"],
    "written": {path: written(path) for path in ("", "/srv", "/opt/gateway", "/etc", "/tmp")},
    "one": open("/proc/1/cmdline").read().split("\\0")[:-1],
}))
"""
WRITABLE = """
import os
for folder in ("/opt", "/srv", "/usr", "/etc", "/var/lib", "/root"):
    for path, folders, files in os.walk(folder):
        for name in (".", *files):
            found = os.path.join(path, name)
            if not os.path.islink(found) and os.access(found, os.W_OK):
                print(found)
"""


@pytest.fixture(scope="session")
def content(engine: Engine, image: str, tmp_path_factory: pytest.TempPathFactory) -> Layers:
    """Every file of every layer."""
    path = tmp_path_factory.mktemp("saved") / "image.tar"
    engine.tell("save", "--output", str(path), image)
    return layers.read(path.read_bytes(), CANARY.encode())


def test_it_serves_a_caller_with_a_token(pod: Pod, mint: Mint) -> None:
    """R-25: with a read-only root and no capability the whole way works: keys, policy, audit, signature, answer."""
    token = mint.access(groups=["admin"])
    before = len(pod.received())
    answer = pod.call("ListUsers", token)
    assert (answer.status, answer.json["Users"][0]["Username"]) == (200, "bob")
    (sent,) = pod.received()[before:]
    assert f"Credential={ACCESS_KEY_ID}/" in sent["headers"]["authorization"]
    assert token not in str(sent)
    assert pod.call("ListUsers").status == 401


def test_it_serves_the_rest_side_and_its_pages(pod: Pod, mint: Mint) -> None:
    """What is no Python is in the image too: pages, the document, and the package that draws codes."""
    for path, said in (("/docs", b"<!doctype html>"), ("/docs/viewer.js", b"//"), ("/openapi.json", b'{"openapi"')):
        status, body = pod.get(path)
        assert (status, body[: len(said)]) == (200, said), path
    assert pod.python("import segno; print(segno.make_qr('x').version)").strip() == "1"
    status, body = pod.get("/admin/users", mint.access(groups=["admin"]))
    assert (status, json.loads(body)["items"][0]["username"]) == (200, "bob")


def test_its_health_is_asked_without_any_tool(engine: Engine, image: str, pod: Pod) -> None:
    """An orchestrator hears healthy from a gateway that serves, and unhealthy where none does."""
    known = engine.inspected(image)
    kind, *command = (known.get("Healthcheck") or known["Config"]["Healthcheck"])["Test"]
    assert kind == "CMD"
    assert pod.alive()
    assert engine.ask("exec", pod.gateway, *command).returncode == 0
    assert engine.ask("run", "--rm", *engine.hardened, image, *command).returncode == 1


def test_it_has_no_rights_and_writes_nowhere(pod: Pod) -> None:
    """R-25: not root, no capability, none to be gained, and no place in its root that it can write to."""
    rights = json.loads(pod.python(RIGHTS))
    assert set(rights["uid"]) == set(rights["gid"]) == {"65532"}
    assert set(rights["groups"]) <= {"65532"}
    assert set(rights["capabilities"]) == {"0" * 16}
    assert rights["no_new_privileges"] == "1"
    writable = {path for path, reason in rights["written"].items() if reason is None}
    assert writable <= ({"/tmp"} if not pod.engine.podman else set())  # noqa: S108 - the container's
    assert [pathlib.PurePath(word).name for word in rights["one"][:3]] == ["python", "gateway", "serve"]


def test_it_could_not_change_its_own_code_if_its_root_were_writable(engine: Engine, image: str) -> None:
    """R-25: who runs the image without hardening still runs code that its user does not own."""
    assert engine.tell("run", "--rm", image, "python", "-I", "-c", WRITABLE) == ""


def test_it_says_how_it_is_started_and_stopped(engine: Engine, image: str) -> None:
    """R-25: a numeric user for `runAsNonRoot`, the gateway as process 1, SIGTERM, one port, no setting inside."""
    config = engine.inspected(image)["Config"]
    assert config["User"] == "65532:65532"
    assert config["Cmd"] == ["gateway", "serve", "--host", "0.0.0.0", "--port", "8080"]
    assert not config.get("Entrypoint")
    assert config["StopSignal"] in {"SIGTERM", "15"}
    assert list(config["ExposedPorts"]) == ["8080/tcp"]
    assert not [line for line in config["Env"] if re.match(r"AWS_|COGNITO_|GATEWAY_|PIP_", line)]


@pytest.mark.parametrize("processes", [1, 2])
def test_sigterm_lets_a_call_finish(
    engine: Engine, image: str, mint: Mint, tmp_path: pathlib.Path, processes: int
) -> None:
    """R-25: while it is replaced, callers who were heard get their answer, and the audit is whole."""
    settings = env_file(tmp_path, {**SETTINGS, "WEB_CONCURRENCY": str(processes)})
    with running(engine, image, settings, mint.jwks()) as pod, ThreadPoolExecutor() as callers:
        eventually(lambda: f"processes: {processes}".encode() in pod.said()[1], "all processes")
        pod.hold()
        try:
            call = callers.submit(pod.call, "ListUsers", mint.access(groups=["admin"]))
            eventually(lambda: len(pod.received()) == 1, "the call at Cognito")
            stopping = callers.submit(pod.stop)
            eventually(lambda: not pod.alive(), "an end of its taking calls")
            assert not call.done()
        finally:
            pod.release()
        assert call.result().status == 200
        stopping.result()
        assert (pod.state["Running"], pod.state["ExitCode"]) == (False, 0)
        audit, log = pod.said()
        (line,) = verified(audit.splitlines(keepends=True))
        assert line["operation"] == "ListUsers"
        assert log.count(b"stopped; the audit's head is") == processes


def test_bad_settings_are_all_named_and_it_does_not_start(engine: Engine, image: str, tmp_path: pathlib.Path) -> None:
    """R-14: one look at the container's log is enough to repair the settings, and shows no secret."""
    wrong = {"COGNITO_USER_POOL_ID": "nonsense", "AWS_SECRET_ACCESS_KEY": "canary secret", "GATEWAY_AUDIT": "tape",
             "GATEWAY_POLCY": "policy.toml"}  # fmt: skip
    done = engine.ask("run", "--rm", *engine.hardened, "--env-file", str(env_file(tmp_path, wrong)), image)
    assert done.returncode == 1
    assert done.stdout == b""
    told = done.stderr.decode()
    for name in (*wrong, "COGNITO_CLIENT_IDS", "AWS_ACCESS_KEY_ID"):
        assert f"  {name}: " in told
    assert "canary" not in told
    assert "Traceback" not in told


def test_standard_output_is_the_audit_and_nothing_else(engine: Engine, image: str, pod: Pod, mint: Mint) -> None:
    """The container's log, as a collector takes it, is the chain: the image itself verifies it. It holds no secret."""
    token = mint.access(groups=["admin"])
    for operation, bearer in (("ListUsers", token), ("AdminDeleteUser", token), ("ListUsers", None)):
        pod.call(operation, bearer)
    audit, log = pod.said()
    entries = verified(audit.splitlines(keepends=True))
    assert {"ListUsers", "AdminDeleteUser"} <= {entry["operation"] for entry in entries}
    words = ("run", "--rm", "--interactive", *engine.hardened, image, "gateway", "audit", "verify", "--from-start", "-")
    assert "unbroken" in engine.tell(*words, stdin=audit)
    assert engine.ask(*words, stdin=audit.replace(b'"ListUsers"', b'"GetGroup"', 1)).returncode == 1
    for secret in (SECRET_ACCESS_KEY, token.split(".")[1], token.split(".")[2]):
        assert secret.encode() not in audit + log


def test_secrets_can_come_as_files(engine: Engine, image: str, mint: Mint, tmp_path: pathlib.Path) -> None:
    """R-01: with `NAME_FILE` even who may inspect the container sees no secret."""
    (tmp_path / "secrets").mkdir()
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    for name in names:
        (tmp_path / "secrets" / name).write_text(SETTINGS[name] + "\n", encoding="utf-8")
    settings = {name: value for name, value in SETTINGS.items() if name not in names}
    settings |= {f"{name}_FILE": f"/run/secrets/{name}" for name in names}
    mount = ("--volume", f"{tmp_path / 'secrets'}:/run/secrets:ro")
    with running(engine, image, env_file(tmp_path, settings), mint.jwks(), *mount) as pod:
        assert pod.call("ListUsers", mint.access(groups=["admin"])).status == 200
        assert f"Credential={ACCESS_KEY_ID}/" in pod.received()[0]["headers"]["authorization"]
        assert SECRET_ACCESS_KEY not in json.dumps(engine.inspected(pod.gateway))


def test_what_lies_about_in_a_checkout_stays_outside(engine: Engine, image: str, content: Layers) -> None:
    """R-01: a `.env`, a key or a policy beside the Dockerfile is in no layer, no history and no configuration."""
    assert content.leaks == frozenset()
    told = json.dumps(engine.inspected(image)) + engine.tell("history", "--no-trunc", image)
    assert CANARY not in told


def test_it_holds_what_serving_needs_and_no_more(content: Layers) -> None:
    """Nobody finds a compiler, an AWS command line, an emulator, our tests or pip's leavings in it."""
    packages = {
        match[1] for name in content.names if (match := re.match(r"opt/gateway/lib/[^/]+/site-packages/(\w+)", name))
    }
    assert {"gateway", "cryptography", "httptools", "redis", "uvloop"} <= packages
    assert not packages & {
        "moto",
        "awscli",
        "boto3",
        "botocore",
        "pytest",
        "mypy",
        "tests",
        "hatchling",
        "pip",
        "setuptools",
    }
    assert not [name for name in content.names if "gateway/emulator" in name or "runtimes/cloudflare" in name]
    tools = re.compile(
        r"(?:^|/)bin/(?:\w+-linux-gnu-)?(?:gcc|cc|g\+\+|c\+\+|clang|tcc|ld|as|make|git|curl|wget|aws)(?:-\d+)?$"
    )
    assert not [name for name in content.names if tools.search(name)]
    assert not [name for name in content.names if name.startswith(("build/", "root/.cache/")) and content.sizes[name]]


def test_its_size_is_told_and_small(built: tuple[str, str], content: Layers) -> None:
    """Who builds it reads how large it is and how much of that is the base image's."""
    assert re.fullmatch(r"image: \S+, \d+ MB(?:, of which the base image is \d+ MB)? \(\S+\)\n", built[1])
    ours = sum(size for name, size in content.sizes.items() if name.startswith("opt/gateway/"))
    assert 0 < ours < OURS_BYTES
