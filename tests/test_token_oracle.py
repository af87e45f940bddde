"""PyJWT as the oracle: nothing that it refuses is accepted; what it accepts and we refuse is listed.

Times are far away on both sides of the present, because PyJWT reads the clock itself.
"""

import json
import pathlib
from dataclasses import dataclass
from typing import Any

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import GatewayError, TokenError
from gateway.keys import Key
from gateway.runtimes import rs256_openssl
from gateway.tokens import Verifier
from tests.minting import ABSENT, Mint

pytestmark = pytest.mark.anyio

PAST, PRESENT, FUTURE = 1_500_000_000, 2_000_000_000, 4_000_000_000


def pyjwt_accepts(token: str, key: jwt.PyJWK, issuer: str) -> bool:
    """Judge by PyJWT, set up as its documentation says."""
    try:
        jwt.decode(
            token,
            key,
            algorithms=["RS256"],
            issuer=issuer,
            options={"require": ["exp", "iss", "sub"], "verify_aud": False},
        )
    except jwt.PyJWTError:
        return False
    return True


@dataclass
class OneKey:
    """A key port that holds one key and fetches nothing."""

    issuer: str
    kid: str
    key: Key
    generation: int = 1

    def known(self, issuer: str, kid: str) -> Key | None:
        """Give the key if it is the one that is asked for."""
        return self.key if (issuer, kid) == (self.issuer, self.kid) else None

    async def find(self, issuer: str, kid: str) -> Key:
        """Refuse what is not known."""
        del issuer, kid
        raise TokenError("unknown-kid")


class Oracle:
    """Our verifier and PyJWT's, over the same key."""

    def __init__(self) -> None:
        """Make both."""
        self.mint = Mint("us-east-1_Tokens001")
        jwk = self.mint.jwks()["keys"][1]
        self.theirs = jwt.PyJWK(jwk)
        self.claims = {**self.mint.claims(iat=PAST, auth_time=PAST, exp=FUTURE), "cognito:groups": ["admin"]}
        self.verifier = Verifier(
            issuers=(self.mint.issuer,),
            client_ids=frozenset({self.mint.client_id}),
            token_uses=frozenset({"access"}),
            keys=OneKey(self.mint.issuer, jwk["kid"], rs256_openssl.make_key(jwk)),
            cache_size=1,
        )

    async def agree(self, token: str) -> tuple[bool, bool]:
        """Give (we accept, PyJWT accepts), having checked that we are not the more lenient one."""
        try:
            await self.verifier.verify(token.encode(), PRESENT)
        except GatewayError:
            ours = False
        else:
            ours = True
        theirs = pyjwt_accepts(token, self.theirs, self.mint.issuer)
        assert theirs or not ours, token
        return ours, theirs


scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["RS256", "JWT"])
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
)
times = st.sampled_from([PAST, FUTURE, FUTURE + 0.5, str(FUTURE), True, None, -1, 0, 1e308, 10**30]) | values
header_changes = st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "b64", "x", "ALG"]), values, max_size=2)
claim_changes = st.dictionaries(
    st.sampled_from(["iss", "sub", "aud", "client_id", "token_use", "username", "jti", "scope", "cognito:groups", "x"]),
    values,
    max_size=2,
) | st.dictionaries(st.sampled_from(["exp", "nbf", "iat", "auth_time"]), times, max_size=3)
cases = settings(max_examples=150, deadline=None)


@cases
@given(header=header_changes, claims=claim_changes)
async def test_signed_tokens_that_pyjwt_refuses_are_refused(header: dict[str, Any], claims: dict[str, Any]) -> None:
    """However header and claims are changed before signing, we accept nothing that PyJWT refuses (R-02 to R-06)."""
    oracle = Oracle()
    kid = oracle.mint.key()[0]
    try:
        parts = [
            json.dumps(part).encode() for part in ({"alg": "RS256", "kid": kid, **header}, {**oracle.claims, **claims})
        ]
    except UnicodeEncodeError:
        return
    await oracle.agree(oracle.mint.sign(parts[1], header=parts[0]))


