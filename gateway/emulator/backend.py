"""The emulated Cognito user pools: moto's backend with our pools in it, and what its operations share.

Duty: hold the pools, find the pool of a client or of a token, deliver codes to the outbox. Prohibition: no HTTP here,
and nothing global: two emulators in one process know nothing of each other.
"""

import secrets
import string
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from moto.cognitoidp.models import (
    CognitoIdpBackend,
    CognitoIdpGroup,
    CognitoIdpUserPoolClient,
)

from gateway.emulator import errors
from gateway.emulator.errors import AwsError
from gateway.emulator.iam import ACCOUNT_ID
from gateway.emulator.pool import Pool
from gateway.emulator.spec import REGION
from gateway.emulator.user import User

MAX_MESSAGES = 1000
CLIENT_DEFAULTS = {
    "AllowedOAuthFlowsUserPoolClient": False,
    "AuthSessionValidity": 3,
    "EnablePropagateAdditionalUserContextData": False,
    "EnableTokenRevocation": True,
    "RefreshTokenValidity": 30,
}
_SECRET_ALPHABET = string.ascii_lowercase + string.digits


@dataclass(frozen=True, slots=True)
class Message:
    """A mail or text message that Cognito would have sent. `purpose` is what its code is for."""

    username: str
    purpose: str
    destination: str
    code: str = field(repr=False)


class Backend(CognitoIdpBackend):
    """All user pools of the emulated account."""

    user_pools: dict[str, Pool]  # type: ignore[assignment]  # moto's own class is the base of ours

    def __init__(self, clock: Callable[[], float]) -> None:
        """Start without pools. `clock` gives epoch seconds."""
        super().__init__(REGION, ACCOUNT_ID)
        self.clock = clock
        self.lock = threading.RLock()
        self.outbox: deque[Message] = deque(maxlen=MAX_MESSAGES)

    @property
    def now(self) -> float:
        """The time, in epoch seconds."""
        return self.clock()

    def pool(self, pool_id: str) -> Pool:
        """Give a pool. Raises AwsError when there is none."""
        pool = self.user_pools.get(pool_id)
        if pool is None:
            raise AwsError(errors.NO_POOL, pool=pool_id)
        return pool

    def describe_user_pool(self, user_pool_id: str) -> Pool:
        """Give a pool, for moto's own operations."""
        return self.pool(user_pool_id)

    def create_user_pool(self, name: str, extended_config: dict[str, Any]) -> Pool:
        """Make a pool, for CreateUserPool."""
        pool = Pool(name, extended_config, domains=self.user_pool_domains)
        self.user_pools[pool.id] = pool
        return pool

    def create_user_pool_client(
        self,
        user_pool_id: str,
        generate_secret: bool,  # noqa: FBT001 - moto's signature
        extended_config: dict[str, Any],
    ) -> CognitoIdpUserPoolClient:
        """Make a client, with a secret that looks like Cognito's."""
        client = super().create_user_pool_client(user_pool_id, generate_secret, extended_config)
        client.secret = new_secret()
        return client

    def update_user_pool_client(
        self, user_pool_id: str, client_id: str, extended_config: dict[str, Any]
    ) -> CognitoIdpUserPoolClient:
        """Replace a client's settings: what is not named goes back to its default, as on AWS."""
        client = self.pool(user_pool_id).client(client_id)
        name = client.extended_config.get("ClientName")
        client.extended_config = {**CLIENT_DEFAULTS, "ClientName": name, **extended_config}
        return client

    def get_group(self, user_pool_id: str, group_name: str) -> CognitoIdpGroup:
        """Give a group. Raises AwsError when there is none."""
        group = self.pool(user_pool_id).groups.get(group_name)
        if group is None:
            raise AwsError(errors.NO_GROUP)
        return group

    def pool_of_client(self, client_id: str) -> tuple[Pool, CognitoIdpUserPoolClient]:
        """Find a client and its pool. Raises AwsError when there is none."""
        for pool in self.user_pools.values():
            if client_id in pool.clients:
                return pool, pool.clients[client_id]
        raise AwsError(errors.NO_CLIENT, client=client_id)

    def bearer(self, token: str) -> tuple[Pool, User]:
        """Give the user of an access token and its pool. Raises AwsError for a token that is not good."""
        for pool in self.user_pools.values():
            claims = pool.keys.read(token)
            if claims is not None:
                return pool, pool.bearer(claims, now=self.now)
        raise AwsError(errors.BAD_ACCESS_TOKEN)

    def deliver(
        self, user: User, purpose: str, *, attribute: str, lifetime_seconds: float, value: str | None = None
    ) -> dict[str, str]:
        """Send a code (`value`, or six digits) to a user's attribute and give the CodeDeliveryDetails."""
        code = user.send(purpose, now=self.now, lifetime_seconds=lifetime_seconds, value=value)
        destination = user.attribute_lookup.get(attribute, "")
        self.outbox.append(Message(user.username, purpose, destination, code.value))
        return delivery(attribute, destination)


def delivery(attribute: str, destination: str) -> dict[str, str]:
    """Give the CodeDeliveryDetails with the destination masked, as Cognito masks it."""
    if attribute == "phone_number":
        return {"Destination": f"+*******{destination[-4:]}", "DeliveryMedium": "SMS", "AttributeName": attribute}
    name, _, domain = destination.partition("@")
    return {
        "Destination": f"{name[:1]}***@{domain[:1]}***",
        "DeliveryMedium": "EMAIL",
        "AttributeName": attribute,
    }


def new_secret() -> str:
    """Make a client secret: 51 lower-case letters and digits."""
    return "".join(secrets.choice(_SECRET_ALPHABET) for _ in range(51))
