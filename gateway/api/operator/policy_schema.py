"""The policy's parts as JSON, and what JSON Schema says of them.

Duty: one form of limits, step-up and roles wherever they are shown. Prohibition: no decision; a policy has no secrets.
Source: docs/policy.md.
"""

from collections.abc import Iterable
from typing import Any

from gateway.api.route import Schema
from gateway.limits import Limits
from gateway.policy import Policy, Role, StepUp

NAMES: Schema = {"type": "array", "items": {"type": "string"}}
LIMITS: Schema = {
    "type": "object",
    "title": "Limits",
    "description": "What may be named inside a request, and seen in an answer; `any` stands for every name.",
    "required": ["attributes", "readable", "groups", "clientMetadata", "members", "federatedPassword"],
    "properties": {
        "attributes": NAMES,
        "readable": NAMES,
        "groups": NAMES,
        "clientMetadata": NAMES,
        "members": NAMES,
        "federatedPassword": {"type": "boolean"},
    },
}
STEP_UP: Schema = {
    "type": "object",
    "title": "StepUp",
    "required": ["maxAgeSeconds", "acr", "amr"],
    "properties": {"maxAgeSeconds": {"type": ["integer", "null"]}, "acr": {"type": ["string", "null"]}, "amr": NAMES},
}
POLICY: Schema = {
    "type": "object",
    "title": "Policy",
    "required": ["roles", "guards", "public", "quotas", "warnings"],
    "properties": {
        "roles": {
            "type": "array",
            "items": {
                "type": "object",
                "required": [
                    "name",
                    "groups",
                    "scopes",
                    "allow",
                    "explain",
                    "peers",
                    "fresh",
                    "strict",
                    "precedence",
                    "ratePerMinute",
                    "limits",
                    "aws",
                ],
                "properties": {
                    "name": {"type": "string"},
                    "groups": NAMES,
                    "scopes": NAMES,
                    "allow": NAMES,
                    "explain": {"type": "boolean"},
                    "peers": {"type": "boolean"},
                    "fresh": NAMES,
                    "strict": NAMES,
                    "precedence": {"type": ["integer", "null"]},
                    "ratePerMinute": {"type": "integer"},
                    "limits": LIMITS,
                    "aws": {
                        "type": ["object", "null"],
                        "required": ["roleArn", "maxSeconds", "fresh", "strict"],
                        "properties": {
                            "roleArn": {"type": "string"},
                            "maxSeconds": {"type": "integer"},
                            "fresh": {"type": "boolean"},
                            "strict": {"type": "boolean"},
                        },
                    },
                },
            },
        },
        "guards": {
            "type": "object",
            "required": ["rank", "selfLockout", "lastAdmin", "takeover", "stepUp"],
            "properties": {
                "rank": {"type": "boolean"},
                "selfLockout": {"type": "boolean"},
                "lastAdmin": {"type": "boolean"},
                "takeover": {"type": "boolean"},
                "stepUp": {"type": "object", "additionalProperties": STEP_UP, "description": "By operation."},
            },
        },
        "public": {
            "type": "object",
            "required": ["allow", "ratePerMinutePerIp", "ratePerMinutePerUser"],
            "properties": {
                "allow": NAMES,
                "ratePerMinutePerIp": {"type": "integer"},
                "ratePerMinutePerUser": {"type": "integer"},
            },
        },
        "quotas": {
            "type": "object",
            "additionalProperties": {"type": "integer"},
            "description": "Raised ones, in requests per second, by category.",
        },
        "warnings": NAMES,
    },
}


def limits(found: Limits) -> dict[str, Any]:
    """A role's limits."""
    return {
        "attributes": _names(found.attributes),
        "readable": _names(found.readable),
        "groups": _names(found.groups),
        "clientMetadata": _names(found.client_metadata),
        "members": _names(found.members),
        "federatedPassword": found.federated_password,
    }


def step_up(found: StepUp) -> dict[str, Any]:
    """How one must have signed in for an operation."""
    return {"maxAgeSeconds": found.max_age_seconds, "acr": found.acr, "amr": _names(found.amr)}


def policy(found: Policy) -> dict[str, Any]:
    """The whole file."""
    return {
        "roles": [_role(role) for role in found.roles],
        "guards": {
            "rank": found.guards.rank,
            "selfLockout": found.guards.self_lockout,
            "lastAdmin": found.guards.last_admin,
            "takeover": found.guards.takeover,
            "stepUp": {name: step_up(wanted) for name, wanted in sorted(found.guards.step_up.items())},
        },
        "public": {
            "allow": _names(found.public.allow),
            "ratePerMinutePerIp": found.public.rate_per_minute_per_ip,
            "ratePerMinutePerUser": found.public.rate_per_minute_per_user,
        },
        "quotas": dict(sorted(found.quotas.items())),
        "warnings": list(found.warnings),
    }


def _role(role: Role) -> dict[str, Any]:
    aws = role.aws
    return {
        "name": role.name,
        "groups": _names(role.groups),
        "scopes": _names(role.scopes),
        "allow": _names(role.allow),
        "explain": role.explain,
        "peers": role.peers,
        "fresh": _names(role.fresh),
        "strict": _names(role.strict),
        "precedence": role.precedence,
        "ratePerMinute": role.rate_per_minute,
        "limits": limits(role.limits),
        "aws": None
        if aws is None
        else {"roleArn": aws.role_arn, "maxSeconds": aws.max_seconds, "fresh": aws.fresh, "strict": aws.strict},
    }


def _names(found: Iterable[str]) -> list[str]:
    return sorted(found)
