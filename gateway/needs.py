"""What must be known of a change before the guards can judge it.

Duty: which user a body acts on, who would lose an alias by it, whether the pool's groups have to be known. The same
answers serve real calls (`gateway.protection`) and imagined ones (`gateway.rehearsal`).
Prohibition: nothing is asked of Cognito and no guard decides here; what cannot be told is refused.
Source: docs/decisions/0006-guards.md; Cognito's AdminCreateUser (RESEND, ForceAliasCreation) and AdminInitiateAuth.
"""

from collections.abc import Mapping
from typing import Any

from gateway import public, targets
from gateway.caller import Caller
from gateway.errors import Denied, InvalidRequest
from gateway.guards import LOCK_OUT
from gateway.operations import Operation
from gateway.policy import Guards

_ALIASES = frozenset({"email", "phone_number", "preferred_username"})


def user(operation: Operation, body: Mapping[str, Any]) -> str | None:
    """The name of the existing user whom a change acts on; None where it acts on none.

    Raises:
        Denied: another provider names the user, so nobody can tell who it is.
        InvalidRequest: the body names nobody, or twice.

    """
    if not targets.changes_a_user(operation):
        return None
    name = targets.user_of(operation.name, body)
    public.user_name(operation.name, body)  # refuses a second spelling beside the one that Cognito reads
    if targets.is_outside(operation.name, body):
        raise Denied("target")
    if operation.name == "AdminCreateUser" and body.get("MessageAction") != "RESEND":
        return None
    if name is None and not (operation.name == "AdminInitiateAuth" and body["AuthFlow"] in public.REFRESH_FLOWS):
        raise InvalidRequest("target", message="The body must name the user.")
    return name


def aliases(operation: Operation, body: Mapping[str, Any]) -> list[str]:
    """The names that a new user takes from whoever has them: their holders are judged as if they were acted on.

    The user name is among them: where users sign in by e-mail or phone number, it is that.
    """
    if operation.name != "AdminCreateUser" or not body.get("ForceAliasCreation"):
        return []
    attributes = body.get("UserAttributes") or ()
    named = [each["Value"] for each in attributes if each["Name"] in _ALIASES and each.get("Value")]
    return list(dict.fromkeys([body["Username"], *named]))


def group(operation: Operation, body: Mapping[str, Any]) -> str | None:
    """The group of the pool that a change is about; None where it is about none, or makes it."""
    if operation.name == "CreateGroup" or not targets.changes_groups(operation):
        return None
    return targets.group_of(body)


def precedences(guards: Guards, operation: Operation, caller: Caller) -> bool:
    """Whether a guard asks how strong the pool's groups are."""
    by_rank = guards.rank and (targets.changes_groups(operation) or not caller.is_machine)
    by_count = guards.last_admin and operation.name in {*LOCK_OUT, "DeleteGroup"}
    return by_rank or by_count or (guards.self_lockout and operation.name == "UpdateGroup")
