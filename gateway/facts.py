"""Cognito's answers to the guards' questions, read strictly: what is not as the model has it is no answer.

Duty: the port that questions go through, and one function a question.
Prohibition: nothing is remembered or decided; no answer is mended, a missing member or an odd type fails closed.
Source: Cognito's AdminGetUser, AdminListGroupsForUser, ListGroups, ListUsersInGroup.
"""

from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import aclosing
from typing import Any, Protocol

from gateway.errors import UpstreamError
from gateway.guards import Subject

_PAGE = 60
_MAX_PAGES = 200


class Source(Protocol):
    """Where one call's questions go: signed, paced and named in the call's audit line."""

    @property
    def deadline(self) -> float:
        """When the call that asks ends, in monotonic seconds."""
        ...  # pragma: no cover - a port

    async def read(self, operation: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Cognito's answer, parsed; the pool is filled in.

        Raises:
            NoSuchUser, NoSuchGroup: Cognito says so.
            GatewayError: anything else that is not an answer.

        """
        ...  # pragma: no cover - a port


async def user(source: Source, name: str) -> Subject:
    """The user whom a name means, without its groups.

    Raises:
        NoSuchUser: the pool has none.

    """
    answer = await source.read("AdminGetUser", {"Username": name})
    attributes = {item.get("Name"): item.get("Value") for item in _entries(answer, "UserAttributes")}
    username, sub, enabled = answer.get("Username"), attributes.get("sub"), answer.get("Enabled")
    if not isinstance(username, str) or not username or not isinstance(sub, str) or not sub:
        raise UpstreamError("guard-answer")
    federated = answer.get("UserStatus") == "EXTERNAL_PROVIDER" or attributes.get("identities") not in {None, "", "[]"}
    if enabled is not None and not isinstance(enabled, bool):
        raise UpstreamError("guard-answer")
    return Subject(username=username, sub=sub, enabled=enabled, federated=federated)


async def groups(source: Source, operation: str, body: Mapping[str, Any]) -> Mapping[str, int | None]:
    """The groups that a list names, with their precedence, None where one has none."""
    found: dict[str, int | None] = {}
    async with aclosing(_pages(source, operation, body)) as pages:
        async for page in pages:
            for group in _entries(page, "Groups"):
                name, precedence = group.get("GroupName"), group.get("Precedence")
                if not isinstance(name, str) or isinstance(precedence, bool) or not isinstance(precedence, int | None):
                    raise UpstreamError("guard-answer")
                found[name] = precedence
    return found


async def anyone_else(source: Source, groups: Collection[str], subject: Subject | None) -> bool:
    """Whether an enabled user, other than `subject`, is in one of `groups`."""
    own = None if subject is None else subject.username
    for group in sorted(groups):
        async with aclosing(_pages(source, "ListUsersInGroup", {"GroupName": group})) as pages:
            async for page in pages:  # closed here and now, not when it is collected: it is left early
                for user in _entries(page, "Users"):
                    if user.get("Enabled") is True and user.get("Username") != own:
                        return True
    return False


async def _pages(source: Source, operation: str, body: Mapping[str, Any]) -> AsyncGenerator[Mapping[str, Any], None]:
    """The pages of a list; one may be empty and still have a next."""
    more: Mapping[str, Any] = {}
    for _ in range(_MAX_PAGES):
        page = await source.read(operation, {**body, "Limit": _PAGE, **more})
        yield page
        token = page.get("NextToken")
        if token is None or token == "":
            return
        if not isinstance(token, str):
            raise UpstreamError("guard-answer")
        more = {"NextToken": token}
    raise UpstreamError("guard-pages")


def _entries(answer: Mapping[str, Any], member: str) -> list[Mapping[str, Any]]:
    found = answer.get(member)
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise UpstreamError("guard-answer")
    return found
