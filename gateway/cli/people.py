"""Who calls and on whom, in words or tables.

Duty: read what a person types or an expectation holds, and say it again in words; refuse what is misspelt or cannot be.
Prohibition: no decision, no I/O.
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_MAX_AGE_SECONDS = 100_000_000
_MAX_PRECEDENCE = 2**31 - 1


class Unclear(ValueError):
    """What was written cannot be understood; the text says what, and what would be right."""


@dataclass(frozen=True, slots=True)
class Who:
    """Who calls. A person unless it has `scopes` or is a `stranger`; `left` and `disabled` are since the token."""

    groups: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    disabled: bool = False
    stranger: bool = False
    age_seconds: int = 60
    acr: str | None = None
    amr: tuple[str, ...] = ()
    token_use: str = "access"  # noqa: S105 - the word of the claim

    def __str__(self) -> str:
        """In words."""
        if self.stranger:
            return "a stranger"
        if self.scopes:
            return f"a machine with {_and(self.scopes)}"
        told = f"a person in {_and(self.groups) or 'no group'}"
        told += f" that has left {_and(self.left)}" if self.left else ""
        return told + (" with a disabled account" if self.disabled else "")


@dataclass(frozen=True, slots=True)
class Whom:
    """On whom. `kind`: user, self, none (no user is named) or missing (the pool has no such user)."""

    kind: str = "user"
    groups: tuple[str, ...] = ()
    disabled: bool = False
    federated: bool = False
    last: bool = False

    def __str__(self) -> str:
        """In words."""
        if self.kind != "user":
            return {"self": "itself", "none": "nobody", "missing": "a user who does not exist"}[self.kind]
        told = " ".join(word for word in ("disabled", "federated") if getattr(self, word))
        told = f"a {told} user in {_and(self.groups) or 'no group'}".replace("  ", " ")
        return told + (", the last one enabled there" if self.last else "")


def who(words: str | Mapping[str, Any]) -> Who:
    """The caller of `group:moderator,group:user`, `scope:gateway/users.read`, `person`, `stranger`, or of a table.

    Raises:
        Unclear: it is none of these.

    """
    if isinstance(words, Mapping):
        return _who(words)
    lists: dict[str, list[str]] = {"group": [], "scope": [], "left": []}
    found, plain = _split(words, lists, {"person", "stranger", "disabled"})
    if "stranger" in plain and (len(plain) > 1 or any(found.values())):
        raise Unclear("a stranger has no token: nothing else can be said of it")
    groups = tuple(found["group"])
    left = tuple(found["left"])
    return _person_or_machine(
        Who(
            groups=(*groups, *(name for name in left if name not in groups)),
            scopes=tuple(found["scope"]),
            left=left,
            disabled="disabled" in plain,
            stranger="stranger" in plain,
        )
    )


def whom(words: str | Mapping[str, Any]) -> Whom:
    """The target of `group:user,federated,disabled,last`, `person`, `self`, `none`, `missing`, or of a table.

    Raises:
        Unclear: it is none of these.

    """
    if isinstance(words, Mapping):
        only(words, "groups", "disabled", "federated", "last")
        return Whom(
            groups=names_in(words, "groups"),
            disabled=flag_in(words, "disabled"),
            federated=flag_in(words, "federated"),
            last=flag_in(words, "last"),
        )
    kinds = {"self", "none", "missing", "person"}
    found, plain = _split(words, {"group": []}, {*kinds, "disabled", "federated", "last"})
    kind = plain & kinds
    if len(kind) > 1 or (kind and found["group"]):
        raise Unclear(f"{words!r} says twice who it is: one of group:NAME, person, self, none, missing")
    if kind & {"none", "missing"} and len(plain) > 1:
        raise Unclear(f"{words!r} says something of nobody")
    return Whom(
        kind="user" if not kind or kind == {"person"} else next(iter(kind)),
        groups=tuple(found["group"]),
        disabled="disabled" in plain,
        federated="federated" in plain,
        last="last" in plain,
    )


def precedences(words: str | Mapping[str, Any]) -> Mapping[str, int | None]:
    """The pool's groups of `admin=1,user=10,guests=none`, or of a table.

    Raises:
        Unclear: a precedence is no number from 0 on.

    """
    pairs: Iterable[tuple[str, Any]] = words.items() if isinstance(words, Mapping) else map(_pair, words.split(","))
    found: dict[str, int | None] = {}
    for name, value in pairs:
        if name in found:
            raise Unclear(f"group {name!r} is named twice")
        known = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_PRECEDENCE
        if not name or (value != "none" and not known):
            raise Unclear(f"group {name!r} needs a precedence, a whole number from 0 (strongest) on, or none")
        found[name] = None if value == "none" else value
    return found


def near(name: object, known: Iterable[str]) -> str:
    """A hint at the nearest of the known names, or nothing."""
    found = difflib.get_close_matches(str(name), known, n=1)
    return f"; did you mean {found[0]}?" if found else ""


def only(table: Mapping[str, Any], *names: str) -> None:
    """Refuse keys that are not among `names`.

    Raises:
        Unclear: naming the key, and the nearest that there is.

    """
    for name in table:
        if name not in names:
            raise Unclear(f"{name!r} is not known{near(name, names) or '; known are ' + ', '.join(sorted(names))}")


def names_in(table: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """The names in a list, none where the table has no such key.

    Raises:
        Unclear: it is no list of names.

    """
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise Unclear(f"{key} needs a list of names")
    return tuple(value)


def flag_in(table: Mapping[str, Any], key: str) -> bool:
    """True or false, false where the table has no such key.

    Raises:
        Unclear: it is something else.

    """
    value = table.get(key, False)
    if not isinstance(value, bool):
        raise Unclear(f"{key} needs true or false")
    return value


def _who(table: Mapping[str, Any]) -> Who:
    only(table, "groups", "scopes", "left", "disabled", "age_seconds", "acr", "amr", "token_use")
    groups, left = names_in(table, "groups"), names_in(table, "left")
    age, acr, use = table.get("age_seconds", 60), table.get("acr"), table.get("token_use", "access")
    if isinstance(age, bool) or not isinstance(age, int) or not 0 <= age <= _MAX_AGE_SECONDS:
        raise Unclear(f"age_seconds needs a whole number from 0 to {_MAX_AGE_SECONDS}")
    if acr is not None and not isinstance(acr, str):
        raise Unclear("acr needs one name")
    if use not in {"access", "id"}:
        raise Unclear('token_use needs "access" or "id"')
    return _person_or_machine(
        Who(
            groups=(*groups, *(name for name in left if name not in groups)),
            scopes=names_in(table, "scopes"),
            left=left,
            disabled=flag_in(table, "disabled"),
            age_seconds=age,
            acr=acr,
            amr=names_in(table, "amr"),
            token_use=use,
        )
    )


def _person_or_machine(found: Who) -> Who:
    if found.scopes and (found.groups or found.disabled):
        raise Unclear("people have groups, machines have scopes: a caller is one of the two")
    return found


def _split(words: str, lists: dict[str, list[str]], plain: set[str]) -> tuple[dict[str, list[str]], set[str]]:
    """The `kind:name` words of a text by their kind, and the plain ones."""
    found: set[str] = set()
    for word in words.split(","):
        kind, colon, name = word.partition(":")
        if colon and name and kind in lists:
            lists[kind].append(name)
        elif word in plain:
            found.add(word)
        else:
            forms = [*(f"{each}:NAME" for each in lists), *sorted(plain)]
            raise Unclear(f"{word!r} is none of {', '.join(forms)}{near(word, plain)}")
    return lists, found


def _pair(text: str) -> tuple[str, int | str]:
    name, _, value = text.rpartition("=")
    return name or value, int(value) if name and value.isdecimal() and value.isascii() else value if name else ""


def _and(names: Iterable[str]) -> str:
    return " and ".join(names)
