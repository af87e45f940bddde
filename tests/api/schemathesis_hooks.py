"""What schemathesis does not know by itself; loaded by SCHEMATHESIS_HOOKS.

AWS's JSON is JSON. And a dry run that is refused is an answer, 200 with `allowed` false, also where the body would have
been refused after the caller: whether wrong data is refused shows without it.
"""

import json
from typing import Any

import schemathesis

MEDIA_TYPE = "application/x-amz-json-1.1"
DRY_RUN = "X-Gateway-Dry-Run"

schemathesis.serializer.alias(MEDIA_TYPE, "application/json")


@schemathesis.deserializer(MEDIA_TYPE)
def read(_context: schemathesis.DeserializationContext, response: schemathesis.Response) -> Any:
    """An answer of the AWS endpoint."""
    return json.loads(response.content)


@schemathesis.hook
def before_call(_context: schemathesis.HookContext, case: schemathesis.Case[Any], _kwargs: dict[str, Any]) -> None:
    """Carry out what is wrong, rather than only ask."""
    wrong = case.meta is not None and case.meta.generation.mode is schemathesis.GenerationMode.NEGATIVE
    if wrong and case.headers and str(case.headers.get(DRY_RUN, "")).lower() == "true":
        del case.headers[DRY_RUN]
