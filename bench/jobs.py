"""What the load asks for: one operation, whom it names, what else each request carries.

Duty: one record that the load generator, the counts and the checks agree on.
Prohibition: nothing here is a peer's.
"""

from dataclasses import dataclass

from bench.people import FIRST_TARGET
from bench.wire import BODY, POOL

PAGE = 60
"""How many users a page of the whole pool has: as many as Cognito gives."""

MARK = "0000000"
"""Where a body has the number of the user whom it names."""

_SERVICE = "AWSCognitoIdentityProviderService"


@dataclass(frozen=True, slots=True)
class Job:
    """One kind of request. `targets` users are named in turn; 0: always the same one."""

    operation: str = "AdminGetUser"
    mutates: bool = False
    targets: int = 0
    keyed: bool = False  # an Idempotency-Key of its own with each request
    dry_run: bool = False

    @property
    def target(self) -> str:
        """The X-Amz-Target."""
        return f"{_SERVICE}.{self.operation}"

    @property
    def body(self) -> str:
        """The body, with `MARK` in it where there are several targets."""
        if self.operation == "ListUsers":
            return f'{{"UserPoolId":"{POOL}","Limit":{PAGE}}}'
        return f'{{"UserPoolId":"{POOL}","Username":"user{MARK}"}}' if self.targets else BODY

    def first(self, run: int) -> int:
        """The number of the first user of the peer's run number `run`, so that no run finds what another left."""
        return FIRST_TARGET + run * self.targets
