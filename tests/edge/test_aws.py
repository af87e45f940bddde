"""The AWS endpoint on workerd: boto3, unmodified, against the emulator."""

import concurrent.futures
import http.client
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.audit.oracle import verified
from tests.e2e.conftest import PASSWORD
from tests.e2e.test_boto3 import test_all_operations_of_the_policy_work_end_to_end as carry_out_all_operations
from tests.edge.conftest import ORIGIN, Edge
from tests.edge.workers import audit_lines, eventually

POOL = "us-east-1_DevPool01"
LIST_USERS = "AWSCognitoIdentityProviderService.ListUsers"
AWS_JSON = {"content-type": "application/x-amz-json-1.1"}


@pytest.fixture
def admin(edge: Edge) -> Any:
    """boto3 as the admin."""
    return edge.client(edge.token("admin"))


def ask(
    edge: Edge, headers: dict[str, str], body: bytes = b"{}", *, method: str = "POST", path: str = "/"
) -> tuple[int, dict[str, str], bytes]:
    """One request without an SDK: status, headers with names in lower case, body."""
    connection = http.client.HTTPConnection("127.0.0.1", edge.worker.port, timeout=30)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    found = answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    connection.close()
    return found


def test_all_operations_of_the_policy_work(edge: Edge, admin: Any) -> None:
    """The twelve operations, with signatures and IAM policy checked by the emulator; state really changes."""
    carry_out_all_operations(edge, admin)


def test_a_list_pages_to_its_end(admin: Any) -> None:
    """boto3's own paginator goes through the Worker."""
    found = [user for page in admin.get_paginator("list_users").paginate(UserPoolId=POOL) for user in page["Users"]]
    assert len({user["Username"] for user in found}) == len(found) >= 204


def test_sign_in_needs_no_credentials(edge: Edge) -> None:
    """A person signs in through the Worker and uses the token at once; a wrong password is Cognito's own refusal."""
    stranger = edge.client(None)
    flow = {"ClientId": edge.emulator.client_id, "AuthFlow": "USER_PASSWORD_AUTH"}
    who = {"USERNAME": "moderator@example.com"}
    result = stranger.initiate_auth(**flow, AuthParameters={**who, "PASSWORD": PASSWORD})["AuthenticationResult"]
    assert edge.client(result["AccessToken"]).list_users(UserPoolId=POOL, Limit=3)["Users"]
    with pytest.raises(stranger.exceptions.NotAuthorizedException):
        stranger.initiate_auth(**flow, AuthParameters={**who, "PASSWORD": "wrong"})


def test_a_preflight_needs_no_token(edge: Edge) -> None:
    """R-17: an allowed origin is told what it may send; another gets no CORS header at all."""
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
    status, headers, body = ask(edge, {"origin": ORIGIN, **asked}, b"", method="OPTIONS")
    assert (status, body) == (204, b"")
    assert headers["access-control-allow-origin"] == ORIGIN
    assert headers["vary"] == "Origin"
    assert "authorization" in headers["access-control-allow-headers"]
    status, headers, _ = ask(edge, {"origin": "https://evil.example", **asked}, b"", method="OPTIONS")
    assert status == 403
    assert "access-control-allow-origin" not in headers


def test_who_is_not_known_is_refused_by_type(edge: Edge) -> None:
    """R-02, R-23: a forged signature is 401 and NotAuthorizedException; why stands in the audit only."""
    client = edge.client(edge.token()[:-8] + "AAAAAAAA")
    with pytest.raises(client.exceptions.NotAuthorizedException) as refused:
        client.list_users(UserPoolId=POOL)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 401
    eventually(lambda: edge.worker.entries[-1]["decision"]["reason"] == "signature", "the reason in the audit")


def test_no_token_is_a_challenge(edge: Edge) -> None:
    """401 with `WWW-Authenticate: Bearer`, and the headers that every answer carries."""
    status, headers, body = ask(edge, {"x-amz-target": LIST_USERS, **AWS_JSON})
    assert (status, json.loads(body)["__type"]) == (401, "NotAuthorizedException")
    assert headers["www-authenticate"] == "Bearer"
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-request-id"]


def test_a_weaker_role_is_refused_by_type(edge: Edge) -> None:
    """R-08: what the policy does not allow is 403, and nothing reaches Cognito."""
    client = edge.client(edge.token("user"))
    edge.emulator.calls.clear()
    with pytest.raises(ClientError) as refused:
        client.admin_disable_user(UserPoolId=POOL, Username="admin@example.com")
    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert not edge.emulator.calls.of("AdminDisableUser")


