"""What schemathesis does not know by itself, loaded by SCHEMATHESIS_HOOKS: AWS's JSON is JSON."""

import json
from typing import Any

import schemathesis

MEDIA_TYPE = "application/x-amz-json-1.1"

schemathesis.serializer.alias(MEDIA_TYPE, "application/json")


@schemathesis.deserializer(MEDIA_TYPE)
def read(_context: schemathesis.DeserializationContext, response: schemathesis.Response) -> Any:
    """An answer of the AWS endpoint."""
    return json.loads(response.content)
