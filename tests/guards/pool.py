"""A Cognito of a few lines: a pool's users and groups, every name that a user has, and what administrators do to them.

It does what it is asked, as Cognito does for the gateway's keys: whoever is let through to it has won.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.operations import catalogue
from gateway.targets import OWN_PROVIDER
from gateway.upstream import Answer, Request
from tests.world import World, answer, refusal

READS = frozenset({
    "AdminGetUser", "AdminListGroupsForUser", "ListGroups", "ListUsersInGroup", "ListUsers", "GetUser",
})  # fmt: skip
"""What changes nothing, of what it answers."""

MODERATOR_SUB = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
BOB_SUB = "aaaaaaaa-bbbb-4ccc-8ddd-000000000002"
ROOT_SUB = "aaaaaaaa-bbbb-4ccc-8ddd-000000000001"


class Refused(Exception):
    """Cognito's error of this type."""


@dataclass
class Person:
    """A user. `email` and `phone` are verified aliases; `touched` counts changes that leave no other trace here."""

    username: str
    sub: str
    groups: set[str] = field(default_factory=set)
    enabled: bool = True
    email: str | None = None
    phone: str | None = None
    federated: bool = False
    status: str = "CONFIRMED"
    touched: int = 0


@dataclass
class Pool:
    """Users by `sub`, groups with their precedence, and every change that arrived.

    Lists come in pages of `page` entries, the first of them empty, as Cognito's may be.
    """

    people: dict[str, Person] = field(default_factory=dict)
    groups: dict[str, int | None] = field(default_factory=dict)
    page: int = 60
    asked: list[str] = field(default_factory=list)
    done: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    before: Callable[[str], object] = str  # is told the operation: something may happen just then

    def add(self, username: str, *groups: str, **more: Any) -> Person:
        """Take a user in."""
        person = Person(username, more.pop("sub", f"sub-of-{username}"), set(groups), **more)
        self.people[person.sub] = person
        return person

    def group(self, name: str, precedence: int | None) -> None:
        """Make a group."""
        self.groups[name] = precedence

    def copy(self) -> "Pool":
        """The pool as it is now."""
        people = {sub: replace(person, groups=set(person.groups)) for sub, person in self.people.items()}
        return Pool(people, dict(self.groups))

    def find(self, name: str) -> Person | None:
        """Whom a name means: a user name in any case, a `sub`, a verified alias in any case."""
        if name in self.people:
            return self.people[name]
        wanted = name.casefold()
        for held in ("username", "email", "phone"):
            for person in self.people.values():
                if (getattr(person, held) or "").casefold() == wanted:
                    return person
        return None

    def user(self, name: str) -> Person:
        """The same.

        Raises:
            Refused: there is none.

        """
        found = self.find(name)
        if found is None:
            raise Refused("UserNotFoundException")
        return found

    def answer(self, operation: str, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and body of Cognito's answer."""
        self.before(operation)
        self.asked.append(operation)
        if operation not in READS:
            self.done.append((operation, body))
        try:
            return 200, (_ANSWERS.get(operation) or _touch)(self, body)
        except Refused as error:
            return 400, {"__type": str(error), "message": "no"}

    def listed(self, kind: str, items: list[Any], body: Mapping[str, Any]) -> dict[str, Any]:
        """One page."""
        start = int(body.get("NextToken", "-1"))
        if start < 0:
            return {kind: [], "NextToken": "0"}
        end = start + min(body.get("Limit") or 60, self.page)
        return {kind: items[start:end], **({"NextToken": str(end)} if end < len(items) else {})}


def small_pool() -> Pool:
    """The pool that the attacks are about: `mod` looks after users, `root` is the admin that it wants to be."""
    pool = Pool(groups={"admin": 1, "moderator": 5, "premium": 8, "user": 10, "readonly": 15, "unranked": None})
    pool.add("mod", "moderator", sub=MODERATOR_SUB)
    pool.add("bob", "user", sub=BOB_SUB, email="bob@example.com")
    pool.add("root", "admin", sub=ROOT_SUB, email="root@example.com", phone="+15550100")
    return pool


def behind(world: World, pool: Pool) -> World:
    """The world with this pool behind its gateway."""

    def script(request: Request) -> Answer:
        target = next(value for name, value in request.headers if name.lower() == "x-amz-target")
        operation = target.rpartition(".")[2]
        status, body = pool.answer(operation, json.loads(request.body))
        return answer(body) if status == 200 else refusal(body["__type"])

    world.cognito.script, world.cognito.people = script, None
    return world


def body_of(operation: str, name: str, **more: Any) -> dict[str, Any]:
    """The smallest body of a change to the user `name`."""
    found = _NESTED[operation](name) if operation in _NESTED else {"Username": name}
    wanted = catalogue().by_name[operation].required - found.keys() - {"UserPoolId"}
    return {**found, **{member: _VALUES[member] for member in wanted}, **more}


_NESTED: dict[str, Callable[[str], dict[str, Any]]] = {
    "AdminInitiateAuth": lambda name: {
        "AuthFlow": "ADMIN_USER_PASSWORD_AUTH", "AuthParameters": {"USERNAME": name, "PASSWORD": "Attacker1!"},
    },
    "AdminRespondToAuthChallenge": lambda name: {
        "ChallengeName": "NEW_PASSWORD_REQUIRED",
        "ChallengeResponses": {"USERNAME": name, "NEW_PASSWORD": "Attacker1!"},
    },
    "AdminLinkProviderForUser": lambda name: {
        "DestinationUser": {"ProviderName": OWN_PROVIDER, "ProviderAttributeValue": name},
        "SourceUser": {
            "ProviderName": "Google", "ProviderAttributeName": "Cognito_Subject", "ProviderAttributeValue": "1",
        },
    },
    "AdminDisableProviderForUser": lambda name: {
        "User": {"ProviderName": OWN_PROVIDER, "ProviderAttributeValue": name},
    },
}  # fmt: skip
_VALUES: dict[str, Any] = {
    "ClientId": "1h57kf5cpq17m0eml12EXAMPLE",
    "DeviceKey": "eu-west-1_aaaaaaaa-bbbb-4ccc-8ddd-000000000009",
    "EventId": "event-1",
    "FeedbackValue": "Valid",
    "GroupName": "premium",
    "MFAOptions": [],
    "Password": "Attacker1!",
    "SessionId": "tkn" + "0" * 25,
    "UserAttributeNames": ["name"],
    "UserAttributes": [{"Name": "name", "Value": "x"}],
}


def _name_in(body: Mapping[str, Any]) -> str:
    """The user name in a body, wherever it is."""
    for holder in (body, *(part for part in body.values() if isinstance(part, dict))):
        for member in ("Username", "USERNAME"):
            if member in holder:
                return str(holder[member])
    named: Mapping[str, Any] = body.get("DestinationUser") or body.get("User") or {}
    return str(named.get("ProviderAttributeValue", ""))


def _touch(pool: Pool, body: Mapping[str, Any]) -> dict[str, Any]:
    """Whatever else is done to a user."""
    name = _name_in(body)
    if name:
        pool.user(name).touched += 1
    return {}


def _get_user(pool: Pool, body: Mapping[str, Any]) -> dict[str, Any]:
    person = pool.user(body["Username"])
    attributes = {"sub": person.sub, "email": person.email, "phone_number": person.phone}
    if person.federated:
        attributes["identities"] = '[{"providerName":"Google"}]'
    listed = [{"Name": name, "Value": value} for name, value in attributes.items() if value]
    state = {"Username": person.username, "Enabled": person.enabled, "UserStatus": person.status}
    return {**state, "UserAttributes": listed}


def _groups(pool: Pool, names: Iterator[str] | list[str]) -> list[dict[str, Any]]:
    shown = {name: pool.groups[name] for name in names}
    return [{"GroupName": name} | ({} if n is None else {"Precedence": n}) for name, n in shown.items()]


def _list_groups(pool: Pool, body: Mapping[str, Any]) -> dict[str, Any]:
    return pool.listed("Groups", _groups(pool, sorted(pool.groups)), body)


def _list_groups_of(pool: Pool, body: Mapping[str, Any]) -> dict[str, Any]:
    return pool.listed("Groups", _groups(pool, sorted(pool.user(body["Username"]).groups)), body)


def _list_members(pool: Pool, body: Mapping[str, Any]) -> dict[str, Any]:
    _group(pool, body)
    members = [person for person in pool.people.values() if body["GroupName"] in person.groups]
    shown = [{"Username": person.username, "Enabled": person.enabled, "Attributes": []} for person in members]
    return pool.listed("Users", shown, body)


def _group(pool: Pool, body: Mapping[str, Any]) -> str:
    name: str = body["GroupName"]
    if name not in pool.groups:
        raise Refused("ResourceNotFoundException")
    return name


def _add_to_group(pool: Pool, body: Mapping[str, Any]) -> dict[str, Any]:
    pool.user(body["Username"]).groups.add(_group(pool, body))
    return {}


def _remove_from_group(pool: Pool, body: Mapping[str, Any]) -> dict[str, Any]:
    pool.user(body["Username"]).groups.discard(_group(pool, body))
    return {}


def _create_group(pool: Pool, body: Mapping[str, Any]) -> dict[str, Any]:
    if body["GroupName"] in pool.groups:
        raise Refused("GroupExistsException")
    pool.groups[body["GroupName"]] = body.get("Precedence")
    return {"Group": {"GroupName": body["GroupName"]}}


def _update_group(pool: Pool, body: Mapping[str, Any]) -> dict[str, Any]:
    name = _group(pool, body)
    pool.groups[name] = body.get("Precedence", pool.groups[name])
    return {"Group": {"GroupName": name}}


def _delete_group(pool: Pool, body: Mapping[str, Any]) -> dict[str, Any]:
    del pool.groups[_group(pool, body)]
    for person in pool.people.values():
        person.groups.discard(body["GroupName"])
    return {}


def _disable(pool: Pool, body: Mapping[str, Any]) -> dict[str, Any]:
    pool.user(body["Username"]).enabled = False
    return {}


def _enable(pool: Pool, body: Mapping[str, Any]) -> dict[str, Any]:
    pool.user(body["Username"]).enabled = True
    return {}


def _delete(pool: Pool, body: Mapping[str, Any]) -> dict[str, Any]:
    del pool.people[pool.user(body["Username"]).sub]
    return {}


def _email(pool: Pool, body: Mapping[str, Any], owner: Person | None) -> str | None:
    """The address that a body gives to somebody, taken from who has it where the body says so."""
    email = {item["Name"]: item["Value"] for item in body.get("UserAttributes", ())}.get("email")
    holder = pool.find(email) if email else None
    if holder is not None and holder is not owner:
        if not body.get("ForceAliasCreation"):
            raise Refused("AliasExistsException")
        holder.email = None
    return email


def _update_attributes(pool: Pool, body: Mapping[str, Any]) -> dict[str, Any]:
    person = pool.user(body["Username"])
    person.email = _email(pool, body, person) or person.email
    person.touched += 1
    return {}


def _create(pool: Pool, body: Mapping[str, Any]) -> dict[str, Any]:
    name, found = body["Username"], pool.find(body["Username"])
    if body.get("MessageAction") == "RESEND":
        return _touch(pool, body)
    if found is not None:
        raise Refused("UsernameExistsException")
    email = _email(pool, body, None)
    pool.add(name, sub=f"sub-{len(pool.done)}-of-{name}", email=email, status="FORCE_CHANGE_PASSWORD")
    return {"User": {"Username": name, "Attributes": []}}


_ANSWERS: dict[str, Callable[[Pool, Mapping[str, Any]], dict[str, Any]]] = {
    "AdminGetUser": _get_user,
    "AdminListGroupsForUser": _list_groups_of,
    "ListGroups": _list_groups,
    "ListUsersInGroup": _list_members,
    "ListUsers": lambda _pool, _body: {"Users": []},
    "GetUser": lambda _pool, _body: {"Username": "x", "UserAttributes": []},
    "AdminAddUserToGroup": _add_to_group,
    "AdminRemoveUserFromGroup": _remove_from_group,
    "CreateGroup": _create_group,
    "UpdateGroup": _update_group,
    "DeleteGroup": _delete_group,
    "AdminDisableUser": _disable,
    "AdminEnableUser": _enable,
    "AdminDeleteUser": _delete,
    "AdminCreateUser": _create,
    "AdminUpdateUserAttributes": _update_attributes,
}
