"""What the rows know of the gateway, and nothing more.

Duty: one record that `gateway.assembly` fills in. Prohibition: no behaviour.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.api.route import Route
from gateway.audit import ReadAudit
from gateway.front import Front
from gateway.issued import Issued
from gateway.judgement import Pool
from gateway.operations import Catalogue
from gateway.pipeline import Pipeline
from gateway.policy import Policy
from gateway.role_sessions import RoleSessions


@dataclass(frozen=True, slots=True)
class Context:
    """What the rows know of the gateway. `now` gives epoch seconds; `secrets` the keys in use, the first one signs.

    `types` gives Cognito's types of custom attributes, as far as they may be known (`gateway.api.admin.pool_schema`).
    `default_client_id` is the app client of whoever names none; `routes` are all rows; `read_audit` is None where the
    audit cannot be read back.
    """

    pipeline: Pipeline
    policy: Policy
    pool: Pool
    catalogue: Catalogue
    front: Front
    default_client_id: str
    now: Callable[[], float]
    monotonic: Callable[[], float]
    secrets: Callable[[], tuple[str, ...]] = field(repr=False)
    log: Callable[[str], None]
    routes: tuple[Route, ...]
    role_sessions: RoleSessions
    issued: Issued
    health: Callable[[], Mapping[str, Any]]
    types: Callable[[], Awaitable[Mapping[str, str]]]
    read_audit: ReadAudit | None = None
