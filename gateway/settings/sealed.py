"""Secrets as the settings hold them: readable by name, invisible to whatever prints, copies or stores the settings.

Duty: parse the keys and the clients' secrets, and hold them so that `repr`, `str`, `json`, `dataclasses.asdict` and
`pickle` of the settings show nothing (R-01).
Prohibition: no message says more of a value than where in it the mistake is.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import NoReturn, Self

from gateway.keypair import KeyPair
from gateway.settings.problems import Unfit

# AWS's own are longer; emulators take words like "testing", and what is no key at all is refused all the same.
ACCESS_KEY_ID = re.compile(r"[A-Za-z0-9_]{4,128}")
SECRET_ACCESS_KEY = re.compile(r"[!-~]{4,128}")
SESSION_TOKEN = re.compile(r"[!-~]{4,16384}")
CLIENT_ID = re.compile(r"[A-Za-z0-9_+]{1,128}")
_CLIENT_SECRET = re.compile(r"[!-+\--~]{1,128}")  # printable ASCII but the comma, which separates the pairs
_MEMBERS = frozenset({"access_key_id", "secret_access_key", "session_token"})


class Sealed:
    """A value whose repr is `***`, whose copy is itself, and which is not pickled."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Nothing of the value: reprs end up in logs and tracebacks."""
        return "***"

    def __copy__(self) -> Self:
        """Itself: immutable."""
        return self

    def __deepcopy__(self, memo: object) -> Self:
        """Itself: `dataclasses.asdict` copies deeply, and must not open it on the way."""
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuse: a pickle is a file with the secret in it. Each process reads its settings itself."""
        message = "the gateway's secrets are not pickled"
        raise TypeError(message)


class Credentials(Sealed):
    """The keys that sign now, and those that the operator rotates to, if any."""

    __slots__ = ("_current", "_next")

    def __init__(self, current: KeyPair, following: KeyPair | None = None) -> None:
        """`following` is tried when Cognito no longer knows `current`."""
        self._current = current
        self._next = following

    @property
    def current(self) -> KeyPair:
        """The pair to sign with."""
        return self._current

    @property
    def next(self) -> KeyPair | None:
        """The pair to rotate to."""
        return self._next


class ClientSecrets(Sealed, Mapping[str, str]):
    """App client id -> its secret."""

    __slots__ = ("_by_client",)

    def __init__(self, by_client: Mapping[str, str]) -> None:
        """Take a copy of `by_client`."""
        self._by_client = dict(by_client)

    def __getitem__(self, client_id: str) -> str:
        """Return the client's secret. Raises KeyError for a client that has none here."""
        return self._by_client[client_id]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the clients' ids."""
        return iter(self._by_client)

    def __len__(self) -> int:
        """How many clients have a secret here."""
        return len(self._by_client)


def client_secrets(text: str, *, client_ids: Collection[str]) -> ClientSecrets:
    """Return the secrets in `id=secret,id=secret`. Raises `Unfit`, also for a client not in `client_ids` (if any)."""
    by_client: dict[str, str] = {}
    for number, pair in enumerate(text.split(","), start=1):
        client_id, _, secret = pair.partition("=")
        if not (CLIENT_ID.fullmatch(client_id) and _CLIENT_SECRET.fullmatch(secret)):
            message = f"client_id=secret pairs, comma-separated, without spaces; pair {number} is not one"
            raise Unfit(message)
        if client_ids and client_id not in client_ids:
            message = f"secrets of clients in COGNITO_CLIENT_IDS only; pair {number} names another"
            raise Unfit(message)
        if client_id in by_client:
            message = f"one secret for each client; pair {number} names a client again"
            raise Unfit(message)
        by_client[client_id] = secret
    return ClientSecrets(by_client)


def matching(shape: re.Pattern[str], text: str) -> str:
    """Return `text` if it is of that shape as a whole. Raises `Unfit`."""
    if shape.fullmatch(text) is None:
        raise Unfit
    return text


def is_temporary(access_key_id: str) -> bool:
    """Tell whether a key id is of STS: such keys are refused by AWS without their session token."""
    return access_key_id.startswith("ASIA")


def credentials(text: str) -> Credentials:
    """Return the pairs in the JSON of `AWS_CREDENTIALS`. Raises `Unfit`, naming the member that is wrong."""
    try:
        document = json.loads(text, object_pairs_hook=_object)
    except (ValueError, RecursionError):  # RecursionError: thousands of brackets
        message = "one JSON object"
        raise Unfit(message) from None  # the error's own context holds the whole text
    members = _members(document, "AWS_CREDENTIALS", required={"current"}, known={"current", "next"})
    following = members.get("next")
    return Credentials(
        _key_pair(members["current"], "current"), None if following is None else _key_pair(following, "next")
    )


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        message = "each member once"
        raise Unfit(message)
    return members


def _members(value: object, where: str, *, required: Collection[str], known: Collection[str]) -> dict[str, object]:
    if not isinstance(value, dict):
        message = f"a JSON object as {where}"
        raise Unfit(message)
    if not set(required) <= value.keys() <= set(known):
        optional = sorted(set(known) - set(required))
        message = f"in {where}: {', '.join(sorted(required))} and, if need be, {', '.join(optional)}; nothing else"
        raise Unfit(message)
    return value


def _key_pair(value: object, where: str) -> KeyPair:
    members = _members(value, where, required=_MEMBERS - {"session_token"}, known=_MEMBERS)
    token = members.get("session_token")
    pair = KeyPair(
        _text(members["access_key_id"], ACCESS_KEY_ID, f"{where}.access_key_id", "letters, digits and _"),
        _text(members["secret_access_key"], SECRET_ACCESS_KEY, f"{where}.secret_access_key", "the key, without spaces"),
        None if token is None else _text(token, SESSION_TOKEN, f"{where}.session_token", "the token, without spaces"),
    )
    if is_temporary(pair.access_key_id) and pair.session_token is None:
        message = f"{where}.session_token as well: the key id is a temporary one"
        raise Unfit(message)
    return pair


def _text(value: object, shape: re.Pattern[str], where: str, wanted: str) -> str:
    if not isinstance(value, str) or shape.fullmatch(value) is None:
        message = f"in {where}: {wanted}"
        raise Unfit(message)
    return value
