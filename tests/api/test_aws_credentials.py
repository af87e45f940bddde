"""`POST /me/aws-credentials`, over the whole gateway, a scripted STS and a scripted identity pool."""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import pytest

from gateway.store import Revocation
from gateway.upstream import Answer, AnswerTimeout, NotSent, Request
from tests.fake_sts import error_xml, keys_xml
from tests.minting import ABSENT, Mint
from tests.world import ACCESS_KEY_ID, SECRET_ACCESS_KEY, Reply, World, answer, operation_of, refusal

PATH = "/me/aws-credentials"
REPORTS = "arn:aws:iam::123456789012:role/Reports"
IDENTITY_POOL = "us-east-1:00000000-0000-4000-8000-0000000000d1"
SUB = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
POLICY = f"""
[roles.admin]
groups = ["admin"]
allow = ["AdminGetUser"]
explain = true
[roles.reports]
groups = ["reports"]
allow = []
[roles.reports.aws]
role_arn = "{REPORTS}"
max_seconds = 43200
[roles.user]
groups = ["user"]
allow = []
[public]
allow = ["GetId", "GetCredentialsForIdentity"]
rate_per_minute_per_ip = 1000
rate_per_minute_per_user = 1000
"""


class Aws:
    """STS and the identity pool behind one transport: numbered keys, or what a test has scripted."""

    def __init__(self, world: World) -> None:
        """Answer for `world`'s gateway."""
        self.world = world
        self.forms: list[dict[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.script: list[Answer | Exception] = []
        self.life_seconds = 43_200
        world.cognito.script = self.answer

    def answer(self, request: Request) -> Answer:
        """Answer one request."""
        if self.script:
            scripted = self.script.pop(0)
            if isinstance(scripted, Answer):
                return scripted
            raise scripted
        if request.origin.host.startswith("sts."):
            self.forms.append(dict(parse_qsl(request.body.decode())))
            self.headers.append(dict(request.headers))
            return Answer(200, {}, keys_xml(len(self.forms), self.until(self.life_seconds)))
        if operation_of(request) == "GetId":
            return answer({"IdentityId": "us-east-1:11111111-2222-4333-8444-555555555555"})
        keys = {"AccessKeyId": "ASIAOFTHEPOOL0000001", "SecretKey": "pool/CANARY", "SessionToken": "pool-CANARY=="}
        return answer({"Credentials": keys | {"Expiration": self.world.clock.now + 3600.0}})

    def until(self, seconds: float) -> str:
        """A moment as STS writes it."""
        moment = datetime.fromtimestamp(self.world.clock.now + seconds, UTC)
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
def world() -> World:
    """A gateway with a role for some, and an identity pool for the others."""
    return World(POLICY, COGNITO_IDENTITY_POOL_ID=IDENTITY_POOL)


@pytest.fixture
def aws(world: World) -> Aws:
    """What is behind it."""
    return Aws(world)


async def ask(world: World, *groups: str, **over: Any) -> Reply:
    """A person of these groups asks; `over` are claims of both tokens, and `headers`."""
    headers = over.pop("headers", None)
    body = {"idToken": world.mint.id(groups, **over)}
    return await world.rest("POST", PATH, body, world.token(*groups, **over), headers=headers)


async def test_a_role_of_the_policy_gives_its_members_twelve_hours(world: World, aws: Aws) -> None:
    """STS is asked for the policy's role and time, and for a session named and tagged with the person.

    Its keys come in the form that `credential_process` wants.
    """
    reply = await ask(world, "reports")
    assert (reply.status, reply.json) == (200, {
        "Version": 1,
        "AccessKeyId": "ASIATESTTESTTEST1",
        "SecretAccessKey": "secret/CANARY+of+number1",
        "SessionToken": "FwoGZXIvYXdzEXAMPLECANARY1/+==",
        "Expiration": aws.until(43_200),
    })  # fmt: skip
    assert reply.headers["cache-control"] == "no-store"
    assert aws.forms == [{
        "Action": "AssumeRole",
        "Version": "2011-06-15",
        "RoleArn": REPORTS,
        "RoleSessionName": SUB,
        "DurationSeconds": "43200",
        "Tags.member.1.Key": "username",
        "Tags.member.1.Value": "alice",
        "Tags.member.2.Key": "sub",
        "Tags.member.2.Value": SUB,
        "Tags.member.3.Key": "source",
        "Tags.member.3.Value": "cognito-edge-gateway",
    }]  # fmt: skip
    line = world.entries[-1]
    assert (line["operation"], line["decision"]) == (
        "gateway:IssueCredentials", {"allowed": True, "role": "reports", "reason": None},
    )  # fmt: skip


async def test_the_iam_user_s_own_keys_ask_also_where_a_role_signs_for_cognito() -> None:
    """AWS caps what a role's session gets of another role at one hour: the role's keys never ask for the twelve."""
    world = World(POLICY, AWS_ROLE_ARN="arn:aws:iam::123456789012:role/Gateway")
    aws = Aws(world)
    assert (await ask(world, "reports")).status == 200
    assert f"Credential={ACCESS_KEY_ID}/" in aws.headers[0]["Authorization"]
    assert "X-Amz-Security-Token" not in aws.headers[0]
    assert aws.forms[0]["DurationSeconds"] == "43200"


@pytest.mark.usefixtures("aws")
async def test_they_are_given_again_until_80_percent_of_their_life_are_over(world: World) -> None:
    """STS is spared, the audit is not: each time somebody is given keys there is a line."""
    for _ in range(3):
        assert (await ask(world, "reports")).json["AccessKeyId"] == "ASIATESTTESTTEST1"
    assert [line["operation"] for line in world.entries] == ["gateway:IssueCredentials"] * 3
    world.clock.tick(0.8 * 43_200 - 1)
    later = {"exp": int(world.clock.now) + 3600, "iat": int(world.clock.now) - 1}
    assert (await ask(world, "reports", **later)).json["AccessKeyId"] == "ASIATESTTESTTEST1"
    world.clock.tick(2)
    assert (await ask(world, "reports", **later)).json["AccessKeyId"] == "ASIATESTTESTTEST2"


async def test_nobody_gets_what_another_was_given(world: World, aws: Aws) -> None:
    """Another person, the same one after a new sign-in, one who is called otherwise: other keys."""
    found = [
        (await ask(world, "reports")).json["AccessKeyId"],
        (await ask(world, "reports", sub="another")).json["AccessKeyId"],
        (await ask(world, "reports", auth_time=int(world.mint.now) - 30)).json["AccessKeyId"],
        (await ask(world, "reports", username="bob", **{"cognito:username": "bob"})).json["AccessKeyId"],
    ]
    assert len(set(found)) == 4
    assert aws.forms[3]["Tags.member.1.Value"] == "bob"


async def test_the_caller_never_names_a_role(world: World, aws: Aws) -> None:
    """Whatever would say which role, for how long or with which tags is refused as not the caller's to say."""
    for member in ("roleArn", "customRoleArn", "CustomRoleArn", "role", "durationSeconds", "tags", "session_policy"):
        body = {"idToken": world.mint.id(["reports"]), member: REPORTS}
        reply = await world.rest("POST", PATH, body, world.token("reports"))
        if member == "session_policy":  # nobody's word for it: an unknown member
            assert (reply.status, reply.json["member"]) == (400, member)
        else:
            assert (reply.status, reply.json["type"]) == (403, "AccessDeniedException")
            assert world.reason == f"field:{member}"
            assert member not in reply.json["detail"]
    assert not aws.forms


@pytest.mark.parametrize("body", [{}, {"idToken": ""}, {"idToken": 5}, {"idToken": None}, {"idToken": "a" * 16_385}])
async def test_a_body_without_an_id_token_is_refused(world: World, aws: Aws, body: dict[str, Any]) -> None:
    """The member is named, and STS hears nothing."""
    reply = await world.rest("POST", PATH, body, world.token("reports"))
    assert (reply.status, reply.json["member"]) == (400, "idToken")
    assert not aws.forms


async def test_only_a_good_id_token_of_the_bearer_s_own_serves(world: World, aws: Aws) -> None:
    """An access token, an old one, another pool's, garbage: 401. Somebody else's: 403. Nothing is asked of STS."""
    mint, bearer = world.mint, world.token("reports")
    for token, status, reason in (
        ("a.b.c", 401, "kid"),
        ("käse", 401, "malformed"),
        (mint.access(["reports"]), 401, "token-use"),
        (mint.id(["reports"], exp=int(mint.now) - 1, iat=int(mint.now) - 100), 401, "expired"),
        (mint.id(["reports"], aud="somebodyelses0000000000001"), 401, "client"),
        (Mint("us-east-1_OtherPool").id(["reports"]), 401, "issuer"),
        (mint.id(["reports"], sub="another"), 403, "id-token"),
    ):
        reply = await world.rest("POST", PATH, {"idToken": token}, bearer)
        assert reply.status == status, token
        assert ("www-authenticate" in reply.headers) == (status == 401)
        assert world.reason == reason or token == "a.b.c"
    assert not aws.forms


async def test_a_stranger_s_body_is_not_read(world: World, aws: Aws) -> None:
    """Without a token, with a bad one, with a bare one: 401 whatever the body is."""
    body = {"roleArn": REPORTS}
    for token, headers in ((None, None), ("rubbish", None), (None, {"authorization": world.token("reports")})):
        reply = await world.rest("POST", PATH, body, token, headers=headers)
        assert (reply.status, reply.json["type"]) == (401, "NotAuthorizedException")
    two = {"x-amz-security-token": world.token("reports")}
    reply = await world.rest("POST", PATH, {"idToken": world.mint.id()}, world.token("reports"), headers=two)
    assert (reply.status, world.reason) == (400, "two-tokens")
    assert not aws.forms


async def test_who_is_in_no_such_role_gets_what_the_identity_pool_gives(world: World, aws: Aws) -> None:
    """GetId and GetCredentialsForIdentity with the ID token as login; the same ID token gets the same keys again."""
    reply = await ask(world, "user")
    assert (reply.status, reply.json) == (200, {
        "Version": 1,
        "AccessKeyId": "ASIAOFTHEPOOL0000001",
        "SecretAccessKey": "pool/CANARY",
        "SessionToken": "pool-CANARY==",
        "Expiration": aws.until(3600),
    })  # fmt: skip
    logins = {f"cognito-idp.us-east-1.amazonaws.com/{world.mint.pool_id}": world.mint.id(["user"])}
    first, second = world.cognito.bodies
    assert set(first) == {"IdentityPoolId", "Logins"}
    assert first["IdentityPoolId"] == IDENTITY_POOL
    assert first["Logins"].keys() == second["Logins"].keys() == logins.keys()
    assert [line["operation"] for line in world.entries] == [
        "gateway:IssueCredentials", "GetId", "GetId", "GetCredentialsForIdentity",
    ]  # fmt: skip
    assert (await ask(world, "user")).json == reply.json
    assert len(world.cognito.requests) == 2
    await ask(world, "user", jti="another")
    assert [operation_of(request) for request in world.cognito.requests] == ["GetId", "GetCredentialsForIdentity"] * 2
    assert not aws.forms


async def test_the_identity_pool_s_refusals_are_told(world: World, aws: Aws) -> None:
    """A login that it does not take is 400, for the bearer is good; what is no answer of its is 502."""
    aws.script = [refusal("NotAuthorizedException", "Token is not from a supported provider")]
    assert (await ask(world, "user")).status == 400
    aws.script = [answer({"IdentityId": "us-east-1:1"}), answer({"Credentials": {"AccessKeyId": "x"}})]
    reply = await ask(world, "user")
    assert (reply.status, reply.json["type"]) == (502, "InternalErrorException")


@pytest.mark.parametrize("public", ["", 'allow = ["GetId"]'])
async def test_where_nothing_is_set_up_it_says_so(public: str) -> None:
    """No role for the caller, and no identity pool or not both of its operations: 404 in words."""
    settings = {"COGNITO_IDENTITY_POOL_ID": IDENTITY_POOL} if public else {}
    world = World(POLICY.partition("[public]")[0] + f"[public]\n{public}\n", **settings)
    reply = await ask(world, "user")
    assert (reply.status, reply.json["type"]) == (404, "ResourceNotFoundException")
    assert "identity pool" in reply.json["detail"]
    assert world.reason == "credentials-not-served"
    assert not world.cognito.requests


async def test_who_is_signed_out_gets_no_more_of_what_is_kept(world: World, aws: Aws) -> None:
    """The revocation is looked at before what is kept; an old ID token beside a new bearer is refused as well."""
    await ask(world, "reports")
    now = world.mint.now
    await world.store.revoke([Revocation("signed_out", SUB, now - 10)])
    assert ((await ask(world, "reports")).status, world.reason) == (401, "revoked")
    new = {"auth_time": int(now) - 5, "iat": int(now) - 5}
    mixed = await world.rest("POST", PATH, {"idToken": world.mint.id(["reports"])}, world.token("reports", **new))
    assert (mixed.status, world.reason) == (401, "revoked")
    assert len(aws.forms) == 1
    assert (await ask(world, "reports", **new)).json["AccessKeyId"] == "ASIATESTTESTTEST2"


FRESH = POLICY.replace('groups = ["reports"]', 'groups = ["reports"]\nfresh = true')


@pytest.mark.parametrize(
    ("enabled", "groups", "status", "reason"),
    [
        (True, ["reports"], 200, "None"),
        (True, ["user"], 404, "credentials-not-served"),
        (False, [], 403, "caller-disabled"),
    ],
)
async def test_a_fresh_role_asks_cognito_whether_one_is_still_in_it(
    enabled: bool,  # noqa: FBT001 - a test's case
    groups: list[str],
    status: int,
    reason: str,
) -> None:
    """R-13: a token's groups may be a day old, and the keys last for twelve hours more."""
    world = World(FRESH)
    aws = Aws(world)

    def people(request: Request) -> Answer:
        user = {"Username": "alice", "Enabled": enabled, "UserStatus": "CONFIRMED"}
        if operation_of(request) == "AdminGetUser":
            return answer({**user, "UserAttributes": [{"Name": "sub", "Value": SUB}]})
        return answer({"Groups": [{"GroupName": name} for name in groups]})

    world.cognito.people = people
    reply = await ask(world, "reports")
    assert (reply.status, world.reason) == (status, reason)
    assert world.entries[-1]["guard_calls"][0] == "AdminGetUser"
    assert len(aws.forms) == (status == 200)


async def test_a_strict_role_shows_cognito_the_token() -> None:
    """A token that Cognito does not accept any more gets nothing."""
    world = World(FRESH.replace("fresh = true", "strict = true"))
    aws = Aws(world)
    world.cognito.people = lambda _request: refusal("NotAuthorizedException", "Access Token has been revoked")
    assert ((await ask(world, "reports")).status, world.reason) == (401, "strict")
    assert not aws.forms


async def test_a_strict_role_is_strict_whoever_is_asked_first() -> None:
    """Which of two roles gives the credentials may change with the live groups; what one of them wants, holds."""
    boss = '[roles.boss]\ngroups = ["boss"]\nallow = []\nstrict = true\n[roles.boss.aws]\nrole_arn = "{}"\n'
    world = World(FRESH + boss.format("arn:aws:iam::123456789012:role/Boss"))
    aws = Aws(world)

    def people(request: Request) -> Answer:
        if operation_of(request) == "GetUser":
            return refusal("NotAuthorizedException", "Access Token has been revoked")
        return answer({
            "Username": "alice", "Enabled": True, "Groups": [{"GroupName": "boss"}],
            "UserAttributes": [{"Name": "sub", "Value": "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"}],
        })  # fmt: skip

    world.cognito.people = people
    assert ((await ask(world, "reports", "boss")).status, world.reason) == (401, "strict")
    assert not aws.forms


@pytest.mark.parametrize("ends", [1e300, 0, -5, True, "soon", None])
async def test_an_identity_pool_s_impossible_keys_are_not_given(world: World, aws: Aws, ends: Any) -> None:
    """What has ended, or never ends, is no answer of AWS's: 502, and nothing of it is kept."""
    keys = {"AccessKeyId": "ASIAOFTHEPOOL0000001", "SecretKey": "pool/CANARY", "SessionToken": "pool-CANARY=="}
    identity = answer({"IdentityId": "us-east-1:11111111-2222-4333-8444-555555555555"})
    aws.script = [identity, answer({"Credentials": keys | {"Expiration": ends}})]
    assert (await ask(world, "other")).status == 502
    aws.script = [answer({"IdentityId": ends})]
    assert (await ask(world, "other")).status == 502
    assert (await ask(world, "other")).status == 200


async def test_sts_s_refusals_are_the_gateway_s_own(world: World, aws: Aws) -> None:
    """Nothing of what STS says is passed on: refused, broken, or not STS's is 502, too late is 504."""
    for scripted, status in (
        (Answer(403, {}, error_xml("AccessDenied")), 502),
        (Answer(400, {}, error_xml("PackedPolicyTooLarge")), 502),
        (Answer(200, {}, b"<html>CANARY</html>"), 502),
        (NotSent("unreachable"), 502),
        (AnswerTimeout("answer_timeout"), 504),
    ):
        aws.script = [scripted]
        reply = await ask(world, "reports")
        assert (reply.status, reply.json["detail"]) == (status, "AWS did not give the credentials.")
        assert b"CANARY" not in reply.body
        assert b"arn:" not in reply.body
        assert (await ask(world, "reports")).json["detail"] == reply.json["detail"]  # STS is spared for a moment
        assert not aws.forms
        world.clock.tick(2.0)
    assert "sts:AccessDenied" in world.logged[1]
    assert (await ask(world, "reports")).status == 200  # and nothing of it was kept


async def test_keys_that_sts_refuses_give_way_to_the_next_pair() -> None:
    """A rotation of the IAM user's keys does not keep anybody from theirs."""
    pairs = {
        name: {"access_key_id": f"AKIACANARYCANARY000{number}", "secret_access_key": f"canary/{name}"}
        for number, name in enumerate(("current", "next"), 1)
    }
    world = World(POLICY, AWS_CREDENTIALS=json.dumps(pairs))
    aws = Aws(world)
    aws.script = [Answer(403, {}, error_xml("InvalidClientTokenId"))]
    assert (await ask(world, "reports")).status == 200
    assert "Credential=AKIACANARYCANARY0002/" in aws.headers[0]["Authorization"]


async def test_a_dry_run_decides_and_gives_nothing(world: World, aws: Aws) -> None:
    """Whether it would be given, without asking AWS; a role that may ask is told why not."""
    dry = {"x-gateway-dry-run": "true"}
    reply = await ask(world, "reports", headers=dry)
    assert (reply.status, reply.json) == (200, {"allowed": True})
    body = {"idToken": world.mint.id(sub="another")}
    reply = await world.rest("POST", PATH, body, world.token("admin"), headers=dry)
    assert reply.json == {"allowed": False, "role": None, "reason": "id-token", "field": None}
    assert not world.cognito.requests
    assert not aws.forms


async def test_a_machine_gets_none(world: World, aws: Aws) -> None:
    """It has no ID token, and a person's is not its own."""
    token = world.mint.machine(["gateway/users.read"])
    reply = await world.rest("POST", PATH, {"idToken": world.mint.id(["reports"])}, token)
    assert (reply.status, world.reason) == (403, "id-token")
    assert not aws.forms


async def test_a_broken_audit_gives_nothing(world: World, aws: Aws) -> None:
    """R-18: no line, no keys, also where they are kept."""
    await ask(world, "reports")
    world.sink.broken = True
    assert (await ask(world, "reports")).status == 503
    assert len(aws.forms) == 1


async def test_no_secret_is_written_anywhere(world: World, aws: Aws) -> None:
    """R-01: neither what was given nor what signed for it is in the audit, in the log, or in what is printed of it."""
    await ask(world, "reports")
    await ask(world, "user")
    aws.script = [Answer(403, {}, error_xml("AccessDenied"))]
    await ask(world, "reports", sub="another")
    told = b"".join(world.sink.lines).decode() + "".join(world.logged) + repr(world.assembled)
    for secret in ("CANARY+of", "EXAMPLECANARY", "pool/CANARY", "pool-CANARY", SECRET_ACCESS_KEY, "ASIA", "eyJ"):
        assert secret not in told


async def test_an_old_pool_s_tokens_without_a_sign_in_time_serve(world: World, aws: Aws) -> None:
    """A bearer that does not say when its owner signed in gets keys of its own."""
    await ask(world, "reports")
    assert (await ask(world, "reports", auth_time=ABSENT)).json["AccessKeyId"] == "ASIATESTTESTTEST2"
    assert len(aws.forms) == 2
