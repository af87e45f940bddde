"""The keys that sign, as one value: an id never travels without its secret."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, repr=False)
class KeyPair:
    """One pair of AWS keys. `expires_at` is epoch seconds, None for keys that do not expire. The repr shows nothing."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    expires_at: float | None = None

    def __repr__(self) -> str:
        """Nothing of the keys: reprs end up in logs and tracebacks (R-01)."""
        return "KeyPair(***)"