@cases
@given(data=st.data())
async def test_tokens_that_were_changed_after_signing_are_refused(data: st.DataObject) -> None:
    """Whatever is cut from, put into or changed in a token's text: it is refused, and refused is all (R-06)."""
    oracle = Oracle()
    token = oracle.mint.sign(oracle.claims)
    at = data.draw(st.integers(0, len(token)))
    until = data.draw(st.integers(at, min(len(token), at + 4)))
    changed = token[:at] + data.draw(st.text("AQgw.=-_+/ \n\0é~", max_size=4)) + token[until:]
    ours, _ = await oracle.agree(changed)
    assert ours == (changed == token)


@cases
@given(raw=st.binary(max_size=300) | st.text("e30.AQ_-{}", max_size=60).map(str.encode))
async def test_any_bytes_at_all_end_in_a_refusal(raw: bytes) -> None:
    """No bytes make anything but a refusal of ours come out (R-06)."""
    verifier = Oracle().verifier
    assert verifier.cached(raw, PRESENT) is None
    with pytest.raises(TokenError):
        await verifier.verify(raw, PRESENT)


DIFFERENCES: dict[str, Any] = {
    "no kid": lambda o: o.mint.sign(o.claims, kid=ABSENT),
    "typ of another kind": lambda o: o.mint.sign(o.claims, typ="dpop+jwt"),
    "zip": lambda o: o.mint.sign(o.claims, zip="DEF"),
    "case twin in the header": lambda o: o.mint.sign(o.claims, ALG="none"),
    "claim twice": lambda o: o.mint.sign(json.dumps(o.claims)[:-1] + ',"sub":"x"}'),
    "NaN in a claim": lambda o: o.mint.sign(json.dumps(o.claims)[:-1] + ',"x":NaN}'),
    "half a surrogate pair": lambda o: o.mint.sign({**o.claims, "x": "\ud800"}),
    "deep nesting": lambda o: o.mint.sign(json.dumps(o.claims)[:-1] + ',"x":' + "[" * 100 + "]" * 100 + "}"),
    "padding": lambda o: o.mint.sign(o.claims) + "==",
    "exp as text": lambda o: o.mint.sign({**o.claims, "exp": str(FUTURE)}),
    "nbf as true": lambda o: o.mint.sign({**o.claims, "nbf": True}),
    "exp in milliseconds": lambda o: o.mint.sign({**o.claims, "exp": FUTURE * 1000}),
    "sub empty": lambda o: o.mint.sign({**o.claims, "sub": ""}),
    "oversize": lambda o: o.mint.sign({**o.claims, "x": "y" * 8_192}),
    "token_use": lambda o: o.mint.sign({**o.claims, "token_use": "id"}),
    "client": lambda o: o.mint.sign({**o.claims, "client_id": "other"}),
    "groups as text": lambda o: o.mint.sign({**o.claims, "cognito:groups": "admin"}),
    "no user name": lambda o: o.mint.sign({**o.claims, "username": ""}),
}


@pytest.mark.parametrize("name", DIFFERENCES)
async def test_where_we_are_stricter_than_pyjwt(name: str) -> None:
    """What PyJWT lets through and we do not, one by one; docs/decisions/0002-tokens.md lists the same (R-03, R-24)."""
    assert await Oracle().agree(DIFFERENCES[name](Oracle())) == (False, True)


async def test_the_oracle_accepts_what_we_accept() -> None:
    """The comparison is not empty: an honest token passes both."""
    oracle = Oracle()
    assert await oracle.agree(oracle.mint.sign(oracle.claims)) == (True, True)


def test_the_differences_are_documented() -> None:
    """Whoever compares us with PyJWT finds every difference in the decision record."""
    record = (
        pathlib.Path(__file__).parents[1].joinpath("docs", "decisions", "0002-tokens.md").read_text(encoding="utf-8")
    )
    assert [name for name in DIFFERENCES if name not in record] == []
