"""The operations of cognito-idp: ours where moto is wrong or silent, moto's for the rest.

Duty: find what carries an operation out, and give its answer as JSON bytes. Prohibition: no authorisation here; who
calls has checked the signature, the policy and the shape.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from moto.cognitoidp.responses import CognitoIdpResponse
from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionContext, ActionResult
from moto.core.serialize import get_serializer_class
from moto.core.utils import camelcase_to_underscores, get_service_model

from gateway.emulator import account, answers, errors, lists, sign_in, sign_up, users
from gateway.emulator.backend import Backend
from gateway.emulator.errors import AwsError, Refusal
from gateway.emulator.steps import Body

SERVICE = "cognito-idp"

OURS: Mapping[str, Callable[[Backend, Body], Body]] = {
    **users.OPERATIONS,
    **lists.OPERATIONS,
    **sign_in.OPERATIONS,
    **answers.OPERATIONS,
    **sign_up.OPERATIONS,
    **account.OPERATIONS,
}
# what moto has beyond these is wrong about users, who are ours
MOTOS = frozenset(
    {
        "AddCustomAttributes",
        "CreateGroup",
        "CreateIdentityProvider",
        "CreateResourceServer",
        "CreateUserPool",
        "CreateUserPoolClient",
        "CreateUserPoolDomain",
        "DeleteGroup",
        "DeleteIdentityProvider",
        "DeleteUserPool",
        "DeleteUserPoolClient",
        "DeleteUserPoolDomain",
        "DescribeIdentityProvider",
        "DescribeResourceServer",
        "DescribeUserPool",
        "DescribeUserPoolClient",
        "DescribeUserPoolDomain",
        "GetGroup",
        "GetUserPoolMfaConfig",
        "ListIdentityProviders",
        "ListResourceServers",
        "ListUserPoolClients",
        "ListUserPools",
        "SetUserPoolMfaConfig",
        "UpdateGroup",
        "UpdateIdentityProvider",
        "UpdateUserPool",
        "UpdateUserPoolClient",
        "UpdateUserPoolDomain",
    }
)


class _Moto(CognitoIdpResponse):
    """moto's operations, fed with a body instead of a web request."""

    def __init__(self, backend: Backend, operation: str, body: Body) -> None:
        super().__init__()
        self._ours = backend
        self._operation = operation
        self._body = body

    @property
    def backend(self) -> Backend:
        return self._ours

    @property
    def parameters(self) -> Body:
        return self._body

    def _get_param(self, param_name: str, if_none: Any = None) -> Any:  # noqa: ANN401 - moto's signature
        # moto would look into headers and a form first
        value = self._body.get(param_name)
        return if_none if value is None else value

    def run(self) -> bytes:
        """Carry the operation out and serialise its answer by the model."""
        result = getattr(self, camelcase_to_underscores(self._operation))()
        model = get_service_model(SERVICE)
        action = result if isinstance(result, ActionResult) else ActionResult({})
        match action.result:  # moto's groups have an empty description where Cognito's have none
            case {"Group": {"Description": ""} as group}:
                del group["Description"]
        serializer = get_serializer_class(SERVICE, "json")
        context = ActionContext(model, model.operation_model(self._operation), serializer, self)
        body = action.execute_result(context)[2]
        text = body.encode() if isinstance(body, str) else body
        return text or b"{}"


def carry_out(backend: Backend, operation: str, body: Body) -> bytes:
    """Give the JSON answer of an operation. Raises AwsError for every refusal."""
    ours = OURS.get(operation)
    if ours is not None:
        return json.dumps(ours(backend, body)).encode()
    if operation not in MOTOS:
        raise AwsError(errors.NOT_EMULATED, operation=operation)
    try:
        return _Moto(backend, operation, body).run()
    except JsonRESTError as error:
        raise AwsError(Refusal(error.error_type, str(error.message))) from error
