"""Who may sign: the emulator refuses what AWS refuses."""

import hashlib
import json
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from gateway.emulator import Emulator
from tests.emulator.callers import PREFIX, Clock, post, refusal, signed
from tests.emulator.conftest import Connect

TARGET = f"{PREFIX}.ListGroups"
BODY = json.dumps({"UserPoolId": "us-east-1_DevPool01"}).encode()
HEADERS = {"content-type": "application/x-amz-json-1.1", "x-amz-target": TARGET}


def test_a_signature_by_botocore_is_accepted(emulator: Emulator) -> None:
    """What AWS's own library signs is let in, with a request id on the answer."""
    answer = signed(emulator, TARGET, BODY)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/x-amz-json-1.1"
    assert answer.headers["x-amzn-requestid"]


def test_a_wrong_secret_is_an_invalid_signature(emulator: Emulator, connect: Connect) -> None:
    """The right key id with a wrong secret."""
    wrong = connect(emulator, aws_secret_access_key="wrong")
    with pytest.raises(ClientError) as caught:
        wrong.list_groups(UserPoolId=emulator.pool_id)
    assert refusal(caught.value)[0] == "InvalidSignatureException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_an_unknown_key_is_an_unrecognized_client(emulator: Emulator, connect: Connect) -> None:
    """A key id that nobody has."""
    unknown = connect(emulator, aws_access_key_id="AKIACANARYCANARY0009")
    with pytest.raises(ClientError) as caught:
        unknown.list_groups(UserPoolId=emulator.pool_id)
    assert refusal(caught.value) == (
        "UnrecognizedClientException",
        "The security token included in the request is invalid.",
    )


def test_a_permanent_key_takes_no_session_token(emulator: Emulator, connect: Connect) -> None:
    """A caller's token in the session token's place is not accepted with the user's key."""
    odd = connect(emulator, aws_session_token="a.b.c")
    with pytest.raises(ClientError) as caught:
        odd.list_groups(UserPoolId=emulator.pool_id)
    assert refusal(caught.value)[0] == "UnrecognizedClientException"


def test_a_signed_operation_without_a_signature_is_refused(emulator: Emulator) -> None:
    """No Authorization header at all: 400 in JSON."""
    answer = post(emulator, HEADERS, BODY)
    assert answer.status_code == 400
    assert answer.json()["__type"] == "MissingAuthenticationTokenException"
    assert answer.headers["x-amzn-errortype"].removesuffix(":") == "MissingAuthenticationTokenException"


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        ("Bearer abc", "IncompleteSignatureException"),
        ("AWS4-HMAC-SHA256 Credential=a/b", "IncompleteSignatureException"),
        ("AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=x", "IncompleteSignatureException"),
        ("AWS4-HMAC-SHA256 Credential=/////, SignedHeaders=host, Signature=x", "IncompleteSignatureException"),
        ("AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=host, Signature=x", "UnrecognizedClientException"),
    ],
)
def test_a_mangled_authorization_is_refused_in_json(authorization: str, code: str, emulator: Emulator) -> None:
    """Whatever stands in the header, the answer is AWS JSON."""
    answer = post(emulator, {**HEADERS, "authorization": authorization}, BODY)
    assert (answer.status_code, answer.json()["__type"]) == (400, code)


@pytest.mark.parametrize("skew", [310, -310])
def test_a_date_more_than_five_minutes_off_is_refused(skew: int, emulator: Emulator, clock: Clock) -> None:
    """A signature from the past and one from the future."""
    with clock.pushed(skew):
        answer = signed(emulator, TARGET, BODY)
    wording = "Signature expired: " if skew > 0 else "Signature not yet current: "
    assert answer.json()["__type"] == "InvalidSignatureException"
    assert answer.json()["message"].startswith(wording)
    told = parsedate_to_datetime(answer.headers["date"]).timestamp()
    assert abs(told - (clock() + skew)) < 60  # a caller can correct its own clock by it


def test_a_date_within_five_minutes_is_accepted(emulator: Emulator, clock: Clock) -> None:
    """Clocks may differ a little."""
    with clock.pushed(290):
        assert signed(emulator, TARGET, BODY).status_code == 200


