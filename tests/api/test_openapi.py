"""The OpenAPI document, the schemas in it, and that it and the table of routes are one."""

import json
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from gateway import __version__
from gateway.api.description import document as openapi
from gateway.api.description import json_schema
from gateway.api.route import Route
from gateway.api.routes import routes
from gateway.cli import main
from gateway.errors import InvalidRequest
from gateway.operations import catalogue
from gateway.shapes import Shape, judge
from tests.world import World

ROWS = routes()
DOCUMENT = openapi.document(ROWS)
METHODS = {"get", "post", "put", "patch", "delete", "head", "options", "trace"}


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and operation object of each."""
    for path, item in document["paths"].items():
        for method in METHODS & item.keys():
            yield method.upper(), path, item[method]


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    """What a reference stands for."""
    found: Any = DOCUMENT
    if "$ref" not in part:
        return part
    for name in part["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return dict(found)


def fits(value: Any, schema: dict[str, Any]) -> bool:
    """Whether a value is what a schema of the document says."""
    whole = {"$ref": "#/$defs/it", "$defs": {"it": schema}, "components": DOCUMENT["components"]}
    return bool(Draft202012Validator(whole).is_valid(value))


def test_it_is_valid_openapi() -> None:
    """A generator of clients can read it."""
    validate(DOCUMENT)
    assert DOCUMENT["openapi"].startswith("3.1.")
    for name, schema in DOCUMENT["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        assert re.fullmatch(r"[A-Za-z0-9._-]+", name)


def test_it_and_the_routes_are_one() -> None:
    """What is served is in it, what is in it is served, and each operation has a name of its own."""
    described = {(method, path) for method, path, _ in operations(DOCUMENT)}
    assert described == openapi.served(ROWS)
    names = [operation["operationId"] for _, _, operation in operations(DOCUMENT)]
    assert len(names) == len(set(names))
    fewer = openapi.document(ROWS[1:])
    assert {(method, path) for method, path, _ in operations(fewer)} != openapi.served(ROWS)
    used = {tag for _, _, operation in operations(DOCUMENT) for tag in operation["tags"]}
    assert used == {tag["name"] for tag in DOCUMENT["tags"]}


async def test_what_it_describes_answers_as_it_says_to_a_stranger() -> None:
    """R-16: nobody comes in without a token but where the document says so, and each status is one of those it has."""
    world = World()
    for method, path, operation in operations(DOCUMENT):
        reply = await world.rest(method, re.sub(r"\{\w+\}", "x", path), None, None)
        assert str(reply.status) in operation["responses"], (method, path, reply.status)
        if operation["security"] and {} not in operation["security"]:
            assert reply.status == 401, (method, path, reply.status)
    assert not world.cognito.requests


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_route_s_examples_are_what_it_takes_and_gives(row: Route) -> None:
    """Whoever copies an example sends what is accepted, and gets what it shows."""
    operation = DOCUMENT["paths"][row.path][row.method.lower()]
    if "request" in row.examples:
        assert row.body is not None
        assert judge(row.body, row.examples["request"]) is None
    body = operation.get("requestBody", {"content": {}})
    for part in (body, *map(resolved, operation["responses"].values())):
        for content in part.get("content", {}).values():
            if "example" in content:
                assert fits(content["example"], content["schema"]), content["example"]
    if "response" in row.examples:
        assert row.result is not None
        assert fits(row.examples["response"], openapi.document([row])["paths"][row.path][row.method.lower()]
                    ["responses"][str(row.status)]["content"][row.media]["schema"])  # fmt: skip
    for parameter in map(resolved, operation.get("parameters", ())):
        if "example" in parameter:
            assert fits(parameter["example"], parameter["schema"]), parameter["name"]


def test_it_says_how_each_route_is_asked_and_refused() -> None:
    """Security, request ids, dry runs and idempotency keys are where they apply."""
    delete = DOCUMENT["paths"]["/admin/groups/{group}"]["delete"]
    assert [parameter.get("$ref", parameter.get("name")) for parameter in delete["parameters"]] == [
        "group", "#/components/parameters/IdempotencyKey",
    ]  # fmt: skip
    assert delete["security"] == [{"bearer": []}]
    assert "200" not in delete["responses"]  # of a dry run, which goes with every request, the document's text tells
    assert {"DryRun"} <= DOCUMENT["components"]["parameters"].keys()
    assert "Decision" in DOCUMENT["components"]["schemas"]
    assert "content" not in delete["responses"]["204"]
    for _, _, operation in operations(DOCUMENT):
        for response in map(resolved, operation["responses"].values()):
            assert "x-request-id" in response["headers"]
    refusals = {int(status) for status in delete["responses"] if status >= "400"}
    assert refusals == {400, 401, 403, 404, 409, 413, 414, 415, 422, 429, 431, 500, 502, 503, 504}


def test_it_says_of_each_route_what_the_server_refuses_before_it() -> None:
    """A long URL or too many headers end any request, in the shape that its path calls for."""
    for _, path, operation in operations(DOCUMENT):
        for status in ("414", "431"):
            [media] = resolved(operation["responses"][status])["content"]
            assert media == ("application/x-amz-json-1.1" if path == "/" else "application/problem+json")


def test_every_operation_that_a_policy_can_open_has_its_body() -> None:
    """The AWS endpoint's 130 bodies, the pool's id left out or not, and none of another operation's members."""
    endpoint = DOCUMENT["paths"]["/"]["post"]
    bodies = endpoint["x-bodies"]
    assert list(bodies) == endpoint["parameters"][0]["schema"]["enum"]
    assert "AWSCognitoIdentityProviderService.CreateUserPool" not in bodies
    assert "AWSCognitoIdentityService.UnlinkIdentity" not in bodies
    creating = {"$ref": bodies["AWSCognitoIdentityProviderService.AdminCreateUser"]}
    assert fits({"Username": "ann"}, creating)
    assert fits({"Username": "ann", "UserPoolId": "us-east-1_DevPool01"}, creating)
    for wrong in ({}, {"Username": ""}, {"Username": "a b"}, {"Username": "ann", "Pool": 1}, {"Username": 1}):
        assert not fits(wrong, creating)


