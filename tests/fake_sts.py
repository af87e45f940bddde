"""STS for tests, behind the transport's port: has a clock, knows whose signatures are good, fails when told to."""

import asyncio
import hashlib
import re
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any

from gateway import sigv4, sts
from gateway.credentials import Credentials, RoleCredentials, StaticCredentials
from gateway.errors import UpstreamError
from gateway.keypair import KeyPair
from gateway.upstream import Answer, Origin, Request, Transport

NOW = 1_795_262_400.0  # 2026-11-21T12:00:00Z
HOUR = 3600.0
ROLE = "arn:aws:iam::123456789012:role/Gateway"
STS = Origin("https", "sts.us-east-1.amazonaws.com", 443)
OLD = KeyPair("AKIDOLDOLDOLDOLD1", "old+secret/CANARY")
NEW = KeyPair("AKIDNEWNEWNEWNEW1", "new+secret/CANARY", "new+token/CANARY==")
AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/([^,]+), SignedHeaders=([a-z0-9;-]+), Signature=[0-9a-f]{64}"
)


def signed_by(headers: tuple[tuple[str, str], ...], body: bytes, pairs: list[KeyPair], host: str) -> list[KeyPair]:
    """Whose keys these headers verify with, all of id, secret and token; worked out by the plain functions."""
    sent = {name.lower(): value for name, value in (*headers, ("Host", host))}
    found = AUTHORIZATION.fullmatch(sent["authorization"])
    if found is None:
        return []
    scope, names = found[2], found[3].split(";")
    chosen = [(name, sent[name]) for name in names]
    request = sigv4.canonical_request("POST", "/", (), chosen, hashlib.sha256(body).hexdigest())
    to_sign = sigv4.string_to_sign(sent["x-amz-date"], scope, hashlib.sha256(request.encode()).hexdigest())
    day, region, service, _ = scope.split("/")
    return [
        keys
        for keys in pairs
        if keys.session_token == sent.get("x-amz-security-token")
        and sent["authorization"]
        == sigv4.authorization(
            keys.access_key_id,
            scope,
            found[3],
            sigv4.signature(sigv4.signing_key(keys.secret_access_key, day, region, service), to_sign),
        )
    ]


def keys_xml(number: int, expiration: str) -> bytes:
    """STS's answer, in its shape: element order, white space and a request id."""
    return f"""<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleResult>
    <AssumedRoleUser><AssumedRoleId>AROATEST:gateway</AssumedRoleId><Arn>{ROLE}</Arn></AssumedRoleUser>
    <Credentials>
      <AccessKeyId>ASIATESTTESTTEST{number}</AccessKeyId>
      <SecretAccessKey>secret/CANARY+of+number{number}</SecretAccessKey>
      <SessionToken>FwoGZXIvYXdzEXAMPLECANARY{number}/+==</SessionToken>
      <Expiration>{expiration}</Expiration>
    </Credentials>
  </AssumeRoleResult>
  <ResponseMetadata><RequestId>c6104cbe-af31-11e0-8154-cbc7ccf896c7</RequestId></ResponseMetadata>
</AssumeRoleResponse>""".encode()


def error_xml(code: str) -> bytes:
    """STS's refusal, with a text that must not get anywhere."""
    return f"""<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
  <Code>{code}</Code><Message>CANARY {ROLE} AKIDOLDOLDOLDOLD1</Message></Error>
  <RequestId>c6104cbe-af31-11e0-8154-cbc7ccf896c7</RequestId></ErrorResponse>""".encode()


class Sts:
    """STS as a transport: knows two pairs, checks clock and signature, gives numbered keys; can be told otherwise."""

    def __init__(self, *, now: float = NOW) -> None:
        """Begin at `now` by AWS's clock, with nothing asked yet."""
        self.now = now
        self.known = [OLD, NEW]
        self.life_seconds = HOUR
        self.requests: list[Request] = []
        self.script: list[Answer | UpstreamError] = []
        self.open = asyncio.Event()
        self.open.set()

    async def __call__(
        self, request: Request, *, timeout_seconds: float, max_answer_bytes: int = sts.MAX_ANSWER_BYTES
    ) -> Answer:
        """Answer as scripted, else as STS would."""
        self.requests.append(request)
        number = len(self.requests)
        assert timeout_seconds > 0
        assert max_answer_bytes <= 64 * 1024
        await asyncio.wait_for(self.open.wait(), 5)
        if self.script:
            scripted = self.script.pop(0)
            if isinstance(scripted, Answer):
                return scripted
            raise scripted
        sent = datetime.strptime(dict(request.headers)["X-Amz-Date"], "%Y%m%dT%H%M%S%z").timestamp()
        if abs(sent - self.now) > 300:
            return self.refusal("SignatureDoesNotMatch")
        if not signed_by(request.headers, request.body, self.known, STS.authority):
            return self.refusal("InvalidClientTokenId")
        ends = datetime.fromtimestamp(self.now + self.life_seconds, UTC)
        return Answer(200, {}, keys_xml(number, ends.isoformat().replace("+00:00", "Z")))

    def refusal(self, code: str) -> Answer:
        """Refuse, and say what time it is."""
        return Answer(403, {"date": formatdate(self.now, usegmt=True)}, error_xml(code))


def role(transport: Transport, source: Credentials | None = None, **options: Any) -> RoleCredentials:
    """The role's credentials, asked for with the old pair."""
    signer = sigv4.Signer("us-east-1", "sts", STS.authority)
    return RoleCredentials(
        source or StaticCredentials(OLD),
        ROLE,
        STS,
        transport=transport,
        sign=signer.sign,
        session_name="gateway",
        **options,
    )


def number_of(keys: KeyPair) -> int:
    """Which of STS's numbered answers these keys came with, all parts from the same one."""
    number = keys.access_key_id.removeprefix("ASIATESTTESTTEST")
    assert keys.secret_access_key == f"secret/CANARY+of+number{number}"
    assert keys.session_token == f"FwoGZXIvYXdzEXAMPLECANARY{number}/+=="
    return int(number)


async def settle() -> None:
    """Let what runs in the background come to its end."""
    for _ in range(10):
        await asyncio.sleep(0)