@pytest.mark.parametrize("date", ["", "yesterday", "20269901T000000Z"])
def test_a_date_that_is_none_is_refused(date: str, emulator: Emulator) -> None:
    """X-Amz-Date must be there and be a date."""
    answer = signed(emulator, TARGET, BODY, unsigned={"X-Amz-Date": date})
    assert answer.json()["__type"] == "IncompleteSignatureException"


def test_the_scopes_day_must_be_the_dates(emulator: Emulator) -> None:
    """A scope of another day than X-Amz-Date's is refused, though the key would be known."""
    answer = signed(emulator, TARGET, BODY)
    day = answer.request.headers["x-amz-date"][:8]
    headers = dict(answer.request.headers)
    headers["authorization"] = headers["authorization"].replace(f"/{day}/", "/20200101/")
    again = post(emulator, headers, BODY)
    assert again.json()["__type"] == "InvalidSignatureException"


@pytest.mark.parametrize("scope", [{"service": "sts"}, {"region": "eu-west-1"}])
def test_a_signature_for_something_else_is_refused(scope: dict[str, str], emulator: Emulator) -> None:
    """A signature made for another service or region does not fit here."""
    answer = signed(emulator, TARGET, BODY, **scope)  # type: ignore[arg-type]  # str values only
    assert answer.json()["__type"] == "InvalidSignatureException"
    assert "scoped" in answer.json()["message"]


def test_a_target_that_is_not_signed_is_refused(emulator: Emulator) -> None:
    """Otherwise a signature for one operation would be good for another."""
    answer = signed(emulator, "", BODY, unsigned={"x-amz-target": TARGET})
    assert answer.json()["__type"] == "InvalidSignatureException"
    assert "x-amz-target" in answer.json()["message"]


def test_a_host_that_is_not_signed_is_refused(emulator: Emulator) -> None:
    """Host is always part of what is signed."""
    first = signed(emulator, TARGET, BODY)
    headers = dict(first.request.headers)
    headers["authorization"] = headers["authorization"].replace("host;", "")
    assert "Host" in post(emulator, headers, BODY).json()["message"]


@pytest.mark.parametrize("names", ["host;host", "x-amz-date;host", "absent;host"])
def test_signed_headers_are_a_sorted_list_of_headers_that_are_there(names: str, emulator: Emulator) -> None:
    """A list with a header twice, out of order, or of an absent one is no signature."""
    first = signed(emulator, TARGET, BODY)
    headers = dict(first.request.headers)
    every = "content-type;host;x-amz-date;x-amz-target"
    assert every in headers["authorization"]
    tail = "" if "x-amz-date" in names else ";x-amz-date"
    headers["authorization"] = headers["authorization"].replace(every, f"{names}{tail};x-amz-target")
    assert post(emulator, headers, BODY).json()["__type"] == "InvalidSignatureException"


def test_a_body_that_was_changed_after_signing_is_refused(emulator: Emulator) -> None:
    """The signature covers the body (R-10's last link)."""
    first = signed(emulator, TARGET, BODY)
    answer = post(emulator, dict(first.request.headers), BODY.replace(b"DevPool01", b"DevPool02"))
    assert answer.json()["__type"] == "InvalidSignatureException"


def test_a_stated_body_hash_does_not_replace_the_body(emulator: Emulator) -> None:
    """A signed x-amz-content-sha256 of another body is refused; the right one is accepted."""
    right = {"x-amz-content-sha256": hashlib.sha256(BODY).hexdigest()}
    assert signed(emulator, TARGET, BODY, extra=right).status_code == 200
    wrong = {"x-amz-content-sha256": hashlib.sha256(b"other").hexdigest()}
    assert signed(emulator, TARGET, BODY, extra=wrong).json()["__type"] == "InvalidSignatureException"