def test_it_is_the_same_each_time_and_for_every_policy() -> None:
    """R-15: nothing of a policy or a pool is in it."""
    assert openapi.write(openapi.document(routes())) == openapi.write(DOCUMENT)
    text = openapi.write(DOCUMENT).decode()
    assert "us-east-1_" not in text.replace("us-east-1_[", "")
    assert World().mint.client_id not in text


def test_two_schemas_of_one_name_are_refused() -> None:
    """A generated type is what one route gives, not what another does."""
    row = next(row for row in ROWS if row.id == "getGroup")
    other = replace(row, id="other", path="/other", result={"type": "object", "title": "Group"})
    with pytest.raises(ValueError, match="two schemas are named Group"):
        openapi.document([row, other])


def test_the_command_writes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`gateway openapi`, to a file or on standard output."""
    file = tmp_path / "openapi.json"
    assert main(["openapi", "--output", str(file), "--server", "https://gateway.example.com"]) == 0
    assert json.loads(file.read_text()) == DOCUMENT | {"servers": [{"url": "https://gateway.example.com"}]}
    assert main(["openapi"]) == 0
    assert json.loads(capsys.readouterr().out) == DOCUMENT
    assert main(["openapi", "--output", str(tmp_path / "no" / "folder")]) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_the_version_is_the_package_s() -> None:
    """The document, the package and its metadata say one version."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]
    assert DOCUMENT["info"]["version"] == __version__ == project["version"]


# --- shapes as schemas ---


def patterns() -> dict[str, Shape]:
    """Every pattern of the catalogue, with a shape that has it."""
    found: dict[str, Shape] = {}
    waiting = [operation.shape for operation in catalogue().by_target.values()]
    while waiting:
        shape = waiting.pop()
        if shape.pattern:
            found.setdefault(shape.pattern, shape)
        waiting += [part for part in (*shape.members.values(), shape.element, shape.key) if part is not None]
    return found


