"""Everything that the emulator's one address serves, and in which order a request is judged.

Duty: find the service and operation, check signature and policy, then body and shape, then carry it out; answer in the
protocol that was spoken. Prohibition: a refusal is never HTML, and an unsigned request reaches only what AWS itself
leaves unsigned.
Source: the AWS JSON 1.1 and Query protocols; the user pools' well-known addresses.
"""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from gateway.emulator import cognito_idp, errors, identity, oauth, shapes, signatures, sts
from gateway.emulator.backend import Backend
from gateway.emulator.calls import Call, Calls
from gateway.emulator.errors import AwsError
from gateway.emulator.iam import ACCOUNT_ID, Iam
from gateway.emulator.identity import Identities
from gateway.emulator.listener import Received, Reply
from gateway.emulator.spec import REGION

JSON_TYPE = "application/x-amz-json-1.1"
KEYS_SUFFIX = "/.well-known/jwks.json"
CONFIGURATION_SUFFIX = "/.well-known/openid-configuration"
# operations that change nothing worth keeping
READS = ("Get", "List", "Describe", "AdminGet", "AdminList", "InitiateAuth", "AdminInitiateAuth")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Answers requests. `changed` is told after everything that may have changed a pool."""

    backend: Backend
    identities: Identities
    iam: Iam
    calls: Calls
    changed: Callable[[], None]

    def __call__(self, request: Received) -> Reply:
        """Answer one request, whatever it is."""
        form, body = _form(request), _json(request.body)
        target = request.headers.get("x-amz-target")
        self.calls.record(Call(_name(request, target, form), form or body or {}, request.headers))
        is_sts = target is None and "Action" in form
        try:
            with self.backend.lock:
                return self._sts(request, form) if is_sts else self._route(request, target, body)
        except AwsError as error:
            return sts.refuse(error) if is_sts else refuse(error)
        except Exception:  # the outermost layer: a defect is an answer, too
            log.exception("the emulator failed")
            return refuse(AwsError(errors.INTERNAL))

    def _route(self, request: Received, target: str | None, body: dict[str, Any] | None) -> Reply:
        if request.method == "GET":
            return self._get(request)
        if request.method == "POST" and request.path == oauth.PATH:
            return oauth.token(self.backend, request)
        if request.method == "POST" and request.path == "/" and target is not None:
            return self._aws_json(request, target, body)
        raise AwsError(errors.UNKNOWN_OPERATION)

    def _aws_json(self, request: Received, target: str, body: dict[str, Any] | None) -> Reply:
        service, operation = _operation(target)
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON_TYPE:
            raise AwsError(errors.UNKNOWN_OPERATION)
        if not shapes.is_public(service, operation):
            key = signatures.verify(request, self.iam, service=service, now=self.backend.now)
            action, resource = f"{service}:{operation}", _resource(service, body or {})
            if not key.principal.may(action, resource):
                raise AwsError(errors.ACCESS_DENIED, principal=key.principal.arn, action=action, resource=resource)
        if body is None:
            raise AwsError(errors.NOT_JSON)
        shapes.check(service, operation, body)
        if service == cognito_idp.SERVICE:
            answer = cognito_idp.carry_out(self.backend, operation, body)
        else:
            answer = identity.carry_out(self.identities, operation, body)
        if not operation.startswith(READS):
            self.changed()
        return Reply(HTTPStatus.OK, {"content-type": JSON_TYPE}, answer)

    def _sts(self, request: Received, form: Mapping[str, str]) -> Reply:
        key = signatures.verify(request, self.iam, service=sts.SERVICE, now=self.backend.now)
        return sts.carry_out(self.iam, key, form, now=self.backend.now)

    def _get(self, request: Received) -> Reply:
        """Serve a pool's keys and configuration."""
        pool_id = request.path.removeprefix("/").partition("/")[0]
        headers = {"content-type": "application/json", "cache-control": "public, max-age=86400"}
        pool = self.backend.user_pools.get(pool_id)
        if pool is None:
            return _json_reply(HTTPStatus.NOT_FOUND, {"message": f"User pool {pool_id} does not exist."})
        if request.path == f"/{pool_id}{KEYS_SUFFIX}":
            return Reply(HTTPStatus.OK, headers, pool.keys.jwks())
        if request.path == f"/{pool_id}{CONFIGURATION_SUFFIX}":
            base = f"http://{request.headers.get('host', '')}"
            document = {
                "issuer": pool.issuer,
                "jwks_uri": f"{base}/{pool_id}{KEYS_SUFFIX}",
                "token_endpoint": f"{base}{oauth.PATH}",
                "id_token_signing_alg_values_supported": ["RS256"],
                "response_types_supported": ["code", "token"],
                "scopes_supported": ["openid", "email", "phone", "profile"],
                "subject_types_supported": ["public"],
            }
            return Reply(HTTPStatus.OK, headers, json.dumps(document).encode())
        return _json_reply(HTTPStatus.NOT_FOUND, {"message": "There is nothing here."})


def refuse(error: AwsError) -> Reply:
    """Give a refusal as AWS JSON, with the colon that Cognito's own header ends in."""
    body = json.dumps({"__type": error.code, "message": error.message}).encode()
    headers = {
        "content-type": JSON_TYPE,
        "x-amzn-errortype": f"{error.code}:",
        "x-amzn-errormessage": error.message,
    }
    return Reply(error.status, headers, body)


def _json_reply(status: int, content: Mapping[str, Any]) -> Reply:
    return Reply(status, {"content-type": "application/json"}, json.dumps(content).encode())


def _operation(target: str) -> tuple[str, str]:
    """Give service and operation of a target. Raises AwsError when AWS has no such operation."""
    prefix, _, operation = target.partition(".")
    for service in (cognito_idp.SERVICE, identity.SERVICE):
        if prefix == shapes.target_prefix(service) and shapes.exists(service, operation):
            return service, operation
    raise AwsError(errors.UNKNOWN_OPERATION)


def _resource(service: str, body: Mapping[str, Any]) -> str:
    """Give the ARN that a policy is asked about, `*` for operations without a pool."""
    member, kind = ("UserPoolId", "userpool") if service == cognito_idp.SERVICE else ("IdentityPoolId", "identitypool")
    pool = body.get(member)
    return f"arn:aws:{service}:{REGION}:{ACCOUNT_ID}:{kind}/{pool}" if isinstance(pool, str) else "*"


def _json(data: bytes) -> dict[str, Any] | None:
    try:
        content = json.loads(data)
    except ValueError:
        return None
    return content if isinstance(content, dict) else None


def _form(request: Received) -> dict[str, str]:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != oauth.FORM:
        return {}
    return dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))


def _name(request: Received, target: str | None, form: Mapping[str, str]) -> str:
    """Name a call for whoever counts calls."""
    if target is None and "Action" in form:
        return f"{sts.SERVICE}.{form['Action']}"
    return target or f"{request.method} {request.path}"
