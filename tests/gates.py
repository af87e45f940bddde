"""A verifier for tests: over a key ring and a mint's published keys, with time as a value."""

from typing import Any, Final

import pytest

from gateway.caller import Caller
from gateway.errors import TokenError
from gateway.keys import KeyRing
from gateway.runtimes import rs256_openssl
from gateway.tokens import Verifier
from tests.minting import NOW, Clock, Mint, Published, jwks_url

ID: Final = frozenset({"id"})


class Gate:
    """A verifier over a mint's published keys."""

    def __init__(self, mint: Mint, **options: Any) -> None:
        """`options` are the verifier's own."""
        self.mint = mint
        self.published = Published(mint)
        self.clock = Clock(0.0)
        issuers = options.setdefault("issuers", (mint.issuer,))
        self.ring = KeyRing(
            urls={issuer: jwks_url(issuer) for issuer in issuers},
            fetch=self.published,
            make_key=rs256_openssl.make_key,
            monotonic=self.clock,
        )
        defaults = {"client_ids": frozenset({mint.client_id}), "token_uses": frozenset({"access"}), "keys": self.ring}
        self.verifier = Verifier(**{**defaults, **options})

    async def verify(self, token: str, now: float = NOW, **options: Any) -> Caller:
        """Verify a token as the bytes that it came in."""
        return await self.verifier.verify(token.encode(), now, **options)

    async def reason(self, token: str, now: float = NOW, **options: Any) -> str:
        """Give the reason of a refusal, having checked that nothing but the reason is in it."""
        with pytest.raises(TokenError) as refused:
            await self.verify(token, now, **options)
        assert refused.value.message == "The token was not accepted."
        assert refused.value.args == (refused.value.reason,)
        assert self.verifier.cached(token.encode(), now) is None  # no failure is remembered as a success
        return refused.value.reason

    def cached(self, token: str, now: float = NOW) -> Caller | None:
        """Look into the memory."""
        return self.verifier.cached(token.encode(), now)
