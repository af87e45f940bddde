"""The settings of a Worker: its variables and secrets, and what of the table cannot hold there.

Duty: turn the values of `env` into settings, and refuse what needs files, or a network that a Worker does not have, in
words that say what to do instead.
Prohibition: no JavaScript here; no value of a secret in a message (R-01).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn

from gateway.settings import SETTINGS, Problem, Settings, SettingsError, load
from gateway.settings.forms import is_toml
from gateway.settings.problems import shown

_SECRETS = frozenset(setting.name for setting in SETTINGS if setting.secret)
_NAMES = frozenset(setting.name for setting in SETTINGS)
_IDLE = ("GATEWAY_CONNECT_TIMEOUT_SECONDS", "GATEWAY_HOST", "PORT", "WEB_CONCURRENCY")
"""What does nothing on a Worker: the platform connects, listens and scales."""
_NO_FILES = "a Worker has no files"


@dataclass(frozen=True, slots=True)
class EdgeSettings:
    """The settings, and the name of the Durable Object binding that is the store; None: memory."""

    settings: Settings
    store_binding: str | None
    warnings: tuple[str, ...]


def is_namespace(binding: object) -> bool:
    """Whether a binding leads to Durable Objects. A service's has every method one asks for, `fetch` too."""
    return callable(getattr(binding, "getByName", None)) and getattr(binding, "fetch", None) is None


def read(env: Mapping[str, object], *, keeps_state: Callable[[object], bool] = lambda _binding: True) -> EdgeSettings:
    """Judge what `env` holds: texts are variables and secrets, everything else is a binding.

    `keeps_state` tells whether a binding can be the store: who has no Worker's bindings knows it otherwise.

    Raises:
        SettingsError: with every problem.

    """
    values = {name: text for name, value in env.items() if (text := _text(value)) is not None}
    problems = [Problem(name, "a table or a list", "text") for name in _NAMES & env.keys() - values.keys()]
    for name in sorted(_SECRETS):
        if values.pop(f"{name}_FILE", None) is not None:
            wanted = f"nothing: {_NO_FILES}; `wrangler secret put {name}` sets the secret itself"
            problems.append(Problem(f"{name}_FILE", "a path", wanted))
    policy = values.get("GATEWAY_POLICY")
    if policy and not is_toml(policy):
        problems.append(Problem("GATEWAY_POLICY", shown(policy), f"the TOML itself: {_NO_FILES}"))
        del values["GATEWAY_POLICY"]
    if values.get("GATEWAY_AUDIT", "").startswith("file:"):
        wanted = f"stdout, which is the console, or a collector's https://…: {_NO_FILES}"
        problems.append(Problem("GATEWAY_AUDIT", "a file", wanted))
        del values["GATEWAY_AUDIT"]
    stores = {name for name in env.keys() - values.keys() if keeps_state(env[name])}
    binding = _store(values, stores, problems)
    told = {problem.name.removesuffix("_FILE") for problem in problems}
    try:
        settings = load(values.get, _no_file, names=values)
    except SettingsError as error:
        raise SettingsError([*problems, *(one for one in error.problems if one.name not in told)]) from None
    if problems:
        raise SettingsError(problems)
    idle = tuple(f"{name} does nothing on a Worker." for name in _IDLE if values.get(name))
    return EdgeSettings(settings, binding, (*settings.warnings, *idle))


def policy_text(env: Mapping[str, object]) -> str | None:
    """The policy, also where other settings are wrong; None for the built-in one, or where it is no TOML at all."""
    text = env.get("GATEWAY_POLICY")
    return text if isinstance(text, str) and is_toml(text) else None


def _text(value: object) -> str | None:
    """A variable's text; wrangler.toml may also hold numbers and switches."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return value if isinstance(value, str) else None


def _store(values: dict[str, str], bindings: set[str], problems: list[Problem]) -> str | None:
    """Take the binding's name out of the values: the core knows no bindings."""
    name = values.get("GATEWAY_STORE")
    if not name or name == "memory":
        return None
    del values["GATEWAY_STORE"]
    if name in bindings:
        return name
    wanted = "memory, or the name of a Durable Object binding, such as STATE; a Worker speaks to no Redis"
    read = shown(name) if name.isidentifier() else f"(secret, {len(name)} characters)"  # a Redis's URL is one
    problems.append(Problem("GATEWAY_STORE", read, wanted))
    return None


def _no_file(_path: str) -> NoReturn:
    raise OSError(_NO_FILES)
