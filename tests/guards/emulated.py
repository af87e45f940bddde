"""The emulator as a pool: its own users and groups behind the transport port, without its HTTP."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from moto.cognitoidp.models import CognitoIdpGroup

from gateway.emulator import AwsError, cognito_idp, seed
from gateway.emulator.backend import Backend
from gateway.emulator.spec import PoolSpec
from gateway.emulator.user import CONFIRMED, EXTERNAL_PROVIDER, User
from tests.guards.pool import READS, Person, Pool

IDENTITIES = json.dumps([{"userId": "1", "providerName": "Google", "providerType": "Google", "primary": "true"}])


class EmulatedPool(Pool):
    """What the emulator holds, mirrored after every change."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """An empty pool; `clock` gives epoch seconds."""
        super().__init__()
        self._backend = Backend(clock)
        self._made = seed.pool(self._backend, PoolSpec())

    def group(self, name: str, precedence: int | None) -> None:
        """Make a group."""
        group = CognitoIdpGroup(self._made.id, name, "", None, precedence)  # type: ignore[arg-type]  # Cognito wants less
        self._made.groups[name] = group
        self._mirror()

    def add(self, username: str, *groups: str, **more: Any) -> Person:
        """Take a user in."""
        attributes = {"email": more["email"], "email_verified": "true"}
        status = CONFIRMED
        if more["federated"]:
            attributes["identities"] = IDENTITIES
            status = EXTERNAL_PROVIDER
        user = User(pool_id=self._made.id, username=username, status=status, attributes=attributes)
        user.enabled = more["enabled"]
        self._made.add(user)
        for name in groups:
            self._made.join(user, self._made.groups[name])
        self._mirror()
        return self.people[user.id]

    def answer(self, operation: str, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and body of the emulator's answer."""
        self.asked.append(operation)
        if operation not in READS:
            self.done.append((operation, body))
        try:
            return 200, json.loads(cognito_idp.carry_out(self._backend, operation, dict(body)))
        except AwsError as error:
            return int(error.status), {"__type": error.code, "message": error.message}
        finally:
            if operation not in READS:
                self._mirror()

    def _mirror(self) -> None:
        self.groups = {name: group.precedence for name, group in self._made.groups.items()}
        self.people = {user.id: _person(user) for user in self._made.users.values()}


def _person(user: User) -> Person:
    held = dict(user.attribute_lookup)
    email = held.pop("email", None) if held.pop("email_verified", "") == "true" else None
    secret = None if user.secret is None else (user.secret.salt, user.secret.private)
    return Person(
        username=user.username,
        sub=user.id,
        groups=set(user.group_names),
        enabled=user.enabled,
        email=email,
        federated="identities" in held,
        status=str(user.status),
        touched=hash((secret, str(user.status), tuple(sorted(held.items())))),
    )
