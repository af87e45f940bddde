"""Which attributes a user may have, and what their values may be.

Duty: hold attributes from a request against the pool's schema, keep `email_verified` honest, keep aliases unique.
Prohibition: nothing is changed before all of it was judged.
Source: the developer guide's chapter on user attributes; UpdateUserAttributes and AdminUpdateUserAttributes.
"""

import re
from collections.abc import Iterable, Mapping

from gateway.emulator import errors
from gateway.emulator.errors import AwsError
from gateway.emulator.pool import Pool
from gateway.emulator.user import User

CONTACTS = ("email", "phone_number")
BOOLEANS = ("email_verified", "phone_number_verified")

_FORMATS = {
    "email": (re.compile(r"[^@\s]+@[^@\s]+"), "Invalid email address format."),
    "phone_number": (re.compile(r"\+\d{1,15}", re.ASCII), "Invalid phone number format."),
    "birthdate": (re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII), "Invalid birthdate format."),
}


def read(pool: Pool, listed: Iterable[Mapping[str, str]], *, by_user: bool) -> dict[str, str]:
    """Give the attributes of a request as a mapping; `by_user` when a user writes its own.

    Raises AwsError: not in the schema, not changeable, not the user's to write, or not well-formed.
    """
    wanted = {item["Name"]: item.get("Value", "") for item in listed}
    for name, value in wanted.items():
        schema = pool.schema_attributes.get(name)
        if schema is None:
            raise AwsError(errors.NOT_IN_SCHEMA, name=name)
        if name == "sub" or not schema.mutable:
            raise AwsError(errors.NOT_MUTABLE, name=name)
        if by_user and (name in BOOLEANS or schema.developer_only):
            raise AwsError(errors.NOT_WRITABLE)
        if name in BOOLEANS and value not in {"true", "false"}:
            raise AwsError(errors.INVALID_PARAMETER, reason=f"user.{name}: Invalid boolean value.")
        pattern, message = _FORMATS.get(name, (None, ""))
        if pattern is not None and value and not pattern.fullmatch(value):
            raise AwsError(errors.INVALID_PARAMETER, reason=message)
    return wanted


def change(pool: Pool, user: User, wanted: Mapping[str, str], *, take_aliases: bool = False) -> None:
    """Apply attributes that `read` accepted. An empty value deletes; a new address is unverified unless said otherwise.

    Raises AwsError when another user has one of the values as its sign-in alias and `take_aliases` is false.
    """
    effective = dict(wanted)
    for name in CONTACTS:
        changed = name in wanted and wanted[name] != user.attribute_lookup.get(name)
        if changed and f"{name}_verified" not in wanted:
            effective[f"{name}_verified"] = "false" if wanted[name] else ""
    after = {**user.attribute_lookup, **effective}
    for name in pool.alias_attributes:
        verified = name == "preferred_username" or after.get(f"{name}_verified") == "true"
        if verified and after.get(name):
            _claim_alias(pool, user, name, after[name], take=take_aliases)
    user.update_attributes([{"Name": name, "Value": value} for name, value in effective.items() if value])
    remove(user, [name for name, value in effective.items() if not value])


def _claim_alias(pool: Pool, user: User, name: str, value: str, *, take: bool) -> None:
    holder = pool.find_by_alias(value, attributes=(name,))
    if holder is None or holder is user:
        return
    if not take:
        raise AwsError(errors.ALIAS_EXISTS, name=name)
    holder.update_attributes([{"Name": f"{name}_verified", "Value": "false"}])


def remove(user: User, names: Iterable[str]) -> None:
    """Delete attributes; those that the user does not have are no error."""
    doomed = set(names)
    # an address takes its flag with it, or the next address would inherit it
    doomed |= {f"{name}_verified" for name in doomed if name in CONTACTS}
    user.delete_attributes([name for name in doomed if name in user.attribute_lookup])


def check_deletable(pool: Pool, names: Iterable[str], *, by_user: bool) -> None:
    """Refuse to delete what is not in the schema, required, or not the user's. Raises AwsError."""
    for name in names:
        schema = pool.schema_attributes.get(name)
        if schema is None:
            raise AwsError(errors.NOT_IN_SCHEMA, name=name)
        if schema.required or not schema.mutable:
            raise AwsError(errors.NOT_MUTABLE, name=name)
        if by_user and name in BOOLEANS:
            raise AwsError(errors.NOT_WRITABLE)
