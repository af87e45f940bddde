"""Whose signature a call to Cognito bears, by botocore's arithmetic: the oracle of whole key pairs."""

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.blackbox.stub import Received


def key_id(call: Received) -> str:
    """Whose keys a call says it was signed with."""
    return call.header("authorization").split("Credential=")[1].split("/")[0]


def signed_with(call: Received, secret: str, token: str | None = None) -> bool:
    """Whether a call's signature is this secret's."""
    claimed = dict(part.split("=", 1) for part in call.header("authorization").split(" ", 1)[1].split(", "))
    signed = {name: call.header(name) for name in claimed["SignedHeaders"].split(";")}
    request = AWSRequest("POST", f"http://{call.header('host')}/", data=call.body, headers=signed)
    request.context["timestamp"] = call.header("x-amz-date")
    auth = SigV4Auth(Credentials("unused", secret, None), "cognito-idp", "eu-west-1")
    auth.headers_to_sign = lambda found: found.headers
    expected: str = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    return expected == claimed["Signature"] and call.header("x-amz-security-token") == (token or "")
