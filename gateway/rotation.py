"""The operator's keys, of which a whole new value may be given while calls run.

Duty: sign with the value that was given last; a call that was signed before it and is refused is signed anew with it.
Prohibition: reads no file and no environment; a value is taken whole, so that no id meets another value's secret.
"""

from collections.abc import Coroutine
from typing import Any

from gateway.credentials import Credentials, PairOfCredentials, StaticCredentials
from gateway.keypair import KeyPair
from gateway.settings import Credentials as Given


class GivenCredentials:
    """`gateway.credentials.Credentials` of one value, until the next one is given."""

    __slots__ = ("_pairs", "_source")

    def __init__(self, given: Given) -> None:
        """Sign with `given`: its one pair, or its two."""
        self._pairs: tuple[KeyPair, ...] = ()
        self._source: Credentials = StaticCredentials(given.current)
        self.give(given)

    def give(self, given: Given) -> bool:
        """Sign with `given` from now on; whether that is another value. The same one changes nothing."""
        pairs = (given.current,) if given.next is None else (given.current, given.next)
        if pairs == self._pairs:
            return False
        self._pairs = pairs
        self._source = StaticCredentials(pairs[0]) if given.next is None else PairOfCredentials(*pairs)
        return True

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secret access keys, the current pair's first."""
        return tuple(pair.secret_access_key for pair in self._pairs)

    @property
    def last_failure(self) -> str | None:
        """None: nothing is fetched."""
        return self._source.last_failure

    def current(self, now: float) -> Coroutine[Any, Any, KeyPair]:
        """See `Credentials.current`."""
        return self._source.current(now)

    def rejected(self, keys: KeyPair, now: float) -> bool:
        """See `Credentials.rejected`; keys of an earlier value are worth one more try with this one's."""
        return keys not in self._pairs or self._source.rejected(keys, now)
