"""Who may sign, and what they may do: keys, principals, and IAM policies as far as they are needed here.

Duty: find a key, judge an action on a resource: deny beats allow, allow beats nothing. Prohibition: a policy that this
cannot judge (a condition, an element it does not know) is refused when it is read, never guessed at.
Source: the IAM user guide, policy elements and policy evaluation logic.
"""

import re
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ACCOUNT_ID = "123456789012"
ROLE_NAME = "GatewayDev"

_KEY_ALPHABET = string.ascii_uppercase + "234567"
_ELEMENTS = {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource"}
ALLOW_ALL: Mapping[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}


def _pattern(text: str, flags: re.RegexFlag = re.NOFLAG) -> re.Pattern[str]:
    parts = {"*": ".*", "?": "."}
    return re.compile("".join(parts.get(character) or re.escape(character) for character in text), flags | re.DOTALL)


def _strings(value: object) -> list[str]:
    listed = value if isinstance(value, list | tuple) else [value]
    if not listed or not all(isinstance(item, str) for item in listed):
        msg = "an IAM policy element must be a string or a list of strings"
        raise ValueError(msg)
    return list(listed)


@dataclass(frozen=True, slots=True)
class _Patterns:
    """An element: the value matches one of these, or (`negated`) none of them."""

    patterns: tuple[re.Pattern[str], ...]
    negated: bool

    def hold(self, value: str) -> bool:
        return any(pattern.fullmatch(value) for pattern in self.patterns) is not self.negated


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a policy, ready to be asked."""

    allow: bool
    actions: _Patterns
    resources: _Patterns

    @classmethod
    def read(cls, statement: Mapping[str, Any]) -> "Statement":
        """Read one. Raises ValueError for what the emulator cannot judge."""
        unknown = set(statement) - _ELEMENTS
        if unknown or statement.get("Effect") not in {"Allow", "Deny"}:
            msg = f"the emulator cannot judge an IAM statement with {', '.join(sorted(unknown)) or 'this Effect'}"
            raise ValueError(msg)

        def element(name: str, flags: re.RegexFlag) -> _Patterns:
            if (name in statement) is (f"Not{name}" in statement):
                msg = f"an IAM statement needs either {name} or Not{name}"
                raise ValueError(msg)
            negated = name not in statement
            values = _strings(statement[f"Not{name}" if negated else name])
            return _Patterns(tuple(_pattern(value, flags) for value in values), negated)

        return cls(statement["Effect"] == "Allow", element("Action", re.IGNORECASE), element("Resource", re.NOFLAG))


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy document."""

    statements: tuple[Statement, ...]

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "Policy":
        """Read a document. Raises ValueError for what the emulator cannot judge."""
        statements = document.get("Statement")
        listed = [statements] if isinstance(statements, Mapping) else statements
        if not isinstance(listed, list | tuple) or not all(isinstance(item, Mapping) for item in listed):
            msg = "an IAM policy needs a Statement"
            raise ValueError(msg)
        return cls(tuple(Statement.read(item) for item in listed))

    def verdict(self, action: str, resource: str) -> bool | None:
        """True: allowed, False: denied, None: says nothing about it."""
        hits = [s.allow for s in self.statements if s.actions.hold(action) and s.resources.hold(resource)]
        return None if not hits else all(hits)


@dataclass(frozen=True, slots=True)
class Principal:
    """A user or a role's session. `session_policy` narrows a session further."""

    arn: str
    policies: tuple[Policy, ...]
    session_policy: Policy | None = None
    role_arn: str | None = None  # a session's
    tags: Mapping[str, str] = field(default_factory=dict)  # a session's

    def may(self, action: str, resource: str) -> bool:
        """Say whether this principal may do `action` (`cognito-idp:ListUsers`) on `resource` (an ARN or `*`)."""
        verdicts = [policy.verdict(action, resource) for policy in self.policies]
        if False in verdicts or True not in verdicts:
            return False
        return self.session_policy is None or self.session_policy.verdict(action, resource) is True


@dataclass(frozen=True, slots=True)
class Key:
    """A key pair and whose it is. `expires_at` is epoch seconds, None for keys that do not expire."""

    principal: Principal
    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class Role:
    """A role: what it may do, who may assume it (ARNs of principals), and for how long at most."""

    arn: str
    policy: Policy
    trusted: frozenset[str]
    max_seconds: int = 43_200


class Iam:
    """All keys and roles of the emulated account."""

    def __init__(self) -> None:
        """Start with nobody."""
        self._keys: dict[str, Key] = {}
        self.roles: dict[str, Role] = {}

    def key(self, access_key_id: str) -> Key | None:
        """Give the key with this id, expired or not."""
        return self._keys.get(access_key_id)

    def add_user(self, name: str, *policies: Policy) -> Key:
        """Make an IAM user with inline policies and a pair of keys."""
        principal = Principal(f"arn:aws:iam::{ACCOUNT_ID}:user/{name}", policies)
        return self._add(Key(principal, _key_id("AKIA"), secrets.token_urlsafe(30)))

    def add_session(
        self,
        role: Role,
        name: str,
        *,
        expires_at: float,
        policy: Policy | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Key:
        """Make temporary keys of a role, until `expires_at` (epoch seconds), tagged with `tags`."""
        arn = f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/{role.arn.rpartition('/')[2]}/{name}"
        principal = Principal(arn, (role.policy,), policy, role.arn, tags or {})
        return self._add(
            Key(principal, _key_id("ASIA"), secrets.token_urlsafe(30), secrets.token_urlsafe(120), expires_at)
        )

    def _add(self, key: Key) -> Key:
        self._keys[key.access_key_id] = key
        return key


def _key_id(prefix: str) -> str:
    return prefix + "".join(secrets.choice(_KEY_ALPHABET) for _ in range(16))
