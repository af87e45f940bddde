"""The REST side: routes as rows of a table, each of which asks the same pipeline as `POST /`.

Duty: camelCase JSON in, Cognito's operations through `gateway.pipeline`, camelCase JSON or RFC 9457 out.
Prohibition: no way to Cognito but the pipeline; no decision that the pipeline does not make.
Source: docs/decisions/0010-rest.md.
"""
