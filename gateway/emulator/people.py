"""The generated users of the dev pool: made-up people, the same ones at every start.

Duty: the n-th user's name, status and attributes. Prohibition: no randomness, no clock.
"""

import json
import unicodedata
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gateway.emulator.user import CONFIRMED, EXTERNAL_PROVIDER, FORCE_CHANGE_PASSWORD, RESET_REQUIRED, UNCONFIRMED

GIVEN = (
    "Ada", "Amara", "Björn", "Chloé", "Dmitri", "Elif", "Fatima", "Grace", "Hiro", "Inés",
    "Jürgen", "Kofi", "Leila", "Mateo", "Nadia", "Oluwaseun", "Priya", "Rafael", "Sofía", "Zoë",
)  # fmt: skip
FAMILY = (
    "Abara", "Bergström", "Chen", "Delacroix", "Eriksen", "Fernández", "Gupta", "Haddad", "Ivanova", "Jensen",
    "Kowalska", "Lindqvist", "Müller", "Nakamura", "Okafor", "Petrov", "Quispe", "Rossi", "Suzuki", "Tanaka",
)  # fmt: skip
LOCALES = ("en-US", "sv-SE", "fr-FR", "ja-JP", "es-ES")
SEED_DATE = datetime(2025, 1, 6, 9, tzinfo=UTC)
# one user in so many, at this offset, is in another state (so many shares no factor with the number of names)
STATES = ((97, 57, EXTERNAL_PROVIDER), (47, 29, RESET_REQUIRED), (23, 3, UNCONFIRMED), (19, 11, FORCE_CHANGE_PASSWORD))
DISABLED = (27, 7)
PREMIUM = (10, 4)


@dataclass(frozen=True, slots=True)
class Person:
    """One generated user. `groups` are names; `created` is when it says it was made."""

    username: str
    sub: str
    status: str
    enabled: bool
    attributes: dict[str, str]
    groups: tuple[str, ...]
    created: datetime


def sub_of(pool_id: str, username: str) -> str:
    """Give the `sub` of a seeded user: the same at every start, so that an audit of yesterday names the same user."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{pool_id}/{username}"))


def person(number: int, pool_id: str) -> Person:
    """Give the `number`-th generated user, from 0."""
    given = GIVEN[number % len(GIVEN)]
    family = FAMILY[(number // len(GIVEN) + number) % len(FAMILY)]
    status = next((state for every, offset, state in STATES if number % every == offset), CONFIRMED)
    round_number = number // (len(GIVEN) * len(FAMILY))
    local = f"{_plain(given)}.{_plain(family)}{round_number or ''}"
    attributes = {
        "email": f"{local}@example.com",
        "email_verified": "false" if status == UNCONFIRMED else "true",
        "name": f"{given} {family}",
        "given_name": given,
        "family_name": family,
        "locale": LOCALES[number % len(LOCALES)],
    }
    username = local
    if status == EXTERNAL_PROVIDER:
        subject = f"{103_000_000_000_000_000_000 + number}"
        username = f"Google_{subject}"
        attributes["identities"] = json.dumps(
            [{"userId": subject, "providerName": "Google", "providerType": "Google", "primary": "true"}]
        )
    if number % 3 == 0:
        attributes |= {"phone_number": f"+1202555{number % 10_000:04}", "phone_number_verified": "false"}
    premium = number % PREMIUM[0] == PREMIUM[1]
    return Person(
        username=username,
        sub=sub_of(pool_id, username),
        status=status,
        enabled=number % DISABLED[0] != DISABLED[1],
        attributes=attributes,
        groups=("premium", "user") if premium else ("user",),
        created=SEED_DATE + timedelta(hours=7 * number),
    )


def _plain(name: str) -> str:
    """Give a name in lower-case ASCII."""
    return unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
