"""Where a command finds the policy that it is asked about."""

from gateway.assembly import read_policy
from gateway.policy import Policy
from gateway.policy_file import PolicyError
from gateway.runtimes import container
from gateway.settings.forms import is_toml

BUILT_IN = "built-in"


class NoPolicy(Exception):
    """There is none to ask; the text says why, a line for each mistake."""


def find(path: str | None) -> tuple[str, Policy]:
    """The policy at `path`, else that of GATEWAY_POLICY, else the built-in one, after the name that it goes by.

    Raises:
        NoPolicy: it cannot be read, or is refused.

    """
    name, source = path, path
    if source is None:
        source = container.environment().get("GATEWAY_POLICY") or None
        name = "GATEWAY_POLICY" if source is not None and is_toml(source) else source
    name = name or BUILT_IN
    try:
        return name, read_policy(container.policy_text(source) if path is None else container.policy_file_text(path))
    except OSError as error:
        raise NoPolicy(f"{name}: cannot be read: {error.strerror}") from None
    except PolicyError as error:
        raise NoPolicy("\n".join(f"{name}: {problem}" for problem in error.problems)) from None
