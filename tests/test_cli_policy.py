"""`gateway policy` as a person types it: check a policy, ask it, hold it to expectations."""

import io
import json
import os
import pathlib
import shlex
import sys

import pytest

from gateway.cli import main

ROLE = '[roles.support]\ngroups = ["support"]\nallow = ["ListUsers", "AdminDisableUser"]\n'
EXPECTED = """
[[expect]]
name = "support looks"
caller = "group:moderator"
operation = "ListUsers"
allowed = true
role = "moderator"
[[expect]]
caller = { groups = ["moderator"] }
operations = ["AdminDisableUser", "AdminEnableUser"]
targets = ["group:admin", { groups = ["moderator"] }]
allowed = false
reason = "rank"
status = 403
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """An empty folder and an environment without settings."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(("AWS_", "COGNITO_", "GATEWAY_")):
            monkeypatch.delenv(name)
    return tmp_path


def run(line: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """The exit status and what was printed by a command line after `gateway policy`."""
    status = main(["policy", *shlex.split(line)])
    out, err = capsys.readouterr()
    return status, out, err


# check


def test_a_good_policy_is_summed_up(folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`gateway policy check` says what a file allows, for people and for programs."""
    (folder / "policy.toml").write_text(ROLE, encoding="utf-8")
    status, out, _ = run("check policy.toml", capsys)
    assert status == 0
    assert "policy.toml: ok" in out
    assert "group support" in out
    status, out, _ = run("check policy.toml --json", capsys)
    assert status == 0
    assert json.loads(out)["roles"][0]["allow"] == ["AdminDisableUser", "ListUsers"]


def test_a_bad_policy_is_refused_with_every_mistake(folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 1, one line a mistake, each with the file's name; nothing on standard output."""
    (folder / "policy.toml").write_text(ROLE.replace("ListUsers", "ListUser") + "[guards]\nrank = 1\n", "utf-8")
    status, out, err = run("check policy.toml", capsys)
    assert (status, out) == (1, "")
    assert err.count("policy.toml: ") == 3
    assert "did you mean ListUsers?" in err
    status, out, _ = run("check policy.toml --json", capsys)
    assert status == 1
    assert len(json.loads(out)["problems"]) == 2


def test_a_missing_policy_file_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """No traceback for a file that is not there."""
    status, _, err = run("check nowhere.toml", capsys)
    assert status == 1
    assert "nowhere.toml: cannot be read: No such file" in err


def test_the_matrix_shows_who_may_what(folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One row an operation, one column a role; what is looked at anew on each call is named."""
    text = ROLE + 'fresh = true\n[roles.other]\ngroups = ["other"]\nallow = ["ListUsers"]\nstrict = ["ListUsers"]\n'
    (folder / "policy.toml").write_text(text + "[guards.step_up]\nListUsers = { max_age_seconds = 60 }\n", "utf-8")
    _, out, _ = run("check policy.toml --matrix", capsys)
    rows = [line.split() for line in out.splitlines()]
    assert ["support", "other"] in rows
    assert ["AdminDisableUser", "yes+fresh", "-"] in rows
    assert ["ListUsers", "yes+fresh", "yes+strict", "step-up"] in rows


# explain


def test_a_refusal_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    """Who is refused, by which rule, what it is told, and what its roles say."""
    status, out, err = run("explain --caller group:moderator --operation AdminDisableUser --target group:admin", capsys)
    assert (status, err) == (1, "")
    assert out.splitlines() == [
        "refused: AdminDisableUser by a person in moderator, on a user in admin",
        "  by      rank: the target, or the group, is not weaker than the caller",
        "  answer  403 AccessDeniedException: The caller may not do this.",
        "  role    moderator  allows it, but it acts at 5, the user is at 1",
        "  policy  built-in",
    ]


MORE = """
[roles.support]
groups = ["moderator"]
allow = ["AdminUpdateUserAttributes", "AdminAddUserToGroup", "AdminDisableUser", "UpdateGroup"]
limits = { attributes = ["name"], groups = "any" }
[roles.robot]
scopes = ["gateway/x"]
allow = ["AdminDisableUser"]
[roles.open]
groups = ["premium"]
allow = ["AdminUpdateUserAttributes", "AdminSetUserPassword", "AdminDisableUser"]
limits = { attributes = "any" }
[roles.elsewhere]
groups = ["elsewhere"]
allow = ["AdminDisableUser", "ListUsers"]
fresh = true
[public]
allow = ["InitiateAuth"]
"""


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "--caller group:moderator --operation AdminUpdateUserAttributes --attributes name,email",
            "role    support  allows it, but UserAttributes goes beyond its limits.attributes: name",
        ),
        ("--caller group:moderator --operation AdminAddUserToGroup", "the body has no GroupName: give --group NAME"),
        (
            "--caller group:moderator --operation AdminAddUserToGroup --group prmium",
            "the pool has no group 'prmium'; did you mean premium?",
        ),
        (
            "--caller group:moderator --operation AdminAddUserToGroup --group admin",
            "it acts at 5, the user is at no group, the group admin is at 1",
        ),
        (
            """--caller group:moderator --operation UpdateGroup --group user --body '{"Precedence": 1}'""",
            "the group user is at 10, the new precedence is 1",
        ),
        (
            "--caller group:moderator --operation AdminDisableUser --target group:x --groups moderator=none,x=none",
            "it acts at no precedence, the user is at no precedence",
        ),
        (
            "--caller group:premium --operation AdminUpdateUserAttributes --attributes email",
            "allows it, but its limits.attributes does not name email itself",
        ),
        (
            "--caller group:premium --operation AdminSetUserPassword --target federated",
            "allows it, but its limits have no federated_password = true",
        ),
        ("--caller scope:gateway/x --operation AdminDisableUser", "it has no rank: give it a precedence"),
        ("--caller person --operation AdminDisableUser", "allowed to role robot: scope gateway/x"),
        ("--caller group:premium --operation ListGroups", "role    open  does not allow ListGroups"),
        ("--caller group:premium --operation ListGroups", "no role of this policy allows it"),
        ("--caller stranger --operation SignUp", "[public] does not list it"),
        (
            "--caller group:elsewhere,disabled --operation ListUsers",
            "caller-disabled: the caller's account is disabled",
        ),
        ("--caller left:elsewhere --operation ListUsers", "a person in elsewhere that has left elsewhere"),
        ("--caller group:premium --operation AdminDisableUser --target missing", "on a user who does not exist"),
        ("--caller group:premium --operation AdminDisableUser --target self", "self-lockout: nobody disables"),
        (
            "--caller group:premium --operation AdminDisableUser --target group:admin,disabled,federated",
            "on a disabled federated user in admin",
        ),
        (
            "--caller group:premium --operation AdminDisableUser --target none",
            "400 InvalidParameterException: Member 'Username' is missing.",
        ),
    ],
)
def test_every_refusal_says_what_to_change(
    line: str, told: str, folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The limit, the rank, the missing member: what its owner has to look at."""
    (folder / "policy.toml").write_text(MORE, "utf-8")
    status, out, _ = run(f"explain --policy policy.toml {line}", capsys)
    assert status == 1
    assert told in out


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("--caller stranger --operation InitiateAuth", "by      [public]: nobody needs a role for it"),
        ("--caller group:premium --operation AdminDisableUser", "--target group:NAME asks for a stronger user"),
        (
            "--caller group:elsewhere --operation ListUsers --target group:admin",
            "the target does not count: reads are not ranked",
        ),
        ("--caller group:elsewhere --operation AdminDisableUser --groups elsewhere=3", "by      role elsewhere"),
    ],
)
def test_what_is_allowed_says_by_whom(
    line: str, told: str, folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 0, and the role that grants it."""
    (folder / "policy.toml").write_text(MORE, "utf-8")
    status, out, _ = run(f"explain --policy policy.toml {line}", capsys)
    assert status == 0
    assert out.startswith("allowed: ")
    assert told in out


def test_programs_get_json(capsys: pytest.CaptureFixture[str]) -> None:
    """The same as data: the verdict, each role's own, and what the body lacks."""
    status, out, _ = run(
        "explain --caller group:moderator,group:readonly --operation AdminAddUserToGroup --json", capsys
    )
    assert status == 1
    assert json.loads(out) == {
        "allowed": False,
        "role": None,
        "reason": "member-missing",
        "field": None,
        "status": 400,
        "type": "InvalidParameterException",
        "operation": "AdminAddUserToGroup",
        "policy": "built-in",
        "roles": [
            {"name": "moderator", "allowed": False, "reason": "member-missing", "field": None},
            {"name": "readonly", "allowed": False, "reason": "operation", "field": None},
        ],
        "missing": ["GroupName"],
    }


def test_no_role_is_asked_about_what_needs_none(capsys: pytest.CaptureFixture[str]) -> None:
    """A public operation is nobody's to grant."""
    _, out, _ = run("explain --caller group:premium --operation InitiateAuth --json", capsys)
    assert json.loads(out)["roles"] == []


def test_who_has_left_is_not_sent_back(folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The hint names roles that the caller does not have."""
    (folder / "policy.toml").write_text(MORE, "utf-8")
    _, out, _ = run("explain --policy policy.toml --caller left:elsewhere --operation ListUsers", capsys)
    assert "refused" in out
    assert "hint" not in out


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("--caller group:moderator --operation AdminDisableUsr", "did you mean AdminDisableUser?"),
        ("--caller group:moderater --operation AdminDisableUser", "did you mean moderator? (--groups tells"),
        ("--caller group:moderator --operation AdminDisableUser --target group:admn", "did you mean admin?"),
        ("--caller moderator --operation ListUsers", "'moderator' is none of group:NAME, scope:NAME"),
        ("--caller persn --operation ListUsers", "did you mean person?"),
        ("--caller group: --operation ListUsers", "is none of"),
        ("--caller group:user,scope:x --operation ListUsers", "people have groups, machines have scopes"),
        ("--caller stranger,disabled --operation ListUsers", "a stranger has no token"),
        ("--caller scope:x --operation AdminDisableUser --target self", "only a person can be its own target"),
        ("--caller person --operation AdminDisableUser --target self,none", "says twice who it is"),
        ("--caller person --operation AdminDisableUser --target group:admin,self", "says twice who it is"),
        ("--caller person --operation AdminDisableUser --target none,disabled", "says something of nobody"),
        ("--caller person --operation AdminDisableUser --target group:user,last", "in the strongest group (admin)"),
        ("--caller person --operation AdminDisableUser --target group:admin,last,disabled", "cannot be disabled"),
        ("--caller left:admin --operation AdminDisableUser --target self,last", "in the strongest group (admin)"),
        ("--caller person --operation ListUsers --group x", "ListUsers has no GroupName"),
        ("--caller person --operation AdminDisableUser --attributes x", "has no UserAttributes or UserAttributeNames"),
        ("""--caller person --operation CreateGroup --group x --body '{"GroupName": "y"}'""", "has GroupName already"),
        ("--caller person --operation ListUsers --body nonsense", "The body is not JSON."),
        ("--caller person --operation ListUsers --body []", "must be a JSON object"),
        ("--caller person --operation ListUsers --body @nowhere", "nowhere: cannot be read: No such file"),
        ("--caller person --operation ListUsers --body @binary", "is not UTF-8 text"),
        ("--caller person --operation ListUsers --age yesterday", "age_seconds needs a whole number"),
        ("--caller person --operation ListUsers --groups a=1,a=2", "named twice"),
        ("--caller person --operation ListUsers --groups a=-1", "needs a precedence"),
        ("--caller person --operation ListUsers --groups a", "needs a precedence"),
        ("--caller person --operation ListUsers --policy nowhere.toml", "nowhere.toml: cannot be read: No such file"),
        ("--caller person --operation ListUsers --policy binary", "binary: is not UTF-8 text"),
    ],
)
def test_a_question_that_is_not_understood_is_no_verdict(
    line: str, told: str, folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2 and not 1: a script must not take a misspelt name for a refusal."""
    (folder / "binary").write_bytes(b"\x7fELF\xd0\xff")
    status, out, err = run(f"explain {line}", capsys)
    assert (status, out) == (2, "")
    assert err.startswith("gateway policy explain: ")
    assert told in err


def test_a_body_comes_from_a_file_or_standard_input(
    folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A body that was logged somewhere can be asked about as it is."""
    body = '{"UserPoolId": "eu-west-1_AbCdEfGhI", "Filter": "email ^= \\"a\\""}'
    (folder / "body.json").write_text(body, "utf-8")
    words = "explain --caller group:readonly --operation ListUsers --body"
    assert "by      pool: the body names another user pool" in run(f"{words} @body.json", capsys)[1]
    monkeypatch.setenv("COGNITO_USER_POOL_ID", "eu-west-1_AbCdEfGhI")
    monkeypatch.setenv("COGNITO_CLIENT_IDS", "one,two")
    monkeypatch.setattr(sys, "stdin", io.StringIO(body))
    assert run(f"{words} -", capsys)[0] == 0


def test_how_somebody_signed_in_counts(folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--age`, `--acr` and `--amr` are what the token would say."""
    (folder / "policy.toml").write_text(
        ROLE + '[guards.step_up]\nListUsers = { max_age_seconds = 900, acr = "high", amr = ["mfa"] }\n', "utf-8"
    )
    words = "explain --policy policy.toml --caller group:support --operation ListUsers"
    assert run(f"{words} --age 900 --acr high --amr pwd,mfa", capsys)[0] == 0
    assert "401 NotAuthorizedException" in run(f"{words} --age 901 --acr high --amr pwd,mfa", capsys)[1]
    assert run(words, capsys)[0] == 1


def test_the_policy_may_come_from_the_environment(
    folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """GATEWAY_POLICY as the gateway reads it, a path or TOML; `--policy` is a path and wins."""
    words = "explain --caller group:support --operation ListUsers"
    (folder / "policy.toml").write_text(ROLE, "utf-8")
    monkeypatch.setenv("GATEWAY_POLICY", "policy.toml")
    assert "policy  policy.toml" in run(words, capsys)[1]
    monkeypatch.setenv("GATEWAY_POLICY", ROLE)
    assert "policy  GATEWAY_POLICY" in run(words, capsys)[1]
    monkeypatch.setenv("GATEWAY_POLICY", "[rols]")
    assert "GATEWAY_POLICY: rols: is not known; did you mean roles?" in run(words, capsys)[2]
    assert run(f"{words} --policy policy.toml", capsys)[0] == 0


def test_colours_are_for_terminals(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Green or red on a terminal; none into a file, and none with NO_COLOR."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    words = "explain --caller group:admin --operation ListUsers"
    assert run(words, capsys)[1].startswith("allowed: ")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert run(words, capsys)[1].startswith("\033[32mallowed\033[0m: ")
    assert run(words.replace("admin", "user"), capsys)[1].startswith("\033[31mrefused\033[0m: ")
    monkeypatch.setenv("NO_COLOR", "1")
    assert run(words, capsys)[1].startswith("allowed: ")


# test


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("explain --caller group:admin --operation ListUsers --caller group:user", "argument --caller: given twice"),
        ("explain --caller person --operation ListUsers --operation ListGroups", "argument --operation: given twice"),
        ("explain --caller person --operation ListUsers --body {} --body {}", "argument --body: given twice"),
        ("test a.toml b.toml --policy x.toml --policy x.toml", "argument --policy: given twice"),
    ],
)
def test_an_option_that_is_given_twice_is_an_error(line: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody reads the answer to a question with one caller for the answer to another: exit 2 names the option."""
    with pytest.raises(SystemExit) as ended:
        run(line, capsys)
    assert ended.value.code == 2
    assert told in capsys.readouterr().err


def test_expectations_that_are_met_pass(folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line a file; a row with lists is several calls."""
    (folder / "expected.toml").write_text(EXPECTED, "utf-8")
    status, out, err = run("test expected.toml", capsys)
    assert (status, err) == (0, "")
    assert out == "expected.toml: ok, 5 of 5 as expected (policy built-in)\n"


def test_an_expectation_that_is_not_met_fails(folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 1; the row's number and name, what was expected and what came."""
    (folder / "good.toml").write_text(EXPECTED, "utf-8")
    (folder / "bad.toml").write_text(
        EXPECTED.replace('role = "moderator"', 'role = "admin"').replace('targets = ["group:admin", ', "targets = ["),
        "utf-8",
    )
    status, out, _ = run("test good.toml bad.toml", capsys)
    assert status == 1
    assert out.splitlines() == [
        "good.toml: ok, 5 of 5 as expected (policy built-in)",
        "bad.toml: row 1 (support looks): ListUsers by a person in moderator, on a user in no group",
        "    expected allowed (role admin), got allowed (role moderator, status 200)",
        "bad.toml: FAILED, 2 of 3 as expected (policy built-in)",
    ]
    status, out, _ = run("test bad.toml good.toml --json", capsys)
    assert status == 1
    told = json.loads(out)
    assert (told["passed"], told["failed"]) == (7, 1)
    assert told["failures"][0]["got"] == {"allowed": True, "role": "moderator", "status": 200}
    assert told["failures"][0]["row"] == 1


@pytest.mark.parametrize(
    ("change", "by"),
    [
        ('reason = "rank"', 'reason = "self-lockout"'),
        ("status = 403", "status = 400"),
        ("allowed = true", "allowed = false"),
        ('reason = "rank"', 'reason = "rank"\nfield = "email"'),
        ('reason = "rank"', 'reason = "rank"\nrole = "admin"'),
    ],
)
def test_everything_that_a_row_names_counts(
    change: str, by: str, folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Reason, field, role and status are compared where they are named."""
    (folder / "expected.toml").write_text(EXPECTED.replace(change, by), "utf-8")
    assert run("test expected.toml", capsys)[0] == 1


def test_a_file_names_its_policy_and_its_groups(folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The path is relative to the file; `--policy` wins, so that a draft can be tried."""
    (folder / "rules").mkdir()
    (folder / "rules" / "policy.toml").write_text(ROLE, "utf-8")
    (folder / "draft.toml").write_text(ROLE.replace('"ListUsers", ', ""), "utf-8")
    row = '[[expect]]\ncaller = "group:support"\noperations = ["ListUsers", "AdminDisableUser"]\nallowed = true\n'
    (folder / "rules" / "expected.toml").write_text(
        'policy = "policy.toml"\npool = "eu-west-1_AbCdEfGhI"\nclients = ["one"]\n'
        f'[groups]\nsupport = 3\nguests = "none"\n{row}body = {{ UserPoolId = "eu-west-1_AbCdEfGhI" }}\n',
        "utf-8",
    )
    status, out, _ = run("test rules/expected.toml", capsys)
    assert status == 0
    assert "(policy rules/policy.toml)" in out
    status, out, _ = run("test rules/expected.toml --policy draft.toml", capsys)
    assert status == 1
    assert "got refused (reason operation, status 403)" in out


def test_groups_must_be_known_where_rank_counts(folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A policy's own groups may read without a table of precedences; to act they need one."""
    (folder / "policy.toml").write_text(ROLE, "utf-8")
    row = 'policy = "policy.toml"\n[[expect]]\ncaller = "group:support"\noperation = "ListUsers"\nallowed = true\n'
    (folder / "expected.toml").write_text(row, "utf-8")
    assert run("test expected.toml", capsys)[0] == 0
    (folder / "expected.toml").write_text(row.replace("ListUsers", "AdminDisableUser"), "utf-8")
    status, _, err = run("test expected.toml", capsys)
    assert status == 2
    assert "row 1: 'support' is not among the pool's groups" in err
    assert "[groups] tells those of your pool" in err


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "there is no [[expect]]"),
        ("expect = 3", "there is no [[expect]]"),
        ("[[expect]", "not TOML"),
        ("polcy = 'x'\n" + EXPECTED, "'polcy' is not known; did you mean policy?"),
        ("policy = 3\n" + EXPECTED, "policy needs a path"),
        ("pool = 'x'\n" + EXPECTED, "pool needs a user pool's id"),
        ("groups = 3\n" + EXPECTED, "groups: needs a table"),
        ("[groups]\nadmin = 'first'\n" + EXPECTED, "groups: group 'admin' needs a precedence"),
        ("[groups]\nadmin = true\n" + EXPECTED, "groups: group 'admin' needs a precedence"),
        (EXPECTED + "alowed = true", "row 2: 'alowed' is not known; did you mean allowed?"),
        (EXPECTED.replace("AdminEnableUser", "EnableUser"), "row 2: operation: 'EnableUser' is not an operation"),
        (EXPECTED.replace('operation = "ListUsers"', "operation = 3"), "row 1: operation needs words or a table"),
        (EXPECTED.replace('operation = "ListUsers"', ""), "row 1: needs operation or operations"),
        (EXPECTED.replace('caller = "group:moderator"', ""), "row 1: needs caller or callers"),
        (EXPECTED.replace('["AdminDisableUser", "AdminEnableUser"]', "[]"), "row 2: operations needs a list"),
        (EXPECTED + 'target = "self"', "row 2: targets needs a list, and no target beside it"),
        (EXPECTED.replace("allowed = true", ""), "row 1: needs allowed = true or false"),
        (EXPECTED.replace("allowed = true", "allowed = 1"), "row 1: allowed needs true or false"),
        (EXPECTED.replace('role = "moderator"', 'reason = "rank"'), "row 1: reason is told of a refusal only"),
        (EXPECTED.replace("status = 403", "status = '403'"), "row 2: status needs a number"),
        (EXPECTED.replace('"rank"', '"takeover:email"'), 'row 2: write reason = "takeover" and field = "email"'),
        (EXPECTED.replace("support looks", "x").replace('"x"', "3"), "row 1: name needs text"),
        (EXPECTED + "body = 3", "row 2: body needs a table"),
        (EXPECTED + "group = 'user'", "row 2: AdminDisableUser has no GroupName"),
        (EXPECTED + "attributes = 'email'", "row 2: attributes needs a list of names"),
        (
            EXPECTED.replace('{ groups = ["moderator"] }\noper', '{ group = "x" }\noper'),
            "row 2: caller: 'group' is not",
        ),
        (EXPECTED.replace('{ groups = ["moderator"] }]', "{ last = 1 }]"), "row 2: target: last needs true or false"),
        (
            EXPECTED.replace('role = "moderator"', 'role = "moderater"'),
            "row 1: 'moderater' is no role of the policy; did you mean moderator?",
        ),
        (EXPECTED + 'role = "nobody"', "row 2: 'nobody' is no role of the policy"),
        (EXPECTED.replace("group:admin", "group:admn"), "row 2: 'admn' is not among the pool's groups"),
        *(
            (EXPECTED.replace('caller = { groups = ["moderator"] }', f"caller = {{ {wrong} }}"), told)
            for wrong, told in (
                ("age_seconds = true", "row 2: caller: age_seconds needs a whole number"),
                ("acr = 3", "row 2: caller: acr needs one name"),
                ("token_use = 'refresh'", 'row 2: caller: token_use needs "access" or "id"'),
                ("scopes = ['x'], groups = ['user']", "row 2: caller: people have groups"),
            )
        ),
    ],
)
def test_a_mistake_in_the_expectations_is_named(
    text: str, told: str, folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2: a file that is not understood has tested nothing."""
    (folder / "expected.toml").write_text(text, "utf-8")
    status, out, err = run("test expected.toml", capsys)
    assert (status, out) == (2, "")
    assert f"expected.toml: {told}" in err
    assert "nothing was tested" in err


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("nowhere.toml", "nowhere.toml: cannot be read: No such file"),
        ("binary", "binary: is not UTF-8 text"),
        ("expected.toml --policy nowhere.toml", "expected.toml: nowhere.toml: cannot be read"),
        ("expected.toml --policy bad.toml", "expected.toml: bad.toml: rols: is not known"),
    ],
)
def test_what_cannot_be_read_is_no_success(
    line: str, told: str, folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing file, or a policy that the gateway would refuse, neither turns a build green nor is a verdict."""
    (folder / "expected.toml").write_text(EXPECTED, "utf-8")
    (folder / "bad.toml").write_text("[rols]", "utf-8")
    (folder / "binary").write_bytes(b"\x7fELF\xd0\xff")
    status, out, err = run(f"test {line}", capsys)
    assert (status, out) == (2, "")
    assert told in err


def test_a_caller_may_be_described_in_a_table(folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    """How it signed in, with which token, and what has changed since."""
    role = ROLE.replace("AdminDisableUser", "AdminDisableUser") + "fresh = true\nstrict = ['AdminDisableUser']\n"
    (folder / "policy.toml").write_text(role + "[guards.step_up]\nListUsers = { max_age_seconds = 900 }\n", "utf-8")
    (folder / "expected.toml").write_text(
        """
        policy = "policy.toml"
        [groups]
        support = 1
        [[expect]]
        callers = [{ groups = ["support"], age_seconds = 901 }, { groups = ["support"], age_seconds = 10000 }]
        operation = "ListUsers"
        allowed = false
        reason = "step-up"
        status = 401
        [[expect]]
        callers = [{ groups = ["support"], disabled = true }, "group:support,disabled"]
        operation = "ListUsers"
        allowed = false
        reason = "caller-disabled"
        [[expect]]
        callers = [{ left = ["support"] }, "left:support"]
        operation = "ListUsers"
        allowed = false
        reason = "operation"
        [[expect]]
        caller = { groups = ["support"], token_use = "id" }
        operation = "AdminDisableUser"
        allowed = false
        reason = "strict-token-use"
        [[expect]]
        caller = { groups = ["support"], acr = "x", amr = ["mfa"] }
        operation = "AdminDisableUser"
        target = { groups = [], federated = true, disabled = false, last = false }
        allowed = true
        """,
        "utf-8",
    )
    status, out, err = run("test expected.toml", capsys)
    assert (status, err) == (0, ""), out
    assert "ok, 8 of 8" in out
