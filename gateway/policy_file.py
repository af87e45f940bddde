"""A policy file's text to a `Policy`, or every mistake in it at once.

Duty: refuse what is not exactly understood: an unknown key, a name that Cognito does not have, a wildcard, a group
twice, a promise that this version does not keep (R-14).
Prohibition: no I/O; no default that opens anything.
"""

import difflib
import re
import tomllib
from collections.abc import Mapping
from typing import Any

from gateway.limits import POWERFUL_MEMBERS, Limits
from gateway.operations import Operation
from gateway.policy import Guards, Policy, Public, Role, RoleCredentials, StepUp

SWITCHES = ("rank", "self_lockout", "last_admin", "takeover")
"""The guards that are on unless the file says `false`."""

IDENTITY_OPERATIONS = frozenset({"GetId", "GetCredentialsForIdentity", "GetOpenIdToken"})
"""The identity pools' operations that may be public; the gateway has no others."""

_ROLE_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ROLE_ARN = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]{1,512}")
_ACR = re.compile(r"[!#-\[\]-~]{1,128}")
_MAX_RATE = 1_000_000


class PolicyError(ValueError):
    """The file is refused. `problems` has one line for each mistake."""

    def __init__(self, problems: list[str]) -> None:
        """All problems of one file."""
        super().__init__("\n".join(problems))
        self.problems = problems