SAMPLES = (
    "", "a", "A-b_9", "a b", " a", "a ", "a\n", "\n", "\u00e4", "\u65e5\u672c", "\U0001f600", "\u00a0", "\u200b",
    "\u2028", "\ue000", "\U000e0001", "us-east-1_aB9", "us-east-1:0a-f", "arn:aws:iam::123456789012:role/r",
    "ann@example.com", "{####}", "a {####} b", "x\n{####}", "{##Click##}", "{##a##", "terms-of-use", "cognito:default",
    "12345", "Level1", "import-a", "authenticated", "tkn" + "a" * 25, "\x00", "\x7f", "\u0661", "http://localhost/",
    "a" * 70, "\u017f",
    "6f9619ff-8b86-4011-b42d-00c04fc964ff", "[", "]", "\\", '"', "\u00ad", "@", "+", "a\rb", "a\u0085b", "(", "^", "$",
)  # fmt: skip


@pytest.mark.parametrize("text", patterns(), ids=lambda text: patterns()[text].name)
def test_a_pattern_means_the_same_to_everybody(text: str) -> None:
    """R-10: what the document's pattern takes is what the gateway takes, for each pattern of Cognito's."""
    found = json_schema.pattern(text)
    for sample in SAMPLES:
        if not sample.endswith("\n"):  # Python's `$` stands before a last line's end as well, ECMA-262's does not
            assert bool(re.search(found, sample)) == bool(re.fullmatch(text, sample, re.ASCII)), ascii(sample)


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node (Debian: apt-get install nodejs)")
def test_the_patterns_are_ecma_262_s() -> None:
    """JavaScript reads each with its strict flag, and finds what `re` finds."""
    told = json.dumps({"patterns": [json_schema.pattern(text) for text in patterns()], "samples": SAMPLES})
    script = """
        const { patterns, samples } = JSON.parse(require("fs").readFileSync(0));
        const found = patterns.map((text) => samples.map((sample) => new RegExp(text, "u").test(sample)));
        console.log(JSON.stringify(found));
    """
    done = subprocess.run(["node", "-e", script], input=told, capture_output=True, text=True, check=True)
    ours = [[bool(re.fullmatch(text, sample, re.ASCII)) for sample in SAMPLES] for text in patterns()]
    assert json.loads(done.stdout) == ours


def test_a_pattern_that_cannot_be_said_is_refused() -> None:
    """A new pattern of AWS's is looked at by a person, not guessed."""
    for text in (r"\bword", r"[\S\d]", r"\p{L}"):
        with pytest.raises(ValueError, match="no translation"):
            json_schema.pattern(text)


VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 61, 2**31, 2**63, 1.5, "", "x", "yes", "long text", [], ["x"], ["x", "y", "z"], [1],
    {}, {"k": "v"}, {"k": 1}, {"longer": "v"}, {"name": "x"}, {"name": "x", "more": 1}, {"name": 1},
)  # fmt: skip


@pytest.mark.parametrize(
    "shape",
    [
        Shape("s", "string", low=1, high=3, pattern="[a-z]+"),
        Shape("s", "string", enum=("x", "yes")),
        Shape("s", "integer", low=0, high=60),
        Shape("s", "integer"),
        Shape("s", "long"),
        Shape("s", "double", low=0),
        Shape("s", "timestamp"),
        Shape("s", "boolean"),
        Shape("s", "document"),
        Shape("s", "list", low=1, high=2, element=Shape("e", "string")),
        Shape("s", "map", high=1, key=Shape("k", "string", high=2), element=Shape("e", "string")),
        Shape("s", "structure", members={"name": Shape("n", "string")}, required=frozenset({"name"})),
        Shape("s", "structure"),
    ],
    ids=lambda shape: shape.type,
)
def test_a_schema_takes_what_the_shape_takes(shape: Shape) -> None:
    """R-10: whoever checks by the document before sending is not surprised."""
    validator = Draft202012Validator(json_schema.schema(shape))
    whole = Shape("whole", "structure", members={"it": shape})
    for value in VALUES:
        try:
            taken = judge(whole, {"it": value}) is None
        except InvalidRequest:
            taken = False
        assert validator.is_valid(value) == taken, value


def test_binary_is_base64() -> None:
    """What JSON Schema cannot judge, it names."""
    assert json_schema.schema(Shape("s", "blob")) == {"type": "string", "contentEncoding": "base64"}