def test_a_wrong_body_names_its_member(admin: Any) -> None:
    """R-10: 400 and Cognito's own type."""
    with pytest.raises(admin.exceptions.InvalidParameterException) as refused:
        admin.list_users(UserPoolId=POOL, Filter="not a filter")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert "Filter" in refused.value.response["Error"]["Message"]


def test_a_body_that_is_too_large_is_refused(edge: Edge) -> None:
    """R-16: 413, whether its length is declared or it comes in pieces."""
    headers = {"x-amz-target": LIST_USERS, "authorization": f"Bearer {edge.token()}", **AWS_JSON}
    assert ask(edge, headers, b" " * 65537)[0] == 413
    connection = http.client.HTTPConnection("127.0.0.1", edge.worker.port, timeout=30)
    connection.request("POST", "/", iter([b" " * 40000] * 2), headers, encode_chunked=True)
    assert connection.getresponse().status == 413
    connection.close()


def test_two_tokens_are_refused(edge: Edge) -> None:
    """R-08: the platform joins two headers of one name; the gateway takes that for what it is."""
    token = edge.token()
    connection = http.client.HTTPConnection("127.0.0.1", edge.worker.port, timeout=30)
    connection.putrequest("POST", "/")
    for name, value in (("X-Amz-Target", LIST_USERS), ("Content-Length", "2"), *AWS_JSON.items()):
        connection.putheader(name, value)
    connection.putheader("Authorization", f"Bearer {token}")
    connection.putheader("Authorization", f"Bearer {token}")
    connection.endheaders(b"{}")
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["__type"]) == (400, "InvalidParameterException")
    connection.close()


def test_a_dry_run_decides_and_does_not_call(edge: Edge) -> None:
    """`X-Gateway-Dry-Run: true`: allowed or not, without Cognito."""
    edge.emulator.calls.clear()
    for who, allowed in (("admin", True), ("user", False)):
        headers = {"authorization": f"Bearer {edge.token(who)}", "x-gateway-dry-run": "true", **AWS_JSON}
        status, _, body = ask(edge, {"x-amz-target": LIST_USERS, **headers})
        assert (status, json.loads(body)["allowed"]) == (200, allowed)
    assert not edge.emulator.calls.of("ListUsers")


def test_forty_at_once_are_all_answered(edge: Edge) -> None:
    """Nothing that waits is shared: 40 callers at once, some of whom must fetch what is not cached, and no 500."""
    who = ["admin", "moderator"] * 20
    bodies = [json.dumps({"UserPoolId": POOL, "Limit": 1 + number % 5}).encode() for number in range(len(who))]
    tokens = [edge.token(name) for name in who]  # each signed anew: none is known to the isolate

    def one(number: int) -> int:
        headers = {"x-amz-target": LIST_USERS, "authorization": f"Bearer {tokens[number]}", **AWS_JSON}
        return ask(edge, headers, bodies[number])[0]

    with concurrent.futures.ThreadPoolExecutor(40) as callers:
        statuses = list(callers.map(one, range(len(who))))
    assert statuses == [200] * len(who)


def test_the_audit_is_one_chain_on_the_console(edge: Edge, admin: Any) -> None:
    """R-18: a change has its intent and its outcome there, and the isolate's chain has no gap."""
    admin.admin_enable_user(UserPoolId=POOL, Username="user@example.com")
    eventually(lambda: edge.worker.entries[-1]["phase"] == "outcome", "an outcome")
    intent, outcome = edge.worker.entries[-2:]
    assert (intent["phase"], outcome["phase"]) == ("intent", "outcome")
    assert intent["id"] == outcome["id"]
    assert outcome["caller"]["ip"] == "127.0.0.1"
    lines = audit_lines(edge.worker.said.splitlines())
    assert len(verified([f"{line}\n".encode() for line in lines])) == len(lines)


def test_a_sign_out_is_known_to_all_isolates(edge: Edge) -> None:
    """Revocation goes through the Durable Object: the token that was good a moment ago is not accepted any more."""
    victim = edge.client(edge.token("readonly"))
    assert victim.list_users(UserPoolId=POOL, Limit=1)["Users"]
    admin = edge.client(edge.token("admin"))
    admin.admin_disable_user(UserPoolId=POOL, Username="readonly@example.com")
    with pytest.raises(victim.exceptions.NotAuthorizedException):
        victim.list_users(UserPoolId=POOL, Limit=1)
    admin.admin_enable_user(UserPoolId=POOL, Username="readonly@example.com")


def test_the_cron_trigger_writes_one_line(edge: Edge) -> None:
    """It says whether Cognito's keys are within reach, and how old ours are at least."""
    line = edge.worker.cron()
    assert line["ok"] is True
    assert set(line["jwks"].values()) == {"ok"}
    assert line["keys_are_at_least_days_old"] == 0
