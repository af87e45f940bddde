"""What a look at a deployment found: one finding a line, and what to do about it.

Duty: the record, and words for an exchange that failed. Prohibition: nothing of a secret, nor of a foreign server's
text, is put in a finding (R-01).
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from gateway.errors import UpstreamError

Status = Literal["ok", "warning", "FAILED", "skipped"]

_WHY = MappingProxyType(
    {
        "unreachable": (
            "cannot be reached",
            "look at the name's resolution, the firewall, and a VPC endpoint's security group",
        ),
        "tls": (
            "shows a certificate that is not trusted, or not for this name",
            "something between here and there ends TLS; a private authority is not trusted",
        ),
        "connect_timeout": (
            "does not accept a connection in time",
            "look at the firewall, routes and a VPC endpoint's security group",
        ),
        "answer_timeout": ("does not answer in time", "try again; then look at what is between here and there"),
        "upstream-not-json": ("answers, but not as Cognito does", "look at the endpoint's setting, and for a proxy"),
        "upstream-status": ("answers, but not as Cognito does", "look at the endpoint's setting, and for a proxy"),
    }
)


@dataclass(frozen=True, slots=True)
class Finding:
    """`step` is what was looked at, `text` what was found, `remedy` what would help; each is one line."""

    status: Status
    step: str
    text: str
    remedy: str = ""


def ok(step: str, text: str) -> Finding:
    """All is well."""
    return Finding("ok", step, text)


def warning(step: str, text: str, remedy: str = "") -> Finding:
    """It works, and an operator should know."""
    return Finding("warning", step, text, remedy)


def failed(step: str, text: str, remedy: str = "") -> Finding:
    """A deployment would not work, or not safely."""
    return Finding("FAILED", step, text, remedy)


def skipped(step: str, text: str) -> Finding:
    """Nobody looked: something that comes before has failed."""
    return Finding("skipped", step, text)


def no_answer(step: str, who: str, error: UpstreamError) -> Finding:
    """An exchange with `who` that failed, in words."""
    text, remedy = _WHY.get(
        error.reason, (f"breaks the exchange ({error.reason})", "look at what is between here and there")
    )
    return failed(step, f"{who} {text}", remedy)
