"""That a peer does the job, before anybody measures how fast.

Duty: a good token's request arrives with a right signature; every bad one, and another operation, is refused and does
not arrive. Of the gateway also: the body is judged, rates are counted, errors are masked.
Prohibition: no figure comes from here.
"""

from collections.abc import Callable, Iterator

from bench import wire
from bench.material import Material
from bench.upstreams import ARN, NOBODY, Strict

_REFUSED = (401, 403)


def problems(port: int, strict: Strict, material: Material, *, gateway: bool) -> list[str]:
    """What the peer on `port`, whose upstream is `strict`, does wrong; nothing is what a measured peer must show."""
    found = list(_common(port, strict, material))
    return [*found, *_gateways_own(port, strict, material)] if gateway else found


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
    for claim, holds in claims.items():
        if not holds():
            yield f"it is not so that it {claim}"


def _masks(response: wire.Response) -> bool:
    return response.status == 400 and b"UserNotFound" in response.body and ARN.encode() not in response.body  # noqa: PLR2004
