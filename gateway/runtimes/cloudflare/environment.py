"""The settings of a Worker: its variables and secrets, and what of the table cannot hold there.

Duty: turn the values of `env` into settings, and refuse what needs files, or a network that a Worker does not have, in
words that say what to do instead.
Prohibition: no JavaScript here; no value of a secret in a message (R-01).
"""

from collections.abc import Mapping
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


def read(env: Mapping[str, object]) -> EdgeSettings:
    """Judge what `env` holds: texts are variables and secrets, everything else is a binding.

    Raises:
        SettingsError: with every problem.

    """
    texts = {name: _text(value) for name, value in env.items()}
    values = {name: text for name, text in texts.items() if text is not None}
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
    binding = _store(values, texts, problems)
    told = {problem.name.removesuffix("_FILE") for problem in problems}
    try:
        settings = load(values.get, _no_file, names=values)
    except SettingsError as error:
        raise SettingsError([*problems, *(one for one in error.problems if one.name not in told)]) from None
    if problems:
        raise SettingsError(problems)
    idle = tuple(f"{name} does nothing on a Worker." for name in _IDLE if values.get(name))
    return EdgeSettings(settings, binding, (*settings.warnings, *idle))


def _text(value: object) -> str | None:
    """A variable's text; wrangler.toml may also hold numbers and switches."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return value if isinstance(value, str) else None


def _store(values: dict[str, str], texts: Mapping[str, str | None], problems: list[Problem]) -> str | None:
    """Take the binding's name out of the values: the core knows no bindings."""
    name = values.get("GATEWAY_STORE")
    if not name or name == "memory":
        return None
    del values["GATEWAY_STORE"]
    if name in texts and texts[name] is None:
        return name
    wanted = "memory, or the name of a Durable Object binding, such as STATE; a Worker speaks to no Redis"
    problems.append(Problem("GATEWAY_STORE", f"(secret, {len(name)} characters)", wanted))
    return None


def _no_file(_path: str) -> NoReturn:
    raise OSError(_NO_FILES)
