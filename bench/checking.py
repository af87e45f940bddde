"""That a peer does the job, before anybody measures how fast.

Duty: a good token's request arrives with a right signature; every bad one, and another operation, is refused and does
not arrive. Of the gateway also: the body is judged, rates are counted, errors are masked, and the guards refuse when
they are on.
Prohibition: no figure comes from here.
"""

from collections.abc import Callable, Iterator, Mapping

from bench import wire
from bench.jobs import Job
from bench.material import Material, caller
from bench.people import FIRST_TARGET
from bench.upstreams import ARN, NOBODY, Strict

_REFUSED = (401, 403)
_DISABLE = Job("AdminDisableUser", mutates=True)


def problems(port: int, strict: Strict, material: Material, *, gateway: bool) -> list[str]:
    """What the peer on `port`, whose upstream is `strict`, does wrong; nothing is what a measured peer must show."""
    found = list(_common(port, strict, material))
    return [*found, *_gateways_own(port, strict, material)] if gateway else found


def problems_of_guards(port: int, strict: Strict, material: Material, *, guarded: bool, fresh: bool) -> list[str]:
    """What the gateway does wrong, its guards on or off, its callers' groups read `fresh` or not."""
    good = material.tokens[0]

    def disabled(name: str, more: str = "") -> tuple[int, bool]:
        """The status, and whether the change arrived."""
        strict.asked.clear()
        request = wire.request(good, target=_DISABLE.target, body=f'{{"Username":"{name}"}}', more=more)
        status = wire.exchange(port, request).status
        return status, _DISABLE.operation in strict.asked

    def seen_demoted() -> bool:
        strict.demoted.add(caller(1))
        try:
            return wire.exchange(port, wire.request(material.tokens[1])).status == (403 if fresh else 200)
        finally:
            strict.demoted.clear()

    weaker, key = f"user{FIRST_TARGET}", "Idempotency-Key: check\r\n"
    claims: dict[str, Callable[[], bool]] = {
        "reads groups as live as it is told": seen_demoted,
        "disables a weaker user": lambda: disabled(weaker) == (200, True),
        "refuses to disable an equal": lambda: disabled(caller(2)) == ((403, False) if guarded else (200, True)),
        "sends what has a key once": lambda: [disabled(weaker, key) for _ in "ab"] == [(200, True), (200, False)],
    }
    return [*problems(port, strict, material, gateway=True), *_unkept(claims)]


def _common(port: int, strict: Strict, material: Material) -> Iterator[str]:
    good = material.tokens[0]
    strict.verdicts.clear()
    status = wire.exchange(port, wire.request(good)).status
    if status != 200 or strict.verdicts != ["signed"]:  # noqa: PLR2004 - HTTP
        yield f"a good request: status {status}, the upstream says {strict.verdicts or 'nothing'}"
    strict.verdicts.clear()
    for why, token in material.refused.items():
        status = wire.exchange(port, wire.request(token)).status
        if status not in _REFUSED:
            yield f"a token with {why}: status {status}"
    status = wire.exchange(port, wire.request(good, target=wire.OTHER_TARGET)).status
    if status not in _REFUSED:
        yield f"another operation: status {status}"
    if strict.verdicts:
        yield f"{len(strict.verdicts)} refused requests reached the upstream"


def _gateways_own(port: int, strict: Strict, material: Material) -> Iterator[str]:
    good = material.tokens[0]

    def status(body: str, token: str = good) -> int:
        return wire.exchange(port, wire.request(token, body=body)).status

    strict.verdicts.clear()
    claims: dict[str, Callable[[], bool]] = {
        "refuses an unknown member": lambda: status('{"Username":"alice@example.com","Nope":1}') == 400,  # noqa: PLR2004
        "refuses a member twice": lambda: status('{"Username":"alice@example.com","Username":"bob"}') == 400,  # noqa: PLR2004
        "refuses another pool": lambda: status('{"UserPoolId":"us-east-1_OtherPool","Username":"a"}') == 403,  # noqa: PLR2004
        "lets nothing of that through": lambda: not strict.verdicts,
        "counts rates": lambda: [status(wire.BODY, material.rated) for _ in range(2)] == [200, 429],
        "masks errors": lambda: _masks(wire.exchange(port, wire.request(good, body=f'{{"Username":"{NOBODY}"}}'))),
    }
    yield from _unkept(claims)


def _unkept(claims: Mapping[str, Callable[[], bool]]) -> Iterator[str]:
    return (f"it is not so that it {claim}" for claim, holds in claims.items() if not holds())


def _masks(response: wire.Response) -> bool:
    return response.status == 400 and b"UserNotFound" in response.body and ARN.encode() not in response.body  # noqa: PLR2004
