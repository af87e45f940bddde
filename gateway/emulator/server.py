"""The embedded Cognito: started by `gateway dev` and by tests, one object, one port, loopback only.

Duty: put the pieces together, start and stop them, and hand out what a settings file needs. Prohibition: nothing here
is shared between two emulators; none of a secret in a repr.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from gateway.emulator import cognito_idp, seed, state
from gateway.emulator.backend import Backend
from gateway.emulator.calls import Calls
from gateway.emulator.endpoint import KEYS_SUFFIX, Endpoint
from gateway.emulator.errors import StateError
from gateway.emulator.iam import ACCOUNT_ID, Iam
from gateway.emulator.identity import Identities
from gateway.emulator.listener import Listener
from gateway.emulator.oauth import PATH
from gateway.emulator.pool import Pool
from gateway.emulator.spec import PoolSpec

DEFAULT_SPEC = PoolSpec()


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What `start` was asked for."""

    spec: PoolSpec
    iam_policy: Mapping[str, Any] | None
    role_arns: frozenset[str]
    state_file: Path | None
    users: int
    clock: Callable[[], float]


@dataclass(frozen=True, slots=True)
class _Parts:
    """What runs."""

    listener: Listener
    backend: Backend
    iam: Iam
    pool: Pool
    keeper: state.Keeper | None


@dataclass(frozen=True, slots=True)
class Emulator:
    """A running emulator. Stop it, or use it as a context manager."""

    url: str
    pool_id: str
    client_id: str
    machine_client_id: str
    identity_pool_id: str
    issuer: str
    calls: Calls = field(repr=False)
    machine_client_secret: str = field(repr=False)
    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)
    _parts: _Parts = field(repr=False)
    account_id: str = ACCOUNT_ID
    role_arn: str = seed.ROLE_ARN

    @property
    def token_url(self) -> str:
        """The token endpoint, for the machine client."""
        return f"{self.url}{PATH}"

    @property
    def jwks_url(self) -> str:
        """Where the pool's public keys are."""
        return f"{self.url}/{self.pool_id}{KEYS_SUFFIX}"

    def sign_in(self, username: str, password: str) -> dict[str, str]:
        """Give `access_token`, `id_token` and `refresh_token` of a user, without HTTP and without a recorded call.

        Raises AwsError as Cognito would refuse, and LookupError when the user must do more than say a password.
        """
        body = {
            "ClientId": self.client_id,
            "AuthFlow": "USER_PASSWORD_AUTH",
            "AuthParameters": {"USERNAME": username, "PASSWORD": password},
        }
        with self._parts.backend.lock:
            answer = cognito_idp.OURS["InitiateAuth"](self._parts.backend, body)
        if "AuthenticationResult" not in answer:
            raise LookupError(answer["ChallengeName"])
        result = answer["AuthenticationResult"]
        return {
            "access_token": result["AccessToken"],
            "id_token": result["IdToken"],
            "refresh_token": result["RefreshToken"],
        }

    def machine_token(self, scope: str | None = None) -> str:
        """Give an access token of the machine client; `scope` None is all that it may have."""
        backend, pool = self._parts.backend, self._parts.pool
        client = pool.client(self.machine_client_id)
        with backend.lock:
            return pool.machine_token(
                client, scope or " ".join(client.extended_config["AllowedOAuthScopes"]), now=backend.now
            )

    def code_of(self, username: str) -> str:
        """Give the newest code, or temporary password, that was sent to a user. Raises LookupError when none was."""
        backend = self._parts.backend
        with backend.lock:
            user = self._parts.pool.find(username)
            wanted = user.username if user else username
            for message in reversed(backend.outbox):
                if message.username == wanted:
                    return message.code
        msg = f"nothing was sent to {username}"
        raise LookupError(msg)

    def session_tags(self, access_key_id: str) -> dict[str, str]:
        """Give the tags of the role's session that a key is of. Raises LookupError when there is no such key."""
        key = self._parts.iam.key(access_key_id)
        if key is None:
            msg = "no such key"
            raise LookupError(msg)
        return dict(key.principal.tags)

    def stop(self) -> None:
        """End the threads, free the port and save the state. Stopping twice is harmless."""
        self._parts.listener.stop()
        if self._parts.keeper is not None:
            self._parts.keeper.close()

    def __enter__(self) -> Self:
        """Give the emulator itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()


def start(  # noqa: PLR0913 - all named, all with a default
    *,
    host: str = "127.0.0.1",
    port: int = 9229,
    pool: PoolSpec = DEFAULT_SPEC,
    iam_policy: Mapping[str, Any] | None = None,
    state_dir: Path | None = None,
    users: int = 200,
    clock: Callable[[], float] = time.time,
    role_arns: Iterable[str] = (),
) -> Emulator:
    """Start an emulator; `port` 0 takes a free one, `users` is how many people are generated.

    `iam_policy` is the IAM policy of the gateway's user: signatures are checked always, and without a policy everything
    is allowed. `role_arns` are IAM roles that trust this user, and may do nothing themselves. `state_dir` keeps users,
    groups and passwords over restarts (see `state`); users that it holds are not generated again. `clock` gives epoch
    seconds.

    Raises PortBusy (an OSError), ValueError for a host that is not loopback or a policy that cannot be judged,
    StateError for a state that cannot be used.
    """
    listener = Listener(host, port, clock)
    try:
        parts = _Wanted(pool, iam_policy, frozenset(role_arns), _state_file(state_dir), users, clock)
        return _start(listener, parts)
    except BaseException:
        listener.stop()
        raise


def _start(listener: Listener, wanted: _Wanted) -> Emulator:
    iam, calls, spec = Iam(), Calls(), wanted.spec
    backend = Backend(wanted.clock)
    identities = Identities(backend, iam)
    keys = seed.iam_user(iam, wanted.iam_policy, wanted.role_arns)
    pool = seed.pool(backend, spec)
    seed.identity_pool(identities, iam, spec)
    path = wanted.state_file
    if path is None or not state.load(path, pool):
        seed.people(pool, spec, wanted.users)
    _ = pool.keys  # made now, so that the first request does not wait for them
    keeper = None if path is None else state.Keeper(path, backend, pool)
    changed = keeper.changed if keeper is not None else lambda: None
    listener.serve(Endpoint(backend, identities, iam, calls, changed))
    return Emulator(
        url=listener.url,
        pool_id=pool.id,
        client_id=spec.client_id,
        machine_client_id=spec.machine_client_id,
        identity_pool_id=spec.identity_pool_id,
        issuer=pool.issuer,
        calls=calls,
        machine_client_secret=pool.client(spec.machine_client_id).secret,
        access_key_id=keys.access_key_id,
        secret_access_key=keys.secret_access_key,
        _parts=_Parts(listener, backend, iam, pool, keeper),
    )


def _state_file(state_dir: Path | None) -> Path | None:
    """Give the file in a folder that only its owner may enter, making the folder when it is not there."""
    if state_dir is None:
        return None
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        msg = f"the state folder {state_dir} cannot be made: {error.strerror}"
        raise StateError(msg) from error
    return state_dir / state.FILE_NAME