def test_public_operations_need_no_signature(emulator: Emulator) -> None:
    """InitiateAuth without a signature is answered, with Cognito's own refusal."""
    parameters = {"USERNAME": "user@example.com", "PASSWORD": "wrong"}
    body = {"ClientId": emulator.client_id, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": parameters}
    headers = {**HEADERS, "x-amz-target": f"{PREFIX}.InitiateAuth"}
    answer = post(emulator, headers, json.dumps(body).encode())
    assert answer.json() == {"__type": "NotAuthorizedException", "message": "Incorrect username or password."}


class TestRole:
    """Temporary keys from STS."""

    @staticmethod
    def keys(emulator: Emulator, connect: Connect, **wanted: Any) -> dict[str, str]:
        """Assume the seeded role."""
        sts = connect(emulator, "sts")
        got = sts.assume_role(RoleArn=emulator.role_arn, RoleSessionName="edge", **wanted)["Credentials"]
        return {
            "aws_access_key_id": got["AccessKeyId"],
            "aws_secret_access_key": got["SecretAccessKey"],
            "aws_session_token": got["SessionToken"],
        }

    def test_temporary_keys_sign_with_their_token(self, emulator: Emulator, connect: Connect) -> None:
        """Keys of the role work, and are the role's."""
        keys = self.keys(emulator, connect)
        assert connect(emulator, **keys).list_groups(UserPoolId=emulator.pool_id)["Groups"]
        arn = connect(emulator, "sts", **keys).get_caller_identity()["Arn"]
        assert arn == "arn:aws:sts::123456789012:assumed-role/GatewayDev/edge"

    @pytest.mark.parametrize("token", ["", "somebody-elses"])
    def test_temporary_keys_without_their_token_are_refused(
        self, token: str, emulator: Emulator, connect: Connect
    ) -> None:
        """The token is part of the credentials."""
        keys = self.keys(emulator, connect)
        keys.pop("aws_session_token")
        if token:
            keys["aws_session_token"] = token
        with pytest.raises(ClientError) as caught:
            connect(emulator, **keys).list_groups(UserPoolId=emulator.pool_id)
        assert refusal(caught.value)[0] == "UnrecognizedClientException"

    def test_temporary_keys_end(self, emulator: Emulator, connect: Connect, clock: Clock) -> None:
        """After their time they are refused as expired, before the date is looked at."""
        keys = self.keys(emulator, connect, DurationSeconds=900)
        plain, sts = connect(emulator, **keys), connect(emulator, "sts", **keys)
        with clock.pushed(900):
            with pytest.raises(ClientError) as caught:
                plain.list_groups(UserPoolId=emulator.pool_id)
            with pytest.raises(ClientError) as caught_by_sts:
                sts.get_caller_identity()
        assert refusal(caught.value)[0] == "ExpiredTokenException"
        assert refusal(caught_by_sts.value)[0] == "ExpiredToken"

    def test_a_session_policy_narrows_the_role(self, emulator: Emulator, connect: Connect) -> None:
        """What the session policy does not allow is refused, though the role may do it."""
        statement = {"Effect": "Allow", "Action": "cognito-idp:List*", "Resource": "*"}
        keys = self.keys(emulator, connect, Policy=json.dumps({"Statement": [statement]}))
        narrowed = connect(emulator, **keys)
        assert narrowed.list_groups(UserPoolId=emulator.pool_id)["Groups"]
        with pytest.raises(ClientError) as caught:
            narrowed.admin_get_user(UserPoolId=emulator.pool_id, Username="user@example.com")
        assert refusal(caught.value)[0] == "AccessDeniedException"

    def test_sts_refuses_in_its_own_words(self, emulator: Emulator, connect: Connect) -> None:
        """Another role, a role from a role, a wrong secret, bad input: XML with STS's codes, as boto3 reads them."""
        role = {"RoleArn": emulator.role_arn, "RoleSessionName": "edge"}
        own = connect(emulator, "sts")
        chained = connect(emulator, "sts", **self.keys(emulator, connect))
        wrong = connect(emulator, "sts", aws_secret_access_key="wrong")
        other = {**role, "RoleArn": "arn:aws:iam::123456789012:role/Admin"}
        cases: list[tuple[Any, dict[str, Any], str]] = [
            (own, other, "AccessDenied"),
            (chained, role, "AccessDenied"),
            (wrong, role, "SignatureDoesNotMatch"),
            (own, {**role, "DurationSeconds": 43_201}, "ValidationError"),
            (own, {**role, "RoleSessionName": "a b"}, "ValidationError"),
            (own, {**role, "Policy": "[]"}, "MalformedPolicyDocument"),
        ]
        for caller, wanted, code in cases:
            with pytest.raises(ClientError) as caught:
                caller.assume_role(**wanted)
            assert refusal(caught.value)[0] == code

    def test_sts_knows_two_actions(self, emulator: Emulator, connect: Connect) -> None:
        """Anything else is InvalidAction."""
        with pytest.raises(ClientError) as caught:
            connect(emulator, "sts").get_session_token()
        assert refusal(caught.value)[0] == "InvalidAction"
