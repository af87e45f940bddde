"""A user of a pool: moto's, with a password that is never kept, codes that count, and a TOTP secret of its own.

Duty: one user's state and how Cognito shows it. Prohibition: no clock; moments are epoch seconds unless said otherwise.
Source: the shapes UserType and AdminGetUserResponse of Cognito's model.
"""

import base64
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.twofactor import InvalidToken
from moto.cognitoidp.models import CognitoIdpGroup, CognitoIdpUser
from moto.cognitoidp.utils import cognito_totp

from gateway.emulator import errors
from gateway.emulator.errors import AwsError
from gateway.emulator.srp import Password

TOTP_STEP_SECONDS = 30
UNCONFIRMED = "UNCONFIRMED"
CONFIRMED = "CONFIRMED"
FORCE_CHANGE_PASSWORD = "FORCE_CHANGE_PASSWORD"  # noqa: S105 - a status, not a password
RESET_REQUIRED = "RESET_REQUIRED"
EXTERNAL_PROVIDER = "EXTERNAL_PROVIDER"


def epoch(moment: datetime) -> float:
    """Give epoch seconds of a moment; moto's have no zone and mean UTC."""
    return moment.replace(tzinfo=UTC).timestamp()


@dataclass(frozen=True, slots=True)
class Code:
    """A code that was sent to a user."""

    value: str = field(repr=False)
    expires_at: float


class User(CognitoIdpUser):
    """One user. `attribute_lookup` (moto's) maps attribute names to values; `secret` is None without a password."""

    groups: set[CognitoIdpGroup]

    def __init__(
        self, *, pool_id: str, username: str, status: str, attributes: Mapping[str, str], sub: str | None = None
    ) -> None:
        """Make a user without a password; `sub` is made up unless given."""
        listed = [{"Name": name, "Value": value} for name, value in attributes.items()]
        super().__init__(pool_id, username, None, status, listed)
        self.username: str = username
        if sub is not None:
            self.id = sub
            self.update_attributes([{"Name": "sub", "Value": sub}])
        self.secret: Password | None = None
        self.codes: dict[str, Code] = {}
        self.totp_secret: str | None = None
        self.email_mfa_enabled = False

    @property
    def pool_name(self) -> str:
        """The part of the pool's id behind `_`, which SRP hashes."""
        return self.user_pool_id.partition("_")[2]

    def set_password(self, password: str) -> None:
        """Replace the password."""
        self.secret = Password.of(password, pool_name=self.pool_name, username=self.username)

    def knows(self, password: str) -> bool:
        """Say whether this is the user's password."""
        return self.secret is not None and self.secret.fits(password, pool_name=self.pool_name, username=self.username)

    def send(self, purpose: str, *, now: float, lifetime_seconds: float, value: str | None = None) -> Code:
        """Make a code of six digits (or `value`) for `purpose`, replacing the one before."""
        code = Code(value or f"{secrets.randbelow(1_000_000):06}", now + lifetime_seconds)
        self.codes[purpose] = code
        return code

    def redeem(self, purpose: str, value: str, *, now: float) -> None:
        """Use up the code for `purpose`. Raises AwsError when it is another, or too old, or there is none."""
        code = self.codes.get(purpose)
        if code is None or not secrets.compare_digest(code.value.encode(), value.encode()):
            raise AwsError(errors.BAD_CODE)
        if now >= code.expires_at:
            raise AwsError(errors.OLD_CODE)
        del self.codes[purpose]

    def new_totp_secret(self) -> str:
        """Begin an authenticator app's set-up: 160 bits in Base32."""
        self.totp_secret = base64.b32encode(secrets.token_bytes(20)).decode()
        return self.totp_secret

    def totp_fits(self, code: str, *, now: float) -> bool:
        """Say whether `code` is the authenticator's, of this step or its neighbours."""
        if self.totp_secret is None:
            return False
        for offset in (-TOTP_STEP_SECONDS, 0, TOTP_STEP_SECONDS):
            try:
                cognito_totp(self.totp_secret).verify(code.encode(), int(now) + offset)
            except InvalidToken:
                continue
            return True
        return False

    @property
    def factors(self) -> list[str]:
        """The second factors that are switched on."""
        listed = {
            "SMS_MFA": self.sms_mfa_enabled,
            "SOFTWARE_TOKEN_MFA": self.software_token_mfa_enabled,
            "EMAIL_OTP": self.email_mfa_enabled,
        }
        return [name for name, on in listed.items() if on]

    @property
    def group_names(self) -> list[str]:
        """Names of the groups, strongest first."""
        return [group.group_name for group in self.ranked_groups]

    @property
    def ranked_groups(self) -> list[CognitoIdpGroup]:
        """The groups, strongest first: 0, 1, …, then those without a precedence."""
        return sorted(self.groups, key=lambda g: (g.precedence is None, g.precedence or 0, g.group_name))

    def contact(self) -> str | None:
        """Name the verified attribute that a code can be sent to, e-mail first."""
        for name in ("email", "phone_number"):
            if self.attribute_lookup.get(f"{name}_verified") == "true" and self.attribute_lookup.get(name):
                return name
        return None

    def attributes_json(self, only: Iterable[str] | None = None) -> list[dict[str, str]]:
        """Give the attributes as the API lists them, all or those named."""
        wanted = None if only is None else set(only)
        return [
            {"Name": name, "Value": value}
            for name, value in self.attribute_lookup.items()
            if wanted is None or name in wanted
        ]

    def listed_json(self, only: Iterable[str] | None = None) -> dict[str, Any]:
        """Give the user as lists show it (UserType)."""
        return {"Username": self.username, "Attributes": self.attributes_json(only), **self._state_json()}

    def whole_json(self) -> dict[str, Any]:
        """Give the user as AdminGetUser shows it."""
        return {**self.own_json(), **self._state_json()}

    def own_json(self) -> dict[str, Any]:
        """Give the user as GetUser shows it to itself."""
        return {"Username": self.username, "UserAttributes": self.attributes_json(), **self.mfa_json()}

    def mfa_json(self) -> dict[str, Any]:
        """Give the second factors; members that would be empty are left out."""
        shown = {"UserMFASettingList": self.factors, "PreferredMfaSetting": self.preferred_mfa_setting}
        return {name: value for name, value in shown.items() if value}

    def _state_json(self) -> dict[str, Any]:
        return {
            "UserCreateDate": round(epoch(self.create_date), 3),
            "UserLastModifiedDate": round(epoch(self.last_modified_date), 3),
            "Enabled": self.enabled,
            "UserStatus": str(self.status),
        }
