"""A key ring for tests: over a mint's published set, with time as a value."""

import asyncio
from typing import Any

from gateway import rs256
from gateway.keys import Fetch, Key, KeyRing
from tests.minting import Clock, Mint, Published, jwks_url


class Ring:
    """A key ring over a mint's published set, with a clock that stands still and a log that can be read."""

    def __init__(
        self, mint: Mint, *, fetch: Fetch | None = None, issuers: tuple[str, ...] = (), **options: Any
    ) -> None:
        """Make the ring of `issuers` (the mint's if none is named); `options` are the key ring's own."""
        self.mint = mint
        self.issuer = mint.issuer
        self.published = Published(mint)
        self.clock = Clock(0.0)
        self.log: list[str] = []
        options.setdefault("make_key", rs256.make_key)
        self.ring = KeyRing(
            urls={issuer: jwks_url(issuer) for issuer in issuers or (mint.issuer,)},
            fetch=fetch or self.published,
            monotonic=self.clock,
            log=self.log.append,
            **options,
        )

    @property
    def fetches(self) -> int:
        """Say how often the published set was asked for."""
        return len(self.published.asked)

    async def find(self, kid: str | None = None) -> Key:
        """Find a key of the mint's issuer: the one that signs access tokens now if none is named."""
        return await self.ring.find(self.issuer, self.mint.key()[0] if kid is None else kid)

    async def settle(self) -> None:
        """Let what was started in the background finish."""
        for _ in range(5):
            await asyncio.sleep(0)
