"""What a Worker and its Durable Object say to each other.

Duty: one JSON object each way, as ASCII text with a version, so that no object has to cross between two runtimes; and
what the object can be asked for, as records.
Prohibition: no state, no I/O. During a deployment the two sides can be of different versions: what is not understood
is refused, never guessed at.
"""

import json
import math
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

VERSION: Final = 1
MAX_TEXT_CHARS: Final = 2 * 1024 * 1024
"""How long a message may be: an answer of 256 KiB, or a thousand revocations of the longest names."""

UNREADABLE: Final = "unreadable"
OTHER_VERSION: Final = "version"
FULL: Final = "full"

_LONGEST_SECONDS: Final = 86_400.0
_MOST_TURNS: Final = 1e9
_LARGEST: Final = 2**53  # of whole numbers, that every side can hold


class Unreadable(ValueError):
    """A message that cannot be understood. `kind` says in a word why."""

    def __init__(self, kind: str = UNREADABLE) -> None:
        """`kind` is `UNREADABLE` or `OTHER_VERSION`."""
        super().__init__(kind)
        self.kind = kind


class Exchange(NamedTuple):
    """See `Remote.exchange`. `news` are revocations, each as JSON text, which is the same for the same revocation."""

    key: str | None
    turns: float
    seconds: float
    epoch: str
    position: int
    news: tuple[str, ...]


class Begin(NamedTuple):
    """See `Store.begin`."""

    key: str
    owner: str
    tags: tuple[str, ...]
    lease_ends: float


class Finish(NamedTuple):
    """See `Store.finish`. `reply` is in Base64."""

    key: str
    owner: str
    tags: tuple[str, ...]
    lease_ends: float
    reply: str


class Forget(NamedTuple):
    """See `Store.forget`."""

    key: str
    owner: str


class Hold(NamedTuple):
    """See `Store.hold`."""

    key: str
    owner: str
    seconds: float


class Release(NamedTuple):
    """See `Store.release`."""

    key: str
    owner: str


Request = Exchange | Begin | Finish | Forget | Hold | Release


def encoded(fields: Mapping[str, object]) -> str:
    """Return the message that says `fields`."""
    return json.dumps({"version": VERSION, **fields}, separators=(",", ":"), allow_nan=False)


def decoded(text: object) -> dict[str, Any]:
    """Return what a message says.

    Raises:
        Unreadable: it is no text, too long, no JSON object, not finite, or of another version.

    """
    if not isinstance(text, str) or len(text) > MAX_TEXT_CHARS:
        raise Unreadable
    try:
        found = json.loads(text, parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError):
        raise Unreadable from None
    if not isinstance(found, dict):
        raise Unreadable
    if found.get("version") != VERSION:
        raise Unreadable(OTHER_VERSION)
    return found


def request(text: object) -> Request:
    """Return what a message asks the object for.

    Raises:
        Unreadable: it asks for nothing that this version knows, or has members of other kinds or sizes.

    """
    match decoded(text):
        case {"do": "exchange", "key": (None | str()) as key, "turns": float(turns), "seconds": float(seconds),
              "epoch": str(epoch), "position": int(position), "news": [*news]}:  # fmt: skip
            if 0 <= position <= _LARGEST and _is_rate(turns, seconds) and _plain(key or "", epoch):
                return Exchange(key, turns, seconds, epoch, position, tuple(_member(one) for one in news))
        case {"do": ("begin" | "finish") as do, "key": str(key), "owner": str(owner), "tags": [*tags],
              "lease_ends": float(lease_ends)} as asked if _plain(key, owner, *tags):  # fmt: skip
            if do == "begin":
                return Begin(key, owner, tuple(tags), lease_ends)
            reply = asked.get("reply")
            if isinstance(reply, str) and _plain(reply):
                return Finish(key, owner, tuple(tags), lease_ends, reply)
        case {"do": "forget", "key": str(key), "owner": str(owner)} if _plain(key, owner):
            return Forget(key, owner)
        case {"do": "hold", "key": str(key), "owner": str(owner), "seconds": float(seconds)} if _plain(key, owner):
            return Hold(key, owner, min(seconds, _LONGEST_SECONDS))
        case {"do": "release", "key": str(key), "owner": str(owner)} if _plain(key, owner):
            return Release(key, owner)
    raise Unreadable


def _plain(*texts: object) -> bool:
    """Whether they are texts that every side writes alike."""
    return all(isinstance(text, str) and text.isascii() for text in texts)


def _is_rate(turns: float, seconds: float) -> bool:
    return 0 < turns <= _MOST_TURNS and 0 < seconds <= _LONGEST_SECONDS and seconds / turns <= _LONGEST_SECONDS


def _member(news: object) -> str:
    """One revocation as text. A kind that only a later version knows is kept for those who do."""
    match news:
        case [str(), str(), float()]:
            return json.dumps(news, separators=(",", ":"))
    raise Unreadable


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError
    return number