def load(text: str, operations: Mapping[str, Operation]) -> Policy:
    """Read a policy from TOML `text`; `operations` is what Cognito has, by name.

    Raises:
        PolicyError: with every mistake in the file.

    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError([f"not TOML: {error}"]) from None
    except RecursionError:
        raise PolicyError(["not TOML: nested too deeply"]) from None
    reader = _Reader(operations)
    policy = reader.policy(data)
    if reader.problems:
        raise PolicyError(reader.problems)
    return policy


class _Reader:
    """Walks one file and keeps the mistakes that it finds."""

    def __init__(self, operations: Mapping[str, Operation]) -> None:
        self.operations = operations
        self.problems: list[str] = []
        self.warnings: list[str] = []

    def policy(self, data: Mapping[str, Any]) -> Policy:
        self.known("", data, {"roles", "guards", "public", "quotas"})
        tables = self.table("roles", data.get("roles", {}))
        roles = tuple(self.role(name, self.table(f"roles.{name}", value)) for name, value in tables.items())
        if not roles:
            self.warnings.append("the policy has no roles: every signed operation is refused")
        guards = self.guards(self.table("guards", data.get("guards", {})))
        quotas = self.quotas(self.table("quotas", data.get("quotas", {})))
        public = self.public(self.table("public", data.get("public", {})))
        if self.problems:
            return Policy((), Public(), {})
        return Policy(roles, public, self.operations, guards=guards, quotas=quotas, warnings=tuple(self.warnings))

    def role(self, name: str, table: Mapping[str, Any]) -> Role:
        at = f"roles.{name}"
        if not _ROLE_NAME.fullmatch(name):
            self.problem(at, "a role's name is 1 to 64 letters, digits, '_' or '-'")
        fields = {
            "groups",
            "scopes",
            "allow",
            "explain",
            "peers",
            "fresh",
            "strict",
            "precedence",
            "rate_per_minute",
            "limits",
            "aws",
        }
        self.known(at, table, fields)
        groups = self.names(f"{at}.groups", table.get("groups", []))
        scopes = self.names(f"{at}.scopes", table.get("scopes", []))
        if not groups and not scopes:
            self.problem(at, "needs groups (people) or scopes (machines): without them the role is nobody's")
        allow = self.signed(f"{at}.allow", table.get("allow", []))
        strict = self.some_of(f"{at}.strict", table.get("strict", False), allow)
        if strict and scopes:
            self.problem(f"{at}.strict", "Cognito cannot be shown a machine's token; give machines a role of their own")
        precedence = table.get("precedence")
        if precedence is not None:
            precedence = self.number(f"{at}.precedence", precedence, 0, 2**31 - 1)
        return Role(
            name=name,
            groups=groups,
            scopes=scopes,
            allow=allow,
            explain=self.flag(f"{at}.explain", table.get("explain", False)),
            peers=self.flag(f"{at}.peers", table.get("peers", False)),
            fresh=self.some_of(f"{at}.fresh", table.get("fresh", False), allow),
            strict=strict,
            precedence=precedence,
            rate_per_minute=self.number(f"{at}.rate_per_minute", table.get("rate_per_minute", 600), 1, _MAX_RATE),
            limits=self.limits(f"{at}.limits", self.table(f"{at}.limits", table.get("limits", {}))),
            aws=self.aws(f"{at}.aws", table),
        )

    def limits(self, at: str, table: Mapping[str, Any]) -> Limits:
        self.known(at, table, {"attributes", "readable", "groups", "client_metadata", "members", "federated_password"})
        members = self.names_or_any(f"{at}.members", table.get("members", []), every=POWERFUL_MEMBERS)
        for member in sorted(members - POWERFUL_MEMBERS):
            self.problem(f"{at}.members", f"{member!r} is not one of {', '.join(sorted(POWERFUL_MEMBERS))}")
        return Limits(
            attributes=self.names_or_any(f"{at}.attributes", table.get("attributes", []), beside=True),
            readable=self.names_or_any(f"{at}.readable", table.get("readable", "any")),
            groups=self.names_or_any(f"{at}.groups", table.get("groups", [])),
            client_metadata=self.names_or_any(f"{at}.client_metadata", table.get("client_metadata", [])),
            members=members,
            federated_password=self.flag(f"{at}.federated_password", table.get("federated_password", False)),
        )

    def aws(self, at: str, role: Mapping[str, Any]) -> RoleCredentials | None:
        if role.get("aws") is None:
            return None
        table = self.table(at, role["aws"])
        self.known(at, table, {"role_arn", "max_seconds"})
        arn = table.get("role_arn")
        if not isinstance(arn, str) or not _ROLE_ARN.fullmatch(arn):
            self.problem(f"{at}.role_arn", "needs the ARN of an IAM role, arn:aws:iam::123456789012:role/NAME")
            arn = ""
        if not role.get("groups"):
            self.problem(at, "needs a role with groups: machines have no ID token to get credentials for")
        return RoleCredentials(
            arn,
            self.number(f"{at}.max_seconds", table.get("max_seconds", 3600), 900, 43200),
            fresh=role.get("fresh") is True,
            strict=role.get("strict") is True,
        )

    def guards(self, table: Mapping[str, Any]) -> Guards:
        self.known("guards", table, {*SWITCHES, "step_up"})
        switches = {name: self.flag(f"guards.{name}", table.get(name, True)) for name in SWITCHES}
        self.warnings += [f"guards.{name} is off" for name in SWITCHES if table.get(name) is False]
        step_up = self.table("guards.step_up", table.get("step_up", {}))
        return Guards(**switches, step_up={name: self.step_up(name, value) for name, value in step_up.items()})

    def step_up(self, name: str, value: Any) -> StepUp:  # noqa: ANN401 - any TOML
        at = f"guards.step_up.{name}"
        operation = self.operation("guards.step_up", name)
        if operation is not None and not operation.signed:
            self.problem(at, "is unsigned at Cognito: nobody needs a role for it, so nobody can step up for it")
        table = self.table(at, value)
        self.known(at, table, {"max_age_seconds", "acr", "amr"})
        if not table:
            self.problem(at, "needs max_age_seconds, acr or amr")
        age, acr = table.get("max_age_seconds"), table.get("acr")
        if age is not None:
            age = self.number(f"{at}.max_age_seconds", age, 1, 30 * 24 * 3600)
        if acr is not None and (not isinstance(acr, str) or not _ACR.fullmatch(acr)):
            self.problem(f"{at}.acr", "needs one name without spaces or quotes, such as urn:cognito:loa:4")
            acr = None
        return StepUp(max_age_seconds=age, acr=acr, amr=self.names(f"{at}.amr", table.get("amr", [])))

    def quotas(self, table: Mapping[str, Any]) -> Mapping[str, int]:
        self.known("quotas", table, {each.quota for each in self.operations.values() if each.quota is not None})
        return {name: self.number(f"quotas.{name}", value, 1, _MAX_RATE) for name, value in table.items()}

    def public(self, table: Mapping[str, Any]) -> Public:
        self.known("public", table, {"allow", "rate_per_minute_per_ip", "rate_per_minute_per_user"})
        allow = self.names("public.allow", table.get("allow", []))
        for name in sorted(allow):
            operation = self.operation("public.allow", name)
            if operation is None:
                continue
            if operation.signed:
                self.problem("public.allow", f"{name} is signed with the gateway's keys: it belongs to a role's allow")
            elif operation.service != "cognito-idp" and name not in IDENTITY_OPERATIONS:
                self.problem("public.allow", f"{name} of identity pools is not served")
        ip, user = "rate_per_minute_per_ip", "rate_per_minute_per_user"
        return Public(
            allow,
            self.number(f"public.{ip}", table.get(ip, 60), 1, _MAX_RATE),
            self.number(f"public.{user}", table.get(user, 10), 1, _MAX_RATE),
        )

    def signed(self, at: str, value: Any) -> frozenset[str]:  # noqa: ANN401 - any TOML
        allow = self.names(at, value)
        for name in sorted(allow):
            operation = self.operation(at, name)
            if operation is None:
                continue
            if not operation.signed:
                self.problem(at, f"{name} is unsigned at Cognito: it belongs to [public] allow")
            elif not operation.takes_pool or operation.service != "cognito-idp":
                self.problem(at, f"{name} names no user pool, so it cannot be kept to one: it cannot be allowed")
        return allow

    def operation(self, at: str, name: str) -> Operation | None:
        operation = self.operations.get(name)
        if operation is None:
            near = difflib.get_close_matches(name, self.operations, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            wildcard = " (exact names only, no wildcards)" if "*" in name else ""
            self.problem(at, f"{name!r} is not an operation of Cognito{wildcard}{hint}")
        return operation

    def names_or_any(
        self,
        at: str,
        value: Any,  # noqa: ANN401 - any TOML
        every: frozenset[str] | None = None,
        *,
        beside: bool = False,
    ) -> frozenset[str]:
        """Names, or "any"; `beside` lets a list have both: the takeover guard wants its attributes named."""
        if value == "any":
            return every or frozenset({"any"})
        names = self.names(at, value, also='or "any"')
        if "any" in names and not beside:
            self.problem(at, 'has "any" in a list; write "any" alone, or names')
        return names

    def some_of(self, at: str, value: Any, allow: frozenset[str]) -> frozenset[str]:  # noqa: ANN401 - any TOML
        """All operations of a role for true, none for false, or those of a list."""
        if isinstance(value, bool):
            return allow if value else frozenset()
        names = self.names(at, value, also="of operations, or true or false")
        for name in sorted(names - allow):
            self.problem(at, f"{name!r} is not in this role's allow")
        return names

    def names(self, at: str, value: Any, also: str = "") -> frozenset[str]:  # noqa: ANN401 - any TOML
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            self.problem(at, f"needs a list of names {also}".rstrip())
            return frozenset()
        for twice in sorted({item for item in value if value.count(item) > 1}):
            self.problem(at, f"{twice!r} is named twice")
        for item in value:
            if item != item.strip() or not item.isprintable():
                self.problem(at, f"{item!r} has white space around it or characters that do not print")
        return frozenset(value)

    def flag(self, at: str, value: Any) -> bool:  # noqa: ANN401 - any TOML
        if not isinstance(value, bool):
            self.problem(at, "needs true or false")
            return False
        return value

    def number(self, at: str, value: Any, least: int, most: int) -> int:  # noqa: ANN401 - any TOML
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            self.problem(at, f"needs a whole number from {least} to {most}")
            return least
        return value

    def table(self, at: str, value: Any) -> Mapping[str, Any]:  # noqa: ANN401 - any TOML
        if not isinstance(value, dict):
            self.problem(at, "needs a table")
            return {}
        return value

    def known(self, at: str, table: Mapping[str, Any], names: set[str] | frozenset[str]) -> None:
        for name in sorted(table.keys() - names):
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"; did you mean {near[0]}?" if near else f"; known are {', '.join(sorted(names))}"
            self.problem(f"{at}.{name}".lstrip("."), f"is not known{hint}")

    def problem(self, at: str, text: str) -> None:
        self.problems.append(f"{at}: {text}")
